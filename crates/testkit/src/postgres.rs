//! Databases on the PostgreSQL of the tests, one for each that asks.

use std::{env, thread};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use supercargo_types::Random;

/// The server that `SUPERCARGO_TEST_POSTGRES` names, by the URL of a database from which others can be made.
pub struct Postgres;

/// An empty database. It goes away when dropped, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    maintenance: String,
    name: String,
    url: String,
}

impl Postgres {
    /// Makes a database.
    ///
    /// # Panics
    /// Without `SUPERCARGO_TEST_POSTGRES`: a test that silently does not run would be worse.
    #[expect(
        clippy::disallowed_methods,
        reason = "names the tests' own server, which is no setting of the program"
    )]
    pub fn database() -> TestDatabase {
        let maintenance = env::var("SUPERCARGO_TEST_POSTGRES").expect(
            "run the tests with `cargo xtask test`, or set SUPERCARGO_TEST_POSTGRES to a URL such as `postgres://postgres@127.0.0.1:5432/postgres`",
        );
        let suffix = u64::from_be_bytes(Random::System.bytes());
        let name = format!("supercargo_test_{suffix:016x}");
        // template0 has no visitors, so that many tests make theirs at once
        execute(
            &maintenance,
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .unwrap_or_else(|error| panic!("cannot make a database on the tests' PostgreSQL: {error}"));
        let url = with_database(&maintenance, &name);
        TestDatabase {
            maintenance,
            name,
            url,
        }
    }
}

impl TestDatabase {
    /// `postgres://…/its-name`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements in it.
    ///
    /// # Panics
    /// When one fails.
    pub fn execute(&self, statements: &str) {
        execute(&self.url, statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
    }
}

impl TestDatabase {
    /// The text in the only column of the only row of a query.
    ///
    /// # Panics
    /// When it fails or there is none.
    pub fn text(&self, query: &str) -> String {
        let (url, text) = (self.url.clone(), query.to_owned());
        on_its_own(async move {
            let mut connection = PgConnection::connect(&url).await?;
            let found = sqlx::query_scalar(AssertSqlSafe(text));
            found.fetch_one(&mut connection).await
        })
        .unwrap_or_else(|error| panic!("{query}: {error}"))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Err(error) = execute(&self.maintenance, &statement) {
            eprintln!("the test database `{}` is left over: {error}", self.name);
        }
    }
}

/// The same URL with another database: the last segment of its path.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url
        .split_once('?')
        .map_or((url, None), |(address, query)| (address, Some(query)));
    let authority_at = address.find("://").map_or(0, |at| at + 3);
    let server = match address[authority_at..].find('/') {
        Some(slash) => &address[..authority_at + slash],
        None => address,
    };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{server}/{name}{query}")
}

fn execute(url: &str, statements: &str) -> Result<(), sqlx::Error> {
    let (url, statements) = (url.to_owned(), statements.to_owned());
    on_its_own(async move {
        let mut connection = PgConnection::connect(&url).await?;
        connection.execute(AssertSqlSafe(statements)).await?;
        connection.close().await
    })
}

/// On a thread and a runtime of its own, so that it can be called from any test and from `drop`.
fn on_its_own<T: Send + 'static>(
    work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
) -> Result<T, sqlx::Error> {
    thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(sqlx::Error::Io)?
            .block_on(work)
    })
    .join()
    .expect("invariant: a statement fails without a panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            (
                "postgres://p@127.0.0.1:1/postgres",
                "postgres://p@127.0.0.1:1/x",
            ),
            ("postgres://127.0.0.1:1", "postgres://127.0.0.1:1/x"),
            (
                "postgres:///postgres?host=/run/p",
                "postgres:///x?host=/run/p",
            ),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
