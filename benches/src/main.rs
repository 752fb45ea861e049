//! The benchmarks: every figure is a ratio taken in one run, side by side, medians of interleaved rounds.
//!
//! `cargo xtask bench` builds the program in release mode and runs this. The servers are pinned to core 0, the load to
//! core 1. Besides requests per second, the server's own CPU time per request is taken from the kernel, which does not
//! depend on how fast the load generator is. Nothing here is a test: no time is asserted.

mod load;
mod nginx;
mod process;
mod publish;
mod reads;
mod table;

use std::path::PathBuf;

use clap::Parser;

/// What to run.
#[derive(Parser)]
#[command(about = "The benchmarks of docs/performance.md")]
struct Arguments {
    /// The built program
    #[arg(long)]
    program: PathBuf,
    /// Only these, such as B1,B4
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds of each; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in each round
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Where the figures go as JSON
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let program = std::path::absolute(&arguments.program)?;
    let effort = Effort {
        rounds: arguments.rounds.max(1),
        seconds: arguments.seconds.max(1),
    };
    let wanted = |id: &str| {
        arguments.only.is_empty()
            || arguments
                .only
                .iter()
                .any(|only| only.eq_ignore_ascii_case(id))
    };
    let mut table = table::Table::default();
    if ["B1", "B2", "B4"].iter().any(|id| wanted(id)) {
        reads::run(&program, effort, &wanted, &mut table).await?;
    }
    if wanted("B5") {
        publish::run(&program, effort, &mut table).await?;
    }
    println!("\n{table}");
    std::fs::write(&arguments.json, serde_json::to_vec_pretty(&table)?)?;
    println!("figures: {}", arguments.json.display());
    Ok(())
}
