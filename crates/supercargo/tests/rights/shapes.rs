//! What all of the management API shares: the envelope of errors, addresses, methods, and what the JSON may be.

use http::Method;
use serde_json::json;
use supercargo_testkit::Server;

use crate::{assert_error, on_both_databases};

on_both_databases!(
    an_address_that_is_none_has_the_envelope_too,
    a_method_that_an_address_does_not_take_is_named_as_such,
    an_unknown_field_is_refused_by_its_name,
    an_unknown_parameter_is_refused_by_its_name,
    nobody_without_a_token_learns_what_is_wrong_with_a_request,
    what_is_no_json_is_refused,
);

async fn an_address_that_is_none_has_the_envelope_too(server: &Server) {
    for client in [server.admin(), server.anonymous()] {
        for path in [
            "/api/v1/nothing",
            "/api/v1/registries/main/nothing",
            "/api/v1/tokens/a/b",
            "/api/v1/",
        ] {
            assert_error(&client.get(path).await, 404, "no-such-route");
        }
    }
    // what is no text is nobody's name
    let admin = server.admin();
    for path in [
        "/api/v1/registries/%FF",
        "/api/v1/upstreams/%FF",
        "/api/v1/registries/main/claims/%C3%28",
    ] {
        let answer = admin.delete(path).await;
        assert!([404, 422].contains(&answer.status.as_u16()), "{answer}");
        assert!(answer.code().is_some(), "{answer}");
    }
    for path in [
        "/api/v1/tokens/%00",
        "/api/v1/tokens/%FF",
        "/api/v1/tokens/'",
    ] {
        let answer = admin.delete(path).await;
        assert!([404, 422].contains(&answer.status.as_u16()), "{answer}");
        assert!(answer.code().is_some(), "{answer}");
    }
}

async fn a_method_that_an_address_does_not_take_is_named_as_such(server: &Server) {
    let admin = server.admin();
    for (method, path, allowed) in [
        (Method::PUT, "/api/v1/registries", "GET"),
        (Method::DELETE, "/api/v1/registries", "POST"),
        (Method::POST, "/api/v1/registries/main", "PATCH"),
        (Method::GET, "/api/v1/registries/main/restore", "POST"),
        (Method::PUT, "/api/v1/tokens/x", "DELETE"),
        (Method::TRACE, "/api/v1/me", "GET"),
        (Method::POST, "/main/api/v1/crates/new", "PUT"),
        (Method::PUT, "/main/api/v1/crates/demo/1.0.0/yank", "DELETE"),
        (Method::POST, "/main/api/v1/crates/demo/owners", "PUT"),
        (Method::DELETE, "/main/api/v1/crates", "GET"),
        (Method::PUT, "/main/index/config.json", "GET"),
        (
            Method::DELETE,
            "/main/api/v1/crates/demo/1.0.0/download",
            "GET",
        ),
    ] {
        let answer = admin.request(method, path).send().await;
        assert_error(&answer, 405, "wrong-method");
        let header = answer.header("allow").unwrap_or_default();
        assert!(header.contains(allowed), "{answer}");
    }
}

async fn an_unknown_field_is_refused_by_its_name(server: &Server) {
    let admin = server.admin();
    let index = "sparse+http://127.0.0.1:9/";
    for (method, path, body) in [
        (
            Method::POST,
            "registries",
            json!({ "name": "acme", "surprise": 1 }),
        ),
        (Method::PATCH, "registries/main", json!({ "surprise": 1 })),
        (
            Method::POST,
            "registries",
            json!({ "name": "acme", "upstreams": [{ "name": "crates-io", "surprise": 1 }] }),
        ),
        (
            Method::POST,
            "upstreams",
            json!({ "name": "x", "index": index, "surprise": 1 }),
        ),
        (
            Method::PATCH,
            "upstreams/crates-io",
            json!({ "surprise": 1 }),
        ),
        (
            Method::POST,
            "upstreams",
            json!({ "name": "x", "index": index, "auth": { "kind": "none", "surprise": 1 } }),
        ),
        (
            Method::POST,
            "upstreams",
            json!({ "name": "x", "index": index, "auth": { "kind": "token", "secret": "s", "surprise": 1 } }),
        ),
        (
            Method::POST,
            "users",
            json!({ "name": "alice", "surprise": 1 }),
        ),
        (
            Method::POST,
            "service-accounts",
            json!({ "name": "ci", "surprise": 1 }),
        ),
        (
            Method::PUT,
            "registries/main/members/admin",
            json!({ "role": "admin", "surprise": 1 }),
        ),
        (
            Method::POST,
            "registries/main/claims",
            json!({ "pattern": "x", "surprise": 1 }),
        ),
        (
            Method::POST,
            "tokens",
            json!({ "name": "x", "surprise": 1 }),
        ),
    ] {
        let answer = admin
            .request(method, &format!("/api/v1/{path}"))
            .json(&body)
            .send()
            .await;
        assert_error(&answer, 422, "invalid-request");
        assert!(
            answer.detail().unwrap().contains("`surprise`"),
            "{path}: {answer}"
        );
    }
}

