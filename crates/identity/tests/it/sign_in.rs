//! People who sign in with a provider, and those who try to sign in as somebody else.

use std::{collections::HashMap, time::Duration};

use aws_lc_rs::digest;
use axum::http::StatusCode;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use insta::assert_snapshot;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use supercargo_identity::{
    Callback, IssuerFailed, Pending, Person, Provider, SignInFailed, TokenRejected,
};

use crate::{
    NOW, Scene, but, impatient,
    issuer::{Fault, Key, TOKEN, USERINFO, message},
};

const RETURN: &str = "https://crates.acme.example/-/login/return";

/// A person whose browser is at the provider.
struct Visit {
    scene: Scene,
    provider: Provider,
    pending: Pending,
    asked: HashMap<String, String>,
}

impl Visit {
    async fn new() -> Self {
        Self::with(Scene::new().await, |_| {}).await
    }

    async fn with(scene: Scene, change: impl FnOnce(&mut Provider)) -> Self {
        let mut provider = Provider {
            issuer: scene.url(),
            client_id: "supercargo".to_owned(),
            client_secret: Some("hunter2".to_owned().into()),
            scopes: vec!["groups".to_owned(), "email".to_owned()],
            groups_claim: Some("groups".to_owned()),
        };
        change(&mut provider);
        let (url, pending) = scene.issuers.begin(&provider, RETURN).await.unwrap();
        let visit = Self {
            scene,
            provider,
            pending,
            asked: url.query_pairs().into_owned().collect(),
        };
        visit.answers(&visit.id_token());
        visit
    }

    fn id_token(&self) -> Value {
        json!({
            "iss": self.scene.issuer.url,
            "aud": "supercargo",
            "sub": "u-17",
            "iat": NOW,
            "exp": NOW + 300,
            "nonce": self.asked["nonce"],
            "email": "alice@acme.example",
            "email_verified": true,
            "name": "Alice Example",
            "preferred_username": "alice",
            "groups": ["crates-admins", "platform"],
        })
    }

    fn id_token_but(&self, changes: Value) -> Value {
        but(self.id_token(), changes)
    }

    /// Sets what the provider gives for the code.
    fn answers(&self, claims: &Value) {
        self.answers_with(&self.scene.key.sign(claims));
    }

    fn answers_with(&self, id_token: &str) {
        let tokens =
            json!({ "id_token": id_token, "access_token": "access-1", "token_type": "Bearer" });
        self.scene.issuer.answers().token = (StatusCode::OK, tokens);
    }

    async fn returns(&self, query: &str) -> Result<Person, SignInFailed> {
        let callback = Callback::from_query(query).unwrap();
        let pending = self.pending.clone();
        self.scene
            .issuers
            .finish(&self.provider, pending, callback)
            .await
    }

    async fn finish(&self) -> Result<Person, SignInFailed> {
        let state = &self.asked["state"];
        self.returns(&format!("code=code-1&state={state}")).await
    }

    async fn refusal(&self, claims: &Value) -> String {
        self.answers(claims);
        self.said(&self.finish().await.unwrap_err())
    }

    fn said(&self, failed: &SignInFailed) -> String {
        self.scene.stable(failed)
    }

    fn form(&self) -> HashMap<String, String> {
        let body = self.scene.issuer.last_asked(TOKEN).body;
        url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }
}

fn sha256(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// I7: the code flow with PKCE.
#[tokio::test]
async fn a_person_signs_in() {
    let visit = Visit::new().await;
    let asked = |name: &str| visit.asked[name].as_str();
    assert_eq!(asked("tenant"), "acme", "a query of its own stays");
    assert_eq!(asked("response_type"), "code");
    assert_eq!(asked("client_id"), "supercargo");
    assert_eq!(asked("redirect_uri"), RETURN);
    assert_eq!(asked("scope"), "openid email profile groups");
    assert_eq!(asked("code_challenge_method"), "S256");
    let secrets = ["state", "nonce", "code_challenge"].map(asked);
    assert!(
        secrets.iter().all(|secret| secret.len() == 43),
        "{secrets:?}"
    );

    let person = visit.finish().await.unwrap();
    let expected = Person {
        issuer: visit.scene.issuer.url.clone(),
        subject: "u-17".to_owned(),
        email: Some("alice@acme.example".to_owned()),
        email_verified: true,
        name: Some("Alice Example".to_owned()),
        username: Some("alice".to_owned()),
        groups: Some(vec!["crates-admins".to_owned(), "platform".to_owned()]),
    };
    assert_eq!(person, expected);

    let form = visit.form();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "code-1");
    assert_eq!(form["redirect_uri"], RETURN);
    assert_eq!(sha256(&form["code_verifier"]), asked("code_challenge"));
    assert!(!form.contains_key("client_secret"));
    let headers = visit.scene.issuer.last_asked(TOKEN).headers;
    let basic = format!("Basic {}", BASE64_STANDARD.encode("supercargo:hunter2"));
    assert_eq!(headers["authorization"], basic);
    assert_eq!(
        visit.scene.issuer.times_asked(USERINFO),
        0,
        "nothing was missing"
    );
}

