//! A person: an empty home, what the page says, and nothing else.

use std::fs;

use supercargo_testkit::{Browser, Cargo, Database, Package, on_both};

use crate::{
    pasted::Pasted,
    scene::{PROGRAM, Scene, paste_into_home},
};

on_both!(
    everything_through_a_private_registry,
    a_private_registry_by_its_name,
    everything_through_a_registry_with_a_dot_below_a_path,
    a_public_registry_by_its_name,
    what_is_public_is_read_without_a_token,
    a_token_of_the_page_is_for_that_registry_and_thirty_days,
    a_registry_without_upstreams_has_one_way,
    an_administrator_lets_others_in,
);

/// Generates a token, pastes, adds a crate of the registry and one of crates.io, builds and publishes.
async fn works(mut scene: Scene, way: &str) {
    let page = scene.page_with_token("person", way).await;
    let pasted = Pasted::of(&page);
    let cargo = scene.bare(way);
    cargo.needs("1.74", "private reads");
    paste_into_home(&cargo, &pasted, &["config.toml", "credentials.toml"]);
    let app = cargo.project(&Package::new("app", "0.1.0"));
    let [add, publish] = pasted.shell()[..] else {
        panic!("two lines of shell: {page}");
    };
    let add = add.replace("CRATE", "core-parts");
    cargo.shell(&app, &add).await.success();
    cargo.run(&app, &["add", "public-parts"]).await.success();
    cargo.run(&app, &["build"]).await.success();
    let lock = fs::read_to_string(app.join("Cargo.lock")).unwrap();
    let private = format!("{}/{}/index/", scene.base, scene.registry);
    assert!(lock.contains(&private), "{lock}");
    assert!(
        !lock.contains("/mirror/"),
        "lockfiles stay as with crates.io: {lock}"
    );
    let mine = cargo.project(&Package::new("of-alice", "1.0.0"));
    cargo.shell(&mine, publish).await.success();
    let path = format!("/api/v1/registries/{}/crates/of-alice", scene.registry);
    scene.admin.get(&path).await.expect(200);
    assert!(!scene.upstream.requests_to("/").is_empty());
}

/// I4, P16.
async fn everything_through_a_private_registry(database: Database) {
    works(
        Scene::start(database, "acme", "private").await,
        "everything",
    )
    .await;
}

async fn a_private_registry_by_its_name(database: Database) {
    works(Scene::start(database, "acme", "private").await, "named").await;
}

/// P15 besides.
async fn everything_through_a_registry_with_a_dot_below_a_path(database: Database) {
    let scene = Scene::below(database, "team.tools-x", "private", Some("/crates/here")).await;
    works(scene, "everything").await;
}

async fn a_public_registry_by_its_name(database: Database) {
    works(
        Scene::start(database, "team.tools-x", "public").await,
        "named",
    )
    .await;
}

async fn what_is_public_is_read_without_a_token(database: Database) {
    let scene = Scene::start(database, "acme", "public").await;
    for way in ["everything", "named"] {
        let url = format!("{}/acme/setup?way={way}", scene.base);
        let page = Browser::new().open(&url).await.expect(200);
        assert!(page.words().contains("Reading needs none"), "{page}");
        let pasted = Pasted::of(&page);
        let cargo = scene.bare(way);
        paste_into_home(&cargo, &pasted, &["config.toml"]);
        let app = cargo.project(&Package::new("app", "0.1.0"));
        let add = pasted.shell()[0].replace("CRATE", "core-parts");
        cargo.shell(&app, &add).await.success();
        cargo.run(&app, &["add", "public-parts"]).await.success();
        cargo.run(&app, &["build"]).await.success();
    }
}

/// I4.
async fn a_token_of_the_page_is_for_that_registry_and_thirty_days(database: Database) {
    let mut scene = Scene::start(database, "acme", "private").await;
    let page = scene.page("person", "named").await;
    let form = page.form("/setup").without("publish").with("days", "30");
    let stranger = form.clone().from_page("https://evil.example/");
    scene.alice.send_only(&stranger).await.expect(403);
    let page = scene.alice.send(&form.clone().with("days", "x")).await;
    assert!(page.expect(422).html.contains("role=\"alert\""));
    let page = scene.alice.send(&form).await.expect(201);
    assert_eq!(page.headers["cache-control"], "no-store");
    let list = scene.admin.get("/api/v1/tokens?principal=alice").await;
    let list = list.expect(200).json();
    assert_eq!(list["total"], 1, "{list}");
    let token = &list["items"][0];
    assert_eq!(token["registries"], serde_json::json!(["acme"]));
    assert_eq!(token["scopes"], serde_json::json!(["read"]));
    assert_eq!(token["name"], "laptop of alice");
    let day = |field: &str| token[field].as_str().unwrap()[..10].to_owned();
    assert_ne!(day("created_at"), day("expires_at"));
    assert!(
        page.words()
            .contains(&format!("ends {}", day("expires_at"))),
        "{page}"
    );
    // the page itself keeps nothing
    let again = scene.page("person", "named").await;
    assert!(again.html.contains("scg_THE_TOKEN_OF_STEP_1"), "{again}");
    assert!(
        !again.html.contains(token["prefix"].as_str().unwrap()),
        "{again}"
    );
}

/// I4: each line as it is, but for the login, which asks a person.
async fn an_administrator_lets_others_in(database: Database) {
    let mut scene = Scene::below(database, "team.tools-x", "private", Some("/crates")).await;
    let pasted = Pasted::of(&scene.page("admin", "named").await);
    let lines = pasted.shell();
    let [environment, claim, member, trust] = lines[..] else {
        panic!("four blocks: {lines:?}");
    };
    let (export, login) = environment.split_once('\n').unwrap();
    assert_eq!(login, "supercargo login\n");
    let lines = [
        export,
        &claim.replace("PREFIX", "acme"),
        &member.replace("NAME", "alice"),
        &trust.replace("OWNER/REPOSITORY", "acme/app"),
    ]
    .join("\n")
    .replace("\nsupercargo ", &format!("\n{PROGRAM} "));
    let terminal = Cargo::bare().env("SUPERCARGO_TOKEN", scene.server.admin_token());
    terminal.shell(terminal.root(), &lines).await.success();
    let claims = "/api/v1/registries/team.tools-x/claims";
    let claims = scene.admin.get(claims).await.expect(200).json();
    assert_eq!(claims["items"][0]["pattern"], "acme-*", "{claims}");
    let rule = "/api/v1/registries/team.tools-x/trusted-publishers/ci";
    scene.admin.get(rule).await.expect(200);
}

async fn a_registry_without_upstreams_has_one_way(database: Database) {
    let mut scene = Scene::start(database, "acme", "private").await;
    let none = serde_json::json!({ "upstreams": [] });
    let changed = scene.admin.patch("/api/v1/registries/acme", none).await;
    changed.expect(200);
    let page = scene.page("person", "everything").await;
    assert!(page.words().contains("acme has no upstream"), "{page}");
    let config = Pasted::of(&page).file("~/.cargo/config.toml").to_owned();
    assert!(!config.contains("crates-io"), "{config}");
}
