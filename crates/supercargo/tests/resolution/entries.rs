//! R9: entries as they came, files from wherever they are, and credentials to nobody else.

use serde_json::{Value, json};
use supercargo_testkit::{Database, Dependency, FakeUpstream, Fault, Package, View, on_both};

use crate::scene::Scene;

on_both!(
    entries_are_passed_on_byte_for_byte_with_fields_that_nobody_knows,
    only_a_dependency_registry_that_names_the_upstream_is_written_over,
    a_download_template_with_all_five_markers_is_filled_and_may_move,
    an_upstreams_token_goes_with_index_and_downloads_in_the_form_it_was_given,
    an_upstreams_token_stays_with_the_origin_that_it_was_given_for,
);

async fn entries_are_passed_on_byte_for_byte_with_fields_that_nobody_knows(database: Database) {
    let scene = Scene::start(database).await;
    let zeros = "0".repeat(64);
    let lines = [
        format!(
            r#"{{"vers":"1.0.0", "name" : "Odd-Crate","deps":[],"cksum":"{zeros}","features":{{}},"x-new":{{"b":1.50,"a":[null,"\u00e9"]}},"yanked":false}}"#
        ),
        format!(
            r#"{{"name":"Odd-Crate","vers":"1.1.0+build.5","deps":[{{"name":"renamed","package":"real-name","req":"^1","features":["x"],"optional":true,"default_features":false,"target":"cfg(unix)","kind":"build","registry":null,"public":true,"artifact":["bin"]}}],"cksum":"{zeros}","features":{{"y":[]}},"features2":{{"x":["dep:renamed"]}},"yanked":true,"links":"odd","rust_version":"1.60","pubtime":"2026-01-31T00:00:00Z","v":2}}"#
        ),
        // cargo passes over what it cannot read, and so does nobody else
        format!(r#"{{"name":"Odd-Crate","vers":"1.2.0","cksum":"{zeros}","v":99}}"#),
    ];
    for line in &lines {
        scene.upstream.publish_line("Odd-Crate", line);
    }
    for view in [View::Index, View::Mirror] {
        let served = scene.admin.index("acme", view, "odd-crate").await;
        assert_eq!(served.expect(200).text(), lines.join("\n") + "\n");
    }
}

async fn only_a_dependency_registry_that_names_the_upstream_is_written_over(database: Database) {
    let scene = Scene::start(database).await;
    let ours = scene.upstream.index_url();
    let elsewhere = "sparse+https://registry.example/index/";
    let package = Package::new("with-deps", "1.0.0")
        .depends_on(Dependency::new("plain", "1"))
        .depends_on(Dependency::new("same", "1").registry_index(&ours))
        .depends_on(Dependency::new("foreign", "1").registry_index(elsewhere));
    scene.upstream.publish(&package);
    let line = package.index_line().to_string();
    let expected = line.replace(&format!("\"{ours}\""), "null");
    assert_ne!(expected, line);
    for view in [View::Index, View::Mirror] {
        let served = scene.admin.index("acme", view, "with-deps").await;
        assert_eq!(served.expect(200).text(), format!("{expected}\n"));
    }
}

async fn a_download_template_with_all_five_markers_is_filled_and_may_move(database: Database) {
    let scene = Scene::start(database).await;
    let package = |version: &str| Package::new("Odd_Crate", version);
    for version in ["1.0.0+build.5", "2.0.0", "3.0.0"] {
        scene.upstream.publish(&package(version));
    }
    let template = |folder: &str| {
        let base = scene.upstream.url();
        format!(
            "{base}/{folder}/{{prefix}}/{{lowerprefix}}/{{crate}}/{{version}}/{{sha256-checksum}}.crate"
        )
    };
    let downloads = async |version: &str| {
        let answer = scene.download("odd_crate", version).await.expect(200);
        assert_eq!(answer.body, package(version).crate_bytes());
    };
    scene.upstream.config("dl", template("files"));
    downloads("1.0.0+build.5").await;
    let checksum = package("1.0.0+build.5").checksum();
    let path = format!("/files/Od/d_/od/d_/Odd_Crate/1.0.0+build.5/{checksum}.crate");
    assert_eq!(scene.upstream.requests_to("/files/")[0].path, path);

    // where files have moved, `config.json` is read again
    scene.upstream.config("dl", template("elsewhere"));
    downloads("2.0.0").await;
    scene
        .upstream
        .config("dl", format!("{}/dl", scene.upstream.url()));
    downloads("3.0.0").await;
}

/// A registry of its own for an upstream with credentials.
async fn attach_with(scene: &Scene, name: &str, upstream: &FakeUpstream, auth: &Value) {
    let index = upstream.index_url();
    let request = json!({ "name": name, "index": index, "auth": auth });
    scene.admin.create_upstream(request).await;
    let registry = json!({ "name": name, "upstreams": [name] });
    scene.admin.create_registry(registry).await;
}

async fn an_upstreams_token_goes_with_index_and_downloads_in_the_form_it_was_given(
    database: Database,
) {
    let scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0");
    for (name, auth, header) in [
        (
            "token",
            json!({ "kind": "token", "secret": "s3cret" }),
            "s3cret",
        ),
        (
            "bearer",
            json!({ "kind": "bearer", "secret": "s3cret" }),
            "Bearer s3cret",
        ),
        (
            "basic",
            json!({ "kind": "basic", "username": "ci", "secret": "s3cret" }),
            "Basic Y2k6czNjcmV0",
        ),
    ] {
        let upstream = FakeUpstream::start();
        upstream.auth(header);
        upstream.publish(&package);
        attach_with(&scene, name, &upstream, &auth).await;
        scene
            .admin
            .index(name, View::Index, "left-pad")
            .await
            .expect(200);
        let downloaded = scene.admin.download(name, View::Index, "left-pad", "1.0.0");
        assert_eq!(downloaded.await.expect(200).body, package.crate_bytes());
        let requests = upstream.requests();
        assert_eq!(requests.len(), 3);
        for request in requests {
            assert_eq!(request.header("authorization"), Some(header), "{request:?}");
        }
    }
    // without it, and with nothing of the client's own token passed on
    scene.upstream.auth("s3cret");
    scene.upstream.publish(&package);
    let refused = scene.index("left-pad").await.expect(502);
    assert!(refused.text().contains("credentials"), "{refused}");
    assert_eq!(scene.upstream.requests()[0].header("authorization"), None);
}

async fn an_upstreams_token_stays_with_the_origin_that_it_was_given_for(database: Database) {
    let scene = Scene::start(database).await;
    let (upstream, files) = (FakeUpstream::start(), FakeUpstream::start());
    let package = |version: &str| Package::new("left-pad", version);
    for version in ["1.0.0", "2.0.0"] {
        upstream.publish(&package(version));
        files.publish(&package(version));
    }
    upstream.auth("s3cret");
    let auth = json!({ "kind": "token", "secret": "s3cret" });
    attach_with(&scene, "guarded", &upstream, &auth).await;
    let downloads = async |version: &str| {
        let answer = scene
            .admin
            .download("guarded", View::Index, "left-pad", version);
        assert_eq!(
            answer.await.expect(200).body,
            package(version).crate_bytes()
        );
    };

    // by a redirect
    let place = format!("{}/dl/left-pad/1.0.0/download", files.url());
    upstream.fault("/dl/", Fault::Redirect(place));
    downloads("1.0.0").await;
    assert_eq!(upstream.requests_to("/dl/").len(), 1);
    // by `dl` itself, which is read again where it leads nowhere
    upstream.fault("/dl/", Fault::Status(404));
    upstream.config("dl", format!("{}/dl", files.url()));
    downloads("2.0.0").await;

    for request in upstream.requests() {
        assert_eq!(
            request.header("authorization"),
            Some("s3cret"),
            "{request:?}"
        );
    }
    let elsewhere = files.requests();
    assert_eq!(elsewhere.len(), 2);
    for request in elsewhere {
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
}
