//! What a token may do, in words, and whose tokens somebody manages.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{Client, Database, on_both};

use crate::scene::{Scene, said};

on_both!(
    a_token_says_what_it_may_do_and_what_its_owner_may_not,
    what_is_said_of_a_token_is_what_it_may_do,
    whose_tokens_somebody_sees,
    a_registrys_admin_manages_the_tokens_of_its_service_accounts,
);

/// The id of a token with this text.
async fn id(who: &Client, secret: &str) -> String {
    let me = who.with_token(secret).get("/api/v1/me").await;
    let me = me.expect(200).json();
    me["token"]["id"].as_str().unwrap().to_owned()
}

/// What a token may do, as somebody reads it.
async fn can(reader: &Client, secret: &str) -> String {
    let id = id(reader, secret).await;
    let shown = reader.get(&format!("/api/v1/tokens/{id}")).await;
    let shown = shown.expect(200).json();
    let lines = shown["can"].as_array().unwrap().iter();
    let lines: Vec<_> = lines
        .map(|line| line.as_str().unwrap().to_owned())
        .collect();
    lines.join("\n")
}

/// I3 (effective right = role ∩ scope).
async fn a_token_says_what_it_may_do_and_what_its_owner_may_not(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    for (name, visibility, publishing) in [
        ("books", "internal", "owners"),
        ("tools", "public", "members"),
        ("vault", "private", "owners"),
    ] {
        let registry = json!({ "name": name, "visibility": visibility, "publishing": publishing });
        admin.create_registry(registry).await;
    }
    admin.create_user("alice").await;
    admin.member("acme", "alice", "publisher").await;
    admin.member("tools", "alice", "publisher").await;
    admin.member("vault", "alice", "maintainer").await;
    let end = "2096-12-01T00:00:00Z";
    let mut told = String::new();
    for token in [
        json!({ "scopes": ["read"] }),
        json!({ "scopes": ["publish", "yank", "owners"], "expires_at": end }),
        json!({ "scopes": ["publish", "delete"], "crates": ["acme-*", "log"], "registries": ["acme", "vault"] }),
        json!({ "scopes": ["publish", "maintain", "delete", "admin"], "registries": ["vault"] }),
        json!({ "scopes": ["admin"], "crates": ["log"], "registries": ["tools"], "expires_at": end }),
        json!({ "scopes": ["publish"], "registries": ["main"] }),
    ] {
        writeln!(told, "{token}").unwrap();
        let mut asked = token.clone();
        asked["principal"] = json!("alice");
        let secret = admin.token(asked).await;
        writeln!(told, "{}\n", can(admin, &secret).await).unwrap();
    }
    assert_snapshot!(told, @r#"
    {"scopes":["read"]}
    may read every crate in registries `acme`, `books`, `tools` and `vault`

    {"scopes":["publish","yank","owners"],"expires_at":"2096-12-01T00:00:00Z"}
    may read every crate in registry `acme`, and publish, yank and change the owners of new crates and those that `alice` owns there until 2096-12-01
    may read every crate in registries `tools` and `vault`, and publish, yank and change the owners of every crate there until 2096-12-01
    may read every crate in registry `books` until 2096-12-01
    has the scopes `publish`, `yank` and `owners`, but `alice` is only a reader in registry `books`

    {"scopes":["publish","delete"],"crates":["acme-*","log"],"registries":["acme","vault"]}
    may read every crate in registry `vault`, and publish and delete crates `acme-*` and `log` there
    may read every crate in registry `acme`, and publish crates `acme-*` and `log` that are new or that `alice` owns there
    has the scope `delete`, but `alice` is only a publisher in registry `acme`
    may read every crate in registry `tools`

    {"scopes":["publish","maintain","delete","admin"],"registries":["vault"]}
    may read every crate in registry `vault`, and publish, claim, quarantine and delete every crate there
    has the scope `admin`, but `alice` is only a maintainer in registry `vault`
    may read every crate in registry `tools`

    {"scopes":["admin"],"crates":["log"],"registries":["tools"],"expires_at":"2096-12-01T00:00:00Z"}
    may read every crate in registry `tools` until 2096-12-01
    has the scope `admin`, but `alice` is only a publisher in registry `tools`

    {"scopes":["publish"],"registries":["main"]}
    may read every crate in registry `tools`
    is for registry `main`, which is not there or which `alice` may not read
    "#);

    let whole = admin.token(json!({ "scopes": ["admin", "publish"], "registries": null }));
    assert_snapshot!(can(admin, &whole.await).await, @"
    may make registries
    may administer the whole server with its users, teams and upstreams
    may read every crate in registries `acme`, `books`, `main`, `tools` and `vault`, and publish every crate there, and change the settings and members
    ");
    admin.create_service_account("ci", Some("acme")).await;
    let secret = admin
        .token(json!({ "principal": "service:ci", "registries": ["acme"] }))
        .await;
    assert_snapshot!(can(admin, &secret).await, @"
    may read every crate in registry `tools`
    is for registry `acme`, which is not there or which `service:ci` may not read
    ");
    let ci = id(admin, &secret).await;
    admin
        .patch("/api/v1/service-accounts/ci", json!({ "disabled": true }))
        .await
        .expect(200);
    let shown = admin
        .get(&format!("/api/v1/tokens/{ci}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        shown["can"],
        json!(["may do nothing while `service:ci` is disabled"])
    );
}

/// The sentences are made by asking for the rights: what they promise is taken, and the rest is refused.
async fn what_is_said_of_a_token_is_what_it_may_do(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    let deeds: [(&str, &str, Value); 3] = [
        (
            "claim and quarantine",
            "/api/v1/registries/acme/claims",
            json!({ "pattern": "PATTERN" }),
        ),
        (
            "change the settings",
            "/api/v1/registries/acme",
            json!({ "description": "x" }),
        ),
        ("read", "/api/v1/registries/acme", Value::Null),
    ];
    let mut turn = 0;
    for role in ["reader", "publisher", "maintainer", "admin"] {
        let name = format!("a-{role}");
        admin.create_user(&name).await;
        admin.member("acme", &name, role).await;
        for scopes in [
            json!(["read"]),
            json!(["maintain"]),
            json!(["admin", "maintain"]),
        ] {
            let token = json!({ "principal": name, "scopes": scopes, "registries": ["acme"] });
            let secret = admin.token(token).await;
            let said = can(admin, &secret).await;
            let granted: Vec<_> = said
                .lines()
                .filter(|line| line.starts_with("may "))
                .collect();
            let who = admin.with_token(&secret);
            for (words, path, body) in &deeds {
                turn += 1;
                let body = body.to_string().replace("PATTERN", &format!("x-{turn}"));
                let body: Value = serde_json::from_str(&body).unwrap();
                let answer = match *words {
                    "read" => who.get(path).await,
                    "change the settings" => who.patch(path, body).await,
                    _ => who.post(path, body).await,
                };
                let promised = granted.iter().any(|line| line.contains(words));
                assert_eq!(
                    promised,
                    answer.status.is_success(),
                    "{name} {scopes} {words}: {said}\n{answer}"
                );
            }
        }
    }
}

/// I3 (the list).
async fn whose_tokens_somebody_sees(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    let alice = admin.person("alice", "acme", "reader", &["read"]).await;
    let bob = admin.person("bob", "acme", "reader", &["admin"]).await;
    let names = async |who: &Client, query: &str| {
        let list = who.get(&format!("/api/v1/tokens{query}")).await;
        let list = list.expect(200).json();
        let items = list["items"].as_array().unwrap().iter();
        let mut names: Vec<_> = items
            .map(|item| item["principal"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(list["total"], names.len());
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(admin, "").await, "admin alice bob");
    assert_eq!(names(admin, "?principal=alice").await, "alice");
    assert_eq!(names(admin, "?principal=admin").await, "admin");
    assert_eq!(names(&alice, "").await, "alice");
    assert_eq!(names(&alice, "?principal=alice").await, "alice");
    for (who, name) in [
        (&alice, "bob"),
        (&bob, "alice"),
        (&bob, "nobody"),
        (&bob, "service:ci"),
        (admin, "nobody"),
    ] {
        let refused = who.get(&format!("/api/v1/tokens?principal={name}")).await;
        let words = format!(
            "404 no-such-account: there is no account `{name}`; check the name, or make it first"
        );
        assert_eq!(said(&refused), words);
    }
    let wrong = admin.get("/api/v1/tokens?principal=No%20Name").await;
    assert_snapshot!(said(&wrong), @"422 invalid-request: `principal`: invalid character `N` in account name `No Name`: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit, as in `alice`");

    // one by one the same
    let list = admin.get("/api/v1/tokens?principal=alice").await.json();
    let token = list["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/tokens/{token}");
    let shown = alice.get(&path).await.expect(200).json();
    assert_eq!(shown["prefix"], list["items"][0]["prefix"]);
    assert!(shown.get("token").is_none(), "{shown}");
    admin.get(&path).await.expect(200);
    let [hidden, unknown] = [bob.get(&path).await, bob.get("/api/v1/tokens/0190").await];
    assert_eq!(said(&hidden).replace(token, "0190"), said(&unknown));
    assert_eq!(hidden.status, 404);
    alice.delete(&path).await.expect(204);
    admin.get(&path).await.expect(404);
}

/// I3 (revoked at once), I5 (service accounts of the registry).
async fn a_registrys_admin_manages_the_tokens_of_its_service_accounts(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    admin.create_registry(json!({ "name": "other" })).await;
    admin
        .create_registry(json!({ "name": "open", "visibility": "internal" }))
        .await;
    admin.create_service_account("ci", Some("acme")).await;
    admin.create_service_account("theirs", Some("other")).await;
    admin.member("acme", "service:ci", "publisher").await;
    let carol = admin
        .person("carol", "acme", "admin", &["admin", "publish"])
        .await;
    let token = json!({ "principal": "service:ci", "scopes": ["publish"], "registries": ["acme"] });
    let made = json!({ "name": "build", "principal": "service:ci", "scopes": ["publish"], "registries": ["acme"] });
    let made = carol.post("/api/v1/tokens", made).await.expect(201).json();
    let ci = admin.with_token(made["token"].as_str().unwrap());
    // one that an instance admin made, and that reaches further
    let wide = json!({ "principal": "service:ci", "scopes": ["yank", "publish"] });
    let wide = admin.token(wide).await;

    let list = carol.get("/api/v1/tokens?principal=service:ci").await;
    assert_eq!(list.expect(200).json()["total"], 2);
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    let shown = carol.get(&path).await.expect(200).json();
    assert_eq!(
        shown["can"],
        json!([
            "may read every crate in registry `acme`, and publish new crates and those that `service:ci` owns there"
        ])
    );
    assert_snapshot!(can(&carol, &wide).await, @"
    may read every crate in registry `acme`, and publish and yank new crates and those that `service:ci` owns there
    may read every crate in registry `open`
    has the scopes `publish` and `yank`, but `service:ci` is only a reader in registry `open`
    ");
    carol.delete(&path).await.expect(204);
    ci.get("/api/v1/me").await.expect(401);

    let theirs = json!({ "principal": "service:theirs" });
    let theirs = id(admin, &admin.token(theirs).await).await;
    for path in [
        format!("/api/v1/tokens/{theirs}"),
        "/api/v1/tokens?principal=service:theirs".to_owned(),
    ] {
        carol.get(&path).await.expect(404);
    }
    carol
        .delete(&format!("/api/v1/tokens/{theirs}"))
        .await
        .expect(404);
    // with less than the scope `admin` nobody manages anything
    let narrow = carol.token(json!({ "scopes": ["publish"] })).await;
    let narrow = admin.with_token(&narrow);
    let another = id(admin, &carol.token(token).await).await;
    let path = format!("/api/v1/tokens/{another}");
    narrow.get(&path).await.expect(404);
    narrow.delete(&path).await.expect(404);
    let log = scene.log("action=token.revoked&principal=carol").await;
    assert_eq!(log.len(), 1, "what is not there is not denied: {log:?}");
}
