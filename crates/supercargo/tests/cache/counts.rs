//! R11: how well the cache serves, and who may know.

use std::process::Command;

use serde_json::{Value, json};
use supercargo_testkit::{Database, Package, on_both};

use crate::scene::{PROGRAM, Scene};

on_both!(
    what_is_given_out_is_counted_by_what_it_cost_the_upstream,
    counts_outlive_a_restart,
    whoever_may_read_sees_it_and_nobody_else,
    people_see_a_table,
);

async fn ask(scene: &Scene, packages: &[Package], times: usize) {
    for package in packages {
        scene.upstream.publish(package);
        for _ in 0..times {
            scene.index(package.name()).await.expect(200);
        }
        for _ in 0..times {
            scene.download(package).await.expect(200);
        }
    }
}

async fn what_is_given_out_is_counted_by_what_it_cost_the_upstream(database: Database) {
    let scene = Scene::start(database).await;
    let nothing = scene.cache().await;
    assert_eq!(
        nothing,
        json!({
            "upstream": "partner", "files": 0, "bytes": 0, "index_files": 0, "oldest": null, "days": 30,
            "hits": { "index": 0, "files": 0 }, "misses": { "index": 0, "files": 0 }, "hit_rate": null,
            "read_ahead": { "fetched": 0, "used": 0 }, "limit": null,
        })
    );
    let packages = ["serde", "rand"].map(|name| Package::new(name, "1.0.0"));
    ask(&scene, &packages, 4).await;
    scene.index("not-there").await.expect(404);
    let bytes: usize = packages.iter().map(|at| at.crate_bytes().len()).sum();
    scene
        .eventually_cached("all counts", |cache| {
            cache["hits"] == json!({ "index": 6, "files": 6 })
                && cache["misses"] == json!({ "index": 2, "files": 2 })
        })
        .await;
    let mut cache = scene.cache().await;
    assert!(cache["oldest"].take().is_string());
    assert_eq!(
        cache,
        json!({
            "upstream": "partner", "files": 2, "bytes": bytes, "index_files": 2, "oldest": null, "days": 30,
            "hits": { "index": 6, "files": 6 }, "misses": { "index": 2, "files": 2 }, "hit_rate": 0.75,
            "read_ahead": { "fetched": 0, "used": 0 }, "limit": null,
        })
    );
}

async fn counts_outlive_a_restart(database: Database) {
    let mut scene = Scene::start(database).await;
    ask(&scene, &[Package::new("serde", "1.0.0")], 3).await;
    // also what the last second brought
    scene.server.restart().await;
    scene.admin = scene.server.admin();
    let cache = scene.cache().await;
    assert_eq!(cache["hits"], json!({ "index": 2, "files": 2 }));
    assert_eq!(cache["misses"], json!({ "index": 1, "files": 1 }));
    // from the database, and from the folder
    scene.upstream.clear_requests();
    scene.index("serde").await.expect(200);
    scene
        .download(&Package::new("serde", "1.0.0"))
        .await
        .expect(200);
    scene
        .eventually_cached("two more", |cache| {
            cache["hits"] == json!({ "index": 3, "files": 3 })
        })
        .await;
    assert_eq!(scene.upstream.requests().len(), 0);
}

async fn whoever_may_read_sees_it_and_nobody_else(database: Database) {
    let scene = Scene::start(database).await;
    let path = "/api/v1/registries/acme/cache";
    let reader = scene
        .admin
        .person("alice", "acme", "reader", &["read"])
        .await;
    let items = reader.get(path).await.expect(200).json();
    assert_eq!(items["total"], 1);
    let stranger = scene.admin.create_user("bob").await;
    assert_eq!(stranger["name"], "bob");
    let token = scene
        .admin
        .token(json!({ "principal": "bob", "scopes": ["read"] }))
        .await;
    let stranger = scene.admin.with_token(&token);
    stranger.get(path).await.expect(404);
    scene.server.anonymous().get(path).await.expect(401);
    // other registries share the cache: what everybody may read does not tell everybody of their traffic
    let registry = "/api/v1/registries/acme";
    let public = json!({ "visibility": "public" });
    scene.admin.patch(registry, public).await.expect(200);
    scene.server.anonymous().get(registry).await.expect(200);
    scene.server.anonymous().get(path).await.expect(401);
    stranger.get(path).await.expect(200);
    let hosted = json!({ "name": "alone" });
    scene.admin.create_registry(hosted).await;
    let none = scene.admin.get("/api/v1/registries/alone/cache").await;
    assert_eq!(none.expect(200).json()["items"], json!([]));
    let wrong = scene.admin.get(&format!("{path}?upstream=partner")).await;
    assert_eq!(wrong.expect(422).code().unwrap(), "invalid-request");
}

fn run(scene: &Scene, arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        .env("SUPERCARGO_URL", scene.server.url())
        .env("SUPERCARGO_TOKEN", scene.server.admin_token())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

async fn people_see_a_table(database: Database) {
    let settings = [("upstream.cache_size", "50GiB")];
    let scene = Scene::with_settings(database, &settings).await;
    insta::assert_snapshot!(run(&scene, &["cache", "show", "acme"]), @"
    UPSTREAM  FILES  SIZE  LIMIT     INDEX  OLDEST  HITS  READ AHEAD
    partner   0      0 B   50.0 GiB  0      -       -     -
    ");
    ask(&scene, &[Package::new("serde", "1.0.0")], 4).await;
    scene
        .eventually_cached("all counts", |cache| cache["hit_rate"] == json!(0.75))
        .await;
    let shown = run(&scene, &["cache", "show", "acme"]);
    let cache = scene.cache().await;
    let day = &cache["oldest"].as_str().unwrap()[..10];
    assert!(shown.contains(day), "{shown}");
    assert!(
        shown.contains("75.0 %") && shown.contains("50.0 GiB"),
        "{shown}"
    );
    let json: Value =
        serde_json::from_str(&run(&scene, &["cache", "show", "acme", "--json"])).unwrap();
    assert_eq!(json["items"][0], scene.cache().await);
}
