//! How issuers are asked for their keys, and how long these are believed.

use std::time::Duration;

use axum::http::StatusCode;
use insta::assert_snapshot;
use jsonwebtoken::Algorithm;
use serde_json::json;
use supercargo_identity::{IssuerSettings, Issuers, Preset, Rejected, TokenRejected};
use supercargo_types::{Clock, Random};
use supercargo_upstream::FailureKind;

use crate::{
    Scene, client, impatient,
    issuer::{DISCOVERY, FakeIssuer, Fault, KEYS, Key},
};

/// What is said when an issuer answers like that, to a job with a good token.
async fn failure(scene: &Scene) -> String {
    let rejected = scene
        .job(&scene.key.sign(&scene.claims()))
        .await
        .unwrap_err();
    assert!(rejected.issuer_failed().is_some(), "{rejected}");
    scene.stable(&rejected)
}

#[tokio::test]
async fn an_issuer_that_calls_itself_otherwise_is_not_believed() {
    let scene = Scene::new().await;
    for name in [
        "https://other.example".to_owned(),
        format!("{}/", scene.issuer.url),
    ] {
        let scene = Scene::new().await;
        scene.issuer.answers().discovery["issuer"] = name.into();
        failure(&scene).await;
        assert_eq!(scene.issuer.times_asked(KEYS), 0);
    }
    scene.issuer.answers().discovery["issuer"] = "https://other.example".into();
    assert_snapshot!(failure(&scene).await, @"the issuer `ISSUER` calls itself `https://other.example`; write the issuer exactly so if that is whom you mean");
}

/// Somebody between could otherwise put in keys of their own, by a redirect as well as on the way.
#[tokio::test]
async fn keys_behind_a_redirect_are_not_fetched() {
    let [scene, other] = [Scene::new().await, Scene::new().await];
    let to = format!("{}{KEYS}", other.issuer.url);
    scene.issuer.set(KEYS, Fault::Redirect(to));
    assert_snapshot!(failure(&scene).await, @"the issuer `ISSUER` redirects when asked for `/keys` (302 Found), which is not followed: it has to answer there itself");
    assert_eq!(other.issuer.times_asked(KEYS), 0);
    let scene = Scene::new().await;
    let to = format!("{}{DISCOVERY}", other.issuer.url);
    scene.issuer.set(DISCOVERY, Fault::Redirect(to));
    assert_snapshot!(failure(&scene).await, @"the issuer `ISSUER` redirects when asked for `/.well-known/openid-configuration` (302 Found), which is not followed: it has to answer there itself");
    assert_eq!(other.issuer.times_asked(DISCOVERY), 0);
}

#[tokio::test]
async fn keys_over_a_plain_connection_are_not_fetched() {
    let scene = Scene::new().await;
    scene.issuer.answers().discovery["jwks_uri"] = "http://keys.acme.example/x".into();
    assert_snapshot!(failure(&scene).await, @"the issuer `ISSUER` names `http://keys.acme.example/x` as its `jwks_uri`, which is not an https URL");
    let scene = Scene::new().await;
    scene.issuer.answers().discovery["jwks_uri"] = "file:///etc/passwd".into();
    failure(&scene).await;
}

#[tokio::test]
async fn an_issuer_that_never_answers_is_given_up() {
    for path in [DISCOVERY, KEYS] {
        let scene = Scene::with(impatient()).await;
        scene.issuer.set(path, Fault::Silent);
        let rejected = scene
            .job(&scene.key.sign(&scene.claims()))
            .await
            .unwrap_err();
        let failed = rejected.issuer_failed().unwrap();
        assert_eq!(failed.kind(), FailureKind::Timeout);
        assert_eq!(
            scene.stable(failed),
            "the issuer `ISSUER` did not answer within 300ms"
        );
    }
}

#[tokio::test]
async fn an_issuer_that_never_ends_is_given_up() {
    let scene = Scene::new().await;
    scene.issuer.set(KEYS, Fault::Endless);
    assert_snapshot!(failure(&scene).await, @"the issuer `ISSUER` sends more than 262144 bytes for `/keys`, which is the limit");
    let scene = Scene::new().await;
    scene.issuer.set(DISCOVERY, Fault::Endless);
    assert_snapshot!(failure(&scene).await, @"the issuer `ISSUER` sends more than 262144 bytes for `/.well-known/openid-configuration`, which is the limit");
}

