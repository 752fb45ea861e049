//! The administration's pages about the server itself: rows O5 and R11, and issue 6's item 7.

use supercargo_testkit::{Browser, Database, Package, Page, View, eventually, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    the_overview_says_what_needs_a_person_and_how_much_there_is,
    an_upstream_that_fails_is_told_with_the_reason_and_its_circuit,
    what_is_stored_is_told_by_registry_and_by_upstream,
    jobs_say_when_they_ran_and_what_they_did,
    the_configuration_has_each_source_and_no_secret,
);

const TOKEN: &str = "scg_hush";

async fn root(scene: &Scene) -> Browser {
    scene.browser_of("root", "admin").await
}

async fn seen(scene: &Scene, browser: &mut Browser, path: &str) -> Page {
    let page = scene.open(browser, path).await.expect(200);
    assert_eq!(executable(&page.html), Vec::<String>::new());
    page
}

/// The same once it has these words.
async fn until(scene: &Scene, browser: &Browser, path: &str, words: &str) -> Page {
    eventually(words, || {
        let (mut browser, address) = (browser.clone(), scene.at(path));
        async move { browser.open(&address).await.words().contains(words) }
    })
    .await;
    seen(scene, &mut browser.clone(), path).await
}

/// Issue 6, item 7.
async fn the_overview_says_what_needs_a_person_and_how_much_there_is(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let page = seen(&scene, &mut root, "/-/admin").await;
    let words = page.words();
    assert!(words.contains("Nothing does"), "{page}");
    for words in ["1 hosted crates", "2 users", "0 teams"] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    for part in [
        "users",
        "audit",
        "exposure",
        "storage",
        "configuration",
        "health",
    ] {
        let address = format!("href=\"/-/admin/{part}\"");
        assert!(page.html.contains(&address), "{part}: {page}");
    }
    // a few refusals happen to anybody, and many are told
    for number in 0..5 {
        let name = format!("u{number}");
        let person = scene
            .admin
            .person(&name, "secret", "reader", &["read"])
            .await;
        for _ in 0..5 {
            person.delete("/api/v1/registries/secret").await.expect(403);
        }
    }
    let page = until(&scene, &root, "/-/admin", "25 refusals since yesterday").await;
    assert!(
        page.html.contains("/-/admin/audit?outcome=denied"),
        "{page}"
    );
}

/// O5 (health).
async fn an_upstream_that_fails_is_told_with_the_reason_and_its_circuit(database: Database) {
    let mut scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    let page = seen(&scene, &mut root, "/-/admin/health").await;
    for words in [
        "ready",
        "answers in",
        "started",
        "No alarm in seven days",
        "not asked yet",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    scene.upstream.publish(&Package::new("serde", "1.0.0"));
    scene.admin.listed("open", View::Index, "serde").await;
    let page = seen(&scene, &mut root, "/-/admin/health").await;
    assert!(page.words().contains("answered just now in"), "{page}");
    scene.upstream.stop();
    for number in 0..6 {
        let name = format!("name-{number}");
        scene.admin.index("open", View::Index, &name).await;
    }
    let page = seen(&scene, &mut root, "/-/admin/health").await;
    assert!(page.words().contains("1 upstream failing"), "{page}");
    assert!(page.words().contains("left alone"), "{page}");
    let page = seen(&scene, &mut root, "/-/admin").await;
    assert!(page.words().contains("1 upstream failing"), "{page}");
    assert!(page.words().contains("partner"), "{page}");
}

/// R11, and issue 6, item 7 (storage).
async fn what_is_stored_is_told_by_registry_and_by_upstream(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = root(&scene).await;
    let page = seen(&scene, &mut root, "/-/admin/storage").await;
    assert!(page.words().contains("no limit is set"), "{page}");
    assert!(page.words().contains("partner 0 bytes"), "{page}");
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    scene
        .publish("secret", &Package::new("demo", "2.0.0"))
        .await;
    scene.upstream.publish(&Package::new("serde", "1.0.0"));
    let answer = scene
        .admin
        .download("open", View::Index, "serde", "1.0.0")
        .await;
    answer.expect(200);
    let page = until(&scene, &root, "/-/admin/storage", "1 file; no limit").await;
    for words in ["2 files; those of deleted", "1 file; no limit is set"] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert!(
        page.html.contains("class=\"fill\" width=\"1000\""),
        "{page}"
    );
    let overview = seen(&scene, &mut root, "/-/admin").await;
    assert!(overview.words().contains("2 hosted crates"), "{overview}");
}

/// Issue 6, item 7 (jobs).
async fn jobs_say_when_they_ran_and_what_they_did(database: Database) {
    let scene = Scene::start(database).await;
    let root = root(&scene).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let answer = scene
        .admin
        .download("open", View::Index, "demo", "1.0.0")
        .await;
    answer.expect(200);
    let written = "readers of versions 1";
    let page = until(&scene, &root, "/-/admin/storage", written).await;
    assert!(page.words().contains("downloads 1 ,"), "{page}");
    for words in [
        "Writing what waits",
        "Removing what is old",
        "upstream.cache_size is not set",
        "each hour; 1 run",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert!(!page.words().contains("failing"), "{page}");
}

/// Issue 6, item 7 (effective configuration): no secret, and each source.
async fn the_configuration_has_each_source_and_no_secret(database: Database) {
    let scene = Scene::with(database, |options| {
        options
            .setting("upstream.freshness", "7s")
            .environment("SUPERCARGO_UPSTREAM_NEGATIVE", "11s")
            .environment("SUPERCARGO_SIGN_ON_CLIENT_SECRET", TOKEN)
            .environment("SUPERCARGO_SIGN_ON_CLIENT_ID", "crates")
            .environment("SUPERCARGO_SIGN_ON_ISSUER", "https://id.acme.example")
    })
    .await;
    let mut root = root(&scene).await;
    let page = seen(&scene, &mut root, "/-/admin/configuration").await;
    let words = page.words();
    for expected in [
        "11s environment SUPERCARGO_UPSTREAM_NEGATIVE",
        "set, and not shown environment SUPERCARGO_SIGN_ON_CLIENT_SECRET",
        "flag --data",
        "limits.crate_size",
        "64MiB default",
        "not set",
    ] {
        assert!(words.contains(expected), "{expected}: {page}");
    }
    assert!(!page.html.contains(TOKEN), "{page}");
    assert!(!page.html.contains(scene.server.admin_token()), "{page}");
    // what runs it may have a password in its address
    assert!(!page.html.contains("postgres:postgres@"), "{page}");
    let page = seen(&scene, &mut root, "/-/admin/configuration?changed=yes").await;
    assert!(!page.words().contains("limits.crate_size"), "{page}");
    assert!(page.words().contains("upstream.negative"), "{page}");
}
