//! How many questions and downloads are under way at once.

use futures_util::{StreamExt as _, future::join_all};
use supercargo_upstream::{FailureKind, IndexAnswer};
use tokio::sync::watch;

use super::*;

/// How long a condition is waited for before a test fails.
const BOUND: Duration = Duration::from_secs(20);

/// What a server has at this moment, and had at most.
#[derive(Clone, Copy, Default)]
struct Load {
    now: usize,
    most: usize,
}

/// A server whose answers wait for a gate, beside a path that is answered at once.
struct Gated {
    server: Server,
    gate: watch::Sender<bool>,
    load: watch::Receiver<Load>,
}

impl Gated {
    async fn start() -> Self {
        let (gate, opened) = watch::channel(false);
        let (load, seen) = watch::channel(Load::default());
        let load = Arc::new(load);
        let server = Server::patient(move |asked| {
            let (mut opened, load) = (opened.clone(), load.clone());
            async move {
                if asked.path.ends_with("/co/nt/control") {
                    return status(404);
                }
                load.send_modify(|load| {
                    load.now += 1;
                    load.most = load.most.max(load.now);
                });
                opened.wait_for(|is_open| *is_open).await.unwrap();
                load.send_modify(|load| load.now -= 1);
                status(404)
            }
        })
        .await;
        Self {
            server,
            gate,
            load: seen,
        }
    }

    /// Waits until so many questions are there, and then as long as many further ones would have needed to arrive.
    async fn fills_up_to(&mut self, count: usize) {
        let full = self.load.wait_for(|load| load.now >= count);
        tokio::time::timeout(BOUND, full).await.unwrap().unwrap();
        let (control, upstream) = (client(), self.server.upstream());
        let name = "control".parse().unwrap();
        for _ in 0..50 {
            let answer = control.index_file(&upstream, &name, None).await;
            assert_eq!(answer, Ok(IndexAnswer::NotThere));
        }
        assert_eq!(self.load.borrow().now, count);
    }
}

fn each(questions_each: usize, downloads_each: usize) -> UpstreamClient {
    UpstreamClient::new(ClientSettings {
        questions: 4,
        questions_each,
        downloads: 2,
        downloads_each,
        timeout: BOUND,
        ..settings()
    })
    .unwrap()
}

#[tokio::test]
async fn questions_that_wait_for_a_slow_upstream_leave_places_for_the_others() {
    let mut slow = Gated::start().await;
    let client = each(3, 1);
    let flood = tokio::spawn({
        let (client, upstream) = (client.clone(), slow.server.upstream());
        async move {
            let names: Vec<_> = (0..20)
                .map(|number| format!("random{number}").parse().unwrap())
                .collect();
            let asked = names
                .iter()
                .map(|name| client.index_file(&upstream, name, None));
            join_all(asked).await
        }
    });
    slow.fills_up_to(3).await;
    let quick = Server::start(|_| status(404)).await;
    let quick = quick.upstream();
    for _ in 0..20 {
        let answer = tokio::time::timeout(BOUND, ask(&client, &quick, None)).await;
        assert_eq!(answer.unwrap(), Ok(IndexAnswer::NotThere));
    }
    slow.gate.send(true).unwrap();
    flood.await.unwrap();
    assert_eq!(slow.load.borrow().most, 3);
}

#[tokio::test]
async fn downloads_from_a_slow_upstream_leave_places_for_the_others() {
    let (end, _) = watch::channel(false);
    let (slow, quick) = (slow_files(&end).await, slow_files(&end).await);
    let client = each(3, 1);
    let checksum = Digest::from_bytes([0; 32]);
    let slow_upstream = slow.upstream();
    let begin = || client.download(&slow_upstream, "a", "1.0.0", &checksum);
    let first = begin().await.unwrap();
    // waits for a place of this upstream, and holds none of those that all share
    let mut second = Box::pin(begin());
    assert!(
        futures_util::FutureExt::now_or_never(&mut second).is_none(),
        "there is one place, and it is taken"
    );
    let quick = quick.upstream();
    let other = client.download(&quick, "a", "1.0.0", &checksum);
    assert!(tokio::time::timeout(BOUND, other).await.unwrap().is_ok());
    assert_eq!(files(&slow), 1);
    drop(first);
    assert!(tokio::time::timeout(BOUND, second).await.unwrap().is_ok());
}

/// Our own queue says nothing of the upstream: it must not be left alone for it.
#[tokio::test]
async fn whoever_had_no_turn_does_not_count_as_a_failure_of_the_upstream() {
    let server = Server::start(|_| status(404)).await;
    let upstream = server.upstream();
    let client = limited(0, 0, Duration::from_millis(10));
    for _ in 0..10 {
        let failed = ask(&client, &upstream, None).await.unwrap_err();
        assert_eq!(
            failed.to_string(),
            "upstream `partner` was not asked within 30ms, for too many others ask it; try again later"
        );
        assert!(!failed.is_down());
    }
    let health = client.health(&upstream);
    assert!(health.is_well());
    assert_eq!(health.index.failures, 0);
}

