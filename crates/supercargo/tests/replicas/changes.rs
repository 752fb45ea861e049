//! What one server changes, the other shows.

use http::Method;
use serde_json::json;
use supercargo_testkit::{FakeUpstream, Package, View};

use crate::world::{Shared, at_once, seen};

/// Often enough for a median, seldom enough for a test.
const TIMES: u32 = 20;

/// Row P6.
#[tokio::test]
async fn a_publish_on_one_is_in_the_index_and_the_downloads_of_the_other() {
    let shared = Shared::new();
    let (_servers, [a, b]) = shared.two().await;
    let mut took = Vec::new();
    for number in 0..TIMES {
        let version = format!("1.0.{number}");
        // it holds the file as it was
        let before = b.listed("acme", View::Index, "demo").await.len();
        assert_eq!(before, number as usize);
        a.publish("acme", &Package::new("demo", &version))
            .await
            .expect(200);
        let is_there = async || {
            let listed = b.listed("acme", View::Index, "demo").await;
            listed.contains(&version)
        };
        took.push(seen("the version", is_there).await);
        b.download("acme", View::Index, "demo", &version)
            .await
            .expect(200);
    }
    at_once("publish", took);
}

/// Row P6: the validators of a view are equal on every replica.
#[tokio::test]
async fn both_give_the_same_file_with_the_same_validators() {
    let shared = Shared::new();
    let (_servers, [a, b]) = shared.two().await;
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        a.publish("acme", &Package::new("demo", version))
            .await
            .expect(200);
    }
    b.yank("acme", "demo", "1.1.0", true).await.expect(200);
    for view in [View::Index, View::Hosted] {
        let there = b.index("acme", view, "demo").await.expect(200);
        seen("the same file", async || {
            a.index("acme", view, "demo").await.body == there.body
        })
        .await;
        let here = a.index("acme", view, "demo").await;
        for header in ["etag", "last-modified"] {
            assert!(here.header(header).is_some(), "{header}");
            assert_eq!(here.header(header), there.header(header), "{header}");
        }
    }
}

/// Row P6.
#[tokio::test]
async fn a_yank_on_one_is_in_the_index_of_the_other() {
    let shared = Shared::new();
    let (_servers, [a, b]) = shared.two().await;
    a.publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let mut took = Vec::new();
    for yanked in [true, false].into_iter().cycle().take(TIMES as usize) {
        a.yank("acme", "demo", "1.0.0", yanked).await.expect(200);
        let is_so = async || {
            let index = b.index("acme", View::Index, "demo").await.expect(200);
            index.json_lines()[0]["yanked"] == yanked
        };
        took.push(seen("the flag", is_so).await);
    }
    at_once("yank", took);
}

/// Row P6: what a claim takes away is gone everywhere.
#[tokio::test]
async fn settings_and_claims_of_one_hold_on_the_other() {
    let shared = Shared::new();
    let (servers, [a, b]) = shared.two().await;
    let fake = FakeUpstream::start();
    fake.publish(&Package::new("itoa", "1.0.9"));
    a.create_upstream(json!({ "name": "fake", "index": fake.index_url() }))
        .await;
    a.attach("acme", json!(["fake"])).await;
    let is_listed = async || !b.listed("acme", View::Index, "itoa").await.is_empty();
    seen("the upstream's crate", is_listed).await;

    a.claim("acme", "itoa", "private").await;
    let took = seen("the claim", async || !is_listed().await).await;
    at_once("claim", vec![took]);

    let stranger = servers[1].anonymous();
    let mut took = Vec::new();
    for (visibility, status) in [("public", 200), ("private", 401)].repeat(5) {
        a.patch(
            "/api/v1/registries/acme",
            json!({ "visibility": visibility }),
        )
        .await
        .expect(200);
        let is_so = async || {
            let answer = stranger.get("/acme/index/config.json").await;
            answer.status.as_u16() == status
        };
        took.push(seen(visibility, is_so).await);
    }
    at_once("visibility", took);
}

/// Row P6, "at once".
#[tokio::test]
async fn a_token_that_was_revoked_on_one_is_refused_by_the_other() {
    let shared = Shared::new();
    let (_servers, [a, b]) = shared.two().await;
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let made = a
            .post(
                "/api/v1/tokens",
                json!({ "name": "ci", "scopes": ["read"] }),
            )
            .await
            .expect(201)
            .json();
        let holder = b.with_token(made["token"].as_str().unwrap());
        // twice: the second time from memory
        for _ in 0..2 {
            holder.get("/api/v1/me").await.expect(200);
        }
        let id = made["id"].as_str().unwrap();
        a.delete(&format!("/api/v1/tokens/{id}")).await.success();
        let is_refused = async || holder.get("/api/v1/me").await.status == 401;
        took.push(seen("the end of the token", is_refused).await);
    }
    at_once("revocation", took);
}

