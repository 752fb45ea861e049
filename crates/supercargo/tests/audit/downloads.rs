//! Every download: who, with which token, from where, with what.

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{Cargo, Client, Database, Dependency, Package, View, on_both};

use crate::scene::{Scene, download, items, told};

on_both!(
    build_and_then_see_who_pulled_it,
    a_head_and_an_unchanged_copy_are_no_downloads_and_a_part_is_one,
    somebody_without_a_token_is_nobody_and_leaves_an_address,
    whoever_asks_for_one_byte_for_ever_leaves_no_row_for_each,
    what_was_downloaded_last_survives_the_end_of_the_program,
    a_claim_says_how_many_readers_lose_what_they_had,
);

const DOWNLOADS: &str = "/api/v1/audit?action=version.downloaded";

/// I9 and V7, with the real cargo.
async fn build_and_then_see_who_pulled_it(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.2.0").await;
    let alice = scene
        .admin
        .person("alice", "acme", "reader", &["read"])
        .await;
    let token = scene
        .admin
        .token(json!({ "principal": "alice", "name": "ci" }))
        .await;
    let cargo = Cargo::new()
        .registry("acme", &scene.server.index_url("acme", View::Index))
        .token("acme", &token);
    let needs = |name| Dependency::new(name, "1").registry("acme");
    let consumer = Package::new("consumer", "0.1.0")
        .depends_on(needs("demo"))
        .depends_on(needs("serde"));
    let folder = cargo.project(&consumer);
    cargo.run(&folder, &["build"]).await.success();

    let pulled = items(&scene.admin, "/api/v1/exposure?crate=demo").await;
    let fields = ["principal", "repository", "registry", "version", "total"];
    assert_eq!(told(&pulled, &fields), ["alice - acme 1.2.0 1"]);
    assert_eq!(pulled[0]["first_at"], pulled[0]["last_at"]);
    let pulls = "/api/v1/registries/acme/crates/serde/versions/1.0.0/pulls";
    let of_upstream = items(&scene.admin, pulls).await;
    assert_eq!(told(&of_upstream, &fields), ["alice - acme 1.0.0 1"]);

    let mut log = items(&scene.admin, DOWNLOADS).await;
    log.sort_by_key(|item| item["crate"].to_string());
    let fields = [
        "action",
        "outcome",
        "principal",
        "registry",
        "crate",
        "version",
        "address",
    ];
    assert_eq!(
        told(&log, &fields),
        [
            "version.downloaded done alice acme demo 1.2.0 127.0.0.1",
            "version.downloaded done alice acme serde 1.0.0 127.0.0.1"
        ]
    );
    let tokens = items(&scene.admin, "/api/v1/tokens").await;
    let ci = tokens.iter().find(|token| token["name"] == "ci").unwrap();
    for item in &log {
        assert_eq!(item["token_id"], ci["id"]);
        let agent = item["user_agent"].as_str().unwrap();
        assert!(agent.starts_with("cargo"), "{agent}");
        assert_eq!(item["request_id"].as_str().unwrap().len(), 16);
    }

    // the lockfile is built again elsewhere: one row with the first and the last time
    cargo.forget_downloads();
    cargo.run(&folder, &["fetch", "--locked"]).await.success();
    let again = items(&scene.admin, "/api/v1/exposure?crate=demo").await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["total"], 2);
    assert_eq!(again[0]["first_at"], pulled[0]["first_at"]);
    assert!(again[0]["last_at"].as_str() > again[0]["first_at"].as_str());

    let reader = alice.get("/api/v1/exposure?crate=demo").await;
    assert_eq!(reader.expect(403).code().as_deref(), Some("not-allowed"));
}

async fn logged(scene: &Scene) -> usize {
    items(&scene.admin, DOWNLOADS).await.len()
}

