//! Registries, upstreams and claims, whole and in memory: small, asked by every request, changed rarely.
//!
//! A snapshot is replaced as a whole after each write, before the write is answered. Each registry carries the time its
//! settings last changed, which is part of every view's key: a view resolved under former settings is never found again.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use supercargo_store::{ClaimRow, DirectoryRows, UpstreamSettings};
use supercargo_types::{
    CanonicalName, ClaimMode, NamePattern, Publishing, RegistryName, Timestamp, Visibility,
};
use supercargo_upstream::Upstream;

use crate::{Instance, refusal::Failure, secrets::Secrets};

/// One registry's settings.
#[derive(Debug)]
pub struct Registry {
    pub(crate) id: i64,
    /// Its name.
    pub name: RegistryName,
    /// What people wrote about it.
    pub description: String,
    /// Free key and value pairs.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Who reads it.
    pub visibility: Visibility,
    /// Who publishes to existing crates.
    pub publishing: Publishing,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its settings last changed; grows with every change.
    pub(crate) changed_at: Timestamp,
    /// What it reads through.
    pub upstream: Option<Attached>,
    pub(crate) claims: Vec<ClaimRow>,
}

/// An upstream as one registry uses it.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The upstream.
    pub upstream: Arc<UpstreamSummary>,
    /// Only names that one of these covers; empty means all.
    pub only: Vec<NamePattern>,
    /// Not these.
    pub except: Vec<NamePattern>,
}

impl Attached {
    /// Whether this name may be asked there.
    pub fn takes(&self, name: &CanonicalName) -> bool {
        (self.only.is_empty() || self.only.iter().any(|pattern| pattern.covers(name)))
            && !self.except.iter().any(|pattern| pattern.covers(name))
    }
}

/// An upstream's settings, with its secret decrypted for the client alone.
#[derive(Debug)]
pub struct UpstreamSummary {
    pub(crate) id: i64,
    /// Its name.
    pub name: String,
    pub(crate) settings: UpstreamSettings,
    pub(crate) created_at: Timestamp,
    pub(crate) client: Upstream,
}

impl Registry {
    /// How a claim treats a name; `None` where none covers it. A name of its own decides; among patterns, the mode that
    /// asks upstreams least, for a longer pattern beside it must not let a private name out.
    pub fn claim(&self, name: &CanonicalName) -> Option<ClaimMode> {
        let covering = self
            .claims
            .iter()
            .filter(|claim| claim.pattern.covers(name));
        let caution = |mode: ClaimMode| match mode {
            ClaimMode::Private => 2,
            ClaimMode::Fork => 1,
            ClaimMode::Merge => 0,
        };
        covering
            .max_by_key(|claim| {
                (
                    claim.pattern.is_exact(),
                    caution(claim.mode),
                    claim.pattern.as_str().len(),
                )
            })
            .map(|claim| claim.mode)
    }

    /// Whether `config.json` says `auth-required`.
    pub fn needs_sign_in(&self) -> bool {
        self.visibility != Visibility::Public
    }
}

/// Everything at one moment.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    registries: HashMap<RegistryName, Arc<Registry>>,
    names: HashMap<i64, RegistryName>,
    retired: HashMap<RegistryName, Timestamp>,
    upstreams: HashMap<String, Arc<UpstreamSummary>>,
}

impl Directory {
    pub(crate) fn build(rows: DirectoryRows, secrets: &Secrets) -> anyhow::Result<Self> {
        let mut directory = Self::default();
        let mut by_id = HashMap::new();
        for row in rows.upstreams {
            let summary = Arc::new(crate::upstreams::summary(row, secrets)?);
            by_id.insert(summary.id, summary.clone());
            directory.upstreams.insert(summary.name.clone(), summary);
        }
        for row in rows.registries {
            directory.names.insert(row.id, row.name.clone());
            if let Some(deleted_at) = row.deleted_at {
                directory.retired.insert(row.name, deleted_at);
                continue;
            }
            let attached = row.upstreams.into_iter().find_map(|attachment| {
                let upstream = by_id.get(&attachment.upstream_id)?.clone();
                Some(Attached {
                    upstream,
                    only: attachment.only,
                    except: attachment.except,
                })
            });
            let registry = Registry {
                id: row.id,
                name: row.name.clone(),
                description: row.description,
                labels: row.labels,
                visibility: row.visibility,
                publishing: row.publishing,
                created_at: row.created_at,
                changed_at: row.changed_at,
                upstream: attached,
                claims: row.claims,
            };
            directory.registries.insert(row.name, Arc::new(registry));
        }
        Ok(directory)
    }

