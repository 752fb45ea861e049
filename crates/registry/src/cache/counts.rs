//! Counting what the cache saved: in memory while it happens, in the database each second.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use supercargo_store::{CacheKind, NewCacheCount};

/// What the cache of an upstream did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheEvent {
    /// An index file was given out without a question to the upstream, or with one that somebody else had made.
    IndexHit,
    /// An index file was given out, and the upstream was asked for it.
    IndexMiss,
    /// A `.crate` file was given out without a request to the upstream, or with one that somebody else had made.
    FileHit,
    /// A `.crate` file was fetched.
    FileMiss,
    /// An index file was fetched before anybody asked for it.
    ReadAhead,
    /// Somebody asked for such a file, for the first time.
    ReadAheadUsed,
}

/// In the order of the events.
const KINDS: [CacheKind; 6] = [
    CacheKind::IndexHit,
    CacheKind::IndexMiss,
    CacheKind::FileHit,
    CacheKind::FileMiss,
    CacheKind::ReadAhead,
    CacheKind::ReadAheadUsed,
];

/// What the database does not know yet of one upstream.
#[derive(Debug, Default)]
pub(crate) struct UpstreamCounts([AtomicU64; KINDS.len()]);

impl UpstreamCounts {
    pub(crate) fn add(&self, event: CacheEvent) {
        self.0[event as usize].fetch_add(1, Ordering::Relaxed);
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
            for (kind, count) in KINDS.into_iter().zip(&counts.0) {
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
            let place = KINDS.iter().position(|kind| *kind == new.kind);
            let place = place.expect("invariant: all kinds are in the list");
            counts.0[place].fetch_add(new.count, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_taken_once_under_its_own_name() {
        let counts = CacheCounts::default();
        let events = [
            (CacheEvent::IndexHit, CacheKind::IndexHit),
            (CacheEvent::IndexMiss, CacheKind::IndexMiss),
            (CacheEvent::FileHit, CacheKind::FileHit),
            (CacheEvent::FileMiss, CacheKind::FileMiss),
            (CacheEvent::ReadAhead, CacheKind::ReadAhead),
            (CacheEvent::ReadAheadUsed, CacheKind::ReadAheadUsed),
        ];
        for (times, (event, _)) in (1..).zip(events) {
            for _ in 0..times {
                counts.of(7).add(event);
            }
        }
        let taken = counts.take(20_000);
        let expected: Vec<_> = (1..)
            .zip(events)
            .map(|(count, (_, kind))| NewCacheCount {
                upstream_id: 7,
                day: 20_000,
                kind,
                count,
            })
            .collect();
        assert_eq!(taken, expected);
        assert_eq!(counts.take(20_000), []);

        counts.give_back(&taken);
        counts.of(7).add(CacheEvent::FileHit);
        let again = counts.take(20_001);
        assert_eq!((again[2].count, again[2].day), (4, 20_001));
    }
}
