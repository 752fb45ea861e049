//! What one may not see is not there, on pages as everywhere.

use supercargo_testkit::{Database, Package, on_both};

use crate::scene::Scene;

on_both!(
    hidden_and_unknown_registries_answer_alike,
    each_sees_what_is_theirs,
    a_token_opens_no_page,
);

const PARTS: [&str; 11] = [
    "",
    "?q=x&page=2",
    "/upstreams",
    "/claims",
    "/members",
    "/settings",
    "/settings/upstreams",
    "/crates/demo",
    "/crates/demo/versions",
    "/crates/demo/1.0.0",
    "/crates/..%2f/1.0.0/features",
];

/// I2, I5.
async fn hidden_and_unknown_registries_answer_alike(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .publish("secret", &Package::new("demo", "1.0.0"))
        .await;
    let mut stranger = scene.browser_of("mallory", "member").await;
    for part in PARTS {
        // both names have six letters, so that nothing but the name differs
        let (hidden, unknown) = (format!("/secret{part}"), format!("/nosuch{part}"));
        let [there, nowhere] = [scene.anybody(&hidden).await, scene.anybody(&unknown).await];
        assert_eq!(
            (there.status, nowhere.status),
            (303.try_into().unwrap(), 303.try_into().unwrap())
        );
        let to =
            |page: &supercargo_testkit::Page| page.headers["location"].to_str().unwrap().to_owned();
        assert_eq!(to(&there).replace("secret", "nosuch"), to(&nowhere));
        assert!(to(&there).starts_with("/-/login?return_to=%2Fsecret"));
        assert_eq!(there.html, nowhere.html);

        let there = stranger.ask(&scene.at(&hidden)).await.expect(404);
        let nowhere = stranger.ask(&scene.at(&unknown)).await.expect(404);
        let plain = |page: &supercargo_testkit::Page| {
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            let nonce = policy
                .split("'nonce-")
                .nth(1)
                .unwrap()
                .split('\'')
                .next()
                .unwrap();
            let html = page.html.replace(nonce, "").replace("secret", "nosuch");
            // the hidden field of forms is another text in every answer
            let mut parts = html.split("name=\"csrf\" value=\"");
            let first = parts.next().unwrap().to_owned();
            parts.fold(first, |html, part| html + part.split_once('"').unwrap().1)
        };
        assert_eq!(plain(&there), plain(&nowhere), "{part}");
    }
    let denied = scene
        .admin
        .get("/api/v1/audit?principal=mallory&outcome=denied")
        .await;
    let denied = denied.expect(200).json();
    assert!(denied["total"].as_u64().unwrap() > 0, "{denied}");
}

async fn each_sees_what_is_theirs(database: Database) {
    let scene = Scene::start(database).await;
    for registry in ["secret", "inside", "open"] {
        scene
            .publish(
                registry,
                &Package::new(&format!("demo-{registry}"), "1.0.0"),
            )
            .await;
    }
    let mut member = scene.browser_of("alice", "member").await;
    scene.admin.member("secret", "alice", "reader").await;
    let mut insider = scene.browser_of("bob", "member").await;
    for (who, expected) in [
        (None, ["open"].as_slice()),
        (Some(&mut insider), &["inside", "open"]),
        (Some(&mut member), &["secret", "inside", "open"]),
    ] {
        let pages = match who {
            None => [
                scene.anybody("/").await,
                scene.anybody("/-/search?q=demo").await,
            ],
            Some(browser) => [
                scene.open(browser, "/").await,
                scene.open(browser, "/-/search?q=demo").await,
            ],
        };
        for page in pages {
            let page = page.expect(200);
            for registry in ["secret", "inside", "open"] {
                let shows = page
                    .html
                    .contains(&format!("href=\"/{registry}/crates/demo-{registry}"));
                assert_eq!(shows, expected.contains(&registry), "{registry}: {page}");
                let names = page.html.contains(&format!("demo-{registry}"));
                assert_eq!(names, expected.contains(&registry), "{registry}: {page}");
            }
        }
    }
    // members are for admins to see, and a reader is told so
    let page = scene.open(&mut member, "/secret/members").await.expect(403);
    assert!(page.words().contains("needs the role admin"), "{page}");
    let page = scene.open(&mut member, "/secret").await.expect(200);
    assert!(!page.html.contains("/secret/members"), "{page}");
}

/// A token is for programs: with one in a header, a page is what anybody sees.
async fn a_token_opens_no_page(database: Database) {
    let scene = Scene::start(database).await;
    let page = scene.admin.get("/secret").await.expect(303);
    assert!(page.text().is_empty());
    let page = scene.admin.get("/").await.expect(200);
    assert!(!page.text().contains("secret"));
}
