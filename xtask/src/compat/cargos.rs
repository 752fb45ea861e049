//! A cargo of any version: one that rustup has, one that was built before, or one that is built now.
//!
//! Cargo 1.N is the crate `cargo` 0.(N+1), and cargo itself fetches and builds it.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

use crate::command::{cargo, output, run, say};

/// The `time` of older lockfiles does not compile since Rust 1.80: this one does, and is the next.
const TIME: &str = "0.3.36";

/// The path of the program; built below `folder` where nobody has it.
///
/// # Errors
/// When there is no such version, or none of the installed toolchains builds it.
pub(super) fn obtain(folder: &Path, version: &str) -> anyhow::Result<PathBuf> {
    if let Some(toolchain) = toolchain(|name| {
        let rest = name.strip_prefix(version);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    }) {
        let which = ["which", "--toolchain", &toolchain, "cargo"];
        let path = output(Command::new("rustup").args(which))?;
        return Ok(PathBuf::from(path.trim()));
    }
    let root = folder.join(version);
    let program = root.join("bin/cargo");
    if !program.exists() {
        build(folder, version, &root).with_context(|| format!("cannot build cargo {version}"))?;
    }
    Ok(program)
}

/// The first toolchain whose name is right, if rustup is here at all.
fn toolchain(is_right: impl Fn(&str) -> bool) -> Option<String> {
    let list = output(Command::new("rustup").args(["toolchain", "list"])).ok()?;
    let mut names = list.lines().filter_map(|line| line.split(' ').next());
    names.find(|name| is_right(name)).map(str::to_owned)
}

fn build(folder: &Path, version: &str, root: &Path) -> anyhow::Result<()> {
    let source = folder.join("source").join(version);
    let target = folder.join("build");
    unpack(version, &source)?;
    let compiler = compiler(&source)?;
    let lockfile = fs::read_to_string(source.join("Cargo.lock"))?;
    if has_broken_time(&lockfile) {
        let update = ["update", "--package", "time", "--precise", TIME];
        run(compiler.cargo().args(update).current_dir(&source))?;
    }
    let mut command = compiler.cargo();
    command
        .args(["install", "--path", ".", "--locked", "--debug"])
        .args(["--no-track", "--root"])
        .arg(root);
    // a cargo that waits for servers need not be fast, and this is built in half the time
    run(command
        .current_dir(&source)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0"))
}

/// The crate's source, as cargo itself unpacks it when it is asked about the crate.
fn unpack(version: &str, source: &Path) -> anyhow::Result<()> {
    let minor: u64 = version
        .strip_prefix("1.")
        .and_then(|minor| minor.parse().ok())
        .with_context(|| {
            format!("`{version}` is neither a toolchain of rustup's nor a version such as `1.74`")
        })?;
    let wanted = format!("cargo@0.{}", minor + 1);
    say(&format!("asks crates.io for {wanted}"));
    let told = output(cargo().args(["info", &wanted]).current_dir("/"))?;
    let number = told
        .lines()
        .find_map(|line| line.strip_prefix("version: "))
        .and_then(|rest| rest.split(' ').next())
        .context("cargo has not told the crate's version")?;
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .context("neither `CARGO_HOME` nor a home folder is known")?;
    let sources = home.join("registry/src");
    for registry in fs::read_dir(&sources)? {
        let unpacked = registry?.path().join(format!("cargo-{number}"));
        if unpacked.exists() {
            return copy(&unpacked, source);
        }
    }
    bail!("there is no `cargo-{number}` in `{}`", sources.display())
}

/// A copy of the source, as a workspace of its own: it lies below ours.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    run(Command::new("cp").arg("-R").arg(from).arg(to))?;
    let mut manifest = fs::File::options()
        .append(true)
        .open(to.join("Cargo.toml"))?;
    manifest.write_all(b"\n[workspace]\n")?;
    Ok(())
}

/// Whether a lockfile has a `time` that today's compiler refuses.
fn has_broken_time(lockfile: &str) -> bool {
    lockfile
        .split_once("name = \"time\"\nversion = \"0.3.")
        .and_then(|(_, rest)| rest.split('"').next()?.parse().ok())
        .is_some_and(|patch: u64| patch < 35)
}

/// Which rustc builds: the workspace's, or the nightly's for a source that is newer.
enum Compiler {
    Ours,
    Nightly(String),
}

impl Compiler {
    fn cargo(&self) -> Command {
        match self {
            Self::Ours => cargo(),
            Self::Nightly(toolchain) => {
                // the variable of the toolchain that runs this would win
                let mut command = Command::new("rustup");
                command.args(["run", toolchain, "cargo"]);
                command
            }
        }
    }
}

fn compiler(source: &Path) -> anyhow::Result<Compiler> {
    let manifest = fs::read_to_string(source.join("Cargo.toml"))?;
    let needed = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .and_then(minor);
    let ours = output(Command::new("rustc").arg("--version"))?;
    let ours = ours.strip_prefix("rustc ").and_then(minor);
    if needed <= ours {
        return Ok(Compiler::Ours);
    }
    match toolchain(|name| name.starts_with("nightly")) {
        Some(nightly) => Ok(Compiler::Nightly(nightly)),
        None => bail!(
            "its source needs Rust 1.{}; install a newer toolchain",
            needed.unwrap_or_default()
        ),
    }
}

/// N of a text that begins with `1.N`.
fn minor(text: &str) -> Option<u64> {
    let rest = text.strip_prefix("1.")?;
    let end = rest.find(|character: char| !character.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_does_not_compile_is_found_in_a_lockfile() {
        let lockfile = |version: &str| {
            format!("[[package]]\nname = \"time\"\nversion = \"{version}\"\nsource = \"\"\n")
        };
        assert!(has_broken_time(&lockfile("0.3.29")));
        assert!(!has_broken_time(&lockfile("0.3.35")));
        assert!(!has_broken_time(&lockfile("0.3.36")));
        assert!(!has_broken_time(
            "[[package]]\nname = \"tar\"\nversion = \"0.4.0\"\n"
        ));
    }

    #[test]
    fn the_minor_number_is_read_from_manifests_and_from_rustc() {
        assert_eq!(minor("1.97\""), Some(97));
        assert_eq!(minor("1.95.0 (59807616e 2026-04-14)"), Some(95));
        assert_eq!(minor("1.97.0-nightly (e50aa6fba 2026-05-19)"), Some(97));
        assert_eq!(minor("0.98"), None);
    }
}
