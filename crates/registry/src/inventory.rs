//! What is there at the moment, for people who look: crates that are cached, how the cache of an upstream served on each day,
//! and what the patterns of a registry catch.

use std::{collections::BTreeMap, sync::Arc};

use semver::Version;
use supercargo_store::{CacheKind, CachedCrateRow, CachedOrder, CachedWish, Page};
use supercargo_types::{CanonicalName, Spelling, Timestamp, VersionPattern};

use crate::{
    Instance,
    cache::{DAYS, UpstreamCache},
    directory::UpstreamSummary,
    downloads::day,
    refusal::{Failure, Outcome},
    rights::{MayAdministerInstance, MayRead, SignedIn},
};

/// Versions that patterns are held against: each of up to a thousand patterns against the name of each, while a page waits.
const MOST_NUMBERS: u32 = 20_000;
/// Names that are told of what a pattern catches.
const NAMES: usize = 5;

/// Which cached crates are wanted.
#[derive(Clone, Copy, Debug)]
pub struct CachedQuery<'a> {
    /// In its name; empty for all.
    pub text: &'a str,
    /// How they are ordered.
    pub order: CachedSort,
    /// At most.
    pub limit: u32,
    /// After so many.
    pub offset: u64,
}

/// How cached crates are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachedSort {
    /// By name.
    #[default]
    Name,
    /// The largest first.
    Size,
    /// What was not used for the longest time first.
    Unused,
}

/// A crate of an upstream's of which files are cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedCrate {
    /// As cargo asks for it.
    pub name: Spelling,
    /// Who delivered it.
    pub upstream: String,
    /// How many `.crate` files.
    pub files: u64,
    /// Of those together.
    pub bytes: u64,
    /// When the oldest of them came.
    pub came_at: Timestamp,
    /// When one of them was used last, to five minutes.
    pub used_at: Timestamp,
}

/// A page of cached crates.
#[derive(Clone, Debug)]
pub struct CachedCrates {
    /// In the order that was asked for.
    pub items: Vec<CachedCrate>,
    /// How many there are in all; nought after the last page.
    pub total: u64,
}

/// How the cache of an upstream served.
#[derive(Clone, Debug)]
pub struct CacheHistory {
    /// All of it.
    pub cache: UpstreamCache,
    /// Each day's: its count since 1970-01-01, what cost the upstream nothing, and what it was asked for. The oldest first.
    pub days: Vec<(i64, u64, u64)>,
}

/// What a pattern speaks of at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caught {
    /// How many versions.
    pub versions: u64,
    /// Of how many crates.
    pub crates: u64,
    /// The first of them.
    pub names: Vec<CanonicalName>,
}

/// What patterns would do with the versions that a registry hosts or has given out.
#[derive(Clone, Debug, Default)]
pub struct Weighed {
    /// What each pattern lets in, in the order of the list.
    pub allow: Vec<Caught>,
    /// What each pattern keeps out.
    pub block: Vec<Caught>,
    /// What is kept out by all of them together.
    pub kept_out: Caught,
    /// How many versions they were held against.
    pub versions: u64,
    /// Whether there are more.
    pub is_cut: bool,
}

impl From<CachedSort> for CachedOrder {
    fn from(sort: CachedSort) -> Self {
        match sort {
            CachedSort::Name => Self::Name,
            CachedSort::Size => Self::Size,
            CachedSort::Unused => Self::Unused,
        }
    }
}

impl CachedQuery<'_> {
    fn wish(&self) -> CachedWish<'_> {
        CachedWish {
            text: self.text,
            order: self.order.into(),
            limit: self.limit,
            offset: self.offset,
        }
    }
}

impl From<Page<CachedCrateRow>> for CachedCrates {
    fn from(page: Page<CachedCrateRow>) -> Self {
        let items = page.items.into_iter().map(|row| CachedCrate {
            name: row.spelling,
            upstream: row.upstream,
            files: row.files,
            bytes: row.bytes,
            came_at: row.came_at,
            used_at: row.used_at,
        });
        Self {
            items: items.collect(),
            total: page.total,
        }
    }
}

impl Caught {
    fn add(&mut self, name: &CanonicalName, versions: u64) {
        if versions == 0 {
            return;
        }
        self.versions += versions;
        self.crates += 1;
        if self.names.len() < NAMES {
            self.names.push(name.clone());
        }
    }
}

