//! R4, R7: an upstream that fails is not a "not there"; the last good copy answers for it, for a while.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;
use supercargo_testkit::{Answer, Database, Fault, Package, View, eventually, normalise, on_both};

use crate::scene::{Scene, index_file, project_with};

on_both!(
    every_failure_of_a_cold_upstream_is_named_and_never_cached,
    an_upstream_that_is_down_is_left_alone_until_somebody_tests_it,
    only_404_and_410_are_not_there,
    a_not_there_is_asked_again_when_it_is_no_longer_fresh,
    the_last_good_copy_answers_while_the_upstream_fails,
    the_last_good_copy_outlives_a_restart,
    the_last_good_copy_is_not_served_for_ever,
);

/// The way in which each crate's index file fails, by the crate's name.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("status-500", Fault::Status(500)),
        ("status-502", Fault::Status(502)),
        ("status-503", Fault::Status(503)),
        ("status-504", Fault::Status(504)),
        ("status-429", Fault::RetryAfter(429, 1)),
        ("status-400", Fault::Status(400)),
        ("status-401", Fault::Status(401)),
        ("status-403", Fault::Status(403)),
        ("status-451", Fault::Status(451)),
        ("status-204", Fault::Status(204)),
        ("page-in-place", Fault::Html),
        ("no-sense", Fault::Garbage),
        ("no-bytes", Fault::Empty),
        ("half-of-it", Fault::Reset),
        ("cut-short", Fault::Truncated),
        ("no-answer", Fault::Hang),
    ]
}

/// One line for people: the status and the text.
fn shown(answer: &Answer, scene: &Scene) -> String {
    let text = normalise(&answer.text(), scene.server.data());
    format!("{} {text}", answer.status.as_u16())
}

