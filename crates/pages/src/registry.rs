//! A registry: its crates, what it reads through, which names it claims, and who its members are.

use askama::Template;

use crate::{
    CachedList, Frame, Links, Moment, Narrowing, Pager, count, filters, home::visibility_icon,
    labels,
};

/// What stands above every part of a registry's page.
#[derive(Clone, Debug)]
pub struct RegistryHead {
    /// Its name.
    pub name: String,
    /// What people wrote about it.
    pub description: String,
    /// `private`, `internal` or `public`.
    pub visibility: &'static str,
    /// `key=value` each.
    pub labels: Vec<String>,
    /// What people name in cargo's configuration.
    pub index: String,
    /// Its name as cargo writes it.
    pub in_cargo: String,
    /// Its upstreams, in the order in which they are asked.
    pub upstreams: Vec<UpstreamCard>,
    /// How many claims it has.
    pub claims: u64,
    /// Whether who looks may change its settings, and sees its members.
    pub is_admin: bool,
    /// Which part this is: empty for its crates.
    pub part: &'static str,
    /// What was just done with it as a whole: `made` or `restored`; else empty.
    pub done: &'static str,
}

impl RegistryHead {
    pub(crate) fn visibility_icon(&self) -> &'static str {
        visibility_icon(self.visibility)
    }

    pub(crate) fn parts(&self, links: &Links) -> Vec<Tab> {
        let tab = |part: &'static str, words: &'static str, number: Option<u64>| Tab {
            words,
            count: number.map(count),
            address: if part.is_empty() {
                links.registry(&self.name)
            } else {
                links.of_registry(&self.name, part)
            },
            is_here: part == self.part,
        };
        let mut tabs = vec![
            tab("", "Crates", None),
            tab("setup", "Set up a client", None),
        ];
        let upstreams = self.upstreams.len() as u64;
        tabs.push(tab("upstreams", "Upstreams and cache", Some(upstreams)));
        tabs.push(tab("claims", "Claims", Some(self.claims)));
        tabs.push(tab("rules", "Rules", None));
        if self.is_admin {
            tabs.push(tab("members", "Members", None));
            tabs.push(tab("trusted-publishers", "CI jobs", None));
            tabs.push(tab("activity", "Activity", None));
            tabs.push(tab("settings", "Settings", None));
        }
        tabs
    }
}

/// One of several pages about the same thing.
#[derive(Clone, Debug)]
pub struct Tab {
    /// What it is called.
    pub words: &'static str,
    /// How much is on it.
    pub count: Option<String>,
    /// Where it is.
    pub address: String,
    /// Whether it is this one.
    pub is_here: bool,
}

/// An upstream of a registry.
#[derive(Clone, Debug)]
pub struct UpstreamCard {
    /// Its name.
    pub name: String,
    /// `ok`, `failing` or `unknown`.
    pub state: UpstreamState,
    /// Since when it fails.
    pub since: Option<Moment>,
    /// Why it fails.
    pub reason: Option<String>,
    /// Alarms of the last seven days.
    pub alarms: u64,
    /// Only these names.
    pub only: Vec<String>,
    /// Not these names.
    pub except: Vec<String>,
    /// What is cached of it; told to those who are signed in.
    pub cache: Option<CacheFigures>,
}

/// Whether an upstream is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamState {
    /// It answers as a registry does.
    Ok,
    /// It is down, or what it sends is no use.
    Failing,
    /// It was not asked yet.
    Unknown,
}

impl UpstreamState {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ok => "answers",
            Self::Failing => "failing",
            Self::Unknown => "not asked yet",
        }
    }

    pub(crate) fn icon(self) -> &'static str {
        match self {
            Self::Ok => "check",
            Self::Failing => "warn",
            Self::Unknown => "dots",
        }
    }
}

/// What is cached of an upstream, and how well that serves.
#[derive(Clone, Debug)]
pub struct CacheFigures {
    /// `.crate` files.
    pub files: u64,
    /// Of those, in bytes.
    pub bytes: u64,
    /// Index files.
    pub index_files: u64,
    /// When the oldest file came.
    pub oldest: Option<Moment>,
    /// Of what was given out, the share that cost the upstream nothing, in percent.
    pub hit_rate: Option<u64>,
    /// What was given out without a question to the upstream.
    pub hits: u64,
    /// All that was given out.
    pub given_out: u64,
    /// Over so many days.
    pub days: u64,
    /// The most bytes, over all upstreams.
    pub limit: Option<u64>,
}

/// The crates of a registry.
#[derive(Debug, Template)]
#[template(path = "registry.html")]
pub struct RegistryPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What the list is narrowed by.
    pub narrowing: Narrowing,
    /// Labels that its crates have, with how many do: the most frequent.
    pub labels_in_use: Vec<(String, u64)>,
    /// A page of them.
    pub crates: Vec<CrateRow>,
    /// The pages around it.
    pub pager: Pager,
    /// Whether there are so many that not all were looked at.
    pub is_cut: bool,
    /// Whether the visitor may publish here.
    pub may_publish: bool,
}

/// A crate in a list.
#[derive(Clone, Debug)]
pub struct CrateRow {
    /// Where.
    pub registry: String,
    /// As its publisher writes it.
    pub name: String,
    /// What its manifest says.
    pub description: Option<String>,
    /// Its highest version.
    pub version: String,
    /// What that can be used for.
    pub state: &'static str,
    /// Why it is held or blocked.
    pub reason: Option<String>,
    /// What cargo takes instead.
    pub instead: Option<String>,
    /// Whether it was published here.
    pub is_hosted: bool,
    /// How its name is claimed.
    pub claim: Option<&'static str>,
    /// When it got its last version.
    pub updated: Moment,
    /// Of ninety days.
    pub downloads: u64,
    /// How many are listed.
    pub versions: u64,
    /// The first of its labels.
    pub labels: Vec<String>,
    /// How many there are beside those.
    pub more_labels: u64,
}

impl CrateRow {
    /// Crates of the same registry with a label.
    pub(crate) fn labelled(&self, links: &Links, label: &str) -> String {
        labels::labelled(links, &self.registry, label)
    }
}

/// What a registry reads through.
#[derive(Debug, Template)]
#[template(path = "registry_upstreams.html")]
pub struct RegistryUpstreamsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What is cached for it; told to those who are signed in.
    pub cached: Option<CachedList>,
    /// What is wrong with the form that evicts everything.
    pub evict_wrong: Option<String>,
    /// What went well.
    pub done: Option<&'static str>,
}

impl RegistryUpstreamsPage {
    fn limit(&self) -> Option<u64> {
        let caches = self
            .head
            .upstreams
            .iter()
            .filter_map(|it| it.cache.as_ref());
        caches.filter_map(|cache| cache.limit).min()
    }
}
