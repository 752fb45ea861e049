//! `demo` and `demo@1.0.0`: which crate or version a command is about.

use std::{fmt, str::FromStr};

use semver::Version;
use supercargo_types::CrateName;

/// A crate, or one version of it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    name: CrateName,
    /// Checked to be one.
    version: Option<String>,
}

/// One version of a crate.
#[derive(Clone, Debug)]
pub(crate) struct Exact(Target);

impl Target {
    /// The crate.
    pub(super) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The version, where it is one.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Its place in the management API, with what follows.
    pub(super) fn path<'a>(&'a self, registry: &'a str, then: &[&'a str]) -> Vec<&'a str> {
        let mut path = vec!["registries", registry, "crates", self.name()];
        if let Some(version) = self.version() {
            path.extend(["versions", version]);
        }
        path.extend(then);
        path
    }
}

impl Exact {
    /// As what can be a crate, too.
    pub(super) const fn target(&self) -> &Target {
        &self.0
    }

    /// The crate.
    pub(super) fn name(&self) -> &str {
        self.0.name()
    }

    /// The version.
    pub(super) fn version(&self) -> &str {
        self.0
            .version()
            .expect("invariant: parsing demanded a version")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let name: CrateName = name.parse().map_err(|error| format!("{error}"))?;
        let check = |version: &str| match version.parse::<Version>() {
            Ok(version) => Ok(version.to_string()),
            Err(error) => Err(format!(
                "`{version}` is no version ({error}): write all of it, as in `{name}@1.0.0`"
            )),
        };
        let version = version.map(check).transpose()?;
        Ok(Self { name, version })
    }
}

impl FromStr for Exact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let target: Target = text.parse()?;
        match target.version {
            Some(_) => Ok(Self(target)),
            None => Err(format!("name a version too, as in `{target}@1.0.0`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn it_is_a_crate_or_a_version_of_it_and_nothing_else() {
        let read = |text: &str| text.parse::<Target>().map(|target| target.to_string());
        assert_eq!(read("Foo_Bar").unwrap(), "Foo_Bar");
        assert_eq!(read("demo@1.0.0-rc.1+x").unwrap(), "demo@1.0.0-rc.1+x");
        let exact = "demo@1.0.0".parse::<Exact>().unwrap();
        assert_eq!((exact.name(), exact.version()), ("demo", "1.0.0"));
        let mut refused: Vec<_> = ["", "a/b", "demo@", "demo@1.0", "demo@1.0.0@2", "@1.0.0"]
            .map(|text| read(text).unwrap_err())
            .into();
        refused.push("demo".parse::<Exact>().unwrap_err());
        assert_snapshot!(refused.join("\n"), @"
        a crate name cannot be empty
        invalid character `/` in crate name `a/b`: use ASCII letters, digits, `-` and `_`
        `` is no version (empty string, expected a semver version): write all of it, as in `demo@1.0.0`
        `1.0` is no version (unexpected end of input while parsing minor version number): write all of it, as in `demo@1.0.0`
        `1.0.0@2` is no version (unexpected character '@' after patch version number): write all of it, as in `demo@1.0.0`
        a crate name cannot be empty
        name a version too, as in `demo@1.0.0`
        ");
    }
}
