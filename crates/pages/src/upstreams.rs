//! Upstreams of this server: the list, each one's page, and the forms that make and change one.

use askama::Template;

use crate::{CacheFigures, Frame, Moment, Pager, Plot, UpstreamCard, Wrongs, count, filters};

/// Registries that are named in a row; of more, how many there are.
const NAMED: usize = 4;

/// Where an upstream reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamReads {
    /// The preset.
    CratesIo,
    /// A sparse index.
    Index(String),
    /// A registry of this server; without a name, one that the visitor may not see.
    Registry(Option<String>),
}

/// Every upstream of the server.
#[derive(Debug, Template)]
#[template(path = "upstreams.html")]
pub struct UpstreamsPage {
    /// Around it.
    pub frame: Frame,
    /// What is looked for.
    pub text: String,
    /// By name.
    pub upstreams: Vec<UpstreamRow>,
    /// The pages around it.
    pub pager: Pager,
    /// Whether the visitor makes and changes them.
    pub is_admin: bool,
    /// What went well.
    pub done: Option<&'static str>,
}

/// An upstream in the list.
#[derive(Clone, Debug)]
pub struct UpstreamRow {
    /// How it does, and what is cached of it.
    pub card: UpstreamCard,
    /// Where it reads.
    pub reads: UpstreamReads,
    /// The registries that read through it, of those that the visitor may see.
    pub readers: Vec<String>,
}

impl UpstreamRow {
    fn named(&self) -> &[String] {
        &self.readers[..self.readers.len().min(NAMED)]
    }

    /// `3 more`, where not all are named.
    fn unnamed(&self) -> Option<String> {
        let more = self.readers.len().saturating_sub(NAMED) as u64;
        (more > 0).then(|| format!("{} more", count(more)))
    }
}

/// What a test of the connection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tested {
    /// It answers as a registry does: after so many milliseconds; nought for a registry of this server.
    Works(u64),
    /// Why it does not.
    Fails(String),
}

/// What an upstream is shown of us, without any secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFacts {
    /// `none`, `token`, `bearer` or `basic`.
    pub kind: &'static str,
    /// The user, of `basic`.
    pub username: Option<String>,
    /// Origins besides the index's own.
    pub origins: Vec<String>,
}

impl CredentialFacts {
    fn words(&self) -> &'static str {
        credential_words(self.kind)
    }
}

/// Kinds of credentials: what forms send, and the words.
pub const CREDENTIALS: [(&str, &str); 4] = [
    ("none", "none"),
    ("token", "a token, as cargo sends it"),
    ("bearer", "a bearer token"),
    ("basic", "a user and a password"),
];

fn credential_words(kind: &str) -> &'static str {
    let known = CREDENTIALS.iter().find(|(known, _)| *known == kind);
    known.map_or("none", |(_, words)| words)
}

/// An upstream.
#[derive(Debug, Template)]
#[template(path = "upstream.html")]
pub struct UpstreamPage {
    /// Around it.
    pub frame: Frame,
    /// How it does, and what is cached of it.
    pub card: UpstreamCard,
    /// Where it reads.
    pub reads: UpstreamReads,
    /// What it is shown.
    pub credentials: CredentialFacts,
    /// The registries whose admins may attach it, of those that the visitor may see; `None` for the rule without a list.
    pub usable_by: Option<Vec<String>>,
    /// The registries that read through it, of those that the visitor may see.
    pub readers: Vec<String>,
    /// When it was made.
    pub created: Moment,
    /// How its cache served, by day.
    pub served: Option<Plot>,
    /// Index files that were fetched before anybody asked, and those of them that somebody asked for.
    pub read_ahead: Option<(u64, u64)>,
    /// Crates that are cached, for instance admins.
    pub cached: Option<CachedList>,
    /// Whether the visitor may test, change and delete it.
    pub is_admin: bool,
    /// What a test found that was asked for just now.
    pub tested: Option<Tested>,
    /// What went well.
    pub done: Option<&'static str>,
}

impl UpstreamPage {
    fn here(&self) -> String {
        self.frame.links.upstream(&self.card.name)
    }

    fn of(&self, part: &str) -> String {
        format!("{}/{part}", self.here())
    }

    /// Who may attach it where no registries are listed.
    fn rule(&self) -> &'static str {
        match (&self.reads, self.credentials.kind) {
            (UpstreamReads::Registry(_), _) => "instance admins, and admins of that registry",
            (_, "none") => "admins of every registry",
            _ => "instance admins alone",
        }
    }

    fn given_out(plot: &Plot) -> String {
        format!("{} in {} days", count(plot.total()), plot.days.len())
    }

    fn story(plot: &Plot) -> String {
        let (Some(first), Some(last)) = (plot.days.first(), plot.days.last()) else {
            return String::new();
        };
        let from_cache = plot
            .series
            .first()
            .map_or(0, |(_, counts)| counts.iter().sum());
        format!(
            "Given out each day from {first} to {last}: {} in all, {} of it from the cache.",
            count(plot.total()),
            count(from_cache)
        )
    }

    fn audit(&self) -> String {
        let query = [("outcome", "alarm")];
        self.frame.links.asking("/-/admin/audit", &query)
    }
}

