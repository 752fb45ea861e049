//! Starts that cannot go well: one line that names what is wrong and what to do, and an exit code that is not 0.

use std::{net::TcpListener, path::Path, time::Duration};

use insta::assert_snapshot;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use supercargo_testkit::{Database, Postgres, Server, normalise};
use tempfile::TempDir;
use tokio::process::Command;

use crate::world::{PROGRAM, options};

/// Runs the program to its end, with nothing in its environment; its one line.
async fn refused(root: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let running = Command::new(PROGRAM)
        .arg("serve")
        .args(arguments)
        .current_dir(root)
        .env_clear()
        .envs(environment.iter().copied())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(30), running)
        .await
        .expect("it refuses to start")
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(output.stdout.is_empty(), "it said that it listens");
    // what the log has before it does not count
    let last = words.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{words}");
    assert_eq!(words.matches("error: ").count(), 1, "{words}");
    normalise(last, root)
}

#[tokio::test]
async fn an_unknown_key_in_the_file_is_named_with_the_one_that_may_be_meant() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("supercargo.toml");
    let mut said = Vec::new();
    for text in [
        "lissten = \"127.0.0.1:0\"",
        "[upstream]\nfreshnes = \"5s\"",
        "[upstream]\nfreshness = \"soon\"",
        "[limits]\ncrate_size = -1",
        "listen = \"127.0.0.1:port\"",
        "public_url = \"crates.acme.example\"",
        "admin_token = \"secret-but-none\"",
        "listen = ",
    ] {
        std::fs::write(&file, text).unwrap();
        said.push(refused(root.path(), &["--config", "supercargo.toml"], &[]).await);
    }
    said.push(refused(root.path(), &["--config", "none.toml"], &[]).await);
    said.push(
        refused(
            root.path(),
            &["--listen", "127.0.0.1:0"],
            &[("SUPERCARGO_LIMITS_CRATE_SIZE", "big")],
        )
        .await,
    );
    assert_snapshot!(said.join("\n"), @r#"
    error: the configuration file `supercargo.toml` has an unknown key `lissten`; did you mean `listen`?
    error: the configuration file `supercargo.toml` has an unknown key `upstream.freshnes`; did you mean `upstream.freshness`?
    error: `upstream.freshness` = "soon" (from `supercargo.toml`) is not a duration; write it as `60s`, or with `m`, `h` or `d` behind
    error: `limits.crate_size` = "-1" (from `supercargo.toml`) is not a size; write it as `64MiB`, with `KiB` or `GiB`, or as a number of bytes
    error: `listen` = "127.0.0.1:port" (from `supercargo.toml`) is not an address and a port; write it as `127.0.0.1:[PORT]` or `[::1]:22746`
    error: `public_url` = "crates.acme.example" (from `supercargo.toml`) cannot be a public URL: it is not a URL; write it as `https://crates.acme.example`
    error: `admin_token` (from `supercargo.toml`): that is not a token of this server: it starts with `scg_`, has 53 characters, and its last six are a checksum
    error: the configuration file `supercargo.toml` is not TOML: string values must be quoted, expected literal string, in line 1
    error: the configuration file `none.toml` (from `--config`) cannot be read: No such file or directory (os error 2); check its path and its permissions
    error: `limits.crate_size` = "big" (from SUPERCARGO_LIMITS_CRATE_SIZE) is not a size; write it as `64MiB`, with `KiB` or `GiB`, or as a number of bytes
    "#);
    assert!(!root.path().join("supercargo-data").exists());
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_named() {
    let root = TempDir::new().unwrap();
    std::fs::write(root.path().join("file"), "").unwrap();
    // whoever runs the tests may write anywhere, but nobody below a file
    let said = [
        refused(
            root.path(),
            &["--data", "file/data", "--listen", "127.0.0.1:0"],
            &[],
        )
        .await,
        refused(
            root.path(),
            &["--data", "file", "--listen", "127.0.0.1:0"],
            &[],
        )
        .await,
        refused(
            root.path(),
            &["--storage", "file/blobs", "--listen", "127.0.0.1:0"],
            &[],
        )
        .await,
        refused(
            root.path(),
            &["--database", "sqlite:file/db", "--listen", "127.0.0.1:0"],
            &[("SUPERCARGO_DATA", "data")],
        )
        .await,
    ];
    assert_snapshot!(said.join("\n"), @r#"
    error: the data folder `file/data` (from `--data`) cannot be written: Not a directory (os error 20); check its owner and that the disk is not full, or name another with `--data`
    error: the data folder `file` (from `--data`) cannot be written: File exists (os error 17); check its owner and that the disk is not full, or name another with `--data`
    error: cannot write to the blob folder `file/blobs`: Not a directory (os error 20); check that the folder exists or can be made, that this user may write there, and that the disk is not full
    error: the database file `file/db.lock` cannot be opened: Not a directory (os error 20); check its owner and its permissions
    "#);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let root = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(root.path(), &[], &[("SUPERCARGO_LISTEN", &address)]).await;
    assert_snapshot!(said, @"error: cannot listen on `127.0.0.1:[PORT]` (from SUPERCARGO_LISTEN): Address already in use (os error 98); another program has this port, perhaps another supercargo: end it, or choose another port with `--listen`");
    // no database was made for a server that cannot serve
    assert!(!root.path().join("supercargo-data/supercargo.db").exists());
}

#[tokio::test]
async fn listening_everywhere_needs_a_public_url() {
    let root = TempDir::new().unwrap();
    let said = [
        refused(root.path(), &["--listen", "0.0.0.0:0"], &[]).await,
        refused(root.path(), &[], &[("SUPERCARGO_LISTEN", "[::]:0")]).await,
    ];
    assert_snapshot!(said.join("\n"), @r#"
    error: `listen` = "0.0.0.0:0" (from `--listen`) is reachable under many names, and lockfiles hold one: say which with `--public-url`, as in `https://crates.acme.example`, or listen on one address
    error: `listen` = "[::]:0" (from SUPERCARGO_LISTEN) is reachable under many names, and lockfiles hold one: say which with `--public-url`, as in `https://crates.acme.example`, or listen on one address
    "#);
}

#[tokio::test]
async fn what_this_version_cannot_do_is_said_and_not_ignored() {
    let root = TempDir::new().unwrap();
    let free = ["--listen", "127.0.0.1:0"];
    let said = [
        refused(
            root.path(),
            &[free.as_slice(), &["--storage", "s3://bucket/prefix"]].concat(),
            &[],
        )
        .await,
        refused(
            root.path(),
            &free,
            &[("SUPERCARGO_DATABASE", "mysql://acme")],
        )
        .await,
        refused(
            root.path(),
            &free,
            &[("SUPERCARGO_SECRET_KEY_FILE", "none")],
        )
        .await,
    ];
    assert_snapshot!(said.join("\n"), @r#"
    error: `storage` = "s3://bucket/prefix" (from `--storage`) is not possible in this version, which stores crate files in a folder; name a folder
    error: `database` (from SUPERCARGO_DATABASE): a database is written as `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`
    error: `secret_key_file` = "none" (from SUPERCARGO_SECRET_KEY_FILE) cannot be read: No such file or directory (os error 2); a key file that is named is never made: put the key there, or leave the setting out to have one made in the data folder
    "#);
}

const NEWER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', TRUE, '', 0)";

#[tokio::test]
async fn a_newer_sqlite_database_is_left_alone() {
    let mut server = Server::start(options(Database::Sqlite)).await;
    server.stop().await;
    let url = format!("sqlite:{}/supercargo.db", server.data().display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute(NEWER).await.unwrap();
    connection.close().await.unwrap();
    let data = server.data().to_string_lossy();
    let said = refused(
        server.data(),
        &["--data", &data, "--listen", "127.0.0.1:0"],
        &[],
    )
    .await;
    assert_snapshot!(said, @"error: the database `sqlite:[ROOT]/supercargo.db` was made by a newer supercargo (schema 99, this program knows 6); start that version or restore a backup");
}

#[tokio::test]
async fn a_newer_postgresql_database_is_left_alone() {
    let database = Postgres::database();
    let options = || options(Database::At(database.url().to_owned()));
    Server::start(options()).await.stop().await;
    database.execute(NEWER);
    let said = last_line(&Server::refuse_to_start(options()).await);
    let (_, said) = said.split_once("` was made").unwrap();
    assert_snapshot!(said, @" by a newer supercargo (schema 99, this program knows 6); start that version or restore a backup");
}

/// One process per file: the second one would not hear what the first one changes.
#[tokio::test]
async fn a_second_server_on_one_file_is_refused() {
    let server = Server::start(options(Database::Sqlite)).await;
    let data = server.data().to_string_lossy();
    let said = refused(
        server.data(),
        &["--data", &data, "--listen", "127.0.0.1:0"],
        &[],
    )
    .await;
    assert_snapshot!(said, @"error: another supercargo already serves the database `sqlite:[ROOT]/supercargo.db`; stop it first, or name another database");
}

fn last_line(log: &str) -> String {
    log.lines().last().unwrap_or_default().to_owned()
}
