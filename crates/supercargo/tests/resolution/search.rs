//! P11 and "The URLs" for crates of an upstream: what was given out is found and told, and nobody outside is asked for it.

use serde_json::{Value, json};
use supercargo_testkit::{Client, Database, Dependency, Fault, Package, View, eventually, on_both};

use crate::scene::{Scene, index_file};

on_both!(
    crates_that_were_given_out_are_found_without_a_question,
    names_that_are_kept_from_upstream_are_not_found_there,
    a_crate_of_an_upstream_is_told_as_its_index_tells_it,
    the_readme_of_what_is_stored_is_told_and_of_nothing_else,
);

async fn read(client: &Client, path: &str) -> Value {
    let answer = client.get(&format!("/acme/api/v1/crates{path}")).await;
    answer.expect(200).json()
}

async fn found(scene: &Scene, text: &str) -> Vec<String> {
    let page = read(&scene.admin, &format!("?q={text}&per_page=100")).await;
    let crates = page["crates"].as_array().unwrap();
    assert_eq!(page["meta"]["total"], crates.len());
    let names = crates.iter();
    names
        .map(|found| {
            format!(
                "{} {}",
                found["name"].as_str().unwrap(),
                found["max_version"].as_str().unwrap()
            )
        })
        .collect()
}

/// Downloads it; the client may have it whole a moment before it is stored.
async fn give_out(scene: &Scene, view: View, name: &str, version: &str) {
    let download = scene.admin.download("acme", view, name, version);
    download.await.expect(200);
    eventually("it is stored", async || {
        let told = read(&scene.admin, &format!("/{name}/{version}")).await;
        !told["version"]["crate_size"].is_null()
    })
    .await;
}

/// P11.
async fn crates_that_were_given_out_are_found_without_a_question(database: Database) {
    let scene = Scene::start(database).await;
    let about = "pads\n\u{7}to the left";
    for package in [
        Package::new("Left_Pad", "1.0.0").field("description", about),
        Package::new("Left_Pad", "1.1.0").published_at("2026-01-02T03:04:05Z"),
        Package::new("Left_Pad", "2.0.0").yanked(),
        Package::new("left-alone", "1.0.0"),
        Package::new("padding", "1.0.0"),
    ] {
        scene.upstream.publish(&package);
    }
    scene.publish(&Package::new("keypad", "0.1.0")).await;
    // looked at, and not given out
    scene.index("left-alone").await.expect(200);
    assert_eq!(found(&scene, "").await, ["keypad 0.1.0"]);
    give_out(&scene, View::Index, "left_pad", "1.0.0").await;
    give_out(&scene, View::Mirror, "padding", "1.0.0").await;

    scene.upstream.clear_requests();
    assert_eq!(
        found(&scene, "pad").await,
        ["keypad 0.1.0", "padding 1.0.0", "Left_Pad 1.1.0"],
        "hosted ones first; the highest that is not yanked, whatever was given out"
    );
    eventually("its description is known", async || {
        found(&scene, "to%20the%20left").await == ["Left_Pad 1.1.0"]
    })
    .await;
    let page = read(&scene.admin, "?q=left-pad").await;
    let item = &page["crates"][0];
    assert_eq!(
        item["description"], "pads  to the left",
        "in one plain line"
    );
    assert_eq!(item["exact_match"], true);
    assert_eq!(
        (&item["num_versions"], &item["downloads"]),
        (&json!(3), &json!(1))
    );
    for (query, expected) in [
        ("?q=pad&per_page=2&page=2", "Left_Pad"),
        ("?q=pad&per_page=1&page=2", "padding"),
    ] {
        let page = read(&scene.admin, query).await;
        assert_eq!(
            (&page["crates"][0]["name"], &page["meta"]["total"]),
            (&json!(expected), &json!(3))
        );
    }
    assert_eq!(scene.asked(), [""; 0]);

    let cargo = scene.cargo();
    let search = ["search", "left", "--registry", "acme"];
    let listed = cargo.run(cargo.root(), &search).await.success().stdout;
    assert_eq!(listed, "Left_Pad = \"1.1.0\"    # pads  to the left\n");
    if cargo.is_at_least("1.82") {
        // by its exact name: older ones know no other spelling
        let info = ["info", "Left_Pad", "--registry", "acme"];
        let info = cargo.run(cargo.root(), &info).await.success().stdout;
        assert!(info.contains("version: 1.1.0"), "{info}");
    }
}

