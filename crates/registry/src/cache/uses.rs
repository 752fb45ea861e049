//! When cached files were used last: written down every five minutes and file, so that a download costs no write.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use moka::sync::Cache;
use supercargo_types::{Digest, Timestamp};

/// How exactly the database knows when a file was used.
const GRAIN: Duration = Duration::from_mins(5);
/// Files whose last use memory knows; of the others it is written down more often than needed.
const KNOWN: u64 = 65_536;
/// Uses that wait for the database. Over it, further files go unnoticed until the next second: otherwise whoever downloads
/// everything while the database hangs would fill the memory.
const WAITING: usize = 65_536;

type FileKey = (i64, Digest);

/// Last uses that the database does not know yet.
pub(super) struct FileUses {
    written: Cache<FileKey, Timestamp>,
    pending: Mutex<HashMap<FileKey, Timestamp>>,
}

impl Default for FileUses {
    fn default() -> Self {
        Self {
            written: Cache::new(KNOWN),
            pending: Mutex::default(),
        }
    }
}

impl FileUses {
    pub(super) fn note(&self, upstream_id: i64, checksum: &Digest, now: Timestamp) {
        let key = (upstream_id, *checksum);
        let is_known = self.written.get(&key);
        if is_known.is_some_and(|at| now.since(at) < GRAIN) {
            return;
        }
        let mut pending = self.pending();
        if pending.len() < WAITING {
            pending.insert(key, now);
            drop(pending);
            self.written.insert(key, now);
        }
    }

    pub(super) fn take(&self) -> Vec<supercargo_store::CacheUse> {
        let taken = std::mem::take(&mut *self.pending());
        taken
            .into_iter()
            .map(|((upstream_id, checksum), at)| supercargo_store::CacheUse {
                upstream_id,
                checksum,
                at,
            })
            .collect()
    }

    /// What could not be written.
    pub(super) fn give_back(&self, taken: Vec<supercargo_store::CacheUse>) {
        let mut pending = self.pending();
        for used in taken {
            // what was noted meanwhile is newer
            pending
                .entry((used.upstream_id, used.checksum))
                .or_insert(used.at);
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<FileKey, Timestamp>> {
        self.pending
            .lock()
            .expect("invariant: nobody panics with this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_noted_every_five_minutes() {
        let uses = FileUses::default();
        let file = Digest::of(b"bytes");
        let start = Timestamp::from_seconds(1_000_000);
        let minutes = |minutes| start.plus(Duration::from_mins(minutes));
        let mut noted = Vec::new();
        for minute in 0..12 {
            uses.note(1, &file, minutes(minute));
            noted.extend(uses.take().iter().map(|used| used.at));
        }
        assert_eq!(noted, [minutes(0), minutes(5), minutes(10)]);
    }

    #[test]
    fn what_could_not_be_written_waits_within_a_limit() {
        let uses = FileUses::default();
        let start = Timestamp::from_seconds(1_000_000);
        for number in 0..WAITING + 10 {
            uses.note(1, &Digest::of(&number.to_le_bytes()), start);
        }
        let taken = uses.take();
        assert_eq!(taken.len(), WAITING);
        let first = taken[0];
        uses.give_back(taken);
        assert_eq!(uses.take().len(), WAITING);
        // it has to be noted once more, for it is later
        let later = start.plus(GRAIN);
        uses.note(1, &first.checksum, later);
        uses.give_back(vec![first]);
        assert_eq!(uses.take()[0].at, later);
    }
}
