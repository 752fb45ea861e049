//! `…/upstreams`: shapes, credentials, who may attach one, and deletion while one is in use.

use serde_json::{Value, json};
use supercargo_testkit::{FakeUpstream, Server};

use crate::{assert_error, assert_time, on_both_databases};

on_both_databases!(
    upstreams_are_made_shown_and_listed_without_secrets,
    what_no_upstream_can_be,
    credentials_and_users_are_changed_and_kept,
    an_upstream_in_use_is_not_deleted_and_its_users_are_named,
    a_test_tells_what_an_upstream_answers,
    who_may_attach_an_upstream,
);

const NOWHERE: &str = "sparse+http://127.0.0.1:9/";

async fn upstreams_are_made_shown_and_listed_without_secrets(server: &Server) {
    let admin = server.admin();
    for (auth, shown) in [
        (json!(null), json!({ "kind": "none" })),
        (json!({ "kind": "none" }), json!({ "kind": "none" })),
        (
            json!({ "kind": "token", "secret": "hunter2" }),
            json!({ "kind": "token" }),
        ),
        (
            json!({ "kind": "bearer", "secret": "hunter2" }),
            json!({ "kind": "bearer" }),
        ),
        (
            json!({ "kind": "basic", "username": "us", "secret": "hunter2" }),
            json!({ "kind": "basic", "username": "us" }),
        ),
    ] {
        let request =
            json!({ "name": "partner", "index": NOWHERE, "auth": auth, "usable_by": ["main"] });
        let answer = admin.post("/api/v1/upstreams", request).await.expect(201);
        let mut made = answer.json();
        assert_time(&made["created_at"]);
        let read = admin.get("/api/v1/upstreams/partner").await.expect(200);
        let mut whole = read.json();
        let health = whole.as_object_mut().unwrap().remove("health").unwrap();
        assert_eq!(health["state"], "unknown");
        assert_eq!(whole, made);
        let list = admin.get("/api/v1/upstreams").await.expect(200);
        assert!(
            list.json()["items"].as_array().unwrap().contains(&made),
            "{list}"
        );
        for answer in [answer, read, list] {
            assert!(!answer.text().contains("hunter2"), "{answer}");
        }
        made["created_at"] = json!("[TIME]");
        assert_eq!(
            made,
            json!({
                "name": "partner",
                "index": NOWHERE,
                "auth": shown,
                "usable_by": ["main"],
                "used_by": [],
                "created_at": "[TIME]",
            })
        );
        admin.delete("/api/v1/upstreams/partner").await.expect(204);
        assert_error(
            &admin.get("/api/v1/upstreams/partner").await,
            404,
            "no-such-upstream",
        );
    }
    let preset = admin
        .get("/api/v1/upstreams/crates-io")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&preset["preset"], &preset["used_by"]),
        (&json!("crates.io"), &json!(["main"]))
    );
}

