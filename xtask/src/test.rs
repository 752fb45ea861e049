//! `cargo xtask test`: all tests, with what they need.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap::Args;

use crate::{
    architecture,
    command::{cargo, run, say, succeeds},
    postgres::Postgres,
    workspace::{self, root},
};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Install what is missing from the operating system's packages
    #[arg(long)]
    install: bool,
    /// Passed on to `cargo nextest run` (or to the test programs, where nextest is not installed): filters and options
    #[arg(last = true)]
    filters: Vec<String>,
}

/// Runs everything, also after a failure, and gives the first failure.
pub(crate) fn run_all(steps: Vec<(&str, Step<'_>)>) -> anyhow::Result<()> {
    let mut first_failure = Ok(());
    let mut summary = Vec::new();
    for (name, step) in steps {
        let result = step();
        let word = if result.is_ok() { "passed" } else { "FAILED" };
        summary.push(format!("{word}: {name}"));
        if let Err(error) = result {
            eprintln!("{error:#}");
            first_failure = first_failure.and(Err(error));
        }
    }
    for line in summary {
        say(&line);
    }
    first_failure
}

type Step<'a> = Box<dyn FnOnce() -> anyhow::Result<()> + 'a>;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    todo_remove(arguments)
}
