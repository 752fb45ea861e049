//! What others try with somebody's browser, and with what the provider sends back.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Browser, Database, on_both};

use crate::scene::{PASSWORD, Scene, SignOn, filled};

on_both!(
    a_form_of_another_site_is_refused,
    a_session_from_before_the_sign_in_is_worth_nothing,
    a_browser_is_sent_back_to_our_own_pages_alone,
    cookies_are_for_pages_and_tokens_for_the_api,
    an_answer_that_was_not_asked_for_is_refused,
);

/// I7 (cross-site request forgery).
async fn a_form_of_another_site_is_refused(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    let mut browser = scene.browser_of("alice").await;
    let other = scene.browser_of("alice").await;
    let account = browser.open(&scene.at("/-/account")).await;
    let form = account.form("/-/account/sessions/end-others");
    let evil = form.clone().from_page("https://evil.example/");
    browser.send_only(&evil).await.expect(403);
    browser
        .send_only(&form.clone().without("csrf"))
        .await
        .expect(403);
    let made_up = "0".repeat(64);
    browser
        .send_only(&form.clone().with("csrf", &made_up))
        .await
        .expect(403);
    // that of another session, even of the same person
    let mut other = other;
    let others = other.open(&scene.at("/-/account")).await;
    let csrf = others.form("/-/account/sessions/end-others");
    let csrf = csrf.value("csrf").unwrap();
    browser
        .send_only(&form.clone().with("csrf", csrf))
        .await
        .expect(403);
    for path in [
        "/-/logout",
        "/-/account/password",
        "/-/account/sessions/end",
    ] {
        let evil = form.clone().from_page("https://evil.example/");
        let mut evil = evil.without("csrf");
        evil.action = scene.at(path);
        browser.send_only(&evil).await.expect(403);
    }
    assert!(scene.is_signed_in(&mut other, "alice").await);
    assert!(scene.is_signed_in(&mut browser, "alice").await);

    // nor does another site sign a browser in, as the person that it likes
    let mut fresh = Browser::new();
    let login = fresh.open(&scene.at("/-/login")).await.form("/-/login");
    let login = login.with("user", "alice").with("password", PASSWORD);
    fresh
        .send_only(&login.clone().from_page("https://evil.example/"))
        .await
        .expect(403);
    fresh
        .send_only(&login.clone().without("csrf"))
        .await
        .expect(403);
    // with the field of a page that the attacker has asked for
    let mut attacker = Browser::new();
    let theirs = attacker.open(&scene.at("/-/login")).await.form("/-/login");
    let theirs = login.clone().with("csrf", theirs.value("csrf").unwrap());
    fresh.send_only(&theirs).await.expect(403);
    assert_eq!(fresh.cookie("supercargo-session"), None);
    fresh.send_only(&login).await.expect(303);
}

/// I7 (session fixation).
async fn a_session_from_before_the_sign_in_is_worth_nothing(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["alice", "mallory"] {
        scene.person(name).await;
    }
    // the attacker has put their own session into the victim's browser
    let planted = scene.browser_of("mallory").await;
    let mut victim = planted.clone();
    let mut page = victim.open(&scene.at("/-/account")).await;
    page = victim.send(&page.form("/-/logout")).await.expect(200);
    let form = page.form("/-/login").with("user", "alice");
    victim
        .send(&form.with("password", PASSWORD))
        .await
        .expect(200);
    assert!(scene.is_signed_in(&mut victim, "alice").await);
    assert_ne!(
        victim.cookie("supercargo-session"),
        planted.cookie("supercargo-session")
    );
    let mut planted = planted;
    assert!(!scene.is_signed_in(&mut planted, "alice").await);
    // made-up ones are nobody's, and do not come to life
    let mut made_up = Browser::new();
    scene.sign_in(&mut made_up, "alice").await.expect(200);
    for cookie in &mut made_up.cookies {
        cookie.value = "0".repeat(64);
    }
    let page = made_up.open(&scene.at("/-/account")).await;
    assert_eq!(page.url.path(), "/-/login");
}

