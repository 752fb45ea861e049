//! All issuers that were asked, with their keys: in memory, for a while, one flight each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use supercargo_types::{Clock, Random, Timestamp};
use supercargo_upstream::{FailureReason, UpstreamClient};

use crate::{
    IssuerFailed, IssuerProblem, IssuerUrl, TokenRejected,
    discovery::{Asking, Known},
    jwt::{Claims, Unproven},
    keys::Proof,
};

/// Issuers that are kept. Each is in a rule or the settings; the limit is for those whose rules are gone.
const ISSUERS: usize = 1_024;

/// Limits and patience with issuers.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// For one answer, to its last byte. Somebody waits for it: a job, or a person in front of a browser.
    pub timeout: Duration,
    /// How long keys are believed. A key that its issuer has withdrawn works as long.
    pub keys_life: Duration,
    /// How long they are believed while the issuer cannot be asked for newer ones: a short outage of it must not stop every
    /// build.
    pub stale_life: Duration,
    /// The least time between two questions for keys because of a token with an unknown one: a flood of tokens with invented
    /// names of keys must not become a flood of questions.
    pub doubt_pause: Duration,
    /// How long a failure is repeated to whoever asks before the issuer is asked again.
    pub failure_pause: Duration,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            keys_life: Duration::from_mins(10),
            stale_life: Duration::from_hours(1),
            doubt_pause: Duration::from_secs(30),
            failure_pause: Duration::from_secs(5),
        }
    }
}

type Answer = Result<Arc<Known>, IssuerFailed>;
type Flight = Shared<BoxFuture<'static, Answer>>;

/// Asks issuers and remembers their keys. One per process; clones share what is remembered.
#[derive(Clone)]
pub struct Issuers(Arc<Inner>);

struct Inner {
    client: UpstreamClient,
    clock: Clock,
    random: Random,
    settings: IssuerSettings,
    slots: Mutex<HashMap<IssuerUrl, Slot>>,
}

#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    failed: Option<(Timestamp, IssuerFailed)>,
    /// The last time that a question began.
    asked: Option<Timestamp>,
    flight: Option<Flight>,
}

struct Kept {
    known: Arc<Known>,
    since: Timestamp,
}

/// What a slot has to say before anybody is asked.
enum Next {
    Have(Answer),
    Wait(Flight),
}

impl Issuers {
    /// Nothing is asked yet.
    pub fn new(
        client: UpstreamClient,
        clock: Clock,
        random: Random,
        settings: IssuerSettings,
    ) -> Self {
        Self(Arc::new(Inner {
            client,
            clock,
            random,
            settings,
            slots: Mutex::default(),
        }))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn random(&self) -> &Random {
        &self.0.random
    }

    pub(crate) fn asking<'a>(&'a self, issuer: &'a IssuerUrl) -> Asking<'a> {
        Asking {
            client: &self.0.client,
            issuer,
            patience: self.0.settings.timeout,
        }
    }

    /// Whether an issuer describes itself and lists keys, asked anew: for whoever puts one into a rule or the settings.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn test(&self, issuer: &IssuerUrl) -> Result<(), IssuerFailed> {
        self.asking(issuer).fetch().await.map(drop)
    }

    /// What a token says, proved by a key of `issuer`. Its times and its audience are the caller's to look at.
    pub(crate) async fn prove(
        &self,
        issuer: &IssuerUrl,
        token: Unproven<'_>,
    ) -> Result<Claims, TokenRejected> {
        let named = token.issuer()?;
        if named != issuer.as_str() {
            return Err(TokenRejected::Issuer(named.to_owned()));
        }
        let known = self.known(issuer, None).await?;
        let mut proof = token.proof(&known.keys);
        if proof == Proof::NoKey {
            // it may have new ones
            let newer = self.known(issuer, Some(&known)).await?;
            proof = token.proof(&newer.keys);
        }
        match proof {
            Proof::Sound => Ok(token.into_claims()),
            Proof::Forged => Err(TokenRejected::Signature),
            Proof::NoKey => {
                let key = token.key().map(str::to_owned);
                Err(TokenRejected::UnknownKey(key))
            }
        }
    }

