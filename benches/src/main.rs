//! The benchmarks: every figure is a ratio taken in one run, side by side, medians of interleaved rounds.
//!
//! `cargo xtask bench` builds the program in release mode and runs this. The servers are pinned to core 0, the load to
//! core 1. Besides requests per second, the server's own CPU time per request is taken from the kernel, which does not
//! depend on how fast the load generator is. Nothing here is a test: no time is asserted.

mod cold_crate;
mod crowd;
mod hits;
mod load;
mod nginx;
mod process;
mod publish;
mod reads;
mod real_cargo;
mod relay;
mod scene;
mod stand_in;
mod table;

use std::path::PathBuf;

use anyhow::bail;
use clap::Parser;

/// What this program does.
#[derive(Parser)]
#[command(about = "The benchmarks of docs/performance.md")]
enum Command {
    /// Measure
    Measure(Measure),
    /// Lead to ports of this machine as if they were far away; part of a measurement
    #[command(hide = true)]
    Relay(relay::Arguments),
    /// Ask for one file many times at once; part of a measurement
    #[command(hide = true)]
    Crowd(crowd::Arguments),
}

/// What to measure.
#[derive(clap::Args)]
struct Measure {
    /// Only these, such as `B1 B4`; all when none is named
    ids: Vec<String>,
    /// The built program
    #[arg(long)]
    program: PathBuf,
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

/// All there are.
const IDS: [&str; 7] = ["B1", "B2", "B4", "B5", "B8", "B9", "hits"];

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Measure(arguments) => measure(arguments).await,
        Command::Relay(arguments) => relay::run(&arguments),
        Command::Crowd(arguments) => crowd::run(arguments).await,
    }
}

async fn measure(arguments: Measure) -> anyhow::Result<()> {
    let is = |id: &str, other: &String| other.eq_ignore_ascii_case(id);
    if let Some(unknown) = arguments
        .ids
        .iter()
        .find(|other| !IDS.iter().any(|id| is(id, other)))
    {
        bail!("there is no benchmark `{unknown}`, only {}", IDS.join(", "));
    }
    let program = std::path::absolute(&arguments.program)?;
    let effort = Effort {
        rounds: arguments.rounds.max(1),
        seconds: arguments.seconds.max(1),
    };
    let wanted =
        |id: &str| arguments.ids.is_empty() || arguments.ids.iter().any(|other| is(id, other));
    let mut table = table::Table::default();
    if ["B1", "B2", "B4"].iter().any(|id| wanted(id)) {
        reads::run(&program, effort, &wanted, &mut table).await?;
    }
    if wanted("B5") {
        publish::run(&program, effort, &mut table).await?;
    }
    if wanted("B8") {
        real_cargo::run(&program, effort, &mut table).await?;
    }
    if wanted("B9") {
        cold_crate::run(&program, effort, &mut table).await?;
    }
    if wanted("hits") {
        hits::run(&program, &mut table).await?;
    }
    println!("\n{table}");
    std::fs::write(&arguments.json, serde_json::to_vec_pretty(&table)?)?;
    println!("figures: {}", arguments.json.display());
    Ok(())
}
