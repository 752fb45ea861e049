//! Labels, and what lists of crates are narrowed by: row V4, and items 3, 5 and 6 of issue 6.

use serde_json::json;
use supercargo_testkit::{Browser, Database, Package, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    labels_are_changed_by_a_form,
    what_is_wrong_with_a_label_is_said_and_nothing_is_lost,
    only_maintainers_change_labels_and_only_by_our_form,
    the_list_of_crates_is_narrowed_and_each_filter_is_taken_away_by_itself,
    search_goes_over_everything_one_may_see,
    labels_do_not_outlive_the_release_of_a_name,
);

const DEMO: &str = "/open/crates/demo/labels";

async fn maintainer(scene: &Scene) -> Browser {
    let browser = scene.browser_of("mary", "member").await;
    scene.admin.member("open", "mary", "maintainer").await;
    browser
}

async fn labels(scene: &Scene, path: &str) -> serde_json::Value {
    let path = format!("/api/v1/registries/open/{path}");
    let item = scene.admin.get(&path).await.expect(200).json();
    item["labels"].clone()
}

async fn labels_are_changed_by_a_form(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let mut mary = maintainer(&scene).await;
    let page = scene.open(&mut mary, "/open/crates/demo").await.expect(200);
    assert!(page.words().contains("None yet."), "{page}");
    assert!(page.html.contains(&format!("href=\"{DEMO}\"")), "{page}");
    let page = scene.open(&mut mary, DEMO).await.expect(200);
    let form = page.form(DEMO);
    let form = form.with(
        "labels",
        "team=core\nnote=<script>alert(1)</script>\n\nreviewed\n",
    );
    let page = mary.send(&form).await.expect(200);
    assert!(page.words().contains("The labels are saved."), "{page}");
    assert!(
        page.words().contains("note=<script>alert(1)</script>"),
        "{page}"
    );
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let expected = json!({ "team": "core", "reviewed": "", "note": "<script>alert(1)</script>" });
    assert_eq!(labels(&scene, "crates/demo").await, expected);

    // the form has what is there; a line that goes takes its label with it
    let form = page.form(DEMO);
    let text = form.value("labels").unwrap();
    assert!(
        text.contains("reviewed\n") && text.contains("team=core"),
        "{text}"
    );
    let page = mary
        .send(&form.with("labels", "team=core"))
        .await
        .expect(200);
    assert!(!page.words().contains("reviewed"), "{page}");

    let of_version = "/open/crates/demo/1.0.0/labels";
    let page = scene.open(&mut mary, of_version).await.expect(200);
    let form = page.form(of_version).with("labels", "audited=2026-11");
    mary.send(&form).await.expect(200);
    assert_eq!(
        labels(&scene, "crates/demo/versions/1.0.0").await,
        json!({ "audited": "2026-11" })
    );
    let page = scene.anybody("/open/crates/demo").await.expect(200);
    for part in [
        "href=\"/open?label=team%3Dcore\"",
        "audited=2026-11",
        "Who set them",
    ] {
        assert!(page.html.contains(part), "{part}: {page}");
    }
    let page = scene.anybody(DEMO).await.expect(200);
    assert!(page.words().contains("mary"), "{page}");
    assert!(!page.html.contains("<textarea"), "{page}");
}

async fn what_is_wrong_with_a_label_is_said_and_nothing_is_lost(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let mut mary = maintainer(&scene).await;
    let page = scene.open(&mut mary, DEMO).await.expect(200);
    let too_many: Vec<_> = (0..33).map(|n| format!("k{n}")).collect();
    let too_many = too_many.join("\n");
    for (text, words) in [
        ("Team=<b>", "lower-case letters"),
        ("ok=1\n=x", "lower-case letters"),
        ("a=1\na=2", "stands there twice"),
        (too_many.as_str(), "at most 32 labels"),
    ] {
        let form = page.form(DEMO).with("labels", text);
        let back = mary.send(&form).await.expect(422);
        assert!(back.words().contains(words), "{words}: {back}");
        assert!(back.html.contains("aria-invalid=\"true\""), "{back}");
        assert_eq!(back.form(DEMO).value("labels"), Some(text));
        assert_eq!(executable(&back.html), Vec::<String>::new());
    }
    assert_eq!(labels(&scene, "crates/demo").await, json!({}));
    for path in [
        "/open/crates/none/labels",
        "/open/crates/demo/9.9.9/labels",
        "/open/crates/a%20b/labels",
    ] {
        scene.open(&mut mary, path).await.expect(404);
    }
}

