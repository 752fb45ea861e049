//! A fresh database for each test, gone when the test ends, however it ends.

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use supercargo_store::{DatabaseUrl, Store};

/// An opened store, and a way past it for what only a test does.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) url: DatabaseUrl,
    text: String,
}

impl Database {
    async fn open(text: String) -> Self {
        let url: DatabaseUrl = text.parse().unwrap();
        let store = Store::open(&url).await.unwrap();
        Self { store, url, text }
    }

    /// Runs SQL that the store itself never runs.
    pub(crate) async fn execute(&self, sql: &'static str) {
        if let DatabaseUrl::Sqlite(path) = &self.url {
            let options = SqliteConnectOptions::new().filename(path);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            connection.execute(sql).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.text).await.unwrap();
            connection.execute(sql).await.unwrap();
        }
    }
}

/// Hands a test a SQLite file in a temporary folder.
pub(crate) async fn with_sqlite<Test: Future<Output = ()>>(test: impl FnOnce(Database) -> Test) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    test(Database::open(format!("sqlite:{}", path.display())).await).await;
}

/// Hands a test a database of its own on the server that the environment names.
pub(crate) async fn with_postgres<Test>(test: impl FnOnce(Database) -> Test + Send + 'static)
where
    Test: Future<Output = ()> + Send + 'static,
{
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let maintenance = maintenance_url();
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("supercargo_store_{}_{count}", process::id());
    let mut connection = PgConnection::connect(&maintenance).await.unwrap();
    let drop_it = || AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    connection.execute(drop_it()).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.unwrap();

    let (server, _) = maintenance.rsplit_once('/').unwrap();
    let own = format!("{server}/{name}");
    // a task of its own, so that the database goes even when the test panics
    let outcome = tokio::spawn(async { test(Database::open(own).await).await }).await;
    connection.execute(drop_it()).await.unwrap();
    if let Err(failure) = outcome {
        std::panic::resume_unwind(failure.into_panic());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the program"
)]
fn maintenance_url() -> String {
    std::env::var("SUPERCARGO_TEST_POSTGRES")
        .expect("run the tests with `cargo xtask test`, or set SUPERCARGO_TEST_POSTGRES")
}
