//! Accounts as administrators look for them: found by name, with all that one has, and who came by the provider.

use supercargo_store::{AccountFilter, PrincipalRow};
use supercargo_types::{
    AccountName, InstanceRole, PrincipalKind, PrincipalRef, RegistryName, Role, Timestamp,
};

use crate::{
    Identity, Instance, Principal, TeamSummary,
    refusal::{Outcome, Refusal},
    rights::{MayAdminister, MayAdministerInstance, MayManageService},
};

/// Which accounts are looked for.
#[derive(Clone, Debug, Default)]
pub struct AccountQuery {
    /// A part of the name, or of the e-mail address; empty for all.
    pub text: String,
    /// Only with this role on the instance.
    pub instance_role: Option<InstanceRole>,
    /// Only those that are disabled, or only those that are not.
    pub disabled: Option<bool>,
}

/// An account in a list of administrators.
#[derive(Clone, Debug)]
pub struct FoundAccount {
    /// As it is.
    pub principal: Principal,
    /// When one of its tokens or browsers was used last, to the second or so.
    pub seen_at: Option<Timestamp>,
}

/// A role in a registry, and through whom.
#[derive(Clone, Debug)]
pub struct HeldRole {
    /// Where.
    pub registry: RegistryName,
    /// Which.
    pub role: Role,
    /// The team that has it; none: the account itself.
    pub team: Option<AccountName>,
}

/// What an account or a team has.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its roles, its own and its teams', by registry.
    pub roles: Vec<HeldRole>,
    /// The teams of a user, by name.
    pub teams: Vec<AccountName>,
    /// How many crates it owns.
    pub owned: u64,
    /// How many of them nobody else owns: while there are some, it cannot be deleted.
    pub owned_alone: u64,
    /// Tokens that are not revoked.
    pub tokens: u64,
    /// When one of its tokens or browsers was used last, to the second or so.
    pub seen_at: Option<Timestamp>,
}

impl Instance {
    /// Users by name, and how many there are; `skipped` stand before this page.
    ///
    /// # Errors
    /// Only faults.
    pub async fn find_users(
        &self,
        _right: &MayAdministerInstance,
        query: &AccountQuery,
        limit: u32,
        skipped: u64,
    ) -> Outcome<(Vec<FoundAccount>, u64)> {
        self.find_accounts(PrincipalKind::User, query, None, limit, skipped)
            .await
    }

    /// Service accounts of the instance and of all registries, as [`Instance::find_users`].
    ///
    /// # Errors
    /// Only faults.
    pub async fn find_service_accounts(
        &self,
        _right: &MayAdministerInstance,
        query: &AccountQuery,
        limit: u32,
        skipped: u64,
    ) -> Outcome<(Vec<FoundAccount>, u64)> {
        self.find_accounts(PrincipalKind::Service, query, None, limit, skipped)
            .await
    }

    /// Service accounts of one registry, as [`Instance::find_users`].
    ///
    /// # Errors
    /// Only faults.
    pub async fn find_service_accounts_of(
        &self,
        right: &MayAdminister,
        query: &AccountQuery,
        limit: u32,
        skipped: u64,
    ) -> Outcome<(Vec<FoundAccount>, u64)> {
        let registry = Some(right.registry.id);
        self.find_accounts(PrincipalKind::Service, query, registry, limit, skipped)
            .await
    }

    async fn find_accounts(
        &self,
        kind: PrincipalKind,
        query: &AccountQuery,
        registry_id: Option<i64>,
        limit: u32,
        skipped: u64,
    ) -> Outcome<(Vec<FoundAccount>, u64)> {
        self.write_uses().await;
        self.write_session_uses().await;
        let filter = AccountFilter {
            kind,
            text: query.text.clone(),
            instance_role: query.instance_role,
            disabled: query.disabled,
            registry_id,
        };
        let page = self.store.find_accounts(&filter, limit, skipped).await?;
        let found = |(row, session): (supercargo_store::AccountRow, Option<Timestamp>)| {
            let seen_at = row.last_used_at.max(session);
            FoundAccount {
                principal: self.principal(row),
                seen_at,
            }
        };
        Ok((page.items.into_iter().map(found).collect(), page.total))
    }

    /// Teams by name of which a text is a part, and how many there are; `skipped` stand before this page.
    ///
    /// # Errors
    /// Only faults.
    pub async fn find_teams(
        &self,
        _right: &MayAdministerInstance,
        text: &str,
        limit: u32,
        skipped: u64,
    ) -> Outcome<(Vec<TeamSummary>, u64)> {
        let page = self.store.find_teams(text, limit, skipped).await?;
        let items = page.items.into_iter().map(|row| TeamSummary {
            name: row.name,
            member_count: row.members,
            created_at: row.created_at,
        });
        Ok((items.collect(), page.total))
    }

    /// What a user or a team has.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`].
    pub async fn account_standing(
        &self,
        _right: &MayAdministerInstance,
        of: &PrincipalRef,
    ) -> Outcome<Standing> {
        let row = self.store.find_principal(of).await?;
        let row = row.ok_or_else(|| Refusal::NoAccount(of.to_string()))?;
        self.standing_of(&row).await
    }

    /// What a service account has.
    ///
    /// # Errors
    /// Only faults.
    pub async fn standing_of_service(&self, right: &MayManageService) -> Outcome<Standing> {
        self.standing_of(&right.account.principal).await
    }

    async fn standing_of(&self, row: &PrincipalRow) -> Outcome<Standing> {
        self.write_uses().await;
        self.write_session_uses().await;
        let directory = self.directory();
        let roles = self.store.roles_with_teams(row.id).await?;
        let mut roles: Vec<_> = roles
            .into_iter()
            .filter_map(|held| {
                // a deleted registry gives nobody anything
                let registry = directory.registry_by_id(held.registry_id)?;
                Some(HeldRole {
                    registry: registry.name.clone(),
                    role: held.role,
                    team: held.team,
                })
            })
            .collect();
        roles.sort_by(|a, b| (&a.registry, &a.team).cmp(&(&b.registry, &b.team)));
        let (owned, owned_alone) = self.store.count_owned(row.id).await?;
        let tokens = self.store.list_tokens(Some(row.id), 0, None).await?;
        let account = self.store.find_account(&row.reference()).await?;
        let token_used = account.and_then(|account| account.last_used_at);
        Ok(Standing {
            roles,
            teams: self.store.team_names_of(row.id).await?,
            owned,
            owned_alone,
            tokens: tokens.total,
            seen_at: token_used.max(self.store.seen_at(row.id).await?),
        })
    }

    /// Who signed in with the provider last, and how many identities at it are linked; nothing where no provider is set up.
    ///
    /// # Errors
    /// Only faults.
    pub async fn latest_sign_ons(
        &self,
        _right: &MayAdministerInstance,
        limit: u32,
    ) -> Outcome<(Vec<(AccountName, Identity)>, u64)> {
        let Some(settings) = self.sign_on() else {
            return Ok((Vec::new(), 0));
        };
        let issuer = settings.provider.issuer.as_str();
        let page = self.store.latest_identities(issuer, limit).await?;
        let items = page.items.into_iter();
        let items = items.map(|(name, row)| (name, Identity::from(row)));
        Ok((items.collect(), page.total))
    }
}
