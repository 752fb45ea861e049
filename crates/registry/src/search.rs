//! Search over the crates of a registry: those that it hosts, then those of upstream's that it has given out. Nobody outside
//! is ever asked.

use std::{collections::HashMap, sync::Arc, time::Duration};

use semver::Version;
use serde::Deserialize;
use supercargo_package::parse_upstream_file;
use supercargo_policy::Verdict;
use supercargo_store::{CachedName, CachedVersion, CrateOrder, Downloads, SearchRow};
use supercargo_types::{CanonicalName, ClaimMode, Spelling, Timestamp, VersionState};
use tokio::sync::SemaphorePermit;

use crate::{
    Actor, Instance, TooMany,
    details::{IndexLine, recent_since},
    directory::Registry,
    downloads::day,
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

/// What is searched for.
#[derive(Clone, Copy, Debug)]
pub struct CrateQuery<'a> {
    /// A part of names or descriptions; an empty one finds everything.
    pub text: &'a str,
    /// Only of these; `None`: of both.
    pub source: Option<CrateSource>,
    /// At most so many, 200 in any case.
    pub limit: u32,
    /// So many of the nearest ones are left out.
    pub offset: u64,
}

/// In which order crates are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrateSort {
    /// The nearest first, then by name.
    #[default]
    Relevance,
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
    /// The exact name first, then names that begin with the text, then names and descriptions that hold it. Names that this
    /// registry keeps from its upstreams are found only where it hosts them.
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
            CrateSort::Updated => CrateOrder::Updated,
            CrateSort::Downloads => CrateOrder::Downloads { since },
        };
        let registry = &right.registry;
        let limit = wanted.limit.clamp(1, LONGEST_PAGE);
        let mut items = Vec::new();
        let mut total = 0;
        if wanted.source != Some(CrateSource::Cached) {
            let page = self
                .store
                .search_in_order(registry.id, wanted.text, order, limit, wanted.offset)
                .await?;
            total = page.total;
            items = self.hosted_crates(registry, &page.items).await?;
        }
        if wanted.source != Some(CrateSource::Hosted) && !registry.upstreams.is_empty() {
            let found = self.store.search_cached(registry.id, wanted.text).await?;
            let mut found: Vec<_> = found
                .into_iter()
                .filter(|found| is_shown(registry, found))
                .collect();
            self.put_in_order(registry, &mut found, order).await?;
            let shown: Vec<Spelling> = found.into_iter().map(|found| found.spelling).collect();
            // what stands before this page
            let skip = usize::try_from(wanted.offset.saturating_sub(total)).unwrap_or(usize::MAX);
            let room = usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .saturating_sub(items.len());
            total += shown.len() as u64;
            let page: Vec<_> = shown.into_iter().skip(skip).take(room).collect();
            items.extend(self.cached_crates(registry, &page).await?);
        }
        self.count_and_compare(registry, wanted.text, &mut items)
            .await?;
        Ok(FoundCrates { items, total })
    }

    async fn put_in_order(
        &self,
        registry: &Registry,
        found: &mut [CachedName],
        order: CrateOrder,
    ) -> Outcome<()> {
        match order {
            CrateOrder::Relevance => {}
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

    async fn hosted_crates(
        &self,
        registry: &Registry,
        rows: &[SearchRow],
    ) -> Outcome<Vec<FoundCrate>> {
        /// As much of a version's facts as a list shows.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Links {
            homepage: Option<String>,
            documentation: Option<String>,
            repository: Option<String>,
        }
        let mut found: Vec<_> = rows
            .iter()
            .filter_map(|row| hosted_crate(registry, row))
            .collect();
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
        for (item, name) in items.iter_mut().zip(&names) {
            let Some(name) = name else { continue };
            item.downloads = downloads.get(name).copied().unwrap_or_default();
            item.exact_match = text.as_ref() == Some(name);
            item.claim = registry.claim(name);
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
