//! Facts from the `Cargo.toml` inside an archive: the only source for what the index says about a version.
//!
//! Refuses what would make cargo drop the version from the index without a word, and what cargo could not have
//! packaged. Knows nothing of registries' names or rights: a dependency's registry is reported as it is written.

mod dependencies;
mod features;
mod identity;
mod outline;
mod reserved;
mod schema;
mod targets;
mod warnings;

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};
use supercargo_types::{CrateName, InvalidCrateName};

pub(crate) use self::identity::package_id;
pub use self::{
    features::FeatureRefused, outline::Outline, reserved::is_reserved, warnings::warnings,
};
use self::{identity::parse, schema::Manifest};
use crate::{
    archive::{Archive, VcsState},
    text::shown,
    version::InvalidVersion,
};

/// How much a manifest may declare. The defaults are crates.io's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestLimits {
    /// Entries of `[features]`.
    pub features: usize,
    /// What one feature enables.
    pub values_per_feature: usize,
    /// Dependencies of all kinds and targets together.
    pub dependencies: usize,
}

impl Default for ManifestLimits {
    fn default() -> Self {
        Self {
            features: 300,
            values_per_feature: 300,
            dependencies: 500,
        }
    }
}

/// What a version is, according to its own archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageFacts {
    /// As written.
    pub name: CrateName,
    /// Build metadata included.
    pub version: Version,
    /// For search results and pages.
    pub description: Option<String>,
    /// An SPDX expression, if the author kept to the rules.
    pub license: Option<String>,
    /// The licence's text, in the archive.
    pub license_file: Option<String>,
    /// As written; not necessarily a URL.
    pub homepage: Option<String>,
    /// As written; not necessarily a URL.
    pub documentation: Option<String>,
    /// As written; not necessarily a URL.
    pub repository: Option<String>,
    /// Free words.
    pub keywords: Vec<String>,
    /// Slugs of crates.io's list, which is not known here.
    pub categories: Vec<String>,
    /// Names and addresses, as written.
    pub authors: Vec<String>,
    /// The readme in the archive, as a path below `name-version/`.
    pub readme_path: Option<String>,
    /// `1`, `1.60` or `1.60.0`: the only forms that cargo accepts in an index.
    pub rust_version: Option<String>,
    /// Four digits; `2015` where the manifest has none.
    pub edition: String,
    /// The native library that only one crate of a build may link.
    pub links: Option<String>,
    /// As declared, without the features that optional dependencies imply.
    pub features: BTreeMap<String, Vec<String>>,
    /// Of all kinds.
    pub dependencies: Vec<Dependency>,
    /// Whether code of this crate runs while it is built.
    pub has_build_script: bool,
    /// Whether code of this crate runs in the compiler.
    pub is_proc_macro: bool,
    /// What `cargo install` would install.
    pub binaries: Vec<String>,
    /// Whether other crates can depend on it.
    pub has_library: bool,
    /// Where the sources came from, as cargo recorded it.
    pub vcs: Option<VcsState>,
}

/// A dependency as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The key in the manifest: an alias when the package has another name.
    pub name_in_toml: String,
    /// The real name.
    pub package: CrateName,
    /// Normalised: `1.0` is `^1.0` here.
    pub requirement: String,
    /// Those asked for, in the manifest's order.
    pub features: Vec<String>,
    /// Whether a feature must enable it.
    pub optional: bool,
    /// Whether its default features are asked for.
    pub default_features: bool,
    /// A `cfg(…)` or a target triple.
    pub target: Option<String>,
    /// When it is needed.
    pub kind: DependencyKind,
    /// Where it comes from.
    pub registry: DependencyRegistry,
}

/// When a dependency is needed. The order is that of the index: old cargo misreads `dev` before `normal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DependencyKind {
    /// `[dependencies]`.
    Normal,
    /// `[build-dependencies]`.
    Build,
    /// `[dev-dependencies]`.
    Dev,
}

