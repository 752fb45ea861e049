//! R7: when an upstream is asked again, how, and what of its answer shows.

use supercargo_testkit::{Answer, Database, LoggedRequest, Package, Validators, View, on_both};

use crate::scene::Scene;

on_both!(
    a_fresh_copy_is_not_asked_about_again_in_any_view,
    an_upstream_with_etags_is_asked_by_them,
    an_upstream_with_dates_only_is_asked_by_them,
    the_contents_of_an_upstream_without_validators_are_compared,
    validators_outlive_a_restart,
    a_compressed_answer_is_kept_as_what_it_says,
    what_the_upstream_yanks_shows_as_yanked_and_still_downloads,
);

const ALWAYS_ASK: [(&str, &str); 1] = [("upstream.freshness", "0s")];

fn validators(answer: &Answer) -> (String, String) {
    let text = |name| answer.header(name).unwrap().to_owned();
    (text("etag"), text("last-modified"))
}

/// The validators of the questions about `left-pad`: `If-None-Match`, `If-Modified-Since`.
fn conditions(scene: &Scene) -> Vec<(Option<String>, Option<String>)> {
    let text = |request: &LoggedRequest, name| request.header(name).map(str::to_owned);
    scene
        .asked_about("left-pad")
        .iter()
        .map(|request| {
            (
                text(request, "if-none-match"),
                text(request, "if-modified-since"),
            )
        })
        .collect()
}

/// The same in every test below: two versions come one after the other, and each is asked about twice.
async fn new_versions_show_and_old_ones_keep_their_validators(scene: &Scene) {
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    let first = scene.index("left-pad").await.expect(200);
    let again = scene.index("left-pad").await.expect(200);
    assert_eq!(again.body, first.body);
    assert_eq!(validators(&again), validators(&first));
    let (etag, date) = validators(&first);
    for (name, value) in [("if-none-match", &etag), ("if-modified-since", &date)] {
        let path = "/acme/index/le/ft/left-pad";
        let request = scene.admin.request(http::Method::GET, path);
        request.header(name, value).send().await.expect(304);
    }

    scene.upstream.publish(&Package::new("left-pad", "1.1.0"));
    let changed = scene.index("left-pad").await.expect(200);
    assert_eq!(changed.json_lines().len(), 2);
    let (new_etag, new_date) = validators(&changed);
    assert_ne!(new_etag, etag);
    assert_ne!(
        new_date, date,
        "a later date for every change, also within a second"
    );
    let again = scene.index("left-pad").await.expect(200);
    assert_eq!(validators(&again), (new_etag, new_date));
}

async fn a_fresh_copy_is_not_asked_about_again_in_any_view(database: Database) {
    let scene = Scene::start(database).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    for view in [View::Index, View::Mirror, View::Index, View::Mirror] {
        scene
            .admin
            .index("acme", view, "left-pad")
            .await
            .expect(200);
    }
    assert_eq!(conditions(&scene), [(None, None)]);
}

async fn an_upstream_with_etags_is_asked_by_them(database: Database) {
    for with in [Validators::Both, Validators::ETag] {
        let scene = Scene::with_settings(database.clone(), &ALWAYS_ASK).await;
        scene.upstream.validators(with);
        new_versions_show_and_old_ones_keep_their_validators(&scene).await;
        let asked = conditions(&scene);
        assert_eq!(asked[0], (None, None));
        for (by_etag, by_date) in &asked[1..] {
            assert!(by_etag.is_some() && by_date.is_none(), "{asked:?}");
        }
        assert_ne!(asked[1], asked[asked.len() - 1], "each copy by its own");
    }
}

async fn an_upstream_with_dates_only_is_asked_by_them(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    scene.upstream.validators(Validators::LastModified);
    new_versions_show_and_old_ones_keep_their_validators(&scene).await;
    let asked = conditions(&scene);
    assert_eq!(asked[0], (None, None));
    for (by_etag, by_date) in &asked[1..] {
        assert!(by_etag.is_none() && by_date.is_some(), "{asked:?}");
    }
    // theirs are for us alone
    let (_, ours) = validators(&scene.index("left-pad").await);
    assert!(
        asked
            .iter()
            .all(|(_, theirs)| theirs.as_ref() != Some(&ours))
    );
}

async fn the_contents_of_an_upstream_without_validators_are_compared(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    scene.upstream.validators(Validators::None);
    new_versions_show_and_old_ones_keep_their_validators(&scene).await;
    let asked = conditions(&scene);
    assert!(
        asked.len() > 4 && asked.iter().all(|by| *by == (None, None)),
        "{asked:?}"
    );
}

async fn validators_outlive_a_restart(database: Database) {
    let mut scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    let first = scene.index("left-pad").await.expect(200);
    scene.server.restart().await;
    scene.upstream.clear_requests();
    let again = scene.index("left-pad").await.expect(200);
    assert_eq!(again.body, first.body);
    assert_eq!(validators(&again), validators(&first));
    let asked = conditions(&scene);
    assert!(asked.len() == 1 && asked[0].0.is_some(), "{asked:?}");
}

async fn a_compressed_answer_is_kept_as_what_it_says(database: Database) {
    let scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0");
    scene.upstream.gzip(true);
    scene.upstream.publish(&package);
    let plain = scene.index("left-pad").await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.text(), format!("{}\n", package.index_line()));
    let asked = scene.asked_about("left-pad");
    assert_eq!(asked[0].header("accept-encoding"), Some("gzip"));
}

async fn what_the_upstream_yanks_shows_as_yanked_and_still_downloads(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    let package = Package::new("left-pad", "1.0.0");
    scene.upstream.publish(&package);
    for yanked in [false, true, false] {
        scene.upstream.yank("left-pad", "1.0.0", yanked);
        for view in [View::Index, View::Mirror] {
            let lines = scene.admin.index("acme", view, "left-pad").await;
            assert_eq!(lines.expect(200).json_lines()[0]["yanked"], yanked);
            let file = scene.admin.download("acme", view, "left-pad", "1.0.0");
            assert_eq!(file.await.expect(200).body, package.crate_bytes());
        }
    }
    assert!(scene.alarms().await.is_empty());
}
