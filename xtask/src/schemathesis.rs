//! Schemathesis, from Python's packages and in an environment of its own: it makes up requests from the description of the
//! management API.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::{
    command::{run, say, succeeds},
    packages,
    workspace::root,
};

/// Where it is, or will be, below `parent`; `may_install` puts it there.
///
/// Where it is missing and may not be installed, the one test that needs it fails and says so.
pub(crate) fn find_or_install(parent: &Path, may_install: bool) -> anyhow::Result<PathBuf> {
    let list = root().join("xtask/schemathesis/requirements.txt");
    let wanted =
        fs::read_to_string(&list).with_context(|| format!("cannot read `{}`", list.display()))?;
    let environment = parent.join("environment");
    let program = environment.join("bin/schemathesis");
    // what is installed, written when all of it is
    let mark = parent.join("installed.txt");
    let is_there = fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted);
    if (is_there && program.exists()) || !may_install {
        return Ok(program);
    }
    say("installing Schemathesis from PyPI");
    make(&environment, may_install)?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(["--no-deps", "--requirement"])
    .arg(&list);
    run(&mut pip).context(
        "Schemathesis cannot be installed; it needs PyPI once, and no network after that",
    )?;
    fs::write(&mark, wanted).with_context(|| format!("cannot write `{}`", mark.display()))?;
    Ok(program)
}

/// An empty environment; one that is there already is emptied.
fn make(environment: &Path, may_install: bool) -> anyhow::Result<()> {
    let make = || {
        let mut command = Command::new("python3");
        command.args(["-m", "venv", "--clear"]).arg(environment);
        command
    };
    if succeeds(&mut make()) {
        return Ok(());
    }
    packages::install("python3-venv", "running the tests", may_install)?;
    run(&mut make())
}
