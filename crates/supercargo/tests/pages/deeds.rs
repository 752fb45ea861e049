//! What is done with crates and versions by forms: rows V1, V2, V3, V6, V10 and P14, and issue 6's page 5.

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{Browser, Database, Package, Page, View, eventually, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    an_owner_yanks_and_takes_it_back,
    a_maintainer_quarantines_with_a_reason_and_lifts_it,
    a_version_is_deleted_restored_and_purged,
    a_whole_crate_is_deleted_restored_and_its_name_given_back,
    owners_come_and_go,
    what_a_deletion_breaks_is_told_in_numbers,
    everybody_is_offered_what_they_may,
    a_deed_is_done_by_a_form_of_ours_alone,
    a_name_is_read_from_another_upstream,
    what_an_upstream_changed_is_accepted,
    a_file_is_had_with_a_session_and_counts_as_a_download,
    a_file_is_published_from_a_browser,
    what_is_wrong_with_an_upload_is_said_beside_it,
    an_upload_is_looked_at_when_it_is_one_of_ours,
    a_version_tells_how_it_came_here,
);

const DEMO: &str = "/secret/crates/demo";

/// The page of a version's deeds.
fn of_version(version: &str) -> String {
    format!("{DEMO}/{version}/settings")
}

/// Somebody with a role in `secret`, in a browser.
async fn member(scene: &Scene, name: &str, role: &str) -> Browser {
    let browser = scene.browser_of(name, "member").await;
    scene.admin.member("secret", name, role).await;
    browser
}

/// `demo` in two versions, in `secret`.
async fn demo(scene: &Scene) {
    for version in ["1.0.0", "1.1.0"] {
        scene
            .publish("secret", &Package::new("demo", version))
            .await;
    }
}

async fn item(scene: &Scene, version: &str) -> Value {
    let path = format!("/api/v1/registries/secret/crates/demo/versions/{version}");
    scene.admin.get(&path).await.expect(200).json()
}

/// V1: yank and unyank, for owners.
async fn an_owner_yanks_and_takes_it_back(database: Database) {
    let scene = Scene::start(database).await;
    demo(&scene).await;
    let mut olga = member(&scene, "olga", "publisher").await;
    let owners = "/secret/api/v1/crates/demo/owners";
    let olgas = json!({ "users": ["olga"] });
    scene.admin.put(owners, olgas).await.expect(200);
    let page = scene.open(&mut olga, &format!("{DEMO}/versions")).await;
    let page = page.expect(200);
    assert!(page.html.contains(&format!("{}#yank", of_version("1.0.0"))));
    assert!(!page.html.contains("#delete"), "that is for maintainers");
    let page = scene
        .open(&mut olga, &of_version("1.0.0"))
        .await
        .expect(200);
    let page = olga.send(&page.form("/settings/yank")).await.expect(200);
    assert_eq!(page.url.path(), format!("{DEMO}/versions"));
    assert!(
        page.words()
            .contains("demo@1.0.0 is yanked: cargo takes it"),
        "{page}"
    );
    assert_eq!(item(&scene, "1.0.0").await["state"], "yanked");
    assert!(page.words().contains("Unyank…"), "{page}");
    let page = scene
        .open(&mut olga, &of_version("1.0.0"))
        .await
        .expect(200);
    let page = olga.send(&page.form("/settings/unyank")).await.expect(200);
    assert!(
        page.words().contains("demo@1.0.0 is not yanked any more"),
        "{page}"
    );
    assert_eq!(item(&scene, "1.0.0").await["state"], "available");
    // an address can say that something was done: only of a version that is there
    let page = scene
        .open(
            &mut olga,
            &format!("{DEMO}/versions?done=yanked&version=<b>9"),
        )
        .await;
    assert!(!page.words().contains("is yanked:"), "{page}");
    scene
        .open(&mut olga, &of_version("9.9.9"))
        .await
        .expect(404);
}