fn weigh(
    numbers: Vec<(CanonicalName, String)>,
    allow: &[VersionPattern],
    block: &[VersionPattern],
) -> Weighed {
    let mut weighed = Weighed {
        allow: vec![Caught::default(); allow.len()],
        block: vec![Caught::default(); block.len()],
        versions: numbers.len() as u64,
        is_cut: numbers.len() >= MOST_NUMBERS as usize,
        ..Weighed::default()
    };
    let mut by_name: BTreeMap<CanonicalName, Vec<Option<Version>>> = BTreeMap::new();
    for (name, number) in numbers {
        by_name.entry(name).or_default().push(number.parse().ok());
    }
    let count = |versions: &[Option<Version>], holds: &dyn Fn(&Version) -> bool| {
        let versions = versions.iter().flatten();
        versions.filter(|version| holds(version)).count() as u64
    };
    for (name, versions) in &by_name {
        let covering = |list: &[VersionPattern]| -> Vec<usize> {
            let patterns = list.iter().enumerate();
            let covering = patterns.filter(|(_, pattern)| pattern.name().covers(name));
            covering.map(|(at, _)| at).collect()
        };
        let (doors, bars) = (covering(allow), covering(block));
        for &at in &doors {
            let admitted = count(versions, &|version| allow[at].admits(name, version));
            weighed.allow[at].add(name, admitted);
        }
        for &at in &bars {
            let barred = count(versions, &|version| block[at].bars(name, version));
            weighed.block[at].add(name, barred);
        }
        let is_out = |version: &Version| {
            bars.iter().any(|&at| block[at].bars(name, version))
                || !allow.is_empty() && !doors.iter().any(|&at| allow[at].admits(name, version))
        };
        // what cannot be read is kept back where any pattern is about its name
        let unreadable = versions.iter().filter(|version| version.is_none()).count() as u64;
        let concerned = !allow.is_empty() || !bars.is_empty();
        let unreadable = if concerned { unreadable } else { 0 };
        weighed
            .kept_out
            .add(name, count(versions, &is_out) + unreadable);
    }
    weighed
}

impl Instance {
    /// Crates of upstreams whose files are cached, of those that a registry has given out.
    ///
    /// # Errors
    /// Only faults.
    pub async fn list_cached(
        &self,
        right: &MayRead,
        wanted: &CachedQuery<'_>,
    ) -> Outcome<CachedCrates> {
        let id = right.registry.id;
        let page = self.store.cached_of_registry(id, &wanted.wish()).await?;
        Ok(page.into())
    }

    /// Every crate of an upstream whose files are cached, whichever registry has given it out: what private registries read is
    /// for instance admins alone.
    ///
    /// # Errors
    /// [`Refusal::NoUpstream`](crate::Refusal::NoUpstream).
    pub async fn list_cached_of_upstream(
        &self,
        _right: &MayAdministerInstance,
        name: &str,
        wanted: &CachedQuery<'_>,
    ) -> Outcome<CachedCrates> {
        let upstream = self.find_upstream(name)?;
        let wish = wanted.wish();
        let page = self.store.cached_of_upstream(upstream.id, &wish).await?;
        Ok(page.into())
    }

    /// How much is cached of an upstream, for instance admins and for whoever may read a registry that reads through it;
    /// `None` for others, and of a registry of this server, of which nothing is cached.
    ///
    /// # Errors
    /// [`Refusal::NoUpstream`](crate::Refusal::NoUpstream).
    pub async fn upstream_cache(
        &self,
        actor: &SignedIn,
        name: &str,
    ) -> Outcome<Option<UpstreamCache>> {
        let upstream = self.find_upstream(name)?;
        match upstream.remote() {
            Some(remote) if self.may_see_traffic(actor, &upstream) => {
                Ok(Some(self.cache_of(remote).await?))
            }
            _ => Ok(None),
        }
    }

