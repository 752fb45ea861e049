//! Owners of hosted crates: who publishes, yanks and changes owners where `publishing = "owners"`.

use std::sync::Arc;

use supercargo_store::{OwnerAdded, OwnerRemoved};
use supercargo_types::{CrateName, PrincipalKind, PrincipalRef, Spelling};

use crate::{
    Caller, Instance,
    directory::Registry,
    publish::not_owner,
    refusal::{Outcome, Refusal},
    rights::{MayOwn, MayRead},
};

/// One owner.
#[derive(Debug)]
pub struct Owner {
    /// Fits into the 32 bits that cargo reads.
    pub id: i64,
    /// As written: `alice`, `service:ci`, `team:core`.
    pub principal: PrincipalRef,
}

/// A crate with the names that are to be added or removed, all of them good.
struct Change {
    crate_id: i64,
    name: CrateName,
    owners: Vec<(i64, PrincipalRef)>,
}

/// crates.io's limit for one request.
const AT_ONCE: usize = 10;

impl Instance {
    /// # Errors
    /// [`Refusal::NoCrate`] when the crate is not hosted.
    pub async fn owners(&self, right: &MayRead, name: &Spelling) -> Outcome<Vec<Owner>> {
        let (id, _) = self.hosted_crate(&right.registry, name).await?;
        let rows = self.store.owners(id).await?;
        let owner = |row: supercargo_store::PrincipalRow| Owner {
            id: row.id,
            principal: PrincipalRef {
                kind: row.kind,
                name: row.name,
            },
        };
        Ok(rows.into_iter().map(owner).collect())
    }

    async fn hosted_crate(
        &self,
        registry: &Registry,
        name: &Spelling,
    ) -> Outcome<(i64, CrateName)> {
        match self
            .store
            .crate_row(registry.id, &name.canonical())
            .await?
            .filter(|row| row.name.spelling() == *name)
        {
            Some(row) => Ok((row.id, row.name)),
            None => Err(self.not_hosted(registry, name).await?),
        }
    }

    async fn owner_change(
        &self,
        right: &MayOwn,
        name: &Spelling,
        owners: &[String],
    ) -> Outcome<Change> {
        right.covers(&name.canonical())?;
        let (crate_id, name) = self.hosted_crate(&right.registry, name).await?;
        if let Some(must) = right.must_own
            && !self.store.owns(crate_id, must).await?
        {
            let owners = self.store.owners(crate_id).await?;
            let owners: Vec<_> = owners
                .iter()
                .map(supercargo_store::PrincipalRow::reference)
                .collect();
            return Err(not_owner(&right.registry, &right.actor, &name, &owners));
        }
        if owners.is_empty() || owners.len() > AT_ONCE {
            return Err(Refusal::Shape(format!("name 1 to {AT_ONCE} owners at once")).into());
        }
        let mut found = Vec::new();
        for text in owners {
            let unknown = || Refusal::UnknownOwner(text.clone());
            let principal: PrincipalRef = text.parse().map_err(|_| unknown())?;
            let row = self
                .store
                .find_principal(&principal)
                .await?
                .ok_or_else(unknown)?;
            found.push((row.id, principal));
        }
        Ok(Change {
            crate_id,
            name,
            owners: found,
        })
    }

    /// # Errors
    /// [`Refusal::UnknownOwner`], [`Refusal::OfJobs`] before anything is changed; [`Refusal::NotOwner`].
    pub async fn add_owners(
        self: &Arc<Self>,
        right: &MayOwn,
        name: &Spelling,
        owners: &[String],
        caller: &Caller,
    ) -> Outcome<String> {
        let change = self.owner_change(right, name, owners).await?;
        let is_of_jobs =
            |(_, principal): &&(i64, PrincipalRef)| principal.kind == PrincipalKind::Job;
        if let Some((_, principal)) = change.owners.iter().find(is_of_jobs) {
            return Err(Refusal::OfJobs(principal.to_string()).into());
        }
        for (id, principal) in &change.owners {
            let mut audit = self.audit("owner.added", Some(&right.actor), caller);
            audit.registry = Some(right.registry.name.to_string());
            audit.crate_name = Some(change.name.to_string());
            audit.detail = Some(principal.to_string());
            let now = self.clock().now();
            let added = self.store.add_owner(change.crate_id, *id, now, &audit);
            if added.await? == OwnerAdded::Gone {
                return Err(Refusal::UnknownOwner(principal.to_string()).into());
            }
        }
        Ok(format!(
            "{} now owns crate `{}` of registry `{}`",
            list(&change.owners),
            change.name,
            right.registry.name
        ))
    }

    /// # Errors
    /// [`Refusal::LastOwner`], [`Refusal::NotAnOwner`], [`Refusal::UnknownOwner`], [`Refusal::NotOwner`].
    pub async fn remove_owners(
        self: &Arc<Self>,
        right: &MayOwn,
        name: &Spelling,
        owners: &[String],
        caller: &Caller,
    ) -> Outcome<String> {
        let change = self.owner_change(right, name, owners).await?;
        for (id, principal) in &change.owners {
            let mut audit = self.audit("owner.removed", Some(&right.actor), caller);
            audit.registry = Some(right.registry.name.to_string());
            audit.crate_name = Some(change.name.to_string());
            audit.detail = Some(principal.to_string());
            let name = change.name.clone();
            match self
                .store
                .remove_owner(change.crate_id, *id, &audit)
                .await?
            {
                OwnerRemoved::Removed => {}
                OwnerRemoved::LastOne => {
                    return Err(Refusal::LastOwner {
                        owner: principal.to_string(),
                        name,
                    }
                    .into());
                }
                OwnerRemoved::NotOwner => {
                    return Err(Refusal::NotAnOwner {
                        owner: principal.to_string(),
                        name,
                    }
                    .into());
                }
            }
        }
        Ok(format!(
            "{} no longer owns crate `{}` of registry `{}`",
            list(&change.owners),
            change.name,
            right.registry.name
        ))
    }
}

fn list(owners: &[(i64, PrincipalRef)]) -> String {
    owners
        .iter()
        .map(|(_, principal)| format!("`{principal}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
