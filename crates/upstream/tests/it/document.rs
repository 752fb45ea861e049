//! Small documents of those who are no registries.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode},
};
use supercargo_upstream::{ClientSettings, DocumentRequest, FailureReason, UpstreamClient};

use crate::Server;

fn request(url: &url::Url) -> DocumentRequest<'_> {
    DocumentRequest {
        url,
        form: None,
        authorization: None,
        limit: 64,
        patience: Duration::from_secs(20),
    }
}

fn address(server: &Server, path: &str) -> url::Url {
    format!("{}{path}", server.base).parse().unwrap()
}

fn documents(allow: &[&str]) -> UpstreamClient {
    let settings = ClientSettings {
        allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
        ..ClientSettings::default()
    };
    UpstreamClient::new(settings).unwrap()
}

#[tokio::test]
async fn a_document_comes_as_it_is_with_its_status() {
    let server = Server::start(|_| {
        let response = Response::builder().status(StatusCode::BAD_REQUEST);
        let response = response.header("content-type", "application/json");
        response.body(Body::from("{}")).unwrap()
    })
    .await;
    let url = address(&server, "/token?x=y");
    let form = [("code", "a b&c")];
    let asked = DocumentRequest {
        form: Some(&form),
        authorization: Some(HeaderValue::from_static("Basic x")),
        ..request(&url)
    };
    let document = documents(&["127.0.0.1"]).document(asked).await.unwrap();
    assert_eq!(document.status, StatusCode::BAD_REQUEST);
    assert_eq!(document.content_type, "application/json");
    assert_eq!(document.bytes, "{}");
    let log = server.log.lock().unwrap();
    assert_eq!(log[0].header("authorization"), Some("Basic x"));
    assert_eq!(
        log[0].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(log[0].header("content-length"), Some("12"));
}

/// Whoever may name an issuer could otherwise make this server ask its own network.
#[tokio::test]
async fn a_document_at_a_private_address_is_not_asked_for() {
    let server = Server::start(|_| Response::new(Body::empty())).await;
    let url = address(&server, "/");
    let failed = documents(&[]).document(request(&url)).await.unwrap_err();
    assert!(matches!(failed, FailureReason::Private(_)), "{failed:?}");
    let by_name = url
        .as_str()
        .replace("127.0.0.1", "localhost")
        .parse()
        .unwrap();
    let failed = documents(&[])
        .document(request(&by_name))
        .await
        .unwrap_err();
    assert!(matches!(failed, FailureReason::Private(_)), "{failed:?}");
    assert_eq!(server.log.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_redirect_of_a_document_is_not_followed() {
    let server = Server::start(|_| {
        let response = Response::builder().status(StatusCode::FOUND);
        let response = response.header("location", "/elsewhere");
        response.body(Body::from("{}")).unwrap()
    })
    .await;
    let url = address(&server, "/");
    let document = documents(&["127.0.0.1"])
        .document(request(&url))
        .await
        .unwrap();
    assert_eq!(document.status, StatusCode::FOUND);
    assert!(document.bytes.is_empty());
    assert_eq!(server.log.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_document_over_its_limit_is_refused() {
    for (size, is_sound) in [(64, true), (65, false)] {
        let server = Server::start(move |_| Response::new(Body::from("x".repeat(size)))).await;
        let url = address(&server, "/keys?secret");
        let answer = documents(&["127.0.0.1"]).document(request(&url)).await;
        let expected = FailureReason::TooLarge {
            asked: Some("/keys".to_owned()),
            limit: 64,
        };
        assert_eq!(answer.is_ok(), is_sound, "{answer:?}");
        assert!(is_sound || answer == Err(expected));
    }
}
