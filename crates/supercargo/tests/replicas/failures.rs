//! When a server does not hear what the others change: it must not go on as if nothing had happened.

use std::time::Instant;

use serde_json::json;
use supercargo_testkit::{Package, Server, View, Wire};

use crate::world::{AT_ONCE, END_FEEDS, Shared, at_once, seen};

/// Row P6.
#[tokio::test]
async fn a_server_whose_listening_connection_is_ended_answers_on_and_sees_what_changes() {
    let shared = Shared::new();
    let (servers, [a, b]) = shared.two().await;
    let mut took = Vec::new();
    for number in 0..5 {
        let version = format!("1.0.{number}");
        assert_eq!(b.listed("acme", View::Index, "demo").await.len(), number);
        shared.database.execute(END_FEEDS);
        a.publish("acme", &Package::new("demo", &version))
            .await
            .expect(200);
        let is_there = async || {
            let listed = b.listed("acme", View::Index, "demo").await;
            listed.contains(&version)
        };
        took.push(seen("the version", is_there).await);
    }
    at_once("publish while the listening connection ends", took);
    let log = servers[1].log();
    assert!(
        log.contains("changes of other processes are not heard"),
        "{log}"
    );
}

/// Row P6, "at once": a network that drops packets tells nobody, and no copy in memory may be used for longer than the
/// contract says.
#[tokio::test]
async fn a_token_that_was_revoked_dies_also_where_the_database_hangs() {
    let shared = Shared::new();
    let wire = Wire::to(shared.database.url()).await;
    let first = shared.start().await;
    let second = Server::start(shared.options_at(wire.url())).await;
    let (a, b) = (first.admin(), second.admin());
    let made = a
        .post(
            "/api/v1/tokens",
            json!({ "name": "ci", "scopes": ["read"] }),
        )
        .await
        .expect(201)
        .json();
    let holder = b.with_token(made["token"].as_str().unwrap());
    let ask = async || holder.get("/main/index/config.json").await.status.as_u16();
    seen("the token", async || ask().await == 200).await;

    wire.hang();
    let id = made["id"].as_str().unwrap();
    a.delete(&format!("/api/v1/tokens/{id}")).await.success();
    let revoked = Instant::now();
    let mut believed = 0;
    loop {
        let asked = Instant::now();
        match ask().await {
            200 => {
                believed += 1;
                assert!(
                    asked.duration_since(revoked) < AT_ONCE,
                    "a dead token was believed"
                );
            }
            status => {
                assert_eq!(status, 500, "the database cannot say");
                break;
            }
        }
    }
    println!("answered {believed} times from memory before it was too old");
    // nobody else is answered from memory either
    b.get("/main/index/config.json").await.expect(500);
    second
        .anonymous()
        .get("/main/index/config.json")
        .await
        .expect(500);

    wire.heal();
    seen("the end of the token", async || ask().await == 401).await;
    b.get("/main/index/config.json").await.expect(200);
}

/// A database that is gone: the server waits for it, and is whole again when it is back.
#[tokio::test]
async fn a_server_whose_database_was_away_is_whole_when_it_is_back() {
    let shared = Shared::new();
    let wire = Wire::to(shared.database.url()).await;
    let first = shared.start().await;
    let second = Server::start(shared.options_at(wire.url())).await;
    let (a, b) = (first.admin(), second.admin());
    a.create_registry(json!({ "name": "acme" })).await;
    a.publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let listed = async || {
        let index = b.index("acme", View::Index, "demo").await;
        (index.status.as_u16(), index.text().lines().count())
    };
    seen("the version", async || listed().await == (200, 1)).await;

    wire.cut();
    seen("the failure", async || listed().await.0 == 500).await;
    a.publish("acme", &Package::new("demo", "1.1.0"))
        .await
        .expect(200);
    wire.heal();
    seen("both versions", async || listed().await == (200, 2)).await;
    let at_last = a.index("acme", View::Index, "demo").await;
    assert_eq!(
        b.index("acme", View::Index, "demo").await.body,
        at_last.body
    );
}
