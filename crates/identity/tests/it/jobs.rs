//! Jobs of CI systems, true ones and forged ones.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use insta::assert_snapshot;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use supercargo_identity::{Preset, Rejected, TokenRejected};
use supercargo_types::Timestamp;

use crate::{
    AUDIENCE, NOW, Scene,
    issuer::{DISCOVERY, KEYS, Key, message, sign_hmac},
};

/// I6.
#[tokio::test]
async fn a_job_is_who_its_token_says() {
    let scene = Scene::new().await;
    let job = scene.job(&scene.key.sign(&scene.claims())).await.unwrap();
    assert_eq!(job.rules, [0]);
    let place = scene.issuer.url.strip_prefix("http://").unwrap();
    let expected = format!("github({place}):acme/app@refs/heads/main");
    assert_eq!(job.subject, expected);
    assert_eq!(job.issuer, scene.issuer.url);
    assert_eq!(job.repository.as_deref(), Some("acme/app"));
    assert_eq!(job.reference.as_deref(), Some("refs/heads/main"));
    assert_eq!(job.run.as_deref(), Some("4711"));
    assert!(!job.is_pull_request);
    assert_eq!(job.expires, Timestamp::from_seconds(NOW + 300));
    assert_eq!(job.once.until, Timestamp::from_seconds(NOW + 360));
    assert_eq!(job.claims["environment"], "release");
    assert_eq!(job.claims["sha"], "0123");
    assert!(!job.claims.contains_key("jti"), "{:?}", job.claims);
}

/// I6. Whoever reads a job's log could otherwise use its token once more.
#[tokio::test]
async fn each_token_has_a_name_of_its_own_for_single_use() {
    let scene = Scene::new().await;
    let token = scene.key.sign(&scene.claims());
    let once = scene.job(&token).await.unwrap().once;
    assert_eq!(scene.job(&token).await.unwrap().once, once);
    let second = scene
        .key
        .sign(&scene.claims_but(json!({ "jti": "second" })));
    assert_ne!(scene.job(&second).await.unwrap().once, once);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let scene = Scene::new().await;
    let token = scene.key.sign(&scene.claims());
    scene.clock.advance(Duration::from_secs(359));
    assert!(scene.job(&token).await.is_ok(), "within the leeway");
    scene.clock.advance(Duration::from_secs(1));
    assert_snapshot!(scene.refusal(&token).await, @"the token expired at 2026-11-20T12:05:00Z, and it is 2026-11-20T12:06:00Z now; request a new one just before it is used");
}

#[tokio::test]
async fn a_token_that_is_not_yet_valid_is_refused() {
    let scene = Scene::new().await;
    let early = |seconds: i64| {
        let claims = json!({ "nbf": NOW + seconds, "exp": NOW + 900 });
        scene.key.sign(&scene.claims_but(claims))
    };
    assert!(scene.job(&early(60)).await.is_ok(), "within the leeway");
    assert_snapshot!(scene.refusal(&early(61)).await, @"the token holds from 2026-11-20T12:01:01Z on, and it is 2026-11-20T12:00:00Z now; one of the two clocks is wrong");
    let later = json!({ "iat": NOW + 61, "nbf": null, "exp": NOW + 900 });
    let later = scene.key.sign(&scene.claims_but(later));
    assert_snapshot!(scene.refusal(&later).await, @"the token holds from 2026-11-20T12:01:01Z on, and it is 2026-11-20T12:00:00Z now; one of the two clocks is wrong");
}

#[tokio::test]
async fn a_token_that_lives_too_long_is_refused() {
    let scene = Scene::new().await;
    let claims = json!({ "iat": NOW, "exp": NOW + 24 * 3_600 });
    assert!(
        scene
            .job(&scene.key.sign(&scene.claims_but(claims)))
            .await
            .is_ok()
    );
    let claims = json!({ "iat": NOW, "exp": NOW + 48 * 3_600 });
    let token = scene.key.sign(&scene.claims_but(claims));
    assert_snapshot!(scene.refusal(&token).await, @"the token lives for 48 hours, and a job's may live for 24; request one with a shorter life");
}

