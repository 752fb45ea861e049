//! Where this project lies, and what cargo knows of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::command::{cargo, output};

/// The part of `cargo metadata` that is used here.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
    pub(crate) resolve: Resolve,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

/// A package and what it depends on, after resolution.
#[derive(Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Edge>,
}

#[derive(Deserialize)]
pub(crate) struct Edge {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
pub(crate) struct EdgeKind {
    /// `None` is a normal dependency; otherwise `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("invariant: this crate has a folder in the workspace")
}

/// Asks cargo.
pub(crate) fn metadata() -> anyhow::Result<Metadata> {
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let text = output(cargo().args(arguments).current_dir(root()))?;
    serde_json::from_str(&text).context("cargo's metadata has another form than expected")
}

/// A folder under `target/` for what these commands leave there.
pub(crate) fn folder(metadata: &Metadata, name: &str) -> anyhow::Result<PathBuf> {
    let folder = metadata.target_directory.join("xtask").join(name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    Ok(folder)
}
