//! Users: made, changed, disabled, enabled and deleted.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Database, Package, View, on_both};

use crate::scene::{PASSWORD, Scene, said};

on_both!(
    a_user_is_looked_at_and_changed,
    a_disabled_user_can_do_nothing_and_gets_it_all_back,
    a_deleted_user_is_gone_for_ever_and_the_name_stays_taken,
    what_cannot_be_done_with_a_user,
    a_token_gives_nobody_more_than_it_has,
);

/// I5.
async fn a_user_is_looked_at_and_changed(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    let user = json!({ "name": "alice", "email": "alice@acme.example", "password": PASSWORD });
    let mut made = admin.post("/api/v1/users", user).await.expect(201).json();
    made["created_at"] = json!("[TIME]");
    let mut expected = json!({
        "name": "alice", "kind": "user", "email": "alice@acme.example", "instance_role": "member",
        "registry": null, "created_at": "[TIME]", "disabled": false, "has_password": true,
        "last_used_at": null,
    });
    assert_eq!(made, expected);
    let shown = async || {
        let mut user = admin.get("/api/v1/users/alice").await.expect(200).json();
        user["created_at"] = json!("[TIME]");
        user
    };
    assert_eq!(shown().await, expected);
    for (change, field, value) in [
        (
            json!({ "instance_role": "creator" }),
            "instance_role",
            json!("creator"),
        ),
        (json!({ "email": null }), "email", Value::Null),
        (
            json!({ "email": "a@b.example" }),
            "email",
            json!("a@b.example"),
        ),
        (json!({ "password": null }), "has_password", json!(false)),
        (json!({ "disabled": true }), "disabled", json!(true)),
        (json!({}), "disabled", json!(true)),
        (json!({ "disabled": false }), "disabled", json!(false)),
        (
            json!({ "password": "another lantern 4" }),
            "has_password",
            json!(true),
        ),
    ] {
        let changed = admin.patch("/api/v1/users/alice", change).await;
        expected[field] = value;
        let mut changed = changed.expect(200).json();
        changed["created_at"] = json!("[TIME]");
        assert_eq!(changed, expected);
        assert_eq!(shown().await, expected);
    }
    // the role holds at once
    let answer = scene.sign_in("alice", "another lantern 4", json!({ "scopes": ["admin"] }));
    let token = answer.await.expect(201).json()["token"].clone();
    let alice = scene.server.anonymous().with_token(token.as_str().unwrap());
    alice.create_registry(json!({ "name": "hers" })).await;
    admin
        .patch("/api/v1/users/alice", json!({ "instance_role": "member" }))
        .await
        .expect(200);
    let refused = alice.post("/api/v1/registries", json!({ "name": "hers-too" }));
    refused.await.expect(403);
    assert_snapshot!(scene.log("action=account.changed").await.join("\n"), @"
    account.changed | admin | - | alice: instance role creator
    account.changed | admin | - | alice: e-mail address removed
    account.changed | admin | - | alice: e-mail address changed
    account.changed | admin | - | alice: password removed
    account.changed | admin | - | alice: disabled
    account.changed | admin | - | alice: enabled
    account.changed | admin | - | alice: password set
    account.changed | admin | - | alice: instance role member
    ");
}

async fn a_disabled_user_can_do_nothing_and_gets_it_all_back(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    scene.user("alice").await;
    admin.member("acme", "alice", "publisher").await;
    let alice = scene.signed_in("alice").await;
    alice
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let users = "/api/v1/users/alice";
    admin
        .patch(users, json!({ "disabled": true }))
        .await
        .expect(200);
    let refused = alice.publish("acme", &Package::new("demo", "1.1.0")).await;
    assert_eq!(refused.status, 401, "{refused}");
    let refused = alice.get("/api/v1/me").await;
    assert_eq!(refused.status, 401, "{refused}");
    assert_eq!(
        said(&scene.sign_in("alice", PASSWORD, json!({})).await),
        said(&scene.sign_in("nobody", PASSWORD, json!({})).await)
    );
    admin
        .patch(users, json!({ "disabled": false }))
        .await
        .expect(200);
    alice
        .publish("acme", &Package::new("demo", "1.1.0"))
        .await
        .expect(200);
    scene.signed_in("alice").await;
}

async fn a_deleted_user_is_gone_for_ever_and_the_name_stays_taken(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    for name in ["alice", "bob"] {
        scene.user(name).await;
        admin.member("acme", name, "publisher").await;
    }
    let team = json!({ "name": "core" });
    admin.post("/api/v1/teams", team).await.expect(201);
    admin
        .put("/api/v1/teams/core/members/alice", json!({}))
        .await
        .expect(200);
    let alice = scene.signed_in("alice").await;
    alice
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);

    let users = "/api/v1/users/alice";
    assert_snapshot!(said(&admin.delete(users).await), @"422 confirmation-needed: this deletes `alice` for ever, and nobody gets the name again; repeat the name to confirm: `?confirm=alice`");
    let delete = format!("{users}?confirm=alice");
    assert_snapshot!(said(&admin.delete(&delete).await), @"409 last-owner: `alice` is the last owner of `demo` in registry `acme`; add another owner there first: `cargo owner --add NAME CRATE --registry REGISTRY`, and disable the account until then");
    alice.get("/api/v1/me").await.expect(200);
    let owners = "/acme/api/v1/crates/demo/owners";
    admin
        .put(owners, json!({ "users": ["bob"] }))
        .await
        .expect(200);
    admin.delete(&delete).await.expect(204);

    alice.get("/api/v1/me").await.expect(401);
    scene
        .sign_in("alice", PASSWORD, json!({}))
        .await
        .expect(401);
    for gone in [
        admin.get(users).await,
        admin.patch(users, json!({ "disabled": false })).await,
        admin.delete(&delete).await,
    ] {
        assert_eq!(
            said(&gone),
            "404 no-such-account: there is no account `alice`; check the name, or make it first"
        );
    }
    let names = async |path: &str| {
        let list = admin.get(path).await.expect(200).json();
        let items = list["items"].as_array().unwrap().clone();
        let name = |item: &Value| {
            item["name"]
                .as_str()
                .or(item["principal"].as_str())
                .unwrap()
                .to_owned()
        };
        items.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("/api/v1/users").await, ["admin", "bob"]);
    assert!(
        !names("/api/v1/registries/acme/members")
            .await
            .contains(&"alice".to_owned())
    );
    let team = admin.get("/api/v1/teams/core").await.expect(200).json();
    assert_eq!(team["members"], json!([]));
    let owners = admin.get(owners).await.expect(200).json();
    assert_eq!(owners["users"].as_array().unwrap().len(), 1, "{owners}");
    // nobody inherits the name, in no way
    let again = admin
        .post("/api/v1/users", json!({ "name": "alice" }))
        .await;
    assert_eq!(again.code().as_deref(), Some("account-name-taken"));
    assert_eq!(
        again.detail().unwrap(),
        "`alice` was deleted, and its name stays taken; choose another name"
    );
    admin.get("/api/v1/users/alice").await.expect(404);
    let member = admin.put(
        "/api/v1/registries/acme/members/alice",
        json!({ "role": "reader" }),
    );
    assert_eq!(member.await.status, 404);
    let token = admin.post(
        "/api/v1/tokens",
        json!({ "name": "x", "principal": "alice" }),
    );
    assert_eq!(token.await.status, 404);
    // what she published stays
    assert_eq!(admin.listed("acme", View::Index, "demo").await, ["1.0.0"]);
    let log = scene.log("action=account.deleted").await;
    assert_snapshot!(log.join("\n"), @"account.deleted | admin | - | alice");
}