#[tokio::test]
async fn a_time_that_is_none_is_refused() {
    let scene = Scene::new().await;
    for time in [
        json!("tomorrow"),
        json!(-1),
        json!(1e300),
        json!([NOW]),
        json!(true),
    ] {
        let token = scene.key.sign(&scene.claims_but(json!({ "exp": time })));
        assert_eq!(
            scene.refusal(&token).await,
            "the token's `exp` is not a time in seconds"
        );
    }
    // RFC 7519 lets it be a fraction
    let fraction = scene
        .key
        .sign(&scene.claims_but(json!({ "exp": 1_795_176_300.5 })));
    assert!(scene.job(&fraction).await.is_ok());
}

/// A job requests a token for somebody else, who uses it here.
#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let scene = Scene::new().await;
    let for_audience = |audience: Value| {
        scene
            .key
            .sign(&scene.claims_but(json!({ "aud": audience })))
    };
    let sentence = scene
        .refusal(&for_audience(json!("https://other.example")))
        .await;
    assert_snapshot!(sentence, @"the token was made for `https://other.example` and not for this registry; request one with the audience that the registry's administrator names");
    let several = for_audience(json!([AUDIENCE, "https://other.example"]));
    assert_snapshot!(scene.refusal(&several).await, @"the token was made for 2 audiences at once, and any of them could use it in your place; request one for this registry alone");
    assert_snapshot!(scene.refusal(&for_audience(Value::Null)).await, @"the token has no `aud`; request one that is made for this registry");
    for near in [
        format!("{AUDIENCE}/"),
        AUDIENCE.to_uppercase(),
        String::new(),
    ] {
        assert!(
            scene.job(&for_audience(json!(near))).await.is_err(),
            "{near}"
        );
    }
    assert!(scene.job(&for_audience(json!([AUDIENCE]))).await.is_ok());
}

/// Nobody but the issuers of rules is asked for anything: otherwise whoever sends a token chooses whom this server asks.
#[tokio::test]
async fn a_token_of_an_issuer_that_nobody_trusts_is_refused_unasked() {
    let [scene, other] = [Scene::new().await, Scene::new().await];
    let token = other.key.sign(&other.claims());
    let rejected = scene.job(&token).await.unwrap_err();
    assert_snapshot!(other.stable(&rejected), @"no trusted publisher of this registry has the issuer `ISSUER`");
    assert_eq!(other.issuer.times_asked(DISCOVERY), 0);
    assert_eq!(scene.issuer.times_asked(DISCOVERY), 0);
}

/// An issuer that is trusted for some jobs says that it is another one.
#[tokio::test]
async fn a_token_in_the_name_of_another_issuer_is_not_proved_by_ones_own_key() {
    let [scene, other] = [Scene::new().await, Scene::new().await];
    let rules = [
        scene.rule(Preset::GitHub, &[("repository", "acme/app")]),
        other.rule(Preset::GitHub, &[("repository", "acme/other")]),
    ];
    let token = other.key.sign(&scene.claims());
    let rejected = scene.issuers.job(&token, &[&rules[0], &rules[1]]).await;
    assert_eq!(
        rejected.unwrap_err(),
        Rejected::Token(TokenRejected::Signature)
    );
}

#[tokio::test]
async fn a_token_that_another_key_has_signed_is_refused() {
    let scene = Scene::new().await;
    let forged = Key::new("one", Algorithm::ES256).sign(&scene.claims());
    assert_snapshot!(scene.refusal(&forged).await, @"the token's signature is wrong: its issuer did not make it, or it was changed since");
}

#[tokio::test]
async fn a_token_that_was_changed_is_refused() {
    let scene = Scene::new().await;
    let token = scene.key.sign(&scene.claims());
    let (_, signature) = token.rsplit_once('.').unwrap();
    let changed = scene.claims_but(json!({ "ref": "refs/heads/release" }));
    let changed = format!("{}.{signature}", message(&scene.key.header(), &changed));
    assert_eq!(
        scene.job(&changed).await.unwrap_err(),
        Rejected::Token(TokenRejected::Signature)
    );
    let cut = token[..token.len() - 2].to_owned();
    assert_eq!(
        scene.job(&cut).await.unwrap_err(),
        Rejected::Token(TokenRejected::Signature)
    );
    let emptied = format!("{}.", token.rsplit_once('.').unwrap().0);
    assert_eq!(
        scene.job(&emptied).await.unwrap_err(),
        Rejected::Token(TokenRejected::Signature)
    );
}

