//! What is in a `.crate` file, and whether it may be served to anybody.
//!
//! Reads with the parsers that cargo unpacks with (`flate2`, `tar`) and refuses whatever another parser could
//! understand differently: what was checked here must be what is later built. Knows names and bytes; what the manifest
//! says is [`crate::manifest`]'s business.

mod members;
mod names;
mod stream;

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Read},
    ops::ControlFlow,
};

use semver::Version;
use serde::{Deserialize, Serialize};
use supercargo_types::CrateName;

use self::{
    members::{Member, walk},
    names::Names,
};
use crate::{
    manifest::{Outline, package_id},
    text::{shown, size},
};

/// The name that cargo reads, and no other: since it stopped to accept `cargo.toml`, case matters.
const MANIFEST: &str = "Cargo.toml";
const VCS_FILE: &str = ".cargo_vcs_info.json";
/// Cargo writes some hundred bytes.
const VCS_BYTES: u64 = 64 << 10;

/// How much an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Of the tar file inside the gzip.
    pub unpacked_bytes: u64,
    /// Files and folders, those folders included that have no entry of their own.
    pub entries: u64,
    /// Of `Cargo.toml`, which is held in memory.
    pub manifest_bytes: u64,
}

impl Default for ArchiveLimits {
    /// 512 MiB, as crates.io and cargo have it; 100,000 names; 1 MiB of manifest (the largest on crates.io have some
    /// hundred KiB).
    fn default() -> Self {
        Self {
            unpacked_bytes: 512 << 20,
            entries: 100_000,
            manifest_bytes: 1 << 20,
        }
    }
}

/// A checked archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// `Cargo.toml`, as it stands there.
    pub manifest_toml: Vec<u8>,
    /// Every file, as a path below `name-version/`.
    pub files: BTreeSet<String>,
    /// Where the sources came from, when cargo could tell.
    pub vcs: Option<VcsState>,
    /// Of the tar file inside the gzip.
    pub unpacked_bytes: u64,
}

/// What cargo recorded in `.cargo_vcs_info.json`. A publisher's claim, never proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcsState {
    /// The commit, 40 or 64 lower-case hexadecimal digits.
    pub sha1: Option<String>,
    /// The folder of the package in its repository; empty for the root.
    pub path_in_vcs: Option<String>,
    /// Whether files differed from that commit.
    pub dirty: bool,
}

/// Why a `.crate` file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveRefused {
    /// No gzip, a broken one, or one that ends too early.
    #[error("the crate file is not a complete gzip file ({0}); make it with `cargo package`")]
    Gzip(String),
    /// A second gzip member, or anything else, follows the first. Cargo reads only the first member; scanners that read
    /// all of them would see other contents.
    #[error("the crate file goes on after its first gzip member; make it with `cargo package`")]
    AfterGzip,
    /// The tar file is broken, or ambiguous between parsers.
    #[error("the tar file in the crate file is malformed: {0}; make it with `cargo package`")]
    Tar(String),
    /// More comes out than is accepted: a bomb, or a very large crate.
    #[error(
        "the crate unpacks to more than the limit of {}; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`",
        size(*.limit)
    )]
    UnpackedTooLarge {
        /// What would be accepted.
        limit: u64,
    },
    /// Too many files and folders, or names too long in all.
    #[error(
        "the crate holds more than {limit} {what}; leave files out with `exclude` in `[package]`"
    )]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// What would be accepted.
        limit: u64,
    },
    /// One file is larger than what is read of its kind.
    #[error("`{path}` is larger than {}; shorten it", size(*.limit))]
    FileTooLarge {
        /// Below `name-version/`.
        path: String,
        /// What would be accepted.
        limit: u64,
    },
    /// A path that must not be unpacked.
    #[error("invalid path `{path}` in the crate file: {reason}")]
    Path {
        /// As shown to people.
        path: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A link, device or anything else that is no file or folder. Links lead outside the folder that cargo unpacks to.
    #[error(
        "`{path}` is a {kind}; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place"
    )]
    Kind {
        /// As shown to people.
        path: String,
        /// What it is.
        kind: String,
    },
    /// Two entries that are one file on some system.
    #[error(
        "`{path}` and `{other}` are the same file where case does not matter; rename or exclude one of them"
    )]
    Collision {
        /// The later one.
        path: String,
        /// The earlier one.
        other: String,
    },
    /// The same path twice: the last one wins in cargo, the first one elsewhere.
    #[error("`{0}` stands more than once in the crate file; make it with `cargo package`")]
    Duplicate(String),
    /// A path that is a file and a folder.
    #[error("`{0}` is both a file and a folder in the crate file; make it with `cargo package`")]
    FileAndFolder(String),
    /// No manifest in the root.
    #[error("the crate file has no `Cargo.toml` in `{0}/`; make it with `cargo package`")]
    NoManifest(String),
    /// The manifest has another case.
    #[error(
        "the crate file has no `Cargo.toml`, but `{0}`; rename it to `Cargo.toml` with that exact case"
    )]
    ManifestCase(String),
    /// Several manifests that differ in case.
    #[error("the crate file has more than one manifest: `{0}` and `{1}`; keep only `Cargo.toml`")]
    TwoManifests(String, String),
    /// The manifest's name and version cannot be read ([`identify`] only).
    #[error("`Cargo.toml` does not tell what the crate is: {0}")]
    Unidentified(String),
    /// The bytes could not be read: a fault of ours, not of the archive.
    #[error("the crate file could not be read")]
    Unreadable(#[source] io::Error),
}

