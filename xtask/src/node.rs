//! Programs for node that tests use, whose packages npm gets by their lockfiles: the provider of OpenID Connect that they sign
//! in with, and the driver of the browser that they look at pages with; and that browser.

use std::{fs, path::Path, process::Command};

use anyhow::bail;

use crate::{
    command::{run, succeeds},
    packages,
    workspace::root,
};

/// Where they are.
const FOLDERS: [&str; 2] = ["crates/testkit/oidc-provider", "crates/testkit/browser"];
/// What npm writes down of what it has installed.
const INSTALLED: &str = "node_modules/.package-lock.json";
/// Playwright's own download of a browser is not needed with it.
const BROWSER: &str = "/usr/bin/chromium";

/// Has the packages there, as the lockfiles want them, and the browser.
pub(crate) fn find_or_install(may_install: bool) -> anyhow::Result<()> {
    for (program, package) in [("node", "nodejs"), ("npm", "npm")] {
        if !succeeds(Command::new(program).arg("--version")) {
            packages::install(package, "running the tests", may_install)?;
        }
    }
    if !Path::new(BROWSER).exists() {
        packages::install("chromium", "looking at pages in a browser", may_install)?;
    }
    for folder in FOLDERS {
        let path = root().join(folder);
        if is_current(&path) {
            continue;
        }
        if !may_install {
            bail!(
                "the tests need what `npm ci` installs in `{folder}`; run that, or give `--install`"
            );
        }
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(path))?;
    }
    Ok(())
}

/// Whether what is installed is not older than what the lockfile says.
fn is_current(folder: &Path) -> bool {
    let changed = |path: &str| fs::metadata(folder.join(path))?.modified();
    match (changed(INSTALLED), changed("package-lock.json")) {
        (Ok(installed), Ok(wanted)) => installed >= wanted,
        _ => false,
    }
}
