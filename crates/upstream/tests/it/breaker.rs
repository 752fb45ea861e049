//! Upstreams that are down are left alone for a while; those that refuse a name are not.

use futures_util::future::join_all;
use supercargo_testkit::{FakeUpstream, Fault, Package};
use supercargo_types::{Clock, Timestamp};
use supercargo_upstream::{CircuitState, FailureKind, FailureReason};

use super::{
    every_fault::{download, partner, word},
    *,
};

/// Failures in a row that open a circuit.
const ROW: usize = 5;

struct Scene {
    fake: FakeUpstream,
    client: UpstreamClient,
    clock: Clock,
    upstream: Upstream,
}

fn scene() -> Scene {
    scene_with(settings())
}

fn scene_with(settings: ClientSettings) -> Scene {
    let clock = Clock::fixed(Timestamp::from_seconds(1_795_000_000));
    let fake = FakeUpstream::start();
    fake.publish(&Package::new("serde", "1.0.0"));
    let client = UpstreamClient::new(ClientSettings {
        clock: clock.clone(),
        ..settings
    })
    .unwrap();
    let upstream = partner(&fake.index_url());
    Scene {
        fake,
        client,
        clock,
        upstream,
    }
}

impl Scene {
    /// The word for what comes of a question for `serde`.
    async fn index(&self) -> String {
        match ask(&self.client, &self.upstream, None).await {
            Ok(_) => "sound".to_owned(),
            Err(failed) => word(&failed),
        }
    }

    async fn file(&self) -> String {
        match download(&self.client, &self.upstream).await {
            Ok(_) => "sound".to_owned(),
            Err(failed) => word(&failed),
        }
    }

    async fn goes_down(&self) {
        self.fake.fault("/index/se/", Fault::Status(500));
        for _ in 0..ROW {
            assert_eq!(self.index().await, "500");
        }
    }

    fn index_state(&self) -> CircuitState {
        self.client.health(&self.upstream).index.state
    }