    /// An issuer from memory, or asked; asked anew where `doubted` is the one in memory, and that was not just so.
    pub(crate) async fn known(&self, issuer: &IssuerUrl, doubted: Option<&Arc<Known>>) -> Answer {
        let next = self.next(issuer, doubted);
        let answer = match next {
            Next::Have(answer) => return answer,
            Next::Wait(flight) => flight.await,
        };
        match answer {
            // a token with an unknown key cannot be judged by old keys
            Err(failed) if doubted.is_none() => self.stale(issuer).ok_or(failed),
            answer => answer,
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<IssuerUrl, Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, issuer: &IssuerUrl, doubted: Option<&Arc<Known>>) -> Next {
        let now = self.now();
        let settings = &self.0.settings;
        let mut slots = self.slots();
        make_room(&mut slots, issuer);
        let slot = slots.entry(issuer.clone()).or_default();
        if let Some(kept) = &slot.kept {
            let is_fresh = !has_passed(settings.keys_life, kept.since, now);
            let was_just_asked = slot
                .asked
                .is_some_and(|asked| !has_passed(settings.doubt_pause, asked, now));
            let serves = match doubted {
                None => is_fresh,
                Some(doubted) => !Arc::ptr_eq(doubted, &kept.known),
            };
            // one under way is waited for also by those who doubt
            let is_left_alone = doubted.is_some() && was_just_asked && slot.flight.is_none();
            if serves {
                return Next::Have(Ok(kept.known.clone()));
            }
            if is_left_alone {
                let failed = slot.failed.as_ref().map(|(_, failed)| failed.clone());
                return Next::Have(failed.map_or_else(|| Ok(kept.known.clone()), Err));
            }
        }
        // one that has ended and still stands here did so by a panic
        if let Some(flight) = slot.flight.clone().filter(|flight| flight.peek().is_none()) {
            return Next::Wait(flight);
        }
        if let Some((at, failed)) = &slot.failed
            && !has_passed(settings.failure_pause, *at, now)
        {
            let failed = failed.clone();
            let stale = slot.kept.as_ref().filter(|_| doubted.is_none());
            let stale = stale.filter(|kept| !has_passed(settings.stale_life, kept.since, now));
            return Next::Have(stale.map(|kept| kept.known.clone()).ok_or(failed));
        }
        let flight = self.start(issuer.clone());
        slot.asked = Some(now);
        slot.flight = Some(flight.clone());
        Next::Wait(flight)
    }

    fn stale(&self, issuer: &IssuerUrl) -> Option<Arc<Known>> {
        let now = self.now();
        let slots = self.slots();
        let kept = slots.get(issuer)?.kept.as_ref()?;
        let is_usable = !has_passed(self.0.settings.stale_life, kept.since, now);
        is_usable.then(|| kept.known.clone())
    }

    /// A task of its own: it goes on when the caller who started it hangs up.
    fn start(&self, issuer: IssuerUrl) -> Flight {
        let issuers = self.clone();
        let asked = issuer.clone();
        let task = tokio::spawn(async move {
            let answer = issuers.asking(&asked).fetch().await.map(Arc::new);
            issuers.land(&asked, &answer);
            answer
        });
        let flight = async move {
            task.await.unwrap_or_else(|_| {
                let reason = "was not asked, for this server is closing down".to_owned();
                let reason = IssuerProblem::Connection(FailureReason::Refused(reason));
                Err(IssuerFailed::new(&issuer, reason))
            })
        };
        flight.boxed().shared()
    }

    fn land(&self, issuer: &IssuerUrl, answer: &Answer) {
        let now = self.now();
        let mut slots = self.slots();
        let slot = slots.entry(issuer.clone()).or_default();
        slot.flight = None;
        match answer {
            Ok(known) => {
                slot.failed = None;
                slot.kept = Some(Kept {
                    known: known.clone(),
                    since: now,
                });
            }
            Err(failed) => {
                tracing::warn!(reason = %failed, "an issuer of identities does not answer as one");
                slot.failed = Some((now, failed.clone()));
            }
        }
    }
}

/// Whether so much time is over; also when a clock was set back, so that nothing is believed or left alone for ever.
fn has_passed(span: Duration, since: Timestamp, now: Timestamp) -> bool {
    now < since || now.since(since) >= span
}

fn make_room(slots: &mut HashMap<IssuerUrl, Slot>, wanted: &IssuerUrl) {
    if slots.len() < ISSUERS || slots.contains_key(wanted) {
        return;
    }
    let idle = slots.iter().filter(|(_, slot)| slot.flight.is_none());
    let oldest = idle.min_by_key(|(_, slot)| slot.asked);
    if let Some(oldest) = oldest.map(|(issuer, _)| issuer.clone()) {
        slots.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_issuers_the_one_that_was_asked_longest_ago_goes() {
        let name = |number: usize| -> IssuerUrl {
            format!("https://{number}.acme.example").parse().unwrap()
        };
        let mut slots = HashMap::new();
        for number in 0..ISSUERS {
            let seconds = i64::try_from(number).unwrap() + i64::from(number == 0) * 5_000;
            let asked = Some(Timestamp::from_seconds(seconds));
            let slot = Slot {
                asked,
                ..Slot::default()
            };
            slots.insert(name(number), slot);
        }
        make_room(&mut slots, &name(7));
        assert_eq!(slots.len(), ISSUERS, "it has its place");
        make_room(&mut slots, &name(ISSUERS));
        assert_eq!(slots.len(), ISSUERS - 1);
        assert!(!slots.contains_key(&name(1)), "the oldest");
    }
}
