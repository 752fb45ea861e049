//! What is known of a crate and its versions, as its `index` view shows them: for those who ask for one crate by its name.
//!
//! Which versions there are, and what is said against them, comes from the view. The database adds what an index line does not
//! say: size, publisher, links, downloads.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use semver::Version;
use serde::Deserialize;
use supercargo_package::PackageFacts;
use supercargo_store::{CachedVersion, DependentRow, Downloads, DownloadsOfDay, VersionFacts};
use supercargo_types::{CanonicalName, CrateName, Digest, PrincipalRef, Spelling, Timestamp, View};

use crate::{
    Instance,
    directory::Registry,
    downloads::day,
    refusal::{Outcome, Refusal},
    rights::MayRead,
    views::{Listed, Listing, Origin, Resolved},
};

/// Days whose downloads are recent, today among them; crates.io's number.
const RECENT_DAYS: i64 = 90;
/// Versions whose downloads are told one by one, as on crates.io; those of the others are told together.
const TOLD_APART: usize = 5;

/// The first of the recent days.
pub(crate) fn recent_since(today: i64) -> i64 {
    today - RECENT_DAYS + 1
}

/// An index line as far as it is shown; whatever is missing or `null` is empty, for lines of upstreams have many forms.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct IndexLine {
    cksum: Option<String>,
    features: Option<BTreeMap<String, Vec<String>>>,
    features2: Option<BTreeMap<String, Vec<String>>>,
    deps: Option<Vec<IndexDependency>>,
    yanked: Option<bool>,
    links: Option<String>,
    rust_version: Option<String>,
    pubtime: Option<String>,
}

/// A dependency as an index line has it.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexDependency {
    name: String,
    package: Option<String>,
    /// Normalised.
    pub req: String,
    features: Option<Vec<String>>,
    optional: Option<bool>,
    default_features: Option<bool>,
    /// A `cfg(…)` or a triple.
    pub target: Option<String>,
    kind: Option<String>,
    /// The index that it comes from; the one that this line stands in where absent.
    pub registry: Option<String>,
}

impl IndexDependency {
    /// What the code calls it, where that is not its name.
    pub fn alias(&self) -> Option<&str> {
        self.package.as_ref().map(|_| self.name.as_str())
    }

    /// Its real name.
    pub fn package(&self) -> &str {
        self.package.as_deref().unwrap_or(&self.name)
    }

    /// The features that are asked for.
    pub fn features(&self) -> &[String] {
        self.features.as_deref().unwrap_or_default()
    }

    /// Whether a feature must enable it.
    pub fn is_optional(&self) -> bool {
        self.optional == Some(true)
    }

    /// Whether its default features are asked for.
    pub fn has_default_features(&self) -> bool {
        self.default_features != Some(false)
    }

    /// `normal`, `build` or `dev`.
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("normal")
    }
}

impl IndexLine {
    pub(crate) fn of(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    pub(crate) fn is_yanked(&self) -> bool {
        self.yanked == Some(true)
    }

    pub(crate) fn published_at(&self) -> Option<Timestamp> {
        self.pubtime.as_deref().and_then(Timestamp::from_rfc3339)
    }
}

/// What the archive of a hosted version says.
pub type PublishedFacts = PackageFacts;

/// What is known of a version.
#[derive(Clone, Debug)]
pub struct VersionDetails {
    /// A number of its own among the versions of this registry; of upstream's versions made of name and number.
    pub id: u64,
    /// As its index line writes it.
    pub version: String,
    /// Whether cargo passes it by: yanked, held or blocked.
    pub yanked: bool,
    /// Of its file.
    pub checksum: Option<Digest>,
    /// Of its file in bytes, where that is stored.
    pub size: Option<u64>,
    /// Where that is known.
    pub published_at: Option<Timestamp>,
    /// Who published it here, with the id.
    pub publisher: Option<(i64, PrincipalRef)>,
    /// Through this registry.
    pub downloads: u64,
    /// Of both kinds.
    pub features: BTreeMap<String, Vec<String>>,
    /// Of all kinds.
    pub dependencies: Vec<IndexDependency>,
    /// The native library.
    pub links: Option<String>,
    /// The oldest Rust that builds it, where it says so.
    pub rust_version: Option<String>,
    /// From its manifest, where that was read.
    pub description: Option<String>,
    /// What the archive says; of hosted versions only.
    pub facts: Option<PublishedFacts>,
}

/// What is known of a crate.
#[derive(Clone, Debug)]
pub struct CrateDetails {
    /// As its publisher writes it.
    pub name: String,
    /// The highest first; at least one.
    pub versions: Vec<VersionDetails>,
    /// Of all its versions, deleted ones among them.
    pub downloads: Downloads,
    /// When its view changed last.
    pub changed_at: Timestamp,
}

impl CrateDetails {
    /// The version that stands for the crate: the highest that is not yanked, rather a stable one; the highest of all where
    /// every version is yanked.
    pub fn default_version(&self) -> &VersionDetails {
        let rank = |version: &&VersionDetails| {
            let number = version.version.parse::<Version>().ok();
            let is_stable = number.as_ref().is_some_and(|number| number.pre.is_empty());
            (!version.yanked, is_stable, number)
        };
        self.versions
            .iter()
            .max_by_key(rank)
            .expect("invariant: no view is empty")
    }

