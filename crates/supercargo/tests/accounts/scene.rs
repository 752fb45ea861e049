//! Where every test here begins: a server with the registry `acme`, and its administrator.

use std::thread;

use serde_json::{Value, json};
use supercargo_testkit::{Answer, Client, Database, Server, ServerOptions};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
/// Whoever has one here has this one.
pub(crate) const PASSWORD: &str = "tulip brook 17 lantern";

pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

impl Scene {
    /// `acme` is private.
    pub(crate) async fn start(database: Database) -> Self {
        let server = Server::start(ServerOptions::new(PROGRAM).database(database)).await;
        let admin = server.admin();
        admin.create_registry(json!({ "name": "acme" })).await;
        Self { server, admin }
    }

    /// A user with [`PASSWORD`].
    pub(crate) async fn user(&self, name: &str) {
        let user = json!({ "name": name, "password": PASSWORD });
        self.admin.post("/api/v1/users", user).await.expect(201);
    }

    /// Somebody without a token who signs in.
    pub(crate) async fn sign_in(&self, name: &str, password: &str, token: Value) -> Answer {
        let request = json!({ "user": name, "password": password, "token": token });
        let anybody = self.server.anonymous();
        anybody.post("/api/v1/sign-in", request).await
    }

    /// The same, which has to succeed: a client with the token that came of it.
    pub(crate) async fn signed_in(&self, name: &str) -> Client {
        let made = self.sign_in(name, PASSWORD, json!({})).await.expect(201);
        let token = made.json()["token"].as_str().unwrap().to_owned();
        self.server.anonymous().with_token(&token)
    }

    /// The actions and details of the audit log that a query selects, the oldest first.
    pub(crate) async fn log(&self, query: &str) -> Vec<String> {
        let answer = self.admin.get(&format!("/api/v1/audit?{query}")).await;
        let list = answer.expect(200).json();
        let cell = |item: &Value, field: &str| match &item[field] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let items = list["items"].as_array().unwrap().iter().rev();
        items
            .map(|item| {
                let cells = ["action", "principal", "registry", "detail"];
                cells.map(|field| cell(item, field)).join(" | ")
            })
            .collect()
    }
}

impl Drop for Scene {
    /// Whatever a test is about: a panic in the server, a fault, or a secret in its log fails it.
    fn drop(&mut self) {
        let log = self.server.log();
        let is_clean = !log.contains("panicked at")
            && !log.contains("a request failed")
            && !log.contains(PASSWORD)
            && !log.contains("$argon2");
        assert!(is_clean || thread::panicking(), "{log}");
    }
}

/// Status, code and sentence of a refusal.
pub(crate) fn said(answer: &Answer) -> String {
    let code = answer.code().unwrap_or_default();
    let detail = answer.detail().unwrap_or_default();
    format!("{} {code}: {detail}", answer.status.as_u16())
}

/// Ids of tokens differ from run to run.
pub(crate) fn without_ids(lines: &[String]) -> String {
    let is_id = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let word = |word: &str| {
        let bare = word.trim_end_matches([':', ',']);
        if is_id(bare) {
            word.replace(bare, "[ID]")
        } else {
            word.to_owned()
        }
    };
    let line = |line: &String| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
