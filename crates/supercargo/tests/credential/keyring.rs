//! The system's keyring: a real Secret Service, which keeps the token and gives it to the next cargo.

use std::process::Command;

use serde_json::json;
use supercargo_testkit::{Database, Dependency, Package};

use crate::scene::Scene;

/// A desktop's session without a desktop: a bus of its own, and a keyring on it that an empty password opens.
const SESSION: &str = r#"exec dbus-run-session -- sh -ec '
    printf "\n" | gnome-keyring-daemon --unlock --components=secrets > /dev/null 2>&1
    cargo fetch
    rm -rf "$CARGO_HOME/registry"
    cargo fetch
    cargo logout --registry acme
'"#;

fn needs(program: &str) {
    let found = Command::new(program).arg("--version").output();
    assert!(
        found.is_ok(),
        "`{program}` is not there: install gnome-keyring, dbus and libsecret-1-0 with apt, or run `cargo xtask test --install`"
    );
}

/// Row I8.
#[tokio::test]
async fn a_token_is_kept_in_the_systems_keyring() {
    for program in ["dbus-run-session", "gnome-keyring-daemon"] {
        needs(program);
    }
    let scene = Scene::start(Database::Sqlite).await;
    let package = Package::new("acme-core", "1.0.0");
    scene.admin.publish("acme", &package).await.expect(200);
    let mut alice = scene.browser("alice").await;
    let terminal = scene.terminal_with(&[]);
    let cargo = &terminal.cargo;
    let needs = Dependency::new("acme-core", "1").registry("acme");
    let folder = cargo.project(&Package::new("consumer", "0.1.0").depends_on(needs));
    let approve = async {
        let url = terminal.opened().await;
        scene.decide(&mut alice, &url, "approve").await.expect(200);
    };
    let (outcome, ()) = tokio::join!(cargo.shell(&folder, SESSION), approve);
    let outcome = outcome.success();
    // one approval for two fetches, and nothing in a file
    assert!(!terminal.has_opened());
    assert!(
        !outcome.stderr.contains("keyring cannot be used"),
        "{outcome:?}"
    );
    assert!(!terminal.folder().join("cargo-tokens.json").exists());
    assert_eq!(scene.log("device_login.approved").await.len(), 1);
    // `cargo logout` found it there, and ended it
    assert_eq!(scene.log("token.revoked").await.len(), 1);
    assert_eq!(
        scene.tokens_of("alice").await,
        json!([]).as_array().unwrap().as_slice()
    );
}

/// Where there is none, a file of the user's stands in, and that is said.
#[tokio::test]
async fn without_a_keyring_a_file_stands_in() {
    let scene = Scene::start(Database::Sqlite).await;
    let mut alice = scene.browser("alice").await;
    let terminal = scene
        .terminal_with(&[])
        .with(|cargo| cargo.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"));
    let folder = terminal.cargo.folder("anywhere");
    let login = terminal
        .cargo
        .run(&folder, &["login", "--registry", "acme"]);
    let approve = async {
        let url = terminal.opened().await;
        scene.decide(&mut alice, &url, "approve").await.expect(200);
    };
    let (outcome, ()) = tokio::join!(login, approve);
    let outcome = outcome.success();
    assert!(
        outcome
            .stderr
            .contains("the system's keyring cannot be used"),
        "{outcome:?}"
    );
    assert_eq!(terminal.kept().as_object().unwrap().len(), 1);
}
