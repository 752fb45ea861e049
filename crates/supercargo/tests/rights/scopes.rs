//! I3: what a token narrows — scopes, registries, crate patterns — on a principal who may do everything.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Client, Package, Server, View};

use crate::{assert_error, on_both_databases};

on_both_databases!(
    every_cell_of_the_table_of_scopes,
    the_default_scope_reads_and_nothing_else,
    a_token_for_one_registry_is_a_stranger_elsewhere,
    crate_patterns_narrow_writes_and_never_reads,
    crate_patterns_narrow_what_is_done_with_states,
    a_token_never_exceeds_the_one_that_made_it,
    whose_tokens_somebody_may_make,
);

/// One token per column, each with that one scope, of an instance admin. 409 and 422 come after the right was proved.
const TABLE: &str = "
                               read  publish  yank  owners  maintain  delete  admin

read the index                 200     200     200    200     200      200     200
download                       200     200     200    200     200      200     200
search                         200     200     200    200     200      200     200
see the registry               200     200     200    200     200      200     200
list claims                    200     200     200    200     200      200     200
see oneself                    200     200     200    200     200      200     200
list one's tokens              200     200     200    200     200      200     200
publish a new crate            403     200     403    403     403      403     403
publish a version              403     200     403    403     403      403     403
yank                           403     403     200    403     403      403     403
unyank                         403     403     200    403     403      403     403
add an owner                   403     403     403    200     403      403     403
remove an owner                403     403     403    200     403      403     403
claim a name                   403     403     403    403     201      403     403
delete a claim                 403     403     403    403     422      403     403
see a crate                    200     200     200    200     200      200     200
list versions                  200     200     200    200     200      200     200
see a version                  200     200     200    200     200      200     200
list quarantines               200     200     200    200     200      200     200
upload a crate file            403     201     403    403     403      403     403
hold a crate                   403     403     403    403     200      403     403
lift it from a crate           403     403     403    403     204      403     403
block a version                403     403     403    403     200      403     403
lift it from a version         403     403     403    403     204      403     403
delete a version               403     403     403    403     403      204     403
restore a version              403     403     403    403     403      200     403
purge a version                403     403     403    403     403      403     409
delete a crate                 403     403     403    403     403      204     403
restore a crate                403     403     403    403     403      200     403
purge a crate                  403     403     403    403     403      403     409
release a name                 403     403     403    403     409      403     403
evict a crate                  403     403     403    403     204      403     403
evict the cache                403     403     403    403     204      403     403
accept changed bytes           403     403     403    403     422      403     403
change settings                403     403     403    403     403      403     200
make a member                  403     403     403    403     403      403     200
list members                   403     403     403    403     403      403     200
delete the registry            403     403     403    403     403      403     422
make a registry                403     403     403    403     403      403     201
make an upstream               403     403     403    403     403      403     201
make a user                    403     403     403    403     403      403     201
make a service account         403     403     403    403     403      403     201
make a token                   403     403     403    403     403      403     201
revoke another token           403     403     403    403     403      403     204
";

async fn do_deed(deed: &str, client: &Client, scope: &str, spare_token: &str) -> Answer {
    let owners = json!({ "users": ["extra"] });
    let named = json!({ "name": format!("by-{scope}") });
    let index = "sparse+http://127.0.0.1:9/";
    let send = |method, path: &str| client.request(method, path).send();
    match deed {
        "read the index" => client.index("acme", View::Index, "demo").await,
        "download" => client.download("acme", View::Index, "demo", "1.0.0").await,
        "search" => client.get("/acme/api/v1/crates?q=demo").await,
        "see the registry" => client.get("/api/v1/registries/acme").await,
        "list claims" => client.get("/api/v1/registries/acme/claims").await,
        "see oneself" => client.get("/api/v1/me").await,
        "list one's tokens" => client.get("/api/v1/tokens").await,
        "publish a new crate" => {
            client
                .publish("acme", &Package::new(&format!("by-{scope}"), "1.0.0"))
                .await
        }
        "publish a version" => client.publish("acme", &Package::new("demo", "1.1.0")).await,
        "yank" => client.yank("acme", "demo", "1.0.0", true).await,
        "unyank" => client.yank("acme", "demo", "1.0.0", false).await,
        "add an owner" => client.put("/acme/api/v1/crates/demo/owners", owners).await,
        "remove an owner" => {
            let request = client.request(Method::DELETE, "/acme/api/v1/crates/demo/owners");
            request.json(&owners).send().await
        }
        "claim a name" => {
            client
                .post(
                    "/api/v1/registries/acme/claims",
                    json!({ "pattern": "x-*" }),
                )
                .await
        }
        "delete a claim" => client.delete("/api/v1/registries/acme/claims/x-*").await,
        "change settings" => client.patch("/api/v1/registries/acme", json!({})).await,
        "make a member" => {
            client
                .put(
                    "/api/v1/registries/acme/members/extra",
                    json!({ "role": "reader" }),
                )
                .await
        }
        "list members" => client.get("/api/v1/registries/acme/members").await,
        "delete the registry" => send(Method::DELETE, "/api/v1/registries/acme").await,
        "make a registry" => client.post("/api/v1/registries", named).await,
        "make an upstream" => {
            client
                .post("/api/v1/upstreams", json!({ "name": "up", "index": index }))
                .await
        }
        "make a user" => client.post("/api/v1/users", named).await,
        "make a service account" => client.post("/api/v1/service-accounts", named).await,
        "make a token" => client.post("/api/v1/tokens", named).await,
        "revoke another token" => {
            client
                .delete(&format!("/api/v1/tokens/{spare_token}"))
                .await
        }
        other => do_state_deed(other, client, scope).await,
    }
}

