//! Taking in what an upstream answers: what is known then, and what the database has to learn of it.

use std::{io::Write as _, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};
use supercargo_store::CachedIndexChange;
use supercargo_types::{Spelling, Timestamp};
use supercargo_upstream::{IndexAnswer, UpstreamFailed, Validators};

use super::{CHECKED_GRAIN, Content, Entry, IndexFile, LastGood};
use crate::{Caller, Instance, directory::RemoteUpstream};

impl Instance {
    /// Takes in a good answer: what is known now, and what the database has to learn.
    pub(super) async fn accept(
        &self,
        upstream: &RemoteUpstream,
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
            asked_at: now,
        };
        match (answer, last_good) {
            (IndexAnswer::NotModified, Some(last)) => {
                if now.since(last.recorded_at) < self.checked_grain() {
                    return found(last.file, last.recorded_at);
                }
                self.upstream_index
                    .learn(key, checked(upstream, name, &last.file.validators, now));
                found(last.file, now)
            }
            (IndexAnswer::NotThere, Some(last)) => {
                let (file, recorded_at) = self.accept_loss(upstream, name, last, now).await;
                found(file, recorded_at)
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
                    counts: file.counts.clone(),
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
                    counts: self.cache_counts(upstream.id),
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
                asked_at: now,
            },
        }
    }

    /// Takes in that an upstream does not have a file any more that it had; the file as it is held then, and the last check
    /// that the database knows of.
    async fn accept_loss(
        &self,
        upstream: &RemoteUpstream,
        name: &Spelling,
        last: LastGood,
        now: Timestamp,
    ) -> (Arc<IndexFile>, Timestamp) {
        let key = (upstream.id, name.clone());
        let gone_since = |changed_at| CachedIndexChange::Gone {
            upstream_id: upstream.id,
            spelling: name.clone(),
            at: now,
            changed_at,
        };
        let file = last.file;
        if file.gone {
            if now.since(last.recorded_at) < self.checked_grain() {
                return (file, last.recorded_at);
            }
            let change = gone_since(file.changed_at);
            self.upstream_index.learn(key, change);
            return (file, now);
        }
        self.upstream_vanished(upstream, name).await;
        let gone = IndexFile {
            body: file.body.clone(),
            changed_at: self.grown(upstream.id, now, Some(file.changed_at)),
            gone: true,
            validators: Validators::default(),
            fetched_at: file.fetched_at,
            counts: file.counts.clone(),
        };
        self.upstream_index.flush(self).await;
        let change = gone_since(gone.changed_at);
        self.upstream_index.learn(key, change);
        (Arc::new(gone), now)
    }

    /// How exactly the database knows when a file was checked. Where other processes read it, each check counts: it spares
    /// them the question.
    fn checked_grain(&self) -> Duration {
        if self.store.is_shared() {
            self.upstream_settings().freshness.min(CHECKED_GRAIN)
        } else {
            CHECKED_GRAIN
        }
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

    async fn upstream_vanished(&self, upstream: &RemoteUpstream, name: &Spelling) {
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

/// Nonsense must not be cached, nor taken for an answer: a file for another name would be a stranger's crate.
pub(super) fn check(
    upstream: &RemoteUpstream,
    name: &Spelling,
    answer: IndexAnswer,
) -> Result<IndexAnswer, UpstreamFailed> {
    if let IndexAnswer::Found { bytes, .. } = &answer {
        supercargo_package::parse_upstream_file(name, bytes)
            .map_err(|garbled| upstream.client.garbled(garbled.to_string()))?;
    }
    Ok(answer)
}

fn checked(
    upstream: &RemoteUpstream,
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
