//! Counting what the cache saved: in memory while it happens, in the database each second.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use supercargo_store::{CacheKind, NewCacheCount};

/// What the database does not know yet of one upstream.
#[derive(Debug, Default)]
pub(crate) struct UpstreamCounts([AtomicU64; CacheKind::ALL.len()]);

impl UpstreamCounts {
    pub(crate) fn add(&self, kind: CacheKind) {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// One per upstream that was ever read; they are as many as administrators have named.
#[derive(Default)]
pub(super) struct CacheCounts(RwLock<HashMap<i64, Arc<UpstreamCounts>>>);

impl CacheCounts {
    pub(super) fn of(&self, upstream_id: i64) -> Arc<UpstreamCounts> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = known.get(&upstream_id) {
            return counts.clone();
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(upstream_id).or_default().clone()
    }

    /// What was counted since the last time, as of this day.
    pub(super) fn take(&self, day: i64) -> Vec<NewCacheCount> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        for (upstream_id, counts) in known.iter() {
            for (kind, count) in CacheKind::ALL.into_iter().zip(&counts.0) {
                let count = count.swap(0, Ordering::Relaxed);
                if count > 0 {
                    taken.push(NewCacheCount {
                        upstream_id: *upstream_id,
                        day,
                        kind,
                        count,
                    });
                }
            }
        }
        taken
    }

    /// What could not be written.
    pub(super) fn give_back(&self, taken: &[NewCacheCount]) {
        for new in taken {
            let counts = self.of(new.upstream_id);
            counts.0[new.kind as usize].fetch_add(new.count, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_taken_once_under_its_own_name() {
        let counts = CacheCounts::default();
        let kinds = [
            CacheKind::IndexHit,
            CacheKind::IndexMiss,
            CacheKind::FileHit,
            CacheKind::FileMiss,
            CacheKind::ReadAhead,
            CacheKind::ReadAheadUsed,
        ];
        for (times, kind) in (1..).zip(kinds) {
            for _ in 0..times {
                counts.of(7).add(kind);
            }
        }
        let taken = counts.take(20_000);
        let expected: Vec<_> = (1..)
            .zip(kinds)
            .map(|(count, kind)| NewCacheCount {
                upstream_id: 7,
                day: 20_000,
                kind,
                count,
            })
            .collect();
        assert_eq!(taken, expected);
        assert_eq!(counts.take(20_000), []);

        counts.give_back(&taken);
        counts.of(7).add(CacheKind::FileHit);
        let again = counts.take(20_001);
        assert_eq!((again[2].count, again[2].day), (4, 20_001));
    }
}
