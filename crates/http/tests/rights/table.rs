//! Reads the table.

use std::{fmt, str::FromStr};

use supercargo_types::Scope;

const TABLE: &str = include_str!("table.txt");

/// Who may, as the table's first lines explain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Reader,
    Known,
    Publisher,
    Owner,
    Maintainer,
    Admin,
    Job,
    All,
    Visitor,
    SignedIn,
    User,
    AtHome,
    SomeAdmin,
    Creator,
    Root,
}

/// What becomes of a token that is limited to some crates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crates {
    Nothing,
    Cover,
    No,
}

/// What somebody gets who may see the registry, if there is one, and may not do this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Else {
    Refused,
    NotThere,
    /// Not there for who is somebody else; refused for whom only the token is not good for it.
    NotThereThenRefused,
    /// Refused for whose token is not good for it; not there for who is somebody else.
    RefusedThenNotThere,
}

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) method: String,
    pub(crate) address: String,
    /// Where one address does several things.
    pub(crate) case: Option<String>,
    pub(crate) who: Who,
    pub(crate) scope: Option<Scope>,
    /// Whether it needs every other scope as well.
    pub(crate) every_scope: bool,
    pub(crate) crates: Crates,
    pub(crate) otherwise: Else,
}

impl Row {
    /// Whether it is about a registry, which the address or the request names.
    pub(crate) fn is_of_registry(&self) -> bool {
        self.names_registry_in_path()
            || self
                .case
                .as_ref()
                .is_some_and(|case| case.contains("{registry}"))
    }

    pub(crate) fn is_cargos(&self) -> bool {
        let Some(rest) = self.address.strip_prefix("/{registry}/") else {
            return false;
        };
        let (first, _) = rest.split_once('/').unwrap_or((rest, ""));
        ["api", "index", "mirror", "hosted", "me"].contains(&first)
    }

    /// Whether it is for a browser, to which a session belongs and no token.
    pub(crate) fn is_page(&self) -> bool {
        let is_of_server = ["/healthz", "/readyz"].contains(&self.address.as_str());
        !self.is_cargos() && !self.is_feed() && !is_of_server && !self.address.starts_with("/api/")
    }

    /// Whether it is for programs with a token, and for browsers with a session.
    pub(crate) fn is_feed(&self) -> bool {
        self.address.ends_with("/feed.atom")
    }

    pub(crate) fn names_registry_in_path(&self) -> bool {
        self.address.contains("{registry}")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.address)?;
        match &self.case {
            Some(case) => write!(f, " [{case}]"),
            None => Ok(()),
        }
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{what} in `{line}`");
        let (head, case, rest) = match line.split_once('[') {
            Some((head, rest)) => {
                let (case, rest) = rest.split_once(']').ok_or_else(|| wrong("no `]`"))?;
                (head, Some(case.to_owned()), rest)
            }
            None => (line, None, ""),
        };
        let mut words = head.split_whitespace().chain(rest.split_whitespace());
        let mut word = |what: &str| words.next().ok_or_else(|| wrong(what));
        let method = word("no method")?.to_owned();
        let address = word("no address")?.to_owned();
        let who = match word("nobody")? {
            "reader" => Who::Reader,
            "known" => Who::Known,
            "publisher" => Who::Publisher,
            "owner" => Who::Owner,
            "maintainer" => Who::Maintainer,
            "admin" => Who::Admin,
            "job" => Who::Job,
            "all" => Who::All,
            "visitor" => Who::Visitor,
            "signed-in" => Who::SignedIn,
            "user" => Who::User,
            "at-home" => Who::AtHome,
            "some-admin" => Who::SomeAdmin,
            "creator" => Who::Creator,
            "root" => Who::Root,
            other => return Err(wrong(&format!("an unknown `{other}`"))),
        };
        let word_of_scope = word("no scope")?;
        let scope = match word_of_scope {
            "-" => None,
            "all" => Some(Scope::Admin),
            scope => Some(scope.parse().map_err(|_| wrong("an unknown scope"))?),
        };
        let crates = match word("nothing about crates")? {
            "-" => Crates::Nothing,
            "cover" => Crates::Cover,
            "no" => Crates::No,
            other => return Err(wrong(&format!("an unknown `{other}`"))),
        };
        let otherwise = match words.next() {
            None => Else::Refused,
            Some("404") => Else::NotThere,
            Some("404-403") => Else::NotThereThenRefused,
            Some("403-404") => Else::RefusedThenNotThere,
            Some(other) => return Err(wrong(&format!("an unknown `{other}`"))),
        };
        match words.next() {
            Some(_) => Err(wrong("too much")),
            None => Ok(Self {
                method,
                address,
                case,
                who,
                scope,
                every_scope: word_of_scope == "all",
                crates,
                otherwise,
            }),
        }
    }
}

/// Every line.
pub(crate) fn rows() -> Vec<Row> {
    TABLE
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.parse().unwrap_or_else(|error| panic!("{error}")))
        .collect()
}
