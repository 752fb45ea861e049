//! How long the logs are kept: what is older goes each hour, in small transactions.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use supercargo_store::StoreError;
use supercargo_types::Timestamp;

use crate::{Caller, Instance, jobs::JobKind, refusal::Outcome};

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// Rows that go at once: other writes wait for no more than these.
const AT_ONCE: u32 = 1000;
/// Sessions that have ended, for whoever looks for one that a row of the audit log names.
const SESSIONS_FOR: Duration = Duration::from_hours(7 * 24);
/// What counts as lately.
pub(crate) const RECENT: Duration = Duration::from_hours(30 * 24);

/// At once and each hour, until the instance is gone.
pub(crate) async fn keep_tidy(instance: Weak<Instance>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(instance) = instance.upgrade() else {
            return;
        };
        let (jobs, clock) = (&instance.jobs, instance.clock());
        jobs.begin(JobKind::Tidying, clock.now());
        if let Err(failure) = instance.tidy().await {
            tracing::warn!(
                ?failure,
                "old entries of the audit log and of downloads were not removed; trying again in an hour"
            );
            let told = "old entries of the audit log and of downloads were not removed";
            jobs.failed(JobKind::Tidying, clock.now(), told);
        }
        jobs.end(JobKind::Tidying, clock.now());
    }
}

impl Instance {
    /// Removes what is older than the settings say. Another process that does the same at the same time is no harm.
    async fn tidy(self: &Arc<Self>) -> Outcome<()> {
        let settings = self.audit_settings().clone();
        let now = self.clock().now();
        let store = &self.store;
        self.prune("traces of CI jobs", || store.prune_jobs(now, AT_ONCE))
            .await?;
        self.prune("spent limits", || store.prune_limits(now, AT_ONCE))
            .await?;
        let logins = "logins that nobody approved";
        self.prune(logins, || store.prune_device_logins(now, AT_ONCE))
            .await?;
        let ended = now.minus(SESSIONS_FOR);
        self.prune("ended sessions", || store.prune_sessions(ended, AT_ONCE))
            .await?;
        if let Some(keep) = settings.keep_downloads {
            let before = now.minus(keep);
            self.prune("old downloads", || store.prune_downloads(before, AT_ONCE))
                .await?;
        }
        if let Some(keep) = settings.keep {
            self.tidy_audit(now.minus(keep)).await?;
        }
        Ok(())
    }

    /// Removes some at a time until nothing is left; how many it were stands where the jobs are told of.
    async fn prune<Removed>(&self, what: &'static str, some: impl Fn() -> Removed) -> Outcome<u64>
    where
        Removed: Future<Output = Result<u64, StoreError>>,
    {
        let mut removed = 0;
        loop {
            let now = some().await?;
            self.jobs.did(JobKind::Tidying, what, now);
            removed += now;
            if now < u64::from(AT_ONCE) {
                return Ok(removed);
            }
        }
    }

    /// Leaves an entry that says what is not there any more: a gap must not look as if nothing had happened.
    async fn tidy_audit(&self, before: Timestamp) -> Outcome<()> {
        let store = &self.store;
        let removed = self
            .prune("old entries of the audit log", || {
                store.prune_audit(before, AT_ONCE)
            })
            .await?;
        if removed > 0 {
            let mut audit = self.audit("audit.trimmed", None, &Caller::default());
            audit.detail = Some(format!("{removed} entries from before {before}"));
            self.store.add_audit(&audit).await?;
        }
        Ok(())
    }
}
