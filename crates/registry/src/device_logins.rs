//! Logins that a person approves in a browser, as in RFC 8628: a program asks, shows an address and a short code, and asks again
//! until a person has decided there. The token is made for the person when the program asks next, with what the person may do
//! then.
//!
//! Anybody can ask. So what waits is bounded, nothing about accounts or registries is told before somebody has approved, and the
//! person is shown from where and by which program the token is wanted: the attack is a link that somebody else has sent.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use supercargo_store::{
    DeviceLoginCreated, DeviceLoginRow, MostDeviceLogins, NewDeviceLogin, PrincipalRow,
};
use supercargo_types::{
    Digest, NamePattern, PrincipalKind, PrincipalRef, Random, RegistryName, Role, Scope, Scopes,
    Timestamp, TokenHash, TokenSecret,
};
use utoipa::ToSchema;

use crate::{
    Caller, Instance, audit,
    refusal::{Outcome, Refusal},
    rights::{Actor, Denied, SignedIn},
    tokens::{self, NewToken, TokenRequest},
};

/// How long a person has, and the program for its last question.
const LIFE: Duration = Duration::from_mins(10);
/// How long a program waits between two questions.
const INTERVAL: Duration = Duration::from_secs(2);
/// A program that asks sooner than this after its last question is told to slow down; networks are not exact.
const TOO_SOON: Duration = Duration::from_secs(1);
/// Logins that wait: as many as people behind one address may begin within ten minutes, and as the table may hold.
const MOST: MostDeviceLogins = MostDeviceLogins {
    of_address: 64,
    in_all: 10_000,
};
/// Registries, and patterns of crates, that one login may name: each is a row of so many bytes that anybody can have stored.
const NAMED: usize = 20;
/// Codes that no login waits with are remembered shortly, so that asking for one does not reach the database each time.
const REMEMBERED_STRANGERS: u64 = 10_000;
const STRANGER_FOR: Duration = Duration::from_secs(10);
/// How often a fresh short code may be one that waits already.
const ATTEMPTS: usize = 5;
/// Letters that are no vowels, so that no code is a word (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Of a short code, in letters.
const CODE: usize = 8;
/// Of a long code, in hexadecimal digits.
const DEVICE_CODE: usize = 64;
/// What a token gets where nothing is said: what cargo needs of a person.
const SCOPES: [Scope; 4] = [Scope::Read, Scope::Publish, Scope::Yank, Scope::Owners];
/// How long a token works where nothing is said, and at most.
const DAYS: u32 = 30;
const LONGEST_DAYS: u32 = 365;

/// What a program asks for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceLoginRequest {
    /// The token that it wants.
    pub token: DeviceTokenRequest,
}

/// A token that a person is asked to approve. It is made for that person.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceTokenRequest {
    /// By which its owner knows it again.
    pub name: String,
    /// Default `read`, `publish`, `yank` and `owners`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Narrowed to these; null is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registries: Option<Vec<RegistryName>>,
    /// Writes narrowed to these; null is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crates: Option<Vec<NamePattern>>,
    /// Days from the moment at which it is made: 30 where nothing is said, 365 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u32>,
    /// Or hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_hours: Option<u32>,
}

/// What a program is told that has asked.
#[derive(Clone, Serialize, ToSchema)]
pub struct DeviceLogin {
    /// By which the program asks for the outcome; a secret.
    pub device_code: String,
    /// What it shows to the person, who compares it: `BCDF-GHJK`.
    pub user_code: String,
    /// Where the person types it.
    pub verification_url: String,
    /// The same with the code in it.
    pub verification_url_complete: String,
    /// How long it holds, in seconds.
    pub expires_in: u64,
    /// How long to wait between two questions, in seconds.
    pub interval: u64,
}

/// A program that waits, as the person sees it who decides.
#[derive(Clone, Debug)]
pub struct WaitingLogin {
    /// What the program shows, too.
    pub user_code: String,
    /// What it calls itself.
    pub program: Option<String>,
    /// Where it ran when it asked: an address, or an IPv6 network.
    pub address: Option<String>,
    /// When it asked.
    pub asked_at: Timestamp,
    /// Until when the person can decide.
    pub expires_at: Timestamp,
    /// The token that it wants; its end is where it would be if it were made now.
    pub token: TokenRequest,
}

