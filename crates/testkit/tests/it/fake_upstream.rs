//! The fake upstream as cargo and a client see it when nothing is wrong.

use std::time::Duration;

use supercargo_testkit::{Cargo, Client, FakeUpstream, Package, Validators};

fn consumer() -> Package {
    Package::new("consumer", "0.1.0").dependency("demo", "1")
}

#[tokio::test]
async fn unchanged_files_are_304_and_changed_ones_are_not() {
    let upstream = FakeUpstream::start();
    upstream.publish(&Package::new("demo", "1.0.0"));
    let client = Client::new(&upstream.url());
    let path = "/index/de/mo/demo";
    let first = client.get(path).await.expect(200);
    let again = |name: &'static str, value: Option<&str>| {
        let request = client.request(http::Method::GET, path);
        request.header(name, value.unwrap_or("none")).send()
    };
    let (etag, modified) = (first.header("etag"), first.header("last-modified"));
    assert!(
        again("if-none-match", etag)
            .await
            .expect(304)
            .body
            .is_empty()
    );
    assert!(
        again("if-modified-since", modified)
            .await
            .expect(304)
            .body
            .is_empty()
    );

    upstream.validators(Validators::None);
    let bare = again("if-none-match", etag).await.expect(200);
    assert_eq!(
        (bare.header("etag"), bare.header("last-modified")),
        (None, None)
    );
    upstream.validators(Validators::LastModified);
    assert_eq!(
        again("if-none-match", etag)
            .await
            .expect(200)
            .header("etag"),
        None
    );
    upstream.validators(Validators::Both);

    upstream.publish(&Package::new("demo", "1.0.1"));
    assert_eq!(
        again("if-none-match", etag)
            .await
            .expect(200)
            .json_lines()
            .len(),
        2
    );
    assert_eq!(
        again("if-modified-since", modified)
            .await
            .expect(200)
            .json_lines()
            .len(),
        2
    );
}

#[tokio::test]
async fn index_files_are_compressed_for_those_who_ask_when_switched_on() {
    let upstream = FakeUpstream::start();
    upstream.publish(&Package::new("demo", "1.0.0"));
    upstream.gzip(true);
    let client = Client::new(&upstream.url());
    let path = "/index/de/mo/demo";
    let plain = client.get(path).await.expect(200);
    let request = client.request(http::Method::GET, path);
    let packed = request
        .header("accept-encoding", "deflate, gzip")
        .send()
        .await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.body, supercargo_testkit::gzip(&plain.body));
}

#[tokio::test]
async fn removed_yanked_and_republished_versions_show() {
    let upstream = FakeUpstream::start();
    let client = Client::new(&upstream.url());
    let package = Package::new("Demo", "1.0.0");
    upstream.publish(&package);
    upstream.publish(&package.clone().with_version("1.1.0"));

    upstream.yank("demo", "1.0.0", true);
    let lines = client
        .get("/index/de/mo/demo")
        .await
        .expect(200)
        .json_lines();
    assert_eq!(
        (&lines[0]["yanked"], &lines[1]["yanked"]),
        (&true.into(), &false.into())
    );

    let changed = package.clone().file("more", "text");
    upstream.republish(&changed);
    let lines = client
        .get("/index/de/mo/demo")
        .await
        .expect(200)
        .json_lines();
    assert_eq!(lines[0]["cksum"], changed.checksum().hex());
    let bytes = client.get("/dl/Demo/1.0.0/download").await.expect(200).body;
    assert_eq!(bytes, changed.crate_bytes());

    upstream.remove_version("demo", "1.0.0");
    client
        .get("/dl/Demo/1.0.0/download")
        .await
        .expect(404)
        .text();
    assert_eq!(client.get("/index/de/mo/demo").await.json_lines().len(), 1);
    upstream.remove("demo");
    let missing = client.get("/index/de/mo/demo").await;
    assert_eq!(missing.status, 404);
    assert!(upstream.crate_names().is_empty());
}