/// V3.
async fn a_maintainer_quarantines_with_a_reason_and_lifts_it(database: Database) {
    let scene = Scene::start(database).await;
    demo(&scene).await;
    let mut mara = member(&scene, "mara", "maintainer").await;
    let page = scene
        .open(&mut mara, &of_version("1.0.0"))
        .await
        .expect(200);
    let form = page.form("/settings/quarantine").with("action", "block");
    let again = mara
        .send(&form.clone().with("reason", " "))
        .await
        .expect(422);
    assert!(
        again.words().contains("reason has 1 to 500 characters"),
        "{again}"
    );
    assert!(
        again.html.contains("id=\"reason-e\""),
        "beside its field: {again}"
    );
    assert_eq!(
        again.form("/settings/quarantine").value("action"),
        Some("block")
    );
    let nasty = "it's </p><script>alert(1)</script> & \"more\"";
    let page = mara.send(&form.with("reason", nasty)).await.expect(200);
    assert!(
        page.words().contains("demo@1.0.0 is in quarantine"),
        "{page}"
    );
    assert!(
        page.words()
            .contains("It's </p><script>alert(1)</script> & \"more\" · mara,")
    );
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let blocked = item(&scene, "1.0.0").await;
    assert_eq!(blocked["state"], "blocked");
    assert_eq!(blocked["reason"], nasty);
    // nobody gets its file, and is told why
    let page = scene
        .open(&mut mara, &format!("{DEMO}/1.0.0/download"))
        .await;
    let page = page.expect(403);
    assert!(page.words().contains("That is kept back"), "{page}");
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let page = scene
        .open(&mut mara, &of_version("1.0.0"))
        .await
        .expect(200);
    assert!(
        page.words().contains("demo@1.0.0 is blocked: it's"),
        "{page}"
    );
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let page = mara.send(&page.form("/settings/lift")).await.expect(200);
    assert!(page.words().contains("in quarantine no more"), "{page}");
    assert_eq!(item(&scene, "1.0.0").await["state"], "available");
    let page = scene
        .open(&mut mara, &of_version("1.0.0"))
        .await
        .expect(200);
    let lift = page.form("/settings/quarantine");
    let mut lift = lift.without("action");
    lift.action = lift.action.replace("quarantine", "lift");
    let page = mara.send(&lift).await.expect(404);
    assert!(
        page.words()
            .contains("Nothing is quarantined as demo@1.0.0"),
        "{page}"
    );

    // the whole crate, with what comes later
    let settings = format!("{DEMO}/settings");
    let page = scene.open(&mut mara, &settings).await.expect(200);
    let form = page
        .form("/settings/quarantine")
        .with("reason", "under review");
    let page = mara.send(&form).await.expect(200);
    assert!(
        page.words()
            .contains("demo is held: under review. So mara decided"),
        "{page}"
    );
    assert_eq!(item(&scene, "1.1.0").await["state"], "held");
    let page = mara.send(&page.form("/settings/lift")).await.expect(200);
    assert!(
        page.words().contains("demo is in quarantine no more"),
        "{page}"
    );
    assert_eq!(item(&scene, "1.1.0").await["state"], "available");

    // an upstream's as well
    scene.upstream.publish(&Package::new("far", "1.0.0"));
    let page = scene
        .open(&mut mara, "/secret/crates/far/1.0.0/settings")
        .await;
    let page = page.expect(200);
    assert!(!page.words().contains("Delete far"), "{page}");
    let form = page.form("/settings/quarantine").with("reason", "odd");
    let page = mara.send(&form).await.expect(200);
    assert!(page.words().contains("1.0.0 held Odd · mara"), "{page}");
}

