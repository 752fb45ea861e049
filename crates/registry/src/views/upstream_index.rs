//! Index files of upstreams: memory, then database, then network.
//!
//! An upstream's file is shared by every registry and view that reads through it. Only a definite "not there" counts as one;
//! an upstream that fails is answered for by its last good copy, or not at all. A file that is a little older than fresh is
//! given out at once and asked about behind that. What is learned goes to the database in batches: losing the last second of
//! it costs a question, never a wrong answer.

mod accept;

use std::{
    collections::{HashMap, HashSet},
    io::Read as _,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use moka::sync::Cache;
use supercargo_store::{CacheKind, CachedIndexChange};
use supercargo_types::{Digest, NamePattern, Spelling, Timestamp};
use supercargo_upstream::{FailureReason, UpstreamFailed, Validators};

use super::flights::{Flight, Flights};
use crate::{
    Instance,
    cache::UpstreamCounts,
    directory::RemoteUpstream,
    jobs::JobKind,
    refusal::{Failure, Outcome, Refusal},
};

/// For upstreams' files in memory, in bytes.
const FILE_MEMORY: u64 = 96 << 20;
const FILE_OVERHEAD: usize = 256;
/// A copy that stood in for a failing upstream is not asked about again within this time, or sooner where the upstream says
/// when to come back: a name that an upstream cannot answer would otherwise cost a time-out per request. Whether the upstream
/// is asked anything at all is its circuit's to say.
const STANDS_IN: Duration = Duration::from_secs(5);
/// With a last good copy in hand nobody waits longer for a better one; the question goes on and is there for the next.
const COPY_AFTER: Duration = Duration::from_secs(3);
/// A copy that was given out while the question is under way is looked at again so soon, also where its end is not seen.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Whoever wants the state of now gets that of so long ago: one who asks for versions that do not exist would otherwise make
/// one question to the upstream with each of their own requests, and get this server banned there.
const AS_OF_NOW: Duration = Duration::from_secs(5);
/// How exactly a database that nobody else reads knows when a file was last checked; `stale_if_error` is counted in days.
const CHECKED_GRAIN: Duration = Duration::from_mins(10);

/// A file as its upstream sent it.
#[derive(Debug)]
pub(crate) struct IndexFile {
    pub(crate) body: Bytes,
    pub(crate) changed_at: Timestamp,
    /// The upstream had it and says that it is not there any more.
    pub(crate) gone: bool,
    validators: Validators,
    fetched_at: Timestamp,
    /// What its upstream's cache does.
    counts: Arc<UpstreamCounts>,
}

impl IndexFile {
    /// Whether it has these bytes.
    pub(crate) fn lists(&self, checksum: &Digest) -> bool {
        let checksum = checksum.hex();
        self.body
            .windows(checksum.len())
            .any(|window| window == checksum.as_bytes())
    }

    /// It was given out without a question to its upstream.
    pub(super) fn count_hit(&self) {
        self.counts.add(CacheKind::IndexHit);
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Found(Arc<IndexFile>),
    NotThere,
}

/// What an upstream says of a name.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) content: Content,
    pub(crate) fresh_until: Timestamp,
    checked_at: Timestamp,
    /// The last check that the database knows of.
    recorded_at: Timestamp,
    /// The last question, whatever came of it.
    asked_at: Timestamp,
}

/// What an upstream says of a name, and how that became known.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) entry: Entry,
    /// A file came over the network, and is another than was known before.
    pub(crate) is_news: bool,
    /// The upstream was asked for it.
    is_asked: bool,
}

/// What a question is for.
#[derive(Clone, Copy)]
enum Wanted {
    /// As fresh as the settings demand.
    Fresh,
    /// As of a moment.
    Since(Timestamp),
}

/// The last file an upstream gave, and how sure of it we are.
#[derive(Clone)]
struct LastGood {
    file: Arc<IndexFile>,
    checked_at: Timestamp,
    recorded_at: Timestamp,
}

