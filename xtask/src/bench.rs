//! `cargo xtask bench`: builds the program and the benchmarks in release mode and runs them.

use std::{path::Path, process::Command};

use anyhow::bail;

use crate::{
    command::{cargo, run as run_command},
    workspace::{self, root},
};

/// What the benchmarks run besides our own program, and the Debian packages that have it.
const NEEDED: [(&str, &str); 3] = [
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("taskset", "util-linux"),
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these, such as `b1 b8`; all when none is named
    ids: Vec<String>,
    /// Install with apt-get what is missing
    #[arg(long)]
    install: bool,
    /// Passed on: `--rounds 5`, `--seconds 2`, `--json FILE`
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    provide(arguments.install)?;
    // B8 serves what cargo has fetched
    run_command(cargo().args(["fetch", "--locked"]).current_dir(root()))?;
    let build = [
        "build",
        "--release",
        "--locked",
        "--package",
        "supercargo",
        "--package",
        "supercargo-bench",
    ];
    run_command(cargo().args(build).current_dir(root()))?;
    let release = workspace::metadata()?.target_directory.join("release");
    let mut bench = Command::new(release.join("supercargo-bench"));
    bench
        .arg("measure")
        .args(&arguments.ids)
        .arg("--program")
        .arg(release.join("supercargo"))
        .args(&arguments.rest)
        .current_dir(root());
    run_command(&mut bench)
}

fn provide(install: bool) -> anyhow::Result<()> {
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !install {
        bail!(
            "the benchmarks need more: run `apt-get update && apt-get install -y --no-install-recommends {packages}`, or `cargo xtask bench --install`"
        );
    }
    run_command(Command::new("apt-get").arg("update"))?;
    run_command(
        Command::new("apt-get")
            .args(["install", "-y", "--no-install-recommends"])
            .args(missing),
    )
}

fn is_there(program: &str) -> bool {
    ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/sbin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file())
}
