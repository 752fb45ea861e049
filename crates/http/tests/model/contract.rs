//! The contract in memory: what a registry with one upstream answers, as the rules for names and states say it.
//!
//! Written from the contract, not from the code, and to be checked against it by reading. Nothing here is clever: names,
//! claims, hosted versions, what was last learned from upstream, and the ledger. Where the contract does not say which of
//! several complaints is told first, each is taken.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use supercargo_types::{ClaimMode, View};

use crate::operation::{ALLOW, BLOCK, Bytes, Failing, Operation, Person, Quarantine, SPELLINGS};

/// Passes before each operation. Longer than the five seconds for which a failing upstream is left alone, and no divisor of
/// any time below, so that nothing here depends on what happens at the very end of a time.
pub(crate) const TICK: Duration = Duration::from_secs(7);
/// `upstream.freshness`, `upstream.negative`, `upstream.stale_if_error`.
pub(crate) const FRESHNESS: Duration = Duration::from_mins(1);
pub(crate) const NEGATIVE: Duration = Duration::from_secs(30);
pub(crate) const STALE_IF_ERROR: Duration = Duration::from_hours(30 * 24);
/// Passes where the contract does not say what becomes of a copy's freshness: with a restart, after a publish, a
/// claim or a release that was refused, and when an upstream that was left alone is well again.
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

/// The whole state of one registry and its upstream.
#[derive(Default)]
pub(crate) struct Contract {
    now: Duration,
    hosted: BTreeMap<String, Hosted>,
    claims: BTreeMap<String, ClaimMode>,
    quarantines: BTreeMap<(String, Option<String>), Quarantine>,
    allow: usize,
    block: usize,
    upstream: Upstream,
    /// What was last learned of each spelling.
    copies: BTreeMap<&'static str, Copy>,
    /// Upstream's files that were fetched and verified.
    stored: BTreeSet<Bytes>,
    ledger: BTreeMap<(View, &'static str, &'static str), Bytes>,
    /// What this registry ever gave to somebody: whether as its own version, and the bytes. The same bytes as an upstream's
    /// version are another version.
    served: BTreeSet<(bool, Bytes)>,
    /// How long to wait after the last operation.
    pause: Duration,
    /// Spellings about which the upstream may have been asked since this was last emptied.
    pub(crate) asked: BTreeSet<&'static str>,
}

/// A crate that was ever hosted here.
struct Hosted {
    name: &'static str,
    owner: Person,
    versions: BTreeMap<&'static str, HostedVersion>,
    /// Deleted as a whole: these went with it.
    deleted_with: Option<BTreeSet<&'static str>>,
    is_released: bool,
}

struct HostedVersion {
    line: Line,
    is_deleted: bool,
    is_purged: bool,
}

#[derive(Default)]
struct Upstream {
    crates: BTreeMap<&'static str, Lines>,
    index_fails: Option<Failing>,
    files_fail: Option<Failing>,
}

struct Copy {
    asked_at: Duration,
    /// The last good lines; `None` when it never had any.
    lines: Option<Lines>,
    is_there: bool,
}

/// What decides about a name (the rules for names).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Claimed(ClaimMode),
    Upstream,
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

fn refused(status: u16, code: &'static str) -> Expected {
    Expected::Refused(vec![(status, code)])
}

fn may_maintain(person: Person) -> bool {
    matches!(person, Person::Admin | Person::Mia)
}

impl Hosted {
    /// A version as people name it: build metadata may be left out, but not be another.
    fn named(&mut self, version: &str) -> Option<&mut HostedVersion> {
        self.versions
            .iter_mut()
            .find(|(known, _)| **known == version || number(known) == version)
            .map(|(_, found)| found)
    }

    /// A version as cargo yanks it, by its number: build-metadata twins are the same version.
    fn find(&mut self, version: &str) -> Option<&mut HostedVersion> {
        self.versions
            .iter_mut()
            .find(|(known, _)| number(known) == number(version))
            .map(|(_, found)| found)
    }

    fn has_number(&self, version: &str) -> bool {
        self.versions
            .keys()
            .any(|known| number(known) == number(version))
    }

    fn has_live(&self) -> bool {
        self.versions.values().any(|version| !version.is_deleted)
    }
}

