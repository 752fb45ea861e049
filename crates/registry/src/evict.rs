//! Dropping what is cached from upstream, and accepting what an upstream changed.

use std::sync::Arc;

use supercargo_types::{NamePattern, Spelling};

use crate::{
    Caller, Instance,
    directory::{Attached, Registry},
    refusal::{Outcome, Refusal},
    rights::MayMaintain,
};

impl Instance {
    /// Drops what is cached of one crate, or of every crate that a registry got from its upstream: index files and bytes.
    /// The ledger stays, so what comes back has to be the same. What another registry gave out as well is not dropped, nor
    /// what would not come back: what upstream has lost or changed, or while it is down.
    ///
    /// # Errors
    /// Only faults: what is not cached is no error.
    pub async fn evict(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: Option<&Spelling>,
        caller: &Caller,
    ) -> Outcome<()> {
        let registry = &right.registry;
        match name {
            Some(name) => right.covers(&name.canonical())?,
            None => right.covers_pattern(&everything())?,
        }
        let may_hold =
            |attached: &&Attached| name.is_none_or(|name| attached.takes(&name.canonical()));
        let remotes: Vec<_> = registry
            .upstreams
            .iter()
            .filter(may_hold)
            .filter_map(|attached| attached.upstream.remote())
            .collect();
        if remotes.is_empty() {
            return Ok(());
        }
        let mut audit = self.audit("cache.evicted", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = name.map(ToString::to_string);
        // what a client has got whole counts as cached, also in the moment before it is written down
        self.fetches.store_proven().await;
        let mut dropped = Vec::new();
        for remote in remotes {
            audit.detail = Some(format!("of upstream `{}`", remote.name));
            let mut crates = Vec::new();
            for (checksum, place) in self.store.evictable(registry.id, remote.id, name).await? {
                let places = self.store.cached_places(&checksum).await?;
                if self.may_lose(&place, &checksum, &places).await? {
                    crates.push(checksum);
                }
            }
            let held = self.upstream_index.hold().await;
            let evicted = self
                .store
                .evict_cached(registry.id, remote.id, name, &crates, &audit)
                .await?;
            // also what has not reached the database yet
            self.upstream_index.evict(remote.id, |spelling| {
                name == Some(spelling) || evicted.spellings.binary_search(spelling).is_ok()
            });
            drop(held);
            for spelling in name.into_iter().chain(&evicted.spellings) {
                self.views.changed(registry.id, &spelling.canonical());
            }
            dropped.extend(evicted.checksums);
        }
        self.drop_blobs(&dropped).await
    }

    /// A maintainer's override of the ledger: what upstream lists now for a version is accepted in every view.
    ///
    /// # Errors
    /// [`Refusal::ConfirmAccept`], [`Refusal::NotServed`].
    pub async fn accept_changed_bytes(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: &Spelling,
        version: &str,
        confirm: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        let registry = &right.registry;
        right.covers(&name.canonical())?;
        if confirm != Some(version) {
            return Err(Refusal::ConfirmAccept {
                name: name.to_string(),
                version: version.to_owned(),
            }
            .into());
        }
        let mut audit = self.audit("ledger.overridden", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = Some(name.to_string());
        audit.version = Some(version.to_owned());
        let now = self.clock().now();
        let forget = self
            .store
            .forget_ledger(registry.id, name, version, now, &audit);
        if self.write_settings(forget).await? {
            Ok(())
        } else {
            Err(Refusal::NotServed {
                registry: registry.name.clone(),
                name: name.to_string(),
                version: version.to_owned(),
            }
            .into())
        }
    }

    /// A claim that changes who is asked must not be answered by a "not there" from before.
    pub(crate) fn forget_absences(&self, registry: &Registry, pattern: &NamePattern) {
        for remote in registry.remotes() {
            self.upstream_index.forget_absences(remote.id, pattern);
        }
    }
}

fn everything() -> NamePattern {
    "*".parse().expect("invariant: `*` is a pattern")
}
