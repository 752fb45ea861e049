//! How often somebody may do something: publishing, signing in, and trying tokens and codes.
//!
//! | what | whose | where it is counted |
//! |---|---|---|
//! | publishes | a principal's | in memory |
//! | bad tokens, refused identities of jobs, codes of logins that there are not | an address's | in memory |
//! | sign-ins with a password | an account's from one address | in the database |
//! | the same | an account's from all addresses | in the database |
//! | the same | an address's, everybody's together but from where the account signed in lately | in memory |
//! | returns from a provider that come to nothing | an address's | in memory |
//! | logins that a person approves, the codes that they type | an address's, a user's | in memory |
//!
//! What is counted in memory is counted by each server for itself: several of them allow several times as much. It is there
//! against floods, for which that will do. Guesses of one account's password are counted in the database, by all servers
//! together. Of an IPv6 address its network counts ([`audit::network`]), for whoever has one address there has all of
//! them; where no address is known, that is one address too.
//!
//! # Passwords, and who can lock out whom
//!
//! An attempt is taken before the password is looked at and given back when it was right: a thousand guesses at once are not
//! more than ten. All is counted by the name as it was typed, whether there is such an account or not.
//!
//! A limit on the account alone would let anybody lock anybody out, without end. So there are two. Few guesses from *one*
//! network; that keeps out whoever guesses, and those beside them in the same network. And many more from *all* networks
//! together, against somebody with many addresses; that one does not hold for networks from which the account has signed in
//! with its password within the last 90 days. So an attacker from elsewhere can keep somebody from signing in with the
//! password at a new place for as long as the attack lasts, and nowhere else. Tokens, browsers that are signed in, and
//! single sign-on do not pass here at all.
//!
//! A third bounds what the sign-ins of everybody cost one server, against somebody with thousands of addresses. It does not hold
//! for those networks either: what it would refuse is looked up among them first, which is a read.

mod buckets;
mod too_many;

use std::{net::IpAddr, time::Duration};

use supercargo_store::{AuditOutcome, LimitUse};
use supercargo_types::{AccountName, Digest, Rate, Timestamp};

use self::buckets::Buckets;
pub use self::too_many::TooMany;
use crate::{
    Caller, DeviceLoginRefused, Failure, Instance, Rates, audit,
    refusal::{Outcome, Refusal},
    rights::{Denied, MayPublish},
};

/// The network from which an account signed in is known for so long.
const KNOWN_FOR: Duration = Duration::from_hours(90 * 24);
/// Failed sign-ins of everybody: each costs a write to the database, for which those who do something else must not wait when
/// guesses come from thousands of addresses.
const SIGN_INS: Rate = Rate::each_second(200, 20);
/// Entries of the audit log about one limit that is reached, and about all of them: somebody with many addresses, or many names,
/// would otherwise fill it.
const TOLD: Rate = Rate::each_minute(1, 1);
const TOLD_IN_ALL: Rate = Rate::each_minute(60, 60);
/// Each login that a person is to approve is a row until it ends, and anybody can begin one.
const DEVICE_LOGINS: Rate = Rate::each_minute(30, 6);
/// A code is guessed with a chance of one in 25,600 million for each that waits; people mistype a few.
const DEVICE_CODES: Rate = Rate::each_minute(30, 6);

/// What is counted in memory.
pub(crate) struct RateLimits {
    publishes: Buckets<i64>,
    sign_ins: Buckets<()>,
    sign_ins_of_address: Buckets<Option<IpAddr>>,
    sign_on_returns: Buckets<Option<IpAddr>>,
    token_guesses: Buckets<Option<IpAddr>>,
    device_logins: Buckets<Option<IpAddr>>,
    device_codes: Buckets<i64>,
    told: Buckets<Digest>,
    told_in_all: Buckets<()>,
}

impl RateLimits {
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            publishes: Buckets::new(rates.publishes),
            sign_ins: Buckets::new(Some(SIGN_INS)),
            sign_ins_of_address: Buckets::new(rates.sign_ins_of_address),
            sign_on_returns: Buckets::new(rates.sign_ins_of_address),
            token_guesses: Buckets::new(rates.token_guesses),
            device_logins: Buckets::new(Some(DEVICE_LOGINS)),
            device_codes: Buckets::new(Some(DEVICE_CODES)),
            told: Buckets::new(Some(TOLD)),
            told_in_all: Buckets::new(Some(TOLD_IN_ALL)),
        }
    }

    /// Takes one sign-in from what memory counts.
    ///
    /// # Errors
    /// How long to wait, and who has used it up. Where that is everybody, the address has its use for now: it is given back, or
    /// used after all.
    fn take_sign_in(&self, network: Option<IpAddr>, now: Timestamp) -> Result<(), UsedUp> {
        let of_address = self.sign_ins_of_address.take(network, now);
        of_address.map_err(UsedUp::ByAddress)?;
        self.sign_ins.take((), now).map_err(UsedUp::ByEverybody)
    }

    /// Gives it back. Of a network that needed none of everybody's, they get one more.
    fn give_sign_in_back(&self, network: Option<IpAddr>) {
        self.sign_ins_of_address.give_back(&network);
        self.sign_ins.give_back(&());
    }
}

