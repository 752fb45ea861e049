//! Signing in with a provider of OpenID Connect: whose account an identity is, and what its groups make of that account.
//!
//! Whom a provider vouches for is believed by issuer and subject alone. A name or an e-mail address never leads to an account
//! that is there: at many providers people choose both themselves, and an address that somebody gave up is given out again.

use std::time::Duration;

use moka::{policy::EvictionPolicy, sync::Cache};
use serde::{Deserialize, Serialize};
use supercargo_identity::{Callback, Pending, Person, Provider, SignInFailed};
use supercargo_store::{
    AuditEntry, Linked, NewIdentity, NewPrincipal, Once, PrincipalRow, SignOn, SignOnAccount,
    SignedOn as Stored,
};
use supercargo_types::{
    AccountName, Digest, InstanceRole, PrincipalKind, PrincipalRef, Timestamp, hex, unhex,
};
use tokio::sync::Semaphore;

use crate::{
    Attempt, Browser, Caller, Instance, NewSession, Password,
    browsers::named,
    raising::may_give_way_in,
    refusal::{Failure, Outcome, Refusal, RefusalClass},
    rights::Denied,
};

/// Where the browser comes back to, below BASE; the provider has to know the whole address.
pub const RETURN: &str = "/-/login/return";
/// Where a sealed sign-in opens, and nothing else.
const PLACE: &str = "a sign-in that was begun";
/// In bytes: a cookie has room for about four thousand, twice as many as this makes with all that stands beside it.
const LONGEST_RETURN_TO: usize = 500;
/// Longer than a sign-in may take: after it, the time that it was begun at refuses it.
const REMEMBERED: Duration = Duration::from_mins(20);
/// How often it is looked again, when somebody changes the account at the same moment.
const ATTEMPTS: usize = 3;
/// Answers of browsers with which the provider is asked at once: anybody can bring some, and a flood of them must not become
/// a flood of questions there.
const AT_ONCE: usize = 32;
/// Sign-ins that are known to have come back; a hundred bytes each. Somebody with more of them is asked about again.
const RETURNED: u64 = 20_000;
/// How long a person waits for their turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// RFC 5321 allows no more.
const LONGEST_EMAIL: usize = 254;

/// The provider that people sign in with, and what its word counts for.
#[derive(Clone, Debug)]
pub struct SignOnSettings {
    /// Whom to ask.
    pub provider: Provider,
    /// What people call it, on the button.
    pub label: String,
    /// A group there and the team here that it governs.
    pub teams: Vec<(String, AccountName)>,
    /// Groups whose people are instance admins. Where there are some, nobody else is who signs in with it.
    pub admins: Vec<String>,
    /// Groups whose people may make registries; the same goes for these.
    pub creators: Vec<String>,
    /// Whether somebody new gets an account.
    pub make_accounts: bool,
}

/// A sign-in that was begun.
#[derive(Debug)]
pub struct SignOnBegun {
    /// Where the browser goes.
    pub url: String,
    /// What it keeps meanwhile, in a cookie that only it has; encrypted.
    pub kept: String,
}

/// What a browser comes back from a provider with.
#[derive(Debug)]
pub enum SignOnDone {
    /// It is signed in, and goes there: a path below BASE.
    SignedIn(NewSession, String),
    /// The person who was signed in has linked an identity.
    Linked(String),
}

#[derive(Serialize, Deserialize)]
struct Kept {
    pending: Pending,
    /// Whose account the identity shall be linked to; none: somebody signs in.
    link: Option<i64>,
    return_to: String,
}

/// What of sign-ins is under way.
pub(crate) struct SignOns {
    places: Semaphore,
    /// Those that came back, by their state: the provider is asked once about each. The database knows too, of those that
    /// came to their end.
    returned: Cache<Digest, ()>,
}

impl SignOns {
    pub(crate) fn new() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            returned: Cache::builder()
                .max_capacity(RETURNED)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(REMEMBERED)
                .build(),
        }
    }

    /// False for a sign-in that came back before.
    fn is_first(&self, once: &Once) -> bool {
        self.returned.entry(once.key).or_insert(()).is_fresh()
    }
}

impl SignOnSettings {
    /// Whether anything here depends on groups there.
    fn is_governing(&self) -> bool {
        !(self.teams.is_empty() && self.admins.is_empty() && self.creators.is_empty())
    }