async fn what_cannot_be_done_with_a_user(database: Database) {
    let scene = Scene::start(database).await;
    scene.user("alice").await;
    let admin = &scene.admin;
    let mut told = String::new();
    for change in [
        json!({ "name": "bob" }),
        json!({ "email": "alice" }),
        json!({ "email": "alice@acme" }),
        json!({ "instance_role": "root" }),
        json!({ "instance_role": null, "disabled": "yes" }),
        json!({ "password": "short" }),
        json!({ "password": "alice12345" }),
        json!({ "password": "Password123" }),
        json!({ "email": "tulip@acme.example", "password": "tulip@acme.example" }),
    ] {
        let refused = admin.patch("/api/v1/users/alice", change).await;
        writeln!(told, "{}", said(&refused)).unwrap();
    }
    let nul = admin
        .patch(
            "/api/v1/users/alice",
            json!({ "email": "a\u{0}@b.example" }),
        )
        .await;
    assert_eq!(nul.status, 422);
    for (path, body) in [
        (
            "users",
            json!({ "name": "carol", "password": "1234567890" }),
        ),
        (
            "users",
            json!({ "name": "carol", "password": 1_234_567_890 }),
        ),
        (
            "service-accounts",
            json!({ "name": "ci", "password": PASSWORD }),
        ),
    ] {
        let refused = admin.post(&format!("/api/v1/{path}"), body).await;
        writeln!(told, "{}", said(&refused)).unwrap();
    }
    assert_snapshot!(told, @r#"
    422 invalid-request: the request does not have the expected shape: unknown field `name`, expected one of `email`, `instance_role`, `password`, `disabled` at line 1 column 7
    422 invalid-request: `alice` is not an e-mail address, as `alice@acme.example` is
    422 invalid-request: `alice@acme` is not an e-mail address, as `alice@acme.example` is
    422 invalid-request: the request does not have the expected shape: `root` is not a role on the instance; use one of `member`, `creator`, `admin` at line 1 column 24
    422 invalid-request: the request does not have the expected shape: invalid type: string "yes", expected a boolean at line 1 column 38
    422 invalid-password: a password has at least 10 characters; several words are easy to remember
    422 invalid-password: a password that is the account's name or e-mail address is the first that is tried; take another one
    422 invalid-password: this password is one of those that are tried first; take another one
    422 invalid-password: a password that is the account's name or e-mail address is the first that is tried; take another one
    422 invalid-password: this password is one of those that are tried first; take another one
    422 invalid-request: the request does not have the expected shape: a password is a text, in quotation marks at line 1 column 38
    422 invalid-request: the request does not have the expected shape: unknown field `password`, expected `name` or `registry` at line 1 column 23
    "#);
    let unknown = admin.get("/api/v1/users?disabled=true").await;
    assert_eq!(unknown.status, 422);
    // nobody but an instance admin learns anything, also not whether there is such an account
    let alice = scene.signed_in("alice").await;
    for name in ["alice", "nobody"] {
        let user = format!("/api/v1/users/{name}");
        for refused in [
            alice.get(&user).await,
            alice
                .patch(&user, json!({ "instance_role": "admin" }))
                .await,
            alice.delete(&format!("{user}?confirm={name}")).await,
        ] {
            assert_snapshot!(said(&refused), @"403 not-allowed: `alice` may not do that: that needs the instance role `admin`; ask an instance admin");
        }
    }
    let denied = scene.log("outcome=denied&principal=alice").await;
    let denied: Vec<_> = denied
        .iter()
        .map(|line| line.split(" | ").next().unwrap())
        .collect();
    let deeds = ["api.read", "account.changed", "account.deleted"];
    assert_eq!(denied, [deeds, deeds].concat());
}

/// I3, I5 (a stolen token is no way to more).
async fn a_token_gives_nobody_more_than_it_has(database: Database) {
    let scene = Scene::start(database).await;
    scene.user("alice").await;
    let all = json!([
        "read", "publish", "yank", "owners", "maintain", "delete", "admin"
    ]);
    let of = async |token: Value| {
        let made = scene.admin.post("/api/v1/tokens", token).await;
        let made = made.expect(201).json();
        let secret = made["token"].as_str().unwrap();
        scene.server.anonymous().with_token(secret)
    };
    let narrow = of(json!({ "name": "narrow", "scopes": ["admin"] })).await;
    let limited = json!({ "name": "limited", "scopes": all, "registries": ["main"] });
    let limited = of(limited).await;
    let whole = of(json!({ "name": "whole", "scopes": all, "expires_in_days": 1 })).await;
    let users = "/api/v1/users";
    let identity = json!({ "issuer": "https://id.acme.example", "subject": "mallory" });
    let identities = "/api/v1/users/admin/identities";
    for token in [&narrow, &limited] {
        let with_password = json!({ "name": "x", "password": PASSWORD });
        let creator = json!({ "name": "y", "instance_role": "creator" });
        let password = json!({ "password": PASSWORD });
        let admin = json!({ "instance_role": "admin" });
        let got = [
            token.post(users, with_password).await.status.as_u16(),
            token.post(users, creator).await.status.as_u16(),
            token
                .patch("/api/v1/users/alice", password)
                .await
                .status
                .as_u16(),
            token
                .patch("/api/v1/users/alice", admin)
                .await
                .status
                .as_u16(),
            token
                .post(identities, identity.clone())
                .await
                .status
                .as_u16(),
        ];
        assert_eq!(got, [403; 5]);
    }
    // what gives nothing away needs no more than before
    let member = json!({ "instance_role": "member", "disabled": false });
    let changed = narrow.patch("/api/v1/users/alice", member).await;
    changed.expect(200);
    let plain = json!({ "name": "z" });
    narrow.post(users, plain).await.expect(201);
    let with_password = json!({ "name": "x", "password": PASSWORD });
    whole.post(users, with_password).await.expect(201);
    whole.post(identities, identity).await.expect(201);
    let creator = json!({ "password": PASSWORD, "instance_role": "creator" });
    let changed = whole.patch("/api/v1/users/alice", creator).await;
    changed.expect(200);
}