async fn what_no_upstream_can_be(server: &Server) {
    let admin = server.admin();
    let mut said = String::new();
    for wrong in [
        json!({}),
        json!({ "name": "x" }),
        json!({ "name": "", "index": NOWHERE }),
        json!({ "name": "X", "index": NOWHERE }),
        json!({ "name": "a/b", "index": NOWHERE }),
        json!({ "name": "a\u{0}", "index": NOWHERE }),
        json!({ "name": "x", "preset": "elsewhere" }),
        json!({ "name": "x", "preset": "crates.io", "index": NOWHERE }),
        json!({ "name": "x", "index": "http://registry.example/" }),
        json!({ "name": "x", "index": "sparse+ftp://registry.example/" }),
        json!({ "name": "x", "index": "sparse+https://user:pass@registry.example/" }),
        json!({ "name": "x", "index": "nonsense" }),
        json!({ "name": "x", "index": NOWHERE, "auth": {} }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "oauth" } }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "token" } }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "token", "secret": "" } }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "token", "secret": "a\r\nb: c" } }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "token", "secret": "a", "username": "u" } }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "none", "secret": "hunter2" } }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "basic", "secret": "a" } }),
        json!({ "name": "x", "index": NOWHERE, "auth": { "kind": "basic", "username": "a:b", "secret": "a" } }),
        json!({ "name": "x", "index": NOWHERE, "usable_by": "main" }),
        json!({ "name": "x", "index": NOWHERE, "usable_by": ["Main"] }),
        json!({ "name": "x", "index": NOWHERE, "secret": "hunter2" }),
    ] {
        let answer = admin.post("/api/v1/upstreams", wrong).await;
        assert_eq!(answer.status, 422, "{answer}");
        said.push_str(&answer.detail().unwrap().replace('\0', "[NUL]"));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r#"
    the request does not have the expected shape: missing field `name` at line 1 column 2
    give one of `preset`, `index` and `registry`
    `name` starts with a lower-case letter, then lower-case letters, digits, `_`, `.`, `-`, 64 at most, as in `crates-io`
    `name` starts with a lower-case letter, then lower-case letters, digits, `_`, `.`, `-`, 64 at most, as in `crates-io`
    `name` starts with a lower-case letter, then lower-case letters, digits, `_`, `.`, `-`, 64 at most, as in `crates-io`
    `name` starts with a lower-case letter, then lower-case letters, digits, `_`, `.`, `-`, 64 at most, as in `crates-io`
    there is no preset `elsewhere`; the one there is is `crates.io`
    give one of `preset`, `index` and `registry`
    `index`: the index URL must start with `sparse+https://` or `sparse+http://`, as in `sparse+https://registry.example/index/`
    `index`: the index URL must start with `sparse+https://` or `sparse+http://`, as in `sparse+https://registry.example/index/`
    `index`: the index URL must not carry a user name or a password; give the credentials as `auth`
    `index`: the index URL must start with `sparse+https://` or `sparse+http://`, as in `sparse+https://registry.example/index/`
    the request does not have the expected shape: missing field `kind` at line 1 column 58
    the request does not have the expected shape: unknown variant `oauth`, expected one of `none`, `token`, `bearer`, `basic` at line 1 column 71
    the request does not have the expected shape: missing field `secret` at line 1 column 73
    `auth.secret` is empty or has characters that no header can carry
    `auth.secret` is empty or has characters that no header can carry
    the request does not have the expected shape: unknown field `username`, expected `secret` or `origins` at line 1 column 101
    the request does not have the expected shape: unknown field `secret`, there are no fields at line 1 column 91
    the request does not have the expected shape: missing field `username` at line 1 column 86
    `auth.username` must not hold `:` or control characters
    the request does not have the expected shape: invalid type: string "main", expected a sequence at line 1 column 67
    the request does not have the expected shape: the registry name `Main` must start with a lower-case letter, as in `acme` at line 1 column 69
    the request does not have the expected shape: unknown field `secret`, expected one of `name`, `preset`, `index`, `registry`, `auth`, `usable_by` at line 1 column 57
    "#);
    assert!(
        !said.contains("hunter2") && !said.contains("pass@"),
        "{said}"
    );
    let twice = json!({ "name": "crates-io", "preset": "crates.io" });
    assert_error(
        &admin.post("/api/v1/upstreams", twice).await,
        409,
        "upstream-name-taken",
    );
    assert_eq!(admin.get("/api/v1/upstreams").await.json()["total"], 1);
}

async fn credentials_and_users_are_changed_and_kept(server: &Server) {
    let admin = server.admin();
    let upstream = FakeUpstream::start();
    upstream.auth("first");
    let path = "/api/v1/upstreams/partner";
    let auth = json!({ "kind": "token", "secret": "first" });
    admin
        .create_upstream(json!({ "name": "partner", "index": upstream.index_url(), "auth": auth }))
        .await;
    let works = || async {
        let answer = admin
            .post(&format!("{path}/test"), json!({}))
            .await
            .expect(200)
            .json();
        answer["ok"].as_bool().unwrap()
    };
    assert!(works().await);
    // who may attach it changes, the secret stays
    let edit = admin
        .patch(path, json!({ "usable_by": ["main"] }))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&edit["usable_by"], &edit["auth"]["kind"]),
        (&json!(["main"]), &json!("token"))
    );
    assert!(works().await);
    let edit = admin
        .patch(path, json!({ "usable_by": null }))
        .await
        .expect(200)
        .json();
    assert_eq!(edit["usable_by"], Value::Null);
    upstream.auth("Bearer second");
    assert!(!works().await);
    let auth = json!({ "auth": { "kind": "bearer", "secret": "second" } });
    admin.patch(path, auth).await.expect(200);
    assert!(works().await);
    let auth = json!({ "auth": { "kind": "none" } });
    assert_eq!(
        admin.patch(path, auth).await.expect(200).json()["auth"],
        json!({ "kind": "none" })
    );
    assert!(!works().await);
    for wrong in [
        json!({ "index": NOWHERE }),
        json!({ "name": "other" }),
        json!({ "auth": { "kind": "none", "secret": "x" } }),
    ] {
        assert_error(&admin.patch(path, wrong).await, 422, "invalid-request");
    }
    assert_error(
        &admin.patch("/api/v1/upstreams/none", json!({})).await,
        404,
        "no-such-upstream",
    );
}

