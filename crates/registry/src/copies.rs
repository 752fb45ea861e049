//! How long the copies in memory may be believed: for ever where nobody else writes, and otherwise two seconds past the last
//! proof that every change was heard.
//!
//! The feed drops what has changed within milliseconds. This is what holds when it does not, whatever the reason: a broken
//! connection, a database that hangs, or this program having stood still. Requests ask before they use any copy, and where
//! there is no proof, the first of them drops all copies and reads the settings anew. If that fails, they all fail: a token
//! that was revoked, or a version that was recalled, must not live on because nobody can say so.

use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Instance,
    refusal::{Failure, Outcome},
};

/// The contract of "at once".
const BELIEVED: Duration = Duration::from_secs(2);
const FOR_EVER: u64 = u64::MAX;

pub(crate) struct Copies {
    origin: Instant,
    is_shared: bool,
    /// Microseconds after the origin; 0 is never reached, for nothing is believed then.
    until: AtomicU64,
    state: Mutex<State>,
    /// Held by whoever drops and reads anew; the others wait for it.
    turn: tokio::sync::Mutex<()>,
    failures: AtomicU64,
}

#[derive(Default)]
struct State {
    /// No change can have been missed since the copies were dropped last.
    is_whole: bool,
    lapses: u64,
}

/// A moment after which everything was read anew.
struct Renewal {
    begun: Instant,
    lapses: u64,
}

impl Copies {
    /// Of an instance that has read its settings after `begun`. `is_shared`: other processes may write too.
    pub(crate) fn new(is_shared: bool, begun: Instant) -> Self {
        let copies = Self {
            origin: begun,
            is_shared,
            until: AtomicU64::new(0),
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
        };
        copies.renewed(&Renewal { begun, lapses: 0 });
        copies
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("invariant: nobody panics with this lock")
    }

    fn are_believed(&self) -> bool {
        match self.until.load(Ordering::SeqCst) {
            FOR_EVER => true,
            until => self.origin.elapsed().as_micros() < u128::from(until),
        }
    }

    /// Believed from a moment on at which they were what the database has.
    fn end(&self, proven: Instant) -> u64 {
        if !self.is_shared {
            return FOR_EVER;
        }
        let end = proven.duration_since(self.origin) + BELIEVED;
        u64::try_from(end.as_micros()).unwrap_or(0)
    }

    /// Nothing is believed before it has been read anew.
    pub(crate) fn lapse(&self) {
        let mut state = self.state();
        state.is_whole = false;
        state.lapses += 1;
        self.until.store(0, Ordering::SeqCst);
    }

    /// Every change that was committed before `proven` has been applied. False when that says nothing, for one was missed
    /// before.
    pub(crate) fn extend(&self, proven: Instant) -> bool {
        let state = self.state();
        if state.is_whole {
            self.until.fetch_max(self.end(proven), Ordering::SeqCst);
        }
        state.is_whole
    }

    fn begin(&self) -> Renewal {
        Renewal {
            lapses: self.state().lapses,
            begun: Instant::now(),
        }
    }

    /// What lapsed meanwhile may have been read before the reason for it.
    fn renewed(&self, renewal: &Renewal) {
        let mut state = self.state();
        if state.lapses == renewal.lapses {
            state.is_whole = true;
            self.until.store(self.end(renewal.begun), Ordering::SeqCst);
        }
    }
}

impl Instance {
    /// Makes sure that what memory holds is what the database has, or had within the last two seconds. Comes before any use of
    /// it: a token is asked for only after this, and so is whoever comes without one.
    ///
    /// # Errors
    /// A fault when the database cannot be asked.
    pub async fn current(&self) -> Outcome<()> {
        if self.copies.are_believed() {
            return Ok(());
        }
        // boxed, for every request has this future in it, and hardly one comes here
        Box::pin(self.renew_copies()).await
    }

    /// Drops every copy and reads the settings anew, unless somebody else does so at the same time.
    pub(crate) async fn renew_copies(&self) -> Outcome<()> {
        let failed = |reason: &str| {
            Failure::fault(anyhow::anyhow!(
                "{reason}, and what memory holds may be old: nothing is answered from it"
            ))
        };
        let failures = self.copies.failures.load(Ordering::SeqCst);
        let _turn = self.copies.turn.lock().await;
        if self.copies.are_believed() {
            return Ok(());
        }
        // a database that is away costs those who wait one time-out, not one each in turn
        if self.copies.failures.load(Ordering::SeqCst) != failures {
            return Err(failed("the database did not answer just now"));
        }
        let renewal = self.copies.begin();
        let read = tokio::time::timeout(BELIEVED, self.reload_directory()).await;
        match read {
            Ok(Ok(())) => {
                // after the settings: what was made under the former ones must not outlive this
                self.forget_copies();
                self.copies.renewed(&renewal);
                Ok(())
            }
            Ok(Err(failure)) => {
                self.copies.failures.fetch_add(1, Ordering::SeqCst);
                Err(failure)
            }
            Err(_) => {
                self.copies.failures.fetch_add(1, Ordering::SeqCst);
                Err(failed("the database does not answer"))
            }
        }
    }

    /// Everything but the settings.
    fn forget_copies(&self) {
        self.views.all_changed();
        self.upstream_index.forget_all();
        self.people_changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(ago: Duration) -> Instant {
        Instant::now().checked_sub(ago).unwrap()
    }

    #[test]
    fn where_nobody_else_writes_copies_are_believed_until_a_reading_failed() {
        let copies = Copies::new(false, begun(Duration::from_hours(1)));
        assert!(copies.are_believed());
        copies.lapse();
        assert!(!copies.are_believed());
        let renewal = copies.begin();
        copies.renewed(&renewal);
        assert!(copies.are_believed());
    }

    #[test]
    fn without_proof_copies_are_believed_for_two_seconds() {
        assert!(Copies::new(true, begun(Duration::ZERO)).are_believed());
        let copies = Copies::new(true, begun(BELIEVED));
        assert!(!copies.are_believed());
        assert!(copies.extend(Instant::now()));
        assert!(copies.are_believed());
    }

    #[test]
    fn after_a_lapse_no_beat_makes_them_believed_but_a_new_reading_does() {
        let copies = Copies::new(true, begun(Duration::ZERO));
        copies.lapse();
        assert!(!copies.extend(Instant::now()));
        assert!(!copies.are_believed());
        let renewal = copies.begin();
        // a change that could not be applied while the settings were read
        copies.lapse();
        copies.renewed(&renewal);
        assert!(!copies.are_believed());
        let renewal = copies.begin();
        copies.renewed(&renewal);
        assert!(copies.are_believed());
        assert!(copies.extend(Instant::now()));
    }
}
