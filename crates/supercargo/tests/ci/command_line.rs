//! `supercargo trusted-publisher`.

use std::process::{Command, Output};

use insta::assert_snapshot;
use serde_json::Value;
use supercargo_testkit::{Database, Server, on_both};

use crate::scene::{PROGRAM, Scene};

on_both!(rules_are_made_changed_and_deleted_on_the_command_line);

fn run(server: &Server, line: &str) -> Output {
    Command::new(PROGRAM)
        .args(line.split(' '))
        .env_clear()
        .env("SUPERCARGO_URL", server.url())
        .env("SUPERCARGO_TOKEN", server.admin_token())
        .output()
        .unwrap()
}

async fn rules_are_made_changed_and_deleted_on_the_command_line(database: Database) {
    let scene = Scene::without_rules(database).await;
    let typed = |line: &str| {
        let output = run(&scene.server, line);
        assert!(output.status.success(), "{line}: {output:?}");
        scene.stable(&String::from_utf8(output.stdout).unwrap())
    };
    let issuer = scene.issuer.url();
    let create = format!(
        "trusted-publisher create acme release --preset github --issuer {issuer} --claim repository=acme/app --claim ref=refs/heads/main --scope publish --crate acme-* --json"
    );
    let made: Value = serde_json::from_str(&typed(&create)).unwrap();
    assert_eq!(made["audience"], "SERVER/acme");
    assert_eq!(made["claims"]["ref"], "refs/heads/main");
    assert_eq!(made["crates"][0], "acme-*");
    assert_snapshot!(typed("trusted-publisher list acme"), @"
    NAME     PRESET  CLAIMS                                   SCOPES         CRATES  LAST USED
    release  github  ref=refs/heads/main repository=acme/app  read, publish  acme-*  never
    ");
    let edit = "trusted-publisher edit acme release --scope read --no-crates --json";
    let changed: Value = serde_json::from_str(&typed(edit)).unwrap();
    assert_eq!(changed["crates"], Value::Null);
    assert_eq!(changed["claims"], made["claims"]);
    let shown = typed("trusted-publisher show acme release --json");
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), changed);
    typed("trusted-publisher delete acme release --yes");
    let gone = run(&scene.server, "trusted-publisher show acme release");
    assert!(!gone.status.success());
    assert_snapshot!(String::from_utf8(gone.stderr).unwrap(), @"error: there is no trusted publisher `release` in registry `acme`; `supercargo trusted-publisher list acme` shows those there are");
    let nothing = run(&scene.server, "trusted-publisher edit acme release");
    assert_eq!(nothing.status.code(), Some(2));
    let bad = run(
        &scene.server,
        "trusted-publisher create acme release --claim repository",
    );
    assert_eq!(bad.status.code(), Some(2));
}
