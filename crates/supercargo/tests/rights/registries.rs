//! `…/registries`: every shape and status of the contract.

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{Package, Server, View};

use crate::{assert_error, assert_time, on_both_databases};

on_both_databases!(
    a_registry_is_made_with_its_name_alone,
    a_registry_is_made_with_everything,
    what_is_there_already_is_a_conflict,
    what_no_registry_can_be,
    a_change_touches_what_it_names_and_no_more,
    a_registry_is_deleted_by_its_name_typed_again_and_can_be_restored,
    lists_are_paged_and_ordered_by_name,
    members_are_set_listed_and_removed,
);

async fn a_registry_is_made_with_its_name_alone(server: &Server) {
    let admin = server.admin();
    let made = admin
        .post("/api/v1/registries", json!({ "name": "acme" }))
        .await
        .expect(201);
    assert_eq!(made.header("content-type"), Some("application/json"));
    let mut made = made.json();
    assert_time(&made["created_at"]);
    made["created_at"] = json!("[TIME]");
    let base = server.url();
    assert_eq!(
        made,
        json!({
            "name": "acme",
            "description": "",
            "labels": {},
            "visibility": "private",
            "publishing": "owners",
            "upstreams": [],
            "republish": false,
            "allow": [],
            "block": [],
            "created_at": "[TIME]",
            "index": format!("sparse+{base}/acme/index/"),
            "mirror": format!("sparse+{base}/acme/mirror/index/"),
            "hosted": format!("sparse+{base}/acme/hosted/index/"),
        })
    );
}

