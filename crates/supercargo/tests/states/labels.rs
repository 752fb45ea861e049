//! Row V4: labels on registries, crates and versions, hosted or upstream's, and lists that are narrowed by them.

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Answer, Database, Package, on_both};

use crate::scene::{Scene, acme, said, subject};

on_both!(
    labels_are_put_on_crates_and_versions_and_taken_away,
    lists_are_narrowed_by_all_labels_at_once,
    lists_are_narrowed_by_the_state_of_the_highest_version,
    what_no_label_can_be,
    labels_outlive_what_they_are_on_and_are_hidden_with_it,
    words_of_descriptions_and_keywords_find_hosted_and_cached_crates,
);

async fn label(scene: &Scene, what: &str, set: Value, remove: Value) -> Answer {
    let path = format!("/api/v1/registries/acme/{}/labels", subject(what));
    let edit = json!({ "set": set, "remove": remove });
    scene.admin.patch(&path, edit).await
}

/// `team=core reviewed=`.
async fn labels(scene: &Scene, what: &str) -> String {
    let shown = scene.see(&format!("{}/labels", subject(what))).await;
    let items = shown["items"].as_array().unwrap().iter();
    let items = items.map(|item| {
        assert_eq!(item["set_by"], "admin");
        format!(
            "{}={}",
            item["key"].as_str().unwrap(),
            item["value"].as_str().unwrap()
        )
    });
    items.collect::<Vec<_>>().join(" ")
}

