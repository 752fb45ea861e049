//! Rows P6 and P7: a version is there when the answer is, and stays what it is.

use std::{path::Path, sync::Arc};

use http::StatusCode;
use insta::assert_snapshot;
use supercargo_testkit::{Cargo, Client, Database, Package, View, on_both};
use tokio::{sync::Barrier, task::JoinSet};

use crate::world::{cargo, server, write_program};

on_both!(
    a_version_is_in_the_index_when_the_answer_arrives,
    a_version_never_changes,
    of_twenty_at_once_exactly_one_wins,
    twenty_versions_at_once_are_all_listed,
);

/// Row P6, with the view warm and cold, and for someone else.
async fn a_version_is_in_the_index_when_the_answer_arrives(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let reader = admin.person("reader", "acme", "reader", &["read"]).await;
    let mut expected = Vec::new();
    for patch in 0..20 {
        let package = Package::new("acme-core", &format!("1.0.{patch}"));
        let answer = admin.publish("acme", &package).await.expect(200);
        expected.push(format!("1.0.{patch}"));
        assert_eq!(
            answer.text(),
            r#"{"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}"#
        );
        for view in [View::Index, View::Hosted] {
            assert_eq!(reader.listed("acme", view, "acme-core").await, expected);
        }
        assert!(
            reader
                .listed("acme", View::Mirror, "acme-core")
                .await
                .is_empty()
        );
        let bytes = reader
            .download("acme", View::Index, "acme-core", package.version())
            .await;
        assert_eq!(bytes.expect(200).body, package.crate_bytes());
    }
}