/// V2: delete, restore, purge; typed names.
async fn a_version_is_deleted_restored_and_purged(database: Database) {
    let scene = Scene::start(database).await;
    demo(&scene).await;
    let mut mara = member(&scene, "mara", "maintainer").await;
    let bytes = scene
        .admin
        .download("secret", View::Index, "demo", "1.0.0")
        .await;
    let page = scene
        .open(&mut mara, &of_version("1.0.0"))
        .await
        .expect(200);
    let form = page.form("/settings/delete");
    for typed in ["", "demo", "demo@1.1.0", "1.0.0"] {
        let page = mara
            .send(&form.clone().with("confirm", typed))
            .await
            .expect(422);
        assert!(
            page.words()
                .contains("Type demo@1.0.0 , so that it is clear"),
            "{page}"
        );
        assert!(page.html.contains("id=\"delete-name-e\""), "{page}");
    }
    assert_eq!(item(&scene, "1.0.0").await["state"], "available");
    let page = mara
        .send(&form.with("confirm", "demo@1.0.0"))
        .await
        .expect(200);
    assert!(page.words().contains("demo@1.0.0 is deleted."), "{page}");
    assert!(page.words().contains("Restore…"), "{page}");
    assert!(
        !page.words().contains("Purge…"),
        "that is for admins: {page}"
    );
    assert_eq!(item(&scene, "1.0.0").await["state"], "deleted");
    let page = scene
        .open(&mut mara, &of_version("1.0.0"))
        .await
        .expect(200);
    let page = mara.send(&page.form("/settings/restore")).await.expect(200);
    assert!(page.words().contains("demo@1.0.0 is there again"), "{page}");
    let again = scene
        .admin
        .download("secret", View::Index, "demo", "1.0.0")
        .await;
    assert_eq!(again.expect(200).body, bytes.expect(200).body);

    let mut root = scene.browser_of("root", "admin").await;
    let page = scene
        .open(&mut root, &of_version("1.0.0"))
        .await
        .expect(200);
    let form = page.form("/settings/delete").with("confirm", "Demo@1.0.0");
    root.send(&form).await.expect(200);
    let page = scene
        .open(&mut root, &of_version("1.0.0"))
        .await
        .expect(200);
    let form = page.form("/settings/purge");
    let page = root
        .send(&form.clone().with("confirm", "demo"))
        .await
        .expect(422);
    assert!(page.html.contains("id=\"purge-name-e\""), "{page}");
    let page = root
        .send(&form.with("confirm", "demo@1.0.0"))
        .await
        .expect(200);
    assert!(
        page.words().contains("demo@1.0.0 is gone for ever"),
        "{page}"
    );
    assert!(!page.words().contains("Restore…"), "{page}");
    assert!(item(&scene, "1.0.0").await["purged_at"].is_string());
    let page = scene
        .open(&mut root, &of_version("1.0.0"))
        .await
        .expect(200);
    assert!(
        page.words().contains("This version is gone for ever"),
        "{page}"
    );
}

/// V2.
async fn a_whole_crate_is_deleted_restored_and_its_name_given_back(database: Database) {
    let scene = Scene::start(database).await;
    demo(&scene).await;
    let mut mara = member(&scene, "mara", "maintainer").await;
    let settings = format!("{DEMO}/settings");
    let page = scene.open(&mut mara, &settings).await.expect(200);
    let form = page.form("/settings/delete");
    let wrong = mara.send(&form.clone().with("confirm", "demo@1.0.0")).await;
    assert!(wrong.expect(422).words().contains("Type demo , so that"));
    let page = mara.send(&form.with("confirm", "demo")).await.expect(200);
    assert!(page.words().contains("demo is deleted."), "{page}");
    let page = mara.send(&page.form("/settings/restore")).await.expect(200);
    assert!(page.words().contains("demo is there again"), "{page}");
    assert_eq!(item(&scene, "1.1.0").await["state"], "available");

    let form = page.form("/settings/delete").with("confirm", "demo");
    let page = mara.send(&form).await.expect(200);
    let form = page.form("/settings/release");
    mara.send(&form.clone().with("confirm", "other"))
        .await
        .expect(422);
    let page = mara.send(&form.with("confirm", "demo")).await.expect(200);
    assert!(
        page.words()
            .contains("demo is the name of an upstream's crate again"),
        "{page}"
    );
    let krate = scene
        .admin
        .get("/api/v1/registries/secret/crates/demo")
        .await;
    assert!(krate.expect(200).json()["released_at"].is_string());
}

