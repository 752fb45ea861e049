//! How the cache of upstreams is used: what it saves, which files are needed, and how large it may become.

mod counts;
mod limit;
mod loss;
mod uses;

use std::sync::Arc;

use supercargo_store::{CacheKind, CacheSize};
use supercargo_types::Digest;

pub(crate) use counts::UpstreamCounts;
pub(crate) use limit::keep_within;

use crate::{
    Instance, directory::RemoteUpstream, downloads::day, jobs::JobKind, refusal::Outcome,
    rights::MayRead,
};
use counts::CacheCounts;
use limit::Fill;
use uses::FileUses;

/// How many days the counts of [`Instance::cached`] go back, today among them.
pub(crate) const DAYS: i64 = 30;

/// What memory holds about the use of the cache.
#[derive(Default)]
pub(crate) struct CacheUse {
    counts: CacheCounts,
    uses: FileUses,
    fill: Fill,
}

/// The cache of one upstream, which all registries that read it share.
#[derive(Clone, Debug)]
pub struct UpstreamCache {
    /// Its name.
    pub upstream: String,
    /// How much is there.
    pub size: CacheSize,
    /// Over how many days it was counted, today among them.
    pub days: i64,
    /// Index files and `.crate` files that cost the upstream nothing.
    pub hits: CacheTraffic,
    /// Those for which it was asked.
    pub misses: CacheTraffic,
    /// Index files that were fetched before anybody asked for them.
    pub read_ahead: u64,
    /// Those of them that somebody asked for.
    pub read_ahead_used: u64,
    /// The most bytes of `.crate` files, over all upstreams.
    pub limit: Option<u64>,
}

/// What was given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheTraffic {
    /// Index files.
    pub index: u64,
    /// `.crate` files.
    pub files: u64,
}

impl UpstreamCache {
    /// The share of all that was given out which cost the upstream nothing; `None` while nothing was.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share for people; counts beyond 2^52 are far away"
    )]
    pub fn hit_rate(&self) -> Option<f64> {
        let hits = self.hits.index + self.hits.files;
        let all = hits + self.misses.index + self.misses.files;
        (all > 0).then(|| hits as f64 / all as f64)
    }
}

impl Instance {
    /// Counts what the cache of an upstream did; in memory, and each second in the database.
    pub(crate) fn count(&self, upstream_id: i64, kind: CacheKind) {
        self.cache.counts.of(upstream_id).add(kind);
    }

    /// Where the cache of an upstream is counted.
    pub(crate) fn cache_counts(&self, upstream_id: i64) -> Arc<UpstreamCounts> {
        self.cache.counts.of(upstream_id)
    }

    /// A file of the cache is about to be given out: as one of this upstream's, and where that is another one, by the word of
    /// who delivered it for the registry.
    pub(crate) fn used_from_cache(
        &self,
        upstream_id: i64,
        given_by: Option<i64>,
        checksum: &Digest,
    ) {
        self.count(upstream_id, CacheKind::FileHit);
        let now = self.clock().now();
        self.cache.uses.note(upstream_id, checksum, now);
        if let Some(other) = given_by.filter(|other| *other != upstream_id) {
            self.cache.uses.note(other, checksum, now);
        }
    }

    /// A file has come into the cache.
    pub(crate) fn came_into_cache(&self, upstream_id: i64, size: u64) {
        self.count(upstream_id, CacheKind::FileMiss);
        if let Some(limit) = self.upstream_settings().cache_size {
            self.cache.fill.grew(size, limit);
        }
    }

    /// What is cached of each upstream that a registry reads, in their order, and how well it serves.
    ///
    /// # Errors
    /// Only faults.
    pub async fn cached(&self, right: &MayRead) -> Outcome<Vec<UpstreamCache>> {
        let mut caches = Vec::new();
        for attached in &right.registry.upstreams {
            // of a registry of this server nothing is cached
            let Some(remote) = attached.upstream.remote() else {
                continue;
            };
            caches.push(self.cache_of(remote).await?);
        }
        Ok(caches)
    }

    /// What is cached of one upstream, and how well it serves.
    pub(crate) async fn cache_of(&self, remote: &RemoteUpstream) -> Outcome<UpstreamCache> {
        let since = day(self.clock().now()) - DAYS + 1;
        let size = self.store.cache_size(remote.id).await?;
        let counts = self.store.cache_counts(remote.id, since).await?;
        let of = |kind| counts.get(&kind).copied().unwrap_or(0);
        Ok(UpstreamCache {
            upstream: remote.name.clone(),
            size,
            days: DAYS,
            hits: CacheTraffic {
                index: of(CacheKind::IndexHit),
                files: of(CacheKind::FileHit),
            },
            misses: CacheTraffic {
                index: of(CacheKind::IndexMiss),
                files: of(CacheKind::FileMiss),
            },
            read_ahead: of(CacheKind::ReadAhead),
            read_ahead_used: of(CacheKind::ReadAheadUsed),
            limit: self.upstream_settings().cache_size,
        })
    }

    /// Writes what was counted and used since the last time; what cannot be written now is tried again.
    pub(crate) async fn write_cache_use(&self) {
        let counted = self.cache.counts.take(day(self.clock().now()));
        if counted.is_empty() {
            return self.write_file_uses().await;
        }
        let written = self.store.add_cache_counts(&counted).await;
        let failed = written
            .is_err()
            .then_some("counts of the cache were not written");
        self.noted(
            JobKind::Batches,
            "counts of the cache",
            counted.len(),
            failed,
        );
        if let Err(error) = written {
            tracing::warn!(%error, "counts of the cache were not written; trying again");
            self.cache.counts.give_back(&counted);
        }
        self.write_file_uses().await;
    }

    async fn write_file_uses(&self) {
        let used = self.cache.uses.take();
        if used.is_empty() {
            return;
        }
        let written = self.store.note_cache_uses(&used).await;
        let failed = written
            .is_err()
            .then_some("last uses of cached files were not written");
        self.noted(
            JobKind::Batches,
            "last uses of cached files",
            used.len(),
            failed,
        );
        if let Err(error) = written {
            tracing::warn!(%error, files = used.len(), "last uses of cached files were not written; trying again");
            self.cache.uses.give_back(used);
        }
    }
}
