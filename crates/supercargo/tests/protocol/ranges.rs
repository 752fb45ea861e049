//! Row P12: HEAD and Range on downloads, and what caches are told.

use std::{fs, process::Command, time::Duration};

use http::Method;
use serde_json::json;
use supercargo_testkit::{
    Answer, Client, Database, FakeUpstream, Fault, Package, Server, View, on_both,
};
use supercargo_types::Digest;

use crate::world::{cargo, server, stranger, write_program};

on_both!(
    a_part_of_a_file_is_exactly_the_bytes_that_were_asked_for,
    what_is_no_single_range_is_answered_with_the_whole_file,
    a_range_is_given_only_of_the_file_that_the_client_knows,
    head_gives_the_headers_of_get_and_no_body,
    caches_are_told_the_same_in_every_kind_of_answer,
    a_download_that_broke_off_is_resumed,
    curl_resumes_a_download,
    a_part_of_what_is_not_here_yet_is_given_when_it_is_stored,
    a_part_of_a_wrong_file_is_never_given,
    a_range_opens_nothing_that_is_closed,
    cargo_asks_for_whole_files_and_gets_200,
);

const DOWNLOAD: &str = "/acme/api/v1/crates/acme-core/1.0.0/download";

/// One that the server keeps in memory, and one that it reads from its file in pieces.
fn packages() -> [Package; 2] {
    [20_000, 3 << 20].map(|size| Package::new("acme-core", "1.0.0").ballast(size))
}

/// A server that hosts this package, with the administrator.
async fn hosting(database: &Database, package: &Package) -> (Server, Client) {
    let server = server(database.clone()).await;
    let admin = server.admin();
    admin.publish("acme", package).await.expect(200);
    (server, admin)
}

async fn send(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await
}

async fn ranged(client: &Client, range: &str) -> Answer {
    send(client, Method::GET, DOWNLOAD, &[("range", range)]).await
}

/// All that an answer says about the file, without what differs by accident.
fn headers(answer: &Answer) -> Vec<String> {
    let mut lines: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

#[track_caller]
fn is_whole(answer: Answer, package: &Package) {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-range"), None, "{answer}");
    assert_eq!(Digest::of(&answer.body), package.checksum());
}

/// Row P12.
async fn a_part_of_a_file_is_exactly_the_bytes_that_were_asked_for(database: Database) {
    for package in packages() {
        let (_server, admin) = hosting(&database, &package).await;
        let bytes = package.crate_bytes();
        let size = bytes.len();
        let middle = size / 2;
        for (range, part) in [
            ("bytes=0-0".to_owned(), 0..1),
            ("bytes=0-".to_owned(), 0..size),
            (format!("bytes=0-{}", size - 1), 0..size),
            (format!("bytes={middle}-"), middle..size),
            (format!("bytes=10-{middle}"), 10..middle + 1),
            (format!("bytes={}-{size}", size - 1), size - 1..size),
            ("bytes=5-99999999999999999999999".to_owned(), 5..size),
            ("bytes=-1".to_owned(), size - 1..size),
            ("bytes=-1000".to_owned(), size - 1000..size),
            (format!("bytes=-{}", size + 1), 0..size),
        ] {
            let answer = ranged(&admin, &range).await.expect(206);
            assert!(answer.body == bytes[part.clone()], "{range}");
            let content_range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            assert_eq!(answer.header("content-range"), Some(&*content_range));
            let length = part.len().to_string();
            assert_eq!(answer.header("content-length"), Some(&*length), "{range}");
        }
        for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
            let answer = ranged(&admin, &range).await.expect(416);
            let content_range = format!("bytes */{size}");
            assert_eq!(answer.header("content-range"), Some(&*content_range));
            let said =
                format!("this file has {size} bytes, and none of those that were asked for\n");
            assert_eq!(answer.text(), said);
        }
    }
}

/// Row P12; RFC 9110, 14.2 allows it, and nobody is left without the bytes.
async fn what_is_no_single_range_is_answered_with_the_whole_file(database: Database) {
    let [package, _] = packages();
    let (_server, admin) = hosting(&database, &package).await;
    for range in [
        "bytes=0-1,5-6",
        "bytes=0-,0-,0-,0-,0-,0-,0-,0-",
        "bytes=9-1",
        "bytes=-",
        "bytes=a-b",
        "lines=0-1",
        "0-1",
        "",
    ] {
        is_whole(ranged(&admin, range).await, &package);
    }
    let twice = [("range", "bytes=0-1"), ("range", "bytes=2-3")];
    is_whole(send(&admin, Method::GET, DOWNLOAD, &twice).await, &package);
}