/// V1: owners.
async fn owners_come_and_go(database: Database) {
    let scene = Scene::start(database).await;
    demo(&scene).await;
    let mut mara = member(&scene, "mara", "maintainer").await;
    let settings = format!("{DEMO}/settings");
    let page = scene.open(&mut mara, &settings).await.expect(200);
    let form = page.form("/owners/add");
    let again = mara.send(&form.clone().with("owner", "nobody-<b>")).await;
    assert!([404, 422].contains(&again.status.as_u16()), "{again}");
    assert!(
        again.html.contains("id=\"owner-e\""),
        "beside its field: {again}"
    );
    assert_eq!(again.form("/owners/add").value("owner"), Some("nobody-<b>"));
    assert_eq!(executable(&again.html), Vec::<String>::new());
    let team = json!({ "name": "core" });
    scene.admin.post("/api/v1/teams", team).await.expect(201);
    for owner in ["mara", "team:core"] {
        let page = mara
            .send(&form.clone().with("owner", owner))
            .await
            .expect(200);
        assert!(page.words().contains("demo has another owner"), "{page}");
        assert!(
            page.html.contains(&format!("Remove owner: {owner}")),
            "{page}"
        );
    }
    let owners = async || {
        let path = "/secret/api/v1/crates/demo/owners";
        let owners = scene.admin.get(path).await.expect(200).json();
        let users = owners["users"].as_array().unwrap().iter();
        let mut users: Vec<_> = users
            .map(|user| user["login"].as_str().unwrap().to_owned())
            .collect();
        users.sort();
        users
    };
    assert_eq!(owners().await, ["admin", "mara", "team:core"]);
    for owner in ["admin", "team:core"] {
        let page = scene.open(&mut mara, &settings).await.expect(200);
        let form = page.form("/owners/remove").with("owner", owner);
        let page = mara.send(&form).await.expect(200);
        assert!(page.words().contains("demo has one owner less"), "{page}");
    }
    assert_eq!(owners().await, ["mara"]);
    // the last one is not offered, and is refused
    let page = scene.open(&mut mara, &settings).await.expect(200);
    assert!(!page.html.contains("/owners/remove"), "{page}");
    let mut last = page.form("/owners/add").with("owner", "mara");
    last.action = last.action.replace("add", "remove");
    let page = mara.send(&last).await.expect(422);
    assert!(page.html.contains("role=\"alert\""), "{page}");
    assert_eq!(owners().await, ["mara"]);
}

/// Issue 6: what will break, in numbers.
async fn what_a_deletion_breaks_is_told_in_numbers(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "2.0.0"] {
        scene.publish("open", &Package::new("base", version)).await;
    }
    for (name, requirement) in [("old-user", "1"), ("any-user", ">=1"), ("new-user", "2")] {
        let user = Package::new(name, "1.0.0").depends_on(scene.needs("base", requirement));
        scene.publish("open", &user).await;
    }
    for _ in 0..3 {
        scene
            .admin
            .download("open", View::Index, "base", "1.0.0")
            .await
            .expect(200);
    }
    let mut root = scene.browser_of("root", "admin").await;
    let path = "/open/crates/base/1.0.0/settings";
    eventually("the downloads are told", async || {
        let mut root = root.clone();
        let page = scene.open(&mut root, path).await.expect(200);
        page.words().contains("3 downloads in thirty days")
            && page.words().contains("1 reader pulled it")
    })
    .await;
    let page = scene.open(&mut root, path).await.expect(200);
    let words = page.words();
    for expected in [
        "3 crates here depend on it with the newest version; it would be taken from any-user , old-user .",
        "No other version fits old-user: that stops building.",
        "such as admin ( just now )",
        "a yank is kinder",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(
        page.html
            .contains("/-/admin/exposure?crate=base&#38;version=1.0.0"),
        "{page}"
    );
    // who is no admin does not learn who pulled it
    let mut mara = scene.browser_of("mara", "member").await;
    scene.admin.member("open", "mara", "maintainer").await;
    let page = scene.open(&mut mara, path).await.expect(200);
    assert!(
        page.words().contains("3 downloads in thirty days"),
        "{page}"
    );
    assert!(!page.words().contains("pulled it"), "{page}");
    // all of it
    let page = scene.open(&mut root, "/open/crates/base/settings").await;
    let words = page.expect(200).words();
    assert!(words.contains("with 2 versions"), "{words}");
    assert!(
        words.contains("No other version fits any-user, new-user, old-user"),
        "{words}"
    );
}

