//! What pages tell: registries, crates and their versions.

use serde_json::json;
use supercargo_testkit::{Browser, Database, Package, View, eventually, on_both};

use crate::scene::Scene;

on_both!(
    the_first_page_of_an_administrator_leads_to_the_first_publish,
    a_registry_lists_its_crates,
    a_crate_tells_what_is_known_of_it,
    an_upstreams_crate_is_shown_before_it_is_fetched,
    a_version_tells_its_state_and_why,
    what_was_deleted_is_told_and_not_linked,
    upstreams_tell_how_they_do,
    a_name_that_is_not_there_has_neighbours,
    downloads_are_drawn,
);

/// R1, issue 6: three steps.
async fn the_first_page_of_an_administrator_leads_to_the_first_publish(database: Database) {
    let scene = Scene::start(database).await;
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, "/").await.expect(200);
    let words = page.words();
    assert!(
        words.contains("Three steps to the first publish"),
        "{words}"
    );
    assert!(words.contains("cargo publish --registry"), "{words}");
    let page = scene.anybody("/").await.expect(200);
    assert!(!page.words().contains("Three steps"), "{page}");
    scene.publish("open", &Package::new("first", "1.0.0")).await;
    let page = scene.open(&mut root, "/").await.expect(200);
    let words = page.words();
    assert!(!words.contains("Three steps"), "{words}");
    assert!(
        words.contains("first 1.0.0 published open · admin"),
        "{words}"
    );
    // crates, and those of upstreams
    assert!(
        words.contains("open What is public public 1 + 0"),
        "{words}"
    );
}

async fn a_registry_lists_its_crates(database: Database) {
    let scene = Scene::start(database).await;
    let page = scene.anybody("/open").await.expect(200);
    assert!(page.words().contains("Nothing in open yet"), "{page}");
    scene.upstream.publish(&Package::new("borrowed", "2.0.0"));
    for (name, versions) in [
        ("alpha", ["1.0.0", "1.1.0"]),
        ("beta", ["0.1.0", "0.2.0-rc.1"]),
    ] {
        for version in versions {
            let package = Package::new(name, version).field("description", format!("About {name}"));
            scene.publish("open", &package).await;
        }
    }
    scene
        .admin
        .download("open", View::Index, "borrowed", "2.0.0")
        .await
        .expect(200);
    scene
        .admin
        .download("open", View::Index, "beta", "0.1.0")
        .await
        .expect(200);
    let names = async |query: &str| {
        let page = scene.anybody(&format!("/open{query}")).await.expect(200);
        let mut names = Vec::new();
        for after in page
            .html
            .split("class=\"table__name\" href=\"/open/crates/")
            .skip(1)
        {
            names.push(after.split('"').next().unwrap().to_owned());
        }
        names
    };
    // the ledger is written when a download has ended
    eventually("the upstream's crate is listed", async || {
        names("").await.len() == 3
    })
    .await;
    assert_eq!(names("").await, ["alpha", "beta", "borrowed"]);
    assert_eq!(names("?source=hosted").await, ["alpha", "beta"]);
    assert_eq!(names("?source=cached").await, ["borrowed"]);
    assert_eq!(names("?sort=updated").await, ["beta", "alpha", "borrowed"]);
    assert_eq!(names("?q=ALPHA").await, ["alpha"]);
    assert_eq!(names("?q=about").await, ["alpha", "beta"]);
    assert_eq!(names("?q=nothing").await, [""; 0]);
    let words = scene.anybody("/open").await.expect(200).words();
    assert!(
        words.contains("alpha About alpha 1.1.0 available hosted"),
        "{words}"
    );
    assert!(
        words.contains("beta About beta 0.2.0-rc.1 available hosted"),
        "{words}"
    );
    for words in ["tier=1", "What is public", "sparse+"] {
        assert!(scene.anybody("/open").await.words().contains(words));
    }
}