async fn a_head_and_an_unchanged_copy_are_no_downloads_and_a_part_is_one(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    let path = "/acme/api/v1/crates/demo/1.0.0/download";
    let ask = |method| scene.admin.request(method, path);
    let head = ask(Method::HEAD).send().await.expect(200);
    let etag = head.header("etag").unwrap();
    let unchanged = ask(Method::GET).header("if-none-match", etag);
    unchanged.send().await.expect(304);
    let beyond = ask(Method::GET).header("range", "bytes=99999999-");
    beyond.send().await.expect(416);
    let other = "/acme/api/v1/crates/demo/9.9.9/download";
    scene.admin.get(other).await.expect(404);
    assert_eq!(logged(&scene).await, 0);

    // a part from the middle on has bytes of it as well
    let part = ask(Method::GET).header("range", "bytes=7-");
    part.header("x-request-id", "proxy-4711")
        .send()
        .await
        .expect(206);
    ask(Method::GET).send().await.expect(200);
    let log = items(&scene.admin, DOWNLOADS).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[1]["request_id"], "proxy-4711", "as the proxy calls it");
}

async fn somebody_without_a_token_is_nobody_and_leaves_an_address(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("other", "demo", "1.0.0").await;
    let nobody = scene.server.anonymous();
    download(&nobody, "other", "demo", "1.0.0").await;
    let log = items(&scene.admin, DOWNLOADS).await;
    let fields = ["principal", "token_id", "address"];
    assert_eq!(told(&log, &fields), ["- - 127.0.0.1"]);
    let pulled = items(&scene.admin, "/api/v1/exposure?crate=demo").await;
    assert_eq!(told(&pulled, &["principal", "total"]), ["- 1"]);
}

/// The attack: requests that cost nothing fill the disk with rows.
async fn whoever_asks_for_one_byte_for_ever_leaves_no_row_for_each(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("other", "demo", "1.0.0").await;
    let nobody = scene.server.anonymous();
    let path = "/other/api/v1/crates/demo/1.0.0/download";
    let ask = async |range: &str, agent: &str| {
        let part = nobody.request(Method::GET, path).header("range", range);
        part.header("user-agent", agent).send().await.expect(206);
    };
    for number in 0..20 {
        ask("bytes=7-7", &format!("robot/{number}")).await;
        ask("bytes=-1", &format!("robot/{number}")).await;
    }
    assert_eq!(logged(&scene).await, 0);
    let pulled = items(&scene.admin, "/api/v1/exposure?crate=demo").await;
    assert!(pulled.is_empty(), "{pulled:?}");

    for number in 0..20 {
        ask("bytes=0-0", &format!("robot/{number}")).await;
    }
    let pulled = items(&scene.admin, "/api/v1/exposure?crate=demo").await;
    assert_eq!(told(&pulled, &["principal", "total"]), ["- 20"]);
    // a row for each second that it took, or for the few that were under way between two batches
    let rows = items(&scene.admin, DOWNLOADS).await;
    assert!(rows.len() < 20, "{rows:?}");
}

async fn what_was_downloaded_last_survives_the_end_of_the_program(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    download(&scene.admin, "acme", "demo", "1.0.0").await;
    scene.server.restart().await;
    assert_eq!(logged(&scene).await, 1);
    let pulled = items(&scene.admin, "/api/v1/exposure?crate=demo").await;
    assert_eq!(told(&pulled, &["principal", "total"]), ["admin 1"]);
}

async fn claimed(admin: &Client, pattern: &str, mode: &str) -> [Value; 2] {
    let claim = admin.claim("acme", pattern, mode).await;
    [
        claim["cached_versions"].clone(),
        claim["recent_readers"].clone(),
    ]
}

async fn a_claim_says_how_many_readers_lose_what_they_had(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["tool-a", "tool-b"] {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
    }
    scene.publish("acme", "tool-ours", "1.0.0").await;
    let alice = scene
        .admin
        .person("alice", "acme", "reader", &["read"])
        .await;
    for name in ["tool-a", "tool-b", "tool-ours"] {
        download(&alice, "acme", name, "1.0.0").await;
    }
    download(&scene.admin, "acme", "tool-ours", "1.0.0").await;
    download(&scene.admin, "acme", "serde", "1.0.0").await;
    let admin = &scene.admin;
    assert_eq!(claimed(admin, "tool-*", "private").await, [2, 1], "alice");
    assert_eq!(claimed(admin, "serde", "fork").await, [1, 1], "admin");
    assert_eq!(
        claimed(admin, "tool-a", "merge").await,
        [0, 0],
        "nobody loses"
    );
    assert_eq!(claimed(admin, "nobody-*", "private").await, [0, 0]);
}
