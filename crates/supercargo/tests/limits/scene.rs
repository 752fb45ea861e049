//! Where every test here begins: a private registry `acme`, on a server with small limits.

use std::thread;

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{Answer, Cargo, Client, Database, Server, ServerOptions, View};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
/// Of every account here.
pub(crate) const PASSWORD: &str = "a heron stands in the reeds";

pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

impl Scene {
    /// With these limits, and the defaults for all others.
    pub(crate) async fn start(database: Database, limits: &[(&str, &str)]) -> Self {
        Self::with(options(database, limits)).await
    }

    pub(crate) async fn with(options: ServerOptions) -> Self {
        let server = Server::start(options).await;
        let admin = server.admin();
        admin.create_registry(json!({ "name": "acme" })).await;
        Self { server, admin }
    }

    pub(crate) fn cargo(&self, token: &str) -> Cargo {
        Cargo::new()
            .registry("acme", &self.server.index_url("acme", View::Index))
            .token("acme", token)
    }

    /// Makes users who have the password.
    pub(crate) async fn people(&self, names: &[&str]) {
        for name in names {
            let user = json!({ "name": name, "password": PASSWORD });
            self.admin.post("/api/v1/users", user).await.expect(201);
        }
    }

    /// Somebody who signs in from this server's own network.
    pub(crate) fn here(&self) -> From {
        From(self.server.anonymous(), None)
    }

    /// Somebody whose proxy says that they have this address.
    pub(crate) fn at(&self, address: &str) -> From {
        From(self.server.anonymous(), Some(address.to_owned()))
    }

    /// Details of the entries of the audit log about limits that were reached, the oldest first.
    pub(crate) async fn told(&self) -> Vec<String> {
        let page = self.admin.get("/api/v1/audit?action=sign_in.limited").await;
        let page = page.expect(200).json();
        let items = page["items"].as_array().unwrap().iter().rev();
        let line = |item: &Value| {
            assert_eq!(item["outcome"], "denied");
            let [address, detail] =
                ["address", "detail"].map(|field| item[field].as_str().unwrap_or("-"));
            format!("{address} {detail}")
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

/// A server with these limits.
pub(crate) fn options(database: Database, limits: &[(&str, &str)]) -> ServerOptions {
    let options = ServerOptions::new(PROGRAM).database(database);
    let set = |options: ServerOptions, &(key, value): &(&str, &str)| options.setting(key, value);
    limits.iter().fold(options, set)
}

/// Somebody without a token, and where they say that they are.
pub(crate) struct From(Client, Option<String>);

impl From {
    /// The answer to a name and a password.
    pub(crate) async fn sign_in(&self, user: &str, password: &str) -> Answer {
        let mut request = self.0.request(Method::POST, "/api/v1/sign-in");
        if let Some(address) = &self.1 {
            request = request.header("x-forwarded-for", address);
        }
        let body = json!({ "user": user, "password": password });
        request.json(&body).send().await
    }

    /// The status that a wrong password gets.
    pub(crate) async fn guess(&self, user: &str) -> u16 {
        let answer = self.sign_in(user, "not the password").await;
        answer.status.as_u16()
    }

    /// The status that the right password gets.
    pub(crate) async fn enter(&self, user: &str) -> u16 {
        self.sign_in(user, PASSWORD).await.status.as_u16()
    }
}

/// In how many seconds to come back, which has to be told and may not be longer than an hour.
pub(crate) fn wait(answer: &Answer) -> u64 {
    let told = answer.header("retry-after").unwrap();
    let seconds = told.parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{told}");
    seconds
}

/// `429 CODE: SENTENCE`, without the number of seconds or minutes in it, which differs from run to run.
pub(crate) fn said(answer: &Answer) -> String {
    wait(answer);
    let code = answer.code().unwrap_or_else(|| "-".to_owned());
    let detail = answer.detail().unwrap_or_else(|| answer.text());
    let words = detail.split(' ').collect::<Vec<_>>();
    let is_span = |next: Option<&&str>| {
        next.is_some_and(|word| word.starts_with("second") || word.starts_with("minute"))
    };
    let words: Vec<_> = words
        .iter()
        .enumerate()
        .map(|(place, word)| match word.parse::<u64>() {
            Ok(_) if is_span(words.get(place + 1)) => "SOME",
            _ => word,
        })
        .collect();
    let status = answer.status.as_u16();
    format!("{status} {code}: {}", words.join(" ").trim_end())
}