async fn a_registry_is_made_with_everything(server: &Server) {
    let admin = server.admin();
    admin
        .create_upstream(json!({ "name": "partner", "index": "sparse+http://127.0.0.1:9/" }))
        .await;
    let asked = json!({
        "name": "acme.tools",
        "description": "tools of ours, ünïcode too",
        "labels": { "team": "core", "tier": "1" },
        "visibility": "internal",
        "publishing": "members",
        "upstreams": [{ "name": "partner", "only": ["partner-*"], "except": ["partner-old"] }],
    });
    let made = admin
        .post("/api/v1/registries", asked.clone())
        .await
        .expect(201)
        .json();
    let read = admin
        .get("/api/v1/registries/acme.tools")
        .await
        .expect(200)
        .json();
    for (field, value) in asked.as_object().unwrap() {
        assert_eq!(&made[field], value, "{field}");
        assert_eq!(&read[field], value, "{field}");
    }
    assert_eq!(read["crates"], 0);
    assert_eq!(read["created_at"], made["created_at"]);
    admin
        .publish("acme.tools", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let read = admin
        .get("/api/v1/registries/acme.tools")
        .await
        .expect(200)
        .json();
    assert_eq!(read["crates"], 1);
}

async fn what_is_there_already_is_a_conflict(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme-tools" })).await;
    let post = |name: &str| {
        let (admin, body) = (admin.clone(), json!({ "name": name }));
        async move { admin.post("/api/v1/registries", body).await }
    };
    let taken = post("acme-tools").await;
    assert_error(&taken, 409, "registry-name-taken");
    assert_eq!(
        taken.detail().unwrap(),
        "a registry named `acme-tools` exists"
    );
    for twin in ["acme_tools", "acme.tools"] {
        let answer = post(twin).await;
        assert_error(&answer, 409, "registry-name-twin");
        assert!(
            answer.detail().unwrap().contains("`acme-tools`"),
            "{answer}"
        );
    }
    assert_error(&post("main").await, 409, "registry-name-taken");
    // the name of a deleted one is not free either, nor its twins
    admin
        .delete("/api/v1/registries/acme-tools?confirm=acme-tools")
        .await
        .expect(204);
    assert_error(&post("acme_tools").await, 409, "registry-name-twin");
    admin
        .post(
            "/api/v1/users",
            json!({ "name": "carol", "instance_role": "creator" }),
        )
        .await
        .expect(201);
    let carol = json!({ "name": "x", "principal": "carol", "scopes": ["admin"] });
    let carol = server.anonymous().with_token(&admin.token(carol).await);
    let again = carol
        .post("/api/v1/registries", json!({ "name": "acme-tools" }))
        .await;
    assert_error(&again, 409, "registry-name-retired");
    // of many at once, one is made
    let racers = (0..8).map(|_| post("racer"));
    let mut statuses: Vec<u16> = futures_util::future::join_all(racers)
        .await
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

async fn what_no_registry_can_be(server: &Server) {
    let admin = server.admin();
    admin
        .create_upstream(json!({ "name": "one", "index": "sparse+http://127.0.0.1:9/" }))
        .await;
    let long = "x".repeat(65);
    let mut said = String::new();
    for wrong in [
        json!({}),
        json!([]),
        json!("acme"),
        json!({ "name": null }),
        json!({ "name": "" }),
        json!({ "name": "Acme" }),
        json!({ "name": "1acme" }),
        json!({ "name": "acme/x" }),
        json!({ "name": ".." }),
        json!({ "name": "a\u{0}" }),
        json!({ "name": long }),
        json!({ "name": "api" }),
        json!({ "name": "mirror" }),
        json!({ "name": "acme", "visibility": "secret" }),
        json!({ "name": "acme", "publishing": "all" }),
        json!({ "name": "acme", "labels": ["x"] }),
        json!({ "name": "acme", "labels": { "": "x" } }),
        json!({ "name": "acme", "labels": { "a": "\u{0}" } }),
        json!({ "name": "acme", "description": "x".repeat(1001) }),
        json!({ "name": "acme", "description": "a\u{0}b" }),
        json!({ "name": "acme", "upstreams": "one" }),
        json!({ "name": "acme", "upstreams": [{ "only": [] }] }),
        json!({ "name": "acme", "upstreams": [{ "name": "one", "onyl": ["x"] }] }),
        json!({ "name": "acme", "upstreams": [{ "name": "one", "only": ["a b"] }] }),
        json!({ "name": "acme", "upstreams": [7] }),
        json!({ "name": "acme", "visiblity": "public" }),
    ] {
        let answer = admin.post("/api/v1/registries", wrong).await;
        assert_eq!(answer.status, 422, "{answer}");
        said.push_str(&answer.detail().unwrap().replace('\0', "[NUL]"));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r#"
    the request does not have the expected shape: missing field `name` at line 1 column 2
    the request has to be a JSON object, as in `{"name":"acme"}`
    the request has to be a JSON object, as in `{"name":"acme"}`
    the request does not have the expected shape: invalid type: null, expected a string at line 1 column 12
    the request does not have the expected shape: a registry's name has 1 to 64 characters at line 1 column 11
    the request does not have the expected shape: the registry name `Acme` must start with a lower-case letter, as in `acme` at line 1 column 15
    the request does not have the expected shape: the registry name `1acme` must start with a lower-case letter, as in `acme` at line 1 column 16
    the request does not have the expected shape: invalid character `/` in registry name `acme/x`: use lower-case letters, digits, `_`, `.` and `-`, as in `acme-tools` at line 1 column 17
    the request does not have the expected shape: the registry name `..` must start with a lower-case letter, as in `acme` at line 1 column 13
    the request does not have the expected shape: invalid character `[NUL]` in registry name `a[NUL]`: use lower-case letters, digits, `_`, `.` and `-`, as in `acme-tools` at line 1 column 18
    the request does not have the expected shape: a registry's name has 1 to 64 characters at line 1 column 76
    the request does not have the expected shape: the name `api` is reserved for the server's own paths; choose another at line 1 column 14
    the request does not have the expected shape: the name `mirror` is reserved for the server's own paths; choose another at line 1 column 17
    the request does not have the expected shape: `secret` is not a visibility; use one of `private`, `internal`, `public` at line 1 column 37
    the request does not have the expected shape: `all` is not a publishing mode; use one of `owners`, `members` at line 1 column 34
    the request does not have the expected shape: invalid type: sequence, expected a map at line 1 column 24
    label ``: keys and values have at most 100 characters, and keys at least one
    label `a`: keys and values have at most 100 characters, and keys at least one
    `description` has at most 1000 characters
    `description` must not hold control characters but line breaks and tabs
    the request does not have the expected shape: invalid type: string "one", expected a sequence at line 1 column 32
    the request does not have the expected shape: missing field `name` at line 1 column 39
    the request does not have the expected shape: unknown field `onyl`, expected one of `name`, `only`, `except` at line 1 column 48
    the request does not have the expected shape: invalid character ` ` in pattern `a b`: use letters, digits, `-`, `_` and `*`, as in `acme-*` at line 1 column 56
    the request does not have the expected shape: invalid type: integer `7`, expected an upstream's name, or an object with its `name`, `only` and `except` at line 1 column 29
    the request does not have the expected shape: unknown field `visiblity`, expected one of `name`, `description`, `labels`, `visibility`, `publishing`, `upstreams`, `allow`, `block`, `republish` at line 1 column 26
    "#);
    let unknown = json!({ "name": "acme", "upstreams": ["nothing"] });
    let answer = admin.post("/api/v1/registries", unknown).await;
    assert_error(&answer, 404, "no-such-upstream");
    let list = admin.get("/api/v1/registries").await.expect(200).json();
    assert_eq!(list["total"], 1, "nothing of it was made: {list}");
}

async fn a_change_touches_what_it_names_and_no_more(server: &Server) {
    let admin = server.admin();
    admin
        .create_upstream(json!({ "name": "one", "index": "sparse+http://127.0.0.1:9/" }))
        .await;
    let path = "/api/v1/registries/acme";
    let mut expected = admin
        .create_registry(json!({
            "name": "acme",
            "description": "first",
            "labels": { "team": "core" },
            "upstreams": ["one"],
        }))
        .await;
    for (field, value) in [
        ("description", json!("second")),
        ("labels", json!({ "tier": "1" })),
        ("visibility", json!("public")),
        ("publishing", json!("members")),
        (
            "upstreams",
            json!([{ "name": "one", "only": [], "except": ["x-*"] }]),
        ),
        ("upstreams", json!([])),
        ("labels", json!({})),
        ("description", json!("")),
    ] {
        expected[field] = value.clone();
        let changed = admin
            .patch(path, json!({ field: value }))
            .await
            .expect(200)
            .json();
        assert_eq!(changed, expected, "{field}");
    }
    assert_eq!(
        admin.patch(path, json!({})).await.expect(200).json(),
        expected
    );
    for (field, value) in [
        ("name", json!("other")),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("visibility", json!("none")),
    ] {
        let answer = admin.patch(path, json!({ field: value })).await;
        assert_error(&answer, 422, "invalid-request");
    }
    // of a change that is refused, no part is made
    let mixed = json!({ "description": "third", "upstreams": ["nothing"] });
    assert_error(&admin.patch(path, mixed).await, 404, "no-such-upstream");
    let read = admin.get(path).await.expect(200).json();
    assert_eq!(read["description"], "");
    assert_error(
        &admin.patch("/api/v1/registries/none", json!({})).await,
        404,
        "no-such-registry",
    );
}

async fn a_registry_is_deleted_by_its_name_typed_again_and_can_be_restored(server: &Server) {
    let admin = server.admin();
    let made = admin
        .create_registry(json!({ "name": "acme", "visibility": "public" }))
        .await;
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    let path = "/api/v1/registries/acme";
    for unconfirmed in [
        "",
        "?confirm=",
        "?confirm=Acme",
        "?confirm=acme2",
        "?confirm=main",
    ] {
        let answer = admin.delete(&format!("{path}{unconfirmed}")).await;
        assert_error(&answer, 422, "confirmation-needed");
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                answer.detail().unwrap(),
                @"this deletes registry `acme` with its crates; repeat the name to confirm: `?confirm=acme`"
            );
        }
    }
    server
        .anonymous()
        .index("acme", View::Index, "demo")
        .await
        .expect(200);
    let gone = admin
        .delete(&format!("{path}?confirm=acme"))
        .await
        .expect(204);
    assert!(gone.body.is_empty());
    assert_error(&admin.get(path).await, 404, "no-such-registry");
    server
        .anonymous()
        .index("acme", View::Index, "demo")
        .await
        .expect(401);
    admin.index("acme", View::Index, "demo").await.expect(403);
    assert_error(
        &admin.delete(&format!("{path}?confirm=acme")).await,
        404,
        "no-such-registry",
    );
    let restored = admin
        .post(&format!("{path}/restore"), json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(restored, made);
    server
        .anonymous()
        .index("acme", View::Index, "demo")
        .await
        .expect(200);
    for path in [
        "/api/v1/registries/acme/restore",
        "/api/v1/registries/never/restore",
    ] {
        let answer = admin.request(Method::POST, path).send().await;
        assert_error(&answer, 409, "not-restorable");
    }
}

async fn lists_are_paged_and_ordered_by_name(server: &Server) {
    let admin = server.admin();
    for name in ["zeta", "alpha", "beta", "gamma"] {
        admin.create_registry(json!({ "name": name })).await;
        admin
            .create_upstream(json!({ "name": name, "index": "sparse+http://127.0.0.1:9/" }))
            .await;
        admin.create_user(name).await;
        admin.create_service_account(name, None).await;
        admin.claim("main", &format!("{name}-*"), "private").await;
        admin.member("main", name, "reader").await;
    }
    for (path, key) in [
        ("registries", "name"),
        ("upstreams", "name"),
        ("users", "name"),
        ("service-accounts", "name"),
        ("registries/main/claims", "pattern"),
        ("registries/main/members", "principal"),
    ] {
        let whole = admin
            .get(&format!("/api/v1/{path}"))
            .await
            .expect(200)
            .json();
        let names = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().unwrap().iter();
            items
                .map(|item| item[key].as_str().unwrap().to_owned())
                .collect()
        };
        let all = names(&whole);
        assert!(all.is_sorted(), "{path}: {all:?}");
        assert_eq!(whole["total"], all.len(), "{path}");
        assert_eq!(whole["next_cursor"], Value::Null, "{path}");
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin
                .get(&format!("/api/v1/{path}?limit=2{cursor}"))
                .await
                .expect(200)
                .json();
            assert_eq!(page["total"], all.len(), "{path}");
            assert!(names(&page).len() <= 2, "{path}");
            paged.extend(names(&page));
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={}", next.replace('*', "%2A"));
        }
        assert_eq!(paged, all, "{path}");
        for wrong in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "page=2",
            "limit=",
        ] {
            let answer = admin.get(&format!("/api/v1/{path}?{wrong}")).await;
            assert_error(&answer, 422, "invalid-request");
        }
        // cursors are opaque: any text is one
        for odd in ["%FF", "'", "zzz", "%F0%9F%92%A9"] {
            admin
                .get(&format!("/api/v1/{path}?cursor={odd}"))
                .await
                .expect(200);
        }
        // NUL is no text where a database has to compare it
        let answer = admin.get(&format!("/api/v1/{path}?cursor=%00")).await;
        assert!([200, 422].contains(&answer.status.as_u16()), "{answer}");
    }
}