/// Row P12; RFC 9110, 13.1.5.
async fn a_range_is_given_only_of_the_file_that_the_client_knows(database: Database) {
    let [package, _] = packages();
    let (_server, admin) = hosting(&database, &package).await;
    let etag = format!("\"{}\"", package.checksum());
    let only_if = async |condition: &str| {
        let headers = [("range", "bytes=10-19"), ("if-range", condition)];
        send(&admin, Method::GET, DOWNLOAD, &headers).await
    };
    let part = only_if(&etag).await.expect(206);
    assert_eq!(part.body, package.crate_bytes()[10..20]);
    for other in [
        "\"another\"",
        &format!("W/{etag}"),
        &format!("{etag}, \"another\""),
        "*",
        "Fri, 01 Jan 2100 00:00:00 GMT",
    ] {
        is_whole(only_if(other).await, &package);
    }
    // beside a range that nothing has, too
    let headers = [("range", "bytes=99999999-"), ("if-range", "\"another\"")];
    is_whole(
        send(&admin, Method::GET, DOWNLOAD, &headers).await,
        &package,
    );
    // who has all of it needs no part of it
    let headers = [("range", "bytes=10-19"), ("if-none-match", etag.as_str())];
    let unchanged = send(&admin, Method::GET, DOWNLOAD, &headers).await;
    assert_eq!(unchanged.expect(304).header("etag"), Some(&*etag));
    // without a range it says nothing
    let headers = [("if-range", "\"another\"")];
    is_whole(
        send(&admin, Method::GET, DOWNLOAD, &headers).await,
        &package,
    );
}

/// Row P12: downloads, index files and `config.json`.
async fn head_gives_the_headers_of_get_and_no_body(database: Database) {
    for package in packages() {
        let (_server, admin) = hosting(&database, &package).await;
        let etag = format!("\"{}\"", package.checksum());
        let index = admin.get("/acme/index/ac/me/acme-core").await.expect(200);
        let index_etag = index.header("etag").unwrap();
        for (path, headers_sent, status) in [
            (DOWNLOAD, &[][..], 200),
            (DOWNLOAD, &[("if-none-match", &*etag)], 304),
            ("/acme/api/v1/crates/acme-core/9.9.9/download", &[], 404),
            ("/acme/index/ac/me/acme-core", &[], 200),
            (
                "/acme/index/ac/me/acme-core",
                &[("accept-encoding", "gzip")],
                200,
            ),
            (
                "/acme/index/ac/me/acme-core",
                &[("if-none-match", index_etag)],
                304,
            ),
            ("/acme/index/ac/me/acme-none", &[], 404),
            ("/acme/index/config.json", &[], 200),
        ] {
            let get = send(&admin, Method::GET, path, headers_sent).await;
            let head = send(&admin, Method::HEAD, path, headers_sent).await;
            assert_eq!(
                headers(&head.clone().expect(status)),
                headers(&get),
                "{path}"
            );
            assert!(head.body.is_empty(), "{path}");
            if status == 200 {
                let length = get.body.len().to_string();
                assert_eq!(head.header("content-length"), Some(&*length), "{path}");
            }
        }
        // a range means nothing beside HEAD (RFC 9110, 14.2)
        for range in ["bytes=0-1", "bytes=99999999-"] {
            let head = send(&admin, Method::HEAD, DOWNLOAD, &[("range", range)]).await;
            let length = package.crate_bytes().len().to_string();
            assert_eq!(head.expect(200).header("content-length"), Some(&*length));
        }
    }
}

