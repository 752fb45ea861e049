//! What a job's token may do, and where.

use http::Method;
use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Database, Package, View, on_both};

use crate::scene::{RULES, Scene};

on_both!(
    a_job_reads_the_registry_of_its_rule_and_public_ones,
    without_patterns_a_job_writes_its_own_crates,
    with_patterns_a_job_writes_what_matches_whoever_owns_it,
    a_job_has_nothing_beside_its_scopes,
    nobody_gives_a_job_anything_by_hand,
    of_several_rules_one_gives_all,
    a_job_sees_the_token_that_it_came_with_and_no_other_job_s,
);

/// Row I6: it is not "any principal" for an internal registry.
async fn a_job_reads_the_registry_of_its_rule_and_public_ones(database: Database) {
    let scene = Scene::start(database).await;
    for visibility in ["private", "internal", "public"] {
        let registry =
            json!({ "name": visibility.replace("public", "open"), "visibility": visibility });
        scene.admin.create_registry(registry).await;
    }
    let job = scene.with_token(&scene.token(json!({})).await);
    for (registry, status) in [
        ("acme", 200),
        ("private", 403),
        ("internal", 403),
        ("open", 200),
        ("main", 403),
    ] {
        let path = format!("/{registry}/index/config.json");
        assert_eq!(job.get(&path).await.status, status, "{registry}");
    }
    // also where its own is internal
    let change = json!({ "visibility": "internal" });
    let acme = "/api/v1/registries/acme";
    scene.admin.patch(acme, change).await.expect(200);
    job.get("/acme/index/config.json").await.expect(200);
    let package = Package::new("acme-core", "1.0.0");
    job.publish("open", &package).await.expect(403);
    let listed = job.get("/api/v1/registries").await.expect(200).json();
    let listed: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|registry| registry["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, ["acme", "open"]);
}

async fn without_patterns_a_job_writes_its_own_crates(database: Database) {
    let scene = Scene::start(database).await;
    let theirs = Package::new("theirs", "1.0.0");
    scene.admin.publish("acme", &theirs).await.expect(200);
    let job = scene.with_token(&scene.token(json!({})).await);
    let refused = job
        .publish("acme", &theirs.clone().with_version("1.1.0"))
        .await;
    assert_snapshot!(scene.said(&refused), @"403: crate `theirs` of registry `acme` belongs to others, and `job:acme.release` writes its own crates only; ask an admin of the registry to give the trusted publisher a pattern that covers it");
    let own = Package::new("own", "1.0.0");
    job.publish("acme", &own).await.expect(200);
    let owners = scene.admin.get("/acme/api/v1/crates/own/owners").await;
    let owners = owners.expect(200).json();
    assert_eq!(owners["users"][0]["login"], "job:acme.release");
    // a person can take it over, and take the job out
    let owners = "/acme/api/v1/crates/own/owners";
    for (method, who) in [(Method::PUT, "admin"), (Method::DELETE, "job:acme.release")] {
        let asked = scene.admin.request(method, owners);
        asked
            .json(&json!({ "users": [who] }))
            .send()
            .await
            .expect(200);
    }
    let more = own.with_version("1.1.0");
    job.publish("acme", &more).await.expect(403);
}

/// Row I6.
async fn with_patterns_a_job_writes_what_matches_whoever_owns_it(database: Database) {
    let scene = Scene::without_rules(database).await;
    let scopes = json!(["publish", "yank"]);
    scene
        .rule(json!({ "crates": ["acme-*"], "scopes": scopes }))
        .await;
    for name in ["acme-theirs", "theirs"] {
        let theirs = Package::new(name, "1.0.0");
        scene.admin.publish("acme", &theirs).await.expect(200);
    }
    let job = scene.with_token(&scene.token(json!({})).await);
    for (name, status) in [
        ("acme-theirs", 200),
        ("Acme_New", 200),
        ("theirs", 403),
        ("new", 403),
    ] {
        let answer = job.publish("acme", &Package::new(name, "1.1.0")).await;
        assert_eq!(answer.status, status, "{answer}");
    }
    for (name, status) in [("acme-theirs", 200), ("theirs", 403)] {
        let answer = job.yank("acme", name, "1.0.0", true).await;
        assert_eq!(answer.status, status, "{answer}");
    }
    let listed = job.listed("acme", View::Index, "theirs").await;
    assert_eq!(listed, ["1.0.0"], "patterns narrow no reads");
}

async fn a_job_has_nothing_beside_its_scopes(database: Database) {
    let scene = Scene::start(database).await;
    let job = scene.with_token(&scene.token(json!({})).await);
    let package = Package::new("own", "1.0.0");
    job.publish("acme", &package).await.expect(200);
    job.yank("acme", "own", "1.0.0", true).await.expect(403);
    let owners = job.request(Method::PUT, "/acme/api/v1/crates/own/owners");
    let asked = owners.json(&json!({ "users": ["admin"] }));
    asked.send().await.expect(403);
    job.get(RULES).await.expect(403);
    job.get("/api/v1/users").await.expect(403);
    job.get("/api/v1/upstreams").await.expect(403);
    job.get("/api/v1/upstreams/crates-io").await.expect(403);
    job.get("/api/v1/audit?registry=acme").await.expect(403);
    job.get("/api/v1/exposure?crate=own").await.expect(403);
    let token = json!({ "name": "mine", "scopes": ["read"] });
    job.post("/api/v1/tokens", token).await.expect(403);
    job.delete("/api/v1/registries/acme/crates/own")
        .await
        .expect(403);
    let claim = json!({ "pattern": "x-*", "mode": "private" });
    let claims = "/api/v1/registries/acme/claims";
    job.post(claims, claim).await.expect(403);
}

async fn nobody_gives_a_job_anything_by_hand(database: Database) {
    let scene = Scene::start(database).await;
    let admin = &scene.admin;
    let package = Package::new("theirs", "1.0.0");
    admin.publish("acme", &package).await.expect(200);
    let member = "/api/v1/registries/acme/members/job:acme.release";
    let refused = admin.put(member, json!({ "role": "admin" })).await;
    assert_snapshot!(scene.said(&refused), @"422: `job:acme.release` stands for the jobs of a trusted publisher, which have what it says and nothing else; change it there: `supercargo trusted-publisher edit`");
    let token = json!({ "name": "mine", "principal": "job:acme.release" });
    admin.post("/api/v1/tokens", token).await.expect(422);
    let owners = admin.request(Method::PUT, "/acme/api/v1/crates/theirs/owners");
    let asked = owners.json(&json!({ "users": ["job:acme.release"] }));
    asked.send().await.expect(400);
    let team = json!({ "name": "core" });
    admin.post("/api/v1/teams", team).await.expect(201);
    let joined = "/api/v1/teams/core/members/job:acme.release";
    admin.put(joined, json!({})).await.expect(422);
    let members = admin.get("/api/v1/registries/acme/members").await.json();
    assert_eq!(members["total"], 1, "{members}");
    for account in ["job:x", "acme:x"] {
        let user = json!({ "name": account });
        admin.post("/api/v1/users", user).await.expect(422);
    }
}

async fn of_several_rules_one_gives_all(database: Database) {
    let scene = Scene::without_rules(database).await;
    let rules = [
        json!({ "name": "a", "scopes": ["read"] }),
        json!({ "name": "b", "scopes": ["publish"], "crates": ["b-*"] }),
        json!({ "name": "c", "scopes": ["publish"], "crates": ["c-*"] }),
        json!({ "name": "d", "claims": { "repository": "acme/other" }, "scopes": ["publish", "yank"] }),
    ];
    for rule in rules {
        scene.rule(rule).await;
    }
    let job = scene.with_token(&scene.token(json!({})).await);
    let me = job.get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["principal"]["name"], "acme.b");
    assert_eq!(me["principal"]["kind"], "job");
    assert_eq!(me["token"]["scopes"], json!(["read", "publish"]));
    assert_eq!(me["token"]["crates"], json!(["b-*"]));
}

