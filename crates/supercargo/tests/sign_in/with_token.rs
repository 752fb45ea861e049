//! With a token in the place of the password: what the administrator has after the first start, and nothing else.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Client, Database, Page, ServerOptions, eventually, on_both};

use crate::scene::{PROGRAM, Scene};

const SESSION: &str = "supercargo-session";

on_both!(
    the_administrator_signs_in_with_the_token_of_the_first_start,
    a_token_that_is_narrow_or_not_ones_own_signs_nobody_in,
    a_bad_token_counts_as_a_failed_sign_in,
    a_session_ends_with_its_token,
);

async fn try_token(scene: &Scene, browser: &mut Browser, user: &str, token: &str) -> Page {
    let page = browser.open(&scene.at("/-/login")).await.expect(200);
    let form = page.form("/-/login").with("user", user);
    browser.send(&form.with("password", token)).await
}

/// A token of a user with every scope, and what is changed of it.
async fn token_of(admin: &Client, user: &str, change: Value) -> Value {
    let mut token = json!({
        "name": "t",
        "principal": user,
        "scopes": ["read", "publish", "yank", "owners", "maintain", "delete", "admin"],
    });
    for (key, value) in change.as_object().unwrap() {
        token[key] = value.clone();
    }
    let made = admin.post("/api/v1/tokens", token).await;
    made.expect(201).json()
}

fn text<'a>(made: &'a Value, key: &str) -> &'a str {
    made[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {made}"))
}

/// I7, O1.
async fn the_administrator_signs_in_with_the_token_of_the_first_start(database: Database) {
    let scene = Scene::start(database).await;
    let token = scene.server.admin_token();
    for name in ["admin", ""] {
        let mut browser = Browser::new();
        try_token(&scene, &mut browser, name, token)
            .await
            .expect(200);
        assert!(scene.is_signed_in(&mut browser, "admin").await, "`{name}`");
        let page = browser.open(&scene.at("/-/account")).await;
        assert!(page.words().contains("with token"), "{page}");
    }
    let me = scene.admin.get("/api/v1/me").await.expect(200).json();
    let id = text(&me["token"], "id");
    let done = &scene.audit("sign_in.done").await[0];
    assert_eq!(done["principal"], "admin");
    assert_eq!(done["detail"], format!("in a browser, with token {id}"));
    let path = "/api/v1/sessions";
    let sessions = scene.admin.get(path).await.expect(200).json();
    assert_eq!(sessions["items"][0]["token_id"], id);
    assert_eq!(sessions["items"][0]["issuer"], Value::Null);
    // the token itself stands nowhere
    let told = format!("{sessions}{done}");
    assert!(!told.contains(token), "{told}");
}

/// I7, I3: a session has every scope, and would give a narrow token that was stolen what it lacks.
async fn a_token_that_is_narrow_or_not_ones_own_signs_nobody_in(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    let service = json!({ "name": "ci" });
    let made = scene.admin.post("/api/v1/service-accounts", service);
    made.await.expect(201);
    let narrow = "may not sign in with a browser";
    for (user, owner, change, why) in [
        ("alice", "alice", json!({ "scopes": ["admin"] }), narrow),
        ("alice", "alice", json!({ "scopes": ["read"] }), narrow),
        ("alice", "alice", json!({ "crates": ["*"] }), narrow),
        ("admin", "admin", json!({ "registries": ["main"] }), narrow),
        ("ci", "service:ci", json!({}), "only people sign in"),
        ("", "service:ci", json!({}), "only people sign in"),
        ("admin", "alice", json!({}), "another account's"),
        ("nobody", "alice", json!({}), "another account's"),
    ] {
        let made = token_of(&scene.admin, owner, change).await;
        let mut browser = Browser::new();
        let page = try_token(&scene, &mut browser, user, text(&made, "token")).await;
        let page = page.expect(422);
        assert!(page.words().contains(why), "{user} {owner}: {page}");
        assert_eq!(browser.cookie(SESSION), None);
        assert!(!page.html.contains(text(&made, "token")));
    }
    eventually("entries of the denials", || async {
        let entries = scene.audit("sign_in.denied").await;
        let is_told = |entry: &Value| {
            entry["principal"] == "alice"
                && entry["token_id"].is_string()
                && entry["detail"] == "not-allowed: as `nobody`"
        };
        entries.iter().any(is_told)
    })
    .await;
    assert_eq!(scene.audit("sign_in.done").await.len(), 0);
}

