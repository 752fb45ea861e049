//! Row P14: a `.crate` file that is uploaded without cargo is the same publish.

use std::fmt::Write as _;

use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{
    Answer, Client, Database, Dependency, Package, View, gzip, on_both, raw_link, tar::EntryType,
};

use crate::scene::{Scene, acme, said};

on_both!(
    an_uploaded_file_gets_the_entry_that_cargo_s_publish_gives,
    an_upload_answers_with_the_version_and_what_is_odd_about_it,
    what_a_publish_refuses_an_upload_refuses_too,
    a_file_over_the_limit_is_refused_with_the_limit,
    an_upload_needs_the_rights_of_a_publish,
);

async fn upload(client: &Client, registry: &str, bytes: impl Into<Vec<u8>>) -> Answer {
    let path = format!("/api/v1/registries/{registry}/crates");
    let request = client.request(Method::POST, &path);
    let request = request.header("content-type", "application/octet-stream");
    request.body(bytes.into()).send().await
}

/// A crate with one of everything that an index entry speaks of.
fn everything(index: &str) -> Package {
    Package::new("Acme_All", "1.2.3-rc.1+build.5")
        .links("acme")
        .rust_version("1.70")
        .field("keywords", vec!["one", "two"])
        .field("readme", "README.md")
        .file("README.md", "# All\n")
        .feature("default", &["std"])
        .feature("std", &[])
        .feature("log", &["dep:logx"])
        .feature("more", &["logx?/std"])
        .depends_on(Dependency::new("logx", "0.4").optional().features(&["std"]))
        .depends_on(Dependency::new("winx", ">=0.4, <0.6").target("cfg(windows)"))
        .depends_on(Dependency::new("ccx", "1.1").build())
        .depends_on(
            Dependency::new("quick", "1")
                .development()
                .without_default_features(),
        )
        .depends_on(
            Dependency::new("tools-base", "1")
                .rename("base")
                .registry("tools")
                .registry_index(index),
        )
}

/// The lines without the time of publishing.
async fn line(scene: &Scene, registry: &str, name: &str) -> Value {
    let index = scene.admin.index(registry, View::Index, name).await;
    let mut line = index.expect(200).json_lines().remove(0);
    let published_at = line.as_object_mut().unwrap().remove("pubtime");
    assert!(published_at.unwrap().is_string());
    line
}

/// Row P14: all of its metadata comes from the file. The same file, so not even the checksum differs.
async fn an_uploaded_file_gets_the_entry_that_cargo_s_publish_gives(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["tools", "beta"] {
        scene.admin.create_registry(json!({ "name": name })).await;
    }
    let base = Package::new("tools-base", "1.0.0");
    scene.admin.publish("tools", &base).await.expect(200);
    for (name, version) in [("winx", "0.5.0"), ("ccx", "1.1.0"), ("quick", "1.0.0")] {
        scene.offer(name, &[version]);
    }
    scene
        .upstream
        .publish(&Package::new("logx", "0.4.0").feature("std", &[]));
    let tools = scene.server.index_url("tools", View::Index);
    let cargo = scene
        .cargo()
        .registry("tools", &tools)
        .token("tools", scene.server.admin_token())
        .as_crates_io(&scene.upstream.index_url());
    let folder = cargo.project(&everything(&tools));
    let publish = [
        "publish",
        "--registry",
        "acme",
        "--no-verify",
        "--allow-dirty",
    ];
    cargo.run(&folder, &publish).await.success();
    let file = scene
        .download("acme_all", "1.2.3-rc.1+build.5")
        .await
        .expect(200);

    let made = upload(&scene.admin, "beta", file.body.to_vec())
        .await
        .expect(201);
    let published = line(&scene, "acme", "acme_all").await;
    let uploaded = line(&scene, "beta", "acme_all").await;
    assert_eq!(uploaded, published);
    assert_eq!(uploaded["v"], 2);
    assert_eq!(uploaded["links"], "acme");
    assert_eq!(uploaded["rust_version"], "1.70");
    assert_eq!(uploaded["deps"].as_array().unwrap().len(), 5);
    assert_eq!(made.json()["checksum"], uploaded["cksum"]);
    // and what does not stand in the entry
    let facts = async |registry: &str| {
        let path = format!("/{registry}/api/v1/crates/acme_all/1.2.3-rc.1+build.5/readme");
        scene.admin.get(&path).await.expect(200).text()
    };
    assert_eq!(facts("beta").await, facts("acme").await);
    let item = |registry: &'static str| {
        let path = format!("/api/v1/registries/{registry}/crates/acme_all");
        let admin = scene.admin.clone();
        async move { admin.get(&path).await.expect(200).json() }
    };
    assert_eq!(
        item("beta").await["description"],
        item("acme").await["description"]
    );
    let owners = scene.admin.get("/beta/api/v1/crates/acme_all/owners").await;
    assert_eq!(
        owners.expect(200).json()["users"].as_array().unwrap().len(),
        1
    );
}

