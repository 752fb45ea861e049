//! Registries elsewhere: what they have, and what was last learned of it.

use std::{collections::BTreeMap, time::Duration};

use super::{Contract, FRESHNESS, Line, Lines, NEGATIVE, STALE_IF_ERROR, UpstreamFails, number};
use crate::operation::{Bytes, Event, Failing, Remote};

/// A registry elsewhere, as it is.
#[derive(Default)]
pub(super) struct Elsewhere {
    pub(super) crates: BTreeMap<&'static str, Lines>,
    pub(super) index_fails: Option<Failing>,
    files_fail: Option<Failing>,
}

/// What was last learned of a spelling. All registries and views share it.
pub(super) struct Copy {
    pub(super) asked_at: Duration,
    /// The last good lines; `None` when it never had any.
    pub(super) lines: Option<Lines>,
    pub(super) is_there: bool,
}

/// How something came to be known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// By an answer.
    Answered,
    /// It fails, and its last good copy stands in.
    StandsIn,
}

impl Elsewhere {
    pub(super) fn change(&mut self, event: &Event) {
        match *event {
            Event::Appears(bytes) if self.may_appear(bytes) => {
                let line = Line {
                    bytes,
                    yanked: false,
                };
                let lines = self.crates.entry(bytes.name).or_default();
                lines.insert(bytes.version, line);
            }
            Event::Appears(_) => {}
            Event::Yanks(name, version, yanked) => {
                let lines = self.crates.get_mut(name);
                if let Some(line) = lines.and_then(|lines| lines.get_mut(version)) {
                    line.yanked = yanked;
                }
            }
            Event::Vanishes(name, version) => {
                let lines = self.crates.entry(name).or_default();
                lines.retain(|known, _| version.is_some_and(|gone| gone != *known));
                if lines.is_empty() {
                    self.crates.remove(name);
                }
            }
            Event::IndexFails(failing) => self.index_fails = Some(failing),
            Event::FilesFail(failing) => self.files_fail = Some(failing),
            Event::Heals => (self.index_fails, self.files_fail) = (None, None),
        }
    }

    /// Whether these bytes come when they are asked for.
    pub(super) fn sends(&self, wanted: Bytes) -> bool {
        let lines = self.crates.get(wanted.name);
        let listed = lines.and_then(|lines| lines.get(wanted.version));
        self.files_fail.is_none() && listed.is_some_and(|line| line.bytes == wanted)
    }

    /// It has each number once, as crates.io does.
    fn may_appear(&self, bytes: Bytes) -> bool {
        self.crates.get(bytes.name).is_none_or(|lines| {
            lines
                .keys()
                .all(|known| *known == bytes.version || number(known) != number(bytes.version))
        })
    }
}

/// Asking.
impl Contract {
    pub(super) fn copy(&self, remote: Remote, name: &'static str) -> Option<&Copy> {
        self.copies.get(&(remote, name))
    }

    /// Whether it is known to have, or to have had, a spelling.
    pub(super) fn was_there(&self, remote: Remote, name: &'static str) -> bool {
        let copy = self.copy(remote, name);
        copy.is_some_and(|copy| copy.lines.is_some())
    }

    /// Asks about a spelling, unless what was learned is fresh. The last good copy answers for an upstream that fails; without
    /// one, its failure is the answer.
    pub(super) fn learn(
        &mut self,
        remote: Remote,
        name: &'static str,
    ) -> Result<Known, UpstreamFails> {
        if let Some(copy) = self.copy(remote, name) {
            // a crate that upstream lost is a last good copy, and no "not there"
            let life = if copy.lines.is_some() {
                FRESHNESS
            } else {
                NEGATIVE
            };
            if self.age(copy) < life {
                let forgets = self.forgets_absences && copy.lines.is_none();
                if forgets || self.elsewhere(remote).index_fails.is_some() {
                    // a copy that has stood in for it is not what it was, and whether it has is no matter of the contract
                    self.asked.insert((remote, name));
                }
                return Ok(Known::Answered);
            }
        }
        self.ask_or_stand_in(remote, name)
    }

    /// Asks about a spelling, unless that was done at this moment.
    pub(super) fn learn_anew(
        &mut self,
        remote: Remote,
        name: &'static str,
    ) -> Result<Known, UpstreamFails> {
        let copy = self.copy(remote, name);
        if copy.is_some_and(|copy| copy.asked_at == self.now) {
            return Ok(Known::Answered);
        }
        self.ask_or_stand_in(remote, name)
    }

    fn ask_or_stand_in(
        &mut self,
        remote: Remote,
        name: &'static str,
    ) -> Result<Known, UpstreamFails> {
        let copy = self.copy(remote, name);
        let has_good_copy =
            copy.is_some_and(|copy| copy.lines.is_some() && self.age(copy) < STALE_IF_ERROR);
        match self.ask(remote, name) {
            Ok(()) => Ok(Known::Answered),
            Err(_) if has_good_copy => Ok(Known::StandsIn),
            Err(fails) => Err(fails),
        }
    }

    fn age(&self, copy: &Copy) -> Duration {
        self.now.saturating_sub(copy.asked_at)
    }

    /// Asks, whatever is known.
    pub(super) fn ask(&mut self, remote: Remote, name: &'static str) -> Result<(), UpstreamFails> {
        self.asked.insert((remote, name));
        let elsewhere = self.elsewhere(remote);
        if elsewhere.index_fails.is_some() {
            return Err(UpstreamFails);
        }
        let lines = elsewhere.crates.get(name).cloned();
        let is_there = lines.is_some();
        let lines = lines.or_else(|| {
            let former = self.copies.remove(&(remote, name));
            former.and_then(|copy| copy.lines)
        });
        let learned = Copy {
            asked_at: self.now,
            lines,
            is_there,
        };
        self.copies.insert((remote, name), learned);
        Ok(())
    }
}
