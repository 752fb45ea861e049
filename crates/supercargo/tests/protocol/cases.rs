//! Cases of `docs/cargo-cases.md` that no other test is about: what cargo does with a registry, one by one.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};
use supercargo_testkit::{Cargo, Database, Dependency, Package, Server, View, frame, on_both};

use crate::world::{cargo, locked, server, write_program};

on_both!(the_index_follows_the_archive_and_not_the_metadata);

const DEPENDENCY: &str = "acme-core = { version = \"1\", registry = \"acme\" }";

async fn publish(server: &Server, package: &Package) {
    server.admin().publish("acme", package).await.expect(200);
}

/// Case 1: a public registry needs no token, and nothing is asked twice.
#[tokio::test]
async fn a_cold_fetch_asks_for_everything_once() {
    let server = server(Database::Sqlite).await;
    let open = json!({ "visibility": "public" });
    let changed = server.admin().patch("/api/v1/registries/acme", open).await;
    changed.expect(200);
    publish(&server, &Package::new("acme-core", "1.0.0")).await;
    let cargo = Cargo::bare()
        .registry("acme", &server.index_url("acme", View::Index))
        .env("CARGO_HTTP_DEBUG", "true")
        .env("CARGO_LOG", "network=debug");
    let app = cargo.folder("app");
    write_program(&app, DEPENDENCY, "");
    let log = cargo.run(&app, &["fetch"]).await.success().stderr;
    for path in [
        "/acme/index/config.json",
        "/acme/index/ac/me/acme-core",
        "/acme/api/v1/crates/acme-core/1.0.0/download",
    ] {
        let asked = log.matches(&format!("GET {path} HTTP/1.1")).count();
        assert_eq!(asked, 1, "{path} in:\n{log}");
    }
    assert_eq!(log.matches("< HTTP/1.1 ").count(), 3, "{log}");
    assert_eq!(log.matches("< HTTP/1.1 200 ").count(), 3, "{log}");
}

/// Case 23: the page for tokens is named, and there. Cargo asks only where a person sits: `script` makes a terminal.
#[tokio::test]
async fn a_login_names_the_page_with_tokens() {
    let server = server(Database::Sqlite).await;
    let index = server.index_url("acme", View::Index);
    let cargo = Cargo::new().registry("acme", &index);
    let login = format!(
        "echo '{}' | script -qec 'cargo login --registry acme' /dev/null",
        server.admin_token()
    );
    let outcome = cargo.shell(cargo.root(), &login).await.success();
    let words = format!(
        "please paste the token found on {}/acme/me below",
        server.url()
    );
    assert!(outcome.stdout.contains(&words), "{}", outcome.stdout);
    server.anonymous().get("/acme/me").await.expect(200);
    // what was stored is good for a read
    publish(&server, &Package::new("acme-core", "1.0.0")).await;
    let app = cargo.folder("app");
    write_program(&app, DEPENDENCY, "");
    cargo.run(&app, &["fetch"]).await.success();
}

