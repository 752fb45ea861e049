//! The contract in memory: what two registries answer, one of which may read through the other and both through registries
//! elsewhere, as the rules for names and states say it.
//!
//! Written from the contract, not from the code, and to be checked against it by reading. Nothing here is clever: names,
//! claims, hosted versions, pins, what was last learned from upstreams, and the ledgers. Where the contract does not say which
//! of several complaints is told first, each is taken.
//!
//! - `registry`: what a name is to one registry, and what people do with what it hosts;
//! - `elsewhere`: upstreams elsewhere, and what is known of them;
//! - `reading`: resolution and downloads;
//! - `publishing`: who may have a name or a number.

mod elsewhere;
mod publishing;
mod reading;
mod registry;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use supercargo_types::{ClaimMode, View};

use crate::operation::{Bytes, Deed, Event, Operation, Person, Place, Remote, SPELLINGS, Upstream};
use elsewhere::{Copy, Elsewhere};
use reading::Delivery;
use registry::{Registry, covers, may_maintain};

/// Passes before each operation. Longer than the five seconds for which a failing upstream is left alone, and no divisor of
/// any time below, so that nothing here depends on what happens at the very end of a time.
pub(crate) const TICK: Duration = Duration::from_secs(7);
/// `upstream.freshness`, `upstream.negative`, `upstream.stale_if_error`.
pub(crate) const FRESHNESS: Duration = Duration::from_mins(1);
pub(crate) const NEGATIVE: Duration = Duration::from_secs(30);
pub(crate) const STALE_IF_ERROR: Duration = Duration::from_hours(30 * 24);
/// Passes where the contract does not say what becomes of a copy's freshness: with a restart, after a publish, a
/// claim or a release that was refused, when an upstream that was left alone is well again, and when one registry has asked
/// for its own sake about what another one reads, too.
const STALE: Duration = Duration::from_secs(61);

/// How an operation must be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nobody is asked.
    Silence,
    /// This status of success.
    Done(u16),
    /// This file.
    File(Bytes),
    /// This file, or the failure of the upstream.
    FileUnlessItFails(Bytes),
    /// One of these statuses, with the code that belongs to it (empty where the answer is plain text).
    Refused(Vec<(u16, &'static str)>),
}

/// A version in a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) bytes: Bytes,
    pub(crate) yanked: bool,
}

/// A view's file: versions, or not there, or that the upstream fails.
pub(crate) type Listing = Result<Option<BTreeMap<&'static str, Line>>, UpstreamFails>;

/// Told as one of [`FAILURES`]; which one is no matter of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamFails;

/// How the failure of an upstream is told.
pub(crate) const FAILURES: [u16; 3] = [502, 503, 504];

type Lines = BTreeMap<&'static str, Line>;

/// The whole state of the registries and of those elsewhere.
pub(crate) struct Contract {
    now: Duration,
    acme: Registry,
    shared: Registry,
    a: Elsewhere,
    b: Elsewhere,
    /// What was last learned of each spelling.
    copies: BTreeMap<(Remote, &'static str), Copy>,
    /// Files that were fetched and verified.
    stored: BTreeSet<(Remote, Bytes)>,
    /// The last download.
    under_way: Option<Delivery>,
    /// A server among several drops what it holds in memory when it does not hear from its database for a moment, as on a busy
    /// machine; a "not there" is held nowhere else.
    forgets_absences: bool,
    /// How long to wait after the last operation.
    pause: Duration,
    /// Spellings about which upstreams may have been asked since this was last emptied.
    pub(crate) asked: BTreeSet<(Remote, &'static str)>,
}

pub(crate) fn canonical(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// A version without build metadata: what makes two versions the same number.
fn number(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

fn spelling(name: &str) -> &'static str {
    let lower = name.to_ascii_lowercase();
    SPELLINGS
        .iter()
        .find(|spelling| **spelling == lower)
        .expect("invariant: every name has its spelling in the list")
}

pub(crate) fn refused(status: u16, code: &'static str) -> Expected {
    Expected::Refused(vec![(status, code)])
}

impl Contract {
    pub(crate) fn new(forgets_absences: bool) -> Self {
        Self {
            forgets_absences,
            now: Duration::ZERO,
            acme: Registry::new(Place::Acme.first_list()),
            shared: Registry::new(Place::Shared.first_list()),
            a: Elsewhere::default(),
            b: Elsewhere::default(),
            copies: BTreeMap::new(),
            stored: BTreeSet::new(),
            under_way: None,
            pause: Duration::ZERO,
            asked: BTreeSet::new(),
        }
    }

    fn at(&self, place: Place) -> &Registry {
        match place {
            Place::Acme => &self.acme,
            Place::Shared => &self.shared,
        }
    }

    fn at_mut(&mut self, place: Place) -> &mut Registry {
        match place {
            Place::Acme => &mut self.acme,
            Place::Shared => &mut self.shared,
        }
    }

    fn elsewhere(&self, remote: Remote) -> &Elsewhere {
        match remote {
            Remote::A => &self.a,
            Remote::B => &self.b,
        }
    }

    /// What a fake upstream must have, for the driver to bring about.
    pub(crate) fn crates_of(&self, remote: Remote) -> &BTreeMap<&'static str, Lines> {
        &self.elsewhere(remote).crates
    }

    /// The time that has to pass before anything else happens.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = std::mem::take(&mut self.pause);
        self.now += pause;
        pause
    }

    /// Lets something happen, and says how it is answered.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Expected {
        self.now += TICK;
        match operation {
            Operation::In(place, deed) => return self.done(*place, deed),
            Operation::At(remote, event) => {
                if *event == Event::Heals {
                    // an upstream that was down is left alone for a while
                    self.pause = STALE;
                }
                match remote {
                    Remote::A => self.a.change(event),
                    Remote::B => self.b.change(event),
                }
            }
            Operation::Wait(time) => self.pause = *time,
            Operation::Restart => self.pause = STALE,
        }
        Expected::Silence
    }

