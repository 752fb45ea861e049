//! Row P5: an index file that a client has is not sent again.

use std::io::Read as _;

use supercargo_testkit::{Answer, Client, Database, Package, View, on_both};

use crate::world::{cargo, server, write_program};

on_both!(
    an_unchanged_file_is_answered_with_304,
    a_changed_file_has_another_etag_and_a_later_date,
    a_file_is_compressed_only_for_those_who_ask,
    a_second_update_of_cargo_is_answered_with_304_for_every_file,
);

const FILE: &str = "/acme/index/ac/me/acme-core";

async fn file_with(client: &Client, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(http::Method::GET, FILE);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await
}

/// Row P5: by the `ETag`, which wins, or by the date.
async fn an_unchanged_file_is_answered_with_304(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let core = Package::new("acme-core", "1.0.0");
    admin.publish("acme", &core).await.expect(200);
    let first = admin.get(FILE).await.expect(200);
    let etag = first.header("etag").unwrap();
    let date = first.header("last-modified").unwrap();
    assert!(date.ends_with(" GMT"), "{date}");
    let weak = format!("W/{etag}");
    let several = format!("\"other\", {etag}");
    for headers in [
        [("if-none-match", etag)].as_slice(),
        &[("if-none-match", &weak)],
        &[("if-none-match", &several)],
        &[("if-modified-since", date)],
        // as gzip, it is the same file
        &[("if-none-match", etag), ("accept-encoding", "gzip")],
        &[
            ("if-none-match", etag),
            ("if-modified-since", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ],
    ] {
        let answer = file_with(&admin, headers).await.expect(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), Some(etag));
    }
    for headers in [
        [("if-none-match", "\"other\"")].as_slice(),
        &[("if-modified-since", "Sat, 01 Jan 2000 00:00:00 GMT")],
        &[("if-none-match", "\"other\""), ("if-modified-since", date)],
    ] {
        let answer = file_with(&admin, headers).await.expect(200);
        assert_eq!(answer.body, first.body);
    }
    // a token is looked at before a copy is called good
    file_with(&server.anonymous(), &[("if-none-match", etag)])
        .await
        .expect(401);
}

/// Row P5: also within the second in which dates cannot tell.
async fn a_changed_file_has_another_etag_and_a_later_date(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let mut known: Vec<(String, String)> = Vec::new();
    let mut look = async || {
        let answer = admin.get(FILE).await.expect(200);
        assert!(answer.text().ends_with("}\n"), "{answer}");
        let validators =
            ["etag", "last-modified"].map(|name| answer.header(name).unwrap().to_owned());
        for (etag, date) in &known {
            assert_ne!(*etag, validators[0]);
            assert_ne!(*date, validators[1]);
            file_with(&admin, &[("if-none-match", etag)])
                .await
                .expect(200);
            file_with(&admin, &[("if-modified-since", date)])
                .await
                .expect(200);
        }
        known.push(validators.into());
    };
    for version in ["1.0.0", "1.1.0", "0.9.0"] {
        let package = Package::new("acme-core", version);
        admin.publish("acme", &package).await.expect(200);
        look().await;
    }
    admin
        .yank("acme", "acme-core", "1.0.0", true)
        .await
        .expect(200);
    look().await;
    let listed = admin.listed("acme", View::Index, "acme-core").await;
    assert_eq!(listed, ["1.0.0", "1.1.0", "0.9.0"]);
}

/// Row P5.
async fn a_file_is_compressed_only_for_those_who_ask(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for minor in 0..20 {
        let package = Package::new("acme-core", &format!("1.{minor}.0"));
        admin.publish("acme", &package).await.expect(200);
    }
    let plain = admin.get(FILE).await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let lines = plain.json_lines().len();
    assert_eq!(plain.text().matches('\n').count(), lines);
    assert_eq!(lines, 20);
    // as cargo writes it
    let packed = file_with(&admin, &[("accept-encoding", "deflate, gzip")])
        .await
        .expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 4);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body)
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
    for refusal in ["identity", "br", "gzip;q=0"] {
        let answer = file_with(&admin, &[("accept-encoding", refusal)])
            .await
            .expect(200);
        assert_eq!(answer.header("content-encoding"), None, "{refusal}");
    }
    // a crate file never: cargo would find another checksum
    let download = admin
        .request(
            http::Method::GET,
            "/acme/api/v1/crates/acme-core/1.0.0/download",
        )
        .header("accept-encoding", "deflate, gzip");
    assert_eq!(
        download.send().await.expect(200).header("content-encoding"),
        None
    );
}

/// Row P5, as cargo itself tells it when it is asked to.
async fn a_second_update_of_cargo_is_answered_with_304_for_every_file(database: Database) {
    let server = server(database).await;
    let index = server.index_url("acme", View::Index);
    let names = ["acme-a", "acme-b", "acme-c"];
    for (at, name) in names.iter().enumerate() {
        let mut package = Package::new(name, "1.0.0");
        if let Some(next) = names.get(at + 1) {
            let dependency = supercargo_testkit::Dependency::new(next, "1").same_registry(&index);
            package = package.depends_on(dependency);
        }
        server.admin().publish("acme", &package).await.expect(200);
    }
    let cargo = cargo(&server, &["acme"])
        .env("CARGO_HTTP_DEBUG", "true")
        .env("CARGO_LOG", "network=debug");
    let app = cargo.folder("app");
    write_program(
        &app,
        "acme-a = { version = \"1\", registry = \"acme\" }",
        "",
    );
    let mut answers = Vec::new();
    for _ in 0..2 {
        let log = cargo.run(&app, &["update"]).await.success().stderr;
        let count = |status: &str| log.matches(&format!("< HTTP/1.1 {status} ")).count();
        answers.push([200, 304, 401].map(|status| count(&status.to_string())));
    }
    // `config.json` is never asked for conditionally; its 401 comes once, before cargo knows that a token is needed
    assert_eq!(answers, [[4, 0, 1], [1, 3, 0]]);
}
