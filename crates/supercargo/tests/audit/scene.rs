//! Where every test here begins: a server with the registries `acme` and `other`, and people.

use std::thread;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use supercargo_testkit::{Client, Database, FakeUpstream, Package, Server, ServerOptions, View};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) upstream: FakeUpstream,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

impl Scene {
    /// `acme` is private and reads through an upstream that has `serde`; `other` is public.
    pub(crate) async fn start(database: Database) -> Self {
        let server = Server::start(ServerOptions::new(PROGRAM).database(database)).await;
        let admin = server.admin();
        let upstream = FakeUpstream::start();
        upstream.publish(&Package::new("serde", "1.0.0"));
        let partner = json!({ "name": "partner", "index": upstream.index_url() });
        admin.create_upstream(partner).await;
        admin
            .create_registry(json!({ "name": "acme", "upstreams": ["partner"] }))
            .await;
        admin
            .create_registry(json!({ "name": "other", "visibility": "public" }))
            .await;
        Self {
            server,
            upstream,
            admin,
        }
    }

    /// Publishes, which has to succeed.
    pub(crate) async fn publish(&self, registry: &str, name: &str, version: &str) {
        let package = Package::new(name, version);
        self.admin.publish(registry, &package).await.expect(200);
    }

    /// The items of the log that a query selects, the newest first.
    pub(crate) async fn log(&self, query: &str) -> Vec<Value> {
        items(&self.admin, &format!("/api/v1/audit?{query}")).await
    }

    /// Runs SQL that the program never runs.
    pub(crate) async fn execute(&self, sql: String) {
        if let Some(url) = self.server.database_url() {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let sql = sqlx::raw_sql(AssertSqlSafe(sql));
            sql.execute(&mut connection).await.unwrap();
        } else {
            let file = self.server.data().join("supercargo.db");
            let url = format!("sqlite:{}", file.display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            let sql = sqlx::raw_sql(AssertSqlSafe(sql));
            sql.execute(&mut connection).await.unwrap();
        }
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

/// A version's file from the `index` view, which has to be there.
pub(crate) async fn download(who: &Client, registry: &str, name: &str, version: &str) {
    let answer = who.download(registry, View::Index, name, version).await;
    answer.expect(200);
}

/// The items of a list.
pub(crate) async fn items(who: &Client, path: &str) -> Vec<Value> {
    let answer = who.get(path).await.expect(200).json();
    answer["items"].as_array().unwrap().clone()
}

/// Some fields of each item, `-` for null.
pub(crate) fn told(items: &[Value], fields: &[&str]) -> Vec<String> {
    let cell = |item: &Value, field: &str| match &item[field] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line = |item| {
        fields
            .iter()
            .map(|field| cell(item, field))
            .collect::<Vec<_>>()
    };
    items.iter().map(|item| line(item).join(" ")).collect()
}
