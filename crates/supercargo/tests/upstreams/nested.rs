//! R3: a registry that reads through another one of the same server, as cargo and its users see it.

use serde_json::{Value, json};
use supercargo_testkit::{
    Answer, Client, Database, Dependency, Package, View, eventually, on_both,
};
use tokio::task::JoinSet;

use crate::scene::{NOTHING, Scene, asked, asked_about, index_file, of};

on_both!(
    cargo_builds_a_crate_of_the_inner_registry_with_one_identity_of_everything,
    what_changes_inside_is_seen_outside_at_once_and_dates_never_go_back,
    a_cold_crate_is_fetched_once_for_all_who_ask_outside_and_inside,
    downloads_through_the_outer_registry_count_there,
    the_outer_registry_tells_of_inner_crates_as_of_its_own,
    search_outside_finds_what_was_given_out_of_the_inner_registry,
);

/// The consumer knows the outer registry alone.
async fn cargo_builds_a_crate_of_the_inner_registry_with_one_identity_of_everything(
    database: Database,
) {
    let scene = Scene::nested(database, &[]).await;
    scene.admin.claim("inner", "acme-*", "private").await;
    let left_pad = Package::new("left-pad", "1.0.0");
    scene.first.publish(&left_pad);
    scene.second.publish(&of("second", "left-pad", "9.9.9"));
    // published with cargo, whose author knows the inner registry alone
    let author = scene.cargo("inner");
    let base = Package::new("acme-base", "1.0.0");
    let library = Package::new("acme-lib", "1.0.0")
        .depends_on(Dependency::new("acme-base", "1").registry("inner"))
        .dependency("left-pad", "1")
        .file(
            "src/lib.rs",
            "pub use acme_base::version as base;\npub use left_pad::version as pad;\n",
        );
    for package in [&base, &library] {
        let folder = author.project(package);
        let publish = ["publish", "--registry", "inner"];
        author.run(&folder, &publish).await.success();
    }

    let consumer = Package::new("consumer", "0.1.0")
        .depends_on(Dependency::new("acme-lib", "1").registry("outer"))
        .depends_on(Dependency::new("acme-base", "1").registry("outer"))
        .dependency("left-pad", "1")
        .file(
            "src/lib.rs",
            "pub use acme_base::version as base;\npub use acme_lib::pad;\npub use left_pad::version as own;\n",
        );
    let cargo = scene.cargo("outer");
    let folder = cargo.project(&consumer);
    cargo.run(&folder, &["check"]).await.success();
    let lockfile = std::fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    let outer = scene.server.index_url("outer", View::Index);
    let inner = scene.server.index_url("inner", View::Index);
    for name in ["acme-lib", "acme-base", "left-pad"] {
        let entry = format!("name = \"{name}\"\n");
        assert_eq!(lockfile.matches(&entry).count(), 1, "{lockfile}");
    }
    assert_eq!(lockfile.matches(&outer).count(), 2, "{lockfile}");
    assert!(!lockfile.contains(&inner), "{lockfile}");
    assert!(lockfile.contains(&left_pad.checksum().hex()), "{lockfile}");
    // and on a machine that has nothing yet
    cargo.forget_downloads();
    cargo.run(&folder, &["fetch", "--locked"]).await.success();
    assert_eq!(asked_about(&scene.second, "left-pad"), NOTHING);
    assert_eq!(asked_about(&scene.second, "acme-lib"), NOTHING);
}

/// What was seen of a file so far.
struct Witness {
    last: Option<Answer>,
}

impl Witness {
    /// Row V3: other bytes have another `ETag` and a later `Last-Modified`, and a client that has the former ones gets them.
    async fn see(&mut self, client: &Client, name: &str, what: &str) {
        let path = format!("/outer{}", index_file(name));
        let now = client.get(&path).await;
        if now.status == 404 {
            return;
        }
        let now = now.expect(200);
        if let Some(last) = &self.last {
            let is_same = last.body == now.body;
            assert_eq!(last.header("etag") == now.header("etag"), is_same, "{what}");
            let [before, after] = [last, &now].map(modified);
            assert!(before <= after, "{what}: {before} {after}");
            assert!(is_same || before < after, "{what}: {before} {after}");
            for (condition, validator) in [
                ("if-none-match", "etag"),
                ("if-modified-since", "last-modified"),
            ] {
                let known = last.header(validator).unwrap();
                let request = client.request(http::Method::GET, &path);
                let answer = request.header(condition, known).send().await;
                let status = if is_same { 304 } else { 200 };
                // a later date of the same bytes is sent once more
                if answer.status != 200 || !is_same || condition == "if-none-match" {
                    assert_eq!(answer.status, status, "{what}: {answer}");
                }
            }
        }
        self.last = Some(now);
    }
}

