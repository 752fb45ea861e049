//! What answers give away, and what methods that nobody expects get.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Package, Server};

use super::{assert_alive, raw, status};
use crate::on_both_databases;

on_both_databases!(
    answers_say_nothing_of_what_made_them,
    methods_that_nobody_expects,
);

async fn answers_say_nothing_of_what_made_them(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let allowed = [
        "accept-ranges",
        "allow",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "last-modified",
        "retry-after",
        "vary",
        "www-authenticate",
        "x-content-type-options",
        // of pages
        "content-security-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "location",
        "referrer-policy",
        "x-frame-options",
    ];
    for client in [server.anonymous(), admin] {
        for path in [
            "/",
            "/healthz",
            "/readyz",
            "/nothing",
            "/acme/index/config.json",
            "/acme/index/de/mo/demo",
            "/acme/api/v1/crates?q=demo",
            "/acme/api/v1/crates/demo/1.0.0/download",
            "/acme/me",
            "/acme/api/v1/nothing",
            "/api/v1/me",
            "/api/v1/nothing",
            "/api/v1/registries/acme",
        ] {
            for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
                if method == Method::DELETE && path == "/api/v1/registries/acme" {
                    continue;
                }
                let answer = client
                    .request(method, path)
                    .header("origin", "http://evil.example")
                    .send()
                    .await;
                let odd = answer
                    .headers
                    .keys()
                    .find(|name| !allowed.contains(&name.as_str()));
                assert_eq!(odd, None, "{answer}");
                let text = answer.to_string().to_lowercase();
                for word in [
                    "axum",
                    "hyper",
                    "sqlx",
                    "sqlite",
                    "postgres",
                    "/tmp/",
                    "evil.example",
                    "panicked",
                ] {
                    assert!(!text.contains(word), "`{word}` in {answer}");
                }
            }
        }
    }
    // what a token reads is in no shared cache
    for path in [
        "/acme/index/config.json",
        "/acme/index/de/mo/demo",
        "/acme/api/v1/crates/demo/1.0.0/download",
        "/api/v1/me",
    ] {
        let answer = server.admin().get(path).await.expect(200);
        let cache = answer.header("cache-control").unwrap_or_default();
        assert!(
            cache.contains("private") || cache.contains("no-store"),
            "{answer}"
        );
        assert!(!cache.contains("public"), "{answer}");
    }
}

async fn methods_that_nobody_expects(server: &Server) {
    let admin = server.admin();
    admin
        .create_registry(json!({ "name": "open", "visibility": "public" }))
        .await;
    admin
        .publish("open", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let paths = [
        "/",
        "/healthz",
        "/open/index/config.json",
        "/open/index/de/mo/demo",
        "/open/me",
        "/open/api/v1/crates/demo/1.0.0/download",
        "/open/api/v1/crates",
        "/api/v1/registries",
    ];
    for path in paths {
        let get = admin.get(path).await.expect(200);
        let head = admin.request(Method::HEAD, path).send().await.expect(200);
        assert!(head.body.is_empty(), "{head}");
        assert_eq!(
            head.header("content-length"),
            get.header("content-length"),
            "{path}"
        );
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
        for method in [
            "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW", "get", "PATCH",
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let answer = raw(server, request.as_bytes()).await;
            let status = status(&answer);
            assert!((400..500).contains(&status), "{method} {path}: {answer}");
            assert!(!answer.contains("access-control-allow"), "{answer}");
        }
    }
    admin.get("/open/index/de/mo/demo").await.expect(200);
    assert_alive(server).await;
}
