//! R8 and the ledger: an upstream that changes its mind changes nothing for those who rely on what they got.

use serde_json::json;
use supercargo_testkit::{Database, Package, View, eventually, on_both};

use crate::scene::{Scene, project_with};

on_both!(
    an_upstream_that_changes_the_bytes_of_a_version_is_not_followed,
    changed_bytes_are_refused_where_the_former_ones_are_lost,
    a_crate_that_its_upstream_loses_is_held_and_still_downloads,
    a_maintainer_accepts_what_upstream_changed,
    changed_bytes_whose_former_ones_were_evicted_are_held,
    what_would_not_come_back_is_not_evicted,
    a_claim_is_the_override_for_the_index_view_alone,
    what_was_served_before_a_hold_downloads_whatever_is_claimed_since,
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
    // older ones say that there is none
    let said = refused.messages();
    let why = ["is yanked", "no matching package named `left-pad` found"];
    assert!(why.iter().any(|why| said.contains(why)), "{said}");

    for version in ["1.0.0", "1.1.0"] {
        scene.upstream.publish(&Package::new("left-pad", version));
    }
    let back = scene.index("left-pad").await.expect(200);
    assert_eq!(back.body, before.body);
    cargo.run(&fresh, &["fetch"]).await.success();
}

/// The maintainer's override: `DELETE …/ledger`, with the version typed again.
async fn a_maintainer_accepts_what_upstream_changed(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    let changed = Package::new("left-pad", "1.0.0").file("CHANGED", "bytes");
    let reader = scene
        .admin
        .person("reader", "acme", "reader", &["read", "maintain"])
        .await;
    let path = "/api/v1/registries/acme/crates/left-pad/versions/1.0.0/ledger";
    let confirmed = format!("{path}?confirm=1.0.0");
    scene.upstream.publish(&former);
    let views = [View::Index, View::Mirror];
    let gives = async |scene: &Scene, package: &Package| {
        for view in views {
            let index = scene.admin.index("acme", view, "left-pad").await;
            let lines = index.expect(200).json_lines();
            assert_eq!(lines[0]["cksum"], package.checksum().hex(), "{view}");
            let download = scene.admin.download("acme", view, "left-pad", "1.0.0");
            assert_eq!(download.await.expect(200).body, package.crate_bytes());
        }
    };

    // nothing was ever given out
    let refused = scene.admin.delete(&confirmed).await.expect(404);
    assert_eq!(refused.code().as_deref(), Some("not-served"));
    gives(&scene, &former).await;
    scene.upstream.republish(&changed);
    gives(&scene, &former).await;
    let alarms = scene.alarms().await;
    assert!(!alarms.is_empty());

    for unconfirmed in [path.to_owned(), format!("{path}?confirm=1.0.1")] {
        let refused = scene.admin.delete(&unconfirmed).await.expect(422);
        assert_eq!(refused.code().as_deref(), Some("confirmation-needed"));
    }
    reader.delete(&confirmed).await.expect(403);
    gives(&scene, &former).await;
    assert!(scene.audited("ledger.overridden").await.is_empty());

    scene.admin.delete(&confirmed).await.expect(204);
    gives(&scene, &changed).await;
    scene.server.restart().await;
    gives(&scene, &changed).await;
    assert_eq!(
        scene.audited("ledger.overridden").await,
        ["ledger.overridden left-pad 1.0.0"]
    );
    // what is accepted alarms nobody any more, and what comes next does again
    assert_eq!(scene.alarms().await, alarms);
    scene.upstream.republish(&former);
    gives(&scene, &changed).await;
    assert!(scene.alarms().await.len() > alarms.len());
}

/// "Else the version is held": the line stays for lockfiles to be told by, and nobody gets other bytes.
async fn changed_bytes_whose_former_ones_were_evicted_are_held(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    scene.upstream.publish(&former);
    let cargo = scene.cargo();
    let folder = cargo.project(&project_with("left-pad", "1"));
    cargo.run(&folder, &["fetch"]).await.success();
    let cache = "/api/v1/registries/acme/cache/left-pad";
    scene.admin.delete(cache).await.expect(204);
    assert_eq!(scene.stored(), 0);
    // the same bytes come again as if nothing had been
    scene.download("left-pad", "1.0.0").await.expect(200);
    scene.admin.delete(cache).await.expect(204);

    let changed = Package::new("left-pad", "1.0.0").file("CHANGED", "bytes");
    scene.upstream.republish(&changed);
    let lines = scene.index("left-pad").await.expect(200).json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["cksum"], former.checksum().hex());
    assert_eq!(lines[0]["yanked"], true);
    let item = "/api/v1/registries/acme/crates/left-pad/versions/1.0.0";
    let item = scene.admin.get(item).await.expect(200).json();
    assert_eq!(item["state"], "held");
    insta::assert_snapshot!(item["reason"].as_str().unwrap(), @"its upstream lists other bytes than were served before, and those are not stored here");
    let refused = scene.download("left-pad", "1.0.0").await.expect(502);
    insta::assert_snapshot!(refused.text(), @"upstream `partner` now lists other bytes for `left-pad@1.0.0` than registry `acme` served before, and the former ones are not stored here; choose another version, or have a maintainer look into it and accept them: `supercargo crate accept acme left-pad@1.0.0`");
    assert_eq!(scene.stored(), 0);
    assert!(
        scene
            .alarms()
            .await
            .contains(&"upstream.bytes_changed left-pad 1.0.0".to_owned())
    );
    // cargo with a cold cache and a lockfile is told so, and a fresh resolution finds nothing
    cargo.forget_downloads();
    let refused = cargo.run(&folder, &["fetch", "--locked"]).await.failure();
    assert!(refused.stderr.contains("other bytes"), "{}", refused.stderr);

    // upstream takes it back
    scene.upstream.republish(&former);
    let lines = scene.index("left-pad").await.expect(200).json_lines();
    assert_eq!(lines[0]["yanked"], false);
    cargo.forget_downloads();
    cargo.run(&folder, &["fetch", "--locked"]).await.success();
}

