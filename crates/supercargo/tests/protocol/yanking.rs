//! Row P9: a yank is a flag that shows at once, and takes nothing away from those who have the version.

use insta::assert_snapshot;
use supercargo_testkit::{Client, Database, Dependency, Package, View, on_both};

use crate::world::{cargo, locked, server, write_program};

on_both!(
    yank_and_unyank_show_at_once_and_do_no_harm_twice,
    what_is_not_there_cannot_be_yanked,
    a_yanked_version_still_builds_by_lockfile,
);

async fn flags(client: &Client) -> String {
    let index = client
        .index("acme", View::Index, "acme-core")
        .await
        .expect(200);
    let flag =
        |line: &serde_json::Value| format!("{} {}", line["vers"].as_str().unwrap(), line["yanked"]);
    index
        .json_lines()
        .iter()
        .map(flag)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Row P9; a `+` arrives as it is, or encoded.
async fn yank_and_unyank_show_at_once_and_do_no_harm_twice(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for version in ["1.0.0", "1.1.0+build.7"] {
        let package = Package::new("acme-core", version);
        admin.publish("acme", &package).await.expect(200);
    }
    let before = admin
        .index("acme", View::Index, "acme-core")
        .await
        .expect(200);
    for _ in 0..2 {
        let answer = admin.yank("acme", "acme-core", "1.1.0+build.7", true).await;
        assert_eq!(answer.expect(200).text(), r#"{"ok":true}"#);
        assert_eq!(flags(&admin).await, "1.0.0 false, 1.1.0+build.7 true");
    }
    for _ in 0..2 {
        let answer = admin
            .yank("acme", "ACME-core", "1.1.0%2Bbuild.7", false)
            .await;
        assert_eq!(answer.expect(200).text(), r#"{"ok":true}"#);
        assert_eq!(flags(&admin).await, "1.0.0 false, 1.1.0+build.7 false");
    }
    let after = admin
        .index("acme", View::Index, "acme-core")
        .await
        .expect(200);
    // the time of publishing among it
    assert_eq!(after.body, before.body);

    let cargo = cargo(&server, &["acme"]);
    let arguments = ["yank", "acme-core@1.1.0+build.7", "--registry", "acme"];
    cargo.run(cargo.root(), &arguments).await.success();
    assert_eq!(flags(&admin).await, "1.0.0 false, 1.1.0+build.7 true");
}

/// Row P9.
async fn what_is_not_there_cannot_be_yanked(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let core = Package::new("acme-core", "1.0.0+a");
    admin.publish("acme", &core).await.expect(200);
    let mut said = Vec::new();
    for (name, version) in [
        ("acme-core", "9.9.9"),
        ("acme-core", "no-version"),
        ("acme-none", "1.0.0"),
        ("acme_core", "1.0.0+a"),
        ("9", "1.0.0"),
    ] {
        for yanked in [true, false] {
            let answer = admin.yank("acme", name, version, yanked).await.expect(404);
            said.push(answer.detail().unwrap());
        }
    }
    said.dedup();
    assert_snapshot!(said.join("\n"), @r#"
    crate `acme-core` does not have a version `9.9.9` in registry `acme`
    crate `acme-core` does not have a version `no-version` in registry `acme`
    crate `acme-none` does not exist in registry `acme`
    crate `acme_core` does not exist in registry `acme`
    crate `9` does not exist in registry `acme`
    "#);
    assert_eq!(flags(&admin).await, "1.0.0+a false");
    let cargo = cargo(&server, &["acme"]);
    let arguments = ["yank", "acme-core@9.9.9", "--registry", "acme"];
    let outcome = cargo.run(cargo.root(), &arguments).await.failure();
    assert_snapshot!(outcome.refusal(), @"404 Not Found: crate `acme-core` does not have a version `9.9.9` in registry `acme`");
}

/// Row P9.
async fn a_yanked_version_still_builds_by_lockfile(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let index = server.index_url("acme", View::Index);
    let core = Package::new("acme-core", "1.0.0");
    let user = Package::new("acme-user", "1.0.0")
        .depends_on(Dependency::new("acme-core", "1").same_registry(&index));
    for package in [&core, &user, &core.clone().with_version("1.1.0")] {
        admin.publish("acme", package).await.expect(200);
    }
    let cargo = cargo(&server, &["acme"]);
    let app = cargo.folder("app");
    let dependencies = "acme-user = { version = \"1\", registry = \"acme\" }\nacme-core = { version = \"1\", registry = \"acme\" }";
    write_program(
        &app,
        dependencies,
        "println!(\"{}\", acme_core::version());",
    );
    cargo.run(&app, &["generate-lockfile"]).await.success();
    assert_eq!(locked(&app, "acme-core"), ["1.1.0"]);
    admin
        .yank("acme", "acme-core", "1.1.0", true)
        .await
        .expect(200);
    cargo.forget_downloads();
    let ran = cargo.run(&app, &["run", "--locked"]).await.success();
    assert_eq!(ran.stdout, "1.1.0\n");
    std::fs::remove_file(app.join("Cargo.lock")).unwrap();
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(ran.stdout, "1.0.0\n");
    // who asks for it by its number gets it, from a cargo that lets them
    let precise = ["update", "-p", "acme-core", "--precise", "1.1.0"];
    let outcome = cargo.run(&app, &precise).await;
    if cargo.is_at_least("1.80") {
        outcome.success();
        assert_eq!(locked(&app, "acme-core"), ["1.1.0"]);
    } else {
        outcome.failure();
        assert_eq!(locked(&app, "acme-core"), ["1.0.0"]);
    }
    admin
        .yank("acme", "acme-core", "1.0.0", true)
        .await
        .expect(200);
    std::fs::remove_file(app.join("Cargo.lock")).unwrap();
    let outcome = cargo.run(&app, &["run"]).await.failure();
    // older ones say that there is none
    let said = outcome.messages();
    let why = ["is yanked", "no matching package named `acme-core` found"];
    assert!(why.iter().any(|why| said.contains(why)), "{said}");
}
