//! `supercargo admin token`: the way back in when nobody has an administrator's token any more.

use std::process::Output;

use serde_json::json;
use supercargo_testkit::{Database, on_both};
use tokio::process::Command;

use crate::scene::{PROGRAM, Scene, without_ids};

on_both!(a_token_is_made_on_the_database_itself);

async fn recover(scene: &Scene, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(["admin", "token"])
        .args(arguments)
        .current_dir(scene.server.data())
        .env("SUPERCARGO_DATA", scene.server.data())
        .env_remove("SUPERCARGO_TOKEN");
    if let Some(url) = scene.server.database_url() {
        command.env("SUPERCARGO_DATABASE", url);
    }
    command.output().await.unwrap()
}

fn secret(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let secret = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(!words.contains(&secret), "{words}");
    secret
}

fn sentence(output: &Output) -> String {
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn a_token_is_made_on_the_database_itself(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.user("alice").await;
    scene.user("zoe").await;
    let admins = json!({ "instance_role": "admin" });
    let changed = scene.admin.patch("/api/v1/users/zoe", admins).await;
    changed.expect(200);
    if scene.server.database_url().is_none() {
        let running = sentence(&recover(&scene, &[]).await);
        assert!(running.contains("stop it, run this again"), "{running}");
        scene.server.stop().await;
    }
    let first = secret(&recover(&scene, &[]).await);
    let named = secret(&recover(&scene, &["--user", "zoe"]).await);
    for (user, part) in [
        ("alice", "`alice` is not an instance admin"),
        ("bob", "there is no user `bob`"),
    ] {
        let refused = sentence(&recover(&scene, &["--user", user]).await);
        assert!(refused.contains(part), "{refused}");
    }
    let nowhere = recover(&scene, &["--database", "sqlite:nowhere.db"]).await;
    assert!(sentence(&nowhere).contains("there is no database"));
    assert!(!scene.server.data().join("nowhere.db").exists());
    if scene.server.database_url().is_none() {
        scene.server.restart().await;
    }
    for (token, name) in [(first, "admin"), (named, "zoe")] {
        let client = scene.server.anonymous().with_token(&token);
        let me = client.get("/api/v1/me").await.expect(200).json();
        assert_eq!(me["principal"]["name"], name);
        assert!(me["token"]["expires_at"].is_string(), "{me}");
        client.get("/api/v1/users").await.expect(200);
    }
    let log = scene.log("action=token.recovered").await;
    let log = without_ids(&log);
    assert!(log.contains("| - | - | [ID] for admin: "), "{log}");
    assert!(log.contains("| - | - | [ID] for zoe: "), "{log}");
    // a disabled admin is not let in, and does not become enabled
    let disabled = json!({ "disabled": true });
    let changed = scene.admin.patch("/api/v1/users/zoe", disabled).await;
    changed.expect(200);
    if scene.server.database_url().is_none() {
        scene.server.stop().await;
    }
    let refused = sentence(&recover(&scene, &["--user", "zoe"]).await);
    assert!(refused.contains("`zoe` is disabled"), "{refused}");
}
