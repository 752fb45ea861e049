//! The built program, running with a data folder of its own.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use supercargo_types::{Random, RegistryName, Site, TokenSecret, View};
use tempfile::TempDir;

use crate::{
    Authority, Client, Postgres, TestDatabase,
    wait::{eventually, locked},
};

/// Where a server keeps its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file in its data folder.
    Sqlite,
    /// A fresh database on the PostgreSQL of the tests.
    Postgres,
    /// One that is there already, such as that of another replica.
    At(String),
}

/// What to start.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    program: PathBuf,
    database: Database,
    environment: BTreeMap<String, String>,
    admin_token: String,
    data_in: Option<PathBuf>,
    authority: Option<String>,
}

/// A running server. It is killed when dropped, and its log is shown when the test fails.
pub struct Server {
    options: ServerOptions,
    data: TempDir,
    database: Option<TestDatabase>,
    child: Option<Child>,
    address: Option<String>,
    log: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
}

/// What the program prints, on standard output, when it accepts connections.
const LISTENING: &str = "listening on ";

impl ServerOptions {
    /// The program at this path, which a test gets from `env!("CARGO_BIN_EXE_supercargo")`. Upstreams on 127.0.0.1 are
    /// allowed and the way to the internet is cut off, unless the test says otherwise.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            database: Database::Sqlite,
            environment: BTreeMap::new(),
            admin_token: TokenSecret::generate(&Random::System).reveal().to_owned(),
            data_in: None,
            authority: None,
        }
        .setting("upstream.allow_addresses", "127.0.0.0/8")
        .environment("HTTPS_PROXY", "http://127.0.0.1:9")
    }

    /// Which database.
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// A setting by its key in the configuration file: `upstream.freshness`.
    #[must_use]
    pub fn setting(self, key: &str, value: &str) -> Self {
        let name = format!("SUPERCARGO_{}", key.replace('.', "_").to_ascii_uppercase());
        self.environment(&name, value)
    }

    /// Any variable of its environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The administrator's token, such as that of another replica, instead of a fresh one.
    #[must_use]
    pub fn admin_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.admin_token);
        self
    }

    /// Puts the data folder into this one, such as one on a real disk, instead of where temporary files go.
    #[must_use]
    pub fn data_in(mut self, folder: &Path) -> Self {
        self.data_in = Some(folder.to_owned());
        self
    }

    /// HTTPS with the pair in this folder, which an authority has put there.
    #[must_use]
    pub fn tls(mut self, authority: &Authority, folder: &Path) -> Self {
        self.authority = Some(authority.pem());
        let [certificate, key] = Authority::pair(folder).map(|path| path.display().to_string());
        self.setting("tls.certificate", &certificate)
            .setting("tls.key", &key)
    }

    /// Lets presets reach the real crates.io. Only for checks that say that they do.
    #[must_use]
    pub fn online(mut self) -> Self {
        self.environment.remove("HTTPS_PROXY");
        self
    }
}

impl Server {
    /// Starts a server with a fresh data folder and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or is not ready within 30 seconds; the message has its log.
    pub async fn start(options: ServerOptions) -> Self {
        let mut server = Self::prepare(options);
        server.launch();
        server.wait_until_ready().await;
        server
    }

    /// Starts a server that must refuse to start.
    ///
    /// # Panics
    /// When it accepts connections instead, or ends with success.
    pub async fn refuse_to_start(options: ServerOptions) -> String {
        let mut server = Self::prepare(options);
        server.launch();
        eventually("the server's end", || {
            let line = server.listening_line();
            assert!(line.is_none(), "the server started:\n{}", server.log());
            std::future::ready(server.ended().is_some())
        })
        .await;
        let status = server.wait().await;
        assert!(!status.success(), "{status}\n{}", server.log());
        server.log()
    }

    fn prepare(options: ServerOptions) -> Self {
        let database = (options.database == Database::Postgres).then(Postgres::database);
        let folder = options.data_in.clone().unwrap_or_else(env::temp_dir);
        let data = TempDir::with_prefix_in("supercargo-data-", folder)
            .expect("the folder for temporary files can be written");
        Self {
            options,
            data,
            database,
            child: None,
            address: None,
            log: Arc::default(),
            readers: Vec::new(),
        }
    }

