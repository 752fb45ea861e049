//! The limit on cached `.crate` files: over it, those that were used least recently go.
//!
//! A file goes only if it would come back ([`super::loss`]), however large the cache is. Several servers on one database may do this at once; each
//! drops what is there, and none more than once.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use supercargo_store::UsedFile;
use tokio::sync::Notify;

use crate::{Instance, jobs::JobKind, refusal::Outcome};

/// How often it is looked at, whatever is fetched: other servers on the same database fetch, too.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// While it is over the limit, for what may not go now may go soon.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// While it is over the limit, and nothing may go.
const LOOK_SELDOM: Duration = Duration::from_mins(10);
/// Between two looks: a burst of fetches costs one.
const PAUSE: Duration = Duration::from_secs(1);
/// What came or was used so recently may be on its way to somebody, perhaps for the first time.
const IN_USE: Duration = Duration::from_secs(10);
/// The part of the limit by which more goes than has to, so that not every further fetch is followed by a look.
const SLACK: u64 = 16;
/// Files that are looked at and dropped together.
const BATCH: u32 = 200;

/// How full the cache is.
#[derive(Default)]
pub(super) struct Fill {
    /// In bytes, as the database said last, and what was fetched since.
    bytes: AtomicU64,
    is_over: Arc<Notify>,
    /// It was said that it cannot be brought within its limit.
    is_told: AtomicBool,
}

/// What a look at the limit came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shrunk {
    /// That are left.
    bytes: u64,
    /// That went.
    files: usize,
    /// What would go next was used a moment ago.
    is_in_use: bool,
}

impl Fill {
    pub(super) fn grew(&self, size: u64, limit: u64) {
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > limit {
            self.is_over.notify_one();
        }
    }
}

/// Until the instance is gone.
pub(crate) async fn keep_within(instance: Weak<Instance>, limit: u64) {
    let mut wait = Duration::ZERO;
    loop {
        let Some(is_over) = instance.upgrade().map(|at| at.cache.fill.is_over.clone()) else {
            return;
        };
        // either will do
        let _ = tokio::time::timeout(wait, is_over.notified()).await;
        let Some(instance) = instance.upgrade() else {
            return;
        };
        let (jobs, clock) = (&instance.jobs, instance.clock());
        jobs.begin(JobKind::CacheLimit, clock.now());
        wait = match instance.shrink_cache(limit).await {
            Ok(shrunk) if shrunk.bytes <= limit => LOOK_EVERY,
            Ok(shrunk) if shrunk.is_in_use || shrunk.files > 0 => LOOK_AGAIN,
            // nothing may go, and looking costs: every file is held against its index file
            Ok(_) => LOOK_SELDOM,
            Err(failure) => {
                tracing::warn!(?failure, "the cache could not be brought within its limit");
                let told = "the cache could not be brought within its limit";
                jobs.failed(JobKind::CacheLimit, clock.now(), told);
                LOOK_EVERY
            }
        };
        jobs.end(JobKind::CacheLimit, clock.now());
        drop(instance);
        tokio::time::sleep(PAUSE).await;
    }
}

impl Instance {
    /// Drops what was used least recently, as long as there is more than the limit. Answers what is left.
    pub(crate) async fn shrink_cache(&self, limit: u64) -> Outcome<Shrunk> {
        let fill = &self.cache.fill;
        let mut bytes = self.store.cached_bytes().await?;
        fill.bytes.store(bytes, Ordering::Relaxed);
        if bytes <= limit {
            fill.is_told.store(false, Ordering::Relaxed);
            return Ok(Shrunk {
                bytes,
                ..Shrunk::default()
            });
        }
        let enough = limit - limit / SLACK;
        // what was used a moment ago must not pass for unused
        self.write_file_uses().await;
        let unused_since = self.clock().now().minus(IN_USE);
        let (before, mut files, mut is_in_use, mut last) = (bytes, 0, false, None);
        while bytes > enough && !is_in_use {
            let batch = self.store.least_used(last.as_ref(), BATCH).await?;
            let Some(end) = batch.last() else {
                break;
            };
            last = Some(*end);
            let mut going = Vec::new();
            let mut left = bytes;
            for file in &batch {
                if left <= enough {
                    break;
                }
                if file.used_at > unused_since {
                    is_in_use = true;
                    break;
                }
                if let Some(size) = self.may_go(file).await? {
                    left = left.saturating_sub(size);
                    going.push(*file);
                }
            }
            let gone = self.store.drop_cached(&going).await?;
            files += gone.len();
            self.drop_blobs(&gone).await?;
            bytes = if gone.len() == going.len() {
                left
            } else {
                self.store.cached_bytes().await?
            };
        }
        fill.bytes.store(bytes, Ordering::Relaxed);
        if files > 0 {
            let job = JobKind::CacheLimit;
            self.jobs.did(job, "cached files dropped", files as u64);
            let dropped = before.saturating_sub(bytes);
            self.jobs.did(job, "bytes freed", dropped);
            tracing::info!(
                files,
                bytes = before.saturating_sub(bytes),
                left = bytes,
                limit,
                "the cache was over `upstream.cache_size`; what was used least recently is gone"
            );
        }
        if bytes > limit && !is_in_use && !fill.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                bytes,
                limit,
                "the cache is over `upstream.cache_size`, and nothing more may go: what is left is hosted as well, or its upstream does not list it any more"
            );
        }
        Ok(Shrunk {
            bytes,
            files,
            is_in_use,
        })
    }

    /// The size of a file that may go, which stands in this place in the order of last use.
    async fn may_go(&self, file: &UsedFile) -> Outcome<Option<u64>> {
        let places = self.store.cached_places(&file.checksum).await?;
        // used later as another upstream's: its turn comes
        if places.iter().any(|place| place.used_at > file.used_at) {
            return Ok(None);
        }
        for place in &places {
            if !self.may_lose(place, &file.checksum, &places).await? {
                return Ok(None);
            }
        }
        Ok(places.first().map(|place| place.size))
    }
}