async fn everybody_is_offered_what_they_may(database: Database) {
    let scene = Scene::start(database).await;
    demo(&scene).await;
    let versions = format!("{DEMO}/versions");
    let settings = format!("{DEMO}/settings");
    let mut rita = member(&scene, "rita", "reader").await;
    let page = scene.open(&mut rita, &versions).await.expect(200);
    assert!(page.words().contains("Download .crate"), "{page}");
    assert!(
        !page.html.contains("/settings"),
        "nothing to change: {page}"
    );
    for path in [settings.clone(), of_version("1.0.0")] {
        let page = scene.open(&mut rita, &path).await.expect(403);
        assert!(page.words().contains("You may not do that"), "{page}");
    }
    // a publisher who owns something else
    let mut paul = member(&scene, "paul", "publisher").await;
    let page = scene
        .open(&mut paul, &of_version("1.0.0"))
        .await
        .expect(200);
    assert!(
        page.words().contains("Nothing for you to do here"),
        "{page}"
    );
    let page = scene.open(&mut paul, &settings).await.expect(200);
    assert!(
        page.words()
            .contains("Owners publish, yank and change owners"),
        "{page}"
    );
    assert!(!page.html.contains("/settings/"), "{page}");
    // and tries it all the same
    let mut root = scene.browser_of("root", "admin").await;
    let proof = page.form("/-/logout");
    let page = scene
        .open(&mut root, &of_version("1.0.0"))
        .await
        .expect(200);
    let yank = page
        .form("/settings/yank")
        .with("csrf", proof.value("csrf").unwrap());
    let page = paul.send(&yank).await.expect(403);
    assert!(
        page.words().contains("is not an owner of crate demo"),
        "{page}"
    );
    let log = "/api/v1/audit?principal=paul&outcome=denied";
    let log = scene.admin.get(log).await.expect(200).json();
    assert_eq!(log["items"][0]["action"], "version.yanked", "{log}");
    // nobody, and who does not see the registry
    let page = scene.anybody(&settings).await.expect(303);
    assert!(
        page.headers["location"]
            .to_str()
            .unwrap()
            .starts_with("/-/login")
    );
    let mut eve = scene.browser_of("eve", "member").await;
    for path in [
        settings,
        of_version("1.0.0"),
        format!("{DEMO}/1.0.0/download"),
    ] {
        let hidden = scene.open(&mut eve, &path).await.expect(404);
        let absent = scene
            .open(&mut eve, &path.replace("secret", "nosuch"))
            .await;
        assert_eq!(
            hidden.words().replace("secret", "nosuch"),
            absent.expect(404).words()
        );
    }
    assert_eq!(item(&scene, "1.0.0").await["state"], "available");
}

/// Issue 6, "safe".
async fn a_deed_is_done_by_a_form_of_ours_alone(database: Database) {
    let scene = Scene::start(database).await;
    demo(&scene).await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene
        .open(&mut root, &of_version("1.0.0"))
        .await
        .expect(200);
    let forms = ["yank", "quarantine", "delete"].map(|deed| {
        let form = page.form(&format!("/settings/{deed}"));
        form.with("confirm", "demo@1.0.0").with("reason", "odd")
    });
    for form in forms {
        let stranger = form.clone().from_page("https://evil.example/");
        root.send_only(&stranger).await.expect(403);
        root.send_only(&form.clone().without("csrf"))
            .await
            .expect(403);
        root.send_only(&form.clone().with("csrf", &"0".repeat(128)))
            .await
            .expect(403);
        let page = Browser::new().send_only(&form).await.expect(303);
        let back = page.headers["location"].to_str().unwrap().to_owned();
        assert_eq!(
            back,
            "/-/login?return_to=%2Fsecret%2Fcrates%2Fdemo%2F1.0.0%2Fsettings"
        );
    }
    assert_eq!(item(&scene, "1.0.0").await["state"], "available");
}

