//! Every attempt that was denied, within bounds.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Client, Database, Package, on_both};

use crate::scene::{Scene, told};

on_both!(
    what_is_denied_is_written_down_with_who_and_what,
    reading_without_a_token_first_as_cargo_does_is_no_attempt,
    a_flood_of_strangers_writes_a_few_entries_and_hides_nobody,
    a_refusal_that_is_no_denial_is_not_written_down,
);

const FIELDS: [&str; 7] = [
    "action",
    "principal",
    "registry",
    "crate",
    "version",
    "detail",
    "address",
];

async fn denied(scene: &Scene) -> Vec<String> {
    let mut log = scene.log("outcome=denied&limit=200").await;
    log.reverse();
    told(&log, &FIELDS)
}

/// I9 (every denied attempt).
async fn what_is_denied_is_written_down_with_who_and_what(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    let scopes = ["read", "publish", "yank", "owners", "maintain", "admin"];
    let alice = scene.admin.person("alice", "acme", "reader", &scopes).await;
    let bob = scene
        .admin
        .person("bob", "acme", "publisher", &scopes)
        .await;
    let nobody = scene.server.anonymous();
    let stranger = scene
        .admin
        .with_token("scg_000000000000000000000000000000000000000000013ldJ2");

    let package = Package::new("mine", "1.0.0");
    let refused = [
        // somebody whom we know
        (403, alice.publish("acme", &package).await),
        (403, alice.yank("acme", "demo", "1.0.0", true).await),
        (403, bob.yank("acme", "demo", "1.0.0", true).await),
        (
            404,
            alice
                .delete("/api/v1/registries/hidden?confirm=hidden")
                .await,
        ),
        (404, alice.delete("/api/v1/registries/No%20Name").await),
        (403, alice.get("/api/v1/registries/acme/members").await),
        (
            403,
            alice
                .put(
                    "/api/v1/registries/acme/crates/demo/versions/1.0.0/quarantine",
                    json!({ "action": "block", "reason": "x" }),
                )
                .await,
        ),
        (403, alice.get("/hidden/index/de/mo/demo").await),
        (403, alice.get("/api/v1/audit").await),
        // and not
        (
            401,
            nobody.post("/api/v1/tokens", json!({ "name": "x" })).await,
        ),
        (401, stranger.publish("acme", &package).await),
        (
            401,
            stranger
                .get("/acme/api/v1/crates/demo/1.0.0/download")
                .await,
        ),
    ];
    for (status, answer) in refused {
        answer.expect(status);
    }
    insta::assert_snapshot!(denied(&scene).await.join("\n"), @"
    version.published alice acme - - not-allowed: `alice` may not publish in registry `acme`: that needs the role `publisher` there; ask one of its admins 127.0.0.1
    version.yanked alice acme demo 1.0.0 not-allowed: `alice` may not yank in registry `acme`: that needs the role `publisher` there; ask one of its admins 127.0.0.1
    version.yanked bob acme demo 1.0.0 not-an-owner: `bob` is not an owner of crate `demo` in registry `acme`; ask an owner (`admin`) to run `cargo owner --add bob demo --registry acme` 127.0.0.1
    registry.deleted alice hidden - - no-such-registry 127.0.0.1
    registry.deleted alice No Name - - no-such-registry 127.0.0.1
    api.read alice acme - - not-allowed: `alice` may not change settings in registry `acme`: that needs the role `admin` there; ask one of its admins 127.0.0.1
    quarantine.set alice acme demo 1.0.0 not-allowed: `alice` may not claim names, quarantine crates or evict what is cached in registry `acme`: that needs the role `maintainer` there; ask one of its admins 127.0.0.1
    registry.read alice hidden demo - no-such-registry 127.0.0.1
    api.read alice - - - not-allowed: this token may not see the whole audit log, which is for instance admins; ask for that of a registry that you administer, as in `?registry=acme`, or `--registry acme` on the command line 127.0.0.1
    token.created - - - - sign-in 127.0.0.1
    version.published - acme - - bad-token 127.0.0.1
    registry.read - acme demo 1.0.0 bad-token 127.0.0.1
    ");
    // what was done stands under the same name
    let all = scene.log("action=version.published&registry=acme").await;
    let fields = ["outcome", "principal", "token_id"].map(|field| &all[1][field]);
    assert_eq!(fields[0], "denied");
    assert_eq!(fields[1], "alice");
    assert!(fields[2].is_string());
    assert_eq!(all[2]["outcome"], "done");
}

async fn reading_without_a_token_first_as_cargo_does_is_no_attempt(database: Database) {
    let scene = Scene::start(database).await;
    let nobody = scene.server.anonymous();
    nobody.get("/acme/index/config.json").await.expect(401);
    nobody.get("/acme/index/de/mo/demo").await.expect(401);
    assert_eq!(denied(&scene).await, [""; 0]);
    nobody.yank("acme", "demo", "1.0.0", true).await.expect(401);
    assert_eq!(
        denied(&scene).await,
        ["version.yanked - acme demo 1.0.0 sign-in 127.0.0.1"]
    );
}

async fn knock(client: &Client, times: usize) {
    for _ in 0..times {
        let path = "/api/v1/registries/acme/claims";
        client.request(Method::POST, path).send().await.expect(401);
    }
}

/// The attack: filling the disk, and the log with nonsense in which the one attempt that matters is lost.
async fn a_flood_of_strangers_writes_a_few_entries_and_hides_nobody(database: Database) {
    let mut scene = Scene::start(database).await;
    let alice = scene
        .admin
        .person("alice", "acme", "reader", &["publish"])
        .await;
    knock(&scene.server.anonymous(), 100).await;
    let refused = alice.publish("acme", &Package::new("mine", "1.0.0")).await;
    refused.expect(403);
    // the end of the program tells what the end of the minute would have told
    scene.server.restart().await;
    let log = scene.log("outcome=denied&limit=200").await;
    let of_alice = log.iter().filter(|item| item["principal"] == "alice");
    assert_eq!(of_alice.count(), 1);
    let (several, single): (Vec<_>, Vec<_>) = log
        .iter()
        .filter(|item| item["principal"].is_null())
        .partition(|item| item["action"] == "attempts.denied");
    // five in full for each minute that it took; a minute with no more than these has no entry for several
    assert!(single.len() <= 5 * (several.len() + 1), "{log:?}");
    let counted: usize = several
        .iter()
        .map(|item| {
            assert_eq!(item["address"], "127.0.0.1");
            let (count, words) = item["detail"].as_str().unwrap().split_once(' ').unwrap();
            assert_eq!(words, "more denied attempts within a minute");
            count.parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(counted + single.len(), 100, "each is counted");
}

async fn a_refusal_that_is_no_denial_is_not_written_down(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    let again = scene
        .admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await;
    again.expect(409);
    let none = scene
        .admin
        .delete("/api/v1/registries/acme/crates/none")
        .await;
    none.expect(404);
    let nonsense = scene
        .admin
        .post("/api/v1/registries", json!({ "nam": 1 }))
        .await;
    nonsense.expect(422);
    assert_eq!(denied(&scene).await, [""; 0]);
}