#[tokio::test]
async fn no_two_visits_have_the_same_secrets() {
    let visit = Visit::new().await;
    let (url, _) = visit
        .scene
        .issuers
        .begin(&visit.provider, RETURN)
        .await
        .unwrap();
    let again: HashMap<_, _> = url.query_pairs().into_owned().collect();
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(again[name], visit.asked[name]);
    }
}

/// What is kept goes through a cookie.
#[tokio::test]
async fn what_was_begun_can_be_kept_as_json() {
    let mut visit = Visit::new().await;
    let kept = serde_json::to_string(&visit.pending).unwrap();
    visit.pending = serde_json::from_str(&kept).unwrap();
    assert_eq!(visit.pending.state(), visit.asked["state"]);
    assert!(visit.finish().await.is_ok());
}

#[tokio::test]
async fn a_client_shows_its_secret_as_the_provider_wants() {
    let scene = Scene::new().await;
    scene.issuer.answers().discovery["token_endpoint_auth_methods_supported"] =
        json!(["private_key_jwt", "client_secret_post"]);
    let visit = Visit::with(scene, |_| {}).await;
    visit.finish().await.unwrap();
    assert_eq!(visit.form()["client_secret"], "hunter2");
    assert_eq!(visit.form()["client_id"], "supercargo");
    let headers = visit.scene.issuer.last_asked(TOKEN).headers;
    assert!(!headers.contains_key("authorization"));

    let public = Visit::with(Scene::new().await, |provider| provider.client_secret = None).await;
    public.finish().await.unwrap();
    assert_eq!(public.form()["client_id"], "supercargo");
    assert!(!public.form().contains_key("client_secret"));
}

/// An attacker's own answer in a victim's browser would sign the victim in as the attacker.
#[tokio::test]
async fn an_answer_that_this_browser_did_not_ask_for_is_refused() {
    let visit = Visit::new().await;
    let other = Visit::new().await;
    let foreign = &other.asked["state"];
    let said = visit
        .returns(&format!("code=code-1&state={foreign}"))
        .await
        .unwrap_err();
    assert_snapshot!(said, @"this is not the answer to a sign-in that was begun in this browser; sign in again");
    let state = &visit.asked["state"];
    for query in [
        "code=code-1".to_owned(),
        "code=code-1&state=".to_owned(),
        format!("code=code-1&state={state}x"),
        format!("code=code-1&state={}", &state[1..]),
        // nor does a stranger's error show its words
        "error=Call+this+number&state=x".to_owned(),
    ] {
        assert_eq!(
            visit.returns(&query).await,
            Err(SignInFailed::State),
            "{query}"
        );
    }
    assert_eq!(visit.scene.issuer.times_asked(TOKEN), 0);
}

#[tokio::test]
async fn a_sign_in_that_took_too_long_is_refused() {
    let visit = Visit::new().await;
    visit.scene.clock.advance(Duration::from_mins(10));
    assert_snapshot!(visit.finish().await.unwrap_err(), @"the sign-in took longer than 10 minutes; sign in again");
    assert_eq!(visit.scene.issuer.times_asked(TOKEN), 0);
}

#[tokio::test]
async fn what_a_provider_says_when_it_refuses_is_passed_on() {
    let visit = Visit::new().await;
    let state = &visit.asked["state"];
    let query =
        format!("error=access_denied&error_description=not+in+the+group%0A%60x&state={state}");
    assert_snapshot!(visit.returns(&query).await.unwrap_err(), @"the provider refuses: `access_denied` (not in the group��x)");
    let nothing = visit.returns(&format!("state={state}")).await;
    assert_eq!(nothing, Err(SignInFailed::Answer));
    let refusal = json!({ "error": "invalid_grant", "error_description": "the code was used" });
    visit.scene.issuer.answers().token = (StatusCode::BAD_REQUEST, refusal);
    assert_snapshot!(visit.finish().await.unwrap_err(), @"the provider refuses: `invalid_grant` (the code was used)");
}