    /// What groups make of a role on the instance. What no setting names is left as it is.
    fn role(&self, now: InstanceRole, groups: &[String]) -> InstanceRole {
        let is_in = |some: &[String]| some.iter().any(|group| groups.contains(group));
        let (admins, creators) = (&self.admins, &self.creators);
        if is_in(admins) || (admins.is_empty() && now == InstanceRole::Admin) {
            return InstanceRole::Admin;
        }
        if is_in(creators) || (creators.is_empty() && now == InstanceRole::Creator) {
            return InstanceRole::Creator;
        }
        InstanceRole::Member
    }
}

impl Instance {
    fn sign_on_settings(&self) -> Outcome<&SignOnSettings> {
        let settings = self.sign_on();
        Ok(settings.ok_or_else(|| refused("this server knows no provider to sign in with"))?)
    }

    /// The provider that people sign in with.
    pub fn sign_on(&self) -> Option<&SignOnSettings> {
        self.settings().sign_on.as_ref()
    }

    /// Where a browser goes to sign in with the provider, or to link an identity of the person who is signed in there already.
    /// Afterwards it goes to `return_to`, if that is a path of ours. To link needs the password of an account that has one.
    ///
    /// # Errors
    /// [`Refusal::SignOn`] where there is no provider, or it cannot be asked; [`Denied::Right`] for a link to the account of who
    /// signed in with a token; [`Refusal::WrongPassword`].
    pub async fn begin_sign_on(
        &self,
        link: Option<(&Browser, &Password)>,
        return_to: &str,
        caller: &Caller,
    ) -> Outcome<SignOnBegun> {
        let settings = self.sign_on_settings()?;
        if let Some((browser, password)) = link {
            self.may_link(browser, password, caller).await?;
        }
        let redirect_uri = format!("{}{RETURN}", self.site().base());
        let begun = self.issuers.begin(&settings.provider, &redirect_uri).await;
        let (url, pending) =
            begun.map_err(|failed| unavailable(settings, &SignInFailed::from(failed)))?;
        let kept = Kept {
            pending,
            link: link.map(|(browser, _)| browser.actor().principal_id),
            return_to: own_path(return_to).to_owned(),
        };
        let kept = serde_json::to_string(&kept).expect("invariant: texts and numbers are JSON");
        let kept = hex(&self.secrets.seal(PLACE, &kept));
        Ok(SignOnBegun {
            url: url.into(),
            kept,
        })
    }

    /// Whether somebody may link an identity to their account from this browser. Whoever has stolen a token, or the cookie of a
    /// session, would have a way in that outlives it.
    async fn may_link(
        &self,
        browser: &Browser,
        password: &Password,
        caller: &Caller,
    ) -> Outcome<()> {
        let actor = browser.actor();
        // an instance admin could do so with the token itself
        if browser.is_by_token()
            && (self.may_administer_instance(Some(actor.clone())).is_err()
                || may_give_way_in(actor, "link an identity").is_err())
        {
            return Err(Denied::Right(
                "whoever signed in with a token links no identity; sign in with the password, or ask an instance admin"
                    .to_owned(),
            )
            .into());
        }
        let account = self.store.find_account(&actor.principal).await?;
        if !account.is_some_and(|account| account.has_password) {
            return Ok(());
        }
        let name = actor.principal.name.as_str();
        match self.check_password(name, password, caller).await {
            Ok(_) => Ok(()),
            Err(Failure::Denied(Denied::BadPassword)) => Err(Refusal::WrongPassword.into()),
            Err(failure) => Err(failure),
        }
    }

    /// Signs the browser in that comes back with this query and what it has kept, or links the identity. `browser` is who is
    /// signed in there now.
    ///
    /// # Errors
    /// [`Refusal::SignOn`], in words for the person; each is written to the audit log.
    pub async fn finish_sign_on(
        &self,
        kept: &str,
        query: &str,
        browser: Option<&Browser>,
        caller: &Caller,
    ) -> Outcome<SignOnDone> {
        let done = self.finish(kept, query, browser, caller).await;
        // of those that are too many, few stand in the audit log
        if let Err(Failure::Refused(refusal)) = &done
            && refusal.class() != RefusalClass::TooMany
        {
            let attempt = Attempt {
                action: "sign_in.denied".to_owned(),
                reason: refusal.code(),
                sentence: Some(refusal.to_string()),
                ..Attempt::default()
            };
            let actor = browser.map(|browser| &**browser.actor());
            self.note_denied(&attempt, actor, caller);
        }
        done
    }