/// A credential provider that writes down what it is asked.
fn provider(cargo: &Cargo, server: &Server) -> (String, std::path::PathBuf) {
    let log = cargo.root().join("asked");
    let script = cargo.root().join("provider");
    let token = server.admin_token();
    let text = format!(
        "#!/bin/sh\necho '{{\"v\":[1]}}'\nwhile read -r asked; do\n  echo \"$asked\" >> '{}'\n  echo '{{\"Ok\":{{\"kind\":\"get\",\"token\":\"{token}\",\"cache\":\"never\",\"operation_independent\":false}}}}'\ndone\n",
        log.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    (script.to_string_lossy().into_owned(), log)
}

/// Case 27: a provider learns what is read and what is published, with the name of the registry and what we said with 401.
#[tokio::test]
async fn a_credential_provider_is_told_what_the_token_is_for() {
    let server = server(Database::Sqlite).await;
    let index = server.index_url("acme", View::Index);
    let bare = Cargo::bare();
    let (script, log) = provider(&bare, &server);
    let cargo = bare
        .registry("acme", &index)
        .config(&format!("credential-provider = [\"{script}\"]"));
    let folder = cargo.project(&Package::new("acme-core", "1.0.0"));
    let arguments = ["publish", "--registry", "acme", "--no-verify"];
    cargo.run(&folder, &arguments).await.success();
    let asked: Vec<Value> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let operations: Vec<_> = asked.iter().map(|asked| &asked["operation"]).collect();
    assert_eq!(operations.first(), Some(&&json!("read")), "{operations:?}");
    let published: Vec<_> = asked
        .iter()
        .filter(|asked| asked["operation"] == "publish")
        .collect();
    assert_eq!(published.len(), 1, "{asked:?}");
    assert_eq!(published[0]["name"], "acme-core");
    assert_eq!(published[0]["vers"], "1.0.0");
    let lines = server.admin().index("acme", View::Index, "acme-core").await;
    assert_eq!(published[0]["cksum"], lines.json_lines()[0]["cksum"]);
    // where to sign in, for a provider that can open it
    let headers = asked[0]["registry"]["headers"].to_string();
    assert!(
        headers.contains(&format!("{}/acme/me", server.url())),
        "{headers}"
    );
}

/// Case 43: everything but name and version is the archive's.
async fn the_index_follows_the_archive_and_not_the_metadata(database: Database) {
    let server = server(database).await;
    let index = server.index_url("acme", View::Index);
    publish(&server, &Package::new("acme-base", "1.0.0")).await;
    let package = Package::new("acme-core", "1.0.0")
        .rust_version("1.70")
        .depends_on(Dependency::new("acme-base", "1").same_registry(&index))
        .feature("real", &[]);
    let mut metadata = package.metadata_json();
    metadata["deps"] = json!([{
        "name": "evil", "version_req": "*", "features": [], "optional": false,
        "default_features": true, "target": null, "kind": "normal", "registry": null,
        "explicit_name_in_toml": null,
    }]);
    metadata["features"] = json!({ "lie": ["evil/std"] });
    metadata["links"] = json!("libevil");
    metadata["rust_version"] = json!("^9");
    metadata["license"] = json!(7);
    let body = frame(metadata.to_string().as_bytes(), &package.crate_bytes());
    let answer = server.admin().publish_frame("acme", body).await;
    answer.expect(200);
    let lines = server.admin().index("acme", View::Index, "acme-core").await;
    let line = &lines.expect(200).json_lines()[0];
    assert_eq!(line["deps"][0]["name"], "acme-base");
    assert_eq!(line["deps"].as_array().unwrap().len(), 1);
    assert_eq!(line["features"], json!({ "real": [] }));
    assert_eq!(line["links"], Value::Null);
    assert_eq!(line["rust_version"], "1.70");
}

/// Case 49, the locked half of it: a program comes with the lockfile that it was published with.
#[tokio::test]
async fn a_program_is_installed_with_its_own_lockfile() {
    let server = server(Database::Sqlite).await;
    let cargo = cargo(&server, &["acme"]);
    publish(&server, &Package::new("acme-core", "1.0.0")).await;
    let tool = Package::new("acme-tool", "0.1.0")
        .depends_on(Dependency::new("acme-core", "1").registry("acme"))
        .file(
            "src/main.rs",
            "fn main() { println!(\"{}\", acme_core::version()); }",
        );
    let folder = cargo.project(&tool);
    let arguments = ["publish", "--registry", "acme", "--no-verify"];
    cargo.run(&folder, &arguments).await.success();
    publish(&server, &Package::new("acme-core", "1.1.0")).await;
    for (locked, version) in [("--locked", "1.0.0\n"), ("--force", "1.1.0\n")] {
        let root = cargo.root().join("installed");
        let shown = root.to_string_lossy();
        let arguments = [
            "install",
            "acme-tool",
            "--registry",
            "acme",
            "--root",
            &shown,
            locked,
        ];
        cargo.run(cargo.root(), &arguments).await.success();
        let said = std::process::Command::new(root.join("bin/acme-tool")).output();
        assert_eq!(String::from_utf8_lossy(&said.unwrap().stdout), version);
    }
}

/// Case 50: what was vendored builds without the registry.
#[tokio::test]
async fn what_is_vendored_builds_without_the_registry() {
    let mut server = server(Database::Sqlite).await;
    let index = server.index_url("acme", View::Index);
    publish(&server, &Package::new("acme-base", "1.0.0")).await;
    let core = Package::new("acme-core", "1.0.0")
        .depends_on(Dependency::new("acme-base", "1").same_registry(&index));
    publish(&server, &core).await;
    let cargo = cargo(&server, &["acme"]);
    let app = cargo.folder("app");
    write_program(&app, DEPENDENCY, "println!(\"{}\", acme_core::version());");
    let vendored = cargo.run(&app, &["vendor"]).await.success();
    fs::create_dir(app.join(".cargo")).unwrap();
    fs::write(app.join(".cargo/config.toml"), &vendored.stdout).unwrap();
    server.stop().await;
    cargo.forget_downloads();
    let ran = cargo.run(&app, &["run", "--offline", "--locked"]).await;
    assert_eq!(ran.success().stdout, "1.0.0\n");
}

/// What `generate-lockfile --publish-time` chooses.
async fn chosen_at(cargo: &Cargo, app: &Path, time: &str) -> Vec<String> {
    let arguments = [
        "generate-lockfile",
        "-Zunstable-options",
        "--publish-time",
        time,
    ];
    cargo.run(app, &arguments).await.success();
    locked(app, "acme-core")
}

/// Case 53: `pubtime` is read by cargo, of hosted versions and of an upstream's. It is unstable, hence the variable.
#[tokio::test]
async fn a_lockfile_of_a_former_day_is_made_by_our_times() {
    let server = server(Database::Sqlite).await;
    let upstream = supercargo_testkit::FakeUpstream::start();
    for (version, time) in [
        ("1.0.0", "2024-01-01T00:00:00Z"),
        ("1.1.0", "2025-01-01T00:00:00Z"),
    ] {
        upstream.publish(&Package::new("acme-core", version).published_at(time));
    }
    let admin = server.admin();
    let partner = json!({ "name": "partner", "index": upstream.index_url() });
    admin.create_upstream(partner).await;
    admin.attach("acme", json!(["partner"])).await;
    admin.claim("acme", "acme-core", "merge").await;
    publish(&server, &Package::new("acme-core", "1.2.0")).await;
    let cargo = cargo(&server, &["acme"]).env("RUSTC_BOOTSTRAP", "1");
    cargo.needs("1.94", "generate-lockfile --publish-time");
    let app = cargo.folder("app");
    write_program(&app, DEPENDENCY, "");
    let chosen = async |time: &str| chosen_at(&cargo, &app, time).await;
    assert_eq!(chosen("2024-06-01T00:00:00Z").await, ["1.0.0"]);
    assert_eq!(chosen("2025-06-01T00:00:00Z").await, ["1.1.0"]);
    assert_eq!(chosen("2099-01-01T00:00:00Z").await, ["1.2.0"]);
}

/// Case 54: cargo hides what it sends, and we repeat nothing of it.
#[tokio::test]
async fn no_answer_repeats_the_token() {
    let server = server(Database::Sqlite).await;
    let cargo = cargo(&server, &["acme"])
        .env("CARGO_HTTP_DEBUG", "true")
        .env("CARGO_LOG", "trace");
    let folder = cargo.project(&Package::new("acme-core", "1.0.0"));
    let arguments = ["publish", "--registry", "acme", "--no-verify"];
    let published = cargo.run(&folder, &arguments).await.success();
    let refused = cargo.run(&folder, &arguments).await.failure();
    for outcome in [published, refused] {
        assert!(
            outcome.stderr.contains("HTTP/1.1 200"),
            "{}",
            outcome.stderr
        );
        for said in [outcome.stdout, outcome.stderr] {
            assert!(!said.contains(server.admin_token()), "{said}");
        }
    }
}

/// All Rust below a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// The list for whoever comes next: every case once, each with tests that exist or with the reason why there is none.
#[test]
fn every_case_of_the_list_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = fs::read_to_string(root.join("docs/cargo-cases.md")).unwrap();
    let mut tests = String::new();
    for folder in ["supercargo/tests", "http/tests", "package/tests"] {
        sources(&root.join("crates").join(folder), &mut tests);
    }
    let mut numbers = Vec::new();
    for line in list.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        let &[number, _, proof] = cells.as_slice() else {
            continue;
        };
        let Ok(number) = number.trim_start_matches("| ").parse::<u32>() else {
            continue;
        };
        numbers.push(number);
        let names: Vec<_> = proof.split('`').skip(1).step_by(2).collect();
        let is_open = ["not yet: ", "not planned: "]
            .iter()
            .any(|open| proof.starts_with(open));
        assert!(is_open || !names.is_empty(), "nothing proves: {line}");
        for name in names.into_iter().filter(|name| name.contains('_')) {
            assert!(tests.contains(&format!("fn {name}(")), "no test `{name}`");
        }
    }
    assert_eq!(numbers, (1..=54).collect::<Vec<_>>());
}
