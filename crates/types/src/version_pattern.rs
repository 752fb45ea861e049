//! Patterns over versions of crates: a name or a glob, and a requirement where not every version is meant.

use std::{fmt, str::FromStr};

use semver::{Prerelease, Version, VersionReq};

use crate::{
    CanonicalName, InvalidPattern, NamePattern,
    described::{self, described},
};

/// In characters: a name, `@`, and a requirement of several comparators.
const LONGEST: usize = 256;

/// `serde`, `acme-*`, `openssl@<0.10.55` or `acme-*@^1`, anchored and over every spelling of a name.
#[derive(Clone)]
pub struct VersionPattern {
    text: String,
    name: NamePattern,
    requirement: Option<VersionReq>,
}

/// Why a text is not a pattern over versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVersionPattern {
    /// Longer than anything sensible.
    #[error("a pattern has at most {LONGEST} characters, as in `acme-*` or `openssl@<0.10.55`")]
    Length,
    /// What stands before `@` is no pattern over names.
    #[error(transparent)]
    Name(#[from] InvalidPattern),
    /// What stands after `@` is no requirement.
    #[error(
        "`{requirement}` in pattern `{pattern}` is not a version requirement: {reason}; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1`"
    )]
    Requirement {
        /// The whole pattern.
        pattern: String,
        /// What stands after `@`.
        requirement: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl VersionPattern {
    /// The names it is about.
    pub fn name(&self) -> &NamePattern {
        &self.name
    }

    /// Whether it is about every version of the names it covers.
    pub fn covers_all_versions(&self) -> bool {
        self.requirement.is_none()
    }

    /// Whether it lets a version in. A pre-release has to be named by the requirement, as cargo does it.
    pub fn admits(&self, name: &CanonicalName, version: &Version) -> bool {
        self.name.covers(name)
            && self
                .requirement
                .as_ref()
                .is_none_or(|requirement| requirement.matches(version))
    }

    /// Whether it keeps a version out. A pre-release is kept out with the release that it leads to as well: semver's rule
    /// that `<2` does not speak of `1.9.0-rc.1` would open a door in every list of what is forbidden.
    pub fn bars(&self, name: &CanonicalName, version: &Version) -> bool {
        if self.admits(name, version) {
            return true;
        }
        let mut release = version.clone();
        release.pre = Prerelease::EMPTY;
        !version.pre.is_empty() && self.admits(name, &release)
    }
}

impl FromStr for VersionPattern {
    type Err = InvalidVersionPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().count() > LONGEST {
            return Err(InvalidVersionPattern::Length);
        }
        let (name, requirement) = match text.split_once('@') {
            Some((name, requirement)) => (name, Some(requirement)),
            None => (text, None),
        };
        let name: NamePattern = name.parse()?;
        let refused = |requirement: &str, reason: String| InvalidVersionPattern::Requirement {
            pattern: text.to_owned(),
            requirement: requirement.to_owned(),
            reason,
        };
        let requirement = match requirement {
            None => None,
            // semver reads an empty text as `*`; here it is more likely that something got lost
            Some(blank) if blank.trim().is_empty() => {
                return Err(refused(blank, "nothing stands after `@`".to_owned()));
            }
            Some(written) => Some(
                VersionReq::parse(written).map_err(|error| refused(written, error.to_string()))?,
            ),
        };
        let text = match &requirement {
            Some(requirement) => format!("{name}@{requirement}"),
            None => name.to_string(),
        };
        Ok(Self {
            text,
            name,
            requirement,
        })
    }
}

impl PartialEq for VersionPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for VersionPattern {}

impl fmt::Display for VersionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for VersionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl serde::Serialize for VersionPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

described!(
    VersionPattern,
    described::text("^[A-Za-z0-9_*-]{1,64}(@.+)?$", 256, "openssl@<0.10.55",)
);

impl<'de> serde::Deserialize<'de> for VersionPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> VersionPattern {
        text.parse().unwrap()
    }

    fn bars(text: &str, name: &str, version: &str) -> bool {
        pattern(text).bars(&name.parse().unwrap(), &version.parse().unwrap())
    }

    fn admits(text: &str, name: &str, version: &str) -> bool {
        pattern(text).admits(&name.parse().unwrap(), &version.parse().unwrap())
    }

    #[test]
    fn a_name_means_every_version_of_every_spelling() {
        assert!(bars("Foo_Bar", "foo-bar", "0.1.0-alpha"));
        assert!(bars("evil-*", "evil-twin", "9.9.9"));
        assert!(!bars("evil", "evil-twin", "9.9.9"));
        assert!(pattern("evil").covers_all_versions());
    }

    #[test]
    fn a_requirement_narrows_it() {
        assert!(bars("openssl@<0.10.55", "openssl", "0.10.54"));
        assert!(!bars("openssl@<0.10.55", "openssl", "0.10.55"));
        assert!(bars("openssl@=0.10.55", "openssl", "0.10.55+build"));
        assert!(admits("acme-*@^1, <1.5", "acme-http", "1.4.9"));
        assert!(!admits("acme-*@^1, <1.5", "acme-http", "1.5.0"));
    }

    #[test]
    fn a_pre_release_is_barred_with_its_release_and_admitted_only_by_name() {
        assert!(bars("foo@<2", "foo", "1.9.0-rc.1"));
        assert!(!admits("foo@<2", "foo", "1.9.0-rc.1"));
        assert!(admits("foo@>=1.9.0-rc.1", "foo", "1.9.0-rc.2"));
        assert!(!bars("foo@<2", "foo", "2.0.0-rc.1"));
    }

    #[test]
    fn its_text_is_one_form_of_it() {
        assert_eq!(pattern("Acme_*@ ^1.2 ").to_string(), "acme-*@^1.2");
        assert_eq!(pattern("serde@1").to_string(), "serde@^1");
        assert_eq!(pattern("serde@1"), pattern("Serde@^1"));
    }

    #[test]
    fn nonsense_is_refused_with_what_is_wrong() {
        let refused = |text: &str| text.parse::<VersionPattern>().unwrap_err().to_string();
        let long = format!("a@{}", "1".repeat(300));
        let lines: Vec<_> = ["", "a b", "foo@", "foo@one", "foo@1@2", "@1", &long]
            .iter()
            .map(|text| refused(text))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        a pattern has 1 to 64 characters, as in `acme-*`
        invalid character ` ` in pattern `a b`: use letters, digits, `-`, `_` and `*`, as in `acme-*`
        `` in pattern `foo@` is not a version requirement: nothing stands after `@`; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1`
        `one` in pattern `foo@one` is not a version requirement: unexpected character 'o' while parsing major version number; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1`
        `1@2` in pattern `foo@1@2` is not a version requirement: expected comma after major version number, found '@'; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1`
        a pattern has 1 to 64 characters, as in `acme-*`
        a pattern has at most 256 characters, as in `acme-*` or `openssl@<0.10.55`
        ");
    }
}
