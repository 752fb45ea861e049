//! Tokens: made with no more than their maker has, listed without their secret, revoked at once.

use std::sync::{Arc, atomic::AtomicI64};

use serde::{Deserialize, Serialize};
use supercargo_store::PrincipalRow;
use supercargo_types::{
    Digest, NamePattern, PrincipalKind, PrincipalRef, Random, RegistryName, Role, Scope, Scopes,
    Timestamp, TokenHash, TokenSecret,
};
use utoipa::ToSchema;

use crate::{
    Caller, Instance,
    refusal::{Outcome, Refusal},
    rights::{Actor, Denied, SignedIn},
};

/// Repeated of an id that is none, in characters.
const LONGEST_ID: usize = 80;

/// What is asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// By which its owner knows it again.
    pub name: String,
    /// For whom; the caller where absent.
    pub principal: Option<PrincipalRef>,
    /// Default `read`.
    pub scopes: Option<Scopes>,
    /// Narrowed to these; null is all.
    pub registries: Option<Vec<RegistryName>>,
    /// Writes narrowed to these; null is all.
    pub crates: Option<Vec<NamePattern>>,
    /// Days from now.
    pub expires_in_days: Option<u32>,
    /// Or a point in time.
    pub expires_at: Option<Timestamp>,
}

/// A token without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Token {
    /// Names it in `DELETE /tokens/{id}`.
    pub id: String,
    /// As its owner calls it.
    pub name: String,
    /// The first characters of its text.
    pub prefix: String,
    /// Whom it stands for.
    pub principal: PrincipalRef,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Narrowed to these registries.
    pub registries: Option<Vec<RegistryName>>,
    /// Writes narrowed to these crates.
    pub crates: Option<Vec<NamePattern>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the second or so.
    pub last_used_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Who is behind it, where it was given to a job of a CI system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject: Option<String>,
}

/// A token, and what it may do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenDetail {
    /// What a list shows of it.
    #[serde(flatten)]
    pub token: Token,
    /// What it may do as things are, and what its scopes allow and its owner's roles do not, in sentences.
    pub can: Vec<String>,
}

/// A new token, with the only sight of its secret.
#[derive(Debug)]
pub struct NewToken {
    /// The text.
    pub secret: TokenSecret,
    /// Everything else.
    pub token: Token,
}

/// A row for the database with nothing narrowed.
pub(crate) fn row(
    instance: &Instance,
    secret: &TokenSecret,
    name: &str,
    scopes: Scopes,
) -> supercargo_store::NewToken {
    supercargo_store::NewToken {
        id: new_id(instance),
        hash: secret.hash(),
        prefix: secret.prefix().to_owned(),
        name: name.to_owned(),
        scopes,
        registries: None,
        crates: None,
        expires_at: None,
        now: instance.clock().now(),
        subject: None,
    }
}

/// `UUIDv7`: sorts by time, so that lists page in the order in which tokens were made.
pub(crate) fn new_id(instance: &Instance) -> String {
    id_at(instance.clock().now(), instance.random())
}

/// The same, without an instance.
pub(crate) fn id_at(now: Timestamp, random: &Random) -> String {
    let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes())
        .into_uuid()
        .to_string()
}

/// What a request comes to, and for whom.
pub(crate) struct Wanted {
    owner: (i64, PrincipalRef),
    scopes: Scopes,
    now: Timestamp,
    end: Option<Timestamp>,
}

/// Somebody who would come with a token: to be asked what they may do, and never to do it.
pub(crate) fn actor_with(
    owner: &PrincipalRow,
    roles: Vec<(i64, Role)>,
    token: &Token,
) -> Arc<Actor> {
    Arc::new(Actor {
        token_id: token.id.clone(),
        principal_id: owner.id,
        principal: owner.reference(),
        instance_role: owner.instance_role,
        roles: roles.into_iter().collect(),
        scopes: token.scopes,
        registries: token.registries.clone(),
        crates: token.crates.clone(),
        expires_at: token.expires_at,
        subject: token.subject.clone(),
        noted_use: AtomicI64::new(0),
        // of nothing that anybody could send
        hash: TokenHash::from_digest(Digest::from_bytes([0; 32])),
    })
}

impl From<supercargo_store::TokenRow> for Token {
    fn from(row: supercargo_store::TokenRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            principal: row.principal,
            scopes: row.scopes,
            registries: row.registries,
            crates: row.crates,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            subject: row.subject,
        }
    }
}

