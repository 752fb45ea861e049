//! Registries, upstreams and claims, whole and in memory: small, asked by every request, changed rarely.
//!
//! A snapshot is replaced as a whole after each write, before the write is answered. Each registry carries the time its
//! settings last changed, which is part of every view's key: a view resolved under former settings is never found again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use supercargo_policy::{Hosting, NameQuarantine, Quarantine, Rules};
use supercargo_store::{ClaimRow, CrateRow, DirectoryRows, QuarantineRow, UpstreamSettings};
use supercargo_types::{
    CanonicalName, ClaimMode, NamePattern, Publishing, RegistryName, Timestamp, VersionPattern,
    Visibility,
};
use supercargo_upstream::Upstream;

use crate::{
    Instance,
    nesting::{self, Bar, Node},
    refusal::Failure,
    secrets::Secrets,
};

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
    /// What it reads through, in order.
    pub upstreams: Vec<Attached>,
    /// Whether registries with a wider audience may read through it.
    pub republish: bool,
    pub(crate) claims: Vec<ClaimRow>,
    /// What keeps versions back.
    pub(crate) rules: Rules,
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

/// An upstream's settings.
#[derive(Debug)]
pub struct UpstreamSummary {
    pub(crate) id: i64,
    /// Its name.
    pub name: String,
    pub(crate) settings: UpstreamSettings,
    pub(crate) created_at: Timestamp,
    pub(crate) reads: Reads,
}

/// Where an upstream reads.
#[derive(Clone, Debug)]
pub(crate) enum Reads {
    /// A registry elsewhere.
    Remote(Arc<RemoteUpstream>),
    /// A registry of this server, by its id.
    Registry(i64),
}

/// A registry elsewhere, with the secret decrypted for the client alone.
#[derive(Debug)]
pub(crate) struct RemoteUpstream {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) client: Upstream,
}

impl UpstreamSummary {
    /// The registry elsewhere that it reads.
    pub(crate) fn remote(&self) -> Option<&Arc<RemoteUpstream>> {
        match &self.reads {
            Reads::Remote(remote) => Some(remote),
            Reads::Registry(_) => None,
        }
    }
}

impl Registry {
    /// How a claim treats a name; `None` where none covers it.
    pub fn claim(&self, name: &CanonicalName) -> Option<ClaimMode> {
        let claims = self.claims.iter();
        supercargo_policy::claimed(claims.map(|claim| (&claim.pattern, claim.mode)), name)
    }

    /// How it treats a name of which it has this row, or none.
    pub(crate) fn mode(&self, name: &CanonicalName, row: Option<&CrateRow>) -> Option<ClaimMode> {
        let hosting = match row {
            None => Hosting::Never,
            Some(row) if row.released_at.is_some() => Hosting::Released,
            Some(_) => Hosting::Hosted,
        };
        supercargo_policy::mode(self.claim(name), hosting)
    }

    /// The upstreams that may be asked for a name, in order.
    pub(crate) fn takers(&self, name: &CanonicalName) -> impl Iterator<Item = &Attached> {
        self.upstreams
            .iter()
            .filter(move |attached| attached.takes(name))
    }

    /// Whether one of its upstreams is crates.io itself.
    pub fn is_crates_io(&self, upstream: &str) -> bool {
        let mut attached = self.upstreams.iter();
        attached
            .find(|attached| attached.upstream.name == upstream)
            .and_then(|attached| attached.upstream.remote())
            .is_some_and(|remote| remote.client.index == supercargo_upstream::crates_io_index())
    }

    /// One of its upstreams.
    pub(crate) fn attached(&self, upstream_id: i64) -> Option<&Attached> {
        self.upstreams
            .iter()
            .find(|attached| attached.upstream.id == upstream_id)
    }

