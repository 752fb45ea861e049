//! I3 and `…/tokens`: made, shown once, listed, used, ended.

use serde_json::{Value, json};
use supercargo_testkit::{Server, eventually};
use supercargo_types::TokenSecret;

use crate::{assert_error, assert_time, on_both_databases};

on_both_databases!(
    a_token_is_shown_once_with_all_that_it_is,
    the_list_has_what_tells_tokens_apart_and_no_secret,
    somebody_sees_their_own_tokens_and_an_instance_admin_everybodys,
    who_may_end_a_token,
    last_use_is_written_down,
    what_no_token_can_be,
);

/// The fields of an object, in the order of the alphabet.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

const LISTED: [&str; 10] = [
    "crates",
    "created_at",
    "expires_at",
    "id",
    "last_used_at",
    "name",
    "prefix",
    "principal",
    "registries",
    "scopes",
];

async fn a_token_is_shown_once_with_all_that_it_is(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    admin.create_service_account("ci", Some("acme")).await;
    let made = admin
        .post(
            "/api/v1/tokens",
            json!({
                "name": " pipeline ",
                "principal": "service:ci",
                "scopes": ["publish", "publish"],
                "registries": ["acme"],
                "crates": ["acme-*"],
                "expires_in_days": 30,
            }),
        )
        .await
        .expect(201)
        .json();
    let secret = made["token"].as_str().unwrap();
    assert!(secret.parse::<TokenSecret>().is_ok(), "{secret}");
    assert_eq!(made["prefix"], secret[..12]);
    assert_eq!(made["name"], "pipeline");
    assert_eq!(made["principal"], "service:ci");
    assert_eq!(made["scopes"], json!(["read", "publish"]));
    assert_eq!(made["registries"], json!(["acme"]));
    assert_eq!(made["crates"], json!(["acme-*"]));
    assert_eq!(made["last_used_at"], Value::Null);
    assert_time(&made["created_at"]);
    assert_time(&made["expires_at"]);
    let mut with_secret = LISTED.to_vec();
    with_secret.push("token");
    with_secret.sort_unstable();
    assert_eq!(keys(&made), with_secret);
    let me = admin
        .with_token(secret)
        .get("/api/v1/me")
        .await
        .expect(200)
        .json();
    assert_eq!(me["principal"], json!({ "name": "ci", "kind": "service" }));
    assert_eq!(me["instance_role"], "member");
    assert_eq!(me["token"]["id"], made["id"]);
    assert_eq!(me["token"]["scopes"], made["scopes"]);
    assert!(!me.to_string().contains(secret));
}

