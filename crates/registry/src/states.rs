//! Deleting hosted versions and crates, bringing them back, dropping their bytes for ever, and giving names back to upstream.

use std::sync::Arc;

use semver::Version;
use supercargo_store::{AuditEntry, CrateRow, Released, StateChange, StateChanged};
use supercargo_types::{Digest, Spelling};

use crate::{
    Caller, Instance,
    directory::Registry,
    refusal::{Failure, Outcome, Refusal},
    rights::{Actor, MayAdminister, MayDelete, MayMaintain},
};

impl Instance {
    /// Takes a version, or a whole crate, out of every view and leaves tombstones. What is deleted already is no error.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`], [`Refusal::NotHosted`] for upstream's.
    pub async fn delete(
        self: &Arc<Self>,
        right: &MayDelete,
        name: &Spelling,
        version: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        right.covers(&name.canonical())?;
        let target = self.target(&right.registry, name, version).await?;
        let verb = target.action("deleted");
        let audit = self.about(&verb, &right.actor, &target, caller);
        let changed = self.store.delete_versions(&target.change, &audit).await;
        // also after a failure, which may leave open whether it took place
        self.views.changed(right.registry.id, &target.change.name);
        match changed? {
            StateChanged::Done(()) | StateChanged::Same => Ok(()),
            other => Err(target.refusal(&other).into()),
        }
    }

    /// Brings a deleted version back, or those of a crate that were deleted with it: the same bytes under the same entry.
    ///
    /// # Errors
    /// [`Refusal::NotDeleted`], [`Refusal::Purged`], [`Refusal::NameReleased`] while the name is upstream's.
    pub async fn restore(
        self: &Arc<Self>,
        right: &MayDelete,
        name: &Spelling,
        version: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        right.covers(&name.canonical())?;
        let target = self.target(&right.registry, name, version).await?;
        if target.row.released_at.is_some() && right.registry.claim(&target.change.name).is_none() {
            return Err(Refusal::NameReleased {
                registry: right.registry.name.clone(),
                name: target.row.name.clone(),
            }
            .into());
        }
        let verb = target.action("restored");
        let audit = self.about(&verb, &right.actor, &target, caller);
        let changed = self.store.restore_versions(&target.change, &audit).await;
        self.views.changed(right.registry.id, &target.change.name);
        match changed? {
            StateChanged::Done(()) | StateChanged::Same => Ok(()),
            other => Err(target.refusal(&other).into()),
        }
    }

    /// Drops the bytes of a deleted version, or of all versions of a deleted crate. Their numbers stay taken.
    ///
    /// # Errors
    /// [`Refusal::NotDeleted`]; a second time is no error.
    pub async fn purge(
        self: &Arc<Self>,
        right: &MayAdminister,
        name: &Spelling,
        version: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        right.covers(&name.canonical())?;
        let target = self.target(&right.registry, name, version).await?;
        let verb = target.action("purged");
        let audit = self.about(&verb, &right.actor, &target, caller);
        match self.store.purge_versions(&target.change, &audit).await? {
            StateChanged::Done(dropped) => self.drop_blobs(&dropped).await,
            StateChanged::Same => Ok(()),
            other => Err(target.refusal(&other).into()),
        }
    }

    /// Gives a name that was hosted here back to upstream. Numbers that stood for bytes of ours stay hidden.
    ///
    /// # Errors
    /// [`Refusal::ConfirmRelease`], [`Refusal::NameClaimed`], [`Refusal::HasVersions`], [`Refusal::AlreadyReleased`].
    pub async fn release(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: &Spelling,
        confirm: &str,
        caller: &Caller,
    ) -> Outcome<()> {
        let canonical = name.canonical();
        right.covers(&canonical)?;
        let registry = &right.registry;
        let target = self.target(registry, name, None).await?;
        let (id, name) = (registry.name.clone(), target.row.name.clone());
        if confirm.parse().ok().as_ref() != Some(&name.spelling()) {
            return Err(Refusal::ConfirmRelease(name).into());
        }
        if let Some(mode) = registry.claim(&canonical) {
            return Err(Refusal::NameClaimed {
                registry: id,
                name,
                mode,
            }
            .into());
        }
        let audit = self.about("crate.released", &right.actor, &target, caller);
        let now = target.change.now;
        let write = self
            .store
            .release_name(registry.id, &canonical, now, &audit)
            .await;
        self.forget_absences(registry, &(&canonical).into());
        self.views.changed(registry.id, &canonical);
        match write? {
            Released::Done => Ok(()),
            Released::Already => Err(Refusal::AlreadyReleased { registry: id, name }.into()),
            Released::NoCrate => Err(target.refusal(&StateChanged::<()>::NoCrate).into()),
            Released::HasVersions(versions) => Err(Refusal::HasVersions {
                registry: id,
                name,
                versions,
            }
            .into()),
        }
    }

