//! `supercargo login`, `logout` and `me`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Database, View, on_both};

use crate::scene::{PASSWORD, Run, Scene, Terminal};

on_both!(
    a_person_logs_in_with_the_browser_and_out,
    a_person_logs_in_with_a_password,
    cargo_gets_the_token_of_its_registries,
    what_is_kept_is_for_its_server_and_yields_to_the_environment,
    a_login_that_goes_wrong_says_why,
    a_second_login_ends_the_token_of_the_first,
);

fn stable(scene: &Scene, terminal: &Terminal, text: &str) -> String {
    let text = text
        .replace(&scene.server.url(), "SERVER")
        .replace(terminal.cargo.root().to_str().unwrap(), "ROOT");
    let word = |word: &str| {
        let time = word.trim_end_matches(';');
        let is_time = time.starts_with("20") && time.ends_with('Z');
        word.replace(
            if is_time { time } else { "" },
            if is_time { "TIME" } else { "" },
        )
    };
    let lines = text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').map(word).collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn in_browser(scene: &Scene, terminal: &Terminal, arguments: &[&str]) -> Run {
    let mut alice = scene.browser("alice").await;
    let approve = async {
        let url = terminal.opened().await;
        scene.decide(&mut alice, &url, "approve").await.expect(200);
    };
    tokio::join!(terminal.supercargo(arguments, ""), approve).0
}

fn me(run: Run) -> Value {
    serde_json::from_str(&run.success().stdout).unwrap()
}

async fn a_person_logs_in_with_the_browser_and_out(database: Database) {
    let scene = Scene::start(database).await;
    let terminal = scene.terminal();
    let run = in_browser(&scene, &terminal, &["login"]).await.success();
    assert!(!run.stderr.contains("SUPERCARGO_TOKEN"), "{run:?}");
    assert_snapshot!(stable(&scene, &terminal, &run.stdout), @"signed in to SERVER/ as `alice` until TIME; the token is kept in `ROOT/xdg/supercargo/tokens.json`");
    let file = terminal.folder().join("tokens.json");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let who = me(terminal.supercargo(&["me", "--json"], "").await);
    assert_eq!(who["principal"]["name"], "alice");
    assert_eq!(
        who["token"]["scopes"],
        json!(["read", "publish", "yank", "owners"])
    );
    let out = terminal.supercargo(&["logout"], "").await.success();
    assert_snapshot!(stable(&scene, &terminal, &(out.stdout + &out.stderr)), @"signed out of SERVER/: its token is revoked and forgotten");
    assert_eq!(scene.tokens_of("alice").await.len(), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
    let nobody = terminal.supercargo(&["me"], "").await.failure();
    assert_snapshot!(stable(&scene, &terminal, &nobody.stderr), @"error: this needs a token; send one in the `Authorization` header; run `supercargo login`, or give a token with SUPERCARGO_TOKEN");
    let again = terminal.supercargo(&["logout"], "").await.failure();
    assert_snapshot!(stable(&scene, &terminal, &again.stderr), @"error: nobody is signed in to `SERVER/` here; `--url` or SUPERCARGO_URL names another server");
}

async fn a_person_logs_in_with_a_password(database: Database) {
    let scene = Scene::start(database).await;
    let terminal = scene.terminal();
    let line = [
        "login",
        "--user",
        "alice",
        "--password-stdin",
        "--scope",
        "read",
        "--registry",
        "acme",
        "--days",
        "7",
        "--json",
    ];
    let run = terminal
        .supercargo(&line, &format!("{PASSWORD}\n"))
        .await
        .success();
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["principal"], "alice");
    assert_eq!(answer["registries"], json!(["acme"]));
    assert!(answer.get("token").is_none(), "{answer}");
    let who = me(terminal.supercargo(&["me", "--json"], "").await);
    assert_eq!(who["token"]["id"], answer["id"]);
    assert_eq!(who["token"]["scopes"], json!(["read"]));
    let wrong = ["login", "--user", "alice", "--password-stdin"];
    let refused = terminal.supercargo(&wrong, "wrong\n").await.failure();
    assert_eq!(refused.status.code(), Some(3));
    // what was kept before stands
    let who = me(terminal.supercargo(&["me", "--json"], "").await);
    assert_eq!(who["token"]["id"], answer["id"]);
    let nobody = terminal
        .supercargo(&["login", "--user", "alice"], "")
        .await
        .failure();
    assert_snapshot!(stable(&scene, &terminal, &nobody.stderr), @"error: nobody is there to type the password: give it on standard input, with `--password-stdin`");
    assert!(!terminal.has_opened());
}

