//! The server under test, in this process and without a socket, on a SQLite database in memory where there is room for one.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use supercargo_blobs::{Blobs, MemoryLimits};
use supercargo_http::App;
use supercargo_registry::{
    AuditSettings, Caller, Instance, Limits, Password, Rates, SecretKey, SessionSettings, Settings,
    UpstreamSettings,
};
use supercargo_store::Store;
use supercargo_testkit::{CiIssuer, Package};
use supercargo_types::{Clock, Random, Role, Site, TokenSecret};
use tempfile::TempDir;

use crate::people::{ELSEWHERE, PASSWORD, PLACES, RULES, Secret, Token, environment, text};

/// A file system in memory: a walk writes some thousand times, and each write waits for the disk.
const MEMORY: &str = "/dev/shm";
const BASE: &str = "https://registry.example";
/// Of a session, where BASE is a whole host with HTTPS.
const COOKIE: &str = "__Host-supercargo";

/// What is sent along.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    Json(Value),
    Bytes(Vec<u8>),
    /// A form of a page, from a page of ours as the browser says.
    Form(String),
    /// The same with a file: the proof that it is one of ours, and the file.
    Upload(String, Vec<u8>),
}

/// All of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct World {
    /// Goes last.
    _folder: TempDir,
    instance: Arc<Instance>,
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) issuer: CiIssuer,
    /// The token of the first administrator, who makes everything and is nobody of the table.
    pub(crate) boss: Secret,
}

impl World {
    /// A server with the registries, a few crates in each, and nobody but its first administrator.
    pub(crate) async fn start() -> Self {
        let prefix = "supercargo-rights-";
        let folder = if Path::new(MEMORY).is_dir() {
            TempDir::with_prefix_in(prefix, MEMORY)
        } else {
            TempDir::with_prefix(prefix)
        };
        let folder = folder.expect("a folder can be made");
        let file = folder.path().join("supercargo.db");
        let url = format!("sqlite:{}", file.display());
        let url = url.parse().expect("invariant: a sound URL");
        let store = Store::open(&url).await.expect("the database opens");
        let blobs = Blobs::open(folder.path().join("blobs"), MemoryLimits::default()).await;
        let clock = Clock::fixed(Clock::System.now());
        let settings = settings(&clock);
        let instance = Instance::open(store, blobs.expect("the folder opens"), settings);
        let instance = instance.await.expect("the instance opens");
        let boss = TokenSecret::generate(&Random::System);
        let first = instance.first_start(Some(boss.clone())).await;
        first.expect("the first start is made");
        let world = Self {
            _folder: folder,
            app: App::new(Arc::clone(&instance)),
            instance,
            clock,
            issuer: CiIssuer::start().await,
            boss: Secret::Token(boss.reveal().to_owned()),
        };
        world.make_registries().await;
        world
    }

    async fn make_registries(&self) {
        // nobody listens there: a test of the connection fails at once
        let upstream = json!({ "name": "up", "index": "sparse+http://127.0.0.1:9/" });
        self.post("/api/v1/upstreams", upstream).await;
        let extra = json!({ "name": "extra", "password": PASSWORD });
        self.post("/api/v1/users", extra).await;
        let team = json!({ "name": "spare" });
        self.post("/api/v1/teams", team).await;
        let elsewhere = json!({ "name": ELSEWHERE.name, "upstreams": ["up"] });
        self.post("/api/v1/registries", elsewhere).await;
        for place in PLACES {
            let registry = json!({
                "name": place.name,
                "visibility": place.visibility,
                "publishing": place.publishing,
            });
            self.post("/api/v1/registries", registry).await;
            let account = json!({ "name": format!("own-{}", place.name), "registry": place.name });
            self.post("/api/v1/service-accounts", account).await;
            for name in ["demo", "demo-busy", "demo-spare", "demo-held"] {
                self.publish(place.name, &Package::new(name, "1.0.0")).await;
            }
        }
    }