    /// Removes bytes that nothing refers to any more.
    pub(crate) async fn drop_blobs(&self, dropped: &[Digest]) -> Outcome<()> {
        for checksum in dropped {
            // whoever stores the same bytes at this moment has not written down yet that it needs them
            let _alone = self.keeping.write().await;
            if !self.store.needs_blob(checksum).await? {
                self.blobs.remove(checksum).await?;
            }
        }
        Ok(())
    }

    async fn target(
        &self,
        registry: &Registry,
        name: &Spelling,
        version: Option<&str>,
    ) -> Outcome<Target> {
        let canonical = name.canonical();
        let row = self.store.crate_row(registry.id, &canonical).await?;
        let Some(row) = row.filter(|row| row.name.spelling() == *name) else {
            return Err(self.not_hosted(registry, name).await?);
        };
        let number = version.map(|text| {
            text.parse::<Version>()
                .map_err(|_| no_version(registry, &row, text))
        });
        let number = number.transpose()?;
        if let Some(number) = &number
            && !number.build.is_empty()
            && let Some((existing, _)) = self.store.version_numbered(row.id, number).await?
            && existing != *number
        {
            // build metadata may be left out, but who writes another means another version
            return Err(no_version(registry, &row, &number.to_string()));
        }
        Ok(Target {
            change: StateChange {
                registry_id: registry.id,
                name: canonical,
                version: number,
                now: self.clock().now(),
            },
            registry: registry.name.clone(),
            row,
            version: version.map(str::to_owned),
        })
    }

    fn about(&self, action: &str, actor: &Actor, target: &Target, caller: &Caller) -> AuditEntry {
        let mut audit = self.audit(action, Some(actor), caller);
        audit.registry = Some(target.registry.to_string());
        audit.crate_name = Some(target.row.name.to_string());
        audit.version.clone_from(&target.version);
        audit
    }
}

/// A hosted crate or a version of it.
struct Target {
    change: StateChange,
    registry: supercargo_types::RegistryName,
    row: CrateRow,
    version: Option<String>,
}

impl Target {
    fn action(&self, verb: &str) -> String {
        let noun = if self.version.is_some() {
            "version"
        } else {
            "crate"
        };
        format!("{noun}.{verb}")
    }

    /// `demo` or `demo@1.0.0`.
    fn what(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.row.name),
            None => self.row.name.to_string(),
        }
    }

    fn refusal<T>(&self, changed: &StateChanged<T>) -> Refusal {
        let (registry, what) = (self.registry.clone(), self.what());
        match changed {
            StateChanged::NoVersion => Refusal::NoVersion {
                registry,
                name: self.row.name.to_string(),
                version: self.version.clone().unwrap_or_default(),
            },
            StateChanged::NotDeleted => Refusal::NotDeleted { registry, what },
            StateChanged::Purged => Refusal::Purged { registry, what },
            StateChanged::Done(_) | StateChanged::Same | StateChanged::NoCrate => {
                Refusal::NoCrate {
                    registry,
                    name: self.row.name.to_string(),
                }
            }
        }
    }
}

fn no_version(registry: &Registry, row: &CrateRow, version: &str) -> Failure {
    Refusal::NoVersion {
        registry: registry.name.clone(),
        name: row.name.to_string(),
        version: version.chars().take(200).collect(),
    }
    .into()
}