impl LastGood {
    /// In place of an answer.
    fn entry(&self, fresh_until: Timestamp, asked_at: Timestamp) -> Entry {
        Entry {
            content: Content::Found(self.file.clone()),
            fresh_until,
            checked_at: self.checked_at,
            recorded_at: self.recorded_at,
            asked_at,
        }
    }
}

impl Answered {
    /// Counts it as given out. Only who has made the question costs the upstream one.
    pub(crate) fn count(&self, is_mine: bool) {
        if let Some(file) = self.entry.file() {
            file.counts.add(if self.is_asked && is_mine {
                CacheKind::IndexMiss
            } else {
                CacheKind::IndexHit
            });
        }
    }

    fn known(entry: Entry) -> Self {
        Self {
            entry,
            is_news: false,
            is_asked: false,
        }
    }
}

impl Wanted {
    fn is_met(self, entry: &Entry, now: Timestamp) -> bool {
        match self {
            Self::Fresh => now < entry.fresh_until,
            Self::Since(moment) => {
                entry.checked_at >= moment || now.since(entry.asked_at) < AS_OF_NOW
            }
        }
    }
}

impl Entry {
    fn file(&self) -> Option<&Arc<IndexFile>> {
        match &self.content {
            Content::Found(file) => Some(file),
            Content::NotThere => None,
        }
    }

    /// A last good copy in place of an answer.
    pub(crate) fn stands_in(&self) -> bool {
        self.asked_at > self.checked_at
    }

