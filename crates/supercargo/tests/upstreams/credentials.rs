//! R2: credentials go to the origin of the index, to those that are named, and nowhere else.

use serde_json::{Value, json};
use supercargo_testkit::{Answer, Database, FakeUpstream, Fault, LoggedRequest, on_both};

use crate::scene::{ALWAYS_ASK, NOTHING, Scene, asked_about, index_file, of, said};

on_both!(
    credentials_go_to_the_index_of_their_upstream_alone,
    a_redirect_to_another_origin_carries_no_credentials,
    files_kept_elsewhere_get_credentials_where_that_origin_is_named,
    what_no_origin_can_be,
    secrets_never_come_back_and_are_not_stored_in_clear,
);

const SECRET: &str = "correct-horse-battery-staple";

fn shown_to(requests: &[LoggedRequest]) -> Vec<Option<String>> {
    let shown = requests.iter();
    let header = |request: &LoggedRequest| request.header("authorization").map(str::to_owned);
    shown.map(header).collect()
}

/// No request, or none with credentials.
fn has_seen_none(upstream: &FakeUpstream) -> bool {
    shown_to(&upstream.requests()).iter().all(Option::is_none)
}

async fn set_auth(scene: &Scene, auth: Value) -> Answer {
    let path = "/api/v1/upstreams/first";
    scene.admin.patch(path, json!({ "auth": auth })).await
}

fn bearer(origins: impl Into<Value>) -> Value {
    let origins: Value = origins.into();
    json!({ "kind": "bearer", "secret": SECRET, "origins": origins })
}

async fn credentials_go_to_the_index_of_their_upstream_alone(database: Database) {
    let scene = Scene::start(database).await;
    for (name, auth, header) in [
        (
            "by-token",
            json!({ "kind": "token", "secret": SECRET }),
            SECRET.to_owned(),
        ),
        ("by-bearer", bearer(json!([])), format!("Bearer {SECRET}")),
        (
            "by-basic",
            json!({ "kind": "basic", "username": "us", "secret": "pw" }),
            "Basic dXM6cHc=".to_owned(),
        ),
    ] {
        set_auth(&scene, auth).await.expect(200);
        scene.first.auth(&header);
        let theirs = of("first", name, "1.0.0");
        scene.first.publish(&theirs);
        scene
            .second
            .publish(&of("second", &format!("{name}-two"), "1.0.0"));
        scene.first.clear_requests();
        scene.gets("acme", &theirs).await;
        scene
            .gets("acme", &of("second", &format!("{name}-two"), "1.0.0"))
            .await;
        let shown = shown_to(&scene.first.requests());
        assert!(shown.len() >= 3, "{shown:?}");
        assert!(
            shown.iter().all(|shown| *shown == Some(header.clone())),
            "{shown:?}"
        );
        assert!(!scene.second.requests().is_empty());
        assert!(has_seen_none(&scene.second));
    }
}

async fn a_redirect_to_another_origin_carries_no_credentials(database: Database) {
    let scene = Scene::with_settings(database, &ALWAYS_ASK).await;
    set_auth(&scene, bearer(json!([]))).await.expect(200);
    scene.first.auth(&format!("Bearer {SECRET}"));
    let stranger = FakeUpstream::start();
    let package = of("first", "left-pad", "1.0.0");
    scene.first.publish(&package);
    stranger.publish(&package);
    let index = index_file("left-pad");
    let elsewhere = format!("{}{index}", stranger.url());
    scene.first.fault(&index, Fault::Redirect(elsewhere));
    // whether it is followed is not said here: only that nothing is told on the way
    scene.index("acme", "left-pad").await;
    scene.first.heal();
    let file = format!("{}/dl/left-pad/1.0.0/download", stranger.url());
    scene.first.fault("/dl/", Fault::Redirect(file));
    scene.gets("acme", &package).await;
    assert!(!stranger.requests().is_empty());
    assert!(has_seen_none(&stranger), "{:?}", stranger.requests());
    assert!(has_seen_none(&scene.second));
}

async fn files_kept_elsewhere_get_credentials_where_that_origin_is_named(database: Database) {
    let scene = Scene::start(database).await;
    let [files, other] = [FakeUpstream::start(), FakeUpstream::start()];
    scene.first.auth(&format!("Bearer {SECRET}"));
    scene.first.config("dl", format!("{}/dl", files.url()));
    let offer = |name: &str| {
        let package = of("first", name, "1.0.0");
        scene.first.publish(&package);
        files.publish(&package);
        package
    };
    let auth = set_auth(&scene, bearer(json!([other.url()]))).await;
    assert_eq!(
        auth.expect(200).json()["auth"]["origins"],
        json!([other.url()])
    );
    scene.gets("acme", &offer("one-pad")).await;
    assert_eq!(shown_to(&files.requests()), [None]);

    let origins = json!([other.url(), files.url()]);
    set_auth(&scene, bearer(origins.clone())).await.expect(200);
    files.clear_requests();
    // which would be refused without
    files.auth(&format!("Bearer {SECRET}"));
    scene.gets("acme", &offer("two-pad")).await;
    let header = format!("Bearer {SECRET}");
    assert_eq!(shown_to(&files.requests()), [Some(header)]);
    assert!(other.requests().is_empty());
    assert_eq!(asked_about(&scene.second, "two-pad"), NOTHING);

    // who may attach it changes, the origins stay; other credentials come with their own
    let path = "/api/v1/upstreams/first";
    let edit = json!({ "usable_by": ["acme"] });
    let edited = scene.admin.patch(path, edit).await.expect(200).json();
    assert_eq!(edited["auth"]["origins"], origins);
    let auth = json!({ "kind": "bearer", "secret": SECRET });
    let edited = set_auth(&scene, auth).await.expect(200).json();
    assert_eq!(edited["auth"], json!({ "kind": "bearer" }));
    files.clear_requests();
    let refused = offer("three-pad");
    scene
        .download("acme", refused.name(), refused.version())
        .await
        .expect(502);
    assert_eq!(shown_to(&files.requests()), [None]);
}

