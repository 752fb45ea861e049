//! How an upstream does, as people ask for it: its test, the health of the registries that read through it, and its own.

use std::fmt::Write as _;

use serde_json::{Value, json};
use supercargo_testkit::{
    Answer, Database, FakeUpstream, Fault, Package, Validators, View, on_both,
};
use tokio::process::Command;

use crate::scene::{Place, Scene, index_file};

on_both!(
    a_wrong_config_json_is_told_by_a_test_and_in_the_health,
    health_follows_what_the_upstream_does,
    alarms_are_counted_where_they_belong,
);

/// What makes a `config.json` wrong.
type Spoil = Box<dyn FnOnce(&FakeUpstream)>;

const CONFIG: &str = "/index/config.json";

async fn test(scene: &Scene, place: &Place) -> Value {
    let path = format!("/api/v1/upstreams/{}/test", place.name);
    scene.admin.post(&path, json!({})).await.expect(200).json()
}

/// What the registry says of its only upstream, which is also what the upstream says of itself, but for the alarms.
async fn health(scene: &Scene, place: &Place) -> Value {
    let show = async |what: &str| -> Answer {
        let path = format!("/api/v1/{what}/{}", place.name);
        scene.admin.get(&path).await.expect(200)
    };
    let mut of_registry = show("registries").await.json()["health"].take();
    let of_registry = of_registry[0].take();
    let of_upstream = show("upstreams").await.json()["health"].take();
    for field in ["upstream", "state", "since", "reason"] {
        assert_eq!(of_registry[field], of_upstream[field], "{field}");
    }
    of_registry
}

