//! Versions and crates as people manage them: every state with its reason, tombstones among them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use semver::Version;
use serde::Serialize;
use supercargo_store::{HostedCrate, VersionRow};
use supercargo_types::{
    CanonicalName, ClaimMode, Digest, PrincipalRef, Spelling, Timestamp, VersionState, View,
};
use utoipa::ToSchema;

use crate::{
    Instance,
    directory::Registry,
    labels,
    quarantine::{self, Quarantine},
    refusal::{Failure, Outcome, Refusal},
    rights::MayRead,
    search::FoundCrate,
    views::{Listed, Listing, Origin, Resolved},
};

/// Where a crate's versions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CrateSource {
    /// At least one was published here.
    Hosted,
    /// All are upstream's.
    Cached,
}

/// A crate.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CrateItem {
    /// As published.
    pub name: String,
    /// Where its versions come from.
    pub source: CrateSource,
    /// How its name is claimed.
    pub claim: Option<ClaimMode>,
    /// What its manifest says about it.
    pub description: Option<String>,
    /// The highest version that cargo picks; the highest of all where it picks none.
    pub max_version: Option<String>,
    /// How many are listed.
    pub versions: u64,
    /// Of all versions, in this registry.
    pub downloads: u64,
    /// When it was published first, where that is known.
    pub created_at: Option<Timestamp>,
    /// When its index file changed last.
    pub updated_at: Option<Timestamp>,
    /// When it was deleted as a whole, while it is.
    pub deleted_at: Option<Timestamp>,
    /// Since when its name is upstream's again.
    pub released_at: Option<Timestamp>,
    /// What was decided about the whole crate.
    pub quarantine: Option<Quarantine>,
    /// What people put on the crate as a whole.
    pub labels: BTreeMap<String, String>,
}

/// A version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VersionItem {
    /// As published.
    pub name: String,
    /// With build metadata.
    pub version: String,
    /// What it can be used for.
    pub state: VersionState,
    /// Why it is held or blocked.
    pub reason: Option<String>,
    /// Of its file.
    pub checksum: Option<Digest>,
    /// Of its file in bytes, where that is stored here.
    pub size: Option<u64>,
    /// `hosted`, or the name of the upstream.
    pub origin: String,
    /// When it was published, where that is known.
    pub published_at: Option<Timestamp>,
    /// By whom.
    pub publisher: Option<PrincipalRef>,
    /// By its publisher.
    pub yanked: bool,
    /// Since when only its number is left.
    pub deleted_at: Option<Timestamp>,
    /// Since when its bytes are gone for ever.
    pub purged_at: Option<Timestamp>,
    /// In this registry.
    pub downloads: u64,
    /// What people put on it.
    pub labels: BTreeMap<String, String>,
    /// Whether its upstream lists other bytes now than were served here, which a maintainer may accept. For pages.
    #[serde(skip)]
    pub is_changed: bool,
}

/// A crate with its versions.
#[derive(Clone, Debug)]
pub struct CrateDetail {
    /// The crate.
    pub item: CrateItem,
    /// The highest first; tombstones among them.
    pub versions: Vec<VersionItem>,
}

/// What a crate is made of, before it is shown.
struct Parts<'a> {
    registry: &'a Registry,
    name: &'a Spelling,
    hosted: Option<HostedCrate>,
    listing: Option<Arc<Listing>>,
    downloads: HashMap<String, u64>,
    /// Of the crate, then of its versions by number.
    labels: (
        BTreeMap<String, String>,
        HashMap<String, BTreeMap<String, String>>,
    ),
}

impl Parts<'_> {
    fn labels_of(&self, version: &str) -> BTreeMap<String, String> {
        labels::of_number(&self.labels.1, version)
            .cloned()
            .unwrap_or_default()
    }
}