    /// The highest version that is not yanked; the highest of all where every version is.
    pub fn max_version(&self) -> &VersionDetails {
        let open = self.versions.iter().find(|version| !version.yanked);
        open.unwrap_or(&self.versions[0])
    }

    /// The highest version that is neither yanked nor a pre-release.
    pub fn max_stable_version(&self) -> Option<&VersionDetails> {
        self.versions.iter().find(|version| {
            let number = version.version.parse::<Version>();
            !version.yanked && number.is_ok_and(|number| number.pre.is_empty())
        })
    }

    /// The version that was published last.
    pub fn newest_version(&self) -> &VersionDetails {
        let newest = self
            .versions
            .iter()
            .rev()
            .max_by_key(|version| version.published_at);
        newest.expect("invariant: no view is empty")
    }
}

/// A hosted crate that needs another.
#[derive(Clone, Debug)]
pub struct Dependent {
    /// As its publisher writes it.
    pub name: CrateName,
    /// The version that says so.
    pub version: VersionDetails,
    /// How it says so.
    pub dependency: IndexDependency,
    /// Of all versions of the crate.
    pub downloads: Downloads,
}

/// A page of them.
#[derive(Clone, Debug)]
pub struct Dependents {
    /// By name.
    pub items: Vec<Dependent>,
    /// Of all pages.
    pub total: u64,
}

/// The downloads of the recent days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownloadsOfCrate {
    /// Of the highest versions: id, day as the count of days since 1970-01-01, how many.
    pub versions: Vec<(u64, i64, u64)>,
    /// Of all others together: day, how many.
    pub others: Vec<(i64, u64)>,
}

impl Instance {
    /// Everything that is known of a crate.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], or why its upstream could not be asked.
    pub async fn crate_details(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
    ) -> Outcome<CrateDetails> {
        let listing = self.listing(right, name).await?;
        let versions = self
            .versions_of(&right.registry, name, &listing, None)
            .await?;
        let names = [name.canonical()];
        let since = recent_since(day(self.clock().now()));
        let downloads = self
            .store
            .downloads_of(right.registry.id, &names, since)
            .await?;
        // a file of lines that nobody can read is no crate
        if versions.is_empty() {
            return Err(no_crate(&right.registry, name));
        }
        Ok(CrateDetails {
            name: spelled(&listing, name),
            versions,
            downloads: downloads.get(&names[0]).copied().unwrap_or_default(),
            changed_at: listing.last_modified(),
        })
    }

    /// One of a crate's versions, and how the crate's name is written.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`], or why its upstream could not be asked.
    pub async fn version_details(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: &str,
    ) -> Outcome<(String, VersionDetails)> {
        let listing = self.listing(right, name).await?;
        let versions = self
            .versions_of(&right.registry, name, &listing, Some(version))
            .await?;
        match versions.into_iter().next() {
            Some(found) => Ok((spelled(&listing, name), found)),
            None => Err(no_version(&right.registry, name, version)),
        }
    }

