//! With a provider: accounts are made, found again, and refused.

use serde_json::json;
use supercargo_testkit::{Browser, Database, on_both};

use crate::scene::SignOn;

on_both!(
    a_person_signs_in_with_the_provider_and_gets_an_account,
    the_same_identity_is_the_same_account,
    a_taken_name_is_refused_in_words,
    who_is_disabled_does_not_get_in,
    accounts_are_made_only_where_the_settings_say_so,
    signing_out_goes_to_the_provider_too,
);

/// I7.
async fn a_person_signs_in_with_the_provider_and_gets_an_account(database: Database) {
    let world = SignOn::start(database).await;
    world.knows("alice", &[]).await;
    let mut browser = Browser::new();
    let page = browser.open(&world.scene.at("/-/account")).await;
    assert!(page.words().contains("Sign in with Acme"), "{page}");
    let page = browser.send(&page.form("/-/login/sign-on")).await;
    let page = world.through(&mut browser, page, "alice").await;
    assert_eq!(page.clone().expect(200).path(), "/-/account");
    assert!(page.html.contains("<h1>alice</h1>"), "{page}");
    let user = world
        .scene
        .admin
        .get("/api/v1/users/alice")
        .await
        .expect(200)
        .json();
    assert_eq!(user["email"], "alice@acme.example");
    assert_eq!(user["instance_role"], "member");
    assert_eq!(user["has_password"], false);
    let path = "/api/v1/users/alice/identities";
    let identities = world.scene.admin.get(path).await.expect(200).json();
    assert_eq!(identities["items"][0]["issuer"], world.provider.url());
    assert_eq!(identities["items"][0]["subject"], "alice");
    assert!(identities["items"][0]["last_used_at"].is_string());
    let done = &world.scene.audit("sign_in.done").await[0];
    assert_eq!(done["principal"], "alice");
    let issuer = world.provider.url();
    assert_eq!(
        done["detail"],
        format!("in a browser, as alice of {issuer}")
    );
    let made = &world.scene.audit("account.created").await[0];
    assert_eq!(
        made["detail"],
        format!("alice member, who signs in with {issuer}")
    );
    // what was begun is not kept
    assert_eq!(browser.cookie("supercargo-sign-on"), None);
}

/// I7 (an identity is issuer and subject, and nothing else).
async fn the_same_identity_is_the_same_account(database: Database) {
    let world = SignOn::start(database).await;
    world.knows("alice", &[]).await;
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);
    let other_name = json!({ "preferred_username": "bob", "email": "bob@acme.example" });
    world.provider.knows("alice", other_name).await;
    let mut browser = Browser::new();
    world.sign_on(&mut browser, "alice").await.expect(200);
    assert!(world.scene.is_signed_in(&mut browser, "alice").await);
    world.scene.admin.get("/api/v1/users/bob").await.expect(404);
}

/// I7 (never linked by name or address).
async fn a_taken_name_is_refused_in_words(database: Database) {
    let world = SignOn::start(database).await;
    for (name, email) in [
        ("alice", "alice@acme.example"),
        ("b-o.b", "bob@acme.example"),
    ] {
        let person = json!({ "name": name, "email": email });
        world
            .scene
            .admin
            .post("/api/v1/users", person)
            .await
            .expect(201);
    }
    // one with the very address, one whose name is a twin
    for login in ["alice", "b_o_b"] {
        world.knows(login, &[]).await;
        let mut browser = Browser::new();
        let page = world.sign_on(&mut browser, login).await.expect(403);
        let words = page.words();
        assert!(words.contains("There is an account "), "{words}");
        assert!(
            words.contains("sign in to it with its password and link Acme"),
            "{words}"
        );
        assert_eq!(browser.cookie("supercargo-session"), None);
    }
    let denied = world.scene.audit("sign_in.denied").await;
    assert_eq!(denied.len(), 2);
    assert_eq!(denied[0]["outcome"], "denied");
    let detail = denied[0]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("sign-on-failed: there is an account `b-o.b`"),
        "{detail}"
    );
}

/// I7, I5.
async fn who_is_disabled_does_not_get_in(database: Database) {
    let world = SignOn::start(database).await;
    world.knows("alice", &[]).await;
    let mut browser = Browser::new();
    world.sign_on(&mut browser, "alice").await.expect(200);
    let admin = &world.scene.admin;
    let disabled = json!({ "disabled": true });
    admin
        .patch("/api/v1/users/alice", disabled)
        .await
        .expect(200);
    assert!(!world.scene.is_signed_in(&mut browser, "alice").await);
    let page = world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(403);
    assert!(
        page.words().contains("The account alice is disabled"),
        "{page}"
    );
    let enabled = json!({ "disabled": false });
    admin
        .patch("/api/v1/users/alice", enabled)
        .await
        .expect(200);
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(200);

    // who is deleted leaves the name, and does not get it back
    admin
        .delete("/api/v1/users/alice?confirm=alice")
        .await
        .expect(204);
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(403);
}

/// I7.
async fn accounts_are_made_only_where_the_settings_say_so(database: Database) {
    let none = |options: supercargo_testkit::ServerOptions| {
        options.setting("sign_on.make_accounts", "false")
    };
    let world = SignOn::with(database, none).await;
    world.knows("alice", &[]).await;
    let page = world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(403);
    assert!(
        page.words()
            .contains("Nobody here has linked this identity"),
        "{page}"
    );
    let admin = &world.scene.admin;
    admin.get("/api/v1/users/alice").await.expect(404);
    // an admin does both
    admin.create_user("wonderland").await;
    let identity = json!({ "issuer": world.provider.url(), "subject": "alice" });
    let path = "/api/v1/users/wonderland/identities";
    admin.post(path, identity.clone()).await.expect(201);
    let again = admin.post(path, identity).await.expect(409);
    assert_eq!(again.code().as_deref(), Some("identity-taken"));
    let mut browser = Browser::new();
    world.sign_on(&mut browser, "alice").await.expect(200);
    assert!(world.scene.is_signed_in(&mut browser, "wonderland").await);
    let query = format!("{path}?issuer={}&subject=alice", world.provider.url());
    admin.delete(&query).await.expect(204);
    admin.delete(&query).await.expect(404);
    world
        .sign_on(&mut Browser::new(), "alice")
        .await
        .expect(403);
    assert_eq!(world.scene.audit("identity.linked").await.len(), 1);
    assert_eq!(world.scene.audit("identity.unlinked").await.len(), 1);
}

/// I7.
async fn signing_out_goes_to_the_provider_too(database: Database) {
    let world = SignOn::start(database).await;
    world.knows("alice", &[]).await;
    let mut browser = Browser::new();
    world.sign_on(&mut browser, "alice").await.expect(200);
    // who is signed in there is not asked for a name again
    let mut second = browser.clone();
    second
        .cookies
        .retain(|cookie| !cookie.name.starts_with("supercargo"));
    let page = world.leave(&mut second).await;
    assert!(
        page.forms()
            .iter()
            .all(|form| form.value("login").is_none()),
        "{page}"
    );

    let page = browser.open(&world.scene.at("/-/account")).await;
    let page = browser.send(&page.form("/-/logout")).await.expect(200);
    assert!(
        page.url.as_str().starts_with(world.provider.url()),
        "{page}"
    );
    let page = browser
        .send(&page.forms()[0].clone().with("logout", "yes"))
        .await;
    assert!(page.expect(200).url.path().ends_with("/-/login"));
    let page = world.leave(&mut browser).await;
    assert!(page.forms()[0].value("login").is_some(), "{page}");
    assert!(!world.scene.is_signed_in(&mut browser, "alice").await);
}