/// Row P12: a recalled version must not live on in somebody's cache.
async fn caches_are_told_the_same_in_every_kind_of_answer(database: Database) {
    let [package, _] = packages();
    let (_server, admin) = hosting(&database, &package).await;
    let etag = format!("\"{}\"", package.checksum());
    for (visibility, cache) in [
        ("private", "private, no-store"),
        ("internal", "private, no-store"),
        ("public", "public, max-age=300"),
    ] {
        let settings = json!({ "visibility": visibility });
        let path = "/api/v1/registries/acme";
        admin.patch(path, settings).await.expect(200);
        for (method, headers, status) in [
            (Method::GET, &[][..], 200),
            (Method::HEAD, &[], 200),
            (Method::GET, &[("range", "bytes=0-1")], 206),
            (Method::GET, &[("if-none-match", &*etag)], 304),
            (Method::HEAD, &[("if-none-match", &*etag)], 304),
        ] {
            let answer = send(&admin, method, DOWNLOAD, headers).await.expect(status);
            assert_eq!(answer.header("cache-control"), Some(cache), "{answer}");
            assert_eq!(answer.header("etag"), Some(&*etag), "{answer}");
            let is_whole_or_part = status != 304;
            for (name, value) in [
                ("accept-ranges", "bytes"),
                ("content-type", "application/gzip"),
                ("x-content-type-options", "nosniff"),
            ] {
                let expected = is_whole_or_part.then_some(value);
                assert_eq!(answer.header(name), expected, "{answer}");
            }
            assert_eq!(answer.header("content-encoding"), None, "{answer}");
        }
        let nothing = ranged(&admin, "bytes=99999999-").await.expect(416);
        assert_eq!(nothing.header("cache-control"), Some("no-store"));
        assert_eq!(nothing.header("accept-ranges"), Some("bytes"));
    }
}

/// Row P12.
async fn a_download_that_broke_off_is_resumed(database: Database) {
    for package in packages() {
        let (_server, admin) = hosting(&database, &package).await;
        let half = package.crate_bytes().len() / 2;
        let first = ranged(&admin, &format!("bytes=0-{}", half - 1)).await;
        let first = first.expect(206);
        let etag = first.header("etag").unwrap();
        let rest = format!("bytes={half}-");
        let headers = [("range", rest.as_str()), ("if-range", etag)];
        let second = send(&admin, Method::GET, DOWNLOAD, &headers).await;
        let both = [&*first.body, &*second.expect(206).body].concat();
        assert_eq!(Digest::of(&both), package.checksum());
    }
}

/// Row P12, with the program that people resume downloads with.
async fn curl_resumes_a_download(database: Database) {
    for package in packages() {
        let (server, _admin) = hosting(&database, &package).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme-core.crate");
        let bytes = package.crate_bytes();
        for have in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&file, &bytes[..have]).unwrap();
            let authorization = format!("authorization: {}", server.admin_token());
            let url = format!("{}{DOWNLOAD}", server.url());
            let curl = Command::new("curl")
                .args([
                    "--disable",
                    "--noproxy",
                    "*",
                    "--fail",
                    "--silent",
                    "--show-error",
                ])
                .args(["--max-time", "60", "--continue-at", "-"])
                .args(["--write-out", "%{http_code} %{size_download}"])
                .args(["--header", &authorization, "--output"])
                .args([file.as_os_str(), url.as_ref()])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&curl.stdout);
            assert!(curl.status.success(), "{curl:?}");
            let status = if have == 0 { 200 } else { 206 };
            assert_eq!(said, format!("{status} {}", bytes.len() - have));
            assert_eq!(Digest::of(&fs::read(&file).unwrap()), package.checksum());
        }
    }
}

/// A registry `acme` that reads through this upstream.
async fn reading_through(database: &Database, upstream: &FakeUpstream) -> Server {
    let server = Server::start(crate::world::options(database.clone())).await;
    let admin = server.admin();
    let partner = json!({ "name": "partner", "index": upstream.index_url() });
    admin.create_upstream(partner).await;
    let acme = json!({ "name": "acme", "upstreams": ["partner"] });
    admin.create_registry(acme).await;
    server
}