    pub(crate) fn registry(&self, name: &str) -> Option<&Arc<Registry>> {
        self.registries.get(name)
    }

    pub(crate) fn registries(&self) -> impl Iterator<Item = &Arc<Registry>> {
        self.registries.values()
    }

    pub(crate) fn registry_name(&self, id: i64) -> Option<&RegistryName> {
        self.names.get(&id)
    }

    pub(crate) fn deleted_at(&self, name: &RegistryName) -> Option<Timestamp> {
        self.retired.get(name).copied()
    }

    pub(crate) fn retired_id(&self, name: &RegistryName) -> Option<i64> {
        self.retired.contains_key(name).then(|| {
            self.names
                .iter()
                .find(|(_, n)| *n == name)
                .map(|(id, _)| *id)
        })?
    }

    pub(crate) fn upstream(&self, name: &str) -> Option<&Arc<UpstreamSummary>> {
        self.upstreams.get(name)
    }

    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &Arc<UpstreamSummary>> {
        self.upstreams.values()
    }

    /// The registries that read through an upstream.
    pub(crate) fn users_of(&self, upstream_id: i64) -> Vec<&RegistryName> {
        let uses = |registry: &Registry| {
            registry
                .upstream
                .as_ref()
                .is_some_and(|at| at.upstream.id == upstream_id)
        };
        let mut names: Vec<_> = self
            .registries
            .values()
            .filter(|registry| uses(registry))
            .map(|registry| &registry.name)
            .collect();
        names.sort();
        names
    }
}

impl Instance {
    /// The settings as they are now.
    pub(crate) fn directory(&self) -> arc_swap::Guard<Arc<Directory>> {
        self.directory.load()
    }

    /// Reads the settings again. Every write of them calls this before it is answered; one at a time, so that the snapshot
    /// of an earlier write never replaces that of a later one.
    pub(crate) async fn reload_directory(&self) -> Result<(), Failure> {
        let _turn = self.directory_turn.lock().await;
        // true until it is done, whatever happens on the way
        self.directory_stale.store(true, Ordering::SeqCst);
        let rows = self.store.directory().await?;
        let directory = Directory::build(rows, &self.secrets).map_err(Failure::fault)?;
        self.directory.store(Arc::new(directory));
        self.directory_stale.store(false, Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(claims: &[(&str, ClaimMode)]) -> Registry {
        Registry {
            id: 1,
            name: "main".parse().unwrap(),
            description: String::new(),
            labels: std::collections::BTreeMap::new(),
            visibility: Visibility::Private,
            publishing: Publishing::Owners,
            created_at: Timestamp::from_seconds(0),
            changed_at: Timestamp::from_seconds(0),
            upstream: None,
            claims: claims
                .iter()
                .map(|(pattern, mode)| ClaimRow {
                    pattern: pattern.parse().unwrap(),
                    mode: *mode,
                    created_at: Timestamp::from_seconds(0),
                    created_by: None,
                })
                .collect(),
        }
    }

    #[test]
    fn a_claim_on_the_name_itself_decides() {
        let registry = registry(&[
            ("acme-*", ClaimMode::Private),
            ("acme-http", ClaimMode::Fork),
            ("*", ClaimMode::Fork),
            // longer than `acme-*`, and must not let a private name out
            ("*-utils", ClaimMode::Fork),
        ]);
        let claim = |name: &str| registry.claim(&name.parse().unwrap());
        assert_eq!(claim("acme-tools"), Some(ClaimMode::Private));
        assert_eq!(claim("ACME_http"), Some(ClaimMode::Fork));
        assert_eq!(claim("serde"), Some(ClaimMode::Fork));
        assert_eq!(claim("acme-utils"), Some(ClaimMode::Private));
    }

    #[test]
    fn among_equals_the_cautious_mode_decides() {
        let registry = registry(&[("a*c", ClaimMode::Merge), ("ab*", ClaimMode::Private)]);
        assert_eq!(
            registry.claim(&"abc".parse().unwrap()),
            Some(ClaimMode::Private)
        );
        assert_eq!(registry.claim(&"zzz".parse().unwrap()), None);
    }
}