    /// The same, with each of the last thirty days.
    ///
    /// # Errors
    /// [`Refusal::NoUpstream`](crate::Refusal::NoUpstream).
    pub async fn upstream_history(
        &self,
        actor: &SignedIn,
        name: &str,
    ) -> Outcome<Option<CacheHistory>> {
        let Some(cache) = self.upstream_cache(actor, name).await? else {
            return Ok(None);
        };
        let upstream = self.find_upstream(name)?;
        let today = day(self.clock().now());
        let since = today - DAYS + 1;
        let mut days: Vec<_> = (since..=today).map(|day| (day, 0, 0)).collect();
        for counted in self.store.cache_days(upstream.id, since).await? {
            let at = usize::try_from(counted.day - since).unwrap_or(usize::MAX);
            // a clock that was put back has counted in the future
            let Some((_, hits, misses)) = days.get_mut(at) else {
                continue;
            };
            match counted.kind {
                CacheKind::IndexHit | CacheKind::FileHit => *hits += counted.count,
                CacheKind::IndexMiss | CacheKind::FileMiss => *misses += counted.count,
                CacheKind::ReadAhead | CacheKind::ReadAheadUsed => {}
            }
        }
        Ok(Some(CacheHistory { cache, days }))
    }

    /// The cache is shared, so its traffic tells of every registry that reads it: each of their readers may see it, as over
    /// the API, and nobody else.
    fn may_see_traffic(&self, actor: &SignedIn, upstream: &UpstreamSummary) -> bool {
        let who = || Some(actor.0.clone());
        if self.may_administer_instance(who()).is_ok() {
            return true;
        }
        let directory = self.directory();
        let mut readers = directory.users_of(upstream.id).into_iter();
        readers.any(|name| self.may_read(name.as_str(), who()).is_ok())
    }

    /// What patterns do, or would do, with what a registry hosts or has given out.
    ///
    /// # Errors
    /// Only faults.
    pub async fn weigh_patterns(
        &self,
        right: &MayRead,
        allow: Arc<[VersionPattern]>,
        block: Arc<[VersionPattern]>,
    ) -> Outcome<Weighed> {
        let numbers = self.store.numbers_of(right.registry.id, MOST_NUMBERS);
        let numbers = numbers.await?;
        let weighing = tokio::task::spawn_blocking(move || weigh(numbers, &allow, &block));
        weighing
            .await
            .map_err(|panicked| Failure::fault(panicked.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(allow: &[&str], block: &[&str]) -> Weighed {
        let numbers = [
            ("openssl", "0.10.54"),
            ("openssl", "0.10.60"),
            ("openssl", "0.10.55-rc.1"),
            ("serde", "1.0.0"),
            ("serde", "one"),
            ("acme-http", "0.1.0"),
        ];
        let numbers = numbers.map(|(name, number)| (name.parse().unwrap(), number.to_owned()));
        let parse = |list: &[&str]| -> Vec<VersionPattern> {
            list.iter().map(|text| text.parse().unwrap()).collect()
        };
        weigh(numbers.to_vec(), &parse(allow), &parse(block))
    }

    fn words(caught: &Caught) -> String {
        let names: Vec<_> = caught.names.iter().map(ToString::to_string).collect();
        format!(
            "{} of {}: {}",
            caught.versions,
            caught.crates,
            names.join(" ")
        )
    }

    /// R6 (what a pattern catches is what it keeps out).
    #[test]
    fn a_pattern_catches_what_it_keeps_out() {
        let told = weighed(&[], &["openssl@<0.10.55", "ACME_*", "nobody"]);
        let block: Vec<_> = told.block.iter().map(words).collect();
        // as cargo reads `<0.10.55`, its release candidates are not below it
        assert_eq!(block, ["1 of 1: openssl", "1 of 1: acme-http", "0 of 0: "]);
        assert_eq!(words(&told.kept_out), "2 of 2: acme-http openssl");
        assert_eq!((told.versions, told.is_cut), (6, false));
    }

    /// R6 (a list of what is allowed keeps out the rest, and what cannot be read).
    #[test]
    fn a_list_of_what_is_allowed_keeps_out_the_rest() {
        let told = weighed(&["serde", "openssl@^0.10.60"], &[]);
        let allow: Vec<_> = told.allow.iter().map(words).collect();
        assert_eq!(allow, ["1 of 1: serde", "1 of 1: openssl"]);
        assert_eq!(words(&told.kept_out), "4 of 3: acme-http openssl serde");
        assert_eq!(words(&weighed(&[], &[]).kept_out), "0 of 0: ");
    }
}
