//! Who pulled a version, from everywhere.

use supercargo_testkit::{Client, Database, Package, on_both};

use crate::scene::{Scene, download, items, told};

on_both!(
    a_requirement_finds_every_reader_of_what_fits_in_every_registry,
    a_long_report_comes_page_by_page,
    admins_of_a_registry_see_its_readers_alone,
);

const FIELDS: [&str; 4] = ["registry", "version", "principal", "total"];

async fn exposed(who: &Client, query: &str) -> Vec<String> {
    let items = items(who, &format!("/api/v1/exposure?crate={query}")).await;
    told(&items, &FIELDS)
}

/// V7 (exposure report).
async fn a_requirement_finds_every_reader_of_what_fits_in_every_registry(database: Database) {
    let scene = Scene::start(database).await;
    let alice = scene
        .admin
        .person("alice", "acme", "reader", &["read"])
        .await;
    for version in ["1.9.0-rc.1", "1.9.0", "2.0.0", "10.0.0"] {
        scene.publish("acme", "My_Crate", version).await;
    }
    scene.publish("other", "my-crate", "1.9.0").await;
    download(&alice, "acme", "My_Crate", "1.9.0").await;
    download(&alice, "acme", "my_crate", "1.9.0-rc.1").await;
    download(&alice, "acme", "my_crate", "10.0.0").await;
    for _ in 0..2 {
        download(&scene.admin, "acme", "my_crate", "2.0.0").await;
    }
    download(&scene.server.anonymous(), "other", "my-crate", "1.9.0").await;

    let admin = &scene.admin;
    assert_eq!(
        exposed(admin, "MY-CRATE").await,
        [
            "acme 10.0.0 alice 1",
            "acme 2.0.0 admin 2",
            "acme 1.9.0 alice 1",
            "acme 1.9.0-rc.1 alice 1",
            "other 1.9.0 - 1"
        ],
        "the highest version first"
    );
    let below_two = [
        "acme 1.9.0 alice 1",
        "acme 1.9.0-rc.1 alice 1",
        "other 1.9.0 - 1",
    ];
    assert_eq!(exposed(admin, "my-crate&version=%3C2").await, below_two);
    let exact = ["acme 1.9.0 alice 1", "other 1.9.0 - 1"];
    assert_eq!(exposed(admin, "my-crate&version=1.9.0").await, exact);
    assert_eq!(exposed(admin, "my-crate&version=3.0.0").await, [""; 0]);
    assert_eq!(exposed(admin, "unknown").await, [""; 0]);
    // what is gone has been pulled all the same
    let delete = "/api/v1/registries/acme/crates/My_Crate";
    scene.admin.delete(delete).await.expect(204);
    scene
        .admin
        .delete(&format!("{delete}?purge=true"))
        .await
        .expect(204);
    assert_eq!(exposed(admin, "my-crate").await.len(), 5);
}

async fn a_long_report_comes_page_by_page(database: Database) {
    let scene = Scene::start(database).await;
    scene.publish("acme", "demo", "1.0.0").await;
    scene.publish("acme", "demo", "1.1.0").await;
    let mut expected = Vec::new();
    for name in ["a", "b", "c"] {
        let person = scene.admin.person(name, "acme", "reader", &["read"]).await;
        download(&person, "acme", "demo", "1.0.0").await;
        download(&person, "acme", "demo", "1.1.0").await;
    }
    for version in ["1.1.0", "1.0.0"] {
        expected.extend(["a", "b", "c"].map(|name| format!("acme {version} {name} 1")));
    }
    for limit in 1..=7 {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..=6 {
            let path = format!("/api/v1/exposure?crate=demo&limit={limit}");
            let path = match &cursor {
                Some(cursor) => format!("{path}&cursor={}", cursor.replace(' ', "%20")),
                None => path,
            };
            let page = scene.admin.get(&path).await.expect(200).json();
            assert_eq!(page["total"], 6);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            seen.extend(told(items, &FIELDS));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((seen, cursor), (expected.clone(), None), "limit {limit}");
    }
}

async fn admins_of_a_registry_see_its_readers_alone(database: Database) {
    let scene = Scene::start(database).await;
    for registry in ["acme", "other"] {
        scene.publish(registry, "demo", "1.0.0").await;
        download(&scene.admin, registry, "demo", "1.0.0").await;
    }
    let ada = scene.admin.person("ada", "acme", "admin", &["admin"]).await;
    assert_eq!(exposed(&ada, "demo").await, ["acme 1.0.0 admin 1"]);
    let pulls =
        |registry: &str| format!("/api/v1/registries/{registry}/crates/demo/versions/1.0.0/pulls");
    let own = items(&ada, &pulls("acme")).await;
    assert_eq!(told(&own, &FIELDS), ["acme 1.0.0 admin 1"]);
    ada.get(&pulls("other")).await.expect(403);
    ada.get(&pulls("main")).await.expect(404);
    let package = Package::new("demo", "2.0.0");
    scene.admin.publish("acme", &package).await.expect(200);
    assert_eq!(
        exposed(&ada, "demo&version=2.0.0").await,
        [""; 0],
        "nobody yet"
    );
    scene
        .server
        .anonymous()
        .get("/api/v1/exposure?crate=demo")
        .await
        .expect(401);
}
