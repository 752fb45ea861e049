//! Browsers that are signed in: sessions, whose secret is a cookie and of which only the hash is stored.
//!
//! A browser's secret stands for its person with every scope, so it works on pages alone: never in the management API, which
//! takes tokens and knows no cookies, so that another site's page cannot make a browser act there. Like tokens, sessions are
//! held in memory under the generation of people and memberships.

mod listed;
#[cfg(test)]
mod tests;
mod with_token;

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::hmac;
use moka::sync::Cache;
use supercargo_store::{NewBrowser, SignedInBrowser};
use supercargo_types::{Digest, Random, Scopes, Timestamp, TokenHash};

pub use self::listed::Session;
use crate::{
    Caller, Instance, KnownUser,
    jobs::JobKind,
    refusal::Outcome,
    rights::{Actor, Denied},
    settings::SecretKey,
    tokens,
};

/// A few hundred bytes each.
const REMEMBERED: u64 = 20_000;
/// Well-formed secrets that are none of ours: remembered shortly, so that guessing does not reach the database each time.
const REMEMBERED_STRANGERS: u64 = 10_000;
const STRANGER_FOR: Duration = Duration::from_secs(10);
/// For requests that were under way when a secret was replaced.
const FORMER_FOR: Duration = Duration::from_secs(30);
/// How exactly the last use is known.
const USES_EVERY: Duration = Duration::from_secs(1);
/// What an audit row and [`Actor::token_id`] say instead of a token's id.
const SESSION: &str = "session:";

/// How long a browser stays signed in.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// At the latest so long after it has signed in.
    pub lifetime: Duration,
    /// So long after its last request.
    pub idle: Duration,
    /// Its secret is replaced when it has been used for so long.
    pub renewal: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_hours(12),
            idle: Duration::from_hours(2),
            renewal: Duration::from_hours(1),
        }
    }
}

/// What a browser shows: 32 random bytes as 64 hexadecimal digits. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionSecret(String);

/// The text has not the form of a session's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is not the secret of a session")]
pub struct InvalidSession;

impl SessionSecret {
    pub(crate) fn generate(random: &Random) -> Self {
        Self(Digest::from_bytes(random.bytes()).hex())
    }

    /// The text, for the cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl FromStr for SessionSecret {
    type Err = InvalidSession;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // a digest has the same form
        let form: Digest = text.parse().map_err(|_| InvalidSession)?;
        Ok(Self(form.hex()))
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(…)")
    }
}

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct Browser {
    known: Arc<Known>,
    /// What it has to show from now on, where that was replaced with this request.
    pub renewed: Option<SessionSecret>,
}

/// A session that was just begun.
#[derive(Debug)]
pub struct NewSession {
    /// For the cookie.
    pub secret: SessionSecret,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// A session in memory.
#[derive(Debug)]
struct Known {
    actor: Arc<Actor>,
    id: String,
    issuer: Option<String>,
    token_id: Option<String>,
    /// Whether this is the copy for the secret before the present one.
    is_former: bool,
    rotated_at: Timestamp,
    expires_at: Timestamp,
    /// The last use that the database or this process knows of; microseconds.
    used_at: AtomicI64,
    /// The last use that goes into the database with the next batch.
    noted_at: AtomicI64,
}

impl Known {
    fn is_alive(&self, now: Timestamp, settings: &SessionSettings) -> bool {
        let used = Timestamp::from_micros(self.used_at.load(Ordering::Relaxed));
        let is_replaced = self.is_former && now.since(self.rotated_at) >= FORMER_FOR;
        now < self.expires_at && now.since(used) < settings.idle && !is_replaced
    }
}

/// Copies of sessions in memory.
pub(crate) struct Browsers {
    known: Cache<Digest, (u64, Arc<Known>)>,
    strangers: Cache<Digest, u64>,
    used: Mutex<HashMap<String, Timestamp>>,
    forms: hmac::Key,
}

impl Browsers {
    pub(crate) fn new(key: &SecretKey) -> Self {
        // a key of its own: what one use of a key gives away must not help with another
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
        let forms = hmac::sign(&key, b"forms of supercargo's pages");
        Self {
            known: Cache::new(REMEMBERED),
            strangers: Cache::builder()
                .max_capacity(REMEMBERED_STRANGERS)
                .time_to_live(STRANGER_FOR)
                .build(),
            used: Mutex::default(),
            forms: hmac::Key::new(hmac::HMAC_SHA256, forms.as_ref()),
        }
    }

    /// After any change of people, memberships, tokens or sessions.
    pub(crate) fn forget(&self) {
        self.known.invalidate_all();
        self.strangers.invalidate_all();
    }

