//! Row V2: what is deleted is gone everywhere at once, its number stays taken, and it comes back as it was.

use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Database, Package, View, on_both};

use crate::scene::{Scene, acme, said};

on_both!(
    a_deleted_version_is_gone_everywhere_at_once,
    a_deleted_number_is_never_given_again,
    a_restored_version_is_what_it_was_byte_for_byte,
    a_deleted_crate_is_gone_everywhere_at_once,
    a_restored_crate_brings_back_what_went_with_it,
    a_version_published_to_a_deleted_crate_brings_the_crate_back_and_no_other_version,
    what_is_not_hosted_cannot_be_deleted,
);

/// Everywhere that a crate shows: index views, search, the crate's own counts and its registry's.
async fn shown(scene: &Scene, name: &str) -> String {
    let search = format!("/acme/api/v1/crates?q={name}");
    let search = scene.admin.get(&search).await.expect(200).json();
    let found = search["crates"].as_array().unwrap().iter().map(|found| {
        let (name, version) = (&found["name"], &found["max_version"]);
        format!("{} {}", name.as_str().unwrap(), version.as_str().unwrap())
    });
    let found = found.collect::<Vec<_>>().join(", ");
    let item = scene.see(&format!("crates/{name}")).await;
    let registry = scene.admin.get("/api/v1/registries/acme").await;
    format!(
        "index: {}\nhosted: {}\nsearch: {found} (total {})\ncrate: {} versions, highest {}, deleted {}\nregistry: {} crates",
        scene.listed(View::Index, name).await,
        scene.listed(View::Hosted, name).await,
        search["meta"]["total"],
        item["versions"],
        item["max_version"],
        !item["deleted_at"].is_null(),
        registry.expect(200).json()["crates"],
    )
}

