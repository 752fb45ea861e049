//! What registries come to, and what is new in them: for whoever looks at all that they may see.

use supercargo_store::RegistryFigures;
use supercargo_types::{CrateName, PrincipalRef, RegistryName, Timestamp};

use crate::{Instance, downloads::day, health::HealthState, refusal::Outcome, rights::MayRead};

/// Downloads of so many days are counted, today among them.
const DAYS: i64 = 30;

/// What a registry comes to.
#[derive(Clone, Debug, Default)]
pub struct RegistryOverview {
    /// Crates that were published here.
    pub hosted: u64,
    /// Of their files, in bytes.
    pub hosted_bytes: u64,
    /// Names of upstream's of which versions were given out.
    pub from_upstreams: u64,
    /// Of thirty days.
    pub downloads: u64,
    /// The version that was published last.
    pub newest: Option<NewestVersion>,
    /// How many of its upstreams are of no use now.
    pub failing: u64,
}

/// A version that was published.
#[derive(Clone, Debug)]
pub struct NewestVersion {
    /// Where.
    pub registry: RegistryName,
    /// As its publisher writes it.
    pub name: CrateName,
    /// The version.
    pub version: String,
    /// When.
    pub published_at: Timestamp,
    /// By whom.
    pub publisher: Option<PrincipalRef>,
}

impl Instance {
    /// What each of some registries comes to, in their order.
    ///
    /// # Errors
    /// Only faults.
    pub async fn overview(&self, rights: &[MayRead]) -> Outcome<Vec<RegistryOverview>> {
        let ids: Vec<_> = rights.iter().map(|right| right.registry.id).collect();
        let since = day(self.clock().now()) - DAYS + 1;
        let mut figures = self.store.registry_figures(&ids, since).await?;
        let of = |right: &MayRead| {
            let RegistryFigures {
                hosted,
                hosted_bytes,
                from_upstreams,
                downloads,
                newest,
            } = figures.remove(&right.registry.id).unwrap_or_default();
            RegistryOverview {
                hosted,
                hosted_bytes,
                from_upstreams,
                downloads,
                newest: newest.map(|newest| news(right, newest)),
                failing: self.count_failing(right),
            }
        };
        Ok(rights.iter().map(of).collect())
    }

    /// The versions that were published last in some registries, the newest first.
    ///
    /// # Errors
    /// Only faults.
    pub async fn newest_versions(
        &self,
        rights: &[MayRead],
        limit: u32,
    ) -> Outcome<Vec<NewestVersion>> {
        let ids: Vec<_> = rights.iter().map(|right| right.registry.id).collect();
        let newest = self.store.newest_versions(&ids, limit).await?;
        let of = |newest: supercargo_store::NewestVersion| {
            let mut rights = rights.iter();
            let right = rights.find(|right| right.registry.id == newest.registry_id)?;
            Some(news(right, newest))
        };
        Ok(newest.into_iter().filter_map(of).collect())
    }

    /// Hosted names that begin with a text, in their order: to say which one was meant.
    ///
    /// # Errors
    /// Only faults.
    pub async fn names_like(
        &self,
        right: &MayRead,
        text: &str,
        limit: u32,
    ) -> Outcome<Vec<String>> {
        Ok(self
            .store
            .names_like(right.registry.id, text, limit)
            .await?)
    }

    fn count_failing(&self, right: &MayRead) -> u64 {
        let upstreams = right.registry.upstreams.iter();
        let failing = upstreams
            .filter(|attached| self.standing(&attached.upstream).state == HealthState::Failing);
        failing.count() as u64
    }
}

fn news(right: &MayRead, newest: supercargo_store::NewestVersion) -> NewestVersion {
    NewestVersion {
        registry: right.registry.name.clone(),
        name: newest.name,
        version: newest.version,
        published_at: newest.published_at,
        publisher: newest.publisher,
    }
}
