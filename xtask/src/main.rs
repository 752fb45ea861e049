//! The project's own commands: `cargo xtask test`, `model`, `architecture`, `bench`, `compat`, `live`, `screenshots`.
//!
//! Each prints what it does as it goes, in words, and ends with the exit code of what it ran.

mod architecture;
mod bench;
mod command;
mod compat;
mod keyring;
mod live;
mod model;
mod node;
mod packages;
mod postgres;
mod schemathesis;
mod screenshots;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Xtask,
}

#[derive(Subcommand)]
enum Xtask {
    /// Run all tests, with a private PostgreSQL, then the architecture check
    Test(test::Arguments),
    /// Run random sequences of operations against the server and a model of its contract
    Model(model::Arguments),
    /// Check that arrows between our crates only go down
    Architecture,
    /// Run the benchmarks beside nginx and the disk's floor
    Bench(bench::Arguments),
    /// Run the tests that drive cargo with older and newer versions of it, built where rustup has none
    Compat(compat::Arguments),
    /// Fetch this project from crates.io through a server built from it, then again without crates.io
    Live,
    /// Write the pictures of pages in `docs/screenshots` anew
    Screenshots,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Xtask::Test(arguments) => test::run(&arguments),
        Xtask::Model(arguments) => model::run(&arguments),
        Xtask::Architecture => architecture::run(),
        Xtask::Bench(arguments) => bench::run(&arguments),
        Xtask::Compat(arguments) => compat::run(&arguments),
        Xtask::Live => live::run(),
        Xtask::Screenshots => screenshots::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            command::exit_code(&error)
        }
    }
}
