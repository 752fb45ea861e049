//! R7: index entries that are a little older than fresh are given out at once, and asked about meanwhile.

use std::time::Duration;

use futures_util::future::join_all;
use supercargo_testkit::{Database, Fault, Package, View, eventually, on_both};

use crate::scene::Scene;

on_both!(
    who_asks_for_a_stale_entry_does_not_wait_and_the_next_has_what_is_new,
    many_who_ask_for_a_stale_entry_make_one_question,
    an_entry_that_is_too_old_is_asked_about_first,
    without_the_setting_whoever_asks_waits_for_the_upstream,
    a_stale_entry_serves_on_while_its_upstream_fails,
    what_upstream_has_lost_is_back_for_the_first_who_asks,
    a_publish_is_held_against_the_upstream_of_now,
);

/// Past `upstream.freshness`, but not by `upstream.stale_while_revalidate`.
const STALE: Duration = Duration::from_mins(3);
/// Past both.
const OLD: Duration = Duration::from_mins(7);

/// A crate of the upstream's with one version, known to the server for so long; and then it has another.
async fn known_for(database: Database, settings: &[(&str, &str)], age: Duration) -> Scene {
    let mut scene = Scene::with_settings(database, settings).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    assert_eq!(scene.listed("left-pad").await, ["1.0.0"]);
    scene.age(age).await;
    scene.upstream.publish(&Package::new("left-pad", "1.1.0"));
    assert_eq!(scene.asked_about("left-pad").len(), 1);
    scene
}

async fn who_asks_for_a_stale_entry_does_not_wait_and_the_next_has_what_is_new(database: Database) {
    let scene = known_for(database, &[], STALE).await;
    scene.upstream.hold("/index/");
    for view in [View::Index, View::Mirror] {
        let listed = scene.admin.listed("acme", view, "left-pad").await;
        assert_eq!(listed, ["1.0.0"], "the question is under way");
    }
    scene.upstream.wait_until_held(1).await;
    scene.upstream.release();
    for view in [View::Index, View::Mirror] {
        eventually("the new version", || async {
            scene.admin.listed("acme", view, "left-pad").await == ["1.0.0", "1.1.0"]
        })
        .await;
    }
    assert_eq!(scene.asked_about("left-pad").len(), 2);
}

async fn many_who_ask_for_a_stale_entry_make_one_question(database: Database) {
    let scene = known_for(database, &[], STALE).await;
    scene.upstream.hold("/index/");
    for _ in 0..3 {
        let many = (0..20).map(|_| scene.listed("left-pad"));
        for listed in join_all(many).await {
            assert_eq!(listed, ["1.0.0"]);
        }
    }
    scene.upstream.wait_until_held(1).await;
    assert_eq!(scene.upstream.held(), 1);
    scene.upstream.release();
    eventually("the new version", || async {
        scene.listed("left-pad").await.len() == 2
    })
    .await;
    assert_eq!(scene.asked_about("left-pad").len(), 2);
}

async fn an_entry_that_is_too_old_is_asked_about_first(database: Database) {
    let scene = known_for(database, &[], OLD).await;
    assert_eq!(scene.listed("left-pad").await, ["1.0.0", "1.1.0"]);
}

async fn without_the_setting_whoever_asks_waits_for_the_upstream(database: Database) {
    let none = [("upstream.stale_while_revalidate", "0s")];
    let scene = known_for(database, &none, STALE).await;
    assert_eq!(scene.listed("left-pad").await, ["1.0.0", "1.1.0"]);
}

async fn a_stale_entry_serves_on_while_its_upstream_fails(database: Database) {
    let scene = known_for(database, &[], STALE).await;
    scene.upstream.fault("/index/", Fault::Status(500));
    assert_eq!(scene.listed("left-pad").await, ["1.0.0"]);
    eventually("the question", || async {
        scene.asked_about("left-pad").len() == 2
    })
    .await;
    assert_eq!(scene.listed("left-pad").await, ["1.0.0"]);
    scene.upstream.heal();
    eventually("the new version", || async {
        scene.listed("left-pad").await.len() == 2
    })
    .await;
}

/// A held crate is not given out as held when its upstream may have it again.
async fn what_upstream_has_lost_is_back_for_the_first_who_asks(database: Database) {
    let mut scene = known_for(database, &[], OLD).await;
    scene.upstream.remove("left-pad");
    let index = scene.index("left-pad").await.expect(200);
    assert_eq!(index.json_lines()[0]["yanked"], true, "held");
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    scene.age(STALE).await;
    let index = scene.index("left-pad").await.expect(200);
    assert_eq!(index.json_lines()[0]["yanked"], false);
}

/// R3: also where readers still get the copy.
async fn a_publish_is_held_against_the_upstream_of_now(database: Database) {
    let scene = known_for(database, &[], STALE).await;
    scene.admin.claim("acme", "left-pad", "merge").await;
    let other = Package::new("left-pad", "1.1.0").file("src/other.rs", "");
    let refused = scene.admin.publish("acme", &other).await.expect(409);
    let words = "upstream `partner` has `left-pad@1.1.0`";
    assert!(refused.text().contains(words), "{refused}");
    let unclaimed = Package::new("late-crate", "1.0.0");
    scene.index("late-crate").await.expect(404);
    scene.upstream.publish(&unclaimed);
    scene.admin.publish("acme", &unclaimed).await.expect(409);
    assert_eq!(scene.asked_about("late-crate").len(), 2);
}
