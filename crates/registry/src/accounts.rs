//! What becomes of accounts: looked at, changed, disabled for a while, and deleted for ever.
//!
//! A disabled account keeps all that it has, and nothing of it works. A deleted one keeps only its name, so that nobody inherits
//! what stands in the audit log, in crates and in settings under it: its tokens, browsers, identities, roles, teams and
//! ownerships are gone. It is refused while a crate would be left without an owner.

use std::{fmt::Write as _, sync::Arc};

use serde::Deserialize;
use supercargo_store::{AccountChange, AccountChanged, AccountDeleted, AccountRow};
use supercargo_types::{InstanceRole, PrincipalKind, PrincipalRef};
use utoipa::ToSchema;

use crate::{
    Caller, Failure, Instance, Password, Principal,
    people::check_email,
    publishers::given,
    raising::{is_raised, may_give_way_in, may_raise},
    refusal::{Outcome, Refusal},
    rights::{Actor, Denied, MayAdministerInstance, MayManageService, SignedIn},
    teams::named,
};

/// What of a user shall be another. What is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountEdit {
    /// Where it can be written to; null for nowhere.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// What it is on the instance.
    pub instance_role: Option<InstanceRole>,
    /// What it signs in with; null for no password at all. Its browsers are signed out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Password>)]
    pub password: Option<Option<Password>>,
    /// Whether its tokens, its password and its browsers shall not work.
    pub disabled: Option<bool>,
}

impl AccountEdit {
    /// For the audit log: what is another now, without what nobody needs to read there.
    fn in_words(&self) -> String {
        let mut words = String::new();
        let mut say = |what: std::fmt::Arguments<'_>| {
            let comma = if words.is_empty() { "" } else { ", " };
            write!(words, "{comma}{what}").expect("invariant: a text takes every write");
        };
        match &self.email {
            Some(Some(_)) => say(format_args!("e-mail address changed")),
            Some(None) => say(format_args!("e-mail address removed")),
            None => {}
        }
        if let Some(role) = self.instance_role {
            say(format_args!("instance role {role}"));
        }
        match &self.password {
            Some(Some(_)) => say(format_args!("password set")),
            Some(None) => say(format_args!("password removed")),
            None => {}
        }
        match self.disabled {
            Some(true) => say(format_args!("disabled")),
            Some(false) => say(format_args!("enabled")),
            None => {}
        }
        words
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::NoAccount(name.chars().take(80).collect())
}

impl Instance {
    async fn user_row(&self, name: &str) -> Outcome<AccountRow> {
        let reference = PrincipalRef {
            kind: PrincipalKind::User,
            name: name.parse().map_err(|_| unknown(name))?,
        };
        let row = self.store.find_account(&reference).await?;
        Ok(row.ok_or_else(|| unknown(name))?)
    }

    /// The account of whoever asks.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`] when it was deleted at this moment.
    pub async fn own_account(&self, actor: &SignedIn) -> Outcome<Principal> {
        let own = &actor.0.principal;
        let row = self.store.find_account(own).await?;
        let row = row.ok_or_else(|| unknown(&own.to_string()))?;
        Ok(self.principal(row))
    }

    /// A user.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`].
    pub async fn user_account(
        &self,
        _right: &MayAdministerInstance,
        name: &str,
    ) -> Outcome<Principal> {
        self.write_uses().await;
        Ok(self.principal(self.user_row(name).await?))
    }

    /// Changes a user; it holds when this returns. Who is disabled or gets another password is signed out everywhere.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], [`Refusal::LastAdmin`], [`Refusal::Shape`], [`Refusal::PasswordShape`]; [`Denied::Right`] for a
    /// password or a role that a token gives which has not all of it itself.
    pub async fn change_user(
        &self,
        right: &MayAdministerInstance,
        name: &str,
        edit: AccountEdit,
        caller: &Caller,
    ) -> Outcome<Principal> {
        // whoever signs in with it has every scope: a token that was stolen must not give itself those that it lacks
        if matches!(edit.password, Some(Some(_))) {
            may_give_way_in(&right.0, "set a password")?;
        }
        if edit.instance_role.is_some_and(is_raised) {
            may_raise(&right.0)?;
        }
        let row = self.user_row(name).await?;
        self.change_account(&right.0, row, edit, caller).await
    }