    fn used(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.used
            .lock()
            .expect("invariant: nobody panics with this lock")
    }

    /// The last uses since the last call, for one batch into the database.
    pub(crate) fn take_used(&self) -> Vec<(String, Timestamp)> {
        std::mem::take(&mut *self.used()).into_iter().collect()
    }
}

impl Browser {
    /// Who it is, with every scope.
    pub fn actor(&self) -> &Arc<Actor> {
        &self.known.actor
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        &self.known.id
    }

    /// The provider that the person signed in with; none: a password or a token.
    pub fn issuer(&self) -> Option<&str> {
        self.known.issuer.as_deref()
    }

    /// Whether the person signed in with a token, with which the session ends.
    pub(crate) fn is_by_token(&self) -> bool {
        self.known.token_id.is_some()
    }

    /// When the session ends at the latest.
    pub fn expires_at(&self) -> Timestamp {
        self.known.expires_at
    }
}

impl Actor {
    /// The session's id, where it came with one and not with a token.
    pub fn session_id(&self) -> Option<&str> {
        self.token_id.strip_prefix(SESSION)
    }
}

/// How the audit log and [`Actor::token_id`] name a session.
pub(crate) fn named(id: &str) -> String {
    format!("{SESSION}{id}")
}

impl Instance {
    /// The browser that shows a secret; `None` for one that is unknown, or whose session has ended: it is anybody.
    ///
    /// # Errors
    /// Only faults.
    pub async fn browser(&self, secret: &SessionSecret) -> Outcome<Option<Browser>> {
        self.current().await?;
        let settings = self.session_settings();
        let now = self.clock().now();
        let hash = secret.hash();
        let generation = self.people_generation();
        let copy = self.browsers.known.get(&hash);
        let copy = copy.filter(|(under, known)| {
            // another server may know of a later use
            *under == generation && known.is_alive(now, &settings)
        });
        let known = match copy {
            Some((_, known)) => Some(known),
            None => self.load_browser(&hash, generation).await?,
        };
        let Some(known) = known.filter(|known| known.is_alive(now, &settings)) else {
            return Ok(None);
        };
        let is_due = !known.is_former && now.since(known.rotated_at) >= settings.renewal;
        let browser = if is_due {
            self.renew_browser(&hash, known, generation, now).await?
        } else {
            Some(Browser {
                known,
                renewed: None,
            })
        };
        if let Some(Browser { known, .. }) = &browser {
            self.note_browser(known, now);
        }
        Ok(browser)
    }

    /// The same person a while later, with what they may do now: in the browser, or with the token, that they came with.
    pub(crate) async fn actor_again(&self, actor: &Actor) -> Outcome<Arc<Actor>> {
        if actor.session_id().is_none() {
            return self.actor_of(&actor.hash).await;
        }
        self.current().await?;
        let (hash, generation) = (actor.hash.digest(), self.people_generation());
        let copy = self.browsers.known.get(hash);
        let known = match copy.filter(|(under, _)| *under == generation) {
            Some((_, known)) => Some(known),
            None => self.load_browser(hash, generation).await?,
        };
        // a secret that was replaced meanwhile was good when the request came
        let known = known.filter(|known| self.clock().now() < known.expires_at);
        let ended = Denied::BadToken("this session has ended; sign in again");
        Ok(known.ok_or(ended)?.actor.clone())
    }

    fn note_browser(&self, known: &Known, now: Timestamp) {
        known.used_at.fetch_max(now.as_micros(), Ordering::Relaxed);
        let noted = Timestamp::from_micros(known.noted_at.load(Ordering::Relaxed));
        if now.since(noted) >= USES_EVERY {
            known.noted_at.store(now.as_micros(), Ordering::Relaxed);
            self.browsers.used().insert(known.id.clone(), now);
        }
    }

    /// `generation` was read before: what a change between this read and the insert below makes old is never believed.
    async fn load_browser(&self, hash: &Digest, generation: u64) -> Outcome<Option<Arc<Known>>> {
        if self.browsers.strangers.get(hash) == Some(generation) {
            return Ok(None);
        }
        let Some(row) = self.store.session_by_hash(hash).await? else {
            self.browsers.strangers.insert(*hash, generation);
            return Ok(None);
        };
        let known = Arc::new(known(row, *hash));
        self.browsers
            .known
            .insert(*hash, (generation, known.clone()));
        Ok(Some(known))
    }

