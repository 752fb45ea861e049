//! R8: what comes from an upstream is proven before anybody gets the whole of it, and then never needed again.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;
use supercargo_testkit::{
    Database, FakeUpstream, Fault, Package, View, eventually, normalise, on_both,
};

use crate::scene::Scene;

on_both!(
    a_cold_crate_reaches_its_first_client_while_it_still_comes,
    whoever_asks_while_it_comes_reads_along,
    nobody_ever_receives_the_whole_of_a_wrong_file,
    every_failed_download_is_named_and_leaves_nothing_behind,
    what_was_downloaded_once_needs_no_upstream_any_more,
    a_crate_goes_out_as_it_is_and_never_encoded,
    an_upstream_that_lists_the_checksum_of_a_private_crate_is_not_given_its_bytes,
);

/// As much as is held back until the checksum has matched.
const HELD_BACK: usize = 64 << 10;

/// A download of `left-pad` 1.0.0, read piece by piece as a slow client would.
struct Reading {
    response: reqwest::Response,
    received: usize,
}

impl Reading {
    #[expect(
        clippy::disallowed_methods,
        reason = "only ever connects to the server of this test"
    )]
    async fn begin(scene: &Scene) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!(
            "{}/acme/api/v1/crates/left-pad/1.0.0/download",
            scene.server.url()
        );
        let request = client
            .get(url)
            .header("authorization", scene.server.admin_token());
        Self {
            response: request.send().await.unwrap(),
            received: 0,
        }
    }

    /// Whether there was another piece.
    async fn piece(&mut self) -> Result<bool, reqwest::Error> {
        let piece = self.response.chunk().await?;
        if let Some(piece) = &piece {
            self.received += piece.len();
        }
        Ok(piece.is_some())
    }

    /// Reads to the end, which may be an error.
    async fn finish(&mut self) -> Result<(), reqwest::Error> {
        while self.piece().await? {}
        Ok(())
    }
}

async fn a_cold_crate_reaches_its_first_client_while_it_still_comes(database: Database) {
    let mut scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0").ballast(2 << 20);
    let size = package.crate_bytes().len();
    scene.upstream.publish(&package);
    let slowly = Fault::SlowDrip(256 << 10, Duration::from_millis(200));
    scene.upstream.fault("/dl/", slowly);
    let mut reading = Reading::begin(&scene).await;
    assert_eq!(reading.response.status(), 200);
    assert!(reading.piece().await.unwrap());
    // what has come is not all that there is: the upstream is stopped in the middle
    scene.upstream.stop();
    assert!(reading.finish().await.is_err());
    assert!(0 < reading.received && reading.received < size);
    eventually("nothing stored", || async { scene.stored() == 0 }).await;

    scene.upstream.start_again();
    scene.upstream.heal();
    let whole = scene.download("left-pad", "1.0.0").await.expect(200);
    assert_eq!(whole.body, package.crate_bytes());
    // a broken connection is nobody's fault
    assert!(scene.alarms().await.is_empty());
}

async fn whoever_asks_while_it_comes_reads_along(database: Database) {
    let mut scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0").ballast(2 << 20);
    let size = package.crate_bytes().len();
    scene.upstream.publish(&package);
    let slowly = Fault::SlowDrip(256 << 10, Duration::from_millis(300));
    scene.upstream.fault("/dl/", slowly);
    let mut readings = Vec::new();
    for _ in 0..3 {
        let mut reading = Reading::begin(&scene).await;
        assert_eq!(reading.response.status(), 200);
        assert!(reading.piece().await.unwrap());
        readings.push(reading);
    }
    // all of them have a part of what was asked for once, and none has more when it breaks off
    assert_eq!(scene.upstream.requests_to("/dl/").len(), 1);
    scene.upstream.stop();
    for reading in &mut readings {
        assert!(reading.finish().await.is_err());
        assert!(0 < reading.received && reading.received < size - HELD_BACK);
    }

    scene.upstream.start_again();
    scene.upstream.clear_requests();
    let pieces = Fault::SlowDrip(64 << 10, Duration::from_millis(5));
    scene.upstream.fault("/dl/", pieces);
    let downloads = (0..12).map(|_| scene.download("left-pad", "1.0.0"));
    for answer in futures_util::future::join_all(downloads).await {
        assert_eq!(answer.expect(200).body, package.crate_bytes());
    }
    assert_eq!(scene.upstream.requests_to("/dl/").len(), 1);
    assert!(scene.alarms().await.is_empty());
}