/// `Sat, 21 Nov 2026 12:17:25 GMT`, in an order.
fn modified(answer: &Answer) -> String {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let text = answer.header("last-modified").unwrap();
    let words: Vec<_> = text.split(' ').collect();
    let month = MONTHS.find(words[2]).unwrap();
    format!("{} {month:02} {} {}", words[3], words[1], words[4])
}

/// R3, V3: in memory of the outer one there is always the answer from before.
async fn what_changes_inside_is_seen_outside_at_once_and_dates_never_go_back(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene.admin.claim("inner", "acme-*", "private").await;
    let mut witness = Witness { last: None };
    let mut sees = async |what: &str, shown: &str| {
        assert_eq!(scene.index("outer", "acme-lib").await, shown, "{what}");
        assert_eq!(scene.index("inner", "acme-lib").await, shown, "{what}");
        witness.see(&scene.admin, "acme-lib", what).await;
    };
    let yank = async |yanked| {
        let yank = scene.admin.yank("inner", "acme-lib", "1.0.0", yanked);
        yank.await.expect(200);
    };
    sees("nothing", "404").await;
    scene
        .publish("inner", &Package::new("acme-lib", "1.0.0"))
        .await;
    sees("first version", "1.0.0").await;
    scene
        .publish("inner", &Package::new("acme-lib", "1.1.0"))
        .await;
    sees("second version", "1.0.0, 1.1.0").await;
    yank(true).await;
    sees("yanked", "1.0.0 yanked, 1.1.0").await;
    yank(false).await;
    sees("unyanked", "1.0.0, 1.1.0").await;
    scene
        .quarantine("inner", "acme-lib@1.1.0", "hold", "odd")
        .await;
    sees("held", "1.0.0, 1.1.0 yanked").await;
    scene.lift("inner", "acme-lib@1.1.0").await;
    sees("lifted", "1.0.0, 1.1.0").await;
    scene
        .change("inner", json!({ "block": ["acme-lib@<1.1"] }))
        .await;
    sees("blocked", "1.0.0 yanked, 1.1.0").await;
    scene.change("inner", json!({ "block": [] })).await;
    sees("not blocked", "1.0.0, 1.1.0").await;
    scene.delete("inner", "acme-lib@1.0.0").await;
    sees("deleted", "1.1.0").await;
    scene.restore("inner", "acme-lib@1.0.0").await;
    sees("restored", "1.0.0, 1.1.0").await;
    scene.delete("inner", "acme-lib").await;
    sees("all deleted", "404").await;
    scene.restore("inner", "acme-lib").await;
    sees("all restored", "1.0.0, 1.1.0").await;
    scene
        .change("outer", json!({ "block": ["acme-lib@<1.1"] }))
        .await;
    assert_eq!(
        scene.index("outer", "acme-lib").await,
        "1.0.0 yanked, 1.1.0"
    );
    scene.change("outer", json!({ "block": [] })).await;
    sees("outer's own patterns", "1.0.0, 1.1.0").await;
    // the list of upstreams: away and back, with another one in between
    scene.admin.attach("outer", json!(["second"])).await;
    assert_eq!(scene.index("outer", "acme-lib").await, "404");
    scene.admin.attach("outer", json!(["inner"])).await;
    sees("attached again", "1.0.0, 1.1.0").await;
    scene
        .publish("inner", &Package::new("acme-lib", "2.0.0"))
        .await;
    sees("third version", "1.0.0, 1.1.0, 2.0.0").await;
}

/// R7: one fetch, whichever registry it is asked of.
async fn a_cold_crate_is_fetched_once_for_all_who_ask_outside_and_inside(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let package = of("first", "left-pad", "1.0.0").ballast(300_000);
    scene.first.publish(&package);
    scene.first.hold("/dl/");
    let mut clients = JoinSet::new();
    for number in 0..40 {
        let client = scene.admin.clone();
        let registry = if number % 4 == 0 { "inner" } else { "outer" };
        clients.spawn(async move {
            client
                .download(registry, View::Index, "left-pad", "1.0.0")
                .await
        });
    }
    scene.first.wait_until_held(1).await;
    scene.first.release();
    for answer in clients.join_all().await {
        assert_eq!(answer.expect(200).body, package.crate_bytes());
    }
    assert_eq!(
        asked(&scene.first),
        [
            "/index/le/ft/left-pad",
            "/index/config.json",
            "/dl/left-pad/1.0.0/download"
        ]
    );
    assert_eq!(asked(&scene.second), NOTHING);
    // both have it in their ledgers now
    let entries = scene
        .texts(
            "SELECT r.name FROM ledger l JOIN registries r ON r.id = l.registry_id ORDER BY r.name",
        )
        .await;
    assert_eq!(entries, ["inner", "outer"]);
}