/// The deeds that are about the states of `demo`.
async fn do_state_deed(deed: &str, client: &Client, scope: &str) -> Answer {
    let demo = "/api/v1/registries/acme/crates/demo";
    let version = &format!("{demo}/versions/1.1.0");
    let cache = "/api/v1/registries/acme/cache";
    let quarantine = |path: &str| format!("{path}/quarantine");
    let hold = json!({ "action": "hold", "reason": "odd" });
    let send = |method, path: String| client.request(method, &path).send();
    match deed {
        "see a crate" => client.get(demo).await,
        "list versions" => client.get(&format!("{demo}/versions")).await,
        "see a version" => client.get(&format!("{demo}/versions/1.0.0")).await,
        "list quarantines" => client.get("/api/v1/registries/acme/quarantines").await,
        "upload a crate file" => {
            let file = Package::new(&format!("file-by-{scope}"), "1.0.0").crate_bytes();
            let request = client.request(Method::POST, "/api/v1/registries/acme/crates");
            request.body(file).send().await
        }
        "hold a crate" => client.put(&quarantine(demo), hold).await,
        "lift it from a crate" => client.delete(&quarantine(demo)).await,
        "block a version" => client.put(&quarantine(version), hold).await,
        "lift it from a version" => client.delete(&quarantine(version)).await,
        "delete a version" => client.delete(version).await,
        "restore a version" => send(Method::POST, format!("{version}/restore")).await,
        "purge a version" => client.delete(&format!("{version}?purge=true")).await,
        "delete a crate" => client.delete(demo).await,
        "restore a crate" => send(Method::POST, format!("{demo}/restore")).await,
        "purge a crate" => client.delete(&format!("{demo}?purge=true")).await,
        "release a name" => {
            let confirm = json!({ "confirm": "demo" });
            client.post(&format!("{demo}/release"), confirm).await
        }
        "evict a crate" => client.delete(&format!("{cache}/demo")).await,
        "evict the cache" => client.delete(cache).await,
        "accept changed bytes" => client.delete(&format!("{version}/ledger")).await,
        other => panic!("the table has a deed that nobody can do: `{other}`"),
    }
}

async fn acme_with_demo(server: &Server) -> Client {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    admin.create_user("extra").await;
    admin
}

