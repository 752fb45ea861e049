//! Names of crates and registries, and the three forms a crate name has.

use std::{borrow::Borrow, str::FromStr, sync::Arc};

use crate::text_enum::text;

/// Cargo's and crates.io's limit, in characters.
const LONGEST_CRATE_NAME: usize = 64;
const LONGEST_REGISTRY_NAME: usize = 64;

/// A crate name as its publisher wrote it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CrateName(Arc<str>);
text!(CrateName, "^[A-Za-z][A-Za-z0-9_-]{0,63}$", 64, "acme-app");

/// A crate name in lower case, exactly as asked: what index paths and requests carry. `foo_bar` and `foo-bar` are two
/// spellings, for cargo asks them as two questions. Parsing folds case, since any case in a path resolves.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spelling(Arc<str>);
text!(Spelling);

/// Lower case with `_` turned into `-`: the only form in which crate names are compared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalName(Arc<str>);
text!(CanonicalName, "^[a-z][a-z0-9-]{0,63}$", 64, "acme-app");

/// Why a text is not a crate name. Shown to people who run `cargo publish`; the rules are those of crates.io.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCrateName {
    /// Nothing there.
    #[error("a crate name cannot be empty")]
    Empty,
    /// More than 64 characters.
    #[error("the crate name `{0}…` is too long (at most {LONGEST_CRATE_NAME} characters)")]
    TooLong(String),
    /// The first character is no ASCII letter.
    #[error(
        "invalid character `{character}` in crate name `{name}`: the first character must be an ASCII letter"
    )]
    Start {
        /// The whole name.
        name: String,
        /// What it starts with.
        character: char,
    },
    /// A later character is none of those allowed.
    #[error(
        "invalid character `{character}` in crate name `{name}`: use ASCII letters, digits, `-` and `_`"
    )]
    Character {
        /// The whole name.
        name: String,
        /// The first one that is not allowed.
        character: char,
    },
}

fn check_crate_name(text: &str) -> Result<(), InvalidCrateName> {
    let first = text.chars().next().ok_or(InvalidCrateName::Empty)?;
    if text.chars().count() > LONGEST_CRATE_NAME {
        let start = text.chars().take(16).collect();
        return Err(InvalidCrateName::TooLong(start));
    }
    if !first.is_ascii_alphabetic() {
        return Err(InvalidCrateName::Start {
            name: text.to_owned(),
            character: first,
        });
    }
    match text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'))
    {
        Some(character) => Err(InvalidCrateName::Character {
            name: text.to_owned(),
            character,
        }),
        None => Ok(()),
    }
}

/// Folds to the canonical form without checking; for patterns, whose text has a `*` besides.
pub(crate) fn fold(text: &str) -> String {
    text.to_ascii_lowercase().replace('_', "-")
}

impl CrateName {
    /// The form that index paths use.
    pub fn spelling(&self) -> Spelling {
        Spelling(self.0.to_ascii_lowercase().into())
    }

    /// The form that `My_Crate` and `my-crate` share.
    pub fn canonical(&self) -> CanonicalName {
        CanonicalName(fold(&self.0).into())
    }
}

impl Spelling {
    /// The form that twins share.
    pub fn canonical(&self) -> CanonicalName {
        CanonicalName(fold(&self.0).into())
    }
}

impl FromStr for CrateName {
    type Err = InvalidCrateName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_crate_name(text)?;
        Ok(Self(text.into()))
    }
}

impl FromStr for Spelling {
    type Err = InvalidCrateName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_crate_name(text)?;
        // nearly always lower case already: this stands on the way of every request
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(text.to_ascii_lowercase().into()));
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for CanonicalName {
    type Err = InvalidCrateName;

    /// Any spelling is accepted and folded.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_crate_name(text)?;
        Ok(Self(fold(text).into()))
    }
}

/// The name of a registry: part of URLs that end up in lockfiles, so it never changes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryName(Arc<str>);
text!(RegistryName, "^[a-z][a-z0-9_.-]{0,63}$", 64, "acme");

