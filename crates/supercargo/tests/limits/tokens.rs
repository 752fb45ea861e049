//! Bad tokens, and identities of jobs that get none.

use http::Method;
use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{CiIssuer, Client, Database, on_both};
use supercargo_types::{Random, TokenSecret};

use crate::scene::{Scene, options, said, wait};

on_both!(
    bad_tokens_of_an_address_are_limited_and_a_good_one_passes,
    a_forged_header_does_not_make_another_address,
    the_address_that_a_trusted_proxy_tells_is_the_one_that_counts,
    refused_identities_are_limited_and_a_job_that_is_right_passes,
    cargo_asks_again_and_then_prints_that_its_token_is_bad,
);

fn unknown() -> String {
    TokenSecret::generate(&Random::System).reveal().to_owned()
}

const CONFIG: &str = "/acme/index/config.json";

async fn bad_tokens_of_an_address_are_limited_and_a_good_one_passes(database: Database) {
    let scene = Scene::start(database, &[("limits.token_guesses", "3 then 1/h")]).await;
    let nobody = scene.server.anonymous();
    // neither without a token, nor with one that may not
    let stranger = json!({ "name": "bob" });
    scene
        .admin
        .post("/api/v1/users", stranger)
        .await
        .expect(201);
    let token = scene.admin.token(json!({ "principal": "bob" })).await;
    for _ in 0..5 {
        nobody.get(CONFIG).await.expect(401);
        nobody.with_token(&token).get(CONFIG).await.expect(403);
    }
    // one that is unknown, one that is none, one that was cut off, on three surfaces
    let [fresh, cut] = [unknown(), unknown()];
    nobody.with_token(&fresh).get(CONFIG).await.expect(401);
    let malformed = nobody.with_token("scg_guess").get("/api/v1/me").await;
    malformed.expect(401);
    let yank = "/acme/api/v1/crates/acme-core/1.0.0/yank";
    nobody.with_token(&cut[..40]).delete(yank).await.expect(401);

    let bad = nobody.with_token(&unknown());
    let index = bad.get(CONFIG).await.expect(429);
    assert_eq!(
        index.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let download = "/acme/api/v1/crates/acme-core/1.0.0/download";
    let again = nobody.with_token("scg_guess");
    assert_snapshot!(
        [
            said(&index),
            said(&bad.get(download).await.expect(429)),
            said(&bad.delete(yank).await.expect(429)),
            said(&again.get("/api/v1/me").await.expect(429)),
        ].join("\n"),
        @"
    429 -: this token is unknown or was revoked; make a new one (too many bad tokens come from this address; correct what sends them, a good one is taken at once)
    429 -: this token is unknown or was revoked; make a new one (too many bad tokens come from this address; correct what sends them, a good one is taken at once)
    429 too-many-bad-tokens: this token is unknown or was revoked; make a new one (too many bad tokens come from this address; correct what sends them, a good one is taken at once)
    429 too-many-bad-tokens: this is not a token of this server: it starts with `scg_` and has 53 characters; copy the whole one (too many bad tokens come from this address; correct what sends them, a good one is taken at once)
    "
    );
    // a good one from the same address, at once
    scene.admin.get(CONFIG).await.expect(200);
    scene.admin.get("/api/v1/me").await.expect(200);
    nobody.get(CONFIG).await.expect(401);
    nobody.with_token(&token).get(CONFIG).await.expect(403);
    // one that was good a moment ago is a bad one
    let revoked = scene.admin.token(json!({ "name": "short" })).await;
    let client = nobody.with_token(&revoked);
    let id = client.get("/api/v1/me").await.expect(200).json();
    let path = format!("/api/v1/tokens/{}", id["token"]["id"].as_str().unwrap());
    scene.admin.delete(&path).await.expect(204);
    client.get("/api/v1/me").await.expect(429);
}

/// A request with a bad token from behind a proxy that says so.
async fn guess_from(client: &Client, address: &str) -> u16 {
    let bad = client.with_token(&unknown());
    let request = bad.request(Method::GET, CONFIG);
    let answer = request.header("x-forwarded-for", address).send().await;
    answer.status.as_u16()
}

async fn a_forged_header_does_not_make_another_address(database: Database) {
    let scene = Scene::start(database, &[("limits.token_guesses", "3 then 1/h")]).await;
    let nobody = scene.server.anonymous();
    let mut told = Vec::new();
    for number in 1..=5 {
        told.push(guess_from(&nobody, &format!("192.0.2.{number}")).await);
    }
    assert_eq!(told, [401, 401, 401, 429, 429]);
}

async fn the_address_that_a_trusted_proxy_tells_is_the_one_that_counts(database: Database) {
    let limits = [
        ("limits.token_guesses", "2 then 1/h"),
        ("trusted_proxies", "127.0.0.0/8"),
    ];
    let scene = Scene::start(database, &limits).await;
    let nobody = scene.server.anonymous();
    for (address, expected) in [
        ("192.0.2.1", 401),
        // what stands before the proxy's own word is the client's invention
        ("198.51.100.1, 192.0.2.1", 401),
        ("198.51.100.2, 192.0.2.1", 429),
        ("192.0.2.2", 401),
        // whoever has one address of an IPv6 network has all of them
        ("2001:db8::1", 401),
        ("2001:db8::ffff:2", 401),
        ("2001:db8::3", 429),
        ("2001:db8:0:1::1", 401),
    ] {
        assert_eq!(guess_from(&nobody, address).await, expected, "{address}");
    }
}

async fn refused_identities_are_limited_and_a_job_that_is_right_passes(database: Database) {
    let limits = [("limits.token_guesses", "2 then 1/h")];
    let scene = Scene::with(options(database, &limits)).await;
    let issuer = CiIssuer::start().await;
    let rule = json!({
        "name": "release", "preset": "github", "issuer": issuer.url(),
        "claims": { "repository": "acme/app", "ref": "refs/heads/main" },
    });
    let rules = "/api/v1/registries/acme/trusted-publishers";
    scene.admin.post(rules, rule).await.expect(201);
    let audience = format!("{}/acme", scene.server.url().replace("http://", ""));
    let nobody = scene.server.anonymous();
    let exchange = async |registry: &str, claims: serde_json::Value| {
        let path = format!("/{registry}/api/v1/trusted_publishing/tokens");
        let jwt = issuer.job(&audience, &claims);
        nobody.post(&path, json!({ "jwt": jwt })).await
    };
    let other = json!({ "repository": "acme/other" });
    exchange("acme", other.clone()).await.expect(403);
    // also one that names no registry of ours
    exchange("none", other.clone()).await.expect(403);
    let refused = exchange("acme", other.clone()).await.expect(429);
    assert_eq!(refused.code().as_deref(), Some("too-many-bad-tokens"));
    wait(&refused);
    let words = refused.detail().unwrap();
    assert!(words.contains("acme/other"), "it says why: {words}");
    // the same words, whether there is such a registry or not
    let none = exchange("none", other).await.expect(429);
    assert_eq!(none.detail().unwrap().replace("`none`", "`acme`"), words);
    exchange("acme", json!({})).await.expect(200);
}

/// Case 14: from 1.89 on cargo waits as `Retry-After` says and asks an index again; an older one stops at the first answer.
async fn cargo_asks_again_and_then_prints_that_its_token_is_bad(database: Database) {
    let scene = Scene::start(database, &[("limits.token_guesses", "1 then 15/m")]).await;
    let cargo = scene.cargo(&unknown()).env("CARGO_NET_RETRY", "3");
    let app = cargo.folder("app");
    let dependency = "[dependencies]\nacme-core = { version = \"1\", registry = \"acme\" }\n";
    let manifest = format!("[package]\nname = \"app\"\nedition = \"2021\"\n{dependency}");
    std::fs::write(app.join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir(app.join("src")).unwrap();
    std::fs::write(app.join("src/lib.rs"), "").unwrap();
    let bad = scene.server.anonymous().with_token(&unknown());
    bad.get(CONFIG).await.expect(401);
    let outcome = cargo.run(&app, &["fetch"]).await.failure();
    let told = outcome.messages();
    if cargo.is_at_least("1.89") {
        assert!(told.contains("tries remaining"), "{told}");
        assert!(told.contains("token rejected"), "{told}");
    } else {
        assert!(told.contains("too many bad tokens"), "{told}");
    }
}
