//! `cargo xtask live`: this project, fetched from crates.io itself through a server that was built from it.
//!
//! Where crates.io is, only the server's preset knows. The second run has crates.io cut off and a fresh cargo home, so that
//! all must come from what the server has kept.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use crate::{
    command::{cargo, run as run_command, say},
    workspace::{self, root},
};

/// The registry that a first start makes, in its mirror view.
const REGISTRY: &str = "main-mirror";

/// Nothing listens there (RFC 863's port), so every connection through it is refused at once.
const NOWHERE: &str = "http://127.0.0.1:9";

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = workspace::metadata()?;
    run_command(
        cargo()
            .args(["build", "--release", "--locked", "--package", "supercargo"])
            .current_dir(root()),
    )?;
    let program = metadata.target_directory.join("release/supercargo");
    let lockfile = root().join("Cargo.lock");
    let locked = fs::read(&lockfile).context("cannot read Cargo.lock")?;
    let folder = TempDir::with_prefix("supercargo-live-")?;
    let data = folder.path().join("data");

    let server = Server::start(&program, &data, true)?;
    let online = fetch(&server, &data, &folder.path().join("online"))?;
    server.stop()?;
    let server = Server::start(&program, &data, false)?;
    let cut_off = fetch(&server, &data, &folder.path().join("cut-off"))?;
    server.stop()?;

    let now = fs::read(&lockfile).context("cannot read Cargo.lock")?;
    ensure!(now == locked, "Cargo.lock was changed by fetching");
    ensure!(
        online.packages == cut_off.packages,
        "with crates.io cut off, other packages came than with it"
    );
    for (name, fetched) in [
        ("from crates.io through the server", &online),
        ("from the server, crates.io cut off", &cut_off),
    ] {
        let (count, seconds) = (fetched.packages.len(), fetched.time.as_secs_f64());
        say(&format!("{name}: {count} packages in {seconds:.1} s"));
    }
    say("Cargo.lock is unchanged");
    Ok(())
}

/// What one run of cargo brought.
struct Fetched {
    packages: BTreeSet<String>,
    time: Duration,
}

/// Runs the real cargo with a fresh home, with crates.io replaced by the server's mirror view.
fn fetch(server: &Server, data: &Path, home: &Path) -> anyhow::Result<Fetched> {
    let token = fs::read_to_string(data.join("admin-token"))
        .context("the server's first start wrote no `admin-token` into its data folder")?;
    fs::create_dir(home)?;
    let start = Instant::now();
    // On the command line, so that no configuration of this machine wins.
    let settings = [
        format!(
            "registries.{REGISTRY}.index='sparse+{}/main/mirror/index/'",
            server.url
        ),
        format!("source.crates-io.replace-with='{REGISTRY}'"),
        "registry.global-credential-providers=['cargo:token']".to_owned(),
    ];
    let mut command = cargo();
    command.args(["fetch", "--locked"]).current_dir(root());
    for setting in settings {
        command.args(["--config", &setting]);
    }
    run_command(
        command
            .env("CARGO_HOME", home)
            .env("CARGO_REGISTRIES_MAIN_MIRROR_TOKEN", token.trim()),
    )?;
    let time = start.elapsed();
    let mut packages = BTreeSet::new();
    for registry in fs::read_dir(home.join("registry/cache"))? {
        for package in fs::read_dir(registry?.path())? {
            packages.insert(package?.file_name().to_string_lossy().into_owned());
        }
    }
    ensure!(
        !packages.is_empty(),
        "cargo fetched nothing through `{REGISTRY}`"
    );
    Ok(Fetched { packages, time })
}

/// A server, killed when dropped.
struct Server {
    child: Child,
    url: String,
    /// Kept open, so that the server can go on printing.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(program: &PathBuf, data: &Path, is_online: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        // what a developer has set for a server of their own is not meant for this one
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("SUPERCARGO_") {
                command.env_remove(name);
            }
        }
        if !is_online {
            for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
                command.env(name, NOWHERE);
            }
            for name in ["NO_PROXY", "no_proxy"] {
                command.env_remove(name);
            }
            // so that it does ask, in vain, for what it has
            command.env("SUPERCARGO_UPSTREAM_FRESHNESS", "1s");
        }
        let program = program.display();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start `{program}`"))?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        loop {
            line.clear();
            if stdout.read_line(&mut line)? == 0 {
                let status = child.wait()?;
                bail!("the server ended with {status} before it listened");
            }
            if let Some(url) = line.strip_prefix("listening on ") {
                let url = url.trim().trim_end_matches('/').to_owned();
                return Ok(Self {
                    child,
                    url,
                    _stdout: stdout,
                });
            }
        }
    }

    fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        run_command(Command::new("kill").args(["-TERM", &pid]))?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // has ended by itself in the usual case: nothing is left to do then
        self.child.kill().unwrap_or_default();
        if let Err(error) = self.child.wait() {
            eprintln!("the server may still run: {error}");
        }
    }
}
