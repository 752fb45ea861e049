//! Passwords of people: what one has to be, how it is kept, and how it is looked at.
//!
//! Kept is the argon2id hash as a PHC string. Whoever tries one learns only whether it was right: an account that is not there,
//! one that is disabled and one without a password cost the same work and get the same words as a wrong password.

mod common;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};
use supercargo_store::PrincipalRow;
use supercargo_types::{AccountName, PrincipalKind, PrincipalRef};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::{
    Attempt, Caller, Failure, Instance, SessionSecret,
    refusal::{Outcome, Refusal},
    rights::{Actor, Denied, SignedIn},
};

/// In characters. Shorter ones are guessed from a stolen database.
pub(crate) const SHORTEST: usize = 10;
/// In bytes: enough for any sentence, and too little to keep the server busy with.
const LONGEST: usize = 1024;
/// What OWASP asks of argon2id at least: 19 MiB, two passes, one lane. One look takes some hundredths of a second.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// In bytes; what argon2's authors recommend.
const SALT: usize = 16;
/// Hashes that are worked at at once, about 80 MiB of memory and four processors: whoever sends passwords as fast as they can
/// gets no more of this machine.
const AT_ONCE: usize = 4;
/// Requests that wait for their turn. What is beyond them is refused at once, and holds neither memory nor a connection.
const WAITING: usize = 64;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is looked at where there is no password: made like any other, of a password that nobody knows.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$Zm9yIG5vYm9keSBhdCBhbA$v0pX1d0kqk2QmYqJ5oXb7n3r8tUuW9zAcEfGhIjKlMo";
/// The action of entries about passwords that were wrong.
const DENIED: &str = "sign_in.denied";

/// A password on its way in. Shown nowhere.
#[derive(Clone, ToSchema)]
#[schema(format = Password, min_length = 10, max_length = 1024)]
pub struct Password(String);

