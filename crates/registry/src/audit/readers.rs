//! Who downloads what: in memory while it happens, in the database each second.
//!
//! A crash loses the last second of it, a full memory first the moments and then the single downloads; slowing a download
//! down for it would be worse.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use supercargo_store::{NewDownload, NewPull, Reader, StoreError};
use supercargo_types::{CanonicalName, Spelling, Timestamp};

use crate::{Caller, Instance, audit::denials::network, jobs::JobKind, rights::MayRead};

/// Parts, each with a lock of its own, so that downloads on many threads seldom meet.
const SHARDS: usize = 16;
/// Downloads by somebody in one part that wait for the database with a row each. Those by nobody share from the first on:
/// otherwise a stranger who asks a public registry for the same byte again and again would fill the disk.
const ONE_BY_ONE: usize = 1024;
/// Rows in one part that wait in all. Between the two, downloads that differ in nothing but their moment share a row; over
/// it they get none, and the log says how many: otherwise whoever downloads everything while the database hangs would fill
/// the memory.
const WAITING: usize = 4096;
/// Versions and their readers in one part that wait for the database.
const PULLS: usize = 4096;
/// Rows of one transaction: more would hold up the database's only writer, or the same rows of another process, for seconds.
const PIECE: usize = 1000;

/// What downloads have in common that share a row.
#[derive(PartialEq, Eq, Hash)]
enum Alike {
    /// Of nobody: what anyone may make up anew for each request, a program or a spelling, makes no row of its own.
    Nobody {
        registry_id: i64,
        name: CanonicalName,
        version: String,
        network: Option<IpAddr>,
    },
    Somebody {
        registry_id: i64,
        name: Spelling,
        version: String,
        principal: String,
        token_id: Option<String>,
        repository: Option<String>,
        address: Option<String>,
        user_agent: Option<String>,
    },
}

