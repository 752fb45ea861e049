//! Publishes of a principal.

use std::fs;

use http::Method;
use insta::assert_snapshot;
use supercargo_testkit::{Cargo, Database, Package, on_both};

use crate::scene::{Scene, said, wait};

on_both!(
    cargo_publishes_a_workspace_of_sixty_crates_with_the_default,
    the_burst_of_publishes_is_exact_and_each_principal_has_its_own,
    a_file_that_is_uploaded_is_a_publish_too,
    cargo_prints_that_it_publishes_too_often,
    a_workspace_that_is_too_large_stops_where_it_is_refused,
    zero_switches_the_limit_off,
);

const PATH: &str = "/acme/api/v1/crates/new";

/// A workspace of crates that do not depend on each other.
fn workspace(cargo: &Cargo, crates: usize) -> std::path::PathBuf {
    let folder = cargo.folder("workspace");
    let manifest = "[workspace]\nmembers = [\"acme-*\"]\nresolver = \"2\"\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    for number in 0..crates {
        let name = format!("acme-{number:02}");
        Package::new(&name, "1.0.0").write_source(&folder.join(&name));
    }
    folder
}

const PUBLISH_ALL: &[&str] = &[
    "publish",
    "--workspace",
    "--registry",
    "acme",
    "--no-verify",
];

/// Row P1, `publish --workspace`, as large as real ones.
async fn cargo_publishes_a_workspace_of_sixty_crates_with_the_default(database: Database) {
    let scene = Scene::start(database, &[]).await;
    let cargo = scene.cargo(scene.server.admin_token());
    cargo.needs("1.90", "`publish --workspace`");
    let folder = workspace(&cargo, 60);
    let outcome = cargo.run(&folder, PUBLISH_ALL).await.success();
    let uploaded = outcome.lines(&["Uploaded"]);
    assert_eq!(uploaded.lines().count(), 60, "{uploaded}");
}

async fn the_burst_of_publishes_is_exact_and_each_principal_has_its_own(database: Database) {
    let scene = Scene::start(database, &[("limits.publishes", "3 then 1/h")]).await;
    let alice = scene
        .admin
        .person("alice", "acme", "publisher", &["publish"])
        .await;
    let package = |version| Package::new("acme-core", version);
    alice.publish("acme", &package("1.0.0")).await.expect(200);
    alice.publish("acme", &package("1.0.1")).await.expect(200);
    // a publish that is refused is one too
    alice.publish("acme", &package("1.0.1")).await.expect(409);
    let refused = alice.publish("acme", &package("1.0.2")).await.expect(429);
    assert_snapshot!(said(&refused), @"429 too-many-publishes: `alice` publishes too often: this server takes 3 at once and then 1 each hour of a principal; publish the rest in SOME minutes, or ask its operator to raise `limits.publishes`");
    assert!(wait(&refused) > 1800, "it is an hour until the next");
    let refused = alice.publish("acme", &package("1.0.3")).await.expect(429);
    assert_eq!(refused.code().as_deref(), Some("too-many-publishes"));
    // somebody else
    let other = Package::new("acme-other", "1.0.0");
    scene.admin.publish("acme", &other).await.expect(200);
    // who may not publish at all learns that first, and uses nothing up
    let reader = scene.admin.person("bob", "acme", "reader", &["publish"]);
    let reader = reader.await;
    for _ in 0..4 {
        reader.publish("acme", &package("2.0.0")).await.expect(403);
    }
    // reading goes on
    alice.get("/acme/index/ac/me/acme-core").await.expect(200);
}

async fn a_file_that_is_uploaded_is_a_publish_too(database: Database) {
    let scene = Scene::start(database, &[("limits.publishes", "1 then 1/h")]).await;
    let upload = async |version| {
        let bytes = Package::new("acme-core", version).crate_bytes();
        let request = scene
            .admin
            .request(Method::POST, "/api/v1/registries/acme/crates");
        request.body(bytes).send().await
    };
    upload("1.0.0").await.expect(201);
    let refused = upload("1.0.1").await.expect(429);
    assert_snapshot!(said(&refused), @"429 too-many-publishes: `admin` publishes too often: this server takes 1 at once and then 1 each hour of a principal; publish the rest in SOME minutes, or ask its operator to raise `limits.publishes`");
    let package = Package::new("acme-core", "1.0.1");
    scene.admin.publish("acme", &package).await.expect(429);
    // it is refused before a byte of it is read
    let bytes = vec![0; 4 << 20];
    let request = scene.admin.request(Method::PUT, PATH);
    request.body(bytes).send().await.expect(429);
}

/// cargo does not ask the API again by itself: it prints what to do.
async fn cargo_prints_that_it_publishes_too_often(database: Database) {
    let scene = Scene::start(database, &[("limits.publishes", "1 then 1/h")]).await;
    let cargo = scene.cargo(scene.server.admin_token());
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    let project = cargo.project(&Package::new("acme-core", "1.0.0"));
    cargo.run(&project, &publish).await.success();
    let project = cargo.project(&Package::new("acme-core", "1.0.1"));
    let refused = cargo.run(&project, &publish).await.failure();
    assert_snapshot!(refused.refusal(), @"429 Too Many Requests: `admin` publishes too often: this server takes 1 at once and then 1 each hour of a principal; publish the rest in 60 minutes, or ask its operator to raise `limits.publishes`");
}

async fn a_workspace_that_is_too_large_stops_where_it_is_refused(database: Database) {
    let scene = Scene::start(database, &[("limits.publishes", "2 then 1/h")]).await;
    let cargo = scene.cargo(scene.server.admin_token());
    cargo.needs("1.90", "`publish --workspace`");
    let folder = workspace(&cargo, 4);
    let outcome = cargo.run(&folder, PUBLISH_ALL).await.failure();
    assert_eq!(outcome.lines(&["Uploaded"]).lines().count(), 2);
    assert!(
        outcome.messages().contains("publish the rest in"),
        "{}",
        outcome.messages()
    );
    // and it names what is left
    assert_snapshot!(outcome.lines(&["note:", "error:"]), @"
    error: failed to publish acme-02 v1.0.0 to registry at http://127.0.0.1:[PORT]/acme
    note: the following crates have not been published yet:
    ");
}

async fn zero_switches_the_limit_off(database: Database) {
    let scene = Scene::start(database, &[("limits.publishes", "0")]).await;
    for number in 0..320 {
        // refused for what it is and not for how often
        let refused = scene.admin.publish_frame("acme", vec![0; 8]).await;
        assert_eq!(refused.status.as_u16(), 400, "number {number}");
    }
}
