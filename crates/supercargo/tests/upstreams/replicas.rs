//! Several servers on one PostgreSQL database: they agree on lists, pins and registries within registries.

use std::fs;

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{
    Client, Database, FakeUpstream, Postgres, Server, ServerOptions, TestDatabase, View, eventually,
};
use supercargo_types::{Digest, Random, TokenSecret};
use tempfile::TempDir;

use crate::scene::{ALWAYS_ASK, NOTHING, PROGRAM, asked_about, assert_is_clean, listed, of, pin};

/// How often two administrators do something at the same moment.
const ROUNDS: usize = 12;

struct Pair {
    servers: [Server; 2],
    /// The instance's administrator at each of them.
    admins: [Client; 2],
    first: FakeUpstream,
    second: FakeUpstream,
    _shared: (TestDatabase, TempDir),
}

impl Pair {
    /// Two servers that know the upstreams `first` and `second`.
    async fn start() -> Self {
        let (database, folder) = (Postgres::database(), TempDir::new().unwrap());
        let key: [u8; 32] = Random::System.bytes();
        let key_file = folder.path().join("key");
        fs::write(&key_file, Digest::from_bytes(key).hex()).unwrap();
        let token = TokenSecret::generate(&Random::System);
        let options = ServerOptions::new(PROGRAM)
            .database(Database::At(database.url().to_owned()))
            .setting("storage", folder.path().join("storage").to_str().unwrap())
            .setting("secret_key_file", key_file.to_str().unwrap())
            .admin_token(token.reveal());
        let options = ALWAYS_ASK
            .iter()
            .fold(options, |options, (key, value)| options.setting(key, value));
        let servers = [
            Server::start(options.clone()).await,
            Server::start(options).await,
        ];
        let admins = [servers[0].admin(), servers[1].admin()];
        let (first, second) = (FakeUpstream::start(), FakeUpstream::start());
        for (name, upstream) in [("first", &first), ("second", &second)] {
            let index = upstream.index_url();
            let upstream = json!({ "name": name, "index": index });
            admins[0].create_upstream(upstream).await;
        }
        let pair = Self {
            servers,
            admins,
            first,
            second,
            _shared: (database, folder),
        };
        pair.heard_of("/api/v1/upstreams/second").await;
        pair
    }

    /// Waits until the second server knows of something.
    async fn heard_of(&self, path: &str) {
        eventually(path, async || self.admins[1].get(path).await.status == 200).await;
    }

    async fn create_registry(&self, registry: Value) {
        let path = format!("/api/v1/registries/{}", registry["name"].as_str().unwrap());
        self.admins[0].create_registry(registry).await;
        self.heard_of(&path).await;
    }

