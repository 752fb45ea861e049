//! The administration of accounts: rows I5 and I7, and issue 6's page 7.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Client, Database, Package, Page, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    a_user_is_made_changed_disabled_and_deleted,
    users_are_found_among_many,
    what_is_wrong_with_a_new_user_stands_beside_each_field,
    the_last_instance_admin_stays_one,
    an_admin_ends_tokens_browsers_and_identities_of_a_user,
    a_user_shows_what_they_have_and_through_whom,
    a_team_is_made_filled_and_deleted,
    a_service_account_gets_a_token_that_is_shown_once,
    a_registry_admin_manages_the_service_accounts_of_that_registry_alone,
    the_administration_of_accounts_is_for_instance_admins,
    a_form_of_the_administration_is_followed_from_its_own_page_alone,
    sign_on_says_how_to_set_it_up,
);

const USERS: &str = "/-/admin/users";
const TEAMS: &str = "/-/admin/teams";
const SERVICES: &str = "/-/admin/service-accounts";
const NASTY: &str = "\"><script>alert(1)</script>";

async fn root(scene: &Scene) -> Browser {
    scene.browser_of("chief", "admin").await
}

async fn account(scene: &Scene, name: &str) -> Value {
    let path = format!("/api/v1/users/{name}");
    scene.admin.get(&path).await.expect(200).json()
}

async fn new_user(scene: &Scene, name: &str) {
    let user = json!({ "name": name });
    scene.admin.post("/api/v1/users", user).await.expect(201);
}

/// A token of somebody, and its id.
async fn token_of(scene: &Scene, principal: &str) -> (Client, String) {
    let token = json!({ "name": "laptop <i>", "principal": principal });
    let made = scene.admin.post("/api/v1/tokens", token).await;
    let made = made.expect(201).json();
    let text = made["token"].as_str().unwrap();
    let client = scene.server.anonymous().with_token(text);
    (client, made["id"].as_str().unwrap().to_owned())
}

fn runs_nothing(page: &Page) {
    assert_eq!(executable(&page.html), Vec::<String>::new(), "{page}");
}

/// I5, I7.
async fn a_user_is_made_changed_disabled_and_deleted(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    let page = scene.open(&mut chief, USERS).await.expect(200);
    assert!(page.words().contains("1 to 2 of 2"), "{page}");
    let page = scene.open(&mut chief, "/-/admin/users/new").await;
    let form = page.expect(200).form("/-/admin/users/new");
    assert_eq!(form.value("role"), Some("member"));
    let form = form
        .with("name", "alice")
        .with("email", "alice@acme.example");
    let page = chief.send(&form.with("password", "tulip brook 17")).await;
    let page = page.expect(200);
    assert_eq!(page.path(), "/-/admin/users/alice?done=made");
    assert!(page.words().contains("The account is made."), "{page}");
    assert!(page.words().contains("signs in with a password"), "{page}");
    assert_eq!(
        account(&scene, "alice").await["email"],
        "alice@acme.example"
    );

    let form = page.form("/users/alice").with("role", "creator");
    let page = chief.send(&form.with("email", "")).await.expect(200);
    assert!(page.words().contains("The changes are saved."), "{page}");
    let alice = account(&scene, "alice").await;
    assert_eq!(alice["instance_role"], "creator");
    assert_eq!(alice["email"], Value::Null);

    let password = page.form("/users/alice/password");
    let refused = chief
        .send(&password.clone().with("password", "short"))
        .await;
    let refused = refused.expect(422);
    assert!(refused.words().contains("at least 10 characters"));
    assert!(!refused.html.contains("short\""), "{refused}");
    let set = password
        .clone()
        .with("password", "another long one")
        .with("do", "set");
    chief.send(&set).await.expect(200);
    let sign_in = json!({ "user": "alice", "password": "another long one" });
    let anonymous = scene.server.anonymous();
    let signed_in = anonymous.post("/api/v1/sign-in", sign_in).await;
    signed_in.expect(201);
    let page = chief.send(&password.with("do", "remove")).await.expect(200);
    assert!(
        page.words().contains("signs in with a token alone"),
        "{page}"
    );
    assert_eq!(account(&scene, "alice").await["has_password"], false);

    let (client, _) = token_of(&scene, "alice").await;
    client.get("/api/v1/me").await.expect(200);
    let state = page.form("/users/alice/state");
    assert_eq!(state.value("disabled"), Some("yes"));
    let page = chief.send(&state).await.expect(200);
    assert!(page.words().contains("alice is disabled."), "{page}");
    client.get("/api/v1/me").await.expect(401);
    let page = chief
        .send(&page.form("/users/alice/state"))
        .await
        .expect(200);
    assert!(!page.words().contains("alice is disabled."), "{page}");
    client.get("/api/v1/me").await.expect(200);

    // the one of her sign-in besides
    assert!(page.words().contains("2 tokens stop working"), "{page}");
    let delete = page.form("/users/alice/delete");
    let refused = chief.send(&delete.clone().with("confirm", "alic")).await;
    let refused = refused.expect(422);
    assert!(refused.html.contains("id=\"confirm-e\""), "{refused}");
    let page = chief
        .send(&delete.with("confirm", "alice"))
        .await
        .expect(200);
    assert_eq!(page.path(), "/-/admin/users?done=deleted");
    client.get("/api/v1/me").await.expect(401);
    scene
        .open(&mut chief, "/-/admin/users/alice")
        .await
        .expect(404);
    // the name stays taken
    let page = scene.open(&mut chief, "/-/admin/users/new").await;
    let form = page.form("/-/admin/users/new").with("name", "alice");
    let page = chief.send(&form).await.expect(409);
    assert!(page.html.contains("id=\"name-e\""), "{page}");
    assert_eq!(page.form("/-/admin/users/new").value("name"), Some("alice"));
}