    fn done(&mut self, place: Place, deed: &Deed) -> Expected {
        match *deed {
            Deed::Publish(by, bytes) => self.publish(place, by, bytes),
            Deed::Yank(by, name, version, yanked) => {
                self.at_mut(place).yank(by, name, version, yanked)
            }
            Deed::Download(view, name, version) => self.download(place, view, name, version),
            // the management API's: the role is asked for first
            Deed::Patterns(allow, block) => {
                let registry = self.at_mut(place);
                (registry.allow, registry.block) = (allow, block);
                Expected::Done(200)
            }
            Deed::Attach(by, list) => self.at_mut(place).attach(by, list),
            Deed::Purge(by, ..) if by != Person::Admin => refused(403, "not-allowed"),
            Deed::Claim(by, ..)
            | Deed::Unclaim(by, ..)
            | Deed::Delete(by, ..)
            | Deed::Restore(by, ..)
            | Deed::Release(by, ..)
            | Deed::Quarantine(by, ..)
            | Deed::Lift(by, ..)
            | Deed::Pin(by, ..)
                if !may_maintain(by) =>
            {
                refused(403, "not-allowed")
            }
            Deed::Claim(_, pattern, mode) => self.claim(place, pattern, mode),
            Deed::Unclaim(_, pattern) => self.unclaim(place, pattern),
            Deed::Restore(_, name, version) => self.restore(place, name, version),
            Deed::Release(_, name) => self.release(place, name),
            Deed::Delete(_, name, Some(version)) => {
                self.at_mut(place).delete_version(name, version)
            }
            Deed::Delete(_, name, None) => self.at_mut(place).delete_crate(name),
            Deed::Purge(_, name, version) => self.at_mut(place).purge(name, version),
            Deed::Quarantine(_, name, version, action) => {
                self.at_mut(place).put_quarantine(name, version, action)
            }
            Deed::Lift(_, name, version) => self.at_mut(place).lift(name, version),
            Deed::Pin(_, name, upstream) => self.at_mut(place).pin(name, upstream),
        }
    }

    fn unclaim(&mut self, place: Place, pattern: &str) -> Expected {
        let pattern = canonical(pattern);
        if self.at_mut(place).claims.remove(&pattern).is_none() {
            return refused(404, "no-such-claim");
        }
        self.doubt_absences(place, &pattern);
        Expected::Done(204)
    }

    /// Also the override of the ledger for the `index` view of what it covers.
    fn claim(&mut self, place: Place, pattern: &str, mode: ClaimMode) -> Expected {
        let pattern = canonical(pattern);
        let registry = self.at_mut(place);
        if registry.claims.contains_key(&pattern) {
            self.pause = STALE;
            return refused(409, "claim-exists");
        }
        registry
            .ledger
            .retain(|(view, name, _), _| *view != View::Index || !covers(&pattern, name));
        registry.claims.insert(pattern.clone(), mode);
        self.doubt_absences(place, &pattern);
        Expected::Done(201)
    }

    /// Where it begins to matter in another way what upstream has, a "not there" is no longer believed.
    fn doubt_absences(&mut self, place: Place, pattern: &str) {
        for attached in self.at(place).upstreams {
            if let Upstream::Elsewhere(remote) = attached.upstream {
                self.copies.retain(|(of, name), copy| {
                    *of != remote || copy.lines.is_some() || !covers(pattern, name)
                });
                self.wait_where_shared(remote);
            }
        }
    }

    /// What one registry has learned for its own sake, another one learns in its time.
    fn wait_where_shared(&mut self, remote: Remote) {
        let reads = |registry: &Registry| {
            let mut upstreams = registry.upstreams.iter();
            upstreams.any(|attached| attached.upstream == Upstream::Elsewhere(remote))
        };
        if reads(&self.acme) && reads(&self.shared) {
            self.pause = STALE;
        }
    }

    fn restore(
        &mut self,
        place: Place,
        name: &'static str,
        version: Option<&'static str>,
    ) -> Expected {
        let registry = self.at_mut(place);
        if registry.is_given_back(name) {
            // a version that never was may be the first complaint
            return Expected::Refused(vec![(409, "name-released"), (404, "no-such-version")]);
        }
        let expected = match version {
            Some(version) => registry.restore_version(name, version),
            None => registry.restore_crate(name),
        };
        self.shown(place, name, expected)
    }

    fn release(&mut self, place: Place, name: &'static str) -> Expected {
        let expected = self.at_mut(place).release(name);
        match &expected {
            Expected::Done(_) => self.doubt_absences(place, &canonical(name)),
            Expected::Refused(complaints)
                if complaints.iter().any(|(status, _)| *status == 409) =>
            {
                self.pause = STALE;
            }
            _ => {}
        }
        self.shown(place, name, expected)
    }

    /// An answer that shows the crate asks upstream as a look at the index does.
    fn shown(&mut self, place: Place, name: &str, expected: Expected) -> Expected {
        if expected == Expected::Done(200) {
            // whatever upstream says: what was asked for is done
            let _ = self.view(place, View::Index, spelling(name));
        }
        expected
    }
}