    async fn change_account(
        &self,
        actor: &Actor,
        row: AccountRow,
        edit: AccountEdit,
        caller: &Caller,
    ) -> Outcome<Principal> {
        let account = &row.principal;
        let reference = account.reference();
        let words = edit.in_words();
        if words.is_empty() {
            return Ok(self.principal(row));
        }
        if let Some(Some(email)) = &edit.email {
            check_email(email)?;
        }
        let password_hash = match &edit.password {
            Some(Some(password)) => {
                let email = edit.email.as_ref().unwrap_or(&account.email);
                let hash = self.hash_password(password, &account.name, email.as_deref());
                Some(Some(hash.await?))
            }
            Some(None) => Some(None),
            None => None,
        };
        let change = AccountChange {
            email: edit.email,
            instance_role: edit.instance_role,
            password_hash,
            disabled: edit.disabled,
        };
        let mut audit = self.audit("account.changed", Some(actor), caller);
        audit.registry = self.registry_of(&row);
        audit.detail = Some(format!("{reference}: {words}"));
        let now = self.clock().now();
        let write = self.store.change_account(account.id, &change, now, &audit);
        match self.write_people(write).await? {
            AccountChanged::Done => {}
            AccountChanged::NotThere => return Err(unknown(&reference.to_string()).into()),
            AccountChanged::LastAdmin => {
                return Err(Refusal::LastAdmin(reference.to_string()).into());
            }
        }
        let row = self.store.find_account(&reference).await?;
        let row = row.ok_or_else(|| unknown(&reference.to_string()))?;
        Ok(self.principal(row))
    }

    /// The registry whose admins shall read about it.
    fn registry_of(&self, row: &AccountRow) -> Option<String> {
        let directory = self.directory();
        let name = directory.registry_name(row.principal.registry_id?)?;
        Some(name.to_string())
    }

    /// Deletes a user for ever; it holds when this returns. `confirm` is the name once more.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], [`Refusal::ConfirmAccount`], [`Refusal::LastAdmin`], [`Refusal::AccountIsLastOwner`].
    pub async fn delete_user(
        &self,
        right: &MayAdministerInstance,
        name: &str,
        confirm: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        let row = self.user_row(name).await?;
        self.delete_account(&right.0, &row, confirm, caller).await
    }

    async fn delete_account(
        &self,
        actor: &Actor,
        row: &AccountRow,
        confirm: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        let reference = row.principal.reference();
        if confirm != Some(reference.name.as_str()) {
            return Err(Refusal::ConfirmAccount {
                account: reference.to_string(),
                name: reference.name,
            }
            .into());
        }
        let mut audit = self.audit("account.deleted", Some(actor), caller);
        audit.registry = self.registry_of(row);
        audit.detail = Some(reference.to_string());
        let now = self.clock().now();
        let write = self.store.delete_account(row.principal.id, now, &audit);
        match self.write_people(write).await? {
            AccountDeleted::Done => Ok(()),
            AccountDeleted::NotThere => Err(unknown(&reference.to_string()).into()),
            AccountDeleted::LastAdmin => Err(Refusal::LastAdmin(reference.to_string()).into()),
            AccountDeleted::LastOwner { crates, total } => Err(Refusal::AccountIsLastOwner {
                account: reference.to_string(),
                crates: named(&crates, total),
            }
            .into()),
        }
    }

    /// An instance admin manages every service account; a registry's admin those of the registry. Others learn nothing of them.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], also for those that are not the caller's to manage; [`Denied`] where only the token is too narrow.
    pub async fn may_manage_service(
        &self,
        name: &str,
        actor: Option<Arc<Actor>>,
    ) -> Outcome<MayManageService> {
        let actor = actor.ok_or(Denied::SignIn)?;
        let reference = name.parse().ok().map(|name| PrincipalRef {
            kind: PrincipalKind::Service,
            name,
        });
        let row = match &reference {
            Some(reference) => self.store.find_account(reference).await?,
            None => None,
        };
        let registry_id = row.as_ref().and_then(|row| row.principal.registry_id);
        let allowed = self.may_manage_accounts_of(registry_id, &actor);
        let hidden = || Failure::from(unknown(&format!("service:{name}")));
        let actor = allowed.map_err(|denied| denied.map_or_else(hidden, Failure::from))?;
        let account = row.ok_or_else(hidden)?;
        Ok(MayManageService { actor, account })
    }

    /// A service account.
    pub fn service_account(&self, right: &MayManageService) -> Principal {
        self.principal(right.account.clone())
    }

    /// Disables a service account or enables it again; it holds when this returns.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`] when it was deleted meanwhile.
    pub async fn change_service_account(
        &self,
        right: &MayManageService,
        disabled: Option<bool>,
        caller: &Caller,
    ) -> Outcome<Principal> {
        let edit = AccountEdit {
            disabled,
            ..AccountEdit::default()
        };
        self.change_account(&right.actor, right.account.clone(), edit, caller)
            .await
    }

    /// Deletes a service account for ever; it holds when this returns. `confirm` is the name once more.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`], [`Refusal::ConfirmAccount`], [`Refusal::AccountIsLastOwner`].
    pub async fn delete_service_account(
        &self,
        right: &MayManageService,
        confirm: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        self.delete_account(&right.actor, &right.account, confirm, caller)
            .await
    }
}
