//! Members of a registry by form: row I5, and issue 6's page 3.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Database, Page, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    roles_are_given_changed_and_taken_by_form,
    teams_and_machines_have_roles_too,
    of_three_thousand_people_those_are_proposed_who_are_meant,
    what_is_wrong_stands_beside_the_form_with_what_was_typed,
    members_are_changed_by_a_form_of_ours_and_by_admins_alone,
    whoever_gives_up_their_own_role_is_shown_what_is_left,
);

const MEMBERS: &str = "/secret/members";

/// The members of a registry, as the API says it.
async fn members(scene: &Scene) -> Vec<String> {
    let path = "/api/v1/registries/secret/members";
    let list = scene.admin.get(path).await.expect(200).json();
    let items = list["items"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = items.map(|item| format!("{} {}", text(&item["principal"]), text(&item["role"])));
    // but for who made it
    items.filter(|member| member != "admin admin").collect()
}

async fn user(scene: &Scene, name: &str) {
    let user = json!({ "name": name });
    scene.admin.post("/api/v1/users", user).await.expect(201);
}

/// A browser of an admin of the registry who is none of the server.
async fn owner(scene: &Scene) -> Browser {
    let browser = scene.browser_of("olivia", "member").await;
    scene.admin.member("secret", "olivia", "admin").await;
    browser
}

/// The form of the row in which somebody stands.
fn row(page: &Page, action: &str, who: &str) -> supercargo_testkit::Form {
    let mut forms = page.forms().into_iter();
    let found = forms.find(|form| form.action.ends_with(action) && form.value("who") == Some(who));
    found.unwrap_or_else(|| panic!("{who}: {page}"))
}

/// I5.
async fn roles_are_given_changed_and_taken_by_form(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    user(&scene, "bob").await;
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    for words in [
        "Only members read this registry.",
        "Reads the index, downloads and searches.",
        "olivia you directly",
        "There is none. Jobs of GitHub Actions",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let form = page
        .form(MEMBERS)
        .with("who", " bob ")
        .with("role", "publisher");
    let page = olivia.send(&form).await.expect(200);
    assert!(
        page.words()
            .contains("The role of bob is given, as of now."),
        "{page}"
    );
    assert_eq!(members(&scene).await, ["bob publisher", "olivia admin"]);

    let form = row(&page, MEMBERS, "bob");
    assert_eq!(form.value("role"), Some("publisher"));
    olivia
        .send(&form.with("role", "maintainer"))
        .await
        .expect(200);
    assert_eq!(members(&scene).await, ["bob maintainer", "olivia admin"]);

    let page = olivia
        .send(&row(&page, "/members/remove", "bob"))
        .await
        .expect(200);
    assert!(
        page.words().contains("bob has no role here any more"),
        "{page}"
    );
    assert_eq!(members(&scene).await, ["olivia admin"]);
    // what comes in an address is shown only where it could be a name
    let page = scene
        .open(&mut olivia, "/secret/members?done=set&who=call+0800%3Cb%3E")
        .await;
    assert!(!page.expect(200).words().contains("0800"));
}

async fn teams_and_machines_have_roles_too(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    let team = json!({ "name": "core" });
    scene.admin.post("/api/v1/teams", team).await.expect(201);
    for name in ["bob", "carol"] {
        user(&scene, name).await;
        let path = format!("/api/v1/teams/core/members/{name}");
        scene.admin.put(&path, json!({})).await.expect(200);
    }
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    let form = page
        .form(MEMBERS)
        .with("who", "team:core")
        .with("role", "publisher");
    let page = olivia.send(&form).await.expect(200);
    assert!(
        page.words().contains("team:core by the team, 2 users"),
        "{page}"
    );

    let form = page.form("/members/machines");
    let form = form
        .with("service", "nightly")
        .with("service_role", "reader");
    let page = olivia.send(&form).await.expect(200);
    for words in [
        "The account service:nightly is made.",
        "service:nightly reader never just now",
        "supercargo token create deploy --principal service:nightly --registry secret --scope read",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    assert_eq!(
        members(&scene).await,
        [
            "olivia admin",
            "service:nightly reader",
            "team:core publisher"
        ]
    );
    let accounts = "/api/v1/service-accounts?registry=secret";
    let accounts = scene.admin.get(accounts).await.expect(200).json();
    assert_eq!(accounts["total"], 1, "{accounts}");
    // when its token was used last is told
    let token = json!({ "name": "x", "principal": "service:nightly", "registries": ["secret"] });
    let token = scene.admin.token(token).await;
    let client = scene.server.anonymous().with_token(&token);
    client.get("/secret/index/config.json").await.expect(200);
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    assert!(
        page.words().contains("service:nightly reader just now"),
        "{page}"
    );
    let page = olivia.send(&form.clone()).await.expect(409);
    assert!(page.words().contains("service:nightly"), "{page}");
    assert_eq!(
        page.form("/members/machines").value("service"),
        Some("nightly")
    );
}

async fn of_three_thousand_people_those_are_proposed_who_are_meant(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    for number in 0..30 {
        user(&scene, &format!("person-{number:02}")).await;
    }
    for name in ["alice", "malice"] {
        user(&scene, name).await;
    }
    scene.admin.member("secret", "alice", "reader").await;
    let proposed = async |browser: &mut Browser, text: &str| {
        let path = format!("/secret/members/accounts?q={text}");
        let page = scene.open(browser, &path).await.expect(200);
        page.html.matches("<option").count()
    };
    // one letter would be nearly everybody
    assert_eq!(proposed(&mut olivia, "p").await, 0);
    assert_eq!(proposed(&mut olivia, "person").await, 12);
    assert_eq!(proposed(&mut olivia, "PERSON-07").await, 1);
    assert_eq!(proposed(&mut olivia, "team:person").await, 0);
    assert_eq!(proposed(&mut olivia, "%25%25").await, 0);
    assert_eq!(proposed(&mut olivia, "__").await, 0);
    // one of the two is a member already
    assert_eq!(proposed(&mut olivia, "alice").await, 1);

    // without a script, the search finds both, and gives a role to who has none
    let page = scene
        .open(&mut olivia, "/secret/members?q=alice")
        .await
        .expect(200);
    assert!(page.words().contains("No members yet malice"), "{page}");
    assert!(!page.words().contains("olivia you"), "{page}");
    let form = row(&page, MEMBERS, "malice").with("role", "publisher");
    olivia.send(&form).await.expect(200);
    assert_eq!(
        members(&scene).await,
        ["alice reader", "malice publisher", "olivia admin"]
    );
    let page = scene
        .open(&mut olivia, "/secret/members?q=nobody%22%3E")
        .await
        .expect(200);
    assert!(
        page.words()
            .contains("No member’s name has “nobody\">” in it."),
        "{page}"
    );

    for number in 0..30 {
        let name = format!("person-{number:02}");
        scene.admin.member("secret", &name, "reader").await;
    }
    for number in 30..60 {
        let name = format!("person-{number:02}");
        user(&scene, &name).await;
        scene.admin.member("secret", &name, "reader").await;
    }
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    assert!(page.words().contains("1 to 50 of 64"), "{page}");
    assert!(page.html.len() < 100_000, "{}", page.html.len());
    let page = scene
        .open(&mut olivia, "/secret/members?page=2")
        .await
        .expect(200);
    assert!(page.words().contains("51 to 64 of 64"), "{page}");
}

async fn what_is_wrong_stands_beside_the_form_with_what_was_typed(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    user(&scene, "robert").await;
    scene
        .admin
        .create_service_account("far", Some("open"))
        .await;
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    let form = page.form(MEMBERS);
    for (who, role, status, words) in [
        ("rob", "reader", 404, "rob"),
        ("\"><script>", "reader", 422, "invalid character"),
        ("", "reader", 422, "1 to 64 characters"),
        ("robert", "king", 422, "`king`"),
        // of another registry's, which is none here
        ("service:far", "reader", 404, "service:far"),
        ("job:secret.x", "reader", 422, "trusted publisher"),
    ] {
        let sent = form.clone().with("who", who).with("role", role);
        let page = olivia.send(&sent).await.expect(status);
        let words = words.replace('`', "");
        let said = page.words().to_lowercase();
        assert!(said.contains(&words), "{words}: {page}");
        assert!(page.html.contains("aria-invalid=\"true\""), "{page}");
        assert_eq!(page.form(MEMBERS).value("who"), Some(who));
        assert_eq!(executable(&page.html), Vec::<String>::new());
    }
    // somebody was meant: here is who that could be
    let page = olivia
        .send(&form.with("who", "rob").with("role", "publisher"))
        .await;
    assert!(page.html.contains("<option value=\"robert\">"), "{page}");
    assert_eq!(page.form(MEMBERS).value("role"), Some("publisher"));
    assert_eq!(members(&scene).await, ["olivia admin"]);

    let machine = page
        .form("/members/machines")
        .with("service", "A b")
        .with("service_role", "x");
    let page = olivia.send(&machine).await.expect(422);
    assert!(
        page.words().contains("2 fields have to be corrected."),
        "{page}"
    );
    let remove = page.form("/members/remove").with("who", "robert");
    olivia.send(&remove).await.expect(404);
}

/// I5, and issue 6's "safe".
async fn members_are_changed_by_a_form_of_ours_and_by_admins_alone(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    user(&scene, "bob").await;
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    let form = page.form(MEMBERS).with("who", "bob").with("role", "admin");
    for wrong in [
        form.clone().without("csrf"),
        form.clone().from_page("https://evil.example/"),
    ] {
        olivia.send_only(&wrong).await.expect(403);
    }
    let mut mallory = scene.browser_of("mallory", "creator").await;
    let own = scene
        .open(&mut mallory, "/-/account/tokens")
        .await
        .expect(200);
    let csrf = own.form("/-/logout").value("csrf").unwrap().to_owned();
    let paths = ["", "/remove", "/machines"].map(|part| scene.at(&format!("{MEMBERS}{part}")));
    let send = |action: &str| {
        let mut form = form.clone().with("csrf", &csrf);
        action.clone_into(&mut form.action);
        form
    };
    for path in &paths {
        // whoever does not see the registry learns nothing
        mallory.send_only(&send(path)).await.expect(404);
    }
    scene.open(&mut mallory, MEMBERS).await.expect(404);
    scene
        .open(&mut mallory, "/secret/members/accounts?q=bob")
        .await
        .expect(404);
    scene.admin.member("secret", "mallory", "maintainer").await;
    for path in &paths {
        mallory.send_only(&send(path)).await.expect(403);
    }
    let page = scene
        .open(&mut mallory, "/secret/members/accounts?q=bob")
        .await;
    assert!(!page.expect(403).html.contains("value=\"bob\""));
    let denied = "/api/v1/audit?principal=mallory&outcome=denied&action=member.set";
    let denied = scene.admin.get(denied).await.expect(200).json();
    assert_eq!(denied["total"], 2, "{denied}");
    assert_eq!(
        members(&scene).await,
        ["mallory maintainer", "olivia admin"]
    );
    let gone = Browser::new().send_only(&form).await.expect(303);
    assert_eq!(
        gone.headers["location"],
        "/-/login?return_to=%2Fsecret%2Fmembers"
    );
}

async fn whoever_gives_up_their_own_role_is_shown_what_is_left(database: Database) {
    let scene = Scene::start(database).await;
    let mut olivia = owner(&scene).await;
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    let form = row(&page, MEMBERS, "olivia").with("role", "reader");
    let page = olivia.send(&form).await.expect(200);
    assert_eq!(page.path(), "/secret");
    scene.admin.member("secret", "olivia", "admin").await;
    let page = scene.open(&mut olivia, MEMBERS).await.expect(200);
    let page = olivia
        .send(&row(&page, "/members/remove", "olivia"))
        .await
        .expect(200);
    assert_eq!(page.path(), "/");
    assert_eq!(members(&scene).await, Vec::<String>::new());
}