    fn launch(&mut self) {
        let mut command = Command::new(&self.options.program);
        // what a developer has set for a server of their own must not leak into a test
        command.env_clear().envs(kept_environment());
        let listen = match &self.address {
            None => "127.0.0.1:0",
            Some(address) => address.split("://").last().unwrap_or(address),
        };
        command
            .arg("serve")
            .arg("--data")
            .arg(self.data.path())
            .args(["--listen", listen])
            .env("SUPERCARGO_ADMIN_TOKEN", &self.options.admin_token);
        let database = match &self.options.database {
            Database::Sqlite => None,
            Database::At(url) => Some(url.clone()),
            Database::Postgres => self.database.as_ref().map(|made| made.url().to_owned()),
        };
        if let Some(url) = database {
            command.env("SUPERCARGO_DATABASE", url);
        }
        let program = self.options.program.display();
        let mut child = command
            .envs(&self.options.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{program}`: {error}"));
        locked(&self.log).clear();
        let stdout = child.stdout.take().map(|pipe| self.gather(pipe));
        let stderr = child.stderr.take().map(|pipe| self.gather(pipe));
        self.readers = stdout.into_iter().chain(stderr).collect();
        self.child = Some(child);
    }

    /// Reads what the program prints on a thread, so that it never waits for us.
    fn gather(&self, pipe: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let log = Arc::clone(&self.log);
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut log = locked(&log);
                log.push_str(&line);
                log.push('\n');
            }
        })
    }

    async fn wait_until_ready(&mut self) {
        eventually("the server's address", || {
            self.address = self.listening_line();
            std::future::ready(self.address.is_some() || self.ended().is_some())
        })
        .await;
        if self.address.is_none() {
            let status = self.wait().await;
            panic!("the server ended with {status}:\n{}", self.log());
        }
        let client = self.anonymous();
        let log = Arc::clone(&self.log);
        eventually("the server's readiness", || async {
            let answer = client
                .request(http::Method::GET, "/readyz")
                .try_send()
                .await;
            match answer {
                Ok(answer) if answer.status == http::StatusCode::OK => true,
                Ok(_) => false,
                Err(error) => panic!("the server does not answer ({error}):\n{}", locked(&log)),
            }
        })
        .await;
    }

    /// The address that the program has printed.
    fn listening_line(&self) -> Option<String> {
        locked(&self.log)
            .lines()
            .find_map(|line| line.strip_prefix(LISTENING))
            .map(|address| address.trim().trim_end_matches('/').to_owned())
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child
            .as_mut()
            .and_then(|child| child.try_wait().expect("invariant: a child can be asked"))
    }

    /// Waits for the end of the program and of its output.
    async fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the server's end", || {
            status = self.ended();
            std::future::ready(status.is_some())
        })
        .await;
        self.child = None;
        for reader in self.readers.drain(..) {
            reader
                .join()
                .expect("invariant: reading a pipe does not panic");
        }
        status.expect("invariant: it has ended")
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it does not within 30 seconds, or ends with a failure.
    pub async fn stop(&mut self) {
        let child = self.child.as_ref().expect("the server is running");
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "cannot send SIGTERM to the server"
        );
        let status = self.wait().await;
        assert!(
            status.success(),
            "the server ended with {status}:\n{}",
            self.log()
        );
    }

    /// Ends it at once (SIGKILL), as a power cut would.
    pub async fn kill(&mut self) {
        let child = self.child.as_mut().expect("the server is running");
        child.kill().expect("a child can be killed");
        self.wait().await;
    }

    /// Starts it again with the same data, on the same port; stops it first while it runs.
    pub async fn restart(&mut self) {
        if self.child.is_some() {
            self.stop().await;
        }
        self.launch();
        self.wait_until_ready().await;
    }

    /// Changes what the next [`restart`](Self::restart) starts.
    pub fn change_options(&mut self, change: impl FnOnce(ServerOptions) -> ServerOptions) {
        self.options = change(self.options.clone());
    }

    /// `http://127.0.0.1:PORT`, or `https`: where it listens.
    pub fn url(&self) -> String {
        self.address.clone().expect("the server has started")
    }

    /// BASE: its public URL, without a slash at its end.
    pub fn base(&self) -> String {
        let base = self.options.environment.get("SUPERCARGO_PUBLIC_URL");
        let base = base.map_or_else(|| self.url(), Clone::clone);
        base.trim_end_matches('/').to_owned()
    }

    /// The index URL of a registry, as in `[registries]`.
    pub fn index_url(&self, registry: &str, view: View) -> String {
        let base = self.options.environment.get("SUPERCARGO_PUBLIC_URL");
        let site =
            Site::new(base.unwrap_or(&self.url()), &[]).unwrap_or_else(|error| panic!("{error}"));
        let registry: RegistryName = registry.parse().unwrap_or_else(|error| panic!("{error}"));
        site.index_url(&registry, view)
    }

    /// The instance's administrator.
    pub fn admin(&self) -> Client {
        self.anonymous().with_token(&self.options.admin_token)
    }

    /// Somebody without a token.
    pub fn anonymous(&self) -> Client {
        Client::trusting(&self.url(), self.options.authority.as_deref())
    }

    /// The administrator's token.
    pub fn admin_token(&self) -> &str {
        &self.options.admin_token
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The URL of its PostgreSQL database, to start a replica with; `None` on SQLite.
    pub fn database_url(&self) -> Option<String> {
        match &self.options.database {
            Database::At(url) => Some(url.clone()),
            _ => self.database.as_ref().map(|made| made.url().to_owned()),
        }
    }

    /// Its process, to measure it.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server is running").id()
    }

    /// All that it has printed since it was started last.
    pub fn log(&self) -> String {
        locked(&self.log).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // may have ended by itself: there is nothing left to do then
            child.kill().unwrap_or_default();
            child.wait().expect("invariant: a child can be waited for");
        }
        if thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log());
        }
    }
}

/// What any program needs, and what shows more of a failure.
#[expect(
    clippy::disallowed_methods,
    reason = "passed on to a child; nothing is configured by it"
)]
fn kept_environment() -> impl Iterator<Item = (&'static str, String)> {
    [
        "PATH",
        "HOME",
        "TMPDIR",
        "RUST_BACKTRACE",
        "LLVM_PROFILE_FILE",
    ]
    .into_iter()
    .filter_map(|name| env::var(name).ok().map(|value| (name, value)))
}