async fn every_cell_of_the_table_of_scopes(server: &Server) {
    let admin = acme_with_demo(server).await;
    let spare = admin
        .post("/api/v1/tokens", json!({ "name": "spare" }))
        .await
        .expect(201)
        .json();
    let spare = spare["id"].as_str().unwrap();
    let mut lines = TABLE.lines().filter(|line| !line.trim().is_empty());
    let scopes: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    let mut clients = Vec::new();
    for scope in &scopes {
        clients.push(admin.with_token(&admin.token(json!({ "scopes": [scope] })).await));
    }
    let mut wrong = Vec::new();
    for line in lines {
        let (deed, statuses) = line.split_at(30);
        let statuses: Vec<u16> = statuses
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect();
        assert_eq!(statuses.len(), scopes.len(), "{line}");
        for ((scope, client), expected) in scopes.iter().zip(&clients).zip(statuses) {
            let answer = do_deed(deed.trim(), client, scope, spare).await;
            if answer.status.as_u16() != expected {
                wrong.push(format!(
                    "{}, `{scope}`: {expected} expected\n{answer}",
                    deed.trim()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

async fn the_default_scope_reads_and_nothing_else(server: &Server) {
    let admin = acme_with_demo(server).await;
    let made = admin
        .post("/api/v1/tokens", json!({ "name": "laptop" }))
        .await
        .expect(201)
        .json();
    assert_eq!(made["scopes"], json!(["read"]));
    let client = admin.with_token(made["token"].as_str().unwrap());
    client.index("acme", View::Index, "demo").await.expect(200);
    let refused = client.publish("acme", &Package::new("demo", "1.1.0")).await;
    assert_error(&refused, 403, "not-allowed");
    insta::assert_snapshot!(
        refused.detail().unwrap(),
        @"this token may not publish in registry `acme`: it lacks the scope `publish`; make one that has it"
    );
}

async fn a_token_for_one_registry_is_a_stranger_elsewhere(server: &Server) {
    let admin = acme_with_demo(server).await;
    for (name, visibility) in [
        ("inside", "internal"),
        ("open", "public"),
        ("closed", "private"),
    ] {
        admin
            .create_registry(json!({ "name": name, "visibility": visibility }))
            .await;
        admin
            .publish(name, &Package::new("demo", "1.0.0"))
            .await
            .expect(200);
    }
    let token = admin
        .token(
            json!({ "scopes": ["publish", "yank", "maintain", "admin"], "registries": ["acme"] }),
        )
        .await;
    let client = admin.with_token(&token);
    client
        .publish("acme", &Package::new("demo", "1.1.0"))
        .await
        .expect(200);
    client
        .patch("/api/v1/registries/acme", json!({ "description": "ours" }))
        .await
        .expect(200);
    for (registry, index, api) in [
        ("inside", 403, 404),
        ("closed", 403, 404),
        ("open", 200, 200),
    ] {
        client
            .index(registry, View::Index, "demo")
            .await
            .expect(index);
        client
            .download(registry, View::Index, "demo", "1.0.0")
            .await
            .expect(index);
        client
            .get(&format!("/api/v1/registries/{registry}"))
            .await
            .expect(api);
        // even an instance admin's token, where it does not reach
        client
            .publish(registry, &Package::new("demo", "1.1.0"))
            .await
            .expect(403);
        client
            .yank(registry, "demo", "1.0.0", true)
            .await
            .expect(403);
        let refused = if api == 404 { 404 } else { 403 };
        client
            .patch(&format!("/api/v1/registries/{registry}"), json!({}))
            .await
            .expect(refused);
    }
    let list = client.get("/api/v1/registries").await.expect(200).json();
    let names: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].clone())
        .collect();
    assert_eq!(json!(names), json!(["acme", "open"]));
    for answer in [
        client
            .post("/api/v1/registries", json!({ "name": "mine" }))
            .await,
        client
            .post("/api/v1/users", json!({ "name": "mine" }))
            .await,
        client
            .post(
                "/api/v1/upstreams",
                json!({ "name": "mine", "preset": "crates.io" }),
            )
            .await,
        client.get("/api/v1/users").await,
    ] {
        assert_error(&answer, 403, "not-allowed");
    }
    // nor does it see the tokens of others, as an instance admin does
    let extra = admin.token(json!({ "principal": "extra" })).await;
    let tokens = client
        .get("/api/v1/tokens?limit=200")
        .await
        .expect(200)
        .text();
    assert!(!tokens.contains(&extra[..12]), "{tokens}");
}

async fn crate_patterns_narrow_writes_and_never_reads(server: &Server) {
    let admin = acme_with_demo(server).await;
    admin
        .publish("acme", &Package::new("acme-core", "1.0.0"))
        .await
        .expect(200);
    let token = admin
        .token(json!({
            "scopes": ["publish", "yank", "owners"],
            "registries": ["acme"],
            "crates": ["Acme_*", "exact"],
        }))
        .await;
    let client = admin.with_token(&token);
    for name in ["acme-core", "demo"] {
        client.index("acme", View::Index, name).await.expect(200);
        client
            .download("acme", View::Index, name, "1.0.0")
            .await
            .expect(200);
    }
    // a publish reads what it depends on
    let package = Package::new("acme_new", "1.0.0").depends_on(
        supercargo_testkit::Dependency::new("demo", "1")
            .registry_index(&server.index_url("acme", View::Index)),
    );
    client.publish("acme", &package).await.expect(200);
    client
        .publish("acme", &Package::new("exact", "1.0.0"))
        .await
        .expect(200);
    client
        .yank("acme", "acme-core", "1.0.0", true)
        .await
        .expect(200);
    let owners = json!({ "users": ["extra"] });
    client
        .put("/acme/api/v1/crates/acme-core/owners", owners.clone())
        .await
        .expect(200);
    for answer in [
        client.publish("acme", &Package::new("demo", "1.1.0")).await,
        client.publish("acme", &Package::new("acme", "1.0.0")).await,
        client
            .publish("acme", &Package::new("exact2", "1.0.0"))
            .await,
        client
            .publish("acme", &Package::new("not-acme-x", "1.0.0"))
            .await,
        client.yank("acme", "demo", "1.0.0", true).await,
        client.yank("acme", "demo", "1.0.0", false).await,
        client
            .put("/acme/api/v1/crates/demo/owners", owners.clone())
            .await,
        client
            .request(Method::DELETE, "/acme/api/v1/crates/demo/owners")
            .json(&owners)
            .send()
            .await,
    ] {
        assert_error(&answer, 403, "not-allowed");
        assert!(answer.text().contains("`acme-*`, `exact` only"), "{answer}");
    }
    assert_eq!(admin.listed("acme", View::Index, "demo").await, ["1.0.0"]);
    a_narrowed_token_claims_only_what_it_may_write(&admin).await;
    let index = admin.index("acme", View::Index, "demo").await.json_lines();
    assert_eq!(index[0]["yanked"], false);
}

/// A claim decides whose bytes a name means, so it is a write of that name; settings and members reach every crate.
async fn a_narrowed_token_claims_only_what_it_may_write(admin: &Client) {
    let scopes = ["maintain", "admin"];
    let token = admin
        .token(json!({ "scopes": scopes, "crates": ["acme-*"] }))
        .await;
    let client = admin.with_token(&token);
    let claims = "/api/v1/registries/acme/claims";
    admin.claim("acme", "serde", "private").await;
    for (pattern, status) in [
        ("acme-*", 201),
        ("acme-x", 201),
        ("acme*", 403),
        ("*", 403),
        ("rand", 403),
    ] {
        let answer = client.post(claims, json!({ "pattern": pattern })).await;
        assert_eq!(answer.status, status, "{answer}");
    }
    let answer = client
        .delete(&format!("{claims}/serde?confirm=serde"))
        .await;
    assert_error(&answer, 403, "not-allowed");
    for answer in [
        client
            .patch("/api/v1/registries/acme", json!({ "visibility": "public" }))
            .await,
        client
            .put(
                "/api/v1/registries/acme/members/extra",
                json!({ "role": "admin" }),
            )
            .await,
        client.delete("/api/v1/registries/acme?confirm=acme").await,
        client
            .post("/api/v1/registries", json!({ "name": "other" }))
            .await,
    ] {
        assert_error(&answer, 403, "not-allowed");
    }
}

/// A token of an instance admin with every scope, for the crates `tool-*`: what it may read and what it may not change.
async fn crate_patterns_narrow_what_is_done_with_states(server: &Server) {
    let admin = acme_with_demo(server).await;
    admin
        .publish("acme", &Package::new("demo", "1.1.0"))
        .await
        .expect(200);
    let scopes = ["publish", "yank", "maintain", "delete", "admin"];
    let token = json!({ "scopes": scopes, "crates": ["tool-*"] });
    let narrow = admin.with_token(&admin.token(token).await);
    for deed in [
        "see a crate",
        "list versions",
        "see a version",
        "list quarantines",
    ] {
        do_state_deed(deed, &narrow, "narrow").await.expect(200);
    }
    for deed in [
        "upload a crate file",
        "hold a crate",
        "lift it from a crate",
        "block a version",
        "lift it from a version",
        "delete a version",
        "restore a version",
        "purge a version",
        "delete a crate",
        "restore a crate",
        "purge a crate",
        "release a name",
        "evict a crate",
        // the patterns would have to cover every crate
        "evict the cache",
    ] {
        let answer = do_state_deed(deed, &narrow, "narrow").await;
        assert_error(&answer, 403, "not-allowed");
        // what takes an admin is nothing for a token that is limited to some crates
        let words = match deed {
            "purge a version" | "purge a crate" => "limited to some crates",
            "evict the cache" => "`*`",
            _ => "`tool-*`",
        };
        assert!(answer.detail().unwrap().contains(words), "{answer}");
    }
    let ledger = "/api/v1/registries/acme/crates/demo/versions/1.1.0/ledger?confirm=1.1.0";
    assert_error(&narrow.delete(ledger).await, 403, "not-allowed");
    assert_eq!(
        admin.listed("acme", View::Index, "demo").await,
        ["1.0.0", "1.1.0"]
    );
    let tool = Package::new("tool-one", "1.0.0");
    narrow.publish("acme", &tool).await.expect(200);
    let path = "/api/v1/registries/acme/crates/tool-one";
    narrow.delete(path).await.expect(204);
}

async fn a_token_never_exceeds_the_one_that_made_it(server: &Server) {
    let admin = acme_with_demo(server).await;
    admin.create_registry(json!({ "name": "beta" })).await;
    let maker = admin
        .token(json!({
            "scopes": ["publish", "admin"],
            "registries": ["acme"],
            "crates": ["acme-*"],
            "expires_in_days": 10,
        }))
        .await;
    let maker = admin.with_token(&maker);
    let within = json!({
        "name": "x",
        "scopes": ["publish"],
        "registries": ["acme"],
        "crates": ["acme-*"],
        "expires_in_days": 9,
    });
    let with = |field: &str, value: serde_json::Value| {
        let mut request = within.clone();
        request[field] = value;
        request
    };
    maker
        .post("/api/v1/tokens", within.clone())
        .await
        .expect(201);
    maker
        .post(
            "/api/v1/tokens",
            with("crates", json!(["acme-core", "Acme_X"])),
        )
        .await
        .expect(201);
    for beyond in [
        with("scopes", json!(["yank"])),
        with("scopes", json!(["read", "delete"])),
        with("registries", json!(null)),
        with("registries", json!(["acme", "beta"])),
        with("crates", json!(null)),
        with("crates", json!(["*"])),
        with("crates", json!(["acme*"])),
        with("crates", json!(["acme-*", "demo"])),
        with("expires_in_days", json!(null)),
        with("expires_in_days", json!(11)),
    ] {
        let answer = maker.post("/api/v1/tokens", beyond).await;
        assert_error(&answer, 403, "not-allowed");
        assert!(answer.text().contains("than itself"), "{answer}");
    }
    // and one without `admin` makes none at all, not even a weaker one
    let reader = admin.with_token(
        &admin
            .token(json!({ "scopes": ["publish", "delete"] }))
            .await,
    );
    let answer = reader.post("/api/v1/tokens", json!({ "name": "x" })).await;
    assert_error(&answer, 403, "not-allowed");
}

async fn whose_tokens_somebody_may_make(server: &Server) {
    let admin = acme_with_demo(server).await;
    admin.create_registry(json!({ "name": "beta" })).await;
    admin.create_service_account("acme-ci", Some("acme")).await;
    admin.create_service_account("beta-ci", Some("beta")).await;
    admin.create_service_account("global", None).await;
    let alice = admin
        .person("alice", "acme", "admin", &["publish", "admin"])
        .await;
    let token = |principal: &str, registries: serde_json::Value| json!({ "name": "x", "principal": principal, "registries": registries });
    alice
        .post("/api/v1/tokens", token("alice", json!(null)))
        .await
        .expect(201);
    let made = alice
        .post("/api/v1/tokens", token("service:acme-ci", json!(["acme"])))
        .await
        .expect(201);
    assert_eq!(made.json()["principal"], "service:acme-ci");
    // her account's token is for her registry
    let wide = alice
        .post("/api/v1/tokens", token("service:acme-ci", json!(null)))
        .await;
    assert_error(&wide, 422, "invalid-token-request");
    // neither somebody else's account nor one that is not there, and nothing tells the two apart
    for other in [
        "service:beta-ci",
        "service:global",
        "extra",
        "service:nobody",
        "nobody",
        "admin",
    ] {
        let answer = alice
            .post("/api/v1/tokens", token(other, json!(["acme"])))
            .await;
        assert_error(&answer, 404, "no-such-account");
        assert_eq!(
            answer.detail().unwrap(),
            format!("there is no account `{other}`; check the name, or make it first")
        );
    }
    for other in ["service:beta-ci", "service:global", "extra"] {
        admin
            .post("/api/v1/tokens", token(other, json!(null)))
            .await
            .expect(201);
    }
    // an account of one registry cannot be lent to another, whose admins would not control it
    let member = json!({ "role": "publisher" });
    let answer = admin
        .put("/api/v1/registries/acme/members/service:beta-ci", member)
        .await;
    assert_error(&answer, 404, "no-such-account");
}
