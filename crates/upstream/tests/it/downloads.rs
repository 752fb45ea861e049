//! `config.json` and the files it leads to.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{FutureExt as _, StreamExt as _, future::join_all, stream};
use supercargo_upstream::{FailureKind, FailureReason};

use super::*;

fn is_config(asked: &Asked) -> bool {
    asked.path == "/index/config.json"
}

/// A registry whose `dl` is `dl` on its own host.
fn config(asked: &Asked, dl: &str) -> Response<Body> {
    let host = asked.header("host").unwrap();
    text(format!(r#"{{"dl":"http://{host}{dl}"}}"#))
}

#[tokio::test]
async fn a_file_is_asked_for_where_the_template_says_and_comes_as_it_is() {
    let server = Server::start(|asked| {
        if is_config(asked) {
            config(asked, "/dl/{prefix}/{lowerprefix}/{crate}-{version}")
        } else {
            // a server that takes the file for a compressed one: its bytes are still those that must hash
            with(text("the bytes"), "content-encoding", "gzip")
        }
    })
    .await;
    let bytes = fetch(&client(), &server.upstream()).await;
    assert_eq!(bytes.unwrap(), b"the bytes");
    let [config, file] = server.asked().try_into().unwrap();
    assert_eq!(config.header("accept"), Some("text/plain"));
    assert_eq!(file.path, "/dl/Se/rd/se/rd/Serde-1.0.0+b");
    assert_eq!(file.header("accept-encoding"), Some("identity"));
    assert_eq!(file.header("cargo-protocol"), None);
}

#[tokio::test]
async fn config_is_asked_once_for_many_and_kept() {
    let server = Server::start(|asked| {
        if is_config(asked) {
            config(asked, "/dl")
        } else {
            text("bytes")
        }
    })
    .await;
    let (client, upstream) = (client(), server.upstream());
    for _ in 0..2 {
        let fetched = join_all((0..20).map(|_| fetch(&client, &upstream))).await;
        assert!(fetched.into_iter().all(|bytes| bytes.unwrap() == b"bytes"));
    }
    let paths = server.paths();
    assert_eq!(
        paths
            .iter()
            .filter(|path| path.ends_with("config.json"))
            .count(),
        1
    );
    assert_eq!(paths.len(), 41);
}

#[tokio::test]
async fn a_failed_flight_fails_all_who_wait_and_holds_nobody_up_afterwards() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |asked| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            status(500)
        } else if is_config(asked) {
            config(asked, "/dl")
        } else {
            text("bytes")
        }
    })
    .await;
    let (client, upstream) = (client(), server.upstream());
    // on one thread all of them join before the first answer can come
    let failed = join_all((0..20).map(|_| client.config(&upstream))).await;
    assert!(failed.iter().all(Result::is_err));
    assert_eq!(server.paths().len(), 1);
    assert_eq!(fetch(&client, &upstream).await.unwrap(), b"bytes");
}