impl From<&NewDownload> for Alike {
    fn from(new: &NewDownload) -> Self {
        let (registry_id, version) = (new.registry_id, new.version.clone());
        let address = new.address.clone();
        match &new.principal {
            None => Self::Nobody {
                registry_id,
                name: new.name.canonical(),
                version,
                network: address.and_then(|text| text.parse().ok()).map(network),
            },
            Some(principal) => Self::Somebody {
                registry_id,
                name: new.name.clone(),
                version,
                principal: principal.clone(),
                token_id: new.token_id.clone(),
                repository: new.repository.clone(),
                address,
                user_agent: new.user_agent.clone(),
            },
        }
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Pulled {
    registry_id: i64,
    name: CanonicalName,
    version: String,
    reader: Reader,
}

struct Span {
    first_at: Timestamp,
    last_at: Timestamp,
    count: u64,
}

#[derive(Default)]
struct Shard {
    rows: Vec<NewDownload>,
    /// Where those rows are that may stand for more than one.
    shared: HashMap<Alike, usize>,
    pulls: HashMap<Pulled, Span>,
}

impl Shard {
    /// Whether it found room.
    fn add_row(&mut self, new: NewDownload) -> bool {
        if new.principal.is_some() && self.rows.len() < ONE_BY_ONE {
            self.rows.push(new);
            return true;
        }
        match self.shared.entry(Alike::from(&new)) {
            Entry::Occupied(place) => {
                self.rows[*place.get()].count += new.count;
                true
            }
            Entry::Vacant(_) if self.rows.len() >= WAITING => false,
            Entry::Vacant(free) => {
                free.insert(self.rows.len());
                self.rows.push(new);
                true
            }
        }
    }

    /// Whether it found room.
    fn add_pull(&mut self, new: NewPull) -> bool {
        let has_room = self.pulls.len() < PULLS;
        let pulled = Pulled {
            registry_id: new.registry_id,
            name: new.name,
            version: new.version,
            reader: new.reader,
        };
        match self.pulls.entry(pulled) {
            Entry::Occupied(mut known) => {
                let span = known.get_mut();
                span.first_at = span.first_at.min(new.first_at);
                span.last_at = span.last_at.max(new.last_at);
                span.count += new.count;
                true
            }
            Entry::Vacant(free) => {
                if has_room {
                    free.insert(Span {
                        first_at: new.first_at,
                        last_at: new.last_at,
                        count: new.count,
                    });
                }
                has_room
            }
        }
    }
}

/// Downloads that the database does not know of yet.
#[derive(Default)]
pub(crate) struct Readers {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    rows_lost: AtomicU64,
    pulls_lost: AtomicU64,
    /// Held while a batch is written, so that whoever reads after that sees what was in it.
    writing: tokio::sync::Mutex<()>,
}

/// What goes to the database at once.
#[derive(Default)]
struct Batch {
    rows: Vec<NewDownload>,
    pulls: Vec<NewPull>,
}

impl Readers {
    fn shard(&self, name: &CanonicalName) -> MutexGuard<'_, Shard> {
        let place = self.hasher.hash_one(name) % SHARDS as u64;
        let place = usize::try_from(place).expect("invariant: below the number of parts");
        locked(&self.shards[place])
    }

    fn add(&self, new: NewDownload) {
        let name = new.name.canonical();
        let pull = NewPull {
            registry_id: new.registry_id,
            name: name.clone(),
            version: new.version.clone(),
            reader: Reader {
                principal: new.principal.clone().unwrap_or_default(),
                repository: new.repository.clone().unwrap_or_default(),
            },
            first_at: new.at,
            last_at: new.at,
            count: new.count,
        };
        let mut shard = self.shard(&name);
        self.count_lost(shard.add_pull(pull), shard.add_row(new));
    }

    fn count_lost(&self, pull_has_room: bool, row_has_room: bool) {
        if !pull_has_room {
            self.pulls_lost.fetch_add(1, Ordering::Relaxed);
        }
        if !row_has_room {
            self.rows_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Batch {
        let mut batch = Batch::default();
        for shard in &self.shards {
            let shard = std::mem::take(&mut *locked(shard));
            batch.rows.extend(shard.rows);
            let pulls = shard.pulls.into_iter().map(|(pulled, span)| NewPull {
                registry_id: pulled.registry_id,
                name: pulled.name,
                version: pulled.version,
                reader: pulled.reader,
                first_at: span.first_at,
                last_at: span.last_at,
                count: span.count,
            });
            batch.pulls.extend(pulls);
        }
        batch
    }

    /// The same for one who writes it.
    fn begin(&self) -> Taken<'_> {
        Taken {
            batch: self.take(),
            readers: self,
        }
    }

    /// For another attempt.
    fn put_back(&self, batch: Batch) {
        for pull in batch.pulls {
            let has_room = self.shard(&pull.name).add_pull(pull);
            self.count_lost(has_room, true);
        }
        for row in batch.rows {
            let has_room = self.shard(&row.name.canonical()).add_row(row);
            self.count_lost(true, has_room);
        }
    }

    /// What found no room since the last call: downloads without a row, and downloads of which nothing is known.
    fn take_lost(&self) -> (u64, u64) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        (take(&self.rows_lost), take(&self.pulls_lost))
    }
}

fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard
        .lock()
        .expect("invariant: nobody panics with this lock")
}

impl Instance {
    /// Remembers who downloads a version, of which a byte is about to go out; the version is one that [`Instance::download`]
    /// has found. `begins` says whether it is the file's first byte. Where it is not, it is a download only by somebody: that
    /// byte of a crate file is no secret, and whoever left it out would have read the rest unseen, whereas nobody could ask
    /// for any other one for ever.
    pub fn note_download(
        &self,
        right: &MayRead,
        name: Spelling,
        version: &str,
        begins: bool,
        caller: Caller,
    ) {
        let actor = right.actor.as_deref();
        if actor.is_none() && !begins {
            return;
        }
        self.readers.add(NewDownload {
            at: self.clock().now(),
            registry_id: right.registry.id,
            name,
            version: version.to_owned(),
            principal: actor.map(|actor| actor.principal.to_string()),
            token_id: actor.map(|actor| actor.token_id.clone()),
            repository: None,
            address: caller.address,
            user_agent: caller.user_agent,
            request_id: caller.request_id,
            count: 1,
        });
    }