/// Why a text is not a registry's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRegistryName {
    /// Nothing there, or more than 64 characters.
    #[error("a registry's name has 1 to {LONGEST_REGISTRY_NAME} characters")]
    Length,
    /// Starts with something else than a lower-case letter.
    #[error("the registry name `{0}` must start with a lower-case letter, as in `acme`")]
    Start(String),
    /// Has a character that is not allowed.
    #[error(
        "invalid character `{character}` in registry name `{name}`: use lower-case letters, digits, `_`, `.` and `-`, as in `acme-tools`"
    )]
    Character {
        /// The whole name.
        name: String,
        /// The first one that is not allowed.
        character: char,
    },
    /// A path of the server has this name.
    #[error("the name `{0}` is reserved for the server's own paths; choose another")]
    Reserved(String),
}

/// Looking a name up needs no name made: one that is none is just not found.
impl Borrow<str> for RegistryName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl RegistryName {
    /// First segments of the server's own paths, and segments that follow a registry's name.
    pub const RESERVED: [&'static str; 13] = [
        "api", "healthz", "readyz", "metrics", "index", "hosted", "mirror", "crates", "static",
        "assets", "login", "me", "docs",
    ];

    /// Names that share this key share one `CARGO_REGISTRIES_…` variable and are twins: only one may exist.
    pub fn twin_key(&self) -> String {
        self.0.replace(['.', '_'], "-")
    }

    /// The name to use in `[registries]`: cargo's configuration keys cannot hold a `.`.
    pub fn in_cargo(&self) -> String {
        self.0.replace('.', "-")
    }

    /// The environment variable in which cargo looks for this registry's token.
    pub fn token_variable(&self) -> String {
        let key = self.twin_key().replace('-', "_").to_ascii_uppercase();
        format!("CARGO_REGISTRIES_{key}_TOKEN")
    }
}

impl FromStr for RegistryName {
    type Err = InvalidRegistryName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > LONGEST_REGISTRY_NAME {
            return Err(InvalidRegistryName::Length);
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(InvalidRegistryName::Start(text.to_owned()));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
        if let Some(character) = text.chars().find(|&c| !allowed(c)) {
            return Err(InvalidRegistryName::Character {
                name: text.to_owned(),
                character,
            });
        }
        if Self::RESERVED.contains(&text) {
            return Err(InvalidRegistryName::Reserved(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_of_a_crate_name() {
        let name: CrateName = "My_Crate".parse().unwrap();
        assert_eq!(name.as_str(), "My_Crate");
        assert_eq!(name.spelling().as_str(), "my_crate");
        assert_eq!(name.canonical().as_str(), "my-crate");
        assert_eq!("MY_crate".parse::<Spelling>().unwrap(), name.spelling());
        assert_ne!("my-crate".parse::<Spelling>().unwrap(), name.spelling());
    }

    #[test]
    fn bad_crate_names_say_what_is_wrong() {
        let say = |text: &str| text.parse::<CrateName>().unwrap_err().to_string();
        insta::assert_snapshot!(
            [say(""), say("1st"), say("_x"), say("a b"), say("naïve"), say(&"x".repeat(65))].join("\n"),
            @"
        a crate name cannot be empty
        invalid character `1` in crate name `1st`: the first character must be an ASCII letter
        invalid character `_` in crate name `_x`: the first character must be an ASCII letter
        invalid character ` ` in crate name `a b`: use ASCII letters, digits, `-` and `_`
        invalid character `ï` in crate name `naïve`: use ASCII letters, digits, `-` and `_`
        the crate name `xxxxxxxxxxxxxxxx…` is too long (at most 64 characters)
        "
        );
        assert!("x".repeat(64).parse::<CrateName>().is_ok());
    }

    #[test]
    fn registry_names_follow_the_contract() {
        for good in ["main", "a", "acme.tools_2-x", &"a".repeat(64)] {
            assert!(good.parse::<RegistryName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "1a",
            "Acme",
            "-",
            "a/b",
            "a b",
            "é",
            &"a".repeat(65),
            "docs",
            "api",
            "me",
            "mirror",
        ] {
            assert!(bad.parse::<RegistryName>().is_err(), "{bad}");
        }
        let name: RegistryName = "acme.x_y".parse().unwrap();
        assert_eq!(name.twin_key(), "acme-x-y");
        assert_eq!(name.in_cargo(), "acme-x_y");
        assert_eq!(name.token_variable(), "CARGO_REGISTRIES_ACME_X_Y_TOKEN");
    }
}