/// Of what an upstream has changed, these are the only bytes; and while it is down, nothing can be fetched again.
async fn what_would_not_come_back_is_not_evicted(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    let other = Package::new("right-pad", "1.0.0");
    for package in [&former, &other] {
        scene.upstream.publish(package);
        scene.download(package.name(), "1.0.0").await.expect(200);
    }
    let changed = Package::new("left-pad", "1.0.0").file("CHANGED", "bytes");
    scene.upstream.republish(&changed);
    scene.index("left-pad").await.expect(200);
    let cache = "/api/v1/registries/acme/cache";
    for path in [cache.to_owned(), format!("{cache}/left-pad")] {
        scene.admin.delete(&path).await.expect(204);
        assert_eq!(scene.stored(), 1);
        let downloaded = scene.download("left-pad", "1.0.0").await.expect(200);
        assert_eq!(downloaded.body, former.crate_bytes());
    }

    scene.download("right-pad", "1.0.0").await.expect(200);
    scene.upstream.stop();
    // until it is known to be down
    for number in 0..5 {
        let missing = format!("missing-{number}");
        scene.index(&missing).await.expect(502);
    }
    scene.admin.delete(cache).await.expect(204);
    assert_eq!(scene.stored(), 2);
    scene.upstream.start_again();
    let back = async || scene.index("right-pad").await.status == 200;
    eventually("an upstream that is well again", back).await;
    scene.download("right-pad", "1.0.0").await.expect(200);
}

/// The view is then made of something else, which people decided.
async fn a_claim_is_the_override_for_the_index_view_alone(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    let changed = Package::new("left-pad", "1.0.0").file("CHANGED", "bytes");
    scene.upstream.publish(&former);
    for view in [View::Index, View::Mirror] {
        let download = scene.admin.download("acme", view, "left-pad", "1.0.0");
        download.await.expect(200);
    }
    scene.upstream.republish(&changed);
    let checksums = async || {
        let mut checksums = Vec::new();
        for view in [View::Index, View::Mirror] {
            let index = scene.admin.index("acme", view, "left-pad").await;
            checksums.push(match index.status.as_u16() {
                404 => "404",
                _ if index.json_lines()[0]["cksum"] == former.checksum().hex() => "former",
                _ => "changed",
            });
        }
        checksums
    };
    assert_eq!(checksums().await, ["former", "former"]);
    scene.admin.claim("acme", "left-pad", "merge").await;
    assert_eq!(checksums().await, ["changed", "former"]);
    let mirrored = scene
        .admin
        .download("acme", View::Mirror, "left-pad", "1.0.0");
    assert_eq!(mirrored.await.expect(200).body, former.crate_bytes());
    let downloaded = scene.download("left-pad", "1.0.0").await.expect(200);
    assert_eq!(downloaded.body, changed.crate_bytes());
    // from there on the new ones stand
    scene.upstream.republish(&former);
    assert_eq!(checksums().await, ["changed", "former"]);
    scene.unclaim("left-pad").await;
    assert_eq!(checksums().await, ["changed", "former"]);
    scene.admin.claim("acme", "left-*", "private").await;
    assert_eq!(checksums().await, ["404", "404"]);
    scene.unclaim("left-*").await;
    assert_eq!(checksums().await, ["former", "former"]);
}

/// "200 where R served this version before the hold": a claim makes the ledger forget what was promised, not that it was given
/// out.
async fn what_was_served_before_a_hold_downloads_whatever_is_claimed_since(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let served = Package::new("left-pad", "1.0.0");
    for version in ["1.0.0", "1.1.0"] {
        scene.upstream.publish(&Package::new("left-pad", version));
    }
    scene.download("left-pad", "1.0.0").await.expect(200);
    let hold = json!({ "action": "hold", "reason": "looked into" });
    let quarantine = "/api/v1/registries/acme/crates/left-pad/quarantine";
    scene.admin.put(quarantine, hold).await.expect(200);
    let builds_on = async |scene: &Scene| {
        for line in scene.index("left-pad").await.expect(200).json_lines() {
            assert_eq!(line["yanked"], true, "{line}");
        }
        let downloaded = scene.download("left-pad", "1.0.0").await.expect(200);
        assert_eq!(downloaded.body, served.crate_bytes());
        let refused = scene.download("left-pad", "1.1.0").await.expect(403);
        assert!(refused.text().contains("looked into"), "{refused}");
    };
    builds_on(&scene).await;
    // with nothing entered anew between one claim and the next
    for _ in 0..2 {
        scene.admin.claim("acme", "left-pad", "merge").await;
        scene.unclaim("left-pad").await;
    }
    scene.admin.claim("acme", "left-pad", "merge").await;
    builds_on(&scene).await;
    scene.server.restart().await;
    builds_on(&scene).await;
    scene.unclaim("left-pad").await;
    builds_on(&scene).await;

    // the same bytes, hosted: it is still that version
    scene.admin.claim("acme", "left-pad", "merge").await;
    scene.publish(&served).await;
    scene.upstream.remove("left-pad");
    let downloaded = scene.download("left-pad", "1.0.0").await.expect(200);
    assert_eq!(downloaded.body, served.crate_bytes());
}
