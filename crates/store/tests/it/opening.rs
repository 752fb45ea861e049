//! Opening, refusing to open, and who else has it open.

use std::{net::TcpListener, os::unix::fs::PermissionsExt as _};

use supercargo_store::{DatabaseUrl, InstanceLock, OpenError, Store};

use crate::{
    databases::{Database, with_postgres, with_sqlite},
    on_both,
    samples::registry,
};

on_both!(
    a_newer_database_is_refused,
    opening_again_keeps_what_is_there,
    a_fact_that_stands_is_not_written_over,
    what_is_written_answers_a_ping_and_outlives_it,
);

async fn a_newer_database_is_refused(database: Database) {
    database
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (98, 'later', TRUE, '', 0), (99, 'later still', TRUE, '', 0)",
        )
        .await;
    let error = Store::open(&database.url).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the database `{}` was made by a newer supercargo (schema 99, this program knows 6); \
             start that version or restore a backup",
            database.url
        )
    );
}

async fn opening_again_keeps_what_is_there(database: Database) {
    registry(&database.store, "acme").await;
    let again = Store::open(&database.url).await.unwrap();
    let directory = again.directory().await.unwrap();
    assert_eq!(directory.registries[0].name.as_str(), "acme");
}

#[tokio::test]
async fn one_instance_serves_a_file() {
    with_sqlite(async |database| {
        let lock = InstanceLock::take(&database.url).unwrap();
        let error = InstanceLock::take(&database.url).unwrap_err();
        assert!(matches!(error, OpenError::Taken { .. }), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("another supercargo already serves the database `"),
            "{error}"
        );
        drop(lock);
        InstanceLock::take(&database.url).unwrap();
    })
    .await;
}

/// Row P6.
#[tokio::test]
async fn any_number_of_instances_serves_a_server() {
    with_postgres(async |database| {
        let _one = InstanceLock::take(&database.url).unwrap();
        let _other = InstanceLock::take(&database.url).unwrap();
    })
    .await;
}

async fn what_is_written_answers_a_ping_and_outlives_it(database: Database) {
    database.store.ping().await.unwrap();
    assert_eq!(database.store.meta("colour").await.unwrap(), None);
    database.store.set_meta("colour", "red").await.unwrap();
    database.store.set_meta("colour", "blue").await.unwrap();
    database.store.close().await;
    assert!(database.store.ping().await.is_err());
    let again = Store::open(&database.url).await.unwrap();
    assert_eq!(again.meta("colour").await.unwrap().unwrap(), "blue");
}

async fn a_fact_that_stands_is_not_written_over(database: Database) {
    let (one, other) = tokio::join!(
        database.store.meta_once("winner", "one"),
        database.store.meta_once("winner", "other"),
    );
    let stands = database.store.meta("winner").await.unwrap().unwrap();
    assert_eq!([one.unwrap(), other.unwrap()], [stands.clone(), stands]);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/store.db");
    let url: DatabaseUrl = format!("sqlite:{}", path.display()).parse().unwrap();
    let error = Store::open(&url).await.unwrap_err().to_string();
    let missing = folder.path().join("missing");
    assert_eq!(
        error,
        format!(
            "the folder `{}` for the database is not there; make it, or name another file",
            missing.display()
        )
    );
}

#[tokio::test]
async fn a_new_file_is_for_its_owner_alone() {
    with_sqlite(async |database| {
        let DatabaseUrl::Sqlite(path) = &database.url else {
            panic!("this is SQLite's half");
        };
        registry(&database.store, "acme").await;
        let folder = path.parent().unwrap();
        let mut files = 0;
        for file in folder.read_dir().unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", file.path().display());
            files += 1;
        }
        assert!(files >= 2, "the file and its write-ahead log");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_without_its_password() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("postgres://app:hunter2@127.0.0.1:{port}/crates");
    let error = Store::open(&url.parse().unwrap()).await.unwrap_err();
    let text = error.to_string();
    let start = format!("the database `postgres://app@127.0.0.1:{port}/crates` cannot be opened: ");
    assert!(text.starts_with(&start), "{text}");
    assert!(
        !format!("{text} {error:?}").contains("hunter2"),
        "{error:?}"
    );
}
