//! `supercargo user …`, `service-account …` and `token show` against the real server.

use std::process::{Output, Stdio};

use insta::assert_snapshot;
use supercargo_testkit::{Database, on_both};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::scene::{PASSWORD, PROGRAM, Scene};

on_both!(
    accounts_are_managed_from_the_command_line,
    passwords_never_stand_on_the_command_line
);

async fn run(scene: &Scene, token: &str, line: &str, input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(line.split_whitespace())
        .env("SUPERCARGO_URL", scene.server.url())
        .env("SUPERCARGO_TOKEN", token)
        .current_dir(scene.server.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // a command that reads nothing may have closed it
    stdin.write_all(input.as_bytes()).await.unwrap_or_default();
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

/// What a person sees of a command that succeeds.
async fn shown(scene: &Scene, line: &str, input: &str) -> String {
    let output = run(scene, scene.server.admin_token(), line, input).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap() + &errors;
    assert!(!text.contains(PASSWORD), "{text}");
    format!("$ {line}\n{}", without_times(&text))
}

/// Times differ from run to run, and so do the columns that they pad.
fn without_times(text: &str) -> String {
    let words = |line: &str| {
        let is_time = |word: &&str| word.starts_with("20") && word.matches('-').count() == 2;
        let is_clock = |word: &&str| word.len() == 5 && word.find(':') == Some(2);
        let words = line.split_whitespace();
        let words = words.filter(|word| !is_time(word) && !is_clock(word) && *word != "UTC");
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    text.lines().map(words).collect()
}

#[expect(
    clippy::too_many_lines,
    reason = "what is typed and what it says are read together"
)]
async fn accounts_are_managed_from_the_command_line(database: Database) {
    let scene = Scene::start(database).await;
    let password = format!("{PASSWORD}\n");
    let mut text = String::new();
    for (line, input) in [
        (
            "user create alice --email alice@acme.example --password-stdin",
            &*password,
        ),
        ("user disable alice", ""),
        ("user list", ""),
        ("user enable alice", ""),
        ("user edit alice --no-email --instance-role creator", ""),
        ("user show alice", ""),
        ("service-account create ci --registry acme", ""),
        ("service-account disable ci", ""),
        ("service-account list --registry acme", ""),
        ("service-account enable ci", ""),
        ("service-account show ci", ""),
        ("service-account delete ci --yes", ""),
        ("user delete alice --yes", ""),
        ("team create core", ""),
        ("team delete core --yes", ""),
    ] {
        text += &shown(&scene, line, input).await;
    }
    assert_snapshot!(text, @"
    $ user create alice --email alice@acme.example --password-stdin
    name alice
    kind user
    email alice@acme.example
    instance role member
    registry -
    created at
    disabled false
    has password true
    last used at -
    $ user disable alice
    name alice
    kind user
    email alice@acme.example
    instance role member
    registry -
    created at
    disabled true
    has password true
    last used at -
    $ user list
    NAME INSTANCE ROLE E-MAIL STATE LAST USED CREATED
    admin admin - active
    alice member alice@acme.example disabled never
    $ user enable alice
    name alice
    kind user
    email alice@acme.example
    instance role member
    registry -
    created at
    disabled false
    has password true
    last used at -
    $ user edit alice --no-email --instance-role creator
    name alice
    kind user
    email -
    instance role creator
    registry -
    created at
    disabled false
    has password true
    last used at -
    $ user show alice
    name alice
    kind user
    email -
    instance role creator
    registry -
    created at
    disabled false
    has password true
    last used at -
    $ service-account create ci --registry acme
    name ci
    kind service
    email -
    instance role member
    registry acme
    created at
    disabled false
    has password false
    last used at -
    $ service-account disable ci
    name ci
    kind service
    email -
    instance role member
    registry acme
    created at
    disabled true
    has password false
    last used at -
    $ service-account list --registry acme
    NAME REGISTRY STATE LAST USED CREATED
    ci acme disabled never
    $ service-account enable ci
    name ci
    kind service
    email -
    instance role member
    registry acme
    created at
    disabled false
    has password false
    last used at -
    $ service-account show ci
    name ci
    kind service
    email -
    instance role member
    registry acme
    created at
    disabled false
    has password false
    last used at -
    $ service-account delete ci --yes
    service account `ci` is deleted
    $ user delete alice --yes
    user `alice` is deleted
    $ team create core
    name core
    members -
    created at
    $ team delete core --yes
    team `core` is deleted
    ");
    let token = scene
        .admin
        .token(serde_json::json!({ "scopes": ["publish"], "registries": ["acme"] }));
    let me = scene
        .admin
        .with_token(&token.await)
        .get("/api/v1/me")
        .await
        .json();
    let id = me["token"]["id"].as_str().unwrap();
    let text = shown(&scene, &format!("token show {id}"), "").await;
    let can = text.lines().find(|line| line.starts_with("can ")).unwrap();
    assert_eq!(
        can,
        "can may read every crate in registry `acme`, and publish every crate there"
    );
    let json = run(
        &scene,
        scene.server.admin_token(),
        &format!("token show {id} --json"),
        "",
    )
    .await;
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["can"].as_array().unwrap().len(), 1);
    // nobody is there to confirm
    let refused = run(&scene, scene.server.admin_token(), "user delete admin", "").await;
    assert_snapshot!(String::from_utf8_lossy(&refused.stderr), @"error: nothing was done: type `admin` to confirm, or give `--yes`");
}

/// I7 (local passwords).
async fn passwords_never_stand_on_the_command_line(database: Database) {
    const NEW: &str = "lantern 4 in the attic";
    const THIRD: &str = "an owl on the windowsill";
    let scene = Scene::start(database).await;
    scene.user("alice").await;
    let made = scene
        .sign_in("alice", PASSWORD, serde_json::json!({}))
        .await
        .expect(201);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let input = format!("{PASSWORD}\n{NEW}\n");
    let changed = run(&scene, &token, "user passwd --password-stdin", &input).await;
    assert_snapshot!(String::from_utf8_lossy(&changed.stdout), @"your password is another one, and your browsers are signed out");
    scene
        .sign_in("alice", NEW, serde_json::json!({}))
        .await
        .expect(201);
    // an administrator sets another one
    let set = shown(
        &scene,
        "user passwd alice --password-stdin",
        &format!("{THIRD}\n"),
    )
    .await;
    assert_snapshot!(set, @"
    $ user passwd alice --password-stdin
    `alice` has another password; its browsers are signed out, and its tokens still work: `supercargo token list --principal alice`
    ");
    scene
        .sign_in("alice", THIRD, serde_json::json!({}))
        .await
        .expect(201);
    shown(
        &scene,
        "user edit alice --password-stdin",
        &format!("{NEW}\n"),
    )
    .await;
    scene
        .sign_in("alice", NEW, serde_json::json!({}))
        .await
        .expect(201);
    shown(&scene, "user edit alice --no-password", "").await;
    scene
        .sign_in("alice", NEW, serde_json::json!({}))
        .await
        .expect(401);
    for (line, input, expected) in [
        (
            "user passwd alice --password-stdin",
            "",
            "error: nothing was done: there is no password on standard input\n",
        ),
        (
            "user passwd --password-stdin",
            "only one\n",
            "error: nothing was done: two lines are needed on standard input, the present password and the new one\n",
        ),
        (
            "login --user alice --password-stdin",
            "wrong wrong wrong\n",
            "and this password; type both again, or ask an instance admin to give you another password\n",
        ),
    ] {
        let refused = run(&scene, &token, line, input).await;
        assert!(!refused.status.success(), "{line}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.ends_with(expected), "{line}: {said}");
    }
    for (line, input) in [
        (
            "user passwd --password-stdin",
            "wrong wrong wrong\nlantern 4 in the attic\n",
        ),
        ("user passwd alice", ""),
        ("user passwd alice --password-stdin", ""),
        ("user create bob --password-stdin", "short\n"),
        ("user edit alice", ""),
    ] {
        let refused = run(&scene, &token, line, input).await;
        assert!(!refused.status.success(), "{line}");
        assert!(refused.stdout.is_empty(), "{line}");
    }
}
