//! Signing in with name and password, and changing the password.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Cargo, Database, Package, View, on_both};
use supercargo_types::Timestamp;

use crate::scene::{PASSWORD, Scene, said, without_ids};

on_both!(
    a_person_signs_in_and_cargo_works_with_the_token,
    a_token_for_a_password_is_as_narrow_as_it_is_asked_for,
    whatever_is_wrong_gets_the_same_answer,
    a_person_changes_the_password,
);

/// I7 (local passwords).
async fn a_person_signs_in_and_cargo_works_with_the_token(database: Database) {
    let scene = Scene::start(database).await;
    scene.user("alice").await;
    scene.admin.member("acme", "alice", "publisher").await;
    let made = scene
        .sign_in("alice", PASSWORD, json!({}))
        .await
        .expect(201);
    let made = made.json();
    let fields = ["name", "principal", "registries", "crates", "scopes"];
    let shown: Vec<_> = fields.iter().map(|field| made[field].clone()).collect();
    let scopes = json!(["read", "publish", "yank", "owners"]);
    let expected = [
        json!("sign-in"),
        json!("alice"),
        Value::Null,
        Value::Null,
        scopes,
    ];
    assert_eq!(shown, expected);
    let at = |field: &str| Timestamp::from_rfc3339(made[field].as_str().unwrap()).unwrap();
    let lives = at("expires_at").since(at("created_at"));
    assert_eq!(lives.as_secs(), 30 * 24 * 3600);

    let secret = made["token"].as_str().unwrap();
    let cargo = Cargo::new()
        .registry("acme", &scene.server.index_url("acme", View::Index))
        .token("acme", secret);
    let project = cargo.project(&Package::new("demo", "1.0.0"));
    let publish = ["publish", "--registry", "acme", "--allow-dirty"];
    cargo.run(&project, &publish).await.success();
    let yank = ["yank", "demo@1.0.0", "--registry", "acme"];
    cargo.run(&project, &yank).await.success();

    let log = scene.log("principal=alice&action=sign_in.done").await;
    assert_snapshot!(without_ids(&log), @"sign_in.done | alice | - | with the password, for token [ID]: read,publish,yank,owners");
    let id = made["id"].as_str().unwrap();
    assert!(log[0].contains(id), "{log:?}");
    // what was done with the token is found by it
    let deeds = scene.admin.get("/api/v1/audit?principal=alice").await;
    let deeds = deeds.expect(200).json();
    let deeds = deeds["items"].as_array().unwrap().clone();
    assert_eq!(deeds.len(), 3, "{deeds:?}");
    assert!(deeds.iter().all(|deed| deed["token_id"] == id), "{deeds:?}");
    let alice = scene.server.anonymous().with_token(secret);
    alice
        .delete(&format!("/api/v1/tokens/{id}"))
        .await
        .expect(204);
    alice.get("/api/v1/me").await.expect(401);
}

