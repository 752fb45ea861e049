//! How a name is resolved, and what a download of it gives.

use std::collections::BTreeMap;

use supercargo_types::{ClaimMode, View};

use super::{
    Contract, Expected, FAILURES, Line, Listing, UpstreamFails, canonical,
    elsewhere::Known,
    refused,
    registry::{Promise, Treatment},
    spelling,
};
use crate::operation::{Bytes, Place, Quarantine, Remote, Upstream};

/// A version on its way into a view.
#[derive(Clone, Copy)]
struct Offer {
    bytes: Bytes,
    /// As its publisher says.
    yanked: bool,
    /// The strongest of all registries on its way.
    verdict: Option<Quarantine>,
    /// Held because of its upstream.
    missing: Option<Missing>,
    /// `None`: hosted.
    from: Option<Upstream>,
}

/// What an upstream does not give any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// The crate.
    Lost,
    /// The bytes that were served: it lists others, and those are stored nowhere.
    Changed,
}

type Offers = BTreeMap<&'static str, Offer>;

/// What a registry answers.
struct Resolved {
    /// Empty: not there.
    offers: Offers,
    /// Who reads through this registry looks no further.
    is_decided: bool,
    /// Its upstreams had a say.
    asks_upstream: bool,
}

/// What the upstreams of a registry say.
struct Search {
    found: Option<(Upstream, Offers)>,
    is_ended: bool,
}

/// What follows once somebody has got a download.
pub(super) struct Delivery {
    view: View,
    name: &'static str,
    version: &'static str,
    bytes: Bytes,
    /// The registries that it goes through, each with the upstream that it has it from.
    through: Vec<(Place, Option<Upstream>)>,
    fetched_from: Option<Remote>,
}

impl Offer {
    fn shown(&self) -> Line {
        Line {
            bytes: self.bytes,
            yanked: self.yanked || self.verdict.is_some() || self.missing.is_some(),
        }
    }
}

fn stronger(one: Option<Quarantine>, other: Option<Quarantine>) -> Option<Quarantine> {
    let block = Some(Quarantine::Block);
    if one == block || other == block {
        block
    } else {
        one.or(other)
    }
}