async fn nobody_ever_receives_the_whole_of_a_wrong_file(database: Database) {
    let scene = Scene::start(database).await;
    let large = Package::new("left-pad", "1.0.0").ballast(1 << 20);
    let small = Package::new("tiny-pad", "1.0.0");
    scene.upstream.publish(&large);
    scene.upstream.publish(&small);
    scene.upstream.fault("/dl/", Fault::Corrupted);

    let size = large.crate_bytes().len();
    for _ in 0..3 {
        let mut reading = Reading::begin(&scene).await;
        assert_eq!(reading.response.status(), 200);
        assert!(reading.finish().await.is_err());
        assert!(reading.received <= size - HELD_BACK, "{}", reading.received);
    }
    let refused = scene.download("tiny-pad", "1.0.0").await.expect(502);
    let text = refused
        .text()
        .replace(&small.checksum().hex(), "[PROMISED]");
    let (before, found) = text.split_once("(checksum ").unwrap();
    let (_, after) = found.split_once(',').unwrap();
    insta::assert_snapshot!(format!("{before}(checksum [FOUND],{after}"), @"upstream `partner` sends other bytes for `tiny-pad@1.0.0` than its index promises (checksum [FOUND], expected [PROMISED]); they were thrown away, so choose another version, or try again when upstream is mended");
    eventually("nothing stored", || async { scene.stored() == 0 }).await;
    assert_eq!(
        scene.alarms().await,
        [
            "upstream.wrong_bytes left-pad 1.0.0",
            "upstream.wrong_bytes left-pad 1.0.0",
            "upstream.wrong_bytes left-pad 1.0.0",
            "upstream.wrong_bytes tiny-pad 1.0.0",
        ]
    );

    scene.upstream.heal();
    for package in [large, small] {
        let whole = scene.download(package.name(), "1.0.0").await.expect(200);
        assert_eq!(whole.body, package.crate_bytes());
    }
}

async fn every_failed_download_is_named_and_leaves_nothing_behind(database: Database) {
    let mut scene = Scene::with_settings(database, &[("upstream.timeout", "1s")]).await;
    let package = Package::new("left-pad", "1.0.0");
    scene.upstream.publish(&package);
    let mut table = String::new();
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(404),
        Fault::Status(410),
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(451),
        Fault::Status(204),
        Fault::Html,
        Fault::Garbage,
        Fault::Empty,
        Fault::Truncated,
        Fault::Reset,
        Fault::Hang,
    ] {
        scene.upstream.fault("/dl/", fault.clone());
        let refused = scene.download("left-pad", "1.0.0").await;
        let text = normalise(&refused.text(), scene.server.data());
        // of what came instead, in short
        let text = text
            .split_once("(checksum")
            .map_or(text.as_str(), |(text, _)| text);
        writeln!(table, "{fault:?}: {} {text}", refused.status.as_u16()).unwrap();
    }
    scene.upstream.stop();
    let refused = scene.download("left-pad", "1.0.0").await;
    let text = normalise(&refused.text(), scene.server.data());
    writeln!(table, "stopped: {} {text}", refused.status.as_u16()).unwrap();
    insta::assert_snapshot!(table, @r"
    Status(500): 502 upstream `partner` answers 500 Internal Server Error when asked for `left-pad@1.0.0`
    Status(503): 503 upstream `partner` answers 503 Service Unavailable when asked for `left-pad@1.0.0`
    Status(404): 502 upstream `partner` lists `left-pad@1.0.0` but does not have its file (404 Not Found)
    Status(410): 502 upstream `partner` lists `left-pad@1.0.0` but does not have its file (410 Gone)
    Status(401): 502 upstream `partner` answers 401 Unauthorized when asked for `left-pad@1.0.0`; an administrator should look at its credentials
    Status(403): 502 upstream `partner` answers 403 Forbidden when asked for `left-pad@1.0.0`; an administrator should look at its credentials
    Status(451): 502 upstream `partner` answers 451 Unavailable For Legal Reasons when asked for `left-pad@1.0.0`
    Status(204): 502 upstream `partner` answers 204 No Content when asked for `left-pad@1.0.0`
    Html: 502 upstream `partner` gives an answer that makes no sense: an HTML page for `left-pad@1.0.0`
    Garbage: 502 upstream `partner` sends other bytes for `left-pad@1.0.0` than its index promises 
    Empty: 502 upstream `partner` sends other bytes for `left-pad@1.0.0` than its index promises 
    Truncated: 502 upstream `partner` sends other bytes for `left-pad@1.0.0` than its index promises 
    Reset: 502 upstream `partner` cannot be reached at `127.0.0.1:[PORT]`: end of file before message length reached
    Hang: 504 upstream `partner` did not answer within [TIME]
    stopped: 502 upstream `partner` cannot be reached at `127.0.0.1:[PORT]`: Connection refused (os error 111)
    ");
    eventually("nothing stored", || async { scene.stored() == 0 }).await;

    scene.upstream.start_again();
    scene.upstream.heal();
    let whole = scene.download("left-pad", "1.0.0").await.expect(200);
    assert_eq!(whole.body, package.crate_bytes());
}

