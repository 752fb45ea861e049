//! Service accounts: who controls them, and their end.

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Client, Database, Package, on_both};

use crate::scene::{Scene, said};

on_both!(
    a_registrys_admin_controls_its_service_accounts_and_no_others,
    a_deleted_service_account_is_gone_for_ever,
);

async fn names(who: &Client, path: &str) -> Vec<String> {
    let list = who.get(path).await.expect(200).json();
    let items = list["items"].as_array().unwrap().clone();
    assert_eq!(list["total"], items.len());
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

/// I5 (service accounts of the registry).
async fn a_registrys_admin_controls_its_service_accounts_and_no_others(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    admin.create_registry(json!({ "name": "other" })).await;
    admin.create_service_account("ci", Some("acme")).await;
    admin.create_service_account("theirs", Some("other")).await;
    admin.create_service_account("global", None).await;
    let carol = admin.person("carol", "acme", "admin", &["admin"]).await;
    let alice = admin
        .person("alice", "acme", "maintainer", &["admin"])
        .await;
    let of_acme = "/api/v1/service-accounts?registry=acme";
    assert_eq!(names(&carol, of_acme).await, ["ci"]);
    assert_eq!(names(admin, of_acme).await, ["ci"]);
    assert_eq!(
        names(admin, "/api/v1/service-accounts").await,
        ["ci", "global", "theirs"]
    );
    carol.get("/api/v1/service-accounts").await.expect(403);
    alice.get(of_acme).await.expect(403);
    for hidden in ["other", "nowhere"] {
        let list = format!("/api/v1/service-accounts?registry={hidden}");
        assert_eq!(
            said(&carol.get(&list).await),
            format!(
                "404 no-such-registry: there is no registry `{hidden}`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it"
            )
        );
    }

    let ci = "/api/v1/service-accounts/ci";
    let token = json!({ "principal": "service:ci", "registries": ["acme"] });
    let job = admin.with_token(&carol.token(token).await);
    admin.member("acme", "service:ci", "reader").await;
    job.get("/api/v1/registries/acme").await.expect(200);
    let shown = carol.get(ci).await.expect(200).json();
    assert_eq!(
        (&shown["registry"], &shown["disabled"]),
        (&json!("acme"), &json!(false))
    );
    let changed = carol
        .patch(ci, json!({ "disabled": true }))
        .await
        .expect(200);
    assert_eq!(changed.json()["disabled"], true);
    job.get("/api/v1/registries/acme").await.expect(401);
    carol
        .patch(ci, json!({ "disabled": false }))
        .await
        .expect(200);
    job.get("/api/v1/registries/acme").await.expect(200);
    let unknown = carol.patch(ci, json!({ "email": "a@b.example" })).await;
    assert_snapshot!(said(&unknown), @"422 invalid-request: the request does not have the expected shape: unknown field `email`, expected `disabled` at line 1 column 8");

    // those of others are not there, whether they are or not
    for (who, name) in [
        (&carol, "theirs"),
        (&carol, "global"),
        (&carol, "nobody"),
        (&alice, "ci"),
        (&job, "ci"),
    ] {
        let path = format!("/api/v1/service-accounts/{name}");
        for refused in [
            who.get(&path).await,
            who.patch(&path, json!({ "disabled": true })).await,
            who.delete(&format!("{path}?confirm={name}")).await,
        ] {
            let words = format!(
                "404 no-such-account: there is no account `service:{name}`; check the name, or make it first"
            );
            assert_eq!(said(&refused), words);
        }
    }
    let anybody = scene.server.anonymous();
    anybody.get(ci).await.expect(401);
    // a token that is too narrow says so, to who may know
    let token = json!({ "scopes": ["publish"] });
    let narrow = admin.with_token(
        &carol
            .token(json!({ "scopes": ["admin"], "crates": ["x"] }))
            .await,
    );
    assert_eq!(narrow.get(ci).await.status, 403);
    let narrow = admin.with_token(&admin.token(token).await);
    assert_eq!(narrow.get(ci).await.status, 403);
    assert_snapshot!(scene.log("registry=acme&action=account.changed").await.join("\n"), @"
    account.changed | carol | acme | service:ci: disabled
    account.changed | carol | acme | service:ci: enabled
    ");
}

async fn a_deleted_service_account_is_gone_for_ever(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    admin.create_service_account("ci", Some("acme")).await;
    admin.member("acme", "service:ci", "publisher").await;
    let carol = admin.person("carol", "acme", "admin", &["admin"]).await;
    let token = json!({ "principal": "service:ci", "scopes": ["publish"] });
    let ci = admin.with_token(&admin.token(token).await);
    ci.publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let path = "/api/v1/service-accounts/ci";
    assert_snapshot!(said(&carol.delete(path).await), @"422 confirmation-needed: this deletes `service:ci` for ever, and nobody gets the name again; repeat the name to confirm: `?confirm=ci`");
    let delete = format!("{path}?confirm=ci");
    assert_eq!(
        carol.delete(&delete).await.code().as_deref(),
        Some("last-owner")
    );
    admin
        .put(
            "/acme/api/v1/crates/demo/owners",
            json!({ "users": ["carol"] }),
        )
        .await
        .expect(200);
    carol.delete(&delete).await.expect(204);
    ci.get("/api/v1/me").await.expect(401);
    carol.get(path).await.expect(404);
    let tokens = admin.get("/api/v1/tokens?principal=service:ci").await;
    assert_eq!(tokens.status, 404);
    let again = json!({ "name": "ci", "registry": "acme" });
    let again = carol.post("/api/v1/service-accounts", again).await;
    assert_eq!(again.code().as_deref(), Some("account-name-taken"));
    assert_eq!(
        again.detail().unwrap(),
        "`service:ci` was deleted, and its name stays taken; choose another name"
    );
    assert_snapshot!(scene.log("registry=acme&action=account.deleted").await.join("\n"), @"account.deleted | carol | acme | service:ci");
}
