//! What most tests begin with: a server with the private registry `acme`, and a cargo that knows it.

use std::path::Path;

use serde_json::json;
use supercargo_testkit::{Cargo, Client, Database, Server, ServerOptions, View};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");

pub(crate) fn options(database: Database) -> ServerOptions {
    ServerOptions::new(PROGRAM).database(database)
}

/// With the private registry `acme`, which has no upstream.
pub(crate) async fn server(database: Database) -> Server {
    server_with(options(database)).await
}

pub(crate) async fn server_with(options: ServerOptions) -> Server {
    let server = Server::start(options).await;
    server
        .admin()
        .create_registry(json!({ "name": "acme" }))
        .await;
    server
}

/// Cargo with these registries by their names, and the administrator's token for each.
pub(crate) fn cargo(server: &Server, registries: &[&str]) -> Cargo {
    registries.iter().fold(Cargo::new(), |cargo, registry| {
        cargo
            .registry(registry, &server.index_url(registry, View::Index))
            .token(registry, server.admin_token())
    })
}

/// Somebody who has a token and no right in any registry.
pub(crate) async fn stranger(server: &Server) -> (Client, String) {
    let admin = server.admin();
    admin.create_user("stranger").await;
    let token = admin.token(json!({ "principal": "stranger" })).await;
    (admin.with_token(&token), token)
}

/// A program that prints, as a project: its dependencies as TOML, and the body of `main`.
pub(crate) fn write_program(folder: &Path, dependencies: &str, body: &str) {
    let manifest = format!(
        "[package]\nname = \"app\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\n{dependencies}\n"
    );
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(
        folder.join("src/main.rs"),
        format!("fn main() {{\n{body}\n}}\n"),
    )
    .unwrap();
}

/// How many versions of a crate a lockfile has, and which.
pub(crate) fn locked(folder: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    let lockfile: toml::Table = text.parse().unwrap();
    let packages = lockfile["package"].as_array().unwrap();
    packages
        .iter()
        .filter(|package| package["name"].as_str() == Some(name))
        .map(|package| package["version"].as_str().unwrap().to_owned())
        .collect()
}
