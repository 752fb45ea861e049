//! R3, V2: what becomes of a registry when the one that it reads through changes its mind, is deleted, or comes back.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Database, View, on_both};

use crate::scene::{NOTHING, Scene, asked_about, of, said};

on_both!(
    other_bytes_under_a_number_that_was_served_outside_are_refused_until_they_are_accepted,
    what_the_inner_registry_never_gave_out_is_its_own_to_change,
    a_registry_that_others_read_through_is_not_deleted,
    a_restored_registry_does_not_answer_for_one_that_is_gone,
    a_purged_inner_registry_gives_its_bytes_to_nobody,
    a_crate_that_the_inner_registry_detaches_does_not_come_from_elsewhere,
    a_decision_inside_counts_for_a_question_that_is_under_way,
);

/// The outer ledger holds what the outer registry promised.
async fn other_bytes_under_a_number_that_was_served_outside_are_refused_until_they_are_accepted(
    database: Database,
) {
    let mut scene = Scene::nested(database, &[]).await;
    let theirs = of("first", "left-pad", "1.0.0");
    scene.first.publish(&theirs);
    scene.gets("outer", &theirs).await;
    let before = scene.admin.index("outer", View::Index, "left-pad").await;
    // a fork inside, under the same number
    scene.admin.claim("inner", "left-pad", "fork").await;
    let forked = of("inner", "left-pad", "1.0.0");
    scene.publish("inner", &forked).await;
    scene.gets("inner", &forked).await;
    let refuses = async |scene: &Scene| {
        let index = scene.admin.index("outer", View::Index, "left-pad").await;
        let lines = index.expect(200).json_lines();
        assert_eq!(lines[0]["cksum"], theirs.checksum().hex());
        let refused = scene.download("outer", "left-pad", "1.0.0").await;
        refused.expect(502).text()
    };
    assert_eq!(before.json_lines()[0]["cksum"], theirs.checksum().hex());
    insta::assert_snapshot!(refuses(&scene).await, @"upstream `inner` now lists other bytes for `left-pad@1.0.0` than registry `outer` served before, and the former ones are not stored here; choose another version, or have a maintainer look into it and accept them: `supercargo crate accept outer left-pad@1.0.0`");
    let alarm = "upstream.bytes_changed left-pad 1.0.0".to_owned();
    assert!(scene.alarms().await.contains(&alarm));
    scene.server.restart().await;
    refuses(&scene).await;
    // what is new is followed
    let next = of("inner", "left-pad", "1.1.0");
    scene.publish("inner", &next).await;
    scene.gets("outer", &next).await;
    // the mirror view has upstream's still
    let mirrored = scene
        .admin
        .download("outer", View::Mirror, "left-pad", "1.0.0")
        .await;
    assert_eq!(mirrored.expect(200).body, theirs.crate_bytes());

    let path = "/api/v1/registries/outer/crates/left-pad/versions/1.0.0/ledger?confirm=1.0.0";
    let publisher = scene
        .admin
        .person("paul", "outer", "publisher", &["maintain"])
        .await;
    publisher.delete(path).await.expect(403);
    let insider = scene
        .admin
        .person("ines", "inner", "maintainer", &["maintain"])
        .await;
    insider.delete(path).await.expect(404);
    refuses(&scene).await;
    let maintainer = scene
        .admin
        .person("mary", "outer", "maintainer", &["maintain"])
        .await;
    maintainer.delete(path).await.expect(204);
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0, 1.1.0");
    scene.gets("outer", &forked).await;
}

/// No bytes were given out by the outer registry, so nothing holds it.
async fn what_the_inner_registry_never_gave_out_is_its_own_to_change(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0");
    scene.admin.claim("inner", "left-pad", "fork").await;
    let forked = of("inner", "left-pad", "1.0.0");
    scene.publish("inner", &forked).await;
    scene.gets("outer", &forked).await;
    assert!(scene.alarms().await.is_empty());
}

