//! The provider of OpenID Connect that tests sign in with: a program for node, whose packages npm gets by their lockfile.

use std::{fs, path::Path, process::Command};

use anyhow::bail;

use crate::{
    command::{run, succeeds},
    packages,
    workspace::root,
};

/// Where it is.
const FOLDER: &str = "crates/testkit/oidc-provider";
/// What npm writes down of what it has installed.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// Has its packages there, as the lockfile wants them.
pub(crate) fn find_or_install(may_install: bool) -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    for (program, package) in [("node", "nodejs"), ("npm", "npm")] {
        if !succeeds(Command::new(program).arg("--version")) {
            packages::install(package, "running the tests", may_install)?;
        }
    }
    if is_current(&folder) {
        return Ok(());
    }
    if !may_install {
        bail!("the tests need what `npm ci` installs in `{FOLDER}`; run that, or give `--install`");
    }
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder))
}

/// Whether what is installed is not older than what the lockfile says.
fn is_current(folder: &Path) -> bool {
    let changed = |path: &str| fs::metadata(folder.join(path))?.modified();
    match (changed(INSTALLED), changed("package-lock.json")) {
        (Ok(installed), Ok(wanted)) => installed >= wanted,
        _ => false,
    }
}