/// What a name is to this registry.
impl Contract {
    fn treatment(&self, name: &str) -> Treatment {
        let canonical = canonical(name);
        // an exact claim says more than a pattern
        let claim = self.claims.get(&canonical).or_else(|| {
            self.claims
                .get("acme-*")
                .filter(|_| canonical.starts_with("acme-"))
        });
        match claim {
            Some(mode) => Treatment::Claimed(*mode),
            // hosting without a claim counts as private
            None if self.hosts(&canonical) => Treatment::Claimed(ClaimMode::Private),
            None => Treatment::Upstream,
        }
    }

    /// A live version or a tombstone, until the name is released.
    fn hosts(&self, canonical: &str) -> bool {
        self.hosted
            .get(canonical)
            .is_some_and(|hosted| !hosted.is_released)
    }

    /// Another spelling than that of a hosted crate: 404, and not asked upstream.
    fn is_twin(&self, name: &'static str) -> bool {
        let is_other = |hosted: &Hosted| spelling(hosted.name) != name;
        self.treatment(name) != Treatment::Upstream
            && self.hosted.get(&canonical(name)).is_some_and(is_other)
    }

    /// What a person or the registry's patterns say of a version.
    fn quarantine(&self, name: &str, version: &str) -> Option<Quarantine> {
        let canonical = canonical(name);
        if self.is_blocked_by_pattern(&canonical, version) {
            return Some(Quarantine::Block);
        }
        let of_crate = self.quarantines.get(&(canonical.clone(), None));
        let of_version = self
            .quarantines
            .get(&(canonical, Some(number(version).to_owned())));
        if [of_crate, of_version].contains(&Some(&Quarantine::Block)) {
            return Some(Quarantine::Block);
        }
        of_crate.or(of_version).copied()
    }

    fn is_blocked_by_pattern(&self, canonical: &str, version: &str) -> bool {
        let bars = |pattern: &&str| match *pattern {
            "foo-*" => canonical.starts_with("foo-"),
            "acme-*" => canonical.starts_with("acme-"),
            "foo-bar@<1.1" => canonical == "foo-bar" && number(version) == "1.0.0",
            "solo@=1.0.0" => canonical == "solo" && number(version) == "1.0.0",
            "solo@^1" => canonical == "solo" && version.starts_with("1."),
            name => canonical == name,
        };
        let allow = ALLOW[self.allow];
        BLOCK[self.block].iter().any(bars) || (!allow.is_empty() && !allow.iter().any(bars))
    }
}

/// Reading.
impl Contract {
    /// A view's file of a name.
    pub(crate) fn view(&mut self, view: View, name: &'static str) -> Listing {
        let mut listing = match (view, self.treatment(name)) {
            (View::Hosted, _)
            | (View::Index, Treatment::Claimed(ClaimMode::Private | ClaimMode::Fork)) => {
                Ok(self.hosted_lines(name))
            }
            (View::Mirror, Treatment::Claimed(ClaimMode::Private)) => Ok(None),
            _ if self.is_twin(name) => Ok(None),
            (View::Mirror, _) => self.upstream_lines(View::Mirror, name),
            (View::Index, Treatment::Claimed(ClaimMode::Merge)) => self.merged(name),
            (View::Index, Treatment::Upstream) => self
                .upstream_lines(View::Index, name)
                .map(|lines| self.without_taken_numbers(name, lines)),
        }?;
        for (version, line) in listing.iter_mut().flatten() {
            line.yanked |= self.quarantine(name, version).is_some();
        }
        Ok(listing)
    }

    fn hosted_lines(&self, name: &'static str) -> Option<Lines> {
        let hosted = self.hosted.get(&canonical(name))?;
        if spelling(hosted.name) != name {
            return None;
        }
        let lines: Lines = hosted
            .versions
            .iter()
            .filter(|(_, version)| !version.is_deleted)
            .map(|(number, version)| (*number, version.line))
            .collect();
        (!lines.is_empty()).then_some(lines)
    }

    /// Both; a number that both have is the hosted one, and a tombstone keeps its number.
    fn merged(&mut self, name: &'static str) -> Listing {
        let theirs = self.upstream_lines(View::Index, name)?;
        let mut lines = self.without_taken_numbers(name, theirs).unwrap_or_default();
        lines.extend(self.hosted_lines(name).unwrap_or_default());
        Ok((!lines.is_empty()).then_some(lines))
    }