async fn an_unknown_parameter_is_refused_by_its_name(server: &Server) {
    let admin = server.admin();
    for (method, path) in [
        (Method::GET, "registries"),
        (Method::GET, "upstreams"),
        (Method::GET, "users"),
        (Method::GET, "service-accounts"),
        (Method::GET, "tokens"),
        (Method::GET, "registries/main/claims"),
        (Method::GET, "registries/main/members"),
        (Method::DELETE, "registries/main"),
        (Method::DELETE, "registries/main/claims/x"),
    ] {
        let answer = admin
            .request(method, &format!("/api/v1/{path}?surprise=1"))
            .send()
            .await;
        assert_error(&answer, 422, "invalid-request");
        assert!(
            answer.detail().unwrap().contains("`surprise`"),
            "{path}: {answer}"
        );
    }
    admin.get("/api/v1/registries/main").await.expect(200);
}

async fn nobody_without_a_token_learns_what_is_wrong_with_a_request(server: &Server) {
    let anonymous = server.anonymous();
    for (method, path) in [
        (Method::POST, "registries"),
        (Method::PATCH, "registries/main"),
        (Method::POST, "upstreams"),
        (Method::PATCH, "upstreams/crates-io"),
        (Method::POST, "users"),
        (Method::POST, "service-accounts"),
        (Method::PUT, "registries/main/members/admin"),
        (Method::POST, "registries/main/claims"),
        (Method::POST, "tokens"),
        (Method::DELETE, "registries/main/claims/a%20b"),
        (Method::POST, "registries/MAIN/restore"),
        (Method::GET, "registries?surprise=1"),
        (Method::GET, "tokens?limit=x"),
    ] {
        let request = anonymous.request(method, &format!("/api/v1/{path}"));
        let answer = request.body("not json").send().await;
        assert_error(&answer, 401, "sign-in");
    }
}

async fn what_is_no_json_is_refused(server: &Server) {
    let admin = server.admin();
    let deep = |depth| format!("{{\"name\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let labels = format!(
        "{{\"name\":\"acme\",\"labels\":{{\"a\":\"{}\"}}}}",
        "x".repeat(1 << 20)
    );
    for body in [
        "",
        "nonsense",
        "{",
        "[\"acme\",\"\",{},null,null,[]]",
        "{\"name\":\"acme\"} trailing",
        "{\"name\":\"acme\",\"name\":\"other\"}",
        "{\"name\":\"\\ud800\"}",
        "\u{feff}{\"name\":\"acme\"}",
        "name=acme",
        &deep(100),
        &deep(200_000),
        &labels,
    ] {
        let answer = admin
            .request(Method::POST, "/api/v1/registries")
            .body(body.to_owned())
            .send()
            .await;
        assert_error(&answer, 422, "invalid-request");
        assert!(
            answer.body.len() < 1000,
            "what was sent is not sent back whole"
        );
    }
    let not_text: Vec<u8> = [&b"{\"name\":\""[..], &[0xff, 0xfe], b"\"}"].concat();
    let answer = admin
        .request(Method::POST, "/api/v1/registries")
        .body(not_text)
        .send()
        .await;
    assert_error(&answer, 422, "invalid-request");
    // a wrong name that is as long as the limit allows is not repeated whole either
    let long = json!({ "name": "a".to_owned() + &"!".repeat(500_000) });
    let answer = admin.post("/api/v1/registries", long).await;
    assert_error(&answer, 422, "invalid-request");
    assert!(answer.body.len() < 1000, "{}", answer.body.len());
}