    async fn finish(
        &self,
        kept: &str,
        query: &str,
        browser: Option<&Browser>,
        caller: &Caller,
    ) -> Outcome<SignOnDone> {
        let settings = self.sign_on_settings()?;
        let kept = self
            .kept(kept)
            .ok_or_else(|| refusal(&SignInFailed::State))?;
        // somebody else who signed in meanwhile must not get the identity of who began
        let own = browser.map(|browser| browser.actor().principal_id);
        if kept.link.is_some() && kept.link != own {
            return Err(refused(
                "another account is signed in here than began to link; begin again",
            )
            .into());
        }
        let callback = Callback::from_query(query).map_err(|failed| refusal(&failed))?;
        let once = Once {
            key: Digest::of(format!("sign-on {}", kept.pending.state()).as_bytes()),
            until: self.clock().now().plus(REMEMBERED),
        };
        self.before_sign_on_return(caller)?;
        // before the provider is asked: otherwise one sign-in would be good for any number of questions, each with a made-up code;
        // what answers another one is refused below, and uses up nothing
        let is_answer = callback.state() == Some(kept.pending.state());
        if is_answer && !self.sign_ons.is_first(&once) {
            return Err(refusal(&SignInFailed::State));
        }
        let turn = tokio::time::timeout(PATIENCE, self.sign_ons.places.acquire());
        let Ok(Ok(_turn)) = turn.await else {
            let sentence = "too many people sign in at this moment; try again in a few seconds";
            return Err(refused(sentence).into());
        };
        let person = self
            .issuers
            .finish(&settings.provider, kept.pending, callback)
            .await
            .map_err(|failed| match failed {
                SignInFailed::Provider(_) => unavailable(settings, &failed),
                failed => refusal(&failed),
            })?;
        self.sign_on_returned(caller);
        if let (Some(_), Some(browser)) = (kept.link, browser) {
            self.link_own(browser, &person, once, caller).await?;
            return Ok(SignOnDone::Linked(kept.return_to));
        }
        let session = self.sign_on_as(settings, &person, once, caller).await?;
        Ok(SignOnDone::SignedIn(session, kept.return_to))
    }

    fn kept(&self, text: &str) -> Option<Kept> {
        let plain = self.secrets.open(PLACE, &unhex(text)?).ok()?;
        serde_json::from_str(&plain).ok()
    }

    async fn link_own(
        &self,
        browser: &Browser,
        person: &Person,
        once: Once,
        caller: &Caller,
    ) -> Outcome<()> {
        let actor = browser.actor();
        let identity = self.identity(person);
        let mut audit = self.audit("identity.linked", Some(actor), caller);
        audit.detail = Some(linked(
            &actor.principal,
            &identity.issuer,
            &identity.subject,
        ));
        let link = self
            .store
            .link_identity(actor.principal_id, &identity, Some(&once), &audit);
        match link.await? {
            Linked::Done | Linked::Same => Ok(()),
            Linked::OfAnother => Err(Refusal::IdentityTaken.into()),
            Linked::Used => Err(refusal(&SignInFailed::State)),
        }
    }

    fn identity(&self, person: &Person) -> NewIdentity {
        NewIdentity {
            issuer: person.issuer.clone(),
            subject: person.subject.clone(),
            email: person.email.clone(),
            now: self.clock().now(),
        }
    }

    async fn sign_on_as(
        &self,
        settings: &SignOnSettings,
        person: &Person,
        once: Once,
        caller: &Caller,
    ) -> Outcome<NewSession> {
        for _ in 0..ATTEMPTS {
            let (session, new) = self.plan(settings, person, once, caller).await?;
            let stored = self.write_people(self.store.sign_on(&new)).await?;
            match stored {
                Stored::Done { kept_last_admin } => {
                    if kept_last_admin {
                        tracing::warn!(
                            account = new.audit.principal,
                            "the provider does not count the last instance admin among `sign_on.admins`; the role stays"
                        );
                    }
                    return Ok(session);
                }
                Stored::Used => return Err(refusal(&SignInFailed::State)),
                Stored::Taken(name) => {
                    return Err(refused(format!(
                        "there is an account `{name}` already, and a name at {} is no proof that it is yours: sign in to it with its password and link {} on the account page, or ask an instance admin",
                        settings.label, settings.label
                    ))
                    .into());
                }
                Stored::Changed => {}
            }
        }
        Err(refused("your account is being changed at this moment; sign in again").into())
    }