    /// The hosted crates of this registry that need a crate.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], or why its upstream could not be asked.
    pub async fn dependents(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        limit: u32,
        offset: u64,
    ) -> Outcome<Dependents> {
        let registry = &right.registry;
        self.listing(right, name).await?;
        let canonical = name.canonical();
        let page = self
            .store
            .dependents(registry.id, &canonical, limit, offset)
            .await?;
        let names: Vec<_> = page.items.iter().map(|row| row.name.canonical()).collect();
        let since = recent_since(day(self.clock().now()));
        let downloads = self.store.downloads_of(registry.id, &names, since).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for row in page.items {
            let downloads = downloads.get(&row.name.canonical()).copied();
            let dependent = self
                .dependent(registry, &canonical, row, downloads.unwrap_or_default())
                .await?;
            items.extend(dependent);
        }
        Ok(Dependents {
            items,
            total: page.total,
        })
    }

    async fn dependent(
        &self,
        registry: &Registry,
        needed: &CanonicalName,
        row: DependentRow,
        downloads: Downloads,
    ) -> Outcome<Option<Dependent>> {
        let name = row.name.canonical();
        let number = row.version.to_string();
        let details = self
            .store
            .version_details(registry.id, &name, Some(&number))
            .await?;
        let of_version = self.store.downloads_by_version(registry.id, &name).await?;
        let line = IndexLine::of(&row.entry);
        // deleted since the page was read
        let (Some(line), Some(details)) = (line, details.into_iter().next()) else {
            return Ok(None);
        };
        let yanked = row.yanked || registry.rules.verdict(&name, &row.version).is_some();
        let mut version = shown(own_id(details.id), number, yanked, line);
        version.downloads = of_version.get(&version.version).copied().unwrap_or(0);
        add_hosted(&mut version, details);
        let dependency = version.dependencies.iter().find(|dependency| {
            let package = dependency.package().parse::<CanonicalName>();
            package.is_ok_and(|package| package == *needed)
        });
        Ok(dependency.cloned().map(|dependency| Dependent {
            name: row.name,
            version,
            dependency,
            downloads,
        }))
    }

    /// The downloads of the recent days, the oldest first; of all versions, or of one.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`], or why its upstream could not be asked.
    pub async fn downloads(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: Option<&str>,
    ) -> Outcome<DownloadsOfCrate> {
        let registry = &right.registry;
        let listing = self.listing(right, name).await?;
        if let Some(version) = version
            && listing.version(version).is_none()
        {
            return Err(no_version(registry, name, version));
        }
        let since = recent_since(day(self.clock().now()));
        let days = self
            .store
            .downloads_by_day(registry.id, &name.canonical(), since)
            .await?;
        let mut highest: Vec<_> = listing
            .versions()
            .iter()
            .filter(|listed| version.is_none_or(|version| version == listed.version))
            .collect();
        highest
            .sort_by_cached_key(|listed| std::cmp::Reverse(listed.version.parse::<Version>().ok()));
        highest.truncate(TOLD_APART);
        let ids: HashMap<_, _> = highest
            .into_iter()
            .map(|listed| (listed.version.as_str(), id_of(name, listed)))
            .collect();
        let mut told = told(&ids, &days);
        if version.is_some() {
            told.others.clear();
        }
        Ok(told)
    }

    /// The readme of a version, as it stands in its archive; `None` where it has none, where its file is not stored here, or
    /// where nobody gets its bytes.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`], or why its upstream could not be asked.
    pub async fn readme(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: &str,
    ) -> Outcome<Option<Bytes>> {
        let registry = &right.registry;
        let listing = self.listing(right, name).await?;
        let Some(listed) = listing.version(version) else {
            return Err(no_version(registry, name, version));
        };
        let parsed = (listed.name.parse(), listed.version.parse());
        let (Some(checksum), (Ok(crate_name), Ok(number))) = (listed.checksum, parsed) else {
            return Ok(None);
        };
        self.check_withheld(registry, name, &listing, version)
            .await?;
        let path = match listed.origin {
            Origin::Hosted { .. } => {
                let details = self
                    .store
                    .version_details(registry.id, &name.canonical(), Some(version))
                    .await?;
                let facts = details.first().and_then(facts);
                match facts.and_then(|facts| facts.readme_path) {
                    Some(path) => Some(path),
                    None => return Ok(None),
                }
            }
            Origin::Upstream { .. } => {
                // the bytes lie there for this registry only when it has given them out
                let names = [name.clone()];
                let cached = self.store.cached_versions(registry.id, &names).await?;
                if !cached.iter().any(|cached| cached.checksum == checksum) {
                    return Ok(None);
                }
                None
            }
        };
        self.readme_of(&checksum, crate_name, number, path).await
    }

