//! `cargo xtask compat`: the tests that drive cargo, with other versions of it.
//!
//! Everything that is made lies below `target/compat/`, by version: a second run builds no cargo again.

mod cargos;
mod suites;
mod table;

use anyhow::ensure;
use clap::Args;

use crate::{
    command::{output, say},
    postgres::Postgres,
    workspace,
};

/// The oldest that reads private registries; the first that looks into the index before it publishes; the first that
/// publishes workspaces; today's; and the newest there was when this was written.
const VERSIONS: [&str; 5] = ["1.74", "1.83", "1.90", "stable", "1.99"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Versions such as `1.74`, or names of toolchains that rustup has
    #[arg(default_values = VERSIONS)]
    versions: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let metadata = workspace::metadata()?;
    let folder = metadata.target_directory.join("compat");
    let mut columns = Vec::new();
    let mut missing = Vec::new();
    for version in &arguments.versions {
        match cargos::obtain(&folder, version) {
            Ok(program) => columns.push((version, program)),
            Err(error) => {
                say(&format!("cargo {version} cannot be had: {error:#}"));
                missing.push(version.as_str());
            }
        }
    }
    let postgres = Postgres::start(&workspace::folder(&metadata, "postgres")?, false)?;
    let suites = suites::build(&folder)?;
    let mut drivers = Vec::new();
    for suite in &suites {
        drivers.push(suite.that_drive_cargo(&folder, &postgres)?);
    }
    let mut table = table::Table::new(&suites, &drivers);
    for (version, program) in columns {
        let said = output(std::process::Command::new(&program).arg("--version"))?;
        let number = said.split_whitespace().nth(1).unwrap_or(version);
        say(&format!("tests with cargo {number}"));
        let output_folder = folder.join("output").join(number);
        let mut verdicts = Vec::new();
        for (suite, names) in suites.iter().zip(&drivers) {
            verdicts.extend(suite.with(&program, names, &postgres, &output_folder)?);
        }
        table.push(number, verdicts);
    }
    print!("{table}");
    say(&format!(
        "all that the tests have printed is in `{}`",
        folder.join("output").display()
    ));
    ensure!(
        missing.is_empty(),
        "these could not be had: {}",
        missing.join(", ")
    );
    ensure!(
        table.failures() == 0,
        "{} tests have failed",
        table.failures()
    );
    Ok(())
}
