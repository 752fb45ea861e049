//! Registries by form: made, changed, deleted and restored, and the list of upstreams that each reads through.

use askama::Template;

use crate::{Frame, Moment, Pager, RegistryHead, Wrongs, filters};

/// A choice of one of a few, as a form has it: what it sends, its title, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryChoice {
    /// As requests say it.
    pub word: &'static str,
    /// As people say it.
    pub title: &'static str,
    /// What comes of it.
    pub sentence: &'static str,
}

/// Who may read a registry; each audience includes those before it.
pub const VISIBILITIES: [RegistryChoice; 3] = [
    RegistryChoice {
        word: "private",
        title: "Private",
        sentence: "Members read it. To everybody else it is as if it were not there.",
    },
    RegistryChoice {
        word: "internal",
        title: "Internal",
        sentence: "Everybody with an account on this server reads it, service accounts too.",
    },
    RegistryChoice {
        word: "public",
        title: "Public",
        sentence: "Anyone who reaches this server reads it, without an account.",
    },
];

/// Who publishes to a crate that exists.
pub const PUBLISHINGS: [RegistryChoice; 2] = [
    RegistryChoice {
        word: "owners",
        title: "Owners",
        sentence: "New versions come from the owners of the crate, and from maintainers of the registry.",
    },
    RegistryChoice {
        word: "members",
        title: "Members",
        sentence: "Every publisher of the registry publishes to every crate in it.",
    },
];

/// What is filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryDraft {
    /// Of a new registry; it never changes.
    pub name: String,
    /// For people.
    pub description: String,
    /// `key=value`, one a line.
    pub labels: String,
    /// One of [`VISIBILITIES`].
    pub visibility: String,
    /// One of [`PUBLISHINGS`].
    pub publishing: String,
    /// Whether registries with a wider audience may read through it.
    pub republish: bool,
}

/// A list of upstreams that is put in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamOrder {
    /// The one that is asked first stands first.
    pub rows: Vec<OrderRow>,
    /// What can be attached besides.
    pub choices: Vec<UpstreamChoice>,
    /// What is typed or chosen there.
    pub attach: String,
    /// What the last button did, which is not saved yet.
    pub said: Option<String>,
}

/// An upstream in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderRow {
    /// Its name.
    pub name: String,
    /// Where it reads.
    pub note: String,
    /// Only these names: patterns, one a line.
    pub only: String,
    /// Not these.
    pub except: String,
    /// What is wrong with attaching it.
    pub wrong: Option<String>,
    /// What is wrong with `only`.
    pub wrong_only: Option<String>,
    /// What is wrong with `except`.
    pub wrong_except: Option<String>,
    /// Which of its buttons was pressed last: `up` or `down`. There the keyboard goes on.
    pub pressed: &'static str,
}

impl OrderRow {
    /// Whether something has to be corrected.
    pub fn is_wrong(&self) -> bool {
        self.wrong.is_some() || self.wrong_only.is_some() || self.wrong_except.is_some()
    }

    fn is_narrowed(&self) -> bool {
        !self.only.trim().is_empty() || !self.except.trim().is_empty()
    }

    fn names(&self) -> &'static str {
        match (self.only.trim().is_empty(), self.except.trim().is_empty()) {
            (true, true) => "For all names",
            (false, true) => "Only for some names",
            (true, false) => "For all names but some",
            (false, false) => "Only for some names, but some of those",
        }
    }
}

/// An upstream that can be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamChoice {
    /// Its name.
    pub name: String,
    /// Where it reads.
    pub note: String,
}

/// More of them are not offered one by one: their name is typed.
const MOST_CHOICES: usize = 100;

impl UpstreamOrder {
    fn is_typed(&self) -> bool {
        self.choices.len() > MOST_CHOICES
    }
}