    async fn listing(self: &Arc<Self>, right: &MayRead, name: &Spelling) -> Outcome<Arc<Listing>> {
        match self.view(right, View::Index, name).await? {
            Resolved::Found(listing) => Ok(listing),
            Resolved::Absent => Err(no_crate(&right.registry, name)),
        }
    }

    /// The highest first; all, or the one that is written so.
    async fn versions_of(
        &self,
        registry: &Registry,
        name: &Spelling,
        listing: &Listing,
        only: Option<&str>,
    ) -> Outcome<Vec<VersionDetails>> {
        let canonical = name.canonical();
        let listed: Vec<_> = listing
            .versions()
            .iter()
            .filter(|listed| only.is_none_or(|only| only == listed.version))
            .collect();
        let is_hosted = |listed: &&&Listed| matches!(listed.origin, Origin::Hosted { .. });
        let mut hosted: HashMap<i64, VersionFacts> = HashMap::new();
        if listed.iter().any(|listed| is_hosted(&listed)) {
            let details = self.store.version_details(registry.id, &canonical, only);
            hosted.extend(
                details
                    .await?
                    .into_iter()
                    .map(|details| (details.id, details)),
            );
        }
        let mut cached: HashMap<Digest, CachedVersion> = HashMap::new();
        if !listed.iter().all(|listed| is_hosted(&listed)) {
            let names = [name.clone()];
            let versions = self.store.cached_versions(registry.id, &names).await?;
            let versions = versions.into_iter();
            cached.extend(versions.map(|version| (version.checksum, version)));
        }
        let downloads = self
            .store
            .downloads_by_version(registry.id, &canonical)
            .await?;
        let mut versions = Vec::with_capacity(listed.len());
        for listed in listed {
            let Some(line) = IndexLine::of(listing.line(listed)) else {
                continue;
            };
            let yanked = line.is_yanked();
            let mut version = shown(id_of(name, listed), listed.version.clone(), yanked, line);
            version.checksum = listed.checksum;
            version.downloads = downloads.get(&listed.version).copied().unwrap_or(0);
            match listed.origin {
                Origin::Hosted { version_id } => {
                    if let Some(details) = hosted.remove(&version_id) {
                        add_hosted(&mut version, details);
                    }
                }
                Origin::Upstream { .. } => {
                    let cached = listed.checksum.and_then(|checksum| cached.get(&checksum));
                    version.size = cached.map(|cached| cached.size);
                    version.description = cached.and_then(|cached| cached.description.clone());
                }
            }
            versions.push(version);
        }
        versions.sort_by_cached_key(|version| {
            std::cmp::Reverse(version.version.parse::<Version>().ok())
        });
        Ok(versions)
    }
}

fn no_crate(registry: &Registry, name: &Spelling) -> crate::Failure {
    Refusal::NoCrate {
        registry: registry.name.clone(),
        name: name.to_string(),
    }
    .into()
}

fn no_version(registry: &Registry, name: &Spelling, version: &str) -> crate::Failure {
    /// In characters, of what somebody asked for.
    const SHOWN: usize = 64;
    Refusal::NoVersion {
        registry: registry.name.clone(),
        name: name.to_string(),
        version: version.chars().take(SHOWN).collect(),
    }
    .into()
}

/// As the last line writes it.
fn spelled(listing: &Listing, name: &Spelling) -> String {
    let last = listing.versions().last();
    last.map_or_else(|| name.to_string(), |listed| listed.name.clone())
}

