//! Where every test here begins: a private registry `acme`, a CI system, and a rule `release` about its jobs.

#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` makes a value, and a test is easier to read without `&`"
)]

use std::thread;

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{Answer, Cargo, CiIssuer, Client, Database, Server, ServerOptions, View};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
pub(crate) const RULES: &str = "/api/v1/registries/acme/trusted-publishers";

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) issuer: CiIssuer,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

impl Scene {
    /// Jobs on the main branch of `acme/app` may publish.
    pub(crate) async fn start(database: Database) -> Self {
        let scene = Self::without_rules(database).await;
        scene.rule(json!({})).await;
        scene
    }

    pub(crate) async fn without_rules(database: Database) -> Self {
        Self::with(ServerOptions::new(PROGRAM).database(database)).await
    }

    /// A server with other settings, and no rules.
    pub(crate) async fn with(options: ServerOptions) -> Self {
        let server = Server::start(options).await;
        let admin = server.admin();
        admin.create_registry(json!({ "name": "acme" })).await;
        Self {
            server,
            issuer: CiIssuer::start().await,
            admin,
        }
    }

    /// Makes the rule `release`, or one that differs so from it.
    pub(crate) async fn rule(&self, changes: Value) -> Value {
        let made = self.admin.post(RULES, self.draft(changes)).await;
        made.expect(201).json()
    }

    pub(crate) fn draft(&self, changes: Value) -> Value {
        draft(self.issuer.url(), changes)
    }

    /// As the action for GitHub asks for it.
    pub(crate) fn audience(&self) -> String {
        self.audience_of("acme")
    }

    pub(crate) fn audience_of(&self, registry: &str) -> String {
        let url = self.server.url();
        format!("{}/{registry}", url.strip_prefix("http://").unwrap())
    }

    /// The identity of a job of which these claims differ.
    pub(crate) fn job(&self, changes: Value) -> String {
        self.issuer.job(&self.audience(), &changes)
    }

    pub(crate) async fn try_exchange(&self, jwt: &str) -> Answer {
        exchange(&self.server.anonymous(), "acme", jwt).await
    }

    /// The token that a job gets of which these claims differ.
    pub(crate) async fn token(&self, changes: Value) -> String {
        token(self.try_exchange(&self.job(changes)).await)
    }

    /// What a job is told that gets nothing, with nothing in it that differs from run to run.
    pub(crate) async fn refusal(&self, jwt: &str) -> String {
        self.said(&self.try_exchange(jwt).await)
    }

    pub(crate) fn said(&self, answer: &Answer) -> String {
        let status = answer.status.as_u16();
        let detail = answer.detail().unwrap_or_default();
        self.stable(&format!("{status}: {detail}"))
    }

    pub(crate) fn stable(&self, text: &str) -> String {
        let server = self.server.url();
        let place = server.strip_prefix("http://").unwrap();
        let issuer = self.issuer.url();
        text.replace(issuer, "ISSUER")
            .replace(issuer.strip_prefix("http://").unwrap(), "ISSUER")
            .replace(place, "SERVER")
    }

    pub(crate) fn with_token(&self, token: &str) -> Client {
        self.server.anonymous().with_token(token)
    }

    /// The cargo of a job that has exchanged its identity, with the token where CI systems put it.
    pub(crate) fn cargo(&self, token: &str) -> Cargo {
        Cargo::new()
            .registry("acme", &self.server.index_url("acme", View::Index))
            .env("CARGO_REGISTRIES_ACME_TOKEN", token)
    }

    /// Entries of the audit log with this action, the newest first: `PRINCIPAL OUTCOME DETAIL`.
    pub(crate) async fn log(&self, action: &str) -> Vec<String> {
        let path = format!("/api/v1/audit?registry=acme&action={action}");
        let page = self.admin.get(&path).await.expect(200).json();
        let items = page["items"].as_array().unwrap().iter();
        let line = |item: &Value| {
            let [principal, outcome, detail] = ["principal", "outcome", "detail"]
                .map(|field| item[field].as_str().unwrap_or("-").to_owned());
            self.stable(&format!("{principal} {outcome} {detail}"))
        };
        items.map(line).collect()
    }
}

impl Drop for Scene {
    /// Whatever a test is about: a panic in the server, or a fault (each answer of 500 is one), fails it.
    fn drop(&mut self) {
        let log = self.server.log();
        let is_clean = !log.contains("panicked at") && !log.contains("a request failed");
        assert!(is_clean || thread::panicking(), "{log}");
    }
}

/// A rule about jobs of an issuer.
pub(crate) fn draft(issuer: &str, changes: Value) -> Value {
    let mut draft = json!({
        "name": "release",
        "preset": "github",
        "issuer": issuer,
        "claims": { "repository": "acme/app", "ref": "refs/heads/main" },
        "scopes": ["read", "publish"],
    });
    for (field, value) in changes.as_object().unwrap() {
        draft[field] = value.clone();
    }
    draft
}

pub(crate) fn tokens_of(registry: &str) -> String {
    format!("/{registry}/api/v1/trusted_publishing/tokens")
}

pub(crate) async fn exchange(client: &Client, registry: &str, jwt: &str) -> Answer {
    let asked = client.request(Method::POST, &tokens_of(registry));
    asked.json(&json!({ "jwt": jwt })).send().await
}

pub(crate) fn token(answer: Answer) -> String {
    let answer = answer.expect(200).json();
    answer["token"].as_str().unwrap().to_owned()
}
