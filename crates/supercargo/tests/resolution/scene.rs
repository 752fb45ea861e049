//! Where every test here begins: a server whose registry `acme` reads through the upstream `partner`.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use serde_json::json;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use supercargo_testkit::{
    Answer, Cargo, Client, Database, Dependency, FakeUpstream, LoggedRequest, Package, Server,
    ServerOptions, View, sparse_path,
};

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) upstream: FakeUpstream,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

impl Scene {
    pub(crate) async fn start(database: Database) -> Self {
        Self::with_settings(database, &[]).await
    }

    /// The same with other settings than those of the default file.
    pub(crate) async fn with_settings(database: Database, settings: &[(&str, &str)]) -> Self {
        let options = ServerOptions::new(env!("CARGO_BIN_EXE_supercargo")).database(database);
        let options = settings
            .iter()
            .fold(options, |options, (key, value)| options.setting(key, value));
        let server = Server::start(options).await;
        let admin = server.admin();
        let upstream = FakeUpstream::start();
        let index = upstream.index_url();
        admin
            .create_upstream(json!({ "name": "partner", "index": index }))
            .await;
        admin
            .create_registry(json!({ "name": "acme", "upstreams": ["partner"] }))
            .await;
        Self {
            server,
            upstream,
            admin,
        }
    }

    /// A crate's index file in the `index` view of `acme`.
    pub(crate) async fn index(&self, name: &str) -> Answer {
        self.admin.index("acme", View::Index, name).await
    }

    /// The same in the `mirror` view.
    pub(crate) async fn mirror(&self, name: &str) -> Answer {
        self.admin.index("acme", View::Mirror, name).await
    }

    /// A version's file, as the `index` view of `acme` names it.
    pub(crate) async fn download(&self, name: &str, version: &str) -> Answer {
        self.admin
            .download("acme", View::Index, name, version)
            .await
    }

    /// Publishes to `acme`, which has to succeed.
    pub(crate) async fn publish(&self, package: &Package) {
        self.admin.publish("acme", package).await.expect(200);
    }

    /// Deletes a claim of `acme`, with its pattern typed again.
    pub(crate) async fn unclaim(&self, pattern: &str) {
        let path = format!("/api/v1/registries/acme/claims/{pattern}?confirm={pattern}");
        self.admin.delete(&path).await.expect(204);
    }

    /// The paths that the upstream was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.upstream
            .requests()
            .into_iter()
            .map(|request| request.path)
            .collect()
    }

    /// What the upstream was asked about this crate's index file.
    pub(crate) fn asked_about(&self, name: &str) -> Vec<LoggedRequest> {
        self.upstream.requests_to(&index_file(name))
    }

    /// A person's cargo that knows `acme` by name and has a token for it.
    pub(crate) fn cargo(&self) -> Cargo {
        self.cargo_with("acme", View::Index)
    }

    /// The same for another view of `acme`, under this name.
    pub(crate) fn cargo_with(&self, name: &str, view: View) -> Cargo {
        Cargo::new()
            .registry(name, &self.server.index_url("acme", view))
            .token(name, self.server.admin_token())
    }

    /// Alarms in the audit log, in order: `upstream.wrong_bytes demo 1.0.0`.
    pub(crate) async fn alarms(&self) -> Vec<String> {
        self.audit(|outcome, _| outcome == "alarm").await
    }

    /// What the audit log has of one kind, in order: `crate.released demo`.
    pub(crate) async fn audited(&self, kind: &str) -> Vec<String> {
        // what was tried and refused has a row as well, with another outcome
        self.audit(|outcome, action| outcome == "done" && action == kind)
            .await
    }

    async fn audit(&self, is_wanted: impl Fn(&str, &str) -> bool) -> Vec<String> {
        const ENTRIES: &str = "SELECT outcome, action, COALESCE(crate, ''), COALESCE(version, '') FROM audit ORDER BY id";
        let rows: Vec<(String, String, String, String)> =
            if let Some(url) = self.server.database_url() {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                sqlx::query_as(ENTRIES)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap()
            } else {
                let file = self.server.data().join("supercargo.db");
                let url = format!("sqlite:{}", file.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_as(ENTRIES)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap()
            };
        rows.iter()
            .filter(|(outcome, action, ..)| is_wanted(outcome, action))
            .map(|(_, action, name, version)| {
                format!("{action} {name} {version}").trim_end().to_owned()
            })
            .collect()
    }

    /// How many files are stored, and how many are on their way there.
    pub(crate) fn stored(&self) -> usize {
        let blobs = self.server.data().join("blobs");
        files_below(&blobs.join("sha256")).len() + files_below(&blobs.join("staging")).len()
    }

    /// Removes a stored file behind the server's back, as a disk might.
    pub(crate) fn lose(&self, checksum: &str) {
        let blobs = self.server.data().join("blobs");
        let mut files = files_below(&blobs);
        files.retain(|file| file.ends_with(checksum));
        fs::remove_file(&files[0]).unwrap();
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

/// A project that needs `name = "requirement"` from registry `acme`.
pub(crate) fn project_with(name: &str, requirement: &str) -> Package {
    Package::new("consumer", "0.1.0")
        .depends_on(Dependency::new(name, requirement).registry("acme"))
}
