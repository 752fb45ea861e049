//! How much is stored, and what the server does by itself.

use askama::Template;

use super::AdminHead;
use crate::{Frame, Moment, Pager, filters};

/// What is stored, and the jobs.
#[derive(Debug, Template)]
#[template(path = "admin_storage.html")]
pub struct StoragePage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// Files of hosted versions, and their bytes.
    pub hosted: (u64, u64),
    /// Cached files, and their bytes.
    pub cached: (u64, u64),
    /// The most bytes of those.
    pub cache_limit: Option<u64>,
    /// `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// Of the database, in bytes.
    pub database: Option<u64>,
    /// What each registry hosts, the largest first.
    pub registries: Vec<StoredRow>,
    /// The pages of registries.
    pub pager: Pager,
    /// What is cached of each upstream, the largest first.
    pub upstreams: Vec<CachedOfUpstream>,
    /// What the server does by itself.
    pub jobs: Vec<JobRow>,
    /// When the server started.
    pub started: Moment,
}

/// What a registry hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// Its name.
    pub name: String,
    /// Crates.
    pub crates: u64,
    /// Of their files.
    pub bytes: u64,
    /// Names of upstream's of which versions were given out.
    pub from_upstreams: u64,
    /// Of the largest's bytes, in thousandths.
    pub share: u64,
}

/// What is cached of an upstream.
#[derive(Clone, Debug)]
pub struct CachedOfUpstream {
    /// Its name.
    pub name: String,
    /// `.crate` files.
    pub files: u64,
    /// Of those.
    pub bytes: u64,
    /// Index files.
    pub index_files: u64,
    /// Of what was given out, the share that cost the upstream nothing, in percent.
    pub hit_rate: Option<u64>,
    /// When the oldest file came.
    pub oldest: Option<Moment>,
    /// Of the largest's bytes, in thousandths.
    pub share: u64,
}

/// Something that the server does by itself.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// What it does, in a few words.
    pub name: &'static str,
    /// More of that.
    pub about: &'static str,
    /// `each second`.
    pub every: &'static str,
    /// Why it is not needed here.
    pub not_wanted: Option<&'static str>,
    /// How often it has run.
    pub runs: u64,
    /// When it began last.
    pub last: Option<Moment>,
    /// How long that took, where it has ended.
    pub took: Option<String>,
    /// What it did when it had something to do last: when, and how much of what.
    pub work: Option<(Moment, Vec<(&'static str, u64)>)>,
    /// What failed last, and when.
    pub failure: Option<(Moment, &'static str)>,
    /// Whether something failed in the last run.
    pub is_failing: bool,
}

/// Of the largest of some numbers, in thousandths.
pub fn shares(numbers: &[u64]) -> Vec<u64> {
    let most = numbers.iter().copied().max().unwrap_or(0).max(1);
    let share = |number: u64| u128::from(number) * 1000 / u128::from(most);
    numbers
        .iter()
        .map(|number| u64::try_from(share(*number)).unwrap_or(1000))
        .collect()
}

impl StoragePage {
    /// Of the limit, in percent.
    fn filled(&self) -> Option<u64> {
        let limit = self.cache_limit?.max(1);
        let percent = u128::from(self.cached.1) * 100 / u128::from(limit);
        Some(u64::try_from(percent).unwrap_or(100).min(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_held_against_the_largest() {
        assert_eq!(shares(&[]), Vec::<u64>::new());
        assert_eq!(shares(&[0, 0]), [0, 0]);
        assert_eq!(shares(&[50, 200, 0]), [250, 1000, 0]);
        assert_eq!(shares(&[u64::MAX, u64::MAX / 2]), [1000, 499]);
    }
}
