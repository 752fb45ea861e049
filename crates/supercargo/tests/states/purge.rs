//! Row V2: a purge drops the bytes for ever, but never those that somebody else needs, and the number stays taken.

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Database, Package, View, on_both};

use crate::scene::{Scene, acme, said};

on_both!(
    a_purged_version_leaves_its_number_and_nothing_else,
    a_purged_crate_leaves_no_bytes,
    bytes_that_another_registry_hosts_outlive_a_purge,
    bytes_that_came_from_upstream_too_outlive_a_purge,
    bytes_that_are_hosted_too_outlive_an_eviction,
);

/// Row V2.
async fn a_purged_version_leaves_its_number_and_nothing_else(database: Database) {
    let mut scene = Scene::start(database).await;
    let [kept, purged] = ["1.0.0", "1.1.0"].map(|version| Package::new("demo", version));
    scene.publish("demo", &["1.0.0", "1.1.0"]).await;
    scene.download("demo", "1.1.0").await.expect(200);
    scene.delete("demo@1.1.0").await;
    assert!(scene.stores(&purged));
    for _ in 0..2 {
        scene.purge("demo@1.1.0").await;
        assert!(!scene.stores(&purged));
    }
    let mut lines = Vec::new();
    for restart in [false, true] {
        if restart {
            scene.server.restart().await;
        }
        let item = scene.version("demo", "1.1.0").await;
        assert_eq!(item["state"], "deleted");
        assert!(item["purged_at"].is_string(), "{item}");
        // which bytes the number stood for is still known
        assert_eq!(item["checksum"], purged.checksum().hex());
        lines.push(said(&scene.try_restore("demo@1.1.0").await));
        lines.push(said(&scene.admin.publish("acme", &purged).await));
        lines.push(said(&scene.download("demo", "1.1.0").await));
    }
    lines.sort();
    lines.dedup();
    assert_snapshot!(lines.join("\n"), @r#"
    404 version `1.1.0` of crate `demo` was deleted from registry `acme`; choose another version, or ask a maintainer whether it can be restored
    409 number-deleted: crate version `1.1.0` was uploaded before: `demo@1.1.0` was deleted from registry `acme`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored
    409 purged: `demo@1.1.0` was purged from registry `acme`: its bytes are gone for ever; publish a new version number
    "#);
    assert!(scene.stores(&kept) && !scene.stores(&purged));
    let file = scene.download("demo", "1.0.0").await.expect(200);
    assert_eq!(file.body, kept.crate_bytes());
}

/// Row V2.
async fn a_purged_crate_leaves_no_bytes(database: Database) {
    let scene = Scene::start(database).await;
    let packages = ["1.0.0", "1.1.0"].map(|version| Package::new("demo", version));
    scene.publish("demo", &["1.0.0", "1.1.0"]).await;
    // nothing goes while a version lives
    scene.delete("demo@1.0.0").await;
    let refused = scene.admin.delete(&acme("crates/demo?purge=true")).await;
    assert_snapshot!(said(&refused), @"409 not-deleted: `demo` is not deleted in registry `acme`; delete it first if you mean it");
    assert!(packages.iter().all(|package| scene.stores(package)));
    scene.delete("demo").await;
    scene.purge("demo").await;
    assert!(!packages.iter().any(|package| scene.stores(package)));
    assert_snapshot!(said(&scene.try_restore("demo").await), @"409 purged: `demo` was purged from registry `acme`: its bytes are gone for ever; publish a new version number");
    for package in &packages {
        scene.admin.publish("acme", package).await.expect(409);
    }
    // the name is not free, but its next number is
    scene.publish("demo", &["1.2.0"]).await;
    assert_eq!(scene.listed(View::Index, "demo").await, "1.2.0");
}

/// Row V2: one file for two registries, since bytes are stored by what they are.
async fn bytes_that_another_registry_hosts_outlive_a_purge(database: Database) {
    let scene = Scene::start(database).await;
    let package = Package::new("demo", "1.0.0");
    scene.admin.create_registry(json!({ "name": "beta" })).await;
    for registry in ["acme", "beta"] {
        scene.admin.publish(registry, &package).await.expect(200);
    }
    scene.delete("demo").await;
    scene.purge("demo").await;
    assert!(scene.stores(&package));
    let there = scene
        .admin
        .download("beta", View::Index, "demo", "1.0.0")
        .await;
    assert_eq!(there.expect(200).body, package.crate_bytes());

    // a tombstone can be restored, so it needs its bytes as well
    let in_beta = "/api/v1/registries/beta/crates/demo/versions/1.0.0";
    scene.admin.delete(in_beta).await.expect(204);
    assert!(scene.stores(&package));
    let purge = format!("{in_beta}?purge=true");
    scene.admin.delete(&purge).await.expect(204);
    assert!(!scene.stores(&package));
}

/// Two registries with the same file: `acme` hosts it, `beta` has it from upstream.
async fn hosted_and_cached(scene: &Scene) -> Package {
    let package = Package::new("demo", "1.0.0");
    scene.upstream.publish(&package);
    scene
        .admin
        .create_registry(json!({ "name": "beta", "upstreams": ["partner"] }))
        .await;
    scene.admin.claim("acme", "demo", "private").await;
    scene.admin.publish("acme", &package).await.expect(200);
    let cached = scene
        .admin
        .download("beta", View::Index, "demo", "1.0.0")
        .await;
    assert_eq!(cached.expect(200).body, package.crate_bytes());
    package
}

/// Row V2.
async fn bytes_that_came_from_upstream_too_outlive_a_purge(database: Database) {
    let mut scene = Scene::start(database).await;
    let package = hosted_and_cached(&scene).await;
    scene.delete("demo").await;
    scene.purge("demo").await;
    assert!(scene.stores(&package));
    scene.upstream.stop();
    let cached = scene
        .admin
        .download("beta", View::Index, "demo", "1.0.0")
        .await;
    assert_eq!(cached.expect(200).body, package.crate_bytes());
    scene.upstream.start_again();
    let evict = "/api/v1/registries/beta/cache/demo";
    scene.admin.delete(evict).await.expect(204);
    assert!(!scene.stores(&package));
}

/// Row V2, the other way round.
async fn bytes_that_are_hosted_too_outlive_an_eviction(database: Database) {
    let scene = Scene::start(database).await;
    let package = hosted_and_cached(&scene).await;
    let evict = "/api/v1/registries/beta/cache";
    scene.admin.delete(evict).await.expect(204);
    assert!(scene.stores(&package));
    let hosted = scene.download("demo", "1.0.0").await.expect(200);
    assert_eq!(hosted.body, package.crate_bytes());
    // and what was evicted is had again
    let cached = scene
        .admin
        .download("beta", View::Index, "demo", "1.0.0")
        .await;
    assert_eq!(cached.expect(200).body, package.crate_bytes());
}
