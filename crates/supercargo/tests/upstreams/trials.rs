//! R2: "Test connection", for each kind of upstream.

use serde_json::{Value, json};
use supercargo_testkit::{Database, Fault, on_both};

use crate::scene::Scene;

on_both!(
    a_test_of_each_kind_of_upstream_says_whether_it_works_or_why_not,
    a_test_is_an_instance_admins,
);

async fn test(scene: &Scene, name: &str) -> Value {
    let path = format!("/api/v1/upstreams/{name}/test");
    let tested = scene.admin.post(&path, json!({})).await;
    tested.expect(200).json()
}

async fn works(scene: &Scene, name: &str) {
    let tested = test(scene, name).await;
    assert_eq!(tested["ok"], true, "{tested}");
    assert!(tested["latency_ms"].is_u64(), "{tested}");
}

async fn fails(scene: &Scene, name: &str) -> String {
    let tested = test(scene, name).await;
    assert_eq!(tested["ok"], false, "{tested}");
    tested["reason"].as_str().unwrap().to_owned()
}

async fn a_test_of_each_kind_of_upstream_says_whether_it_works_or_why_not(database: Database) {
    let mut scene = Scene::bare(database, &[("upstream.timeout", "1s")]).await;
    works(&scene, "first").await;
    let mut table = Vec::new();
    for fault in [
        Fault::Status(404),
        Fault::Status(500),
        Fault::Html,
        Fault::Garbage,
        Fault::Hang,
    ] {
        scene.first.fault("/index/config.json", fault);
        table.push(fails(&scene, "first").await);
        scene.first.heal();
    }
    // its credentials
    scene.first.auth("Bearer right");
    table.push(fails(&scene, "first").await);
    let path = "/api/v1/upstreams/first";
    for (secret, is_right) in [("wrong", false), ("right", true)] {
        let auth = json!({ "auth": { "kind": "bearer", "secret": secret } });
        scene.admin.patch(path, auth).await.expect(200);
        if is_right {
            works(&scene, "first").await;
        } else {
            table.push(fails(&scene, "first").await);
        }
    }
    insta::assert_snapshot!(table.join("\n"), @"
    upstream `first` answers 404 Not Found when asked for `config.json`
    upstream `first` answers 500 Internal Server Error when asked for `config.json`
    upstream `first` gives an answer that makes no sense: an HTML page for `config.json`
    upstream `first` gives an answer that makes no sense: its `config.json` cannot be read (expected ident at line 1 column 2)
    upstream `first` did not answer within 1s
    upstream `first` answers 401 Unauthorized when asked for `config.json`; an administrator should look at its credentials
    upstream `first` answers 401 Unauthorized when asked for `config.json`; an administrator should look at its credentials
    ");
    scene.first.stop();
    let reason = fails(&scene, "first").await;
    assert!(reason.contains("cannot be reached"), "{reason}");
    // the preset, which nobody reaches from here
    let reason = fails(&scene, "crates-io").await;
    assert!(reason.contains("upstream `crates-io`"), "{reason}");
    // a registry of this server
    scene
        .admin
        .create_registry(json!({ "name": "inner" }))
        .await;
    scene.admit("inner").await;
    works(&scene, "inner").await;
    let delete = "/api/v1/registries/inner?confirm=inner";
    scene.admin.delete(delete).await.expect(204);
    insta::assert_snapshot!(fails(&scene, "inner").await, @"upstream `inner` reads a registry that is deleted; restore that, or delete the upstream");
}

async fn a_test_is_an_instance_admins(database: Database) {
    let scene = Scene::start(database).await;
    let olga = scene
        .admin
        .person("olga", "acme", "admin", &["admin"])
        .await;
    let path = "/api/v1/upstreams/first/test";
    olga.post(path, json!({})).await.expect(403);
    scene
        .server
        .anonymous()
        .post(path, json!({}))
        .await
        .expect(401);
    assert!(scene.first.requests().is_empty());
}
