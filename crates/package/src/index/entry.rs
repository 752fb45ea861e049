//! Index entries of hosted crates: made from the manifest's facts, stored, and rendered per view.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use supercargo_types::{Digest, Timestamp};

use super::features2;
use crate::manifest::{Dependency, DependencyKind, PackageFacts};

/// What stands in a stored entry in place of the URL of a registry of this server, before its id. No published
/// manifest can say it, for only http, ssh and git URLs are accepted there.
const STORED: &str = "supercargo:";

/// One line of an index file. Every field that any cargo since 1.73 demands is always written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// In the publisher's case.
    pub name: String,
    /// With build metadata.
    pub vers: String,
    /// Of all kinds, by name; `normal` before `build` before `dev` where the names are equal.
    pub deps: Vec<IndexDependency>,
    /// Of the `.crate`.
    pub cksum: Digest,
    /// Those that every cargo can read.
    pub features: BTreeMap<String, Vec<String>>,
    /// Those that use `dep:` or `?/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features2: Option<BTreeMap<String, Vec<String>>>,
    /// Whether new resolutions pass it by.
    pub yanked: bool,
    /// The native library.
    pub links: Option<String>,
    /// Left out when unknown: an empty one makes cargo drop the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rust_version: Option<String>,
    /// Exactly 20 characters, or cargo drops the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pubtime: Option<String>,
    /// 2 where `features2` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v: Option<u32>,
}

/// A dependency in an [`IndexEntry`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IndexDependency {
    /// The alias, where there is one.
    pub name: String,
    /// Normalised.
    pub req: String,
    /// Those asked for.
    pub features: Vec<String>,
    /// Whether a feature must enable it.
    pub optional: bool,
    /// Whether default features are asked for.
    pub default_features: bool,
    /// A `cfg(…)` or a triple.
    pub target: Option<String>,
    /// When it is needed.
    pub kind: DependencyKind,
    /// `None` is the registry that the entry is served from.
    pub registry: Option<String>,
    /// The real name where `name` is an alias. Never empty: that makes cargo panic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
}

/// A stored entry that is not one: a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("a stored index entry cannot be read")]
pub struct CorruptEntry(#[from] serde_json::Error);

impl IndexEntry {
    /// A fresh entry. `registry_of` says what to write for a dependency's registry: `None` for the entry's own, a URL,
    /// or [`stored_registry`] for another one of this server.
    pub fn new(
        facts: &PackageFacts,
        checksum: &Digest,
        published_at: Timestamp,
        registry_of: impl Fn(&Dependency) -> Option<String>,
    ) -> Self {
        let (features, features2) = features2::split(facts.features.clone());
        let features2 = (!features2.is_empty()).then_some(features2);
        let mut deps: Vec<_> = facts
            .dependencies
            .iter()
            .map(|dependency| IndexDependency::new(dependency, registry_of(dependency)))
            .collect();
        // crates.io's order: old cargo takes the first of two equal names for the normal one
        deps.sort_by(|a, b| (&a.name, a.kind, a).cmp(&(&b.name, b.kind, b)));
        Self {
            name: facts.name.as_str().to_owned(),
            vers: facts.version.to_string(),
            deps,
            cksum: *checksum,
            features,
            v: features2.is_some().then_some(2),
            features2,
            yanked: false,
            links: facts.links.clone(),
            rust_version: facts.rust_version.clone(),
            pubtime: Some(published_at.pubtime()),
        }
    }

    /// Reads what [`Self::to_line`] wrote.
    pub fn from_line(line: &str) -> Result<Self, CorruptEntry> {
        Ok(serde_json::from_str(line)?)
    }

    /// JSON without a line end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self)
            .expect("invariant: maps have text keys and nothing fails to serialise")
    }
}

impl IndexDependency {
    fn new(dependency: &Dependency, registry: Option<String>) -> Self {
        let is_renamed = dependency.package.as_str() != dependency.name_in_toml;
        Self {
            name: dependency.name_in_toml.clone(),
            req: dependency.requirement.clone(),
            features: dependency.features.clone(),
            optional: dependency.optional,
            default_features: dependency.default_features,
            target: dependency.target.clone(),
            kind: dependency.kind,
            registry,
            package: is_renamed.then(|| dependency.package.as_str().to_owned()),
        }
    }
}

/// How a stored entry names a registry of this server: by id, for its URL changes with the server's.
pub fn stored_registry(id: i64) -> String {
    format!("{STORED}{id}")
}

/// Turns a stored line into the line of a view.
///
/// `null_means_own` is the URL to write where a dependency is on the entry's own registry, for views in which `null`
/// would mean something else. `url_of` gives the URL of a stored registry; an id that it does not know stays as it is,
/// and cargo then passes the version by, so it should know deleted registries too.
pub fn render_line(
    line: &str,
    yanked: bool,
    null_means_own: Option<&str>,
    url_of: &dyn Fn(i64) -> Option<String>,
) -> Result<String, CorruptEntry> {
    let mut entry = IndexEntry::from_line(line)?;
    entry.yanked = yanked;
    for dependency in &mut entry.deps {
        match &dependency.registry {
            None => dependency.registry = null_means_own.map(str::to_owned),
            Some(text) => {
                let id = text.strip_prefix(STORED).and_then(|id| id.parse().ok());
                if let Some(url) = id.and_then(url_of) {
                    dependency.registry = Some(url);
                }
            }
        }
    }
    Ok(entry.to_line())
}
