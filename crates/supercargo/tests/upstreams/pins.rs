//! R4: which upstream a name is read from, since it first was; another one takes over only when a maintainer says so.

use serde_json::json;
use supercargo_testkit::{Database, View, on_both};

use crate::scene::{ALWAYS_ASK, Scene, asked_about, of, pin, said};

on_both!(
    a_name_stays_with_the_upstream_that_it_was_read_from,
    a_crate_that_its_upstream_loses_is_held_and_the_next_one_is_not_asked,
    a_maintainer_moves_a_pin_and_what_was_given_out_stays,
    a_pin_is_moved_by_maintainers_alone,
    a_pin_needs_an_upstream_that_is_asked_for_the_name,
    a_name_that_nobody_has_read_yet_is_pinned_ahead,
    an_upstream_that_is_detached_loses_its_pins,
    patterns_that_pass_a_name_no_more_drop_its_pin,
    a_pin_outlives_a_restart,
    a_pin_outlives_a_kill_right_after_a_download,
    each_spelling_of_a_name_has_a_pin_of_its_own,
);

/// `acme` reads `left-pad` from `first`, when `second` is put in front with another crate of that name.
async fn with_second_in_front(database: Database) -> Scene {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let theirs = of("first", "left-pad", "1.0.0");
    scene.first.publish(&theirs);
    scene.gets("acme", &theirs).await;
    scene.admin.attach("acme", json!(["second", "first"])).await;
    scene.second.publish(&of("second", "left-pad", "1.0.0"));
    scene.second.publish(&of("second", "left-pad", "9.9.9"));
    scene
}

/// Whoever begins to have a name slips nothing in.
async fn a_name_stays_with_the_upstream_that_it_was_read_from(database: Database) {
    let scene = with_second_in_front(database).await;
    scene.first.publish(&of("first", "left-pad", "1.1.0"));
    for view in [View::Index, View::Mirror] {
        assert_eq!(scene.listed("acme", view, "left-pad").await, "1.0.0, 1.1.0");
        for version in ["1.0.0", "1.1.0"] {
            let download = scene
                .admin
                .download("acme", view, "left-pad", version)
                .await;
            let theirs = of("first", "left-pad", version);
            assert_eq!(download.expect(200).body, theirs.crate_bytes());
        }
        let download = scene
            .admin
            .download("acme", view, "left-pad", "9.9.9")
            .await;
        download.expect(404);
    }
    assert_eq!(asked_about(&scene.second, "left-pad").len(), 0);
    // a name that was not read yet goes by the order
    scene.first.publish(&of("first", "right-pad", "1.0.0"));
    scene.second.publish(&of("second", "right-pad", "2.0.0"));
    assert_eq!(scene.index("acme", "right-pad").await, "2.0.0");
    assert!(scene.alarms().await.is_empty());
}

/// Its versions are held: lockfiles build on, new resolutions go elsewhere, and people are told.
async fn a_crate_that_its_upstream_loses_is_held_and_the_next_one_is_not_asked(database: Database) {
    let mut scene = with_second_in_front(database).await;
    scene.first.remove("left-pad");
    let is_held = async |scene: &Scene| {
        for view in [View::Index, View::Mirror] {
            let listed = scene.listed("acme", view, "left-pad").await;
            assert_eq!(listed, "1.0.0 yanked");
        }
        scene.gets("acme", &of("first", "left-pad", "1.0.0")).await;
        scene
            .download("acme", "left-pad", "9.9.9")
            .await
            .expect(404);
    };
    is_held(&scene).await;
    scene.server.restart().await;
    is_held(&scene).await;
    assert_eq!(scene.alarms().await, ["upstream.vanished left-pad"]);
    assert_eq!(asked_about(&scene.second, "left-pad").len(), 0);
    // it takes over when a maintainer confirms; what was given out stays what it was
    scene.pin("acme", "left-pad", "second").await.expect(200);
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0, 9.9.9");
    scene.gets("acme", &of("first", "left-pad", "1.0.0")).await;
    scene.gets("acme", &of("second", "left-pad", "9.9.9")).await;
}

