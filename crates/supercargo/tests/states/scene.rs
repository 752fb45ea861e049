//! Where every test here begins: a server whose registry `acme` reads through the upstream `partner`.

use std::thread;

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{
    Answer, Cargo, Client, Database, FakeUpstream, Package, Server, ServerOptions, View,
};

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) upstream: FakeUpstream,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

/// `POST`, `PUT` and `DELETE` in the management API that a state is changed by; each has to succeed.
impl Scene {
    pub(crate) async fn start(database: Database) -> Self {
        Self::with_settings(database, &[]).await
    }

    /// The same with other settings than those of the default file.
    pub(crate) async fn with_settings(database: Database, settings: &[(&str, &str)]) -> Self {
        let options = ServerOptions::new(env!("CARGO_BIN_EXE_supercargo")).database(database);
        let options = settings
            .iter()
            .fold(options, |options, (key, value)| options.setting(key, value));
        let server = Server::start(options).await;
        let admin = server.admin();
        let upstream = FakeUpstream::start();
        let index = upstream.index_url();
        admin
            .create_upstream(json!({ "name": "partner", "index": index }))
            .await;
        admin
            .create_registry(json!({ "name": "acme", "upstreams": ["partner"] }))
            .await;
        Self {
            server,
            upstream,
            admin,
        }
    }

    /// Publishes to `acme`, which has to succeed.
    pub(crate) async fn publish(&self, name: &str, versions: &[&str]) {
        for version in versions {
            let package = Package::new(name, version);
            self.admin.publish("acme", &package).await.expect(200);
        }
    }

    /// Lets the upstream have these versions.
    pub(crate) fn offer(&self, name: &str, versions: &[&str]) {
        for version in versions {
            self.upstream.publish(&Package::new(name, version));
        }
    }

    /// A crate's index file in the `index` view of `acme`.
    pub(crate) async fn index(&self, name: &str) -> Answer {
        self.admin.index("acme", View::Index, name).await
    }

    /// A version's file, as the `index` view of `acme` names it.
    pub(crate) async fn download(&self, name: &str, version: &str) -> Answer {
        self.admin
            .download("acme", View::Index, name, version)
            .await
    }

    /// What a view lists: `1.0.0, 1.1.0 yanked`; `404` where it does not know the crate.
    pub(crate) async fn listed(&self, view: View, name: &str) -> String {
        let answer = self.admin.index("acme", view, name).await;
        if answer.status == http::StatusCode::NOT_FOUND {
            return "404".to_owned();
        }
        let lines = answer.expect(200).json_lines();
        let words = lines.iter().map(|line| {
            let version = line["vers"].as_str().unwrap();
            let yanked = line["yanked"].as_bool().unwrap();
            format!("{version}{}", if yanked { " yanked" } else { "" })
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// `GET` in the management API of `acme`.
    pub(crate) async fn see(&self, path: &str) -> Value {
        self.admin.get(&acme(path)).await.expect(200).json()
    }

    /// The version item.
    pub(crate) async fn version(&self, name: &str, version: &str) -> Value {
        self.see(&format!("crates/{name}/versions/{version}")).await
    }

    /// `available`, or `held: REASON`.
    pub(crate) async fn state(&self, name: &str, version: &str) -> String {
        let item = self.version(name, version).await;
        let state = item["state"].as_str().unwrap();
        match item["reason"].as_str() {
            Some(reason) => format!("{state}: {reason}"),
            None => state.to_owned(),
        }
    }

    /// Deletes a version (`demo@1.0.0`) or a crate.
    pub(crate) async fn delete(&self, what: &str) {
        let path = acme(&subject(what));
        self.admin.delete(&path).await.expect(204);
    }

    pub(crate) async fn purge(&self, what: &str) {
        let path = acme(&format!("{}?purge=true", subject(what)));
        self.admin.delete(&path).await.expect(204);
    }

    pub(crate) async fn restore(&self, what: &str) -> Value {
        self.try_restore(what).await.expect(200).json()
    }

    pub(crate) async fn try_restore(&self, what: &str) -> Answer {
        let path = acme(&format!("{}/restore", subject(what)));
        self.admin.request(Method::POST, &path).send().await
    }

    pub(crate) async fn quarantine(&self, what: &str, action: &str, reason: &str) -> Value {
        let path = acme(&format!("{}/quarantine", subject(what)));
        let asked = json!({ "action": action, "reason": reason });
        self.admin.put(&path, asked).await.expect(200).json()
    }

    pub(crate) async fn lift(&self, what: &str) {
        let path = acme(&format!("{}/quarantine", subject(what)));
        self.admin.delete(&path).await.expect(204);
    }

    /// Changes settings of `acme`.
    pub(crate) async fn change(&self, settings: Value) {
        let path = "/api/v1/registries/acme";
        self.admin.patch(path, settings).await.expect(200);
    }

    /// A person's cargo that knows `acme` by name and has a token for it.
    pub(crate) fn cargo(&self) -> Cargo {
        Cargo::new()
            .registry("acme", &self.server.index_url("acme", View::Index))
            .token("acme", self.server.admin_token())
    }

    /// Whether the bytes lie in the storage folder.
    pub(crate) fn stores(&self, package: &Package) -> bool {
        let hex = package.checksum().hex();
        let blobs = self.server.data().join("blobs").join("sha256");
        let mut folders = vec![blobs];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name().to_string_lossy() == hex {
                    return true;
                }
            }
        }
        false
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

/// An address in the management API of `acme`.
pub(crate) fn acme(path: &str) -> String {
    format!("/api/v1/registries/acme/{path}")
}

/// `demo` or `demo@1.0.0` as the management API addresses it.
pub(crate) fn subject(what: &str) -> String {
    match what.split_once('@') {
        Some((name, version)) => format!("crates/{name}/versions/{version}"),
        None => format!("crates/{what}"),
    }
}

/// An answer as a line: its status, its code where it has one, and its sentence, with days taken out.
pub(crate) fn said(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    let text = match (answer.code(), answer.detail()) {
        (Some(code), Some(detail)) => format!("{status} {code}: {detail}"),
        _ => format!("{status} {}", answer.text().trim_end()),
    };
    without_days(&text)
}

/// ` since 2026-11-21` becomes ` since [DAY]`.
pub(crate) fn without_days(text: &str) -> String {
    const SINCE: &str = " since 20";
    let mut parts = text.split(SINCE);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(" since [DAY]");
        kept.push_str(part.get("26-11-21".len()..).unwrap_or_default());
    }
    kept
}
