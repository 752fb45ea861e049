//! What every test here begins with: a database, a storage folder and a key that servers share.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;
use supercargo_testkit::{Client, Database, Postgres, Server, ServerOptions, TestDatabase};
use supercargo_types::{Digest, Random, TokenSecret};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");

/// The contract of "at once": on every replica, at worst.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(2);

/// Ends the connections on which servers listen for changes.
pub(crate) const END_FEEDS: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'supercargo feed'";

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What replicas have in common.
pub(crate) struct Shared {
    pub(crate) database: TestDatabase,
    folder: TempDir,
    admin_token: String,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key: [u8; 32] = Random::System.bytes();
        write_key(&folder.path().join("key"), key);
        Self {
            database: Postgres::database(),
            folder,
            admin_token: TokenSecret::generate(&Random::System).reveal().to_owned(),
        }
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub(crate) fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    pub(crate) fn options(&self) -> ServerOptions {
        self.options_at(self.database.url())
    }

    /// The same by another way to the database.
    pub(crate) fn options_at(&self, url: &str) -> ServerOptions {
        ServerOptions::new(PROGRAM)
            .database(Database::At(url.to_owned()))
            .setting("storage", self.storage().to_str().unwrap())
            .setting("secret_key_file", self.key().to_str().unwrap())
            .admin_token(&self.admin_token)
    }

    pub(crate) async fn start(&self) -> Server {
        Server::start(self.options()).await
    }

    /// Two servers and their administrators' clients, with the private registry `acme`.
    pub(crate) async fn two(&self) -> ([Server; 2], [Client; 2]) {
        let servers = [self.start().await, self.start().await];
        let clients = [servers[0].admin(), servers[1].admin()];
        clients[0].create_registry(json!({ "name": "acme" })).await;
        seen("the registry on the other", async || {
            clients[1].get("/api/v1/registries/acme").await.status == 200
        })
        .await;
        (servers, clients)
    }
}

pub(crate) fn write_key(path: &Path, key: [u8; 32]) {
    fs::write(path, Digest::from_bytes(key).hex()).unwrap();
}

/// Asks again and again until it is so, and says how long that took.
pub(crate) async fn seen(what: &str, condition: impl AsyncFn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition().await {
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain: {what}"
        );
    }
    start.elapsed()
}

/// The contract says how long a change may take to be seen, so this may be asserted; the median is for people.
pub(crate) fn at_once(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!(
        "{what}: seen by the other server after {median:.1?} (median of {}), {longest:.1?} at most",
        took.len()
    );
    assert!(longest < AT_ONCE, "{what}: {took:?}");
}
