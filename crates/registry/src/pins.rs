//! Which upstream a name is read from: remembered when it is first served, changed only by a maintainer.
//!
//! What was served goes to the database in batches; a download writes its pin before its last byte is out. Losing the last
//! second of the batches costs nothing that anybody has: no bytes were given out by them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use serde::Serialize;
use supercargo_store::NewPin;
use supercargo_types::{Spelling, Timestamp};
use utoipa::ToSchema;

use crate::{
    Caller, Instance,
    directory::{Attached, Directory, Registry},
    jobs::JobKind,
    refusal::{Outcome, Refusal},
    rights::MayMaintain,
};

/// What became of a pin.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PinMoved {
    /// From where the name is read now.
    pub upstream: String,
    /// From where it was read before; null where it was not read yet.
    pub before: Option<String>,
}

type PinKey = (i64, Spelling);

/// Pins on their way to the database.
#[derive(Default)]
pub(crate) struct Pins {
    pending: Mutex<HashMap<PinKey, (i64, Timestamp)>>,
}

impl Pins {
    fn pending(&self) -> MutexGuard<'_, HashMap<PinKey, (i64, Timestamp)>> {
        self.pending
            .lock()
            .expect("invariant: nobody panics with this lock")
    }

    /// What is known here of a name without the database.
    fn of(&self, registry: i64, name: &Spelling) -> Option<i64> {
        let key = (registry, name.clone());
        self.pending().get(&key).map(|(upstream, _)| *upstream)
    }

    fn forget(&self, registry: i64, name: &Spelling) {
        self.pending().remove(&(registry, name.clone()));
    }

    /// After it was written; what was noted meanwhile is still to be.
    fn written(&self, pin: &NewPin) {
        let key = (pin.registry_id, pin.spelling.clone());
        let mut pending = self.pending();
        if pending
            .get(&key)
            .is_some_and(|noted| noted.0 == pin.upstream_id)
        {
            pending.remove(&key);
        }
    }
}

