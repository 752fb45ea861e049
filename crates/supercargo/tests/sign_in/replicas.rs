//! Several servers on one database: what ends on one has ended on all.

use std::{fs, os::unix::fs::PermissionsExt as _};

use supercargo_testkit::{Browser, Database, Postgres, Server, ServerOptions, eventually};
use supercargo_types::{Digest, Random, TokenSecret};

use crate::scene::{PROGRAM, Scene};

/// I7 (sessions revocable, on every replica).
#[tokio::test]
async fn a_session_that_was_ended_dies_on_another_server_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = Postgres::database();
    let key = folder.path().join("key");
    fs::write(&key, Digest::from_bytes(Random::System.bytes()).hex()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let options = ServerOptions::new(PROGRAM)
        .database(Database::At(database.url().to_owned()))
        .setting("storage", folder.path().join("blobs").to_str().unwrap())
        .setting("secret_key_file", key.to_str().unwrap());
    let one = Scene::with(options.clone().admin_token(&token())).await;
    let other = options.admin_token(one.server.admin_token());
    let other = Server::start(other).await;
    one.person("alice").await;
    let mut browser = one.browser_of("alice").await;
    // both tell apart only by their ports, as no browser does
    let account = format!("{}/-/account", other.url());
    let page = browser.open(&account).await.expect(200);
    assert_eq!(page.url.path(), "/-/account");
    assert!(page.html.contains("<h1>alice</h1>"), "{page}");

    one.admin
        .delete("/api/v1/sessions?user=alice")
        .await
        .expect(204);
    eventually("the end on the other server", || {
        let (mut browser, account) = (browser.clone(), account.clone());
        async move { browser.open(&account).await.url.path() == "/-/login" }
    })
    .await;
    let mut fresh = Browser::new();
    one.sign_in(&mut fresh, "alice").await.expect(200);
    assert_eq!(
        fresh.open(&account).await.expect(200).url.path(),
        "/-/account"
    );
}

fn token() -> String {
    TokenSecret::generate(&Random::System).reveal().to_owned()
}
