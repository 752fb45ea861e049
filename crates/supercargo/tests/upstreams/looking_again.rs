//! R7: who asks for a version that the cached index lacks has seen it elsewhere a moment ago; who asks for one that does not
//! exist does not make the server ask each time.

use supercargo_testkit::{Database, FakeUpstream, View, eventually, on_both};
use tokio::task::JoinSet;

use crate::scene::{NOTHING, Scene, asked_about, of};

on_both!(
    a_version_that_the_cached_index_lacks_is_asked_for_once_more,
    the_same_through_a_registry_of_this_server,
    many_who_ask_for_what_does_not_exist_make_one_question,
    a_pinned_name_is_looked_for_again_at_its_own_upstream_alone,
);

const LONG: [(&str, &str); 2] = [("upstream.freshness", "1h"), ("upstream.negative", "1h")];

/// Downloads it as soon as upstream is asked once more: not within five seconds after the last question.
async fn gets_in_time(scene: &Scene, registry: &str, name: &str, version: &str) {
    let package = of("first", name, version);
    eventually("the new version", async || {
        let download = scene.download(registry, name, version).await;
        if download.status == 404 {
            return false;
        }
        assert_eq!(download.expect(200).body, package.crate_bytes());
        true
    })
    .await;
}

async fn a_version_that_the_cached_index_lacks_is_asked_for_once_more(database: Database) {
    let scene = Scene::with_settings(database, &LONG).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    scene.first.publish(&of("first", "left-pad", "1.1.0"));
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    gets_in_time(&scene, "acme", "left-pad", "1.1.0").await;
    // from then on the index has it, too
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0, 1.1.0");
    assert_eq!(asked_about(&scene.first, "left-pad").len(), 2);
    // a whole crate that was not there
    assert_eq!(scene.index("acme", "new-pad").await, "404");
    scene.first.publish(&of("first", "new-pad", "1.0.0"));
    assert_eq!(scene.index("acme", "new-pad").await, "404");
    gets_in_time(&scene, "acme", "new-pad", "1.0.0").await;
    assert_eq!(scene.index("acme", "new-pad").await, "1.0.0");
    assert_eq!(asked_about(&scene.first, "new-pad").len(), 2);
}

async fn the_same_through_a_registry_of_this_server(database: Database) {
    let scene = Scene::nested(database, &LONG).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    assert_eq!(scene.index("outer", "left-pad").await, "1.0.0");
    scene.first.publish(&of("first", "left-pad", "1.1.0"));
    gets_in_time(&scene, "outer", "left-pad", "1.1.0").await;
    for registry in ["outer", "inner"] {
        assert_eq!(scene.index(registry, "left-pad").await, "1.0.0, 1.1.0");
    }
    assert_eq!(asked_about(&scene.first, "left-pad").len(), 2);
}

async fn ask_for_nothing(scene: &Scene, registry: &'static str) {
    let mut clients = JoinSet::new();
    for number in 0..100 {
        let client = scene.admin.clone();
        clients.spawn(async move {
            // of one version and of many
            let version = if number % 2 == 0 {
                "9.9.9".to_owned()
            } else {
                format!("9.9.{number}")
            };
            let name = "left-pad";
            client.download(registry, View::Index, name, &version).await
        });
    }
    for answer in clients.join_all().await {
        answer.expect(404);
    }
}

/// Otherwise a broken build would get this server banned at its upstream.
async fn many_who_ask_for_what_does_not_exist_make_one_question(database: Database) {
    let scene = Scene::nested(database, &LONG).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    let questions = |upstream: &FakeUpstream| asked_about(upstream, "left-pad").len();
    for registry in ["inner", "outer"] {
        let before = questions(&scene.first);
        // cold: the file itself is one, and it is of this moment
        ask_for_nothing(&scene, registry).await;
        let asked = questions(&scene.first) - before;
        assert!(asked <= 1, "{registry}: {asked}");
    }
    // a question for a version that is there is not made by it
    let before = questions(&scene.first);
    scene.gets("outer", &of("first", "left-pad", "1.0.0")).await;
    assert_eq!(questions(&scene.first), before);
    assert_eq!(questions(&scene.second), 0);
}

async fn a_pinned_name_is_looked_for_again_at_its_own_upstream_alone(database: Database) {
    let scene = Scene::with_settings(database, &LONG).await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    scene.second.publish(&of("second", "left-pad", "1.1.0"));
    assert_eq!(scene.index("acme", "left-pad").await, "1.0.0");
    eventually("one more question", async || {
        scene
            .download("acme", "left-pad", "1.1.0")
            .await
            .expect(404);
        asked_about(&scene.first, "left-pad").len() == 2
    })
    .await;
    assert_eq!(asked_about(&scene.second, "left-pad"), NOTHING);
}
