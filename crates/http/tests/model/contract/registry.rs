//! One registry: what a name is to it, what it hosts, and what people do with that.

use std::collections::{BTreeMap, BTreeSet};

use supercargo_types::{ClaimMode, View};

use super::{Expected, Line, canonical, number, refused, spelling};
use crate::operation::{ALLOW, Attached, BLOCK, Bytes, LISTS, Person, Quarantine, Upstream};

/// A registry of the server.
pub(super) struct Registry {
    pub(super) hosted: BTreeMap<String, Hosted>,
    pub(super) claims: BTreeMap<String, ClaimMode>,
    pub(super) quarantines: BTreeMap<(String, Option<String>), Quarantine>,
    pub(super) allow: usize,
    pub(super) block: usize,
    /// In order.
    pub(super) upstreams: &'static [Attached],
    /// From which of them each spelling is read, since it was first served.
    pub(super) pins: BTreeMap<&'static str, Upstream>,
    pub(super) ledger: BTreeMap<(View, &'static str, &'static str), Promise>,
    /// What it ever gave to somebody, under which spelling; no claim takes that back.
    pub(super) served: BTreeSet<(&'static str, Bytes)>,
}

/// What a view gave out as a version.
#[derive(Clone, Copy)]
pub(super) struct Promise {
    pub(super) bytes: Bytes,
    pub(super) from: Upstream,
}

/// A crate that was ever hosted here.
pub(super) struct Hosted {
    pub(super) name: &'static str,
    pub(super) owner: Person,
    pub(super) versions: BTreeMap<&'static str, HostedVersion>,
    /// Deleted as a whole: these went with it.
    pub(super) deleted_with: Option<BTreeSet<&'static str>>,
    pub(super) is_released: bool,
}

pub(super) struct HostedVersion {
    pub(super) line: Line,
    pub(super) is_deleted: bool,
    is_purged: bool,
}

/// What decides about a name (the rules for names).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    Claimed(ClaimMode),
    Upstream,
}

pub(super) fn may_maintain(person: Person) -> bool {
    matches!(person, Person::Admin | Person::Mia)
}

pub(super) fn only_reads(person: Person) -> bool {
    matches!(person, Person::Rob | Person::Sam)
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

    pub(super) fn has_number(&self, version: &str) -> bool {
        self.versions
            .keys()
            .any(|known| number(known) == number(version))
    }

    fn has_live(&self) -> bool {
        self.versions.values().any(|version| !version.is_deleted)
    }
}

/// What a name is to this registry.
impl Registry {
    pub(super) fn new(list: usize) -> Self {
        Self {
            hosted: BTreeMap::new(),
            claims: BTreeMap::new(),
            quarantines: BTreeMap::new(),
            allow: 0,
            block: 0,
            upstreams: LISTS[list],
            pins: BTreeMap::new(),
            ledger: BTreeMap::new(),
            served: BTreeSet::new(),
        }
    }

    pub(super) fn treatment(&self, name: &str) -> Treatment {
        match self.claim_on(name) {
            Some(mode) => Treatment::Claimed(mode),
            // hosting without a claim counts as private
            None if self.hosts(&canonical(name)) => Treatment::Claimed(ClaimMode::Private),
            None => Treatment::Upstream,
        }
    }

    fn claim_on(&self, name: &str) -> Option<ClaimMode> {
        let canonical = canonical(name);
        // an exact claim says more than a pattern
        let claim = self.claims.get(&canonical).or_else(|| {
            self.claims
                .get("acme-*")
                .filter(|_| canonical.starts_with("acme-"))
        });
        claim.copied()
    }

    /// A live version or a tombstone, until the name is released.
    fn hosts(&self, canonical: &str) -> bool {
        self.hosted
            .get(canonical)
            .is_some_and(|hosted| !hosted.is_released)
    }

    /// Another spelling than that of a hosted crate: 404, and not asked upstream.
    pub(super) fn is_twin(&self, name: &'static str) -> bool {
        let is_other = |hosted: &Hosted| spelling(hosted.name) != name;
        self.treatment(name) != Treatment::Upstream
            && self.hosted.get(&canonical(name)).is_some_and(is_other)
    }

    /// A name that it hosts, claims, tombstones or blocks, twins included: who reads through it looks no further.
    pub(super) fn has_decided(&self, name: &str) -> bool {
        let canonical = canonical(name);
        self.claim_on(name).is_some()
            || self.hosted.contains_key(&canonical)
            || self.quarantines.keys().any(|(of, _)| *of == canonical)
            || !ALLOW[self.allow].is_empty()
            || BLOCK[self.block].iter().any(|pattern| {
                let pattern = pattern.split('@').next().unwrap_or(pattern);
                covers(pattern, name)
            })
    }

