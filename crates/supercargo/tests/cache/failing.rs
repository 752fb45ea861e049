//! R4, R7: one mechanism decides whether an upstream is asked, and whoever is refused learns when to come back.

use serde_json::json;
use supercargo_testkit::{Answer, Database, Fault, Package, on_both, sparse_path};

use crate::scene::Scene;

on_both!(
    whoever_is_refused_learns_when_to_come_back,
    an_upstream_that_asks_for_a_pause_is_not_asked_about_what_is_known,
);

/// In seconds.
fn retry_after(answer: &Answer) -> Option<u64> {
    let header = answer.header("retry-after");
    header.map(|seconds| seconds.parse().unwrap())
}

async fn whoever_is_refused_learns_when_to_come_back(database: Database) {
    let scene = Scene::start(database).await;
    // each in a circuit of its own
    for (name, fault, status, seconds) in [
        // the status of the first answer; the next says that it is left alone
        ("says-503", Fault::RetryAfter(503, 7), 503, Some(7)),
        ("says-429", Fault::RetryAfter(429, 9), 503, Some(9)),
        ("says-502", Fault::RetryAfter(502, 8), 502, Some(8)),
        ("says-504", Fault::RetryAfter(504, 11), 504, Some(11)),
        // a slip, such as a date in place of seconds: it is asked again within a minute, so nobody shall wait longer
        ("says-an-hour", Fault::RetryAfter(503, 3_600), 503, Some(60)),
        ("says-nothing", Fault::Status(503), 503, Some(5)),
        ("is-broken", Fault::Status(500), 502, None),
    ] {
        let index = scene.upstream.index_url();
        let upstream = json!({ "name": name, "index": index });
        scene.admin.create_upstream(upstream).await;
        let registry = json!({ "name": name, "upstreams": [name] });
        scene.admin.create_registry(registry).await;
        let package = Package::new(name, "1.0.0");
        scene.upstream.publish(&package);
        let index = async || {
            let path = sparse_path(&name.parse().unwrap());
            scene.admin.get(&format!("/{name}/index/{path}")).await
        };

        scene.upstream.fault("/index/", fault.clone());
        let refused = index().await.expect(status);
        assert_eq!(retry_after(&refused), seconds, "{name}");
        if let (Fault::RetryAfter(..), Some(longest)) = (&fault, seconds) {
            // it is not asked again
            let refused = index().await.expect(503);
            let left = retry_after(&refused).unwrap();
            assert!(
                (1..=longest + longest / 4).contains(&left),
                "{name}: {left}"
            );
        }
        scene.upstream.heal();
        let test = format!("/api/v1/upstreams/{name}/test");
        scene.admin.post(&test, json!({})).await.expect(200);

        // the same of a file
        index().await.expect(200);
        scene.upstream.fault("/dl/", fault);
        let path = format!("/{name}/api/v1/crates/{name}/1.0.0/download");
        let refused = scene.admin.get(&path).await.expect(status);
        assert_eq!(retry_after(&refused), seconds, "{name}");
        scene.upstream.heal();
    }
}

/// Which is for all names of an upstream, and costs nobody who has a copy anything.
async fn an_upstream_that_asks_for_a_pause_is_not_asked_about_what_is_known(database: Database) {
    let settings = [("upstream.freshness", "0s")];
    let scene = Scene::with_settings(database, &settings).await;
    let names: Vec<_> = (0..8).map(|number| format!("crate-{number}")).collect();
    for name in &names {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
        scene.index(name).await.expect(200);
        scene.upstream.publish(&Package::new(name, "1.1.0"));
    }
    scene.upstream.clear_requests();
    scene
        .upstream
        .fault("/index/cr/", Fault::RetryAfter(503, 3_600));
    for name in &names {
        assert_eq!(scene.listed(name).await, ["1.0.0"], "{name}");
    }
    assert_eq!(scene.upstream.requests_to("/index/cr/").len(), 1);
}
