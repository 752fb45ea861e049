//! Upstreams that do not answer, or not in time.

use futures_util::stream;
use supercargo_upstream::{FailureKind, FailureReason};

use super::*;

#[tokio::test]
async fn nobody_listening_is_a_bad_gateway_that_names_the_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let nobody = Server {
        base: format!("http://{address}"),
        log: Arc::default(),
    };
    let failed = ask(&client(), &nobody.upstream(), None).await.unwrap_err();
    let text = failed.to_string().replace(&address.to_string(), "HOST");
    assert_eq!(
        text,
        "upstream `partner` cannot be reached at `HOST`: Connection refused (os error 111)"
    );
    assert_eq!(failed.kind(), FailureKind::BadGateway);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_bad_gateway() {
    let nobody = Server {
        base: "http://no-such-host.invalid".to_owned(),
        log: Arc::default(),
    };
    let failed = ask(&client(), &nobody.upstream(), None).await.unwrap_err();
    assert!(
        matches!(failed.reason(), FailureReason::Unreachable { .. }),
        "{failed}"
    );
}

#[tokio::test]
async fn something_that_does_not_speak_http_is_a_bad_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        base: format!("http://{}", listener.local_addr().unwrap()),
        log: Arc::default(),
    };
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut connection, _)) = listener.accept().await {
            connection
                .write_all(b"220 mail.example ESMTP\r\n")
                .await
                .unwrap();
        }
    });
    let failed = ask(&client(), &server.upstream(), None).await.unwrap_err();
    assert!(
        matches!(failed.reason(), FailureReason::Unreachable { .. }),
        "{failed}"
    );
    assert_eq!(failed.kind(), FailureKind::BadGateway);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let server = Server::patient(|_| std::future::pending()).await;
    let failed = ask(&hasty(), &server.upstream(), None).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "upstream `partner` did not answer within 100ms"
    );
    assert_eq!(failed.kind(), FailureKind::Timeout);
}

#[tokio::test]
async fn a_body_that_stops_is_a_timeout() {
    use futures_util::StreamExt as _;
    let server = Server::start(|asked| {
        if asked.path == "/index/config.json" {
            let host = asked.header("host").unwrap();
            return text(format!(r#"{{"dl":"http://{host}/dl"}}"#));
        }
        let first = stream::iter([Ok::<_, std::io::Error>("some bytes")]);
        text(Body::from_stream(first.chain(stream::pending())))
    })
    .await;
    for failed in [
        ask(&hasty(), &server.upstream(), None).await.unwrap_err(),
        fetch(&hasty(), &server.upstream()).await.unwrap_err(),
    ] {
        assert_eq!(failed.kind(), FailureKind::Timeout, "{failed}");
    }
}

/// A byte every now and then, more often than anybody's patience ends.
fn drips() -> Body {
    let tick = tokio::time::interval(Duration::from_millis(20));
    Body::from_stream(stream::unfold(tick, |mut tick| async {
        tick.tick().await;
        Some((Ok::<_, std::io::Error>("x"), tick))
    }))
}

#[tokio::test]
async fn an_answer_that_drips_for_ever_is_a_timeout() {
    let server = Server::start(|_| text(drips())).await;
    let (hasty, upstream) = (hasty(), server.upstream());
    let asked = tokio::time::timeout(Duration::from_secs(20), ask(&hasty, &upstream, None));
    let failed = asked.await.unwrap().unwrap_err();
    assert_eq!(failed.kind(), FailureKind::Timeout, "{failed}");
}

#[tokio::test]
async fn a_download_that_drips_for_ever_is_a_timeout_with_and_without_a_length() {
    for with_length in [true, false] {
        let server = Server::start(move |asked| {
            if asked.path == "/index/config.json" {
                let host = asked.header("host").unwrap();
                return text(format!(r#"{{"dl":"http://{host}/dl"}}"#));
            }
            let response = text(drips());
            if with_length {
                with(response, "content-length", "10000")
            } else {
                response
            }
        })
        .await;
        let client = UpstreamClient::new(ClientSettings {
            timeout: Duration::from_millis(100),
            crate_bytes: 10_000,
            ..settings()
        })
        .unwrap();
        let upstream = server.upstream();
        let fetched = tokio::time::timeout(Duration::from_secs(20), fetch(&client, &upstream));
        let failed = fetched.await.unwrap().unwrap_err();
        assert_eq!(failed.kind(), FailureKind::Timeout, "{failed}");
    }
}
