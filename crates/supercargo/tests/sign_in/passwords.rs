//! With a password: the form, its cookies, and what a wrong one gets.

use supercargo_testkit::{Browser, Database, ServerOptions, on_both};

use crate::scene::{PASSWORD, PROGRAM, Scene};

on_both!(
    a_person_signs_in_and_out,
    a_wrong_password_and_an_unknown_name_get_the_same_page,
    a_password_is_changed_and_signs_out_elsewhere,
);

/// I7.
async fn a_person_signs_in_and_out(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    let mut browser = Browser::new();
    let page = browser.open(&scene.at("/-/account")).await;
    assert_eq!(page.path(), "/-/login?return_to=%2F-%2Faccount");
    let form = page.form("/-/login").with("user", "alice");
    let page = browser.send(&form.with("password", PASSWORD)).await;
    assert_eq!(page.clone().expect(200).path(), "/-/account");
    assert!(page.html.contains("<h1>alice</h1>"), "{page}");
    let done = &scene.audit("sign_in.done").await[0];
    assert_eq!(done["principal"], "alice");
    assert_eq!(done["detail"], "in a browser, with the password");
    assert!(done["token_id"].as_str().unwrap().starts_with("session:"));

    let secret = browser.cookie("supercargo-session").unwrap().to_owned();
    let page = browser.send(&page.form("/-/logout")).await.expect(200);
    assert_eq!(page.path(), "/-/login");
    assert_eq!(browser.cookie("supercargo-session"), None);
    // the secret itself is worth nothing any more, whoever kept it
    let mut thief = Browser::new();
    thief.clone_from(&scene.browser_of("alice").await);
    for cookie in &mut thief.cookies {
        if cookie.name == "supercargo-session" {
            cookie.value.clone_from(&secret);
        }
    }
    assert!(!scene.is_signed_in(&mut thief, "alice").await);
    assert_eq!(scene.audit("session.ended").await.len(), 1);
}

/// I7 (nothing tells whether there is an account).
async fn a_wrong_password_and_an_unknown_name_get_the_same_page(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    let mut told = Vec::new();
    for name in ["alice", "nobody"] {
        let mut browser = Browser::new();
        let page = browser.open(&scene.at("/-/login")).await;
        let form = page.form("/-/login").with("user", name);
        let page = browser
            .send(&form.with("password", "not the one at all"))
            .await;
        let page = page.expect(422);
        assert_eq!(page.form("/-/login").value("user"), Some(name));
        assert_eq!(browser.cookie("supercargo-session"), None);
        told.push(page.words());
    }
    assert!(
        told[0].contains("The name or the password is wrong."),
        "{}",
        told[0]
    );
    assert_eq!(told[0], told[1]);
}

/// I7 (a change of the password ends all other sessions, and the cookie that somebody may have copied).
async fn a_password_is_changed_and_signs_out_elsewhere(database: Database) {
    let scene = Scene::start(database).await;
    scene.person("alice").await;
    let mut here = scene.browser_of("alice").await;
    let mut elsewhere = scene.browser_of("alice").await;
    let page = here.open(&scene.at("/-/account")).await;
    let form = page.form("/-/account/password");
    let wrong = form.clone().with("current", "not the one at all");
    let wrong = wrong
        .with("new", "a short way home")
        .with("again", "a short way home");
    here.send(&wrong).await.expect(422);
    let differs = form.clone().with("current", PASSWORD);
    let differs = differs
        .with("new", "a short way home")
        .with("again", "a short way away");
    let page = here.send(&differs).await.expect(422);
    assert!(page.words().contains("not the same both times"), "{page}");
    assert!(scene.is_signed_in(&mut elsewhere, "alice").await);

    let right = form.with("current", PASSWORD);
    let right = right
        .with("new", "a short way home")
        .with("again", "a short way home");
    let mut thief = here.clone();
    assert!(scene.is_signed_in(&mut thief, "alice").await);
    let page = here.send(&right).await.expect(200);
    assert!(page.words().contains("Your password is changed"), "{page}");
    assert_ne!(
        here.cookie("supercargo-session"),
        thief.cookie("supercargo-session")
    );
    // at once: there is no half minute for what was under way
    assert!(!scene.is_signed_in(&mut thief, "alice").await);
    assert!(scene.is_signed_in(&mut here, "alice").await);
    assert!(!scene.is_signed_in(&mut elsewhere, "alice").await);
    let page = scene.sign_in(&mut elsewhere, "alice").await;
    page.expect(422);
}

/// I7 (cookie attributes), V1 (a path prefix).
#[tokio::test]
async fn behind_a_prefix_a_cookie_is_for_that_path() {
    let mut scene = Scene::with(ServerOptions::new(PROGRAM)).await;
    // the port is known now, and stays
    let base = format!("{}/crates", scene.server.url());
    let prefixed = |options: ServerOptions| options.environment("SUPERCARGO_PUBLIC_URL", &base);
    scene.server.change_options(prefixed);
    scene.server.restart().await;
    scene.person("alice").await;
    let mut browser = Browser::new();
    let page = scene.sign_in(&mut browser, "alice").await.expect(200);
    assert_eq!(page.url.path(), "/crates/");
    let cookie = browser
        .set
        .iter()
        .find(|text| text.starts_with("supercargo-session="));
    let cookie = cookie.unwrap();
    assert!(cookie.contains("; Path=/crates; Max-Age="), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
    let page = browser.open(&scene.at("/-/account")).await.expect(200);
    assert_eq!(page.url.path(), "/crates/-/account");
    let page = browser.send(&page.form("/-/logout")).await.expect(200);
    assert_eq!(page.url.path(), "/crates/-/login");
}