    fn without_taken_numbers(&self, name: &str, lines: Option<Lines>) -> Option<Lines> {
        let Some(hosted) = self.hosted.get(&canonical(name)) else {
            return lines;
        };
        let lines: Lines = lines?
            .into_iter()
            .filter(|(version, _)| !hosted.has_number(version))
            .collect();
        (!lines.is_empty()).then_some(lines)
    }

    /// Upstream's versions. A version that was downloaded before keeps its bytes, whatever upstream says now; a crate that
    /// upstream lost is held.
    fn upstream_lines(&mut self, view: View, name: &'static str) -> Listing {
        self.learn(name)?;
        let copy = &self.copies[name];
        let is_lost = !copy.is_there;
        let Some(mut lines) = copy.lines.clone() else {
            return Ok(None);
        };
        for (version, line) in &mut lines {
            // the old line, but for `yanked`, which is no matter of bytes
            if let Some(first) = self.ledger.get(&(view, name, *version)) {
                line.bytes = *first;
            }
            line.yanked |= is_lost;
        }
        Ok(Some(lines))
    }

    /// Asks upstream about a spelling, unless what was learned is fresh. The last good copy answers for an upstream that
    /// fails; without one, its failure is the answer.
    fn learn(&mut self, name: &'static str) -> Result<(), UpstreamFails> {
        let age = |copy: &Copy| self.now.saturating_sub(copy.asked_at);
        let copy = self.copies.get(name);
        if let Some(copy) = copy {
            // a crate that upstream lost is a last good copy, and no "not there"
            let life = if copy.lines.is_some() {
                FRESHNESS
            } else {
                NEGATIVE
            };
            if age(copy) < life {
                return Ok(());
            }
        }
        let has_good_copy =
            copy.is_some_and(|copy| copy.lines.is_some() && age(copy) < STALE_IF_ERROR);
        match self.ask(name) {
            Err(_) if has_good_copy => Ok(()),
            answered => answered,
        }
    }

    /// Asks upstream, whatever is known.
    fn ask(&mut self, name: &'static str) -> Result<(), UpstreamFails> {
        self.asked.insert(name);
        if self.upstream.index_fails.is_some() {
            return Err(UpstreamFails);
        }
        let lines = self.upstream.crates.get(name).cloned();
        let is_there = lines.is_some();
        let lines = lines.or_else(|| self.copies.remove(name).and_then(|copy| copy.lines));
        let learned = Copy {
            asked_at: self.now,
            lines,
            is_there,
        };
        self.copies.insert(name, learned);
        Ok(())
    }

    /// A version's file. Where somebody gets it, [`delivered`](Self::delivered) has to be told.
    pub(crate) fn download(
        &mut self,
        view: View,
        name: &'static str,
        version: &'static str,
    ) -> Expected {
        let listing = match self.view(view, name) {
            Ok(listing) => listing,
            Err(UpstreamFails) => return Expected::Refused(FAILURES.map(|told| (told, "")).into()),
        };
        let Some(line) = listing.and_then(|mut lines| lines.remove(version)) else {
            return refused(404, "");
        };
        let is_hosted = self.is_hosted(view, name, version);
        let was_served = self.served.contains(&(is_hosted, line.bytes));
        match self.quarantine(name, version) {
            Some(Quarantine::Block) => return refused(403, ""),
            Some(Quarantine::Hold) if !was_served => return refused(403, ""),
            _ => {}
        }
        if is_hosted || self.stored.contains(&line.bytes) {
            return Expected::File(line.bytes);
        }
        if !self.upstream.sends(line.bytes) {
            let is_lost = !self.copies[name].is_there;
            // held without having been served, or a failure of the upstream: both are true
            let held = is_lost.then_some((403, ""));
            let told = FAILURES.map(|told| (told, ""));
            return Expected::Refused(told.into_iter().chain(held).collect());
        }
        if self.upstream.index_fails.is_some() {
            // where its files are is said beside its index, and who knows that for how long is no matter of the contract
            return Expected::FileUnlessItFails(line.bytes);
        }
        Expected::File(line.bytes)
    }