impl Instance {
    /// A crate with all its versions in the index view, and what was deleted from it. Asks upstream as an index read would.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], or that its upstream fails.
    pub async fn crate_detail(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
    ) -> Outcome<CrateDetail> {
        let registry = right.registry.clone();
        let canonical = name.canonical();
        let hosted = self.store.hosted(registry.id, &canonical).await?;
        // a twin's spelling is a question about a crate that is not there
        let hosted = hosted.filter(|hosted| hosted.name.spelling() == *name);
        let hosted = hosted.and_then(|hosted| of_this_registry(&registry, hosted));
        let resolved = match self.view(right, View::Index, name).await {
            // what is hosted is known all the same, and a write that is done is not answered with an upstream's failure
            Err(Failure::Refused(refusal))
                if hosted.is_some() && matches!(*refusal, Refusal::Upstream(_)) =>
            {
                self.view(right, View::Hosted, name).await?
            }
            resolved => resolved?,
        };
        let listing = match resolved {
            Resolved::Found(listing) => Some(listing),
            Resolved::Absent => None,
        };
        if hosted.is_none() && listing.is_none() {
            return Err(Refusal::NoCrate {
                registry: registry.name.clone(),
                name: name.to_string(),
            }
            .into());
        }
        let downloads = self
            .store
            .downloads_by_version(registry.id, &canonical)
            .await?;
        let names = [canonical.clone()];
        let mut of_crates = self.store.labels_of_crates(registry.id, &names).await?;
        let of_versions = self
            .store
            .labels_of_versions(registry.id, &canonical)
            .await?;
        let parts = Parts {
            labels: (
                of_crates.remove(&canonical).unwrap_or_default(),
                of_versions,
            ),
            registry: &registry,
            name,
            hosted,
            listing,
            downloads,
        };
        let versions = self.version_items(&parts).await?;
        let description = self.description(&parts, &versions).await?;
        let item = crate_item(&parts, &canonical, &versions, description);
        Ok(CrateDetail { item, versions })
    }

    /// One version; of a hosted one the build metadata may be left out.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`].
    pub async fn version_item(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: &str,
    ) -> Outcome<VersionItem> {
        let detail = self.crate_detail(right, name).await?;
        let mut items = detail.versions;
        let found = items
            .iter()
            .position(|item| item.version == version)
            .or_else(|| {
                items.iter().position(|item| {
                    item.origin == HOSTED && item.version.split('+').next() == Some(version)
                })
            });
        match found {
            Some(at) => Ok(items.swap_remove(at)),
            None => Err(Refusal::NoVersion {
                registry: right.registry.name.clone(),
                name: detail.item.name,
                version: version.chars().take(200).collect(),
            }
            .into()),
        }
    }

    /// What search found, as a list shows it.
    pub fn crate_item(&self, right: &MayRead, found: FoundCrate) -> CrateItem {
        let quarantine = found.name.parse::<CanonicalName>().ok();
        CrateItem {
            name: found.name,
            source: found.source,
            claim: found.claim,
            description: found.description,
            max_version: Some(found.max_version),
            versions: found.versions,
            downloads: found.downloads.total,
            created_at: Some(found.created_at),
            updated_at: Some(found.updated_at),
            deleted_at: None,
            released_at: None,
            quarantine: quarantine.and_then(|name| quarantine::of_crate(&right.registry, &name)),
            labels: found.labels,
        }
    }

    async fn version_items(&self, parts: &Parts<'_>) -> Outcome<Vec<VersionItem>> {
        let rows: HashMap<i64, &VersionRow> = parts
            .hosted
            .iter()
            .flat_map(|hosted| &hosted.versions)
            .map(|row| (row.id, row))
            .collect();
        let mut sizes = HashMap::new();
        if parts.listing.is_some() {
            for remote in parts.registry.remotes() {
                sizes.extend(self.store.cached_sizes(remote.id, parts.name).await?);
            }
        }
        let mut items = Vec::new();
        for listed in parts.listing.iter().flat_map(|listing| listing.versions()) {
            let item = match listed.origin {
                Origin::Hosted { version_id } => {
                    let Some(row) = rows.get(&version_id) else {
                        // deleted between the two looks
                        continue;
                    };
                    hosted_item(parts, row, listed.state(), listed.reason())
                }
                Origin::Upstream { id, .. } => upstream_item(parts, listed, id, &sizes),
            };
            items.push(item);
        }
        for row in rows.values().filter(|row| row.deleted_at.is_some()) {
            items.push(hosted_item(parts, row, VersionState::Deleted, None));
        }
        items.sort_by_cached_key(|item| {
            let version = item.version.parse::<Version>().ok();
            (std::cmp::Reverse(version), item.version.clone())
        });
        Ok(items)
    }

    async fn description(
        &self,
        parts: &Parts<'_>,
        versions: &[VersionItem],
    ) -> Outcome<Option<String>> {
        let best = versions
            .iter()
            .find(|item| item.state == VersionState::Available);
        let Some(best) = best.or_else(|| versions.first()) else {
            return Ok(None);
        };
        if let Some(hosted) = parts.hosted.as_ref().filter(|_| best.origin == HOSTED) {
            let Ok(version) = best.version.parse() else {
                return Ok(None);
            };
            let facts = self.store.version_facts(hosted.id, &version).await?;
            let facts: Option<serde_json::Value> =
                facts.and_then(|facts| serde_json::from_str(&facts).ok());
            let described = facts.and_then(|facts| Some(facts["description"].as_str()?.to_owned()));
            return Ok(described);
        }
        let cached = self
            .store
            .cached_versions(parts.registry.id, std::slice::from_ref(parts.name))
            .await?;
        Ok(cached
            .into_iter()
            .rev()
            .find_map(|cached| cached.description))
    }
}