async fn a_name_is_read_from_another_upstream(database: Database) {
    let scene = Scene::start(database).await;
    let other = supercargo_testkit::FakeUpstream::start();
    let second = json!({ "name": "second", "index": other.index_url() });
    scene.admin.create_upstream(second).await;
    scene
        .admin
        .attach("secret", json!(["partner", "second"]))
        .await;
    scene.upstream.publish(&Package::new("far", "1.0.0"));
    other.publish(&Package::new("far", "2.0.0"));
    let mut mara = member(&scene, "mara", "maintainer").await;
    let page = scene.open(&mut mara, "/secret/crates/far/settings").await;
    let form = page.expect(200).form("/settings/pin");
    assert_eq!(form.value("upstream"), Some("partner"));
    let page = mara
        .send(&form.clone().with("upstream", "<i>"))
        .await
        .expect(422);
    assert!(page.html.contains("id=\"upstream-e\""), "{page}");
    let page = mara
        .send(&form.with("upstream", "second"))
        .await
        .expect(200);
    assert!(
        page.words().contains("far is read from there from now on"),
        "{page}"
    );
    let page = scene
        .open(&mut mara, "/secret/crates/far")
        .await
        .expect(200);
    assert!(page.words().contains("far 2.0.0"), "{page}");
}

/// The ledger's override.
async fn what_an_upstream_changed_is_accepted(database: Database) {
    let scene = Scene::with(database, |options| {
        options.setting("upstream.freshness", "0s")
    })
    .await;
    scene.upstream.publish(&Package::new("far", "1.0.0"));
    let served = scene
        .admin
        .download("secret", View::Index, "far", "1.0.0")
        .await;
    let mut mara = member(&scene, "mara", "maintainer").await;
    let settings = "/secret/crates/far/1.0.0/settings";
    let page = scene.open(&mut mara, settings).await.expect(200);
    assert!(
        !page.words().contains("Accept other bytes"),
        "nothing is: {page}"
    );
    let changed = Package::new("far", "1.0.0").file("CHANGED", "bytes");
    scene.upstream.republish(&changed);
    eventually("the change is seen", async || {
        let mut mara = mara.clone();
        let page = scene.open(&mut mara, settings).await.expect(200);
        page.words().contains("Accept other bytes")
    })
    .await;
    let page = scene.open(&mut mara, settings).await.expect(200);
    let form = page.form("/settings/accept");
    mara.send(&form.clone().with("confirm", "1.0.0"))
        .await
        .expect(422);
    let page = mara
        .send(&form.with("confirm", "far@1.0.0"))
        .await
        .expect(200);
    assert!(
        page.words()
            .contains("may have the bytes that its upstream lists now"),
        "{page}"
    );
    let now = scene
        .admin
        .download("secret", View::Index, "far", "1.0.0")
        .await
        .expect(200);
    assert_ne!(now.body, served.expect(200).body);
    assert_eq!(now.body, changed.crate_bytes());
}