    /// Somebody got a file.
    pub(crate) fn delivered(
        &mut self,
        view: View,
        name: &'static str,
        version: &'static str,
        bytes: Bytes,
    ) {
        let is_hosted = self.is_hosted(view, name, version);
        self.served.insert((is_hosted, bytes));
        if !is_hosted {
            self.stored.insert(bytes);
            self.ledger.entry((view, name, version)).or_insert(bytes);
        }
    }

    fn is_hosted(&self, view: View, name: &str, version: &str) -> bool {
        view != View::Mirror
            && self.treatment(name) != Treatment::Upstream
            && self
                .hosted
                .get(&canonical(name))
                .is_some_and(|hosted| hosted.versions.contains_key(version))
    }
}

/// Writing.
impl Contract {
    /// Lets something happen, and says how it is answered.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Expected {
        self.now += TICK;
        match *operation {
            Operation::Publish(by, bytes) => self.publish(by, bytes),
            Operation::Yank(by, name, version, yanked) => self.yank(by, name, version, yanked),
            Operation::Download(view, name, version) => self.download(view, name, version),
            Operation::Wait(time) => {
                self.pause = time;
                Expected::Silence
            }
            Operation::Restart => {
                self.pause = STALE;
                Expected::Silence
            }
            Operation::Heals => {
                self.upstream.change(operation);
                // an upstream that was down is left alone for a while
                self.pause = STALE;
                Expected::Silence
            }
            Operation::Appears(_)
            | Operation::UpstreamYanks(..)
            | Operation::Vanishes(..)
            | Operation::IndexFails(_)
            | Operation::FilesFail(_) => {
                self.upstream.change(operation);
                Expected::Silence
            }
            // the management API's: the role is asked for first
            Operation::Patterns(allow, block) => {
                (self.allow, self.block) = (allow, block);
                Expected::Done(200)
            }
            Operation::Purge(by, ..) if by != Person::Admin => refused(403, "not-allowed"),
            Operation::Claim(by, ..)
            | Operation::Unclaim(by, ..)
            | Operation::Delete(by, ..)
            | Operation::Restore(by, ..)
            | Operation::Release(by, ..)
            | Operation::Quarantine(by, ..)
            | Operation::Lift(by, ..)
                if !may_maintain(by) =>
            {
                refused(403, "not-allowed")
            }
            Operation::Claim(_, pattern, mode) => self.claim(pattern, mode),
            Operation::Unclaim(_, pattern) => self.unclaim(pattern),
            Operation::Delete(_, name, Some(version)) => self.delete_version(name, version),
            Operation::Delete(_, name, None) => self.delete_crate(name),
            Operation::Restore(_, name, _) if self.is_given_back(name) => {
                // a version that never was may be the first complaint
                Expected::Refused(vec![(409, "name-released"), (404, "no-such-version")])
            }
            Operation::Restore(_, name, version) => {
                let expected = match version {
                    Some(version) => self.restore_version(name, version),
                    None => self.restore_crate(name),
                };
                self.shown(name, expected)
            }
            Operation::Purge(_, name, version) => self.purge(name, version),
            Operation::Release(_, name) => {
                let expected = self.release(name);
                self.shown(name, expected)
            }
            Operation::Quarantine(_, name, version, action) => {
                self.put_quarantine(name, version, action)
            }
            Operation::Lift(_, name, version) => {
                let version = version.map(|version| number(version).to_owned());
                match self.quarantines.remove(&(canonical(name), version)) {
                    Some(_) => Expected::Done(204),
                    None => refused(404, "no-such-quarantine"),
                }
            }
        }
    }

    /// The time that has to pass before anything else happens.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = std::mem::take(&mut self.pause);
        self.now += pause;
        pause
    }

    fn publish(&mut self, by: Person, bytes: Bytes) -> Expected {
        if by == Person::Rob {
            return refused(403, "not-allowed");
        }
        let canonical = canonical(bytes.name);
        let mut complaints = Vec::new();
        if self.is_blocked_by_pattern(&canonical, bytes.version) {
            complaints.push((400, "barred"));
        }
        if let Some(hosted) = self.hosted.get(&canonical) {
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
        complaints.extend(match self.treatment(bytes.name) {
            _ if !complaints.is_empty() => Vec::new(),
            Treatment::Upstream => self.is_upstreams_name(bytes.name),
            Treatment::Claimed(ClaimMode::Merge) => self.is_upstreams_number(bytes),
            Treatment::Claimed(_) => Vec::new(),
        });
        if !complaints.is_empty() {
            self.pause = STALE;
            return Expected::Refused(complaints);
        }
        let hosted = self.hosted.entry(canonical).or_insert_with(|| Hosted {
            name: bytes.name,
            owner: by,
            versions: BTreeMap::new(),
            deleted_with: None,
            is_released: false,
        });
        hosted.is_released = false;
        hosted.deleted_with = None;
        let version = HostedVersion {
            line: Line {
                bytes,
                yanked: false,
            },
            is_deleted: false,
            is_purged: false,
        };
        hosted.versions.insert(bytes.version, version);
        Expected::Done(200)
    }

    /// Publishing a new name that no claim covers: upstream is asked, in every spelling. A "not there" from before does not
    /// count; that it was there counts also while upstream fails.
    fn is_upstreams_name(&mut self, name: &str) -> Vec<(u16, &'static str)> {
        // what was given out as upstream's is upstream's, and nobody has to be asked
        let mut served = self.ledger.keys();
        if served.any(|(view, of, _)| *view == View::Index && canonical(of) == canonical(name)) {
            return vec![(409, "upstream-has-name")];
        }
        let mut complaints = Vec::new();
        for spelling in SPELLINGS {
            if canonical(spelling) != canonical(name) {
                continue;
            }
            let was_there = |copies: &BTreeMap<_, Copy>| {
                let copy = copies.get(spelling);
                copy.is_some_and(|copy: &Copy| copy.lines.is_some())
            };
            let answered = if was_there(&self.copies) {
                self.learn(spelling)
            } else {
                self.ask(spelling)
            };
            if was_there(&self.copies) {
                complaints.push((409, "upstream-has-name"));
            }
            if answered.is_err() || self.upstream.index_fails.is_some() {
                complaints.push((503, "upstream-unsure"));
            }
        }
        complaints
    }

    /// Under `merge`: a number that upstream lists, or that was served as upstream's, is refused unless the bytes are equal.
    fn is_upstreams_number(&mut self, bytes: Bytes) -> Vec<(u16, &'static str)> {
        let name = spelling(bytes.name);
        if self.ask(name).is_err() {
            return vec![(503, "upstream-unsure")];
        }
        let listed = self.copies[name].lines.iter().flatten();
        let listed = listed.map(|(_, line)| line.bytes);
        let served = self.ledger.iter();
        let served = served.filter(|((view, of, _), _)| *view == View::Index && *of == name);
        listed
            .chain(served.map(|(_, served)| *served))
            .filter(|theirs| number(theirs.version) == number(bytes.version) && *theirs != bytes)
            .map(|_| (409, "upstream-has-number"))
            .collect()
    }

    fn yank(&mut self, by: Person, name: &str, version: &'static str, yanked: bool) -> Expected {
        if by == Person::Rob {
            return refused(403, "not-allowed");
        }
        let quarantine = self.quarantine(name, version);
        let Some(hosted) = self.hosted_as(name) else {
            return Expected::Refused(vec![(404, "no-such-crate"), (404, "not-hosted")]);
        };
        let mut complaints = Vec::new();
        if !may_maintain(by) && hosted.owner != by {
            complaints.push((403, "not-an-owner"));
        }
        match hosted.find(version) {
            Some(found) if !found.is_deleted => {
                if !yanked && quarantine.is_some() {
                    complaints.extend([(409, "held"), (409, "blocked")]);
                }
                if complaints.is_empty() {
                    found.line.yanked = yanked;
                    return Expected::Done(200);
                }
            }
            _ => complaints.extend([(404, "no-such-version"), (404, "not-hosted")]),
        }
        Expected::Refused(complaints)
    }

    /// A hosted crate by any case of its spelling; twins are not there.
    fn hosted_as(&mut self, name: &str) -> Option<&mut Hosted> {
        let hosted = self.hosted.get_mut(&canonical(name))?;
        hosted.name.eq_ignore_ascii_case(name).then_some(hosted)
    }

    fn unclaim(&mut self, pattern: &str) -> Expected {
        let pattern = canonical(pattern);
        if self.claims.remove(&pattern).is_none() {
            return refused(404, "no-such-claim");
        }
        self.doubt_absences(&pattern);
        Expected::Done(204)
    }

    /// Where it begins to matter in another way what upstream has, a "not there" is no longer believed.
    fn doubt_absences(&mut self, pattern: &str) {
        self.copies
            .retain(|name, copy| copy.lines.is_some() || !covers(pattern, name));
    }

    /// Also the override of the ledger for the `index` view of what it covers.
    fn claim(&mut self, pattern: &str, mode: ClaimMode) -> Expected {
        let pattern = canonical(pattern);
        if self.claims.contains_key(&pattern) {
            self.pause = STALE;
            return refused(409, "claim-exists");
        }
        self.doubt_absences(&pattern);
        self.ledger
            .retain(|(view, name, _), _| *view != View::Index || !covers(&pattern, name));
        self.claims.insert(pattern, mode);
        Expected::Done(201)
    }
}