/// Row P6, "at once".
#[tokio::test]
async fn a_member_that_was_removed_on_one_is_none_on_the_other() {
    let shared = Shared::new();
    let (_servers, [a, b]) = shared.two().await;
    let alice = a
        .person("alice", "acme", "publisher", &["read", "publish"])
        .await;
    let alice_there = alice.at(b.base());
    let publish = async |version: &str| {
        let package = Package::new("demo", version);
        alice_there.publish("acme", &package).await
    };
    publish("1.0.0").await.expect(200);
    a.request(Method::DELETE, "/api/v1/registries/acme/members/alice")
        .send()
        .await
        .success();
    let is_gone = async || {
        let config = alice_there.get("/acme/index/config.json").await;
        config.status == 403
    };
    at_once(
        "member",
        vec![seen("the end of the membership", is_gone).await],
    );
    publish("2.0.0").await.expect(403);
}

/// What one has learned of an upstream, the other does not deny: its "not there" would hold for an hour.
#[tokio::test]
async fn what_one_learns_of_an_upstream_the_other_knows() {
    let shared = Shared::new();
    let options = || {
        shared
            .options()
            .setting("upstream.negative", "1h")
            .setting("upstream.freshness", "1h")
    };
    let [first, second] = [
        supercargo_testkit::Server::start(options()).await,
        supercargo_testkit::Server::start(options()).await,
    ];
    let (a, b) = (first.admin(), second.admin());
    let fake = FakeUpstream::start();
    fake.publish(&Package::new("other", "1.0.0"));
    a.create_upstream(json!({ "name": "fake", "index": fake.index_url() }))
        .await;
    a.attach("main", json!(["fake"])).await;
    let listed = async |name: &str| b.listed("main", View::Index, name).await;
    // until it has heard of it, the other asks crates.io, which cannot be reached here
    let is_there = async || b.index("main", View::Index, "other").await.status == 200;
    seen("the upstream", is_there).await;
    assert_eq!(listed("other").await, ["1.0.0"]);

    assert!(listed("late").await.is_empty());
    fake.publish(&Package::new("late", "0.1.0"));
    assert!(listed("late").await.is_empty());
    assert_eq!(a.listed("main", View::Index, "late").await, ["0.1.0"]);
    seen("the crate", async || listed("late").await == ["0.1.0"]).await;
    // from the database, not by a question of its own
    assert_eq!(fake.requests_to("/index/la/te/late").len(), 2);
}

/// Row I3 (revoked at once, on every replica) and I7: what becomes of an account on one server, the other one knows.
#[tokio::test]
async fn an_account_that_is_disabled_or_deleted_on_one_has_no_token_on_the_other() {
    let shared = Shared::new();
    let (_servers, [a, b]) = shared.two().await;
    let password = "tulip brook 17 lantern";
    let user = json!({ "name": "alice", "password": password });
    a.post("/api/v1/users", user).await.expect(201);
    let sign_in = json!({ "user": "alice", "password": password });
    // the password is in the database, and a token that one has made the other has never seen
    let made = b.anonymous().post("/api/v1/sign-in", sign_in.clone()).await;
    let made = made.expect(201).json();
    let token = made["token"].as_str().unwrap();
    let [here, there] = [a.with_token(token), b.with_token(token)];
    here.get("/api/v1/me").await.expect(200);
    there.get("/api/v1/me").await.expect(200);
    let mut took = Vec::new();
    for disabled in [true, false].into_iter().cycle().take(TIMES as usize) {
        let change = json!({ "disabled": disabled });
        a.patch("/api/v1/users/alice", change).await.expect(200);
        let status = if disabled { 401 } else { 200 };
        assert_eq!(here.get("/api/v1/me").await.status, status);
        let is_so = async || there.get("/api/v1/me").await.status == status;
        took.push(seen("the account", is_so).await);
    }
    at_once("disabled account", took);
    a.delete("/api/v1/users/alice?confirm=alice")
        .await
        .expect(204);
    let is_gone = async || there.get("/api/v1/me").await.status == 401;
    at_once("deleted account", vec![seen("the end", is_gone).await]);
    b.anonymous()
        .post("/api/v1/sign-in", sign_in)
        .await
        .expect(401);
}