/// Views.
impl Contract {
    /// A view's file of a name.
    pub(crate) fn view(&mut self, place: Place, view: View, name: &'static str) -> Listing {
        let offers = self.resolve(place, view, name)?.offers;
        let shown = |(version, offer): (&&'static str, &Offer)| (*version, offer.shown());
        Ok((!offers.is_empty()).then(|| offers.iter().map(shown).collect()))
    }

    /// Nothing that is listed, or something that decides: a registry that has an answer about the name.
    pub(super) fn is_free_in(
        &mut self,
        place: Place,
        name: &'static str,
    ) -> Result<bool, UpstreamFails> {
        let resolved = self.resolve(place, View::Index, name)?;
        Ok(resolved.offers.is_empty() && !resolved.is_decided)
    }

    /// Whether the upstreams of a registry have a say about a name.
    pub(super) fn asks_upstream(
        &mut self,
        place: Place,
        name: &'static str,
    ) -> Result<bool, UpstreamFails> {
        Ok(self.resolve(place, View::Index, name)?.asks_upstream)
    }

    fn resolve(
        &mut self,
        place: Place,
        view: View,
        name: &'static str,
    ) -> Result<Resolved, UpstreamFails> {
        let registry = self.at(place);
        let is_decided = registry.has_decided(name);
        let hosted = self.hosted_offers(place, name);
        let settled = |offers| Resolved {
            offers,
            is_decided,
            asks_upstream: false,
        };
        let own = match (view, registry.treatment(name)) {
            (View::Hosted, _)
            | (View::Index, Treatment::Claimed(ClaimMode::Private | ClaimMode::Fork)) => {
                return Ok(settled(hosted));
            }
            (View::Mirror, Treatment::Claimed(ClaimMode::Private)) => {
                return Ok(settled(Offers::new()));
            }
            _ if registry.is_twin(name) => return Ok(settled(Offers::new())),
            // both; a number that both have is the hosted one
            (View::Index, Treatment::Claimed(ClaimMode::Merge)) => hosted,
            (View::Mirror, _) | (View::Index, Treatment::Upstream) => Offers::new(),
        };
        let search = self.search(place, view, name)?;
        let mut offers = match search.found {
            Some((upstream, offers)) => self.as_promised(place, view, name, upstream, offers),
            None => Offers::new(),
        };
        if view == View::Index
            && let Some(hosted) = self.at(place).hosted.get(&canonical(name))
        {
            // a tombstone keeps its number
            offers.retain(|version, _| !hosted.has_number(version));
        }
        offers.extend(own);
        Ok(Resolved {
            offers,
            is_decided: is_decided || search.is_ended,
            asks_upstream: true,
        })
    }

    fn hosted_offers(&self, place: Place, name: &'static str) -> Offers {
        let registry = self.at(place);
        let hosted = registry.hosted.get(&canonical(name));
        let Some(hosted) = hosted.filter(|hosted| spelling(hosted.name) == name) else {
            return Offers::new();
        };
        let live = hosted.versions.iter().filter(|(_, it)| !it.is_deleted);
        live.map(|(version, it)| {
            let offer = Offer {
                bytes: it.line.bytes,
                yanked: it.line.yanked,
                verdict: registry.quarantine(name, version),
                missing: None,
                from: None,
            };
            (*version, offer)
        })
        .collect()
    }

    /// The upstreams in order, or the pinned one alone. Only a definite "not there" moves on. Who is served is pinned.
    fn search(
        &mut self,
        place: Place,
        view: View,
        name: &'static str,
    ) -> Result<Search, UpstreamFails> {
        let is_pinned = self.at(place).pins.contains_key(name);
        let mut lost = None;
        let mut found = None;
        for upstream in self.at(place).askable(name) {
            let offers = match upstream {
                Upstream::Elsewhere(remote) => {
                    let known = self.learn(remote, name)?;
                    let Some(offers) = self.known_offers(remote, name) else {
                        continue;
                    };
                    let is_there = self.copies[&(remote, name)].is_there;
                    if !is_there && !is_pinned && known == Known::Answered {
                        // another one may have it; where nobody has, what is cached is held
                        lost = lost.or(Some((upstream, offers)));
                        continue;
                    }
                    offers
                }
                Upstream::Shared => {
                    // the mirror view reads the mirror view
                    let inner = self.resolve(Place::Shared, view, name)?;
                    if inner.offers.is_empty() && inner.is_decided {
                        return Ok(Search {
                            found: None,
                            is_ended: true,
                        });
                    }
                    if inner.offers.is_empty() {
                        continue;
                    }
                    inner.offers
                }
            };
            found = Some((upstream, offers));
            break;
        }
        let found = found.or(lost);
        if let Some((upstream, _)) = found {
            self.at_mut(place).pins.entry(name).or_insert(upstream);
        }
        Ok(Search {
            found,
            is_ended: false,
        })
    }

    /// The last good copy; a crate that upstream lost is held.
    fn known_offers(&self, remote: Remote, name: &'static str) -> Option<Offers> {
        let copy = &self.copies[&(remote, name)];
        let offer = |(version, line): (&&'static str, &Line)| {
            let offer = Offer {
                bytes: line.bytes,
                yanked: line.yanked,
                verdict: None,
                missing: (!copy.is_there).then_some(Missing::Lost),
                from: None,
            };
            (*version, offer)
        };
        Some(copy.lines.as_ref()?.iter().map(offer).collect())
    }

    /// What an upstream offers, as this registry passes it on: a version that was downloaded before keeps its bytes, whatever
    /// upstream says now.
    fn as_promised(
        &self,
        place: Place,
        view: View,
        name: &'static str,
        upstream: Upstream,
        mut offers: Offers,
    ) -> Offers {
        let registry = self.at(place);
        for (version, offer) in &mut offers {
            offer.from = Some(upstream);
            offer.verdict = stronger(registry.quarantine(name, version), offer.verdict);
            let promise = registry.ledger.get(&(view, name, *version));
            // the old line, but for `yanked`, which is no matter of bytes
            if let Some(promise) = promise
                && promise.bytes != offer.bytes
            {
                offer.bytes = promise.bytes;
                let is_stored = self.is_stored(place, upstream, Some(*promise), offer.bytes);
                let missing = (!is_stored).then_some(Missing::Changed);
                let lost = offer.missing.filter(|missing| *missing == Missing::Lost);
                offer.missing = missing.or(lost);
            }
        }
        offers
    }

    /// Whether bytes were fetched from the upstream that offers them, or from the one that they were promised from while it is
    /// attached. Elsewhere on the server they may be another's.
    fn is_stored(
        &self,
        place: Place,
        upstream: Upstream,
        promise: Option<Promise>,
        bytes: Bytes,
    ) -> bool {
        let registry = self.at(place);
        let is_attached = |from: &Upstream| {
            let mut upstreams = registry.upstreams.iter();
            upstreams.any(|attached| attached.upstream == *from)
        };
        let promised_by = promise.map(|promise| promise.from).filter(is_attached);
        [Some(upstream), promised_by].iter().flatten().any(|from| {
            matches!(from, Upstream::Elsewhere(remote) if self.stored.contains(&(*remote, bytes)))
        })
    }
}

/// Downloads.
impl Contract {
    /// A version's file. Where somebody gets it, [`delivered`](Self::delivered) has to be told.
    pub(crate) fn download(
        &mut self,
        place: Place,
        view: View,
        name: &'static str,
        version: &'static str,
    ) -> Expected {
        self.under_way = None;
        let failure = || Expected::Refused(FAILURES.map(|told| (told, "")).into());
        let Ok(mut resolved) = self.resolve(place, view, name) else {
            return failure();
        };
        if !resolved.offers.contains_key(version) && resolved.asks_upstream {
            // whoever asks for it has seen it somewhere
            let again = self.look_again(place, view, name);
            let again = again.and_then(|()| self.resolve(place, view, name));
            let Ok(again) = again else {
                return failure();
            };
            resolved = again;
        }
        let Some(offer) = resolved.offers.get(version).copied() else {
            return refused(404, "");
        };
        let registry = self.at(place);
        let was_served = registry.has_served(name, offer.bytes);
        match offer.verdict {
            Some(Quarantine::Block) => return refused(403, ""),
            Some(Quarantine::Hold) if !was_served => return refused(403, ""),
            _ => {}
        }
        let promise = registry.ledger.get(&(view, name, version)).copied();
        let mut delivery = Delivery {
            view,
            name,
            version,
            bytes: offer.bytes,
            through: vec![(place, offer.from)],
            fetched_from: None,
        };
        let expected = match offer.from {
            None => Expected::File(offer.bytes),
            Some(from) if self.is_stored(place, from, promise, offer.bytes) => {
                Expected::File(offer.bytes)
            }
            Some(_) if offer.missing == Some(Missing::Changed) => failure(),
            Some(Upstream::Elsewhere(remote)) => {
                delivery.fetched_from = Some(remote);
                self.fetch(remote, offer)
            }
            Some(Upstream::Shared) => match self.download(Place::Shared, view, name, version) {
                Expected::File(bytes) | Expected::FileUnlessItFails(bytes)
                    if bytes != offer.bytes =>
                {
                    failure()
                }
                expected => {
                    if let Some(inner) = self.under_way.take() {
                        delivery.through.extend(inner.through);
                        delivery.fetched_from = inner.fetched_from;
                    }
                    expected
                }
            },
        };
        self.under_way = Some(delivery);
        expected
    }

