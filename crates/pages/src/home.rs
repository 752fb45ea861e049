//! The first page.

use askama::Template;

use crate::{Frame, Moment, count, filters};

/// Registries that one may see, and what is new in them.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// Around it.
    pub frame: Frame,
    /// By name.
    pub registries: Vec<RegistryRow>,
    /// Of all pages.
    pub total: u64,
    /// The pages before and after this one.
    pub pager: Pager,
    /// The newest first.
    pub news: Vec<News>,
    /// What the registries of this page come to.
    pub tally: Tally,
    /// Whether the visitor may make registries.
    pub may_create: bool,
    /// Registries that are deleted, where the visitor may restore them.
    pub deleted: u64,
    /// What went well.
    pub done: Option<&'static str>,
    /// What a new administrator does first.
    pub first_steps: Option<FirstSteps>,
}

/// What some registries come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Crates that were published here.
    pub hosted: u64,
    /// Names of upstream's of which something was given out.
    pub from_upstreams: u64,
    /// Of thirty days.
    pub downloads: u64,
}

/// A registry in a list.
#[derive(Clone, Debug)]
pub struct RegistryRow {
    /// Its name.
    pub name: String,
    /// What people wrote about it.
    pub description: String,
    /// `private`, `internal` or `public`.
    pub visibility: &'static str,
    /// Crates that were published here.
    pub hosted: u64,
    /// Of their files, in bytes.
    pub hosted_bytes: u64,
    /// Names of upstream's of which something was given out.
    pub from_upstreams: u64,
    /// Of thirty days.
    pub downloads: u64,
    /// What was published last, and when.
    pub newest: Option<(String, Moment)>,
    /// How many upstreams it has.
    pub upstreams: u64,
    /// How many of them are of no use now.
    pub failing: u64,
}

impl RegistryRow {
    fn visibility_icon(&self) -> &'static str {
        visibility_icon(self.visibility)
    }
}

pub(crate) fn visibility_icon(visibility: &str) -> &'static str {
    match visibility {
        "public" => "globe",
        "internal" => "people",
        _ => "lock",
    }
}

/// A version that was published.
#[derive(Clone, Debug)]
pub struct News {
    /// Where.
    pub registry: String,
    /// Of which crate.
    pub name: String,
    /// The version.
    pub version: String,
    /// By whom.
    pub publisher: Option<String>,
    /// When.
    pub at: Moment,
}

/// From an empty server to the first crate.
#[derive(Clone, Debug)]
pub struct FirstSteps {
    /// The registry to begin with.
    pub registry: String,
    /// As cargo names it.
    pub in_cargo: String,
    /// Its index URL.
    pub index: String,
}

/// The pages around one of a longer list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    /// The number of the first item, from 1.
    pub first: u64,
    /// The number of the last one.
    pub last: u64,
    /// Of all pages.
    pub total: u64,
    /// The address of the page before.
    pub before: Option<String>,
    /// The address of the page after.
    pub after: Option<String>,
}

impl Pager {
    /// Whether there is another page at all.
    pub fn is_needed(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }

    /// `1 to 50 of 4,405`.
    pub fn words(&self) -> String {
        format!(
            "{} to {} of {}",
            count(self.first),
            count(self.last),
            count(self.total)
        )
    }
}
