//! Who pulled what: for the day on which a version turns out to be a bad one.

use askama::Template;

use super::AdminHead;
use crate::{Frame, Links, Moment, Wrongs, filters};

/// Where it is, below BASE.
const PATH: &str = "/-/admin/exposure";

/// Who pulled which versions of a crate.
#[derive(Debug, Template)]
#[template(path = "admin_exposure.html")]
pub struct ExposurePage {
    /// Around it.
    pub frame: Frame,
    /// Above it, for instance admins.
    pub head: Option<AdminHead>,
    /// The crate that is asked for; empty where nothing is asked for yet.
    pub krate: String,
    /// Which versions: empty for all.
    pub versions: String,
    /// What is wrong with that.
    pub wrongs: Wrongs,
    /// By registry, then the highest version first.
    pub pulls: Vec<PullRow>,
    /// How many there are in all.
    pub total: u64,
    /// Whether this page is not the first.
    pub is_later: bool,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Somebody who pulled a version.
#[derive(Clone, Debug)]
pub struct PullRow {
    /// Who; none: without a token.
    pub who: Option<String>,
    /// For which repository, where a CI job has proven that.
    pub repository: Option<String>,
    /// From which registry.
    pub registry: String,
    /// Which version.
    pub version: String,
    /// For the first time.
    pub first: Moment,
    /// For the last time.
    pub last: Moment,
    /// How often.
    pub times: u64,
}

impl PullRow {
    fn icon(&self) -> &'static str {
        match &self.who {
            Some(who) if who.starts_with("service:") => "gear",
            Some(who) if who.starts_with("job:") => "ci",
            Some(_) => "person",
            None => "globe",
        }
    }
}

impl ExposurePage {
    fn address(&self) -> String {
        self.frame.links.to(PATH)
    }

    fn is_asked(&self) -> bool {
        !self.krate.is_empty() || !self.wrongs.is_empty()
    }

    fn file(&self, links: &Links) -> String {
        let query = [("crate", self.krate.as_str()), ("version", &self.versions)];
        links.asking(&format!("{PATH}/export"), &query)
    }

    fn first(&self, links: &Links) -> Option<String> {
        let query = [("crate", self.krate.as_str()), ("version", &self.versions)];
        self.is_later.then(|| links.asking(PATH, &query))
    }

    fn next(&self, links: &Links) -> Option<String> {
        let cursor = self.next.as_deref()?;
        let query = [
            ("crate", self.krate.as_str()),
            ("version", &self.versions),
            ("cursor", cursor),
        ];
        Some(links.asking(PATH, &query))
    }
}