/// R2: each way in which a `config.json` can be wrong has its words.
async fn a_wrong_config_json_is_told_by_a_test_and_in_the_health(database: Database) {
    let scene = Scene::start(database).await;
    let place = scene.place("partner").await;
    let fake = &place.upstream;
    let sound = format!("{}/dl", fake.url());
    let fault = |fault: Fault| move |fake: &FakeUpstream| fake.fault(CONFIG, fault);
    let dl = |dl: Value| move |fake: &FakeUpstream| fake.config("dl", dl);
    let wrong: [(&str, Spoil); 12] = [
        ("a page", Box::new(fault(Fault::Html))),
        ("not JSON", Box::new(fault(Fault::Garbage))),
        ("empty", Box::new(fault(Fault::Empty))),
        ("no dl", Box::new(dl(Value::Null))),
        ("dl of another type", Box::new(dl(json!(7)))),
        ("a relative dl", Box::new(dl(json!("/dl/{crate}")))),
        (
            "another scheme",
            Box::new(dl(json!("ftp://d.example/{crate}"))),
        ),
        (
            "a bad template",
            Box::new(dl(json!("https://d.example:{version}/{crate}"))),
        ),
        ("not there", Box::new(fault(Fault::Status(404)))),
        ("not for us", Box::new(fault(Fault::Status(401)))),
        (
            "a private address",
            Box::new(dl(json!("http://10.0.0.1/dl"))),
        ),
        (
            "the cloud's metadata",
            Box::new(dl(json!("http://169.254.169.254/{crate}"))),
        ),
    ];
    let mut table = String::new();
    for (what, spoil) in wrong {
        spoil(fake);
        let tested = test(&scene, &place).await;
        assert_eq!(tested["ok"], false, "{what}");
        let reason = tested["reason"].as_str().unwrap();
        writeln!(table, "{what}: {reason}").unwrap();
        let health = health(&scene, &place).await;
        assert_eq!(health["state"], "failing", "{what}");
        assert_eq!(health["reason"], reason, "{what}");
        assert!(health["since"].is_string(), "{what}");

        fake.heal();
        fake.config("dl", sound.clone());
        assert_eq!(test(&scene, &place).await["ok"], true, "{what}");
        assert_mended(&scene, &place).await;
    }
    insta::assert_snapshot!(table, @"
    a page: upstream `partner` gives an answer that makes no sense: an HTML page for `config.json`
    not JSON: upstream `partner` gives an answer that makes no sense: its `config.json` cannot be read (expected ident at line 1 column 2)
    empty: upstream `partner` gives an answer that makes no sense: its `config.json` cannot be read (EOF while parsing a value at line 1 column 0)
    no dl: upstream `partner` gives an answer that makes no sense: its `config.json` has no `dl`
    dl of another type: upstream `partner` gives an answer that makes no sense: its `config.json` cannot be read (invalid type: integer `7`, expected a string at line 1 column 7)
    a relative dl: upstream `partner` gives an answer that makes no sense: `dl` in its `config.json` gives no absolute URL (relative URL without a base)
    another scheme: upstream `partner` gives an answer that makes no sense: `dl` in its `config.json` is neither http nor https
    a bad template: upstream `partner` gives an answer that makes no sense: `dl` in its `config.json` gives no absolute URL (invalid port number)
    not there: upstream `partner` answers 404 Not Found when asked for `config.json`
    not for us: upstream `partner` answers 401 Unauthorized when asked for `config.json`; an administrator should look at its credentials
    a private address: upstream `partner` has its files, by `dl` in its `config.json`, at a private address (10.0.0.1); an administrator can allow it with `upstream.allow_addresses`
    the cloud's metadata: upstream `partner` has its files, by `dl` in its `config.json`, at a private address (169.254.169.254); an administrator can allow it with `upstream.allow_addresses`
    ");
}

async fn assert_mended(scene: &Scene, place: &Place) {
    let health = health(scene, place).await;
    let expected = json!({ "upstream": place.name, "state": "ok", "since": null, "reason": null, "alarms": 0 });
    assert_eq!(health, expected);
}

async fn health_follows_what_the_upstream_does(database: Database) {
    let scene = Scene::start(database).await;
    let mut place = scene.place("partner").await;
    // each question gets a whole file, which can be spoiled
    place.upstream.validators(Validators::None);
    for name in ["left-pad", "right-pad"] {
        place.upstream.publish(&Package::new(name, "1.0.0"));
    }
    assert_eq!(health(&scene, &place).await["state"], "unknown");
    place.index("left-pad").await.expect(200);
    assert_mended(&scene, &place).await;

    // one name that is refused is no failure of the upstream, two are
    place.upstream.fault("/index/", Fault::Status(403));
    place.index("other-pad").await.expect(502);
    place.index("other-pad").await.expect(502);
    assert_mended(&scene, &place).await;
    place.index("right-pad").await.expect(502);
    let failing = health(&scene, &place).await;
    assert_eq!(failing["state"], "failing");
    insta::assert_snapshot!(failing["reason"].as_str().unwrap(), @"upstream `partner` answers 403 Forbidden; an administrator should look at its credentials");
    place.upstream.heal();
    place.index("right-pad").await.expect(200);
    assert_mended(&scene, &place).await;

    // entries that nobody can read
    for name in ["left-pad", "right-pad"] {
        place.upstream.fault(&index_file(name), Fault::WrongName);
    }
    // both have a copy, which is given out
    place.index("left-pad").await.expect(200);
    place.index("right-pad").await.expect(200);
    let failing = health(&scene, &place).await;
    assert_eq!(failing["state"], "failing");
    insta::assert_snapshot!(failing["reason"].as_str().unwrap(), @"upstream `partner` gives answers that make no sense");
    place.upstream.heal();
    assert_eq!(test(&scene, &place).await["ok"], true);
    assert_mended(&scene, &place).await;

    place.upstream.stop();
    place.index("never-seen").await.expect(502);
    let failing = health(&scene, &place).await;
    assert_eq!(failing["state"], "failing");
    let reason = failing["reason"].as_str().unwrap();
    assert!(reason.contains("cannot be reached"), "{reason}");
    place.upstream.start_again();
    assert_eq!(test(&scene, &place).await["ok"], true);
    assert_mended(&scene, &place).await;
}

/// R8: wrong bytes alarm the registry whose reader met them, and a lost crate all that read through that upstream.
async fn alarms_are_counted_where_they_belong(database: Database) {
    let scene = Scene::start(database).await;
    let place = scene.place("partner").await;
    let second = json!({ "name": "second", "upstreams": ["partner"] });
    scene.admin.create_registry(second).await;
    let package = Package::new("left-pad", "1.0.0");
    place.upstream.publish(&package);
    let counts = async || {
        let mut counts = Vec::new();
        for path in [
            "registries/partner",
            "registries/second",
            "upstreams/partner",
        ] {
            let path = format!("/api/v1/{path}");
            let shown = scene.admin.get(&path).await.expect(200).json();
            let health = &shown["health"];
            let item = if health.is_array() {
                &health[0]
            } else {
                health
            };
            counts.push(item["alarms"].as_u64().unwrap());
        }
        counts
    };
    assert_eq!(counts().await, [0, 0, 0]);
    place.upstream.fault("/dl/", Fault::Corrupted);
    let refused = place.download(&package).await.unwrap();
    refused.expect(502);
    assert_eq!(counts().await, [1, 0, 1]);
    place.upstream.remove("left-pad");
    place.index("left-pad").await.expect(200);
    assert_eq!(counts().await, [2, 1, 2]);
}

/// An upstream that is a registry of this server is as well as that one's own upstreams.
#[tokio::test]
async fn a_registry_behind_a_registry_tells_what_fails_at_its_end() {
    let scene = Scene::start(Database::Sqlite).await;
    let place = scene.place("partner").await;
    let nested = json!({ "name": "nested", "registry": "partner" });
    scene.admin.create_upstream(nested).await;
    let outer = json!({ "name": "outer", "upstreams": ["nested"] });
    scene.admin.create_registry(outer).await;
    let health = async || {
        let shown = scene.admin.get("/api/v1/registries/outer").await;
        shown.expect(200).json()["health"][0].take()
    };
    assert_eq!(health().await["state"], "ok");
    place.upstream.fault("/index/", Fault::Status(500));
    scene
        .admin
        .index("outer", View::Index, "left-pad")
        .await
        .expect(502);
    let failing = health().await;
    assert_eq!(failing["upstream"], "nested");
    assert_eq!(failing["state"], "failing");
    // which one, and why, is for the readers of the inner registry
    assert_eq!(failing["reason"], "one of the upstreams behind it fails");
}

/// The attack: an upstream that sends back what it was sent, to be read by everybody who may read a registry.
#[tokio::test]
async fn no_reason_has_the_credentials_of_an_upstream() {
    let scene = Scene::start(Database::Sqlite).await;
    let fake = FakeUpstream::start();
    let index = fake.index_url();
    let secret = "Open.Sesame-1234";
    fake.auth(secret);
    fake.config("auth-required", secret);
    let stranger = Package::new("Open-Sesame-1234", "1.0.0").index_line();
    fake.publish_line("left-pad", &stranger.to_string());
    let upstream =
        json!({ "name": "partner", "index": index, "auth": { "kind": "token", "secret": secret } });
    scene.admin.create_upstream(upstream).await;
    let registry = json!({ "name": "acme", "upstreams": ["partner"] });
    scene.admin.create_registry(registry).await;
    let tested = scene
        .admin
        .post("/api/v1/upstreams/partner/test", json!({}));
    let tested = tested.await.expect(200).text();
    let health = scene.admin.get("/api/v1/registries/acme").await.text();
    let shown = scene.admin.get("/api/v1/upstreams/partner").await.text();
    for text in [&tested, &health, &shown] {
        assert!(text.contains("[hidden]"), "{text}");
    }
    for text in [tested, health, shown, scene.server.log()] {
        assert!(
            !text.to_lowercase().contains(&secret.to_lowercase()),
            "{text}"
        );
    }
}

/// For people: `supercargo registry show` and `supercargo upstream show`.
#[tokio::test]
async fn the_commands_show_the_health_in_words() {
    let scene = Scene::start(Database::Sqlite).await;
    let place = scene.place("partner").await;
    let health_shown_by = async |what: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_supercargo"))
            .args([what, "show", "partner"])
            .env_clear()
            .env("SUPERCARGO_URL", scene.server.url())
            .env("SUPERCARGO_TOKEN", scene.server.admin_token())
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("health"));
        line.unwrap_or_else(|| panic!("{text}")).trim().to_owned()
    };
    for what in ["registry", "upstream"] {
        assert_eq!(health_shown_by(what).await, "partner: not asked yet");
    }
    place.upstream.fault(CONFIG, Fault::Html);
    test(&scene, &place).await;
    for what in ["registry", "upstream"] {
        let shown = health_shown_by(what).await;
        let (before, after) = shown.split_once(", for ").unwrap();
        assert!(before.starts_with("partner: failing since 20"), "{shown}");
        assert_eq!(
            after,
            "upstream `partner` gives an answer that makes no sense: an HTML page for `config.json`"
        );
    }
}