/// Whether a claim's pattern covers a name.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => canonical(name).starts_with(prefix),
        None => canonical(name) == pattern,
    }
}

/// Deleting, releasing, quarantine.
impl Contract {
    /// An answer that shows the crate asks upstream as a look at the index does.
    fn shown(&mut self, name: &str, expected: Expected) -> Expected {
        if expected == Expected::Done(200) {
            // whatever upstream says: what was asked for is done
            let _ = self.view(View::Index, spelling(name));
        }
        expected
    }

    /// Released, and claimed by nothing since: the name is upstream's.
    fn is_given_back(&mut self, name: &str) -> bool {
        self.treatment(name) == Treatment::Upstream && self.hosted_as(name).is_some()
    }

    fn delete_version(&mut self, name: &str, version: &'static str) -> Expected {
        let Some(hosted) = self.hosted_as(name) else {
            return not_hosted();
        };
        let Some(found) = hosted.named(version) else {
            return Expected::Refused(vec![(404, "no-such-version"), (404, "not-hosted")]);
        };
        found.is_deleted = true;
        Expected::Done(204)
    }

    fn delete_crate(&mut self, name: &str) -> Expected {
        let Some(hosted) = self.hosted_as(name) else {
            return not_hosted();
        };
        let mut went = BTreeSet::new();
        for (number, version) in &mut hosted.versions {
            if !version.is_deleted {
                version.is_deleted = true;
                went.insert(*number);
            }
        }
        if !went.is_empty() {
            hosted.deleted_with = Some(went);
        }
        Expected::Done(204)
    }