#[tokio::test]
async fn files_that_moved_are_found_by_asking_config_again() {
    for gone in [401, 403, 404, 410] {
        let configs = Arc::new(AtomicUsize::new(0));
        let server = Server::start(move |asked| {
            if is_config(asked) {
                let generation = configs.fetch_add(1, Ordering::SeqCst);
                config(asked, &format!("/dl{generation}"))
            } else if asked.path.starts_with("/dl0/") {
                status(gone)
            } else {
                text("moved")
            }
        })
        .await;
        let (client, upstream) = (client(), server.upstream());
        assert_eq!(fetch(&client, &upstream).await.unwrap(), b"moved", "{gone}");
        assert_eq!(fetch(&client, &upstream).await.unwrap(), b"moved", "{gone}");
        let files: Vec<_> = server
            .paths()
            .into_iter()
            .filter(|path| path.starts_with("/dl"))
            .collect();
        let [old, new] = ["/dl0/Serde/1.0.0+b/download", "/dl1/Serde/1.0.0+b/download"];
        assert_eq!(files, [old, new, new]);
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_asked_for_once_where_config_says_the_same() {
    let server = Server::start(|asked| {
        if is_config(asked) {
            config(asked, "/dl")
        } else {
            status(404)
        }
    })
    .await;
    let failed = fetch(&client(), &server.upstream()).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` lists `Serde@1.0.0+b` but does not have its file (404 Not Found)"
    );
    assert_eq!(failed.kind(), FailureKind::BadGateway);
    let file = "/dl/Serde/1.0.0+b/download";
    assert_eq!(
        server.paths(),
        ["/index/config.json", file, "/index/config.json"]
    );
}

#[tokio::test]
async fn the_last_good_config_serves_while_the_index_fails() {
    let configs = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |asked| match is_config(asked) {
        true if configs.fetch_add(1, Ordering::SeqCst) == 0 => config(asked, "/dl"),
        true => status(500),
        false => text("bytes"),
    })
    .await;
    let client = UpstreamClient::new(ClientSettings {
        config_freshness: Duration::ZERO,
        ..settings()
    })
    .unwrap();
    for _ in 0..3 {
        assert_eq!(fetch(&client, &server.upstream()).await.unwrap(), b"bytes");
    }
    // once well, once failing, then left alone
    let paths = server.paths();
    assert_eq!(
        paths
            .iter()
            .filter(|path| path.ends_with("config.json"))
            .count(),
        2
    );
    assert!(
        client.test(&server.upstream()).await.is_err(),
        "a test asks anew"
    );
}

#[tokio::test]
async fn only_a_200_is_a_file() {
    for code in [201, 204, 206, 304, 401, 403, 429, 451, 500, 503] {
        let server = Server::start(move |asked| {
            if is_config(asked) {
                config(asked, "/dl")
            } else {
                status(code)
            }
        })
        .await;
        let failed = fetch(&client(), &server.upstream()).await.unwrap_err();
        assert!(
            matches!(failed.reason(), FailureReason::Status { .. }),
            "{code}: {failed}"
        );
    }
}

#[tokio::test]
async fn a_page_is_not_a_file() {
    let server = Server::start(|asked| {
        if is_config(asked) {
            config(asked, "/dl")
        } else {
            with(text("<html>"), "content-type", "text/html")
        }
    })
    .await;
    let failed = fetch(&client(), &server.upstream()).await.unwrap_err();
    assert!(
        matches!(failed.reason(), FailureReason::Garbled(_)),
        "{failed}"
    );
}

#[tokio::test]
async fn a_file_over_the_limit_is_given_up_with_and_without_a_length() {
    for with_length in [true, false] {
        let server = Server::start(move |asked| {
            if is_config(asked) {
                return config(asked, "/dl");
            }
            let pieces = stream::iter([Ok::<_, std::io::Error>(vec![0; 600]), Ok(vec![0; 600])]);
            let response = text(Body::from_stream(pieces));
            if with_length {
                with(response, "content-length", "1200")
            } else {
                response
            }
        })
        .await;
        let client = |crate_bytes| {
            UpstreamClient::new(ClientSettings {
                crate_bytes,
                ..settings()
            })
            .unwrap()
        };
        let failed = fetch(&client(1_199), &server.upstream()).await.unwrap_err();
        assert_eq!(
            failed.to_string(),
            "upstream `partner` sends more than 1199 bytes for `Serde@1.0.0+b`, which is the limit"
        );
        assert_eq!(
            fetch(&client(1_200), &server.upstream())
                .await
                .unwrap()
                .len(),
            1_200
        );
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_in_a_failure() {
    let some = "x".repeat(600);
    for answer in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{some}"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n258\r\n{some}\r\n"),
    ] {
        let files = raw(answer).await;
        let server = Server::start(move |_| text(format!(r#"{{"dl":"{files}"}}"#))).await;
        let (client, upstream) = (client(), server.upstream());
        let checksum = Digest::from_bytes([0; 32]);
        let download = client.download(&upstream, "a", "1.0.0", &checksum).await;
        let mut body = download.unwrap().body;
        let (mut received, mut end) = (0, None);
        while let Some(piece) = body.next().await {
            assert!(end.is_none(), "nothing follows a failure");
            match piece {
                Ok(piece) => received += piece.len(),
                Err(failed) => end = Some(failed),
            }
        }
        assert_eq!(received, 600);
        let end = end.unwrap();
        assert!(
            matches!(end.reason(), FailureReason::Unreachable { .. }),
            "{end}"
        );
    }
}

/// A server that answers everything with these bytes and hangs up.
async fn raw(answer: String) -> String {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let mut connection = BufReader::new(connection);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                connection.read_line(&mut line).await.unwrap();
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    base
}

#[tokio::test]
async fn a_config_that_makes_no_sense_says_what_is_wrong() {
    type Answer = fn() -> Response<Body>;
    let bad: [(Answer, &str); 6] = [
        (
            || text("<!doctype html>"),
            "its `config.json` cannot be read",
        ),
        (|| text("{}"), "its `config.json` has no `dl`"),
        (|| text(r#"{"dl":"/dl"}"#), "gives no absolute URL"),
        (
            || with(text("{}"), "content-type", "text/html"),
            "an HTML page",
        ),
        (
            || text("x".repeat(100_000)),
            "sends more than 65536 bytes for `config.json`",
        ),
        (
            || status(404),
            "answers 404 Not Found when asked for `config.json`",
        ),
    ];
    for (answer, words) in bad {
        let server = Server::start(move |_| answer()).await;
        let failed = client().test(&server.upstream()).await.unwrap_err();
        assert!(failed.to_string().contains(words), "{failed}");
        assert!(client().config(&server.upstream()).await.is_err());
    }
}

#[tokio::test]
async fn a_test_tells_how_long_the_answer_took() {
    let server = Server::start(|asked| config(asked, "/dl")).await;
    let (client, upstream) = (client(), server.upstream());
    assert!(client.test(&upstream).await.unwrap() > Duration::ZERO);
    client.test(&upstream).await.unwrap();
    assert_eq!(server.paths().len(), 2);
}

#[tokio::test]
async fn a_flight_goes_on_when_its_first_caller_hangs_up() {
    let (release, released) = tokio::sync::watch::channel(false);
    let server = Server::patient(move |asked| {
        let mut released = released.clone();
        async move {
            released.wait_for(|now| *now).await.unwrap();
            config(&asked, "/dl")
        }
    })
    .await;
    let (client, upstream) = (client(), server.upstream());
    let mut first = Box::pin(client.config(&upstream));
    assert!((&mut first).now_or_never().is_none());
    drop(first);
    let mut second = Box::pin(client.config(&upstream));
    assert!((&mut second).now_or_never().is_none());
    release.send(true).unwrap();
    second.await.unwrap();
    assert_eq!(server.paths().len(), 1);
}
