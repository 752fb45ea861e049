//! `cargo xtask model`: the model check for longer than the tests take, in release mode.

use std::thread;

use clap::{Args, ValueEnum};

use crate::{
    command::{cargo, run as run_command},
    postgres::Postgres,
    workspace::{self, root},
};

/// Of `supercargo-http`; each of its tests has the name of its database.
const TESTS: &str = "the_server_agrees_with_the_contract";

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many sequences; one where only `--seed` is given
    #[arg(long)]
    sequences: Option<usize>,
    /// The seed of the first sequence, the next ones follow; without it, a new one
    #[arg(long)]
    seed: Option<u64>,
    /// The database of the server under test
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
    /// Install what is missing from the operating system's packages
    #[arg(long)]
    install: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

/// Where neither a number nor a seed is given.
const SEQUENCES: usize = 1_000;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let test = match arguments.database {
        Database::Sqlite => format!("{TESTS}::on_sqlite"),
        Database::Postgres => format!("{TESTS}::on_postgres"),
    };
    let sequences = match (arguments.sequences, arguments.seed) {
        (Some(sequences), _) => sequences,
        (None, Some(_)) => 1,
        (None, None) => SEQUENCES,
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let build = ["test", "--release", "--locked", "--package"];
    let mut command = cargo();
    command
        .args(build)
        .args(["supercargo-http", "--test", "model", "--"])
        .args(["--exact", "--nocapture", &test])
        .current_dir(root())
        .env("SUPERCARGO_MODEL_SEQUENCES", sequences.to_string())
        .env("SUPERCARGO_MODEL_WORKERS", workers.to_string());
    if let Some(seed) = arguments.seed {
        command.env("SUPERCARGO_MODEL_SEED", seed.to_string());
    }
    if arguments.database == Database::Sqlite {
        return run_command(&mut command);
    }
    let folder = workspace::folder(&workspace::metadata()?, "postgres")?;
    let postgres = Postgres::start(&folder, arguments.install)?;
    run_command(command.env("SUPERCARGO_TEST_POSTGRES", postgres.url()))
}