#[tokio::test]
async fn a_token_with_an_unknown_key_is_refused() {
    let scene = Scene::new().await;
    let forged = Key::new("two", Algorithm::ES256).sign(&scene.claims());
    assert_snapshot!(scene.refusal(&forged).await, @"the token is signed with the key `two`, which its issuer does not list for that");
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let scene = Scene::new().await;
    for name in ["none", "None", "NONE", "nOnE"] {
        let header = json!({ "alg": name, "typ": "JWT", "kid": "one" });
        let token = format!("{}.", message(&header, &scene.claims()));
        let rejected = scene.job(&token).await.unwrap_err();
        assert_eq!(
            rejected,
            Rejected::Token(TokenRejected::Algorithm(name.to_owned()))
        );
    }
    let header = json!({ "alg": "none" });
    let token = format!("{}.", message(&header, &scene.claims()));
    assert_snapshot!(scene.refusal(&token).await, @"the token is signed with `none`, and only signatures that no one but the issuer can make are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA");
    let unnamed = format!("{}.", message(&json!({ "typ": "JWT" }), &scene.claims()));
    assert_eq!(
        scene.job(&unnamed).await.unwrap_err(),
        Rejected::Token(TokenRejected::Malformed)
    );
}

/// Key confusion: the public key is public, so whoever has it could sign with it if it were taken for a shared secret.
#[tokio::test]
async fn a_token_that_is_signed_with_the_public_key_as_a_secret_is_refused() {
    let scene = Scene::new().await;
    let public = scene.key.public();
    let bytes = |name: &str| {
        BASE64_URL_SAFE_NO_PAD
            .decode(public[name].as_str().unwrap())
            .unwrap()
    };
    let point = [&[4][..], &bytes("x"), &bytes("y")].concat();
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "one" });
    for secret in [point, public.to_string().into_bytes()] {
        let token = sign_hmac(&secret, &header, &scene.claims());
        let rejected = scene.job(&token).await.unwrap_err();
        assert_eq!(
            rejected,
            Rejected::Token(TokenRejected::Algorithm("HS256".to_owned()))
        );
    }
    let token = sign_hmac(b"", &header, &scene.claims());
    assert_snapshot!(scene.refusal(&token).await, @"the token is signed with `HS256`, and only signatures that no one but the issuer can make are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA");
}

/// The same attack with a symmetric key in the set of keys itself.
#[tokio::test]
async fn a_shared_secret_among_the_keys_is_not_a_key() {
    let scene = Scene::new().await;
    let secret = json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": BASE64_URL_SAFE_NO_PAD.encode("hunter2") });
    scene.issuer.answers().keys.push(secret);
    let header = json!({ "alg": "HS256", "kid": "secret" });
    let token = sign_hmac(b"hunter2", &header, &scene.claims());
    assert!(scene.job(&token).await.is_err());
    assert!(scene.job(&scene.key.sign(&scene.claims())).await.is_ok());
}

/// Without a name it could be used any number of times.
#[tokio::test]
async fn a_token_without_a_name_of_its_own_is_refused() {
    let scene = Scene::new().await;
    let token = scene.key.sign(&scene.claims_but(json!({ "jti": null })));
    assert_snapshot!(scene.refusal(&token).await, @"the token has no `jti`; request an ID token from the issuer");
    for missing in ["exp", "iat", "iss"] {
        let token = scene.key.sign(&scene.claims_but(json!({ missing: null })));
        let rejected = scene.job(&token).await.unwrap_err();
        assert_eq!(rejected, Rejected::Token(TokenRejected::Missing(missing)));
    }
    for not_a_name in [json!(""), json!(7), json!(["x"])] {
        let token = scene
            .key
            .sign(&scene.claims_but(json!({ "jti": not_a_name })));
        let rejected = scene.job(&token).await.unwrap_err();
        assert_eq!(rejected, Rejected::Token(TokenRejected::Missing("jti")));
    }
}