/// RFC 9207: a bad provider passes a good one's code on to us as its own.
#[tokio::test]
async fn an_answer_of_another_provider_is_refused() {
    let visit = Visit::new().await;
    let state = &visit.asked["state"];
    let said = visit
        .returns(&format!("code=c&state={state}&iss=https://evil.example"))
        .await;
    assert_snapshot!(said.unwrap_err(), @"the answer is from another provider than the sign-in was begun with; sign in again");
    let own = &visit.scene.issuer.url;
    assert!(
        visit
            .returns(&format!("code=c&state={state}&iss={own}"))
            .await
            .is_ok()
    );

    let scene = Scene::new().await;
    scene.issuer.answers().discovery["authorization_response_iss_parameter_supported"] =
        true.into();
    let visit = Visit::with(scene, |_| {}).await;
    assert_eq!(
        visit.finish().await,
        Err(SignInFailed::OtherProvider),
        "it always names itself"
    );

    let [visit, other] = [Visit::new().await, Visit::new().await];
    let state = &visit.asked["state"];
    let callback = Callback::from_query(&format!("code=c&state={state}")).unwrap();
    let pending = visit.pending.clone();
    let finished = other
        .scene
        .issuers
        .finish(&other.provider, pending, callback);
    assert_eq!(finished.await, Err(SignInFailed::OtherProvider));
    assert_eq!(other.scene.issuer.times_asked(TOKEN), 0);
}

/// Somebody else's ID token, or one of another sign-in, put in by whoever could read it.
#[tokio::test]
async fn an_id_token_of_another_sign_in_is_refused() {
    let visit = Visit::new().await;
    for nonce in [json!("x"), Value::Null, json!("")] {
        visit.answers(&visit.id_token_but(json!({ "nonce": nonce })));
        assert_eq!(visit.finish().await, Err(SignInFailed::Nonce), "{nonce}");
    }
    assert_snapshot!(SignInFailed::Nonce, @"the provider's ID token was made for another sign-in; sign in again");
}

#[tokio::test]
async fn an_id_token_for_another_client_is_refused() {
    let visit = Visit::new().await;
    for changes in [
        json!({ "aud": "other" }),
        json!({ "aud": null }),
        json!({ "aud": ["supercargo", "other"] }),
        json!({ "aud": ["supercargo", "other"], "azp": "other" }),
        json!({ "azp": "other" }),
    ] {
        visit.answers(&visit.id_token_but(changes.clone()));
        assert_eq!(
            visit.finish().await,
            Err(SignInFailed::OtherClient),
            "{changes}"
        );
    }
    assert_snapshot!(SignInFailed::OtherClient, @"the provider's ID token was made for another client than this one");
    for changes in [
        json!({ "aud": ["supercargo"] }),
        json!({ "aud": ["supercargo", "other"], "azp": "supercargo" }),
    ] {
        visit.answers(&visit.id_token_but(changes));
        assert!(visit.finish().await.is_ok());
    }
}

#[tokio::test]
async fn an_id_token_that_proves_nothing_is_refused() {
    let visit = Visit::new().await;
    let expired = visit
        .refusal(&visit.id_token_but(json!({ "exp": NOW - 60 })))
        .await;
    assert_snapshot!(expired, @"the provider's ID token is not believed: the token expired at 2026-11-20T11:59:00Z, and it is 2026-11-20T12:00:00Z now; request a new one just before it is used");
    let early = visit
        .refusal(&visit.id_token_but(json!({ "iat": NOW + 61 })))
        .await;
    assert_snapshot!(early, @"the provider's ID token is not believed: the token holds from 2026-11-20T12:01:01Z on, and it is 2026-11-20T12:00:00Z now; one of the two clocks is wrong");
    let foreign = visit
        .refusal(&visit.id_token_but(json!({ "iss": "https://evil.example" })))
        .await;
    assert_snapshot!(foreign, @"the provider's ID token is not believed: the token's issuer is `https://evil.example`, which is not whom it should be from");
    let nobody = visit
        .refusal(&visit.id_token_but(json!({ "sub": null })))
        .await;
    assert_snapshot!(nobody, @"the provider's ID token is not believed: the token has no `sub`; request an ID token from the issuer");

    visit.answers_with(&Key::new("one", Algorithm::ES256).sign(&visit.id_token()));
    let forged = visit.finish().await;
    assert_eq!(forged, Err(SignInFailed::IdToken(TokenRejected::Signature)));
    let unsigned = format!("{}.", message(&json!({ "alg": "none" }), &visit.id_token()));
    visit.answers_with(&unsigned);
    let expected = TokenRejected::Algorithm("none".to_owned());
    assert_eq!(visit.finish().await, Err(SignInFailed::IdToken(expected)));
}

