//! R11: `upstream.cache_size`: what was used least recently goes, and comes back when somebody asks.

use std::{fs, path::Path};

use serde_json::json;
use supercargo_testkit::{Database, Package, eventually, on_both};

use crate::scene::Scene;

on_both!(
    over_the_limit_the_least_recently_used_files_go_and_come_back,
    what_upstream_has_lost_or_changed_or_somebody_hosts_stays,
);

/// As large as others, to the byte or so.
fn package(name: &str) -> Package {
    Package::new(name, "1.0.0").ballast(20_000)
}

async fn fetch(scene: &Scene, package: &Package) {
    scene.upstream.publish(package);
    let file = scene.download(package).await.expect(200);
    assert_eq!(file.body, package.crate_bytes());
}

/// How often the upstream was asked for a file.
fn fetched(scene: &Scene, package: &Package) -> usize {
    let path = format!("/dl/{}/", package.name());
    scene.upstream.requests_to(&path).len()
}

/// Waits until files have gone, and says what is left.
async fn within(scene: &Scene, limit: usize) -> u64 {
    let is_over = || async { scene.cache().await["bytes"].as_u64().unwrap() > limit as u64 };
    // a file is written down when its first client has it
    eventually("what was fetched", is_over).await;
    let is_within = || async {
        let bytes = scene.cache().await["bytes"].as_u64().unwrap();
        bytes <= limit as u64
    };
    eventually("the limit", is_within).await;
    scene.cache().await["files"].as_u64().unwrap()
}

async fn over_the_limit_the_least_recently_used_files_go_and_come_back(database: Database) {
    let names = ["one", "two", "three", "four", "five"];
    let packages = names.map(package);
    // three of them, and what the server leaves free for the next
    let limit = packages[0].crate_bytes().len() * 7 / 2;
    let limit_text = limit.to_string();
    let settings = [("upstream.cache_size", &*limit_text)];
    let scene = Scene::with_settings(database, &settings).await;
    let [one, two, three, four, five] = &packages;
    for package in [one, two, three] {
        fetch(&scene, package).await;
    }
    // used once more, after all others
    scene.download(one).await.expect(200);
    for package in [four, five] {
        fetch(&scene, package).await;
    }
    assert_eq!(scene.cache().await["limit"], limit);
    assert_eq!(within(&scene, limit).await, 3);
    stored(&scene, 3).await;

    scene.upstream.clear_requests();
    for package in [one, four, five] {
        scene.download(package).await.expect(200);
        assert_eq!(fetched(&scene, package), 0, "{}", package.name());
    }
    for package in [two, three] {
        let answer = scene.download(package).await.expect(200);
        assert_eq!(answer.body, package.crate_bytes());
        assert_eq!(fetched(&scene, package), 1, "{}", package.name());
    }
    assert_eq!(within(&scene, limit).await, 3);
}

/// Waits until there are so many blobs: they go after what is known of them.
async fn stored(scene: &Scene, files: usize) {
    let folder = scene.server.data().join("blobs/sha256");
    eventually("the blobs", || async { files_below(&folder) == files }).await;
}

fn files_below(folder: &Path) -> usize {
    // one may go while we look
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(_) => 1,
            Err(_) => 0,
        })
        .sum()
}

async fn what_upstream_has_lost_or_changed_or_somebody_hosts_stays(database: Database) {
    let [lost, changed, hosted, spare] = ["lost", "changed", "hosted", "spare"].map(package);
    let limit = lost.crate_bytes().len() * 7 / 2;
    let limit_text = limit.to_string();
    let settings = [
        ("upstream.cache_size", &*limit_text),
        ("upstream.freshness", "0s"),
    ];
    let scene = Scene::with_settings(database, &settings).await;
    for package in [&lost, &changed, &hosted] {
        fetch(&scene, package).await;
    }
    // the same bytes as a crate of somebody's own
    scene.admin.create_registry(json!({ "name": "team" })).await;
    scene.admin.publish("team", &hosted).await.expect(200);
    scene.upstream.remove("lost");
    scene.index("lost").await.expect(200);
    let other = package("changed").file("src/other.rs", "");
    scene.upstream.republish(&other);
    scene.index("changed").await.expect(200);

    fetch(&scene, &spare).await;
    for files in [4, 3] {
        eventually("the files", || async {
            scene.cache().await["files"] == files
        })
        .await;
        stored(&scene, files).await;
    }
    let gone = fetched(&scene, &spare);
    scene.download(&spare).await.expect(200);
    assert_eq!(fetched(&scene, &spare), gone + 1);
    for package in [&lost, &changed, &hosted] {
        let before = fetched(&scene, package);
        let file = scene.download(package).await.expect(200);
        assert_eq!(file.body, package.crate_bytes(), "{}", package.name());
        assert_eq!(fetched(&scene, package), before, "{}", package.name());
    }
}