/// V10.
async fn a_file_is_had_with_a_session_and_counts_as_a_download(database: Database) {
    let scene = Scene::start(database).await;
    let package = Package::new("Demo", "1.0.0+b").ballast(200_000);
    scene.publish("secret", &package).await;
    let mut rita = member(&scene, "rita", "reader").await;
    let page = scene.open(&mut rita, DEMO).await.expect(200);
    let path = "/secret/crates/Demo/1.0.0+b/download";
    assert!(page.html.contains(&format!("href=\"{path}\"")), "{page}");
    let cookie = rita
        .cookies
        .iter()
        .map(|it| format!("{}={}", it.name, it.value));
    let cookie = cookie.collect::<Vec<_>>().join("; ");
    let client = scene.server.anonymous();
    let ask = async |method: Method| {
        let request = client.request(method, path).header("cookie", &cookie);
        request.send().await.expect(200)
    };
    let head = ask(Method::HEAD).await;
    let whole = package.crate_bytes();
    assert_eq!(
        head.header("content-length"),
        Some(whole.len().to_string().as_str())
    );
    assert!(head.body.is_empty());
    let file = ask(Method::GET).await;
    assert_eq!(file.body, whole);
    for (name, value) in [
        (
            "content-disposition",
            "attachment; filename=\"Demo-1.0.0+b.crate\"",
        ),
        ("content-type", "application/gzip"),
        ("cache-control", "private, no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(file.header(name), Some(value), "{name}");
    }
    eventually(
        "the download is counted once and written down",
        async || {
            let krate = scene
                .admin
                .get("/api/v1/registries/secret/crates/demo")
                .await;
            let pulls = "/api/v1/registries/secret/crates/demo/versions/1.0.0+b/pulls";
            let pulls = scene.admin.get(pulls).await.expect(200).json();
            krate.expect(200).json()["downloads"] == 1 && pulls["items"][0]["principal"] == "rita"
        },
    )
    .await;
    // not with a token, for which cargo's address is there, and not by strangers
    let page = scene.anybody(path).await.expect(303);
    assert!(
        page.headers["location"]
            .to_str()
            .unwrap()
            .starts_with("/-/login")
    );
    let page = scene
        .open(&mut rita, "/secret/crates/demo/9.9.9/download")
        .await;
    assert!(page.expect(404).words().contains("demo"));
}

async fn opened(scene: &Scene, browser: &mut Browser) -> supercargo_testkit::Form {
    let page = scene.open(browser, "/secret/upload").await.expect(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("connect-src 'self'"), "{policy}");
    page.form("/secret/upload")
}

/// P14, in the browser.
async fn a_file_is_published_from_a_browser(database: Database) {
    let scene = Scene::start(database).await;
    let mut paul = member(&scene, "paul", "publisher").await;
    let page = scene.open(&mut paul, "/secret").await.expect(200);
    assert!(page.html.contains("href=\"/secret/upload\""), "{page}");
    let form = opened(&scene, &mut paul).await;
    let package = Package::new("mine", "0.1.0").ballast(300_000);
    let bytes = package.crate_bytes();
    let page = paul
        .send_file(&form, "file", ("mine-0.1.0.crate", &bytes))
        .await;
    let page = page.expect(201);
    assert!(page.words().contains("mine 0.1.0 is published"), "{page}");
    assert!(page.html.contains(&package.checksum().hex()), "{page}");
    let got = scene
        .admin
        .download("secret", View::Index, "mine", "0.1.0")
        .await;
    assert_eq!(got.expect(200).body, bytes);
    let owners = scene.admin.get("/secret/api/v1/crates/mine/owners").await;
    assert_eq!(owners.expect(200).json()["users"][0]["login"], "paul");
    // what is odd about it is said
    let odd = Package::new("odd", "0.1.0")
        .field("description", "")
        .crate_bytes();
    let page = paul
        .send_file(&form, "file", ("odd.crate", &odd))
        .await
        .expect(201);
    let api = scene
        .admin
        .request(Method::POST, "/api/v1/registries/inside/crates");
    let api = api
        .header("content-type", "application/octet-stream")
        .body(odd);
    let warnings = api.send().await.expect(201).json()["warnings"].clone();
    for warning in warnings.as_array().unwrap() {
        assert!(
            page.words().contains(warning.as_str().unwrap()),
            "{warning}: {page}"
        );
    }
    assert_eq!(executable(&page.html), Vec::<String>::new());
}

async fn what_is_wrong_with_an_upload_is_said_beside_it(database: Database) {
    let change =
        |options: supercargo_testkit::ServerOptions| options.setting("limits.crate_size", "100KiB");
    let scene = Scene::with(database, change).await;
    demo(&scene).await;
    let mut paul = member(&scene, "paul", "publisher").await;
    let form = opened(&scene, &mut paul).await;
    let wrong = |page: &Page, words: &str| {
        assert!(page.html.contains("id=\"file-e\""), "{page}");
        assert!(page.words().contains(words), "{words}: {page}");
        assert_eq!(executable(&page.html), Vec::<String>::new());
    };
    let page = paul.send_file(&form, "file", ("", b"")).await.expect(422);
    wrong(&page, "Choose a file");
    let page = paul
        .send_file(&form, "file", ("x.crate", b"nonsense"))
        .await
        .expect(422);
    wrong(&page, "The .crate file is refused");
    let large = Package::new("large", "1.0.0")
        .ballast(200_000)
        .crate_bytes();
    let page = paul
        .send_file(&form, "file", ("x.crate", &large))
        .await
        .expect(413);
    wrong(&page, "more than the limit of 100 KiB");
    // a crate of others is not a publisher's
    let other = Package::new("demo", "2.0.0").crate_bytes();
    let page = paul
        .send_file(&form, "file", ("x.crate", &other))
        .await
        .expect(403);
    assert!(
        page.words().contains("is not an owner of crate demo"),
        "{page}"
    );
    let mut root = scene.browser_of("root", "admin").await;
    let form = opened(&scene, &mut root).await;
    let again = Package::new("demo", "1.0.0").file("x", "y").crate_bytes();
    let page = root
        .send_file(&form, "file", ("x.crate", &again))
        .await
        .expect(409);
    wrong(&page, "is already uploaded");
    let found = scene.admin.get("/api/v1/registries/secret/crates").await;
    assert_eq!(found.expect(200).json()["total"], 1);
}

/// Issue 6, "safe": nothing of a file is looked at before its form has proven to be one of ours.
async fn an_upload_is_looked_at_when_it_is_one_of_ours(database: Database) {
    let scene = Scene::start(database).await;
    let mut paul = member(&scene, "paul", "publisher").await;
    let form = opened(&scene, &mut paul).await;
    let bytes = Package::new("mine", "0.1.0").crate_bytes();
    let file = ("mine.crate", &bytes[..]);
    paul.send_file(&form.clone().without("csrf"), "file", file)
        .await
        .expect(403);
    paul.send_file(&form.clone().with("csrf", "00"), "file", file)
        .await
        .expect(403);
    let stranger = form.clone().from_page("https://evil.example/");
    paul.send_file(&stranger, "file", file).await.expect(403);
    // behind the file it is too late
    let late = form.clone().without("csrf").with("other", "1");
    let late = late.with("csrf", form.value("csrf").unwrap());
    paul.send_file(&late, "file", file).await.expect(403);
    paul.send_only(&form).await.expect(403);
    let log = "/api/v1/audit?principal=paul&outcome=denied";
    let log = scene.admin.get(log).await.expect(200).json();
    let entries = log["items"].as_array().unwrap();
    assert_eq!(entries.len(), 5, "{log}");
    assert!(
        entries
            .iter()
            .all(|entry| entry["action"] == "version.published"),
        "{log}"
    );
    let page = Browser::new()
        .send_file(&form, "file", file)
        .await
        .expect(303);
    assert_eq!(
        page.headers["location"],
        "/-/login?return_to=%2Fsecret%2Fupload"
    );
    // who only reads, and who sees nothing
    let mut rita = member(&scene, "rita", "reader").await;
    let page = scene.open(&mut rita, "/secret/upload").await.expect(403);
    let proof = page.form("/-/logout");
    let rights = form.clone().with("csrf", proof.value("csrf").unwrap());
    let page = rita.send_file(&rights, "file", file).await.expect(403);
    assert!(
        page.words()
            .contains("rita may not publish in registry secret"),
        "{page}"
    );
    scene.open(&mut rita, "/nosuch/upload").await.expect(404);
    let found = scene.admin.get("/api/v1/registries/secret/crates").await;
    assert_eq!(found.expect(200).json()["total"], 0);
}

/// V6.
async fn a_version_tells_how_it_came_here(database: Database) {
    let scene = Scene::start(database).await;
    let package =
        Package::new("demo", "1.0.0").field("repository", "https://git.acme.example/acme/demo");
    scene.publish("open", &package).await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, "/open/crates/demo").await.expect(200);
    let words = page.words();
    assert!(words.contains("Pushed by admin, token scg_"), "{words}");
    assert!(
        words.contains("Repository git.acme.example/acme/demo"),
        "{words}"
    );
    let mut eve = scene.browser_of("eve", "member").await;
    let words = scene
        .open(&mut eve, "/open/crates/demo")
        .await
        .expect(200)
        .words();
    assert!(
        words.contains("Pushed by admin When"),
        "a reader sees no token: {words}"
    );
}
