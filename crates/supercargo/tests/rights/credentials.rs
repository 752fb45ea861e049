//! I1: how a token is sent, and what a bad one gets even where nobody needs one.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Client, Package, Server, View, eventually};
use supercargo_types::{Clock, Random, TokenSecret};

use crate::{assert_error, on_both_databases};

on_both_databases!(
    a_token_is_taken_raw_as_bearer_and_as_the_password_of_any_user,
    a_token_in_a_query_string_is_no_token,
    a_bad_token_is_refused_even_where_anyone_may_read,
    an_expired_token_is_refused_even_where_anyone_may_read,
    a_revoked_token_is_refused_at_once_on_every_surface,
    two_authorization_headers_are_refused,
    anonymous_and_wrong_tokens_learn_where_to_sign_in,
);

/// Standard base64 (RFC 4648, 4), for `Basic`.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            let shown = digit <= chunk.len();
            encoded.push(if shown {
                char::from(ALPHABET[value])
            } else {
                '='
            });
        }
    }
    encoded
}

/// One answer from each surface: index, download, search, and the management API.
async fn everywhere(client: &Client, registry: &str) -> Vec<Answer> {
    vec![
        client.get(&format!("/{registry}/index/config.json")).await,
        client.index(registry, View::Index, "demo").await,
        client.index(registry, View::Mirror, "demo").await,
        client
            .download(registry, View::Index, "demo", "1.0.0")
            .await,
        client
            .get(&format!("/{registry}/api/v1/crates?q=demo"))
            .await,
        client
            .get(&format!("/{registry}/api/v1/crates/demo/owners"))
            .await,
        client.get(&format!("/api/v1/registries/{registry}")).await,
        client
            .get(&format!("/api/v1/registries/{registry}/claims"))
            .await,
    ]
}

