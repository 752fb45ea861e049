//! Row V2 for whole registries: deleted, restored, purged, and their names used again.

use http::Method;
use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Client, Database, Package, View, on_both};

use crate::scene::{Scene, acme, said};

on_both!(
    a_restored_registry_is_what_it_was,
    a_purged_registry_leaves_no_bytes_and_its_name_retired,
    a_name_that_is_used_again_gives_nobody_what_the_old_registry_held,
);

const ACME: &str = "/api/v1/registries/acme";

async fn delete_registry(scene: &Scene) {
    let path = format!("{ACME}?confirm=acme");
    scene.admin.delete(&path).await.expect(204);
}

/// Row V2: a registry that is back has its crates, its states and its people.
async fn a_restored_registry_is_what_it_was(database: Database) {
    let mut scene = Scene::start(database).await;
    let alice = scene
        .admin
        .person("alice", "acme", "publisher", &["publish"])
        .await;
    scene.publish("demo", &["1.0.0", "1.1.0", "1.2.0"]).await;
    scene.delete("demo@1.0.0").await;
    scene
        .quarantine("demo@1.1.0", "block", "steals tokens")
        .await;
    let before = scene.index("demo").await.expect(200);
    delete_registry(&scene).await;
    scene.server.restart().await;
    alice.index("acme", View::Index, "demo").await.expect(403);
    scene.index("demo").await.expect(403);
    let restore = scene
        .admin
        .request(Method::POST, &format!("{ACME}/restore"));
    restore.send().await.expect(200);
    let after = alice.index("acme", View::Index, "demo").await.expect(200);
    assert_eq!(after.body, before.body);
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(scene.state("demo", "1.1.0").await, "blocked: steals tokens");
    assert_eq!(scene.state("demo", "1.0.0").await, "deleted");
    scene.restore("demo@1.0.0").await;
    let own = Package::new("alices", "1.0.0");
    alice.publish("acme", &own).await.expect(200);
}

/// Row V2.
async fn a_purged_registry_leaves_no_bytes_and_its_name_retired(database: Database) {
    let scene = Scene::start(database).await;
    scene.admin.create_registry(json!({ "name": "beta" })).await;
    let shared = Package::new("shared", "1.0.0");
    let own = Package::new("demo", "1.0.0");
    let deleted = Package::new("demo", "1.1.0");
    for package in [&shared, &own, &deleted] {
        scene.admin.publish("acme", package).await.expect(200);
    }
    scene.admin.publish("beta", &shared).await.expect(200);
    scene.delete("demo@1.1.0").await;
    let purge = |query: &'static str| {
        let admin = scene.admin.clone();
        async move { admin.delete(&format!("{ACME}?{query}")).await }
    };
    let mut lines = vec![said(&purge("confirm=acme&purge=true").await)];
    delete_registry(&scene).await;
    lines.push(said(&purge("purge=true").await));
    assert!(scene.stores(&own));
    for _ in 0..2 {
        purge("confirm=acme&purge=true").await.expect(204);
    }
    assert!(!scene.stores(&own) && !scene.stores(&deleted));
    // what another registry hosts stays
    assert!(scene.stores(&shared));
    let there = scene
        .admin
        .download("beta", View::Index, "shared", "1.0.0")
        .await;
    assert_eq!(there.expect(200).body, shared.crate_bytes());
    let restore = scene
        .admin
        .request(Method::POST, &format!("{ACME}/restore"));
    lines.push(said(&restore.send().await));
    lines.push(said(
        &creator(&scene)
            .await
            .post("/api/v1/registries", json!({ "name": "acme" }))
            .await,
    ));
    assert_snapshot!(lines.join("\n"), @r#"
    409 not-deleted: registry `acme` is not deleted; delete it first: `supercargo registry delete acme`
    422 confirmation-needed: this deletes registry `acme` with its crates; repeat the name to confirm: `?confirm=acme`
    409 not-restorable: registry `acme` is not deleted, was purged, or has been deleted for more than 30 days; there is nothing to restore
    409 registry-name-retired: a registry named `acme` existed; only an instance admin may restore it or use its name again
    "#);
}