/// What stands for "published here" where otherwise an upstream's name stands.
pub(crate) const HOSTED: &str = "hosted";

fn upstream_item(
    parts: &Parts<'_>,
    listed: &Listed,
    upstream_id: i64,
    sizes: &HashMap<Digest, u64>,
) -> VersionItem {
    let attached = parts.registry.attached(upstream_id);
    let size = listed.checksum.and_then(|checksum| sizes.get(&checksum));
    VersionItem {
        name: listed.name.clone(),
        version: listed.version.clone(),
        state: listed.state(),
        reason: listed.reason().map(str::to_owned),
        checksum: listed.checksum,
        size: size.copied(),
        origin: attached.map_or_else(String::new, |attached| attached.upstream.name.clone()),
        published_at: listed.published_at,
        publisher: None,
        yanked: listed.yanked,
        deleted_at: None,
        purged_at: None,
        downloads: parts.downloads.get(&listed.version).copied().unwrap_or(0),
        labels: parts.labels_of(&listed.version),
        is_changed: listed.changed,
    }
}

fn hosted_item(
    parts: &Parts<'_>,
    row: &VersionRow,
    state: VersionState,
    reason: Option<&str>,
) -> VersionItem {
    let version = row.version.to_string();
    let name = parts.hosted.as_ref().map(|hosted| hosted.name.to_string());
    VersionItem {
        name: name.unwrap_or_default(),
        state,
        reason: reason.map(str::to_owned),
        checksum: Some(row.checksum),
        size: Some(row.size),
        origin: HOSTED.to_owned(),
        published_at: Some(row.published_at),
        publisher: row.publisher.clone(),
        yanked: row.yanked,
        deleted_at: row.deleted_at,
        purged_at: row.purged_at,
        downloads: parts.downloads.get(&version).copied().unwrap_or(0),
        labels: parts.labels_of(&version),
        is_changed: false,
        version,
    }
}

/// Without what a former registry of the same name has left: its members were others.
fn of_this_registry(registry: &Registry, mut hosted: HostedCrate) -> Option<HostedCrate> {
    let had_any = !hosted.versions.is_empty();
    let since = registry.created_at;
    hosted.versions.retain(|row| row.published_at >= since);
    (!had_any || !hosted.versions.is_empty()).then_some(hosted)
}

/// A crate is deleted when it has no version that is not: since then, or since it was deleted as a whole.
fn deleted_at(hosted: &HostedCrate) -> Option<Timestamp> {
    let is_alive = hosted.versions.iter().any(|row| row.deleted_at.is_none());
    let last = hosted
        .versions
        .iter()
        .filter_map(|row| row.deleted_at)
        .max();
    hosted.deleted_at.or(last.filter(|_| !is_alive))
}

fn crate_item(
    parts: &Parts<'_>,
    canonical: &CanonicalName,
    versions: &[VersionItem],
    description: Option<String>,
) -> CrateItem {
    let listed = || {
        versions
            .iter()
            .filter(|item| item.state != VersionState::Deleted)
    };
    let best = listed()
        .find(|item| item.state == VersionState::Available)
        .or_else(|| listed().next());
    let hosted = parts.hosted.as_ref();
    let is_hosted = hosted.is_some_and(|hosted| hosted.released_at.is_none());
    let name = match (hosted, versions.first()) {
        (Some(hosted), _) => hosted.name.to_string(),
        (None, Some(first)) => first.name.clone(),
        (None, None) => parts.name.to_string(),
    };
    let changed = parts
        .listing
        .as_ref()
        .map(|listing| listing.last_modified());
    CrateItem {
        name,
        source: if is_hosted {
            CrateSource::Hosted
        } else {
            CrateSource::Cached
        },
        claim: parts.registry.claim(canonical),
        description,
        max_version: best.map(|item| item.version.clone()),
        versions: listed().count() as u64,
        downloads: parts.downloads.values().sum(),
        created_at: versions.iter().filter_map(|item| item.published_at).min(),
        updated_at: changed.or(hosted.map(|hosted| hosted.changed_at)),
        deleted_at: hosted.and_then(deleted_at),
        released_at: hosted.and_then(|hosted| hosted.released_at),
        quarantine: quarantine::of_crate(parts.registry, canonical),
        labels: parts.labels.0.clone(),
    }
}