/// The form for a new registry.
#[derive(Debug, Template)]
#[template(path = "registry_new.html")]
pub struct NewRegistryPage {
    /// Around it.
    pub frame: Frame,
    /// What is filled in.
    pub draft: RegistryDraft,
    /// What it will read through.
    pub order: UpstreamOrder,
    /// What is wrong with it.
    pub wrongs: Wrongs,
    /// A deleted registry has the name: when it was deleted, and until when it can be restored.
    pub reuses: Option<(Moment, Option<Moment>)>,
}

/// What would be gone with a registry.
#[derive(Clone, Debug, Default)]
pub struct RegistryRemoval {
    /// Crates that were published here.
    pub crates: u64,
    /// Their versions.
    pub versions: u64,
    /// Accounts that downloaded from it.
    pub readers: u64,
    /// Over so many days.
    pub days: u64,
    /// The registries that read through it, of those that may be seen.
    pub read_by: Vec<String>,
    /// How many others do.
    pub read_by_hidden: u64,
    /// What is wrong with the deletion that was asked for.
    pub problem: Option<String>,
    /// What is wrong with the name that was typed.
    pub wrong: Option<String>,
}

impl RegistryRemoval {
    fn is_in_use(&self) -> bool {
        !self.read_by.is_empty() || self.read_by_hidden > 0
    }
}

/// A registry's settings.
#[derive(Debug, Template)]
#[template(path = "registry_settings.html")]
pub struct RegistrySettingsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// What is filled in.
    pub draft: RegistryDraft,
    /// What is wrong with it.
    pub wrongs: Wrongs,
    /// What went well.
    pub done: Option<&'static str>,
    /// The wider audience that was asked for and has to be confirmed.
    pub widens: Option<&'static RegistryChoice>,
    /// When it was made.
    pub created: Moment,
    /// What its deletion would break.
    pub removal: RegistryRemoval,
}

/// What a registry reads through, to be put in order.
#[derive(Debug, Template)]
#[template(path = "registry_settings_upstreams.html")]
pub struct RegistryOrderPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// The list.
    pub order: UpstreamOrder,
    /// What is wrong with it.
    pub wrongs: Wrongs,
    /// What went well.
    pub done: Option<String>,
}

/// Registries that are deleted, and can be restored for a while.
#[derive(Debug, Template)]
#[template(path = "registries_deleted.html")]
pub struct DeletedRegistriesPage {
    /// Around it.
    pub frame: Frame,
    /// The one that was deleted last first.
    pub registries: Vec<DeletedRegistryRow>,
    /// The pages around this one.
    pub pager: Pager,
    /// What went well.
    pub done: Option<&'static str>,
    /// What went wrong.
    pub problem: Option<String>,
}

/// A registry that is deleted.
#[derive(Clone, Debug)]
pub struct DeletedRegistryRow {
    /// Its name, which stays retired.
    pub name: String,
    /// Since when.
    pub deleted: Moment,
    /// Until when it can be restored.
    pub until: Option<Moment>,
    /// Whether nothing is left of it but its name.
    pub is_purged: bool,
    /// What is wrong with the name that was typed to purge it.
    pub wrong: Option<String>,
}

#[cfg(test)]
mod tests {
    use supercargo_types::{Publishing, Visibility};

    use super::*;

    #[test]
    fn every_choice_is_a_word_that_requests_know() {
        for choice in VISIBILITIES {
            let word: Visibility = choice.word.parse().unwrap();
            assert_eq!(word.as_str(), choice.word);
        }
        for choice in PUBLISHINGS {
            let word: Publishing = choice.word.parse().unwrap();
            assert_eq!(word.as_str(), choice.word);
        }
    }

    #[test]
    fn a_row_says_for_which_names_it_is() {
        let row = |only: &str, except: &str| OrderRow {
            only: only.to_owned(),
            except: except.to_owned(),
            ..OrderRow::default()
        };
        assert_eq!(row("", " \n").names(), "For all names");
        assert_eq!(row("acme-*", "").names(), "Only for some names");
        assert_eq!(row("", "acme-*").names(), "For all names but some");
        assert!(row("a", "b").is_narrowed() && !row("", "\n").is_narrowed());
        assert!(!row("a", "b").is_wrong());
    }
}
