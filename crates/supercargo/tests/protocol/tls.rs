//! Row P15, TLS of our own: the real cargo over HTTPS and HTTP/2, and certificates that change.

use std::{fs, path::Path, process::Command};

use http::Method;
use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{
    Authority, Cargo, Database, Package, Server, View, eventually, normalise, on_both,
};
use tempfile::TempDir;

use crate::world::{PROGRAM, options, write_program};

on_both!(cargo_publishes_and_builds_over_https);

/// A server with a certificate for 127.0.0.1, and the registry `acme`.
struct Secured {
    server: Server,
    authority: Authority,
    folder: TempDir,
}

impl Secured {
    async fn start(database: Database) -> Self {
        let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
        authority.issue(folder.path(), "first");
        fs::write(root(folder.path()), authority.pem()).unwrap();
        let options = options(database)
            .tls(&authority, folder.path())
            .setting("log.level", "info,supercargo_http=debug");
        let server = Server::start(options).await;
        let acme = json!({ "name": "acme" });
        server.admin().create_registry(acme).await;
        Self {
            server,
            authority,
            folder,
        }
    }

    /// A cargo that trusts the authority, as a company sets it up with `http.cainfo`.
    fn cargo(&self) -> Cargo {
        let index = self.server.index_url("acme", View::Index);
        assert!(index.starts_with("sparse+https://127.0.0.1:"), "{index}");
        Cargo::new()
            .registry("acme", &index)
            .token("acme", self.server.admin_token())
            .env(
                "CARGO_HTTP_CAINFO",
                &root(self.folder.path()).to_string_lossy(),
            )
    }

    /// What TLS and HTTP spoke on each connection so far.
    fn connections(&self) -> Vec<String> {
        let log = self.server.log();
        let told = log
            .lines()
            .filter_map(|line| line.split_once("a TLS connection "));
        told.map(|(_, fields)| fields.to_owned()).collect()
    }
}

fn root(folder: &Path) -> std::path::PathBuf {
    folder.join("root.pem")
}

async fn cargo_publishes_and_builds_over_https(database: Database) {
    let secured = Secured::start(database).await;
    let cargo = secured.cargo();
    let project = cargo.project(&Package::new("acme-core", "1.2.3"));
    let publish = ["publish", "--registry", "acme"];
    cargo.run(&project, &publish).await.success();
    let app = cargo.folder("app");
    write_program(
        &app,
        "acme-core = { version = \"1\", registry = \"acme\" }",
        "println!(\"{}\", acme_core::version());",
    );
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(ran.stdout, "1.2.3\n");
    let lockfile = fs::read_to_string(app.join("Cargo.lock")).unwrap();
    let source = format!("sparse+{}/acme/index/", secured.server.url());
    assert!(lockfile.contains(&source), "{lockfile}");

    // cargo on Windows asks for no more than TLS 1.2
    let before = secured.connections().len();
    let old = secured
        .cargo()
        .config("[http]\nssl-version = { min = \"tlsv1.2\", max = \"tlsv1.2\" }");
    old.run(&app, &["fetch"]).await.success();
    let connections = &secured.connections()[before..];
    assert!(!connections.is_empty(), "nothing was fetched");
    for connection in connections {
        assert_eq!(connection, "version=TLSv1_2 http=\"h2\"");
    }

    let stranger = Cargo::new()
        .registry("acme", &secured.server.index_url("acme", View::Index))
        .token("acme", secured.server.admin_token());
    let said = stranger.run(&app, &["fetch"]).await.failure().stderr;
    assert!(said.to_lowercase().contains("certificate"), "{said}");
}

