//! What stands around every page: who looks, where the page stands, and how its address is made.

use crate::{Assets, Links, assets, initials};

/// Around every page; a field `frame` of each.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the browser calls the page, without the name of the program.
    pub title: String,
    /// Makes every address.
    pub links: Links,
    /// Says which scripts and styles are ours: in the Content Security Policy of this one answer.
    pub nonce: String,
    /// Light or dark.
    pub theme: Theme,
    /// Who is signed in.
    pub person: Option<Person>,
    /// The path and query of the page, below BASE: where to come back to.
    pub here: String,
    /// The way to the page, from the first page on.
    pub crumbs: Vec<Crumb>,
    /// Which part of the site it belongs to.
    pub section: Section,
    /// What was searched for.
    pub query: String,
    /// Whether there is a search field in the bar.
    pub has_search: bool,
}

impl Frame {
    /// The assets' names.
    pub fn assets(&self) -> &'static Assets {
        assets()
    }

    /// The address of one of our files.
    pub fn asset(&self, name: &str) -> String {
        self.links.to(&assets().path(name))
    }

    /// Adds a step of the way: its words and its address below BASE.
    pub fn step(&mut self, words: &str, address: String) {
        self.crumbs.push(Crumb {
            words: words.to_owned(),
            address: Some(address),
        });
    }

    /// Adds the last step of the way: the page itself.
    pub fn last_step(&mut self, words: &str) {
        self.crumbs.push(Crumb {
            words: words.to_owned(),
            address: None,
        });
    }

    /// Whether the bar leads to the sign-in page: not where that is the page itself.
    pub fn offers_sign_in(&self) -> bool {
        self.person.is_none() && !self.here.starts_with("/-/login")
    }

    /// The release of the program.
    pub fn release(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A step of the way to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crumb {
    /// What it is called.
    pub words: String,
    /// Where it is; nothing for the page itself.
    pub address: Option<String>,
}

/// A part of the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Section {
    /// Registries and what is in them.
    #[default]
    Registries,
    /// Upstreams of this server.
    Upstreams,
    /// What belongs to the person.
    Account,
    /// What instance admins see and do.
    Administration,
    /// The management API's description.
    Api,
    /// None of the above.
    Other,
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// As people write it.
    pub name: String,
    /// Proves that a form is one of ours; a hidden field `csrf` of each.
    pub csrf: String,
    /// Whether they see the pages of the administration.
    pub is_admin: bool,
}

impl Person {
    /// Two letters that stand for them.
    pub fn initials(&self) -> String {
        initials(&self.name)
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// As a cookie and a form say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What a cookie or a form says; the system's for anything else.
    pub fn of(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|theme| theme.word() == word)
            .unwrap_or_default()
    }
}
