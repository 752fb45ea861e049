//! How well it is guessed what cargo asks for: with this project's own lockfile, and the real index files.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use serde_json::json;
use supercargo_testkit::{
    Cargo, Database, FakeUpstream, Fault, LockedPackage, Server, ServerOptions, View, on_both,
};

use crate::scene::asked;

on_both!(most_of_what_cargo_asks_for_was_asked_for_before);

async fn most_of_what_cargo_asks_for_was_asked_for_before(database: Database) {
    Cargo::new().needs("1.85", "this workspace, which is of edition 2024");
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let lockfile = root.join("Cargo.lock");
    let crates_io = FakeUpstream::from_cargo_home(&lockfile).unwrap();
    // so far away is a near one
    crates_io.fault("/index/", Fault::Delay(Duration::from_millis(20)));
    // a slow machine needs longer than an entry is fresh by default
    let options = ServerOptions::new(env!("CARGO_BIN_EXE_supercargo"))
        .database(database)
        .setting("upstream.freshness", "1h");
    let server = Server::start(options).await;
    let admin = server.admin();
    let upstream = json!({ "name": "stand-in", "index": crates_io.index_url() });
    admin.create_upstream(upstream).await;
    let registry = json!({ "name": "acme", "upstreams": ["stand-in"] });
    admin.create_registry(registry).await;

    let before = fs::read(&lockfile).unwrap();
    let cargo = Cargo::new()
        .registry("acme-mirror", &server.index_url("acme", View::Mirror))
        .token("acme-mirror", server.admin_token())
        .replace_crates_io("acme-mirror");
    cargo.run(root, &["fetch", "--locked"]).await.success();
    assert_eq!(fs::read(&lockfile).unwrap(), before);

    let asked = asked(&crates_io);
    let once: BTreeSet<_> = asked.iter().map(String::as_str).collect();
    assert_eq!(asked.len(), once.len(), "no index file twice");
    let packages = LockedPackage::read(&lockfile).unwrap();
    let names: BTreeSet<_> = packages
        .iter()
        .map(|package| package.name.to_ascii_lowercase())
        .collect();
    let needed = names.iter().filter(|name| once.contains(name.as_str()));
    assert_eq!(needed.count(), names.len());
    let counted = || async {
        let shown = admin.get("/api/v1/registries/acme/cache").await;
        let read_ahead = shown.expect(200).json()["items"][0]["read_ahead"].clone();
        let [fetched, used] = ["fetched", "used"].map(|kind| read_ahead[kind].as_u64().unwrap());
        (fetched, used)
    };
    // each second they go to where they are shown from
    supercargo_testkit::eventually("the counts", || async {
        let (fetched, used) = counted().await;
        used * 2 > names.len() as u64 && fetched > used
    })
    .await;
    let in_vain = asked.len() - names.len();
    assert!(in_vain * 10 < asked.len(), "{in_vain} of {}", asked.len());
    let (fetched, used) = counted().await;
    println!(
        "{} names; {fetched} files were read ahead, {used} of them used; {in_vain} questions in vain",
        names.len(),
    );
}