async fn an_upstream_in_use_is_not_deleted_and_its_users_are_named(server: &Server) {
    let admin = server.admin();
    admin
        .create_upstream(json!({ "name": "partner", "index": NOWHERE }))
        .await;
    for name in ["beta", "acme"] {
        admin
            .create_registry(json!({ "name": name, "upstreams": ["partner"] }))
            .await;
    }
    let refused = admin.delete("/api/v1/upstreams/partner").await;
    assert_error(&refused, 409, "upstream-in-use");
    insta::assert_snapshot!(
        refused.detail().unwrap(),
        @"upstream `partner` is in use by registry `acme`, registry `beta`; detach it there first"
    );
    admin.attach("acme", json!([])).await;
    // one that can be restored counts, or restoring it would fail
    admin
        .delete("/api/v1/registries/beta?confirm=beta")
        .await
        .expect(204);
    let refused = admin.delete("/api/v1/upstreams/partner").await;
    assert_error(&refused, 409, "upstream-in-use");
    admin
        .post("/api/v1/registries/beta/restore", json!({}))
        .await
        .expect(200);
    admin.attach("beta", json!([])).await;
    admin.delete("/api/v1/upstreams/partner").await.expect(204);
    assert_error(
        &admin.delete("/api/v1/upstreams/partner").await,
        404,
        "no-such-upstream",
    );
}

async fn a_test_tells_what_an_upstream_answers(server: &Server) {
    let admin = server.admin();
    let upstream = FakeUpstream::start();
    admin
        .create_upstream(json!({ "name": "good", "index": upstream.index_url() }))
        .await;
    admin
        .create_upstream(json!({ "name": "dead", "index": NOWHERE }))
        .await;
    let good = admin
        .post("/api/v1/upstreams/good/test", json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(good["ok"], true);
    assert!(good["latency_ms"].is_u64(), "{good}");
    let dead = admin
        .post("/api/v1/upstreams/dead/test", json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(dead["ok"], false);
    assert!(
        dead["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{dead}"
    );
    let none = admin.post("/api/v1/upstreams/none/test", json!({})).await;
    assert_error(&none, 404, "no-such-upstream");
}

async fn who_may_attach_an_upstream(server: &Server) {
    let admin = server.admin();
    let secret = json!({ "kind": "token", "secret": "hunter2" });
    for name in ["acme", "other"] {
        admin.create_registry(json!({ "name": name })).await;
    }
    for (name, auth, usable_by) in [
        ("free", json!(null), json!(null)),
        ("closed", json!(null), json!(["other"])),
        ("listed", secret.clone(), json!(["acme"])),
        ("secret", secret, json!(null)),
    ] {
        let upstream =
            json!({ "name": name, "index": NOWHERE, "auth": auth, "usable_by": usable_by });
        admin.create_upstream(upstream).await;
    }
    let alice = admin.person("alice", "acme", "admin", &["admin"]).await;
    for (name, status) in [
        ("free", 200),
        ("closed", 422),
        ("listed", 200),
        ("secret", 422),
    ] {
        let attach = json!({ "upstreams": [name] });
        let answer = alice.patch("/api/v1/registries/acme", attach.clone()).await;
        assert_eq!(answer.status, status, "{answer}");
        if status == 422 {
            assert_error(&answer, 422, "upstream-not-usable");
        }
        admin
            .patch("/api/v1/registries/acme", attach)
            .await
            .expect(200);
    }
    // she changes other settings while an upstream is attached that she could not attach herself
    alice
        .patch("/api/v1/registries/acme", json!({ "description": "ours" }))
        .await
        .expect(200);
}
