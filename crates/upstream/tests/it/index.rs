//! Index files: what counts as which answer.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use supercargo_upstream::{FailureKind, FailureReason};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(bytes: Vec<u8>) -> Response<Body> {
    with(text(bytes), "content-encoding", "gzip")
}

/// Asks a server that gives one answer to everything.
async fn answer(
    answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static,
) -> Result<IndexAnswer, UpstreamFailed> {
    let server = Server::start(move |_| answer()).await;
    ask(&client(), &server.upstream(), None).await
}

fn found(body: &[u8]) -> IndexAnswer {
    IndexAnswer::Found {
        bytes: body.to_vec().into(),
        validators: Validators::default(),
    }
}

#[tokio::test]
async fn a_file_is_asked_for_as_cargo_does() {
    let server = Server::start(|_| text("line\n")).await;
    assert_eq!(
        ask(&client(), &server.upstream(), None).await,
        Ok(found(b"line\n"))
    );
    let [asked] = server.asked().try_into().unwrap();
    assert_eq!(asked.path, "/index/se/rd/serde");
    assert_eq!(asked.header("cargo-protocol"), Some("version=1"));
    assert_eq!(asked.header("accept"), Some("text/plain"));
    assert_eq!(asked.header("accept-encoding"), Some("gzip"));
    assert!(
        asked
            .header("user-agent")
            .unwrap()
            .starts_with("supercargo/")
    );
    for absent in [
        "authorization",
        "if-none-match",
        "if-modified-since",
        "cookie",
        "referer",
    ] {
        assert_eq!(asked.header(absent), None);
    }
}

#[tokio::test]
async fn only_404_and_410_mean_not_there() {
    for code in [404, 410] {
        assert_eq!(
            answer(move || status(code)).await,
            Ok(IndexAnswer::NotThere)
        );
    }
    for (code, kind) in [
        (204, FailureKind::BadGateway),
        (206, FailureKind::BadGateway),
        (300, FailureKind::BadGateway),
        (400, FailureKind::BadGateway),
        (401, FailureKind::BadGateway),
        (403, FailureKind::BadGateway),
        (429, FailureKind::Unavailable),
        (451, FailureKind::BadGateway),
        (500, FailureKind::BadGateway),
        (502, FailureKind::BadGateway),
        (503, FailureKind::Unavailable),
        (504, FailureKind::Timeout),
    ] {
        let failed = answer(move || status(code)).await.unwrap_err();
        assert!(
            matches!(failed.reason(), FailureReason::Status { .. }),
            "{code}: {failed}"
        );
        assert_eq!(failed.kind(), kind, "{code}");
        assert_eq!(failed.upstream(), "partner");
    }
}

#[tokio::test]
async fn failures_are_told_in_words() {
    let failed = answer(|| status(500)).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` answers 500 Internal Server Error when asked for `se/rd/serde`"
    );
    let failed = answer(|| status(401)).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` answers 401 Unauthorized when asked for `se/rd/serde`; an administrator should look at its credentials"
    );
}

#[tokio::test]
async fn the_time_to_come_back_is_passed_on_in_seconds_only() {
    let failed = answer(|| with(status(503), "retry-after", "7"))
        .await
        .unwrap_err();
    assert_eq!(failed.retry_after(), Some(Duration::from_secs(7)));
    let failed = answer(|| with(status(429), "retry-after", "soon"))
        .await
        .unwrap_err();
    assert_eq!(failed.retry_after(), None);
}

#[tokio::test]
async fn validators_come_along_and_go_back_one_at_a_time() {
    let date = "Fri, 20 Nov 2026 11:54:12 GMT";
    let server = Server::start(move |asked| {
        let fresh = asked.header("if-none-match") == Some("W/\"a b\"")
            || asked.header("if-modified-since") == Some(date);
        if fresh {
            return status(304);
        }
        with(
            with(text("line\n"), "etag", "W/\"a b\""),
            "last-modified",
            date,
        )
    })
    .await;
    let (client, upstream) = (client(), server.upstream());
    let Ok(IndexAnswer::Found { validators, .. }) = ask(&client, &upstream, None).await else {
        panic!("the first answer is a file");
    };
    assert_eq!(validators.etag.as_deref(), Some("W/\"a b\""));
    assert_eq!(validators.last_modified.as_deref(), Some(date));
    let date_only = Validators {
        etag: None,
        ..validators.clone()
    };
    for known in [&validators, &date_only] {
        assert_eq!(
            ask(&client, &upstream, Some(known)).await,
            Ok(IndexAnswer::NotModified)
        );
    }
    let [_, by_etag, by_date] = server.asked().try_into().unwrap();
    assert_eq!(by_etag.header("if-modified-since"), None);
    assert_eq!(by_date.header("if-none-match"), None);
}

