//! What must not be read by who has the files: tokens stand in the database as SHA-256, upstreams' secrets encrypted, and
//! neither in the log.
//!
//! On SQLite alone: here the whole database is bytes that a test can search. What goes into it is the same on both.

use std::{fs, path::Path};

use serde_json::json;
use supercargo_testkit::{Database, FakeUpstream, Package, Server, ServerOptions, View};
use supercargo_types::Digest;

use crate::{PROGRAM, assert_log_is_clean};

/// Every byte of every file below a folder.
fn bytes_below(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes_below(&path, all);
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// The files in which a text or other bytes stand.
fn files_with(files: &[(String, Vec<u8>)], sought: &[u8]) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(sought.len()).any(|window| window == sought);
    let found = files.iter().filter(|(_, bytes)| holds(bytes));
    found.map(|(path, _)| path.clone()).collect()
}

/// The most talkative log that there is.
async fn talkative_server() -> Server {
    let options = ServerOptions::new(PROGRAM)
        .database(Database::Sqlite)
        .setting("log.level", "trace");
    Server::start(options).await
}

#[tokio::test]
async fn only_the_hash_of_a_token_is_stored_and_nothing_of_it_is_logged() {
    let mut server = talkative_server().await;
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let made = admin
        .post("/api/v1/tokens", json!({ "name": "laptop" }))
        .await
        .expect(201)
        .json();
    let revoked = admin
        .post("/api/v1/tokens", json!({ "name": "old" }))
        .await
        .expect(201)
        .json();
    let text = |of: &serde_json::Value| of["token"].as_str().unwrap().to_owned();
    let secrets = [server.admin_token().to_owned(), text(&made), text(&revoked)];
    for secret in &secrets {
        for form in [secret.clone(), format!("Bearer {secret}")] {
            let client = server.anonymous().with_token(&form);
            client.index("acme", View::Index, "demo").await.expect(200);
            client.get(&format!("/api/v1/me?token={secret}")).await;
        }
        // one digit off: a mistyped token is nearly a secret
        let client = server
            .anonymous()
            .with_token(&format!("{}x", &secret[..52]));
        client.get("/acme/index/config.json").await.expect(401);
        client.get("/api/v1/me").await.expect(401);
    }
    let path = format!("/api/v1/tokens/{}", revoked["id"].as_str().unwrap());
    admin.delete(&path).await.expect(204);
    server.stop().await;

    let mut files = Vec::new();
    bytes_below(server.data(), &mut files);
    for secret in &secrets {
        // the first characters are shown in lists; the rest must be nowhere, nor its bytes in hexadecimal digits
        let rest = &secret.as_bytes()[12..];
        assert_eq!(files_with(&files, rest), Vec::<String>::new());
        let hash = Digest::of(secret.as_bytes());
        let with_hash = files_with(&files, hash.as_bytes());
        assert!(!with_hash.is_empty(), "the hash is what is stored");
        let log = server.log();
        assert!(
            !log.contains(&secret[12..]),
            "a token is in the log:\n{log}"
        );
        assert!(
            !log.contains(&hash.to_string()),
            "a hash is in the log:\n{log}"
        );
    }
    assert_log_is_clean(&server.log());
}

#[tokio::test]
async fn an_upstreams_secret_is_stored_encrypted_never_shown_and_sent_to_it() {
    const SECRET: &str = "hunter2-is-the-secret-of-the-partner";
    const OTHER: &str = "correct-horse-battery-staple-is-longer";
    let upstream = FakeUpstream::start();
    upstream.auth(&format!("Bearer {SECRET}"));
    upstream.publish(&Package::new("theirs", "1.0.0"));
    let mut server = talkative_server().await;
    let admin = server.admin();
    let partner = json!({
        "name": "partner",
        "index": upstream.index_url(),
        "auth": { "kind": "bearer", "secret": SECRET },
    });
    let mut shown = admin.create_upstream(partner).await.to_string();
    let basic = json!({
        "name": "basic",
        "index": "sparse+http://127.0.0.1:9/",
        "auth": { "kind": "basic", "username": "us", "secret": OTHER },
    });
    shown += &admin.create_upstream(basic).await.to_string();
    admin
        .create_registry(json!({ "name": "acme", "upstreams": ["partner"] }))
        .await;
    admin.index("acme", View::Index, "theirs").await.expect(200);
    admin
        .download("acme", View::Index, "theirs", "1.0.0")
        .await
        .expect(200);
    for path in [
        "/api/v1/upstreams",
        "/api/v1/upstreams/partner",
        "/api/v1/upstreams/basic",
        "/api/v1/registries/acme",
    ] {
        shown += &admin.get(path).await.expect(200).to_string();
    }
    for name in ["partner", "basic"] {
        shown += &admin
            .post(&format!("/api/v1/upstreams/{name}/test"), json!({}))
            .await
            .to_string();
        let edit = json!({ "usable_by": ["acme"] });
        shown += &admin
            .patch(&format!("/api/v1/upstreams/{name}"), edit)
            .await
            .expect(200)
            .to_string();
    }
    assert!(
        shown.contains("\"kind\":\"bearer\"") && shown.contains("\"username\":\"us\""),
        "{shown}"
    );
    // once it fails, the reason is told, not the secret
    upstream.auth("Bearer another");
    shown += &admin
        .index("acme", View::Index, "unseen")
        .await
        .expect(502)
        .to_string();
    shown += &admin
        .post("/api/v1/upstreams/partner/test", json!({}))
        .await
        .expect(200)
        .to_string();
    let sent = upstream.requests_to("/index/th/ei/theirs");
    assert_eq!(
        sent[0].header("authorization"),
        Some(format!("Bearer {SECRET}").as_str())
    );
    let mut log = server.log();
    server.restart().await;
    upstream.auth(&format!("Bearer {SECRET}"));
    let works = admin
        .post("/api/v1/upstreams/partner/test", json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        works["ok"], true,
        "the key is the same after a restart: {works}"
    );
    server.stop().await;
    log += &server.log();

    let mut files = Vec::new();
    bytes_below(server.data(), &mut files);
    for secret in [SECRET, OTHER] {
        assert!(!shown.contains(secret), "{shown}");
        assert_eq!(files_with(&files, secret.as_bytes()), Vec::<String>::new());
        assert!(!log.contains(secret), "{log}");
    }
    let key = fs::read_to_string(server.data().join("secret-key")).unwrap();
    let with_key = files_with(&files, key.trim().as_bytes());
    assert_eq!(
        with_key.len(),
        1,
        "the key stands in its own file alone: {with_key:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_key_is_for_nobody_elses_eyes() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = talkative_server().await;
    let key = fs::metadata(server.data().join("secret-key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}
