//! Who may do what, the management API and the command line, on the real program.
//!
//! Rows I1, I2 and I3 for one process. A test runs on SQLite and on PostgreSQL unless it says why one is enough. Whatever
//! it does, it fails too when the server panicked, logged a fault (each answer of 500 is one) or logged a token.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and clippy knows only functions marked as tests"
)]

mod accounts;
mod attacks;
mod claims;
mod command_line;
mod connections;
mod credentials;
mod registries;
mod roles;
mod scopes;
mod secrets;
mod shapes;
mod teams;
mod tokens;
mod upstreams;

use supercargo_testkit::{Answer, Database, Server, ServerOptions};

/// Each function as two tests: with SQLite, and with PostgreSQL.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    crate::on(supercargo_testkit::Database::Sqlite, super::$test).await;
                }
            )+
        }
        mod on_postgresql {
            $(
                #[tokio::test]
                async fn $test() {
                    crate::on(supercargo_testkit::Database::Postgres, super::$test).await;
                }
            )+
        }
    };
}
use on_both_databases;

/// The built program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");

/// A fresh server for one test, and a look at its log afterwards.
async fn on(database: Database, test: impl AsyncFnOnce(&Server)) {
    // bad tokens are tried here by the dozen, all from one address; how many may be is tested in `tests/limits`
    let options = ServerOptions::new(PROGRAM)
        .database(database)
        .setting("limits.token_guesses", "0");
    let mut server = Server::start(options).await;
    test(&server).await;
    server.stop().await;
    assert_log_is_clean(&server.log());
}

/// No panic, no fault, no secret.
fn assert_log_is_clean(log: &str) {
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
    assert!(
        !log.contains("a request failed"),
        "the server answered 500:\n{log}"
    );
    assert_eq!(tokens_in(log), 0, "a token stands in the log:\n{log}");
}

/// How often something longer than a token's public prefix stands in a text.
fn tokens_in(text: &str) -> usize {
    let is_long = |rest: &&str| {
        let digits = rest.chars().take_while(char::is_ascii_alphanumeric);
        digits.count() > 20
    };
    text.split("scg_").skip(1).filter(is_long).count()
}

/// The envelope of every error: `errors` with a stable code and a sentence, and nothing besides.
#[track_caller]
fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/json"),
        "{answer}"
    );
    let body = answer.json();
    let error = &body["errors"][0];
    assert_eq!(error["code"], code, "{answer}");
    let detail = error["detail"].as_str().unwrap_or_default();
    assert!(!detail.is_empty() && !detail.ends_with('.'), "{answer}");
    let fields = |value: &serde_json::Value| value.as_object().map(serde_json::Map::len);
    assert_eq!(
        (fields(&body), fields(error)),
        (Some(1), Some(2)),
        "{answer}"
    );
}

/// A time of the API: RFC 3339, in UTC.
#[track_caller]
fn assert_time(value: &serde_json::Value) {
    let text = value.as_str().unwrap_or_default();
    let parsed = supercargo_types::Timestamp::from_rfc3339(text);
    assert!(
        parsed.is_some() && text.ends_with('Z'),
        "`{value}` is not a time in UTC"
    );
}