#[tokio::test]
async fn a_304_that_nobody_asked_for_is_nonsense() {
    let server = Server::start(|_| status(304)).await;
    for known in [None, Some(Validators::default())] {
        let failed = ask(&client(), &server.upstream(), known.as_ref())
            .await
            .unwrap_err();
        assert_eq!(
            failed.to_string(),
            "upstream `partner` gives an answer that makes no sense: 304 for `se/rd/serde`, of which no copy was named"
        );
    }
}

#[tokio::test]
async fn validators_that_are_too_long_are_not_kept() {
    let Ok(IndexAnswer::Found { validators, .. }) =
        answer(|| with(text("line\n"), "etag", &"x".repeat(600))).await
    else {
        panic!("a long validator is no reason to refuse the file");
    };
    assert_eq!(validators, Validators::default());
}

#[tokio::test]
async fn compression_is_undone() {
    let lines = "a line\n".repeat(10_000);
    let body = gzip(lines.as_bytes());
    let sent = body.clone();
    assert_eq!(
        answer(move || gzipped(sent.clone())).await,
        Ok(found(lines.as_bytes()))
    );
    // two members, one after the other, are one file (RFC 1952, 2.2)
    let twice = [body.clone(), body.clone()].concat();
    let answer_twice = answer(move || gzipped(twice.clone())).await;
    assert_eq!(answer_twice, Ok(found(lines.repeat(2).as_bytes())));
    let identity = answer(|| with(text("line\n"), "content-encoding", "identity")).await;
    assert_eq!(identity, Ok(found(b"line\n")));
}

#[tokio::test]
async fn damaged_or_unknown_compression_is_nonsense() {
    let body = gzip("a line\n".repeat(10_000).as_bytes());
    let cut = body[..body.len() - 5].to_vec();
    let mut flipped = body.clone();
    let middle = body.len() - 6;
    flipped[middle] ^= 1;
    for damaged in [cut, flipped, b"no gzip at all".to_vec(), Vec::new()] {
        let failed = answer(move || gzipped(damaged.clone())).await.unwrap_err();
        assert!(
            matches!(failed.reason(), FailureReason::Garbled(_)),
            "{failed}"
        );
        assert_eq!(failed.kind(), FailureKind::BadGateway);
    }
    let failed = answer(|| with(text("line\n"), "content-encoding", "br"))
        .await
        .unwrap_err();
    assert!(
        matches!(failed.reason(), FailureReason::Garbled(_)),
        "{failed}"
    );
}

#[tokio::test]
async fn neither_a_large_file_nor_a_gzip_bomb_gets_past_the_limit() {
    let client = UpstreamClient::new(ClientSettings {
        index_bytes: 100_000,
        ..settings()
    })
    .unwrap();
    let bomb = gzip(&vec![b'a'; 10_000_000]);
    assert!(bomb.len() < 20_000);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/index/se/rd/serde" => text(vec![b'a'; 100_001]),
        "/index/bo/mb/bomb" => gzipped(bomb.clone()),
        "/index/en/dl/endless" => {
            let piece = || Some((Ok::<_, std::io::Error>(vec![b'a'; 1_000]), ()));
            let pieces = futures_util::stream::unfold((), move |()| async move { piece() });
            text(Body::from_stream(pieces))
        }
        _ => text(vec![b'a'; 100_000]),
    })
    .await;
    for name in ["serde", "bomb", "endless"] {
        let name = name.parse().unwrap();
        let failed = client
            .index_file(&server.upstream(), &name, None)
            .await
            .unwrap_err();
        assert!(
            matches!(
                failed.reason(),
                FailureReason::TooLarge { limit: 100_000, .. }
            ),
            "{failed}"
        );
    }
    let name = "just-right".parse().unwrap();
    assert!(
        client
            .index_file(&server.upstream(), &name, None)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_page_or_an_empty_file_is_nonsense() {
    for html in [
        "text/html",
        "Text/HTML; charset=utf-8",
        "application/xhtml+xml",
    ] {
        let failed = answer(move || with(text("<html>"), "content-type", html))
            .await
            .unwrap_err();
        assert_eq!(
            failed.to_string(),
            "upstream `partner` gives an answer that makes no sense: an HTML page for `se/rd/serde`"
        );
    }
    let failed = answer(|| text("")).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` gives an answer that makes no sense: an empty file for `se/rd/serde`"
    );
}
