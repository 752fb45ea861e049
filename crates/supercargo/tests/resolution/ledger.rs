//! R8 and the ledger: an upstream that changes its mind changes nothing for those who rely on what they got.

use supercargo_testkit::{Database, Package, View, on_both};

use crate::scene::{Scene, project_with};

on_both!(
    an_upstream_that_changes_the_bytes_of_a_version_is_not_followed,
    changed_bytes_are_refused_where_the_former_ones_are_lost,
    a_crate_that_its_upstream_loses_is_held_and_still_downloads,
);

const ALWAYS_ASK: [(&str, &str); 1] = [("upstream.freshness", "0s")];

async fn an_upstream_that_changes_the_bytes_of_a_version_is_not_followed(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    scene.upstream.publish(&former);
    scene.download("left-pad", "1.0.0").await.expect(200);
    let before = scene.index("left-pad").await.expect(200);

    let changed = Package::new("left-pad", "1.0.0").file("CHANGED", "bytes");
    scene.upstream.republish(&changed);
    let keeps_the_former = async |scene: &Scene| {
        let after = scene.index("left-pad").await.expect(200);
        assert_eq!(after.text(), before.text());
        let downloaded = scene.download("left-pad", "1.0.0").await.expect(200);
        assert_eq!(downloaded.body, former.crate_bytes());
    };
    keeps_the_former(&scene).await;
    let alarm = "upstream.bytes_changed left-pad 1.0.0";
    assert_eq!(scene.alarms().await, [alarm]);

    scene.server.restart().await;
    keeps_the_former(&scene).await;
    // the mirror view never served the former ones: each view has its own ledger
    let mirrored = scene.mirror("left-pad").await.expect(200).json_lines();
    assert_eq!(mirrored[0]["cksum"], changed.checksum().hex());
    let downloaded = scene
        .admin
        .download("acme", View::Mirror, "left-pad", "1.0.0");
    assert_eq!(downloaded.await.expect(200).body, changed.crate_bytes());
    keeps_the_former(&scene).await;

    // what is new is followed as ever
    let next = Package::new("left-pad", "1.1.0");
    scene.upstream.publish(&next);
    let after = scene.index("left-pad").await.expect(200).json_lines();
    assert_eq!(after[0]["cksum"], former.checksum().hex());
    assert_eq!(after[1]["cksum"], next.checksum().hex());
}

async fn changed_bytes_are_refused_where_the_former_ones_are_lost(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    scene.upstream.publish(&former);
    scene.download("left-pad", "1.0.0").await.expect(200);
    let changed = Package::new("left-pad", "1.0.0").file("CHANGED", "bytes");
    scene.upstream.republish(&changed);

    scene.server.stop().await;
    let hex = former.checksum().hex();
    scene.lose(&hex);
    scene.server.restart().await;

    let lines = scene.index("left-pad").await.expect(200).json_lines();
    assert_eq!(lines[0]["cksum"], hex);
    let refused = scene.download("left-pad", "1.0.0").await.expect(502);
    assert!(refused.text().contains("upstream `partner`"), "{refused}");
    let alarms = scene.alarms().await;
    let alarm = "upstream.bytes_changed left-pad 1.0.0".to_owned();
    assert!(alarms.contains(&alarm), "{alarms:?}");
    assert_eq!(scene.stored(), 0);
}

/// Lockfiles build on; a new resolution goes elsewhere.
async fn a_crate_that_its_upstream_loses_is_held_and_still_downloads(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    for version in ["1.0.0", "1.1.0"] {
        scene.upstream.publish(&Package::new("left-pad", version));
    }
    let cargo = scene.cargo();
    let folder = cargo.project(&project_with("left-pad", "=1.0.0"));
    cargo.run(&folder, &["fetch"]).await.success();
    let before = scene.index("left-pad").await.expect(200);

    scene.upstream.remove("left-pad");
    let is_held = async |scene: &Scene| {
        for line in scene.index("left-pad").await.expect(200).json_lines() {
            assert_eq!(line["yanked"], true, "{line}");
        }
        scene.download("left-pad", "1.0.0").await.expect(200);
    };
    is_held(&scene).await;
    assert_eq!(scene.alarms().await, ["upstream.vanished left-pad"]);
    scene.server.restart().await;
    is_held(&scene).await;
    assert_eq!(scene.alarms().await, ["upstream.vanished left-pad"]);
    // of the other version there are no bytes
    scene.download("left-pad", "1.1.0").await.expect(502);

    cargo.forget_downloads();
    cargo.run(&folder, &["fetch", "--locked"]).await.success();
    let fresh = cargo.folder("fresh");
    Package::new("fresh", "0.1.0")
        .depends_on(supercargo_testkit::Dependency::new("left-pad", "1").registry("acme"))
        .write_source(&fresh);
    let refused = cargo.run(&fresh, &["fetch"]).await.failure();
    assert!(refused.stderr.contains("yanked"), "{}", refused.stderr);

    for version in ["1.0.0", "1.1.0"] {
        scene.upstream.publish(&Package::new("left-pad", version));
    }
    let back = scene.index("left-pad").await.expect(200);
    assert_eq!(back.body, before.body);
    cargo.run(&fresh, &["fetch"]).await.success();
}
