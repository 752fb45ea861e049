//! Dependencies at publish: which registry stands in the index for each.

use serde_json::{Value, json};
use supercargo_testkit::{Database, Dependency, Package, Server, View, on_both};

use crate::scene::Scene;

on_both!(
    this_registry_is_null_in_each_of_its_views_and_under_its_former_addresses,
    another_registry_of_this_server_follows_its_address,
    a_dependency_on_crates_io_that_is_private_here_is_a_forgotten_registry,
    a_registry_that_is_hidden_or_unknown_is_refused_alike,
    cargo_builds_what_depends_on_two_registries_and_on_the_hosted_view,
);

const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";
const FORMER: &str = "http://old.example:8080/cargo";

/// The `registry` of each dependency of a crate's only version, by the dependency's name.
async fn registries(scene: &Scene, view: View, name: &str) -> Value {
    let answer = scene.admin.index("acme", view, name).await.expect(200);
    let line = answer.json_lines().remove(0);
    let dependencies = line["deps"].as_array().unwrap();
    dependencies
        .iter()
        .map(|dependency| {
            let name = dependency["name"].as_str().unwrap().to_owned();
            (name, dependency["registry"].clone())
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn this_registry_is_null_in_each_of_its_views_and_under_its_former_addresses(
    database: Database,
) {
    let scene = Scene::with_settings(database, &[("previous_public_urls", FORMER)]).await;
    let foreign = "sparse+https://registry.example/index/";
    let own = |view| scene.server.index_url("acme", view);
    let package = Package::new("acme-app", "1.0.0")
        .depends_on(Dependency::new("by-index", "1").same_registry(&own(View::Index)))
        .depends_on(Dependency::new("by-mirror", "1").registry_index(&own(View::Mirror)))
        .depends_on(Dependency::new("by-hosted", "1").registry_index(&own(View::Hosted)))
        .depends_on(
            Dependency::new("by-former", "1")
                .registry_index(&format!("sparse+{FORMER}/acme/index/")),
        )
        .depends_on(Dependency::new("public", "1"))
        .depends_on(Dependency::new("foreign", "1").registry_index(foreign));
    scene.publish(&package).await;
    assert_eq!(
        registries(&scene, View::Index, "acme-app").await,
        json!({
            "by-index": null,
            "by-mirror": null,
            "by-hosted": null,
            "by-former": null,
            "public": CRATES_IO,
            "foreign": foreign,
        })
    );
    // `null` would mean the hosted crates alone there
    assert_eq!(
        registries(&scene, View::Hosted, "acme-app").await,
        json!({
            "by-index": own(View::Index),
            "by-mirror": own(View::Index),
            "by-hosted": own(View::Index),
            "by-former": own(View::Index),
            "public": CRATES_IO,
            "foreign": foreign,
        })
    );
}

async fn another_registry_of_this_server_follows_its_address(database: Database) {
    let mut scene = Scene::start(database).await;
    scene.admin.create_registry(json!({ "name": "beta" })).await;
    let beta = |server: &Server| server.index_url("beta", View::Index);
    let before = beta(&scene.server);
    let package = Package::new("acme-app", "1.0.0")
        .depends_on(Dependency::new("beta-lib", "1").registry_index(&before));
    scene.publish(&package).await;
    for view in [View::Index, View::Hosted] {
        assert_eq!(
            registries(&scene, view, "acme-app").await,
            json!({ "beta-lib": before })
        );
    }

    let former = scene.server.url();
    scene.server.change_options(|options| {
        options
            .setting("public_url", "https://crates.acme.example/cargo")
            .setting("previous_public_urls", &former)
    });
    scene.server.restart().await;
    let after = beta(&scene.server);
    assert_eq!(
        after,
        "sparse+https://crates.acme.example/cargo/beta/index/"
    );
    for view in [View::Index, View::Hosted] {
        assert_eq!(
            registries(&scene, view, "acme-app").await,
            json!({ "beta-lib": after })
        );
    }
    // whoever still has the former address in their configuration
    let package = Package::new("acme-late", "1.0.0")
        .depends_on(Dependency::new("beta-lib", "1").registry_index(&before));
    scene.publish(&package).await;
    assert_eq!(
        registries(&scene, View::Index, "acme-late").await,
        json!({ "beta-lib": after })
    );
}

/// With the real cargo, which cannot know; the line to add is in what it prints.
async fn a_dependency_on_crates_io_that_is_private_here_is_a_forgotten_registry(
    database: Database,
) {
    let scene = Scene::start(database).await;
    scene.admin.claim("acme", "acme-*", "private").await;
    scene.publish(&Package::new("acme-tool", "1.2.0")).await;
    scene.publish(&Package::new("without-claim", "1.0.0")).await;
    scene.admin.claim("acme", "forked", "fork").await;
    scene.publish(&Package::new("forked", "1.0.0")).await;

    for (name, spelling) in [
        ("acme-tool", "acme-tool"),
        ("without-claim", "Without_Claim"),
    ] {
        let package = Package::new("acme-app", "1.0.0").dependency(spelling, "1");
        let refused = scene.admin.publish("acme", &package).await.expect(400);
        assert_eq!(
            refused.code().as_deref(),
            Some("forgotten-registry"),
            "{name}"
        );
    }
    // what is never hosted is a private name all the same
    let package = Package::new("acme-app", "1.0.0").dependency("acme-never", "1");
    scene.admin.publish("acme", &package).await.expect(400);
    // a fork leaves the name to crates.io elsewhere
    let package = Package::new("acme-fine", "1.0.0").dependency("forked", "1");
    scene.publish(&package).await;

    // crates.io has one of that name too: the confusion that this is about
    let crates_io = supercargo_testkit::FakeUpstream::start();
    crates_io.publish(&Package::new("acme-tool", "1.9.9"));
    let cargo = scene.cargo().as_crates_io(&crates_io.index_url());
    let folder = cargo.project(&Package::new("acme-app", "1.0.0").dependency("acme-tool", "1"));
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    let refused = cargo.run(&folder, &publish).await.failure();
    insta::assert_snapshot!(refused.refusal(), @r#"400 Bad Request: dependency `acme-tool` says crates.io, but `acme-tool` is a private crate of registry `acme`; write `acme-tool = { version = "^1", registry = "acme" }` in `Cargo.toml`"#);
    scene.index("acme-app").await.expect(404);
}

async fn a_registry_that_is_hidden_or_unknown_is_refused_alike(database: Database) {
    let scene = Scene::start(database).await;
    scene.admin.claim("acme", "acme-*", "private").await;
    scene
        .admin
        .create_registry(json!({ "name": "hidden" }))
        .await;
    let alice = scene
        .admin
        .person("alice", "acme", "publisher", &["publish"])
        .await;
    let refusal = async |registry: &str| {
        let url = scene.server.index_url(registry, View::Index);
        let package = Package::new("acme-app", "1.0.0")
            .depends_on(Dependency::new("lib", "1").registry_index(&url));
        let refused = alice.publish("acme", &package).await.expect(400);
        refused.text().replace(registry, "[REGISTRY]")
    };
    let hidden = refusal("hidden").await;
    assert_eq!(hidden, refusal("nowhere").await);
    assert!(hidden.contains("unknown-dependency-registry"), "{hidden}");
    scene.index("acme-app").await.expect(404);
}

async fn cargo_builds_what_depends_on_two_registries_and_on_the_hosted_view(database: Database) {
    let scene = Scene::start(database).await;
    scene.admin.create_registry(json!({ "name": "beta" })).await;
    scene.admin.claim("acme", "acme-*", "private").await;
    scene.upstream.publish(&Package::new("left-pad", "1.0.0"));
    let cargo = scene
        .cargo_with("acme", View::Index)
        .registry("hosted", &scene.server.index_url("acme", View::Hosted))
        .token("hosted", scene.server.admin_token())
        .registry("beta", &scene.server.index_url("beta", View::Index))
        .token("beta", scene.server.admin_token());
    let run = async |package: &Package, arguments: &[&str]| {
        let folder = cargo.project(package);
        cargo.run(&folder, arguments).await.success()
    };
    let lib = Package::new("beta-lib", "1.0.0");
    run(&lib, &["publish", "--registry", "beta"]).await;
    let middle = Package::new("acme-middle", "1.0.0")
        .depends_on(Dependency::new("beta-lib", "1").registry("beta"))
        .depends_on(Dependency::new("left-pad", "1").registry("acme"));
    run(&middle, &["publish", "--registry", "acme"]).await;
    let consumer = |name: &str, from: &str| {
        Package::new(name, "0.1.0")
            .depends_on(Dependency::new("acme-middle", "1").registry(from))
            .file("src/lib.rs", "pub use acme_middle::version;\n")
    };
    run(&consumer("by-index", "acme"), &["check"]).await;
    run(&consumer("by-hosted", "hosted"), &["check"]).await;
}