/// OpenID Connect Core 1.0, 3.1.3.6.
#[tokio::test]
async fn an_access_token_that_was_put_in_is_refused() {
    let visit = Visit::new().await;
    let half = |text: &str| {
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
    };
    visit.answers(&visit.id_token_but(json!({ "at_hash": half("access-1") })));
    assert!(visit.finish().await.is_ok());
    let said = visit
        .refusal(&visit.id_token_but(json!({ "at_hash": half("access-2") })))
        .await;
    assert_snapshot!(said, @"the provider's access token does not belong to its ID token");
}

#[tokio::test]
async fn what_the_id_token_lacks_is_asked_for() {
    let visit = Visit::new().await;
    let lacking = json!({ "groups": null, "email": null, "email_verified": null, "name": null });
    visit.answers(&visit.id_token_but(lacking));
    visit.scene.issuer.answers().userinfo = json!({
        "sub": "u-17", "email": "alice@acme.example", "email_verified": "true",
        "name": "Alice", "preferred_username": "someone-else", "groups": "platform",
    });
    let person = visit.finish().await.unwrap();
    let headers = visit.scene.issuer.last_asked(USERINFO).headers;
    assert_eq!(headers["authorization"], "Bearer access-1");
    assert_eq!(person.email.as_deref(), Some("alice@acme.example"));
    assert!(person.email_verified);
    assert_eq!(person.name.as_deref(), Some("Alice"));
    assert_eq!(
        person.username.as_deref(),
        Some("alice"),
        "what is signed goes first"
    );
    assert_eq!(person.groups, Some(vec!["platform".to_owned()]));

    visit.scene.issuer.answers().userinfo = json!({ "sub": "u-18", "groups": ["crates-admins"] });
    assert_snapshot!(visit.finish().await.unwrap_err(), @"the provider's `userinfo` is about somebody else than its ID token");
    visit.scene.issuer.answers().userinfo = json!({ "groups": ["crates-admins"] });
    assert_eq!(visit.finish().await, Err(SignInFailed::OtherPerson));
}

/// An address that somebody merely claims must not find somebody else's account.
#[tokio::test]
async fn an_address_is_verified_only_where_the_provider_says_so_of_it() {
    let visit = Visit::new().await;
    for (changes, expected) in [
        (json!({ "email_verified": "true" }), true),
        (json!({ "email_verified": false }), false),
        (json!({ "email_verified": null }), false),
        (json!({ "email_verified": 1 }), false),
        (json!({ "email": "a\nb@acme.example" }), false),
    ] {
        visit.answers(&visit.id_token_but(changes.clone()));
        let person = visit.finish().await.unwrap();
        assert_eq!(person.email_verified, expected, "{changes}");
    }
    // one document's word is not about the other's address
    visit.answers(&visit.id_token_but(json!({ "email": null })));
    visit.scene.issuer.answers().userinfo = json!({ "sub": "u-17", "email": "eve@evil.example" });
    let person = visit.finish().await.unwrap();
    assert_eq!(person.email.as_deref(), Some("eve@evil.example"));
    assert!(!person.email_verified);
}

/// Many providers leave the claim out for people who are in no group. What cannot be used is not the same.
#[tokio::test]
async fn groups_are_taken_as_a_whole_or_not_at_all() {
    let visit = Visit::new().await;
    visit.scene.issuer.answers().userinfo = json!({ "sub": "u-17" });
    for (groups, expected) in [
        (json!([]), Some(Vec::new())),
        (json!("one"), Some(vec!["one".to_owned()])),
        (Value::Null, Some(Vec::new())),
        (json!(["one", 2]), None),
        (json!(["one", ""]), None),
        (json!({ "one": true }), None),
        (json!(vec!["x"; 1_001]), None),
        (json!(["x".repeat(256)]), None),
    ] {
        visit.answers(&visit.id_token_but(json!({ "groups": groups })));
        let person = visit.finish().await.unwrap();
        assert_eq!(person.groups, expected, "{groups}");
    }
    // too many for the document, says Microsoft
    for elsewhere in [
        json!({ "groups": null, "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": {} } }),
        json!({ "groups": null, "hasgroups": true }),
    ] {
        visit.answers(&visit.id_token_but(elsewhere.clone()));
        let person = visit.finish().await.unwrap();
        assert_eq!(person.groups, None, "{elsewhere}");
    }
    for name in ["https://acme.example/roles", "/realm_access/roles"] {
        let visit = Visit::with(Scene::new().await, |provider| {
            provider.groups_claim = Some(name.to_owned());
        })
        .await;
        visit.answers(&visit.id_token_but(json!({
            "https://acme.example/roles": ["admins"], "realm_access": { "roles": ["admins"] },
        })));
        let person = visit.finish().await.unwrap();
        assert_eq!(person.groups, Some(vec!["admins".to_owned()]), "{name}");
    }
}