async fn the_list_has_what_tells_tokens_apart_and_no_secret(server: &Server) {
    let admin = server.admin();
    let mut secrets = Vec::new();
    for number in 0..5 {
        secrets.push(admin.token(json!({ "name": format!("t{number}") })).await);
    }
    let answer = admin.get("/api/v1/tokens").await.expect(200);
    let list = answer.json();
    assert_eq!(keys(&list), ["items", "next_cursor", "total"]);
    assert_eq!(
        (&list["total"], &list["next_cursor"]),
        (&json!(6), &Value::Null)
    );
    for item in list["items"].as_array().unwrap() {
        assert_eq!(keys(item), LISTED);
        assert_time(&item["created_at"]);
    }
    for secret in &secrets {
        assert!(
            answer.text().contains(&secret[..12]),
            "its beginning is there"
        );
        assert!(!answer.text().contains(&secret[12..]), "its secret is not");
    }
    let mut paged = Vec::new();
    let mut path = "/api/v1/tokens?limit=2".to_owned();
    loop {
        let page = admin.get(&path).await.expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 2 && page["total"] == 6, "{page}");
        paged.extend(items);
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/tokens?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    let ids = |items: &[Value]| {
        items
            .iter()
            .map(|item| item["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&paged), ids(list["items"].as_array().unwrap()));
}

async fn somebody_sees_their_own_tokens_and_an_instance_admin_everybodys(server: &Server) {
    let admin = server.admin();
    for name in ["alice", "bob"] {
        admin.create_user(name).await;
    }
    let alice = admin.with_token(
        &admin
            .token(json!({ "principal": "alice", "name": "hers" }))
            .await,
    );
    admin
        .token(json!({ "principal": "bob", "name": "his" }))
        .await;
    let seen = |list: Value| {
        let names = list["items"].as_array().unwrap().iter();
        names
            .map(|item| item["principal"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        seen(alice.get("/api/v1/tokens").await.expect(200).json()),
        ["alice"]
    );
    let all = seen(admin.get("/api/v1/tokens").await.expect(200).json());
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all.contains(&"bob".to_owned()));
}

async fn who_may_end_a_token(server: &Server) {
    let admin = server.admin();
    for name in ["alice", "bob"] {
        admin.create_user(name).await;
    }
    let make = |principal: &'static str, scopes: Value| {
        let admin = admin.clone();
        async move {
            let request = json!({ "name": "x", "principal": principal, "scopes": scopes });
            let made = admin
                .post("/api/v1/tokens", request)
                .await
                .expect(201)
                .json();
            let client = admin.with_token(made["token"].as_str().unwrap());
            (
                client,
                format!("/api/v1/tokens/{}", made["id"].as_str().unwrap()),
            )
        }
    };
    let (reader, reader_path) = make("alice", json!(["read"])).await;
    let (manager, manager_path) = make("alice", json!(["admin"])).await;
    let (_, bobs_path) = make("bob", json!(["read"])).await;
    // a stolen reading token cannot lock its owner out
    assert_error(&reader.delete(&manager_path).await, 403, "not-allowed");
    // another's token is as one that is not there
    let not_there = manager.delete(&bobs_path).await;
    assert_error(&not_there, 404, "no-such-token");
    assert_error(
        &manager.delete("/api/v1/tokens/nonsense").await,
        404,
        "no-such-token",
    );
    assert_error(&server.anonymous().delete(&bobs_path).await, 401, "sign-in");
    // nor can one that reaches less
    let narrow = json!({ "principal": "alice", "scopes": ["admin"], "registries": ["main"] });
    admin.member("main", "alice", "admin").await;
    let narrow = admin.with_token(&admin.token(narrow).await);
    assert_error(&narrow.delete(&manager_path).await, 403, "not-allowed");
    let within = json!({ "name": "x", "registries": ["main"] });
    let within = narrow
        .post("/api/v1/tokens", within)
        .await
        .expect(201)
        .json();
    let within = format!("/api/v1/tokens/{}", within["id"].as_str().unwrap());
    narrow.delete(&within).await.expect(204);
    // but each token ends itself, and one with `admin` its principal's
    reader.delete(&reader_path).await.expect(204);
    reader.get("/api/v1/me").await.expect(401);
    let (other, other_path) = make("alice", json!(["read"])).await;
    manager.delete(&other_path).await.expect(204);
    other.get("/api/v1/me").await.expect(401);
    admin.delete(&bobs_path).await.expect(204);
    let list = admin.get("/api/v1/tokens").await.expect(200).json();
    assert_eq!(list["total"], 3, "{list}");
}

async fn last_use_is_written_down(server: &Server) {
    let admin = server.admin();
    let made = admin
        .post("/api/v1/tokens", json!({ "name": "laptop" }))
        .await
        .expect(201)
        .json();
    let client = admin.with_token(made["token"].as_str().unwrap());
    client.get("/api/v1/me").await.expect(200);
    let listed = || async {
        let list = admin.get("/api/v1/tokens").await.expect(200).json();
        let mut items = list["items"].as_array().unwrap().iter();
        items.find(|item| item["id"] == made["id"]).unwrap().clone()
    };
    eventually("the last use of a token", || async {
        !listed().await["last_used_at"].is_null()
    })
    .await;
    let item = listed().await;
    assert_time(&item["last_used_at"]);
    assert!(item["last_used_at"].as_str() >= made["created_at"].as_str());
}

async fn what_no_token_can_be(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let mut said = String::new();
    for wrong in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": " \t " }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "a\u{0}b" }),
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": "x", "scopes": ["write"] }),
        json!({ "name": "x", "scopes": "read" }),
        json!({ "name": "x", "registries": [] }),
        json!({ "name": "x", "registries": ["nowhere"] }),
        json!({ "name": "x", "registries": ["Acme"] }),
        json!({ "name": "x", "crates": [] }),
        json!({ "name": "x", "crates": ["a b"] }),
        json!({ "name": "x", "expires_in_days": 0 }),
        json!({ "name": "x", "expires_in_days": -1 }),
        json!({ "name": "x", "expires_in_days": 36_501 }),
        json!({ "name": "x", "expires_in_days": 1, "expires_at": "2200-01-01T00:00:00Z" }),
        json!({ "name": "x", "expires_at": "2020-01-01T00:00:00Z" }),
        json!({ "name": "x", "expires_at": "tomorrow" }),
        json!({ "name": "x", "principal": "team:core" }),
        json!({ "name": "x", "principal": "Alice" }),
        json!({ "name": "x", "token": "scg_mine" }),
    ] {
        let answer = admin.post("/api/v1/tokens", wrong).await;
        assert_eq!(answer.status, 422, "{answer}");
        said.push_str(&answer.detail().unwrap().replace('\0', "[NUL]"));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r#"
    the request does not have the expected shape: missing field `name` at line 1 column 2
    `name` has 1 to 100 characters and no control characters, as in `laptop`
    `name` has 1 to 100 characters and no control characters, as in `laptop`
    `name` has 1 to 100 characters and no control characters, as in `laptop`
    `name` has 1 to 100 characters and no control characters, as in `laptop`
    the request does not have the expected shape: a token needs at least one scope; use `read` for one that only reads at line 1 column 24
    the request does not have the expected shape: `write` is not a scope; use one of `read`, `publish`, `yank`, `owners`, `maintain`, `delete`, `admin` at line 1 column 30
    the request does not have the expected shape: invalid type: string "read", expected a sequence at line 1 column 27
    `registries` names none; leave it out for all
    there is no registry `nowhere`
    the request does not have the expected shape: the registry name `Acme` must start with a lower-case letter, as in `acme` at line 1 column 33
    `crates` names none; leave it out for all
    the request does not have the expected shape: invalid character ` ` in pattern `a b`: use letters, digits, `-`, `_` and `*`, as in `acme-*` at line 1 column 28
    `expires_in_days` is from 1 to 36500; leave it out for a token without an end
    the request does not have the expected shape: invalid value: integer `-1`, expected u32 at line 1 column 32
    `expires_in_days` is from 1 to 36500; leave it out for a token without an end
    give `expires_in_days` or `expires_at`, not both
    `expires_at` is in the past
    the request does not have the expected shape: `tomorrow` is not a time; write it as `2026-11-20T11:54:12Z` at line 1 column 36
    a team has no tokens; make one for a user or a service account
    the request does not have the expected shape: invalid character `A` in account name `Alice`: use lower-case letters, digits, `-`, `_` and `.`, and start with a letter or digit, as in `alice` at line 1 column 32
    the request does not have the expected shape: unknown field `token`, expected one of `name`, `principal`, `scopes`, `registries`, `crates`, `expires_in_days`, `expires_at` at line 1 column 19
    "#);
    let nobody = admin
        .post(
            "/api/v1/tokens",
            json!({ "name": "x", "principal": "nobody" }),
        )
        .await;
    assert_error(&nobody, 404, "no-such-account");
}