    fn fetch(&self, remote: Remote, offer: Offer) -> Expected {
        let elsewhere = self.elsewhere(remote);
        if !elsewhere.sends(offer.bytes) {
            // held without having been served, or a failure of the upstream: both are true
            let held = (offer.missing == Some(Missing::Lost)).then_some((403, ""));
            let told = FAILURES.map(|told| (told, ""));
            return Expected::Refused(told.into_iter().chain(held).collect());
        }
        if elsewhere.index_fails.is_some() {
            // where its files are is said beside its index, and who knows that for how long is no matter of the contract
            return Expected::FileUnlessItFails(offer.bytes);
        }
        Expected::File(offer.bytes)
    }

    /// Asks the upstreams of a name anew, as far as the one that has it.
    fn look_again(
        &mut self,
        place: Place,
        view: View,
        name: &'static str,
    ) -> Result<(), UpstreamFails> {
        for upstream in self.at(place).askable(name) {
            match upstream {
                Upstream::Elsewhere(remote) => {
                    self.learn_anew(remote, name)?;
                    if self.was_there(remote, name) {
                        break;
                    }
                }
                Upstream::Shared => {
                    let inner = self.resolve(Place::Shared, view, name)?;
                    if inner.asks_upstream {
                        self.look_again(Place::Shared, view, name)?;
                    }
                    if inner.is_decided || !inner.offers.is_empty() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Somebody got the file of the last download.
    pub(crate) fn delivered(&mut self) {
        let Some(delivery) = self.under_way.take() else {
            return;
        };
        let Delivery {
            view,
            name,
            version,
            bytes,
            ..
        } = delivery;
        for (place, from) in delivery.through {
            let registry = self.at_mut(place);
            registry.served.insert((name, bytes));
            if let Some(from) = from {
                let promise = Promise { bytes, from };
                let key = (view, name, version);
                registry.ledger.entry(key).or_insert(promise);
            }
        }
        if let Some(remote) = delivery.fetched_from {
            self.stored.insert((remote, bytes));
        }
    }

    /// The versions that a registry of this server lists, with their bytes; `None` where it has no answer about the name.
    pub(super) fn listed_in(
        &mut self,
        place: Place,
        name: &'static str,
    ) -> Result<Option<Vec<Bytes>>, UpstreamFails> {
        let resolved = self.resolve(place, View::Index, name)?;
        let has_answer = resolved.is_decided || !resolved.offers.is_empty();
        let offers = resolved.offers.values();
        Ok(has_answer.then(|| offers.map(|offer| offer.bytes).collect()))
    }
}
