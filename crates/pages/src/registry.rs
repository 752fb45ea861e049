//! A registry: its crates, what it reads through, which names it claims, and who its members are.

use askama::Template;

use crate::{Frame, Links, Moment, Pager, count, filters, home::visibility_icon};

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
    /// What is looked for.
    pub text: String,
    /// `hosted`, `cached`, or empty for both.
    pub source: &'static str,
    /// How the list is ordered: `relevance`, `updated` or `downloads`.
    pub sort: &'static str,
    /// A page of them.
    pub crates: Vec<CrateRow>,
    /// The pages around it.
    pub pager: Pager,
    /// Whether the visitor may publish here.
    pub may_publish: bool,
}

impl RegistryPage {
    fn sources(&self) -> [Tab; 3] {
        [("", "All"), ("hosted", "Hosted"), ("cached", "Cached")].map(|(source, words)| Tab {
            words,
            count: None,
            address: self.frame.links.asking(
                &format!("/{}", self.head.name),
                &[
                    ("q", &self.text),
                    ("source", source),
                    ("sort", self.sort_asked()),
                ],
            ),
            is_here: source == self.source,
        })
    }

    fn sort_asked(&self) -> &'static str {
        if self.sort == "relevance" {
            ""
        } else {
            self.sort
        }
    }

    fn is_narrowed(&self) -> bool {
        !self.text.is_empty() || !self.source.is_empty()
    }

    fn sorts(&self) -> [(&'static str, &'static str); 3] {
        let by_name = if self.text.is_empty() {
            "name"
        } else {
            "relevance"
        };
        [
            ("relevance", by_name),
            ("updated", "last updated"),
            ("downloads", "downloads"),
        ]
    }
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
}

/// What a registry reads through.
#[derive(Debug, Template)]
#[template(path = "registry_upstreams.html")]
pub struct RegistryUpstreamsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
}

/// Which names a registry claims.
#[derive(Debug, Template)]
#[template(path = "registry_claims.html")]
pub struct RegistryClaimsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// By pattern.
    pub claims: Vec<ClaimRow>,
    /// Whether the visitor may make one.
    pub may_claim: bool,
}

/// A claim.
#[derive(Clone, Debug)]
pub struct ClaimRow {
    /// The names it covers.
    pub pattern: String,
    /// `private`, `fork` or `merge`.
    pub mode: &'static str,
    /// When it was made.
    pub created_at: Moment,
}

impl ClaimRow {
    fn words(&self) -> &'static str {
        match self.mode {
            "fork" => "hosted crates alone; the mirror view has upstream's",
            "merge" => "hosted and upstream's versions together",
            _ => "hosted crates alone; no upstream is ever asked",
        }
    }
}

/// Who may do what in a registry.
#[derive(Debug, Template)]
#[template(path = "registry_members.html")]
pub struct RegistryMembersPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// By name: principal and role.
    pub members: Vec<(String, &'static str)>,
}
