//! Sessions over time: seen, ended, and gone by themselves.

use std::cell::RefCell;

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Client, Database, ServerOptions, eventually, on_both};

use crate::scene::{PROGRAM, Scene};

const SESSION: &str = "supercargo-session";

on_both!(
    a_person_sees_where_they_are_signed_in_and_ends_it,
    sessions_are_seen_and_ended_by_the_api,
    a_secret_is_replaced_while_it_is_used,
    a_session_ends_by_itself,
);

async fn sessions(client: &Client, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/sessions{query}");
    let page = client.get(&path).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

/// I7 (sessions revocable).
async fn a_person_sees_where_they_are_signed_in_and_ends_it(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    let mut here = scene.browser_of("alice").await;
    let mut there = scene.browser_of("alice").await;
    let mut elsewhere = scene.browser_of("alice").await;
    let page = here.open(&scene.at("/-/account")).await;
    let words = page.words();
    assert_eq!(words.matches("Firefox on Linux").count(), 3, "{words}");
    assert_eq!(words.matches("this browser").count(), 1, "{words}");
    // the newest first, and the one that asks has no button
    let page = here
        .send(&page.form("/-/account/sessions/end"))
        .await
        .expect(200);
    assert!(!scene.is_signed_in(&mut elsewhere, "alice").await);
    assert!(scene.is_signed_in(&mut there, "alice").await);
    here.send(&page.form("/-/account/sessions/end-others"))
        .await
        .expect(200);
    assert!(!scene.is_signed_in(&mut there, "alice").await);
    assert!(scene.is_signed_in(&mut here, "alice").await);
    assert_eq!(scene.audit("session.ended").await.len(), 2);
}

/// I7, I5.
async fn sessions_are_seen_and_ended_by_the_api(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["alice", "bob"] {
        scene.person(name).await;
    }
    let mut first = scene.browser_of("alice").await;
    let mut second = scene.browser_of("alice").await;
    let of = |name: &str, scope: &str| {
        let token = json!({ "name": "t", "principal": name, "scopes": [scope] });
        let admin = scene.admin.clone();
        async move { admin.with_token(&admin.token(token).await) }
    };
    let alice = of("alice", "admin").await;
    let own = sessions(&alice, "").await;
    assert_eq!(own.len(), 2);
    let item = &own[0];
    assert_eq!(item["user"], "alice");
    assert_eq!(item["issuer"], Value::Null);
    assert_eq!(item["address"], "127.0.0.1");
    assert_eq!(item["current"], false);
    assert!(item["user_agent"].as_str().unwrap().contains("Firefox"));
    for time in ["created_at", "last_used_at", "expires_at"] {
        assert!(item[time].is_string(), "{time}");
    }
    // a stolen token that reads must neither see nor end them; others' are not there
    let reader = of("alice", "read").await;
    reader.get("/api/v1/sessions").await.expect(403);
    reader.delete("/api/v1/sessions").await.expect(403);
    let bob = of("bob", "admin").await;
    let path = format!("/api/v1/sessions/{}", item["id"].as_str().unwrap());
    let refused = bob.delete(&path).await.expect(404);
    assert_eq!(refused.code().as_deref(), Some("no-such-session"));
    bob.get("/api/v1/sessions?user=alice").await.expect(403);
    scene
        .server
        .anonymous()
        .get("/api/v1/sessions")
        .await
        .expect(401);

    alice.delete(&path).await.expect(204);
    alice.delete(&path).await.expect(404);
    assert!(!scene.is_signed_in(&mut first, "alice").await);
    assert!(scene.is_signed_in(&mut second, "alice").await);
    assert_eq!(sessions(&scene.admin, "?user=alice").await.len(), 1);
    scene
        .admin
        .delete("/api/v1/sessions?user=alice")
        .await
        .expect(204);
    assert!(!scene.is_signed_in(&mut second, "alice").await);
    assert_eq!(sessions(&alice, "").await.len(), 0);
}

/// I7 (rotation).
async fn a_secret_is_replaced_while_it_is_used(database: Database) {
    let options = ServerOptions::new(PROGRAM).database(database);
    let scene = Scene::with(options.setting("sessions.renewal", "1s")).await;
    scene.person("alice").await;
    scene.browser_of("alice").await;
    let mut browser = scene.browser_of("alice").await;
    let page = browser.open(&scene.at("/-/account")).await;
    let before = browser.clone();
    let first = before.cookie(SESSION).unwrap();
    let renewed = RefCell::new(None);
    eventually("another secret", || {
        let (mut browser, url) = (before.clone(), scene.at("/-/account"));
        let renewed = &renewed;
        async move {
            browser.open(&url).await.expect(200);
            let is_renewed = browser.cookie(SESSION) != Some(first);
            renewed.replace(is_renewed.then_some(browser));
            is_renewed
        }
    })
    .await;
    let mut renewed = renewed.take().unwrap();
    // the former one is believed a little longer, for what was under way, and leads to no third one
    let mut late = before.clone();
    assert!(scene.is_signed_in(&mut late, "alice").await);
    assert_eq!(late.cookie(SESSION), Some(first));
    // a form from before works in the session as it is now
    let form = page.form("/-/account/sessions/end-others");
    renewed.send_only(&form).await.expect(303);
}

/// I7 (idle and lifetime).
async fn a_session_ends_by_itself(database: Database) {
    for setting in ["sessions.lifetime", "sessions.idle"] {
        let options = ServerOptions::new(PROGRAM).database(database.clone());
        let scene = Scene::with(options.setting(setting, "2s")).await;
        scene.person("alice").await;
        let mut browser = Browser::new();
        scene.sign_in(&mut browser, "alice").await.expect(200);
        // seen by somebody else, which is no use of it
        eventually("its end", || async {
            sessions(&scene.admin, "?user=alice").await.is_empty()
        })
        .await;
        assert!(
            !scene.is_signed_in(&mut browser, "alice").await,
            "{setting}"
        );
        // on a page for anybody, a stale cookie is just anybody's
        browser.open(&scene.at("/")).await.expect(200);
    }
}
