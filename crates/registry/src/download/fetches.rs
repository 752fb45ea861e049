//! Fetches: files on their way from an upstream to the blobs, and who reads along.
//!
//! One fetch per upstream and checksum, a task that outlives its first caller. Everybody who wants the file as it comes reads
//! along, however many they are: what came last is shared in memory, what came before is read from the staged file. What may
//! be seen before the checksum has matched is decided here; who may have it, and what the ledger says, is not.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use supercargo_blobs::{StagedBlob, StagedReader};
use supercargo_store::{CacheKind, NewCachedCrate};
use supercargo_types::Digest;
use tokio::sync::watch;

use super::{Delivery, DownloadBody, Wanted};
use crate::{
    Caller, Instance,
    directory::RemoteUpstream,
    refusal::{Failure, Outcome, Refusal},
};

/// What is held back of a file until its checksum has matched.
const HELD_BACK: u64 = 64 << 10;
/// How much of a file that is still coming goes to a client at a time.
const PIECE: usize = 256 << 10;
/// What came last of a file and is shared by those who read along, in bytes: as much as a small blob has in memory.
const LATEST: usize = 1 << 20;
/// The same in pieces, for an upstream that sends byte by byte.
const LATEST_PIECES: usize = 64;

/// For so long after its end. Who reads more slowly than that reads it from the disk.
const SHARED_FOR: Duration = Duration::from_secs(10);

/// The fetches that are under way, one per upstream and checksum.
#[derive(Default)]
pub(crate) struct Fetches {
    running: Mutex<HashMap<(i64, Digest), watch::Receiver<Progress>>>,
}

impl Fetches {
    /// Waits until what a client has already got whole is stored: the next start must not need its upstream again.
    pub(crate) async fn store_proven(&self) {
        let running: Vec<_> = {
            let running = self.running.lock();
            let running = running.expect("invariant: nobody panics with this lock");
            running.values().cloned().collect()
        };
        let is_proven = |now: &Progress| matches!(now.end, Some(End::Proven(_)));
        for mut progress in running {
            if is_proven(&progress.borrow()) {
                // a fetch that ends without telling has nothing to wait for
                let _ = progress.wait_for(|now| !is_proven(now)).await;
            }
        }
    }
}

/// How far a fetch is.
#[derive(Clone, Default)]
struct Progress {
    /// What may be seen.
    visible: u64,
    coming: Option<Arc<Coming>>,
    end: Option<End>,
}

#[derive(Clone)]
enum End {
    /// The checksum matches; this is the size.
    Proven(u64),
    /// Proven and stored for everybody.
    Stored,
    Failed(Failure),
}

/// A file that is on its way, for those who read along.
struct Coming {
    /// In bytes, where its upstream has said so.
    length: Option<u64>,
    reader: StagedReader,
    latest: Mutex<Latest>,
    /// Held while somebody enters the version in the ledgers: of many who read along, the others then find it there.
    entering: tokio::sync::Mutex<()>,
}

/// The last pieces of a file that came, with their places in it.
#[derive(Default)]
struct Latest {
    pieces: VecDeque<(u64, Bytes)>,
    /// In bytes.
    size: usize,
    /// Where the next one begins.
    end: u64,
}

impl Coming {
    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest
            .lock()
            .expect("invariant: nobody panics with this lock")
    }
}

impl Latest {
    fn push(&mut self, piece: Bytes) {
        let start = self.end;
        self.end += piece.len() as u64;
        self.size += piece.len();
        self.pieces.push_back((start, piece));
        while self.size > LATEST || self.pieces.len() > LATEST_PIECES {
            let first = self.pieces.pop_front();
            self.size -= first.map_or(0, |(_, piece)| piece.len());
        }
    }

    /// What is held from this place on, up to the end of a piece.
    fn from(&self, place: u64) -> Option<Bytes> {
        let next = self.pieces.partition_point(|(start, _)| *start <= place);
        let (start, piece) = self.pieces.get(next.checked_sub(1)?)?;
        let within = usize::try_from(place - start).ok()?;
        (within < piece.len()).then(|| piece.slice(within..))
    }
}

