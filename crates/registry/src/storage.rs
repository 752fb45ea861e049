//! How much is stored, and by whom: for whoever has to buy disks.

use supercargo_store::{RegistryFigures, Stored};
use supercargo_types::RegistryName;

use crate::{
    Instance, cache::UpstreamCache, downloads::day, refusal::Outcome, rights::MayAdministerInstance,
};

/// What is stored.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Files of hosted versions, and their bytes; those of deleted versions until they are purged.
    pub hosted: Stored,
    /// Cached `.crate` files of all upstreams, and their bytes.
    pub cached: Stored,
    /// The most bytes of those.
    pub cache_limit: Option<u64>,
    /// `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// Of the database, in bytes; none where it does not say.
    pub database_bytes: Option<u64>,
    /// What each registry hosts, by name.
    pub registries: Vec<StoredRegistry>,
    /// What is cached of each upstream, by name.
    pub upstreams: Vec<UpstreamCache>,
}

/// What a registry hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRegistry {
    /// Its name.
    pub name: RegistryName,
    /// Crates with a version that is not deleted.
    pub crates: u64,
    /// Of the files of those versions.
    pub bytes: u64,
    /// Names of upstream's of which versions were given out.
    pub from_upstreams: u64,
}

impl Instance {
    /// What is stored, in all and by registry and upstream.
    ///
    /// # Errors
    /// Only faults.
    pub async fn storage(&self, _right: &MayAdministerInstance) -> Outcome<Storage> {
        let directory = self.directory().clone();
        let mut registries: Vec<_> = directory.registries().cloned().collect();
        registries.sort_by(|one, other| one.name.cmp(&other.name));
        let ids: Vec<_> = registries.iter().map(|registry| registry.id).collect();
        let today = day(self.clock().now());
        let mut figures = self.store.registry_figures(&ids, today).await?;
        let registries = registries.iter().map(|registry| {
            let RegistryFigures {
                hosted,
                hosted_bytes,
                from_upstreams,
                ..
            } = figures.remove(&registry.id).unwrap_or_default();
            StoredRegistry {
                name: registry.name.clone(),
                crates: hosted,
                bytes: hosted_bytes,
                from_upstreams,
            }
        });
        let registries = registries.collect();
        let mut remotes: Vec<_> = directory
            .upstreams()
            .filter_map(|upstream| upstream.remote().cloned())
            .collect();
        remotes.sort_by(|one, other| one.name.cmp(&other.name));
        let mut upstreams = Vec::new();
        for remote in &remotes {
            upstreams.push(self.cache_of(remote).await?);
        }
        let database_bytes = match self.store.database_bytes().await {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                // some operators do not let this be asked
                tracing::debug!(%error, "the database does not say how large it is");
                None
            }
        };
        Ok(Storage {
            hosted: self.store.hosted_files().await?,
            cached: self.store.cached_files().await?,
            cache_limit: self.upstream_settings().cache_size,
            engine: self.store.engine(),
            database_bytes,
            registries,
            upstreams,
        })
    }
}
