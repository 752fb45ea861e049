//! A fake issuer: signs whatever a test wants, and answers as badly as it is told to.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    time::Duration,
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair,
    },
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/keys";
pub(crate) const TOKEN: &str = "/token";
pub(crate) const USERINFO: &str = "/userinfo";

/// A private key, which signs with another implementation than the one under test.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pub(crate) algorithm: Algorithm,
    private: EncodingKey,
}

/// Made once: an RSA key takes its time.
static RSA: LazyLock<EncodingKey> = LazyLock::new(|| {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let document = AsDer::<Pkcs8V1Der>::as_der(&pair).unwrap();
    // RFC 5208: behind 26 bytes about the algorithm, the key as PKCS#1 has it
    EncodingKey::from_rsa_der(&document.as_ref()[26..])
});

impl Key {
    pub(crate) fn new(id: &'static str, algorithm: Algorithm) -> Self {
        let private = match algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::ES384 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().unwrap();
                EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            _ => RSA.clone(),
        };
        Self {
            id,
            algorithm,
            private,
        }
    }

    /// The public half, as an issuer lists it.
    pub(crate) fn public(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = self.id.into();
        jwk["use"] = "sig".into();
        jwk
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.id })
    }

    /// With any header, whatever it says about the signature.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

pub(crate) fn message(header: &Value, claims: &Value) -> String {
    let [header, claims] =
        [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}")
}

/// Signed with a shared secret.
pub(crate) fn sign_hmac(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let secret = EncodingKey::from_secret(secret);
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// What an address does instead of answering.
#[derive(Clone)]
pub(crate) enum Fault {
    Status(StatusCode),
    Redirect(String),
    Text(&'static str),
    /// Never ends, a piece at a time.
    Endless,
    /// Never begins.
    Silent,
    /// In a content encoding that nobody asked for.
    Packed,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) struct Answers {
    pub(crate) discovery: Value,
    pub(crate) keys: Vec<Value>,
    pub(crate) faults: HashMap<&'static str, Fault>,
    pub(crate) token: (StatusCode, Value),
    pub(crate) userinfo: Value,
    pub(crate) asked: Vec<Asked>,
}

#[derive(Clone)]
pub(crate) struct FakeIssuer {
    pub(crate) url: String,
    answers: Arc<Mutex<Answers>>,
}

impl FakeIssuer {
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({
            "issuer": url,
            "jwks_uri": format!("{url}{KEYS}"),
            "authorization_endpoint": format!("{url}/authorize?tenant=acme"),
            "token_endpoint": format!("{url}{TOKEN}"),
            "userinfo_endpoint": format!("{url}{USERINFO}"),
            "end_session_endpoint": format!("{url}/end"),
        });
        let answers = Answers {
            discovery,
            keys: keys.iter().map(|key| key.public()).collect(),
            faults: HashMap::new(),
            token: (StatusCode::OK, json!({})),
            userinfo: json!({}),
            asked: Vec::new(),
        };
        let issuer = Self {
            url,
            answers: Arc::new(Mutex::new(answers)),
        };
        let router = Router::new().fallback(answer).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        issuer
    }

    pub(crate) fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap()
    }

    pub(crate) fn set(&self, path: &'static str, fault: Fault) {
        self.answers().faults.insert(path, fault);
    }

    pub(crate) fn list(&self, keys: &[&Key]) {
        self.answers().keys = keys.iter().map(|key| key.public()).collect();
    }

    pub(crate) fn times_asked(&self, path: &str) -> usize {
        let answers = self.answers();
        answers
            .asked
            .iter()
            .filter(|asked| asked.path == path)
            .count()
    }

    pub(crate) fn last_asked(&self, path: &str) -> Asked {
        let answers = self.answers();
        let last = answers.asked.iter().rfind(|asked| asked.path == path);
        last.expect("it was asked").clone()
    }
}

async fn answer(
    State(issuer): State<FakeIssuer>,
    _: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().to_owned();
    let (fault, answer) = {
        let mut answers = issuer.answers();
        answers.asked.push(Asked {
            path: path.clone(),
            headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        let answer = match path.as_str() {
            DISCOVERY => (StatusCode::OK, answers.discovery.clone()),
            KEYS => (StatusCode::OK, json!({ "keys": answers.keys })),
            TOKEN => answers.token.clone(),
            USERINFO => (StatusCode::OK, answers.userinfo.clone()),
            _ => (StatusCode::NOT_FOUND, json!({})),
        };
        (answers.faults.get(path.as_str()).cloned(), answer)
    };
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    let response = match fault {
        None => response.status(answer.0).body(answer.1.to_string().into()),
        Some(Fault::Status(status)) => response.status(status).body(Body::empty()),
        Some(Fault::Redirect(to)) => response
            .status(StatusCode::FOUND)
            .header(header::LOCATION, to)
            .body(Body::empty()),
        Some(Fault::Text(text)) => response.body(text.into()),
        Some(Fault::Endless) => {
            let pieces = futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(
                " ".repeat(4 << 10),
            ));
            response.body(Body::from_stream(pieces))
        }
        Some(Fault::Silent) => {
            // longer than any test waits
            tokio::time::sleep(Duration::from_mins(10)).await;
            response.body(Body::empty())
        }
        Some(Fault::Packed) => response
            .header(header::CONTENT_ENCODING, "br")
            .body("{}".into()),
    };
    response.unwrap()
}
