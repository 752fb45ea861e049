//! Identities that people link to their accounts themselves.

use serde_json::json;
use supercargo_testkit::{Browser, Database, Form, Page, on_both};

use crate::scene::SignOn;

on_both!(
    a_person_links_an_identity_and_signs_in_with_it,
    a_link_is_for_who_began_it,
);

/// The form that begins it, filled in.
fn link(page: &Page) -> Form {
    let form = page.form("/-/account/identities/link");
    form.with("current", crate::scene::PASSWORD)
}

/// I7.
async fn a_person_links_an_identity_and_signs_in_with_it(database: Database) {
    let world = SignOn::start(database).await;
    world.scene.person("alice").await;
    // at the provider, the person has another name
    world.knows("a.liddell", &[]).await;
    let mut browser = world.scene.browser_of("alice").await;
    let page = browser.open(&world.scene.at("/-/account")).await;
    // a stolen cookie of a session would otherwise be a way in for good
    for wrong in ["", "not the password 17"] {
        let form = page.form("/-/account/identities/link");
        let page = browser.send(&form.with("current", wrong)).await.expect(422);
        assert!(page.words().contains("Your password here"), "{page}");
        assert!(page.html.contains("id=\"link-problem\""), "{page}");
    }
    let page = browser.send(&link(&page)).await;
    let page = world
        .through(&mut browser, page, "a.liddell")
        .await
        .expect(200);
    assert_eq!(page.url.path(), "/-/account");
    assert!(page.words().contains("The identity is linked."), "{page}");
    assert!(page.html.contains("<code>a.liddell</code>"), "{page}");
    let mut other = Browser::new();
    world.sign_on(&mut other, "a.liddell").await.expect(200);
    assert!(world.scene.is_signed_in(&mut other, "alice").await);

    // somebody else does not get it as well
    world.scene.person("mallory").await;
    let mut mallory = world.scene.browser_of("mallory").await;
    let page = mallory.open(&world.scene.at("/-/account")).await;
    let page = mallory.send(&link(&page)).await;
    let page = world
        .through(&mut mallory, page, "a.liddell")
        .await
        .expect(409);
    assert!(
        page.words().contains("linked to an account already"),
        "{page}"
    );

    // never the last way in
    let account = browser.open(&world.scene.at("/-/account")).await;
    let unlink = account.form("/-/account/identities/unlink");
    let no_password = json!({ "password": null });
    world
        .scene
        .admin
        .patch("/api/v1/users/alice", no_password)
        .await
        .expect(200);
    let mut browser = Browser::new();
    let page = world.sign_on(&mut browser, "a.liddell").await.expect(200);
    let csrf = page.form("/-/logout").value("csrf").unwrap().to_owned();
    let unlink = unlink.with("csrf", &csrf);
    let page = browser.send(&unlink).await.expect(409);
    assert!(page.words().contains("only way to sign in"), "{page}");
    let password = json!({ "password": crate::scene::PASSWORD });
    world
        .scene
        .admin
        .patch("/api/v1/users/alice", password)
        .await
        .expect(200);
    let mut browser = world.scene.browser_of("alice").await;
    let mut elsewhere = Browser::new();
    world.sign_on(&mut elsewhere, "a.liddell").await.expect(200);
    assert!(world.scene.is_signed_in(&mut elsewhere, "alice").await);
    let page = browser.open(&world.scene.at("/-/account")).await;
    let page = browser
        .send(&page.form("/-/account/identities/unlink"))
        .await;
    assert!(page.expect(200).words().contains("No identity is linked"));
    // what was begun with it has ended, and nothing else
    assert!(!world.scene.is_signed_in(&mut elsewhere, "alice").await);
    assert!(world.scene.is_signed_in(&mut browser, "alice").await);
    let unlinked = &world.scene.audit("identity.unlinked").await[0];
    let issuer = world.provider.url();
    assert_eq!(unlinked["detail"], format!("alice: {issuer} a.liddell"));
}

/// I7 (somebody who is signed in meanwhile does not get the identity of who began).
async fn a_link_is_for_who_began_it(database: Database) {
    let world = SignOn::start(database).await;
    world.scene.person("alice").await;
    world.scene.person("bob").await;
    world.knows("a.liddell", &[]).await;
    let mut browser = world.scene.browser_of("alice").await;
    let page = browser.open(&world.scene.at("/-/account")).await;
    let waiting = browser.send(&link(&page)).await;
    // bob signs in at the same browser before the person comes back
    let page = browser.open(&world.scene.at("/-/account")).await;
    browser.send(&page.form("/-/logout")).await.expect(200);
    let kept = browser.clone();
    world.scene.sign_in(&mut browser, "bob").await.expect(200);
    let began = kept
        .cookies
        .iter()
        .find(|cookie| cookie.name == "supercargo-sign-on");
    browser.cookies.push(began.unwrap().clone());
    let page = world
        .through(&mut browser, waiting, "a.liddell")
        .await
        .expect(422);
    assert!(
        page.words().contains("Another account is signed in here"),
        "{page}"
    );
    for user in ["alice", "bob"] {
        let path = format!("/api/v1/users/{user}/identities");
        let identities = world.scene.admin.get(&path).await.expect(200).json();
        assert_eq!(identities["total"], 0, "{user}");
    }
}
