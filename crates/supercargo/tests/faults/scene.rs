//! A server with little patience, and upstreams for it, each with a registry of its own that reads through it.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use serde_json::json;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use supercargo_testkit::{
    Answer, Cargo, Client, Database, FakeUpstream, Package, Server, ServerOptions, View,
    sparse_path,
};

/// Nothing is fresh, and nothing old is given out before the upstream has been asked.
const SETTINGS: [(&str, &str); 3] = [
    ("upstream.timeout", "1s"),
    ("upstream.freshness", "0s"),
    ("upstream.stale_while_revalidate", "0s"),
];

pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The instance's administrator.
    pub(crate) admin: Client,
}

/// An upstream and the registry that reads through it, of one name.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) upstream: FakeUpstream,
    admin: Client,
}

/// A row of the audit log.
pub(crate) struct Audited {
    pub(crate) registry: String,
    /// `alarm upstream.wrong_bytes left-pad 1.0.0`.
    pub(crate) text: String,
}

impl Scene {
    pub(crate) async fn start(database: Database) -> Self {
        let options = ServerOptions::new(env!("CARGO_BIN_EXE_supercargo")).database(database);
        let options = SETTINGS
            .iter()
            .fold(options, |options, (key, value)| options.setting(key, value));
        let server = Server::start(options).await;
        let admin = server.admin();
        Self { server, admin }
    }

    pub(crate) async fn place(&self, name: &str) -> Place {
        let upstream = FakeUpstream::start();
        let index = upstream.index_url();
        self.admin
            .create_upstream(json!({ "name": name, "index": index }))
            .await;
        self.admin
            .create_registry(json!({ "name": name, "upstreams": [name] }))
            .await;
        Place {
            name: name.to_owned(),
            upstream,
            admin: self.admin.clone(),
        }
    }

    /// A person's cargo that knows a registry by its name and has a token for it.
    pub(crate) fn cargo(&self, registry: &str) -> Cargo {
        Cargo::new()
            .registry(registry, &self.server.index_url(registry, View::Index))
            .token(registry, self.server.admin_token())
    }

    /// What the audit log has of upstreams' doings.
    pub(crate) async fn audited(&self) -> Vec<Audited> {
        const ENTRIES: &str = "SELECT outcome, action, COALESCE(registry, ''), COALESCE(crate, ''), COALESCE(version, '') FROM audit WHERE action LIKE 'upstream.%' AND action <> 'upstream.created' ORDER BY id";
        let rows: Vec<(String, String, String, String, String)> =
            if let Some(url) = self.server.database_url() {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                let rows = sqlx::query_as(ENTRIES).fetch_all(&mut connection);
                rows.await.unwrap()
            } else {
                let file = self.server.data().join("supercargo.db");
                let url = format!("sqlite:{}", file.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let rows = sqlx::query_as(ENTRIES).fetch_all(&mut connection);
                rows.await.unwrap()
            };
        let audited = |(outcome, action, registry, name, version)| Audited {
            registry,
            text: format!("{outcome} {action} {name} {version}")
                .trim_end()
                .to_owned(),
        };
        rows.into_iter().map(audited).collect()
    }

    /// Whether the file with this checksum is stored.
    pub(crate) fn has_stored(&self, checksum: &str) -> bool {
        let blobs = self.server.data().join("blobs").join("sha256");
        files_below(&blobs)
            .iter()
            .any(|file| file.ends_with(checksum))
    }

    /// How many files are on their way into the store.
    pub(crate) fn staged(&self) -> usize {
        files_below(&self.server.data().join("blobs").join("staging")).len()
    }
}

impl Place {
    pub(crate) async fn index(&self, name: &str) -> Answer {
        self.admin.index(&self.name, View::Index, name).await
    }

    /// A version's file; an error when it breaks off.
    pub(crate) async fn download(&self, package: &Package) -> Result<Answer, reqwest::Error> {
        let (registry, name, version) = (&self.name, package.name(), package.version());
        let path = format!("/{registry}/api/v1/crates/{name}/{version}/download");
        let request = self.admin.request(http::Method::GET, &path);
        request.try_send().await
    }

    pub(crate) fn asked(&self, prefix: &str) -> usize {
        self.upstream.requests_to(prefix).len()
    }
}

impl Drop for Scene {
    /// Whatever a test is about: a panic in the server, or a fault (each answer of 500 is one), fails it.
    fn drop(&mut self) {
        let log = self.server.log();
        let is_clean = !log.contains("panicked at") && !log.contains("a request failed");
        assert!(is_clean || thread::panicking(), "{log}");
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    // a staged file may go while we look
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(_) => vec![entry.path()],
            Err(_) => Vec::new(),
        })
        .collect()
}

/// Where a crate's index file stands at an upstream.
pub(crate) fn index_file(name: &str) -> String {
    format!("/index/{}", sparse_path(&name.parse().unwrap()))
}