/// Who has used up what memory counts, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UsedUp {
    ByAddress(Duration),
    ByEverybody(Duration),
}

/// What a sign-in with a password is counted by.
struct SignIn {
    network: Option<IpAddr>,
    /// The account from this network, and from all of them, where these are limited.
    uses: Vec<LimitUse>,
    /// Stands while the account is known to sign in from this network.
    known: Digest,
}

impl Instance {
    /// Takes one attempt to sign in with a password, before the password is looked at. Nothing more is to be done when it was
    /// wrong; when it was right, [`Instance::sign_in_succeeded`] gives the attempt back.
    ///
    /// `account` is the name as it was typed, whether there is such an account or not.
    ///
    /// # Errors
    /// [`TooMany::SignIns`] when nothing is left, whatever the password is.
    pub async fn before_sign_in(&self, account: &str, caller: &Caller) -> Outcome<()> {
        let now = self.clock().now();
        let sign_in = self.sign_in(account, caller);
        // memory first: it costs nothing, and keeps one address from filling the database with names
        match self.rate_limits.take_sign_in(sign_in.network, now) {
            Ok(()) => {}
            Err(UsedUp::ByAddress(wait)) => {
                let whose = "by this address";
                let key = format!("{whose} {:?}", sign_in.network);
                self.note_limited(&Digest::of(key.as_bytes()), whose, caller);
                return Err(Refusal::from(TooMany::SignIns { wait }).into());
            }
            // who floods must not keep people out where they are at home
            Err(UsedUp::ByEverybody(_)) if self.store.mark_stands(&sign_in.known, now).await? => {}
            Err(UsedUp::ByEverybody(wait)) => {
                let of_address = &self.rate_limits.sign_ins_of_address;
                of_address.give_back(&sign_in.network);
                let whose = "by everybody together";
                self.note_limited(&Digest::of(whose.as_bytes()), whose, caller);
                return Err(Refusal::from(TooMany::SignIns { wait }).into());
            }
        }
        if sign_in.uses.is_empty() {
            return Ok(());
        }
        let Some(reached) = self.store.use_limits(&sign_in.uses, now).await? else {
            return Ok(());
        };
        // what is no account's name may be a password that was typed in the wrong place
        let whose = match account.parse::<AccountName>() {
            Ok(name) => format!("as `{name}`"),
            Err(_) => "as what is no account's name".to_owned(),
        };
        self.note_limited(&sign_in.uses[reached.place].key, &whose, caller);
        Err(Refusal::from(TooMany::SignIns { wait: reached.wait }).into())
    }

    /// Gives back what [`Instance::before_sign_in`] took, and all that the account had used up before; from now on this network
    /// is one from which the account signs in.
    pub async fn sign_in_succeeded(&self, account: &str, caller: &Caller) -> Outcome<()> {
        let sign_in = self.sign_in(account, caller);
        self.rate_limits.give_sign_in_back(sign_in.network);
        let keys: Vec<_> = sign_in.uses.iter().map(|used| used.key).collect();
        let until = self.clock().now().plus(KNOWN_FOR);
        self.store
            .clear_limits(&keys, &sign_in.known, until)
            .await?;
        Ok(())
    }

    fn sign_in(&self, account: &str, caller: &Caller) -> SignIn {
        let rates = self.rates();
        let network = caller.network();
        let account = account.to_lowercase();
        // the rate stands in the key: of another one, what is stored says nothing
        let key = |what: &str, rate: Option<Rate>, network: &str| {
            let rate = rate.map(|rate| rate.to_string()).unwrap_or_default();
            Digest::of(format!("{what}\0{rate}\0{network}\0{account}").as_bytes())
        };
        let shown = network.map(|network| network.to_string());
        let shown = shown.unwrap_or_default();
        let known = key("known", None, &shown);
        let from_here = rates.sign_ins.map(|rate| LimitUse {
            key: key("sign-in", Some(rate), &shown),
            rate,
            unless: None,
        });
        let from_everywhere = rates.sign_ins_of_account.map(|rate| LimitUse {
            key: key("sign-in from everywhere", Some(rate), ""),
            rate,
            unless: Some(known),
        });
        SignIn {
            network,
            // in this order on every server
            uses: from_here.into_iter().chain(from_everywhere).collect(),
            known,
        }
    }

    /// Not one entry for each attempt: whoever guesses must not fill the log. The attempts before have used up what an address
    /// may write to it, so these have bounds of their own.
    fn note_limited(&self, key: &Digest, whose: &str, caller: &Caller) {
        let (now, limits) = (self.clock().now(), &self.rate_limits);
        if limits.told.take(*key, now).is_err() || limits.told_in_all.take((), now).is_err() {
            return;
        }
        let mut entry = self.audit("sign_in.limited", None, caller);
        entry.outcome = AuditOutcome::Denied;
        entry.detail = Some(format!("too many failed sign-ins {whose}"));
        self.note_bounded(entry);
    }