#[tokio::test]
async fn a_huge_token_is_refused_unread() {
    let scene = Scene::new().await;
    let token = scene
        .key
        .sign(&scene.claims_but(json!({ "padding": "x".repeat(16 << 10) })));
    assert_snapshot!(scene.refusal(&token).await, @"the token has more than 16384 bytes; send the ID token of the job alone");
    assert_eq!(scene.issuer.times_asked(KEYS), 0);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let scene = Scene::new().await;
    assert_snapshot!(scene.refusal("hunter2").await, @"this is not a signed token: it should have three parts with dots between them, as in `eyJ….eyJ….…`; send the ID token as the issuer gave it");
    let token = scene.key.sign(&scene.claims());
    let not_an_object = scene.key.sign(&json!("claims"));
    for bad in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        &format!("{token}.x"),
        &format!("{token}="),
        &format!(" {token}"),
        &not_an_object,
        &scene.key.sign_as(&json!([]), &scene.claims()),
    ] {
        let rejected = scene.job(bad).await.unwrap_err();
        assert_eq!(rejected, Rejected::Token(TokenRejected::Malformed), "{bad}");
    }
}

/// RFC 8725, 3.11: an access token or a logout token of the same issuer has the same keys.
#[tokio::test]
async fn a_token_of_another_kind_is_refused() {
    let scene = Scene::new().await;
    let mut header = scene.key.header();
    header["typ"] = "at+jwt".into();
    let token = scene.key.sign_as(&header, &scene.claims());
    assert_snapshot!(scene.refusal(&token).await, @"the token is of the kind `at+jwt`, which is not an ID token; request an ID token from the issuer");
    header["typ"] = "JWT".into();
    header["crit"] = json!(["b64"]);
    let token = scene.key.sign_as(&header, &scene.claims());
    assert_snapshot!(scene.refusal(&token).await, @"the token demands an extension (`crit`) that is not known here");
}

/// What a job is told is its own; what the rule wants is for those who may see rules.
#[tokio::test]
async fn a_job_that_no_rule_covers_is_told_what_it_is_and_not_what_rules_want() {
    let scene = Scene::new().await;
    let rules = [
        scene.rule(
            Preset::GitHub,
            &[("repository", "acme/secret"), ("ref", "refs/tags/v*")],
        ),
        scene.rule(
            Preset::GitHub,
            &[("repository", "acme/*"), ("environment", "production")],
        ),
    ];
    let token = scene
        .key
        .sign(&scene.claims_but(json!({ "environment": null })));
    let rejected = scene
        .issuers
        .job(&token, &[&rules[0], &rules[1]])
        .await
        .unwrap_err();
    assert_snapshot!(rejected, @"no trusted publisher of this registry covers this job: its `repository` is `acme/app`, its `ref` is `refs/heads/main`, it has no `environment`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry can add one");
    let nearest = rejected.nearest().unwrap();
    assert_eq!(nearest.rule, 1);
    assert_snapshot!(nearest, @"wants `environment` to be `production`, which is not there");
    let token = scene
        .key
        .sign(&scene.claims_but(json!({ "environment": "staging" })));
    let rejected = scene.issuers.job(&token, &[&rules[1]]).await.unwrap_err();
    assert_snapshot!(rejected.nearest().unwrap(), @"wants `environment` to be `production`, which is `staging`");
}

/// Whoever names a branch could otherwise write lines of their own into a log.
#[tokio::test]
async fn what_a_token_says_stays_on_its_line() {
    let scene = Scene::new().await;
    let claims = json!({ "repository": "evil/app", "ref": "refs/heads/x`\n\u{1b}[2Jall is well" });
    let token = scene.key.sign(&scene.claims_but(claims));
    assert_snapshot!(scene.refusal(&token).await, @"no trusted publisher of this registry covers this job: its `repository` is `evil/app`, its `ref` is `refs/heads/x���[2Jall is well`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`; an administrator of the registry can add one");
}

#[tokio::test]
async fn all_rules_that_cover_a_job_are_named() {
    let scene = Scene::new().await;
    let rules = [
        scene.rule(Preset::GitHub, &[("repository", "acme/other")]),
        scene.rule(
            Preset::GitHub,
            &[("repository", "acme/*"), ("ref", "refs/heads/*")],
        ),
        scene.rule(
            Preset::GitHub,
            &[("repository_id", "74"), ("environment", "release")],
        ),
        scene.rule(Preset::Custom, &[("sub", "repo:acme/app:**")]),
    ];
    let token = scene.key.sign(&scene.claims());
    let rules: Vec<_> = rules.iter().collect();
    let job = scene.issuers.job(&token, &rules).await.unwrap();
    assert_eq!(job.rules, [1, 2, 3]);
}