/// A registry with `demo@1.0.0`.
async fn registry_with_demo(server: &Server, name: &str, visibility: &str) -> Client {
    let admin = server.admin();
    admin
        .create_registry(json!({ "name": name, "visibility": visibility }))
        .await;
    admin
        .publish(name, &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    admin
}

async fn a_token_is_taken_raw_as_bearer_and_as_the_password_of_any_user(server: &Server) {
    registry_with_demo(server, "acme", "private").await;
    let token = server.admin_token();
    for good in [
        token.to_owned(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER   {token}"),
        format!("Basic {}", base64(&format!("anyone:{token}"))),
        format!("basic {}", base64(&format!(":{token}"))),
        format!(
            "Basic {}",
            base64(&format!("someone@acme.example:{token}")).replace('=', "")
        ),
    ] {
        let client = server.anonymous().with_token(&good);
        for answer in everywhere(&client, "acme").await {
            // the mirror view has no hosted crate
            let expected = if answer.to_string().starts_with("GET /acme/mirror/") {
                404
            } else {
                200
            };
            assert_eq!(answer.status, expected, "{good}: {answer}");
        }
        client.yank("acme", "demo", "1.0.0", true).await.expect(200);
    }
}

async fn a_token_in_a_query_string_is_no_token(server: &Server) {
    registry_with_demo(server, "acme", "private").await;
    let token = server.admin_token();
    let anonymous = server.anonymous();
    for name in ["token", "access_token", "api_key", "authorization", "key"] {
        for path in [
            "/acme/index/config.json",
            "/acme/index/de/mo/demo",
            "/acme/api/v1/crates",
            "/acme/api/v1/crates/demo/1.0.0/download",
            "/api/v1/me",
            "/api/v1/registries",
            "/api/v1/registries/acme",
            "/api/v1/registries/acme/members",
            "/api/v1/registries/acme/claims",
            "/api/v1/upstreams",
            "/api/v1/users",
            "/api/v1/service-accounts",
            "/api/v1/tokens",
        ] {
            anonymous
                .get(&format!("{path}?{name}={token}"))
                .await
                .expect(401);
        }
        let path = format!("/acme/api/v1/crates/demo/1.0.0/yank?{name}={token}");
        anonymous.delete(&path).await.expect(401);
    }
    // nor as user and password of the URL's own form, which clients turn into `Basic`, with the token as the user
    let as_user = format!("Basic {}", base64(&format!("{token}:")));
    anonymous
        .with_token(&as_user)
        .get("/api/v1/me")
        .await
        .expect(401);
}

async fn a_bad_token_is_refused_even_where_anyone_may_read(server: &Server) {
    registry_with_demo(server, "open", "public").await;
    for answer in everywhere(&server.anonymous(), "open").await {
        assert_ne!(answer.status, 401, "{answer}");
    }
    let stranger = TokenSecret::generate(&Random::System);
    let good = server.admin_token();
    let mut mistyped = good.to_owned();
    let last = if mistyped.pop() == Some('0') {
        '1'
    } else {
        '0'
    };
    mistyped.push(last);
    for bad in [
        stranger.reveal().to_owned(),
        format!("Bearer {}", stranger.reveal()),
        mistyped,
        format!("{good}x"),
        format!("Token {good}"),
        format!("Bearer Bearer {good}"),
        format!("Basic {good}"),
        format!("Basic {}", base64(good)),
        "Basic !!!".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "scg_".to_owned(),
        "x".repeat(4000),
        String::new(),
    ] {
        let client = server.anonymous().with_token(&bad);
        for answer in everywhere(&client, "open").await {
            assert_eq!(answer.status, 401, "`{bad}`: {answer}");
            assert!(
                answer.header("www-authenticate").is_some(),
                "`{bad}`: {answer}"
            );
            assert!(!answer.text().contains(good), "{answer}");
        }
        let publish = client.publish("open", &Package::new("demo", "2.0.0")).await;
        assert_error(&publish, 401, "bad-token");
    }
}

async fn an_expired_token_is_refused_even_where_anyone_may_read(server: &Server) {
    let admin = registry_with_demo(server, "open", "public").await;
    let end = Clock::System.now().plus(std::time::Duration::from_secs(3));
    let token = admin
        .token(json!({ "scopes": ["read", "admin"], "expires_at": end }))
        .await;
    let client = server.anonymous().with_token(&token);
    let me = client.get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["token"]["expires_at"], end.to_string());
    eventually("the end of the token", || async {
        client.get("/api/v1/me").await.status == 401
    })
    .await;
    assert!(
        Clock::System.now() >= end,
        "the token ended before its time"
    );
    for answer in everywhere(&client, "open").await {
        assert_eq!(answer.status, 401, "{answer}");
        assert!(answer.text().contains("has expired"), "{answer}");
    }
}

async fn a_revoked_token_is_refused_at_once_on_every_surface(server: &Server) {
    let admin = registry_with_demo(server, "open", "public").await;
    let made = admin
        .post("/api/v1/tokens", json!({ "name": "laptop" }))
        .await
        .expect(201)
        .json();
    let client = server
        .anonymous()
        .with_token(made["token"].as_str().unwrap());
    for answer in everywhere(&client, "open").await {
        assert_ne!(answer.status, 401, "{answer}");
    }
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    admin.delete(&path).await.expect(204);
    for answer in everywhere(&client, "open").await {
        assert_eq!(answer.status, 401, "{answer}");
    }
    assert_error(&admin.delete(&path).await, 404, "no-such-token");
}

async fn two_authorization_headers_are_refused(server: &Server) {
    registry_with_demo(server, "open", "public").await;
    let token = server.admin_token();
    for path in [
        "/open/index/config.json",
        "/open/api/v1/crates",
        "/api/v1/me",
    ] {
        // a proxy in front could have checked the one, and we the other
        let answer = server
            .anonymous()
            .request(Method::GET, path)
            .header("authorization", token)
            .header("authorization", token)
            .send()
            .await
            .expect(401);
        assert!(
            answer.text().contains("two `Authorization` headers"),
            "{answer}"
        );
    }
}

async fn anonymous_and_wrong_tokens_learn_where_to_sign_in(server: &Server) {
    registry_with_demo(server, "acme.tools", "private").await;
    let expected = format!("Cargo login_url=\"{}/acme.tools/me\"", server.url());
    let stranger = TokenSecret::generate(&Random::System);
    for client in [
        server.anonymous(),
        server.anonymous().with_token(stranger.reveal()),
    ] {
        let answer = client
            .get("/acme.tools/index/config.json")
            .await
            .expect(401);
        assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
        assert!(
            answer.text().contains("cargo login --registry acme-tools"),
            "{answer}"
        );
    }
    // where it sends people says the same for a registry that is not there
    let me = server
        .anonymous()
        .get("/acme.tools/me")
        .await
        .expect(200)
        .text();
    let nothing = server
        .anonymous()
        .get("/nada.tools/me")
        .await
        .expect(200)
        .text();
    assert_eq!(me.replace("acme", "nada").replace("ACME", "NADA"), nothing);
}