/// Row I6: the jobs of one rule share an account, and their tokens say what others run.
async fn a_job_sees_the_token_that_it_came_with_and_no_other_job_s(database: Database) {
    let scene = Scene::start(database).await;
    let one = scene.with_token(&scene.token(json!({ "jti": "one" })).await);
    let other = scene.with_token(&scene.token(json!({ "jti": "other" })).await);
    let id = async |job: &supercargo_testkit::Client| {
        let me = job.get("/api/v1/me").await.expect(200).json();
        me["token"]["id"].as_str().unwrap().to_owned()
    };
    let [mine, theirs] = [id(&one).await, id(&other).await];
    assert_ne!(mine, theirs);
    let whole = "/api/v1/tokens";
    let by_name = "/api/v1/tokens?principal=job:acme.release";
    for path in [whole, by_name] {
        let list = one.get(path).await.expect(200).json();
        assert_eq!(list["total"], 1, "{path}");
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(list["items"][0]["id"], mine.as_str(), "{path}");
    }
    let rest = format!("{whole}?cursor={mine}");
    let list = one.get(&rest).await.expect(200).json();
    assert_eq!(list["items"], json!([]));
    let show = |id: &str| format!("/api/v1/tokens/{id}");
    one.get(&show(&mine)).await.expect(200);
    one.get(&show(&theirs)).await.expect(404);
    scene.admin.get(&show(&theirs)).await.expect(200);
}