/// GitHub lower-cases nothing, and neither do we: `Acme` may be somebody else elsewhere.
#[tokio::test]
async fn claims_are_compared_as_they_are() {
    let scene = Scene::new().await;
    for near in [
        "Acme/app",
        "acme/app ",
        "acme/app/",
        "xacme/app",
        "acme/app\n",
    ] {
        let token = scene
            .key
            .sign(&scene.claims_but(json!({ "repository": near })));
        assert!(scene.job(&token).await.is_err(), "{near:?}");
    }
    for odd in [
        json!(["acme/other"]),
        json!({ "acme/app": true }),
        json!(74),
    ] {
        let token = scene
            .key
            .sign(&scene.claims_but(json!({ "repository": odd })));
        assert!(scene.job(&token).await.is_err(), "{odd}");
    }
}

/// I6: whoever opens a pull request would otherwise publish.
#[tokio::test]
async fn jobs_that_run_what_somebody_proposes_are_marked_at_github() {
    let scene = Scene::new().await;
    for (claims, expected) in [
        (json!({ "event_name": "push" }), false),
        (json!({ "event_name": "release" }), false),
        (json!({ "event_name": "workflow_dispatch" }), false),
        (json!({ "event_name": "schedule" }), false),
        (json!({ "event_name": "pull_request" }), true),
        // these run with the ref of the main branch
        (json!({ "event_name": "pull_request_target" }), true),
        (json!({ "event_name": "pull_request_review" }), true),
        (json!({ "event_name": "workflow_run" }), true),
        (json!({ "event_name": "issue_comment" }), true),
        (json!({ "event_name": "merge_group" }), true),
        (
            json!({ "event_name": "push", "ref": "refs/pull/7/merge" }),
            true,
        ),
        (json!({ "event_name": null }), true),
    ] {
        let token = scene.key.sign(&scene.claims_but(claims.clone()));
        let job = scene.job(&token).await.unwrap();
        assert_eq!(job.is_pull_request, expected, "{claims}");
    }
}

/// I6.
#[tokio::test]
async fn jobs_that_run_what_somebody_proposes_are_marked_at_gitlab() {
    let scene = Scene::new().await;
    let rule = scene.rule(
        Preset::GitLab,
        &[("project_path", "acme/group/*"), ("ref_protected", "true")],
    );
    let claims = |changes: Value| {
        let mut claims = json!({
            "iss": scene.issuer.url, "aud": AUDIENCE, "jti": "first",
            "iat": NOW, "nbf": NOW, "exp": NOW + 300,
            "sub": "project_path:acme/group/app:ref_type:branch:ref:main",
            "project_path": "acme/group/app", "project_id": "22", "namespace_path": "acme/group",
            "ref": "main", "ref_path": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
            "pipeline_source": "push", "pipeline_id": "574", "job_id": "302", "runner_id": 1,
            "ci_config_ref_uri": "gitlab.acme.example/acme/group/app//.gitlab-ci.yml@refs/heads/main",
        });
        claims
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        claims
    };
    for (changes, expected) in [
        (json!({}), false),
        (json!({ "pipeline_source": "web" }), false),
        (json!({ "pipeline_source": "parent_pipeline" }), false),
        (json!({ "pipeline_source": "merge_request_event" }), true),
        (
            json!({ "pipeline_source": "external_pull_request_event" }),
            true,
        ),
        (json!({ "ref_path": "refs/merge-requests/7/head" }), true),
        (json!({ "pipeline_source": null }), true),
    ] {
        let token = scene.key.sign(&claims(changes.clone()));
        let job = scene.issuers.job(&token, &[&rule]).await.unwrap();
        assert_eq!(job.is_pull_request, expected, "{changes}");
        assert_eq!(job.run.as_deref(), Some("574"));
    }
    let open = scene.rule(Preset::GitLab, &[("project_id", "22"), ("runner_id", "1")]);
    let below = json!({ "pipeline_source": "parent_pipeline", "ref_protected": "false" });
    let job = scene
        .issuers
        .job(&scene.key.sign(&claims(below)), &[&open])
        .await
        .unwrap();
    assert!(job.is_pull_request, "its parent may be a merge request's");
    let unprotected = scene.key.sign(&claims(json!({ "ref_protected": "false" })));
    let rejected = scene.issuers.job(&unprotected, &[&rule]).await.unwrap_err();
    assert_snapshot!(rejected, @"no trusted publisher of this registry covers this job: its `project_path` is `acme/group/app`, its `ref_path` is `refs/heads/main`, it has no `environment`, its `ci_config_ref_uri` is `gitlab.acme.example/acme/group/app//.gitlab-ci.yml@refs/heads/main`; an administrator of the registry can add one");
}

