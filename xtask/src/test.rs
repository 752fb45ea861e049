//! `cargo xtask test`: all tests, with what they need.

use std::{fs, path::Path, process::Command};

use anyhow::Context as _;
use clap::Args;

use crate::{
    architecture,
    command::{cargo, run as run_command, say, succeeds},
    keyring, node,
    postgres::Postgres,
    schemathesis,
    workspace::{self, root},
};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Install what is missing from the operating system's packages
    #[arg(long)]
    install: bool,
    /// Passed on to `cargo nextest run` (to `cargo test`, where nextest is not installed): packages, names of tests, options
    #[arg(last = true)]
    filters: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = workspace::folder(&workspace::metadata()?, "postgres")?;
    // The tests of a cold mirror serve what cargo has fetched.
    run_command(cargo().args(["fetch", "--locked"]).current_dir(root()))?;
    let postgres = Postgres::start(&folder, arguments.install)?;
    node::find_or_install(arguments.install)?;
    keyring::find_or_install(arguments.install)?;
    keyring::build_provider()?;
    let schemathesis = workspace::folder(&workspace::metadata()?, "schemathesis")?;
    let schemathesis = schemathesis::find_or_install(&schemathesis, arguments.install)?;
    let tests = Tests {
        postgres: &postgres,
        schemathesis: &schemathesis,
        filters: &arguments.filters,
        has_nextest: succeeds(cargo().args(["nextest", "--version"])),
    };
    let mut steps = vec![("tests", tests.everything())];
    if tests.has_nextest && !tests.has_selection() && has_doc_tests(root())? {
        // `cargo test` without nextest has run them
        let mut command = cargo();
        let arguments = ["test", "--doc", "--workspace", "--locked"];
        command.args(arguments).current_dir(root());
        steps.push(("documentation tests", run_command(&mut command)));
    }
    steps.push(("architecture", architecture::run()));
    conclude(steps)
}

struct Tests<'a> {
    postgres: &'a Postgres,
    schemathesis: &'a Path,
    filters: &'a [String],
    has_nextest: bool,
}

impl Tests<'_> {
    /// Whether the filters name packages themselves.
    fn has_selection(&self) -> bool {
        self.filters.iter().any(|filter| {
            matches!(filter.as_str(), "-p" | "--package") || filter.starts_with("--package=")
        })
    }

    fn everything(&self) -> anyhow::Result<()> {
        let packages = (!self.has_selection()).then_some("--workspace");
        run_command(&mut self.command(packages))
    }

    fn command(&self, packages: Option<&str>) -> Command {
        let mut command = cargo();
        if self.has_nextest {
            command.args(["nextest", "run"]);
        } else {
            command.arg("test");
        }
        command.args(packages).args(["--locked", "--no-fail-fast"]);
        command
            .args(self.filters)
            .current_dir(root())
            .env("SUPERCARGO_TEST_POSTGRES", self.postgres.url())
            .env("SUPERCARGO_TEST_SCHEMATHESIS", self.schemathesis);
        command
    }
}

/// All that ran, in words; the first failure is the result.
fn conclude(steps: Vec<(&str, anyhow::Result<()>)>) -> anyhow::Result<()> {
    for (name, result) in &steps {
        match result {
            Ok(()) => say(&format!("passed: {name}")),
            Err(error) => say(&format!("FAILED: {name}: {error:#}")),
        }
    }
    steps.into_iter().try_for_each(|(_, result)| result)
}

/// Whether a comment of one of our crates opens a code block: `rustdoc` takes a while to find that there is none.
fn has_doc_tests(root: &Path) -> anyhow::Result<bool> {
    let mut folders = vec![root.join("crates")];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                if text.lines().any(opens_code_block) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn opens_code_block(line: &str) -> bool {
    let line = line.trim_start();
    line.strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))
        .is_some_and(|comment| comment.trim_start().starts_with("```"))
}
