//! R7: a download of a version that is not in the copy asks once more before it is 404.

use std::time::{Duration, Instant};

use supercargo_testkit::{Database, Package, on_both};

use crate::scene::Scene;

on_both!(
    a_version_that_came_after_the_copy_downloads,
    whoever_asks_for_versions_that_are_not_there_makes_few_questions,
);

/// A lockfile that was made elsewhere may name it.
async fn a_version_that_came_after_the_copy_downloads(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    assert_eq!(scene.listed("left-pad").await, ["1.0.0"]);
    // what was asked about within the last seconds is not asked about again
    scene.age(Duration::from_secs(20)).await;
    let new = Package::new("left-pad", "1.1.0");
    scene.upstream.publish(&new);
    assert_eq!(scene.listed("left-pad").await, ["1.0.0"], "fresh enough");
    let file = scene.download(&new).await.expect(200);
    assert_eq!(file.body, new.crate_bytes());
    assert_eq!(scene.listed("left-pad").await, ["1.0.0", "1.1.0"]);
    assert_eq!(scene.asked_about("left-pad").len(), 2);
}

/// The attack: to have this server banned by its upstream.
async fn whoever_asks_for_versions_that_are_not_there_makes_few_questions(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    assert_eq!(scene.listed("left-pad").await, ["1.0.0"]);
    scene.age(Duration::from_secs(20)).await;
    scene.upstream.clear_requests();
    let start = Instant::now();
    for number in 0..30 {
        let missing = Package::new("left-pad", &format!("7.0.{number}"));
        let answer = scene.download(&missing).await.expect(404);
        assert!(answer.text().contains(missing.version()), "{answer}");
    }
    let asked = scene.asked_about("left-pad").len();
    // one at first, and one for each five seconds that a slow machine takes
    let most = 1 + usize::try_from(start.elapsed().as_secs() / 5).unwrap();
    assert!((1..=most).contains(&asked), "{asked} of {most}");
}