impl Instance {
    /// The upstream that a registry reads a name from, if it has read it before and may still ask there.
    pub(crate) async fn pinned<'r>(
        &self,
        registry: &'r Registry,
        name: &Spelling,
    ) -> Outcome<Option<&'r Attached>> {
        let pin = match self.pins.of(registry.id, name) {
            Some(upstream) => Some(upstream),
            None => self.store.pin(registry.id, name).await?,
        };
        let attached = pin.and_then(|upstream| registry.attached(upstream));
        // where its patterns do not pass the name any more, the pin went with them
        Ok(attached.filter(|attached| attached.takes(&name.canonical())))
    }

    /// Pins a name that is about to be served, unless somebody was faster; the upstream that stands.
    pub(crate) fn note_pin(&self, registry: i64, name: &Spelling, upstream: i64) -> i64 {
        let now = self.clock().now();
        let mut pending = self.pins.pending();
        // looked at under the lock: the list may have changed since the question began, and then it is answered, not noted
        if !is_asked(&self.directory(), registry, name, upstream) {
            return upstream;
        }
        let key = (registry, name.clone());
        pending.entry(key).or_insert((upstream, now)).0
    }

    /// After the settings have changed: what was noted under a former list of upstreams stands for nothing.
    pub(crate) fn forget_unasked_pins(&self) {
        let mut pending = self.pins.pending();
        let directory = self.directory();
        pending.retain(|(registry, name), (upstream, _)| {
            is_asked(&directory, *registry, name, *upstream)
        });
    }

    /// Who is asked for a name, in order: the upstream that it is pinned to alone, or all that take it.
    pub(crate) async fn askable<'r>(
        &self,
        registry: &'r Registry,
        name: &Spelling,
    ) -> Outcome<Vec<&'r Attached>> {
        Ok(match self.pinned(registry, name).await? {
            Some(attached) => vec![attached],
            None => registry.takers(&name.canonical()).collect(),
        })
    }

    /// Writes what was pinned since the last time; what cannot be written now is tried again.
    pub(crate) async fn write_pins(&self) {
        let batch: Vec<NewPin> = {
            let pending = self.pins.pending();
            let pin = |(key, value): (&PinKey, &(i64, Timestamp))| NewPin {
                registry_id: key.0,
                spelling: key.1.clone(),
                upstream_id: value.0,
                now: value.1,
            };
            pending.iter().map(pin).collect()
        };
        if batch.is_empty() {
            return;
        }
        match self.store.save_pins(&batch).await {
            Ok(lost) => {
                self.noted(JobKind::Batches, "pins", batch.len(), None);
                // from now on the database says it
                for pin in &batch {
                    self.pins.written(pin);
                }
                // another server has served it from elsewhere: what stands there counts
                for pin in lost {
                    self.drop_stale_pin(pin.registry_id, &pin.spelling).await;
                    self.views
                        .changed(pin.registry_id, &pin.spelling.canonical());
                }
            }
            Err(error) => {
                let failed = Some("pins were not written");
                self.noted(JobKind::Batches, "pins", 0, failed);
                tracing::warn!(%error, names = batch.len(), "pins were not written; trying again");
            }
        }
    }

    /// A pin that was on its way to the database while the patterns of its upstream changed does not count, but would keep
    /// every other one out.
    pub(crate) async fn drop_stale_pin(&self, registry: i64, name: &Spelling) {
        let dropped = async {
            let Some(upstream) = self.store.pin(registry, name).await? else {
                return Ok(());
            };
            if is_asked(&self.directory(), registry, name, upstream) {
                return Ok(());
            }
            self.store.drop_pin(registry, name, upstream).await
        };
        if let Err(error) = dropped.await {
            tracing::warn!(%error, name = %name, "a pin that does not count was not dropped");
        }
    }

    /// Reads a name from another upstream from now on. What was given out before stays what it was: the ledger stands.
    ///
    /// # Errors
    /// [`Refusal::NotAttached`].
    pub async fn pin(
        &self,
        right: &MayMaintain,
        name: &Spelling,
        upstream: &str,
        caller: &Caller,
    ) -> Outcome<PinMoved> {
        let registry = &right.registry;
        let canonical = name.canonical();
        right.covers(&canonical)?;
        let not_attached = || Refusal::NotAttached {
            registry: registry.name.clone(),
            name: name.to_string(),
            upstream: upstream.to_owned(),
        };
        let attached = registry
            .takers(&canonical)
            .find(|attached| attached.upstream.name == upstream)
            .ok_or_else(not_attached)?;
        let before = self.pinned(registry, name).await?;
        let before = before.map(|attached| attached.upstream.name.clone());
        let mut audit = self.audit("crate.pinned", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = Some(name.to_string());
        audit.detail = Some(match &before {
            Some(before) => format!("read from upstream `{upstream}`, before from `{before}`"),
            None => format!("read from upstream `{upstream}`"),
        });
        let pin = NewPin {
            registry_id: registry.id,
            spelling: name.clone(),
            upstream_id: attached.upstream.id,
            now: self.clock().now(),
        };
        self.pins.forget(registry.id, name);
        let moved = self
            .write_settings(self.store.move_pin(&pin, &audit))
            .await?;
        // what was noted while the write was under way is older
        self.pins.forget(registry.id, name);
        if !moved {
            return Err(not_attached().into());
        }
        Ok(PinMoved {
            upstream: upstream.to_owned(),
            before,
        })
    }
}

/// Whether a registry may ask an upstream for a name, by its settings of now.
fn is_asked(directory: &Directory, registry: i64, name: &Spelling, upstream: i64) -> bool {
    let registry = directory.registry_by_id(registry);
    let attached = registry.and_then(|registry| registry.attached(upstream));
    attached.is_some_and(|attached| attached.takes(&name.canonical()))
}
