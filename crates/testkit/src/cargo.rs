//! The real cargo, in a home and among projects of its own, with no way to the internet.
//!
//! Which one is the first `cargo` of `PATH`, or the one that `SUPERCARGO_TEST_CARGO` names: see `cargo xtask compat`.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs, iter,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{Package, normalise};

/// Nothing listens on the port of RFC 863: whatever asks crates.io by mistake fails at once, and says so.
const NOWHERE: &str = "sparse+http://127.0.0.1:9/";

/// Cargo's own door for its tests, which stands open in released versions too.
const CRATES_IO: &str = "__CARGO_TEST_CRATES_IO_URL_DO_NOT_USE_THIS";

/// The path of a cargo to test with, of any version. Its rustc is the one beside it, if there is one.
const ANOTHER_CARGO: &str = "SUPERCARGO_TEST_CARGO";

/// A build on a busy machine takes a while; more than this is a cargo that hangs.
const PATIENCE: Duration = Duration::from_mins(3);

/// Variables that cargo and rustc need from outside. All others stay out: a test must not depend on who runs it.
const KEPT: [&str; 8] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// A person's cargo: home, configuration, credentials and projects. All is removed when dropped.
pub struct Cargo {
    folder: TempDir,
    environment: BTreeMap<String, String>,
    config: String,
    credentials: String,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    command: String,
    root: PathBuf,
    /// Its exit.
    pub status: ExitStatus,
    /// What it printed for machines.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

impl Cargo {
    /// A cargo with the credential provider `cargo:token` and nothing else.
    pub fn new() -> Self {
        Self::new_in(&env::temp_dir())
    }

    /// The same with its home in a fresh folder of this one, such as one in memory, instead of where temporary files go.
    pub fn new_in(parent: &Path) -> Self {
        Self::bare_in(parent).env("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS", "cargo:token")
    }

    /// A cargo with no configuration at all, for tests of instructions that bring it along.
    pub fn bare() -> Self {
        Self::bare_in(&env::temp_dir())
    }

    fn bare_in(parent: &Path) -> Self {
        let folder = TempDir::with_prefix_in("supercargo-cargo-", parent)
            .expect("the folder for temporary files can be written");
        let home = folder.path().join("home");
        for path in [&home, &folder.path().join("projects")] {
            fs::create_dir(path).expect("a fresh folder can be written");
        }
        let target = folder.path().join("target");
        let cargo = Self {
            folder,
            environment: BTreeMap::new(),
            config: String::new(),
            credentials: String::new(),
        };
        cargo
            .env("CARGO_HOME", &home.to_string_lossy())
            .env("CARGO_TARGET_DIR", &target.to_string_lossy())
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_NET_RETRY", "0")
            .env("__CARGO_TEST_FIXED_RETRY_SLEEP_MS", "10")
            .env(CRATES_IO, NOWHERE)
    }

    /// One more variable, or another value for one.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Appends to `config.toml` in its home.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self.write_home("config.toml", &self.config);
        self
    }

    /// `[registries.NAME] index = "…"`.
    #[must_use]
    pub fn registry(self, name: &str, index_url: &str) -> Self {
        self.config(&format!("[registries.{name}]\nindex = \"{index_url}\""))
    }

    /// `[source.crates-io] replace-with = "NAME"`, a registry that is named as well.
    #[must_use]
    pub fn replace_crates_io(self, with: &str) -> Self {
        self.config(&format!("[source.crates-io]\nreplace-with = \"{with}\""))
    }

    /// Makes this index crates.io, for all that cargo does: it stands in lockfiles as crates.io.
    #[must_use]
    pub fn as_crates_io(self, index_url: &str) -> Self {
        self.env(CRATES_IO, index_url)
    }

    /// Lets cargo reach the real crates.io. Only for checks that say that they do.
    #[must_use]
    pub fn online(self) -> Self {
        self.without_env(CRATES_IO)
    }

    /// A token in `credentials.toml`, sent verbatim; `crates-io` is a registry too.
    #[must_use]
    pub fn token(mut self, registry: &str, token: &str) -> Self {
        let table = match registry {
            "crates-io" => "registry".to_owned(),
            name => format!("registries.{name}"),
        };
        writeln!(self.credentials, "[{table}]\ntoken = \"{token}\"")
            .expect("invariant: a text takes every write");
        self.write_home("credentials.toml", &self.credentials);
        self
    }

