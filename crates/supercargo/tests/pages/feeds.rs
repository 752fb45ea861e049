//! Atom feeds: issue 6's page 5.

use serde_json::json;
use supercargo_testkit::{Browser, Client, Database, Package, on_both};

use crate::scene::Scene;

on_both!(
    a_registry_tells_its_new_versions,
    a_crate_tells_its_versions_and_their_states,
    a_feed_is_for_who_may_read,
    a_feed_that_did_not_change_is_not_sent_again,
    a_browser_is_asked_for_no_password_and_led_to_no_download,
);

const NEW: &str = "/secret/feed.atom";

/// The texts of all elements of a name, in order, decoded as far as our feeds need it.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let found = xml.split(&start).skip(1);
    found
        .map(|rest| rest.split(&end).next().unwrap())
        .map(|text| {
            text.replace("&#60;", "<")
                .replace("&#62;", ">")
                .replace("&#38;", "&")
        })
        .collect()
}

async fn a_registry_tells_its_new_versions(database: Database) {
    let scene = Scene::start(database).await;
    let empty = scene.anybody("/open/feed.atom").await.expect(200);
    assert_eq!(texts(&empty.html, "title"), ["New versions in open"]);
    let nasty = "<script>alert(1)</script>]]>";
    for (name, version) in [("alpha", "1.0.0"), ("beta", "0.1.0-rc.1+b")] {
        let package = Package::new(name, version).field("description", nasty);
        scene.publish("open", &package).await;
    }
    let feed = scene.anybody("/open/feed.atom").await.expect(200);
    assert_eq!(
        feed.headers["content-type"],
        "application/atom+xml; charset=utf-8"
    );
    assert!(
        feed.html
            .starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>")
    );
    assert_eq!(
        texts(&feed.html, "title"),
        ["New versions in open", "beta 0.1.0-rc.1+b", "alpha 1.0.0"]
    );
    let ids = texts(&feed.html, "id");
    assert_eq!(ids[0], "tag:127.0.0.1,2026:/open/feed.atom");
    assert_eq!(ids[1], "tag:127.0.0.1,2026:/open/crates/beta/0.1.0-rc.1+b");
    assert_eq!(texts(&feed.html, "name"), ["admin", "admin"]);
    let page = scene.at("/open/crates/alpha/1.0.0");
    assert!(
        feed.html.contains(&format!("href=\"{page}\"")),
        "{}",
        feed.html
    );
    let updated = texts(&feed.html, "updated");
    assert_eq!(updated[0], updated[1], "the newest");
    assert!(!feed.html.contains("<script"), "{}", feed.html);
    // found from the page
    let page = scene.anybody("/open").await.expect(200);
    assert!(
        page.html.contains("type=\"application/atom+xml\""),
        "{page}"
    );
    assert!(
        page.words().contains("New versions as an Atom feed"),
        "{page}"
    );
}

async fn a_crate_tells_its_versions_and_their_states(database: Database) {
    let scene = Scene::start(database).await;
    for version in ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] {
        scene.publish("open", &Package::new("Demo", version)).await;
    }
    let hold = json!({ "action": "block", "reason": "it <sends> tokens" });
    let of = |version: &str| format!("/api/v1/registries/open/crates/demo/versions/{version}");
    scene
        .admin
        .put(&format!("{}/quarantine", of("1.1.0")), hold)
        .await
        .expect(200);
    scene.admin.delete(&of("1.2.0")).await.expect(204);
    scene
        .admin
        .delete("/open/api/v1/crates/demo/1.3.0/yank")
        .await
        .expect(200);
    let feed = scene
        .anybody("/open/crates/demo/feed.atom")
        .await
        .expect(200);
    let titles = texts(&feed.html, "title");
    assert_eq!(
        titles,
        ["Demo in open", "Demo 1.3.0", "Demo 1.1.0", "Demo 1.0.0"]
    );
    assert_eq!(
        texts(&feed.html, "summary"),
        [
            "admin published Demo 1.3.0 in open. It is yanked.",
            "admin published Demo 1.1.0 in open. It is blocked: it <sends> tokens.",
            "admin published Demo 1.0.0 in open.",
        ]
    );
    // an upstream's, where it says when it was published
    let far = Package::new("far", "3.0.0").published_at("2026-05-01T00:00:00Z");
    scene.upstream.publish(&far);
    let feed = scene
        .anybody("/open/crates/far/feed.atom")
        .await
        .expect(200);
    assert_eq!(
        texts(&feed.html, "summary"),
        ["far 3.0.0 came to open from partner."]
    );
    assert_eq!(texts(&feed.html, "published"), ["2026-05-01T00:00:00Z"]);
    scene
        .anybody("/open/crates/nothing/feed.atom")
        .await
        .expect(404);
    scene
        .anybody("/open/crates/n<i>/feed.atom")
        .await
        .expect(404);
    for path in ["/open/crates/demo", "/open/crates/demo/versions"] {
        let page = scene.anybody(path).await.expect(200);
        assert!(page.html.contains("/open/crates/Demo/feed.atom"), "{page}");
    }
}

