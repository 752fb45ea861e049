//! Row V3: people hold or block a crate or a version, hosted or upstream's, and say why.

use http::Method;
use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Answer, Database, Package, View, on_both};

use crate::scene::{Scene, acme, said, subject, without_days};

on_both!(
    a_quarantine_of_a_crate_covers_later_versions_and_both_spellings,
    the_strongest_state_shows_and_the_next_one_when_it_goes,
    what_is_held_or_blocked_is_not_unyanked,
    what_was_served_before_a_hold_keeps_downloading_and_nothing_else_does,
    a_block_refuses_what_was_served_before,
    a_quarantine_holds_in_the_mirror_too_and_for_caches_that_have_expired,
    a_quarantine_outlives_its_upstream_and_a_restart,
    a_quarantine_is_shown_to_all_who_may_read,
    what_no_quarantine_can_be,
);

/// Every answer of 403 in plain text, for a GET, a HEAD and a part.
async fn refused(scene: &Scene, path: &str) -> String {
    let mut whole = String::new();
    for (method, header, value) in [
        (Method::GET, "accept", "*/*"),
        (Method::GET, "range", "bytes=0-9"),
        (Method::HEAD, "accept", "*/*"),
    ] {
        let request = scene.admin.request(method.clone(), path);
        let answer = request.header(header, value).send().await.expect(403);
        let plain = Some("text/plain; charset=utf-8");
        assert_eq!(answer.header("content-type"), plain, "{answer}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
        assert_eq!(answer.header("etag"), None, "{answer}");
        if method == Method::GET {
            assert!(whole.is_empty() || whole == said(&answer), "{answer}");
            whole = said(&answer);
        }
    }
    whole
}

async fn refused_in(scene: &Scene, view: View, name: &str, version: &str) -> String {
    let registry = if view == View::Mirror {
        "acme/mirror"
    } else {
        "acme"
    };
    let path = format!("/{registry}/api/v1/crates/{name}/{version}/download");
    refused(scene, &path).await
}

/// Row V3.
async fn a_quarantine_of_a_crate_covers_later_versions_and_both_spellings(database: Database) {
    let scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    for name in ["hosted-one", "cached-one"] {
        let bring = async |version: &str| {
            if name == "hosted-one" {
                scene.publish(name, &[version]).await;
            } else {
                scene.offer(name, &[version]);
            }
        };
        bring("1.0.0").await;
        let available = scene.index(name).await.expect(200);
        // set under the other spelling, and in another case
        let other = name.replace('-', "_").to_uppercase();
        scene.quarantine(&other, "hold", "under review").await;
        bring("1.1.0").await;
        assert_eq!(
            scene.listed(View::Index, name).await,
            "1.0.0 yanked, 1.1.0 yanked"
        );
        for version in ["1.0.0", "1.1.0"] {
            assert_eq!(scene.state(name, version).await, "held: under review");
        }
        let item = scene.see(&format!("crates/{name}")).await;
        assert_eq!(item["quarantine"]["reason"], "under review");
        // what is shown as highest is what there is
        assert_eq!(item["max_version"], "1.1.0");
        scene.lift(name).await;
        assert_eq!(scene.listed(View::Index, name).await, "1.0.0, 1.1.0");
        let after = scene.index(name).await.expect(200);
        assert!(after.body.starts_with(&available.body));
        for version in ["1.0.0", "1.1.0"] {
            assert_eq!(scene.state(name, version).await, "available");
            scene.download(name, version).await.expect(200);
        }
    }
    // of upstream's, each spelling is a crate of its own, and both are covered
    scene.quarantine("two-names", "block", "confusing").await;
    for name in ["two-names", "two_names"] {
        scene.offer(name, &["1.0.0"]);
        assert_eq!(scene.listed(View::Index, name).await, "1.0.0 yanked");
        let words = refused_in(&scene, View::Index, name, "1.0.0").await;
        assert!(words.contains("confusing"), "{words}");
    }
}

/// Row V3: deleted > blocked > held > yanked, and within one crate the nearest words.
async fn the_strongest_state_shows_and_the_next_one_when_it_goes(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0+build"]).await;
    let mut told = String::new();
    let mut tell = async |deed: &str| {
        let item = scene.version("demo", "1.0.0").await;
        let line = format!(
            "{deed:<22} {} (yanked {}; index: {})\n",
            scene.state("demo", "1.0.0").await,
            item["yanked"],
            scene.listed(View::Index, "demo").await,
        );
        told.push_str(&line);
    };
    tell("published").await;
    let yank = |yanked| scene.admin.yank("acme", "demo", "1.0.0+build", yanked);
    yank(true).await.expect(200);
    tell("yanked").await;
    scene.quarantine("demo", "hold", "the crate is odd").await;
    tell("crate held").await;
    scene
        .quarantine("demo@1.0.0", "hold", "the version is odd")
        .await;
    tell("version held").await;
    scene
        .quarantine("demo", "block", "the crate is malware")
        .await;
    tell("crate blocked").await;
    scene
        .quarantine("demo@1.0.0+other", "block", "the version is malware")
        .await;
    tell("version blocked").await;
    scene.change(json!({ "block": ["demo@^1"] })).await;
    tell("pattern").await;
    scene.delete("demo@1.0.0").await;
    tell("deleted").await;
    scene.restore("demo@1.0.0").await;
    tell("restored").await;
    scene.lift("demo@1.0.0").await;
    tell("version lifted").await;
    scene.lift("demo").await;
    tell("crate lifted").await;
    scene.quarantine("demo", "hold", "the crate is odd").await;
    tell("crate held").await;
    scene.change(json!({ "block": [] })).await;
    tell("no pattern").await;
    scene.lift("demo").await;
    tell("crate lifted").await;
    yank(false).await.expect(200);
    tell("unyanked").await;
    assert_snapshot!(told, @r#"
    published              available (yanked false; index: 1.0.0+build)
    yanked                 yanked (yanked true; index: 1.0.0+build yanked)
    crate held             held: the crate is odd (yanked true; index: 1.0.0+build yanked)
    version held           held: the version is odd (yanked true; index: 1.0.0+build yanked)
    crate blocked          blocked: the crate is malware (yanked true; index: 1.0.0+build yanked)
    version blocked        blocked: the version is malware (yanked true; index: 1.0.0+build yanked)
    pattern                blocked: the version is malware (yanked true; index: 1.0.0+build yanked)
    deleted                deleted (yanked true; index: 404)
    restored               blocked: the version is malware (yanked true; index: 1.0.0+build yanked)
    version lifted         blocked: the crate is malware (yanked true; index: 1.0.0+build yanked)
    crate lifted           blocked: the registry blocks `demo@^1` (yanked true; index: 1.0.0+build yanked)
    crate held             blocked: the registry blocks `demo@^1` (yanked true; index: 1.0.0+build yanked)
    no pattern             held: the crate is odd (yanked true; index: 1.0.0+build yanked)
    crate lifted           yanked (yanked true; index: 1.0.0+build yanked)
    unyanked               available (yanked false; index: 1.0.0+build)
    "#);
}

/// Row V3.
async fn what_is_held_or_blocked_is_not_unyanked(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0"]).await;
    scene.offer("left-pad", &["1.0.0"]);
    let yank = |name: &'static str, yanked| {
        let admin = scene.admin.clone();
        async move { admin.yank("acme", name, "1.0.0", yanked).await }
    };
    yank("demo", true).await.expect(200);
    let cargo = scene.cargo();
    let mut lines = Vec::new();
    for (action, reason) in [("hold", "odd build script"), ("block", "steals tokens")] {
        scene.quarantine("demo", action, reason).await;
        lines.push(said(&yank("demo", false).await.expect(409)));
        let undo = ["yank", "demo@1.0.0", "--undo", "--registry", "acme"];
        let outcome = cargo.run(cargo.root(), &undo).await.failure();
        lines.push(without_days(&outcome.messages()));
        // a yank says nothing else, and may be done
        yank("demo", true).await.expect(200);
    }
    scene.index("left-pad").await.expect(200);
    for yanked in [true, false] {
        lines.push(said(&yank("left-pad", yanked).await.expect(404)));
    }
    assert_snapshot!(lines.join("\n"), @r#"
    409 held: `demo@1.0.0` is held in registry `acme` since [DAY]: odd build script; that has to be lifted before it can be unyanked
        Updating `acme` index
          Unyank demo@1.0.0
    error: failed to undo a yank from the registry at http://127.0.0.1:[PORT]/acme

    Caused by:
      the remote server responded with an error (status 409 Conflict): `demo@1.0.0` is held in registry `acme` since [DAY]: odd build script; that has to be lifted before it can be unyanked
    409 blocked: `demo@1.0.0` is blocked in registry `acme` since [DAY]: steals tokens; that has to be lifted before it can be unyanked
        Updating `acme` index
          Unyank demo@1.0.0
    error: failed to undo a yank from the registry at http://127.0.0.1:[PORT]/acme

    Caused by:
      the remote server responded with an error (status 409 Conflict): `demo@1.0.0` is blocked in registry `acme` since [DAY]: steals tokens; that has to be lifted before it can be unyanked
    404 not-hosted: crate `left-pad` of registry `acme` is served from upstream `partner`; use quarantine
    404 not-hosted: crate `left-pad` of registry `acme` is served from upstream `partner`; use quarantine
    "#);
    scene.lift("demo").await;
    assert_eq!(scene.listed(View::Index, "demo").await, "1.0.0 yanked");
    yank("demo", false).await.expect(200);
    assert_eq!(scene.listed(View::Index, "demo").await, "1.0.0");
}

/// Row V3: what lockfiles hold builds on, and what nobody has does not get out.
async fn what_was_served_before_a_hold_keeps_downloading_and_nothing_else_does(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.publish("ours", &["1.0.0", "1.1.0"]).await;
    scene.offer("theirs", &["1.0.0", "1.1.0"]);
    let files = ["ours", "theirs"].map(|name| Package::new(name, "1.0.0").crate_bytes());
    for name in ["ours", "theirs"] {
        scene.download(name, "1.0.0").await.expect(200);
        scene.quarantine(name, "hold", "under review").await;
    }
    for restart in [false, true] {
        if restart {
            scene.server.restart().await;
        }
        for (name, file) in ["ours", "theirs"].into_iter().zip(&files) {
            let served = scene.download(name, "1.0.0").await.expect(200);
            assert_eq!(&served.body, file);
            let words = refused_in(&scene, View::Index, name, "1.1.0").await;
            assert_eq!(
                words,
                format!(
                    "403 `{name}@1.1.0` is held in registry `acme` since [DAY]: under review; choose another version, or ask a maintainer of the registry"
                )
            );
        }
    }
    // of what is held nothing was fetched that was not there
    assert!(!scene.stores(&Package::new("theirs", "1.1.0")));
    for name in ["ours", "theirs"] {
        scene.lift(name).await;
        scene.download(name, "1.1.0").await.expect(200);
    }
}

/// Row V3.
async fn a_block_refuses_what_was_served_before(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("ours", &["1.0.0"]).await;
    scene.offer("theirs", &["1.0.0"]);
    for name in ["ours", "theirs"] {
        let before = scene.download(name, "1.0.0").await.expect(200);
        let what = format!("{name}@1.0.0");
        scene.quarantine(&what, "block", "steals tokens").await;
        let words = refused_in(&scene, View::Index, name, "1.0.0").await;
        assert_eq!(
            words,
            format!(
                "403 `{what}` is blocked in registry `acme` since [DAY]: steals tokens; choose another version, or ask a maintainer of the registry"
            )
        );
        // not by its validator either
        let path = format!("/acme/api/v1/crates/{name}/1.0.0/download");
        let request = scene.admin.request(Method::GET, &path);
        let etag = before.header("etag").unwrap();
        request
            .header("if-none-match", etag)
            .send()
            .await
            .expect(403);
        scene.lift(&what).await;
        let after = scene.download(name, "1.0.0").await.expect(200);
        assert_eq!(after.body, before.body);
    }
}

/// Row V3: served through one view is served by this registry.
async fn a_quarantine_holds_in_the_mirror_too_and_for_caches_that_have_expired(database: Database) {
    let scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    scene.offer("left-pad", &["1.0.0", "1.1.0", "1.2.0"]);
    let file = Package::new("left-pad", "1.0.0").crate_bytes();
    let through_mirror = || {
        scene
            .admin
            .download("acme", View::Mirror, "left-pad", "1.0.0")
    };
    through_mirror().await.expect(200);
    scene.quarantine("left-pad", "hold", "under review").await;
    scene
        .quarantine("left-pad@1.2.0", "block", "steals tokens")
        .await;
    for view in [View::Index, View::Mirror] {
        assert_eq!(
            scene.listed(view, "left-pad").await,
            "1.0.0 yanked, 1.1.0 yanked, 1.2.0 yanked"
        );
        for (version, word) in [("1.1.0", "is held"), ("1.2.0", "is blocked")] {
            let words = refused_in(&scene, view, "left-pad", version).await;
            assert!(words.contains(word), "{words}");
        }
    }
    assert_eq!(through_mirror().await.expect(200).body, file);
    assert_eq!(
        scene.download("left-pad", "1.0.0").await.expect(200).body,
        file
    );
    // what upstream adds and takes away changes nothing about it
    scene.offer("left-pad", &["1.3.0"]);
    scene.upstream.yank("left-pad", "1.0.0", true);
    for view in [View::Index, View::Mirror] {
        let listed = scene.listed(view, "left-pad").await;
        assert_eq!(
            listed,
            "1.0.0 yanked, 1.1.0 yanked, 1.2.0 yanked, 1.3.0 yanked"
        );
    }
    scene.lift("left-pad").await;
    for view in [View::Index, View::Mirror] {
        let listed = scene.listed(view, "left-pad").await;
        assert_eq!(listed, "1.0.0 yanked, 1.1.0, 1.2.0 yanked, 1.3.0");
    }
}

/// Row V3: a last good copy is under the same rules.
async fn a_quarantine_outlives_its_upstream_and_a_restart(database: Database) {
    let mut scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    scene.offer("left-pad", &["1.0.0", "1.1.0"]);
    scene.download("left-pad", "1.0.0").await.expect(200);
    scene.upstream.stop();
    scene
        .quarantine("left-pad@1.1.0", "block", "steals tokens")
        .await;
    for restart in [false, true] {
        if restart {
            scene.server.restart().await;
        }
        assert_eq!(
            scene.listed(View::Index, "left-pad").await,
            "1.0.0, 1.1.0 yanked"
        );
        let words = refused_in(&scene, View::Index, "left-pad", "1.1.0").await;
        assert!(words.contains("steals tokens"), "{words}");
        scene.download("left-pad", "1.0.0").await.expect(200);
    }
}

/// Row V3.
async fn a_quarantine_is_shown_to_all_who_may_read(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0+build", "1.1.0"]).await;
    let reader = scene
        .admin
        .person("rita", "acme", "reader", &["read"])
        .await;
    let mut made = [
        // upstream may bring it yet
        scene
            .quarantine("Left_Pad@1.3.0", "block", "steals tokens")
            .await,
        scene
            .quarantine(
                "Demo@1.0.0",
                "hold",
                "  odd build script, see https://wiki/4711  ",
            )
            .await,
        scene.quarantine("demo", "hold", "ünder review").await,
    ];
    // said again is said anew
    made[2] = scene.quarantine("demo", "block", "under review").await;
    let list = reader.get(&acme("quarantines")).await.expect(200).json();
    let shown = list["items"].as_array().unwrap().iter().map(|item| {
        assert!(made.contains(item), "{item}");
        let mut item = item.clone();
        assert!(item["created_at"].as_str().unwrap().ends_with('Z'));
        item["created_at"] = json!("[TIME]");
        item.to_string()
    });
    let shown: Vec<_> = shown.collect();
    assert_snapshot!(shown.join("\n"), @r#"
    {"crate":"demo","version":null,"action":"block","reason":"under review","created_at":"[TIME]","created_by":"admin"}
    {"crate":"demo","version":"1.0.0","action":"hold","reason":"odd build script, see https://wiki/4711","created_at":"[TIME]","created_by":"admin"}
    {"crate":"left-pad","version":"1.3.0","action":"block","reason":"steals tokens","created_at":"[TIME]","created_by":"admin"}
    "#);
    assert_eq!(list["total"], 3);
    let page = reader
        .get(&acme("quarantines?limit=2"))
        .await
        .expect(200)
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = format!("quarantines?limit=2&cursor={cursor}");
    let rest = reader.get(&acme(&rest)).await.expect(200).json();
    let pages = [&page, &rest].map(|page| page["items"].as_array().unwrap().clone());
    assert_eq!(json!(pages.concat()), list["items"]);
    let item = reader.get(&acme("crates/demo")).await.expect(200).json();
    assert_eq!(item["quarantine"], made[2]);
    for what in ["demo", "demo@1.0.0", "left-pad@1.3.0"] {
        scene.lift(what).await;
    }
    assert_eq!(scene.see("quarantines").await["total"], 0);
    assert_eq!(scene.see("crates/demo").await["quarantine"], json!(null));
}

/// Row V3.
async fn what_no_quarantine_can_be(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0"]).await;
    scene.admin.claim("acme", "mine-*", "private").await;
    let put = |what: &str, asked: serde_json::Value| {
        let path = acme(&format!("{}/quarantine", subject(what)));
        let admin = scene.admin.clone();
        async move { admin.put(&path, asked).await }
    };
    let hold = |reason: &str| json!({ "action": "hold", "reason": reason });
    let mut lines = Vec::new();
    let mut refused = |answer: Answer, status: u16| lines.push(said(&answer.expect(status)));
    refused(put("demo", hold("")).await, 422);
    refused(put("demo", hold("  \n ")).await, 422);
    refused(put("demo", hold(&"x".repeat(501))).await, 422);
    refused(put("demo", hold("two\nlines")).await, 422);
    // would recolour a terminal
    refused(put("demo", hold("\u{1b}[31mred")).await, 422);
    refused(put("demo", json!({ "action": "hold" })).await, 422);
    refused(
        put("demo", json!({ "action": "yank", "reason": "x" })).await,
        422,
    );
    refused(
        put(
            "demo",
            json!({ "action": "hold", "reason": "x", "until": "tomorrow" }),
        )
        .await,
        422,
    );
    refused(put("demo@9.9.9", hold("x")).await, 404);
    refused(put("demo@one", hold("x")).await, 404);
    refused(put("left-pad@one", hold("x")).await, 404);
    refused(put("mine-too@1.0.0", hold("x")).await, 404);
    refused(put("9", hold("x")).await, 404);
    for what in ["demo", "demo@1.0.0", "demo@one", "left-pad", "9"] {
        let path = acme(&format!("{}/quarantine", subject(what)));
        refused(scene.admin.delete(&path).await, 404);
    }
    assert_snapshot!(lines.join("\n"), @r#"
    422 invalid-request: `reason` has 1 to 500 characters in one line, for those who are refused, as in `steals tokens, see ticket 4711`
    422 invalid-request: `reason` has 1 to 500 characters in one line, for those who are refused, as in `steals tokens, see ticket 4711`
    422 invalid-request: `reason` has 1 to 500 characters in one line, for those who are refused, as in `steals tokens, see ticket 4711`
    422 invalid-request: `reason` has 1 to 500 characters in one line, for those who are refused, as in `steals tokens, see ticket 4711`
    422 invalid-request: `reason` has 1 to 500 characters in one line, for those who are refused, as in `steals tokens, see ticket 4711`
    422 invalid-request: the request does not have the expected shape: missing field `reason` at line 1 column 17
    422 invalid-request: the request does not have the expected shape: `yank` is not a quarantine action; use one of `hold`, `block` at line 1 column 16
    422 invalid-request: the request does not have the expected shape: unknown field `until`, expected `action` or `reason` at line 1 column 37
    404 no-such-version: crate `demo` does not have a version `9.9.9` in registry `acme`
    404 no-such-version: crate `demo` does not have a version `one` in registry `acme`
    404 no-such-version: crate `left-pad` does not have a version `one` in registry `acme`
    404 no-such-version: crate `mine-too` does not have a version `1.0.0` in registry `acme`
    404 no-such-crate: crate `9` does not exist in registry `acme`
    404 no-such-quarantine: nothing is quarantined as `demo` in registry `acme`; `supercargo quarantine list acme` shows what is
    404 no-such-quarantine: nothing is quarantined as `demo@1.0.0` in registry `acme`; `supercargo quarantine list acme` shows what is
    404 no-such-quarantine: nothing is quarantined as `demo@one` in registry `acme`; `supercargo quarantine list acme` shows what is
    404 no-such-quarantine: nothing is quarantined as `left-pad` in registry `acme`; `supercargo quarantine list acme` shows what is
    404 no-such-crate: crate `9` does not exist in registry `acme`
    "#);
    assert_eq!(scene.see("quarantines").await["total"], 0);
    put("demo", hold(&"ü".repeat(500))).await.expect(200);
}
