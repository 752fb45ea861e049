//! Time and chance as values that are passed in, so that tests can set them.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use crate::Timestamp;

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// A test's: microseconds since 1970, moved by hand.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `start` until it is moved.
    pub fn fixed(start: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(start.as_micros())))
    }

    /// Now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_micros(jiff::Timestamp::now().as_microsecond()),
            Self::Fixed(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock; the system's does not move.
    pub fn advance(&self, by: std::time::Duration) {
        if let Self::Fixed(micros) = self {
            let step = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(step, Ordering::SeqCst);
        }
    }
}

/// Where secrets and ids get their bytes.
#[derive(Clone, Debug, Default)]
pub enum Random {
    /// The system's generator.
    #[default]
    System,
    /// A test's: a counter, so that snapshots are stable. Never for real secrets.
    Counting(Arc<AtomicU64>),
}

impl Random {
    /// Fills `bytes`.
    ///
    /// # Panics
    /// When the system has no randomness to give: nothing safe can be done without.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    pub fn fill(&self, bytes: &mut [u8]) {
        match self {
            Self::System => getrandom::fill(bytes).expect("the system gives random bytes"),
            Self::Counting(next) => {
                for chunk in bytes.chunks_mut(8) {
                    let count = next.fetch_add(1, Ordering::SeqCst).to_be_bytes();
                    chunk.copy_from_slice(&count[8 - chunk.len()..]);
                }
            }
        }
    }

    /// `N` fresh bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