    /// Writes who downloaded what since the last time; what cannot be written now is tried again.
    pub(crate) async fn write_readers(&self) {
        let _turn = self.readers.writing.lock().await;
        let (rows_lost, pulls_lost) = self.readers.take_lost();
        if rows_lost > 0 {
            tracing::warn!(
                downloads = rows_lost,
                "more is downloaded than can be written down; these downloads are counted, and have no entry of their own"
            );
        }
        if pulls_lost > 0 {
            tracing::error!(
                downloads = pulls_lost,
                "more is downloaded than can be written down; it is not known who made these downloads"
            );
        }
        let mut taken = self.readers.begin();
        let (batch, store) = (&mut taken.batch, &self.store);
        let written = write_pieces(&batch.pulls, |piece| store.add_pulls(piece)).await;
        batch.pulls.drain(..written);
        self.noted(JobKind::Readers, "readers of versions", written, None);
        let written = write_pieces(&batch.rows, |piece| store.log_downloads(piece)).await;
        batch.rows.drain(..written);
        self.noted(JobKind::Readers, "downloads", written, None);
        if !batch.pulls.is_empty() || !batch.rows.is_empty() {
            let failed = Some("who downloaded what was not written");
            self.noted(JobKind::Readers, "downloads", 0, failed);
        }
    }
}

/// A batch that is being written. What is not written goes back, also when the request that has it written is given up:
/// whoever hangs up would otherwise take everybody's downloads with them.
struct Taken<'r> {
    batch: Batch,
    readers: &'r Readers,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.readers.put_back(std::mem::take(&mut self.batch));
    }
}

