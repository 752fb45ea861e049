//! What a `Cargo.lock` names.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::Deserialize;

/// A package that came from crates.io.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// As its author wrote it.
    pub name: String,
    /// With build metadata.
    pub version: String,
    /// SHA-256 of its `.crate`, in hexadecimal.
    pub checksum: String,
}

#[derive(Deserialize)]
struct Lockfile {
    #[serde(default)]
    package: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl LockedPackage {
    /// Those of a lockfile that come from crates.io: cargo writes them with the same source, whatever replaces crates.io.
    pub fn read(lockfile: &Path) -> anyhow::Result<Vec<Self>> {
        let text = fs::read_to_string(lockfile)
            .with_context(|| format!("cannot read `{}`", lockfile.display()))?;
        let lockfile: Lockfile = toml::from_str(&text)
            .with_context(|| format!("`{}` is not a lockfile", lockfile.display()))?;
        let packages = lockfile.package.into_iter().filter_map(|entry| {
            let from_crates_io = entry.source?.ends_with("/crates.io-index");
            let checksum = entry.checksum.filter(|_| from_crates_io)?;
            Some(Self {
                name: entry.name,
                version: entry.version,
                checksum,
            })
        });
        Ok(packages.collect())
    }
}