/// Row P15: all over two connections at most, by HTTP/2. cargo asks for everything at once, a hundred on each connection,
/// and has a pool of them for the index and another for downloads.
#[tokio::test]
async fn three_hundred_crates_come_over_two_connections_at_most() {
    const CRATES: usize = 300;
    let secured = Secured::start(Database::Sqlite).await;
    let admin = secured.server.admin();
    let mut dependencies = Vec::new();
    for number in 0..CRATES {
        let name = format!("acme-{number:03}");
        let package = Package::new(&name, "1.0.0");
        admin.publish("acme", &package).await.expect(200);
        dependencies.push(format!(
            "{name} = {{ version = \"1\", registry = \"acme\" }}"
        ));
    }
    let cargo = secured
        .cargo()
        .env("CARGO_HTTP_DEBUG", "true")
        .env("CARGO_LOG", "network=debug");
    let app = cargo.folder("app");
    write_program(&app, &dependencies.join("\n"), "");
    // the configuration comes with the index; before it, cargo asks whether a token is needed
    for (command, found, refused) in [("generate-lockfile", 1 + CRATES, 1), ("fetch", CRATES, 0)] {
        let before = secured.connections().len();
        let said = cargo.run(&app, &[command]).await.success().stderr;
        let connections = &secured.connections()[before..];
        assert!(
            (1..=2).contains(&connections.len()),
            "{command}: {connections:?}"
        );
        for connection in connections {
            assert_eq!(connection, "version=TLSv1_3 http=\"h2\"");
        }
        // and as cargo saw it
        let count = |words: &str| said.matches(words).count();
        assert_eq!(count("< HTTP/2 200"), found, "{command}");
        assert_eq!(count("< HTTP/2 401"), refused, "{command}");
        assert_eq!(count("< HTTP/"), found + refused, "{command}");
    }
    let lockfile = fs::read_to_string(app.join("Cargo.lock")).unwrap();
    assert_eq!(lockfile.matches("name = \"acme-").count(), CRATES);
}

/// What cargo sends on `http://`, seen from cargo: it offers to change to HTTP/2, is not heard, and all is well.
#[tokio::test]
async fn an_offer_of_http_2_in_plain_text_does_no_harm() {
    let server = crate::world::server(Database::Sqlite).await;
    let core = Package::new("acme-core", "1.0.0");
    server.admin().publish("acme", &core).await.expect(200);
    let cargo = crate::world::cargo(&server, &["acme"])
        .env("CARGO_HTTP_DEBUG", "true")
        .env("CARGO_LOG", "network=debug");
    let app = cargo.folder("app");
    let dependency = "acme-core = { version = \"1\", registry = \"acme\" }";
    write_program(&app, dependency, "");
    let said = cargo.run(&app, &["fetch"]).await.success().stderr;
    // the configuration, the index file, and the download; before them, cargo asks whether a token is needed
    assert_eq!(said.matches("> Upgrade: h2c").count(), 4, "{said}");
    assert_eq!(said.matches("< HTTP/1.1 401").count(), 1, "{said}");
    assert_eq!(said.matches("< HTTP/1.1 200").count(), 3, "{said}");
    assert_eq!(said.matches("< HTTP/").count(), 4, "{said}");
}

#[tokio::test]
async fn the_command_line_speaks_https_too() {
    let secured = Secured::start(Database::Sqlite).await;
    let output = tokio::process::Command::new(PROGRAM)
        .args(["--json", "me"])
        .env_clear()
        .env("SUPERCARGO_URL", secured.server.url())
        .env("SUPERCARGO_TOKEN", secured.server.admin_token())
        .env("SSL_CERT_FILE", root(secured.folder.path()))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let me: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(me["principal"]["name"], "admin", "{me}");
}

#[tokio::test]
async fn plain_http_is_told_that_the_port_speaks_https() {
    let secured = Secured::start(Database::Sqlite).await;
    let plain = secured.server.url().replace("https://", "http://");
    let client = supercargo_testkit::Client::new(&plain);
    let answer = client.request(Method::GET, "/healthz").send().await;
    let said = answer.expect(400).text();
    assert_snapshot!(said, @"this server speaks https on this port; write `https://` instead of `http://`");
}

