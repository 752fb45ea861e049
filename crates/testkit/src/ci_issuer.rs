//! A CI system that signs whatever a test wants its jobs to be.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};
use supercargo_types::Clock;
use tokio::net::TcpListener;

/// How long its tokens work, in seconds: as those of GitHub do.
const LIFE: i64 = 300;
const ALGORITHM: Algorithm = Algorithm::RS256;
/// What a job shows to its runner.
const RUNNER_TOKEN: &str = "of-the-runner";

/// An issuer on 127.0.0.1 with one RSA key, which describes itself and lists that key. It ends with the test's runtime.
#[derive(Clone)]
pub struct CiIssuer {
    url: String,
    key: EncodingKey,
    jwk: Value,
    made: Arc<AtomicU64>,
}

impl CiIssuer {
    /// Starts one on the runtime of the test.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("127.0.0.1 has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let issuer = Self::at(&format!("http://{address}"));
        let described = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/runner", get(run))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, described).await });
        issuer
    }

    /// One that says it is at this address and answers nowhere: to sign with a key that nobody knows.
    pub fn at(url: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("chance is there");
        let document = AsDer::<Pkcs8V1Der>::as_der(&pair).expect("a fresh key can be written");
        // RFC 5208: behind 26 bytes about the algorithm, the key as PKCS#1 has it
        let key = EncodingKey::from_rsa_der(&document.as_ref()[26..]);
        let jwk = Jwk::from_encoding_key(&key, ALGORITHM).expect("an RSA key has a public half");
        let mut jwk = serde_json::to_value(jwk).expect("a key is JSON");
        jwk["kid"] = "one".into();
        jwk["use"] = "sig".into();
        Self {
            url: url.to_owned(),
            key,
            jwk,
            made: Arc::default(),
        }
    }

    /// As in the `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What GitHub Actions would say of a job on the main branch of `acme/app`, in the environment `release`, for this
    /// audience; each time with another `jti`.
    pub fn claims(&self, audience: &str) -> Value {
        let now = Clock::System.now().as_seconds();
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        json!({
            "iss": self.url,
            "aud": audience,
            "sub": "repo:acme/app:environment:release",
            "jti": format!("jti-{number}"),
            "iat": now - 5,
            "nbf": now - 5,
            "exp": now + LIFE,
            "repository": "acme/app",
            "repository_id": "74",
            "repository_owner": "acme",
            "repository_owner_id": "65",
            "ref": "refs/heads/main",
            "sha": "0123",
            "event_name": "push",
            "workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main",
            "environment": "release",
            "run_id": "4711",
            "run_attempt": "1",
        })
    }

    /// The token of a job of which these claims differ; `null` takes one away.
    ///
    /// # Panics
    /// When they are no object.
    pub fn job(&self, audience: &str, changes: &Value) -> String {
        let mut claims = self.claims(audience);
        for (name, value) in changes.as_object().expect("changes are an object") {
            claims[name] = value.clone();
        }
        self.sign(&claims)
    }

    /// Where a job asks its runner for an identity, as GitHub's jobs do, and what it shows there: the variables
    /// `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub fn runner(&self) -> (String, &'static str) {
        (format!("{}/runner?api-version=2.0", self.url), RUNNER_TOKEN)
    }

    /// A token that says this.
    ///
    /// # Panics
    /// Never: the key is sound.
    pub fn sign(&self, claims: &Value) -> String {
        let message = Self::message(&self.header(), claims);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, ALGORITHM);
        format!("{message}.{}", signature.expect("the key is sound"))
    }

    /// The same with no signature, and a header that says so.
    pub fn unsigned(&self, claims: &Value) -> String {
        let header = json!({ "alg": "none", "typ": "JWT" });
        format!("{}.", Self::message(&header, claims))
    }

    /// The same with the public key as a shared secret.
    ///
    /// # Panics
    /// Never: any text is a secret.
    pub fn signed_with_public_key(&self, claims: &Value) -> String {
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "one" });
        let message = Self::message(&header, claims);
        let secret = EncodingKey::from_secret(self.jwk.to_string().as_bytes());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256);
        format!("{message}.{}", signature.expect("any text is a secret"))
    }

    fn header(&self) -> Value {
        json!({ "alg": "RS256", "typ": "JWT", "kid": self.jwk["kid"] })
    }

    fn message(header: &Value, claims: &Value) -> String {
        let [header, claims] =
            [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{claims}")
    }
}

async fn describe(State(issuer): State<CiIssuer>) -> Json<Value> {
    let url = &issuer.url;
    Json(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }))
}

async fn keys(State(issuer): State<CiIssuer>) -> Json<Value> {
    Json(json!({ "keys": [issuer.jwk] }))
}

/// An identity for any audience, each time another one.
async fn run(
    State(issuer): State<CiIssuer>,
    Query(asked): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let shown = headers.get(header::AUTHORIZATION);
    let is_job = shown.is_some_and(|shown| *shown == format!("bearer {RUNNER_TOKEN}"));
    let audience = asked.get("audience");
    match audience.filter(|_| is_job && asked.contains_key("api-version")) {
        Some(audience) => Ok(Json(json!({ "value": issuer.job(audience, &json!({})) }))),
        None => Err(StatusCode::UNAUTHORIZED),
    }
}