async fn delete(scene: &Scene, registry: &str) -> Answer {
    let path = format!("/api/v1/registries/{registry}?confirm={registry}");
    scene.admin.delete(&path).await
}

async fn restore(scene: &Scene, registry: &str) -> Answer {
    let path = format!("/api/v1/registries/{registry}/restore");
    scene.admin.request(Method::POST, &path).send().await
}

/// R1: "is refused while another registry reads through it", and says which.
async fn a_registry_that_others_read_through_is_not_deleted(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene
        .publish("inner", &of("inner", "inner-lib", "1.0.0"))
        .await;
    scene
        .admin
        .create_registry(json!({ "name": "hidden", "upstreams": ["inner"] }))
        .await;
    let mut table = vec![said(&delete(&scene, "inner").await)];
    // to somebody who may not see all of them
    let ines = scene
        .admin
        .person("ines", "inner", "admin", &["admin"])
        .await;
    scene.admin.member("outer", "ines", "reader").await;
    let refused = ines.delete("/api/v1/registries/inner?confirm=inner").await;
    table.push(said(&refused));
    delete(&scene, "hidden").await.expect(204);
    table.push(said(&delete(&scene, "inner").await));
    assert_eq!(scene.index("outer", "inner-lib").await, "1.0.0");
    scene.admin.attach("outer", json!(["second"])).await;
    delete(&scene, "inner").await.expect(204);
    // it cannot be attached while it is gone
    let attach = json!({ "upstreams": ["inner"] });
    table.push(said(&scene.try_change("outer", attach.clone()).await));
    restore(&scene, "inner").await.expect(200);
    scene.change("outer", attach).await;
    assert_eq!(scene.index("outer", "inner-lib").await, "1.0.0");
    insta::assert_snapshot!(table.join("\n"), @"
    409 registry-in-use: registry `inner` is read through by registry `hidden`, registry `outer`; detach it there first
    409 registry-in-use: registry `inner` is read through by a registry that you may not see, registry `outer`; detach it there first
    409 registry-in-use: registry `inner` is read through by registry `outer`; detach it there first
    422 invalid-nesting: this cannot be: registry `outer`: a registry that it reads through is deleted
    ");
}

/// It comes back with its settings, and fails where it would have to pass over what it cannot ask.
async fn a_restored_registry_does_not_answer_for_one_that_is_gone(database: Database) {
    let mut scene = Scene::nested(database, &[]).await;
    scene
        .publish("inner", &of("inner", "inner-lib", "1.0.0"))
        .await;
    scene
        .publish("outer", &of("outer", "outer-lib", "1.0.0"))
        .await;
    scene
        .gets("outer", &of("inner", "inner-lib", "1.0.0"))
        .await;
    scene.second.publish(&of("second", "inner-lib", "9.9.9"));
    scene.second.publish(&of("second", "left-pad", "9.9.9"));
    scene.second.clear_requests();
    delete(&scene, "outer").await.expect(204);
    delete(&scene, "inner").await.expect(204);
    restore(&scene, "outer").await.expect(200);
    let fails = async |scene: &Scene| {
        for name in ["inner-lib", "left-pad"] {
            for view in [View::Index, View::Mirror] {
                assert_eq!(scene.listed("outer", view, name).await, "503");
            }
            assert_eq!(asked_about(&scene.second, name), NOTHING);
        }
        scene
            .download("outer", "inner-lib", "1.0.0")
            .await
            .expect(503);
        let publish = of("outer", "new-name", "1.0.0");
        scene.admin.publish("outer", &publish).await.expect(503);
        scene
            .gets("outer", &of("outer", "outer-lib", "1.0.0"))
            .await;
    };
    fails(&scene).await;
    let index = scene.admin.index("outer", View::Index, "inner-lib").await;
    insta::assert_snapshot!(index.text(), @"registry `outer` does not read through other registries of this server: one that it reads through is deleted; its administrators have to detach it");
    scene.server.restart().await;
    fails(&scene).await;
    restore(&scene, "inner").await.expect(200);
    scene
        .gets("outer", &of("inner", "inner-lib", "1.0.0"))
        .await;
    assert_eq!(scene.index("outer", "left-pad").await, "9.9.9");
}

async fn a_purged_inner_registry_gives_its_bytes_to_nobody(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let (kept, purged) = (
        of("inner", "inner-lib", "1.0.0"),
        of("inner", "inner-lib", "1.1.0"),
    );
    for package in [&kept, &purged] {
        scene.publish("inner", package).await;
        scene.gets("outer", package).await;
    }
    scene.delete("inner", "inner-lib@1.1.0").await;
    assert_eq!(scene.index("outer", "inner-lib").await, "1.0.0");
    scene
        .download("outer", "inner-lib", "1.1.0")
        .await
        .expect(404);
    scene.purge("inner", "inner-lib@1.1.0").await;
    assert_eq!(scene.index("outer", "inner-lib").await, "1.0.0");
    scene
        .download("outer", "inner-lib", "1.1.0")
        .await
        .expect(404);
    scene.gets("outer", &kept).await;
    // the whole of it, and then a new registry of that name
    scene.admin.attach("outer", json!([])).await;
    delete(&scene, "inner").await.expect(204);
    let purge = "/api/v1/registries/inner?confirm=inner&purge=true";
    scene.admin.delete(purge).await.expect(204);
    scene
        .download("outer", "inner-lib", "1.0.0")
        .await
        .expect(404);
    scene
        .admin
        .create_registry(json!({ "name": "inner" }))
        .await;
    scene.admin.attach("outer", json!(["inner"])).await;
    assert_eq!(scene.index("outer", "inner-lib").await, "404");
    scene
        .download("outer", "inner-lib", "1.0.0")
        .await
        .expect(404);
}

/// What an inner registry loses, the outer one does not get from a stranger.
async fn a_crate_that_the_inner_registry_detaches_does_not_come_from_elsewhere(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let theirs = of("first", "left-pad", "1.0.0");
    scene.first.publish(&theirs);
    scene.second.publish(&of("second", "left-pad", "9.9.9"));
    scene.gets("outer", &theirs).await;
    scene.admin.attach("inner", json!([])).await;
    let after = scene.index("outer", "left-pad").await;
    assert_ne!(after, "9.9.9");
    scene
        .download("outer", "left-pad", "9.9.9")
        .await
        .expect(404);
    assert_eq!(asked_about(&scene.second, "left-pad"), NOTHING);
    // until a maintainer says so
    scene.pin("outer", "left-pad", "second").await.expect(200);
    assert_eq!(scene.index("outer", "left-pad").await, "9.9.9");
}

/// What began before a decision inside ended is given to nobody who asks after it, and leaves no pin behind.
async fn a_decision_inside_counts_for_a_question_that_is_under_way(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene.second.publish(&of("second", "acme-tool", "1.0.0"));
    scene.second.hold("/index/ac/me/acme-tool");
    let ask = || {
        let admin = scene.admin.clone();
        tokio::spawn(async move { admin.index("outer", View::Index, "acme-tool").await })
    };
    let before = ask();
    scene.second.wait_until_held(1).await;
    scene.admin.claim("inner", "acme-tool", "private").await;
    // joins what is under way
    let after = ask();
    scene.second.release();
    after.await.unwrap().expect(404);
    before.await.unwrap();
    assert_eq!(scene.listed("outer", View::Index, "acme-tool").await, "404");
    scene
        .download("outer", "acme-tool", "1.0.0")
        .await
        .expect(404);
    // pins are written each second, and before a server ends
    let mut scene = scene;
    scene.server.restart().await;
    let pins = scene.texts("SELECT spelling FROM pins").await;
    assert_eq!(pins, NOTHING);
}
