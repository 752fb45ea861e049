//! CI jobs with the real cargo and the provider: who they are is all that they bring.

use std::fs;

use serde_json::json;
use supercargo_testkit::{CiIssuer, Database, Dependency, Outcome, Package, on_both};

use crate::scene::{Scene, Terminal};

on_both!(
    a_job_of_github_publishes_and_fetches,
    a_job_with_one_identity_runs_cargo_several_times,
    an_identity_for_somebody_else_is_not_sent,
    a_job_that_no_rule_covers_reads_why,
    a_job_without_an_identity_is_told_how_to_get_one,
);

/// Jobs on the main branch of `acme/app` may publish.
async fn with_rule(database: Database) -> (Scene, CiIssuer) {
    let scene = Scene::start(database).await;
    let issuer = CiIssuer::start().await;
    let rule = json!({
        "name": "release",
        "preset": "github",
        "issuer": issuer.url(),
        "claims": { "repository": "acme/app", "ref": "refs/heads/main" },
        "scopes": ["read", "publish"],
        "crates": ["acme-*"],
    });
    let rules = "/api/v1/registries/acme/trusted-publishers";
    scene.admin.post(rules, rule).await.expect(201);
    let package = Package::new("acme-core", "1.0.0");
    scene.admin.publish("acme", &package).await.expect(200);
    (scene, issuer)
}

async fn publish(terminal: &Terminal, version: &str) -> Outcome {
    let cargo = &terminal.cargo;
    let folder = cargo.folder(&format!("acme-more-{version}"));
    Package::new("acme-more", version).write_source(&folder);
    cargo
        .run(&folder, &["publish", "--registry", "acme", "--no-verify"])
        .await
}

async fn fetch(terminal: &Terminal) -> Outcome {
    let cargo = &terminal.cargo;
    cargo.forget_downloads();
    let needs = Dependency::new("acme-core", "1").registry("acme");
    let folder = cargo.project(&Package::new("consumer", "0.1.0").depends_on(needs));
    cargo.run(&folder, &["fetch"]).await
}

fn audience(scene: &Scene) -> String {
    let url = scene.server.url();
    format!("{}/acme", url.strip_prefix("http://").unwrap())
}

/// Rows I6, I8.
async fn a_job_of_github_publishes_and_fetches(database: Database) {
    let (scene, issuer) = with_rule(database).await;
    let (url, shown) = issuer.runner();
    let terminal = scene.terminal().with(|cargo| {
        cargo
            .env("CI", "true")
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", &url)
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", shown)
    });
    fetch(&terminal).await.success();
    publish(&terminal, "1.0.0").await.success();
    publish(&terminal, "1.1.0").await.success();
    let log = scene.log("version.published").await;
    assert!(log[0].starts_with("job:acme.release done"), "{log:?}");
    assert!(!terminal.folder().exists(), "a job keeps nothing on disk");
    assert!(job_files(&terminal).is_empty(), "nor in memory");
}

/// As GitLab gives it, in a variable: the server takes it once, and the job has several cargos.
async fn a_job_with_one_identity_runs_cargo_several_times(database: Database) {
    let (scene, issuer) = with_rule(database).await;
    let identity = issuer.job(&audience(&scene), &json!({}));
    let terminal = scene.terminal().with(|cargo| {
        cargo
            .env("CI", "true")
            .env("SUPERCARGO_ID_TOKEN", &identity)
    });
    fetch(&terminal).await.success();
    publish(&terminal, "1.0.0").await.success();
    fetch(&terminal).await.success();
    assert_eq!(scene.log("token.exchanged").await.len(), 1);
    let files = job_files(&terminal);
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(!files[0].contains(&identity[..20]), "{files:?}");
    assert!(!terminal.has_opened());
}

/// The attack is a project's configuration that names another server.
async fn an_identity_for_somebody_else_is_not_sent(database: Database) {
    let (scene, issuer) = with_rule(database).await;
    let identity = issuer.job("crates.acme.example/acme", &json!({}));
    let terminal = scene
        .terminal()
        .with(|cargo| cargo.env("SUPERCARGO_ID_TOKEN", &identity));
    let failed = fetch(&terminal).await.failure();
    assert!(
        failed
            .stderr
            .contains("was made for `crates.acme.example/acme`"),
        "{failed:?}"
    );
    assert!(!failed.stderr.contains(&identity), "{failed:?}");
    // not even looked at by the server
    assert_eq!(scene.log("token.exchanged").await, [] as [String; 0]);
    let terminal = scene
        .terminal()
        .with(|cargo| cargo.env("SUPERCARGO_ID_TOKEN", "hunter2"));
    let failed = fetch(&terminal).await.failure();
    assert!(
        failed.stderr.contains("does not hold an ID token"),
        "{failed:?}"
    );
    assert!(!failed.stderr.contains("hunter2"), "{failed:?}");
}

async fn a_job_that_no_rule_covers_reads_why(database: Database) {
    let (scene, issuer) = with_rule(database).await;
    let stranger = json!({ "repository": "evil/app" });
    let identity = issuer.job(&audience(&scene), &stranger);
    let terminal = scene
        .terminal()
        .with(|cargo| cargo.env("SUPERCARGO_ID_TOKEN", &identity));
    let failed = fetch(&terminal).await.failure();
    assert!(
        failed
            .stderr
            .contains("no trusted publisher of registry `acme` takes this token"),
        "{failed:?}"
    );
}

async fn a_job_without_an_identity_is_told_how_to_get_one(database: Database) {
    let (scene, _) = with_rule(database).await;
    let terminal = scene
        .terminal_with(&["--no-keyring", "--no-browser"])
        .with(|cargo| cargo.env("CI", "true"));
    let failed = fetch(&terminal).await.failure();
    assert!(
        failed.stderr.contains("`permissions: id-token: write`"),
        "{failed:?}"
    );
}

/// What is kept for a job until its token ends.
fn job_files(terminal: &Terminal) -> Vec<String> {
    let entries = fs::read_dir(terminal.cargo.root()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("supercargo-job-"))
        .collect()
}