#[tokio::test]
async fn a_provider_that_fails_at_the_end_is_said_to() {
    let visit = Visit::with(Scene::with(impatient()).await, |_| {}).await;
    let mut said = Vec::new();
    for fault in [
        Fault::Status(StatusCode::BAD_GATEWAY),
        Fault::Redirect("https://evil.example".to_owned()),
        Fault::Text("<html>"),
        Fault::Text("{}"),
        Fault::Silent,
    ] {
        visit.scene.issuer.set(TOKEN, fault);
        let failed = visit.finish().await.unwrap_err();
        assert!(matches!(failed, SignInFailed::Provider(_)), "{failed:?}");
        said.push(visit.said(&failed));
    }
    visit.scene.issuer.answers().faults.clear();
    visit.answers(&visit.id_token_but(json!({ "groups": null })));
    visit
        .scene
        .issuer
        .set(USERINFO, Fault::Text("eyJh.eyJz.c2ln"));
    said.push(visit.said(&visit.finish().await.unwrap_err()));
    assert_snapshot!(said.join("\n"), @r"
    the issuer `ISSUER` answers 502 Bad Gateway when asked for `/token`
    the issuer `ISSUER` redirects when asked for `/token` (302 Found), which is not followed: it has to answer there itself
    the issuer `ISSUER` gives an answer that makes no sense: its `token_endpoint` does not send tokens
    the issuer `ISSUER` gives an answer that makes no sense: there is no `id_token` in it
    the issuer `ISSUER` did not answer within 300ms
    the issuer `ISSUER` gives an answer that makes no sense: its `userinfo_endpoint` does not send JSON
    ");
}

#[tokio::test]
async fn a_person_signs_out_where_the_provider_can() {
    let visit = Visit::new().await;
    let home = "https://crates.acme.example/";
    let url = visit
        .scene
        .issuers
        .sign_out(&visit.provider, home)
        .await
        .unwrap();
    assert_snapshot!(visit.scene.stable(&url.unwrap()), @"ISSUER/end?client_id=supercargo&post_logout_redirect_uri=https%3A%2F%2Fcrates.acme.example%2F");

    let scene = Scene::new().await;
    scene.issuer.answers().discovery["end_session_endpoint"] = Value::Null;
    let visit = Visit::with(scene, |_| {}).await;
    assert_eq!(
        visit.scene.issuers.sign_out(&visit.provider, home).await,
        Ok(None)
    );
}

/// A CI system's issuer has keys and nothing else.
#[tokio::test]
async fn nobody_signs_in_with_an_issuer_of_jobs() {
    let scene = Scene::new().await;
    scene.issuer.answers().discovery["authorization_endpoint"] = Value::Null;
    let provider = Provider {
        issuer: scene.url(),
        client_id: "supercargo".to_owned(),
        client_secret: None,
        scopes: Vec::new(),
        groups_claim: None,
    };
    let failed: IssuerFailed = scene.issuers.begin(&provider, RETURN).await.unwrap_err();
    assert_snapshot!(scene.stable(&failed), @"the issuer `ISSUER` does not name its `authorization_endpoint`, so nobody can sign in with it");
}

/// A code would go over the wire for everybody to read. Jobs do not need that endpoint.
#[tokio::test]
async fn nobody_is_sent_to_a_plain_address() {
    let scene = Scene::new().await;
    scene.issuer.answers().discovery["authorization_endpoint"] = "http://id.acme.example/".into();
    let visit = Provider {
        issuer: scene.url(),
        client_id: "supercargo".to_owned(),
        client_secret: None,
        scopes: Vec::new(),
        groups_claim: None,
    };
    let failed = scene.issuers.begin(&visit, RETURN).await.unwrap_err();
    assert_snapshot!(scene.stable(&failed), @"the issuer `ISSUER` names `http://id.acme.example/` as its `authorization_endpoint`, which is not an https URL");
    assert!(scene.job(&scene.key.sign(&scene.claims())).await.is_ok());
}
