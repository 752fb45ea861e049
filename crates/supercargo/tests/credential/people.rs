//! A person with the real cargo and the provider, which opens the person's browser.

use std::fs;

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Cargo, Database, Dependency, Outcome, Package, View, on_both};

use crate::scene::{Scene, Terminal};

on_both!(
    a_person_publishes_and_fetches_after_one_approval,
    every_view_of_a_registry_shares_one_token,
    a_token_that_was_revoked_or_is_over_gets_a_successor,
    cargo_login_and_logout,
    a_refusal_reaches_cargo,
    nobody_is_waited_for_where_nobody_is,
);

async fn publish(cargo: &Cargo, name: &str, version: &str) -> Outcome {
    let folder = cargo.folder(&format!("{name}-{version}"));
    Package::new(name, version).write_source(&folder);
    cargo
        .run(&folder, &["publish", "--registry", "acme", "--no-verify"])
        .await
}

/// Fetches what a project needs, with nothing downloaded before.
async fn fetch(cargo: &Cargo) -> Outcome {
    cargo.forget_downloads();
    let needs = Dependency::new("acme-core", "1").registry("acme");
    let folder = cargo.project(&Package::new("consumer", "0.1.0").depends_on(needs));
    cargo.run(&folder, &["fetch"]).await
}

/// Runs something while the person approves what their browser shows.
async fn approving<T>(
    scene: &Scene,
    browser: &mut Browser,
    terminal: &Terminal,
    run: impl Future<Output = T>,
) -> T {
    let approve = async {
        let url = terminal.opened().await;
        scene.decide(browser, &url, "approve").await.expect(200);
    };
    tokio::join!(run, approve).0
}

async fn with_core(database: Database) -> Scene {
    let scene = Scene::start(database).await;
    let package = Package::new("acme-core", "1.0.0");
    scene.admin.publish("acme", &package).await.expect(200);
    scene
}

/// Row I8.
async fn a_person_publishes_and_fetches_after_one_approval(database: Database) {
    let scene = with_core(database).await;
    let mut alice = scene.browser("alice").await;
    let terminal = scene.terminal();
    let cargo = &terminal.cargo;
    let published = approving(
        &scene,
        &mut alice,
        &terminal,
        publish(cargo, "acme-more", "1.0.0"),
    );
    let published = published.await.success();
    assert!(
        published
            .stderr
            .contains("approve only on a page of 127.0.0.1"),
        "{published:?}"
    );
    fetch(cargo).await.success();
    publish(cargo, "acme-more", "1.1.0").await.success();
    assert!(!terminal.has_opened(), "one approval is enough");
    let tokens = scene.tokens_of("alice").await;
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(
        tokens[0]["scopes"],
        json!(["read", "publish", "yank", "owners"])
    );
    assert_eq!(tokens[0]["registries"], json!(["acme"]));
    let name = tokens[0]["name"].as_str().unwrap();
    assert!(name.starts_with("cargo"), "{name}");
    let hours = |time: &Value| time.as_str().unwrap()[11..13].parse::<u32>().unwrap();
    let life = (24 + hours(&tokens[0]["expires_at"]) - hours(&tokens[0]["created_at"])) % 24;
    assert_eq!(life, 12);
}

/// Row I8: the index, the mirror and the hosted view.
async fn every_view_of_a_registry_shares_one_token(database: Database) {
    let scene = with_core(database).await;
    let mut alice = scene.browser("alice").await;
    let views = [View::Mirror, View::Hosted].map(|view| scene.server.index_url("acme", view));
    let terminal = scene.terminal().with(|cargo| {
        cargo
            .registry("mirror", &views[0])
            .registry("hosted", &views[1])
    });
    let cargo = &terminal.cargo;
    approving(&scene, &mut alice, &terminal, fetch(cargo))
        .await
        .success();
    let folder = cargo.folder("anywhere");
    let info = ["info", "acme-core", "--registry", "hosted"];
    cargo.run(&folder, &info).await.success();
    let missing = cargo
        .run(&folder, &["info", "acme-core", "--registry", "mirror"])
        .await;
    // private crates are not in the mirror view; the question was answered all the same
    let missing = missing.failure();
    assert!(
        missing.stderr.contains("could not find `acme-core`"),
        "{missing:?}"
    );
    assert!(!terminal.has_opened());
    kept(&terminal);
}

