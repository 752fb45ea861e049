//! `supercargo audit …` against the real server.

use std::{fs, process::Output};

use supercargo_testkit::{Client, Database, on_both};
use tokio::process::Command;

use crate::scene::{PROGRAM, Scene, download};

on_both!(
    one_command_says_who_pulled_it,
    the_log_is_listed_and_exported,
);

async fn run(scene: &Scene, token: &str, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .env("SUPERCARGO_URL", scene.server.url())
        .env("SUPERCARGO_TOKEN", token)
        .current_dir(scene.server.data())
        .output()
        .await
        .unwrap()
}

async fn printed(scene: &Scene, arguments: &[&str]) -> String {
    let output = run(scene, scene.server.admin_token(), arguments).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Times differ from run to run, and so do their columns.
fn without_times(text: &str) -> String {
    let words = |line: &str| {
        let words = line.split_whitespace().filter(|word| {
            let digits = word.starts_with(|first: char| first.is_ascii_digit());
            !(digits && (word.contains(':') || word.matches('-').count() == 2))
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}

async fn with_readers(database: Database) -> (Scene, Client) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    scene.publish("acme", "demo", "2.0.0").await;
    let alice = scene
        .admin
        .person("alice", "acme", "reader", &["read"])
        .await;
    download(&alice, "acme", "demo", "1.0.0").await;
    download(&alice, "acme", "demo", "2.0.0").await;
    (scene, alice)
}

/// V7 (in one command).
async fn one_command_says_who_pulled_it(database: Database) {
    let (scene, _) = with_readers(database).await;
    let shown = printed(&scene, &["audit", "exposure", "demo@<2"]).await;
    insta::assert_snapshot!(without_times(&shown), @r"
    WHO REPOSITORY REGISTRY VERSION FIRST LAST TIMES
    alice - acme 1.0.0 1
    ");
    let json = printed(&scene, &["audit", "exposure", "demo", "--json"]).await;
    let list: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(list["total"], 2);
    let none = printed(&scene, &["audit", "exposure", "demo@3.0.0"]).await;
    assert_eq!(none, "there are none\n");
    let token = scene.server.admin_token();
    let refused = run(&scene, token, &["audit", "exposure", "demo@latest"]).await;
    assert!(!refused.status.success());
    insta::assert_snapshot!(String::from_utf8_lossy(&refused.stderr), @"error: `latest` is neither a version nor a requirement (unexpected character 'l' while parsing major version number); write it as `1.2.3`, `<1.2.3` or `>=1.2, <1.4`");
}

/// I9 (exportable).
async fn the_log_is_listed_and_exported(database: Database) {
    let (scene, _) = with_readers(database).await;
    let list = ["audit", "list", "--registry", "acme", "--last", "1"];
    let shown = printed(&scene, &list).await;
    insta::assert_snapshot!(without_times(&shown), @"
    WHEN ACTION OUTCOME WHO FROM REGISTRY CRATE VERSION DETAIL
    member.set done admin 127.0.0.1 acme - - alice reader
    ");
    let lines = printed(&scene, &["audit", "export", "--registry", "acme"]).await;
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["action"], "member.set");
    let to_file = ["audit", "export", "--format", "csv", "--output", "a.csv"];
    assert_eq!(
        printed(&scene, &to_file).await,
        "the audit log is in `a.csv`\n"
    );
    let file = scene.server.data().join("a.csv");
    let table = fs::read_to_string(&file).unwrap();
    assert!(table.starts_with("at,action,") && table.ends_with("\r\n"));

    let token = scene.server.admin_token();
    let again = run(&scene, token, &to_file).await;
    assert!(!again.status.success(), "never over another file");
    assert_eq!(fs::read_to_string(&file).unwrap(), table);
    let refused = ["audit", "export", "--output", "b.csv"];
    let refused = run(&scene, "", &refused).await;
    assert!(!refused.status.success());
    assert!(!scene.server.data().join("b.csv").exists(), "nothing half");
}
