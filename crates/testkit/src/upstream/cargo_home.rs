//! What cargo keeps of crates.io in its home: the `.crate` files and the index entries of everything that was built here.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use supercargo_types::{Digest, sparse_path};

use crate::lockfile::LockedPackage;

/// Cargo's `CURRENT_CACHE_VERSION` and `INDEX_V_MAX` (`src/cargo/sources/registry/index/cache.rs`).
const CACHE_VERSION: u8 = 3;
const INDEX_VERSION: u32 = 2;

/// A crate of crates.io as cargo has kept it.
#[derive(Clone, Debug)]
pub struct KeptCrate {
    /// As its author wrote it.
    pub name: String,
    /// Of all its versions, as they came.
    pub index_lines: Vec<String>,
    /// The locked ones, each with the bytes of its `.crate`.
    pub versions: Vec<(String, Bytes)>,
}

impl KeptCrate {
    /// Every crates.io package of a `Cargo.lock`, out of what cargo downloaded to build that project.
    ///
    /// # Errors
    /// When one is missing or not what the lockfile says, with the command that brings it.
    pub fn of_lockfile(lockfile: &Path) -> anyhow::Result<Vec<Self>> {
        read(lockfile)
    }
}

fn read(lockfile: &Path) -> anyhow::Result<Vec<KeptCrate>> {
    let home = cargo_home()?;
    let archives = folders(&home.join("registry/cache"));
    let indexes = folders(&home.join("registry/index"));
    let mut crates: BTreeMap<String, KeptCrate> = BTreeMap::new();
    for package in LockedPackage::read(lockfile)? {
        let bytes = archive(&archives, &package)
            .with_context(|| format!("run `cargo fetch --locked` first: cargo's home `{}` has no `{}` {} with the checksum of the lockfile", home.display(), package.name, package.version))?;
        let found = match crates.entry(package.name.clone()) {
            std::collections::btree_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::btree_map::Entry::Vacant(vacant) => vacant.insert(KeptCrate {
                index_lines: index_lines(&indexes, &package)?,
                name: package.name,
                versions: Vec::new(),
            }),
        };
        found.versions.push((package.version, bytes));
    }
    Ok(crates.into_values().collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo's own variable, which is no setting of ours"
)]
fn cargo_home() -> anyhow::Result<PathBuf> {
    env::var("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|_| env::var("HOME").map(|home| Path::new(&home).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set: cargo's home is unknown")
}

/// Each registry (or its replacement) has a folder there; which is crates.io's shows in what is found in it.
fn folders(parent: &Path) -> Vec<PathBuf> {
    fs::read_dir(parent).map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    )
}

fn archive(folders: &[PathBuf], package: &LockedPackage) -> Option<Bytes> {
    let file = format!("{}-{}.crate", package.name, package.version);
    folders
        .iter()
        .filter_map(|folder| fs::read(folder.join(&file)).ok())
        .find(|bytes| Digest::of(bytes).hex() == package.checksum)
        .map(Bytes::from)
}

/// All lines of the crate, from the cache that knows the locked checksum.
fn index_lines(folders: &[PathBuf], package: &LockedPackage) -> anyhow::Result<Vec<String>> {
    let LockedPackage { name, checksum, .. } = package;
    let path = sparse_path(&name.parse()?);
    for folder in folders {
        let file = folder.join(".cache").join(&path);
        let Ok(bytes) = fs::read(&file) else { continue };
        let lines = parse(&bytes).with_context(|| {
            let file = file.display();
            format!("`{file}` is not the index cache of a cargo that this knows")
        })?;
        if lines.iter().any(|line| line.contains(checksum)) {
            return Ok(lines);
        }
    }
    bail!(
        "run `cargo fetch --locked` first: cargo's home has no index entry of `{name}` with the checksum of the lockfile"
    )
}

/// A byte of cache version, four of index version, then texts that each end in NUL: the revision, then in turn a version
/// and its line.
fn parse(bytes: &[u8]) -> anyhow::Result<Vec<String>> {
    let (head, texts) = bytes.split_at_checked(5).context("it is too short")?;
    ensure!(
        head[0] == CACHE_VERSION,
        "its cache version is {}, not {CACHE_VERSION}",
        head[0]
    );
    ensure!(
        head[1..] == INDEX_VERSION.to_le_bytes(),
        "its index version is not {INDEX_VERSION}"
    );
    let texts = texts.strip_suffix(b"\0").context("it is cut off")?;
    let mut texts = texts.split(|byte| *byte == 0).skip(1);
    let mut lines = Vec::new();
    while let Some(_version) = texts.next() {
        let Some(line) = texts.next() else {
            bail!("a version has no line")
        };
        lines.push(String::from_utf8(line.to_vec()).context("a line is not UTF-8")?);
    }
    ensure!(!lines.is_empty(), "it has no version");
    Ok(lines)
}