impl ArchiveRefused {
    /// Whether the limit on unpacked bytes was the reason.
    pub fn too_large(&self) -> bool {
        matches!(self, Self::UnpackedTooLarge { .. })
    }

    /// Whether our own reading failed, so that nothing can be said about the archive.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Unreadable(_))
    }
}

/// Checks a whole `.crate` file and takes from it what the index and the pages need.
///
/// Memory is bounded by the limits: file contents other than the manifest are read and dropped.
pub fn read_archive<R: BufRead>(
    reader: R,
    name: &CrateName,
    version: &Version,
    limits: &ArchiveLimits,
) -> Result<Archive, ArchiveRefused> {
    let root = format!("{name}-{version}");
    let mut contents = Contents::new(&root, limits);
    let unpacked_bytes = walk(reader, limits.unpacked_bytes, &mut |member| {
        contents.admit(member)?;
        Ok(ControlFlow::Continue(()))
    })?;
    contents.finish(unpacked_bytes)
}

/// Finds out which crate a file is, from the manifest in it, for uploads that come without cargo's metadata. Stops at
/// the manifest, so [`read_archive`] must follow.
pub fn identify<R: BufRead>(
    reader: R,
    limits: &ArchiveLimits,
) -> Result<(CrateName, Version), ArchiveRefused> {
    let mut found = None;
    walk(reader, limits.unpacked_bytes, &mut |mut member| {
        let path = std::str::from_utf8(&member.path).ok();
        let Some((root, MANIFEST)) = path.and_then(|path| path.split_once('/')) else {
            return Ok(ControlFlow::Continue(()));
        };
        let root = root.to_owned();
        let manifest = member.read(MANIFEST, limits.manifest_bytes)?;
        let (name, version) = package_id(&manifest)
            .map_err(|error| ArchiveRefused::Unidentified(error.to_string()))?;
        if root != format!("{name}-{version}") {
            let root = shown(&root);
            return Err(ArchiveRefused::Unidentified(format!(
                "it says `{name}` `{version}`, but stands in the folder `{root}`; make the crate file with `cargo package`"
            )));
        }
        found = Some((name, version));
        Ok(ControlFlow::Break(()))
    })?;
    found.ok_or_else(|| ArchiveRefused::NoManifest("NAME-VERSION".to_owned()))
}