/// V1, V6, V10.
async fn a_crate_tells_what_is_known_of_it(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("far", "3.0.0"));
    let package = Package::new("Near_by", "1.0.0")
        .field("description", "What is near")
        .field("license", "MIT OR Apache-2.0")
        .field("repository", "https://github.com/acme/near")
        .field("homepage", "https://acme.example/near")
        .field("keywords", vec!["close".to_owned()])
        .field("readme", "README.md")
        .rust_version("1.70")
        .feature("default", &["small"])
        .feature("small", &[])
        .feature("large", &["small", "far?/big"])
        .file(
            "README.md",
            "# Near\n\nSee [how](docs/how.md).\n\n![p](p.png)\n",
        );
    let package = package.depends_on(scene.needs("far", "3").optional());
    scene.publish("open", &package).await;
    scene
        .publish("open", &package.clone().with_version("1.1.0"))
        .await;
    let user = Package::new("user", "0.1.0").depends_on(scene.needs("Near_by", "1"));
    scene.publish("open", &user).await;

    let page = scene.anybody("/open/crates/near_by").await.expect(200);
    let words = page.words();
    for expected in [
        "Near_by 1.1.0 available What is near",
        "cargo add Near_by --registry open",
        "Near_by = { version = \"1.1.0\", registry = \"open\" }",
        "Licence MIT OR Apache-2.0",
        "MSRV Rust 1.70",
        "Build script none",
        "Owners admin",
        "Pushed by admin",
        &package.clone().with_version("1.1.0").checksum().hex(),
        "pkg:cargo/Near_by@1.1.0?repository_url=",
    ] {
        assert!(words.contains(expected), "{expected} is not in {words}");
    }
    for address in [
        "https://github.com/acme/near/blob/HEAD/docs/how.md",
        "https://github.com/acme/near/raw/HEAD/p.png",
        "https://acme.example/near",
        "/-/search?q=close",
        "download=\"Near_by-1.1.0.crate\"",
    ] {
        assert!(page.html.contains(address), "{address}: {}", page.html);
    }
    // pictures of a readme are let in, and of pages without one none
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("img-src 'self' https:;")
    );

    let page = scene
        .anybody("/open/crates/near_by/1.0.0")
        .await
        .expect(200);
    assert!(
        page.words()
            .contains("You are looking at 1.0.0. 1.1.0 is what cargo takes."),
        "{page}"
    );
    assert!(page.words().contains("cargo add Near_by@1.0.0"), "{page}");
    // an upstream's comes from the mirror: by the registry's name it would be another crate than that of crates.io
    let words = scene.anybody("/open/crates/far").await.expect(200).words();
    assert!(words.contains("cargo add far far = \"3.0.0\""), "{words}");
    assert!(words.contains("through the mirror of open"), "{words}");
    assert!(!words.contains("--registry"), "{words}");
    let page = scene
        .anybody("/open/crates/near_by/1.0.0/dependencies")
        .await
        .expect(200);
    assert!(
        page.words()
            .contains("far ^3 open defaults if a feature wants it"),
        "{page}"
    );
    assert!(page.html.contains("href=\"/open/crates/far\""));
    let page = scene
        .anybody("/open/crates/near_by/1.1.0/features")
        .await
        .expect(200);
    assert!(page.words().contains("default default small"), "{page}");
    assert!(
        page.words()
            .contains("large small · big of far , where that is on"),
        "{page}"
    );
    let page = scene
        .anybody("/open/crates/near_by/dependents")
        .await
        .expect(200);
    assert!(page.words().contains("user 0.1.0 ^1 itself"), "{page}");
}

/// V1, for what is upstream's: it is shown before its file was fetched, as far as its index line tells.
async fn an_upstreams_crate_is_shown_before_it_is_fetched(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("far", "3.0.0"));
    let page = scene.anybody("/open/crates/far").await.expect(200);
    assert!(
        page.words().contains("far 3.0.0 available partner"),
        "{page}"
    );
    assert!(
        page.words()
            .contains("its file was not fetched from the upstream yet"),
        "{page}"
    );
    assert!(!page.words().contains("Owners"), "{page}");
}

/// V3: one chip each, with the reason.
async fn a_version_tells_its_state_and_why(database: Database) {
    let scene = Scene::start(database).await;
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
    for version in versions {
        scene.publish("open", &Package::new("demo", version)).await;
    }
    scene
        .admin
        .yank("open", "demo", "1.1.0", true)
        .await
        .expect(200);
    for (version, action, reason) in [
        ("1.2.0", "hold", "its build script is under review"),
        ("1.3.0", "block", "it steals <keys>"),
    ] {
        let path = format!("/api/v1/registries/open/crates/demo/versions/{version}/quarantine");
        let quarantine = json!({ "action": action, "reason": reason });
        scene.admin.put(&path, quarantine).await.expect(200);
    }
    let words = scene
        .anybody("/open/crates/demo/versions")
        .await
        .expect(200)
        .words();
    for expected in [
        "1.0.0 available",
        "1.1.0 yanked",
        "1.2.0 held Its build script is under review",
        "1.3.0 blocked It steals <keys>",
    ] {
        assert!(words.contains(expected), "{expected} is not in {words}");
    }
    // what stands for the crate is what cargo takes
    let page = scene.anybody("/open/crates/demo").await.expect(200);
    assert!(page.words().contains("demo 1.0.0 available"), "{page}");
    let page = scene.anybody("/open/crates/demo/1.3.0").await.expect(200);
    assert!(
        page.words()
            .contains("demo 1.3.0 is blocked: It steals <keys>."),
        "{page}"
    );
    assert!(
        page.words()
            .contains("Nobody gets the bytes of this version"),
        "{page}"
    );
    assert!(!page.html.contains("demo-1.3.0.crate"), "{page}");
    let page = scene.anybody("/open/crates/demo/1.1.0").await.expect(200);
    assert!(page.words().contains("This version is yanked"), "{page}");
    let words = scene.anybody("/open").await.expect(200).words();
    assert!(
        words.contains("1.3.0 blocked It steals <keys>; 1.0.0 is offered instead"),
        "{words}"
    );
}