    /// Sends a request with a credential as it is, or without one.
    pub(crate) async fn send(
        &self,
        method: &Method,
        path: &str,
        credential: Option<&Secret>,
        sent: Option<&Sent>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = match credential {
            None => request,
            Some(Secret::Token(token)) => request.header("authorization", token),
            Some(Secret::Cookie(cookie)) => request.header("cookie", format!("{COOKIE}={cookie}")),
        };
        let body = match sent {
            None => Body::empty(),
            Some(Sent::Json(value)) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            Some(Sent::Bytes(bytes)) => Body::from(bytes.clone()),
            Some(Sent::Upload(proof, file)) => {
                request = request
                    .header("content-type", "multipart/form-data; boundary=edge")
                    .header("sec-fetch-site", "same-origin");
                Body::from(parts(proof, file))
            }
            Some(Sent::Form(form)) => {
                request = request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .header("sec-fetch-site", "same-origin");
                Body::from(form.clone())
            }
        };
        let request = request.body(body).expect("invariant: a sound request");
        let response = self.app.answer(request, None).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the answer is whole");
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes().to_vec(),
        }
    }

    /// As the first administrator, who is never refused.
    pub(crate) async fn must(&self, method: &Method, path: &str, sent: Option<Value>) -> Value {
        let sent = sent.map(Sent::Json);
        let answer = self
            .send(method, path, Some(&self.boss), sent.as_ref())
            .await;
        let is_success = (200..300).contains(&answer.status);
        assert!(is_success, "{method} {path}: {answer}");
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    pub(crate) async fn post(&self, path: &str, sent: Value) -> Value {
        self.must(&Method::POST, path, Some(sent)).await
    }

    pub(crate) async fn member(&self, registry: &str, principal: &str, role: Role) {
        let path = format!("/api/v1/registries/{registry}/members/{principal}");
        self.must(&Method::PUT, &path, Some(json!({ "role": role })))
            .await;
    }

    async fn publish(&self, registry: &str, package: &Package) {
        let path = format!("/{registry}/api/v1/crates/new");
        let frame = Sent::Bytes(package.frame());
        let answer = self
            .send(&Method::PUT, &path, Some(&self.boss), Some(&frame))
            .await;
        assert_eq!(answer.status, 200, "{answer}");
    }

    /// A token of somebody, limited as this one is; its text.
    pub(crate) async fn token(&self, principal: &str, like: &Token) -> String {
        let token = json!({
            "name": like.label,
            "principal": principal,
            "scopes": like.scopes,
            "registries": like.registries,
            "crates": like.crates,
        });
        text(&self.post("/api/v1/tokens", token).await, "token")
    }

    /// The cookie of a browser in which somebody has signed in just now.
    pub(crate) async fn session(&self, user: &str) -> String {
        let (password, caller) = (Password::new(PASSWORD), Caller::default());
        let known = self.instance.check_password(user, &password, &caller).await;
        let known = known.expect("the password is right");
        let session = self.instance.begin_session(&known, &caller).await;
        let session = session.expect("a session can begin");
        session.secret.reveal().to_owned()
    }

    /// The id of a session of somebody, if there is one.
    pub(crate) async fn session_of(&self, user: &str) -> Option<String> {
        let path = format!("/api/v1/sessions?user={user}");
        let sessions = self.must(&Method::GET, &path, None).await;
        let last = sessions["items"].as_array()?.last()?;
        Some(text(last, "id"))
    }

    /// The token of a job that a rule covers.
    pub(crate) async fn job_by(&self, rule: &str, registry: &str) -> String {
        let (_, _, event) = RULES.iter().find(|(name, ..)| *name == rule).unwrap();
        let claims = json!({ "environment": environment(rule, registry), "event_name": event });
        let audience = BASE.strip_prefix("https://").unwrap();
        let jwt = self.issuer.job(&format!("{audience}/{registry}"), &claims);
        let path = format!("/{registry}/api/v1/trusted_publishing/tokens");
        let sent = Sent::Json(json!({ "jwt": jwt }));
        let answer = self.send(&Method::POST, &path, None, Some(&sent)).await;
        assert_eq!(answer.status, 200, "{answer}");
        text(&serde_json::from_slice(&answer.body).unwrap(), "token")
    }
}

/// A form with a file, as a browser sends it.
fn parts(proof: &str, file: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--edge\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{proof}\r\n--edge\r\ncontent-disposition: \
         form-data; name=\"file\"; filename=\"a.crate\"\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    body
}

fn settings(clock: &Clock) -> Settings {
    Settings {
        site: Site::new(BASE, &[]).expect("invariant: a sound URL"),
        upstream: UpstreamSettings {
            freshness: Duration::from_mins(1),
            stale_while_revalidate: Duration::ZERO,
            negative: Duration::from_secs(30),
            stale_if_error: Duration::from_hours(1),
            timeout: Duration::from_secs(30),
            allow_addresses: vec!["127.0.0.0/8".to_owned()],
            read_ahead: false,
            cache_size: None,
        },
        limits: Limits {
            crate_size: 1 << 20,
            unpacked_size: 1 << 22,
        },
        // whoever asks for everything asks often
        rates: Rates {
            publishes: None,
            sign_ins: None,
            sign_ins_of_account: None,
            sign_ins_of_address: None,
            token_guesses: None,
        },
        audit: AuditSettings::default(),
        sessions: SessionSettings::default(),
        sign_on: None,
        secret_key: SecretKey::new([7; 32]),
        clock: clock.clone(),
        random: Random::System,
        configured: Vec::new(),
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The stable code of the first error.
    pub(crate) fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body["errors"][0]["code"].as_str().map(str::to_owned)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text().chars().take(500).collect();
        write!(f, "{} {text}", self.status)
    }
}
