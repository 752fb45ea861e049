//! Uses of a rate, counted in memory.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use moka::{policy::EvictionPolicy, sync::Cache};
use supercargo_types::{Rate, Timestamp};

/// Of each kind. Somebody with more addresses than these could fill the memory otherwise. The longest unused is forgotten
/// first, which gives its uses back: whoever has so many addresses need not wait for that.
const REMEMBERED: u64 = 65_536;

/// One bucket for each key.
pub(crate) struct Buckets<K> {
    rate: Option<Rate>,
    /// When nothing of a key is used any more, in microseconds.
    full_at: Cache<K, Arc<AtomicI64>>,
}

impl<K: Hash + Eq + Send + Sync + 'static> Buckets<K> {
    /// `None`: without a limit.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            full_at: Cache::builder()
                .max_capacity(REMEMBERED)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        }
    }

    pub(crate) fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// Takes one use.
    ///
    /// # Errors
    /// How long to wait where none is left.
    pub(crate) fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let full_at = self
            .full_at
            .get_with(key, || Arc::new(AtomicI64::new(now.as_micros())));
        let mut refused = Duration::ZERO;
        let take = |full_at| match rate.take(Timestamp::from_micros(full_at), now) {
            Ok(next) => Some(next.as_micros()),
            Err(wait) => {
                refused = wait;
                None
            }
        };
        match full_at.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(refused),
        }
    }

    /// Undoes one use.
    pub(crate) fn give_back(&self, key: &K) {
        let (Some(rate), Some(full_at)) = (self.rate, self.full_at.get(key)) else {
            return;
        };
        let pause = i64::try_from(rate.pause().as_micros()).unwrap_or(i64::MAX);
        full_at.fetch_sub(pause, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_795_219_200);

    #[test]
    fn each_key_has_its_own_bucket() {
        let buckets = Buckets::new(Some(Rate::each_second(2, 1)));
        for key in ["one", "other"] {
            assert_eq!(buckets.take(key, START), Ok(()));
            assert_eq!(buckets.take(key, START), Ok(()));
            assert_eq!(buckets.take(key, START), Err(Duration::from_secs(1)));
        }
        buckets.give_back(&"one");
        assert_eq!(buckets.take("one", START), Ok(()));
        assert_eq!(buckets.take("other", START), Err(Duration::from_secs(1)));
    }

    #[test]
    fn without_a_rate_nothing_is_refused_nor_remembered() {
        let buckets = Buckets::new(None);
        for _ in 0..1000 {
            assert_eq!(buckets.take("key", START), Ok(()));
        }
        buckets.full_at.run_pending_tasks();
        assert_eq!(buckets.full_at.entry_count(), 0);
    }

    #[test]
    fn a_flood_of_keys_does_not_fill_the_memory() {
        let buckets = Buckets::new(Some(Rate::each_second(1, 1)));
        for key in 0..REMEMBERED + 1000 {
            assert_eq!(buckets.take(key, START), Ok(()));
        }
        buckets.full_at.run_pending_tasks();
        assert!(buckets.full_at.entry_count() <= REMEMBERED);
        assert!(buckets.take(REMEMBERED + 999, START).is_err(), "the last");
    }

    #[test]
    fn of_many_at_once_as_many_pass_as_there_are_left() {
        let buckets = Arc::new(Buckets::new(Some(Rate::each_minute(100, 1))));
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..50)
                            .filter(|_| buckets.take("key", START).is_ok())
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(passed, 100);
    }
}
