//! Each fault does to an answer what it says, and no more.

use std::time::{Duration, Instant};

use supercargo_testkit::{Client, FakeUpstream, Fault, Package};

const INDEX: &str = "/index/de/mo/demo";
const DOWNLOAD: &str = "/dl/demo/1.0.0/download";

fn upstream() -> (FakeUpstream, Client) {
    let upstream = FakeUpstream::start();
    upstream.publish(&Package::new("demo", "1.0.0"));
    let client = Client::new(&upstream.url());
    (upstream, client)
}

#[tokio::test]
async fn answers_instead_of_the_right_one() {
    let (upstream, client) = upstream();
    upstream.fault("/", Fault::Status(503));
    client.get(INDEX).await.expect(503);
    upstream.fault("/", Fault::RetryAfter(429, 7));
    assert_eq!(
        client.get(INDEX).await.expect(429).header("retry-after"),
        Some("7")
    );
    upstream.fault("/", Fault::Html);
    let page = client.get(INDEX).await.expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    upstream.fault("/", Fault::Garbage);
    let garbage = client.get(INDEX).await.expect(200);
    assert!(serde_json::from_slice::<serde_json::Value>(&garbage.body).is_err());
    upstream.fault("/", Fault::Empty);
    assert!(client.get(DOWNLOAD).await.expect(200).body.is_empty());
    upstream.fault("/", Fault::Huge(3_000_001));
    let huge = client.get(INDEX).await.expect(200);
    assert_eq!(
        (huge.body.len(), huge.header("content-length")),
        (3_000_001, None)
    );
    upstream.fault("/", Fault::Redirect("http://other.example/".to_owned()));
    assert_eq!(
        client.get(INDEX).await.expect(302).header("location"),
        Some("http://other.example/")
    );
    upstream.heal();
    client.get(INDEX).await.expect(200);
}

#[tokio::test]
async fn spoiled_bodies() {
    let (upstream, client) = upstream();
    let right = client.get(DOWNLOAD).await.expect(200).body;

    upstream.fault("/dl", Fault::Truncated);
    assert_eq!(
        client.get(DOWNLOAD).await.expect(200).body,
        right.slice(..right.len() / 2)
    );
    upstream.fault("/dl", Fault::Corrupted);
    let corrupted = client.get(DOWNLOAD).await.expect(200).body;
    assert_eq!(corrupted.len(), right.len());
    let differing = corrupted.iter().zip(&right).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 1);
    upstream.fault("/dl", Fault::Reset);
    let request = client.request(http::Method::GET, DOWNLOAD);
    let error = request.try_send().await.unwrap_err();
    assert!(error.is_decode(), "{error:?}");

    let start = Instant::now();
    let pieces = u32::try_from(right.len().div_ceil(200)).unwrap();
    upstream.fault("/dl", Fault::SlowDrip(200, Duration::from_millis(5)));
    assert_eq!(client.get(DOWNLOAD).await.expect(200).body, right);
    assert!(start.elapsed() >= Duration::from_millis(5) * pieces);

    upstream.fault("/index", Fault::WrongChecksum);
    let line = &client.get(INDEX).await.expect(200).json_lines()[0];
    assert_eq!(line["cksum"].as_str().unwrap().len(), 64);
    assert_ne!(
        line["cksum"],
        Package::new("demo", "1.0.0").checksum().hex()
    );
}

#[tokio::test]
async fn late_and_missing_answers() {
    let (upstream, client) = upstream();
    let start = Instant::now();
    upstream.fault("/", Fault::Delay(Duration::from_millis(50)));
    client.get(INDEX).await.expect(200);
    assert!(start.elapsed() >= Duration::from_millis(50));

    upstream.fault("/", Fault::Hang);
    let hanging = tokio::time::timeout(Duration::from_millis(50), client.get(INDEX)).await;
    assert!(hanging.is_err());
}

#[tokio::test]
async fn the_longest_prefix_wins_and_counted_faults_run_out() {
    let (upstream, client) = upstream();
    upstream.fault("/index", Fault::Status(500));
    upstream.fault_times(INDEX, Fault::Status(502), 2);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(client.get(INDEX).await.status.as_u16());
    }
    assert_eq!(seen, [502, 502, 500]);
    client.get(DOWNLOAD).await.expect(200);
    assert_eq!(upstream.requests_to("/index").len(), 3);
    upstream.clear_requests();
    assert!(upstream.requests().is_empty());
}