async fn names(scene: &Scene, query: &str) -> String {
    let page = scene.see(&format!("crates?{query}")).await;
    let items = page["items"].as_array().unwrap();
    assert_eq!(page["total"], items.len(), "{page}");
    let names = items.iter().map(|item| item["name"].as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

/// A version of upstream's that was given out.
async fn cached(scene: &Scene, package: &Package) {
    scene.upstream.publish(package);
    scene
        .download(package.name(), package.version())
        .await
        .expect(200);
}

async fn labels_are_put_on_crates_and_versions_and_taken_away(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("my-crate", &["1.0.0+build.7", "1.1.0"]).await;
    cached(&scene, &Package::new("others", "1.0.0")).await;
    // in another spelling, and without build metadata
    label(
        &scene,
        "my-crate",
        json!({ "team": "core", "draft": "" }),
        json!([]),
    )
    .await
    .expect(200);
    label(
        &scene,
        "my-crate@1.0.0",
        json!({ "audited": "2026-11" }),
        json!([]),
    )
    .await
    .expect(200);
    label(&scene, "others", json!({ "tier": "2" }), json!([]))
        .await
        .expect(200);
    label(
        &scene,
        "my-crate",
        json!({ "k8s.io/part-of": "<b> & é" }),
        json!(["draft", "never"]),
    )
    .await
    .expect(200);
    assert_eq!(
        labels(&scene, "my-crate").await,
        "k8s.io/part-of=<b> & é team=core"
    );
    assert_eq!(
        labels(&scene, "my-crate@1.0.0+build.7").await,
        "audited=2026-11"
    );
    assert_eq!(labels(&scene, "my-crate@1.1.0").await, "");
    assert_eq!(labels(&scene, "others").await, "tier=2");

    let item = scene.see("crates/my-crate").await;
    assert_eq!(
        item["labels"],
        json!({ "k8s.io/part-of": "<b> & é", "team": "core" })
    );
    let version = scene.version("my-crate", "1.0.0").await;
    assert_eq!(version["labels"], json!({ "audited": "2026-11" }));
    let versions = scene.see("crates/my-crate/versions?label=audited").await;
    assert_eq!(
        (&versions["total"], &versions["items"][0]["version"]),
        (&json!(1), &json!("1.0.0+build.7"))
    );

    let log = scene
        .admin
        .get("/api/v1/audit?action=version.labelled")
        .await;
    let log = log.expect(200).json();
    assert_eq!(log["items"][0]["version"], "1.0.0");
    assert_eq!(log["items"][0]["detail"], "set audited=2026-11");
    let log = scene.admin.get("/api/v1/audit?action=crate.labelled").await;
    let log = log.expect(200).json();
    assert_eq!(
        log["items"][0]["detail"],
        "set k8s.io/part-of=<b> & é; removed draft never"
    );
    assert_eq!(log["total"], 3);
}

async fn lists_are_narrowed_by_all_labels_at_once(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["one", "two", "three"] {
        scene.publish(name, &["1.0.0"]).await;
    }
    cached(&scene, &Package::new("others", "1.0.0")).await;
    for (name, set) in [
        ("one", json!({ "team": "core", "tier": "1" })),
        ("two", json!({ "team": "sea", "tier": "1" })),
        ("others", json!({ "team": "core" })),
    ] {
        label(&scene, name, set, json!([])).await.expect(200);
    }
    assert_eq!(names(&scene, "label=team%3Dcore").await, "one others");
    assert_eq!(names(&scene, "label=team").await, "one two others");
    assert_eq!(
        names(&scene, "label=team&label=tier%3D1&label=team%3Dsea").await,
        "two"
    );
    assert_eq!(
        names(&scene, "label=team%3Dcore&source=cached").await,
        "others"
    );
    assert_eq!(names(&scene, "label=team&q=tw").await, "two");
    assert_eq!(names(&scene, "label=team%3D").await, "");
    let first = scene.see("crates?label=team&limit=2").await;
    assert_eq!(
        (first["total"].as_u64(), &first["next_cursor"]),
        (Some(3), &json!("2"))
    );
    let rest = scene.see("crates?label=team&limit=2&cursor=2").await;
    assert_eq!(rest["items"][0]["name"], "others");

    scene
        .admin
        .create_registry(json!({ "name": "other", "labels": { "team": "core", "Odd Key": "x=y" } }))
        .await;
    for (query, found) in [
        ("team%3Dcore", 1),
        ("Odd+Key%3Dx%3Dy", 1),
        ("team&label=tier", 0),
    ] {
        let page = scene
            .admin
            .get(&format!("/api/v1/registries?label={query}"))
            .await;
        assert_eq!(page.expect(200).json()["total"], found, "{query}");
    }
    for query in [
        "label=",
        "label=%3Dx",
        "label=a%0Ab",
        "state=deleted",
        "state=x",
    ] {
        let answer = scene.admin.get(&acme(&format!("crates?{query}"))).await;
        answer.expect(422);
    }
    let nine = (0..9)
        .map(|n| format!("label=k{n}"))
        .collect::<Vec<_>>()
        .join("&");
    let answer = scene.admin.get(&acme(&format!("crates?{nine}"))).await;
    assert_snapshot!(said(&answer.expect(422)), @"422 invalid-request: a list can be narrowed by 8 labels at once; leave some out");
}

async fn lists_are_narrowed_by_the_state_of_the_highest_version(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["available", "yanked", "held", "blocked"] {
        scene.publish(name, &["1.0.0", "2.0.0"]).await;
    }
    scene
        .admin
        .yank("acme", "yanked", "2.0.0", true)
        .await
        .expect(200);
    // an older version does not count
    scene
        .admin
        .yank("acme", "available", "1.0.0", true)
        .await
        .expect(200);
    scene.quarantine("held", "hold", "under review").await;
    scene
        .quarantine("blocked@2.0.0", "block", "steals tokens")
        .await;
    cached(&scene, &Package::new("others", "1.0.0")).await;
    cached(&scene, &Package::new("others-held", "1.0.0")).await;
    scene
        .quarantine("others-held", "hold", "under review")
        .await;
    assert_eq!(names(&scene, "state=available").await, "available others");
    assert_eq!(names(&scene, "state=yanked").await, "yanked");
    assert_eq!(names(&scene, "state=held").await, "held others-held");
    assert_eq!(
        names(&scene, "state=blocked&source=hosted").await,
        "blocked"
    );
    assert_eq!(names(&scene, "state=blocked&source=cached").await, "");
    let first = scene.see("crates?state=held&limit=1").await;
    assert_eq!(
        (first["total"].as_u64(), &first["next_cursor"]),
        (Some(2), &json!("1"))
    );
    let rest = scene.see("crates?state=held&limit=1&cursor=1").await;
    assert_eq!(rest["items"][0]["name"], "others-held");
}

async fn what_no_label_can_be(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0"]).await;
    let many: serde_json::Map<String, Value> =
        (0..33).map(|n| (format!("k{n}"), json!(""))).collect();
    let mut told = Vec::new();
    for (set, remove) in [
        (json!({ "Team": "core" }), json!([])),
        (json!({ "a": "x\u{1b}[2J" }), json!([])),
        (json!({ "a": "1" }), json!(["a"])),
        (json!({}), json!(["no key"])),
        (json!(many), json!([])),
    ] {
        let answer = label(&scene, "demo", set, remove).await.expect(422);
        told.push(said(&answer));
    }
    assert_snapshot!(told.join("\n"), @r"
    422 invalid-request: the label `Team`: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`
    422 invalid-request: the label `a`: values have at most 256 characters in one line
    422 invalid-request: the label `a` is both to be set and to be removed; leave one out
    422 invalid-request: the label `no key`: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`
    422 invalid-request: a crate or version has at most 32 labels, and this would be 33; take some away
    ");
    assert_eq!(labels(&scene, "demo").await, "");
    for what in ["none", "demo@2.0.0", "demo@latest"] {
        let answer = label(&scene, what, json!({ "a": "" }), json!([])).await;
        answer.expect(404);
    }
}

async fn labels_outlive_what_they_are_on_and_are_hidden_with_it(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("demo", &["1.0.0"]).await;
    label(&scene, "demo", json!({ "team": "core" }), json!([]))
        .await
        .expect(200);
    label(&scene, "demo@1.0.0", json!({ "audited": "" }), json!([]))
        .await
        .expect(200);
    scene.delete("demo").await;
    assert_eq!(names(&scene, "label=team").await, "");
    scene.restore("demo").await;
    assert_eq!(names(&scene, "label=team").await, "demo");
    assert_eq!(labels(&scene, "demo@1.0.0").await, "audited=");

    let nobody = scene.server.anonymous();
    let path = acme("crates/demo/labels");
    nobody.get(&path).await.expect(401);
    let reader = scene
        .admin
        .person("reader", "acme", "reader", &["read", "maintain"])
        .await;
    reader.get(&path).await.expect(200);
    let edit = json!({ "set": { "a": "" } });
    reader.patch(&path, edit.clone()).await.expect(403);
    let stranger = scene.admin.create_user("stranger").await;
    let token = scene
        .admin
        .token(json!({ "principal": stranger["name"], "scopes": ["maintain"] }))
        .await;
    let stranger = nobody.with_token(&token);
    stranger.get(&path).await.expect(404);
    stranger.patch(&path, edit).await.expect(404);
}

/// P11.
async fn words_of_descriptions_and_keywords_find_hosted_and_cached_crates(database: Database) {
    let scene = Scene::start(database).await;
    let package = |name: &str, description: &str, keywords: Vec<&str>| {
        Package::new(name, "1.0.0")
            .field("description", description)
            .field("keywords", keywords)
    };
    scene
        .admin
        .publish("acme", &package("quay", "Where ships lie", vec!["harbour"]))
        .await
        .expect(200);
    scene
        .admin
        .publish(
            "acme",
            &package("harbour-master", "Gives out berths", vec![]),
        )
        .await
        .expect(200);
    cached(
        &scene,
        &package("pilot", "Brings ships in", vec!["harbour", "tide"]),
    )
    .await;
    assert_eq!(
        names(&scene, "q=harbour&source=hosted").await,
        "harbour-master quay"
    );
    assert_eq!(names(&scene, "q=ships+HARBOUR&source=hosted").await, "quay");
    // what a file says about itself is written a little later
    for _ in 0..600 {
        if names(&scene, "q=tide").await == "pilot" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(names(&scene, "q=tide").await, "pilot");
    assert_eq!(
        names(&scene, "q=harbour").await,
        "harbour-master quay pilot"
    );
    assert_eq!(names(&scene, "q=ships+harbour").await, "quay pilot");
}
