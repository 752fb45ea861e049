//! Sessions as people see and end them.

use serde::Serialize;
use supercargo_store::BrowserRow;
use supercargo_types::{AccountName, PrincipalKind, PrincipalRef, Scope, Timestamp};

use crate::{
    Caller, Instance,
    refusal::{Outcome, Refusal},
    rights::{Actor, Denied, SignedIn},
};

/// A session as people see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Session {
    /// Names it in `DELETE /sessions/{id}`.
    pub id: String,
    /// Who is signed in.
    pub user: AccountName,
    /// The provider that they signed in with; null for a password or a token.
    pub issuer: Option<String>,
    /// The id of the token that they signed in with, with which the session ends; null for a provider or a password.
    pub token_id: Option<String>,
    /// From which address they signed in.
    pub address: Option<String>,
    /// With which browser.
    pub user_agent: Option<String>,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was used last, to the second or so.
    pub last_used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks; never so in the management API, which takes tokens alone.
    pub current: bool,
}

impl Instance {
    /// The sessions of the caller, or of a user for instance admins.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], [`Denied`] where the caller's token may not.
    pub async fn list_sessions(
        &self,
        actor: &SignedIn,
        user: Option<&AccountName>,
        limit: u32,
        after: Option<&str>,
    ) -> Outcome<(Vec<Session>, u64)> {
        let of = self.sessions_owner(actor, user).await?;
        self.write_session_uses().await;
        let now = self.clock().now();
        let idle_since = now.minus(self.session_settings().idle);
        let list = self.store.list_sessions(of, now, idle_since, limit, after);
        let page = list.await?;
        let current = actor.0.session_id();
        let shown = |row: BrowserRow| Session {
            current: current == Some(&row.id),
            id: row.id,
            user: row.principal.name,
            issuer: row.issuer,
            token_id: row.token_id,
            address: row.address,
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        };
        Ok((page.items.into_iter().map(shown).collect(), page.total))
    }

    /// Ends a session at once: one of the caller's own, or anybody's for instance admins.
    ///
    /// # Errors
    /// [`Refusal::NoSession`], [`Denied`] where the caller's token may not.
    pub async fn end_session(&self, actor: &SignedIn, id: &str, caller: &Caller) -> Outcome<()> {
        let unknown = || Refusal::NoSession(id.to_owned());
        may_manage(&actor.0)?;
        let session = self.store.session(id).await?.ok_or_else(unknown)?;
        let is_own = session.principal_id == actor.0.principal_id;
        // others' and unknown ones answer alike
        if !is_own && self.may_administer_instance(Some(actor.0.clone())).is_err() {
            return Err(unknown().into());
        }
        let mut audit = self.audit("session.ended", Some(&actor.0), caller);
        audit.detail = Some(format!("{id} of {}", session.principal));
        let end = self.store.end_session(id, self.clock().now(), &audit);
        if self.write_people(end).await? {
            Ok(())
        } else {
            Err(unknown().into())
        }
    }

    /// Ends all sessions of the caller but the one that asks, or of a user for instance admins; says how many those were.
    ///
    /// # Errors
    /// As [`Instance::list_sessions`].
    pub async fn end_sessions(
        &self,
        actor: &SignedIn,
        user: Option<&AccountName>,
        caller: &Caller,
    ) -> Outcome<u64> {
        let of = self.sessions_owner(actor, user).await?;
        let mut audit = self.audit("session.ended", Some(&actor.0), caller);
        let whose = user.unwrap_or(&actor.0.principal.name);
        audit.detail = Some(match actor.0.session_id() {
            Some(id) => format!("all of {whose} but {id}"),
            None => format!("all of {whose}"),
        });
        let now = self.clock().now();
        let end = self
            .store
            .end_sessions(of, actor.0.session_id(), now, &audit);
        self.write_people(end).await
    }

    async fn sessions_owner(&self, actor: &SignedIn, user: Option<&AccountName>) -> Outcome<i64> {
        may_manage(&actor.0)?;
        let own = &actor.0.principal;
        match user {
            None => Ok(actor.0.principal_id),
            Some(user) if own.kind == PrincipalKind::User && own.name == *user => {
                Ok(actor.0.principal_id)
            }
            Some(user) => {
                self.may_administer_instance(Some(actor.0.clone()))?;
                let reference = PrincipalRef {
                    kind: PrincipalKind::User,
                    name: user.clone(),
                };
                let row = self.store.find_principal(&reference).await?;
                let row = row.ok_or_else(|| Refusal::NoAccount(user.to_string()))?;
                Ok(row.id)
            }
        }
    }
}

/// A narrow token that was stolen must neither sign its owner out nor learn from where they sign in.
fn may_manage(actor: &Actor) -> Result<(), Denied> {
    if actor.scopes.has(Scope::Admin) && actor.registries.is_none() && actor.crates.is_none() {
        return Ok(());
    }
    Err(Denied::Right(
        "this token may not see or end sessions: it lacks the scope `admin`, or is limited to some registries or crates"
            .to_owned(),
    ))
}