async fn a_maintainer_moves_a_pin_and_what_was_given_out_stays(database: Database) {
    let mut scene = with_second_in_front(database).await;
    let (former, next) = (
        of("first", "left-pad", "1.0.0"),
        of("second", "left-pad", "9.9.9"),
    );
    let before = scene.admin.index("acme", View::Index, "left-pad").await;
    let maintainer = scene
        .admin
        .person("mary", "acme", "maintainer", &["maintain"])
        .await;
    let moved = pin(&maintainer, "acme", "left-pad", "second").await;
    assert_eq!(
        moved.expect(200).json(),
        json!({ "upstream": "second", "before": "first" })
    );
    scene.first.stop();
    let follows = async |scene: &Scene| {
        let after = scene.admin.index("acme", View::Index, "left-pad").await;
        let lines = after.clone().expect(200).json_lines();
        assert_eq!(lines.len(), 2, "{after}");
        assert_eq!(lines[0]["cksum"], former.checksum().hex());
        assert_eq!(lines[0]["yanked"], false);
        assert_eq!(lines[1]["cksum"], next.checksum().hex());
        scene.gets("acme", &former).await;
        scene.gets("acme", &next).await;
        after
    };
    let after = follows(&scene).await;
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_ne!(
        after.header("last-modified"),
        before.header("last-modified")
    );
    assert_eq!(
        scene.audited("crate.pinned").await,
        ["crate.pinned left-pad"]
    );
    let alarm = "upstream.bytes_changed left-pad 1.0.0".to_owned();
    assert!(scene.alarms().await.contains(&alarm));
    scene.server.restart().await;
    follows(&scene).await;
    // and back, which is said as well
    scene.first.start_again();
    let moved = pin(&maintainer, "acme", "left-pad", "first").await;
    assert_eq!(
        moved.expect(200).json(),
        json!({ "upstream": "first", "before": "second" })
    );
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    scene.gets("acme", &former).await;
}

/// "Confirm a pin" is a maintainer's, by the scope `maintain`.
async fn a_pin_is_moved_by_maintainers_alone(database: Database) {
    let scene = with_second_in_front(database).await;
    for (name, role, scope, status) in [
        ("rita", "reader", "read", 403),
        ("paul", "publisher", "publish", 403),
        ("peer", "publisher", "maintain", 403),
        ("mary", "maintainer", "publish", 403),
        ("adam", "admin", "maintain", 200),
    ] {
        let person = scene.admin.person(name, "acme", role, &[scope]).await;
        let answer = pin(&person, "acme", "left-pad", "second").await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {answer}");
        if status == 403 {
            assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
        }
    }
    scene.pin("acme", "left-pad", "first").await.expect(200);
    scene
        .admin
        .create_registry(json!({ "name": "other" }))
        .await;
    let stranger = scene
        .admin
        .person("sam", "other", "maintainer", &["maintain"])
        .await;
    let answer = pin(&stranger, "acme", "left-pad", "second").await;
    answer.expect(404);
    let anonymous = scene.server.anonymous();
    let answer = pin(&anonymous, "acme", "left-pad", "second").await;
    answer.expect(401);
    // a token for other crates
    let token = scene
        .admin
        .token(json!({ "scopes": ["maintain"], "crates": ["right-*"] }))
        .await;
    let narrow = scene.admin.with_token(&token);
    let answer = pin(&narrow, "acme", "left-pad", "second").await;
    answer.expect(403);
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
}