/// I5: 3,000 people are found by a search, and not all shown at once.
async fn users_are_found_among_many(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    for number in 0..60 {
        new_user(&scene, &format!("person-{number:02}")).await;
    }
    let disable = json!({ "disabled": true });
    let disabled = scene.admin.patch("/api/v1/users/person-07", disable).await;
    disabled.expect(200);
    let page = scene.open(&mut chief, USERS).await.expect(200);
    assert!(page.words().contains("1 to 50 of 62"), "{page}");
    assert!(!page.words().contains("person-59"), "{page}");
    let page = scene.open(&mut chief, &format!("{USERS}?page=2")).await;
    assert!(page.expect(200).words().contains("person-59"));
    let found = scene.open(&mut chief, &format!("{USERS}?q=SON-5")).await;
    let found = found.expect(200);
    assert!(found.words().contains("1 to 10 of 10"), "{found}");
    let found = scene
        .open(&mut chief, &format!("{USERS}?state=disabled"))
        .await;
    let found = found.expect(200);
    assert!(found.words().contains("person-07"), "{found}");
    assert!(!found.words().contains("person-08"), "{found}");
    let found = scene.open(&mut chief, &format!("{USERS}?role=admin")).await;
    assert!(!found.expect(200).words().contains("person-"));
    let nobody = format!("{USERS}?q={}", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    let nobody = scene.open(&mut chief, &nobody).await.expect(200);
    assert!(nobody.words().contains("Nobody fits"), "{nobody}");
    runs_nothing(&nobody);
}

async fn what_is_wrong_with_a_new_user_stands_beside_each_field(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    let page = scene
        .open(&mut chief, "/-/admin/users/new")
        .await
        .expect(200);
    let form = page
        .form("/-/admin/users/new")
        .with("name", NASTY)
        .with("email", NASTY)
        .with("role", NASTY);
    let page = chief
        .send(&form.clone().with("password", "12345678901"))
        .await;
    let page = page.expect(422);
    runs_nothing(&page);
    assert!(
        page.words().contains("fields have to be corrected"),
        "{page}"
    );
    for id in ["name-e", "email-e"] {
        assert!(page.html.contains(&format!("id=\"{id}\"")), "{id}: {page}");
    }
    let again = page.form("/-/admin/users/new");
    assert_eq!(again.value("name"), Some(NASTY));
    assert_eq!(again.value("email"), Some(NASTY));
    // a password is nothing that comes back
    assert_eq!(again.value("password"), Some(""));
    let common = form
        .with("name", "alice")
        .with("email", "")
        .with("role", "member");
    let page = chief.send(&common.with("password", "1234567890")).await;
    assert!(page.expect(422).html.contains("id=\"password-e\""));
    scene.admin.get("/api/v1/users/alice").await.expect(404);
}

/// Of two admins each can go, and never both.
async fn the_last_instance_admin_stays_one(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    // the administrator of the first start
    let first = scene.admin.get("/api/v1/me").await.expect(200).json();
    let first = first["principal"]["name"].as_str().unwrap().to_owned();
    let page = scene.open(&mut chief, &format!("{USERS}/{first}")).await;
    let form = page.expect(200).form(&format!("/users/{first}"));
    chief.send(&form.with("role", "member")).await.expect(200);
    let page = scene.open(&mut chief, "/-/admin/users/chief").await;
    let page = page.expect(200);
    assert!(page.words().contains("This is you"), "{page}");
    let edit = page.form("/users/chief").with("role", "member");
    let disable = page.form("/users/chief/state");
    let delete = page.form("/users/chief/delete").with("confirm", "chief");
    for form in [edit, disable, delete] {
        let page = chief.send(&form).await.expect(409);
        assert!(page.html.contains("role=\"alert\""), "{page}");
        assert!(page.words().contains("instance admin"), "{page}");
    }
    let page = scene.open(&mut chief, USERS).await.expect(200);
    assert!(page.words().contains("chief"), "{page}");
}

/// I7: sessions and identities, and tokens with them.
async fn an_admin_ends_tokens_browsers_and_identities_of_a_user(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    let mut alice = scene.browser_of("alice", "member").await;
    let (client, _) = token_of(&scene, "alice").await;
    let identity = json!({ "issuer": "https://id.acme.example", "subject": "<b>4711" });
    let linked = scene.admin.post("/api/v1/users/alice/identities", identity);
    linked.await.expect(201);

    let page = scene
        .open(&mut chief, "/-/admin/users/alice")
        .await
        .expect(200);
    runs_nothing(&page);
    for words in ["laptop <i>", "Firefox on Linux", "<b>4711"] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    let page = chief
        .send(&page.form("/alice/tokens/revoke"))
        .await
        .expect(200);
    assert!(page.words().contains("The token is revoked"), "{page}");
    client.get("/api/v1/me").await.expect(401);
    let page = chief.send(&page.form("/alice/identities/unlink")).await;
    let page = page.expect(200);
    assert!(page.words().contains("is unlinked"), "{page}");
    let path = "/api/v1/users/alice/identities";
    let identities = scene.admin.get(path).await.expect(200).json();
    assert_eq!(identities["total"], 0);
    scene.open(&mut alice, "/-/account").await.expect(200);
    let end = page.form("/alice/sessions/end");
    let page = chief.send(&end).await.expect(200);
    assert!(page.words().contains("Not signed in anywhere."), "{page}");
    let page = scene.open(&mut alice, "/-/account").await;
    assert!(page.path().starts_with("/-/login"), "{page}");
    // it has ended already
    chief.send(&end).await.expect(404);
}

/// I5: roles, directly and through teams, and who owns what alone.
async fn a_user_shows_what_they_have_and_through_whom(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    new_user(&scene, "alice").await;
    let team = json!({ "name": "core" });
    scene.admin.post("/api/v1/teams", team).await.expect(201);
    let member = "/api/v1/teams/core/members/alice";
    scene.admin.put(member, json!({})).await.expect(200);
    scene.admin.member("secret", "alice", "publisher").await;
    scene.admin.member("open", "team:core", "maintainer").await;
    let token = json!({ "name": "ci", "principal": "alice", "scopes": ["publish"] });
    let made = scene.admin.post("/api/v1/tokens", token).await.expect(201);
    let made = made.json();
    let client = scene.server.anonymous();
    let client = client.with_token(made["token"].as_str().unwrap());
    let package = Package::new("hers", "1.0.0");
    client.publish("secret", &package).await.expect(200);

    let page = scene
        .open(&mut chief, "/-/admin/users/alice")
        .await
        .expect(200);
    for words in [
        "secret publisher directly",
        "open maintainer through team core",
        "In team core",
        "Owns 1 crate, alone",
        "It is refused as long as they own 1 crate alone",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    let delete = page.form("/users/alice/delete").with("confirm", "alice");
    let page = chief.send(&delete).await.expect(409);
    assert!(page.words().contains("hers"), "{page}");
    let page = scene
        .open(&mut chief, "/-/admin/teams/core")
        .await
        .expect(200);
    assert!(page.words().contains("open maintainer directly"), "{page}");
}

/// I5: users join teams and leave them.
async fn a_team_is_made_filled_and_deleted(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    for name in ["alice", "alicia", "bob"] {
        new_user(&scene, name).await;
    }
    let page = scene.open(&mut chief, TEAMS).await.expect(200);
    assert!(page.words().contains("No team yet"), "{page}");
    let form = page.form(TEAMS);
    let refused = chief
        .send(&form.clone().with("name", NASTY))
        .await
        .expect(422);
    runs_nothing(&refused);
    assert_eq!(refused.form(TEAMS).value("name"), Some(NASTY));
    let page = chief
        .send(&form.clone().with("name", "core"))
        .await
        .expect(200);
    assert_eq!(page.path(), "/-/admin/teams/core?done=made");
    chief.send(&form.with("name", "core")).await.expect(409);

    let add = page.form("/core/members/add");
    // a part of a name finds those who may be meant
    let near = chief
        .send(&add.clone().with("user", "ali"))
        .await
        .expect(404);
    assert!(
        near.words()
            .contains("Who may be meant alice Add alicia Add"),
        "{near}"
    );
    let strange = chief.send(&add.clone().with("user", "service:ci")).await;
    assert!(strange.status.is_client_error(), "{strange}");
    let page = chief
        .send(&add.clone().with("user", "alice"))
        .await
        .expect(200);
    assert!(page.words().contains("1 member"), "{page}");
    let page = chief
        .send(&page.form("/core/members/add").with("user", "bob"))
        .await;
    let team = scene
        .admin
        .get("/api/v1/teams/core")
        .await
        .expect(200)
        .json();
    assert_eq!(team["members"], json!(["alice", "bob"]));
    let remove = page.expect(200).form("/core/members/remove");
    assert_eq!(remove.value("user"), Some("alice"));
    let page = chief.send(&remove).await.expect(200);
    let team = scene
        .admin
        .get("/api/v1/teams/core")
        .await
        .expect(200)
        .json();
    assert_eq!(team["members"], json!(["bob"]));

    let delete = page.form("/teams/core/delete");
    chief
        .send(&delete.clone().with("confirm", "cor"))
        .await
        .expect(422);
    let page = chief
        .send(&delete.with("confirm", "core"))
        .await
        .expect(200);
    assert!(page.words().contains("The team is deleted."), "{page}");
    scene.admin.get("/api/v1/teams/core").await.expect(404);
}

fn secret(page: &Page) -> String {
    let at = page.html.find("scg_").unwrap_or_else(|| panic!("{page}"));
    page.html[at..at + 53].to_owned()
}

/// I5, I7.
async fn a_service_account_gets_a_token_that_is_shown_once(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    let page = scene.open(&mut chief, SERVICES).await.expect(200);
    assert!(page.words().contains("No service account yet"), "{page}");
    let form = page.form(SERVICES);
    let wrong = form.clone().with("name", "C I").with("registry", "nosuch");
    let refused = chief.send(&wrong).await.expect(422);
    for id in ["name-e", "registry-e"] {
        assert!(refused.html.contains(&format!("id=\"{id}\"")), "{refused}");
    }
    let made = chief.send(&form.clone().with("name", "mirror")).await;
    let made = made.expect(200);
    assert_eq!(made.path(), "/-/admin/service-accounts/mirror?done=made");
    let ci = form.with("name", "ci").with("registry", "secret");
    let page = chief.send(&ci).await.expect(200);
    assert!(
        page.words().contains("Belongs to registry secret"),
        "{page}"
    );
    scene
        .admin
        .member("secret", "service:ci", "publisher")
        .await;

    // one of a registry has tokens for that one alone, whatever a form says
    let new = "/-/admin/service-accounts/ci/tokens/new";
    let page = scene.open(&mut chief, new).await.expect(200);
    assert!(page.words().contains("Acting for service:ci"), "{page}");
    assert!(!page.html.contains("name=\"everywhere\""), "{page}");
    let form = page.form(new).with("do", "create").with("name", "runner");
    let refused = chief
        .send(&form.clone().with("name", " "))
        .await
        .expect(422);
    assert!(refused.html.contains("role=\"alert\""), "{refused}");
    let form = form.and("scope", "publish").with("everywhere", "yes");
    let made = chief.send(&form).await.expect(201);
    assert_eq!(made.headers["cache-control"], "no-store");
    assert!(made.words().contains("Acting for service:ci"), "{made}");
    let secret = secret(&made);
    let client = scene.server.anonymous().with_token(&secret);
    let me = client.get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["principal"]["name"], "ci");
    assert_eq!(me["token"]["registries"], json!(["secret"]));
    let package = Package::new("by-ci", "1.0.0");
    client.publish("secret", &package).await.expect(200);

    let path = "/-/admin/service-accounts/ci";
    let page = scene.open(&mut chief, path).await.expect(200);
    assert!(!page.html.contains(&secret), "{page}");
    assert!(page.words().contains("read, publish"), "{page}");
    let disabled = chief.send(&page.form("/ci/state")).await.expect(200);
    assert!(disabled.words().contains("service:ci is disabled."));
    client.get("/api/v1/me").await.expect(401);
    let page = chief.send(&disabled.form("/ci/state")).await.expect(200);
    client.get("/api/v1/me").await.expect(200);
    let page = chief
        .send(&page.form("/ci/tokens/revoke"))
        .await
        .expect(200);
    assert!(page.words().contains("The token is revoked"), "{page}");
    client.get("/api/v1/me").await.expect(401);
    // what it owns alone keeps it
    let delete = page.form("/ci/delete");
    chief
        .send(&delete.clone().with("confirm", "x"))
        .await
        .expect(422);
    let kept = chief.send(&delete.with("confirm", "ci")).await.expect(409);
    assert!(kept.words().contains("by-ci"), "{kept}");
    let mirror = made_page(&scene, &mut chief, "mirror").await;
    let delete = mirror.form("/mirror/delete").with("confirm", "mirror");
    let page = chief.send(&delete).await.expect(200);
    assert!(page.words().contains("The account is deleted for ever."));
    let gone = "/api/v1/service-accounts/mirror";
    scene.admin.get(gone).await.expect(404);
}

async fn made_page(scene: &Scene, browser: &mut Browser, name: &str) -> Page {
    let path = format!("{SERVICES}/{name}");
    scene.open(browser, &path).await.expect(200)
}

/// I5: the admins of a registry manage its service accounts, as in the API.
async fn a_registry_admin_manages_the_service_accounts_of_that_registry_alone(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = scene.browser_of("alice", "member").await;
    scene.admin.member("secret", "alice", "admin").await;
    for account in [
        json!({ "name": "global" }),
        json!({ "name": "theirs", "registry": "open" }),
    ] {
        let made = scene.admin.post("/api/v1/service-accounts", account);
        made.await.expect(201);
    }
    let of_secret = format!("{SERVICES}?registry=secret");
    let page = scene.open(&mut alice, &of_secret).await.expect(200);
    assert!(!page.words().contains("global") && !page.words().contains("theirs"));
    assert!(!page.words().contains("Administration"), "{page}");
    let form = page.form(SERVICES).with("name", "ci");
    let page = alice.send(&form).await.expect(200);
    assert_eq!(page.path(), "/-/admin/service-accounts/ci?done=made");
    // nor by a form that names another registry, or none
    for elsewhere in ["open", ""] {
        let form = form.clone().with("name", "ci2").with("registry", elsewhere);
        alice.send(&form).await.expect(422);
        let form = form.with("of", elsewhere);
        alice.send(&form).await.expect(403);
    }
    let ci2 = "/api/v1/service-accounts/ci2";
    scene.admin.get(ci2).await.expect(404);
    let new = page.form("/ci/state");
    let page = alice.send(&new).await.expect(200);
    let page = alice.send(&page.form("/ci/state")).await.expect(200);
    let gone = alice
        .send(&page.form("/ci/delete").with("confirm", "ci"))
        .await;
    let gone = gone.expect(200);
    assert_eq!(
        gone.path(),
        "/-/admin/service-accounts?registry=secret&done=deleted"
    );
    // those that are not hers answer as those that are not there
    let theirs = scene.open(&mut alice, &format!("{SERVICES}/theirs")).await;
    let nobody = scene.open(&mut alice, &format!("{SERVICES}/nobody")).await;
    assert_eq!(
        (theirs.status, nobody.status.as_u16()),
        (nobody.status, 404)
    );
    assert_eq!(theirs.words().replace("theirs", "nobody"), nobody.words());
    scene.open(&mut alice, SERVICES).await.expect(403);
    let open = scene
        .open(&mut alice, &format!("{SERVICES}?registry=open"))
        .await;
    open.expect(403);
    let hidden = scene
        .open(&mut alice, &format!("{SERVICES}?registry=nosuch"))
        .await;
    hidden.expect(404);
}

async fn the_administration_of_accounts_is_for_instance_admins(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = scene.browser_of("alice", "creator").await;
    for path in [
        USERS,
        "/-/admin/users/new",
        "/-/admin/users/alice",
        "/-/admin/users/nobody",
        TEAMS,
        "/-/admin/teams/nobody",
        SERVICES,
        "/-/admin/sign-on",
    ] {
        let page = scene.open(&mut alice, path).await.expect(403);
        assert!(page.words().contains("You may not do that"), "{page}");
        let page = scene.anybody(path).await.expect(303);
        let to = page.headers["location"].to_str().unwrap();
        assert!(to.starts_with("/-/login?return_to="), "{to}");
    }
    let log = "/api/v1/audit?principal=alice&outcome=denied";
    let log = scene.admin.get(log).await.expect(200).json();
    assert_eq!(log["items"].as_array().unwrap().len(), 8, "{log}");
}

async fn a_form_of_the_administration_is_followed_from_its_own_page_alone(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    new_user(&scene, "alice").await;
    let page = scene
        .open(&mut chief, "/-/admin/users/alice")
        .await
        .expect(200);
    let form = page.form("/users/alice").with("role", "admin");
    let stranger = form.clone().from_page("https://evil.example/");
    chief.send_only(&stranger).await.expect(403);
    chief
        .send_only(&form.clone().without("csrf"))
        .await
        .expect(403);
    let page = Browser::new().send_only(&form).await.expect(303);
    assert_eq!(
        page.headers["location"],
        "/-/login?return_to=%2F-%2Fadmin%2Fusers%2Falice"
    );
    assert_eq!(account(&scene, "alice").await["instance_role"], "member");
    let log = "/api/v1/audit?principal=chief&outcome=denied";
    let log = scene.admin.get(log).await.expect(200).json();
    let actions = log["items"].as_array().unwrap().iter();
    let actions: Vec<_> = actions
        .map(|item| item["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["account.changed", "account.changed"], "{log}");
}

/// I7, where no provider is set up.
async fn sign_on_says_how_to_set_it_up(database: Database) {
    let scene = Scene::start(database).await;
    let mut chief = root(&scene).await;
    let page = scene.open(&mut chief, "/-/admin/sign-on").await.expect(200);
    for words in [
        "People sign in with a password",
        "client_secret_file",
        &scene.at("/-/login/return"),
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    runs_nothing(&page);
}