/// Row P14.
async fn an_upload_answers_with_the_version_and_what_is_odd_about_it(database: Database) {
    let scene = Scene::start(database).await;
    let package =
        Package::new("Demo", "1.0.0").field("keywords", vec!["a", "b", "c", "d", "e", "f"]);
    let made = upload(&scene.admin, "acme", package.crate_bytes())
        .await
        .expect(201);
    let mut made = made.json();
    let warnings = made.as_object_mut().unwrap().remove("warnings").unwrap();
    assert_eq!(made, scene.version("demo", "1.0.0").await);
    made["published_at"] = json!("[TIME]");
    assert_eq!(made["size"], package.crate_bytes().len());
    made["size"] = json!("[SIZE]");
    made["checksum"] = json!("[CHECKSUM]");
    assert_snapshot!(format!("{made:#}\n{warnings:#}"), @r#"
    {
      "name": "Demo",
      "version": "1.0.0",
      "state": "available",
      "reason": null,
      "checksum": "[CHECKSUM]",
      "size": "[SIZE]",
      "origin": "hosted",
      "published_at": "[TIME]",
      "publisher": "admin",
      "yanked": false,
      "deleted_at": null,
      "purged_at": null,
      "downloads": 0,
      "labels": {}
    }
    [
      "the crate has 6 keywords; use at most 5"
    ]
    "#);
    // the version is there when the answer is, and its bytes are those that were sent
    assert_eq!(scene.listed(View::Index, "demo").await, "1.0.0");
    let file = scene.download("demo", "1.0.0").await.expect(200);
    assert_eq!(file.body, package.crate_bytes());
}

/// Row P14, with P7 and P8: the same words for the same mistakes, as 422 here and as 400 there.
async fn what_a_publish_refuses_an_upload_refuses_too(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0"]).await;
    scene.publish("foo-bar", &["1.0.0"]).await;
    let good = || Package::new("acme-bad", "1.0.0");
    let link = raw_link(b"acme-bad-1.0.0/link", EntryType::Symlink, b"/etc/passwd");
    let mut told = String::new();
    for (what, package) in [
        ("no manifest", good().without_manifest()),
        ("a manifest that is no TOML", good().manifest("[package")),
        (
            "another name inside",
            good()
                .manifest("[package]\nname = \"other\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"),
        ),
        (
            "another version inside",
            good().manifest(
                "[package]\nname = \"acme-bad\"\nversion = \"2.0.0\"\nedition = \"2021\"\n",
            ),
        ),
        ("a link", good().entry_raw(link, b"")),
        ("a reserved name", Package::new("std", "1.0.0")),
        ("a device of Windows", Package::new("nul", "1.0.0")),
        (
            "a number that is there",
            Package::new("demo", "1.0.0+other"),
        ),
        ("a twin", Package::new("Foo_Bar", "1.1.0")),
    ] {
        let uploaded = upload(&scene.admin, "acme", package.crate_bytes()).await;
        let published = scene.admin.publish("acme", &package).await;
        writeln!(told, "{what}\n  {}", said(&uploaded)).unwrap();
        assert!(published.status.is_client_error(), "{published}");
        if uploaded.code() != published.code() || uploaded.detail() != published.detail() {
            writeln!(told, "  publish: {}", said(&published)).unwrap();
        }
    }
    let whole = good().crate_bytes();
    for (what, body) in [
        ("nothing", Vec::new()),
        ("JSON", b"{\"name\":\"demo\"}".to_vec()),
        ("a page", b"<!doctype html><title>crate</title>".to_vec()),
        ("gzip of something else", gzip(b"this is not tar")),
        ("half a file", whole[..whole.len() / 2].to_vec()),
        ("a file and more", [&whole[..], b"!"].concat()),
        ("a publish of cargo's", good().frame()),
    ] {
        let uploaded = upload(&scene.admin, "acme", body).await;
        writeln!(told, "{what}\n  {}", said(&uploaded)).unwrap();
    }
    assert_snapshot!(told, @r#"
    no manifest
      422 invalid-crate-file: the `.crate` file is refused: the crate file has no `Cargo.toml` in `NAME-VERSION/`; make it with `cargo package`
      publish: 400 invalid-crate-file: the `.crate` file is refused: the crate file has no `Cargo.toml` in `acme-bad-1.0.0/`; make it with `cargo package`
    a manifest that is no TOML
      422 invalid-crate-file: the `.crate` file is refused: `Cargo.toml` does not tell what the crate is: `Cargo.toml` cannot be read: line 1: unclosed table, expected `]`; make the crate file with `cargo package`
      publish: 400 invalid-manifest: `Cargo.toml` cannot be read: line 1: unclosed table, expected `]`; make the crate file with `cargo package`
    another name inside
      422 invalid-crate-file: the `.crate` file is refused: `Cargo.toml` does not tell what the crate is: it says `other` `1.0.0`, but stands in the folder `acme-bad-1.0.0`; make the crate file with `cargo package`
      publish: 400 invalid-manifest: metadata name `acme-bad` does not match manifest name `other`; publish with `cargo publish`, which takes both from one `Cargo.toml`
    another version inside
      422 invalid-crate-file: the `.crate` file is refused: `Cargo.toml` does not tell what the crate is: it says `acme-bad` `2.0.0`, but stands in the folder `acme-bad-1.0.0`; make the crate file with `cargo package`
      publish: 400 invalid-manifest: metadata version `1.0.0` does not match manifest version `2.0.0`; publish with `cargo publish`, which takes both from one `Cargo.toml`
    a link
      422 invalid-crate-file: the `.crate` file is refused: `acme-bad-1.0.0/link` is a symbolic link; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    a reserved name
      422 invalid-manifest: cannot upload a crate with the reserved name `std`; choose another name
    a device of Windows
      422 invalid-manifest: cannot upload a crate with the reserved name `nul`; choose another name
    a number that is there
      409 version-exists: crate version `1.0.0+other` is already uploaded: `demo@1.0.0` already exists in registry `acme` and versions never change; publish a new version number
    a twin
      422 crate-name-twin: crate was previously named `foo-bar`: registry `acme` compares names without regard to case, `-` and `_`; publish it as `foo-bar`, or choose another name
    nothing
      422 invalid-crate-file: the `.crate` file is refused: the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
    JSON
      422 invalid-crate-file: the `.crate` file is refused: the crate file is not a complete gzip file (invalid gzip header); make it with `cargo package`
    a page
      422 invalid-crate-file: the `.crate` file is refused: the crate file is not a complete gzip file (invalid gzip header); make it with `cargo package`
    gzip of something else
      422 invalid-crate-file: the `.crate` file is refused: the tar file in the crate file is malformed: failed to read entire block; make it with `cargo package`
    half a file
      422 invalid-crate-file: the `.crate` file is refused: the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
    a file and more
      422 invalid-crate-file: the `.crate` file is refused: the crate file goes on after its first gzip member; make it with `cargo package`
    a publish of cargo's
      422 invalid-crate-file: the `.crate` file is refused: the crate file is not a complete gzip file (invalid gzip header); make it with `cargo package`
    "#);
    assert_eq!(scene.listed(View::Index, "acme-bad").await, "404");
    assert!(!scene.stores(&good()));
    let staged = scene.server.data().join("blobs").join("staging");
    assert_eq!(std::fs::read_dir(staged).unwrap().count(), 0);
}

/// Rows P8 and P14.
async fn a_file_over_the_limit_is_refused_with_the_limit(database: Database) {
    let settings = [
        ("limits.crate_size", "64KiB"),
        ("limits.unpacked_size", "256KiB"),
    ];
    let scene = Scene::with_settings(database, &settings).await;
    let large = Package::new("large", "1.0.0").ballast(65 << 10);
    let bomb = Package::new("bomb", "1.0.0").file("zeros", vec![0; 300 << 10]);
    let mut lines = Vec::new();
    for package in [&large, &bomb] {
        let uploaded = upload(&scene.admin, "acme", package.crate_bytes()).await;
        lines.push(said(&uploaded.expect(413)));
        let published = scene.admin.publish("acme", package).await;
        lines.push(said(&published.expect(413)));
        assert!(!scene.stores(package));
    }
    assert_snapshot!(lines.join("\n"), @r#"
    413 invalid-publish-frame: the crate file has 67141 bytes, more than the limit of 64 KiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`
    413 invalid-publish-frame: the crate file has 67141 bytes, more than the limit of 64 KiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`
    413 invalid-crate-file: the `.crate` file is refused: the crate unpacks to more than the limit of 256 KiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`
    413 invalid-crate-file: the `.crate` file is refused: the crate unpacks to more than the limit of 256 KiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`
    "#);
    let fits = Package::new("fits", "1.0.0").ballast(32 << 10);
    upload(&scene.admin, "acme", fits.crate_bytes())
        .await
        .expect(201);
}

/// Row P14 with I3: the name is only known when the file is read, and the token's patterns hold all the same.
async fn an_upload_needs_the_rights_of_a_publish(database: Database) {
    let scene = Scene::start(database).await;
    let bytes = |name: &str| Package::new(name, "1.0.0").crate_bytes();
    let reader = scene
        .admin
        .person("rita", "acme", "reader", &["publish"])
        .await;
    let unscoped = scene
        .admin
        .person("una", "acme", "admin", &["admin", "maintain"])
        .await;
    let alice = scene
        .admin
        .person("alice", "acme", "publisher", &["publish"])
        .await;
    let stranger = scene.admin.create_user("stan").await;
    assert_eq!(stranger["name"], "stan");
    let stan = json!({ "principal": "stan", "scopes": ["publish"] });
    let stan = scene.admin.with_token(&scene.admin.token(stan).await);
    let narrow = json!({ "principal": "alice", "scopes": ["publish"], "crates": ["tool-*"] });
    let narrow = scene.admin.with_token(&scene.admin.token(narrow).await);
    scene.publish("theirs", &["0.1.0"]).await;
    let mut lines = Vec::new();
    for (who, client, name) in [
        ("anonymous", &scene.server.anonymous(), "demo"),
        ("stranger", &stan, "demo"),
        ("reader", &reader, "demo"),
        ("without scope", &unscoped, "demo"),
        ("not an owner", &alice, "theirs"),
        ("beyond the token's patterns", &narrow, "demo"),
    ] {
        let answer = upload(client, "acme", bytes(name)).await;
        lines.push(format!("{who}: {}", said(&answer)));
    }
    let absent = upload(&scene.admin, "nowhere", bytes("demo")).await;
    lines.push(format!("nowhere: {}", said(&absent)));
    assert_snapshot!(lines.join("\n"), @r#"
    anonymous: 401 sign-in: registry `acme` needs a token, or does not exist; run `cargo login --registry acme`
    stranger: 404 no-such-registry: there is no registry `acme`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    reader: 403 not-allowed: `rita` may not publish in registry `acme`: that needs the role `publisher` there; ask one of its admins
    without scope: 403 not-allowed: this token may not publish in registry `acme`: it lacks the scope `publish`; make one that has it
    not an owner: 403 not-an-owner: `alice` is not an owner of crate `theirs` in registry `acme`; ask an owner (`admin`) to run `cargo owner --add alice theirs --registry acme`
    beyond the token's patterns: 403 not-allowed: this token may write `tool-*` only, not `demo`; use a token whose crate patterns cover it
    nowhere: 404 no-such-registry: there is no registry `nowhere`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    "#);
    assert_eq!(scene.listed(View::Index, "demo").await, "404");
    upload(&narrow, "acme", bytes("tool-one")).await.expect(201);
    upload(&alice, "acme", bytes("demo")).await.expect(201);
    let item = scene.version("demo", "1.0.0").await;
    assert_eq!(item["publisher"], "alice");
    let path = acme("crates");
    // cargo's own address does not take a bare file
    scene
        .admin
        .request(Method::PUT, &path)
        .body(bytes("other"))
        .send()
        .await
        .expect(405);
}