/// V2.
async fn what_was_deleted_is_told_and_not_linked(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "1.1.0"] {
        scene.publish("open", &Package::new("demo", version)).await;
    }
    let path = "/api/v1/registries/open/crates/demo/versions/1.1.0";
    scene.admin.delete(path).await.expect(204);
    let page = scene
        .anybody("/open/crates/demo/versions")
        .await
        .expect(200);
    assert!(
        page.words().contains("1.1.0 deleted since just now"),
        "{page}"
    );
    assert!(
        !page.html.contains("href=\"/open/crates/demo/1.1.0\""),
        "{page}"
    );
    let _ = scene.anybody("/open/crates/demo/1.1.0").await.expect(404);
    scene
        .admin
        .delete("/api/v1/registries/open/crates/demo")
        .await
        .expect(204);
    let page = scene.anybody("/open/crates/demo").await.expect(200);
    assert!(
        page.words().contains("1.0.0 deleted since just now"),
        "{page}"
    );
    assert!(!scene.anybody("/open").await.words().contains("demo"));
}

/// R11, and the health of upstreams.
async fn upstreams_tell_how_they_do(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("borrowed", "2.0.0"));
    let mut root = scene.browser_of("root", "admin").await;
    let page = scene.open(&mut root, "/open/upstreams").await.expect(200);
    assert!(page.words().contains("partner not asked yet"), "{page}");
    scene
        .admin
        .download("open", View::Index, "borrowed", "2.0.0")
        .await
        .expect(200);
    // counts are written each second
    eventually("the cache is told of", async || {
        let words = scene
            .open(&mut root.clone(), "/open/upstreams")
            .await
            .words();
        words.contains("1 file,") && words.contains(" % ")
    })
    .await;
    let page = scene.open(&mut root, "/open/upstreams").await.expect(200);
    assert!(page.words().contains("partner answers"), "{page}");
    assert!(page.words().contains("in 30 days"), "{page}");
    // the cache is shared with other registries: not everybody is told of its traffic
    let page = scene.anybody("/open/upstreams").await.expect(200);
    assert!(page.words().contains("partner answers"), "{page}");
    assert!(!page.words().contains("in 30 days"), "{page}");
    let page = scene.anybody("/open/claims").await.expect(200);
    assert!(page.words().contains("No name is claimed"), "{page}");
    scene.admin.claim("open", "acme-*", "fork").await;
    let page = scene.anybody("/open/claims").await.expect(200);
    assert!(
        page.words().contains("acme-* fork hosted crates alone"),
        "{page}"
    );
}

/// Issue 6: errors that help.
async fn a_name_that_is_not_there_has_neighbours(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .publish("open", &Package::new("telemetry", "1.0.0"))
        .await;
    let page = scene.anybody("/open/crates/telemtry").await.expect(404);
    assert!(
        page.words().contains("There is no crate telemtry in open"),
        "{page}"
    );
    assert!(
        page.html.contains("<a href=\"/open/crates/telemetry\">"),
        "{page}"
    );
    let page = scene
        .anybody("/open/crates/telemetry/9.9.9")
        .await
        .expect(404);
    assert!(
        page.words().contains("telemetry has no version 9.9.9"),
        "{page}"
    );
    let mut bob = scene.browser_of("bob", "member").await;
    let page = scene.open(&mut bob, "/opne").await.expect(404);
    assert!(page.words().contains("There is no registry opne"), "{page}");
    assert!(page.html.contains("<a href=\"/open\">"), "{page}");
    assert!(!page.html.contains("secret"), "{page}");
    let page = scene
        .open(&mut Browser::new(), "/-/search?q=nothing-like-it")
        .await
        .expect(200);
    assert!(page.words().contains("Nothing fits"), "{page}");
}

/// V7 in part: downloads over ninety days.
async fn downloads_are_drawn(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "1.1.0"] {
        scene.publish("open", &Package::new("demo", version)).await;
    }
    let page = scene
        .anybody("/open/crates/demo/versions")
        .await
        .expect(200);
    assert!(
        page.words().contains("Downloads, 90 days none yet"),
        "{page}"
    );
    for version in ["1.0.0", "1.1.0", "1.1.0"] {
        scene
            .admin
            .download("open", View::Index, "demo", version)
            .await
            .expect(200);
    }
    eventually("the downloads are drawn", async || {
        let page = scene.anybody("/open/crates/demo/versions").await;
        page.html.contains("3 in all, 3 on the busiest day")
    })
    .await;
    let html = scene
        .anybody("/open/crates/demo/versions")
        .await
        .expect(200)
        .html;
    assert!(
        html.contains("role=\"img\" aria-label=\"Daily downloads from"),
        "{html}"
    );
    for series in [
        "<path class=\"s1\" d=\"M89 1000V",
        "<path class=\"s2\" d=\"M89 ",
    ] {
        assert!(html.contains(series), "{series}: {html}");
    }
}
