//! What the model check has found by chance, each as a test of its own.

use serde_json::json;
use supercargo_testkit::{Database, Fault, on_both};

use crate::scene::{ALWAYS_ASK, NOTHING, Scene, asked_about, index_file, of};

on_both!(
    what_was_given_out_is_served_though_the_name_is_read_from_an_inner_registry_now,
    a_name_that_the_inner_registry_keeps_for_itself_has_no_number_that_is_taken,
    an_upstream_that_fails_is_not_passed_over_for_what_it_had_lost_before,
    a_number_of_the_next_upstream_is_taken_where_the_first_has_lost_the_crate,
);

/// The inner registry lists other bytes; those that were given out are stored, from an upstream that is still attached.
async fn what_was_given_out_is_served_though_the_name_is_read_from_an_inner_registry_now(
    database: Database,
) {
    let scene = Scene::nested(database, &[]).await;
    scene
        .admin
        .attach("outer", json!(["second", "inner"]))
        .await;
    let theirs = of("second", "left-pad", "1.0.0");
    scene.second.publish(&theirs);
    scene.gets("outer", &theirs).await;
    let moved = scene.pin("outer", "left-pad", "inner").await;
    moved.expect(200);
    let hosted = of("inner", "left-pad", "1.0.0");
    scene.publish("inner", &hosted).await;
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0");
    scene.gets("outer", &theirs).await;
    scene.gets("inner", &hosted).await;
    // without that upstream nothing says that these bytes are this crate's
    scene.admin.attach("outer", json!(["inner"])).await;
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0 yanked");
    let refused = scene.download("outer", "left-pad", "1.0.0").await;
    refused.expect(502);
}

/// Claimed and hosting nothing: it ends the search, and lists no number.
async fn a_name_that_the_inner_registry_keeps_for_itself_has_no_number_that_is_taken(
    database: Database,
) {
    let scene = Scene::nested(database, &[]).await;
    scene.second.publish(&of("second", "left-pad", "1.0.0"));
    scene.admin.claim("inner", "left-pad", "private").await;
    scene.admin.claim("outer", "left-pad", "merge").await;
    scene
        .publish("outer", &of("outer", "left-pad", "1.0.0"))
        .await;
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0");
    assert_eq!(asked_about(&scene.second, "left-pad"), NOTHING);
}

/// `first` has lost `left-pad`, as a registry has seen that reads through it.
async fn with_a_lost_crate(database: Database) -> Scene {
    let scene = Scene::bare(database, &ALWAYS_ASK).await;
    for (registry, upstreams) in [
        ("other", json!(["first"])),
        ("acme", json!(["first", "second"])),
    ] {
        scene
            .admin
            .create_registry(json!({ "name": registry, "upstreams": upstreams }))
            .await;
    }
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    assert_eq!(scene.index("other", "left-pad").await, "1.0.0");
    scene.first.remove("left-pad");
    assert_eq!(scene.index("other", "left-pad").await, "1.0.0 yanked");
    scene.second.publish(&of("second", "left-pad", "2.0.0"));
    scene
}

/// That it had lost the crate before is no "not there" while it fails.
async fn an_upstream_that_fails_is_not_passed_over_for_what_it_had_lost_before(database: Database) {
    let scene = with_a_lost_crate(database).await;
    let file = index_file("left-pad");
    scene.first.fault(&file, Fault::Status(403));
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0 yanked");
    assert_eq!(asked_about(&scene.second, "left-pad"), NOTHING);
}

/// The first one does not have it: what the next one lists counts, also before anybody has read it.
async fn a_number_of_the_next_upstream_is_taken_where_the_first_has_lost_the_crate(
    database: Database,
) {
    let scene = with_a_lost_crate(database).await;
    scene.admin.claim("acme", "left-pad", "merge").await;
    let package = of("acme", "left-pad", "2.0.0");
    let refused = scene.admin.publish("acme", &package).await;
    let refused = refused.expect(409);
    assert_eq!(refused.code().as_deref(), Some("upstream-has-number"));
    scene
        .publish("acme", &of("acme", "left-pad", "1.0.0"))
        .await;
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0, 2.0.0");
}