    fn restore_version(&mut self, name: &str, version: &'static str) -> Expected {
        let Some(hosted) = self.hosted_as(name) else {
            return not_hosted();
        };
        let Some(found) = hosted.named(version) else {
            return Expected::Refused(vec![(404, "no-such-version"), (404, "not-hosted")]);
        };
        if !found.is_deleted {
            return refused(409, "not-deleted");
        }
        if found.is_purged {
            return refused(409, "purged");
        }
        found.is_deleted = false;
        hosted.deleted_with = None;
        hosted.is_released = false;
        Expected::Done(200)
    }

    fn restore_crate(&mut self, name: &str) -> Expected {
        let Some(hosted) = self.hosted_as(name) else {
            return not_hosted();
        };
        let Some(went) = hosted.deleted_with.take() else {
            return refused(409, "not-deleted");
        };
        let mut restored = 0;
        for (number, version) in &mut hosted.versions {
            if went.contains(number) && !version.is_purged {
                version.is_deleted = false;
                restored += 1;
            }
        }
        if restored == 0 {
            hosted.deleted_with = Some(went);
            return refused(409, "purged");
        }
        hosted.is_released = false;
        Expected::Done(200)
    }

    fn purge(&mut self, name: &str, version: Option<&'static str>) -> Expected {
        let Some(hosted) = self.hosted_as(name) else {
            return not_hosted();
        };
        let Some(version) = version else {
            if hosted.has_live() {
                return refused(409, "not-deleted");
            }
            for version in hosted.versions.values_mut() {
                version.is_purged |= version.is_deleted;
            }
            return Expected::Done(204);
        };
        match hosted.named(version) {
            None => Expected::Refused(vec![(404, "no-such-version"), (404, "not-hosted")]),
            Some(found) if !found.is_deleted => refused(409, "not-deleted"),
            Some(found) => {
                found.is_purged = true;
                Expected::Done(204)
            }
        }
    }