    fn asked(&self) -> usize {
        self.fake.requests_to("/index/se/").len()
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_not_asked_and_everybody_is_told_at_once() {
    let scene = scene();
    scene.goes_down().await;
    let failed = ask(&scene.client, &scene.upstream, None).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` is left alone for a moment, for it has been failing since 2026-11-18T11:06:40Z (last: answers 500 Internal Server Error); try again in 1s"
    );
    assert_eq!(failed.kind(), FailureKind::Unavailable);
    assert_eq!(failed.retry_after(), Some(Duration::from_secs(1)));
    assert!(!failed.is_down(), "it was not asked");
    assert_eq!(scene.asked(), ROW);

    let health = scene.client.health(&scene.upstream);
    assert!(!health.is_well());
    assert!(
        matches!(health.index.state, CircuitState::Open { until } if until > scene.clock.now())
    );
    assert_eq!(health.index.failures, 5);
    assert_eq!(health.index.failing_since, Some(scene.clock.now()));
    assert!(matches!(
        health.index.last_failure,
        Some((_, FailureReason::Status { .. }))
    ));
    assert_eq!(health.files.state, CircuitState::Closed);
}

#[tokio::test]
async fn each_failure_that_says_it_is_down_counts_and_no_other() {
    for (fault, counts) in [
        (Fault::Status(500), true),
        (Fault::Status(502), true),
        (Fault::Status(503), true),
        (Fault::Status(504), true),
        (Fault::Status(429), true),
        (Fault::HangUp, true),
        (Fault::Reset, true),
        (Fault::Hang, true),
        (Fault::Stall, true),
        (Fault::Status(400), false),
        (Fault::Status(401), false),
        (Fault::Status(403), false),
        (Fault::Status(404), false),
        (Fault::Status(410), false),
        (Fault::Status(451), false),
        (Fault::Html, false),
        (Fault::Garbage, false),
        (Fault::Empty, false),
        (Fault::GzipBomb(32 << 20), false),
        (Fault::RedirectLoop, false),
    ] {
        let scene = match fault {
            Fault::Hang | Fault::Stall => scene_with(ClientSettings {
                timeout: Duration::from_millis(100),
                ..settings()
            }),
            _ => scene(),
        };
        scene.fake.fault("/index/se/", fault.clone());
        for _ in 0..ROW * 2 {
            scene.index().await;
        }
        let is_open = scene.index_state() != CircuitState::Closed;
        assert_eq!(is_open, counts, "{fault:?}");
        scene.fake.heal();
        scene.clock.advance(Duration::from_secs(2));
        assert_eq!(scene.index().await, "sound", "{fault:?}");
        assert_eq!(scene.index_state(), CircuitState::Closed, "{fault:?}");
    }
}

#[tokio::test]
async fn after_the_pause_one_question_at_a_time_goes_out() {
    let scene = scene();
    scene.goes_down().await;
    scene.clock.advance(Duration::from_secs(2));
    assert_eq!(scene.index_state(), CircuitState::HalfOpen);
    scene.fake.heal();
    scene.fake.hold("/index/se/");
    let (client, upstream) = (scene.client.clone(), scene.upstream.clone());
    let probe = tokio::spawn(async move { ask(&client, &upstream, None).await });
    scene.fake.wait_until_held(1).await;
    let others = join_all((0..50).map(|_| scene.index())).await;
    assert_eq!(others, vec!["unavailable"; 50]);
    assert_eq!(scene.asked(), ROW + 1);
    scene.fake.release();
    assert!(probe.await.unwrap().is_ok());
    assert!(scene.client.health(&scene.upstream).is_well());
    let all = join_all((0..50).map(|_| scene.index())).await;
    assert_eq!(all, vec!["sound"; 50]);
}

#[tokio::test]
async fn a_dead_upstream_is_probed_ever_more_rarely_but_every_half_minute_at_least() {
    let scene = scene();
    scene.goes_down().await;
    let mut probes = Vec::new();
    for second in 0..200 {
        let before = scene.asked();
        scene.index().await;
        if scene.asked() > before {
            probes.push(second);
        }
        scene.clock.advance(Duration::from_secs(1));
    }
    let pauses: Vec<_> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.windows(2).take(4).all(|pair| pair[0] < pair[1]),
        "{pauses:?}"
    );
    assert!(pauses.iter().all(|pause| *pause <= 39), "{pauses:?}");
    assert!(probes.len() >= 8 && probes.len() <= 12, "{probes:?}");
}

#[tokio::test]
async fn an_upstream_that_says_when_to_come_back_is_left_alone_until_then() {
    let scene = scene();
    scene.fake.fault("/index/se/", Fault::RetryAfter(429, 20));
    assert_eq!(scene.index().await, "429");
    scene.fake.heal();
    for _ in 0..19 {
        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(scene.index().await, "unavailable");
    }
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.index().await, "sound");
    assert_eq!(scene.asked(), 2);

    // though not for a week
    scene
        .fake
        .fault("/index/se/", Fault::RetryAfter(503, 604_800));
    assert_eq!(scene.index().await, "503");
    scene.fake.heal();
    scene.clock.advance(Duration::from_mins(1));
    assert_eq!(scene.index().await, "sound");
}

#[tokio::test]
async fn index_and_files_fail_each_for_itself() {
    let scene = scene();
    assert_eq!(scene.file().await, "sound");
    scene.goes_down().await;
    assert_eq!(scene.index().await, "unavailable");
    assert_eq!(scene.file().await, "sound");

    let other = scene_with(settings());
    other.fake.fault("/dl/", Fault::Status(503));
    for _ in 0..ROW {
        assert_eq!(other.file().await, "503");
    }
    assert_eq!(other.file().await, "unavailable");
    assert_eq!(other.index().await, "sound");
    let health = other.client.health(&other.upstream);
    assert_eq!(health.index.state, CircuitState::Closed);
    assert!(matches!(health.files.state, CircuitState::Open { .. }));
}

#[tokio::test]
async fn bodies_that_never_come_whole_open_the_circuit_of_files() {
    let scene = scene();
    scene.fake.fault("/dl/", Fault::Reset);
    for _ in 0..ROW {
        assert_eq!(scene.file().await, "unreachable");
    }
    assert_eq!(scene.file().await, "unavailable");
    scene.fake.heal();
    scene.clock.advance(Duration::from_secs(2));
    assert_eq!(scene.file().await, "sound");
    let health = scene.client.health(&scene.upstream);
    assert!(health.is_well());
    assert_eq!(health.files.failures, 0);
}

#[tokio::test]
async fn one_upstream_says_nothing_of_another() {
    let scene = scene();
    scene.goes_down().await;
    let neighbour = FakeUpstream::start();
    neighbour.publish(&Package::new("serde", "1.0.0"));
    // the same name with another index: an administrator has edited it
    let moved = partner(&neighbour.index_url());
    assert!(ask(&scene.client, &moved, None).await.is_ok());
    assert!(scene.client.health(&moved).is_well());
    assert_eq!(scene.index().await, "unavailable");
}

#[tokio::test]
async fn a_person_can_test_it_at_any_time_and_success_ends_the_pause() {
    let scene = scene();
    scene.goes_down().await;
    scene.fake.fault("/index/", Fault::Status(500));
    let failed = scene.client.test(&scene.upstream).await.unwrap_err();
    assert_eq!(word(&failed), "500");
    assert_eq!(scene.index().await, "unavailable");
    scene.fake.heal();
    scene.client.test(&scene.upstream).await.unwrap();
    assert!(scene.client.health(&scene.upstream).is_well());
    assert_eq!(scene.index().await, "sound");
}

#[tokio::test]
async fn a_test_that_succeeds_lets_a_download_look_for_itself() {
    let scene = scene();
    scene.fake.fault("/dl/", Fault::Status(503));
    for _ in 0..ROW {
        scene.file().await;
    }
    assert_eq!(scene.file().await, "unavailable");
    scene.fake.heal();
    scene.client.test(&scene.upstream).await.unwrap();
    assert_eq!(scene.file().await, "sound");
}

#[tokio::test]
async fn health_knows_when_it_went_well_and_how_long_that_took() {
    let scene = scene();
    let before = scene.client.health(&scene.upstream);
    assert!(before.is_well());
    assert_eq!(
        (before.index.last_success, before.index.latency),
        (None, None)
    );
    scene.index().await;
    scene.file().await;
    let health = scene.client.health(&scene.upstream);
    for service in [health.index, health.files] {
        assert_eq!(service.last_success, Some(scene.clock.now()));
        assert!(service.latency.unwrap() > Duration::ZERO);
        assert_eq!(service.last_failure, None);
    }
}
