//! Search over the crates of a registry: those that it hosts, then those of upstream's that it has given out. Nobody outside
//! is ever asked.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use semver::Version;
use serde::Deserialize;
use supercargo_package::parse_upstream_file;
use supercargo_policy::Verdict;
use supercargo_store::{
    CachedName, CachedVersion, CrateOrder, CrateSearch, Downloads, SearchRow, WantedLabels,
};
use supercargo_types::{CanonicalName, ClaimMode, Spelling, Timestamp, VersionState};
use tokio::sync::SemaphorePermit;

use crate::{
    Actor, Instance, TooMany,
    details::{IndexLine, recent_since},
    directory::Registry,
    downloads::day,
    labels::LabelFilter,
    refusal::{Outcome, Refusal},
    rights::MayRead,
    versions::CrateSource,
    views::IndexFile,
};

/// The limit of crates.io is 100, that of the management API 200.
const LONGEST_PAGE: u32 = 200;

/// Pages that search for people who are not signed in, at once.
pub(crate) const PAGES_OF_STRANGERS: usize = 4;
/// How long one of them waits for its place.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hosted crates whose states are compared with the one that is asked for, and how many of them at a time.
const WEIGHED: u64 = 10_000;
const WEIGHED_AT_ONCE: u32 = 1000;
/// The same of upstream's, each of which costs a look into its index file.
const WEIGHED_CACHED: usize = 500;

/// What is searched for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrateQuery<'a> {
    /// A part of names, or words of descriptions and keywords; an empty one finds everything.
    pub text: &'a str,
    /// Only of these; `None`: of both.
    pub source: Option<CrateSource>,
    /// Only those whose highest version is in this state. That takes long: see [`Self::is_costly`].
    pub state: Option<VersionState>,
    /// Only those with all of these labels.
    pub labels: &'a [LabelFilter],
    /// At most so many, 200 in any case.
    pub limit: u32,
    /// So many of the nearest ones are left out.
    pub offset: u64,
}

impl CrateQuery<'_> {
    /// Whether each crate has to be looked at. For strangers, that wants a place: [`Instance::place_to_search`].
    pub fn is_costly(&self) -> bool {
        self.state.is_some()
    }
}

/// In which order crates are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrateSort {
    /// The nearest first, then by name.
    #[default]
    Relevance,
    /// By name alone.
    Name,
    /// What has a new version first.
    Updated,
    /// What was downloaded most of late first.
    Downloads,
}

/// A crate that was found.
#[derive(Clone, Debug)]
pub struct FoundCrate {
    /// As its publisher writes it.
    pub name: String,
    /// Where its versions come from.
    pub source: CrateSource,
    /// How the registry treats the name, where a claim covers it.
    pub claim: Option<ClaimMode>,
    /// From the manifest of its highest version, where that is known.
    pub description: Option<String>,
    /// As written; of hosted crates only.
    pub homepage: Option<String>,
    /// As written; of hosted crates only.
    pub documentation: Option<String>,
    /// As written; of hosted crates only.
    pub repository: Option<String>,
    /// The highest version that is neither yanked nor held nor blocked; the highest of all where there is none.
    pub max_version: String,
    /// The same without pre-releases; `None` where there is none.
    pub max_stable_version: Option<String>,
    /// The version that was published last.
    pub newest_version: String,
    /// How many versions are listed.
    pub versions: u64,
    /// Whether every version is yanked, held or blocked.
    pub is_yanked: bool,
    /// The highest of all its versions.
    pub highest_version: String,
    /// What that one can be used for.
    pub highest_state: VersionState,
    /// Why it is held or blocked.
    pub highest_reason: Option<String>,
    /// Of all its versions through this registry.
    pub downloads: Downloads,
    /// What people put on it.
    pub labels: BTreeMap<String, String>,
    /// When its first version was published, or given out where that is not known.
    pub created_at: Timestamp,
    /// The same of the last one.
    pub updated_at: Timestamp,
    /// Whether the text is its name.
    pub exact_match: bool,
}

/// A page of them.
#[derive(Clone, Debug)]
pub struct FoundCrates {
    /// Hosted crates first; each kind in order of relevance.
    pub items: Vec<FoundCrate>,
    /// Of all pages.
    pub total: u64,
    /// Whether there are so many that not all were looked at.
    pub is_cut: bool,
}