    async fn both_list(&self, registry: &str, name: &str, shown: &str) {
        for admin in &self.admins {
            eventually(shown, async || {
                listed(admin, registry, View::Index, name).await == shown
            })
            .await;
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.servers.iter().for_each(assert_is_clean);
    }
}

fn path(registry: &str) -> String {
    format!("/api/v1/registries/{registry}")
}

/// R3: "a change applies at once", on the other server as well.
#[tokio::test]
async fn a_change_of_the_list_holds_on_the_other_server() {
    let pair = Pair::start().await;
    pair.create_registry(json!({ "name": "acme", "upstreams": ["first", "second"] }))
        .await;
    pair.first.publish(&of("first", "left-pad", "1.0.0"));
    pair.second.publish(&of("second", "left-pad", "2.0.0"));
    let [a, b] = &pair.admins;
    for (upstreams, shown) in [
        (json!(["first"]), "1.0.0"),
        (json!(["second"]), "2.0.0"),
        (json!([]), "404"),
        (json!([{ "name": "first", "only": ["left-*"] }]), "1.0.0"),
        (
            json!([{ "name": "first", "except": ["left-*"] }, "second"]),
            "2.0.0",
        ),
    ] {
        // in the memory of both is what was before
        listed(b, "acme", View::Index, "left-pad").await;
        a.attach("acme", upstreams).await;
        let here = listed(a, "acme", View::Index, "left-pad").await;
        assert_eq!(here, shown, "at once where it was changed");
        pair.both_list("acme", "left-pad", shown).await;
    }
}

/// R4: a pin is one decision, wherever it was made.
#[tokio::test]
async fn both_servers_read_a_name_from_the_upstream_that_either_has_read_it_from() {
    let pair = Pair::start().await;
    pair.create_registry(json!({ "name": "acme", "upstreams": ["first", "second"] }))
        .await;
    let [a, b] = &pair.admins;
    let theirs = of("first", "left-pad", "1.0.0");
    pair.first.publish(&theirs);
    let download = a.download("acme", View::Index, "left-pad", "1.0.0").await;
    assert_eq!(download.expect(200).body, theirs.crate_bytes());
    pair.second.publish(&of("second", "left-pad", "9.9.9"));
    b.attach("acme", json!(["second", "first"])).await;
    pair.both_list("acme", "left-pad", "1.0.0").await;
    let download = b.download("acme", View::Index, "left-pad", "1.0.0").await;
    assert_eq!(download.expect(200).body, theirs.crate_bytes());
    assert_eq!(asked_about(&pair.second, "left-pad"), NOTHING);
    pin(b, "acme", "left-pad", "second").await.expect(200);
    pair.both_list("acme", "left-pad", "9.9.9").await;
    pin(a, "acme", "left-pad", "first").await.expect(200);
    pair.both_list("acme", "left-pad", "1.0.0").await;
}

/// R4: both read it for the first time, one under each order; in the end there is one answer, and downloads are of it alone.
#[tokio::test]
async fn a_name_that_both_read_for_the_first_time_at_once_has_one_pin_in_the_end() {
    let pair = Pair::start().await;
    pair.create_registry(json!({ "name": "acme", "upstreams": ["first", "second"] }))
        .await;
    let [a, b] = &pair.admins;
    for round in 0..ROUNDS {
        let name = format!("pad-{round}");
        for (whose, upstream) in [("first", &pair.first), ("second", &pair.second)] {
            upstream.publish(&of(whose, &name, "1.0.0"));
        }
        let order = if round % 2 == 0 {
            json!(["second", "first"])
        } else {
            json!(["first", "second"])
        };
        // the bytes that were given; whoever is too late gets a refusal, or a file that breaks off before its end
        let get = async |client: &Client| {
            let path = format!("/acme/api/v1/crates/{name}/1.0.0/download");
            let answer = client.request(Method::GET, &path).try_send().await;
            let given = answer.ok().filter(|answer| answer.status == 200);
            given.map(|answer| answer.body)
        };
        let change = a.attach("acme", order);
        let (_, one, other) = tokio::join!(change, get(a), get(b));
        let mut given: Vec<_> = [one, other].into_iter().flatten().collect();
        let both = async || [get(a).await, get(b).await];
        eventually("one answer", async || {
            let [one, other] = both().await;
            one.is_some() && one == other
        })
        .await;
        given.extend(both().await.into_iter().flatten());
        given.dedup();
        assert_eq!(given.len(), 1, "{name}: what was given out once stays");
    }
}

/// R3: both were right when they asked; together they would make a circle.
#[tokio::test]
async fn of_two_changes_that_together_make_a_circle_one_is_refused() {
    let pair = Pair::start().await;
    for name in ["one", "two"] {
        pair.create_registry(json!({ "name": name })).await;
        let upstream = json!({ "name": name, "registry": name });
        pair.admins[0].create_upstream(upstream).await;
        pair.heard_of(&format!("/api/v1/upstreams/{name}")).await;
    }
    let [a, b] = &pair.admins;
    let mut refused = 0;
    for round in 0..ROUNDS {
        let (one, two) = (path("one"), path("two"));
        let answers = if round % 2 == 0 {
            tokio::join!(
                a.patch(&one, json!({ "upstreams": ["two"] })),
                b.patch(&two, json!({ "upstreams": ["one"] })),
            )
        } else {
            // on one server, too
            tokio::join!(
                a.patch(&one, json!({ "upstreams": ["two"] })),
                a.patch(&two, json!({ "upstreams": ["one"] })),
            )
        };
        let answers = [answers.0, answers.1];
        let of_status = |status: u16| {
            let answers = answers.iter();
            answers.filter(|answer| answer.status == status).count()
        };
        assert_eq!(of_status(200), 1, "{} {}", answers[0], answers[1]);
        assert_eq!(of_status(422), 1, "{} {}", answers[0], answers[1]);
        let refusal = answers.iter().find(|answer| answer.status == 422).unwrap();
        assert_eq!(refusal.code().as_deref(), Some("invalid-nesting"));
        refused += 1;
        for name in ["one", "two"] {
            a.attach(name, json!([])).await;
        }
        for name in ["one", "two"] {
            eventually("the empty lists", async || {
                b.get(&path(name)).await.json()["upstreams"] == json!([])
            })
            .await;
        }
    }
    assert_eq!(refused, ROUNDS);
}

/// R3: one admin opens the outer registry while the other takes `republish` back. Whoever wins: nobody reads what they may
/// not.
#[tokio::test]
async fn two_changes_that_together_widen_an_audience_show_nothing_to_anybody() {
    let pair = Pair::start().await;
    pair.create_registry(json!({ "name": "inner", "republish": true }))
        .await;
    let [a, b] = &pair.admins;
    a.create_upstream(json!({ "name": "inner", "registry": "inner" }))
        .await;
    pair.heard_of("/api/v1/upstreams/inner").await;
    pair.create_registry(json!({ "name": "outer", "upstreams": ["inner"] }))
        .await;
    a.publish("inner", &of("inner", "inner-lib", "1.0.0"))
        .await
        .expect(200);
    for _ in 0..ROUNDS {
        let (outer, inner) = (path("outer"), path("inner"));
        let (opened, taken_back) = tokio::join!(
            a.patch(&outer, json!({ "visibility": "public" })),
            b.patch(&inner, json!({ "republish": false })),
        );
        for answer in [&opened, &taken_back] {
            let status = answer.status.as_u16();
            assert!(matches!(status, 200 | 422), "{answer}");
        }
        let is_open = opened.status == 200;
        let may_republish = taken_back.status != 200;
        for (server, admin) in pair.servers.iter().zip(&pair.admins) {
            eventually("the settings", async || {
                let [outer, inner] = [admin.get(&outer).await, admin.get(&inner).await];
                (outer.json()["visibility"] == "public") == is_open
                    && inner.json()["republish"] == may_republish
            })
            .await;
            let anyone = server.anonymous();
            let seen = listed(&anyone, "outer", View::Index, "inner-lib").await;
            let expected = match (is_open, may_republish) {
                (true, true) => "1.0.0",
                (true, false) => "503",
                (false, _) => "401",
            };
            assert_eq!(seen, expected);
        }
        for (path, settings) in [
            (&inner, json!({ "republish": true })),
            (&outer, json!({ "visibility": "private" })),
        ] {
            a.patch(path, settings).await.expect(200);
        }
        eventually("the settings from before", async || {
            let [outer, inner] = [b.get(&outer).await, b.get(&inner).await];
            outer.json()["visibility"] == "private" && inner.json()["republish"] == true
        })
        .await;
    }
}

/// R3, P6: what is published on one server in the inner registry is seen on the other through the outer one.
#[tokio::test]
async fn what_changes_inside_on_one_server_is_seen_outside_on_the_other() {
    let pair = Pair::start().await;
    pair.create_registry(json!({ "name": "inner" })).await;
    let [a, b] = &pair.admins;
    a.create_upstream(json!({ "name": "inner", "registry": "inner" }))
        .await;
    pair.create_registry(json!({ "name": "outer", "upstreams": ["inner"] }))
        .await;
    let mut shown = String::new();
    for number in 0..5 {
        // in memory there is what was before
        listed(b, "outer", View::Index, "inner-lib").await;
        let version = format!("1.{number}.0");
        a.publish("inner", &of("inner", "inner-lib", &version))
            .await
            .expect(200);
        if number > 0 {
            shown.push_str(", ");
        }
        shown.push_str(&version);
        pair.both_list("outer", "inner-lib", &shown).await;
    }
    let quarantine = format!("{}/crates/inner-lib/quarantine", path("inner"));
    let block = json!({ "action": "block", "reason": "odd" });
    a.put(&quarantine, block).await.expect(200);
    let yanked = shown.replace(',', " yanked,") + " yanked";
    pair.both_list("outer", "inner-lib", &yanked).await;
    b.download("outer", View::Index, "inner-lib", "1.0.0")
        .await
        .expect(403);
    // the validators are those of the bytes, wherever they are asked for
    let [here, there] = [
        a.index("outer", View::Index, "inner-lib").await,
        b.index("outer", View::Index, "inner-lib").await,
    ];
    for header in ["etag", "last-modified"] {
        assert_eq!(here.header(header), there.header(header), "{header}");
    }
}