fn id_of(name: &Spelling, listed: &Listed) -> u64 {
    /// Upstream's versions have no row. 48 bits of a hash and a bit above them: apart from every row, and exact in a client
    /// that reads numbers as JavaScript does.
    const BEYOND: u64 = 1 << 48;
    match listed.origin {
        Origin::Hosted { version_id } => own_id(version_id),
        Origin::Upstream { .. } => {
            let hash = Digest::of(format!("{name}@{}", listed.version).as_bytes());
            let bytes = hash.as_bytes()[..6].iter();
            BEYOND | bytes.fold(0, |id, &byte| id << 8 | u64::from(byte))
        }
    }
}

fn own_id(id: i64) -> u64 {
    u64::try_from(id).expect("invariant: ids count from 1")
}

fn shown(id: u64, version: String, yanked: bool, line: IndexLine) -> VersionDetails {
    let mut features = line.features.clone().unwrap_or_default();
    features.extend(line.features2.clone().unwrap_or_default());
    VersionDetails {
        id,
        version,
        yanked,
        checksum: line.cksum.as_ref().and_then(|digits| digits.parse().ok()),
        size: None,
        published_at: line.published_at(),
        publisher: None,
        downloads: 0,
        features,
        dependencies: line.deps.unwrap_or_default(),
        links: line.links,
        rust_version: line.rust_version,
        description: None,
        facts: None,
    }
}

fn add_hosted(version: &mut VersionDetails, details: VersionFacts) {
    let facts = facts(&details);
    version.size = Some(details.size);
    version.published_at = Some(details.published_at);
    version.publisher = details.publisher;
    version.description = facts.as_ref().and_then(|facts| facts.description.clone());
    version.facts = facts;
}

/// Those of a version that was published before they were as they are now are passed over: no list fails because of one.
fn facts(details: &VersionFacts) -> Option<PublishedFacts> {
    serde_json::from_str(&details.facts).ok()
}

fn told(ids: &HashMap<&str, u64>, days: &[DownloadsOfDay]) -> DownloadsOfCrate {
    let mut told = DownloadsOfCrate::default();
    let mut others: BTreeMap<i64, u64> = BTreeMap::new();
    for of_day in days {
        match ids.get(of_day.version.as_str()) {
            Some(&id) => told.versions.push((id, of_day.day, of_day.count)),
            None => *others.entry(of_day.day).or_default() += of_day.count,
        }
    }
    told.others = others.into_iter().collect();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_many_forms_are_shown() {
        let line = IndexLine::of(
            r#"{"name":"a","vers":"1.0.0","deps":[{"name":"x","package":"y","req":"^1","kind":null}],"features":null,"features2":{"f":["dep:x"]},"pubtime":"2026-11-20T11:54:12Z","new":[]}"#,
        );
        let version = shown(7, "1.0.0".to_owned(), true, line.unwrap());
        let [dependency] = &version.dependencies[..] else {
            panic!("{version:?}");
        };
        assert_eq!((dependency.package(), dependency.kind()), ("y", "normal"));
        assert!(dependency.has_default_features() && !dependency.is_optional());
        assert_eq!(dependency.features(), [""; 0]);
        assert_eq!(version.features["f"], ["dep:x"]);
        let published = version.published_at.map(Timestamp::pubtime);
        assert_eq!(published.as_deref(), Some("2026-11-20T11:54:12Z"));
        assert!(IndexLine::of("{}").is_some() && IndexLine::of("[1").is_none());
    }

    #[test]
    fn downloads_of_a_few_versions_are_told_apart() {
        let of_day = |version: &str, day, count| DownloadsOfDay {
            version: version.to_owned(),
            day,
            count,
        };
        let days = [
            of_day("2.0.0", 1, 5),
            of_day("1.0.0", 1, 7),
            of_day("0.1.0", 1, 1),
            of_day("2.0.0", 2, 6),
        ];
        let told = told(&HashMap::from([("2.0.0", 9)]), &days);
        let expected = DownloadsOfCrate {
            versions: vec![(9, 1, 5), (9, 2, 6)],
            others: vec![(1, 8)],
        };
        assert_eq!(told, expected);
    }
}