#[tokio::test]
async fn downloads_follow_the_template_and_the_token_is_demanded_everywhere() {
    let upstream = FakeUpstream::start();
    upstream.publish(&Package::new("Demo", "1.0.0"));
    let template = "/files/{prefix}/{lowerprefix}/{crate}-{version}.crate";
    upstream.config("dl", format!("{}{template}", upstream.url()));
    upstream.auth("secret");
    let cargo = Cargo::new().registry("acme", &upstream.index_url());
    let mut project = cargo.folder("consumer");
    consumer().write_source(&project);
    let manifest = project.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace(
        "[dependencies.demo]",
        "[dependencies.Demo]\nregistry = \"acme\"",
    );
    std::fs::write(&manifest, text).unwrap();
    let refused = cargo.run(&project, &["fetch"]).await.failure();
    assert!(
        refused.stderr.contains("no token found"),
        "{}",
        refused.stderr
    );

    let cargo = cargo.token("acme", "secret");
    project = cargo.folder("consumer");
    cargo.run(&project, &["fetch"]).await.success();
    let paths: Vec<String> = upstream
        .requests_to("/files")
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, ["/files/De/mo/de/mo/Demo-1.0.0.crate"]);
    for request in &upstream.requests()[2..] {
        assert_eq!(
            request.header("authorization"),
            Some("secret"),
            "{}",
            request.path
        );
    }
}

#[tokio::test]
async fn held_requests_wait_at_the_gate_until_they_are_let_go() {
    let upstream = FakeUpstream::start();
    upstream.publish(&Package::new("demo", "1.0.0"));
    let client = Client::new(&upstream.url());
    upstream.hold("/index/de");
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get("/index/de/mo/demo").await.status })
        })
        .collect();
    upstream.wait_until_held(3).await;
    client.get("/index/config.json").await.expect(200);
    assert!(waiting.iter().all(|task| !task.is_finished()));
    upstream.release();
    for task in waiting {
        assert_eq!(task.await.unwrap(), 200);
    }
    assert_eq!(upstream.held(), 0);
}

#[tokio::test]
async fn a_stopped_upstream_refuses_connections_until_it_starts_again() {
    let mut upstream = FakeUpstream::start();
    upstream.publish(&Package::new("demo", "1.0.0"));
    let client = Client::new(&upstream.url());
    client.get("/index/de/mo/demo").await.expect(200);
    for _ in 0..3 {
        upstream.stop();
        // with connections of its own, for one that is kept alive breaks in another way
        let stranger = Client::new(&upstream.url());
        let request = stranger.request(http::Method::GET, "/index/de/mo/demo");
        assert!(request.try_send().await.unwrap_err().is_connect());
        upstream.start_again();
        let client = Client::new(&upstream.url());
        client.get("/index/de/mo/demo").await.expect(200);
    }
}

#[tokio::test]
async fn a_dark_upstream_leaves_connections_unanswered_until_it_starts_again() {
    let mut upstream = FakeUpstream::start();
    upstream.publish(&Package::new("demo", "1.0.0"));
    for _ in 0..2 {
        upstream.go_dark().await;
        let address = upstream.url()["http://".len()..].to_owned();
        let connecting = tokio::net::TcpStream::connect(address);
        let patience = Duration::from_millis(200);
        assert!(tokio::time::timeout(patience, connecting).await.is_err());
        upstream.start_again();
        let client = Client::new(&upstream.url());
        client.get("/index/de/mo/demo").await.expect(200);
    }
}

#[tokio::test]
async fn cargo_never_reaches_crates_io_by_accident() {
    let cargo = Cargo::new();
    let project = cargo.project(&consumer());
    let outcome = cargo.run(&project, &["fetch"]).await.failure();
    let expected = "failed to download from `http://127.0.0.1:[PORT]/config.json`";
    let messages = outcome.messages();
    assert!(messages.contains(expected), "{messages}");
}
