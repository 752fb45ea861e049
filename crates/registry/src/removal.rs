//! What the deletion of a registry would break, and the registries that are deleted already.

use std::time::Duration;

use supercargo_types::{RegistryName, Timestamp};

use crate::{
    Instance,
    directory::Reads,
    refusal::Outcome,
    registries::RESTORABLE,
    rights::{MayAdminister, MayAdministerInstance},
};

/// Downloads of so many days say who reads a registry.
const DAYS: u64 = 30;

/// What would be gone with a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalImpact {
    /// Crates that were published here.
    pub crates: u64,
    /// Their versions.
    pub versions: u64,
    /// Accounts that downloaded from it; all without a name are one.
    pub readers: u64,
    /// Over so many days.
    pub days: u64,
    /// The registries that read through it, of those that who asks may see.
    pub read_by: Vec<RegistryName>,
    /// How many others do.
    pub read_by_hidden: u64,
}

/// A registry that is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRegistry {
    /// Its name, which stays retired.
    pub name: RegistryName,
    /// Since when.
    pub deleted_at: Timestamp,
    /// Until when it can be restored; `None` where it was purged or that time is over.
    pub restorable_until: Option<Timestamp>,
    /// Whether nothing is left of it but its name.
    pub is_purged: bool,
}

impl Instance {
    /// What would break if a registry was deleted now.
    ///
    /// # Errors
    /// Only faults.
    pub async fn removal_impact(&self, right: &MayAdminister) -> Outcome<RemovalImpact> {
        let id = right.registry.id;
        let since = Duration::from_hours(24 * DAYS);
        let since = self.clock().now().minus(since);
        let figures = self.store.removal_figures(id, since).await?;
        let directory = self.directory();
        let upstreams = directory
            .upstreams()
            .filter(|upstream| matches!(upstream.reads, Reads::Registry(inner) if inner == id));
        let mut users: Vec<_> = upstreams
            .flat_map(|upstream| directory.users_of(upstream.id))
            .collect();
        users.sort();
        users.dedup();
        // names that the caller may not see do not leak
        let (seen, hidden): (Vec<_>, Vec<_>) = users.into_iter().partition(|name| {
            let actor = Some(right.actor.clone());
            self.may_read(name.as_str(), actor).is_ok()
        });
        Ok(RemovalImpact {
            crates: figures.crates,
            versions: figures.versions,
            readers: figures.readers,
            days: DAYS,
            read_by: seen.into_iter().cloned().collect(),
            read_by_hidden: hidden.len() as u64,
        })
    }

    /// Every deleted registry, the one that was deleted last first.
    pub fn deleted_registries(&self, _: &MayAdministerInstance) -> Vec<DeletedRegistry> {
        let now = self.clock().now();
        let directory = self.directory();
        let mut list: Vec<_> = directory
            .retired()
            .map(|(name, deleted_at, is_purged)| {
                let is_restorable = !is_purged && now.since(deleted_at) <= RESTORABLE;
                DeletedRegistry {
                    name: name.clone(),
                    deleted_at,
                    restorable_until: is_restorable.then(|| deleted_at.plus(RESTORABLE)),
                    is_purged,
                }
            })
            .collect();
        list.sort_by(|a, b| (b.deleted_at, &a.name).cmp(&(a.deleted_at, &b.name)));
        list
    }
}
