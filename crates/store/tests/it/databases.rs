//! A fresh database for each test, gone when the test ends, however it ends.

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use supercargo_store::{DatabaseUrl, Store};

/// A database that nothing has opened yet.
pub(crate) struct Empty {
    pub(crate) url: DatabaseUrl,
    text: String,
}

/// An opened store, and a way past it for what only a test does.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) url: DatabaseUrl,
    text: String,
}

/// A connection past the store.
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Empty {
    fn new(text: String) -> Self {
        let url = text.parse().unwrap();
        Self { url, text }
    }

    pub(crate) async fn open(self) -> Database {
        let store = Store::open(&self.url).await.unwrap();
        let Self { url, text } = self;
        Database { store, url, text }
    }

    /// Runs a dump.
    pub(crate) async fn load(&self, dump: String) {
        Connection::open(&self.url, &self.text)
            .await
            .execute(AssertSqlSafe(dump))
            .await;
    }
}

impl Database {
    /// The URL with all that is in it.
    pub(crate) fn text(&self) -> String {
        self.text.clone()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(&self.url, &self.text).await
    }

    /// Runs SQL that the store itself never runs.
    pub(crate) async fn execute(&self, sql: &'static str) {
        self.connect().await.execute(sql).await;
    }
}

impl Connection {
    async fn open(url: &DatabaseUrl, text: &str) -> Self {
        if let DatabaseUrl::Sqlite(path) = url {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true);
            Self::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
        } else {
            Self::Postgres(PgConnection::connect(text).await.unwrap())
        }
    }

    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr) {
        let sql = sqlx::raw_sql(sql);
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.map(drop),
            Self::Postgres(connection) => sql.execute(connection).await.map(drop),
        }
        .unwrap();
    }
}

/// Hands a test a SQLite file in a temporary folder.
pub(crate) async fn with_sqlite<Test: Future<Output = ()>>(test: impl FnOnce(Database) -> Test) {
    with_empty_sqlite(async |empty| test(empty.open().await).await).await;
}

/// Hands a test a database of its own on the server that the environment names.
pub(crate) async fn with_postgres<Test>(test: impl FnOnce(Database) -> Test + Send + 'static)
where
    Test: Future<Output = ()> + Send + 'static,
{
    with_empty_postgres(async |empty| test(empty.open().await).await).await;
}

/// Hands a test the place for a SQLite file.
pub(crate) async fn with_empty_sqlite<Test: Future<Output = ()>>(test: impl FnOnce(Empty) -> Test) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    test(Empty::new(format!("sqlite:{}", path.display()))).await;
}

/// Hands a test a database on the server without anything in it.
pub(crate) async fn with_empty_postgres<Test>(test: impl FnOnce(Empty) -> Test + Send + 'static)
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
    let outcome = tokio::spawn(async { test(Empty::new(own)).await }).await;
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