/// Somebody who may make registries, with a token for that.
async fn creator(scene: &Scene) -> Client {
    let user = json!({ "name": "carol", "instance_role": "creator" });
    scene.admin.post("/api/v1/users", user).await.expect(201);
    let token = json!({ "principal": "carol", "scopes": ["admin"] });
    scene.admin.with_token(&scene.admin.token(token).await)
}

/// Row V2: lockfiles hold the name, so its old numbers must never stand for other bytes; and the new registry's people are
/// others.
async fn a_name_that_is_used_again_gives_nobody_what_the_old_registry_held(database: Database) {
    let mut scene = Scene::start(database).await;
    let scopes = ["publish", "maintain", "delete", "admin"];
    let alice = scene.admin.person("alice", "acme", "admin", &scopes).await;
    scene
        .admin
        .create_service_account("robot", Some("acme"))
        .await;
    scene
        .admin
        .member("acme", "service:robot", "publisher")
        .await;
    let robot = json!({ "principal": "service:robot", "scopes": ["publish"] });
    let robot = scene.admin.with_token(&scene.admin.token(robot).await);
    let package = Package::new("demo", "1.0.0");
    alice.publish("acme", &package).await.expect(200);
    alice
        .publish("acme", &Package::new("twin-name", "1.0.0"))
        .await
        .expect(200);
    scene.admin.claim("acme", "mine-*", "private").await;
    scene.quarantine("left-pad", "block", "steals tokens").await;
    scene
        .change(json!({ "visibility": "public", "block": ["evil-*"] }))
        .await;
    let old = scene.index("demo").await.expect(200);
    delete_registry(&scene).await;

    let carol = creator(&scene).await;
    let again = json!({ "name": "acme", "visibility": "private" });
    let refused = carol.post("/api/v1/registries", again.clone()).await;
    assert_snapshot!(said(&refused), @"409 registry-name-retired: a registry named `acme` existed; only an instance admin may restore it or use its name again");
    let made = scene
        .admin
        .post("/api/v1/registries", again)
        .await
        .expect(201)
        .json();
    assert_eq!(made["upstreams"], json!([]));
    assert_eq!(made["crates"].as_u64().unwrap_or(0), 0);

    for restart in [false, true] {
        if restart {
            scene.server.restart().await;
        }
        // the old people
        alice.index("acme", View::Index, "demo").await.expect(403);
        alice
            .publish("acme", &Package::new("demo", "2.0.0"))
            .await
            .expect(403);
        alice.delete(&acme("crates/demo")).await.expect(404);
        robot.index("acme", View::Index, "demo").await.expect(403);
        scene
            .server
            .anonymous()
            .index("acme", View::Index, "demo")
            .await
            .expect(401);
        // the old content
        for view in [View::Index, View::Hosted, View::Mirror] {
            assert_eq!(scene.listed(view, "demo").await, "404");
        }
        let etag = old.header("etag").unwrap();
        let request = scene.admin.request(Method::GET, "/acme/index/de/mo/demo");
        request
            .header("if-none-match", etag)
            .send()
            .await
            .expect(404);
        scene.download("demo", "1.0.0").await.expect(404);
        assert!(!scene.stores(&package));
        assert_eq!(scene.see("claims").await["total"], 0);
        assert_eq!(scene.see("quarantines").await["total"], 0);
        scene
            .admin
            .publish(
                "acme",
                &Package::new("evil-one", if restart { "1.1.0" } else { "1.0.0" }),
            )
            .await
            .expect(200);
    }
    // the old numbers
    let mut lines = vec![
        said(&scene.admin.publish("acme", &package).await),
        said(&scene.try_restore("demo@1.0.0").await),
    ];
    // a new member, who does not maintain, may use an old name: it is nobody's
    let bob = scene
        .admin
        .person("bob", "acme", "publisher", &["publish"])
        .await;
    let next = bob.publish("acme", &Package::new("demo", "1.1.0")).await;
    lines.push(said(&next));
    assert_snapshot!(lines.join("\n"), @r#"
    409 number-deleted: crate version `1.0.0` was uploaded before: `demo@1.0.0` was deleted from registry `acme`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored
    409 purged: `demo@1.0.0` was purged from registry `acme`: its bytes are gone for ever; publish a new version number
    200 {"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}
    "#);
    assert_eq!(scene.listed(View::Index, "demo").await, "1.1.0");
}
