//! Row P16: the instructions of two other registries, word for word, with URL and token exchanged.
//!
//! The texts in code blocks stand here as on "CNB's page" (`/en/artifact/cargo.md`) and "Harness's page" ("Cargo quickstart").

use std::{fs, path::PathBuf};

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Cargo, Database, FakeUpstream, Package, Server, View, on_both};

use crate::world::{locked, server, write_program};

on_both!(
    cnb_s_instructions_work,
    cnb_s_pipeline_works,
    harness_s_instructions_work
);

/// CNB's page, "Configure Credentials".
const CNB_CONFIG: &str = r#"
[registry]
default = "cnb-cargo-repo"
global-credential-providers = ["cargo:token"]

[registries.cnb-cargo-repo]
index = "sparse+<CNB_CARGO_URL>"
"#;

/// CNB's page, "Configure Credentials".
const CNB_LOGIN: &str = "echo ${CNB_TOKEN} | cargo login --registry cnb-cargo-repo";

/// CNB's page, "Push Artifacts".
const CNB_PUBLISH: &str = "cargo publish";

/// CNB's page, "Push in Cloud Native Build".
const CNB_PIPELINE: [&str; 2] = [
    "echo ${CNB_TOKEN} | cargo login",
    "cargo publish --allow-dirty",
];

/// CNB's page, "Pull Artifacts".
const CNB_PULL: &str = "
# Using rand as an example
cargo add rand
";

/// CNB's page, "Yank/Unyank Artifacts".
const CNB_YANK: [&str; 2] = [
    "
# Yank artifact
cargo yank my-crate@0.1.0
",
    "
# Unyank artifact
cargo yank my-crate@0.1.0 --undo
",
];

/// Harness's page, "Configure authentication", step 1.
const HARNESS_CONFIG: &str = r#"
[registry]
global-credential-providers = ["cargo:token", "cargo:libsecret", "cargo:macos-keychain", "cargo:wincred"]

[registries.harness-cargo-registry]
index = "sparse+<URL of the registry>"
"#;

/// Harness's page, "Configure authentication", step 3, for the file `~/.cargo/credentials`.
const HARNESS_CREDENTIALS: &str = r#"
[registries.harness-cargo-registry]
token = "Bearer <token from step 2>"
"#;

/// Harness's page, "Publish a package".
const HARNESS_PUBLISH: &str = "cargo publish --registry harness-cargo-registry";

/// Harness's page, "Install a package".
const HARNESS_INSTALL: &str =
    "cargo add <ARTIFACT_NAME>@<VERSION> --registry harness-cargo-registry";

/// A private registry that reads through to a stand-in for crates.io, which has rand with a dependency.
async fn registry(database: Database) -> (Server, FakeUpstream) {
    let fake = FakeUpstream::start();
    fake.publish(&Package::new("rand_core", "0.9.3"));
    fake.publish(
        &Package::new("rand", "0.9.2")
            .dependency("rand_core", "0.9")
            .file(
                "src/lib.rs",
                "pub fn core() -> &'static str { rand_core::version() }",
            ),
    );
    let server = server(database).await;
    let admin = server.admin();
    admin
        .create_upstream(json!({ "name": "fake", "index": fake.index_url() }))
        .await;
    admin.attach("acme", json!(["fake"])).await;
    (server, fake)
}

/// A token with which a person works: theirs, for this registry.
async fn token(server: &Server, scopes: &[&str]) -> String {
    let admin = server.admin();
    admin.create_user("dev").await;
    admin.member("acme", "dev", "publisher").await;
    admin
        .token(json!({ "principal": "dev", "scopes": scopes, "registries": ["acme"] }))
        .await
}

/// A checkout with `.cargo/config.toml` "under the current project".
fn cnb_project(cargo: &Cargo, server: &Server, package: &Package) -> PathBuf {
    let project = cargo.project(package);
    let index = server.index_url("acme", View::Index);
    let url = index.strip_prefix("sparse+").unwrap();
    fs::create_dir(project.join(".cargo")).unwrap();
    fs::write(
        project.join(".cargo/config.toml"),
        CNB_CONFIG.replace("<CNB_CARGO_URL>", url),
    )
    .unwrap();
    project
}

fn my_crate() -> Package {
    Package::new("my-crate", "0.1.0")
}

