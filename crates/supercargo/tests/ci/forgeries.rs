//! Tokens that are not what they say, and what a stranger learns of a registry that is hidden.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{CiIssuer, Database, ServerOptions, on_both};

use crate::scene::{PROGRAM, Scene, exchange, token, tokens_of};

on_both!(
    what_is_not_a_jobs_own_identity_gets_nothing,
    an_identity_is_exchanged_once,
    an_identity_for_one_registry_is_not_taken_by_another,
    a_stranger_cannot_tell_a_hidden_registry_from_none,
    admins_read_in_the_audit_log_what_is_missing,
    what_is_no_exchange_is_refused,
    an_issuer_of_a_private_network_is_asked_only_where_that_is_allowed,
);

/// Each kind of token that is not what it should be, for the registry `acme`.
fn forged(scene: &Scene) -> Vec<(&'static str, String)> {
    let audience = scene.audience();
    let claims = scene.issuer.claims(&audience);
    let stranger = CiIssuer::at(scene.issuer.url());
    let other = CiIssuer::at("https://other.acme.example");
    let now = claims["iat"].as_i64().unwrap();
    let mut changed = scene.job(json!({}));
    let end = changed.split_off(changed.len() - 8);
    changed.push_str(if end == "AAAAAAAA" {
        "BBBBBBBB"
    } else {
        "AAAAAAAA"
    });
    vec![
        (
            "expired",
            scene.job(json!({ "iat": now - 900, "nbf": now - 900, "exp": now - 600 })),
        ),
        ("not yet", scene.job(json!({ "nbf": now + 600 }))),
        (
            "another audience",
            scene.issuer.job("crates.io", &json!({})),
        ),
        (
            "two audiences",
            scene.job(json!({ "aud": [audience, "crates.io"] })),
        ),
        ("another key", stranger.sign(&claims)),
        ("a changed signature", changed),
        ("no signature", scene.issuer.unsigned(&claims)),
        (
            "the public key as a secret",
            scene.issuer.signed_with_public_key(&claims),
        ),
        ("another issuer", other.job(&audience, &json!({}))),
        (
            "another repository",
            scene.job(json!({ "repository": "evil/app" })),
        ),
        (
            "another branch",
            scene.job(json!({ "ref": "refs/heads/next" })),
        ),
        ("no `jti`", scene.job(json!({ "jti": null }))),
        ("not a token", "scg_nothing".to_owned()),
        ("too long", "x".repeat(17 << 10)),
    ]
}