/// As much of a version as says which is the highest.
struct Candidate {
    version: Version,
    yanked: bool,
    verdict: Option<Verdict>,
    at: Timestamp,
}

impl Candidate {
    /// Whether its publisher, the rules and people let cargo pick it.
    fn is_open(&self) -> bool {
        !self.yanked && self.verdict.is_none()
    }
}

/// What all versions of a crate come to.
struct Top<'a> {
    highest: &'a Candidate,
    /// The highest, open or not.
    last: &'a Candidate,
    highest_stable: Option<&'a Candidate>,
    newest: &'a Candidate,
    oldest: &'a Candidate,
}

/// `None` without a version.
fn top(candidates: &[Candidate]) -> Option<Top<'_>> {
    let rank = |candidate: &&Candidate| (candidate.is_open(), candidate.version.clone());
    let stable = candidates
        .iter()
        .filter(|candidate| candidate.is_open() && candidate.version.pre.is_empty());
    let age = |candidate: &&Candidate| (candidate.at, candidate.version.clone());
    Some(Top {
        highest: candidates.iter().max_by_key(rank)?,
        last: candidates
            .iter()
            .max_by_key(|candidate| candidate.version.clone())?,
        highest_stable: stable.max_by_key(rank),
        newest: candidates.iter().max_by_key(age)?,
        oldest: candidates.iter().min_by_key(age)?,
    })
}

impl Instance {
    /// The exact name first, then names that begin with the text, then names that hold it, then those of which each word stands
    /// in the name, the description or a keyword. Names that this registry keeps from its upstreams are found only where it
    /// hosts them.
    ///
    /// # Errors
    /// Only faults.
    pub async fn search(&self, right: &MayRead, wanted: &CrateQuery<'_>) -> Outcome<FoundCrates> {
        self.browse(right, wanted, CrateSort::Relevance).await
    }

