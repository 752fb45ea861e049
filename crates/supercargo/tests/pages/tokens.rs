//! The pages of tokens: rows P16 and I4, and issue 6's page 7.

use serde_json::json;
use supercargo_testkit::{Browser, Database, Package, Page, on_both};

use crate::{html::executable, scene::Scene};

on_both!(
    a_token_is_made_shown_once_and_revoked,
    what_a_token_could_do_is_said_before_it_is_made,
    what_is_wrong_with_a_token_is_said_beside_the_form,
    a_token_is_made_by_a_form_of_ours_alone,
    cargo_login_leads_to_the_form,
);

const LIST: &str = "/-/account/tokens";
const NEW: &str = "/-/account/tokens/new";

async fn alice(scene: &Scene) -> Browser {
    let browser = scene.browser_of("alice", "member").await;
    scene.admin.member("secret", "alice", "publisher").await;
    browser
}

fn secret(page: &Page) -> String {
    let at = page.html.find("scg_").unwrap_or_else(|| panic!("{page}"));
    page.html[at..at + 53].to_owned()
}

/// How many tokens alice has.
async fn tokens(scene: &Scene) -> u64 {
    let page = scene.admin.get("/api/v1/tokens?principal=alice").await;
    page.expect(200).json()["total"].as_u64().unwrap()
}

/// I4, and row V1's "for those who may".
async fn a_token_is_made_shown_once_and_revoked(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = alice(&scene).await;
    let page = scene
        .open(&mut alice, &format!("{NEW}?registry=secret"))
        .await;
    let form = page
        .expect(200)
        .form(NEW)
        .with("name", "laptop <b>")
        .with("do", "create");
    let page = alice.send(&form).await.expect(201);
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(
        page.words().contains("cargo login --registry secret"),
        "{page}"
    );
    assert!(
        page.words().contains("and publish and yank new crates"),
        "{page}"
    );
    assert_eq!(executable(&page.html), Vec::<String>::new());
    let secret = secret(&page);

    let client = scene.server.anonymous().with_token(&secret);
    let package = Package::new("of-alice", "1.0.0");
    client.publish("secret", &package).await.expect(200);

    let page = scene.open(&mut alice, LIST).await.expect(200);
    assert!(!page.html.contains(&secret), "{page}");
    assert!(page.html.contains(&secret[..8]), "{page}");
    for words in [
        "laptop <b>",
        "read, publish, yank and undo",
        "secret",
        "in 4 weeks",
    ] {
        assert!(page.words().contains(words), "{words}: {page}");
    }
    let page = alice.send(&page.form("/-/account/tokens/revoke")).await;
    assert!(page.expect(200).words().contains("The token is revoked"));
    client.get("/secret/index/config.json").await.expect(401);
    let page = scene.open(&mut alice, LIST).await.expect(200);
    assert!(page.words().contains("No token yet"), "{page}");
}

async fn what_a_token_could_do_is_said_before_it_is_made(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = alice(&scene).await;
    // two registries that she may read besides: none is chosen for her
    let page = scene.open(&mut alice, NEW).await.expect(200);
    assert!(page.words().contains("Choose where it is for"), "{page}");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("connect-src 'self'"), "{policy}");
    let form = page.form(NEW).with("do", "preview").with("end", "7");
    let form = form.and("scope", "publish").and("scope", "delete");
    let page = alice
        .send(&form.and("registry", "secret"))
        .await
        .expect(200);
    assert!(page.words().contains("Acting for alice"), "{page}");
    assert!(page.words().contains("and publish new crates"), "{page}");
    assert!(page.words().contains("delete"), "{page}");
    // what was chosen is chosen still
    let again = page.form(NEW);
    assert_eq!(again.value("end"), Some("7"));
    assert_eq!(again.value("registry"), Some("secret"));
    let fields = again.fields.iter();
    let scopes: Vec<_> = fields.filter(|(name, _)| name == "scope").collect();
    assert_eq!(scopes.len(), 2, "{scopes:?}");
    assert_eq!(tokens(&scene).await, 0);
}