async fn only_maintainers_change_labels_and_only_by_our_form(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    scene
        .publish("secret", &Package::new("demo", "1.0.0"))
        .await;
    let mut mary = maintainer(&scene).await;
    let page = scene.open(&mut mary, DEMO).await.expect(200);
    let form = page.form(DEMO).with("labels", "a=1");
    mary.send_only(&form.clone().with("csrf", "00"))
        .await
        .expect(403);
    // of another session
    let mut bob = scene.browser_of("bob", "member").await;
    bob.send_only(&form).await.expect(403);
    let page = scene.open(&mut bob, DEMO).await.expect(200);
    assert!(!page.html.contains("<textarea"), "{page}");
    assert!(page.words().contains("No labels"), "{page}");
    // with a proof of his own: he may read and no more, there is nothing of `secret` for him
    let logout = page.form("/-/logout");
    let own = logout.value("csrf").unwrap().to_owned();
    let mut forged = form.clone().with("csrf", &own);
    bob.send_only(&forged).await.expect(403);
    forged.action = scene.at("/secret/crates/demo/labels");
    bob.send_only(&forged).await.expect(404);
    scene
        .open(&mut bob, "/secret/crates/demo/labels")
        .await
        .expect(404);
    assert_eq!(labels(&scene, "crates/demo").await, json!({}));
}

async fn the_list_of_crates_is_narrowed_and_each_filter_is_taken_away_by_itself(
    database: Database,
) {
    let scene = Scene::start(database).await;
    for name in ["alpha", "beta", "gamma"] {
        scene.publish("open", &Package::new(name, "1.0.0")).await;
    }
    scene
        .admin
        .yank("open", "gamma", "1.0.0", true)
        .await
        .expect(200);
    for (name, set) in [
        ("alpha", json!({ "team": "core", "tier": "1" })),
        (
            "gamma",
            json!({ "team": "core", "odd": "\"<script>x</script>" }),
        ),
    ] {
        let path = format!("/api/v1/registries/open/crates/{name}/labels");
        scene
            .admin
            .patch(&path, json!({ "set": set }))
            .await
            .expect(200);
    }
    let page = scene.anybody("/open").await.expect(200);
    assert_eq!(executable(&page.html), Vec::<String>::new());
    assert!(page.words().contains("odd=\"<script>x</script>"), "{page}");
    assert!(
        page.html
            .contains("<option value=\"team=core\">2 crates</option>"),
        "{page}"
    );
    let shows = async |query: &str| {
        let page = scene.anybody(&format!("/open?{query}")).await.expect(200);
        let links = ["alpha", "beta", "gamma"].into_iter();
        let shown = links.filter(|name| page.html.contains(&format!("/open/crates/{name}\"")));
        (shown.collect::<Vec<_>>().join(" "), page)
    };
    assert_eq!(shows("label=team%3Dcore").await.0, "alpha gamma");
    assert_eq!(shows("state=yanked").await.0, "gamma");
    assert_eq!(shows("state=available&label=team").await.0, "alpha");
    // what is none of the words is passed over, and so is an empty field of the form
    assert_eq!(
        shows("state=deleted&label=&label=%3D&sort=x").await.0,
        "alpha beta gamma"
    );
    let (rows, page) = shows("q=a&source=hosted&state=yanked&label=team&label=tier").await;
    assert_eq!(rows, "");
    for part in [
        "href=\"/open?q=a&#38;state=yanked&#38;label=team&#38;label=tier\"",
        "href=\"/open?q=a&#38;source=hosted&#38;state=yanked&#38;label=team\"",
        "aria-label=\"Without state yanked\"",
        "<input type=\"hidden\" name=\"label\" value=\"tier\">",
        "<option value=\"yanked\" selected>",
        "Nothing fits",
    ] {
        assert!(page.html.contains(part), "{part}: {page}");
    }
    let (_, page) = shows("label=%22%3E%3Cscript%3E").await;
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let (_, page) = shows("q=a&sort=name").await;
    assert!(
        page.html.contains("<option value=\"name\" selected>"),
        "{page}"
    );
}

