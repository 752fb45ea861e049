//! Which names a registry claims: the list, a new claim told before it is made, its end, and the release of a name.

use askama::Template;

use crate::{Frame, Moment, Pager, RegistryHead, Wrongs, filters};

/// How a claim treats a name, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeWords {
    /// As requests say it.
    pub word: &'static str,
    /// What it is for.
    pub sentence: &'static str,
    /// What the index shows.
    pub index: &'static str,
    /// What the mirror shows.
    pub mirror: &'static str,
    /// Whether an upstream is asked.
    pub asked: &'static str,
}

/// Every mode, the most cautious first.
pub const MODES: [ModeWords; 3] = [
    ModeWords {
        word: "private",
        sentence: "For names of your own. Upstreams never learn that they exist.",
        index: "hosted crates alone",
        mirror: "nothing (404)",
        asked: "never, not even whether it exists",
    },
    ModeWords {
        word: "fork",
        sentence: "For a public crate of which you publish your own. Who builds with the mirror gets the public one.",
        index: "hosted crates alone",
        mirror: "upstream's",
        asked: "by the mirror only",
    },
    ModeWords {
        word: "merge",
        sentence: "For a public crate to which you add versions.",
        index: "both; a number that both have is the hosted one",
        mirror: "upstream's",
        asked: "yes",
    },
];

/// Which names a registry claims.
#[derive(Debug, Template)]
#[template(path = "claims.html")]
pub struct ClaimsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What is looked for.
    pub text: String,
    /// A page of them, by pattern.
    pub claims: Vec<ClaimRow>,
    /// The pages around it.
    pub pager: Pager,
    /// Whether the visitor may make one, and see by whom each was made.
    pub may_claim: bool,
    /// Names without a version that stay private; for who may claim.
    pub kept: Vec<KeptRow>,
    /// How many there are in all.
    pub kept_total: u64,
    /// What went well.
    pub done: Option<&'static str>,
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
    /// Who made it, where that may be seen and is known.
    pub by: Option<String>,
}

impl ClaimRow {
    fn words(&self) -> &'static str {
        match self.mode {
            "fork" => "hosted crates alone; the mirror has upstream's",
            "merge" => "hosted and upstream's versions together",
            _ => "hosted crates alone; no upstream is ever asked",
        }
    }
}

/// A name that was hosted here and has no version left.
#[derive(Clone, Debug)]
pub struct KeptRow {
    /// As its publisher wrote it.
    pub name: String,
    /// When the last version was deleted.
    pub deleted: Option<Moment>,
    /// Whether a claim covers it as well.
    pub is_claimed: bool,
}

impl ClaimsPage {
    fn hides_kept(&self) -> bool {
        (self.kept.len() as u64) < self.kept_total
    }

    fn path(&self, part: &str) -> String {
        let claims = self.frame.links.of_registry(&self.head.name, "claims");
        format!("{claims}{part}")
    }

    fn asking(&self, part: &str, key: &str, value: &str) -> String {
        let path = format!("/{}/claims{part}", self.head.name);
        self.frame.links.asking(&path, &[(key, value)])
    }
}

/// A claim before it is made.
#[derive(Debug, Template)]
#[template(path = "claim_new.html")]
pub struct NewClaimPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// The pattern, as it was typed.
    pub pattern: String,
    /// The mode, as it was chosen.
    pub mode: String,
    /// What is wrong with them.
    pub wrongs: Wrongs,
    /// What it would take away, once that is known.
    pub foretold: Option<Foretold>,
}

/// What a claim would take away.
#[derive(Clone, Debug)]
pub struct Foretold {
    /// The pattern in its canonical form.
    pub pattern: String,
    /// How it treats names.
    pub mode: &'static str,
    /// Versions of upstream's that would not be served any more.
    pub versions: u64,
    /// Names with such versions: those with the most.
    pub names: Vec<(String, u64)>,
    /// Such names that are not listed.
    pub more: u64,
    /// Who downloaded any of them within 30 days.
    pub readers: u64,
    /// Names under it that are hosted here.
    pub hosted: u64,
}

impl Foretold {
    fn breaks(&self) -> bool {
        self.versions > 0 || self.readers > 0
    }

    /// Whether it is about one name.
    fn is_exact(&self) -> bool {
        !self.pattern.contains('*')
    }
}

impl NewClaimPage {
    fn path(&self, part: &str) -> String {
        let claims = self.frame.links.of_registry(&self.head.name, "claims");
        format!("{claims}{part}")
    }

    fn is_chosen(&self, word: &str) -> bool {
        self.mode == word || (self.mode.is_empty() && word == "private")
    }

    /// The form once more, as it was filled in.
    fn again(&self) -> String {
        let path = format!("/{}/claims/new", self.head.name);
        let query = [
            ("like", self.pattern.as_str()),
            ("mode", self.mode.as_str()),
        ];
        self.frame.links.asking(&path, &query)
    }
}

/// A claim that is to be given up.
#[derive(Debug, Template)]
#[template(path = "claim_delete.html")]
pub struct DeleteClaimPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// The names it covers.
    pub pattern: String,
    /// `private`, `fork` or `merge`.
    pub mode: &'static str,
    /// Names under it that are hosted here, and stay private.
    pub hosted: u64,
    /// What is wrong with the form.
    pub wrongs: Wrongs,
}

/// A name that is to go back to upstream.
#[derive(Debug, Template)]
#[template(path = "name_release.html")]
pub struct ReleaseNamePage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// The name.
    pub name: String,
    /// What is wrong with the form.
    pub wrongs: Wrongs,
}
