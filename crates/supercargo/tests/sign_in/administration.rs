//! What instance admins see of the provider: row I7, and issue 6's page 7.

use serde_json::json;
use supercargo_testkit::{Browser, Database, OidcProvider, on_both};

use crate::scene::{PASSWORD, SignOn};

on_both!(the_page_says_what_is_set_up_and_who_came_by_it_and_no_secret);

/// I7 (groups mapped to teams; nothing secret is shown).
async fn the_page_says_what_is_set_up_and_who_came_by_it_and_no_secret(database: Database) {
    let world = SignOn::with(database, |options| {
        options
            .setting("sign_on.teams", "platform=core")
            .setting("sign_on.creators", "dev")
    })
    .await;
    let admin = &world.scene.admin;
    let team = json!({ "name": "core" });
    admin.post("/api/v1/teams", team).await.expect(201);
    let chief = json!({ "name": "chief", "password": PASSWORD, "instance_role": "admin" });
    admin.post("/api/v1/users", chief).await.expect(201);
    let mut chief = Browser::new();
    world.scene.sign_in(&mut chief, "chief").await;

    let at = |path: &str| world.scene.at(path);
    let page = chief.open(&at("/-/admin/sign-on")).await.expect(200);
    for words in [
        "People sign in with Acme",
        world.provider.url(),
        OidcProvider::CLIENT,
        "with a secret",
        "platform members of team core",
        "dev creators",
        "Nobody yet.",
        "/-/login/return",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert!(!page.html.contains(OidcProvider::SECRET), "{page}");

    world.knows("alice", &["platform"]).await;
    let alice = world.sign_on(&mut Browser::new(), "alice").await;
    alice.expect(200);
    let page = chief.open(&at("/-/admin/sign-on")).await.expect(200);
    assert!(page.words().contains("alice@acme.example"), "{page}");
    assert!(page.words().contains("Linked here 1 account"), "{page}");
    let page = chief.open(&at("/-/admin/teams/core")).await.expect(200);
    assert!(page.words().contains("Acme governs this team."), "{page}");
    let page = chief.open(&at("/-/admin/users/alice")).await.expect(200);
    for words in [
        "signs in with 1 linked account",
        "In team core",
        world.provider.url(),
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    // an admin links another identity, by its issuer and subject
    let form = page.form("/users/alice/identities/link");
    assert_eq!(form.value("issuer"), Some(world.provider.url()));
    let wrong = form.clone().with("issuer", "nowhere <i>");
    let refused = chief.send(&wrong).await.expect(422);
    for id in ["issuer-e", "subject-e"] {
        assert!(refused.html.contains(&format!("id=\"{id}\"")), "{refused}");
    }
    let again = refused.form("/users/alice/identities/link");
    assert_eq!(again.value("issuer"), Some("nowhere <i>"));
    let page = chief.send(&form.with("subject", "4711")).await.expect(200);
    assert!(page.words().contains("2 linked accounts"), "{page}");
    // whoever has it already keeps it
    let page = chief.open(&at("/-/admin/users/chief")).await.expect(200);
    let form = page.form("/users/chief/identities/link");
    let taken = chief.send(&form.with("subject", "4711")).await.expect(409);
    assert!(taken.html.contains("role=\"alert\""), "{taken}");
}
