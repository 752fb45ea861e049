//! Applies what other processes change to the copies in memory, in the order in which it was committed.

use std::sync::Weak;

use supercargo_store::{Change, Feed, FeedEvent};

use crate::{Instance, jobs::JobKind, refusal::Failure};

/// Until the instance is gone.
pub(crate) async fn follow(instance: Weak<Instance>, mut feed: Feed) {
    loop {
        let event = feed.next().await;
        let Some(instance) = instance.upgrade() else {
            return;
        };
        let (jobs, clock) = (&instance.jobs, instance.clock());
        jobs.begin(JobKind::Changes, clock.now());
        match &event {
            FeedEvent::Change(_) => jobs.did(JobKind::Changes, "changes", 1),
            FeedEvent::Lost(_) => {
                let told = "changes of other servers were not heard";
                jobs.failed(JobKind::Changes, clock.now(), told);
            }
            FeedEvent::Heard(_) | FeedEvent::Listening => {}
        }
        instance.hear(event).await;
        let (jobs, clock) = (&instance.jobs, instance.clock());
        jobs.end(JobKind::Changes, clock.now());
    }
}

impl Instance {
    /// One event after the other: a proof that all is heard counts only once all before it is applied.
    async fn hear(&self, event: FeedEvent) {
        match event {
            FeedEvent::Change(change) => self.apply(change).await,
            FeedEvent::Heard(proven) => {
                if !self.copies.extend(proven) {
                    self.try_to_renew().await;
                }
            }
            FeedEvent::Listening => {
                tracing::info!("listening to the database for changes of other processes");
                self.copies.lapse();
                self.try_to_renew().await;
            }
            FeedEvent::Lost(reason) => {
                tracing::warn!(
                    reason,
                    "changes of other processes are not heard; no copy in memory is used for longer than two seconds"
                );
                self.copies.lapse();
                self.try_to_renew().await;
            }
        }
    }

    async fn apply(&self, change: Change) {
        match change {
            Change::Name {
                registry_id,
                canonical,
            } => self.views.changed(registry_id, &canonical),
            Change::UpstreamName {
                upstream_id,
                spelling,
            } => {
                // what was not held here cannot be old here
                if self.upstream_index.forget_file(upstream_id, &spelling) {
                    let canonical = spelling.canonical();
                    for registry in self.directory().readers_of(upstream_id) {
                        self.views.changed(registry.id, &canonical);
                    }
                }
            }
            Change::Settings => {
                // a failure lets all copies lapse
                if let Err(failure) = self.reload_directory().await {
                    unread(&failure);
                }
            }
            Change::People => self.people_changed(),
            Change::Everything => {
                self.copies.lapse();
                self.try_to_renew().await;
            }
        }
    }

    /// When this fails, the next request tries again, and so does the next beat.
    async fn try_to_renew(&self) {
        if let Err(failure) = self.renew_copies().await {
            unread(&failure);
        }
    }
}

fn unread(failure: &Failure) {
    tracing::error!(
        ?failure,
        "the settings cannot be read; requests fail until they can"
    );
}