/// Row P7.
async fn a_version_never_changes(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let first = Package::new("acme-core", "1.0.0+a");
    admin.publish("acme", &first).await.expect(200);
    let index = admin
        .index("acme", View::Index, "acme-core")
        .await
        .expect(200);
    let mut said = Vec::new();
    for other in [
        first.clone(),
        Package::new("acme-core", "1.0.0+a").file("src/lib.rs", "// other bytes"),
        Package::new("acme-core", "1.0.0+b"),
        Package::new("acme-core", "1.0.0"),
    ] {
        let answer = admin.publish("acme", &other).await.expect(409);
        said.push(format!(
            "{} {}",
            answer.code().unwrap(),
            answer.detail().unwrap()
        ));
    }
    admin
        .yank("acme", "acme-core", "1.0.0+a", true)
        .await
        .expect(200);
    admin.publish("acme", &first).await.expect(409);
    admin
        .yank("acme", "acme-core", "1.0.0+a", false)
        .await
        .expect(200);
    assert_snapshot!(said.join("\n"), @r#"
    version-exists crate version `1.0.0+a` is already uploaded: `acme-core@1.0.0+a` already exists in registry `acme` and versions never change; publish a new version number
    version-exists crate version `1.0.0+a` is already uploaded: `acme-core@1.0.0+a` already exists in registry `acme` and versions never change; publish a new version number
    version-exists crate version `1.0.0+b` is already uploaded: `acme-core@1.0.0+a` already exists in registry `acme` and versions never change; publish a new version number
    version-exists crate version `1.0.0` is already uploaded: `acme-core@1.0.0+a` already exists in registry `acme` and versions never change; publish a new version number
    "#);
    let now = admin
        .index("acme", View::Index, "acme-core")
        .await
        .expect(200);
    assert_eq!(now.body, index.body);
    let bytes = admin
        .download("acme", View::Index, "acme-core", "1.0.0+a")
        .await;
    assert_eq!(bytes.expect(200).body, first.crate_bytes());
}

/// All of these at once; the statuses, in the order of the packages.
async fn publish_at_once(client: &Client, packages: &[Package]) -> Vec<StatusCode> {
    let start = Arc::new(Barrier::new(packages.len()));
    let mut publishes = JoinSet::new();
    for (at, package) in packages.iter().enumerate() {
        let (client, frame, start) = (client.clone(), package.frame(), start.clone());
        publishes.spawn(async move {
            start.wait().await;
            (at, client.publish_frame("acme", frame).await.status)
        });
    }
    let mut statuses = publishes.join_all().await;
    statuses.sort_by_key(|(at, _)| *at);
    statuses.into_iter().map(|(_, status)| status).collect()
}

/// Row P7: of a new crate, where the first one also makes its name.
async fn of_twenty_at_once_exactly_one_wins(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let packages: Vec<_> = (0..20)
        .map(|at| {
            let version = format!("1.0.0+{at}");
            Package::new("acme-race", &version).file("src/lib.rs", format!("// {at}"))
        })
        .collect();
    let statuses = publish_at_once(&admin, &packages).await;
    let (won, lost): (Vec<_>, Vec<_>) = packages
        .iter()
        .zip(&statuses)
        .partition(|(_, status)| **status == StatusCode::OK);
    assert_eq!(won.len(), 1, "{statuses:?}");
    assert!(
        lost.iter()
            .all(|(_, status)| **status == StatusCode::CONFLICT),
        "{statuses:?}"
    );
    let winner = won[0].0;
    assert_eq!(
        admin.listed("acme", View::Index, "acme-race").await,
        [winner.version()]
    );
    let bytes = admin
        .download("acme", View::Index, "acme-race", winner.version())
        .await;
    assert_eq!(bytes.expect(200).body, winner.crate_bytes());

    // the same bytes as well: a publish that is sent twice is no other one
    let same = vec![Package::new("acme-same", "1.0.0"); 20];
    let statuses = publish_at_once(&admin, &same).await;
    let won = statuses.iter().filter(|status| **status == StatusCode::OK);
    assert_eq!(won.count(), 1, "{statuses:?}");
    let bytes = admin
        .download("acme", View::Index, "acme-same", "1.0.0")
        .await;
    assert_eq!(bytes.expect(200).body, same[0].crate_bytes());
}

/// Row P6: no publish overwrites another one's line.
async fn twenty_versions_at_once_are_all_listed(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let packages: Vec<_> = (0..20)
        .map(|patch| Package::new("acme-race", &format!("1.0.{patch}")))
        .collect();
    let statuses = publish_at_once(&admin, &packages).await;
    assert!(
        statuses.iter().all(|status| *status == StatusCode::OK),
        "{statuses:?}"
    );
    let mut listed = admin.listed("acme", View::Index, "acme-race").await;
    listed.sort_by_key(|version| version.parse::<semver::Version>().unwrap());
    let expected: Vec<_> = packages.iter().map(Package::version).collect();
    assert_eq!(listed, expected);
}

/// Row P7, as cargo says it: it looks into the index itself, from 1.83 on for a number, from 1.98 on for a yanked one too.
/// What it has not seen there reaches us.
#[tokio::test]
async fn cargo_refuses_a_number_that_is_taken() {
    let server = server(Database::Sqlite).await;
    let cargo = cargo(&server, &["acme"]);
    let project = cargo.project(&Package::new("acme-core", "1.0.0"));
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    cargo.run(&project, &publish).await.success();
    is_taken(&cargo, &project, "1.83").await;
    let admin = server.admin();
    admin
        .yank("acme", "acme-core", "1.0.0", true)
        .await
        .expect(200);
    is_taken(&cargo, &project, "1.98").await;
}

/// Publishes again, in vain. From this version on cargo knows by itself.
async fn is_taken(cargo: &Cargo, project: &Path, knows_from: &str) {
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    let outcome = cargo.run(project, &publish).await.failure();
    if cargo.is_at_least(knows_from) {
        let said = outcome.messages();
        assert!(
            said.contains("crate acme-core@1.0.0 already exists on `acme` index"),
            "{said}"
        );
    } else {
        insta::allow_duplicates! {
            assert_snapshot!(outcome.refusal(), @"409 Conflict: crate version `1.0.0` is already uploaded: `acme-core@1.0.0` already exists in registry `acme` and versions never change; publish a new version number");
        }
    }
}

/// Row P1: cargo waits for `100 Continue` before it sends more than a mebibyte.
#[tokio::test]
async fn a_crate_of_megabytes_is_published_by_cargo() {
    let server = server(Database::Sqlite).await;
    let cargo = cargo(&server, &["acme"]);
    let large = Package::new("acme-large", "1.0.0").ballast(3 << 20);
    let project = cargo.project(&large);
    let publish = ["publish", "--registry", "acme", "--no-verify"];
    cargo.run(&project, &publish).await.success();
    let app = cargo.folder("app");
    write_program(
        &app,
        "acme-large = { version = \"1\", registry = \"acme\" }",
        "println!(\"{}\", acme_large::version());",
    );
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(ran.stdout, "1.0.0\n");
}
