//! Yank and unyank: a flag in the index that keeps lockfiles building.

use std::sync::Arc;

use semver::Version;
use supercargo_store::{YankChange, Yanked};
use supercargo_types::Spelling;

use crate::{
    Caller, Instance,
    directory::{Attached, Reads, Registry},
    publish::not_owner,
    refusal::{Failure, Outcome, Refusal},
    rights::MayYank,
};

impl Instance {
    /// Sets or clears the flag. Yanking what is yanked is no error.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`], [`Refusal::NotOwner`], or [`Refusal::NotHosted`] for upstream's.
    pub async fn set_yanked(
        self: &Arc<Self>,
        right: &MayYank,
        name: &Spelling,
        version: &str,
        yanked: bool,
        caller: &Caller,
    ) -> Outcome<()> {
        let registry = &right.registry;
        let canonical = name.canonical();
        right.covers(&canonical)?;
        let Some(found) = self
            .store
            .crate_row(registry.id, &canonical)
            .await?
            .filter(|row| row.name.spelling() == *name)
        else {
            return Err(self.not_hosted(registry, name).await?);
        };
        let action = if yanked {
            "version.yanked"
        } else {
            "version.unyanked"
        };
        let mut audit = self.audit(action, Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = Some(found.name.to_string());
        audit.version = Some(version.to_owned());
        let no_version = || {
            let (registry, name) = (registry.name.clone(), found.name.to_string());
            Failure::from(Refusal::NoVersion {
                registry,
                name,
                version: version.to_owned(),
            })
        };
        let version: Version = version.parse().map_err(|_| no_version())?;
        if !yanked
            && let Some(verdict) = registry.rules.verdict(&canonical, &version)
            && let Some((_, false)) = self.store.version_numbered(found.id, &version).await?
        {
            return Err(Refusal::StillWithheld {
                registry: registry.name.clone(),
                name: found.name.to_string(),
                version: version.to_string(),
                verdict,
            }
            .into());
        }
        let change = YankChange {
            registry_id: registry.id,
            name: canonical.clone(),
            version,
            yanked,
            must_own: right.must_own,
            now: self.clock().now(),
        };
        let outcome = self.store.set_yanked(&change, &audit).await;
        // also after a failure, which may leave open whether the flag was set
        self.views.changed(registry.id, &canonical);
        match outcome? {
            Yanked::Changed | Yanked::Same => Ok(()),
            Yanked::NoCrate => Err(no_crate(registry, name)),
            Yanked::NoVersion => Err(no_version()),
            Yanked::NotOwner { owners } => {
                Err(not_owner(registry, &right.actor, &found.name, &owners))
            }
        }
    }

    /// What to say of a crate that is not hosted: upstream's, as far as is known without asking, or nobody's.
    pub(crate) async fn not_hosted(
        &self,
        registry: &Registry,
        name: &Spelling,
    ) -> Outcome<Failure> {
        let canonical = name.canonical();
        if self.mode(registry, &canonical).await?.is_none() {
            for attached in self.askable(registry, name).await? {
                if self.is_known_in(attached, name).await? {
                    return Ok(Refusal::NotHosted {
                        registry: registry.name.clone(),
                        name: name.to_string(),
                        upstream: attached.upstream.name.clone(),
                    }
                    .into());
                }
            }
        }
        Ok(no_crate(registry, name))
    }

    /// Whether an upstream is known to have a name, without asking outside.
    async fn is_known_in(&self, attached: &Attached, name: &Spelling) -> Outcome<bool> {
        match &attached.upstream.reads {
            Reads::Remote(remote) => self.has_cached(remote.id, name).await,
            Reads::Registry(inner) => {
                let row = self.store.crate_row(*inner, &name.canonical()).await?;
                Ok(row.is_some_and(|row| row.released_at.is_none()))
            }
        }
    }
}

pub(crate) fn no_crate(registry: &Registry, name: &Spelling) -> Failure {
    Refusal::NoCrate {
        registry: registry.name.clone(),
        name: name.to_string(),
    }
    .into()
}
