//! `Cargo.lock`, versions 1 to 4: which packages of registries it names, and with which checksums.
//!
//! Nothing here knows which registry is ours.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use semver::Version;
use serde::Deserialize;
use supercargo_types::{CrateName, Digest};

use crate::output::printable;

/// The largest that are known have some hundred KiB; whatever is larger is another file, and would fill the memory.
const LARGEST: u64 = 16 << 20;
/// Each package is two requests: a lockfile of a stranger must not become a flood of them.
const MOST_PACKAGES: usize = 100_000;
/// The newest that cargo writes.
const NEWEST: i64 = 4;

/// What a lockfile names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lockfile {
    /// Those of registries.
    pub(crate) packages: Vec<Locked>,
    /// How many are folders beside it.
    pub(crate) paths: usize,
    /// How many are git repositories.
    pub(crate) gits: usize,
}

/// A package of a registry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    pub(crate) name: CrateName,
    pub(crate) version: Version,
    /// With its kind in front: `registry+https://…`, `sparse+https://…/`.
    pub(crate) source: String,
    /// Of the `.crate` file; a registry may have had none when the lockfile was written.
    pub(crate) checksum: Option<Digest>,
}

/// Why a file is not believed to be a lockfile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockfileRefused {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("has more than {} MiB, which no lockfile has", LARGEST >> 20)]
    TooLarge,
    #[error("names {0} packages, and {MOST_PACKAGES} are the most that are read from one lockfile")]
    TooMany(usize),
    #[error(
        "is a lockfile of version {0}, and versions 1 to {NEWEST} are known; use a newer supercargo, or an older cargo to write it"
    )]
    Version(i64),
    #[error("is no lockfile ({reason}{place}); `cargo generate-lockfile` writes a new one")]
    Garbled { place: String, reason: String },
    /// What cannot be put into the path of a request.
    #[error(
        "names the package `{name}`, whose {reason}; `cargo generate-lockfile` writes a new one"
    )]
    Package { name: String, reason: String },
}

/// As cargo writes it: the checksums of version 1 stand in `metadata`, all later ones beside their package.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    package: Vec<Entry>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl Lockfile {
    /// Reads the whole file.
    pub(crate) fn read(path: &Path) -> Result<Self, LockfileRefused> {
        let mut text = String::new();
        let file = File::open(path)?;
        file.take(LARGEST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LARGEST {
            return Err(LockfileRefused::TooLarge);
        }
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, LockfileRefused> {
        let garbled = |error: &toml::de::Error| {
            let line = error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or_default();
                before.matches('\n').count() + 1
            });
            LockfileRefused::Garbled {
                place: line.map_or_else(String::new, |line| format!(", in line {line}")),
                reason: printable(error.message()),
            }
        };
        let table: toml::Table = text.parse().map_err(|error| garbled(&error))?;
        // before anything else is looked at: a later version may look otherwise
        if let Some(version) = table.get("version").and_then(toml::Value::as_integer)
            && !(1..=NEWEST).contains(&version)
        {
            return Err(LockfileRefused::Version(version));
        }
        let written: Written = table.try_into().map_err(|error| garbled(&error))?;
        if written.package.len() > MOST_PACKAGES {
            return Err(LockfileRefused::TooMany(written.package.len()));
        }
        let mut lockfile = Self::default();
        for entry in written.package {
            match &entry.source {
                None => lockfile.paths += 1,
                Some(source) if source.starts_with("git+") => lockfile.gits += 1,
                Some(source) => {
                    let locked = entry.locked(source, &written.metadata)?;
                    lockfile.packages.push(locked);
                }
            }
        }
        Ok(lockfile)
    }
}

