//! How the upstreams of a registry do, for whoever reads through them.

use std::time::Duration;

use serde::Serialize;
use supercargo_types::{RegistryName, Timestamp};
use utoipa::ToSchema;

use crate::{
    Instance,
    directory::{Reads, UpstreamSummary},
    refusal::Outcome,
    rights::{MayRead, SignedIn},
};

/// How long an alarm is a part of it.
pub(crate) const RECENT: Duration = Duration::from_hours(7 * 24);

/// How an upstream does, as far as this process has seen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    /// Its name.
    pub upstream: String,
    /// Whether it is of use.
    pub state: HealthState,
    /// When it began to fail.
    pub since: Option<Timestamp>,
    /// Why it fails, in a sentence; never with its credentials.
    pub reason: Option<String>,
    /// Alarms of the last seven days: bytes that were wrong or changed, and crates that it lost.
    pub alarms: u64,
}

/// Whether an upstream is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// It answers as a registry does.
    Ok,
    /// It is down, or what it sends is no use.
    Failing,
    /// It was not asked yet.
    Unknown,
}

pub(crate) struct Standing {
    pub(crate) state: HealthState,
    pub(crate) failing: Option<(Timestamp, String)>,
}

impl Standing {
    fn of(state: HealthState) -> Self {
        Self {
            state,
            failing: None,
        }
    }
}

impl Instance {
    /// How each upstream of a registry does, in its order.
    ///
    /// # Errors
    /// Only faults.
    pub async fn health(&self, right: &MayRead) -> Outcome<Vec<Health>> {
        let registry = right.registry();
        let mut all = Vec::new();
        for attached in &registry.upstreams {
            let name = Some(&registry.name);
            all.push(self.health_of(&attached.upstream, name).await?);
        }
        Ok(all)
    }

    /// How an upstream does, with its alarms in every registry.
    ///
    /// # Errors
    /// [`Refusal::NoUpstream`](crate::Refusal::NoUpstream).
    pub async fn upstream_health(&self, _actor: &SignedIn, name: &str) -> Outcome<Health> {
        let upstream = self.find_upstream(name)?;
        self.health_of(&upstream, None).await
    }

    async fn health_of(
        &self,
        upstream: &UpstreamSummary,
        registry: Option<&RegistryName>,
    ) -> Outcome<Health> {
        let since = self.clock().now().minus(RECENT);
        let alarms = self.store.count_alarms(&upstream.name, registry, since);
        let alarms = alarms.await?;
        let Standing { state, failing } = self.standing(upstream);
        let (since, reason) = failing.unzip();
        Ok(Health {
            upstream: upstream.name.clone(),
            state,
            since,
            reason,
            alarms,
        })
    }

    pub(crate) fn standing(&self, upstream: &UpstreamSummary) -> Standing {
        let remote = match &upstream.reads {
            Reads::Remote(remote) => remote,
            Reads::Registry(id) => return self.standing_of_registry(*id),
        };
        let health = self.upstream.health(&remote.client);
        match health.failing() {
            Some((since, reason)) => Standing {
                state: HealthState::Failing,
                failing: Some((since, format!("upstream `{}` {reason}", remote.name))),
            },
            None if health.is_known() => Standing::of(HealthState::Ok),
            None => Standing::of(HealthState::Unknown),
        }
    }

    /// A registry of this server answers always, but for what its own upstreams have. They never lead back to it.
    fn standing_of_registry(&self, id: i64) -> Standing {
        let directory = self.directory();
        let registry = directory.registry_by_id(id);
        let upstreams = registry.iter().flat_map(|registry| &registry.upstreams);
        let mut standings = upstreams.map(|attached| self.standing(&attached.upstream));
        let failing = standings.find(|standing| standing.state == HealthState::Failing);
        // Which one, and why, is for the readers of that registry: those of the outer one need not know what is behind it.
        failing.map_or(Standing::of(HealthState::Ok), |standing| Standing {
            state: HealthState::Failing,
            failing: standing
                .failing
                .map(|(since, _)| (since, "one of the upstreams behind it fails".to_owned())),
        })
    }
}