/// I7, I12: as a password, and as a token.
async fn a_bad_token_counts_as_a_failed_sign_in(database: Database) {
    let options = ServerOptions::new(PROGRAM).database(database);
    let options = options.setting("limits.sign_ins", "2 then 1/h");
    let scene = Scene::with(options).await;
    let made = token_of(&scene.admin, "admin", json!({})).await;
    let path = format!("/api/v1/tokens/{}", text(&made, "id"));
    scene.admin.delete(&path).await.expect(204);
    for _ in 0..2 {
        let mut browser = Browser::new();
        let page = try_token(&scene, &mut browser, "admin", text(&made, "token")).await;
        let page = page.expect(422);
        assert!(page.words().contains("unknown or was revoked"), "{page}");
    }
    // whatever comes then, and not for somebody else
    let right = scene.server.admin_token();
    let mut browser = Browser::new();
    let page = try_token(&scene, &mut browser, "admin", right).await;
    assert!(page.expect(429).headers.contains_key("retry-after"));
    try_token(&scene, &mut browser, "", right).await.expect(200);

    let options = |options: ServerOptions| options.setting("limits.token_guesses", "1 then 1/h");
    let mut scene = scene;
    scene.server.change_options(options);
    scene.server.restart().await;
    let statuses = async |user: &str| {
        let page = try_token(&scene, &mut Browser::new(), user, text(&made, "token")).await;
        page.status.as_u16()
    };
    assert_eq!([statuses("alice").await, statuses("bob").await], [422, 429]);
}

/// I7, I5.
async fn a_session_ends_with_its_token(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    let made = token_of(&scene.admin, "alice", json!({})).await;
    let mut browser = Browser::new();
    try_token(&scene, &mut browser, "alice", text(&made, "token"))
        .await
        .expect(200);
    let mut other = scene.browser_of("alice").await;
    assert!(scene.is_signed_in(&mut browser, "alice").await);
    let path = format!("/api/v1/tokens/{}", text(&made, "id"));
    scene.admin.delete(&path).await.expect(204);
    assert!(!scene.is_signed_in(&mut browser, "alice").await);
    assert!(scene.is_signed_in(&mut other, "alice").await);
    let path = "/api/v1/sessions?user=alice";
    let sessions = scene.admin.get(path).await.expect(200).json();
    assert_eq!(sessions["total"], 1);

    // one that ends: the session is no longer than that, and neither is a token that is made in it
    let soon = json!({ "expires_in_days": 1 });
    let made = token_of(&scene.admin, "admin", soon).await;
    let mut browser = Browser::new();
    try_token(&scene, &mut browser, "admin", text(&made, "token"))
        .await
        .expect(200);
    let form = browser.open(&scene.at("/-/account/tokens/new")).await;
    let form = form.expect(200).form("/-/account/tokens/new");
    let form = form.with("name", "for-ever").with("scope", "read");
    let form = form.with("everywhere", "yes");
    let asked = form.clone().with("end", "30").without("do");
    let told = browser.send(&asked).await;
    let told = told.expect(200).words();
    assert!(told.contains("lives longer"), "{told}");
    for (end, status) in [("30", 403), ("never", 403), ("1", 403)] {
        let form = form.clone().with("end", end).with("do", "create");
        browser.send(&form).await.expect(status);
    }
    let sessions = scene.admin.get("/api/v1/sessions").await.expect(200).json();
    let tokens = scene.admin.get("/api/v1/tokens").await.expect(200).json();
    let by_id = |token: &&Value| token["id"] == made["id"];
    let token = tokens["items"].as_array().unwrap().iter().find(by_id);
    let end = text(token.unwrap(), "expires_at");
    assert!(text(&sessions["items"][0], "expires_at") <= end);
}
