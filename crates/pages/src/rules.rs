//! What a registry keeps back: its patterns with what they catch, and what people hold or block.

use askama::Template;

use crate::{Frame, Moment, Pager, RegistryHead, Wrongs, filters, plural};

/// What patterns catch of what a registry has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaughtFigures {
    /// How many versions.
    pub versions: u64,
    /// Of how many crates.
    pub crates: u64,
    /// The first of them.
    pub names: Vec<String>,
}

impl CaughtFigures {
    /// `3 other crates`, where not all are named.
    fn more(&self) -> Option<String> {
        let more = self.crates.saturating_sub(self.names.len() as u64);
        (more > 0).then(|| plural(more, "other crate"))
    }
}

/// A pattern over versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternRow {
    /// As it is kept.
    pub pattern: String,
    /// What it catches; told to those who are signed in.
    pub caught: Option<CaughtFigures>,
}

/// What all patterns do together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeighedFigures {
    /// What is kept out.
    pub kept_out: CaughtFigures,
    /// How many versions were looked at.
    pub versions: u64,
    /// Whether there are more.
    pub is_cut: bool,
}

/// One of the two lists of patterns.
#[derive(Debug)]
struct PatternList<'a> {
    title: &'static str,
    words: &'static str,
    verb: &'static str,
    patterns: &'a [PatternRow],
}

fn lists<'a>(block: &'a [PatternRow], allow: &'a [PatternRow]) -> [PatternList<'a>; 2] {
    [
        PatternList {
            title: "Kept out",
            words: "whatever one of these names",
            verb: "Keeps out",
            patterns: block,
        },
        PatternList {
            title: "Let in",
            words: "nothing but what one of these names",
            verb: "Lets in",
            patterns: allow,
        },
    ]
}

/// The rules of a registry.
#[derive(Debug, Template)]
#[template(path = "registry_rules.html")]
pub struct RegistryRulesPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What alone is let in.
    pub allow: Vec<PatternRow>,
    /// What is kept out.
    pub block: Vec<PatternRow>,
    /// What they do together; told to those who are signed in.
    pub weighed: Option<WeighedFigures>,
    /// What is looked for among the quarantines.
    pub text: String,
    /// A page of them, by crate.
    pub quarantines: Vec<QuarantineRow>,
    /// The pages around it.
    pub pager: Pager,
    /// Whether the visitor holds, blocks and lifts.
    pub may_maintain: bool,
    /// What went well.
    pub done: Option<&'static str>,
}

impl RegistryRulesPage {
    fn lists(&self) -> [PatternList<'_>; 2] {
        lists(&self.block, &self.allow)
    }

    fn address(&self, quarantine: &QuarantineRow) -> String {
        let links = &self.frame.links;
        let (registry, name) = (&self.head.name, &quarantine.name);
        match &quarantine.version {
            Some(version) => links.of_crate(registry, name, version),
            None => links.krate(registry, name),
        }
    }
}

/// What somebody decided about a crate or a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Which crate, as a canonical name.
    pub name: String,
    /// Which version; `None` for all.
    pub version: Option<String>,
    /// `held` or `blocked`.
    pub state: &'static str,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// Since when.
    pub since: Moment,
}

/// The form for the patterns of a registry.
#[derive(Debug, Template)]
#[template(path = "registry_patterns.html")]
pub struct RegistryPatternsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What is filled in for what is let in, one a line.
    pub allow: String,
    /// What is filled in for what is kept out, one a line.
    pub block: String,
    /// What those would let in that are patterns.
    pub admitted: Vec<PatternRow>,
    /// What those would keep out that are patterns.
    pub barred: Vec<PatternRow>,
    /// What they would do together; `None` where something is wrong.
    pub weighed: Option<WeighedFigures>,
    /// What is wrong.
    pub wrongs: Wrongs,
}

impl RegistryPatternsPage {
    fn lists(&self) -> [PatternList<'_>; 2] {
        lists(&self.barred, &self.admitted)
    }

    fn is_blank(&self) -> bool {
        self.barred.is_empty() && self.admitted.is_empty()
    }

    fn problems(&self) -> Vec<&str> {
        let of_fields = ["block", "allow"]
            .iter()
            .filter_map(|field| self.wrongs.of(field));
        of_fields.collect()
    }
}

/// What is filled in for a quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewQuarantine {
    /// Of the crate.
    pub name: String,
    /// Of one version; empty for all.
    pub version: String,
    /// `hold` or `block`.
    pub action: String,
    /// Why.
    pub reason: String,
}

/// The form for a quarantine.
#[derive(Debug, Template)]
#[template(path = "registry_quarantine.html")]
pub struct RegistryQuarantinePage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What is filled in.
    pub draft: NewQuarantine,
    /// What is wrong.
    pub wrongs: Wrongs,
}
