//! What is asked for in vain is counted, and what a client waits for is asked once.

use serde_json::json;
use supercargo_testkit::{Database, View, on_both};

use crate::scene::{Scene, asked};

on_both!(
    what_nobody_asks_for_shows,
    a_question_that_is_under_way_is_joined_from_both_sides,
);

async fn what_nobody_asks_for_shows(database: Database) {
    let scene = Scene::start(database).await;
    scene.has("root", &["used", "unused", "missing"]);
    scene.has("used", &[]);
    scene.has("unused", &[]);
    scene.ask(View::Index, "root").await;
    scene.until_counted(3, 0).await;
    // only the first time, in whatever view
    scene.ask(View::Index, "used").await;
    scene.ask(View::Mirror, "used").await;
    scene.ask(View::Index, "used").await;
    scene.until_counted(3, 1).await;
    let missing = scene.admin.index("acme", View::Index, "missing").await;
    missing.expect(404);
    scene.until_counted(3, 2).await;
    // what a client asks for first was not read ahead
    scene.has("alone", &[]);
    scene.ask(View::Index, "alone").await;
    scene.until_counted(3, 2).await;
    let shown = scene.admin.get("/api/v1/registries/acme/cache").await;
    let item = &shown.expect(200).json()["items"][0];
    assert_eq!(item["read_ahead"], json!({ "fetched": 3, "used": 2 }));
}

async fn a_question_that_is_under_way_is_joined_from_both_sides(database: Database) {
    let scene = Scene::start(database).await;
    scene.has("root", &["next"]);
    scene.has("next", &["last"]);
    scene.has("last", &[]);
    scene.upstream.hold("/index/ne/xt/");
    scene.ask(View::Index, "root").await;
    scene.upstream.wait_until_held(1).await;
    let ((), ()) = tokio::join!(scene.ask(View::Index, "next"), async {
        // the client's request has come in by then, or comes later and finds the file: both is right
        scene
            .admin
            .index("acme", View::Index, "root")
            .await
            .expect(200);
        scene.upstream.release();
    });
    scene.until_counted(2, 1).await;
    assert_eq!(asked(&scene.upstream), ["root", "next", "last"]);

    // and the other way round: a client's own question is not one that was read ahead
    scene.has("second-root", &["second"]);
    scene.has("second", &["second-last"]);
    scene.has("second-last", &[]);
    scene.upstream.hold("/index/se/co/second");
    let ((), (), ()) = tokio::join!(
        scene.ask(View::Index, "second"),
        scene.ask(View::Index, "second-root"),
        async {
            scene.upstream.wait_until_held(2).await;
            scene.upstream.release();
        }
    );
    scene.until_counted(3, 1).await;
    assert_eq!(asked(&scene.upstream).len(), 6);
}
