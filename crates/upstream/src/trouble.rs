//! What is wrong with an upstream that is there: it refuses, or what it sends makes no sense.
//!
//! The circuit breaker knows who is down. Whoever answers everything with a sign-in page is not down, and still of no use.

use std::sync::{Mutex, MutexGuard, PoisonError};

use supercargo_types::{Clock, Timestamp};

use crate::{FailureReason, UpstreamFailed};

/// Why an upstream is of no use, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The first failure since the last good answer.
    pub since: Timestamp,
    /// The last one; without a name that was asked for, which is not for [everybody](FailureReason::for_anybody).
    pub reason: FailureReason,
}

/// Failures in a row of one service, by an upstream that is there.
pub(crate) struct Troubles {
    row: Mutex<Option<Row>>,
    clock: Clock,
}

struct Row {
    trouble: Trouble,
    /// What was asked first.
    asked: String,
    /// Something else has failed as well: it is not about one name.
    is_general: bool,
}

impl Troubles {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            row: Mutex::default(),
            clock,
        }
    }

    fn row(&self) -> MutexGuard<'_, Option<Row>> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in how a question ended. One that is down, or that was not asked, says nothing here.
    pub(crate) fn note(&self, asked: &str, failed: Option<&UpstreamFailed>) {
        let Some(failed) = failed else {
            return self.forget();
        };
        if failed.is_down() || !failed.was_asked() {
            return;
        }
        let reason = failed.reason().clone();
        // where it is does not depend on what is asked
        let is_general = matches!(reason, FailureReason::Private(_));
        let mut row = self.row();
        match &mut *row {
            Some(row) => {
                row.trouble.reason = reason;
                row.is_general |= is_general || row.asked != asked;
            }
            None => {
                *row = Some(Row {
                    trouble: Trouble {
                        since: self.clock.now(),
                        reason,
                    },
                    asked: asked.to_owned(),
                    is_general,
                });
            }
        }
    }

    /// There was a good answer.
    pub(crate) fn forget(&self) {
        *self.row() = None;
    }

    /// What is wrong with all that is asked. A refusal of one name, also again and again, is that name's matter: otherwise
    /// whoever asks for it would make a sound upstream look broken.
    pub(crate) fn general(&self) -> Option<Trouble> {
        let row = self.row();
        let row = row.as_ref().filter(|row| row.is_general)?;
        Some(Trouble {
            since: row.trouble.since,
            reason: row.trouble.reason.for_anybody(),
        })
    }

    /// What is wrong, if anything is: for what an upstream has but one of, so that no name is in it.
    pub(crate) fn any(&self) -> Option<Trouble> {
        self.row().as_ref().map(|row| row.trouble.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refused(asked: &str) -> UpstreamFailed {
        let reason = FailureReason::Status {
            status: http::StatusCode::FORBIDDEN,
            asked: Some(asked.to_owned()),
            retry_after: None,
        };
        UpstreamFailed::new("partner", reason)
    }

    fn start() -> Timestamp {
        Timestamp::from_seconds(1_000_000)
    }

    #[test]
    fn one_name_that_is_refused_again_and_again_is_no_trouble_of_the_upstream() {
        let troubles = Troubles::new(Clock::fixed(start()));
        for _ in 0..10 {
            troubles.note("a", Some(&refused("a")));
        }
        assert_eq!(troubles.general(), None);
        assert!(troubles.any().is_some());
    }

    #[test]
    fn two_names_that_are_refused_are_since_the_first_of_them_until_a_good_answer() {
        let clock = Clock::fixed(start());
        let troubles = Troubles::new(clock.clone());
        troubles.note("a", Some(&refused("a")));
        clock.advance(Duration::from_secs(5));
        troubles.note("b", Some(&refused("b")));
        let general = troubles.general().unwrap();
        assert_eq!(general.since, start());
        assert_eq!(general.reason, refused("b").reason().for_anybody());
        troubles.note("c", None);
        assert_eq!(troubles.any(), None);
    }

    /// The attack: names of a private registry, read in the health of a public one that has the same upstream.
    #[test]
    fn nobody_learns_from_it_what_others_asked_for() {
        let asked = || Some("secret".to_owned());
        let status = http::StatusCode::FORBIDDEN;
        for (reason, told) in [
            (
                refused("secret").reason().clone(),
                "answers 403 Forbidden; an administrator should look at its credentials",
            ),
            (
                FailureReason::TooLarge {
                    asked: asked(),
                    limit: 7,
                },
                "sends more than 7 bytes, which is the limit",
            ),
            (
                FailureReason::NotThere {
                    asked: asked(),
                    status,
                },
                "lists versions but does not have their files (403 Forbidden)",
            ),
            (
                FailureReason::Garbled(Some("line 1 is about `secret`".to_owned())),
                "gives answers that make no sense",
            ),
        ] {
            let troubles = Troubles::new(Clock::fixed(start()));
            let failed = UpstreamFailed::new("partner", reason);
            assert!(failed.to_string().contains("`secret`"), "{failed}");
            for asked in ["a", "b"] {
                troubles.note(asked, Some(&failed));
            }
            let general = troubles.general().unwrap();
            assert_eq!(general.reason.to_string(), told);
        }
    }

    #[test]
    fn who_is_down_or_was_not_asked_is_none_of_this() {
        let troubles = Troubles::new(Clock::fixed(start()));
        let patience = Duration::from_secs(1);
        for reason in [
            FailureReason::Timeout { patience },
            FailureReason::Crowded { patience },
            FailureReason::Unavailable {
                since: start(),
                last: Box::new(FailureReason::Timeout { patience }),
                retry_after: patience,
            },
        ] {
            troubles.note("a", Some(&UpstreamFailed::new("partner", reason)));
        }
        assert_eq!(troubles.any(), None);
    }
}