/// R4: and the text, which cargo prints, says whose failure it is.
async fn every_failure_of_a_cold_upstream_is_named_and_never_cached(database: Database) {
    let mut scene = Scene::with_settings(database, &[("upstream.timeout", "1s")]).await;
    let stranger = Package::new("another-one", "1.0.0").index_line();
    scene
        .upstream
        .publish_line("wrong-name", &stranger.to_string());
    let mut table = String::new();
    for (name, fault) in faults() {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
        scene.upstream.fault(&index_file(name), fault);
        let answer = scene.index(name).await;
        writeln!(table, "{name}: {}", shown(&answer, &scene)).unwrap();
        let mirrored = scene.mirror(name).await;
        assert_eq!(mirrored.status, answer.status, "{name}");
        let download = scene.download(name, "1.0.0").await;
        assert_eq!(download.status, answer.status, "{name}");
        // it answers well in between, so that no row of failures makes it one that is down
        let test = scene
            .admin
            .post("/api/v1/upstreams/partner/test", json!({}));
        test.await.expect(200);
    }
    for name in ["wrong-name", "no-server"] {
        if name == "no-server" {
            scene.upstream.publish(&Package::new(name, "1.0.0"));
            scene.upstream.stop();
        }
        let answer = scene.index(name).await;
        writeln!(table, "{name}: {}", shown(&answer, &scene)).unwrap();
    }
    insta::assert_snapshot!(table, @r"
    status-500: 502 upstream `partner` answers 500 Internal Server Error when asked for `st/at/status-500`
    status-502: 502 upstream `partner` answers 502 Bad Gateway when asked for `st/at/status-502`
    status-503: 503 upstream `partner` answers 503 Service Unavailable when asked for `st/at/status-503`
    status-504: 504 upstream `partner` answers 504 Gateway Timeout when asked for `st/at/status-504`
    status-429: 503 upstream `partner` answers 429 Too Many Requests when asked for `st/at/status-429`
    status-400: 502 upstream `partner` answers 400 Bad Request when asked for `st/at/status-400`
    status-401: 502 upstream `partner` answers 401 Unauthorized when asked for `st/at/status-401`; an administrator should look at its credentials
    status-403: 502 upstream `partner` answers 403 Forbidden when asked for `st/at/status-403`; an administrator should look at its credentials
    status-451: 502 upstream `partner` answers 451 Unavailable For Legal Reasons when asked for `st/at/status-451`
    status-204: 502 upstream `partner` answers 204 No Content when asked for `st/at/status-204`
    page-in-place: 502 upstream `partner` gives an answer that makes no sense: an HTML page for `pa/ge/page-in-place`
    no-sense: 502 upstream `partner` gives an answer that makes no sense: line 1 of the index file of `no-sense` is not a JSON object
    no-bytes: 502 upstream `partner` gives an answer that makes no sense: an empty file for `no/-b/no-bytes`
    half-of-it: 502 upstream `partner` cannot be reached at `127.0.0.1:[PORT]`: end of file before message length reached
    cut-short: 502 upstream `partner` gives an answer that makes no sense: line 1 of the index file of `cut-short` is not a JSON object (EOF while parsing a string at line 1 column 81)
    no-answer: 504 upstream `partner` did not answer within [TIME]
    wrong-name: 502 upstream `partner` gives an answer that makes no sense: line 1 of the index file of `wrong-name` is about `another-one`
    no-server: 502 upstream `partner` cannot be reached at `127.0.0.1:[PORT]`: Connection refused (os error 111)
    ");

    scene.upstream.start_again();
    scene.upstream.heal();
    for (name, _) in faults().into_iter().chain([("no-server", Fault::Empty)]) {
        scene.index(name).await.expect(200);
        scene.mirror(name).await.expect(200);
    }
}

/// R4: whoever asks is told at once, and what is asked does not pile up at an upstream that is down.
async fn an_upstream_that_is_down_is_left_alone_until_somebody_tests_it(database: Database) {
    let scene = Scene::start(database).await;
    let names: Vec<_> = (0..20).map(|number| format!("crate-{number}")).collect();
    for name in &names {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
    }
    // which asks for a pause that is longer than any test
    scene
        .upstream
        .fault("/index/cr/", Fault::RetryAfter(503, 3_600));
    for (number, name) in names.iter().enumerate() {
        let text = scene.index(name).await.expect(503).text();
        let words = if number == 0 {
            "answers 503 Service Unavailable"
        } else {
            "is left alone for a moment"
        };
        assert!(text.contains(words), "{name}: {text}");
    }
    let asked = scene.upstream.requests_to("/index/cr/").len();
    assert_eq!(asked, 1);
    scene.upstream.heal();
    scene.index(&names[0]).await.expect(503);
    let test = scene
        .admin
        .post("/api/v1/upstreams/partner/test", json!({}));
    test.await.expect(200);
    for name in &names {
        scene.index(name).await.expect(200);
    }
}

/// What the real cargo makes of it. A matter of the client, so one database is enough.
#[tokio::test]
async fn cargo_prints_which_upstream_fails_and_how() {
    let scene = Scene::start(Database::Sqlite).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    scene.upstream.fault("/index/", Fault::Status(403));
    let cargo = scene.cargo();
    let folder = cargo.project(&project_with("left-pad", "1"));
    let refused = cargo.run(&folder, &["fetch"]).await.failure();
    insta::assert_snapshot!(refused.refusal(), @"502: upstream `partner` answers 403 Forbidden when asked for `le/ft/left-pad`; an administrator should look at its credentials");

    scene.upstream.heal();
    scene.upstream.fault("/dl/", Fault::Status(500));
    let refused = cargo.run(&folder, &["fetch"]).await.failure();
    insta::assert_snapshot!(refused.refusal(), @"502: upstream `partner` answers 500 Internal Server Error when asked for `left-pad@1.0.0`");

    scene.upstream.heal();
    cargo.run(&folder, &["fetch"]).await.success();
}

/// R4: exactly 404 to cargo, and the upstream is left in peace for a while.
async fn only_404_and_410_are_not_there(database: Database) {
    let scene = Scene::start(database).await;
    for (name, status) in [("gone-crate", 410), ("no-crate", 404)] {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
        let fault = Fault::Status(status);
        scene.upstream.fault(&index_file(name), fault);
        for view in [View::Index, View::Mirror, View::Index] {
            scene.admin.index("acme", view, name).await.expect(404);
        }
        scene.upstream.heal();
        scene.index(name).await.expect(404);
        assert_eq!(scene.asked_about(name).len(), 1, "{name}");
    }
}

/// R7: `upstream.negative`.
async fn a_not_there_is_asked_again_when_it_is_no_longer_fresh(database: Database) {
    let scene = Scene::with_settings(database, &[("upstream.negative", "0s")]).await;
    scene.index("late-crate").await.expect(404);
    scene.index("late-crate").await.expect(404);
    assert_eq!(scene.asked_about("late-crate").len(), 2);
    scene.upstream.publish(&Package::new("late-crate", "1.0.0"));
    scene.index("late-crate").await.expect(200);
}

/// R7: whatever the failure is.
async fn the_last_good_copy_answers_while_the_upstream_fails(database: Database) {
    let settings = [("upstream.freshness", "0s"), ("upstream.timeout", "1s")];
    let mut scene = Scene::with_settings(database, &settings).await;
    for (name, fault) in faults() {
        // one that failed is left alone for some seconds, so each failure is an upstream's own
        let upstream = json!({ "name": name, "index": scene.upstream.index_url() });
        scene.admin.create_upstream(upstream).await;
        let registry = json!({ "name": name, "upstreams": [name] });
        scene.admin.create_registry(registry).await;
        let index = async |view| scene.admin.index(name, view, name).await.expect(200);

        scene.upstream.publish(&Package::new(name, "1.0.0"));
        let good = index(View::Index).await;
        // a new version, for nothing can go wrong with a 304; its line is longer, so that half of both is no line
        scene.upstream.publish(&Package::new(name, "1.1.0-alpha"));
        scene.upstream.fault(&index_file(name), fault);
        for view in [View::Index, View::Mirror, View::Index] {
            let stale = index(view).await;
            assert_eq!(stale.body, good.body, "{name}");
            for validator in ["etag", "last-modified"] {
                assert_eq!(stale.header(validator), good.header(validator), "{name}");
            }
        }
        // the one that failed
        assert_eq!(scene.asked_about(name).len(), 2, "{name}");
    }
    scene.upstream.stop();
    for (name, _) in faults() {
        scene.admin.index(name, View::Index, name).await.expect(200);
    }
}

/// R7: also when the upstream is gone for good.
async fn the_last_good_copy_outlives_a_restart(database: Database) {
    let mut scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    let package = Package::new("left-pad", "1.0.0");
    scene.upstream.publish(&package);
    let good = scene.index("left-pad").await.expect(200);
    scene.upstream.stop();
    scene.server.restart().await;
    let stale = scene.index("left-pad").await.expect(200);
    assert_eq!(stale.body, good.body);
    assert_eq!(stale.header("etag"), good.header("etag"));
    assert_eq!(stale.header("last-modified"), good.header("last-modified"));
    // of the file there is no copy
    let missing = scene.download("left-pad", "1.0.0").await.expect(502);
    assert!(missing.text().contains("upstream `partner`"), "{missing}");
}

/// R7: `upstream.stale_if_error`.
async fn the_last_good_copy_is_not_served_for_ever(database: Database) {
    let settings = [
        ("upstream.freshness", "0s"),
        ("upstream.stale_if_error", "1s"),
    ];
    let scene = Scene::with_settings(database, &settings).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    scene.index("left-pad").await.expect(200);
    scene.upstream.fault("/index/", Fault::Status(500));
    let stale = scene.index("left-pad").await;
    assert!(matches!(stale.status.as_u16(), 200 | 502), "{stale}");
    eventually("the end of the last good copy", || async {
        scene.index("left-pad").await.status == 502
    })
    .await;
    // still no "not there", and back as soon as the upstream is
    scene.upstream.heal();
    scene.index("left-pad").await.expect(200);
}

/// Case 13 of Cargo's protocol: one failure costs cargo a second try and nobody a build.
#[tokio::test]
async fn cargo_tries_again_after_a_single_failure() {
    let scene = Scene::start(Database::Sqlite).await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    let fails = Fault::Status(503);
    scene
        .upstream
        .fault_times("/index/le/ft/", fails.clone(), 1);
    scene.upstream.fault_times("/dl/", fails, 1);
    let cargo = scene.cargo().env("CARGO_NET_RETRY", "3");
    let folder = cargo.project(&project_with("left-pad", "1"));
    let fetched = cargo.run(&folder, &["fetch"]).await.success();
    let tries = fetched.stderr.matches("spurious network error").count();
    assert_eq!(tries, 2, "{}", fetched.stderr);
    assert!(fetched.stderr.contains("(3 tries remaining)"));
}

/// Case 40: cargo waits for a publish, and the version is there when it has ended.
#[tokio::test]
async fn a_publish_that_takes_its_time_is_a_publish() {
    let scene = Scene::start(Database::Sqlite).await;
    let slow = Fault::Delay(Duration::from_secs(8));
    scene.upstream.fault("/index/", slow);
    let cargo = scene.cargo();
    let folder = cargo.project(&Package::new("left-pad", "1.0.0"));
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    let published = cargo.run(&folder, &publish).await.success();
    assert!(published.stderr.contains("Published left-pad v1.0.0"));
}
