//! Users, service accounts, and members of registries. What becomes of an account later is in `accounts.rs`, and what is
//! peculiar to teams in `teams.rs`.

use serde::Serialize;
use supercargo_store::{AccountRow, Created, PrincipalRow};
use supercargo_types::{
    AccountName, InstanceRole, PrincipalKind, PrincipalRef, RegistryName, Role, Timestamp,
};
use utoipa::ToSchema;

use crate::{
    Caller, Instance, Password,
    raising::{is_raised, may_give_way_in, may_raise},
    refusal::{Outcome, Refusal},
    rights::{MayAdminister, MayAdministerInstance, SignedIn},
};

/// A user or service account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Principal {
    /// Its name, without the kind.
    pub name: AccountName,
    /// What it is.
    pub kind: PrincipalKind,
    /// Where it can be written to.
    pub email: Option<String>,
    /// What it is on the instance.
    pub instance_role: InstanceRole,
    /// The registry that a service account belongs to.
    pub registry: Option<RegistryName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is disabled: neither its tokens nor its password work, until somebody enables it again.
    pub disabled: bool,
    /// Whether it can sign in with a password.
    pub has_password: bool,
    /// When one of its tokens was used last, to the second or so.
    pub last_used_at: Option<Timestamp>,
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewPrincipal {
    /// User, service account or team.
    pub kind: PrincipalKind,
    /// Its name.
    pub name: AccountName,
    /// Users may have one.
    pub email: Option<String>,
    /// Users may have one to sign in with.
    pub password: Option<Password>,
    /// Members where nothing is said.
    pub instance_role: InstanceRole,
}

/// RFC 5321 allows no more.
const LONGEST_EMAIL: usize = 254;

/// Whether a text is an e-mail address, as far as it can be told without writing to it.
///
/// # Errors
/// [`Refusal::Shape`].
pub fn check_email(email: &str) -> Result<(), Refusal> {
    let plausible = email.len() <= LONGEST_EMAIL
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if plausible {
        return Ok(());
    }
    // repeated, and so not at any length
    let email: String = email.chars().take(LONGEST_EMAIL).collect();
    Err(Refusal::Shape(format!(
        "`{email}` is not an e-mail address, as `alice@acme.example` is"
    )))
}

impl Instance {
    pub(crate) fn principal(&self, account: AccountRow) -> Principal {
        let directory = self.directory();
        let row = account.principal;
        Principal {
            name: row.name,
            kind: row.kind,
            email: row.email,
            instance_role: row.instance_role,
            registry: row
                .registry_id
                .and_then(|id| directory.registry_name(id).cloned()),
            created_at: row.created_at,
            disabled: row.disabled_at.is_some(),
            has_password: account.has_password,
            last_used_at: account.last_used_at,
        }
    }

    /// Makes a user, a service account of the instance or a team.
    ///
    /// # Errors
    /// [`Refusal::AccountTaken`], [`Refusal::AccountDeleted`]; [`Refusal::Shape`] for an e-mail that is none,
    /// [`Refusal::PasswordShape`]; [`crate::Denied::Right`] for a password or a role that a token gives which has not all of it
    /// itself.
    pub async fn create_principal(
        &self,
        right: &MayAdministerInstance,
        new: NewPrincipal,
        caller: &Caller,
    ) -> Outcome<Principal> {
        if new.password.is_some() {
            may_give_way_in(&right.0, "set a password")?;
        }
        if is_raised(new.instance_role) {
            may_raise(&right.0)?;
        }
        self.insert_principal(&right.0, new, None, caller).await
    }

    /// Makes a service account of one registry.
    ///
    /// # Errors
    /// [`Refusal::AccountTaken`], [`Refusal::AccountDeleted`].
    pub async fn create_service_account(
        &self,
        right: &MayAdminister,
        name: AccountName,
        caller: &Caller,
    ) -> Outcome<Principal> {
        let new = NewPrincipal {
            kind: PrincipalKind::Service,
            name,
            email: None,
            password: None,
            instance_role: InstanceRole::Member,
        };
        self.insert_principal(&right.actor, new, Some(right.registry.id), caller)
            .await
    }

