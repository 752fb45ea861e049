//! P13: `[source.crates-io] replace-with`, with this project's own lockfile and the crates that it was built from.

use std::{fs, path::Path};

use serde_json::json;
use supercargo_testkit::{
    Cargo, Database, Dependency, FakeUpstream, LockedPackage, Package, Server, ServerOptions, View,
    on_both,
};

use crate::scene::Scene;

on_both!(
    this_projects_lockfile_is_fetched_through_the_mirror_and_then_without_crates_io,
    a_private_crate_is_not_there_in_the_mirror,
    a_private_registry_replaces_crates_io_with_its_own_token_alone,
);

/// The root of the workspace, whose `Cargo.lock` names some hundred packages of crates.io.
fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A fresh machine that takes everything from the mirror view.
fn machine(server: &Server) -> Cargo {
    Cargo::new()
        .registry("acme-mirror", &server.index_url("acme", View::Mirror))
        .token("acme-mirror", server.admin_token())
        .replace_crates_io("acme-mirror")
}

async fn this_projects_lockfile_is_fetched_through_the_mirror_and_then_without_crates_io(
    database: Database,
) {
    Cargo::new().needs("1.85", "this workspace, which is of edition 2024");
    let lockfile = workspace().join("Cargo.lock");
    let packages = LockedPackage::read(&lockfile).unwrap();
    let mut crates_io = FakeUpstream::from_cargo_home(&lockfile).unwrap();
    let options = ServerOptions::new(env!("CARGO_BIN_EXE_supercargo"))
        .database(database)
        // a busy machine takes longer than a minute, and this is not about what is fresh
        .setting("upstream.freshness", "1h");
    let mut server = Server::start(options).await;
    let admin = server.admin();
    let upstream = json!({ "name": "stand-in", "index": crates_io.index_url() });
    admin.create_upstream(upstream).await;
    let registry = json!({ "name": "acme", "upstreams": ["stand-in"] });
    admin.create_registry(registry).await;

    let before = fs::read(&lockfile).unwrap();
    // `--locked` fails where a checksum or a source would change
    let fetch = ["fetch", "--locked"];
    machine(&server).run(workspace(), &fetch).await.success();
    assert_eq!(fs::read(&lockfile).unwrap(), before);
    assert_eq!(crates_io.requests_to("/dl/").len(), packages.len());
    let mut indexes = crates_io.requests_to("/index/");
    indexes.retain(|request| request.path != "/index/config.json");
    let mut names: Vec<_> = packages.iter().map(|package| &package.name).collect();
    names.dedup();
    // some that nobody needs are read ahead
    let mut asked: Vec<_> = indexes.iter().map(|request| &request.path).collect();
    asked.sort();
    asked.dedup();
    assert_eq!(indexes.len(), asked.len(), "each index file once");
    assert!(asked.len() >= names.len());

    crates_io.stop();
    // nothing is fresh any more, and nothing is in memory
    server.change_options(|options| options.setting("upstream.freshness", "0s"));
    server.restart().await;
    let offline = machine(&server);
    offline.run(workspace(), &fetch).await.success();
    assert_eq!(fs::read(&lockfile).unwrap(), before);
}

/// It never appears as if it were crates.io's.
async fn a_private_crate_is_not_there_in_the_mirror(database: Database) {
    let scene = Scene::start(database).await;
    scene.admin.claim("acme", "acme-*", "private").await;
    scene.upstream.publish(&Package::new("acme-tool", "9.9.9"));
    scene.publish(&Package::new("acme-tool", "1.0.0")).await;
    let cargo = machine(&scene.server);
    let folder = cargo.project(&Package::new("consumer", "0.1.0").dependency("acme-tool", "*"));
    let refused = cargo.run(&folder, &["fetch"]).await.failure();
    let said = refused.messages();
    assert!(
        said.contains("no matching package named `acme-tool` found"),
        "{said}"
    );
    assert!(scene.asked().is_empty());
}

/// Case 25 of the protocol: crates.io's token stays where it belongs.
async fn a_private_registry_replaces_crates_io_with_its_own_token_alone(database: Database) {
    let scene = Scene::start(database).await;
    scene.admin.claim("acme", "acme-*", "private").await;
    scene.publish(&Package::new("acme-tool", "1.0.0")).await;
    let public = Package::new("left-pad", "1.0.0");
    scene.upstream.publish(&public);
    for (view, name) in [(View::Index, "acme"), (View::Mirror, "acme-mirror")] {
        let cargo = scene
            .cargo_with(name, view)
            .replace_crates_io(name)
            // a token that this server does not know is a 401, even where anybody may read
            .token("crates-io", "crates-io-token");
        let folder = cargo.project(&Package::new("consumer", "0.1.0").dependency("left-pad", "1"));
        cargo.run(&folder, &["fetch"]).await.success();
        // the lockfile says crates.io, as if nothing were in between
        let lockfile = LockedPackage::read(&folder.join("Cargo.lock")).unwrap();
        assert_eq!(lockfile[0].checksum, public.checksum().hex());
    }
    for request in scene.upstream.requests() {
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
    // a private crate beside it comes by its own name
    let cargo = scene.cargo().replace_crates_io("acme");
    let package = Package::new("consumer", "0.1.0")
        .dependency("left-pad", "1")
        .depends_on(Dependency::new("acme-tool", "1").registry("acme"));
    let folder = cargo.project(&package);
    cargo.run(&folder, &["check"]).await.success();
}