    fn is_of(&self, other: &Self) -> bool {
        match (self.file(), other.file()) {
            (None, None) => true,
            (Some(file), Some(other)) => Arc::ptr_eq(file, other),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    fn last_good(&self) -> Option<LastGood> {
        self.file().map(|file| LastGood {
            file: file.clone(),
            checked_at: self.checked_at,
            recorded_at: self.recorded_at,
        })
    }
}

type FileKey = (i64, Spelling);

pub(crate) struct UpstreamIndex {
    entries: Cache<FileKey, Entry>,
    flights: Flights<FileKey, Outcome<Answered>>,
    /// Files that were given out while the question about them was under way.
    given_out: Mutex<HashSet<FileKey>>,
    pending: Mutex<HashMap<FileKey, CachedIndexChange>>,
    /// Held while a batch is on its way to the database: what is evicted meanwhile must not come back with it.
    writing: tokio::sync::Mutex<()>,
}

impl UpstreamIndex {
    pub(crate) fn new() -> Self {
        let weigh = |_: &FileKey, entry: &Entry| {
            let bytes = match &entry.content {
                Content::Found(file) => file.body.len(),
                Content::NotThere => 0,
            };
            u32::try_from(bytes + FILE_OVERHEAD).unwrap_or(u32::MAX)
        };
        Self {
            entries: Cache::builder()
                .max_capacity(FILE_MEMORY)
                .weigher(weigh)
                .build(),
            flights: Flights::default(),
            given_out: Mutex::default(),
            pending: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Writes to the database what was learned since the last time; what cannot be written now is tried again.
    pub(crate) async fn flush(&self, instance: &Instance) {
        let _turn = self.writing.lock().await;
        let batch = std::mem::take(&mut *self.pending());
        if batch.is_empty() {
            return;
        }
        let (keys, changes): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let written = instance.store.save_cached_index(&changes).await;
        let failed = written
            .is_err()
            .then_some("cached index files were not written");
        instance.noted(JobKind::Batches, "index files", changes.len(), failed);
        if let Err(error) = written {
            tracing::warn!(%error, files = changes.len(), "cached index files were not written; trying again");
            let mut pending = self.pending();
            for (key, change) in keys.into_iter().zip(changes) {
                // what was learned meanwhile is newer
                pending.entry(key).or_insert(change);
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<FileKey, CachedIndexChange>> {
        self.pending
            .lock()
            .expect("invariant: nobody panics with this lock")
    }

    fn learn(&self, key: FileKey, change: CachedIndexChange) {
        let mut pending = self.pending();
        // a mere check must not replace the content that is still to be written, but moves its time on: it counts for how
        // long the copy may stand in for a failing upstream
        if let CachedIndexChange::Checked { at: checked_at, .. } = &change
            && let Some(waiting) = pending.get_mut(&key)
        {
            let (CachedIndexChange::Replaced { at, .. }
            | CachedIndexChange::Checked { at, .. }
            | CachedIndexChange::Gone { at, .. }) = waiting;
            *at = *checked_at;
            return;
        }
        pending.insert(key, change);
    }

    /// Forgets a "not there": the next question goes to the upstream.
    pub(crate) fn forget_absence(&self, upstream: i64, name: &Spelling) {
        let key = (upstream, name.clone());
        if self
            .entries
            .get(&key)
            .is_some_and(|entry| matches!(entry.content, Content::NotThere))
        {
            self.entries.invalidate(&key);
        }
    }

    /// Forgets every "not there" of an upstream about names that a pattern covers.
    pub(crate) fn forget_absences(&self, upstream: i64, pattern: &NamePattern) {
        for (key, entry) in &self.entries {
            if key.0 == upstream
                && matches!(entry.content, Content::NotThere)
                && pattern.covers(&key.1.canonical())
            {
                self.entries.invalidate(key.as_ref());
            }
        }
    }

    /// Nothing is written to the database until this is dropped.
    pub(crate) async fn hold(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Forgets what memory holds of an upstream's names; the database is asked next.
    pub(crate) fn evict(&self, upstream: i64, is_meant: impl Fn(&Spelling) -> bool) {
        self.pending()
            .retain(|key, _| key.0 != upstream || !is_meant(&key.1));
        for (key, _) in &self.entries {
            if key.0 == upstream && is_meant(&key.1) {
                self.entries.invalidate(key.as_ref());
            }
        }
    }

    /// Forgets a file, for the database knows more of it; false when it was not held.
    pub(crate) fn forget_file(&self, upstream: i64, name: &Spelling) -> bool {
        self.entries.remove(&(upstream, name.clone())).is_some()
    }

    /// Forgets every file; the database has them, but for what was learned within the last second.
    pub(crate) fn forget_all(&self) {
        self.entries.invalidate_all();
    }

    fn given_out(&self) -> MutexGuard<'_, HashSet<FileKey>> {
        self.given_out
            .lock()
            .expect("invariant: nobody panics with this lock")
    }
}

impl Instance {
    /// Whether an upstream is known to have a name, without asking it.
    pub(crate) async fn has_cached(&self, upstream: i64, name: &Spelling) -> Outcome<bool> {
        match self.upstream_index.entries.get(&(upstream, name.clone())) {
            Some(entry) => Ok(matches!(entry.content, Content::Found(_))),
            None => Ok(self.store.cached_index(upstream, name).await?.is_some()),
        }
    }

    /// The last file that an upstream gave of a name, without asking it.
    pub(crate) async fn known_file(
        &self,
        upstream: &RemoteUpstream,
        name: &Spelling,
    ) -> Outcome<Option<Arc<IndexFile>>> {
        self.known_file_of(upstream.id, name).await
    }

    /// The same by the upstream's id.
    pub(crate) async fn known_file_of(
        &self,
        upstream: i64,
        name: &Spelling,
    ) -> Outcome<Option<Arc<IndexFile>>> {
        let known = self.upstream_index.entries.get(&(upstream, name.clone()));
        let entry = match known {
            Some(entry) => Some(entry),
            None => self.stored_entry(upstream, name).await?,
        };
        Ok(match entry.map(|entry| entry.content) {
            Some(Content::Found(file)) => Some(file),
            Some(Content::NotThere) | None => None,
        })
    }

    /// What an upstream says of a name, as fresh as the settings demand.
    pub(crate) async fn upstream_entry(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        name: &Spelling,
    ) -> Outcome<Entry> {
        let (answered, is_mine) = self.upstream_answer(upstream, name).await?;
        answered.count(is_mine);
        Ok(answered.entry)
    }

    /// The same, uncounted, and whether it was this call that made the question, where there was one.
    pub(crate) async fn upstream_answer(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        name: &Spelling,
    ) -> Outcome<(Answered, bool)> {
        let key = (upstream.id, name.clone());
        let known = self.known_entry(&key).await?;
        let now = self.clock().now();
        if let Some(entry) = &known
            && Wanted::Fresh.is_met(entry, now)
        {
            return Ok((Answered::known(entry.clone()), false));
        }
        let copy = known
            .as_ref()
            .and_then(|entry| self.almost_fresh(entry, now));
        if let Some(copy) = copy {
            // before it takes off, so that its end is not missed
            self.upstream_index.given_out().insert(key.clone());
            let (_, is_mine) = self.fly(upstream, key, known, Wanted::Fresh);
            return Ok((self.meanwhile(&copy), is_mine));
        }
        let (flight, is_mine) = self.fly(upstream, key.clone(), known, Wanted::Fresh);
        if let Ok(answer) = tokio::time::timeout(COPY_AFTER, flight.clone()).await {
            return answer.map(|answered| (answered, is_mine));
        }
        // the flight goes on
        let now = self.clock().now();
        let known = self.upstream_index.entries.get(&key);
        match known.and_then(|entry| self.usable(&entry, now)) {
            Some(copy) => {
                self.upstream_index.given_out().insert(key);
                Ok((self.meanwhile(&copy), is_mine))
            }
            None => flight.await.map(|answered| (answered, is_mine)),
        }
    }

    /// What an upstream says of a name as of a moment that is now or a little ago, and never older than five seconds. A last
    /// good copy stands in for an upstream that fails. When this returns another file than was known, no view of the former
    /// one is served any more.
    pub(crate) async fn upstream_entry_since(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        name: &Spelling,
        not_before: Timestamp,
    ) -> Outcome<Entry> {
        let key = (upstream.id, name.clone());
        let wanted = Wanted::Since(not_before);
        let mut known = self.known_entry(&key).await?;
        // twice: the first may join a question that was asked for the sake of freshness alone
        for _ in 0..2 {
            if let Some(entry) = &known
                && wanted.is_met(entry, self.clock().now())
            {
                return Ok(entry.clone());
            }
            self.upstream_index.given_out().insert(key.clone());
            let (flight, _) = self.fly(upstream, key.clone(), known, wanted);
            known = Some(flight.await?.entry);
        }
        known.ok_or_else(|| Failure::fault(anyhow::anyhow!("a question without an answer")))
    }

    /// What an upstream says of a name now: asked whatever is known, and no copy stands in for an answer.
    ///
    /// # Errors
    /// [`Refusal::Upstream`] when it does not answer.
    pub(crate) async fn upstream_entry_now(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        name: &Spelling,
    ) -> Outcome<Entry> {
        let key = (upstream.id, name.clone());
        let known = self.known_entry(&key).await?;
        let entry = self
            .question(upstream, name, known.as_ref().and_then(Entry::last_good))
            .await
            .map_err(Refusal::Upstream)?;
        self.upstream_index.entries.insert(key, entry.clone());
        Ok(entry)
    }

    /// A last good copy that is not too old to stand in for an answer.
    fn usable(&self, entry: &Entry, now: Timestamp) -> Option<LastGood> {
        let patience = self.upstream_settings().stale_if_error;
        let last = entry.last_good()?;
        (now.since(last.checked_at) <= patience).then_some(last)
    }

    /// A copy that is so little older than fresh that nobody needs to wait for a better one. A "not there" never is, nor is
    /// what upstream has lost: when it is back, the first who asks shall see it.
    fn almost_fresh(&self, entry: &Entry, now: Timestamp) -> Option<LastGood> {
        let settings = self.upstream_settings();
        let last = entry.last_good().filter(|last| !last.file.gone)?;
        let grace = settings.grace();
        (!grace.is_zero() && now.since(last.checked_at) <= settings.freshness + grace)
            .then_some(last)
    }

    /// Whether it is given out at once.
    fn is_at_hand(&self, entry: &Entry) -> bool {
        let now = self.clock().now();
        Wanted::Fresh.is_met(entry, now) || self.almost_fresh(entry, now).is_some()
    }

    /// What memory holds of a name and would be given out at once.
    pub(super) fn remembered(&self, upstream: &RemoteUpstream, name: &Spelling) -> Option<Content> {
        let entry = self
            .upstream_index
            .entries
            .get(&(upstream.id, name.clone()))?;
        self.is_at_hand(&entry).then_some(entry.content)
    }

    /// The same from memory or the database.
    pub(super) async fn at_hand(
        &self,
        upstream: &RemoteUpstream,
        name: &Spelling,
    ) -> Outcome<Option<Content>> {
        let known = self.known_entry(&(upstream.id, name.clone())).await?;
        let at_hand = known.filter(|entry| self.is_at_hand(entry));
        Ok(at_hand.map(|entry| entry.content))
    }

    /// A copy while the question is under way. It must not pass for fresh: what is made of it ends soon, or with the flight.
    fn meanwhile(&self, copy: &LastGood) -> Answered {
        let now = self.clock().now();
        Answered {
            entry: copy.entry(now.plus(LOOK_AGAIN), now),
            is_news: false,
            is_asked: true,
        }
    }

    /// From memory, or else from the database into memory.
    async fn known_entry(&self, key: &FileKey) -> Outcome<Option<Entry>> {
        if let Some(entry) = self.upstream_index.entries.get(key) {
            return Ok(Some(entry));
        }
        let stored = self.stored_entry(key.0, &key.1).await?;
        if let Some(entry) = &stored {
            self.upstream_index
                .entries
                .insert(key.clone(), entry.clone());
        }
        Ok(stored)
    }

    /// Joins the question that is under way, or begins one; true when this call has begun it.
    fn fly(
        self: &Arc<Self>,
        upstream: &Arc<RemoteUpstream>,
        key: FileKey,
        known: Option<Entry>,
        wanted: Wanted,
    ) -> (Flight<Outcome<Answered>>, bool) {
        let mut is_mine = false;
        let (instance, upstream) = (self.clone(), upstream.clone());
        let flight = self.upstream_index.flights.join(key.clone(), || {
            is_mine = true;
            async move {
                // looked up once more: another flight may have landed meanwhile, and then there is nothing to ask
                let latest = instance.upstream_index.entries.get(&key);
                let known = latest.or(known);
                let answered = instance.ask(&upstream, &key.1, known.clone(), wanted).await;
                let index = &instance.upstream_index;
                if let Ok(answered) = &answered {
                    index.entries.insert(key.clone(), answered.entry.clone());
                }
                let was_given_out = index.given_out().remove(&key);
                if was_given_out
                    && let (Some(former), Ok(answered)) = (&known, &answered)
                    && !former.is_of(&answered.entry)
                {
                    // views were made of the former file meanwhile
                    let canonical = key.1.canonical();
                    for registry in instance.directory().readers_of(upstream.id) {
                        instance.views.changed(registry.id, &canonical);
                    }
                }
                answered
            }
        });
        (flight, is_mine)
    }

    async fn ask(
        &self,
        upstream: &RemoteUpstream,
        name: &Spelling,
        known: Option<Entry>,
        wanted: Wanted,
    ) -> Outcome<Answered> {
        let is_met = |entry: &&Entry| wanted.is_met(entry, self.clock().now());
        if let Some(entry) = known.as_ref().filter(is_met) {
            return Ok(Answered::known(entry.clone()));
        }
        let known = match known {
            Some(entry) if self.store.is_shared() => {
                Some(self.as_others_know(upstream, name, entry).await?)
            }
            known => known,
        };
        if let Some(entry) = known.as_ref().filter(is_met) {
            return Ok(Answered::known(entry.clone()));
        }
        let asked_at = self.clock().now();
        let usable = known
            .as_ref()
            .and_then(|entry| self.usable(entry, asked_at));
        let last_good = known.as_ref().and_then(Entry::last_good);
        let failed = match self.question(upstream, name, last_good).await {
            Ok(entry) => {
                let is_news = entry
                    .file()
                    .is_some_and(|file| !file.gone && file.fetched_at == entry.checked_at);
                return Ok(Answered {
                    entry,
                    is_news,
                    is_asked: true,
                });
            }
            Err(failed) => failed,
        };
        let Some(last) = usable else {
            return Err(Refusal::Upstream(failed).into());
        };
        if matches!(failed.reason(), FailureReason::Unavailable { .. }) {
            // said once for all names, when its circuit opened
            tracing::debug!(upstream = upstream.name, name = %name, "serving the last good copy");
        } else {
            tracing::warn!(upstream = upstream.name, name = %name, reason = %failed, "upstream fails; serving the last good copy");
        }
        let pause = failed.retry_after().unwrap_or(STANDS_IN).min(STANDS_IN);
        let now = self.clock().now();
        Ok(Answered {
            entry: last.entry(now.plus(pause), now),
            is_news: false,
            is_asked: true,
        })
    }

    /// What is known, or what another process on the same database has learned since.
    async fn as_others_know(
        &self,
        upstream: &RemoteUpstream,
        name: &Spelling,
        known: Entry,
    ) -> Outcome<Entry> {
        let check = self.store.cached_index_check(upstream.id, name).await?;
        let Some(check) = check.filter(|check| check.checked_at > known.checked_at) else {
            return Ok(known);
        };
        if let Some(file) = known.file()
            && file.changed_at == check.changed_at
            && file.gone == check.is_gone
        {
            // the same `Arc` keeps what was resolved from it
            return Ok(Entry {
                fresh_until: self.fresh_until(check.checked_at),
                checked_at: check.checked_at,
                recorded_at: check.checked_at,
                ..known
            });
        }
        Ok(self.stored_entry(upstream.id, name).await?.unwrap_or(known))
    }

    /// The end of a check that the database knows of. Another server's clock may be ahead a little; what is checked long
    /// after now was written under a wrong one, and would pass for fresh until then.
    fn fresh_until(&self, checked_at: Timestamp) -> Timestamp {
        let freshness = self.upstream_settings().freshness;
        let now = self.clock().now();
        if checked_at.since(now) > freshness {
            now
        } else {
            checked_at.plus(freshness)
        }
    }

    /// Asks, with the validators of what is known, and takes in a good answer.
    async fn question(
        &self,
        upstream: &RemoteUpstream,
        name: &Spelling,
        last_good: Option<LastGood>,
    ) -> Result<Entry, UpstreamFailed> {
        let validators = last_good
            .as_ref()
            .filter(|last| !last.file.gone)
            .map(|last| &last.file.validators);
        let answer = self
            .upstream
            .index_file(&upstream.client, name, validators)
            .await?;
        let now = self.clock().now();
        let answer = accept::check(upstream, name, answer);
        let failed = answer.as_ref().err();
        self.upstream.judge(&upstream.client, name, failed);
        let answer = answer?;
        Ok(self.accept(upstream, name, answer, last_good, now).await)
    }

    async fn stored_entry(&self, upstream: i64, name: &Spelling) -> Outcome<Option<Entry>> {
        let Some(row) = self.store.cached_index(upstream, name).await? else {
            return Ok(None);
        };
        let mut body = Vec::new();
        GzDecoder::new(row.body_gzip.as_slice()).read_to_end(&mut body)?;
        let file = IndexFile {
            body: body.into(),
            changed_at: row.changed_at,
            gone: row.gone_at.is_some(),
            validators: Validators {
                etag: row.etag,
                last_modified: row.last_modified,
            },
            fetched_at: row.fetched_at,
            counts: self.cache_counts(upstream),
        };
        Ok(Some(Entry {
            content: Content::Found(Arc::new(file)),
            fresh_until: self.fresh_until(row.checked_at),
            checked_at: row.checked_at,
            recorded_at: row.checked_at,
            asked_at: row.checked_at,
        }))
    }
}