    /// All that the sign-in will write, from what the database has now.
    async fn plan(
        &self,
        settings: &SignOnSettings,
        person: &Person,
        once: Once,
        caller: &Caller,
    ) -> Outcome<(NewSession, SignOn)> {
        let now = self.clock().now();
        let found = self
            .store
            .principal_by_identity(&person.issuer, &person.subject)
            .await?;
        let found = found.map(check_active).transpose()?;
        let entry = |action: &str, name: &AccountName, detail: String| AuditEntry {
            principal: Some(name.to_string()),
            detail: Some(detail),
            ..self.audit(action, None, caller)
        };
        let groups = usable_groups(settings, person)?;
        let role_now = found
            .as_ref()
            .map_or(InstanceRole::Member, |row| row.instance_role);
        let role = groups.map_or(role_now, |groups| settings.role(role_now, groups));
        let name = match &found {
            Some(row) => row.name.clone(),
            None => new_name(settings, person)?,
        };
        let account = if let Some(row) = &found {
            SignOnAccount::Known(row.id)
        } else {
            let new = new_account(name.clone(), person, role, now);
            let detail = format!("{name} {role}, who signs in with {}", person.issuer);
            SignOnAccount::New(Box::new((new, entry("account.created", &name, detail))))
        };
        let (joined, left) = match groups {
            None => (Vec::new(), Vec::new()),
            Some(groups) => self.teams_by(settings, groups, found.as_ref()).await?,
        };
        let governed = |action: &'static str, teams: Vec<(i64, AccountName)>| {
            let teams = teams.into_iter();
            teams
                .map(|(id, team)| {
                    let detail = format!("{name} in {team}, by the groups at {}", person.issuer);
                    (id, entry(action, &name, detail))
                })
                .collect::<Vec<_>>()
        };
        let changed = found.is_some() && role != role_now;
        let (session, row) = self.new_browser(Some(&person.issuer), caller);
        let mut audit = entry(
            "sign_in.done",
            &name,
            format!("in a browser, as {} of {}", person.subject, person.issuer),
        );
        audit.token_id = Some(named(&row.id));
        let new = SignOn {
            once,
            identity: self.identity(person),
            account,
            joined: governed("team.member_added", joined),
            left: governed("team.member_removed", left),
            role: changed.then(|| {
                let detail = format!("{name}: {role}, by the groups at {}", person.issuer);
                (role, entry("account.changed", &name, detail))
            }),
            session: row,
            audit,
        };
        Ok((session, new))
    }

    /// Which teams of the settings somebody joins, and which they leave. A team that is not there is nobody's.
    async fn teams_by(
        &self,
        settings: &SignOnSettings,
        groups: &[String],
        account: Option<&PrincipalRow>,
    ) -> Outcome<(Vec<(i64, AccountName)>, Vec<(i64, AccountName)>)> {
        let own = match account {
            Some(row) => self.store.teams_of(row.id).await?,
            None => Vec::new(),
        };
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        let mut names: Vec<_> = settings.teams.iter().map(|(_, team)| team).collect();
        names.sort();
        names.dedup();
        for name in names {
            let reference = PrincipalRef {
                kind: PrincipalKind::Team,
                name: name.clone(),
            };
            let Some(team) = self.store.find_principal(&reference).await? else {
                tracing::warn!(team = %name, "`sign_on.teams` names a team that there is not; make it with `supercargo team create`");
                continue;
            };
            // a team may stand for several groups
            let mut mapped = settings.teams.iter().filter(|(_, team)| team == name);
            let belongs = mapped.any(|(group, _)| groups.contains(group));
            match (belongs, own.contains(&team.id)) {
                (true, false) => joined.push((team.id, name.clone())),
                (false, true) => left.push((team.id, name.clone())),
                _ => {}
            }
        }
        Ok((joined, left))
    }

    /// Where a browser goes to sign out with the provider too, once its session has ended here.
    pub async fn sign_out_url(&self, browser: &Browser) -> Option<String> {
        let settings = self.sign_on()?;
        if browser.issuer() != Some(settings.provider.issuer.as_str()) {
            return None;
        }
        let return_to = format!("{}/-/login", self.site().base());
        match self.issuers.sign_out(&settings.provider, &return_to).await {
            Ok(url) => url.map(String::from),
            Err(failed) => {
                tracing::warn!(%failed, "a person was not signed out with the provider");
                None
            }
        }
    }
}