    async fn insert_principal(
        &self,
        actor: &crate::Actor,
        new: NewPrincipal,
        registry_id: Option<i64>,
        caller: &Caller,
    ) -> Outcome<Principal> {
        if let Some(email) = &new.email {
            check_email(email)?;
        }
        let password_hash = match &new.password {
            Some(password) => {
                let email = new.email.as_deref();
                Some(self.hash_password(password, &new.name, email).await?)
            }
            None => None,
        };
        let reference = PrincipalRef {
            kind: new.kind,
            name: new.name.clone(),
        };
        let row = supercargo_store::NewPrincipal {
            kind: new.kind,
            name: new.name,
            email: new.email,
            password_hash,
            instance_role: new.instance_role,
            registry_id,
            now: self.clock().now(),
        };
        let mut audit = self.audit("account.created", Some(actor), caller);
        audit.detail = Some(format!("{reference} {}", row.instance_role));
        if let Created::Taken(_) = self.store.create_principal(&row, &audit).await? {
            let is_there = self.store.find_principal(&reference).await?.is_some();
            let name = reference.to_string();
            return Err(if is_there {
                Refusal::AccountTaken(name).into()
            } else {
                Refusal::AccountDeleted(name).into()
            });
        }
        let created = self.store.find_account(&reference).await?;
        let created = created
            .ok_or_else(|| crate::Failure::fault(anyhow::anyhow!("a new account is not there")))?;
        Ok(self.principal(created))
    }

    /// Users or service accounts, by name.
    ///
    /// # Errors
    /// Only faults.
    pub async fn list_principals(
        &self,
        _right: &MayAdministerInstance,
        kind: PrincipalKind,
        limit: u32,
        after: Option<&str>,
    ) -> Outcome<(Vec<Principal>, u64)> {
        self.write_uses().await;
        let page = self.store.list_accounts(kind, None, limit, after).await?;
        Ok((
            page.items
                .into_iter()
                .map(|row| self.principal(row))
                .collect(),
            page.total,
        ))
    }

    /// The service accounts of one registry, by name.
    ///
    /// # Errors
    /// Only faults.
    pub async fn list_service_accounts(
        &self,
        right: &MayAdminister,
        limit: u32,
        after: Option<&str>,
    ) -> Outcome<(Vec<Principal>, u64)> {
        self.write_uses().await;
        let registry = Some(right.registry.id);
        let list = self
            .store
            .list_accounts(PrincipalKind::Service, registry, limit, after);
        let page = list.await?;
        Ok((
            page.items
                .into_iter()
                .map(|row| self.principal(row))
                .collect(),
            page.total,
        ))
    }

    /// The members of a registry with their roles.
    ///
    /// # Errors
    /// Only faults.
    pub async fn members(&self, right: &MayAdminister) -> Outcome<Vec<(PrincipalRef, Role)>> {
        let rows = self.store.members(right.registry.id).await?;
        let member = |(row, role): (PrincipalRow, Role)| {
            (
                PrincipalRef {
                    kind: row.kind,
                    name: row.name,
                },
                role,
            )
        };
        Ok(rows.into_iter().map(member).collect())
    }

    /// Makes a principal a member, or gives it another role; it holds when this returns.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], [`Refusal::OfJobs`].
    pub async fn set_member(
        &self,
        right: &MayAdminister,
        principal: &PrincipalRef,
        role: Role,
        caller: &Caller,
    ) -> Outcome<()> {
        if principal.kind == PrincipalKind::Job {
            return Err(Refusal::OfJobs(principal.to_string()).into());
        }
        let unknown = || Refusal::NoAccount(principal.to_string());
        let row = self
            .store
            .find_principal(principal)
            .await?
            .ok_or_else(unknown)?;
        // A service account of one registry is under its admins' control alone: in another one they would hold its token.
        if row
            .registry_id
            .is_some_and(|registry| registry != right.registry.id)
        {
            return Err(unknown().into());
        }
        let mut audit = self.audit("member.set", Some(&right.actor), caller);
        audit.registry = Some(right.registry.name.to_string());
        audit.detail = Some(format!("{principal} {role}"));
        let write = self
            .store
            .set_member(right.registry.id, row.id, role, &audit);
        if self.write_people(write).await? {
            Ok(())
        } else {
            Err(unknown().into())
        }
    }

    /// Ends a membership; it holds when this returns.
    ///
    /// # Errors
    /// [`Refusal::NotMember`].
    pub async fn remove_member(
        &self,
        right: &MayAdminister,
        principal: &PrincipalRef,
        caller: &Caller,
    ) -> Outcome<()> {
        let not_member = || Refusal::NotMember(principal.to_string(), right.registry.name.clone());
        let row = self
            .store
            .find_principal(principal)
            .await?
            .ok_or_else(not_member)?;
        let mut audit = self.audit("member.removed", Some(&right.actor), caller);
        audit.registry = Some(right.registry.name.to_string());
        audit.detail = Some(principal.to_string());
        let write = self.store.remove_member(right.registry.id, row.id, &audit);
        let removed = self.write_people(write).await?;
        if removed {
            Ok(())
        } else {
            Err(not_member().into())
        }
    }

    /// Who the caller is, for `GET /me`.
    pub fn me(&self, actor: &SignedIn) -> (PrincipalRef, InstanceRole) {
        (actor.0.principal.clone(), actor.0.instance_role)
    }
}