/// The contents of one file of an archive that [`read_archive`] has accepted, or `None` when it has no such file.
///
/// # Errors
/// Also when the file is larger than `limit`.
pub fn read_file<R: BufRead>(
    reader: R,
    name: &CrateName,
    version: &Version,
    path: &str,
    limits: &ArchiveLimits,
    limit: u64,
) -> Result<Option<Vec<u8>>, ArchiveRefused> {
    let wanted = format!("{name}-{version}/{path}");
    let mut found = None;
    walk(reader, limits.unpacked_bytes, &mut |mut member| {
        if member.is_folder || member.path != wanted.as_bytes() {
            return Ok(ControlFlow::Continue(()));
        }
        found = Some(member.read(path, limit)?);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// What the manifest of an archive that was never checked here says about its crate; `None` where there is none. Stops at it.
///
/// # Errors
/// When the archive cannot be read as far as there.
pub fn read_outline<R: BufRead>(
    reader: R,
    limits: &ArchiveLimits,
) -> Result<Option<Outline>, ArchiveRefused> {
    let mut found = None;
    walk(reader, limits.unpacked_bytes, &mut |mut member| {
        let path = std::str::from_utf8(&member.path).ok();
        if !matches!(
            path.and_then(|path| path.split_once('/')),
            Some((_, MANIFEST))
        ) {
            return Ok(ControlFlow::Continue(()));
        }
        let manifest = member.read(MANIFEST, limits.manifest_bytes)?;
        found = Some(Outline::of(&manifest));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// What has been seen of an archive so far.
struct Contents<'a> {
    root: &'a str,
    limits: &'a ArchiveLimits,
    names: Names,
    files: BTreeSet<String>,
    /// Every file in the root that is called `Cargo.toml` in any case.
    manifest_name: Option<String>,
    manifest_toml: Vec<u8>,
    vcs: Option<VcsState>,
}

impl<'a> Contents<'a> {
    fn new(root: &'a str, limits: &'a ArchiveLimits) -> Self {
        Self {
            root,
            limits,
            names: Names::new(limits.entries),
            files: BTreeSet::new(),
            manifest_name: None,
            manifest_toml: Vec::new(),
            vcs: None,
        }
    }

    fn admit(&mut self, mut member: Member<'_>) -> Result<(), ArchiveRefused> {
        let path = names::check(&member.path, member.is_folder, self.root)?.to_owned();
        if path.is_empty() {
            return self.names.admit_root();
        }
        if path.eq_ignore_ascii_case(MANIFEST) && !member.is_folder {
            if let Some(other) = self.manifest_name.replace(path.clone()) {
                return Err(ArchiveRefused::TwoManifests(other, path));
            }
            self.manifest_toml = member.read(&path, self.limits.manifest_bytes)?;
        }
        self.names.admit(&path, member.is_folder)?;
        if member.is_folder {
            return Ok(());
        }
        if path == VCS_FILE && member.size <= VCS_BYTES {
            self.vcs = parse_vcs(&member.read(&path, VCS_BYTES)?);
        }
        self.files.insert(path);
        Ok(())
    }

    fn finish(self, unpacked_bytes: u64) -> Result<Archive, ArchiveRefused> {
        match self.manifest_name.as_deref() {
            Some(MANIFEST) => Ok(Archive {
                manifest_toml: self.manifest_toml,
                files: self.files,
                vcs: self.vcs,
                unpacked_bytes,
            }),
            Some(other) => Err(ArchiveRefused::ManifestCase(other.to_owned())),
            None => Err(ArchiveRefused::NoManifest(self.root.to_owned())),
        }
    }
}

/// Best effort, as on crates.io: an unreadable file tells nothing, and is no reason to refuse the crate.
fn parse_vcs(json: &[u8]) -> Option<VcsState> {
    #[derive(Deserialize)]
    struct Git {
        sha1: Option<String>,
        #[serde(default)]
        dirty: bool,
    }
    #[derive(Deserialize)]
    struct Wire {
        git: Option<Git>,
        path_in_vcs: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(json).ok()?;
    let is_commit = |text: &String| {
        matches!(text.len(), 40 | 64)
            && text
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let (sha1, dirty) = wire.git.map_or((None, false), |git| (git.sha1, git.dirty));
    Some(VcsState {
        sha1: sha1.filter(is_commit),
        path_in_vcs: wire.path_in_vcs,
        dirty,
    })
}

impl Member<'_> {
    /// All of a file, which must have at most `limit` bytes.
    fn read(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, ArchiveRefused> {
        if self.size > limit {
            return Err(ArchiveRefused::FileTooLarge {
                path: shown(path),
                limit,
            });
        }
        let mut contents = Vec::new();
        self.data
            .take(limit)
            .read_to_end(&mut contents)
            .map_err(members::malformed)?;
        Ok(contents)
    }
}