    fn release(&mut self, name: &str) -> Expected {
        let is_claimed = matches!(self.treatment(name), Treatment::Claimed(_)) && {
            let hosted = self.hosted.remove(&canonical(name));
            let is_claimed = matches!(self.treatment(name), Treatment::Claimed(_));
            hosted.map(|hosted| self.hosted.insert(canonical(name), hosted));
            is_claimed
        };
        let Some(hosted) = self
            .hosted
            .get_mut(&canonical(name))
            .filter(|hosted| hosted.name.eq_ignore_ascii_case(name))
        else {
            return not_hosted();
        };
        let mut complaints = Vec::new();
        if is_claimed {
            complaints.push((409, "claimed"));
        }
        if hosted.has_live() {
            complaints.push((409, "has-versions"));
        }
        if hosted.is_released {
            complaints.push((409, "already-released"));
        }
        if !complaints.is_empty() {
            self.pause = STALE;
            return Expected::Refused(complaints);
        }
        hosted.is_released = true;
        self.doubt_absences(&canonical(name));
        Expected::Done(200)
    }

    fn put_quarantine(
        &mut self,
        name: &'static str,
        version: Option<&'static str>,
        action: Quarantine,
    ) -> Expected {
        let is_private = self.treatment(name) == Treatment::Claimed(ClaimMode::Private);
        let known = self.hosted.get(&canonical(name));
        if let Some(version) = version
            && is_private
            && !known.is_some_and(|hosted| hosted.has_number(version))
        {
            return Expected::Refused(vec![(404, "no-such-version"), (404, "no-such-crate")]);
        }
        let version = version.map(|version| number(version).to_owned());
        self.quarantines.insert((canonical(name), version), action);
        Expected::Done(200)
    }
}

fn not_hosted() -> Expected {
    Expected::Refused(vec![(404, "not-hosted"), (404, "no-such-crate")])
}

impl Upstream {
    fn change(&mut self, operation: &Operation) {
        match *operation {
            Operation::Appears(bytes) if self.may_appear(bytes) => {
                let line = Line {
                    bytes,
                    yanked: false,
                };
                let lines = self.crates.entry(bytes.name).or_default();
                lines.insert(bytes.version, line);
            }
            Operation::UpstreamYanks(name, version, yanked) => {
                if let Some(line) = self
                    .crates
                    .get_mut(name)
                    .and_then(|lines| lines.get_mut(version))
                {
                    line.yanked = yanked;
                }
            }
            Operation::Vanishes(name, version) => {
                let lines = self.crates.entry(name).or_default();
                lines.retain(|known, _| version.is_some_and(|gone| gone != *known));
                if lines.is_empty() {
                    self.crates.remove(name);
                }
            }
            Operation::IndexFails(failing) => self.index_fails = Some(failing),
            Operation::FilesFail(failing) => self.files_fail = Some(failing),
            Operation::Heals => (self.index_fails, self.files_fail) = (None, None),
            _ => {}
        }
    }

    /// Whether these bytes come when they are asked for.
    fn sends(&self, wanted: Bytes) -> bool {
        let lines = self.crates.get(wanted.name);
        let listed = lines.and_then(|lines| lines.get(wanted.version));
        self.files_fail.is_none() && listed.is_some_and(|line| line.bytes == wanted)
    }

    /// An upstream has each number once, as crates.io does.
    fn may_appear(&self, bytes: Bytes) -> bool {
        self.crates.get(bytes.name).is_none_or(|lines| {
            lines
                .keys()
                .all(|known| *known == bytes.version || number(known) != number(bytes.version))
        })
    }
}

/// What the fake upstream must have, for the driver to bring about.
impl Contract {
    pub(crate) fn upstreams(&self) -> &BTreeMap<&'static str, Lines> {
        &self.upstream.crates
    }
}
