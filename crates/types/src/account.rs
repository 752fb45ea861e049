//! Names of those who act: users, service accounts, teams and jobs of CI systems.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    RegistryName,
    described::{self, described},
    text_enum::{text, words},
};

/// The name of a user, a service account or a team.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName(Arc<str>);
text!(AccountName, "^[a-z0-9][a-z0-9_.-]{0,63}$", 64, "alice");

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

/// The name of a trusted publisher: a rule of one registry about whose jobs it trusts.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublisherName(Arc<str>);
text!(PublisherName, "^[a-z0-9][a-z0-9_-]{0,31}$", 32, "release");

/// Why a text is not a trusted publisher's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a trusted publisher's name has 1 to 32 lower-case letters, digits, `-` and `_`, and starts with a letter or digit, as in `release`"
)]
pub struct InvalidPublisherName;

impl PublisherName {
    /// The account of the jobs that it covers: `job:{registry}.{name}`. There is no `.` in a trusted publisher's name, so no two
    /// registries share one.
    ///
    /// # Errors
    /// [`InvalidAccountName::Length`] when the two are too long together.
    pub fn jobs(&self, registry: &RegistryName) -> Result<PrincipalRef, InvalidAccountName> {
        Ok(PrincipalRef {
            kind: PrincipalKind::Job,
            name: format!("{registry}.{self}").parse()?,
        })
    }
}

impl FromStr for PublisherName {
    type Err = InvalidPublisherName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_sound = (1..=32).contains(&text.len())
            && text.starts_with(plain)
            && text.chars().all(|c| plain(c) || "-_".contains(c));
        if is_sound {
            Ok(Self(text.into()))
        } else {
            Err(InvalidPublisherName)
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
    /// Jobs of a CI system that one trusted publisher covers. It comes and goes with that rule, and has what the rule says.
    Job,
}
words!(PrincipalKind, "kind of principal", {
    User => "user", Service => "service", Team => "team", Job => "job",
});

/// A principal as people write it: `alice`, `service:ci`, `team:core`, `job:acme.release`.
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
            Some(("job", name)) => (PrincipalKind::Job, name),
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

described!(
    PrincipalRef,
    described::text(
        "^((service|team|job):)?[a-z0-9][a-z0-9_.-]{0,63}$",
        72,
        "service:ci",
    )
);

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
        for text in [
            "alice",
            "service:ci",
            "team:core",
            "job:acme.release",
            "a.b-c_d",
        ] {
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

    #[test]
    fn a_trusted_publisher_has_an_account_of_its_own_in_each_registry() {
        let jobs = |name: &str, registry: &str| {
            let name: PublisherName = name.parse().unwrap();
            name.jobs(&registry.parse().unwrap())
        };
        assert_eq!(
            jobs("release", "acme").unwrap().to_string(),
            "job:acme.release"
        );
        assert_ne!(jobs("c", "a.b"), jobs("b", "a"));
        assert_eq!(
            jobs("release", &"a".repeat(60)),
            Err(InvalidAccountName::Length)
        );
        for bad in ["", "Release", "a.b", "-a", "a b", &"a".repeat(33)] {
            assert!(bad.parse::<PublisherName>().is_err(), "{bad}");
        }
    }
}
