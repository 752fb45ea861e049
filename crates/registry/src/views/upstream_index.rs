//! Index files of upstreams: memory, then database, then network.
//!
//! An upstream's file is shared by every registry and view that reads through it. Only a definite "not there" counts as one;
//! an upstream that fails is answered for by its last good copy, or not at all. What is learned goes to the database in
//! batches: losing the last second of it costs a question, never a wrong answer.

use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use moka::sync::Cache;
use supercargo_store::CachedIndexChange;
use supercargo_types::{NamePattern, Spelling, Timestamp};
use supercargo_upstream::{FailureReason, IndexAnswer, UpstreamFailed, Validators};

use super::flights::Flights;
use crate::{
    Caller, Instance,
    directory::UpstreamSummary,
    refusal::{Outcome, Refusal},
};

/// For upstreams' files in memory, in bytes.
const FILE_MEMORY: u64 = 96 << 20;
const FILE_OVERHEAD: usize = 256;
/// After an upstream failed, last good copies are served this long without asking again, so that a dead upstream costs one
/// time-out and not one per request.
const LEAVE_ALONE: Duration = Duration::from_secs(5);
const TOO_MANY_REQUESTS: u16 = 429;
/// With a last good copy in hand nobody waits longer for a better one; the question goes on and is there for the next.
const COPY_AFTER: Duration = Duration::from_secs(3);
/// A copy that was served for want of an answer is asked about again so soon.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How exactly the database knows when a file was last checked; `stale_if_error` is counted in days.
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
}

/// The last file an upstream gave, and how sure of it we are.
#[derive(Clone)]
struct LastGood {
    file: Arc<IndexFile>,
    checked_at: Timestamp,
    recorded_at: Timestamp,
}

impl LastGood {
    fn entry(&self, fresh_until: Timestamp) -> Entry {
        Entry {
            content: Content::Found(self.file.clone()),
            fresh_until,
            checked_at: self.checked_at,
            recorded_at: self.recorded_at,
        }
    }
}

impl Entry {
    fn last_good(&self) -> Option<LastGood> {
        match &self.content {
            Content::Found(file) => Some(LastGood {
                file: file.clone(),
                checked_at: self.checked_at,
                recorded_at: self.recorded_at,
            }),
            Content::NotThere => None,
        }
    }
}

type FileKey = (i64, Spelling);