async fn downloads(scene: &Scene, registry: &str, name: &str) -> Value {
    let path = format!("/api/v1/registries/{registry}/crates/{name}");
    let detail = scene.admin.get(&path).await;
    if detail.status == 404 {
        return json!(null);
    }
    detail.expect(200).json()["downloads"].clone()
}

async fn downloads_through_the_outer_registry_count_there(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    scene
        .publish("inner", &Package::new("acme-lib", "1.0.0"))
        .await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    for name in ["acme-lib", "left-pad"] {
        for _ in 0..3 {
            scene.download("outer", name, "1.0.0").await.expect(200);
        }
        scene.download("inner", name, "1.0.0").await.expect(200);
    }
    for name in ["acme-lib", "left-pad"] {
        eventually("the counts", async || {
            downloads(&scene, "outer", name).await == 3
                && downloads(&scene, "inner", name).await == 1
        })
        .await;
    }
}

/// What tools read of a crate: details, versions, what cargo prints of it.
async fn the_outer_registry_tells_of_inner_crates_as_of_its_own(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let library = Package::new("acme-lib", "1.0.0").dependency("left-pad", "1");
    scene.publish("inner", &library).await;
    scene
        .publish("inner", &Package::new("acme-lib", "1.1.0"))
        .await;
    scene.gets("outer", &library).await;
    scene
        .quarantine("inner", "acme-lib@1.1.0", "block", "odd")
        .await;
    let path = "/api/v1/registries/outer/crates/acme-lib";
    let detail = scene.admin.get(path).await.expect(200).json();
    assert_eq!(detail["source"], "cached", "{detail}");
    let versions = scene.admin.get(&format!("{path}/versions")).await;
    let versions = versions.expect(200).json();
    let states: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (
                item["version"].as_str().unwrap(),
                item["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(states.contains(&("1.0.0", "available")), "{versions}");
    assert!(states.contains(&("1.1.0", "blocked")), "{versions}");
    let read = scene.admin.get("/outer/api/v1/crates/acme-lib").await;
    assert_eq!(read.expect(200).json()["crate"]["name"], "acme-lib");
    // yank and owners are the inner registry's
    let yank = scene.admin.yank("outer", "acme-lib", "1.0.0", true).await;
    let told = yank.expect(404).detail().unwrap();
    assert!(told.contains("served from upstream `inner`"), "{told}");
    let cargo = scene.cargo("outer");
    if cargo.is_at_least("1.82") {
        let info = ["info", "acme-lib", "--registry", "outer"];
        let info = cargo.run(cargo.root(), &info).await.success().stdout;
        assert!(info.contains("version: 1.0.0"), "{info}");
    }
}

/// P11: hosted inside or cached there; nobody outside is asked, and what is kept back inside is not told to be open.
async fn search_outside_finds_what_was_given_out_of_the_inner_registry(database: Database) {
    let scene = Scene::nested(database, &[]).await;
    let described = Package::new("acme-lib", "1.0.0").field("description", "pads to the left");
    scene.publish("inner", &described).await;
    scene
        .publish("inner", &Package::new("acme-lib", "1.1.0"))
        .await;
    scene
        .publish("inner", &Package::new("acme-other", "1.0.0"))
        .await;
    scene.first.publish(&of("first", "left-pad", "1.0.0"));
    let found = async |text: &str| {
        let path = format!("/outer/api/v1/crates?q={text}");
        let page = scene.admin.get(&path).await.expect(200).json();
        let crates = page["crates"].as_array().unwrap().clone();
        assert_eq!(page["meta"]["total"], crates.len());
        let names = crates.iter().map(|found| {
            let [name, version] = ["name", "max_version"].map(|key| found[key].as_str().unwrap());
            format!("{name} {version}")
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!(found("").await, NOTHING);
    for (name, version) in [("acme-lib", "1.0.0"), ("left-pad", "1.0.0")] {
        scene.download("outer", name, version).await.expect(200);
    }
    scene.first.clear_requests();
    eventually("both", async || found("").await.len() == 2).await;
    assert_eq!(found("left-pad").await, ["left-pad 1.0.0"]);
    let library = found("acme").await;
    assert_eq!(library.len(), 1, "{library:?}");
    assert!(library[0].starts_with("acme-lib 1."), "{library:?}");
    assert_eq!(asked(&scene.first), NOTHING);
    assert_eq!(asked(&scene.second), NOTHING);
    // what the outer one does not read any more is not found there
    let narrow = json!([{ "name": "inner", "except": ["acme-*"] }]);
    scene.admin.attach("outer", narrow).await;
    assert_eq!(found("acme").await, NOTHING);
    scene.admin.attach("outer", json!([])).await;
    assert_eq!(found("").await, NOTHING);
}