/// What a fetch has come to, as far as a download needs to know.
pub(super) enum Fetched {
    /// Its bytes on their way.
    Coming {
        /// In bytes, where it is known before the end.
        size: Option<u64>,
        body: DownloadBody,
    },
    /// It is a blob.
    Stored,
}

impl Instance {
    /// Has a file fetched, or waits for the fetch that is under way.
    ///
    /// # Errors
    /// Why its upstream could not give it.
    pub(super) async fn fetched(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        wanted: &Wanted,
        delivery: Delivery,
    ) -> Outcome<Fetched> {
        let (mut progress, is_first) = self.join_fetch(upstream, wanted);
        if !is_first {
            self.count(upstream.id, CacheKind::FileHit);
        }
        let follows = delivery == Delivery::AsItComes;
        let ready = |now: &Progress| match &now.end {
            None => follows && now.visible > 0,
            Some(End::Proven(_)) => follows,
            Some(End::Stored | End::Failed(_)) => true,
        };
        let seen = progress.wait_for(ready).await.map(|seen| seen.clone());
        let seen =
            seen.map_err(|_| Failure::fault(anyhow::anyhow!("a fetch ended without a result")))?;
        match seen.end {
            Some(End::Failed(failure)) => Err(failure),
            Some(End::Stored) => Ok(Fetched::Stored),
            None | Some(End::Proven(_)) => {
                let coming = seen
                    .coming
                    .ok_or_else(|| Failure::fault(anyhow::anyhow!("a fetch without a file")))?;
                let size = coming.length;
                let pieces = self.clone().follow(progress, coming, wanted.clone());
                Ok(Fetched::Coming {
                    size,
                    body: DownloadBody::Pieces(Box::pin(pieces)),
                })
            }
        }
    }

    fn join_fetch(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        wanted: &Wanted,
    ) -> (watch::Receiver<Progress>, bool) {
        let key = (upstream.id, wanted.checksum);
        let mut running = self
            .fetches
            .running
            .lock()
            .expect("invariant: nobody panics with this lock");
        if let Some(progress) = running.get(&key) {
            return (progress.clone(), false);
        }
        let (tell, progress) = watch::channel(Progress::default());
        running.insert(key, progress.clone());
        // A task of its own: it goes on when the client who started it hangs up. Another one waits for it, so that a
        // panic in there leaves nobody waiting and the next client starts anew.
        let tell = Arc::new(tell);
        let fetch = {
            let (instance, upstream, wanted) = (self.clone(), upstream.clone(), wanted.clone());
            let tell = tell.clone();
            tokio::spawn(async move { instance.fetch(&upstream, &wanted, &tell).await })
        };
        let (instance, wanted) = (self.clone(), wanted.clone());
        tokio::spawn(async move {
            let end = match fetch.await {
                Ok(Ok(())) => {
                    wanted.listed().mark_delivered();
                    End::Stored
                }
                Ok(Err(failure)) => End::Failed(failure),
                Err(panicked) => End::Failed(Failure::fault(panicked.into())),
            };
            let is_stored = matches!(end, End::Stored);
            if let End::Failed(failure) = &end
                && tell.borrow().visible > 0
            {
                let (name, version) = (&wanted.name, &wanted.version);
                tracing::warn!(name = %name, version, reason = ?failure, "a download broke off on its way to its clients");
            }
            {
                let mut running = instance
                    .fetches
                    .running
                    .lock()
                    .expect("invariant: nobody panics with this lock");
                running.remove(&key);
                tell.send_modify(|progress| progress.end = Some(end));
            }
            // it holds the file open
            let coming = tell.borrow().coming.as_ref().map(Arc::downgrade);
            drop(tell);
            // when everybody who waits has been told
            if is_stored {
                let (upstream, checksum) = key;
                instance.describe(upstream, checksum).await;
                tokio::time::sleep(SHARED_FOR).await;
            }
            // many who read as slowly as they can would fill the memory otherwise, each with a file of their own
            if let Some(coming) = coming.and_then(|coming| coming.upgrade()) {
                *coming.latest() = Latest::default();
            }
        });
        (progress, true)
    }