pub(crate) struct UpstreamIndex {
    entries: Cache<FileKey, Entry>,
    flights: Flights<FileKey, Outcome<Entry>>,
    pending: Mutex<HashMap<FileKey, CachedIndexChange>>,
    left_alone: Mutex<HashMap<i64, Timestamp>>,
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
            pending: Mutex::default(),
            left_alone: Mutex::default(),
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
        if let Err(error) = instance.store.save_cached_index(&changes).await {
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

    fn is_left_alone(&self, upstream: i64, now: Timestamp) -> bool {
        let left = self
            .left_alone
            .lock()
            .expect("invariant: nobody panics with this lock");
        left.get(&upstream).is_some_and(|&until| now < until)
    }

    fn leave_alone(&self, upstream: i64, until: Timestamp) {
        self.left_alone
            .lock()
            .expect("invariant: nobody panics with this lock")
            .insert(upstream, until);
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
        upstream: &UpstreamSummary,
        name: &Spelling,
    ) -> Outcome<Option<Arc<IndexFile>>> {
        let known = self
            .upstream_index
            .entries
            .get(&(upstream.id, name.clone()));
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
        upstream: &Arc<UpstreamSummary>,
        name: &Spelling,
    ) -> Outcome<Entry> {
        let key = (upstream.id, name.clone());
        if let Some(entry) = self.upstream_index.entries.get(&key)
            && self.clock().now() < entry.fresh_until
        {
            return Ok(entry);
        }
        let place = key.clone();
        let (instance, upstream) = (self.clone(), upstream.clone());
        let flight = self
            .upstream_index
            .flights
            .join(key.clone(), || async move {
                // looked up once more: another flight may have landed meanwhile, and then there is nothing to ask
                let known = instance.upstream_index.entries.get(&key);
                let entry = instance.ask(&upstream, &key.1, known).await?;
                instance.upstream_index.entries.insert(key, entry.clone());
                Ok(entry)
            });
        if let Ok(answer) = tokio::time::timeout(COPY_AFTER, flight.clone()).await {
            return answer;
        }
        // the flight goes on; by now it has put into memory what the database holds
        let now = self.clock().now();
        let known = self.upstream_index.entries.get(&place);
        let usable = known.and_then(|entry| self.usable(&entry, now));
        match usable {
            Some(last) => Ok(last.entry(now.plus(ASK_AGAIN))),
            None => flight.await,
        }
    }

    /// What an upstream says of a name now: asked whatever is known, and no copy stands in for an answer.
    ///
    /// # Errors
    /// [`Refusal::Upstream`] when it does not answer.
    pub(crate) async fn upstream_entry_now(
        self: &Arc<Self>,
        upstream: &Arc<UpstreamSummary>,
        name: &Spelling,
    ) -> Outcome<Entry> {
        let key = (upstream.id, name.clone());
        let known = match self.upstream_index.entries.get(&key) {
            Some(entry) => Some(entry),
            None => self.stored_entry(upstream, name).await?,
        };
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

    async fn ask(
        &self,
        upstream: &UpstreamSummary,
        name: &Spelling,
        known: Option<Entry>,
    ) -> Outcome<Entry> {
        let known = if known.is_some() {
            known
        } else {
            let stored = self.stored_entry(upstream, name).await?;
            if let Some(entry) = &stored {
                let key = (upstream.id, name.clone());
                self.upstream_index.entries.insert(key, entry.clone());
            }
            stored
        };
        let now = self.clock().now();
        if let Some(entry) = &known
            && now < entry.fresh_until
        {
            return Ok(entry.clone());
        }
        let last_good = known.as_ref().and_then(Entry::last_good);
        let usable = known.as_ref().and_then(|entry| self.usable(entry, now));
        if let Some(last) = &usable
            && self.upstream_index.is_left_alone(upstream.id, now)
        {
            return Ok(last.entry(now.plus(LEAVE_ALONE)));
        }
        let failed = match self.question(upstream, name, last_good).await {
            Ok(entry) => return Ok(entry),
            Err(failed) => failed,
        };
        let now = self.clock().now();
        let until = now.plus(LEAVE_ALONE);
        if is_down(&failed) {
            self.upstream_index.leave_alone(upstream.id, until);
        }
        match usable {
            Some(last) => {
                tracing::warn!(upstream = upstream.name, name = %name, reason = %failed, "upstream fails; serving the last good copy");
                Ok(last.entry(until))
            }
            None => Err(Refusal::Upstream(failed).into()),
        }
    }

    /// Asks, with the validators of what is known, and takes in a good answer.
    async fn question(
        &self,
        upstream: &UpstreamSummary,
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
            .await;
        let now = self.clock().now();
        let answer = answer.and_then(|answer| check(upstream, name, answer))?;
        Ok(self.accept(upstream, name, answer, last_good, now).await)
    }

    /// Takes in a good answer: what is known now, and what the database has to learn.
    async fn accept(
        &self,
        upstream: &UpstreamSummary,
        name: &Spelling,
        answer: IndexAnswer,
        last_good: Option<LastGood>,
        now: Timestamp,
    ) -> Entry {
        let settings = self.upstream_settings();
        let key = (upstream.id, name.clone());
        let found = |file: Arc<IndexFile>, recorded_at| Entry {
            content: Content::Found(file),
            fresh_until: now.plus(settings.freshness),
            checked_at: now,
            recorded_at,
        };
        match (answer, last_good) {
            (IndexAnswer::NotModified, Some(last)) => {
                if now.since(last.recorded_at) < CHECKED_GRAIN {
                    return found(last.file, last.recorded_at);
                }
                self.upstream_index
                    .learn(key, checked(upstream, name, &last.file.validators, now));
                found(last.file, now)
            }
            (
                IndexAnswer::NotThere,
                Some(LastGood {
                    file, recorded_at, ..
                }),
            ) => {
                let gone_since = |changed_at| CachedIndexChange::Gone {
                    upstream_id: upstream.id,
                    spelling: name.clone(),
                    at: now,
                    changed_at,
                };
                if file.gone {
                    if now.since(recorded_at) < CHECKED_GRAIN {
                        return found(file, recorded_at);
                    }
                    let change = gone_since(file.changed_at);
                    self.upstream_index.learn(key, change);
                    return found(file, now);
                }
                self.upstream_vanished(upstream, name).await;
                let gone = IndexFile {
                    body: file.body.clone(),
                    changed_at: self.grown(upstream.id, now, Some(file.changed_at)),
                    gone: true,
                    validators: Validators::default(),
                    fetched_at: file.fetched_at,
                };
                self.upstream_index.flush(self).await;
                let change = gone_since(gone.changed_at);
                self.upstream_index.learn(key, change);
                found(Arc::new(gone), now)
            }
            (IndexAnswer::Found { bytes, validators }, Some(LastGood { file, .. }))
                if file.body == bytes && !file.gone =>
            {
                // Some mirrors send no validators: the same content is no change, whatever they say.
                let same = IndexFile {
                    body: file.body.clone(),
                    changed_at: file.changed_at,
                    gone: false,
                    validators,
                    fetched_at: file.fetched_at,
                };
                self.upstream_index
                    .learn(key, checked(upstream, name, &same.validators, now));
                // the same `Arc` keeps what was resolved from it, unless there are new validators to remember
                let same = if same.validators == file.validators {
                    file
                } else {
                    Arc::new(same)
                };
                found(same, now)
            }
            (IndexAnswer::Found { bytes, validators }, last_good) => {
                let before = last_good.map(|last| last.file.changed_at);
                let changed_at = self.grown(upstream.id, now, before);
                let file = IndexFile {
                    body: bytes,
                    changed_at,
                    gone: false,
                    validators,
                    fetched_at: now,
                };
                let change = CachedIndexChange::Replaced {
                    upstream_id: upstream.id,
                    spelling: name.clone(),
                    body_gzip: compress(&file.body),
                    etag: file.validators.etag.clone(),
                    last_modified: file.validators.last_modified.clone(),
                    at: now,
                    changed_at,
                };
                self.upstream_index.learn(key, change);
                found(Arc::new(file), now)
            }
            (IndexAnswer::NotThere | IndexAnswer::NotModified, None) => Entry {
                content: Content::NotThere,
                fresh_until: now.plus(settings.negative),
                checked_at: now,
                recorded_at: now,
            },
        }
    }

    async fn stored_entry(
        &self,
        upstream: &UpstreamSummary,
        name: &Spelling,
    ) -> Outcome<Option<Entry>> {
        let Some(row) = self.store.cached_index(upstream.id, name).await? else {
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
        };
        Ok(Some(Entry {
            content: Content::Found(Arc::new(file)),
            fresh_until: row.checked_at.plus(self.upstream_settings().freshness),
            checked_at: row.checked_at,
            recorded_at: row.checked_at,
        }))
    }

    /// When a file has changed: in whole seconds, for `Last-Modified` has no finer ones, and later than what was known of it
    /// and than every registry that reads it. A view's date is the later of the two, and has to grow with each change.
    fn grown(&self, upstream: i64, now: Timestamp, before: Option<Timestamp>) -> Timestamp {
        let directory = self.directory();
        let readers = directory.readers_of(upstream);
        let latest = readers.map(|registry| registry.changed_at).chain(before);
        let least = latest
            .max()
            .map_or(i64::MIN, |latest| latest.as_seconds() + 1);
        Timestamp::from_seconds(now.as_seconds().max(least))
    }

    async fn upstream_vanished(&self, upstream: &UpstreamSummary, name: &Spelling) {
        tracing::error!(upstream = upstream.name, name = %name, "upstream does not have this crate any more; its cached versions are held");
        let mut audit = self.audit("upstream.vanished", None, &Caller::default());
        audit.crate_name = Some(name.to_string());
        audit.detail = Some(format!(
            "upstream `{}` answers that the crate is not there any more",
            upstream.name
        ));
        self.alarm(audit).await;
    }
}

/// Whether an upstream fails altogether. One that refuses or garbles a single name does not: whoever asks for that name
/// every few seconds would keep everybody on old copies.
fn is_down(failed: &UpstreamFailed) -> bool {
    match failed.reason() {
        FailureReason::Unreachable { .. } | FailureReason::Timeout { .. } => true,
        FailureReason::Status { status, .. } => {
            status.is_server_error() || status.as_u16() == TOO_MANY_REQUESTS
        }
        _ => false,
    }
}

/// Nonsense must not be cached, nor taken for an answer: a file for another name would be a stranger's crate.
fn check(
    upstream: &UpstreamSummary,
    name: &Spelling,
    answer: IndexAnswer,
) -> Result<IndexAnswer, UpstreamFailed> {
    if let IndexAnswer::Found { bytes, .. } = &answer {
        supercargo_package::parse_upstream_file(name, bytes)
            .map_err(|garbled| UpstreamFailed::garbled(&upstream.name, garbled.to_string()))?;
    }
    Ok(answer)
}

fn checked(
    upstream: &UpstreamSummary,
    name: &Spelling,
    validators: &Validators,
    now: Timestamp,
) -> CachedIndexChange {
    CachedIndexChange::Checked {
        upstream_id: upstream.id,
        spelling: name.clone(),
        at: now,
        etag: validators.etag.clone(),
        last_modified: validators.last_modified.clone(),
    }
}

fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("invariant: writing to memory does not fail")
}