impl Password {
    /// Whatever somebody has typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it may be the password of an account.
    ///
    /// # Errors
    /// [`Refusal::PasswordShape`]; the password is never repeated.
    pub fn check(&self, name: &AccountName, email: Option<&str>) -> Result<(), Refusal> {
        check(self, name, email)
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Sent {
            Text(String),
            Other(IgnoredAny),
        }
        // a number where a text belongs would be repeated in the error
        match Sent::deserialize(deserializer)? {
            Sent::Text(text) => Ok(Self(text)),
            Sent::Other(_) => Err(D::Error::custom("a password is a text, in quotation marks")),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A user who has just given the right password.
#[derive(Clone, Debug)]
pub struct KnownUser {
    /// Who it is.
    pub(crate) account: PrincipalRow,
    /// What the password was held against. Who acts on it makes sure that it still stands.
    pub(crate) password_hash: String,
}

impl KnownUser {
    /// As people write it.
    pub fn principal(&self) -> PrincipalRef {
        self.account.reference()
    }
}

/// Places for the work that passwords are.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// What each look has cost, for tests: time proves nothing.
    #[cfg(test)]
    looks: Arc<std::sync::Mutex<Vec<String>>>,
}

/// One of those who wait.
struct Turn<'a>(&'a AtomicUsize);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
            #[cfg(test)]
            looks: Arc::default(),
        }
    }

    /// Works on the pool for what blocks, when its turn has come.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Outcome<T> {
        let turn = Turn(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= WAITING {
            return Err(Refusal::TooManySignIns.into());
        }
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned());
        let Ok(Ok(place)) = place.await else {
            return Err(Refusal::TooManySignIns.into());
        };
        drop(turn);
        // the work goes on when nobody waits for it any more, and keeps its place for as long
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        worked
            .await
            .map_err(|panicked| Failure::fault(panicked.into()))
    }

    /// What is kept of a password.
    async fn hash(&self, password: &Password, salt: [u8; SALT]) -> Outcome<String> {
        let password = password.clone();
        let hashed = self.work(move || {
            let hash = argon2().hash_password_with_salt(password.0.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
        });
        let hashed = hashed.await?;
        hashed.map_err(|error| Failure::fault(anyhow::anyhow!("a password is not hashed: {error}")))
    }

    /// Whether a password is the one that this was made of.
    async fn is_right(&self, password: &Password, hash: String) -> Outcome<bool> {
        let password = password.clone();
        #[cfg(test)]
        let looks = self.looks.clone();
        self.work(move || {
            #[cfg(test)]
            looks.lock().unwrap().push(cost(&hash));
            argon2()
                .verify_password(password.0.as_bytes(), hash.as_str())
                .is_ok()
        })
        .await
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.expect("invariant: sound parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Whether a hash was made with less work than is asked for today.
fn is_outgrown(hash: &str) -> bool {
    let parsed = PasswordHash::new(hash).ok();
    let params = parsed.and_then(|hash| Params::try_from(&hash).ok());
    params.is_none_or(|params| {
        params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES || params.p_cost() < LANES
    })
}

/// `argon2id m=19456,t=2,p=1`.
#[cfg(test)]
fn cost(hash: &str) -> String {
    let parts: Vec<_> = hash.split('$').collect();
    format!("{} {}", parts[1], parts[3])
}

/// Whether it may be somebody's password.
///
/// # Errors
/// [`Refusal::PasswordShape`]; the password is never repeated.
pub(crate) fn check(
    password: &Password,
    name: &AccountName,
    email: Option<&str>,
) -> Result<(), Refusal> {
    let text = password.0.as_str();
    let refuse = |why: &str| Err(Refusal::PasswordShape(why.to_owned()));
    if text.chars().count() < SHORTEST {
        return refuse("a password has at least 10 characters; several words are easy to remember");
    }
    if text.len() > LONGEST {
        return refuse("a password has at most 1024 bytes; take a shorter one");
    }
    let lower = text.to_lowercase();
    let is_own = |own: &str| {
        let own = own.to_lowercase();
        lower == own || common::bare(&lower) == own
    };
    let local_part = email.and_then(|email| email.split('@').next());
    if is_own(name.as_str()) || email.is_some_and(is_own) || local_part.is_some_and(is_own) {
        return refuse(
            "a password that is the account's name or e-mail address is the first that is tried; take another one",
        );
    }
    if common::is_common(text) {
        return refuse("this password is one of those that are tried first; take another one");
    }
    Ok(())
}

impl Instance {
    /// What is kept of a new password.
    ///
    /// # Errors
    /// [`Refusal::PasswordShape`], [`Refusal::TooManySignIns`].
    pub(crate) async fn hash_password(
        &self,
        password: &Password,
        name: &AccountName,
        email: Option<&str>,
    ) -> Outcome<String> {
        check(password, name, email)?;
        self.passwords.hash(password, self.random().bytes()).await
    }

    /// Who somebody is, by their password. A failure stands in the audit log; what a success is good for is for the caller to
    /// write down, with what comes of it.
    ///
    /// # Errors
    /// [`Denied::BadPassword`] for whatever reason; [`crate::TooMany`], [`Refusal::TooManySignIns`].
    pub async fn check_password(
        &self,
        user: &str,
        password: &Password,
        caller: &Caller,
    ) -> Outcome<KnownUser> {
        // first of all, and so also for names that no account can have
        self.before_sign_in(user, caller).await?;
        let name: Option<AccountName> = user.parse().ok();
        let known = match &name {
            Some(name) => self.store.password_of(name).await?,
            None => None,
        };
        let known = known.filter(|(row, _)| row.disabled_at.is_none());
        let known = known.and_then(|(row, hash)| Some((row, hash?)));
        let hash = known.as_ref().map_or(NOBODYS, |(_, hash)| hash.as_str());
        // also where nothing can be right: an answer that comes sooner would tell which accounts there are
        let is_right = self.passwords.is_right(password, hash.to_owned()).await?;
        let Some((row, hash)) = known.filter(|_| is_right) else {
            self.note_sign_in_denied(user, &Denied::BadPassword, None, caller);
            return Err(Denied::BadPassword.into());
        };
        let password_hash = if is_outgrown(&hash) {
            self.renew(row.id, hash, password).await?
        } else {
            hash
        };
        self.sign_in_succeeded(user, caller).await?;
        Ok(KnownUser {
            account: row,
            password_hash,
        })
    }

    /// For the audit log. `user` is the name as it was typed, `owner` whose token came in the place of a password.
    pub(crate) fn note_sign_in_denied(
        &self,
        user: &str,
        denied: &Denied,
        owner: Option<&Actor>,
        caller: &Caller,
    ) {
        let attempt = Attempt {
            action: DENIED.to_owned(),
            reason: denied.code(),
            // people type passwords where a name belongs, and an entry stands for years
            sentence: Some(match user.parse::<AccountName>() {
                Ok(name) => format!("as `{name}`"),
                Err(_) if user.is_empty() => "without a name".to_owned(),
                Err(_) => "as what is no account's name".to_owned(),
            }),
            ..Attempt::default()
        };
        self.note_denied(&attempt, owner, caller);
    }

    /// The same password with the work of today.
    async fn renew(&self, id: i64, before: String, password: &Password) -> Outcome<String> {
        let hash = self.passwords.hash(password, self.random().bytes());
        let hash = hash.await?;
        let is_renewed = self.store.renew_password(id, &before, &hash).await?;
        Ok(if is_renewed { hash } else { before })
    }

    /// Gives a person another password. Their browsers are signed out, but for the one that they did it with; their tokens stay.
    /// That browser has to show the secret that comes back, from now on: somebody else may have known the one before.
    ///
    /// # Errors
    /// [`Refusal::WrongPassword`] where the present one is not that; [`Refusal::PasswordShape`]; [`Denied::Right`] for who is no
    /// person.
    pub async fn change_password(
        &self,
        actor: &SignedIn,
        current: &Password,
        new: &Password,
        caller: &Caller,
    ) -> Outcome<Option<SessionSecret>> {
        let actor = &actor.0;
        if actor.principal.kind != PrincipalKind::User {
            return Err(Denied::Right(format!(
                "`{}` has no password: only people have one",
                actor.principal
            ))
            .into());
        }
        let name = &actor.principal.name;
        let row = self.store.find_principal(&actor.principal).await?;
        let email = row.and_then(|row| row.email);
        check(new, name, email.as_deref())?;
        if current.0 == new.0 {
            return Err(
                Refusal::PasswordShape("this is the password that you have".to_owned()).into(),
            );
        }
        let known = match self.check_password(name.as_str(), current, caller).await {
            Err(Failure::Denied(Denied::BadPassword)) => return Err(Refusal::WrongPassword.into()),
            known => known?,
        };
        let hash = self.hash_password(new, name, email.as_deref()).await?;
        let audit = self.audit("password.changed", Some(actor), caller);
        let here = actor
            .session_id()
            .map(|id| (id, SessionSecret::generate(self.random())));
        let secret_hash = here.as_ref().map(|(id, secret)| (*id, secret.hash()));
        let write = self.store.change_password(
            known.account.id,
            &known.password_hash,
            &hash,
            secret_hash.as_ref().map(|(id, hash)| (*id, hash)),
            self.clock().now(),
            &audit,
        );
        if self.write_people(write).await? {
            Ok(here.map(|(_, secret)| secret))
        } else {
            // somebody else has changed it at this moment
            Err(Refusal::WrongPassword.into())
        }
    }
}
