//! Publishing: who may have a name, and who a number.

use supercargo_types::{ClaimMode, View};

use super::{
    Contract, Expected, STALE, UpstreamFails, canonical, number, refused,
    registry::{Treatment, may_maintain, only_reads},
    spelling,
};
use crate::operation::{Bytes, Person, Place, Remote, SPELLINGS, Upstream};

const UNSURE: (u16, &str) = (503, "upstream-unsure");
const HAS_NAME: (u16, &str) = (409, "upstream-has-name");

impl Contract {
    pub(super) fn publish(&mut self, place: Place, by: Person, bytes: Bytes) -> Expected {
        if only_reads(by) {
            return refused(403, "not-allowed");
        }
        let registry = self.at(place);
        let canonical = canonical(bytes.name);
        let mut complaints = Vec::new();
        if registry.is_blocked_by_pattern(&canonical, bytes.version) {
            complaints.push((400, "barred"));
        }
        if let Some(hosted) = registry.hosted.get(&canonical) {
            if hosted.name != bytes.name {
                complaints.push((400, "crate-name-twin"));
            }
            if hosted.has_number(bytes.version) {
                complaints.extend([(409, "version-exists"), (409, "number-deleted")]);
            }
            if !may_maintain(by) && hosted.owner != by {
                complaints.push((403, "not-an-owner"));
            }
        }
        // upstream is asked last
        complaints.extend(match registry.treatment(bytes.name) {
            _ if !complaints.is_empty() => Vec::new(),
            Treatment::Upstream => self.is_upstreams_name(place, bytes.name),
            Treatment::Claimed(ClaimMode::Merge) => self.is_upstreams_number(place, bytes),
            Treatment::Claimed(_) => Vec::new(),
        });
        if !complaints.is_empty() {
            self.pause = STALE;
            return Expected::Refused(complaints);
        }
        self.at_mut(place).take_in(by, bytes);
        Expected::Done(200)
    }

    /// Publishing a new name that no claim covers: every upstream is asked, in every spelling.
    fn is_upstreams_name(&mut self, place: Place, name: &str) -> Vec<(u16, &'static str)> {
        // what was given out as upstream's is upstream's, and nobody has to be asked
        let mut served = self.at(place).ledger.keys();
        if served.any(|(view, of, _)| *view == View::Index && canonical(of) == canonical(name)) {
            return vec![HAS_NAME];
        }
        let spellings = SPELLINGS
            .into_iter()
            .filter(|spelling| canonical(spelling) == canonical(name));
        let mut complaints = Vec::new();
        let takers: Vec<_> = self.at(place).takers(name).collect();
        if takers.contains(&Upstream::Shared) {
            // first, for a name that it keeps for itself is not told to others by a question
            for spelling in spellings.clone() {
                self.doubt_absence_behind(spelling);
                match self.is_free_in(Place::Shared, spelling) {
                    Ok(true) => {}
                    Ok(false) => complaints.push(HAS_NAME),
                    Err(_) => complaints.push(UNSURE),
                }
            }
        }
        if !complaints.is_empty() {
            return complaints;
        }
        for upstream in takers {
            if let Upstream::Elsewhere(remote) = upstream {
                for spelling in spellings.clone() {
                    complaints.extend(self.is_name_of(remote, spelling));
                }
            }
        }
        complaints
    }

    /// What the upstreams of `shared` did not have is no longer believed.
    fn doubt_absence_behind(&mut self, spelling: &'static str) {
        for upstream in self.shared.takers(spelling) {
            if let Upstream::Elsewhere(remote) = upstream
                && !self.was_there(remote, spelling)
            {
                self.copies.remove(&(remote, spelling));
                self.wait_where_shared(remote);
            }
        }
    }

    /// A "not there" from before does not count; that it was there counts also while upstream fails.
    fn is_name_of(&mut self, remote: Remote, spelling: &'static str) -> Vec<(u16, &'static str)> {
        let answered = if self.was_there(remote, spelling) {
            self.learn(remote, spelling).map(|_| ())
        } else {
            self.wait_where_shared(remote);
            self.ask(remote, spelling)
        };
        let mut complaints = Vec::new();
        if self.was_there(remote, spelling) {
            complaints.push(HAS_NAME);
        }
        if answered.is_err() || self.elsewhere(remote).index_fails.is_some() {
            complaints.push(UNSURE);
        }
        complaints
    }

    /// Under `merge`: a number that the upstream lists from which the name is read, or that was served as upstream's, is
    /// refused unless the bytes are equal.
    fn is_upstreams_number(&mut self, place: Place, bytes: Bytes) -> Vec<(u16, &'static str)> {
        let name = spelling(bytes.name);
        let is_pinned = self.at(place).pins.contains_key(name);
        let mut listed: Option<Vec<Bytes>> = None;
        let mut lost: Option<Vec<Bytes>> = None;
        for upstream in self.at(place).askable(name) {
            let lines = match upstream {
                Upstream::Elsewhere(remote) => {
                    self.wait_where_shared(remote);
                    if self.ask(remote, name).is_err() {
                        return vec![UNSURE];
                    }
                    let copy = &self.copies[&(remote, name)];
                    let lines = copy.lines.as_ref();
                    let lines = lines.map(|lines| lines.values().map(|line| line.bytes).collect());
                    if !copy.is_there && !is_pinned {
                        // what was never read from here and is lost there may be had from another one
                        lost = lost.or(lines);
                        continue;
                    }
                    lines
                }
                Upstream::Shared => {
                    let asked = self.ask_behind(name);
                    match asked.and_then(|()| self.listed_in(Place::Shared, name)) {
                        Ok(listed) => listed,
                        Err(_) => return vec![UNSURE],
                    }
                }
            };
            if lines.is_some() {
                listed = lines;
                break;
            }
        }
        let served = self.at(place).ledger.iter();
        let served = served.filter(|((view, of, _), _)| *view == View::Index && *of == name);
        let listed = listed.or(lost).unwrap_or_default();
        listed
            .into_iter()
            .chain(served.map(|(_, promise)| promise.bytes))
            .filter(|theirs| number(theirs.version) == number(bytes.version) && *theirs != bytes)
            .map(|_| (409, "upstream-has-number"))
            .collect()
    }

    /// A last good copy of what `shared` reads is not good enough to give a number away.
    fn ask_behind(&mut self, name: &'static str) -> Result<(), UpstreamFails> {
        if !self.asks_upstream(Place::Shared, name)? {
            return Ok(());
        }
        for upstream in self.shared.askable(name) {
            if let Upstream::Elsewhere(remote) = upstream {
                self.ask(remote, name)?;
                if self.was_there(remote, name) {
                    break;
                }
            }
        }
        Ok(())
    }
}