async fn what_is_wrong_with_a_token_is_said_beside_the_form(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = scene.browser_of("alice", "member").await;
    let page = scene.open(&mut alice, NEW).await.expect(200);
    let form = page.form(NEW).with("name", "ci").with("do", "create");
    let everywhere = form.clone().with("everywhere", "yes");
    for (form, words) in [
        (form.clone(), "Choose a registry, or every registry."),
        (
            everywhere.clone().with("name", " "),
            "name has 1 to 100 characters",
        ),
        (
            everywhere
                .clone()
                .with("end", "date")
                .with("date", "2020-01-01"),
            "is in the past",
        ),
        (
            everywhere.clone().with("end", "date").with("date", "soon"),
            "on which date",
        ),
        (everywhere.clone().with("end", "<i>"), "Say when it ends."),
        (everywhere.clone().with("scope", "everything"), "everything"),
        (everywhere.with("crates", "acme ac.me"), "ac.me"),
    ] {
        let page = alice.send(&form).await.expect(422);
        assert!(page.words().contains(words), "{words}: {page}");
        assert!(page.html.contains("role=\"alert\""), "{page}");
    }
    // a registry that is hidden, and one that is not there
    let [hidden, nowhere] = ["secret", "nosuch"].map(|name| form.clone().with("registry", name));
    let [hidden, nowhere] = [alice.send(&hidden).await, alice.send(&nowhere).await];
    assert!(
        hidden.words().contains("There is no registry secret ."),
        "{hidden}"
    );
    assert_eq!(hidden.words().replace("secret", "nosuch"), nowhere.words());
    assert_eq!(tokens(&scene).await, 0);
}

async fn a_token_is_made_by_a_form_of_ours_alone(database: Database) {
    let scene = Scene::start(database).await;
    let mut alice = alice(&scene).await;
    let page = scene
        .open(&mut alice, &format!("{NEW}?registry=secret"))
        .await;
    let form = page.form(NEW).with("name", "laptop").with("do", "create");
    let stranger = form.clone().from_page("https://evil.example/");
    alice.send_only(&stranger).await.expect(403);
    alice
        .send_only(&form.clone().without("csrf"))
        .await
        .expect(403);
    // a page elsewhere that tries to use somebody's browser is in the log
    let log = "/api/v1/audit?principal=alice&outcome=denied";
    let log = scene.admin.get(log).await.expect(200).json();
    let entries: Vec<_> = log["items"].as_array().unwrap().iter().collect();
    assert_eq!(entries.len(), 2, "{log}");
    for entry in entries {
        assert_eq!(entry["action"], "token.created");
        let detail = entry["detail"].as_str().unwrap();
        assert!(detail.contains("form-not-ours"), "{detail}");
    }
    // signed out meanwhile: nothing is made, and the page is shown again
    let page = Browser::new().send_only(&form).await.expect(303);
    assert_eq!(
        page.headers["location"],
        "/-/login?return_to=%2F-%2Faccount%2Ftokens%2Fnew"
    );
    assert_eq!(tokens(&scene).await, 0);
    // nobody revokes what is another's
    let other = json!({ "name": "of root", "scopes": ["read"] });
    let other = scene
        .admin
        .post("/api/v1/tokens", other)
        .await
        .expect(201)
        .json();
    alice.send(&form).await.expect(201);
    let page = scene.open(&mut alice, LIST).await.expect(200);
    let form = page
        .form("/-/account/tokens/revoke")
        .with("id", other["id"].as_str().unwrap());
    alice.send(&form).await.expect(404);
}

/// P16: where `cargo login` sends a person.
async fn cargo_login_leads_to_the_form(database: Database) {
    let scene = Scene::start(database).await;
    drop(alice(&scene).await);
    for name in ["secret", "no.such"] {
        let page = scene.anybody(&format!("/{name}/me")).await.expect(303);
        let to = format!("{NEW}?registry={name}");
        assert_eq!(page.headers["location"], to.as_str());
        assert_eq!(page.headers["vary"], "accept");
        // in a terminal, the same in words
        let text = scene
            .server
            .anonymous()
            .get(&format!("/{name}/me"))
            .await
            .expect(200)
            .text();
        assert!(text.contains(&scene.at(&to)), "{text}");
        let login = format!("cargo login --registry {}\n", name.replace('.', "-"));
        assert!(text.contains(&login), "{text}");
    }
    let mut browser = Browser::new();
    let page = scene.open(&mut browser, "/secret/me").await.expect(200);
    let form = page.form("/-/login").with("user", "alice");
    let form = form.with("password", "a long way to Valparaiso");
    let page = browser.send(&form).await.expect(200);
    assert_eq!(page.path(), format!("{NEW}?registry=secret"));
    assert!(
        page.words().contains("cargo login --registry secret"),
        "{page}"
    );
    assert_eq!(page.form(NEW).value("registry"), Some("secret"));
}
