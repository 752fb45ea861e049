//! How long the logs are kept: what is older goes each hour, in small transactions.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use supercargo_types::Timestamp;

use crate::{Caller, Instance, refusal::Outcome};

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
        if let Err(failure) = instance.tidy().await {
            tracing::warn!(
                ?failure,
                "old entries of the audit log and of downloads were not removed; trying again in an hour"
            );
        }
    }
}

impl Instance {
    /// Removes what is older than the settings say. Another process that does the same at the same time is no harm.
    async fn tidy(self: &Arc<Self>) -> Outcome<()> {
        let settings = self.audit_settings().clone();
        let now = self.clock().now();
        while self.store.prune_jobs(now, AT_ONCE).await? >= u64::from(AT_ONCE) {}
        while self.store.prune_limits(now, AT_ONCE).await? >= u64::from(AT_ONCE) {}
        while self.store.prune_device_logins(now, AT_ONCE).await? >= u64::from(AT_ONCE) {}
        let ended = now.minus(SESSIONS_FOR);
        while self.store.prune_sessions(ended, AT_ONCE).await? == u64::from(AT_ONCE) {}
        if let Some(keep) = settings.keep_downloads {
            let before = now.minus(keep);
            while self.store.prune_downloads(before, AT_ONCE).await? == u64::from(AT_ONCE) {}
        }
        if let Some(keep) = settings.keep {
            self.tidy_audit(now.minus(keep)).await?;
        }
        Ok(())
    }

    /// Leaves an entry that says what is not there any more: a gap must not look as if nothing had happened.
    async fn tidy_audit(&self, before: Timestamp) -> Outcome<()> {
        let mut removed = 0;
        loop {
            let now = self.store.prune_audit(before, AT_ONCE).await?;
            removed += now;
            if now < u64::from(AT_ONCE) {
                break;
            }
        }
        if removed > 0 {
            let mut audit = self.audit("audit.trimmed", None, &Caller::default());
            audit.detail = Some(format!("{removed} entries from before {before}"));
            self.store.add_audit(&audit).await?;
        }
        Ok(())
    }
}