    async fn fetch(
        &self,
        upstream: &RemoteUpstream,
        wanted: &Wanted,
        tell: &watch::Sender<Progress>,
    ) -> Outcome<()> {
        // Another fetch may have ended between the look of whoever started this one and its start.
        if self.delivered_by(upstream.id, wanted).await?
            && self.blobs.contains(&wanted.checksum).await?
        {
            self.count(upstream.id, CacheKind::FileHit);
            return Ok(());
        }
        let mut staged = self.blobs.stage().await?;
        let reader = staged.reader()?;
        let failed = |failed| Failure::from(Refusal::Upstream(failed));
        let name = &wanted.listed().name;
        let download = self
            .upstream
            .download(&upstream.client, name, &wanted.version, &wanted.checksum)
            .await;
        let mut download = download.map_err(failed)?;
        let coming = Arc::new(Coming {
            length: download.length,
            reader,
            latest: Mutex::default(),
            entering: tokio::sync::Mutex::default(),
        });
        tell.send_modify(|progress| progress.coming = Some(coming.clone()));
        let mut news = Vec::new();
        loop {
            // what has come already is shown together: each showing wakes everybody who reads along
            let next = if let Some(next) = download.body.next().now_or_never() {
                next
            } else {
                show(&mut staged, &coming, &mut news, tell).await?;
                download.body.next().await
            };
            let Some(piece) = next.transpose().map_err(failed)? else {
                break;
            };
            news.extend_from_slice(&piece);
            staged.write(piece).await?;
            if news.len() >= PIECE {
                show(&mut staged, &coming, &mut news, tell).await?;
            }
        }
        coming.latest().push(news.into());
        let hashed = staged.finish().await?;
        if hashed.digest() != &wanted.checksum {
            let found = *hashed.digest();
            return Err(self.wrong_bytes(upstream, wanted, &found).await);
        }
        let size = hashed.size();
        // before anybody has it whole: what is asked for after that was used later
        let now = self.clock().now();
        tell.send_modify(|progress| progress.end = Some(End::Proven(size)));
        let _kept = self.keeping.read().await;
        hashed.put().await?;
        let delivered = NewCachedCrate {
            upstream_id: upstream.id,
            checksum: wanted.checksum,
            spelling: wanted.name.clone(),
            version: wanted.version.clone(),
            size,
            now,
        };
        self.store.add_cached_crate(&delivered).await?;
        self.came_into_cache(upstream.id, size);
        if size > LATEST as u64 {
            // who still reads has a large file before them, and reads it from the disk like everybody else
            *coming.latest() = Latest::default();
        }
        Ok(())
    }

    async fn wrong_bytes(
        &self,
        upstream: &RemoteUpstream,
        wanted: &Wanted,
        found: &Digest,
    ) -> Failure {
        let refusal = Refusal::WrongBytes {
            upstream: upstream.name.clone(),
            name: wanted.name.to_string(),
            version: wanted.version.clone(),
            expected: wanted.checksum.to_string(),
            found: found.to_string(),
        };
        tracing::error!(upstream = upstream.name, reason = %refusal, "wrong bytes from an upstream");
        let mut audit = self.audit("upstream.wrong_bytes", None, &Caller::default());
        audit.registry = Some(wanted.registry.name.to_string());
        audit.crate_name = Some(wanted.name.to_string());
        audit.version = Some(wanted.version.clone());
        audit.detail = Some(refusal.to_string());
        self.alarm(audit).await;
        refusal.into()
    }

    /// What has come so far, then what comes, and the rest when it is proven.
    fn follow(
        self: Arc<Self>,
        progress: watch::Receiver<Progress>,
        coming: Arc<Coming>,
        wanted: Wanted,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let start = Following {
            instance: self,
            progress,
            coming,
            wanted,
            sent: 0,
            proven: None,
        };
        futures_util::stream::try_unfold(start, |mut following| async move {
            let piece = following.next().await?;
            Ok(piece.map(|piece| (piece, following)))
        })
    }
}