async fn a_token_that_was_revoked_or_is_over_gets_a_successor(database: Database) {
    let scene = with_core(database).await;
    let mut alice = scene.browser("alice").await;
    let terminal = scene.terminal();
    let cargo = &terminal.cargo;
    approving(&scene, &mut alice, &terminal, fetch(cargo))
        .await
        .success();
    let first = kept(&terminal);
    let id = first["id"].as_str().unwrap();
    scene
        .admin
        .delete(&format!("/api/v1/tokens/{id}"))
        .await
        .expect(204);
    approving(&scene, &mut alice, &terminal, fetch(cargo))
        .await
        .success();
    let second = kept(&terminal);
    assert_ne!(second["id"], first["id"]);
    // as if it had been made twelve hours ago
    change(&terminal, "expires_at", &json!("2026-01-01T00:00:00Z"));
    approving(&scene, &mut alice, &terminal, fetch(cargo))
        .await
        .success();
    assert_ne!(kept(&terminal)["id"], second["id"]);
    fetch(cargo).await.success();
    assert!(!terminal.has_opened());
}

async fn cargo_login_and_logout(database: Database) {
    let scene = with_core(database).await;
    let mut alice = scene.browser("alice").await;
    let terminal = scene.terminal();
    let cargo = &terminal.cargo;
    let folder = cargo.folder("anywhere");
    let login = cargo.run(&folder, &["login", "--registry", "acme"]);
    approving(&scene, &mut alice, &terminal, login)
        .await
        .success();
    fetch(cargo).await.success();
    let token = kept(&terminal)["token"].as_str().unwrap().to_owned();
    cargo
        .run(&folder, &["logout", "--registry", "acme"])
        .await
        .success();
    let ended = scene.server.anonymous().with_token(&token);
    ended.get("/api/v1/me").await.expect(401);
    assert_eq!(terminal.kept(), json!({}));
    let again = cargo.run(&folder, &["logout", "--registry", "acme"]).await;
    assert!(
        again.stderr.contains("not currently logged in"),
        "{again:?}"
    );
    // a token that was made elsewhere
    let made = scene
        .admin
        .token(json!({ "principal": "alice", "scopes": ["read"] }))
        .await;
    let typed = ["login", "--registry", "acme"];
    cargo.run_with_input(&folder, &typed, &made).await.success();
    fetch(cargo).await.success();
    assert!(!terminal.has_opened());
    let wrong = format!("scg_{}", "0".repeat(49));
    let refused = cargo
        .run_with_input(&folder, &typed, &wrong)
        .await
        .failure();
    assert!(
        refused.stderr.contains("the token does not work here"),
        "{refused:?}"
    );
    assert_eq!(kept(&terminal)["token"], json!(made));
    // nobody gets it back: it is forgotten, and lives
    let out = cargo.run(&folder, &["logout", "--registry", "acme"]).await;
    let out = out.success();
    assert!(out.stderr.contains("and works on"), "{out:?}");
    assert_eq!(terminal.kept(), json!({}));
    let owner = scene.server.anonymous().with_token(&made);
    owner.get("/api/v1/me").await.expect(200);
}

async fn a_refusal_reaches_cargo(database: Database) {
    let scene = with_core(database).await;
    let mut alice = scene.browser("alice").await;
    let terminal = scene.terminal();
    let refuse = async {
        let url = terminal.opened().await;
        scene.decide(&mut alice, &url, "refuse").await.expect(200);
    };
    let (outcome, ()) = tokio::join!(fetch(&terminal.cargo), refuse);
    let refused = outcome.failure();
    assert!(
        refused
            .stderr
            .contains("this login was refused in the browser"),
        "{refused:?}"
    );
}

/// An editor's cargo, or a script: no terminal, no browser.
async fn nobody_is_waited_for_where_nobody_is(database: Database) {
    let scene = with_core(database).await;
    let terminal = scene.terminal_with(&["--no-keyring", "--no-browser"]);
    let failed = fetch(&terminal.cargo).await.failure();
    let told = "nobody is there to log in; run `cargo login --registry acme` in a terminal";
    assert!(failed.stderr.contains(told), "{failed:?}");
    assert!(
        failed.stderr.contains("no token found for `acme`"),
        "{failed:?}"
    );
    let terminal = scene.terminal_with(&["--nonsense"]);
    let failed = fetch(&terminal.cargo).await.failure();
    assert!(
        failed.stderr.contains("does not know `--nonsense`"),
        "{failed:?}"
    );
}

/// What the provider keeps for the only registry.
fn kept(terminal: &Terminal) -> Value {
    let kept = terminal.kept();
    let mut tokens = kept.as_object().unwrap().values();
    let token = tokens.next().unwrap().clone();
    assert!(tokens.next().is_none(), "{kept}");
    token
}

fn change(terminal: &Terminal, field: &str, value: &Value) {
    let mut kept = terminal.kept();
    for token in kept.as_object_mut().unwrap().values_mut() {
        token[field] = value.clone();
    }
    let file = terminal.folder().join("cargo-tokens.json");
    fs::write(file, kept.to_string()).unwrap();
}