/// Why a login does not go on. The sentences say what each variant is.
#[expect(missing_docs, reason = "each variant's sentence stands right above it")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceLoginRefused {
    #[error("nobody has approved this login yet; ask again in two seconds")]
    Pending,
    #[error("this login is asked for too often; ask again in two seconds")]
    SlowDown,
    #[error("this login was refused in the browser; log in again if that was a mistake")]
    Denied,
    #[error(
        "this login is over: a code holds for ten minutes and is good for one token; log in again"
    )]
    Expired,
    #[error(
        "no program waits with the code `{0}`; compare it with the one that the program shows, or log in again: a code holds for ten minutes"
    )]
    UnknownCode(String),
    #[error(
        "that is no code of a login: one has eight letters, such as `BCDF-GHJK`, without vowels"
    )]
    NoCode,
    #[error("this login was decided already; log in again where that was not meant")]
    Decided,
    #[error("too many logins wait for somebody now; try again in some minutes")]
    TooMany,
}

impl DeviceLoginRefused {
    /// Stable, for tools; the first four are those of RFC 8628.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Pending => "authorization-pending",
            Self::SlowDown => "slow-down",
            Self::Denied => "access-denied",
            Self::Expired => "expired-code",
            Self::UnknownCode(_) => "no-such-login",
            Self::NoCode => "invalid-login-code",
            Self::Decided => "login-decided",
            Self::TooMany => "too-many-logins-wait",
        }
    }

    /// When to come back, where that helps.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::SlowDown => Some(INTERVAL),
            Self::TooMany => Some(Duration::from_mins(1)),
            _ => None,
        }
    }
}

/// What one process remembers of logins that wait. Lost with it: then a program may ask a little sooner.
pub(crate) struct DeviceLogins {
    /// When a login was last asked for, by its id.
    asked: Cache<String, Timestamp>,
    /// Codes that no login waits with.
    strangers: Cache<TokenHash, ()>,
}

impl DeviceLogins {
    pub(crate) fn new() -> Self {
        Self {
            asked: Cache::builder()
                .max_capacity(MOST.in_all)
                .time_to_live(LIFE)
                .build(),
            strangers: Cache::builder()
                .max_capacity(REMEMBERED_STRANGERS)
                .time_to_live(STRANGER_FOR)
                .build(),
        }
    }

    /// Whether this question comes too soon after the last one.
    fn is_too_soon(&self, id: &str, now: Timestamp) -> bool {
        let last = self.asked.get(id);
        self.asked.insert(id.to_owned(), now);
        last.is_some_and(|last| now.since(last) < TOO_SOON)
    }
}

impl DeviceTokenRequest {
    /// The token that would be made now.
    fn token(&self, now: Timestamp) -> Result<TokenRequest, Refusal> {
        let registries = self.registries.iter().map(Vec::len);
        if registries
            .chain(self.crates.iter().map(Vec::len))
            .any(|named| named > NAMED)
        {
            return Err(shape(
                "a login names 20 registries and 20 patterns of crates at most; leave them out for all",
            ));
        }
        let life = match (self.expires_in_days, self.expires_in_hours) {
            (Some(_), Some(_)) => {
                return Err(shape(
                    "give `expires_in_days` or `expires_in_hours`, not both",
                ));
            }
            (None, Some(hours)) if hours == 0 || hours > LONGEST_DAYS * 24 => {
                return Err(shape("`expires_in_hours` is from 1 to 8760"));
            }
            (None, Some(hours)) => Duration::from_hours(hours.into()),
            (Some(days), None) if days == 0 || days > LONGEST_DAYS => {
                return Err(shape("`expires_in_days` is from 1 to 365"));
            }
            (days, None) => Duration::from_hours(u64::from(days.unwrap_or(DAYS)) * 24),
        };
        let request = TokenRequest {
            name: self.name.clone(),
            principal: None,
            scopes: Some(self.scopes.unwrap_or_else(|| SCOPES.into_iter().collect())),
            registries: self.registries.clone(),
            crates: self.crates.clone(),
            expires_in_days: None,
            expires_at: Some(now.plus(life)),
        };
        request.check_shape()?;
        Ok(request)
    }
}

fn shape(text: &str) -> Refusal {
    Refusal::TokenShape(text.to_owned())
}

/// Where a program runs, as it is counted and shown: of an IPv6 address the network, for whoever has one of it has all.
fn place_of(address: &str) -> String {
    match address.parse() {
        Ok(address @ IpAddr::V6(_)) => format!("{}/64", audit::network(address)),
        _ => address.to_owned(),
    }
}