/// Where a dependency comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyRegistry {
    /// The manifest names no registry. That means crates.io, wherever the crate itself is published.
    CratesIo,
    /// `registry-index` as written.
    Url(String),
}

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestRefused {
    /// Not UTF-8, not TOML, or a field is missing or has another type.
    #[error("`Cargo.toml` cannot be read: {0}; make the crate file with `cargo package`")]
    Unreadable(String),
    /// `package.name` is no crate name.
    #[error(transparent)]
    Name(#[from] InvalidCrateName),
    /// `package.version` is no version.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// Cargo's metadata and the archive speak of different crates.
    #[error(
        "metadata {field} `{metadata}` does not match manifest {field} `{manifest}`; publish with `cargo publish`, which takes both from one `Cargo.toml`"
    )]
    Mismatch {
        /// `name` or `version`.
        field: &'static str,
        /// In the JSON.
        metadata: String,
        /// In the archive.
        manifest: String,
    },
    /// The standard library's names and those of Windows' devices.
    #[error("cannot upload a crate with the reserved name `{0}`; choose another name")]
    Reserved(CrateName),
    /// Inheritance that nobody resolved: there is no workspace around an archive.
    #[error(
        "value from workspace hasn't been set for `{0}`; make the crate file with `cargo package`, which fills it in"
    )]
    Workspace(String),
    /// `[patch]` has no effect in a dependency.
    #[error("crates cannot be published with `[patch]` tables; remove it from `Cargo.toml`")]
    Patch,
    /// `[lib]` without its file.
    #[error(
        "can't find the library's file `{0}` in the crate file; rename the file to `src/lib.rs` or set `path` in `[lib]`"
    )]
    LibraryFile(String),
    /// Cargo drops a version with such a `rust_version` from the index.
    #[error("invalid `rust-version` `{0}`; write it as `1.60` or `1.60.0`")]
    RustVersion(String),
    /// Not a year.
    #[error("`{0}` is not an edition; write a year, such as `2024`")]
    Edition(String),
    /// More dependencies than accepted.
    #[error("the crate has {found} dependencies, more than the limit of {limit}; split the crate")]
    TooManyDependencies {
        /// What it has.
        found: usize,
        /// What would be accepted.
        limit: usize,
    },
    /// Something about one dependency.
    #[error("dependency `{name}`: {reason}")]
    Dependency {
        /// Its key in the manifest.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Something about `[features]`.
    #[error(transparent)]
    Feature(#[from] FeatureRefused),
}

/// Reads the manifest of `archive` and holds it against what was announced.
pub fn read_facts(
    archive: &Archive,
    name: &CrateName,
    version: &Version,
    limits: &ManifestLimits,
) -> Result<PackageFacts, ManifestRefused> {
    let mut manifest = parse(&archive.manifest_toml)?;
    let package = std::mem::take(&mut manifest.package);
    must_match("name", name.as_str(), &package.name)?;
    must_match("version", &version.to_string(), &package.version)?;
    if is_reserved(name) {
        return Err(ManifestRefused::Reserved(name.clone()));
    }
    if manifest
        .patch
        .as_ref()
        .is_some_and(|patch| !patch.is_empty())
    {
        return Err(ManifestRefused::Patch);
    }
    let edition = package.edition.clone().unwrap_or_else(|| "2015".to_owned());
    check_edition(&edition)?;
    let rust_version = package.rust_version.clone();
    if let Some(rust_version) = &rust_version {
        check_rust_version(rust_version)?;
    }
    let targets = targets::find(&manifest, &package, &edition, &archive.files)?;
    let dependencies = dependencies::collect(&mut manifest, limits)?;
    let features = std::mem::take(&mut manifest.features);
    features::check(&features, &dependencies, limits)?;
    Ok(PackageFacts {
        name: name.clone(),
        version: version.clone(),
        description: package.description,
        license: package.license,
        license_file: package.license_file,
        homepage: package.homepage,
        documentation: package.documentation,
        repository: package.repository,
        keywords: package.keywords,
        categories: package.categories,
        authors: package.authors,
        readme_path: targets.readme_path,
        rust_version,
        edition,
        links: package.links,
        features,
        dependencies,
        has_build_script: targets.has_build_script,
        is_proc_macro: targets.is_proc_macro,
        binaries: targets.binaries,
        has_library: targets.has_library,
        vcs: archive.vcs.clone(),
    })
}

/// Compared as text, as cargo will when it unpacks: `Demo` and `demo`, `1.0.0` and `1.0.0+a` are different there.
fn must_match(field: &'static str, metadata: &str, manifest: &str) -> Result<(), ManifestRefused> {
    if metadata == manifest {
        return Ok(());
    }
    Err(ManifestRefused::Mismatch {
        field,
        metadata: shown(metadata),
        manifest: shown(manifest),
    })
}

/// By shape, so that an edition of the future can be published to the server of today.
fn check_edition(edition: &str) -> Result<(), ManifestRefused> {
    let is_year = edition.len() == 4
        && edition.starts_with("20")
        && edition.bytes().all(|digit| digit.is_ascii_digit());
    if is_year {
        Ok(())
    } else {
        Err(ManifestRefused::Edition(shown(edition)))
    }
}

/// One to three numbers: what cargo's `RustVersion` parses.
fn check_rust_version(text: &str) -> Result<(), ManifestRefused> {
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|digit| digit.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
            && part.parse::<u64>().is_ok()
    };
    if text.split('.').count() <= 3 && text.split('.').all(is_number) {
        Ok(())
    } else {
        Err(ManifestRefused::RustVersion(shown(text)))
    }
}