    /// Its upstreams that may be asked for a name, in order.
    pub(super) fn takers(&self, name: &str) -> impl Iterator<Item = Upstream> + use<> {
        let name = name.to_owned();
        let attached = self.upstreams.iter();
        let takes = move |attached: &&Attached| takes(attached, &name);
        attached.filter(takes).map(|attached| attached.upstream)
    }

    /// Whether a version was ever given to somebody.
    pub(super) fn has_served(&self, name: &'static str, bytes: Bytes) -> bool {
        self.served.contains(&(name, bytes))
    }

    /// Who is asked for a name, in order: the one that it is pinned to alone.
    pub(super) fn askable(&self, name: &'static str) -> Vec<Upstream> {
        match self.pins.get(name) {
            Some(pinned) => vec![*pinned],
            None => self.takers(name).collect(),
        }
    }

    /// What a person or the registry's patterns say of a version.
    pub(super) fn quarantine(&self, name: &str, version: &str) -> Option<Quarantine> {
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

    pub(super) fn is_blocked_by_pattern(&self, canonical: &str, version: &str) -> bool {
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

    /// A hosted crate by any case of its spelling; twins are not there.
    fn hosted_as(&mut self, name: &str) -> Option<&mut Hosted> {
        let hosted = self.hosted.get_mut(&canonical(name))?;
        hosted.name.eq_ignore_ascii_case(name).then_some(hosted)
    }

    /// Released, and claimed by nothing since: the name is upstream's.
    pub(super) fn is_given_back(&mut self, name: &str) -> bool {
        self.treatment(name) == Treatment::Upstream && self.hosted_as(name).is_some()
    }
}

fn takes(attached: &Attached, name: &str) -> bool {
    let is_covered = |patterns: &[&str]| patterns.iter().any(|pattern| covers(pattern, name));
    (attached.only.is_empty() || is_covered(attached.only)) && !is_covered(attached.except)
}

/// Whether a pattern covers a name.
pub(super) fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => canonical(name).starts_with(prefix),
        None => canonical(name) == pattern,
    }
}

/// Upstreams.
impl Registry {
    /// Detaching an upstream drops its pins, and so does a pattern that does not pass the name any more.
    pub(super) fn attach(&mut self, by: Person, list: usize) -> Expected {
        if by != Person::Admin {
            return refused(403, "not-allowed");
        }
        self.upstreams = LISTS[list];
        let upstreams = self.upstreams;
        self.pins.retain(|name, upstream| {
            let mut attached = upstreams.iter();
            attached.any(|attached| attached.upstream == *upstream && takes(attached, name))
        });
        Expected::Done(200)
    }

    pub(super) fn pin(&mut self, name: &str, upstream: Upstream) -> Expected {
        if !self.takers(name).any(|taker| taker == upstream) {
            return refused(422, "not-attached");
        }
        self.pins.insert(spelling(name), upstream);
        Expected::Done(200)
    }
}

/// Yanking, deleting, releasing, quarantine.
impl Registry {
    pub(super) fn yank(
        &mut self,
        by: Person,
        name: &str,
        version: &'static str,
        yanked: bool,
    ) -> Expected {
        if only_reads(by) {
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

    pub(super) fn take_in(&mut self, by: Person, bytes: Bytes) {
        let hosted = self
            .hosted
            .entry(canonical(bytes.name))
            .or_insert_with(|| Hosted {
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
    }

    pub(super) fn delete_version(&mut self, name: &str, version: &'static str) -> Expected {
        let Some(hosted) = self.hosted_as(name) else {
            return not_hosted();
        };
        let Some(found) = hosted.named(version) else {
            return Expected::Refused(vec![(404, "no-such-version"), (404, "not-hosted")]);
        };
        found.is_deleted = true;
        Expected::Done(204)
    }

    pub(super) fn delete_crate(&mut self, name: &str) -> Expected {
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

    pub(super) fn restore_version(&mut self, name: &str, version: &'static str) -> Expected {
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

    pub(super) fn restore_crate(&mut self, name: &str) -> Expected {
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

    pub(super) fn purge(&mut self, name: &str, version: Option<&'static str>) -> Expected {
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

    pub(super) fn release(&mut self, name: &str) -> Expected {
        let is_claimed = self.claim_on(name).is_some();
        let Some(hosted) = self.hosted_as(name) else {
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
            return Expected::Refused(complaints);
        }
        hosted.is_released = true;
        Expected::Done(200)
    }

    pub(super) fn put_quarantine(
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

    pub(super) fn lift(&mut self, name: &str, version: Option<&'static str>) -> Expected {
        let version = version.map(|version| number(version).to_owned());
        match self.quarantines.remove(&(canonical(name), version)) {
            Some(_) => Expected::Done(204),
            None => refused(404, "no-such-quarantine"),
        }
    }
}

fn not_hosted() -> Expected {
    Expected::Refused(vec![(404, "not-hosted"), (404, "no-such-crate")])
}