/// A certificate is renewed while the server runs: seen by itself, and at once when somebody asks with SIGHUP.
#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let secured = Secured::start(Database::Sqlite).await;
    let server = &secured.server;
    // its connection stays open through all of this
    let admin = server.admin();
    admin.get("/healthz").await.expect(200);
    let folder = secured.folder.path();

    let other = Authority::new();
    other.issue(folder, "second");
    let logged = async |words: &str| {
        eventually(words, || std::future::ready(server.log().contains(words))).await;
    };
    logged("new connections get the certificate that was read anew").await;
    let trusting = |authority: &Authority| {
        supercargo_testkit::Client::trusting(&server.url(), Some(&authority.pem()))
    };
    let health = async |client: supercargo_testkit::Client| {
        let request = client.request(Method::GET, "/healthz");
        request.try_send().await.is_ok()
    };
    assert!(health(trusting(&other)).await);
    assert!(!health(trusting(&secured.authority)).await);
    let before = secured.connections().len();
    admin.get("/healthz").await.expect(200);
    assert_eq!(secured.connections().len(), before, "the old connection");

    let [_, key] = Authority::pair(folder);
    fs::write(&key, "gone").unwrap();
    hang_up(server);
    logged("new connections still get the old certificate, for the file of `tls.key` holds no private key").await;
    assert!(health(trusting(&other)).await);

    secured.authority.issue(folder, "third");
    hang_up(server);
    eventually("the third certificate", || {
        health(trusting(&secured.authority))
    })
    .await;
}

fn hang_up(server: &Server) {
    let pid = server.pid().to_string();
    let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
    assert!(sent.success(), "SIGHUP was not sent");
}

#[tokio::test]
async fn a_pair_that_cannot_be_served_is_named_at_the_start() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let (authority, other) = (Authority::new(), folder.join("other"));
    fs::create_dir(&other).unwrap();
    authority.issue(folder, "server");
    authority.issue(&other, "other");
    let [certificate, key] = Authority::pair(folder).map(|path| path.display().to_string());
    let [_, other_key] = Authority::pair(&other).map(|path| path.display().to_string());
    let none = folder.join("none.pem").display().to_string();
    let mut said = Vec::new();
    for (certificate, key) in [
        (certificate.as_str(), ""),
        ("", key.as_str()),
        (&none, &key),
        (&certificate, &none),
        (&key, &certificate),
        (&certificate, &certificate),
        (&certificate, &other_key),
    ] {
        let options = options(Database::Sqlite)
            .setting("tls.certificate", certificate)
            .setting("tls.key", key);
        let log = Server::refuse_to_start(options).await;
        said.push(normalise(log.lines().last().unwrap_or_default(), folder));
    }
    assert_snapshot!(said.join("\n"), @r#"
    error: `tls.certificate` = "[ROOT]/certificate.pem" (from SUPERCARGO_TLS_CERTIFICATE) is not enough for HTTPS; name the other file with `tls.key`
    error: `tls.key` = "[ROOT]/key.pem" (from SUPERCARGO_TLS_KEY) is not enough for HTTPS; name the other file with `tls.certificate`
    error: `tls.certificate` = "[ROOT]/none.pem" (from SUPERCARGO_TLS_CERTIFICATE) cannot be read: No such file or directory (os error 2); check its path and its permissions
    error: `tls.key` = "[ROOT]/none.pem" (from SUPERCARGO_TLS_KEY) cannot be read: No such file or directory (os error 2); check its path and its permissions
    error: `tls.certificate` = "[ROOT]/key.pem" (from SUPERCARGO_TLS_CERTIFICATE) holds no certificate; a PEM file has a line `-----BEGIN CERTIFICATE-----` before each, and other formats have to be converted first
    error: `tls.key` = "[ROOT]/certificate.pem" (from SUPERCARGO_TLS_KEY) holds no private key; a PEM file has a line such as `-----BEGIN PRIVATE KEY-----` before it, and other formats have to be converted first
    error: `tls.key` = "[ROOT]/other/key.pem" (from SUPERCARGO_TLS_KEY) holds a key that does not belong to the certificate; the certificate of the server itself must come first in its file
    "#);
}