async fn search_goes_over_everything_one_may_see(database: Database) {
    let scene = Scene::start(database).await;
    let package = |name: &str| {
        Package::new(name, "1.0.0")
            .field("description", "Counts the tides")
            .field("keywords", vec!["harbour"])
    };
    for (registry, name) in [("open", "quay"), ("secret", "berth"), ("inside", "harbour")] {
        scene.publish(registry, &package(name)).await;
    }
    scene.upstream.publish(&package("harbour-pilot"));
    let path = "/open/api/v1/crates/harbour-pilot/1.0.0/download";
    scene.server.anonymous().get(path).await.expect(200);
    let path = "/api/v1/registries/open/crates/quay/labels";
    let edit = json!({ "set": { "team": "core" } });
    scene.admin.patch(path, edit).await.expect(200);

    let mut mary = maintainer(&scene).await;
    let order = |html: &str| {
        let mut found: Vec<_> = [
            "/open/crates/quay\"",
            "/secret/crates/berth\"",
            "/inside/crates/harbour\"",
            "/open/crates/harbour-pilot\"",
        ]
        .into_iter()
        .filter_map(|link| Some((html.find(link)?, link)))
        .collect();
        found.sort_unstable();
        let names = found
            .into_iter()
            .map(|(_, link)| link.rsplit('/').next().unwrap());
        names.collect::<String>()
    };
    // the exact name, what begins so, and words; what she may not see is not told of
    let page = scene
        .open(&mut mary, "/-/search?q=harbour")
        .await
        .expect(200);
    assert_eq!(order(&page.html), "harbour\"harbour-pilot\"quay\"");
    assert!(
        page.words().contains("3 crates found in 2 registries"),
        "{page}"
    );
    let page = scene
        .anybody("/-/search?q=tides+harbour&source=hosted")
        .await
        .expect(200);
    assert_eq!(order(&page.html), "quay\"");
    let page = scene
        .anybody("/-/search?q=harbour&source=cached")
        .await
        .expect(200);
    assert_eq!(order(&page.html), "harbour-pilot\"");
    let page = scene
        .anybody("/-/search?label=team%3Dcore")
        .await
        .expect(200);
    assert_eq!(order(&page.html), "quay\"");
    assert!(page.words().contains("Crates with a label"), "{page}");
    let page = scene.anybody("/-/search?q=berth").await.expect(200);
    assert!(page.words().contains("Nothing fits"), "{page}");
}

/// V4: what comes under a released name is another's.
async fn labels_do_not_outlive_the_release_of_a_name(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let api = "/api/v1/registries/open/crates";
    let labels = format!("{api}/demo/labels");
    let reviewed = json!({ "set": { "reviewed": "yes" } });
    scene.admin.patch(&labels, reviewed).await.expect(200);
    let listed = async |filter: &str| scene.admin.get(&format!("{api}?label={filter}")).await;
    let found = listed("reviewed").await.expect(200).json();
    assert_eq!(found["total"], 1);
    scene.admin.delete(&format!("{api}/demo")).await.expect(204);
    let confirm = json!({ "confirm": "demo" });
    let release = format!("{api}/demo/release");
    scene.admin.post(&release, confirm).await.success();
    scene.publish("open", &Package::new("demo", "2.0.0")).await;
    let fresh = scene.admin.get(&format!("{api}/demo")).await.expect(200);
    assert_eq!(fresh.json()["labels"], json!({}));
    let found = listed("reviewed").await.expect(200).json();
    assert_eq!(found["total"], 0);
    // what fits nothing is not held against every label
    let _ = listed(&"x".repeat(257)).await.expect(422);
    let _ = listed(&format!("team={}", "x".repeat(257)))
        .await
        .expect(422);
}
