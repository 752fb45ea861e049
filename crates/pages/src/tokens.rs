//! Somebody's tokens: the list, the form for a new one, and the only sight of its secret.

use askama::Template;

use crate::{Frame, Moment, filters};

/// The tokens of who is signed in.
#[derive(Debug, Template)]
#[template(path = "tokens.html")]
pub struct TokensPage {
    /// Around it.
    pub frame: Frame,
    /// Those that are not revoked; the newest first.
    pub tokens: Vec<TokenRow>,
    /// Where the list goes on, if it does.
    pub more: Option<String>,
    /// What went well.
    pub done: Option<&'static str>,
}

/// A token in the list.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// As its owner calls it.
    pub name: String,
    /// The first characters of its text.
    pub prefix: String,
    /// Its scopes, as requests say them.
    pub scopes: Vec<&'static str>,
    /// Narrowed to these registries; `None` is all.
    pub registries: Option<Vec<String>>,
    /// What it may write is narrowed to these names; `None` is all.
    pub crates: Option<Vec<String>>,
    /// When it was made.
    pub created: Moment,
    /// When it was last used.
    pub used: Option<Moment>,
    /// When it ends.
    pub ends: Option<Moment>,
    /// Whether it has ended.
    pub is_over: bool,
}

impl TokenRow {
    /// What it may be used for: `read, publish, yank and undo`.
    pub(crate) fn words(&self) -> String {
        let words = SCOPES.iter().filter(|it| self.scopes.contains(&it.word));
        let words: Vec<_> = words.map(|it| it.title.to_lowercase()).collect();
        words.join(", ")
    }
}

/// A scope, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeWords {
    /// As requests say it.
    pub word: &'static str,
    /// As people say it.
    pub title: &'static str,
    /// What it is good for.
    pub sentence: &'static str,
}

/// Every scope, the least first.
pub const SCOPES: [ScopeWords; 7] = [
    ScopeWords {
        word: "read",
        title: "Read",
        sentence: "Fetch the index, download and search. Every token may do that.",
    },
    ScopeWords {
        word: "publish",
        title: "Publish",
        sentence: "Upload new versions of crates that you own, and new crates. A version is never replaced.",
    },
    ScopeWords {
        word: "yank",
        title: "Yank and undo",
        sentence: "Ask cargo to stop picking a version. Lockfiles keep building.",
    },
    ScopeWords {
        word: "owners",
        title: "Change owners",
        sentence: "Add and remove the people and teams who may publish a crate.",
    },
    ScopeWords {
        word: "maintain",
        title: "Maintain",
        sentence: "Claim names, quarantine and release versions, evict what is cached.",
    },
    ScopeWords {
        word: "delete",
        title: "Delete and restore",
        sentence: "Take versions away. They can be restored until they are purged.",
    },
    ScopeWords {
        word: "admin",
        title: "Administer",
        sentence: "Settings, upstreams, members and other tokens.",
    },
];

/// How long a token may last, as the form offers it: what it sends, and the words.
pub const LIVES: [(&str, &str); 6] = [
    ("7", "in 7 days"),
    ("30", "in 30 days"),
    ("90", "in 90 days"),
    ("365", "in a year"),
    ("never", "never"),
    ("date", "on a date"),
];

/// What is filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenDraft {
    /// As its owner calls it.
    pub name: String,
    /// The scopes that are chosen.
    pub scopes: Vec<String>,
    /// Whether it is for every registry, those to come too.
    pub everywhere: bool,
    /// The registries that are chosen.
    pub registries: Vec<String>,
    /// Names and patterns, one a line.
    pub crates: String,
    /// Which of [`LIVES`].
    pub end: String,
    /// `2026-11-21`, where it ends on a date.
    pub date: String,
}

/// Whose tokens they are, where the form for a new one is sent to, and where one comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPlace {
    /// Whom it stands for.
    pub owner: String,
    /// Whether that is who makes it.
    pub is_own: bool,
    /// The address of the form.
    pub form: String,
    /// The address of the list.
    pub list: String,
    /// Whether it can be for the registries that are offered alone.
    pub is_bound: bool,
}

/// The form for a new token, and what it would be.
#[derive(Debug, Template)]
#[template(path = "token_new.html")]
pub struct NewTokenPage {
    /// Around it.
    pub frame: Frame,
    /// Whose it will be.
    pub place: TokenPlace,
    /// What is filled in.
    pub draft: TokenDraft,
    /// Registries to choose from, where they are not too many.
    pub choices: Vec<String>,
    /// The registry that `cargo login` sent the person here for, as cargo writes it.
    pub login: Option<String>,
    /// What the token could do, in sentences.
    pub could: Vec<String>,
    /// Why it cannot be made so.
    pub problem: Option<String>,
}

impl NewTokenPage {
    fn has_scope(&self, word: &str) -> bool {
        word == "read" || self.draft.scopes.iter().any(|scope| scope == word)
    }

    fn has_registry(&self, name: &str) -> bool {
        !self.draft.everywhere && self.draft.registries.iter().any(|known| known == name)
    }

    /// A registry that is asked for and not among the choices is kept all the same.
    fn others(&self) -> impl Iterator<Item = &String> {
        let registries = self.draft.registries.iter();
        registries.filter(|name| !self.choices.contains(name))
    }
}

/// A token, the one time that it is shown.
#[derive(Debug, Template)]
#[template(path = "token_made.html")]
pub struct TokenMadePage {
    /// Around it.
    pub frame: Frame,
    /// Whose it is.
    pub place: TokenPlace,
    /// As its owner calls it.
    pub name: String,
    /// Its text.
    pub secret: String,
    /// What it may do, in sentences.
    pub can: Vec<String>,
    /// When it ends.
    pub ends: Option<Moment>,
    /// The registries that it is for, as cargo writes them, with the variable that holds a token in CI.
    pub places: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use supercargo_types::Scope;

    use super::*;

    #[derive(Template)]
    #[template(source = "{{ self.text()|ticked|safe }}", ext = "html")]
    struct Sentence(&'static str);

    impl Sentence {
        fn text(&self) -> &str {
            self.0
        }
    }

    #[test]
    fn what_stands_between_backticks_is_code_and_nothing_of_it_runs() {
        for (text, html) in [
            (
                "reads `acme` & `b`",
                "reads <code>acme</code> &#38; <code>b</code>",
            ),
            ("`<i>`\"'", "<code>&#60;i&#62;</code>&#34;&#39;"),
            ("one ` alone", "one ` alone"),
            ("`a` and `", "<code>a</code> and `"),
            ("", ""),
        ] {
            assert_eq!(Sentence(text).render().unwrap(), html);
        }
    }

    #[test]
    fn every_scope_has_its_words() {
        let words = SCOPES.map(|scope| scope.word);
        assert_eq!(
            words.to_vec(),
            Scope::ALL
                .iter()
                .map(|scope| scope.as_str())
                .collect::<Vec<_>>()
        );
    }
}