async fn what_no_origin_can_be(database: Database) {
    let scene = Scene::start(database).await;
    let mut table = Vec::new();
    for origin in [
        json!("files.example"),
        json!("https://files.example/crates"),
        json!("https://us:pass@files.example"),
        json!("https://files.example/?q=1"),
        json!("ftp://files.example"),
        json!("https://*.example"),
        json!(""),
        json!(7),
    ] {
        let auth = bearer(json!(["https://files.example", origin]));
        let refused = set_auth(&scene, auth.clone()).await;
        table.push(said(&refused));
        let new = json!({ "name": "new", "index": scene.first.index_url(), "auth": auth });
        scene.admin.post("/api/v1/upstreams", new).await.expect(422);
    }
    let many: Vec<_> = (0..11).map(|n| format!("https://f{n}.example")).collect();
    table.push(said(&set_auth(&scene, bearer(json!(many))).await));
    let none = json!({ "kind": "none", "origins": ["https://files.example"] });
    table.push(said(&set_auth(&scene, none).await));
    insta::assert_snapshot!(table.join("\n"), @"
    422 invalid-upstream: `auth.origins`: `files.example` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`
    422 invalid-upstream: `auth.origins`: `https://files.example/crates` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`
    422 invalid-upstream: `auth.origins`: `[hidden]@files.example` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`
    422 invalid-upstream: `auth.origins`: `https://files.example/?q=1` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`
    422 invalid-upstream: `auth.origins`: `ftp://files.example` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`
    422 invalid-upstream: `auth.origins`: `https://*.example` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`
    422 invalid-upstream: `auth.origins`: `` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`
    422 invalid-request: the request does not have the expected shape: invalid type: integer `7`, expected a string at line 1 column 104
    422 invalid-upstream: `auth.origins` has at most 10 entries
    422 invalid-request: the request does not have the expected shape: unknown field `origins`, there are no fields at line 1 column 60
    ");
    let shown = scene.admin.get("/api/v1/upstreams/first").await.json();
    assert_eq!(shown["auth"], json!({ "kind": "none" }));
    set_auth(&scene, bearer(json!(many[..10])))
        .await
        .expect(200);
}

async fn secrets_never_come_back_and_are_not_stored_in_clear(database: Database) {
    let mut scene = Scene::start(database).await;
    scene
        .server
        .change_options(|options| options.setting("log.level", "trace"));
    scene.server.restart().await;
    let files = FakeUpstream::start();
    let new = json!({
        "name": "partner",
        "index": scene.first.index_url(),
        "auth": bearer(json!([files.url()])),
    });
    let path = "/api/v1/upstreams/partner";
    scene.first.auth("Bearer another");
    for answer in [
        scene.admin.post("/api/v1/upstreams", new).await.expect(201),
        set_auth(&scene, bearer(json!([]))).await.expect(200),
        scene.admin.get(path).await.expect(200),
        scene.admin.get("/api/v1/upstreams").await.expect(200),
        scene
            .admin
            .patch(path, json!({ "usable_by": ["acme"] }))
            .await
            .expect(200),
        scene
            .admin
            .post(&format!("{path}/test"), json!({}))
            .await
            .expect(200),
        scene
            .admin
            .index("acme", supercargo_testkit::View::Index, "left-pad")
            .await
            .expect(502),
        scene.admin.get("/api/v1/audit").await,
    ] {
        assert!(!answer.text().contains(SECRET), "{answer}");
    }
    assert!(!scene.server.log().contains(SECRET));
    let columns = if scene.server.database_url().is_some() {
        "SELECT CAST(upstreams AS TEXT) || COALESCE(ENCODE(auth_secret, 'hex'), '') FROM upstreams"
    } else {
        "SELECT name || LOWER(HEX(COALESCE(auth_secret, ''))) || COALESCE(auth_origins, '') FROM upstreams"
    };
    let rows = scene.texts(columns).await.concat();
    let hex = SECRET.bytes().map(|byte| format!("{byte:02x}"));
    assert!(rows.contains("partner"), "{rows}");
    assert!(!rows.contains(SECRET) && !rows.contains(&hex.collect::<String>()));
}