/// Lets those who read along see what is new, but for what is held back.
async fn show(
    staged: &mut StagedBlob,
    coming: &Coming,
    news: &mut Vec<u8>,
    tell: &watch::Sender<Progress>,
) -> io::Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let visible = staged.flush().await?.saturating_sub(HELD_BACK);
    coming.latest().push(std::mem::take(news).into());
    if visible > 0 {
        tell.send_modify(|progress| progress.visible = visible);
    }
    Ok(())
}

struct Following {
    instance: Arc<Instance>,
    progress: watch::Receiver<Progress>,
    coming: Arc<Coming>,
    wanted: Wanted,
    sent: u64,
    proven: Option<u64>,
}

impl Following {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.proven.is_none() {
            let sent = self.sent;
            let seen = self
                .progress
                .wait_for(|now| now.end.is_some() || now.visible > sent)
                .await;
            let seen = seen.map_err(io::Error::other)?.clone();
            match seen.end {
                None => return self.read(seen.visible).await.map(Some),
                Some(End::Failed(failure)) => return Err(io::Error::other(format!("{failure:?}"))),
                Some(End::Proven(size)) => self.prove(size).await?,
                Some(End::Stored) => {
                    let size = self.coming.reader.len()?;
                    self.prove(size).await?;
                }
            }
        }
        match self.proven {
            Some(size) if self.sent < size => self.read(size).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn prove(&mut self, size: u64) -> io::Result<()> {
        let (instance, coming) = (self.instance.clone(), self.coming.clone());
        let wanted = self.wanted.clone();
        // a task of its own: a client that takes nothing more is not polled, and would keep its turn from all others
        let entering = tokio::spawn(async move {
            let _turn = coming.entering.lock().await;
            instance.enter_in_ledger(&wanted).await
        });
        let entered = entering.await.map_err(io::Error::other)?;
        entered.map_err(|failure| io::Error::other(format!("{failure:?}")))?;
        self.proven = Some(size);
        Ok(())
    }

    async fn read(&mut self, until: u64) -> io::Result<Bytes> {
        let length = usize::try_from(until - self.sent)
            .unwrap_or(PIECE)
            .min(PIECE);
        let shared = self.coming.latest().from(self.sent);
        let piece = match shared {
            Some(mut piece) => {
                piece.truncate(length);
                piece
            }
            None => self.coming.reader.read_at(self.sent, length).await?,
        };
        if piece.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.sent += piece.len() as u64;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_is_held_within_its_limits_and_found_by_its_place() {
        let mut latest = Latest::default();
        assert_eq!(latest.from(0), None);
        latest.push(Bytes::from_static(b"abc"));
        latest.push(Bytes::from_static(b"de"));
        let from = |latest: &Latest, place| latest.from(place).map(|piece| piece.to_vec());
        assert_eq!(from(&latest, 0).unwrap(), b"abc");
        assert_eq!(from(&latest, 2).unwrap(), b"c");
        assert_eq!(from(&latest, 3).unwrap(), b"de");
        assert_eq!(from(&latest, 5), None);

        let piece = Bytes::from(vec![1; LATEST / 4]);
        for _ in 0..5 {
            latest.push(piece.clone());
        }
        assert_eq!(latest.size, LATEST);
        assert_eq!(from(&latest, 0), None);
        let end = latest.end;
        assert_eq!(latest.from(end - 1).unwrap().len(), 1);
        assert_eq!(latest.from(end), None);
        assert_eq!(latest.from(end - LATEST as u64).unwrap().len(), LATEST / 4);

        for _ in 0..=LATEST_PIECES {
            latest.push(Bytes::from_static(b"x"));
        }
        assert_eq!(latest.pieces.len(), LATEST_PIECES);
        assert_eq!(latest.size, LATEST_PIECES);
    }
}
