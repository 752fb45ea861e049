//! Where every test here begins: a server whose registry `acme` reads through the upstream `partner`.

use std::{thread, time::Duration};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use supercargo_testkit::{
    Answer, Client, Database, FakeUpstream, LoggedRequest, Package, Server, ServerOptions, View,
    eventually, sparse_path,
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");

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
        let options = ServerOptions::new(PROGRAM).database(database);
        let options = settings
            .iter()
            .fold(options, |options, (key, value)| options.setting(key, value));
        let server = Server::start(options).await;
        let admin = server.admin();
        let upstream = FakeUpstream::start();
        read_through(&admin, &upstream).await;
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

    /// The versions in it.
    pub(crate) async fn listed(&self, name: &str) -> Vec<String> {
        self.admin.listed("acme", View::Index, name).await
    }

    pub(crate) async fn download(&self, package: &Package) -> Answer {
        let (name, version) = (package.name(), package.version());
        self.admin
            .download("acme", View::Index, name, version)
            .await
    }

    /// What the upstream was asked about this crate's index file.
    pub(crate) fn asked_about(&self, name: &str) -> Vec<LoggedRequest> {
        self.upstream.requests_to(&index_file(name))
    }

    /// Starts the server anew with index files that were checked so much earlier.
    pub(crate) async fn age(&mut self, by: Duration) {
        self.server.stop().await;
        let micros = i64::try_from(by.as_micros()).unwrap();
        let age = "UPDATE cached_index SET checked_at = checked_at - $1";
        if let Some(url) = self.server.database_url() {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let aged = sqlx::query(age).bind(micros).execute(&mut connection);
            aged.await.unwrap();
        } else {
            let file = self.server.data().join("supercargo.db");
            let url = format!("sqlite:{}", file.display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            let aged = sqlx::query(age).bind(micros).execute(&mut connection);
            aged.await.unwrap();
            connection.close().await.unwrap();
        }
        self.server.restart().await;
        self.admin = self.server.admin();
    }

    /// `acme`'s cache of `partner`.
    pub(crate) async fn cache(&self) -> Value {
        let answer = self.admin.get("/api/v1/registries/acme/cache").await;
        answer.expect(200).json()["items"][0].clone()
    }

    /// Waits until it is so: counts are written each second.
    pub(crate) async fn eventually_cached(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        eventually(what, || async { is_so(&self.cache().await) }).await;
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

/// Makes the registry `acme` with the upstream `partner`.
pub(crate) async fn read_through(admin: &Client, upstream: &FakeUpstream) {
    let index = upstream.index_url();
    admin
        .create_upstream(json!({ "name": "partner", "index": index }))
        .await;
    admin
        .create_registry(json!({ "name": "acme", "upstreams": ["partner"] }))
        .await;
}

/// Where a crate's index file stands at an upstream.
pub(crate) fn index_file(name: &str) -> String {
    format!("/index/{}", sparse_path(&name.parse().unwrap()))
}