/// As it is stored and shown: `BCDF-GHJK`.
fn user_code(random: &Random) -> String {
    let mut code = String::with_capacity(CODE + 1);
    while code.len() < CODE + 1 {
        let [byte] = random.bytes();
        // 240 is a multiple of 20: otherwise some letters would be likelier than others
        if byte < 240 {
            code.push(LETTERS[usize::from(byte) % LETTERS.len()].into());
        }
        if code.len() == CODE / 2 {
            code.push('-');
        }
    }
    code
}

/// What a person has typed, as it is stored: in any case, with a dash or without.
fn typed(text: &str) -> Result<String, DeviceLoginRefused> {
    // a page shows it again: no more than could be a code
    if text.len() > 64 {
        return Err(DeviceLoginRefused::NoCode);
    }
    let letters: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    if letters.len() != CODE || !letters.bytes().all(|letter| LETTERS.contains(&letter)) {
        return Err(DeviceLoginRefused::NoCode);
    }
    let (first, second) = letters.split_at(CODE / 2);
    Ok(format!("{first}-{second}"))
}

/// Who has approved, with all that a person may do who is signed in.
fn approver(
    (row, roles): (PrincipalRow, Vec<(i64, Role)>),
    token: &supercargo_store::NewToken,
) -> Arc<Actor> {
    Arc::new(Actor {
        token_id: token.id.clone(),
        principal_id: row.id,
        principal: PrincipalRef {
            kind: row.kind,
            name: row.name,
        },
        instance_role: row.instance_role,
        roles: roles.into_iter().collect(),
        scopes: Scopes::all(),
        registries: None,
        crates: None,
        expires_at: None,
        subject: None,
        noted_use: AtomicI64::new(0),
        hash: token.hash,
    })
}

impl Instance {
    /// Has a program wait for a person. Whoever asks is not known, and learns nothing.
    ///
    /// # Errors
    /// [`Refusal::TokenShape`]; [`crate::TooMany`] and [`DeviceLoginRefused::TooMany`].
    pub async fn begin_device_login(
        &self,
        request: &DeviceLoginRequest,
        caller: &Caller,
    ) -> Outcome<DeviceLogin> {
        let now = self.clock().now();
        request.token.token(now)?;
        self.before_device_login(caller)?;
        let device_code = Digest::from_bytes(self.random().bytes()).hex();
        for _ in 0..ATTEMPTS {
            let new = NewDeviceLogin {
                id: tokens::new_id(self),
                hash: TokenHash::from_digest(Digest::of(device_code.as_bytes())),
                user_code: user_code(self.random()),
                request: serde_json::to_string(&request.token)
                    .map_err(|error| crate::Failure::fault(error.into()))?,
                address: caller.address.as_deref().map(place_of),
                user_agent: caller.user_agent.clone(),
                now,
                expires_at: now.plus(LIFE),
            };
            match self.store.create_device_login(&new, MOST).await? {
                DeviceLoginCreated::Done => return Ok(self.told(device_code, new.user_code)),
                DeviceLoginCreated::Taken => {}
                DeviceLoginCreated::Full => break,
            }
        }
        Err(DeviceLoginRefused::TooMany.into())
    }

    fn told(&self, device_code: String, user_code: String) -> DeviceLogin {
        let verification_url = format!("{}/-/login/device", self.site().base());
        DeviceLogin {
            device_code,
            verification_url_complete: format!("{verification_url}?code={user_code}"),
            user_code,
            verification_url,
            expires_in: LIFE.as_secs(),
            interval: INTERVAL.as_secs(),
        }
    }

    /// What a person is asked to approve, who has typed a code.
    ///
    /// # Errors
    /// [`DeviceLoginRefused`] for a code that nobody waits with; [`crate::TooMany`]; [`Denied`] for who could not approve it.
    pub async fn waiting_device_login(
        &self,
        person: &SignedIn,
        code: &str,
    ) -> Outcome<WaitingLogin> {
        let (row, request) = self.waiting(person, code).await?;
        Ok(WaitingLogin {
            user_code: row.user_code,
            program: row.user_agent,
            address: row.address,
            asked_at: row.created_at,
            expires_at: row.expires_at,
            token: request.token(self.clock().now())?,
        })
    }

