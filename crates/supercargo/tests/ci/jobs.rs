//! Jobs with the real cargo, and what a token of theirs is.

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Browser, Cargo, Database, Dependency, Outcome, Package, on_both};

use crate::scene::{RULES, Scene, tokens_of};

const PASSWORD: &str = "forty-two grey geese";

on_both!(
    a_job_publishes_and_builds_with_the_real_cargo,
    a_job_of_a_pull_request_builds_and_cannot_publish,
    a_token_says_for_whom_it_was_made_everywhere,
    a_job_ends_its_token,
    a_deleted_rule_ends_its_tokens_at_once,
    a_changed_rule_ends_its_tokens_at_once,
);

async fn publish(cargo: &Cargo, name: &str, version: &str) -> Outcome {
    let folder = cargo.folder(&format!("{name}-{version}"));
    Package::new(name, version).write_source(&folder);
    cargo
        .run(&folder, &["publish", "--registry", "acme", "--no-verify"])
        .await
}

/// Builds a project that needs `acme-core`, with nothing downloaded before.
async fn build(cargo: &Cargo) -> Outcome {
    cargo.forget_downloads();
    let needs = Dependency::new("acme-core", "1").registry("acme");
    let folder = cargo.project(&Package::new("consumer", "0.1.0").depends_on(needs));
    cargo.run(&folder, &["build"]).await
}