impl TokenRequest {
    pub(crate) fn end(&self, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        const LONGEST_DAYS: u32 = 36_500;
        match (self.expires_in_days, self.expires_at) {
            (Some(_), Some(_)) => Err(shape("give `expires_in_days` or `expires_at`, not both")),
            (Some(days), None) if days == 0 || days > LONGEST_DAYS => Err(shape(
                "`expires_in_days` is from 1 to 36500; leave it out for a token without an end",
            )),
            (Some(days), None) => Ok(Some(
                now.plus(std::time::Duration::from_hours(u64::from(days) * 24)),
            )),
            (None, Some(end)) if end <= now => Err(shape("`expires_at` is in the past")),
            (None, end) => Ok(end),
        }
    }

    pub(crate) fn check_shape(&self) -> Result<(), Refusal> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(shape(
                "`name` has 1 to 100 characters and no control characters, as in `laptop`",
            ));
        }
        if self.registries.as_ref().is_some_and(Vec::is_empty) {
            return Err(shape("`registries` names none; leave it out for all"));
        }
        if self.crates.as_ref().is_some_and(Vec::is_empty) {
            return Err(shape("`crates` names none; leave it out for all"));
        }
        Ok(())
    }
}

impl NewToken {
    pub(crate) fn of(
        secret: TokenSecret,
        row: supercargo_store::NewToken,
        principal: PrincipalRef,
    ) -> Self {
        let token = Token {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            principal,
            scopes: row.scopes,
            registries: row.registries,
            crates: row.crates,
            created_at: row.now,
            last_used_at: None,
            expires_at: row.expires_at,
            subject: row.subject,
        };
        Self { secret, token }
    }
}

fn shape(text: &str) -> Refusal {
    Refusal::TokenShape(text.to_owned())
}

/// A token must not be able to make one that outlives or outreaches it: who steals it would keep what it gave.
pub(crate) fn within(
    maker: &Actor,
    request: &TokenRequest,
    scopes: Scopes,
    end: Option<Timestamp>,
) -> Result<(), Denied> {
    let refuse = |what: &str| {
        Err(Denied::Right(format!(
            "this token may not make a token that {what} than itself; ask for less, or use another one"
        )))
    };
    if !maker.scopes.has(Scope::Admin) {
        return Err(Denied::Right(
            "this token may not make tokens: it lacks the scope `admin`; use one that has it"
                .to_owned(),
        ));
    }
    if !maker.scopes.includes(scopes) {
        return refuse("has more scopes");
    }
    if !reaches(maker, request.registries.as_deref()) {
        return refuse("reaches more registries");
    }
    let narrower = match (&maker.crates, &request.crates) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(_), Some(asked)) => asked
            .iter()
            .all(|pattern| maker.covers_pattern(pattern).is_ok()),
    };
    if !narrower {
        return refuse("reaches more crates");
    }
    match (maker.expires_at, end) {
        (Some(mine), Some(asked)) if asked <= mine => Ok(()),
        (None, _) => Ok(()),
        _ => refuse("lives longer"),
    }
}

/// Whether a token, or a browser's session, may all that its account may.
pub(crate) fn is_whole(actor: &Actor) -> bool {
    actor.scopes.includes(Scopes::all()) && actor.registries.is_none() && actor.crates.is_none()
}

/// Whether the maker's token is good for all of these registries; `None` is every one there is.
fn reaches(maker: &Actor, registries: Option<&[RegistryName]>) -> bool {
    match (&maker.registries, registries) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(mine), Some(others)) => others.iter().all(|name| mine.contains(name)),
    }
}

/// The jobs of one rule share an account, and no job must learn what others run: each sees the token that it came with.
fn is_open_to(reader: &Actor, id: &str) -> bool {
    reader.principal.kind != PrincipalKind::Job || id == reader.token_id
}

/// Whoever writes a token where its id belongs does not find it in the logs of what asked: it is not repeated.
fn no_token(id: &str) -> Refusal {
    let shown = match id.strip_prefix("scg_") {
        Some(_) => "scg_…".to_owned(),
        None => id.chars().take(LONGEST_ID).collect(),
    };
    Refusal::NoToken(shown)
}

impl Instance {
    /// # Errors
    /// [`Refusal::TokenShape`], also for an account that is disabled; [`Refusal::NoAccount`], or [`Denied`] for what the maker does not have itself.
    pub async fn create_token(
        &self,
        maker: &SignedIn,
        request: TokenRequest,
        caller: &Caller,
    ) -> Outcome<NewToken> {
        let maker = &maker.0;
        let Wanted {
            owner: principal,
            scopes,
            now,
            end,
        } = self.wanted(maker, &request).await?;
        let secret = TokenSecret::generate(self.random());
        let row = supercargo_store::NewToken {
            now,
            ..self.new_row(&secret, &request, scopes, end)
        };
        let mut audit = self.audit("token.created", Some(maker), caller);
        audit.detail = Some(format!("{} for {}: {scopes}", row.id, principal.1));
        let create = self.store.create_token(principal.0, &row, &audit);
        if !self.write_people(create).await? {
            return Err(Refusal::TokenShape(format!(
                "`{}` is disabled or was deleted, and gets no token; enable it first",
                principal.1
            ))
            .into());
        }
        Ok(NewToken::of(secret, row, principal.1))
    }

