//! Runs the end-to-end tests with a cargo that is given, and reads what libtest prints.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::{
    command::{cargo, output, run, say},
    postgres::Postgres,
    workspace::root,
};

/// The files of tests that drive cargo, below `crates/supercargo/tests`.
const SUITES: [&str; 2] = ["protocol", "resolution"];

/// What a program in cargo's place prints: a test that fails because of it shows what it has printed.
const NO_CARGO: &str = "this is no cargo";

/// One file of tests, compiled.
pub(super) struct Suite {
    pub(super) name: String,
    executable: PathBuf,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// The version from which on cargo can what the test is about, and what that is.
    Needs(String, String),
    /// The first line of why.
    Failed(String),
}

/// What cargo tells of each thing that it has built.
#[derive(Deserialize)]
struct Built {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the tests and our program, with the workspace's own cargo, and keeps the tests below `folder`: the run takes a
/// while, and another build would put others in their place.
pub(super) fn build(folder: &Path) -> anyhow::Result<Vec<Suite>> {
    // a test serves what cargo has fetched for this lockfile
    run(cargo().args(["fetch", "--locked"]).current_dir(root()))?;
    let mut command = cargo();
    command.args(["test", "--locked", "--no-run", "--package", "supercargo"]);
    command.args(["--message-format", "json-render-diagnostics"]);
    for suite in SUITES {
        command.args(["--test", suite]);
    }
    say("builds the tests");
    let told = output(command.current_dir(root()))?;
    let kept = folder.join("tests");
    fs::create_dir_all(&kept)?;
    let mut suites = Vec::new();
    for line in told.lines() {
        let built: Built = serde_json::from_str(line).context("cargo tells something else")?;
        if let (Some(target), Some(executable)) = (built.target, built.executable)
            && SUITES.contains(&target.name.as_str())
        {
            let copy = kept.join(&target.name);
            fs::copy(&executable, &copy).context("cannot copy the tests")?;
            suites.push(Suite {
                name: target.name,
                executable: copy,
            });
        }
    }
    suites.sort_by(|one: &Suite, other| one.name.cmp(&other.name));
    ensure!(
        suites.len() == SUITES.len(),
        "cargo has not built {SUITES:?}"
    );
    Ok(suites)
}

impl Suite {
    /// The tests that notice when there is a program in cargo's place that always fails. The others say nothing of cargo.
    ///
    /// Of a test that runs on two databases, the one on SQLite: what cargo is told does not depend on it.
    pub(super) fn that_drive_cargo(
        &self,
        folder: &Path,
        postgres: &Postgres,
    ) -> anyhow::Result<Vec<String>> {
        let none = folder.join("none");
        fs::create_dir_all(&none)?;
        let program = none.join("cargo");
        let script = format!("#!/bin/sh\necho {NO_CARGO}\necho {NO_CARGO} >&2\nexit 1\n");
        fs::write(&program, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        say(&format!(
            "looks for the tests of `{}` that drive cargo",
            self.name
        ));
        let mut command = self.command(&program, postgres);
        command.args(["--skip", "on_postgres"]);
        let printed = printed(&mut command)?;
        let names = printed.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("test ")?.split_once(" ... FAILED")?;
            said(&printed, name)
                .contains(NO_CARGO)
                .then(|| name.to_owned())
        });
        Ok(names.collect())
    }

    /// Runs these tests with this cargo; the verdicts are in their order. All that was printed goes into a file of `output`.
    pub(super) fn with(
        &self,
        program: &Path,
        names: &[String],
        postgres: &Postgres,
        output: &Path,
    ) -> anyhow::Result<Vec<Verdict>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = self.command(program, postgres);
        let printed = printed(command.arg("--exact").args(names))?;
        fs::create_dir_all(output)?;
        fs::write(output.join(format!("{}.txt", self.name)), &printed)?;
        Ok(names.iter().map(|name| verdict(&printed, name)).collect())
    }

    fn command(&self, program: &Path, postgres: &Postgres) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .current_dir(root().join("crates/supercargo"))
            .env("SUPERCARGO_TEST_CARGO", program)
            .env("SUPERCARGO_TEST_POSTGRES", postgres.url())
            // a snapshot that differs is told, and not written beside the test
            .env("INSTA_UPDATE", "no")
            .env("RUST_BACKTRACE", "0");
        command
    }
}

/// What it prints, whether or not tests have failed.
fn printed(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().context("cannot run the tests")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads libtest's output: a line for each test, and what those that failed have said.
fn verdict(printed: &str, name: &str) -> Verdict {
    let line = format!("test {name} ... ");
    match printed.split_once(&line).map(|(_, rest)| rest) {
        Some(rest) if rest.starts_with("ok") => return Verdict::Passed,
        Some(rest) if rest.starts_with("FAILED") => {}
        _ => return Verdict::Failed("it has not run to its end".to_owned()),
    }
    let said = said(printed, name);
    let needs = said
        .lines()
        .find_map(|line| line.strip_prefix("needs cargo ")?.split_once(" for "));
    match needs {
        Some((version, what)) => Verdict::Needs(version.to_owned(), what.to_owned()),
        None => Verdict::Failed(why(said)),
    }
}

/// What a test that failed has printed.
fn said<'a>(printed: &'a str, name: &str) -> &'a str {
    printed
        .split_once(&format!("---- {name} stdout ----\n"))
        .map_or("", |(_, rest)| rest.split("\n---- ").next().unwrap_or(rest))
}

/// The line that tells most: cargo's own error, where a snapshot differs, or else the panic's first line.
fn why(said: &str) -> String {
    let of_cargo = said
        .split_once("\n--- stderr\n")
        .and_then(|(_, rest)| rest.lines().find(|line| line.starts_with("error")));
    let of_snapshot = || said.lines().find(|line| line.contains("│+"));
    let of_panic = || {
        let (_, rest) = said.split_once("panicked at ")?;
        rest.lines().nth(1)
    };
    let line = of_cargo.or_else(of_snapshot).or_else(of_panic);
    let line = line.unwrap_or("it does not say why");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "
running 5 tests
test names::a ... ok
test names::b ... FAILED
test names::c ... FAILED
test names::d ... FAILED
test names::e ... FAILED

failures:

---- names::b stdout ----

thread 'names::b' (7) panicked at crates/supercargo/tests/protocol/commands.rs:258:11:
needs cargo 1.90 for `publish --workspace`

---- names::c stdout ----

thread 'names::c' (8) panicked at crates/supercargo/tests/protocol/corpus.rs:262:44:
`cargo update` failed (exit status: 101)
--- stdout

--- stderr
    Updating `acme` index
error: failed to parse manifest

---- names::d stdout ----
-old snapshot
    1       │-error: one
          1 │+error: two

thread 'names::d' (9) panicked at runtime.rs:734:13:
snapshot assertion for 'd' failed in line 1

---- names::e stdout ----

thread 'names::e' (9) panicked at tests/ledger.rs:61:5:
assertion `left == right` failed
  left: 1


failures:
    names::b
";

    #[test]
    fn what_libtest_prints_is_read() {
        let failed = |why: &str| Verdict::Failed(why.to_owned());
        for (name, expected) in [
            ("names::a", Verdict::Passed),
            (
                "names::b",
                Verdict::Needs("1.90".to_owned(), "`publish --workspace`".to_owned()),
            ),
            ("names::c", failed("error: failed to parse manifest")),
            ("names::d", failed("1 │+error: two")),
            ("names::e", failed("assertion `left == right` failed")),
            ("names::f", failed("it has not run to its end")),
        ] {
            assert_eq!(verdict(PRINTED, name), expected, "{name}");
        }
    }
}