fn limited(questions: usize, downloads: usize, timeout: Duration) -> UpstreamClient {
    UpstreamClient::new(ClientSettings {
        timeout,
        questions,
        downloads,
        ..settings()
    })
    .unwrap()
}

#[tokio::test]
async fn a_flood_of_names_comes_to_an_upstream_a_few_at_a_time() {
    let mut gated = Gated::start().await;
    let client = limited(3, 64, BOUND);
    let flood = tokio::spawn({
        let upstream = gated.server.upstream();
        async move {
            let names: Vec<_> = (0..20)
                .map(|number| format!("random{number}").parse().unwrap())
                .collect();
            let asked = names
                .iter()
                .map(|name| client.index_file(&upstream, name, None));
            join_all(asked).await
        }
    });
    gated.fills_up_to(3).await;
    gated.gate.send(true).unwrap();
    let answers = tokio::time::timeout(BOUND, flood).await.unwrap().unwrap();
    assert_eq!(answers, vec![Ok(IndexAnswer::NotThere); 20]);
    assert_eq!(gated.load.borrow().most, 3);
}

#[tokio::test]
async fn questions_for_config_count_as_well() {
    let mut gated = Gated::start().await;
    let client = limited(1, 64, BOUND);
    let both = tokio::spawn({
        let upstream = gated.server.upstream();
        async move { tokio::join!(ask(&client, &upstream, None), client.test(&upstream)) }
    });
    gated.fills_up_to(1).await;
    gated.gate.send(true).unwrap();
    let (index, config) = tokio::time::timeout(BOUND, both).await.unwrap().unwrap();
    assert_eq!(index, Ok(IndexAnswer::NotThere));
    assert!(config.is_err(), "404 is no `config.json`");
    assert_eq!(gated.load.borrow().most, 1);
}

/// A registry whose files begin at once, and end when they are told to.
async fn slow_files(end: &watch::Sender<bool>) -> Server {
    let end = end.subscribe();
    Server::start(move |asked| {
        if asked.path == "/index/config.json" {
            let host = asked.header("host").unwrap();
            return text(format!(r#"{{"dl":"http://{host}/dl"}}"#));
        }
        let mut end = end.clone();
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>("some bytes")]);
        let rest = futures_util::stream::once(async move {
            end.wait_for(|is_over| *is_over).await.unwrap();
            Ok(", and the rest")
        });
        text(Body::from_stream(first.chain(rest)))
    })
    .await
}

fn files(server: &Server) -> usize {
    let paths = server.paths();
    paths.iter().filter(|path| path.starts_with("/dl")).count()
}

#[tokio::test]
async fn a_download_counts_until_its_body_is_dropped_and_waiting_for_it_counts_into_the_timeout() {
    let (end, _) = watch::channel(false);
    let server = slow_files(&end).await;
    let client = limited(128, 1, Duration::from_millis(300));
    let upstream = server.upstream();
    let checksum = Digest::from_bytes([0; 32]);
    let begin = || client.download(&upstream, "a", "1.0.0", &checksum);
    let first = begin().await.unwrap();
    let Err(failed) = begin().await else {
        panic!("there is one place, and it is taken");
    };
    assert_eq!(failed.kind(), FailureKind::Timeout, "{failed}");
    assert_eq!(files(&server), 1, "the second one was never asked for");
    // downloads do not stand in the way of questions
    client.test(&upstream).await.unwrap();
    drop(first);
    begin().await.unwrap();
    assert_eq!(files(&server), 2);
}

#[tokio::test]
async fn a_download_counts_until_its_body_ends() {
    let (end, _) = watch::channel(true);
    let server = slow_files(&end).await;
    let client = limited(128, 1, Duration::from_secs(5));
    let upstream = server.upstream();
    let checksum = Digest::from_bytes([0; 32]);
    let begin = || client.download(&upstream, "a", "1.0.0", &checksum);
    let mut first = begin().await.unwrap();
    while let Some(piece) = first.body.next().await {
        piece.unwrap();
    }
    let second = tokio::time::timeout(BOUND, begin()).await.unwrap();
    assert!(
        second.is_ok(),
        "the body has ended, though nobody dropped it"
    );
    drop(first);
}

#[tokio::test]
async fn a_question_that_never_has_its_turn_is_a_timeout() {
    let gated = Gated::start().await;
    let client = limited(0, 64, Duration::from_millis(10));
    let failed = ask(&client, &gated.server.upstream(), None)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), FailureKind::Timeout, "{failed}");
    assert_eq!(gated.server.paths(), [""; 0]);
}