    /// What a request comes to, once it is clear that the maker may make that.
    pub(crate) async fn wanted(
        &self,
        maker: &Arc<Actor>,
        request: &TokenRequest,
    ) -> Outcome<Wanted> {
        request.check_shape()?;
        let scopes = request.scopes.unwrap_or(Scopes::READ);
        let now = self.clock().now();
        let end = request.end(now)?;
        within(maker, request, scopes, end)?;
        for name in request.registries.iter().flatten() {
            // a name that is hidden from the maker answers as one that does not exist
            self.may_read(name.as_str(), Some(maker.clone()))
                .map_err(|_| Refusal::TokenShape(format!("there is no registry `{name}`")))?;
        }
        let owner = match &request.principal {
            Some(principal) if *principal != maker.principal => {
                self.token_owner(maker, principal, request).await?
            }
            _ => (maker.principal_id, maker.principal.clone()),
        };
        Ok(Wanted {
            owner,
            scopes,
            now,
            end,
        })
    }

    /// The row of a token that is asked for.
    pub(crate) fn new_row(
        &self,
        secret: &TokenSecret,
        request: &TokenRequest,
        scopes: Scopes,
        end: Option<Timestamp>,
    ) -> supercargo_store::NewToken {
        supercargo_store::NewToken {
            registries: request.registries.clone(),
            crates: request.crates.clone(),
            expires_at: end,
            ..row(self, secret, request.name.trim(), scopes)
        }
    }

    /// What a token could do if it were made, in sentences as those of [`TokenDetail::can`]. Nothing is made.
    ///
    /// # Errors
    /// As [`Instance::create_token`].
    pub async fn what_could(
        &self,
        maker: &SignedIn,
        request: &TokenRequest,
    ) -> Outcome<Vec<String>> {
        let maker = &maker.0;
        let wanted = self.wanted(maker, request).await?;
        let (id, reference) = wanted.owner;
        let owner = self.store.find_principal(&reference).await?;
        let owner = owner.ok_or_else(|| Refusal::NoAccount(reference.to_string()))?;
        let roles = self.store.roles_of(id).await?;
        let secret = TokenSecret::generate(self.random());
        let row = self.new_row(&secret, request, wanted.scopes, wanted.end);
        let token = NewToken::of(secret, row, reference).token;
        Ok(self.in_words(&actor_with(&owner, roles, &token), maker))
    }

    /// A token with what it may do: one of the caller's own, or of an account that the caller manages.
    ///
    /// # Errors
    /// [`Refusal::NoToken`] for one that is not there or not the caller's to see.
    pub async fn token(&self, reader: &SignedIn, id: &str) -> Outcome<TokenDetail> {
        let reader = &reader.0;
        let unknown = || no_token(id);
        if !is_open_to(reader, id) {
            return Err(unknown().into());
        }
        let token = self.store.token(id).await?;
        let token = token.filter(|token| token.revoked_at.is_none());
        let token = token.ok_or_else(unknown)?;
        if token.principal_id != reader.principal_id {
            let managed = self.may_manage_tokens_of(reader, &token.principal).await?;
            managed.ok_or_else(unknown)?;
        }
        let now = self.clock().now();
        let owner = self.store.find_principal(&token.principal).await?;
        let owner = owner.ok_or_else(unknown)?;
        let token = Token::from(token);
        let can = if token.expires_at.is_some_and(|end| end <= now) {
            vec!["may do nothing: it has ended".to_owned()]
        } else if owner.disabled_at.is_some() {
            vec![format!(
                "may do nothing while `{}` is disabled",
                token.principal
            )]
        } else {
            let roles = self.store.roles_of(owner.id).await?;
            self.in_words(&actor_with(&owner, roles, &token), reader)
        };
        Ok(TokenDetail { token, can })
    }

    /// Tokens of others: an instance admin's, or a registry admin's for that registry's own service accounts. To everybody else
    /// they are not there, as in lists: also to an admin whose token is too narrow.
    async fn may_manage_tokens_of(
        &self,
        actor: &Arc<Actor>,
        principal: &PrincipalRef,
    ) -> Outcome<Option<i64>> {
        let row = self.store.find_principal(principal).await?;
        let registry_id = row
            .as_ref()
            .filter(|row| row.kind == PrincipalKind::Service)
            .and_then(|row| row.registry_id);
        let allowed = self.may_manage_accounts_of(registry_id, actor);
        Ok(row.filter(|_| allowed.is_ok()).map(|row| row.id))
    }