/// Row I6.
async fn what_is_not_a_jobs_own_identity_gets_nothing(database: Database) {
    let scene = Scene::start(database).await;
    let cases = forged(&scene);
    for visibility in ["private", "public"] {
        let change = json!({ "visibility": visibility });
        let registry = "/api/v1/registries/acme";
        scene.admin.patch(registry, change).await.expect(200);
        let mut told = String::new();
        for (case, jwt) in &cases {
            let said = scene.refusal(jwt).await;
            let said = without_times(&said);
            writeln!(told, "{case}\n  {said}").unwrap();
        }
        if visibility == "private" {
            assert_snapshot!(told, @"
            expired
              403: the token expired at [TIME], and it is [TIME] now; request a new one just before it is used
            not yet
              403: the token holds from [TIME] on, and it is [TIME] now; one of the two clocks is wrong
            another audience
              403: no trusted publisher of registry `acme` takes this token, or there is no such registry; what the token says: its `iss` is `ISSUER`, its `aud` is `crates.io`, its `repository` is `acme/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry sees in its audit log what is missing
            two audiences
              403: no trusted publisher of registry `acme` takes this token, or there is no such registry; what the token says: its `iss` is `ISSUER`, its `aud` names 2 audiences, its `repository` is `acme/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry sees in its audit log what is missing
            another key
              403: no trusted publisher of registry `acme` takes this token, or there is no such registry; what the token says: its `iss` is `ISSUER`, its `aud` is `SERVER/acme`, its `repository` is `acme/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry sees in its audit log what is missing
            a changed signature
              403: no trusted publisher of registry `acme` takes this token, or there is no such registry; what the token says: its `iss` is `ISSUER`, its `aud` is `SERVER/acme`, its `repository` is `acme/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry sees in its audit log what is missing
            no signature
              403: the token is signed with `none`, and only signatures that no one but the issuer can make are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA
            the public key as a secret
              403: the token is signed with `HS256`, and only signatures that no one but the issuer can make are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA
            another issuer
              403: no trusted publisher of registry `acme` takes this token, or there is no such registry; what the token says: its `iss` is `https://other.acme.example`, its `aud` is `SERVER/acme`, its `repository` is `acme/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry sees in its audit log what is missing
            another repository
              403: no trusted publisher of registry `acme` takes this token, or there is no such registry; what the token says: its `iss` is `ISSUER`, its `aud` is `SERVER/acme`, its `repository` is `evil/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry sees in its audit log what is missing
            another branch
              403: no trusted publisher of registry `acme` takes this token, or there is no such registry; what the token says: its `iss` is `ISSUER`, its `aud` is `SERVER/acme`, its `repository` is `acme/app`, its `ref` is `refs/heads/next`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry sees in its audit log what is missing
            no `jti`
              403: the token has no `jti`; request an ID token from the issuer
            not a token
              403: this is not a signed token: it should have three parts with dots between them, as in `eyJ….eyJ….…`; send the ID token as the issuer gave it
            too long
              403: the token has more than 16384 bytes; send the ID token of the job alone
            ");
        } else {
            assert_snapshot!(told, @"
            expired
              403: the token expired at [TIME], and it is [TIME] now; request a new one just before it is used
            not yet
              403: the token holds from [TIME] on, and it is [TIME] now; one of the two clocks is wrong
            another audience
              403: the token was made for `crates.io` and not for this registry; request one with the audience that the registry's administrator names
            two audiences
              403: the token was made for 2 audiences at once, and any of them could use it in your place; request one for this registry alone
            another key
              403: the token's signature is wrong: its issuer did not make it, or it was changed since
            a changed signature
              403: the token's signature is wrong: its issuer did not make it, or it was changed since
            no signature
              403: the token is signed with `none`, and only signatures that no one but the issuer can make are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA
            the public key as a secret
              403: the token is signed with `HS256`, and only signatures that no one but the issuer can make are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA
            another issuer
              403: no trusted publisher of this registry has the issuer `https://other.acme.example`
            another repository
              403: no trusted publisher of this registry covers this job: its `repository` is `evil/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry can add one
            another branch
              403: no trusted publisher of this registry covers this job: its `repository` is `acme/app`, its `ref` is `refs/heads/next`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry can add one
            no `jti`
              403: the token has no `jti`; request an ID token from the issuer
            not a token
              403: this is not a signed token: it should have three parts with dots between them, as in `eyJ….eyJ….…`; send the ID token as the issuer gave it
            too long
              403: the token has more than 16384 bytes; send the ID token of the job alone
            ");
        }
    }
    assert_eq!(
        scene.admin.get("/api/v1/tokens").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "the administrator's"
    );
}

/// `2026-11-21T16:00:00Z` becomes `[TIME]`.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| word.len() == 20 && word.ends_with('Z') && word.starts_with("20");
    let words = text.split(' ').map(|word| {
        let bare = word.trim_end_matches([',', ';']);
        if is_time(bare) {
            word.replace(bare, "[TIME]")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Row I6. Whoever reads a job's log could otherwise use its identity once more.
async fn an_identity_is_exchanged_once(database: Database) {
    let scene = Scene::start(database).await;
    let jwt = scene.job(json!({}));
    let first = token(scene.try_exchange(&jwt).await);
    assert_snapshot!(scene.refusal(&jwt).await, @"403: this identity was exchanged before, and each is good for one token; request a new one");
    let job = scene.with_token(&first);
    job.get("/acme/index/config.json").await.expect(200);
}

async fn an_identity_for_one_registry_is_not_taken_by_another(database: Database) {
    let scene = Scene::start(database).await;
    scene
        .admin
        .create_registry(json!({ "name": "other" }))
        .await;
    let rules = "/api/v1/registries/other/trusted-publishers";
    let made = scene.admin.post(rules, scene.draft(json!({}))).await;
    made.expect(201);
    let anyone = scene.server.anonymous();
    let jwt = scene.job(json!({}));
    exchange(&anyone, "other", &jwt).await.expect(403);
    exchange(&anyone, "acme", &jwt).await.expect(200);
    let jwt = scene.issuer.job(&scene.audience_of("other"), &json!({}));
    exchange(&anyone, "other", &jwt).await.expect(200);
}

/// Row I6. Anybody can have a token of a public issuer.
async fn a_stranger_cannot_tell_a_hidden_registry_from_none(database: Database) {
    let scene = Scene::start(database).await;
    let anyone = scene.server.anonymous();
    let claims = scene.issuer.claims(&scene.audience());
    let tokens = [
        scene.job(json!({ "repository": "evil/app" })),
        scene.issuer.job("crates.io", &json!({})),
        CiIssuer::at(scene.issuer.url()).sign(&claims),
        scene.issuer.unsigned(&claims),
        "nonsense".to_owned(),
    ];
    for jwt in tokens {
        let there = exchange(&anyone, "acme", &jwt).await;
        let nowhere = exchange(&anyone, "nope", &jwt).await;
        assert_eq!(there.status, nowhere.status);
        let named = nowhere.text().replace("`nope`", "`acme`");
        assert_eq!(there.text(), named);
        let mut headers = [there.headers, nowhere.headers];
        for headers in &mut headers {
            headers.remove("date");
            headers.remove("content-length");
        }
        assert_eq!(headers[0], headers[1]);
    }
    let there = anyone.get(&tokens_of("acme")).await;
    let nowhere = anyone.get(&tokens_of("nope")).await;
    assert_eq!(there.status, nowhere.status);
}

async fn admins_read_in_the_audit_log_what_is_missing(database: Database) {
    let scene = Scene::start(database).await;
    let jwt = scene.job(json!({ "ref": "refs/heads/next" }));
    scene.try_exchange(&jwt).await.expect(403);
    let jwt = scene.issuer.job("crates.io", &json!({}));
    scene.try_exchange(&jwt).await.expect(403);
    assert_snapshot!(scene.log("token.exchanged").await.join("\n"), @"
    - denied not-allowed: the token was made for `crates.io` and not for this registry; request one with the audience that the registry's administrator names; its `iss` is `ISSUER`, its `aud` is `crates.io`, its `repository` is `acme/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`
    - denied not-allowed: trusted publisher `release` wants `ref` to be `refs/heads/main`, which is `refs/heads/next`; its `iss` is `ISSUER`, its `aud` is `SERVER/acme`, its `repository` is `acme/app`, its `ref` is `refs/heads/next`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`
    ");
}

async fn what_is_no_exchange_is_refused(database: Database) {
    let scene = Scene::start(database).await;
    let anyone = scene.server.anonymous();
    let path = tokens_of("acme");
    for body in [
        json!({}),
        json!([]),
        json!({ "jwt": 1 }),
        json!({ "jwt": "a", "more": 1 }),
    ] {
        let refused = anyone.post(&path, body).await;
        assert_snapshot!(scene.said(&refused), @r#"400: an identity is sent as `{"jwt":"eyJ….eyJ….…"}`"#);
    }
    let long = anyone
        .post(&path, json!({ "jwt": "x".repeat(30_000) }))
        .await;
    assert_snapshot!(scene.said(&long), @"400: the request has more than 20480 bytes");
    scene.admin.get(&path).await.expect(405);
    let bad = scene.with_token("scg_nothing");
    let jwt = scene.job(json!({}));
    exchange(&bad, "acme", &jwt).await.expect(401);
    exchange(&anyone, "No Such", &jwt).await.expect(404);
}

/// Whoever may write a rule could otherwise have this server ask its neighbours.
async fn an_issuer_of_a_private_network_is_asked_only_where_that_is_allowed(database: Database) {
    let options = ServerOptions::new(PROGRAM)
        .database(database)
        .setting("upstream.allow_addresses", "10.0.0.0/8");
    let scene = Scene::with(options).await;
    scene.rule(json!({})).await;
    let jwt = scene.job(json!({}));
    assert!(scene.refusal(&jwt).await.starts_with("403: no trusted"));
    let open = json!({ "visibility": "public" });
    let acme = "/api/v1/registries/acme";
    scene.admin.patch(acme, open).await.expect(200);
    let answer = scene.try_exchange(&jwt).await;
    assert_eq!(answer.code().as_deref(), Some("issuer-failed"));
    assert!(answer.header("retry-after").is_some(), "{answer}");
    assert_snapshot!(scene.said(&answer), @"503: the issuer `ISSUER` cannot be asked for its keys now; run the job again");
    let log = scene.log("token.exchanged").await;
    for line in &log {
        assert!(line.contains("resolves to a private address"), "{line}");
    }
    assert_eq!(log.len(), 2);
}
