//! The program as somebody starts it who has read the README only: no token given, no setting but those of a test bench.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use supercargo_testkit::{Client, Database, Postgres, TestDatabase};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::world::PROGRAM;

const PATIENCE: Duration = Duration::from_secs(30);

/// How the last line of what it says begins.
const LAST_LINE: &str = "cargo asks for a token: ";

/// Where a program lives, over several starts.
pub(crate) struct Home {
    folder: TempDir,
    database: Option<TestDatabase>,
}

/// A running program; it is killed when dropped.
pub(crate) struct Program {
    child: Child,
    rest: Lines<BufReader<ChildStdout>>,
    /// All that it said on standard output until it was ready.
    pub(crate) greeting: String,
}

impl Home {
    pub(crate) fn new(database: &Database) -> Self {
        Self {
            folder: TempDir::with_prefix("supercargo-home-").unwrap(),
            database: (*database == Database::Postgres).then(Postgres::database),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Not there before the first start.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The token that the first start has written.
    pub(crate) fn admin_token(&self) -> String {
        let text = std::fs::read_to_string(self.data().join("admin-token")).unwrap();
        text.trim_end().to_owned()
    }

    /// Starts the program with standard output in a pipe, and waits until it has said all.
    pub(crate) async fn start(&self, listen: &str) -> Program {
        let mut command = Command::new(PROGRAM);
        command
            .args(["serve", "--listen", listen, "--data"])
            .arg(self.data())
            .env_clear()
            // the upstream of this test, and none in the internet
            .env("SUPERCARGO_UPSTREAM_ALLOW_ADDRESSES", "127.0.0.1")
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(database) = &self.database {
            command.env("SUPERCARGO_DATABASE", database.url());
        }
        let mut child = command.spawn().unwrap();
        let mut rest = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut greeting = String::new();
        let reading = async {
            while let Some(line) = rest.next_line().await.unwrap() {
                greeting.push_str(&line);
                greeting.push('\n');
                if line.starts_with(LAST_LINE) {
                    return;
                }
            }
            panic!("the program ended, having said only:\n{greeting}");
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap();
        Program {
            child,
            rest,
            greeting,
        }
    }
}

impl Program {
    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        let (first, _) = self.greeting.split_once('\n').unwrap();
        first.strip_prefix("listening on http://").unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address()))
    }

    /// The lines to paste, under their headline.
    pub(crate) fn snippet(&self, headline: &str) -> &str {
        let marker = format!("--- {headline} ---\n");
        let (_, after) = self.greeting.split_once(&marker).unwrap();
        let end = after.find("\n--- ").or_else(|| after.find(LAST_LINE));
        &after[..end.unwrap()]
    }

    /// SIGTERM; gives what it said after its greeting.
    pub(crate) async fn stop(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(sent.unwrap().success());
        let mut words = String::new();
        let ending = async {
            let mut pipe = self.rest.into_inner();
            pipe.read_to_string(&mut words).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = tokio::time::timeout(PATIENCE, ending).await.unwrap();
        (status, words)
    }
}