async fn a_pin_needs_an_upstream_that_is_asked_for_the_name(database: Database) {
    let scene = with_second_in_front(database).await;
    let index = scene.second.index_url();
    scene
        .admin
        .create_upstream(json!({ "name": "third", "index": index }))
        .await;
    let mut table = vec![
        said(&scene.pin("acme", "left-pad", "third").await),
        said(&scene.pin("acme", "left-pad", "nobody").await),
        said(&scene.pin("acme", "left-pad", "").await),
    ];
    let narrow = json!(["first", { "name": "second", "except": ["left-*"] }]);
    scene.admin.attach("acme", narrow).await;
    table.push(said(&scene.pin("acme", "left-pad", "second").await));
    let path = "/api/v1/registries/acme/crates/left-pad/pin";
    for wrong in [json!({}), json!({ "upstream": "first", "until": "then" })] {
        table.push(said(&scene.admin.post(path, wrong).await));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    422 not-attached: registry `acme` does not ask upstream `third` for `left-pad`; attach it, or choose one that is attached and whose patterns pass the name: `supercargo registry show acme`
    422 not-attached: registry `acme` does not ask upstream `nobody` for `left-pad`; attach it, or choose one that is attached and whose patterns pass the name: `supercargo registry show acme`
    422 not-attached: registry `acme` does not ask upstream `` for `left-pad`; attach it, or choose one that is attached and whose patterns pass the name: `supercargo registry show acme`
    422 not-attached: registry `acme` does not ask upstream `second` for `left-pad`; attach it, or choose one that is attached and whose patterns pass the name: `supercargo registry show acme`
    422 invalid-request: the request does not have the expected shape: missing field `upstream` at line 1 column 2
    422 invalid-request: the request does not have the expected shape: unknown field `until`, expected `upstream` at line 1 column 27
    ");
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    assert_eq!(asked_about(&scene.second, "left-pad").len(), 0);
}

/// A maintainer decides before anybody has read it.
async fn a_name_that_nobody_has_read_yet_is_pinned_ahead(database: Database) {
    let scene = Scene::start(database).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    scene.second.publish(&of("second", "left-pad", "2.0.0"));
    let pinned = scene.pin("acme", "left-pad", "second").await.expect(200);
    assert_eq!(
        pinned.json(),
        json!({ "upstream": "second", "before": null })
    );
    assert_eq!(scene.index("acme", "left-pad").await, "2.0.0");
    assert_eq!(asked_about(&scene.first, "left-pad").len(), 0);
}

/// "Detaching an upstream drops its pins: that is an admin's explicit decision."
async fn an_upstream_that_is_detached_loses_its_pins(database: Database) {
    let scene = with_second_in_front(database).await;
    scene.first.publish(&of("first", "right-pad", "1.0.0"));
    scene.second.publish(&of("second", "other-pad", "1.0.0"));
    for name in ["left-pad", "right-pad", "other-pad"] {
        assert_eq!(scene.index("acme", name).await, "1.0.0");
    }
    scene.second.publish(&of("second", "right-pad", "2.0.0"));
    scene.admin.attach("acme", json!(["second"])).await;
    assert_eq!(scene.index("acme", "right-pad").await, "2.0.0");
    // the ledger stands: other bytes are not given out under a number that was
    let theirs = of("first", "left-pad", "1.0.0");
    let lines = scene.admin.index("acme", View::Index, "left-pad").await;
    assert_eq!(lines.json_lines()[0]["cksum"], theirs.checksum().hex());
    let download = scene.download("acme", "left-pad", "1.0.0").await;
    assert_ne!(
        download.body,
        of("second", "left-pad", "1.0.0").crate_bytes()
    );
    scene.gets("acme", &of("second", "left-pad", "9.9.9")).await;
    // and it does not get them back
    scene.admin.attach("acme", json!(["first", "second"])).await;
    scene.first.publish(&of("first", "other-pad", "3.0.0"));
    assert_eq!(scene.index("acme", "right-pad").await, "2.0.0");
    assert_eq!(scene.index("acme", "other-pad").await, "1.0.0");
    scene.gets("acme", &theirs).await;
}

async fn patterns_that_pass_a_name_no_more_drop_its_pin(database: Database) {
    let scene = with_second_in_front(database).await;
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    let narrow = json!(["second", { "name": "first", "only": ["right-*"] }]);
    scene.admin.attach("acme", narrow).await;
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0, 9.9.9");
    scene.gets("acme", &of("second", "left-pad", "9.9.9")).await;
    // what was given out is still there
    scene.gets("acme", &of("first", "left-pad", "1.0.0")).await;
    scene.admin.attach("acme", json!(["first", "second"])).await;
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0, 9.9.9");
}

async fn a_pin_outlives_a_restart(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    // no download: it is the index alone that has shown it
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    scene.server.restart().await;
    scene.second.publish(&of("second", "left-pad", "2.0.0"));
    scene.admin.attach("acme", json!(["second", "first"])).await;
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    assert_eq!(asked_about(&scene.second, "left-pad").len(), 0);
}

/// What bytes were given out of is written down before their last one goes out.
async fn a_pin_outlives_a_kill_right_after_a_download(database: Database) {
    let mut scene = Scene::start(database).await;
    for name in ["one-pad", "two-pad", "three-pad"] {
        let theirs = of("first", name, "1.0.0");
        scene.first.publish(&theirs);
        scene.gets("acme", &theirs).await;
        scene.server.kill().await;
        scene.server.restart().await;
        scene.second.publish(&of("second", name, "1.0.0"));
        scene.second.publish(&of("second", name, "2.0.0"));
        scene.admin.attach("acme", json!(["second", "first"])).await;
        assert_eq!(scene.index("acme", name).await, "1.0.0");
        scene.gets("acme", &theirs).await;
        assert_eq!(asked_about(&scene.second, name).len(), 0);
        scene.admin.attach("acme", json!(["first", "second"])).await;
    }
}

/// `foo_bar` and `foo-bar` are two questions.
async fn each_spelling_of_a_name_has_a_pin_of_its_own(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    scene.second.publish(&of("second", "left_pad", "2.0.0"));
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    assert_eq!(scene.index("acme", "left_pad").await, "2.0.0");
    scene.first.publish(&of("first", "left_pad", "1.0.0"));
    scene.second.publish(&of("second", "left-pad", "2.0.0"));
    scene.admin.attach("acme", json!(["second", "first"])).await;
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    assert_eq!(scene.index("acme", "left_pad").await, "2.0.0");
}
