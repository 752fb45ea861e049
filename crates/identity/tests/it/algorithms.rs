//! Which signatures count, with which keys; signed by another implementation than ours.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use supercargo_identity::{Rejected, TokenRejected};

use crate::{Scene, issuer::Key};

const ALL: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

#[tokio::test]
async fn every_signature_that_only_its_issuer_can_make_is_taken() {
    for algorithm in ALL {
        let scene = Scene::new().await;
        let key = Key::new("one", algorithm);
        scene.issuer.list(&[&key]);
        let job = scene.job(&key.sign(&scene.claims())).await;
        assert!(job.is_ok(), "{algorithm:?}: {job:?}");
        let forged = scene.claims_but(json!({ "ref": "refs/heads/x" }));
        let signature = key.sign(&scene.claims());
        let signature = signature.rsplit_once('.').unwrap().1;
        let forged = format!(
            "{}.{signature}",
            crate::issuer::message(&key.header(), &forged)
        );
        let rejected = scene.job(&forged).await.unwrap_err();
        assert_eq!(
            rejected,
            Rejected::Token(TokenRejected::Signature),
            "{algorithm:?}"
        );
    }
}

/// RFC 9864.
#[tokio::test]
async fn the_newer_name_of_an_edwards_signature_is_known() {
    let scene = Scene::new().await;
    let key = Key::new("one", Algorithm::EdDSA);
    scene.issuer.list(&[&key]);
    let mut header = key.header();
    header["alg"] = "Ed25519".into();
    let job = scene.job(&key.sign_as(&header, &scene.claims())).await;
    assert!(job.is_ok(), "{job:?}");
}

/// The key says how it signs, not the token.
#[tokio::test]
async fn a_key_does_not_prove_what_it_is_not_for() {
    let scene = Scene::new().await;
    let key = Key::new("one", Algorithm::RS256);
    let rejects = async |change: Value| {
        let mut public = key.public();
        public
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let scene = Scene::new().await;
        scene.issuer.answers().keys.push(public);
        scene.issuer.answers().keys.remove(0);
        scene.job(&key.sign(&scene.claims())).await.is_err()
    };
    assert!(!rejects(json!({})).await);
    assert!(!rejects(json!({ "alg": null, "use": null, "key_ops": ["verify"] })).await);
    assert!(rejects(json!({ "alg": "RS512" })).await);
    assert!(rejects(json!({ "alg": "RSA-OAEP" })).await);
    assert!(rejects(json!({ "use": "enc" })).await);
    assert!(rejects(json!({ "key_ops": ["encrypt"] })).await);
    assert!(rejects(json!({ "kty": "EC" })).await);
    // a token that names another algorithm of the same kind of key
    let pss = Key::new("one", Algorithm::PS256);
    scene.issuer.list(&[&key]);
    let rejected = scene.job(&pss.sign(&scene.claims())).await.unwrap_err();
    let expected = TokenRejected::UnknownKey(Some("one".to_owned()));
    assert_eq!(rejected, Rejected::Token(expected));
}

/// Short keys can be broken, long exponents make each verification slow.
#[tokio::test]
async fn keys_of_odd_sizes_are_passed_over() {
    let key = Key::new("one", Algorithm::RS256);
    for change in [
        json!({ "n": BASE64_URL_SAFE_NO_PAD.encode([0xff; 128]) }),
        json!({ "n": BASE64_URL_SAFE_NO_PAD.encode([0xff; 2_048]) }),
        json!({ "e": BASE64_URL_SAFE_NO_PAD.encode([0xff; 256]) }),
        json!({ "e": "" }),
        json!({ "n": "not base64!" }),
    ] {
        let scene = Scene::new().await;
        let mut public = key.public();
        public
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        scene.issuer.answers().keys.push(public);
        let rejected = scene.job(&key.sign(&scene.claims())).await;
        assert!(rejected.is_err(), "{change}");
        // and the others are keys all the same
        assert!(
            scene.job(&scene.key.sign(&scene.claims())).await.is_ok(),
            "{change}"
        );
    }
}

/// A sign byte in front, as some write it.
#[tokio::test]
async fn a_key_with_a_zero_in_front_is_the_same_key() {
    let scene = Scene::new().await;
    let key = Key::new("rsa", Algorithm::RS256);
    let mut public = key.public();
    let modulus = BASE64_URL_SAFE_NO_PAD
        .decode(public["n"].as_str().unwrap())
        .unwrap();
    public["n"] = BASE64_URL_SAFE_NO_PAD
        .encode([&[0][..], &modulus].concat())
        .into();
    scene.issuer.answers().keys.push(public);
    assert!(scene.job(&key.sign(&scene.claims())).await.is_ok());
}

#[tokio::test]
async fn a_token_that_names_no_key_is_proved_where_one_alone_can_be_meant() {
    let scene = Scene::new().await;
    let token = scene
        .key
        .sign_as(&json!({ "alg": "ES256" }), &scene.claims());
    assert!(scene.job(&token).await.is_ok());
    let scene = Scene::new().await;
    let other = Key::new("two", Algorithm::ES256);
    scene.issuer.list(&[&scene.key, &other]);
    let token = scene
        .key
        .sign_as(&json!({ "alg": "ES256" }), &scene.claims());
    insta::assert_snapshot!(scene.refusal(&token).await, @"the token does not name its key (`kid`), and its issuer does not list exactly one that could be meant");
}