/// R4: what is private or forked here is not told to be somebody else's.
async fn names_that_are_kept_from_upstream_are_not_found_there(database: Database) {
    let scene = Scene::start(database).await;
    for name in ["acme-one", "acme-two", "acme-three", "free"] {
        scene.upstream.publish(&Package::new(name, "1.0.0"));
        give_out(&scene, View::Index, name, "1.0.0").await;
    }
    assert_eq!(found(&scene, "").await.len(), 4);
    scene.admin.claim("acme", "acme-one", "private").await;
    scene.admin.claim("acme", "acme-two", "fork").await;
    assert_eq!(found(&scene, "").await, ["acme-three 1.0.0", "free 1.0.0"]);
    scene.publish(&Package::new("acme-two", "7.0.0")).await;
    let all = ["acme-two 7.0.0", "acme-three 1.0.0", "free 1.0.0"];
    assert_eq!(found(&scene, "").await, all);
    let only = json!([{ "name": "partner", "except": ["free"] }]);
    scene.admin.attach("acme", only).await;
    assert_eq!(found(&scene, "").await, all[..2]);
    scene.admin.attach("acme", json!([])).await;
    assert_eq!(found(&scene, "").await, all[..1]);
}

async fn a_crate_of_an_upstream_is_told_as_its_index_tells_it(database: Database) {
    let scene = Scene::start(database).await;
    let first = Package::new("Left_Pad", "1.0.0")
        .published_at("2026-01-02T03:04:05Z")
        .feature("wide", &["dep:helper"])
        .depends_on(Dependency::new("helper", "0.3").optional());
    scene.upstream.publish(&first);
    scene
        .upstream
        .publish(&Package::new("Left_Pad", "2.0.0").yanked());
    let told = read(&scene.admin, "/left_pad").await;
    assert_eq!(
        scene.asked_about("left_pad").len(),
        1,
        "as an index read would"
    );
    assert_eq!(told["crate"]["name"], "Left_Pad");
    assert_eq!(
        (
            &told["crate"]["max_version"],
            &told["crate"]["newest_version"]
        ),
        (&json!("1.0.0"), &json!("1.0.0"))
    );
    let [later, version] = &told["versions"].as_array().unwrap()[..] else {
        panic!("{told}");
    };
    assert_eq!(
        (&later["yanked"], &later["crate_size"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(version["created_at"], "2026-01-02T03:04:05Z");
    assert_eq!(version["features"]["wide"], json!(["dep:helper"]));
    assert_eq!(version["checksum"], first.checksum().to_string());
    assert_ne!(version["id"], later["id"]);
    assert!(version["id"].as_u64().unwrap() < 1 << 53);

    let needed = read(&scene.admin, "/left_pad/1.0.0/dependencies").await;
    assert_eq!(needed["dependencies"][0]["crate_id"], "helper");
    give_out(&scene, View::Index, "left_pad", "1.0.0").await;
    let told = read(&scene.admin, "/left_pad/1.0.0").await;
    assert_eq!(told["version"]["crate_size"], first.crate_bytes().len());
    let absent = scene.admin.get("/acme/api/v1/crates/missing").await;
    assert_eq!(absent.expect(404).code().as_deref(), Some("no-such-crate"));
    scene
        .upstream
        .fault(&index_file("broken"), Fault::Status(500));
    let broken = scene.admin.get("/acme/api/v1/crates/broken").await;
    assert_eq!(
        broken.expect(502).code().as_deref(),
        Some("upstream-failed")
    );

    // hosted crates that need it
    scene
        .publish(&Package::new("app", "1.0.0").dependency("left-pad", "1"))
        .await;
    let needed = read(&scene.admin, "/left_pad/reverse_dependencies").await;
    assert_eq!(needed["versions"][0]["crate"], "app");
}

async fn the_readme_of_what_is_stored_is_told_and_of_nothing_else(database: Database) {
    let scene = Scene::start(database).await;
    let package = Package::new("left-pad", "1.0.0").file("README.md", "# Left");
    scene.upstream.publish(&package);
    scene.upstream.publish(&Package::new("left-pad", "1.1.0"));
    // a checksum that an upstream only lists must not open a crate of ours
    let secret = Package::new("vault", "1.0.0").file("README.md", "# Secret");
    scene.publish(&secret).await;
    let mut line = Package::new("thief", "1.0.0").index_line();
    line["cksum"] = json!(secret.checksum().to_string());
    scene.upstream.publish_line("thief", &line.to_string());

    let readme = async |name: &str, version: &str| {
        let path = format!("/acme/api/v1/crates/{name}/{version}/readme");
        scene.admin.get(&path).await
    };
    assert_eq!(
        readme("vault", "1.0.0").await.expect(200).text(),
        "# Secret"
    );
    readme("thief", "1.0.0").await.expect(404);
    scene.upstream.clear_requests();
    readme("left-pad", "1.0.0").await.expect(404);
    assert_eq!(
        scene.asked(),
        [index_file("left-pad")],
        "nothing is fetched"
    );
    for version in ["1.0.0", "1.1.0"] {
        give_out(&scene, View::Index, "left-pad", version).await;
    }
    assert_eq!(
        readme("left-pad", "1.0.0").await.expect(200).text(),
        "# Left"
    );
    readme("left-pad", "1.1.0").await.expect(404);
}