async fn members_are_set_listed_and_removed(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    admin.create_user("alice").await;
    admin.create_service_account("ci", Some("acme")).await;
    let path = "/api/v1/registries/acme/members";
    for (principal, role) in [
        ("alice", "reader"),
        ("service:ci", "publisher"),
        ("alice", "maintainer"),
    ] {
        let answer = admin
            .put(&format!("{path}/{principal}"), json!({ "role": role }))
            .await
            .expect(200);
        assert_eq!(
            answer.json(),
            json!({ "principal": principal, "role": role })
        );
    }
    // a client may write the colon as it likes
    admin
        .put(&format!("{path}/service%3Aci"), json!({ "role": "reader" }))
        .await
        .expect(200);
    let list = admin.get(path).await.expect(200).json();
    assert_eq!(
        list,
        json!({
            "items": [
                { "principal": "admin", "role": "admin" },
                { "principal": "alice", "role": "maintainer" },
                { "principal": "service:ci", "role": "reader" },
            ],
            "next_cursor": null,
            "total": 3,
        })
    );
    for wrong in [
        json!({}),
        json!({ "role": "owner" }),
        json!({ "role": "reader", "until": 1 }),
    ] {
        assert_error(
            &admin.put(&format!("{path}/alice"), wrong).await,
            422,
            "invalid-request",
        );
    }
    for nobody in [
        "bob",
        "service:alice",
        "team:core",
        "Alice",
        "a%00b",
        "user:alice",
    ] {
        let answer = admin
            .put(&format!("{path}/{nobody}"), json!({ "role": "reader" }))
            .await;
        assert_error(&answer, 404, "no-such-account");
    }
    admin.delete(&format!("{path}/alice")).await.expect(204);
    assert_error(
        &admin.delete(&format!("{path}/alice")).await,
        404,
        "not-a-member",
    );
    assert_error(
        &admin.delete(&format!("{path}/bob")).await,
        404,
        "not-a-member",
    );
}