    /// A login that waits, of which only a person hears.
    async fn waiting(
        &self,
        person: &SignedIn,
        code: &str,
    ) -> Outcome<(DeviceLoginRow, DeviceTokenRequest)> {
        let actor = &person.0;
        if actor.principal.kind != PrincipalKind::User {
            return Err(Denied::Right(
                "a login is approved by a person, and this is no account of one".to_owned(),
            )
            .into());
        }
        let code = typed(code)?;
        self.before_device_code(actor.principal_id)?;
        let now = self.clock().now();
        let row = self.store.device_login_by_user_code(&code).await?;
        let Some(row) = row.filter(|row| row.expires_at > now) else {
            return Err(DeviceLoginRefused::UnknownCode(code).into());
        };
        if row.decided_at.is_some() {
            return Err(DeviceLoginRefused::Decided.into());
        }
        let request = serde_json::from_str(&row.request)
            .map_err(|error| crate::Failure::fault(error.into()))?;
        Ok((row, request))
    }

    /// A person approves or refuses, once.
    ///
    /// # Errors
    /// As for [`Self::waiting_device_login`]; [`Denied`] and [`Refusal::TokenShape`] for a token that the person could not make.
    pub async fn decide_device_login(
        &self,
        person: &SignedIn,
        code: &str,
        approved: bool,
        caller: &Caller,
    ) -> Outcome<()> {
        let (row, request) = self.waiting(person, code).await?;
        let actor = &person.0;
        let now = self.clock().now();
        let token = request.token(now)?;
        if approved {
            self.wanted(actor, &token).await?;
        }
        let action = if approved {
            "device_login.approved"
        } else {
            "device_login.denied"
        };
        let mut audit = self.audit(action, Some(actor), caller);
        let scopes = token.scopes.unwrap_or(Scopes::READ);
        audit.detail = Some(format!(
            "`{}`: {scopes}; asked for from {} by {}",
            token.name,
            row.address.as_deref().unwrap_or("an unknown address"),
            row.user_agent.as_deref().unwrap_or("an unknown program"),
        ));
        let by = approved.then_some(actor.principal_id);
        let decided = self.store.decide_device_login(&row.id, by, now, &audit);
        if decided.await? {
            Ok(())
        } else {
            Err(DeviceLoginRefused::Decided.into())
        }
    }

    /// What has become of a login: its token, once, or why there is none. It is made for who has approved, with what that person
    /// may do now.
    ///
    /// # Errors
    /// [`DeviceLoginRefused`]; [`crate::TooMany`] for who asks with too many codes that there are not; as for making a token.
    pub async fn redeem_device_login(
        &self,
        device_code: &str,
        caller: &Caller,
    ) -> Outcome<NewToken> {
        let expired = || self.unknown_device_code(caller);
        if device_code.len() != DEVICE_CODE {
            return Err(expired());
        }
        let hash = TokenHash::from_digest(Digest::of(device_code.as_bytes()));
        let strangers = &self.device_logins.strangers;
        if strangers.contains_key(&hash) {
            return Err(expired());
        }
        let now = self.clock().now();
        let row = self.store.device_login_by_hash(&hash).await?;
        let Some(row) = row.filter(|row| row.expires_at > now) else {
            // none has this code ever after: each is made of 256 random bits
            strangers.insert(hash, ());
            return Err(expired());
        };
        if row.decided_at.is_none() {
            let refused = if self.device_logins.is_too_soon(&row.id, now) {
                DeviceLoginRefused::SlowDown
            } else {
                DeviceLoginRefused::Pending
            };
            return Err(refused.into());
        }
        if row.approved_by.is_none() {
            return Err(DeviceLoginRefused::Denied.into());
        }
        let Some(person) = self.store.device_login_approver(&row.id).await? else {
            // another question was faster, or the account that approved has ended meanwhile
            let is_there = self.store.device_login_by_hash(&hash).await?.is_some();
            return Err(if is_there {
                DeviceLoginRefused::Denied.into()
            } else {
                expired()
            });
        };
        let request: DeviceTokenRequest = serde_json::from_str(&row.request)
            .map_err(|error| crate::Failure::fault(error.into()))?;
        self.make_approved(&row.id, person, &request.token(now)?, caller)
            .await
    }

