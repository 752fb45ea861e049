//! Whether everything that this server needs is there: what `/readyz` says, and the rest of it, for whoever looks after it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use supercargo_store::{AuditFilter, AuditOutcome};
use supercargo_types::{RegistryName, Timestamp};
use supercargo_upstream::ServiceHealth;

use crate::{
    AuditItem, Instance,
    directory::{Reads, UpstreamSummary},
    health::{HealthState, RECENT},
    refusal::Outcome,
    rights::MayAdministerInstance,
};

/// Whoever waits longer for a database or a disk than this, waits for one that hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// Alarms that are told one by one.
const ALARMS: u32 = 20;
/// Alarms are counted as far as this.
const COUNTED: u32 = 10_000;

/// Everything that this server needs.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// When the server started.
    pub started_at: Timestamp,
    /// `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// Whether other servers may use the same database.
    pub is_shared: bool,
    /// Whether the database answers, and after how long.
    pub database: Checked,
    /// Whether the folder of crate files takes bytes, and after how long.
    pub storage: Checked,
    /// How each upstream does, by name.
    pub upstreams: Vec<UpstreamCondition>,
    /// Alarms of seven days; ten thousand stand for more.
    pub alarms: u64,
    /// The last of them.
    pub newest_alarms: Vec<AuditItem>,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Well, after so long.
    Well(Duration),
    /// Not: why, in a sentence.
    Failed(String),
}

/// How an upstream does, as far as this server has seen.
#[derive(Clone, Debug)]
pub struct UpstreamCondition {
    /// Its name.
    pub name: String,
    /// Whether it is of use.
    pub state: HealthState,
    /// When it began to fail, and why it fails, in a sentence.
    pub failing: Option<(Timestamp, String)>,
    /// Its index and its downloads, where it is one elsewhere: a registry of this server has neither.
    pub services: Option<[ServiceHealth; 2]>,
    /// The registry of this server that it is.
    pub registry: Option<RegistryName>,
    /// How many registries read through it.
    pub readers: u64,
}

impl Instance {
    /// Looks at everything that this server needs. The database and the disk are tried, upstreams are not.
    ///
    /// # Errors
    /// Only faults; that the database or the disk fails is a part of the answer.
    pub async fn inspect(&self, right: &MayAdministerInstance) -> Outcome<Inspection> {
        let database = tried("the database", PATIENCE, async {
            self.store.ping().await.map_err(|error| error.to_string())
        });
        let storage = tried("the folder of crate files", PATIENCE, async {
            self.write_a_little()
                .await
                .map_err(|error| error.to_string())
        });
        let (database, storage) = tokio::join!(database, storage);
        // where the database has failed, that is the answer
        let (alarms, newest_alarms) = match self.alarms().await {
            Err(_) if matches!(database, Checked::Failed(_)) => (0, Vec::new()),
            counted => counted?,
        };
        Ok(Inspection {
            started_at: self.jobs.started_at(),
            engine: self.store.engine(),
            is_shared: self.store.is_shared(),
            database,
            storage,
            upstreams: self.upstream_conditions(right),
            alarms,
            newest_alarms,
        })
    }

    /// How each upstream does, by name.
    pub fn upstream_conditions(&self, _right: &MayAdministerInstance) -> Vec<UpstreamCondition> {
        let directory = self.directory();
        let mut conditions: Vec<_> = directory
            .upstreams()
            .map(|upstream| self.condition(upstream))
            .collect();
        conditions.sort_by(|one, other| one.name.cmp(&other.name));
        conditions
    }

    fn condition(&self, upstream: &UpstreamSummary) -> UpstreamCondition {
        let directory = self.directory();
        let standing = self.standing(upstream);
        let (services, registry) = match &upstream.reads {
            Reads::Remote(remote) => {
                let health = self.upstream.health(&remote.client);
                (Some([health.index, health.files]), None)
            }
            Reads::Registry(id) => (None, directory.registry_name(*id).cloned()),
        };
        UpstreamCondition {
            name: upstream.name.clone(),
            state: standing.state,
            failing: standing.failing,
            services,
            registry,
            readers: directory.users_of(upstream.id).len() as u64,
        }
    }

    async fn write_a_little(&self) -> std::io::Result<()> {
        let mut staged = self.blobs.stage().await?;
        staged.write(Bytes::from_static(b"supercargo")).await?;
        staged.flush().await?;
        // its file goes with it
        drop(staged);
        Ok(())
    }

    async fn alarms(&self) -> Outcome<(u64, Vec<AuditItem>)> {
        let filter = AuditFilter {
            outcome: Some(AuditOutcome::Alarm),
            from: Some(self.clock().now().minus(RECENT)),
            ..AuditFilter::default()
        };
        let total = self.store.count_audit(&filter, COUNTED).await?;
        let rows = match total {
            0 => Vec::new(),
            _ => self.store.list_audit(&filter, ALARMS, None).await?,
        };
        Ok((total, rows.into_iter().map(AuditItem::from).collect()))
    }
}

async fn tried(
    what: &str,
    patience: Duration,
    trial: impl Future<Output = Result<(), String>>,
) -> Checked {
    let begun = Instant::now();
    match tokio::time::timeout(patience, trial).await {
        Ok(Ok(())) => Checked::Well(begun.elapsed()),
        Ok(Err(reason)) => Checked::Failed(reason),
        Err(_) => Checked::Failed(format!(
            "{what} did not answer within {} seconds",
            patience.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[tokio::test]
    async fn a_disk_that_takes_nothing_is_told_and_a_trial_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let instance = trial::instance(folder.path()).await;
        instance.write_a_little().await.unwrap();
        let staging = folder.path().join("blobs/staging");
        assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 0);
        std::fs::remove_dir(&staging).unwrap();
        let checked = tried("it", PATIENCE, async {
            let written = instance.write_a_little().await;
            written.map_err(|error| error.to_string())
        });
        assert!(matches!(checked.await, Checked::Failed(_)));
    }

    #[tokio::test]
    async fn what_hangs_is_not_waited_for() {
        let checked = tried("it", Duration::ZERO, std::future::pending()).await;
        let sentence = "it did not answer within 0 seconds".to_owned();
        assert_eq!(checked, Checked::Failed(sentence));
    }
}
