//! Names of those who act: users, service accounts and teams.

use std::{fmt, str::FromStr, sync::Arc};

use crate::text_enum::{text, words};

/// The name of a user, a service account or a team.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName(Arc<str>);
text!(AccountName);

/// Why a text is not an account's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccountName {
    /// Nothing there, or more than 64 characters.
    #[error("an account's name has 1 to 64 characters, as in `alice`")]
    Length,
    /// Starts with something else than a letter or digit, or holds a character that is not allowed.
    #[error(
        "invalid character `{character}` in account name `{name}`: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit, as in `alice`"
    )]
    Character {
        /// The whole name.
        name: String,
        /// The first one that is not allowed.
        character: char,
    },
}

impl FromStr for AccountName {
    type Err = InvalidAccountName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > 64 {
            return Err(InvalidAccountName::Length);
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let stray = text
            .char_indices()
            .find(|&(at, c)| !(plain(c) || (at > 0 && "-_.".contains(c))));
        match stray {
            Some((_, character)) => Err(InvalidAccountName::Character {
                name: text.to_owned(),
                character,
            }),
            None => Ok(Self(text.into())),
        }
    }
}

/// What kind of principal a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A machine's account, of the instance or of one registry.
    Service,
    /// Several users; only a member of registries, it never acts itself.
    Team,
}
words!(PrincipalKind, "kind of principal", { User => "user", Service => "service", Team => "team" });

/// A principal as people write it: `alice`, `service:ci`, `team:core`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalRef {
    /// The part before the colon; a user without one.
    pub kind: PrincipalKind,
    /// The part after the colon.
    pub name: AccountName,
}

impl FromStr for PrincipalRef {
    type Err = InvalidAccountName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = match text.split_once(':') {
            Some(("service", name)) => (PrincipalKind::Service, name),
            Some(("team", name)) => (PrincipalKind::Team, name),
            _ => (PrincipalKind::User, text),
        };
        Ok(Self {
            kind,
            name: name.parse()?,
        })
    }
}

impl fmt::Display for PrincipalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            PrincipalKind::User => f.write_str(self.name.as_str()),
            kind => write!(f, "{kind}:{}", self.name),
        }
    }
}

impl serde::Serialize for PrincipalRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PrincipalRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_written_as_in_the_contract() {
        for text in ["alice", "service:ci", "team:core", "a.b-c_d"] {
            assert_eq!(text.parse::<PrincipalRef>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "Alice",
            "-a",
            "robot:x",
            "team:",
            "a b",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<PrincipalRef>().is_err(), "{bad}");
        }
    }
}