/// Row P16, CNB: local publish, `cargo add` of a public crate by the default registry, yank and unyank; raw token.
async fn cnb_s_instructions_work(database: Database) {
    let (server, _fake) = registry(database).await;
    let token = token(&server, &["publish", "yank"]).await;
    let cargo = Cargo::bare().env("CNB_TOKEN", &token);
    let project = cnb_project(&cargo, &server, &my_crate());
    cargo.shell(&project, CNB_LOGIN).await.success();
    cargo.shell(&project, CNB_PUBLISH).await.success();
    let admin = server.admin();
    assert_eq!(
        admin.listed("acme", View::Index, "my-crate").await,
        ["0.1.0"]
    );

    cargo.shell(&project, CNB_PULL).await.success();
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("rand = { version = \"0.9.2\", registry = \"cnb-cargo-repo\" }"),
        "{manifest}"
    );
    cargo.run(&project, &["build"]).await.success();
    // what rand needs comes from there as well: this cargo has no way to crates.io
    assert_eq!(locked(&project, "rand_core"), ["0.9.3"]);

    for (line, yanked) in CNB_YANK.into_iter().zip([true, false]) {
        cargo.shell(&project, line).await.success();
        let index = admin.index("acme", View::Index, "my-crate").await;
        assert_eq!(index.json_lines()[0]["yanked"], yanked);
    }
}

/// Row P16, CNB: the pipeline of a tag, in a checkout with changes.
async fn cnb_s_pipeline_works(database: Database) {
    let (server, _fake) = registry(database).await;
    let token = token(&server, &["publish"]).await;
    let cargo = Cargo::bare().env("CNB_TOKEN", &token);
    let project = cnb_project(&cargo, &server, &my_crate());
    cargo.shell(&project, "git init --quiet").await.success();
    let [login, publish] = CNB_PIPELINE;
    cargo.shell(&project, login).await.success();
    let refused = cargo.shell(&project, CNB_PUBLISH).await.failure();
    assert!(
        refused.stderr.contains("--allow-dirty"),
        "{}",
        refused.stderr
    );
    cargo.shell(&project, publish).await.success();
    let listed = server.admin().listed("acme", View::Index, "my-crate").await;
    assert_eq!(listed, ["0.1.0"]);
}

/// The keyring of a desktop, as cargo finds it: it works, and holds nothing. (Without one, cargo itself stops here, whatever
/// the registry.)
const EMPTY_KEYRING: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn secret_password_lookup_sync() -> *const u8 { std::ptr::null() }
#[unsafe(no_mangle)]
pub extern "C" fn secret_password_store_sync() -> i32 { 0 }
#[unsafe(no_mangle)]
pub extern "C" fn secret_password_clear_sync() -> i32 { 0 }
"#;

/// Makes cargo find that keyring.
async fn with_keyring(cargo: Cargo) -> Cargo {
    let folder = cargo.folder("keyring");
    fs::write(folder.join("keyring.rs"), EMPTY_KEYRING).unwrap();
    // the second name is what older ones look for
    let compile = "rustc --edition 2024 --crate-type cdylib -o libsecret-1.so.0 keyring.rs\nln -s libsecret-1.so.0 libsecret-1.so";
    cargo.shell(&folder, compile).await.success();
    cargo.env("LD_LIBRARY_PATH", &folder.to_string_lossy())
}

/// Row P16, Harness: four providers, `credentials` without `.toml`, a token with `Bearer`.
async fn harness_s_instructions_work(database: Database) {
    let (server, _fake) = registry(database).await;
    let token = token(&server, &["publish"]).await;
    let cargo = with_keyring(Cargo::bare()).await;
    let index = server.index_url("acme", View::Index);
    let url = index.strip_prefix("sparse+").unwrap();
    let home = cargo.home();
    let config = HARNESS_CONFIG.replace("<URL of the registry>", url);
    fs::write(home.join("config.toml"), config).unwrap();
    let credentials = HARNESS_CREDENTIALS.replace("<token from step 2>", &token);
    fs::write(home.join("credentials"), credentials).unwrap();

    let project = cargo.project(&my_crate());
    let published = cargo.shell(&project, HARNESS_PUBLISH).await.success();
    assert_snapshot!(published.lines(&["Uploaded", "Published"]), @r#"
    Uploaded my-crate v0.1.0 to registry `harness-cargo-registry`
    Published my-crate v0.1.0 at registry `harness-cargo-registry`
    "#);
    let app = cargo.folder("app");
    write_program(
        &app,
        "",
        "println!(\"{} {}\", my_crate::version(), rand::core());",
    );
    for (name, version) in [("my-crate", "0.1.0"), ("rand", "0.9.2")] {
        let line = HARNESS_INSTALL
            .replace("<ARTIFACT_NAME>", name)
            .replace("<VERSION>", version);
        cargo.shell(&app, &line).await.success();
    }
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(ran.stdout, "0.1.0 0.9.3\n");
}