    /// Those of its upstreams that are elsewhere.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = &Arc<RemoteUpstream>> {
        self.upstreams
            .iter()
            .filter_map(|attached| attached.upstream.remote())
    }

    /// What it is among registries that read through each other.
    pub(crate) fn node(&self) -> Node {
        let inside = self
            .upstreams
            .iter()
            .filter_map(|attached| match attached.upstream.reads {
                Reads::Registry(id) => Some(id),
                Reads::Remote(_) => None,
            });
        Node {
            name: self.name.clone(),
            visibility: self.visibility,
            republish: self.republish,
            inside: inside.collect(),
        }
    }

    /// What alone is given out; empty: everything.
    pub fn allow(&self) -> &[VersionPattern] {
        &self.rules.allow
    }

    /// What is not given out.
    pub fn block(&self) -> &[VersionPattern] {
        &self.rules.block
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
    /// Of those, the ones of which nothing is left but the name.
    purged: HashSet<RegistryName>,
    upstreams: HashMap<String, Arc<UpstreamSummary>>,
    /// Who reads through an upstream, also behind other registries.
    readers: HashMap<i64, Vec<Arc<Registry>>>,
    bars: HashMap<i64, Bar>,
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
                if row.purged_at.is_some() {
                    directory.purged.insert(row.name.clone());
                }
                directory.retired.insert(row.name, deleted_at);
                continue;
            }
            let attached = row.upstreams.into_iter().filter_map(|attachment| {
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
                upstreams: attached.collect(),
                republish: row.republish,
                claims: row.claims,
                rules: Rules {
                    allow: row.allow,
                    block: row.block,
                    quarantines: quarantines(row.quarantines),
                },
            };
            directory.registries.insert(row.name, Arc::new(registry));
        }
        let nodes = directory.nodes();
        directory.bars = nesting::bars(&nodes);
        for registry in directory.registries.values() {
            for upstream_id in directory.behind(registry) {
                let readers = directory.readers.entry(upstream_id).or_default();
                readers.push(registry.clone());
            }
        }
        Ok(directory)
    }

    /// All that are not deleted, as they read through each other.
    pub(crate) fn nodes(&self) -> HashMap<i64, Node> {
        let nodes = self.registries.values();
        nodes
            .map(|registry| (registry.id, registry.node()))
            .collect()
    }

    /// Every upstream that a registry reads, also behind other registries.
    fn behind(&self, registry: &Registry) -> HashSet<i64> {
        let mut upstreams = HashSet::new();
        let mut next = vec![registry];
        while let Some(registry) = next.pop() {
            for attached in &registry.upstreams {
                // a circle ends at what was seen before
                if upstreams.insert(attached.upstream.id)
                    && let Reads::Registry(id) = attached.upstream.reads
                {
                    next.extend(self.registry_by_id(id).map(AsRef::as_ref));
                }
            }
        }
        upstreams
    }

    pub(crate) fn registry(&self, name: &str) -> Option<&Arc<Registry>> {
        self.registries.get(name)
    }

    pub(crate) fn registry_by_id(&self, id: i64) -> Option<&Arc<Registry>> {
        let registry = self.registries.get(self.names.get(&id)?)?;
        // a name may be that of a deleted registry and of nobody else
        (registry.id == id).then_some(registry)
    }

    /// What keeps a registry from reading through others.
    pub(crate) fn bar(&self, registry_id: i64) -> Option<&Bar> {
        self.bars.get(&registry_id)
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

    /// Every deleted registry, since when it is, and whether it was purged.
    pub(crate) fn retired(&self) -> impl Iterator<Item = (&RegistryName, Timestamp, bool)> {
        let retired = self.retired.iter();
        retired.map(|(name, at)| (name, *at, self.purged.contains(name)))
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

    /// The registries that read through an upstream, also behind others.
    pub(crate) fn readers_of(&self, upstream_id: i64) -> impl Iterator<Item = &Arc<Registry>> {
        self.readers.get(&upstream_id).into_iter().flatten()
    }

    /// The names of those that it is attached to, in order.
    pub(crate) fn users_of(&self, upstream_id: i64) -> Vec<&RegistryName> {
        let users = self
            .readers_of(upstream_id)
            .filter(|registry| registry.attached(upstream_id).is_some());
        let mut names: Vec<_> = users.map(|registry| &registry.name).collect();
        names.sort();
        names
    }
}

fn quarantines(rows: Vec<QuarantineRow>) -> HashMap<CanonicalName, NameQuarantine> {
    let mut by_name = HashMap::<_, NameQuarantine>::new();
    for row in rows {
        let quarantine = Quarantine {
            action: row.action,
            reason: row.reason,
            created_at: row.created_at,
            created_by: row.created_by,
        };
        let of_name = by_name.entry(row.name).or_default();
        match row.number {
            Some(number) => drop(of_name.numbers.insert(number, quarantine)),
            None => of_name.whole = Some(quarantine),
        }
    }
    by_name
}

impl Instance {
    /// The settings as they are now.
    pub(crate) fn directory(&self) -> arc_swap::Guard<Arc<Directory>> {
        self.directory.load()
    }

    /// Reads the settings again. Every write of them calls this before it is answered, and so does the feed; one at a time, so
    /// that the snapshot of an earlier write never replaces that of a later one. After a failure nothing in memory is believed
    /// before it has been read anew.
    pub(crate) async fn reload_directory(&self) -> Result<(), Failure> {
        let _turn = self.directory_turn.lock().await;
        let read = match self.store.directory().await {
            Ok(rows) => Directory::build(rows, &self.secrets).map_err(Failure::fault),
            Err(error) => Err(error.into()),
        };
        match read {
            Ok(directory) => {
                self.directory.store(Arc::new(directory));
                self.forget_unasked_pins();
                Ok(())
            }
            Err(failure) => {
                self.copies.lapse();
                Err(failure)
            }
        }
    }
}