/// I7 (open redirect).
async fn a_browser_is_sent_back_to_our_own_pages_alone(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    for (return_to, expected) in [
        ("/-/account", "/-/account"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/.//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
    ] {
        let mut browser = Browser::new();
        let login = browser.open(&scene.at("/-/login")).await.form("/-/login");
        let login = login.with("user", "alice").with("password", PASSWORD);
        let page = browser.send_only(&login.with("return_to", return_to)).await;
        let page = page.expect(303);
        assert_eq!(page.headers["location"], expected, "{return_to}");
        // the same for who is signed in already
        let query = url::form_urlencoded::byte_serialize(return_to.as_bytes());
        let query: String = query.collect();
        let url = scene.at(&format!("/-/login?return_to={query}"));
        let page = browser.ask(&url).await.expect(303);
        assert_eq!(page.headers["location"], expected, "{return_to}");
    }
}

/// I1, I7: so that no other site's page can make a browser do anything in the API.
async fn cookies_are_for_pages_and_tokens_for_the_api(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    scene.admin.create_registry(json!({ "name": "acme" })).await;
    scene.admin.member("acme", "alice", "admin").await;
    let browser = scene.browser_of("alice").await;
    let secret = browser.cookie("supercargo-session").unwrap();
    let cookie = format!("supercargo-session={secret}");
    let anonymous = scene.server.anonymous();
    for path in [
        "/api/v1/me",
        "/api/v1/registries/acme",
        "/acme/index/config.json",
    ] {
        let request = anonymous.request(Method::GET, path);
        request.header("cookie", &cookie).send().await.expect(401);
    }
    // nor the other way round
    anonymous
        .with_token(secret)
        .get("/api/v1/me")
        .await
        .expect(401);
    let token = scene.server.admin_token().to_owned();
    for cookie in [format!("supercargo-session={token}"), String::new()] {
        let request = scene.admin.request(Method::GET, "/-/account");
        request.header("cookie", &cookie).send().await.expect(303);
    }
}

/// I7 (state, replay, another browser).
async fn an_answer_that_was_not_asked_for_is_refused(database: Database) {
    let world = SignOn::start(database).await;
    world.knows("alice", &[]).await;
    let mut browser = Browser::new();
    let page = world.leave(&mut browser).await;
    // step by step to the provider's answer, which is not followed
    let page = browser.send(&filled(&page, "alice")).await;
    let mut page = browser.send_only(&filled(&page, "alice")).await;
    let returned = loop {
        let location = page.headers["location"].to_str().unwrap().to_owned();
        if location.starts_with(&world.scene.at("/-/login/return")) {
            break location;
        }
        page = browser.ask(&location).await;
    };

    // in a browser that began nothing, or another sign-in: the attacker's answer in a victim's browser
    let mut victim = Browser::new();
    victim.open(&returned).await.expect(403);
    world.leave(&mut victim).await;
    let refused = victim.open(&returned).await.expect(403);
    assert!(
        refused
            .words()
            .contains("not the answer to a sign-in that was begun in this browser"),
        "{refused}"
    );
    assert_eq!(victim.cookie("supercargo-session"), None);
    // with another state, and with what was kept bent
    let kept = browser.clone();
    let mut forged = kept.clone();
    forged
        .open(&returned.replace("state=", "state=x"))
        .await
        .expect(403);
    let mut bent = kept.clone();
    for cookie in &mut bent.cookies {
        if cookie.name == "supercargo-sign-on" {
            let last = if cookie.value.ends_with('0') {
                "1"
            } else {
                "0"
            };
            cookie.value.pop();
            cookie.value.push_str(last);
        }
    }
    bent.open(&returned).await.expect(403);

    browser.open(&returned).await.expect(200);
    assert!(world.scene.is_signed_in(&mut browser, "alice").await);
    // once more, by somebody who has kept everything
    let mut replayed = kept;
    let page = replayed.open(&returned).await.expect(403);
    assert_eq!(replayed.cookie("supercargo-session"), None, "{page}");
}