/// I6: any issuer.
#[tokio::test]
async fn a_job_of_an_unknown_system_is_known_by_its_subject() {
    let scene = Scene::new().await;
    let rule = scene.rule(
        Preset::Custom,
        &[
            ("sub", "organization:acme:pipeline:app:**"),
            ("groups", "release"),
        ],
    );
    let claims = |source: Value| {
        json!({
            "iss": scene.issuer.url, "aud": [AUDIENCE], "jti": "first", "iat": NOW, "exp": NOW + 300,
            "sub": "organization:acme:pipeline:app:ref:refs/heads/main",
            "groups": ["ci", "release"], "event_name": source,
        })
    };
    let job = scene
        .issuers
        .job(&scene.key.sign(&claims(Value::Null)), &[&rule])
        .await
        .unwrap();
    assert!(
        job.subject
            .ends_with("):organization:acme:pipeline:app:ref:refs/heads/main")
    );
    assert!(!job.is_pull_request);
    assert_eq!(job.repository, None);
    let proposal = scene.key.sign(&claims(json!("pull_request")));
    let job = scene.issuers.job(&proposal, &[&rule]).await.unwrap();
    assert!(job.is_pull_request, "it says so in GitHub's words");
    let other = json!({
        "iss": scene.issuer.url, "aud": AUDIENCE, "jti": "x", "iat": NOW, "exp": NOW + 300,
        "sub": "organization:evil:pipeline:app:x", "groups": ["release"],
    });
    let rejected = scene
        .issuers
        .job(&scene.key.sign(&other), &[&rule])
        .await
        .unwrap_err();
    assert_snapshot!(rejected, @"no trusted publisher of this registry covers this job: its `sub` is `organization:evil:pipeline:app:x`; an administrator of the registry can add one");
}

/// A stranger may be told that: it is what they brought.
#[tokio::test]
async fn what_a_token_says_of_itself_is_told_without_asking_anybody() {
    let scene = Scene::new().await;
    let stranger = Key::new("one", Algorithm::ES256);
    let told = |claims: Value| {
        let said = scene.issuers.claimed(&stranger.sign(&claims));
        match said {
            Ok(said) => scene.stable(&said),
            Err(rejected) => scene.stable(&rejected),
        }
    };
    assert_snapshot!(told(scene.claims()), @"its `iss` is `ISSUER`, its `aud` is `https://crates.acme.example`, its `repository` is `acme/app`, its `ref` is `refs/heads/main`, its `environment` is `release`, its `workflow_ref` is `acme/app/.github/workflows/release.yml@refs/heads/main`");
    let gitlab = json!({ "repository": null, "project_path": "acme/app", "aud": ["a", "b"] });
    assert_snapshot!(told(scene.claims_but(gitlab)), @"its `iss` is `ISSUER`, its `aud` names 2 audiences, its `project_path` is `acme/app`, it has no `ref_path`, its `environment` is `release`, it has no `ci_config_ref_uri`");
    let custom = json!({ "repository": null, "aud": null });
    assert_snapshot!(told(scene.claims_but(custom)), @"its `iss` is `ISSUER`, it has no `aud`, its `sub` is `repo:acme/app:ref:refs/heads/main`");
    let unnamed = json!({ "jti": null });
    assert_snapshot!(told(scene.claims_but(unnamed)), @"the token has no `jti`; request an ID token from the issuer");
    let expired = json!({ "exp": NOW - 60 });
    assert_snapshot!(told(scene.claims_but(expired)), @"the token expired at 2026-11-20T11:59:00Z, and it is 2026-11-20T12:00:00Z now; request a new one just before it is used");
    assert_eq!(scene.issuer.times_asked(DISCOVERY), 0);
}
