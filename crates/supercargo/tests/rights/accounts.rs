//! `/me`, `…/users` and `…/service-accounts`.

use serde_json::{Value, json};
use supercargo_testkit::{Package, Server};

use crate::{assert_error, assert_time, on_both_databases};

on_both_databases!(
    accounts_are_made_and_listed,
    what_no_account_can_be,
    a_creator_makes_registries_and_administers_them_alone,
    the_first_administrator_is_there,
);

async fn accounts_are_made_and_listed(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let user =
        json!({ "name": "alice", "email": "alice@acme.example", "instance_role": "creator" });
    let mut made = admin.post("/api/v1/users", user).await.expect(201).json();
    assert_time(&made["created_at"]);
    made["created_at"] = json!("[TIME]");
    assert_eq!(
        made,
        json!({
            "name": "alice",
            "kind": "user",
            "email": "alice@acme.example",
            "instance_role": "creator",
            "registry": null,
            "created_at": "[TIME]",
            "disabled": false,
            "has_password": false,
            "last_used_at": null,
        })
    );
    for (name, registry) in [("ci", json!("acme")), ("global", Value::Null)] {
        let account = json!({ "name": name, "registry": registry });
        let mut made = admin
            .post("/api/v1/service-accounts", account)
            .await
            .expect(201)
            .json();
        made["created_at"] = json!("[TIME]");
        assert_eq!(
            made,
            json!({
                "name": name,
                "kind": "service",
                "email": null,
                "instance_role": "member",
                "registry": registry,
                "created_at": "[TIME]",
                "disabled": false,
                "has_password": false,
                "last_used_at": null,
            })
        );
    }
    let names = |list: Value| {
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(admin.get("/api/v1/users").await.expect(200).json()),
        ["admin", "alice"]
    );
    let accounts = admin
        .get("/api/v1/service-accounts")
        .await
        .expect(200)
        .json();
    assert_eq!(names(accounts), ["ci", "global"]);
    // a user and a service account of one name are two
    admin.create_service_account("alice", None).await;
    for (path, code) in [("users", "alice"), ("service-accounts", "service:ci")] {
        let name = code.trim_start_matches("service:");
        let answer = admin
            .post(&format!("/api/v1/{path}"), json!({ "name": name }))
            .await;
        assert_error(&answer, 409, "account-name-taken");
        assert_eq!(
            answer.detail().unwrap(),
            format!("an account named `{code}` exists; choose another name")
        );
    }
}

async fn what_no_account_can_be(server: &Server) {
    let admin = server.admin();
    let mut said = String::new();
    for (path, wrong) in [
        ("users", json!({})),
        ("users", json!({ "name": "" })),
        ("users", json!({ "name": "Alice" })),
        ("users", json!({ "name": "service:ci" })),
        ("users", json!({ "name": "a\u{0}" })),
        ("users", json!({ "name": "-x" })),
        ("users", json!({ "name": "alice", "email": "alice" })),
        (
            "users",
            json!({ "name": "alice", "email": "a\u{0}@b.example" }),
        ),
        ("users", json!({ "name": "alice", "instance_role": "root" })),
        ("users", json!({ "name": "alice", "role": "admin" })),
        (
            "service-accounts",
            json!({ "name": "ci", "registry": "Acme" }),
        ),
        (
            "service-accounts",
            json!({ "name": "ci", "email": "a@b.example" }),
        ),
        (
            "service-accounts",
            json!({ "name": "ci", "instance_role": "admin" }),
        ),
    ] {
        let answer = admin.post(&format!("/api/v1/{path}"), wrong).await;
        assert_error(&answer, 422, "invalid-request");
        said.push_str(&answer.detail().unwrap().replace('\0', "[NUL]"));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @"
    the request does not have the expected shape: missing field `name` at line 1 column 2
    the request does not have the expected shape: an account's name has 1 to 64 characters, as in `alice` at line 1 column 11
    the request does not have the expected shape: invalid character `A` in account name `Alice`: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit, as in `alice` at line 1 column 16
    the request does not have the expected shape: invalid character `:` in account name `service:ci`: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit, as in `alice` at line 1 column 21
    the request does not have the expected shape: invalid character `[NUL]` in account name `a[NUL]`: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit, as in `alice` at line 1 column 18
    the request does not have the expected shape: invalid character `-` in account name `-x`: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit, as in `alice` at line 1 column 13
    `alice` is not an e-mail address, as `alice@acme.example` is
    `a[NUL]@b.example` is not an e-mail address, as `alice@acme.example` is
    the request does not have the expected shape: `root` is not a role on the instance; use one of `member`, `creator`, `admin` at line 1 column 39
    the request does not have the expected shape: unknown field `role`, expected one of `name`, `email`, `password`, `instance_role` at line 1 column 22
    the request does not have the expected shape: the registry name `Acme` must start with a lower-case letter, as in `acme` at line 1 column 31
    the request does not have the expected shape: unknown field `email`, expected `name` or `registry` at line 1 column 20
    the request does not have the expected shape: unknown field `instance_role`, expected `name` or `registry` at line 1 column 28
    ");
    let password = json!({ "name": "alice", "password": "hunter2" });
    let answer = admin.post("/api/v1/users", password).await;
    assert_error(&answer, 422, "invalid-password");
    assert!(!answer.detail().unwrap().contains("hunter2"));
    let nowhere = json!({ "name": "ci", "registry": "nowhere" });
    let answer = admin.post("/api/v1/service-accounts", nowhere).await;
    assert_error(&answer, 404, "no-such-registry");
}

async fn a_creator_makes_registries_and_administers_them_alone(server: &Server) {
    let admin = server.admin();
    admin
        .post(
            "/api/v1/users",
            json!({ "name": "carol", "instance_role": "creator" }),
        )
        .await
        .expect(201);
    let scopes = json!(["publish", "maintain", "admin"]);
    let carol = admin.with_token(
        &admin
            .token(json!({ "principal": "carol", "scopes": scopes }))
            .await,
    );
    carol
        .post("/api/v1/registries", json!({ "name": "hers" }))
        .await
        .expect(201);
    carol
        .publish("hers", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    carol.claim("hers", "x-*", "private").await;
    let list = carol.get("/api/v1/registries").await.expect(200).json();
    assert_eq!(
        (&list["total"], &list["items"][0]["name"]),
        (&json!(1), &json!("hers"))
    );
    assert_error(
        &carol.get("/api/v1/registries/main").await,
        404,
        "no-such-registry",
    );
    assert_error(&carol.get("/api/v1/users").await, 403, "not-allowed");
    // she cannot take over the name of a registry that is not hers
    carol
        .delete("/api/v1/registries/hers?confirm=hers")
        .await
        .expect(204);
    let restore = carol
        .post("/api/v1/registries/hers/restore", json!({}))
        .await;
    assert_error(&restore, 403, "not-allowed");
}

async fn the_first_administrator_is_there(server: &Server) {
    let me = server.admin().get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["principal"], json!({ "name": "admin", "kind": "user" }));
    assert_eq!(me["instance_role"], "admin");
    let scopes = json!([
        "read", "publish", "yank", "owners", "maintain", "delete", "admin"
    ]);
    assert_eq!(me["token"]["scopes"], scopes);
    for none in ["registries", "crates", "expires_at"] {
        assert_eq!(me["token"][none], Value::Null, "{none}");
    }
    assert_error(&server.anonymous().get("/api/v1/me").await, 401, "sign-in");
    let main = server
        .admin()
        .get("/api/v1/registries/main")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&main["visibility"], &main["upstreams"][0]["name"]),
        (&json!("private"), &json!("crates-io"))
    );
}