/// Row I6.
async fn a_job_publishes_and_builds_with_the_real_cargo(database: Database) {
    let scene = Scene::start(database).await;
    let cargo = scene.cargo(&scene.token(json!({})).await);
    publish(&cargo, "acme-core", "1.0.0").await.success();
    build(&cargo).await.success();
    // another job of the same rule goes on with what the first one made
    let next = scene.cargo(&scene.token(json!({ "run_id": "4712" })).await);
    publish(&next, "acme-core", "1.1.0").await.success();
    let log = scene.log("version.published").await;
    let without_checksum = |line: &String| {
        let (start, rest) = line.split_once("checksum ").unwrap();
        format!("{start}{}", &rest[64 + ", ".len()..])
    };
    let log: Vec<_> = log.iter().map(without_checksum).collect();
    assert_snapshot!(log.join("\n"), @"
    job:acme.release done github(ISSUER):acme/app@refs/heads/main (run 4712)
    job:acme.release done github(ISSUER):acme/app@refs/heads/main (run 4711)
    ");
    // who is signed in sees the run on the crate's page; a stranger is not told what a private repository is called
    let public = json!({ "visibility": "public" });
    let changed = scene.admin.patch("/api/v1/registries/acme", public).await;
    changed.expect(200);
    let alice = json!({ "name": "alice", "password": PASSWORD });
    scene.admin.post("/api/v1/users", alice).await.expect(201);
    let mut browser = Browser::new();
    let page = format!("{}/acme/crates/acme-core", scene.server.base());
    let of_stranger = browser.open(&page).await.expect(200);
    let login = format!("{}/-/login", scene.server.base());
    let login = browser.open(&login).await.expect(200);
    let form = login.form("/-/login").with("user", "alice");
    browser.send(&form.with("password", PASSWORD)).await;
    let of_alice = browser.open(&page).await.expect(200);
    let run = "acme/app@refs/heads/main (run 4712)";
    assert!(of_alice.words().contains(run), "{of_alice}");
    assert!(!of_stranger.html.contains("acme/app"), "{of_stranger}");
}

/// Row I6.
async fn a_job_of_a_pull_request_builds_and_cannot_publish(database: Database) {
    let scene = Scene::without_rules(database).await;
    scene
        .rule(json!({ "claims": { "repository": "acme/app" } }))
        .await;
    let package = Package::new("acme-core", "1.0.0");
    scene.admin.publish("acme", &package).await.expect(200);
    for event in ["pull_request", "pull_request_target", "workflow_run"] {
        let claims = json!({ "event_name": event, "ref": "refs/pull/7/merge" });
        let token = scene.token(claims).await;
        let cargo = scene.cargo(&token);
        build(&cargo).await.success();
        let refused = publish(&cargo, "acme-more", "1.0.0").await;
        assert_snapshot!(refused.refusal(), @"403 Forbidden: this token may not publish in registry `acme`: it lacks the scope `publish`; a job has what its trusted publisher says, and one of a pull request `read` alone");
    }
}

async fn a_token_says_for_whom_it_was_made_everywhere(database: Database) {
    let scene = Scene::start(database).await;
    let answer = scene.try_exchange(&scene.job(json!({}))).await.expect(200);
    let answer = answer.json();
    let token = answer["token"].as_str().unwrap();
    assert!(token.starts_with("scg_"));
    let mut me = scene
        .with_token(token)
        .get("/api/v1/me")
        .await
        .expect(200)
        .json();
    assert_eq!(me["token"]["expires_at"], answer["expires_at"]);
    let id = me["token"]["id"].take();
    me["token"]["expires_at"] = json!("[TIME]");
    assert_snapshot!(scene.stable(&me.to_string()), @r#"{"principal":{"name":"acme.release","kind":"job"},"instance_role":"member","token":{"id":null,"scopes":["read","publish"],"registries":["acme"],"crates":null,"expires_at":"[TIME]","subject":"github(ISSUER):acme/app@refs/heads/main (run 4711)"}}"#);
    let tokens = scene.admin.get("/api/v1/tokens").await.expect(200).json();
    let tokens = tokens["items"].as_array().unwrap();
    let listed = tokens.iter().find(|listed| listed["id"] == id).unwrap();
    assert_eq!(listed["subject"], me["token"]["subject"]);
    assert_eq!(listed["principal"], "job:acme.release");
    let others = tokens.iter().filter(|listed| listed["id"] != id);
    assert!(others.clone().count() > 0);
    for other in others {
        assert!(other.get("subject").is_none(), "{other}");
    }
    assert_snapshot!(scene.log("token.exchanged").await.join("\n"), @"job:acme.release done github(ISSUER):acme/app@refs/heads/main (run 4711): read,publish");
    let rule = format!("{RULES}/release");
    let rule = scene.admin.get(&rule).await.expect(200).json();
    assert!(rule["last_used_at"].is_string(), "{rule}");
}

async fn a_job_ends_its_token(database: Database) {
    let scene = Scene::start(database).await;
    let job = scene.with_token(&scene.token(json!({})).await);
    scene
        .admin
        .create_registry(json!({ "name": "open", "visibility": "public" }))
        .await;
    let elsewhere = job.delete(&tokens_of("open")).await;
    assert_snapshot!(scene.said(&elsewhere.expect(403)), @"403: here a job ends the token that it was given for this registry, and this is another one; end it with `supercargo token delete`");
    let mine = scene.admin.delete(&tokens_of("acme")).await;
    mine.expect(403);
    let nobody = scene.server.anonymous().delete(&tokens_of("acme")).await;
    nobody.expect(401);
    job.delete(&tokens_of("acme")).await.expect(204);
    job.get("/acme/index/config.json").await.expect(401);
    job.delete(&tokens_of("acme")).await.expect(401);
}

/// Row I6.
async fn a_deleted_rule_ends_its_tokens_at_once(database: Database) {
    let scene = Scene::start(database).await;
    let job = scene.with_token(&scene.token(json!({})).await);
    job.get("/acme/index/config.json").await.expect(200);
    let rule = format!("{RULES}/release");
    scene.admin.delete(&rule).await.expect(204);
    job.get("/acme/index/config.json").await.expect(401);
    scene.admin.get(&rule).await.expect(404);
    scene.admin.delete(&rule).await.expect(404);
    scene.try_exchange(&scene.job(json!({}))).await.expect(403);
    // made again, it trusts again, and wakes nothing
    scene.rule(json!({})).await;
    job.get("/acme/index/config.json").await.expect(401);
    scene.token(json!({})).await;
}

async fn a_changed_rule_ends_its_tokens_at_once(database: Database) {
    let scene = Scene::start(database).await;
    let job = scene.with_token(&scene.token(json!({})).await);
    let rule = format!("{RULES}/release");
    let change = json!({ "scopes": ["read"] });
    scene.admin.patch(&rule, change).await.expect(200);
    job.get("/acme/index/config.json").await.expect(401);
    let job = scene.with_token(&scene.token(json!({})).await);
    job.get("/acme/index/config.json").await.expect(200);
    let package = Package::new("acme-core", "1.0.0");
    job.publish("acme", &package).await.expect(403);
}