/// Row P12, with what comes from an upstream: cold, while it is on its way, and from the store.
async fn a_part_of_what_is_not_here_yet_is_given_when_it_is_stored(database: Database) {
    let [_, package] = packages();
    let bytes = package.crate_bytes();
    for first in ["range", "head", "get"] {
        let upstream = FakeUpstream::start();
        upstream.publish(&package);
        let server = reading_through(&database, &upstream).await;
        let admin = server.admin();
        let slowly = Fault::SlowDrip(1 << 20, Duration::from_millis(50));
        upstream.fault("/dl/", slowly);
        let range = async || {
            let answer = ranged(&admin, "bytes=-1000").await.expect(206);
            assert!(answer.body == bytes[bytes.len() - 1000..]);
        };
        let head = async || {
            let answer = send(&admin, Method::HEAD, DOWNLOAD, &[]).await.expect(200);
            let length = bytes.len().to_string();
            assert_eq!(answer.header("content-length"), Some(&*length));
        };
        let get = async || is_whole(admin.get(DOWNLOAD).await, &package);
        match first {
            "range" => range().await,
            "head" => head().await,
            _ => get().await,
        }
        tokio::join!(range(), head(), get(), range());
        assert_eq!(upstream.requests_to("/dl/").len(), 1, "{first}");
    }
    let upstream = FakeUpstream::start();
    upstream.publish(&package);
    let server = reading_through(&database, &upstream).await;
    let admin = server.admin();
    let parts = ["bytes=0-9", "bytes=10-99999", "bytes=100000-"];
    let [a, b, c] = parts.map(|range| ranged(&admin, range));
    let (a, b, c) = tokio::join!(a, b, c);
    let all = [a, b, c].map(|part| part.expect(206).body);
    assert_eq!(Digest::of(&all.concat()), package.checksum());
    assert_eq!(upstream.requests_to("/dl/").len(), 1);
}

/// Row P12: where a whole file breaks off before its end, a part is refused, wherever in the file it is.
async fn a_part_of_a_wrong_file_is_never_given(database: Database) {
    let [_, package] = packages();
    let upstream = FakeUpstream::start();
    upstream.publish(&package);
    let server = reading_through(&database, &upstream).await;
    let admin = server.admin();
    upstream.fault("/dl/", Fault::Corrupted);
    for range in ["bytes=0-0", "bytes=100-200", "bytes=-1"] {
        let refused = ranged(&admin, range).await.expect(502);
        assert!(refused.text().contains("other bytes"), "{refused}");
    }
    send(&admin, Method::HEAD, DOWNLOAD, &[]).await.expect(502);
    upstream.heal();
    let part = ranged(&admin, "bytes=-1").await.expect(206);
    assert_eq!(
        part.body,
        package.crate_bytes()[package.crate_bytes().len() - 1..]
    );
    // what was stored once needs no upstream
    drop(upstream);
    ranged(&admin, "bytes=0-9").await.expect(206);
}

/// Row P12: neither HEAD nor Range is a way around a right.
async fn a_range_opens_nothing_that_is_closed(database: Database) {
    let [package, _] = packages();
    let (server, admin) = hosting(&database, &package).await;
    let (stranger, _) = stranger(&server).await;
    for (client, status) in [(server.anonymous(), 401), (stranger, 403)] {
        for (method, headers) in [
            (Method::GET, &[("range", "bytes=0-0")][..]),
            (Method::GET, &[("range", "bytes=99999999-")]),
            (Method::HEAD, &[]),
            (Method::HEAD, &[("range", "bytes=0-0")]),
        ] {
            let answer = send(&client, method, DOWNLOAD, headers).await;
            let answer = answer.expect(status);
            assert_eq!(answer.header("content-range"), None, "{answer}");
            assert_eq!(answer.header("etag"), None, "{answer}");
        }
    }
    let missing = "/acme/api/v1/crates/acme-core/9.9.9/download";
    let range = [("range", "bytes=0-0")];
    send(&admin, Method::GET, missing, &range).await.expect(404);
}

/// Row P12: cargo asks for no range, demands exactly 200, and checks the checksum.
async fn cargo_asks_for_whole_files_and_gets_200(database: Database) {
    let [_, package] = packages();
    let (server, _admin) = hosting(&database, &package).await;
    let cargo = cargo(&server, &["acme"]).env("CARGO_HTTP_DEBUG", "true");
    let cargo = cargo.env("CARGO_LOG", "network=debug");
    let app = cargo.folder("app");
    let dependency = "acme-core = { version = \"1\", registry = \"acme\" }";
    write_program(&app, dependency, "");
    let log = cargo.run(&app, &["fetch"]).await.success().stderr;
    assert!(log.contains("< accept-ranges: bytes"), "{log}");
    assert!(
        !log.contains("> range:") && !log.contains("> Range:"),
        "{log}"
    );
    assert!(!log.contains("< HTTP/1.1 206"), "{log}");
    let listed = server
        .admin()
        .listed("acme", View::Index, "acme-core")
        .await;
    assert_eq!(listed, ["1.0.0"]);
}