impl Entry {
    /// The name ends up in the path of a request: one with `/` or `..` in it would ask for something else.
    fn locked(
        &self,
        source: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Locked, LockfileRefused> {
        let Self { name, version, .. } = self;
        let refuse = |what: &str, error: &dyn std::error::Error| LockfileRefused::Package {
            name: printable(name),
            reason: format!("{what} makes no sense ({})", printable(&error.to_string())),
        };
        let elsewhere = || metadata.get(&format!("checksum {name} {version} ({source})"));
        let checksum = self.checksum.as_ref().or_else(elsewhere);
        Ok(Locked {
            name: name.parse().map_err(|error| refuse("name", &error))?,
            version: version.parse().map_err(|error| refuse("version", &error))?,
            source: source.to_owned(),
            checksum: checksum
                // what version 1 says of a registry that had no checksum
                .filter(|checksum| *checksum != "<none>")
                .map(|checksum| checksum.parse())
                .transpose()
                .map_err(|error| refuse("checksum", &error))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn digest() -> Digest {
        Digest::of(b"demo")
    }

    fn demo(checksum: Option<Digest>) -> Lockfile {
        Lockfile {
            packages: vec![Locked {
                name: "demo".parse().unwrap(),
                version: "1.0.0+x".parse().unwrap(),
                source: CRATES_IO.to_owned(),
                checksum,
            }],
            paths: 1,
            gits: 1,
        }
    }

    /// The same three packages, as each version writes them.
    fn written(head: &str, checksum: &str, end: &str) -> String {
        format!(
            r#"# This file is automatically @generated by Cargo.
{head}
[[package]]
name = "consumer"
version = "0.1.0"
dependencies = ["demo"]

[[package]]
name = "demo"
version = "1.0.0+x"
source = "{CRATES_IO}"
{checksum}

[[package]]
name = "other"
version = "2.0.0"
source = "git+https://forge.example/other?branch=main#0123456789abcdef0123456789abcdef01234567"
{end}"#
        )
    }

    #[test]
    fn each_version_of_the_format_names_the_same() {
        let digest = digest();
        let beside = format!("checksum = \"{digest}\"");
        for head in ["", "version = 2", "version = 3", "version = 4"] {
            let lockfile = Lockfile::parse(&written(head, &beside, "")).unwrap();
            assert_eq!(lockfile, demo(Some(digest)), "{head}");
        }
        let apart = |checksum: &str| {
            format!("[metadata]\n\"checksum demo 1.0.0+x ({CRATES_IO})\" = \"{checksum}\"")
        };
        for head in ["", "version = 1"] {
            let read = |end: &str| Lockfile::parse(&written(head, "", end)).unwrap();
            assert_eq!(read(&apart(&digest.hex())), demo(Some(digest)));
            assert_eq!(read(&apart("<none>")), demo(None));
            assert_eq!(read(""), demo(None));
        }
        assert_eq!(
            Lockfile::parse("version = 4\n").unwrap(),
            Lockfile::default()
        );
    }

    #[test]
    fn what_is_no_lockfile_of_a_known_version_is_refused_with_the_reason() {
        let package = |name: &str, version: &str, checksum: &str| {
            format!(
                "[[package]]\nname = {name:?}\nversion = {version:?}\nsource = {CRATES_IO:?}\nchecksum = {checksum:?}\n"
            )
        };
        let all = [
            // later ones may look otherwise
            "version = 5\npackage = \"another shape\"\n".to_owned(),
            "version = 0\n".to_owned(),
            "version = 4\n<<<<<<< HEAD\n".to_owned(),
            "package = 1\n".to_owned(),
            "[[package]]\nname = \"demo\"\n".to_owned(),
            package("../me", "1.0.0", &digest().hex()),
            package("demo", "../../me", &digest().hex()),
            package("demo", "1.0.0", &digest().hex().to_uppercase()),
        ];
        let all = all.map(|text| Lockfile::parse(&text).unwrap_err().to_string());
        assert_snapshot!(all.join("\n"), @"
        is a lockfile of version 5, and versions 1 to 4 are known; use a newer supercargo, or an older cargo to write it
        is a lockfile of version 0, and versions 1 to 4 are known; use a newer supercargo, or an older cargo to write it
        is no lockfile (key with no value, expected `=`, in line 2); `cargo generate-lockfile` writes a new one
        is no lockfile (invalid type: integer `1`, expected a sequence); `cargo generate-lockfile` writes a new one
        is no lockfile (missing field `version`); `cargo generate-lockfile` writes a new one
        names the package `../me`, whose name makes no sense (invalid character `.` in crate name `../me`: the first character must be an ASCII letter); `cargo generate-lockfile` writes a new one
        names the package `demo`, whose version makes no sense (unexpected character '.' while parsing major version number); `cargo generate-lockfile` writes a new one
        names the package `demo`, whose checksum makes no sense (a checksum is 64 lower-case hexadecimal digits); `cargo generate-lockfile` writes a new one
        ");
    }

    #[test]
    fn a_file_that_is_too_large_or_names_too_much_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.lock");
        let refusal = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Lockfile::read(&path).unwrap_err().to_string()
        };
        let largest = usize::try_from(LARGEST).unwrap();
        let package = "[[package]]\nname=\"a\"\nversion=\"1.0.0\"\n";
        let all = [
            refusal(&"#".repeat(largest + 1)),
            refusal(&package.repeat(MOST_PACKAGES + 1)),
            Lockfile::read(folder.path()).unwrap_err().to_string(),
        ];
        assert_snapshot!(all.join("\n"), @"
        has more than 16 MiB, which no lockfile has
        names 100001 packages, and 100000 are the most that are read from one lockfile
        cannot be read: Is a directory (os error 21)
        ");
        std::fs::write(&path, "#".repeat(largest)).unwrap();
        assert_eq!(Lockfile::read(&path).unwrap(), Lockfile::default());
    }
}