    /// A place among those who search every registry for a page, or look for names that may have been meant. It is kept until
    /// that is done. Who is signed in needs none: strangers are many, and one of their pages costs hundreds of looks into the
    /// database and into index files, so they wait for each other and for nobody else.
    ///
    /// # Errors
    /// [`TooMany::Searches`] after some seconds.
    pub async fn place_to_search(
        &self,
        actor: Option<&Actor>,
    ) -> Outcome<Option<SemaphorePermit<'_>>> {
        if actor.is_some() {
            return Ok(None);
        }
        match tokio::time::timeout(PATIENCE, self.searches.acquire()).await {
            Ok(Ok(place)) => Ok(Some(place)),
            _ => Err(Refusal::from(TooMany::Searches { wait: PATIENCE }).into()),
        }
    }

    /// The same as [`Instance::search`] in another order; hosted crates stand before cached ones in any.
    ///
    /// # Errors
    /// Only faults.
    pub async fn browse(
        &self,
        right: &MayRead,
        wanted: &CrateQuery<'_>,
        sort: CrateSort,
    ) -> Outcome<FoundCrates> {
        let since = recent_since(day(self.clock().now()));
        let order = match sort {
            CrateSort::Relevance => CrateOrder::Relevance,
            CrateSort::Name => CrateOrder::Name,
            CrateSort::Updated => CrateOrder::Updated,
            CrateSort::Downloads => CrateOrder::Downloads { since },
        };
        let registry = &right.registry;
        let limit = wanted.limit.clamp(1, LONGEST_PAGE);
        let labels = LabelFilter::wanted(wanted.labels);
        let mut found = FoundCrates {
            items: Vec::new(),
            total: 0,
            is_cut: false,
        };
        if wanted.source != Some(CrateSource::Cached) {
            let search = CrateSearch {
                registry_id: registry.id,
                text: wanted.text,
                labels: &labels,
                order,
                limit,
                offset: wanted.offset,
            };
            found = match wanted.state {
                None => {
                    let page = self.store.find_crates(&search).await?;
                    let items = page.items.iter();
                    FoundCrates {
                        items: self
                            .linked(
                                items
                                    .filter_map(|row| hosted_crate(registry, row))
                                    .collect(),
                            )
                            .await?,
                        total: page.total,
                        is_cut: false,
                    }
                }
                Some(state) => self.hosted_in_state(registry, search, state).await?,
            };
        }
        if wanted.source != Some(CrateSource::Hosted) && !registry.upstreams.is_empty() {
            self.add_cached(registry, wanted, order, &labels, &mut found)
                .await?;
        }
        self.count_and_compare(registry, wanted.text, &mut found.items)
            .await?;
        Ok(found)
    }

    /// Registries of these where a text may find anything.
    ///
    /// # Errors
    /// Only faults.
    pub async fn places_to_search<'a>(
        &self,
        registries: &'a [MayRead],
        text: &str,
    ) -> Outcome<Vec<&'a MayRead>> {
        let places: HashSet<i64> = self.store.places_of(text).await?;
        let registries = registries.iter();
        Ok(registries
            .filter(|right| places.contains(&right.registry.id))
            .collect())
    }

    /// A page of the hosted crates whose highest version is in a state. The database does not know states, for rules make them,
    /// so crate after crate is looked at.
    async fn hosted_in_state(
        &self,
        registry: &Registry,
        search: CrateSearch<'_>,
        state: VersionState,
    ) -> Outcome<FoundCrates> {
        let mut page = Vec::new();
        let mut fitting = 0;
        let mut looked_at = 0;
        let total = loop {
            let part = CrateSearch {
                limit: WEIGHED_AT_ONCE,
                offset: looked_at,
                ..search
            };
            let rows = self.store.find_crates(&part).await?;
            let read = rows.items.len() as u64;
            let crates = rows.items.iter();
            for found in crates.filter_map(|row| hosted_crate(registry, row)) {
                if found.1.highest_state != state {
                    continue;
                }
                if fitting >= search.offset && fitting - search.offset < search.limit.into() {
                    page.push(found);
                }
                fitting += 1;
            }
            looked_at += read;
            if read == 0 || looked_at >= rows.total || looked_at >= WEIGHED {
                break rows.total;
            }
        };
        Ok(FoundCrates {
            items: self.linked(page).await?,
            total: fitting,
            is_cut: looked_at < total,
        })
    }

    /// Adds what upstreams have of it, as far as there is room on the page.
    async fn add_cached(
        &self,
        registry: &Registry,
        wanted: &CrateQuery<'_>,
        order: CrateOrder,
        labels: &WantedLabels,
        page: &mut FoundCrates,
    ) -> Outcome<()> {
        let found = self
            .store
            .search_cached(registry.id, wanted.text, labels)
            .await?;
        let mut found: Vec<_> = found
            .into_iter()
            .filter(|found| is_shown(registry, found))
            .collect();
        self.put_in_order(registry, &mut found, order).await?;
        let shown: Vec<Spelling> = found.into_iter().map(|found| found.spelling).collect();
        // what stands before this page
        let skip = usize::try_from(wanted.offset.saturating_sub(page.total)).unwrap_or(usize::MAX);
        let limit = usize::try_from(wanted.limit.clamp(1, LONGEST_PAGE)).unwrap_or(usize::MAX);
        let room = limit.saturating_sub(page.items.len());
        if let Some(state) = wanted.state {
            page.is_cut |= shown.len() > WEIGHED_CACHED;
            let weighed = &shown[..shown.len().min(WEIGHED_CACHED)];
            let mut fitting = self.cached_crates(registry, weighed).await?;
            fitting.retain(|item| item.highest_state == state);
            page.total += fitting.len() as u64;
            page.items.extend(fitting.into_iter().skip(skip).take(room));
        } else {
            page.total += shown.len() as u64;
            let shown: Vec<_> = shown.into_iter().skip(skip).take(room).collect();
            page.items
                .extend(self.cached_crates(registry, &shown).await?);
        }
        Ok(())
    }

    async fn put_in_order(
        &self,
        registry: &Registry,
        found: &mut [CachedName],
        order: CrateOrder,
    ) -> Outcome<()> {
        match order {
            CrateOrder::Relevance => {}
            CrateOrder::Name => found.sort_by(|a, b| a.spelling.cmp(&b.spelling)),
            CrateOrder::Updated => found.sort_by_key(|found| std::cmp::Reverse(found.last_at)),
            CrateOrder::Downloads { since } => {
                let names: Vec<_> = found
                    .iter()
                    .map(|found| found.spelling.canonical())
                    .collect();
                let counts = self.store.downloads_of(registry.id, &names, since).await?;
                let of = |found: &CachedName| {
                    let counts = counts.get(&found.spelling.canonical());
                    counts.map_or(0, |counts| counts.recent)
                };
                found.sort_by_cached_key(|found| std::cmp::Reverse(of(found)));
            }
        }
        Ok(())
    }

    /// With the addresses in their manifests, which stand with the highest version of each.
    async fn linked(&self, mut found: Vec<(i64, FoundCrate)>) -> Outcome<Vec<FoundCrate>> {
        /// As much of a version's facts as a list shows.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Links {
            homepage: Option<String>,
            documentation: Option<String>,
            repository: Option<String>,
        }
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        let facts = self.store.facts_of(&ids).await?;
        for (id, item) in &mut found {
            let facts = facts.get(id).map(|facts| serde_json::from_str(facts));
            let links: Links = facts.and_then(Result::ok).unwrap_or_default();
            item.homepage = links.homepage;
            item.documentation = links.documentation;
            item.repository = links.repository;
        }
        Ok(found.into_iter().map(|(_, item)| item).collect())
    }

    async fn cached_crates(
        &self,
        registry: &Registry,
        spellings: &[Spelling],
    ) -> Outcome<Vec<FoundCrate>> {
        let mut given_out: HashMap<Spelling, Vec<CachedVersion>> = HashMap::new();
        for version in self.store.cached_versions(registry.id, spellings).await? {
            let of_name = given_out.entry(version.spelling.clone()).or_default();
            of_name.push(version);
        }
        let mut items = Vec::with_capacity(spellings.len());
        for spelling in spellings {
            let given_out = given_out.remove(spelling).unwrap_or_default();
            let file = self.file_of(registry, spelling).await?;
            let file = file.as_ref().map(|file| (&file.body[..], file.gone));
            items.extend(cached_crate(registry, spelling, &given_out, file));
        }
        Ok(items)
    }

    /// The last file of the upstream that a name is read from, or would be.
    async fn file_of(
        &self,
        registry: &Registry,
        spelling: &Spelling,
    ) -> Outcome<Option<Arc<IndexFile>>> {
        for attached in self.askable(registry, spelling).await? {
            if let Some(remote) = attached.upstream.remote()
                && let Some(file) = self.known_file(remote, spelling).await?
            {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    async fn count_and_compare(
        &self,
        registry: &Registry,
        text: &str,
        items: &mut [FoundCrate],
    ) -> Outcome<()> {
        let text = text.parse::<CanonicalName>().ok();
        let names: Vec<Option<CanonicalName>> =
            items.iter().map(|item| item.name.parse().ok()).collect();
        let known: Vec<_> = names.iter().flatten().cloned().collect();
        let since = recent_since(day(self.clock().now()));
        let downloads = self.store.downloads_of(registry.id, &known, since).await?;
        let mut labels = self.store.labels_of_crates(registry.id, &known).await?;
        for (item, name) in items.iter_mut().zip(&names) {
            let Some(name) = name else { continue };
            item.downloads = downloads.get(name).copied().unwrap_or_default();
            item.exact_match = text.as_ref() == Some(name);
            item.claim = registry.claim(name);
            item.labels = labels.remove(name).unwrap_or_default();
        }
        Ok(())
    }
}

/// Whether the `index` view would show a cached name: one that is private or forked here must not be told to be upstream's,
/// and one that is hosted as well was found already.
fn is_shown(registry: &Registry, found: &CachedName) -> bool {
    let name = found.spelling.canonical();
    registry.takers(&name).next().is_some()
        && match registry.claim(&name) {
            Some(ClaimMode::Private | ClaimMode::Fork) => false,
            Some(ClaimMode::Merge) => !found.is_hosted,
            None => !found.was_hosted,
        }
}

/// With the id of its highest version.
fn hosted_crate(registry: &Registry, row: &SearchRow) -> Option<(i64, FoundCrate)> {
    let name = row.name.canonical();
    let candidates: Vec<_> = row
        .versions
        .iter()
        .map(|found| Candidate {
            version: found.version.clone(),
            yanked: found.yanked,
            verdict: registry.rules.verdict(&name, &found.version),
            at: found.published_at,
        })
        .collect();
    let top = top(&candidates)?;
    let highest = row
        .versions
        .iter()
        .find(|found| found.version == top.highest.version)?;
    let mut item = found_crate(
        row.name.to_string(),
        CrateSource::Hosted,
        &top,
        candidates.len(),
    );
    item.description.clone_from(&highest.description);
    item.created_at = row.created_at;
    Some((highest.id, item))
}

/// From the last file that its upstream gave, or where there is none, from what was given out of it.
fn cached_crate(
    registry: &Registry,
    spelling: &Spelling,
    given_out: &[CachedVersion],
    file: Option<(&[u8], bool)>,
) -> Option<FoundCrate> {
    let canonical = spelling.canonical();
    let first_at = given_out.iter().map(|version| version.first_at).min()?;
    let candidate = |text: &str, yanked: bool, at: Option<Timestamp>| {
        let version: Version = text.parse().ok()?;
        Some(Candidate {
            yanked,
            verdict: registry.rules.verdict(&canonical, &version),
            version,
            at: at.unwrap_or(first_at),
        })
    };
    let mut name = spelling.to_string();
    let lines =
        file.and_then(|(body, gone)| Some((parse_upstream_file(spelling, body).ok()?, gone)));
    let candidates: Vec<_> = if let Some((lines, gone)) = lines {
        if let Some(line) = lines.last() {
            name.clone_from(&line.name);
        }
        lines
            .iter()
            .filter_map(|line| candidate(&line.version, line.yanked || gone, line.published_at))
            .collect()
    } else {
        given_out
            .iter()
            .filter_map(|version| {
                let line = IndexLine::of(&version.line)?;
                candidate(&version.version, line.is_yanked(), line.published_at())
            })
            .collect()
    };
    let top = top(&candidates)?;
    let described = given_out
        .iter()
        .filter(|version| version.description.is_some());
    let described = described.max_by_key(|version| version.version.parse::<Version>().ok());
    let mut item = found_crate(name, CrateSource::Cached, &top, candidates.len());
    item.description = described.and_then(|version| version.description.clone());
    Some(item)
}

fn found_crate(name: String, source: CrateSource, top: &Top<'_>, versions: usize) -> FoundCrate {
    FoundCrate {
        name,
        source,
        claim: None,
        description: None,
        homepage: None,
        documentation: None,
        repository: None,
        max_version: top.highest.version.to_string(),
        max_stable_version: top.highest_stable.map(|stable| stable.version.to_string()),
        newest_version: top.newest.version.to_string(),
        versions: versions as u64,
        is_yanked: !top.highest.is_open(),
        highest_version: top.last.version.to_string(),
        highest_state: VersionState::of(
            false,
            top.last.verdict.as_ref().map(|verdict| verdict.action),
            top.last.yanked,
        ),
        highest_reason: top
            .last
            .verdict
            .as_ref()
            .map(|verdict| verdict.reason.clone()),
        downloads: Downloads::default(),
        labels: BTreeMap::new(),
        created_at: top.oldest.at,
        updated_at: top.newest.at,
        exact_match: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tops(list: &[(&str, bool)]) -> Option<String> {
        let candidates: Vec<_> = (0..)
            .zip(list)
            .map(|(at, &(version, is_open))| Candidate {
                version: version.parse().unwrap(),
                yanked: !is_open,
                verdict: None,
                at: Timestamp::from_seconds(at),
            })
            .collect();
        let top = top(&candidates)?;
        let stable = top.highest_stable.map(|stable| stable.version.to_string());
        Some(format!(
            "{} {} {} {}",
            top.highest.version,
            stable.as_deref().unwrap_or("-"),
            top.newest.version,
            top.oldest.version
        ))
    }

    #[test]
    fn the_highest_version_that_is_open() {
        let of = |list| tops(list).unwrap();
        assert_eq!(
            of(&[
                ("1.9.0", true),
                ("1.10.0", true),
                ("2.0.0", false),
                ("1.9.1", true)
            ]),
            "1.10.0 1.10.0 1.9.1 1.9.0"
        );
        assert_eq!(
            of(&[("2.0.0-rc.1", true), ("1.0.0", true)]),
            "2.0.0-rc.1 1.0.0 1.0.0 2.0.0-rc.1"
        );
        assert_eq!(
            of(&[("1.0.0", false), ("2.0.0-rc.1", false)]),
            "2.0.0-rc.1 - 2.0.0-rc.1 1.0.0"
        );
        assert_eq!(tops(&[]), None);
    }
}