    async fn make_approved(
        &self,
        login: &str,
        person: (PrincipalRow, Vec<(i64, Role)>),
        request: &TokenRequest,
        caller: &Caller,
    ) -> Outcome<NewToken> {
        let secret = TokenSecret::generate(self.random());
        let scopes = request.scopes.unwrap_or(Scopes::READ);
        let row = self.new_row(&secret, request, scopes, request.expires_at);
        let maker = approver(person, &row);
        self.wanted(&maker, request).await?;
        let mut made = self.audit("token.created", Some(&maker), caller);
        made.detail = Some(format!("{} for {}: {scopes}", row.id, maker.principal));
        let mut signed_in = self.audit("sign_in.done", Some(&maker), caller);
        signed_in.detail = Some("a program that was approved in the browser".to_owned());
        let audit = [made, signed_in];
        let redeem = self
            .store
            .redeem_device_login(login, maker.principal_id, &row, &audit);
        if !self.write_people(redeem).await? {
            return Err(DeviceLoginRefused::Expired.into());
        }
        Ok(NewToken::of(secret, row, maker.principal.clone()))
    }
}

impl From<DeviceLoginRefused> for crate::Failure {
    fn from(refused: DeviceLoginRefused) -> Self {
        Refusal::from(refused).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attack is a code that is likelier than others, or one that is read as another.
    #[test]
    fn a_code_is_eight_letters_that_are_no_vowels() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let code = user_code(&Random::System);
            assert_eq!(typed(&code), Ok(code.clone()));
            assert_eq!(code.find('-'), Some(4), "{code}");
            seen.extend(code.bytes().filter(|letter| *letter != b'-'));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), LETTERS);
    }

    #[test]
    fn a_code_is_typed_in_any_case_and_with_or_without_its_dash() {
        for text in ["bcdfghjk", "BCDF-GHJK", " bcdf ghjk\n", "b-c-d-f-g-h-j-k"] {
            assert_eq!(typed(text).as_deref(), Ok("BCDF-GHJK"), "{text}");
        }
        let long = "B".repeat(65);
        for text in ["", "BCDF-GHJ", "BCDF-GHJA", "BCDF-GHJKL", "ßCDFGHJK", &long] {
            assert_eq!(typed(text), Err(DeviceLoginRefused::NoCode), "{text}");
        }
    }

    fn request(json: &str) -> Result<TokenRequest, String> {
        let request: DeviceLoginRequest =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let now = Timestamp::from_seconds(0);
        request.token.token(now).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_of_a_login_ends() {
        let ends = |json: &str| {
            let request = request(json).unwrap();
            request.expires_at.unwrap().as_seconds() / 3600
        };
        assert_eq!(ends(r#"{"token":{"name":"x"}}"#), 30 * 24);
        assert_eq!(ends(r#"{"token":{"name":"x","expires_in_hours":12}}"#), 12);
        assert_eq!(
            ends(r#"{"token":{"name":"x","expires_in_days":365}}"#),
            8760
        );
        for bad in [
            r#"{"token":{"name":"x","expires_in_days":366}}"#,
            r#"{"token":{"name":"x","expires_in_days":0}}"#,
            r#"{"token":{"name":"x","expires_in_hours":0}}"#,
            r#"{"token":{"name":"x","expires_in_hours":8761}}"#,
            r#"{"token":{"name":"x","expires_in_hours":1,"expires_in_days":1}}"#,
            r#"{"token":{"name":"x","principal":"service:ci"}}"#,
            r#"{"token":{"name":""}}"#,
            r"{}",
        ] {
            assert!(request(bad).is_err(), "{bad}");
        }
    }

    /// The attack is a table that is filled with long rows.
    #[test]
    fn a_login_names_a_few_registries_and_patterns() {
        for field in ["registries", "crates"] {
            for (number, is_taken) in [(20, true), (21, false)] {
                let names = vec![r#""acme""#; number].join(",");
                let asked = format!(r#"{{"token":{{"name":"x","{field}":[{names}]}}}}"#);
                assert_eq!(request(&asked).is_ok(), is_taken, "{asked}");
            }
        }
    }

    /// The attack is whoever has all addresses of a network.
    #[test]
    fn all_addresses_of_a_network_are_one_place() {
        for address in ["2001:db8:1:2::3", "2001:db8:1:2:ffff::"] {
            assert_eq!(place_of(address), "2001:db8:1:2::/64");
        }
        assert_eq!(place_of("192.0.2.1"), "192.0.2.1");
        assert_eq!(place_of("elsewhere"), "elsewhere");
    }
}
