//! What a package builds, found as cargo finds it: by `[lib]` and `[[bin]]`, and by the files that are there.

use std::collections::BTreeSet;

use super::{
    ManifestRefused,
    schema::{Manifest, Package, Setting},
};
use crate::text::shown;

const LIBRARY: &str = "src/lib.rs";
const READMES: [&str; 3] = ["README.md", "README.txt", "README"];

pub(super) struct Targets {
    pub(super) readme_path: Option<String>,
    pub(super) has_build_script: bool,
    pub(super) is_proc_macro: bool,
    pub(super) binaries: Vec<String>,
    pub(super) has_library: bool,
}

pub(super) fn find(
    manifest: &Manifest,
    package: &Package,
    edition: &str,
    files: &BTreeSet<String>,
) -> Result<Targets, ManifestRefused> {
    let has_library = match &manifest.lib {
        Some(library) => {
            check_library(library.path.as_deref(), package, edition, files)?;
            true
        }
        None => package.autolib != Some(false) && files.contains(LIBRARY),
    };
    let is_proc_macro = manifest.lib.as_ref().is_some_and(|library| {
        library.proc_macro || library.crate_type.iter().any(|kind| kind == "proc-macro")
    });
    let has_build_script = match &package.build {
        None | Some(Setting::Usual(true)) => files.contains("build.rs"),
        Some(Setting::Usual(false)) => false,
        Some(Setting::Path(_)) => true,
        Some(Setting::Paths(paths)) => !paths.is_empty(),
    };
    Ok(Targets {
        readme_path: readme(package, files),
        has_build_script,
        is_proc_macro,
        binaries: binaries(manifest, package, edition, files),
        has_library,
    })
}

fn check_library(
    path: Option<&str>,
    package: &Package,
    edition: &str,
    files: &BTreeSet<String>,
) -> Result<(), ManifestRefused> {
    // in the oldest edition cargo still finds it under the package's name, with a warning
    let legacy = format!("src/{}.rs", package.name);
    let is_there = path.map_or_else(
        || files.contains(LIBRARY) || (edition == "2015" && files.contains(&legacy)),
        |path| normal(path).is_some_and(|path| files.contains(&path)),
    );
    if is_there {
        return Ok(());
    }
    Err(ManifestRefused::LibraryFile(shown(path.unwrap_or(LIBRARY))))
}

/// A path of the manifest as the archive has it, or `None` when it leads out of the package.
pub(super) fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn readme(package: &Package, files: &BTreeSet<String>) -> Option<String> {
    let usual = || {
        let found = READMES.into_iter().find(|&path| files.contains(path))?;
        Some(found.to_owned())
    };
    match &package.readme {
        None => usual(),
        Some(Setting::Usual(is_wanted)) => is_wanted.then(usual).flatten(),
        Some(Setting::Path(path)) => normal(path).filter(|path| files.contains(path)),
        Some(Setting::Paths(_)) => None,
    }
}

/// Declared binaries, and those that cargo infers from `src/main.rs` and `src/bin`.
fn binaries(
    manifest: &Manifest,
    package: &Package,
    edition: &str,
    files: &BTreeSet<String>,
) -> Vec<String> {
    let declared: BTreeSet<&str> = manifest
        .bin
        .iter()
        .filter_map(|bin| bin.name.as_deref())
        .collect();
    let claimed: BTreeSet<String> = manifest
        .bin
        .iter()
        .filter_map(|bin| normal(bin.path.as_deref()?))
        .collect();
    let infers = package
        .autobins
        .unwrap_or(edition != "2015" || manifest.bin.is_empty());
    let inferred = files
        .iter()
        .filter(|path| infers && !claimed.contains(*path))
        .filter_map(|path| inferred_binary(path, &package.name));
    let all: BTreeSet<&str> = declared.into_iter().chain(inferred).collect();
    all.into_iter().map(str::to_owned).collect()
}

fn inferred_binary<'a>(path: &'a str, package: &'a str) -> Option<&'a str> {
    if path == "src/main.rs" {
        return Some(package);
    }
    let below = path.strip_prefix("src/bin/")?;
    let name = below
        .strip_suffix("/main.rs")
        .or_else(|| below.strip_suffix(".rs"))?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}
