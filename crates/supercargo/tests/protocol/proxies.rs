//! Row P15, behind a reverse proxy: with a path or without, stripped or not, and what the audit log has of the client.

use insta::assert_snapshot;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};
use supercargo_testkit::{Cargo, Database, Package, ReverseProxy, Server, View, on_both};

use crate::world::{options, write_program};

on_both!(
    cargo_works_through_a_proxy_that_strips_a_path,
    cargo_works_through_a_proxy_that_leaves_a_path,
    cargo_works_through_a_proxy_without_a_path,
);

async fn cargo_works_through_a_proxy_that_strips_a_path(database: Database) {
    publish_yank_and_build(database, "/crates/here", true).await;
}

async fn cargo_works_through_a_proxy_that_leaves_a_path(database: Database) {
    publish_yank_and_build(database, "/crates/here", false).await;
}

async fn cargo_works_through_a_proxy_without_a_path(database: Database) {
    publish_yank_and_build(database, "", false).await;
}

/// All that cargo does, by the proxy alone.
async fn publish_yank_and_build(database: Database, prefix: &str, strips: bool) {
    let proxy = ReverseProxy::start(prefix, strips).await;
    let server = Server::start(options(database).setting("public_url", &proxy.url())).await;
    proxy.forward_to(&server.url());
    let admin = server.admin().at(&proxy.url());
    admin.create_registry(json!({ "name": "acme" })).await;
    let index = server.index_url("acme", View::Index);
    assert_eq!(index, format!("sparse+{}/acme/index/", proxy.url()));
    let cargo = Cargo::new()
        .registry("acme", &index)
        .token("acme", server.admin_token());
    for version in ["1.0.0", "1.0.1"] {
        let project = cargo.project(&Package::new("acme-core", version));
        let publish = ["publish", "--registry", "acme"];
        cargo.run(&project, &publish).await.success();
    }
    let app = cargo.folder("app");
    let yank = ["yank", "acme-core@1.0.1", "--registry", "acme"];
    cargo.run(&app, &yank).await.success();
    write_program(
        &app,
        "acme-core = { version = \"1\", registry = \"acme\" }",
        "println!(\"{}\", acme_core::version());",
    );
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(ran.stdout, "1.0.0\n");

    let found = cargo
        .run(&app, &["search", "core", "--registry", "acme"])
        .await;
    assert!(found.success().stdout.contains("acme-core"));
    // a refusal comes through as well
    let project = cargo.project(&Package::new("acme-core", "1.0.0"));
    let upload = ["publish", "--registry", "acme", "--no-verify"];
    let said = cargo.run(&project, &upload).await.failure().messages();
    assert!(said.contains("already"), "{said}");

    let carried = proxy.carried();
    let has = |wanted: &str| {
        let is_it = |line: &str| line == wanted.replace("PREFIX", prefix);
        carried
            .iter()
            .any(|carried| is_it(&carried.line) && carried.status == 200)
    };
    for wanted in [
        "GET PREFIX/acme/index/config.json",
        "GET PREFIX/acme/index/ac/me/acme-core",
        "PUT PREFIX/acme/api/v1/crates/new",
        "DELETE PREFIX/acme/api/v1/crates/acme-core/1.0.1/yank",
        "GET PREFIX/acme/api/v1/crates/acme-core/1.0.0/download",
    ] {
        assert!(has(wanted), "{wanted} is not in {carried:#?}");
    }
    // a login that is asked for is one that people can reach
    let asked = admin.anonymous().get("/acme/index/config.json").await;
    let challenge = asked.expect(401);
    let login = format!("Cargo login_url=\"{}/acme/me\"", proxy.url());
    assert_eq!(challenge.header("www-authenticate"), Some(&*login));
}

/// The address of the last entry of the audit log.
async fn last_address(server: &Server) -> String {
    const LAST: &str = "SELECT address FROM audit ORDER BY id DESC LIMIT 1";
    let url = format!("sqlite:{}/supercargo.db", server.data().display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query_scalar(LAST)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_audit_log_has_the_client_only_where_the_proxy_is_trusted() {
    let mut said = Vec::new();
    for trusted in ["", "127.0.0.0/8", "10.0.0.0/8, ::1"] {
        let proxy = ReverseProxy::start("", false).await;
        let options = options(Database::Sqlite)
            .setting("public_url", &proxy.url())
            .setting("trusted_proxies", trusted);
        let server = Server::start(options).await;
        proxy.forward_to(&server.url());
        let admin = server.admin().at(&proxy.url());
        // as the first of two proxies would, whose own client has invented an address
        let told = "1.1.1.1, 192.0.2.9";
        admin
            .request(http::Method::POST, "/api/v1/registries")
            .header("x-forwarded-for", told)
            .json(&json!({ "name": "acme" }))
            .send()
            .await
            .success();
        let of_api = last_address(&server).await;
        // and on Cargo's routes
        let package = Package::new("acme-core", "1.0.0").frame();
        admin
            .request(http::Method::PUT, "/acme/api/v1/crates/new")
            .header("x-forwarded-for", told)
            .body(package)
            .send()
            .await
            .expect(200);
        let of_cargo = last_address(&server).await;
        said.push(format!("{trusted}: {of_api}, {of_cargo}"));
    }
    assert_snapshot!(said.join("\n"), @"
    : 127.0.0.1, 127.0.0.1
    127.0.0.0/8: 192.0.2.9, 192.0.2.9
    10.0.0.0/8, ::1: 127.0.0.1, 127.0.0.1
    ");
}