#[tokio::test]
async fn nonsense_is_no_description_and_no_set_of_keys() {
    let faults = [
        Fault::Text("<html>sign in</html>"),
        Fault::Text("[]"),
        Fault::Text("{}"),
        Fault::Text(r#"{"keys":[]}"#),
        Fault::Text(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"},7,{"kty":"EC","crv":"P-521"}]}"#),
        Fault::Packed,
    ];
    let mut said = Vec::new();
    for fault in faults {
        let scene = Scene::new().await;
        scene.issuer.set(KEYS, fault.clone());
        said.push(failure(&scene).await);
    }
    let scene = Scene::new().await;
    scene.issuer.set(DISCOVERY, Fault::Text("{}"));
    said.push(failure(&scene).await);
    assert_snapshot!(said.join("\n"), @r"
    the issuer `ISSUER` gives an answer that makes no sense: its `jwks_uri` lists no key that a token can be signed with
    the issuer `ISSUER` gives an answer that makes no sense: its `jwks_uri` lists no key that a token can be signed with
    the issuer `ISSUER` gives an answer that makes no sense: its `jwks_uri` lists no key that a token can be signed with
    the issuer `ISSUER` gives an answer that makes no sense: its `jwks_uri` lists no key that a token can be signed with
    the issuer `ISSUER` gives an answer that makes no sense: its `jwks_uri` lists no key that a token can be signed with
    the issuer `ISSUER` gives an answer that makes no sense: `/keys` in a content encoding that was not asked for
    the issuer `ISSUER` gives an answer that makes no sense: its `/.well-known/openid-configuration` is not a description of an issuer
    ");
}

#[tokio::test]
async fn a_status_of_an_issuer_is_said() {
    let scene = Scene::new().await;
    scene
        .issuer
        .set(DISCOVERY, Fault::Status(StatusCode::SERVICE_UNAVAILABLE));
    assert_snapshot!(failure(&scene).await, @"the issuer `ISSUER` answers 503 Service Unavailable when asked for `/.well-known/openid-configuration`");
}

/// Whoever may write a rule could otherwise make this server ask its own network.
#[tokio::test]
async fn an_issuer_at_a_private_address_is_asked_only_where_that_is_allowed() {
    let scene = Scene::new().await;
    let issuers = Issuers::new(
        client(&[]),
        scene.clock.clone(),
        Random::System,
        IssuerSettings::default(),
    );
    let rule = scene.rule(Preset::GitHub, &[("repository", "acme/app")]);
    let token = scene.key.sign(&scene.claims());
    let rejected = issuers.job(&token, &[&rule]).await.unwrap_err();
    assert_snapshot!(scene.stable(&rejected), @"the issuer `ISSUER` resolves to a private address (127.0.0.1); an administrator can allow it with `upstream.allow_addresses`");
    assert_eq!(scene.issuer.times_asked(DISCOVERY), 0);
}

#[tokio::test]
async fn an_issuer_can_be_tried_before_it_is_trusted() {
    let scene = Scene::new().await;
    scene.issuers.test(&scene.url()).await.unwrap();
    scene.issuer.set(KEYS, Fault::Text("{}"));
    assert!(scene.issuers.test(&scene.url()).await.is_err());
}

#[tokio::test]
async fn keys_are_asked_for_once_in_ten_minutes() {
    let scene = Scene::new().await;
    let token = scene
        .key
        .sign(&scene.claims_but(json!({ "exp": 1_795_176_000 + 3_600 })));
    for _ in 0..3 {
        scene.job(&token).await.unwrap();
    }
    scene.clock.advance(Duration::from_secs(599));
    scene.job(&token).await.unwrap();
    assert_eq!(scene.issuer.times_asked(KEYS), 1);
    scene.clock.advance(Duration::from_secs(1));
    scene.job(&token).await.unwrap();
    assert_eq!(scene.issuer.times_asked(KEYS), 2);
    assert_eq!(scene.issuer.times_asked(DISCOVERY), 2);
}

#[tokio::test]
async fn keys_that_an_issuer_has_changed_are_found_at_once() {
    let scene = Scene::new().await;
    let old = scene.key.sign(&scene.claims());
    scene.job(&old).await.unwrap();
    let key = Key::new("two", Algorithm::EdDSA);
    scene.issuer.list(&[&key]);
    scene.clock.advance(Duration::from_secs(30));
    let new = key.sign(&scene.claims());
    scene.job(&new).await.unwrap();
    assert_eq!(scene.issuer.times_asked(KEYS), 2);
    // and the old one is withdrawn
    let rejected = scene.job(&old).await.unwrap_err();
    let expected = TokenRejected::UnknownKey(Some("one".to_owned()));
    assert_eq!(rejected, Rejected::Token(expected));
}

/// A flood of tokens with invented names of keys must not become a flood of questions.
#[tokio::test]
async fn invented_keys_make_one_question_in_half_a_minute() {
    let scene = Scene::new().await;
    scene.job(&scene.key.sign(&scene.claims())).await.unwrap();
    let forge = async |id| {
        let forged = Key::new(id, Algorithm::ES256).sign(&scene.claims());
        let rejected = scene.job(&forged).await.unwrap_err();
        let expected = TokenRejected::UnknownKey(Some(id.to_owned()));
        assert_eq!(rejected, Rejected::Token(expected));
    };
    for id in ["a", "b", "c"] {
        forge(id).await;
    }
    assert_eq!(
        scene.issuer.times_asked(KEYS),
        1,
        "they were asked for just now"
    );
    scene.clock.advance(Duration::from_secs(30));
    for id in ["d", "e", "f"] {
        forge(id).await;
    }
    assert_eq!(scene.issuer.times_asked(KEYS), 2);
    assert!(scene.job(&scene.key.sign(&scene.claims())).await.is_ok());
}

#[tokio::test]
async fn many_jobs_at_once_make_one_question() {
    let scene = Scene::new().await;
    let token = scene.key.sign(&scene.claims());
    let jobs = (0..50).map(|_| scene.job(&token));
    let answers = futures_util::future::join_all(jobs).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(scene.issuer.times_asked(DISCOVERY), 1);
    assert_eq!(scene.issuer.times_asked(KEYS), 1);
}

/// A short outage of an issuer must not stop every build, and a long one must not keep withdrawn keys alive.
#[tokio::test]
async fn an_issuer_that_is_down_is_believed_for_an_hour() {
    let scene = Scene::new().await;
    let long = json!({ "exp": 1_795_176_000 + 12 * 3_600 });
    let token = scene.key.sign(&scene.claims_but(long));
    scene.job(&token).await.unwrap();
    scene
        .issuer
        .set(DISCOVERY, Fault::Status(StatusCode::BAD_GATEWAY));
    scene.clock.advance(Duration::from_mins(59));
    scene.job(&token).await.unwrap();
    scene.job(&token).await.unwrap();
    assert_eq!(
        scene.issuer.times_asked(DISCOVERY),
        2,
        "it is left alone for a moment"
    );
    // what they cannot prove is nobody's fault who sent it
    let new = Key::new("two", Algorithm::ES256)
        .sign(&scene.claims_but(json!({ "exp": 1_795_176_000 + 12 * 3_600 })));
    assert!(scene.job(&new).await.unwrap_err().issuer_failed().is_some());
    scene.clock.advance(Duration::from_mins(1));
    assert!(
        scene
            .job(&token)
            .await
            .unwrap_err()
            .issuer_failed()
            .is_some()
    );
    scene.issuer.answers().faults.clear();
    scene.clock.advance(Duration::from_secs(5));
    scene.job(&token).await.unwrap();
}

/// The key may be a new one: "unknown" would blame whoever sent the token for an outage.
#[tokio::test]
async fn a_key_that_cannot_be_asked_for_is_not_called_unknown() {
    let scene = Scene::new().await;
    scene.job(&scene.key.sign(&scene.claims())).await.unwrap();
    scene.clock.advance(Duration::from_secs(30));
    scene
        .issuer
        .set(KEYS, Fault::Status(StatusCode::BAD_GATEWAY));
    let new = Key::new("two", Algorithm::ES256).sign(&scene.claims());
    for _ in 0..2 {
        let rejected = scene.job(&new).await.unwrap_err();
        assert!(rejected.issuer_failed().is_some(), "{rejected}");
    }
    assert_eq!(scene.issuer.times_asked(KEYS), 2);
    assert!(scene.job(&scene.key.sign(&scene.claims())).await.is_ok());
}

/// Each token would otherwise wait for the same time-out, one after the other.
#[tokio::test]
async fn a_failure_is_repeated_for_a_moment_without_another_question() {
    let scene = Scene::new().await;
    scene
        .issuer
        .set(KEYS, Fault::Status(StatusCode::BAD_GATEWAY));
    for _ in 0..3 {
        failure(&scene).await;
    }
    assert_eq!(scene.issuer.times_asked(KEYS), 1);
    scene.issuer.answers().faults.clear();
    scene.clock.advance(Duration::from_secs(5));
    scene.job(&scene.key.sign(&scene.claims())).await.unwrap();
}

/// A clock that is set back must not make old keys last.
#[tokio::test]
async fn keys_from_the_future_are_asked_for_again() {
    let scene = Scene::new().await;
    let Clock::Fixed(micros) = &scene.clock else {
        panic!("this clock is a test's");
    };
    scene.clock.advance(Duration::from_secs(50));
    let token = scene.key.sign(&scene.claims());
    scene.job(&token).await.unwrap();
    micros.fetch_sub(50_000_000, std::sync::atomic::Ordering::SeqCst);
    scene.job(&token).await.unwrap();
    assert_eq!(scene.issuer.times_asked(KEYS), 2);
}

/// A description may put keys anywhere, and each issuer has its own.
#[tokio::test]
async fn keys_of_one_issuer_prove_nothing_for_another() {
    let scene = Scene::new().await;
    let other = FakeIssuer::start(&[&Key::new("one", Algorithm::ES256)]).await;
    let rules = [
        scene.rule(Preset::GitHub, &[("repository", "acme/app")]),
        serde_json::from_value(json!({
            "preset": "github", "issuer": other.url, "audience": crate::AUDIENCE,
            "claims": { "repository": "acme/app" },
        }))
        .unwrap(),
    ];
    let rules = [&rules[0], &rules[1]];
    let own = scene.key.sign(&scene.claims());
    assert_eq!(scene.issuers.job(&own, &rules).await.unwrap().rules, [0]);
    let foreign = scene
        .key
        .sign(&scene.claims_but(json!({ "iss": other.url })));
    let rejected = scene.issuers.job(&foreign, &rules).await.unwrap_err();
    assert_eq!(rejected, Rejected::Token(TokenRejected::Signature));
}