/// `alice: https://id.acme.example 4711`, for the audit log.
pub(crate) fn linked(account: &PrincipalRef, issuer: &str, subject: &str) -> String {
    format!("{account}: {issuer} {subject}")
}

fn refused(sentence: impl Into<String>) -> Refusal {
    Refusal::SignOn(sentence.into())
}

fn refusal(failed: &SignInFailed) -> Failure {
    refused(failed.to_string()).into()
}

/// The reason is for the log: it may show an address inside of a network.
fn unavailable(settings: &SignOnSettings, failed: &SignInFailed) -> Failure {
    tracing::warn!(%failed, "the provider that people sign in with fails");
    refused(format!(
        "{} does not answer as it should; try again in a minute, or sign in with a password",
        settings.label
    ))
    .into()
}

fn check_active(row: PrincipalRow) -> Result<PrincipalRow, Refusal> {
    if row.disabled_at.is_some() {
        return Err(refused(format!(
            "the account `{}` is disabled; ask an instance admin",
            row.name
        )));
    }
    Ok(row)
}

/// Groups that nobody can read must not leave somebody the rights that the provider has taken from them.
fn usable_groups<'a>(
    settings: &SignOnSettings,
    person: &'a Person,
) -> Result<Option<&'a [String]>, Refusal> {
    let groups = person.groups.as_deref();
    let Some(claim) = &settings.provider.groups_claim else {
        return Ok(groups);
    };
    if groups.is_none() && settings.is_governing() {
        return Err(refused(format!(
            "what {} says of your groups in `{claim}` cannot be used, and what you may do here depends on it; ask its administrator to send the names of your groups, 1000 at most, and best those alone that matter here",
            settings.label
        )));
    }
    Ok(groups)
}

fn new_name(settings: &SignOnSettings, person: &Person) -> Result<AccountName, Refusal> {
    let label = &settings.label;
    if !settings.make_accounts {
        return Err(refused(format!(
            "nobody here has linked this identity of {label}: sign in with the password and link it on the account page, or ask an instance admin"
        )));
    }
    account_name(person).ok_or_else(|| {
        refused(format!(
            "{label} tells no name that an account could have; ask an instance admin for one"
        ))
    })
}

fn new_account(
    name: AccountName,
    person: &Person,
    instance_role: InstanceRole,
    now: Timestamp,
) -> NewPrincipal {
    let is_usable = |email: &&String| {
        let is_plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
        person.email_verified && email.len() <= LONGEST_EMAIL && is_plain
    };
    NewPrincipal {
        kind: PrincipalKind::User,
        name,
        email: person.email.as_ref().filter(is_usable).cloned(),
        instance_role,
        registry_id: None,
        password_hash: None,
        now,
    }
}

/// What somebody would like to be called, or what stands before the `@` of their address, in the characters of a name.
fn account_name(person: &Person) -> Option<AccountName> {
    let wishes = [person.username.as_deref(), person.email.as_deref()];
    wishes.into_iter().flatten().find_map(|wish| {
        let wish = wish.split('@').next().unwrap_or_default().to_lowercase();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let kept = |c: char| {
            if plain(c) || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let name: String = wish.trim().chars().map(kept).collect();
        let name = name.trim_matches(|c| !plain(c));
        let name: String = name.chars().take(64).collect();
        name.parse().ok()
    })
}

/// A path below BASE that a browser may be sent to, or the first page. Whoever could name another site there would have us
/// send people who have just signed in to a page that asks for their password once more.
pub fn own_path(text: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    let is_own = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= LONGEST_RETURN_TO
        && text.chars().all(is_plain);
    // a way to `//host` out of the steps of a path, which browsers take before they ask
    let mut steps = text.split(['?', '#']).next().unwrap_or_default().split('/');
    let has_dots = steps.any(|step| {
        let step = step.to_ascii_lowercase().replace("%2e", ".");
        step == "." || step == ".."
    });
    if is_own && !has_dots { text } else { "/" }
}

#[cfg(test)]
mod tests;
