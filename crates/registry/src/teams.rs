//! Teams: users who have roles and own crates together.
//!
//! A team never acts itself, and has no tokens. What it may do, its users may, from the moment they are in it until the
//! moment they are not.

use std::fmt::Write as _;

use serde::Serialize;
use supercargo_store::{PrincipalRow, TeamDeleted, TeamJoined};
use supercargo_types::{
    AccountName, CrateName, InstanceRole, PrincipalKind, PrincipalRef, RegistryName, Timestamp,
};
use utoipa::ToSchema;

use crate::{
    Caller, Instance, NewPrincipal,
    refusal::{Outcome, Refusal},
    rights::MayAdministerInstance,
};

/// A team with its users.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Team {
    /// Its name; elsewhere it is written `team:NAME`.
    pub name: AccountName,
    /// Its users, by name.
    pub members: Vec<AccountName>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A team in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TeamSummary {
    /// Its name.
    pub name: AccountName,
    /// How many users it has.
    pub member_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Instance {
    /// Makes a team without members.
    ///
    /// # Errors
    /// [`Refusal::AccountTaken`], [`Refusal::AccountDeleted`].
    pub async fn create_team(
        &self,
        right: &MayAdministerInstance,
        name: AccountName,
        caller: &Caller,
    ) -> Outcome<Team> {
        let new = NewPrincipal {
            kind: PrincipalKind::Team,
            name,
            email: None,
            password: None,
            instance_role: InstanceRole::Member,
        };
        let made = self.create_principal(right, new, caller).await?;
        Ok(Team {
            name: made.name,
            members: Vec::new(),
            created_at: made.created_at,
        })
    }

    /// Teams by name, and how many there are.
    ///
    /// # Errors
    /// Only faults.
    pub async fn list_teams(
        &self,
        _right: &MayAdministerInstance,
        limit: u32,
        after: Option<&str>,
    ) -> Outcome<(Vec<TeamSummary>, u64)> {
        let page = self.store.list_teams(limit, after).await?;
        let items = page.items.into_iter().map(|row| TeamSummary {
            name: row.name,
            member_count: row.members,
            created_at: row.created_at,
        });
        Ok((items.collect(), page.total))
    }

    /// A team with its users.
    ///
    /// # Errors
    /// [`Refusal::NoTeam`].
    pub async fn team(&self, _right: &MayAdministerInstance, name: &str) -> Outcome<Team> {
        let row = self.team_row(name).await?;
        Ok(Team {
            members: self.store.team_members(row.id).await?,
            name: row.name,
            created_at: row.created_at,
        })
    }

    /// Deletes a team with its roles and what it owns; its users lose what they had through it when this returns.
    ///
    /// # Errors
    /// [`Refusal::NoTeam`]; [`Refusal::TeamIsLastOwner`] when a crate would be left without an owner.
    pub async fn delete_team(
        &self,
        right: &MayAdministerInstance,
        name: &str,
        caller: &Caller,
    ) -> Outcome<()> {
        let row = self.team_row(name).await?;
        let mut audit = self.audit("team.deleted", Some(&right.0), caller);
        audit.detail = Some(row.reference().to_string());
        let write = self.store.delete_team(row.id, &audit);
        match self.write_people(write).await? {
            TeamDeleted::Done => Ok(()),
            TeamDeleted::NotThere => Err(Refusal::NoTeam(name.to_owned()).into()),
            TeamDeleted::LastOwner { crates, total } => Err(Refusal::TeamIsLastOwner {
                team: row.name,
                crates: named(&crates, total),
            }
            .into()),
        }
    }

    /// Makes a user a member of a team, which is no error for one who is; it holds when this returns.
    ///
    /// # Errors
    /// [`Refusal::NoTeam`], [`Refusal::NoAccount`], [`Refusal::TeamOfUsers`] for who is no user.
    pub async fn add_team_member(
        &self,
        right: &MayAdministerInstance,
        team: &str,
        user: &str,
        caller: &Caller,
    ) -> Outcome<(AccountName, AccountName)> {
        let row = self.team_row(team).await?;
        let unknown = || Refusal::NoAccount(user.to_owned());
        let reference: PrincipalRef = user.parse().map_err(|_| unknown())?;
        if reference.kind != PrincipalKind::User {
            return Err(Refusal::TeamOfUsers(reference.to_string()).into());
        }
        let found = self.store.find_principal(&reference).await?;
        let found = found.ok_or_else(unknown)?;
        let mut audit = self.audit("team.member_added", Some(&right.0), caller);
        audit.detail = Some(format!("{} {reference}", row.reference()));
        let write = self.store.add_team_member(row.id, found.id, &audit);
        match self.write_people(write).await? {
            TeamJoined::Joined | TeamJoined::Same => Ok((row.name, found.name)),
            TeamJoined::Gone => Err(Refusal::NoTeam(team.to_owned()).into()),
        }
    }

    /// Takes a user out of a team; it holds when this returns.
    ///
    /// # Errors
    /// [`Refusal::NoTeam`], [`Refusal::NotInTeam`].
    pub async fn remove_team_member(
        &self,
        right: &MayAdministerInstance,
        team: &str,
        user: &str,
        caller: &Caller,
    ) -> Outcome<()> {
        let row = self.team_row(team).await?;
        let stranger = || Refusal::NotInTeam {
            user: user.to_owned(),
            team: row.name.clone(),
        };
        let reference: PrincipalRef = user.parse().map_err(|_| stranger())?;
        let found = self.store.find_principal(&reference).await?;
        let found = found.ok_or_else(stranger)?;
        let mut audit = self.audit("team.member_removed", Some(&right.0), caller);
        audit.detail = Some(format!("{} {reference}", row.reference()));
        let write = self.store.remove_team_member(row.id, found.id, &audit);
        if self.write_people(write).await? {
            Ok(())
        } else {
            Err(stranger().into())
        }
    }

    async fn team_row(&self, name: &str) -> Outcome<PrincipalRow> {
        let unknown = || Refusal::NoTeam(name.to_owned());
        let reference = PrincipalRef {
            kind: PrincipalKind::Team,
            name: name.parse().map_err(|_| unknown())?,
        };
        let row = self.store.find_principal(&reference).await?;
        Ok(row.ok_or_else(unknown)?)
    }
}

/// A few of them, and how many more there are.
pub(crate) fn named(crates: &[(RegistryName, CrateName)], total: u64) -> String {
    let mut text = String::new();
    for (registry, name) in crates {
        let comma = if text.is_empty() { "" } else { ", " };
        write!(text, "{comma}`{name}` in registry `{registry}`")
            .expect("invariant: a text takes every write");
    }
    match total.saturating_sub(crates.len() as u64) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_crates_are_named_and_the_rest_counted() {
        let of = |name: &str| ("acme".parse().unwrap(), name.parse().unwrap());
        assert_eq!(named(&[of("core")], 1), "`core` in registry `acme`");
        insta::assert_snapshot!(named(&[of("core"), of("log")], 7), @"`core` in registry `acme`, `log` in registry `acme` and 5 more");
    }
}