/// Row I8: kept by whatever provider cargo is configured with, here its own file.
async fn cargo_gets_the_token_of_its_registries(database: Database) {
    let scene = Scene::start(database).await;
    let terminal = scene.terminal();
    let line = [
        "login",
        "--user",
        "alice",
        "--password-stdin",
        "--registry",
        "acme",
    ];
    let file = [("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS", "cargo:token")];
    let input = format!("{PASSWORD}\n");
    terminal
        .supercargo_with(&line, &input, &file)
        .await
        .success();
    let credentials = terminal.cargo.home().join("credentials.toml");
    let credentials = fs::read_to_string(credentials).unwrap();
    let token = fs::read(terminal.folder().join("tokens.json")).unwrap();
    let token: Value = serde_json::from_slice(&token).unwrap();
    let token = token[scene.server.url()]["token"].as_str().unwrap();
    assert!(credentials.contains("[registries.acme]"), "{credentials}");
    assert!(credentials.contains(token), "{credentials}");
    // a registry that cargo does not know: the token is there all the same
    scene
        .admin
        .create_registry(json!({ "name": "other", "visibility": "public" }))
        .await;
    let line = [
        "login",
        "--user",
        "alice",
        "--password-stdin",
        "--registry",
        "other",
    ];
    let failed = terminal
        .supercargo_with(&line, &input, &file)
        .await
        .failure();
    let (_, words) = failed.stderr.split_once("error: the token").unwrap();
    assert_snapshot!(words, @" is kept for `supercargo`, but `cargo login --registry other` did not take it (exit status: 101): is `[registries.other]` in cargo's configuration?");
    let who = me(terminal.supercargo(&["me", "--json"], "").await);
    assert_eq!(who["token"]["registries"], json!(["other"]));
}

async fn what_is_kept_is_for_its_server_and_yields_to_the_environment(database: Database) {
    let scene = Scene::start(database).await;
    let terminal = scene.terminal();
    in_browser(&scene, &terminal, &["login"]).await.success();
    let admin = scene.server.admin_token();
    let environment = [("SUPERCARGO_TOKEN", admin)];
    let who = terminal
        .supercargo_with(&["me", "--json"], "", &environment)
        .await;
    assert_eq!(me(who)["principal"]["name"], "admin");
    let elsewhere = [("SUPERCARGO_URL", "http://127.0.0.1:9")];
    let out = terminal.supercargo_with(&["logout"], "", &elsewhere).await;
    assert!(out.failure().stderr.contains("nobody is signed in"));
    let slash = [("SUPERCARGO_URL", &*format!("{}/", scene.server.url()))];
    let who = terminal
        .supercargo_with(&["me", "--json"], "", &slash)
        .await;
    assert_eq!(me(who)["principal"]["name"], "alice");
}

async fn a_login_that_goes_wrong_says_why(database: Database) {
    let scene = Scene::start(database).await;
    let terminal = scene.terminal();
    let mut alice = scene.browser("alice").await;
    let refuse = async {
        let url = terminal.opened().await;
        scene.decide(&mut alice, &url, "refuse").await.expect(200);
    };
    let (refused, ()) = tokio::join!(terminal.supercargo(&["login"], ""), refuse);
    let refused = refused.failure();
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        refused
            .stderr
            .contains("this login was refused in the browser"),
        "{refused:?}"
    );
    let nowhere = [("SUPERCARGO_URL", "http://127.0.0.1:9")];
    let unreachable = terminal
        .supercargo_with(&["login"], "", &nowhere)
        .await
        .failure();
    assert_eq!(unreachable.status.code(), Some(4));
    let long = terminal
        .supercargo(&["login", "--days", "366"], "")
        .await
        .failure();
    assert!(long.stderr.contains("366 is not in 1..=365"), "{long:?}");
    assert!(!terminal.folder().join("tokens.json").exists());
}

async fn a_second_login_ends_the_token_of_the_first(database: Database) {
    let scene = Scene::start(database).await;
    let mirror = scene.server.index_url("acme", View::Mirror);
    let terminal = scene
        .terminal()
        .with(|cargo| cargo.registry("acme-mirror", &mirror));
    let login = ["login", "--user", "alice", "--password-stdin"];
    let for_cargo = [&login[..], &["--registry", "acme"]].concat();
    let input = format!("{PASSWORD}\n");
    let file = ("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS", "cargo:token");
    terminal.supercargo(&login, &input).await.success();
    let second = terminal.supercargo_with(&for_cargo, &input, &[file]).await;
    assert!(!second.success().stderr.contains("works on"));
    let tokens = scene.tokens_of("alice").await;
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    let of_cargo = tokens[0]["id"].as_str().unwrap().to_owned();
    // every view of the registry that cargo knows has it
    let credentials = terminal.cargo.home().join("credentials.toml");
    let credentials = fs::read_to_string(credentials).unwrap();
    for table in ["[registries.acme]", "[registries.acme-mirror]"] {
        assert!(credentials.contains(table), "{table}: {credentials}");
    }
    // cargo has that token and gets no other: it stays
    let set = [("SUPERCARGO_TOKEN", scene.server.admin_token())];
    let third = terminal.supercargo_with(&login, &input, &set).await;
    let third = third.success();
    let said = third.stderr.replace(&of_cargo, "ID");
    assert_snapshot!(said, @r"
    SUPERCARGO_TOKEN is set and beats what this login keeps: `unset SUPERCARGO_TOKEN` to use that
    the token of the login before, which cargo has, works on: `supercargo token delete ID` ends it
    ");
    assert_eq!(scene.tokens_of("alice").await.len(), 2);
}