/// I3 (narrowed, with an end).
async fn a_token_for_a_password_is_as_narrow_as_it_is_asked_for(database: Database) {
    let scene = Scene::start(database).await;
    scene.user("alice").await;
    scene.admin.member("acme", "alice", "publisher").await;
    scene
        .admin
        .create_registry(json!({ "name": "hidden" }))
        .await;
    let token = json!({
        "name": "laptop", "scopes": ["publish"], "registries": ["acme"], "crates": ["acme-*"],
        "expires_in_days": 1,
    });
    let made = scene
        .sign_in("alice", PASSWORD, token)
        .await
        .expect(201)
        .json();
    assert_eq!(made["name"], "laptop");
    assert_eq!(made["scopes"], json!(["read", "publish"]));
    assert_eq!(made["registries"], json!(["acme"]));
    let alice = scene
        .server
        .anonymous()
        .with_token(made["token"].as_str().unwrap());
    alice
        .publish("acme", &Package::new("acme-demo", "1.0.0"))
        .await
        .expect(200);
    alice
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(403);
    let mut told = String::new();
    for token in [
        json!({ "expires_in_days": 366 }),
        json!({ "expires_at": "2020-01-01T00:00:00Z" }),
        json!({ "scopes": [] }),
        json!({ "name": "" }),
        json!({ "principal": "service:ci" }),
        json!({ "registries": ["hidden"] }),
        json!({ "registries": ["nowhere"] }),
    ] {
        let refused = scene.sign_in("alice", PASSWORD, token).await;
        writeln!(told, "{}", said(&refused)).unwrap();
    }
    assert_snapshot!(told, @"
    422 invalid-token-request: a token for a password ends within 365 days; make one with `POST /tokens` where it has to work for longer
    422 invalid-token-request: `expires_at` is in the past
    422 invalid-request: the request does not have the expected shape: a token needs at least one scope; use `read` for one that only reads at line 1 column 73
    422 invalid-token-request: `name` has 1 to 100 characters and no control characters, as in `laptop`
    422 invalid-request: the request does not have the expected shape: unknown field `principal`, expected one of `name`, `scopes`, `registries`, `crates`, `expires_in_days`, `expires_at` at line 1 column 72
    422 invalid-token-request: there is no registry `hidden`
    422 invalid-token-request: there is no registry `nowhere`
    ");
    // not even a registry's name tells something to who does not know the password
    let [hidden, nowhere] = [
        scene
            .sign_in(
                "alice",
                "wrong wrong wrong",
                json!({ "registries": ["hidden"] }),
            )
            .await,
        scene
            .sign_in(
                "alice",
                "wrong wrong wrong",
                json!({ "registries": ["nowhere"] }),
            )
            .await,
    ];
    assert_eq!(said(&hidden), said(&nowhere));
    assert_eq!(hidden.status, 401);
}

/// The attack is a stranger who finds out which accounts there are.
async fn whatever_is_wrong_gets_the_same_answer(database: Database) {
    let scene = Scene::start(database).await;
    scene.user("alice").await;
    scene.admin.create_user("bob").await;
    scene.admin.create_service_account("ci", None).await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong wrong wrong"),
        ("bob", PASSWORD),
        ("service:ci", PASSWORD),
        ("ci", PASSWORD),
        ("nobody", PASSWORD),
        ("Not a name", PASSWORD),
    ] {
        let answer = scene.sign_in(name, password, json!({})).await;
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        answers.push(format!("{}\n{}", said(&answer), headers.join("\n")));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let first = answers[0].lines().next().unwrap();
    assert_snapshot!(first, @"401 bad-password: no account has this name and this password; type both again, or ask an instance admin to give you another password");
    // of one address, five within a minute
    let denied = scene.log("action=sign_in.denied").await;
    assert_snapshot!(denied[..5].join("\n"), @"
    sign_in.denied | - | - | bad-password: as `alice`
    sign_in.denied | - | - | bad-password: as `bob`
    sign_in.denied | - | - | bad-password: as what is no account's name
    sign_in.denied | - | - | bad-password: as `ci`
    sign_in.denied | - | - | bad-password: as `nobody`
    ");

    // what is no question for a token
    let anybody = scene.server.anonymous();
    let mut told = String::new();
    for request in [
        json!({ "user": "alice" }),
        json!({ "user": "alice", "password": PASSWORD, "otp": "1" }),
        json!({ "user": "alice", "password": PASSWORD, "token": { "days": 1 } }),
        json!({ "user": "alice", "password": ["a"] }),
    ] {
        let refused = anybody.post("/api/v1/sign-in", request).await;
        writeln!(told, "{}", said(&refused)).unwrap();
    }
    assert_snapshot!(told, @"
    422 invalid-request: the request does not have the expected shape: missing field `password` at line 1 column 16
    422 invalid-request: the request does not have the expected shape: unknown field `otp`, expected one of `user`, `password`, `token` at line 1 column 57
    422 invalid-request: the request does not have the expected shape: unknown field `days`, expected one of `name`, `scopes`, `registries`, `crates`, `expires_in_days`, `expires_at` at line 1 column 67
    422 invalid-request: the request does not have the expected shape: a password is a text, in quotation marks at line 1 column 33
    ");
    let long = json!({ "user": "alice", "password": "x".repeat(20_000) });
    let refused = anybody.post("/api/v1/sign-in", long).await;
    assert_snapshot!(said(&refused), @"422 invalid-request: the request has more than 16384 bytes");
}

/// I7 (local passwords).
async fn a_person_changes_the_password(database: Database) {
    const NEW: &str = "lantern 4 in the attic";
    let scene = Scene::start(database).await;
    scene.user("alice").await;
    let alice = scene.signed_in("alice").await;
    let change = async |current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        alice.put("/api/v1/me/password", body).await
    };
    let mut told = String::new();
    for (current, new) in [
        ("wrong wrong wrong", NEW),
        (PASSWORD, "short"),
        (PASSWORD, "alice12345"),
        (PASSWORD, PASSWORD),
    ] {
        writeln!(told, "{}", said(&change(current, new).await)).unwrap();
    }
    assert_snapshot!(told, @"
    422 wrong-password: that is not your present password; type it again, or ask an instance admin to give you another one
    422 invalid-password: a password has at least 10 characters; several words are easy to remember
    422 invalid-password: a password that is the account's name or e-mail address is the first that is tried; take another one
    422 invalid-password: this is the password that you have
    ");
    change(PASSWORD, NEW).await.expect(204);
    scene
        .sign_in("alice", PASSWORD, json!({}))
        .await
        .expect(401);
    scene.sign_in("alice", NEW, json!({})).await.expect(201);
    // a token is revoked by itself
    alice.get("/api/v1/me").await.expect(200);
    // who has no password cannot prove anything
    scene.admin.create_user("bob").await;
    let bob = scene
        .admin
        .with_token(&scene.admin.token(json!({ "principal": "bob" })).await);
    let body = json!({ "current": PASSWORD, "new": NEW });
    let refused = bob.put("/api/v1/me/password", body.clone()).await;
    assert_eq!(refused.code().as_deref(), Some("wrong-password"));
    scene.admin.create_service_account("ci", None).await;
    let token = json!({ "principal": "service:ci" });
    let ci = scene.admin.with_token(&scene.admin.token(token).await);
    let refused = ci.put("/api/v1/me/password", body.clone()).await;
    assert_snapshot!(said(&refused), @"403 not-allowed: `service:ci` has no password: only people have one");
    let anybody = scene.server.anonymous();
    anybody.put("/api/v1/me/password", body).await.expect(401);
    assert_snapshot!(without_ids(&scene.log("principal=alice").await), @"
    sign_in.done | alice | - | with the password, for token [ID]: read,publish,yank,owners
    password.changed | alice | - | -
    sign_in.done | alice | - | with the password, for token [ID]: read,publish,yank,owners
    ");
    assert_eq!(scene.log("action=sign_in.denied").await.len(), 3);
    assert_eq!(
        scene
            .log("action=password.changed&outcome=denied")
            .await
            .len(),
        2
    );
}