    /// Another principal's token: an instance admin's, or a registry admin's for that registry's own service accounts.
    async fn token_owner(
        &self,
        maker: &Actor,
        principal: &PrincipalRef,
        request: &TokenRequest,
    ) -> Outcome<(i64, PrincipalRef)> {
        let unknown = || Refusal::NoAccount(principal.to_string());
        if principal.kind == PrincipalKind::Team {
            return Err(
                shape("a team has no tokens; make one for a user or a service account").into(),
            );
        }
        if principal.kind == PrincipalKind::Job {
            return Err(Refusal::OfJobs(principal.to_string()).into());
        }
        let instance_admin = maker.instance_role == supercargo_types::InstanceRole::Admin
            && maker.registries.is_none();
        let row = self.store.find_principal(principal).await?;
        if instance_admin {
            let row = row.ok_or_else(unknown)?;
            return Ok((row.id, principal.clone()));
        }
        // Unknown and not mine answer alike: nothing tells which accounts exist.
        let row = row.ok_or_else(unknown)?;
        let directory = self.directory();
        let registry = row.registry_id.and_then(|id| directory.registry_by_id(id));
        let registry = registry.filter(|registry| maker.role_in(registry) == Some(Role::Admin));
        let name = &registry.ok_or_else(unknown)?.name;
        if request.registries.as_deref() != Some(std::slice::from_ref(name)) {
            return Err(Refusal::TokenShape(format!(
                "a token for `{principal}` is for its own registry; give `\"registries\":[\"{name}\"]`"
            ))
            .into());
        }
        Ok((row.id, principal.clone()))
    }

    /// The caller's own tokens, where an instance admin sees everybody's; or those of one account that the caller manages. A job
    /// has the one that it came with.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`] for one that is not there or not the caller's to manage.
    pub async fn list_tokens(
        &self,
        actor: &SignedIn,
        principal: Option<&PrincipalRef>,
        limit: u32,
        after: Option<&str>,
    ) -> Outcome<(Vec<Token>, u64)> {
        let everybody = self.may_administer_instance(Some(actor.0.clone())).is_ok();
        let of = match principal {
            Some(principal) if *principal != actor.0.principal => {
                let managed = self.may_manage_tokens_of(&actor.0, principal).await?;
                Some(managed.ok_or_else(|| Refusal::NoAccount(principal.to_string()))?)
            }
            None if everybody => None,
            _ if actor.0.principal.kind == PrincipalKind::Job => {
                return self.own_token_of_job(&actor.0, after).await;
            }
            _ => Some(actor.0.principal_id),
        };
        let page = self.store.list_tokens(of, limit, after).await?;
        Ok((
            page.items.into_iter().map(Token::from).collect(),
            page.total,
        ))
    }

    async fn own_token_of_job(
        &self,
        job: &Actor,
        after: Option<&str>,
    ) -> Outcome<(Vec<Token>, u64)> {
        let token = self.store.token(&job.token_id).await?;
        let token = token.filter(|token| token.revoked_at.is_none());
        let total = u64::from(token.is_some());
        let token = token.filter(|token| after.is_none_or(|after| token.id.as_str() > after));
        Ok((token.into_iter().map(Token::from).collect(), total))
    }

    /// Ends a token at once. A token may end itself; another of the same principal only with the scope `admin`, no limit to
    /// crates, and no more registries than its own: who steals a narrow token must not lock its owner out.
    ///
    /// # Errors
    /// [`Refusal::NoToken`] for one that is not there or not the caller's.
    pub async fn revoke_token(&self, actor: &SignedIn, id: &str, caller: &Caller) -> Outcome<()> {
        let actor = &actor.0;
        let unknown = || no_token(id);
        let token = self.store.token(id).await?.ok_or_else(unknown)?;
        let mine = token.principal_id == actor.principal_id;
        let may = id == actor.token_id
            || (mine
                && actor.scopes.has(Scope::Admin)
                && actor.crates.is_none()
                && reaches(actor, token.registries.as_deref()))
            || self.may_administer_instance(Some(actor.clone())).is_ok();
        if !may && mine {
            return Err(Denied::Right(
                "this token may not end that one: it lacks the scope `admin`, or is limited to some crates or to fewer registries"
                    .to_owned(),
            )
            .into());
        }
        if !may {
            let managed = self.may_manage_tokens_of(actor, &token.principal).await?;
            managed.ok_or_else(unknown)?;
        }
        let mut audit = self.audit("token.revoked", Some(actor), caller);
        audit.detail = Some(id.to_owned());
        let now = self.clock().now();
        let revoked = self
            .write_people(self.store.revoke_token(id, now, &audit))
            .await?;
        if revoked {
            Ok(())
        } else {
            Err(unknown().into())
        }
    }
}
