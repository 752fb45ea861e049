//! How a server that does not come up is told of. A server that does is the subject of the program's own tests.

use std::{fs, os::unix::fs::PermissionsExt as _};

use supercargo_testkit::{Database, Server, ServerOptions};

fn program(folder: &tempfile::TempDir, script: &str) -> ServerOptions {
    let path = folder.path().join("program");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    ServerOptions::new(path).database(Database::Sqlite)
}

#[tokio::test]
async fn a_refusal_to_start_gives_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let options = program(
        &folder,
        r#"echo "$1 $4 $SUPERCARGO_UPSTREAM_FRESHNESS is not a duration" >&2; exit 2"#,
    )
    .setting("upstream.freshness", "soon");
    let log = Server::refuse_to_start(options).await;
    assert_eq!(log, "serve --listen soon is not a duration\n");
}

#[tokio::test]
#[should_panic(expected = "the server ended with exit status: 3:\nno room on the disk")]
async fn a_server_that_ends_at_once_shows_its_log() {
    let folder = tempfile::tempdir().unwrap();
    // waits for its output to be read, as a real program's last words are
    let options = program(
        &folder,
        "echo 'no room on the disk'; exec 1>&- 2>&-; exit 3",
    );
    Server::start(options).await;
}
