//! Row R6: what a registry allows and blocks by pattern, in publishes, index and downloads, through upstreams too.

use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Database, Package, View, on_both};

use crate::scene::{Scene, acme, said};

on_both!(
    a_pattern_is_checked_when_it_is_saved,
    a_pattern_covers_whole_names_in_every_spelling,
    what_a_pattern_blocks_is_refused_in_publish_index_and_download,
    a_list_of_what_is_allowed_blocks_all_else,
    a_pre_release_is_blocked_with_its_release_and_allowed_only_by_name,
    what_both_lists_name_is_blocked,
    a_change_of_patterns_holds_for_the_next_request,
);

/// Row R6.
async fn a_pattern_is_checked_when_it_is_saved(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .change(json!({ "allow": ["Acme_*", "serde@1"], "block": ["openssl@ <0.10.55"] }))
        .await;
    let registry = || async {
        let shown = scene.admin.get("/api/v1/registries/acme").await;
        let shown = shown.expect(200).json();
        json!([shown["allow"], shown["block"]])
    };
    let kept = json!([["acme-*", "serde@^1"], ["openssl@<0.10.55"]]);
    assert_eq!(registry().await, kept);
    let long = "a".repeat(65);
    let many = vec!["a"; 501];
    let mut lines = Vec::new();
    for wrong in [
        json!({ "block": [""] }),
        json!({ "block": ["evil one"] }),
        json!({ "block": ["evil?"] }),
        json!({ "block": [long] }),
        json!({ "allow": ["serde@"] }),
        json!({ "allow": ["serde@latest"] }),
        json!({ "allow": ["serde@1@2"] }),
        json!({ "allow": ["@1"] }),
        json!({ "allow": ["fine", "serde@>>1"] }),
        json!({ "allow": "serde" }),
        json!({ "allow": [7] }),
        json!({ "block": many }),
    ] {
        let answer = scene
            .admin
            .patch("/api/v1/registries/acme", wrong.clone())
            .await;
        lines.push(said(&answer.expect(422)));
        let mut new = wrong;
        new["name"] = json!("other");
        scene
            .admin
            .post("/api/v1/registries", new)
            .await
            .expect(422);
        assert_eq!(registry().await, kept);
    }
    assert_snapshot!(lines.join("\n"), @r#"
    422 invalid-request: the request does not have the expected shape: a pattern has 1 to 64 characters, as in `acme-*` at line 1 column 13
    422 invalid-request: the request does not have the expected shape: invalid character ` ` in pattern `evil one`: use letters, digits, `-`, `_` and `*`, as in `acme-*` at line 1 column 21
    422 invalid-request: the request does not have the expected shape: invalid character `?` in pattern `evil?`: use letters, digits, `-`, `_` and `*`, as in `acme-*` at line 1 column 18
    422 invalid-request: the request does not have the expected shape: a pattern has 1 to 64 characters, as in `acme-*` at line 1 column 78
    422 invalid-request: the request does not have the expected shape: `` in pattern `serde@` is not a version requirement: nothing stands after `@`; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1` at line 1 column 19
    422 invalid-request: the request does not have the expected shape: `latest` in pattern `serde@latest` is not a version requirement: unexpected character 'l' while parsing major version number; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1` at line 1 column 25
    422 invalid-request: the request does not have the expected shape: `1@2` in pattern `serde@1@2` is not a version requirement: expected comma after major version number, found '@'; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1` at line 1 column 22
    422 invalid-request: the request does not have the expected shape: a pattern has 1 to 64 characters, as in `acme-*` at line 1 column 15
    422 invalid-request: the request does not have the expected shape: `>>1` in pattern `serde@>>1` is not a version requirement: unexpected character '>' while parsing major version number; write it as in `Cargo.toml`, for example `openssl@<0.10.55` or `serde@=1.0.1` at line 1 column 29
    422 invalid-request: the request does not have the expected shape: invalid type: string "serde", expected a sequence at line 1 column 16
    422 invalid-request: the request does not have the expected shape: invalid type: integer `7`, expected a string at line 1 column 11
    422 invalid-request: `block` has at most 500 patterns
    "#);
    scene
        .admin
        .get("/api/v1/registries/other")
        .await
        .expect(404);
    let made = json!({ "name": "other", "allow": ["Acme_*@^1, <1.5"] });
    let made = scene.admin.create_registry(made).await;
    assert_eq!(made["allow"], json!(["acme-*@^1, <1.5"]));
    // a change of something else leaves them
    scene.change(json!({ "description": "tools" })).await;
    assert_eq!(registry().await, kept);
}

/// Row R6: anchored at both ends.
async fn a_pattern_covers_whole_names_in_every_spelling(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .change(json!({ "block": ["evil", "Bad_*", "*-sys@^1"] }))
        .await;
    let mut told = Vec::new();
    for name in [
        "evil",
        "EVIL",
        "evil-twin",
        "not-evil",
        "bad-one",
        "bad_one",
        "bad",
        "not-bad-one",
        "zlib-sys",
        "zlib_sys",
        "sys",
        "zlib-sys-src",
    ] {
        scene.offer(name, &["1.0.0", "2.0.0"]);
        told.push(format!("{name}: {}", scene.listed(View::Index, name).await));
    }
    assert_snapshot!(told.join("\n"), @r#"
    evil: 1.0.0 yanked, 2.0.0 yanked
    EVIL: 1.0.0 yanked, 2.0.0 yanked
    evil-twin: 1.0.0, 2.0.0
    not-evil: 1.0.0, 2.0.0
    bad-one: 1.0.0 yanked, 2.0.0 yanked
    bad_one: 1.0.0 yanked, 2.0.0 yanked
    bad: 1.0.0, 2.0.0
    not-bad-one: 1.0.0, 2.0.0
    zlib-sys: 1.0.0 yanked, 2.0.0
    zlib_sys: 1.0.0 yanked, 2.0.0
    sys: 1.0.0, 2.0.0
    zlib-sys-src: 1.0.0, 2.0.0
    "#);
}

/// Row R6.
async fn what_a_pattern_blocks_is_refused_in_publish_index_and_download(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("ours", &["1.0.0", "2.0.0"]).await;
    scene.offer("theirs", &["1.0.0", "2.0.0"]);
    for name in ["ours", "theirs"] {
        scene.download(name, "1.0.0").await.expect(200);
    }
    scene
        .change(json!({ "block": ["ours@^1", "theirs@^1", "evil-*"] }))
        .await;
    let mut lines = Vec::new();
    for (name, views) in [
        ("ours", [View::Index, View::Hosted]),
        ("theirs", [View::Index, View::Mirror]),
    ] {
        for view in views {
            assert_eq!(scene.listed(view, name).await, "1.0.0 yanked, 2.0.0");
            // the bytes of the hosted view are named by the index view's address
            let answer = scene.admin.download("acme", view, name, "1.0.0").await;
            lines.push(said(&answer.expect(403)));
        }
        scene.download(name, "2.0.0").await.expect(200);
        let item = scene.version(name, "1.0.0").await;
        assert_eq!(item["state"], "blocked");
        let number = name.len();
        assert_eq!(
            item["reason"].as_str().unwrap().len(),
            "the registry blocks `@^1`".len() + number
        );
    }
    for package in [
        Package::new("ours", "1.1.0"),
        Package::new("evil-twin", "1.0.0"),
    ] {
        let publish = scene.admin.publish("acme", &package).await;
        lines.push(said(&publish.expect(400)));
        let upload = scene.admin.request(Method::POST, &acme("crates"));
        let upload = upload.body(package.crate_bytes()).send().await;
        lines.push(said(&upload.expect(422)));
        assert!(!scene.stores(&package));
    }
    lines.dedup();
    assert_snapshot!(lines.join("\n"), @r#"
    403 `ours@1.0.0` is blocked in registry `acme`: the registry blocks `ours@^1`; choose another version, or ask a maintainer of the registry
    403 `theirs@1.0.0` is blocked in registry `acme`: the registry blocks `theirs@^1`; choose another version, or ask a maintainer of the registry
    400 barred: `ours@1.1.0` may not be published in registry `acme`: the registry blocks `ours@^1`; ask an admin of the registry to change its lists
    422 barred: `ours@1.1.0` may not be published in registry `acme`: the registry blocks `ours@^1`; ask an admin of the registry to change its lists
    400 barred: `evil-twin@1.0.0` may not be published in registry `acme`: the registry blocks `evil-*`; ask an admin of the registry to change its lists
    422 barred: `evil-twin@1.0.0` may not be published in registry `acme`: the registry blocks `evil-*`; ask an admin of the registry to change its lists
    "#);
    scene.publish("ours", &["2.1.0"]).await;
    let cargo = scene.cargo();
    let folder = cargo.project(&Package::new("evil-twin", "1.0.0"));
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
       Packaging evil-twin v1.0.0 ([ROOT]/projects/evil-twin)
        Packaged 4 files, [SIZE] ([SIZE] compressed)
       Uploading evil-twin v1.0.0 ([ROOT]/projects/evil-twin)
    error: failed to publish evil-twin v1.0.0 to registry at http://127.0.0.1:[PORT]/acme

    Caused by:
      the remote server responded with an error (status 400 Bad Request): `evil-twin@1.0.0` may not be published in registry `acme`: the registry blocks `evil-*`; ask an admin of the registry to change its lists
    "#);
    let undo = scene.admin.yank("acme", "ours", "1.0.0", false).await;
    assert_snapshot!(said(&undo), @"409 blocked: `ours@1.0.0` is blocked in registry `acme`: the registry blocks `ours@^1`; that has to be lifted before it can be unyanked");
}

/// Row R6.
async fn a_list_of_what_is_allowed_blocks_all_else(database: Database) {
    let scene = Scene::start(database).await;
    scene.offer("serde", &["1.0.0", "2.0.0"]);
    scene.offer("rand", &["1.0.0"]);
    scene
        .change(json!({ "allow": ["acme-*", "serde@^1"] }))
        .await;
    assert_eq!(
        scene.listed(View::Index, "serde").await,
        "1.0.0, 2.0.0 yanked"
    );
    assert_eq!(scene.listed(View::Mirror, "rand").await, "1.0.0 yanked");
    scene.download("serde", "1.0.0").await.expect(200);
    let mut lines = vec![
        said(&scene.download("serde", "2.0.0").await.expect(403)),
        said(&scene.download("rand", "1.0.0").await.expect(403)),
    ];
    scene.publish("acme-tools", &["1.0.0"]).await;
    let other = Package::new("tools", "1.0.0");
    lines.push(said(&scene.admin.publish("acme", &other).await.expect(400)));
    assert_snapshot!(lines.join("\n"), @r#"
    403 `serde@2.0.0` is blocked in registry `acme`: the registry allows only what is on its list, and this is not; choose another version, or ask a maintainer of the registry
    403 `rand@1.0.0` is blocked in registry `acme`: the registry allows only what is on its list, and this is not; choose another version, or ask a maintainer of the registry
    400 barred: `tools@1.0.0` may not be published in registry `acme`: the registry allows only what is on its list, and this is not; ask an admin of the registry to change its lists
    "#);
    // of what is kept back not a byte was fetched
    assert!(!scene.stores(&Package::new("rand", "1.0.0")));
}

/// Row R6.
async fn a_pre_release_is_blocked_with_its_release_and_allowed_only_by_name(database: Database) {
    let scene = Scene::start(database).await;
    scene.offer("demo", &["1.9.0-rc.1", "1.9.0", "2.0.0-rc.1", "2.0.0"]);
    let mut told = Vec::new();
    for patterns in [
        json!({ "block": ["demo@<2"] }),
        json!({ "block": ["demo@^2"] }),
        json!({ "block": ["demo@=1.9.0-rc.1"] }),
        json!({ "block": ["demo"] }),
        json!({ "allow": ["demo@<2"] }),
        json!({ "allow": ["demo@^1.9.0-rc.1"] }),
        json!({ "allow": ["demo"] }),
    ] {
        let mut change = json!({ "allow": [], "block": [] });
        for (list, value) in patterns.as_object().unwrap() {
            change[list] = value.clone();
        }
        scene.change(change).await;
        told.push(format!(
            "{patterns}\n  {}",
            scene.listed(View::Index, "demo").await
        ));
    }
    assert_snapshot!(told.join("\n"), @r#"
    {"block":["demo@<2"]}
      1.9.0-rc.1 yanked, 1.9.0 yanked, 2.0.0-rc.1, 2.0.0
    {"block":["demo@^2"]}
      1.9.0-rc.1, 1.9.0, 2.0.0-rc.1 yanked, 2.0.0 yanked
    {"block":["demo@=1.9.0-rc.1"]}
      1.9.0-rc.1 yanked, 1.9.0, 2.0.0-rc.1, 2.0.0
    {"block":["demo"]}
      1.9.0-rc.1 yanked, 1.9.0 yanked, 2.0.0-rc.1 yanked, 2.0.0 yanked
    {"allow":["demo@<2"]}
      1.9.0-rc.1 yanked, 1.9.0, 2.0.0-rc.1 yanked, 2.0.0 yanked
    {"allow":["demo@^1.9.0-rc.1"]}
      1.9.0-rc.1, 1.9.0, 2.0.0-rc.1 yanked, 2.0.0 yanked
    {"allow":["demo"]}
      1.9.0-rc.1, 1.9.0, 2.0.0-rc.1, 2.0.0
    "#);
}

/// Row R6.
async fn what_both_lists_name_is_blocked(database: Database) {
    let scene = Scene::start(database).await;
    scene.offer("serde", &["1.0.0", "1.1.0"]);
    let lists = json!({ "allow": ["serde"], "block": ["serde@=1.1.0"] });
    scene.change(lists).await;
    assert_eq!(
        scene.listed(View::Index, "serde").await,
        "1.0.0, 1.1.0 yanked"
    );
    assert_eq!(
        scene.state("serde", "1.1.0").await,
        "blocked: the registry blocks `serde@=1.1.0`"
    );
    // a person's word is said before a pattern's, where both do the same
    scene
        .quarantine("serde@1.1.0", "block", "steals tokens")
        .await;
    assert_eq!(
        scene.state("serde", "1.1.0").await,
        "blocked: steals tokens"
    );
    scene.quarantine("serde@1.1.0", "hold", "odd").await;
    assert_eq!(
        scene.state("serde", "1.1.0").await,
        "blocked: the registry blocks `serde@=1.1.0`"
    );
}

/// Row R6: with what is in memory, with a restart between, and back to the very bytes.
async fn a_change_of_patterns_holds_for_the_next_request(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.publish("ours", &["1.0.0"]).await;
    scene.offer("theirs", &["1.0.0"]);
    let before = [
        scene.index("ours").await.expect(200),
        scene.index("theirs").await.expect(200),
    ];
    let lists: [(Value, Value); 2] = [
        (json!({ "block": ["*"] }), json!({ "block": [] })),
        (json!({ "allow": ["nothing"] }), json!({ "allow": [] })),
    ];
    for (closed, open) in lists {
        scene.change(closed).await;
        for name in ["ours", "theirs"] {
            assert_eq!(scene.listed(View::Index, name).await, "1.0.0 yanked");
            scene.download(name, "1.0.0").await.expect(403);
        }
        scene.server.restart().await;
        scene.download("ours", "1.0.0").await.expect(403);
        scene.change(open).await;
        for (name, before) in ["ours", "theirs"].into_iter().zip(&before) {
            let after = scene.index(name).await.expect(200);
            assert_eq!(after.body, before.body);
            assert_eq!(after.header("etag"), before.header("etag"));
            scene.download(name, "1.0.0").await.expect(200);
        }
    }
}
