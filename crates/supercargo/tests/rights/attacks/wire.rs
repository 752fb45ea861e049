//! Headers and bodies that are no HTTP, or not quite.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Package, Server, View};

use super::{assert_alive, raw, raw_and_end, status};
use crate::on_both_databases;

on_both_databases!(
    odd_headers_are_refused_or_ignored,
    too_many_and_too_long_headers_are_refused,
    broken_requests_are_answered_or_cut_off,
    broken_publishes_leave_nothing,
);

async fn odd_headers_are_refused_or_ignored(server: &Server) {
    server
        .admin()
        .create_registry(json!({ "name": "open", "visibility": "public" }))
        .await;
    let config = "GET /open/index/config.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let request = |headers: &str| format!("{config}{headers}\r\n").into_bytes();
    // what cannot be a token is a bad token, also where it is no text at all
    for bad in [
        "Authorization: é\r\n",
        "Authorization: \r\n",
        "Authorization:\r\n",
        "authorization: Basic é\r\n",
    ] {
        assert_eq!(status(&raw(server, &request(bad)).await), 401, "{bad}");
    }
    let not_text = [config.as_bytes(), b"Authorization: \xff\xfe\r\n\r\n"].concat();
    assert_eq!(status(&raw(server, &not_text).await), 401);
    // whom a client pretends to be has no weight
    let token = server.admin_token();
    for ignored in [
        "X-Forwarded-User: admin\r\n".to_owned(),
        "X-Original-URL: /api/v1/users\r\nX-Rewrite-URL: /api/v1/users\r\n".to_owned(),
        "X-HTTP-Method-Override: DELETE\r\n".to_owned(),
        format!("Cookie: token={token}; session={token}\r\n"),
        format!("Proxy-Authorization: {token}\r\nX-Api-Key: {token}\r\n"),
        "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n".to_owned(),
        "If-None-Match: \u{1F980}\r\nIf-Modified-Since: \u{1F980}\r\nAccept-Encoding: \u{1F980}\r\nRange: bytes=\u{1F980}\r\n".to_owned(),
        "User-Agent: \u{1F980}\u{1F980}\r\n".to_owned(),
        "Expect: 100-continue\r\n".to_owned(),
    ] {
        let answer = raw(server, &request(&ignored)).await;
        assert!([200, 400].contains(&status(&answer)), "{ignored}: {answer}");
        assert!(!answer.contains("evil.example"), "{answer}");
        let me = format!("GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{ignored}\r\n");
        let answer = raw(server, me.as_bytes()).await;
        assert!([400, 401].contains(&status(&answer)), "{ignored}: {answer}");
    }
    assert_alive(server).await;
}

async fn too_many_and_too_long_headers_are_refused(server: &Server) {
    let request = |headers: &str| {
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
            .into_bytes()
    };
    let many = "X-Many: x\r\n".repeat(200);
    assert_eq!(status(&raw(server, &request(&many)).await), 431);
    let large = format!("X-Large: {}\r\n", "x".repeat(10 << 20));
    let answer = raw(server, &request(&large)).await;
    assert!([0, 431].contains(&status(&answer)), "{answer}");
    // a user agent is cut, not refused: it ends in the audit log
    let agent = "x".repeat(100_000);
    let answer = server
        .admin()
        .request(Method::POST, "/api/v1/users")
        .header("user-agent", &agent)
        .json(&json!({ "name": "alice" }))
        .send()
        .await;
    answer.expect(201);
    assert_alive(server).await;
}

async fn broken_requests_are_answered_or_cut_off(server: &Server) {
    let token = server.admin_token();
    let post = format!(
        "POST /api/v1/registries HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\n"
    );
    let body = "{\"name\":\"smuggled\"}";
    for bytes in [
        "\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
        "GET  /healthz  HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /health z HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /\0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nBad Header: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n folded: x\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned(),
        format!("{post}Content-Length: -1\r\n\r\n{body}"),
        format!("{post}Content-Length: 99999999999999999999999\r\n\r\n{body}"),
        format!("{post}Content-Length: 5\r\nContent-Length: 19\r\n\r\n{body}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{body}\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{body}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n-5\r\n{body}\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: nonsense\r\n\r\n{body}"),
        format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n{body}"),
        format!(
            "{post}Transfer-Encoding: chunked\r\n\r\n5;{}\r\n{body}\r\n",
            "x".repeat(100_000)
        ),
    ] {
        let answer = raw_and_end(server, bytes.as_bytes()).await;
        assert!(status(&answer) < 500, "{:?}: {answer}", bytes.get(..200));
        assert_ne!(status(&answer), 201, "{bytes}: {answer}");
    }
    // two lengths that disagree: a proxy in front could see another request behind the first
    let both = format!(
        "{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    );
    let answer = raw(server, both.as_bytes()).await;
    assert!(
        !answer.contains("ok\n"),
        "a second request was smuggled: {answer}"
    );
    // cut off in the middle
    for cut in [
        "POST /api/v1/regis",
        &format!("{post}Content-Length: 19\r\n\r\n{{\"name\""),
        &format!("{post}Content-Le"),
    ] {
        let answer = raw_and_end(server, cut.as_bytes()).await;
        assert!(
            status(&answer) < 500 && status(&answer) != 201,
            "{cut}: {answer}"
        );
    }
    let list = server.admin().get("/api/v1/registries").await.expect(200);
    assert_eq!(list.json()["total"], 1, "{list}");
    assert_alive(server).await;
}

async fn broken_publishes_leave_nothing(server: &Server) {
    let admin = server.admin();
    let token = server.admin_token();
    let frame = Package::new("demo", "1.0.0").frame();
    let put = |headers: &str| {
        format!(
            "PUT /main/api/v1/crates/new HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\n{headers}\r\n"
        )
    };
    for (head, body) in [
        // shorter and longer than it says, and chunks that break off
        (
            put(&format!("Content-Length: {}\r\n", frame.len() + 100)),
            frame.clone(),
        ),
        (put("Content-Length: 10\r\n"), frame.clone()),
        (
            put("Transfer-Encoding: chunked\r\n"),
            [b"10\r\n", &frame[..16], b"\r\nnonsense"].concat(),
        ),
        (
            put("Transfer-Encoding: chunked\r\n"),
            [b"FFFFFF\r\n", &frame[..]].concat(),
        ),
        (put("Content-Length: 0\r\n"), Vec::new()),
        (put(""), Vec::new()),
        (put("Content-Length: 8\r\n"), vec![0xff; 8]),
        (put("Content-Length: 8\r\n"), vec![0; 8]),
    ] {
        let answer = raw_and_end(server, &[head.as_bytes(), &body].concat()).await;
        assert!([0, 400, 413].contains(&status(&answer)), "{head}: {answer}");
    }
    // without the right, the body is not even read
    let huge =
        "PUT /main/api/v1/crates/new HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    let answer = raw_and_end(server, huge.as_bytes()).await;
    assert_eq!(status(&answer), 401, "{answer}");
    assert_eq!(
        admin.listed("main", View::Hosted, "demo").await,
        Vec::<String>::new()
    );
    assert_alive(server).await;
}