/// The same rights as the page; a token in a header, for who has no cookie.
async fn a_feed_is_for_who_may_read(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .publish("secret", &Package::new("demo", "1.0.0"))
        .await;
    let ask = async |client: &Client, path: &str| client.get(path).await;
    let nobody = scene.server.anonymous();
    for path in [NEW, "/secret/crates/demo/feed.atom", "/nosuch/feed.atom"] {
        let answer = ask(&nobody, path).await.expect(401);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic "), "{challenge}");
    }
    let rita = scene
        .admin
        .person("rita", "secret", "reader", &["read"])
        .await;
    ask(&rita, NEW).await.expect(200);
    ask(&rita, "/secret/crates/demo/feed.atom")
        .await
        .expect(200);
    let token = scene
        .admin
        .token(json!({ "principal": "rita", "scopes": ["read"] }))
        .await;
    let basic = nobody.request(http::Method::GET, NEW);
    let basic = basic.header(
        "authorization",
        &format!("Basic {}", base64(&format!("rita:{token}"))),
    );
    let text = basic.send().await.expect(200).text();
    assert_eq!(
        texts(&text, "title"),
        ["New versions in secret", "demo 1.0.0"]
    );
    assert!(!text.contains(&token));
    // never in the address
    ask(&nobody, &format!("{NEW}?token={token}"))
        .await
        .expect(401);
    let wrong = scene.server.anonymous().with_token("scg_wrong");
    ask(&wrong, "/open/feed.atom").await.expect(401);
    // a session; who does not see the registry; hidden and unknown alike
    let mut eve = scene.browser_of("eve", "member").await;
    let hidden = scene.open(&mut eve, NEW).await.expect(404);
    let absent = scene.open(&mut eve, "/nosuch/feed.atom").await.expect(404);
    assert_eq!(hidden.html.replace("secret", "nosuch"), absent.html);
    scene.admin.member("secret", "eve", "reader").await;
    scene.open(&mut eve, NEW).await.expect(200);
    Browser::new().ask(&scene.at(NEW)).await.expect(401);
}

fn base64(text: &str) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            encoded.push(char::from(digits[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    encoded
}

async fn a_feed_that_did_not_change_is_not_sent_again(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("demo", "1.0.0")).await;
    let client = scene.server.anonymous();
    let first = client.get("/open/feed.atom").await.expect(200);
    let etag = first.header("etag").unwrap().to_owned();
    let again = async || {
        let request = client.request(http::Method::GET, "/open/feed.atom");
        request.header("if-none-match", &etag).send().await
    };
    assert!(again().await.expect(304).body.is_empty());
    scene.publish("open", &Package::new("demo", "1.1.0")).await;
    assert_ne!(
        again().await.expect(200).header("etag"),
        Some(etag.as_str())
    );
}

/// A password that a browser has for these addresses would be shown to cargo's as well; and what is counted as somebody's
/// download is not another site's doing.
async fn a_browser_is_asked_for_no_password_and_led_to_no_download(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("open", &Package::new("alpha", "1.0.0")).await;
    let nobody = scene.server.anonymous();
    let asked = nobody.request(http::Method::GET, NEW);
    let led = asked.header("sec-fetch-mode", "navigate").send().await;
    let led = led.expect(303);
    assert_eq!(led.header("www-authenticate"), None);
    let to = led.header("location").unwrap();
    assert!(to.starts_with("/-/login?"), "{to}");
    let reader = nobody.get(NEW).await.expect(401);
    let way = reader.header("www-authenticate").unwrap();
    assert!(way.starts_with("Basic "), "{way}");

    let file = "/open/crates/alpha/1.0.0/download";
    for from in ["cross-site", "same-site"] {
        let asked = nobody.request(http::Method::GET, file);
        let led = asked.header("sec-fetch-site", from).send().await;
        let led = led.expect(303);
        assert_eq!(led.header("location"), Some("/open/crates/alpha/1.0.0"));
    }
    let asked = nobody.request(http::Method::GET, file);
    let sent = asked.header("sec-fetch-site", "same-origin").send().await;
    let sent = sent.expect(200);
    assert_eq!(
        sent.header("cross-origin-resource-policy"),
        Some("same-origin")
    );
}