    /// `CARGO_HOME`.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder that holds home and projects.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A folder for a project, made when it is not there.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join("projects").join(name);
        fs::create_dir_all(&path).expect("a fresh folder can be written");
        path
    }

    /// A package on disk, in a folder of its name.
    pub fn project(&self, package: &Package) -> PathBuf {
        let path = self.folder(package.name());
        package.write_source(&path);
        path
    }

    /// The version of the cargo that runs: 1 and the minor number.
    ///
    /// # Panics
    /// When it cannot be started or does not say.
    pub fn version(&self) -> (u64, u64) {
        let output = self
            .command("cargo")
            .into_std()
            .arg("--version")
            .output()
            .expect("the cargo under test can be started");
        let said = String::from_utf8_lossy(&output.stdout);
        let number = said.split(' ').nth(1).unwrap_or_default();
        version(number).unwrap_or_else(|| panic!("`cargo --version` says `{said}`"))
    }

    /// Whether the cargo that runs is this version (`1.90`) or a later one.
    pub fn is_at_least(&self, wanted: &str) -> bool {
        self.version() >= version(wanted).expect("invariant: a test names a version such as 1.90")
    }

    /// Ends a test that a cargo before this version cannot pass; `cargo xtask compat` shows it as what it is.
    ///
    /// # Panics
    /// With `needs cargo 1.90 for publish --workspace`, where the cargo that runs is older.
    #[track_caller]
    pub fn needs(&self, wanted: &str, what: &str) {
        assert!(self.is_at_least(wanted), "needs cargo {wanted} for {what}");
    }

    /// Forgets index and downloads, as a fresh machine would; configuration and credentials stay.
    pub fn forget_downloads(&self) {
        let cache = self.home().join("registry");
        if cache.exists() {
            fs::remove_dir_all(cache).expect("cargo's own files can be removed");
        }
    }

    /// Runs `cargo ARGUMENTS` in a folder.
    pub async fn run(&self, folder: &Path, arguments: &[&str]) -> Outcome {
        self.run_with_input(folder, arguments, "").await
    }

    /// The same, with text on standard input: `cargo login`.
    ///
    /// # Panics
    /// When it cannot be started or takes longer than three minutes.
    pub async fn run_with_input(&self, folder: &Path, arguments: &[&str], input: &str) -> Outcome {
        let described = format!("cargo {}", arguments.join(" "));
        let mut command = self.command("cargo");
        command.args(arguments).current_dir(folder);
        self.finish(command, described, input).await
    }

    /// Runs lines of shell in a folder, as they stand in instructions: `echo ${TOKEN} | cargo login`.
    ///
    /// # Panics
    /// As [`run_with_input`](Self::run_with_input).
    pub async fn shell(&self, folder: &Path, lines: &str) -> Outcome {
        let mut command = self.command("sh");
        command.args(["-ec", lines]).current_dir(folder);
        self.finish(command, lines.to_owned(), "").await
    }

    async fn finish(&self, mut command: Command, described: String, input: &str) -> Outcome {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{described}`: {error}"));
        if let Some(mut pipe) = child.stdin.take() {
            // a cargo that reads nothing may have closed it
            pipe.write_all(input.as_bytes()).await.unwrap_or_default();
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("`{described}` took longer than {PATIENCE:?}"))
            .expect("invariant: a child can be waited for");
        Outcome {
            command: described,
            root: self.folder.path().to_owned(),
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the variables that cargo needs from outside, which are no settings of ours"
    )]
    fn command(&self, program: &str) -> Command {
        let another = env::var_os(ANOTHER_CARGO).map(PathBuf::from);
        let mut command = match (&another, program) {
            (Some(another), "cargo") => Command::new(another),
            _ => Command::new(program),
        };
        command.env_clear();
        for name in KEPT {
            if let Ok(value) = env::var(name) {
                command.env(name, value);
            }
        }
        if let Some(folder) = another.as_deref().and_then(Path::parent) {
            // first, so that lines of shell and cargo itself find this one, and the rustc beside it
            let others = env::var_os("PATH").unwrap_or_default();
            let folders = iter::once(folder.to_owned()).chain(env::split_paths(&others));
            let path =
                env::join_paths(folders).expect("a folder of programs has no `:` in its name");
            command.env("PATH", path);
        }
        command.envs(&self.environment);
        command
    }

    fn write_home(&self, name: &str, text: &str) {
        fs::write(self.home().join(name), text).expect("a fresh folder can be written");
    }
}

/// `1.90`, `1.74.1` or `1.97.0-nightly`: the first two numbers.
fn version(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    numbers.next()?.zip(numbers.next()?)
}

impl Default for Cargo {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(
    clippy::return_self_not_must_use,
    reason = "most tests only want to know that it went as it should"
)]
impl Outcome {
    /// This outcome, if cargo succeeded.
    ///
    /// # Panics
    /// When it failed; the message has all that it printed.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{}", self.report("failed"));
        self
    }

    /// This outcome, if cargo failed.
    ///
    /// # Panics
    /// When it succeeded; the message has all that it printed.
    #[track_caller]
    pub fn failure(self) -> Self {
        let panicked = self.stderr.contains("panicked at");
        assert!(
            !self.status.success() && !panicked,
            "{}",
            self.report(if panicked { "panicked" } else { "succeeded" })
        );
        self
    }

    /// What cargo told people, without what differs from run to run.
    pub fn messages(&self) -> String {
        normalise(&self.stderr, &self.root)
    }

    /// Of what cargo told people, the lines with one of these beginnings. Versions of cargo differ in the others.
    pub fn lines(&self, beginnings: &[&str]) -> String {
        let messages = self.messages();
        let lines = messages.lines().map(str::trim);
        lines
            .filter(|line| {
                beginnings
                    .iter()
                    .any(|beginning| line.starts_with(beginning))
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The server's refusal as cargo shows it: `409 Conflict: …`, of an index file or a download `502: …`.
    /// Versions of cargo differ in the words around it.
    ///
    /// # Panics
    /// When cargo succeeded or shows none; the message has all that it printed.
    #[track_caller]
    pub fn refusal(&self) -> String {
        let messages = self.clone().failure().messages();
        let of_api = messages.split_once("(status ").and_then(|(_, answer)| {
            let (status, words) = answer.split_once("): ")?;
            Some(format!("{status}: {words}"))
        });
        let of_file = || {
            let (_, answer) = messages.split_once(", got ")?;
            let (status, words) = answer.split_once("\n  body:\n")?;
            Some(format!("{status}: {}", words.trim_start()))
        };
        of_api
            .or_else(of_file)
            .unwrap_or_else(|| panic!("{}", self.report("shows no refusal")))
    }

    fn report(&self, what: &str) -> String {
        let Self {
            command,
            status,
            stdout,
            stderr,
            ..
        } = self;
        format!("`{command}` {what} ({status})\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