/// Writes as much as it can, each piece in a transaction of its own; how many that were.
async fn write_pieces<'w, T, F>(waiting: &'w [T], write: impl Fn(&'w [T]) -> F) -> usize
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut written = 0;
    for piece in waiting.chunks(PIECE) {
        if let Err(error) = write(piece).await {
            tracing::warn!(%error, "who downloaded what was not written; trying again");
            break;
        }
        written += piece.len();
    }
    written
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use supercargo_store::AuditFilter;

    use super::*;
    use crate::{Attempt, trial};

    fn download(number: usize) -> NewDownload {
        NewDownload {
            at: Timestamp::from_seconds(1_000),
            registry_id: 1,
            name: "demo".parse().unwrap(),
            version: number.to_string(),
            principal: Some("alice".to_owned()),
            token_id: None,
            repository: None,
            address: None,
            user_agent: None,
            request_id: Some(number.to_string()),
            count: 1,
        }
    }

    #[test]
    fn downloads_share_rows_before_any_is_dropped_and_what_is_dropped_is_counted() {
        let readers = Readers::default();
        for _ in 0..ONE_BY_ONE + 10 {
            readers.add(download(0));
        }
        // the ten share the first row past the limit
        assert_eq!(
            readers.shard(&"demo".parse().unwrap()).rows.len(),
            ONE_BY_ONE + 1
        );
        for number in 1..=WAITING {
            readers.add(download(number));
        }
        readers.add(download(0));
        assert_eq!(readers.take_lost(), ((ONE_BY_ONE + 1) as u64, 1));
        assert_eq!(readers.take_lost(), (0, 0), "said once");
        let Batch { rows, pulls } = readers.take();
        assert_eq!((rows.len(), pulls.len()), (WAITING, PULLS));
        assert_eq!(rows[ONE_BY_ONE].count, 11);
        let of_zero = pulls.iter().find(|pull| pull.version == "0").unwrap();
        assert_eq!(of_zero.count, (ONE_BY_ONE + 11) as u64, "counts are exact");
        assert!(readers.take().rows.is_empty());
    }

    /// The attack: another program each time, another spelling, and the disk fills.
    #[test]
    fn downloads_by_nobody_share_a_row_from_the_first_on_whatever_they_call_themselves() {
        let readers = Readers::default();
        let by_nobody = |number: usize, address: &str, name: &str| NewDownload {
            principal: None,
            version: "1.0.0".to_owned(),
            name: name.parse().unwrap(),
            address: Some(address.to_owned()),
            user_agent: Some(format!("robot/{number}")),
            ..download(number)
        };
        for number in 0..500 {
            let name = if number % 2 == 0 {
                "my-demo"
            } else {
                "my_demo"
            };
            readers.add(by_nobody(number, "192.0.2.1", name));
        }
        readers.add(by_nobody(500, "2001:db8::1", "my-demo"));
        readers.add(by_nobody(501, "2001:db8::2", "my-demo"));
        let batch = readers.take();
        let told = |rows: &[NewDownload]| -> Vec<_> {
            let row = |row: &NewDownload| {
                (
                    row.address.clone().unwrap(),
                    row.user_agent.clone().unwrap(),
                    row.count,
                )
            };
            rows.iter().map(row).collect()
        };
        let first =
            |address: &str, agent: &str, count| (address.to_owned(), agent.to_owned(), count);
        assert_eq!(
            told(&batch.rows),
            [
                first("192.0.2.1", "robot/0", 500),
                first("2001:db8::1", "robot/500", 2)
            ]
        );
        assert_eq!(batch.pulls.iter().map(|pull| pull.count).sum::<u64>(), 502);
        // and still when the database was not there
        readers.put_back(batch);
        readers.add(by_nobody(501, "192.0.2.1", "my-demo"));
        let rows = readers.take().rows;
        assert_eq!((rows.len(), rows[0].count), (2, 501));
        assert_eq!(readers.take_lost(), (0, 0));
    }

    #[tokio::test]
    async fn whoever_hangs_up_while_downloads_are_written_takes_none_with_them() {
        let readers = Readers::default();
        readers.add(download(1));
        let writing = async {
            let taken = readers.begin();
            assert_eq!((taken.batch.rows.len(), taken.batch.pulls.len()), (1, 1));
            std::future::pending::<()>().await;
            drop(taken);
        };
        // given up at its first step
        assert_eq!(writing.now_or_never(), None);
        let Batch { rows, pulls } = readers.take();
        assert_eq!((rows.len(), pulls.len()), (1, 1));
    }

    #[tokio::test]
    async fn nothing_else_waits_for_a_long_batch_of_downloads() {
        let folder = tempfile::tempdir().unwrap();
        let instance = trial::instance(folder.path()).await;
        let long = instance.readers.writing.lock().await;
        // the first round is over, or hangs
        tokio::time::sleep(Duration::from_millis(500)).await;
        instance.note_denied(&Attempt::default(), None, &Caller::default());
        let filter = AuditFilter::default();
        let mut seconds = 0;
        while instance
            .store
            .list_audit(&filter, 1, None)
            .await
            .unwrap()
            .is_empty()
        {
            seconds += 1;
            assert!(seconds < 30, "it waits");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        drop(long);
    }

    #[tokio::test]
    async fn a_batch_is_written_in_pieces_and_what_is_left_begins_where_it_failed() {
        let waiting: Vec<usize> = (0..PIECE * 2 + 7).collect();
        let pieces = Mutex::new(Vec::new());
        let write = |piece: &[usize]| {
            let mut pieces = pieces.lock().unwrap();
            pieces.push((piece[0], piece.len()));
            std::future::ready(match pieces.len() {
                2 => Err(StoreError::Unstorable),
                _ => Ok(()),
            })
        };
        assert_eq!(write_pieces(&waiting, write).await, PIECE);
        assert_eq!(write_pieces(&waiting[PIECE..], write).await, PIECE + 7);
        let expected = [(0, 1000), (1000, 1000), (1000, 1000), (2000, 7)];
        assert_eq!(pieces.into_inner().unwrap(), expected);
    }

    #[test]
    fn what_was_not_written_is_there_the_next_time_with_its_first_and_last_moment() {
        let readers = Readers::default();
        let mut later = download(1);
        later.at = later.at.plus(Duration::from_secs(5));
        readers.add(later);
        let batch = readers.take();
        readers.add(download(1));
        readers.put_back(batch);
        let Batch { rows, pulls } = readers.take();
        assert_eq!(rows.len(), 2);
        let [pull] = &pulls[..] else {
            panic!("one reader of one version")
        };
        let seconds = [pull.first_at, pull.last_at].map(Timestamp::as_seconds);
        assert_eq!((seconds, pull.count), ([1_000, 1_005], 2));
        assert_eq!(readers.take_lost(), (0, 0));
    }
}