    /// Takes one return from a provider, before the provider is asked about it: anybody can come back with a made-up code, and
    /// one address must not take all places of those who are asked about.
    pub(crate) fn before_sign_on_return(&self, caller: &Caller) -> Outcome<()> {
        let returns = &self.rate_limits.sign_on_returns;
        let network = caller.network();
        returns.take(network, self.clock().now()).map_err(|wait| {
            let whose = "with the provider, by this address";
            let key = format!("{whose} {network:?}");
            self.note_limited(&Digest::of(key.as_bytes()), whose, caller);
            Refusal::from(TooMany::SignIns { wait }).into()
        })
    }

    /// Gives it back where the provider has said who it is.
    pub(crate) fn sign_on_returned(&self, caller: &Caller) {
        self.rate_limits
            .sign_on_returns
            .give_back(&caller.network());
    }

    /// What somebody is told who came with a bad token: that it is bad, or that too many come from this address. A good token
    /// never comes here, so one job with an old token locks nobody out who shares its address.
    pub fn bad_token(&self, denied: Denied, address: Option<IpAddr>) -> Failure {
        self.guessed(denied, address.map(audit::network))
    }

    /// The same for the identity of a job that was refused.
    pub(crate) fn bad_identity(&self, denied: Denied, caller: &Caller) -> Failure {
        self.guessed(denied, caller.network())
    }

    /// The same for one in the place of a password.
    pub(crate) fn bad_sign_in_token(&self, denied: Denied, caller: &Caller) -> Failure {
        self.guessed(denied, caller.network())
    }

    /// What a program is told that asks for a login that there is not: that it is over, or that too many such questions come
    /// from its address. The code of a login that waits never comes here.
    pub(crate) fn unknown_device_code(&self, caller: &Caller) -> Failure {
        let guesses = &self.rate_limits.token_guesses;
        match guesses.take(caller.network(), self.clock().now()) {
            Ok(()) => DeviceLoginRefused::Expired.into(),
            Err(wait) => Refusal::from(TooMany::BadTokens {
                why: DeviceLoginRefused::Expired.to_string(),
                wait,
            })
            .into(),
        }
    }

    fn guessed(&self, denied: Denied, network: Option<IpAddr>) -> Failure {
        let guesses = &self.rate_limits.token_guesses;
        match guesses.take(network, self.clock().now()) {
            Ok(()) => denied.into(),
            Err(wait) => Refusal::from(TooMany::BadTokens {
                why: denied.sentence(None),
                wait,
            })
            .into(),
        }
    }

    /// Takes one publish of a principal; a publish that is refused later has been one too.
    pub(crate) fn before_publish(&self, right: &MayPublish) -> Outcome<()> {
        let (publishes, actor) = (&self.rate_limits.publishes, &right.actor);
        let taken = publishes.take(actor.principal_id, self.clock().now());
        taken.map_err(|wait| {
            let rate = publishes.rate().expect("invariant: it has refused");
            let principal = actor.principal.to_string();
            Refusal::from(TooMany::Publishes {
                principal,
                rate,
                wait,
            })
            .into()
        })
    }

    /// Takes one login that a person is to approve, which anybody can begin.
    pub fn before_device_login(&self, caller: &Caller) -> Outcome<()> {
        let logins = &self.rate_limits.device_logins;
        logins
            .take(caller.network(), self.clock().now())
            .map_err(|wait| Refusal::from(TooMany::DeviceLogins { wait }).into())
    }

    /// Takes one code that a user types to approve such a login, before it is looked for.
    pub fn before_device_code(&self, principal_id: i64) -> Outcome<()> {
        let codes = &self.rate_limits.device_codes;
        codes
            .take(principal_id, self.clock().now())
            .map_err(|wait| Refusal::from(TooMany::DeviceCodes { wait }).into())
    }
}

impl Caller {
    /// What the caller's address stands for.
    fn network(&self) -> Option<IpAddr> {
        let address = self.address.as_deref()?.parse().ok()?;
        Some(audit::network(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_795_219_200);

    /// Many addresses, each with a few guesses: what they cost the database has an end, and comes back with time.
    #[test]
    fn guesses_from_thousands_of_addresses_have_an_end() {
        let limits = RateLimits::new(&Rates::default());
        let from = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let mut taken = 0;
        for number in 0..5000 {
            taken += u32::from(limits.take_sign_in(from(number), START).is_ok());
        }
        assert_eq!(taken, SIGN_INS.burst());
        let refused = limits.take_sign_in(from(1), START);
        let wait = Duration::from_millis(50);
        assert_eq!(refused, Err(UsedUp::ByEverybody(wait)));
        assert_eq!(limits.take_sign_in(from(1), START.plus(wait)), Ok(()));
        // what is right costs nothing
        for _ in 0..1000 {
            let now = START.plus(wait * 2);
            assert_eq!(limits.take_sign_in(from(2), now), Ok(()));
            limits.give_sign_in_back(from(2));
        }
    }
}