async fn what_was_downloaded_once_needs_no_upstream_any_more(database: Database) {
    let mut scene = Scene::with_settings(database, &[("upstream.freshness", "0s")]).await;
    let package = Package::new("left-pad", "1.0.0").ballast(200_000);
    scene.upstream.publish(&package);
    scene.download("left-pad", "1.0.0").await.expect(200);
    scene.upstream.stop();
    scene.server.restart().await;
    // in both views, and to a client who was not there before
    for view in [View::Index, View::Mirror] {
        scene
            .admin
            .index("acme", view, "left-pad")
            .await
            .expect(200);
        let again = scene.admin.download("acme", view, "left-pad", "1.0.0");
        assert_eq!(again.await.expect(200).body, package.crate_bytes());
    }
}

async fn a_crate_goes_out_as_it_is_and_never_encoded(database: Database) {
    let scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0").ballast(200_000);
    let bytes = package.crate_bytes();
    scene.upstream.publish(&package);
    // cold, then from the store
    for _ in 0..2 {
        let path = "/acme/api/v1/crates/left-pad/1.0.0/download";
        let request = scene.admin.request(http::Method::GET, path);
        let answer = request
            .header("accept-encoding", "deflate, gzip")
            .send()
            .await;
        let answer = answer.expect(200);
        assert_eq!(answer.body, bytes);
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(answer.header("content-type"), Some("application/gzip"));
        let etag = format!("\"{}\"", package.checksum());
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    }
    let asked = scene.upstream.requests_to("/dl/");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("accept-encoding"), Some("identity"));
}

/// Checksums stand in lockfiles; knowing one must not be enough to get what it is of.
async fn an_upstream_that_lists_the_checksum_of_a_private_crate_is_not_given_its_bytes(
    database: Database,
) {
    let scene = Scene::start(database).await;
    let secret = Package::new("acme-secret", "1.0.0");
    scene.admin.claim("acme", "acme-*", "private").await;
    scene.publish(&secret).await;
    let cached = Package::new("left-pad", "1.0.0");
    scene.upstream.publish(&cached);
    scene.download("left-pad", "1.0.0").await.expect(200);

    let other = FakeUpstream::start();
    let index = other.index_url();
    scene
        .admin
        .create_upstream(json!({ "name": "other", "index": index }))
        .await;
    scene
        .admin
        .create_registry(json!({ "name": "beta", "upstreams": ["other"] }))
        .await;
    for (name, stolen) in [("thief", &secret), ("second-thief", &cached)] {
        let mut line = Package::new(name, "1.0.0").index_line();
        line["cksum"] = json!(stolen.checksum());
        other.publish_line(name, &line.to_string());
        scene
            .admin
            .index("beta", View::Index, name)
            .await
            .expect(200);
        for view in [View::Index, View::Mirror] {
            // it lists what it does not have
            let refused = scene.admin.download("beta", view, name, "1.0.0").await;
            refused.expect(502);
        }
        // and it has something else
        let own = Package::new(name, "1.0.0").crate_bytes();
        other.replace_bytes(name, "1.0.0", own);
        let refused = scene.admin.download("beta", View::Index, name, "1.0.0");
        assert!(refused.await.expect(502).text().contains("other bytes"));
    }
    let line = json!({ "cksum": secret.checksum(), "name": "thief", "vers": "1.0.0", "deps": [], "features": {}, "yanked": false });
    scene.upstream.publish_line("thief", &line.to_string());
    scene.download("thief", "1.0.0").await.expect(502);
}
