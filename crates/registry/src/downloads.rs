//! Counting downloads: in memory while they happen, in the database each second.
//!
//! Losing the last second of counts to a crash is no harm; slowing a download down would be.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard},
};

use supercargo_store::NewDownloads;
use supercargo_types::{CanonicalName, Spelling, Timestamp};

use crate::{Instance, jobs::JobKind, rights::MayRead};

/// Parts of the map, each with a lock of its own, so that downloads on many threads seldom meet.
const SHARDS: usize = 16;
/// Versions in one part whose counts wait for the database. Over it, versions that are not among them go uncounted until the
/// next second: otherwise whoever downloads everything while the database hangs would fill the memory.
const WAITING: usize = 4096;
const SECONDS_OF_DAY: i64 = 86_400;

#[derive(PartialEq, Eq, Hash)]
struct Counted {
    registry: i64,
    name: CanonicalName,
    version: String,
    day: i64,
}

/// Downloads that the database does not know of yet.
#[derive(Default)]
pub(crate) struct DownloadCounts {
    shards: [Mutex<HashMap<Counted, u64>>; SHARDS],
    hasher: RandomState,
}

/// The UTC day of a time, as the count of days since 1970-01-01.
pub(crate) fn day(time: Timestamp) -> i64 {
    time.as_seconds().div_euclid(SECONDS_OF_DAY)
}

impl DownloadCounts {
    fn add(&self, counted: Counted, count: u64) {
        let place = self.hasher.hash_one(&counted.name) % SHARDS as u64;
        let place = usize::try_from(place).expect("invariant: below the number of parts");
        let mut shard = locked(&self.shards[place]);
        if let Some(known) = shard.get_mut(&counted) {
            *known += count;
        } else if shard.len() < WAITING {
            shard.insert(counted, count);
        }
    }

    fn take(&self) -> Vec<NewDownloads> {
        let taken = self
            .shards
            .iter()
            .flat_map(|shard| std::mem::take(&mut *locked(shard)));
        taken
            .map(|(counted, count)| NewDownloads {
                registry_id: counted.registry,
                name: counted.name,
                version: counted.version,
                day: counted.day,
                count,
            })
            .collect()
    }
}

fn locked(shard: &Mutex<HashMap<Counted, u64>>) -> MutexGuard<'_, HashMap<Counted, u64>> {
    shard
        .lock()
        .expect("invariant: nobody panics with this lock")
}

impl Instance {
    /// Counts a download whose first byte is about to go out; the version is one that [`Instance::download`] has found.
    pub fn count_download(&self, right: &MayRead, name: &Spelling, version: &str) {
        let counted = Counted {
            registry: right.registry.id,
            name: name.canonical(),
            version: version.to_owned(),
            day: day(self.clock().now()),
        };
        self.download_counts.add(counted, 1);
    }

    /// Writes what was counted since the last time; what cannot be written now is tried again.
    pub(crate) async fn write_download_counts(&self) {
        let batch = self.download_counts.take();
        if batch.is_empty() {
            return;
        }
        let written = self.store.add_downloads(&batch).await;
        let failed = written
            .is_err()
            .then_some("counts of downloads were not written");
        self.noted(JobKind::Batches, "counts of downloads", batch.len(), failed);
        if let Err(error) = written {
            tracing::warn!(%error, versions = batch.len(), "counts of downloads were not written; trying again");
            for new in batch {
                let counted = Counted {
                    registry: new.registry_id,
                    name: new.name,
                    version: new.version,
                    day: new.day,
                };
                self.download_counts.add(counted, new.count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(version: usize) -> Counted {
        Counted {
            registry: 1,
            name: "demo".parse().unwrap(),
            version: version.to_string(),
            day: 3,
        }
    }

    #[test]
    fn counts_wait_within_a_limit_and_are_taken_once() {
        let counts = DownloadCounts::default();
        for version in 0..WAITING + 10 {
            counts.add(counted(version), 1);
        }
        counts.add(counted(7), 5);
        let taken = counts.take();
        assert_eq!(taken.len(), WAITING, "one name, one part");
        let seventh = taken.iter().find(|new| new.version == "7").unwrap();
        assert_eq!((seventh.count, seventh.day), (6, 3), "what waits counts on");
        assert_eq!(counts.take(), []);
    }

    #[test]
    fn days_begin_at_midnight() {
        let of = |seconds| day(Timestamp::from_seconds(seconds));
        assert_eq!([of(0), of(86_399), of(86_400), of(-1)], [0, 0, 1, -1]);
    }
}
