//! Row P10: owners, users and teams alike, with the real `cargo owner`.

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Cargo, Database, Outcome, Package, View, on_both};

use crate::world::{cargo, server};

on_both!(teams_own_crates_and_their_users_publish_and_yank);

async fn run(cargo: &Cargo, line: &str) -> Outcome {
    let arguments: Vec<_> = line.split(' ').chain(["--registry", "acme"]).collect();
    cargo.run(cargo.root(), &arguments).await
}

/// Publishes with cargo itself, without a build.
async fn publish(cargo: &Cargo, version: &str) -> Outcome {
    let folder = cargo.project(&Package::new("acme-core", version));
    let line = ["publish", "--no-verify", "--registry", "acme"];
    cargo.run(&folder, &line).await
}

/// Row P10.
async fn teams_own_crates_and_their_users_publish_and_yank(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    admin.create_user("bob").await;
    admin.member("acme", "bob", "publisher").await;
    let scopes = json!(["publish", "yank", "owners"]);
    let token = json!({ "principal": "bob", "scopes": scopes });
    let bob = Cargo::new()
        .registry("acme", &server.index_url("acme", View::Index))
        .token("acme", &admin.token(token).await);
    let team = json!({ "name": "core" });
    admin.post("/api/v1/teams", team).await.expect(201);
    let membership = "/api/v1/teams/core/members/bob";
    admin.put(membership, json!({})).await.expect(200);

    let cargo = cargo(&server, &["acme"]);
    publish(&cargo, "1.0.0").await.success();
    let refused = publish(&bob, "1.1.0").await.failure();
    let words = "`bob` is not an owner of crate `acme-core` in registry `acme`";
    assert!(refused.messages().contains(words), "{}", refused.messages());

    let added = run(&cargo, "owner --add team:core acme-core").await;
    assert_snapshot!(added.success().messages(), @r#"
    Updating `acme` index
       Owner `team:core` now owns crate `acme-core` of registry `acme`
    "#);
    let listed = run(&bob, "owner --list acme-core").await;
    assert_snapshot!(listed.success().stdout, @r#"
    admin (admin)
    team:core (core)
    "#);
    publish(&bob, "1.1.0").await.success();
    run(&bob, "yank acme-core@1.0.0").await.success();
    run(&bob, "yank --undo acme-core@1.0.0").await.success();
    // through the team he is an owner, who changes owners too
    let removed = run(&bob, "owner --remove admin acme-core").await;
    assert_snapshot!(removed.success().messages(), @r#"
    Updating `acme` index
       Owner removing ["admin"] from crate acme-core
    "#);
    let last = run(&bob, "owner --remove team:core acme-core").await;
    assert_snapshot!(last.failure().messages(), @r#"
        Updating `acme` index
           Owner removing ["team:core"] from crate acme-core
    error: failed to remove owners from crate `acme-core` on registry at http://127.0.0.1:[PORT]/acme

    Caused by:
      the remote server responded with an error (status 400 Bad Request): `team:core` is the last owner of crate `acme-core`; add another one first: `cargo owner --add NAME acme-core`
    "#);
    let unknown = run(&bob, "owner --add team:none acme-core").await;
    assert_snapshot!(unknown.failure().messages(), @r#"
        Updating `acme` index
    error: failed to invite owners to crate `acme-core` on registry at http://127.0.0.1:[PORT]/acme

    Caused by:
      the remote server responded with an error (status 400 Bad Request): `team:none` is not a user, service account or team of this server; owners are written as `alice`, `service:ci` or `team:core`
    "#);

    admin.delete(membership).await.expect(204);
    for refused in [
        publish(&bob, "1.2.0").await,
        run(&bob, "yank acme-core@1.1.0").await,
        run(&bob, "owner --add bob acme-core").await,
    ] {
        let messages = refused.failure().messages();
        assert!(messages.contains(words), "{messages}");
    }
    let numbers = admin.listed("acme", View::Index, "acme-core").await;
    assert_eq!(numbers, ["1.0.0", "1.1.0"]);
}