    /// A new secret for the old one, which somebody may have read from a disk or a log.
    async fn renew_browser(
        &self,
        former: &Digest,
        known: Arc<Known>,
        generation: u64,
        now: Timestamp,
    ) -> Outcome<Option<Browser>> {
        let secret = SessionSecret::generate(self.random());
        let hash = secret.hash();
        let rotated = self.store.rotate_session(&known.id, former, &hash, now);
        let is_ours = rotated.await?;
        // what it stands for now: under the former secret, for some seconds
        self.browsers.known.invalidate(former);
        if is_ours {
            let known = self.load_browser(&hash, generation).await?;
            return Ok(known.map(|known| Browser {
                known,
                renewed: Some(secret),
            }));
        }
        // another request was first, here or on another server
        let known = self.load_browser(former, generation).await?;
        let settings = self.session_settings();
        let known = known.filter(|known| known.is_alive(now, &settings));
        Ok(known.map(|known| Browser {
            known,
            renewed: None,
        }))
    }

    /// A secret of a session, for the forms of its pages: no other site can read it, nor make one up. It stays the same when
    /// the one that the browser shows is replaced, or a form that was open at that time could not be sent.
    pub fn form_secret(&self, browser: &Browser) -> Vec<u8> {
        let tag = hmac::sign(&self.browsers.forms, browser.id().as_bytes());
        tag.as_ref().to_vec()
    }

    /// A session for a row of the database, always with a secret of its own: one that was there before somebody signed in may
    /// be known to whoever put it there.
    pub(crate) fn new_browser(
        &self,
        issuer: Option<&str>,
        caller: &Caller,
    ) -> (NewSession, NewBrowser) {
        let secret = SessionSecret::generate(self.random());
        let now = self.clock().now();
        let expires_at = now.plus(self.session_settings().lifetime);
        let row = NewBrowser {
            id: tokens::new_id(self),
            hash: secret.hash(),
            issuer: issuer.map(str::to_owned),
            token_id: None,
            address: caller.address.clone(),
            user_agent: caller.user_agent.clone(),
            expires_at,
            now,
        };
        (NewSession { secret, expires_at }, row)
    }

    /// Signs a browser in as somebody whose password was right.
    ///
    /// # Errors
    /// [`Denied::BadPassword`] where it is another one since it was looked at.
    pub async fn begin_session(&self, user: &KnownUser, caller: &Caller) -> Outcome<NewSession> {
        let (session, row) = self.new_browser(None, caller);
        let mut audit = self.audit("sign_in.done", None, caller);
        audit.principal = Some(user.principal().to_string());
        audit.token_id = Some(named(&row.id));
        audit.detail = Some("in a browser, with the password".to_owned());
        let create = self.store.create_session_by_password(
            user.account.id,
            &user.password_hash,
            &row,
            &audit,
        );
        if create.await? {
            Ok(session)
        } else {
            Err(Denied::BadPassword.into())
        }
    }

    /// Ends the session of a browser, with itself.
    ///
    /// # Errors
    /// Only faults.
    pub async fn sign_out(&self, browser: &Browser, caller: &Caller) -> Outcome<()> {
        let mut audit = self.audit("session.ended", Some(browser.actor()), caller);
        audit.detail = Some(format!("{} signed out", browser.id()));
        let now = self.clock().now();
        let end = self.store.end_session(browser.id(), now, &audit);
        self.write_people(end).await.map(drop)
    }

    pub(crate) async fn write_session_uses(&self) {
        let used = self.browsers.take_used();
        if used.is_empty() {
            return;
        }
        let written = self.store.touch_sessions(&used).await;
        let failed = written
            .is_err()
            .then_some("last uses of sessions were not written");
        self.noted(
            JobKind::Batches,
            "last uses of sessions",
            used.len(),
            failed,
        );
        if let Err(error) = written {
            tracing::warn!(%error, "last uses of sessions were not written");
        }
    }
}

fn known(row: SignedInBrowser, hash: Digest) -> Known {
    let SignedInBrowser {
        session,
        token_expires_at,
        is_former,
        principal,
        roles,
    } = row;
    let actor = Actor {
        token_id: named(&session.id),
        principal_id: principal.id,
        principal: principal.reference(),
        instance_role: principal.instance_role,
        roles: roles.into_iter().collect(),
        scopes: Scopes::all(),
        registries: None,
        crates: None,
        // a token that is made on a page may outlive the browser's session, and never the token that this was begun with
        expires_at: token_expires_at,
        subject: None,
        noted_use: AtomicI64::new(0),
        hash: TokenHash::from_digest(hash),
    };
    Known {
        actor: Arc::new(actor),
        id: session.id,
        issuer: session.issuer,
        token_id: session.token_id,
        is_former,
        rotated_at: session.rotated_at,
        expires_at: session.expires_at,
        used_at: AtomicI64::new(session.last_used_at.as_micros()),
        noted_at: AtomicI64::new(0),
    }
}