/// Crates whose files are cached: a part of a page.
#[derive(Clone, Debug)]
pub struct CachedList {
    /// Where the list is asked for: a path with a prefix.
    pub address: String,
    /// What is looked for.
    pub text: String,
    /// `name`, `size` or `unused`.
    pub sort: &'static str,
    /// A page of them.
    pub rows: Vec<CachedCrateRow>,
    /// The pages around it.
    pub pager: Pager,
    /// Whether each may be evicted: its registry, where crates have pages.
    pub registry: Option<String>,
    /// Whether the visitor may evict.
    pub may_evict: bool,
    /// Whether the visitor sees when files came and were used. The cache is shared: that tells of other registries.
    pub sees_times: bool,
}

/// How cached crates are ordered: what forms send, and the words.
pub(crate) const SORTS: [(&str, &str); 3] = [
    ("name", "name"),
    ("size", "largest first"),
    ("unused", "longest unused first"),
];

impl CachedList {
    pub(crate) fn sorts(&self) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        let sees_times = self.sees_times;
        let fits = move |(word, _): &&(&str, &str)| sees_times || *word != "unused";
        SORTS.iter().filter(fits)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.text.is_empty()
    }
}

/// A crate whose files are cached.
#[derive(Clone, Debug)]
pub struct CachedCrateRow {
    /// As cargo asks for it.
    pub name: String,
    /// Who delivered it.
    pub upstream: String,
    /// How many `.crate` files.
    pub files: u64,
    /// Of those together.
    pub bytes: u64,
    /// When the oldest came.
    pub came: Moment,
    /// When one was used last.
    pub used: Moment,
}

/// What is filled in to make or change an upstream; never a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamDraft {
    /// Its name.
    pub name: String,
    /// `crates.io`, `index` or `registry`.
    pub source: String,
    /// The address of a sparse index.
    pub index: String,
    /// A registry of this server.
    pub registry: String,
    /// Which of [`CREDENTIALS`].
    pub auth: String,
    /// The user, of `basic`.
    pub username: String,
    /// Origins besides the index's own that are shown the secret, one a line.
    pub origins: String,
    /// `rule` or `some`.
    pub limited: String,
    /// The registries that may attach it, one a line.
    pub usable_by: String,
}

impl UpstreamDraft {
    fn is_source(&self, source: &str) -> bool {
        self.source == source
    }

    fn is_auth(&self, auth: &str) -> bool {
        self.auth == auth
    }
}

/// The form for a new upstream.
#[derive(Debug, Template)]
#[template(path = "upstream_new.html")]
pub struct NewUpstreamPage {
    /// Around it.
    pub frame: Frame,
    /// What is filled in.
    pub draft: UpstreamDraft,
    /// Registries of this server, to choose from.
    pub registries: Vec<String>,
    /// What is wrong.
    pub wrongs: Wrongs,
    /// What a test found that was asked for just now.
    pub tested: Option<Tested>,
    /// Whether a secret was sent, which no page repeats.
    pub had_secret: bool,
}

/// The form for another secret and other users of an upstream, and what deletes it.
#[derive(Debug, Template)]
#[template(path = "upstream_edit.html")]
pub struct EditUpstreamPage {
    /// Around it.
    pub frame: Frame,
    /// Its name.
    pub name: String,
    /// Where it reads.
    pub reads: UpstreamReads,
    /// What is filled in.
    pub draft: UpstreamDraft,
    /// Whether a secret is kept.
    pub has_secret: bool,
    /// What is wrong.
    pub wrongs: Wrongs,
    /// The registries that read through it.
    pub readers: Vec<String>,
    /// What is cached of it.
    pub cache: Option<CacheFigures>,
}

impl NewUpstreamPage {
    /// Styles hide the fields where they do not apply.
    #[expect(
        clippy::unused_self,
        reason = "two pages share the fields, and one of them looks"
    )]
    fn is_remote(&self) -> bool {
        true
    }
}

impl EditUpstreamPage {
    fn is_remote(&self) -> bool {
        !matches!(self.reads, UpstreamReads::Registry(_))
    }

    fn here(&self) -> String {
        self.frame.links.upstream(&self.name)
    }

    fn of(&self, part: &str) -> String {
        format!("{}/{part}", self.here())
    }
}