/// `1.1.0 deleted, 1.0.0 available`, as the management API lists them.
async fn states(scene: &Scene, name: &str) -> String {
    let list = scene.see(&format!("crates/{name}/versions")).await;
    let items = list["items"].as_array().unwrap().iter();
    let words = items.map(|item| {
        let text = |key: &str| item[key].as_str().unwrap().to_owned();
        // a time stands there exactly when it is so
        assert_eq!(item["deleted_at"].is_null(), text("state") != "deleted");
        format!("{} {}", text("version"), text("state"))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Row V2.
async fn a_deleted_version_is_gone_everywhere_at_once(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0", "1.1.0"]).await;
    assert_snapshot!(shown(&scene, "demo").await, @r#"
    index: 1.0.0, 1.1.0
    hosted: 1.0.0, 1.1.0
    search: demo 1.1.0 (total 1)
    crate: 2 versions, highest "1.1.0", deleted false
    registry: 1 crates
    "#);
    // also from where it was served before
    scene.download("demo", "1.1.0").await.expect(200);
    let mut after = Vec::new();
    for _ in 0..2 {
        scene.delete("DEMO@1.1.0").await;
        after.push(shown(&scene, "demo").await);
        assert_eq!(
            states(&scene, "demo").await,
            "1.1.0 deleted, 1.0.0 available"
        );
    }
    // a second time changes nothing
    after.dedup();
    assert_snapshot!(after.join("\n"), @r#"
    index: 1.0.0
    hosted: 1.0.0
    search: demo 1.0.0 (total 1)
    crate: 1 versions, highest "1.0.0", deleted false
    registry: 1 crates
    "#);
    let mut lines = Vec::new();
    let path = "/acme/api/v1/crates/demo/1.1.0/download";
    let etag = Package::new("demo", "1.1.0").checksum().hex();
    for method in [Method::GET, Method::HEAD] {
        for (header, value) in [
            ("accept", "*/*"),
            ("range", "bytes=0-9"),
            ("if-none-match", &format!("\"{etag}\"")),
        ] {
            let request = scene.admin.request(method.clone(), path);
            let answer = request.header(header, value).send().await.expect(404);
            if method == Method::GET {
                lines.push(said(&answer));
            }
        }
    }
    lines.dedup();
    for yanked in [true, false] {
        lines.push(said(
            &scene
                .admin
                .yank("acme", "demo", "1.1.0", yanked)
                .await
                .expect(404),
        ));
    }
    assert_snapshot!(lines.join("\n"), @r#"
    404 version `1.1.0` of crate `demo` was deleted from registry `acme`; choose another version, or ask a maintainer whether it can be restored
    404 no-such-version: crate `demo` does not have a version `1.1.0` in registry `acme`
    404 no-such-version: crate `demo` does not have a version `1.1.0` in registry `acme`
    "#);
}

/// Row V2: neither for the same bytes nor for a build of that number, with cargo or without.
async fn a_deleted_number_is_never_given_again(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0", "1.1.0+a"]).await;
    scene.delete("demo@1.1.0").await;
    let mut lines = Vec::new();
    for package in [
        Package::new("demo", "1.1.0+a"),
        Package::new("demo", "1.1.0+b"),
        Package::new("demo", "1.1.0").file("OTHER", "bytes"),
    ] {
        let answer = scene.admin.publish("acme", &package).await.expect(409);
        lines.push(said(&answer));
        let upload = scene.admin.request(Method::POST, &acme("crates"));
        let upload = upload.header("content-type", "application/octet-stream");
        let answer = upload.body(package.crate_bytes()).send().await.expect(409);
        lines.push(said(&answer));
    }
    lines.dedup();
    assert_snapshot!(lines.join("\n"), @r#"
    409 number-deleted: crate version `1.1.0+a` was uploaded before: `demo@1.1.0+a` was deleted from registry `acme`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored
    409 number-deleted: crate version `1.1.0+b` was uploaded before: `demo@1.1.0+a` was deleted from registry `acme`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored
    409 number-deleted: crate version `1.1.0` was uploaded before: `demo@1.1.0+a` was deleted from registry `acme`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored
    "#);
    let cargo = scene.cargo();
    let folder = cargo.project(&Package::new("demo", "1.1.0"));
    let publish = [
        "publish",
        "--registry",
        "acme",
        "--no-verify",
        "--allow-dirty",
    ];
    let outcome = cargo.run(&folder, &publish).await.failure();
    assert_snapshot!(outcome.messages(), @r#"
        Updating `acme` index
       Packaging demo v1.1.0 ([ROOT]/projects/demo)
        Packaged 4 files, [SIZE] ([SIZE] compressed)
       Uploading demo v1.1.0 ([ROOT]/projects/demo)
    error: failed to publish demo v1.1.0 to registry at http://127.0.0.1:[PORT]/acme

    Caused by:
      the remote server responded with an error (status 409 Conflict): crate version `1.1.0` was uploaded before: `demo@1.1.0+a` was deleted from registry `acme`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored
    "#);
    assert_eq!(scene.listed(View::Index, "demo").await, "1.0.0");
}

/// Row V2: the entry, its place, its validator, its flag and its bytes.
async fn a_restored_version_is_what_it_was_byte_for_byte(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0", "1.1.0", "1.2.0"]).await;
    scene
        .admin
        .yank("acme", "demo", "1.1.0", true)
        .await
        .expect(200);
    let before = scene.index("demo").await.expect(200);
    let file = scene.download("demo", "1.1.0").await.expect(200);
    let item = async |scene: &Scene| {
        let mut item = scene.version("demo", "1.1.0").await;
        // downloads are counted a little later
        item["downloads"].take();
        item
    };
    let was = item(&scene).await;
    for turn in 0..3 {
        scene.delete("demo@1.1.0").await;
        assert_eq!(scene.listed(View::Index, "demo").await, "1.0.0, 1.2.0");
        if turn == 1 {
            scene.server.restart().await;
        }
        assert_eq!(item(&scene).await["state"], "deleted");
        let mut restored = scene.restore("demo@1.1.0").await;
        restored["downloads"].take();
        assert_eq!(restored, was);
        assert_eq!(item(&scene).await, was);
        let after = scene.index("demo").await.expect(200);
        assert_eq!(after.body, before.body);
        assert_eq!(after.header("etag"), before.header("etag"));
        let again = scene.download("demo", "1.1.0").await.expect(200);
        assert_eq!(again.body, file.body);
    }
    let refused = scene.try_restore("demo@1.1.0").await;
    assert_snapshot!(said(&refused), @"409 not-deleted: `demo@1.1.0` is not deleted in registry `acme`; delete it first if you mean it");
    let refused = scene.try_restore("demo").await;
    assert_snapshot!(said(&refused), @"409 not-deleted: `demo` is not deleted in registry `acme`; delete it first if you mean it");
    let refused = scene.try_restore("demo@9.9.9").await;
    assert_snapshot!(said(&refused), @"404 no-such-version: crate `demo` does not have a version `9.9.9` in registry `acme`");
}

/// Row V2.
async fn a_deleted_crate_is_gone_everywhere_at_once(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0", "1.1.0"]).await;
    scene.publish("other", &["1.0.0"]).await;
    let mut after = Vec::new();
    for _ in 0..2 {
        scene.delete("demo").await;
        after.push(shown(&scene, "demo").await);
        assert_eq!(states(&scene, "demo").await, "1.1.0 deleted, 1.0.0 deleted");
    }
    after.dedup();
    assert_snapshot!(after.join("\n"), @r#"
    index: 404
    hosted: 404
    search:  (total 0)
    crate: 0 versions, highest null, deleted true
    registry: 1 crates
    "#);
    let gone = scene.download("demo", "1.0.0").await.expect(404);
    let cargo = scene.cargo();
    let found = cargo.run(cargo.root(), &["search", "demo", "--registry", "acme"]);
    assert_eq!(found.await.success().stdout, "");
    let twin = scene
        .admin
        .publish("acme", &Package::new("Demo", "2.0.0"))
        .await;
    assert_snapshot!([said(&gone), said(&twin)].join("\n"), @r#"
    404 crate `demo` does not exist in registry `acme`
    400 crate-name-twin: crate was previously named `demo`: registry `acme` compares names without regard to case, `-` and `_`; publish it as `demo`, or choose another name
    "#);
}

/// Row V2: what was deleted before the crate was stays deleted.
async fn a_restored_crate_brings_back_what_went_with_it(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0", "1.1.0", "1.2.0"]).await;
    scene.delete("demo@1.1.0").await;
    let before = scene.index("demo").await.expect(200);
    let owners = scene.admin.get("/acme/api/v1/crates/demo/owners").await;
    scene.delete("demo").await;
    scene.server.restart().await;
    assert_eq!(scene.listed(View::Index, "demo").await, "404");
    let item = scene.restore("demo").await;
    assert_eq!(item["versions"], 2);
    assert_eq!(item["deleted_at"], Value::Null);
    let after = scene.index("demo").await.expect(200);
    assert_eq!(after.body, before.body);
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(
        states(&scene, "demo").await,
        "1.2.0 available, 1.1.0 deleted, 1.0.0 available"
    );
    let kept = scene.admin.get("/acme/api/v1/crates/demo/owners").await;
    assert_eq!(kept.expect(200).json(), owners.expect(200).json());

    // one version alone brings the crate back, and the others do not follow
    scene.delete("demo").await;
    scene.restore("demo@1.2.0").await;
    assert_eq!(scene.listed(View::Index, "demo").await, "1.2.0");
    assert_eq!(scene.see("crates/demo").await["deleted_at"], Value::Null);
    scene.try_restore("demo").await.expect(409);
}

/// Row V2.
async fn a_version_published_to_a_deleted_crate_brings_the_crate_back_and_no_other_version(
    database: Database,
) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0"]).await;
    scene.delete("demo").await;
    scene.publish("demo", &["1.1.0"]).await;
    assert_eq!(scene.listed(View::Index, "demo").await, "1.1.0");
    let item = scene.see("crates/demo").await;
    assert_eq!(item["deleted_at"], Value::Null);
    assert_eq!(item["max_version"], "1.1.0");
    scene.restore("demo@1.0.0").await;
    // its place is that of its publish
    assert_eq!(scene.listed(View::Index, "demo").await, "1.0.0, 1.1.0");
}

/// Row V2, and the sentences for what can be done instead.
async fn what_is_not_hosted_cannot_be_deleted(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0"]).await;
    scene.publish("foo-bar", &["1.0.0"]).await;
    scene.offer("left-pad", &["1.0.0"]);
    scene.index("left-pad").await.expect(200);
    let mut lines = Vec::new();
    for path in [
        "crates/left-pad",
        "crates/left-pad/versions/1.0.0",
        "crates/nobodys",
        "crates/nobodys/versions/1.0.0",
        "crates/demo/versions/9.9.9",
        "crates/demo/versions/one",
        "crates/foo_bar",
        "crates/9",
        "crates/demo?purge=true",
        "crates/demo/versions/1.0.0?purge=true",
        "crates/demo?purge=perhaps",
        "crates/demo?force=true",
    ] {
        let answer = scene.admin.delete(&acme(path)).await;
        lines.push(format!("{path}\n  {}", said(&answer)));
    }
    let wrong = json!({ "confirm": "demo" });
    let answer = scene.admin.post(&acme("crates/demo/release"), wrong).await;
    lines.push(format!("release\n  {}", said(&answer)));
    assert_snapshot!(lines.join("\n"), @r#"
    crates/left-pad
      404 not-hosted: crate `left-pad` of registry `acme` is served from upstream `partner`; use quarantine
    crates/left-pad/versions/1.0.0
      404 not-hosted: crate `left-pad` of registry `acme` is served from upstream `partner`; use quarantine
    crates/nobodys
      404 no-such-crate: crate `nobodys` does not exist in registry `acme`
    crates/nobodys/versions/1.0.0
      404 no-such-crate: crate `nobodys` does not exist in registry `acme`
    crates/demo/versions/9.9.9
      404 no-such-version: crate `demo` does not have a version `9.9.9` in registry `acme`
    crates/demo/versions/one
      404 no-such-version: crate `demo` does not have a version `one` in registry `acme`
    crates/foo_bar
      404 no-such-crate: crate `foo_bar` does not exist in registry `acme`
    crates/9
      404 no-such-crate: crate `9` does not exist in registry `acme`
    crates/demo?purge=true
      409 not-deleted: `demo` is not deleted in registry `acme`; delete it first if you mean it
    crates/demo/versions/1.0.0?purge=true
      409 not-deleted: `demo@1.0.0` is not deleted in registry `acme`; delete it first if you mean it
    crates/demo?purge=perhaps
      422 invalid-request: `purge` is `true` or `false`, not `perhaps`
    crates/demo?force=true
      422 invalid-request: unknown parameter `force`; this address takes `purge`
    release
      409 has-versions: crate `demo` still has versions in registry `acme` (1); delete the crate first, then release its name
    "#);
    assert_eq!(scene.listed(View::Index, "demo").await, "1.0.0");
    assert_eq!(scene.listed(View::Index, "left-pad").await, "1.0.0");
}
