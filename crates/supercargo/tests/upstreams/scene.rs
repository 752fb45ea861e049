//! Where every test here begins: a server, and two upstreams that registries of it can read through.

use std::thread;

use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use supercargo_testkit::{
    Answer, Cargo, Client, Database, FakeUpstream, Package, Server, ServerOptions, View,
    sparse_path,
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
pub(crate) const ALWAYS_ASK: [(&str, &str); 2] =
    [("upstream.freshness", "0s"), ("upstream.negative", "0s")];
pub(crate) const NOTHING: [&str; 0] = [];

pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The upstream `first`.
    pub(crate) first: FakeUpstream,
    /// The upstream `second`.
    pub(crate) second: FakeUpstream,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

impl Scene {
    /// The registry `acme` reads through `first`, then `second`.
    pub(crate) async fn start(database: Database) -> Self {
        Self::with_settings(database, &[]).await
    }

    /// The same with other settings than those of the default file.
    pub(crate) async fn with_settings(database: Database, settings: &[(&str, &str)]) -> Self {
        let scene = Self::bare(database, settings).await;
        scene
            .admin
            .create_registry(json!({ "name": "acme", "upstreams": ["first", "second"] }))
            .await;
        scene
    }

    /// The registry `inner` reads through `first`, and `outer` through `inner`, then `second`.
    pub(crate) async fn nested(database: Database, settings: &[(&str, &str)]) -> Self {
        let scene = Self::bare(database, settings).await;
        scene
            .admin
            .create_registry(json!({ "name": "inner", "upstreams": ["first"] }))
            .await;
        scene.admit("inner").await;
        scene
            .admin
            .create_registry(json!({ "name": "outer", "upstreams": ["inner", "second"] }))
            .await;
        scene
    }

    pub(crate) async fn bare(database: Database, settings: &[(&str, &str)]) -> Self {
        let options = ServerOptions::new(PROGRAM).database(database);
        let options = settings
            .iter()
            .fold(options, |options, (key, value)| options.setting(key, value));
        let server = Server::start(options).await;
        let admin = server.admin();
        let (first, second) = (FakeUpstream::start(), FakeUpstream::start());
        for (name, upstream) in [("first", &first), ("second", &second)] {
            let index = upstream.index_url();
            admin
                .create_upstream(json!({ "name": name, "index": index }))
                .await;
        }
        Self {
            server,
            first,
            second,
            admin,
        }
    }

    /// Makes an upstream of the same name out of a registry.
    pub(crate) async fn admit(&self, registry: &str) {
        let upstream = json!({ "name": registry, "registry": registry });
        self.admin.create_upstream(upstream).await;
    }

    /// What a view lists: `1.0.0, 1.1.0 yanked`; a status where it is not 200.
    pub(crate) async fn listed(&self, registry: &str, view: View, name: &str) -> String {
        listed(&self.admin, registry, view, name).await
    }

    /// The same of the `index` view.
    pub(crate) async fn index(&self, registry: &str, name: &str) -> String {
        self.listed(registry, View::Index, name).await
    }

    /// A version's file, as the `index` view names it.
    pub(crate) async fn download(&self, registry: &str, name: &str, version: &str) -> Answer {
        self.admin
            .download(registry, View::Index, name, version)
            .await
    }

    /// The file of this package, as the `index` view gives it; other bytes fail the test.
    pub(crate) async fn gets(&self, registry: &str, package: &Package) {
        let (name, version) = (package.name(), package.version());
        let download = self.download(registry, name, version).await.expect(200);
        assert_eq!(download.body, package.crate_bytes(), "{name} {version}");
    }

    /// Publishes, which has to succeed.
    pub(crate) async fn publish(&self, registry: &str, package: &Package) {
        self.admin.publish(registry, package).await.expect(200);
    }

    /// Changes settings of a registry, which has to succeed.
    pub(crate) async fn change(&self, registry: &str, settings: Value) {
        self.try_change(registry, settings).await.expect(200);
    }

    pub(crate) async fn try_change(&self, registry: &str, settings: Value) -> Answer {
        let path = format!("/api/v1/registries/{registry}");
        self.admin.patch(&path, settings).await
    }

    /// Reads a name from another upstream from now on.
    pub(crate) async fn pin(&self, registry: &str, name: &str, upstream: &str) -> Answer {
        pin(&self.admin, registry, name, upstream).await
    }

    pub(crate) async fn quarantine(&self, registry: &str, what: &str, action: &str, why: &str) {
        let path = format!("{}/quarantine", subject(registry, what));
        let asked = json!({ "action": action, "reason": why });
        self.admin.put(&path, asked).await.expect(200);
    }

    pub(crate) async fn lift(&self, registry: &str, what: &str) {
        let path = format!("{}/quarantine", subject(registry, what));
        self.admin.delete(&path).await.expect(204);
    }

    /// Deletes a version (`demo@1.0.0`) or a crate.
    pub(crate) async fn delete(&self, registry: &str, what: &str) {
        let path = subject(registry, what);
        self.admin.delete(&path).await.expect(204);
    }

    pub(crate) async fn purge(&self, registry: &str, what: &str) {
        let path = format!("{}?purge=true", subject(registry, what));
        self.admin.delete(&path).await.expect(204);
    }

    pub(crate) async fn restore(&self, registry: &str, what: &str) {
        let path = format!("{}/restore", subject(registry, what));
        let restored = self.admin.request(Method::POST, &path).send().await;
        restored.expect(200);
    }

    /// Alarms in the audit log, in order: `upstream.vanished demo`.
    pub(crate) async fn alarms(&self) -> Vec<String> {
        self.audit(|outcome, _| outcome == "alarm").await
    }

    /// What the audit log has of one kind, in order: `crate.pinned demo`.
    pub(crate) async fn audited(&self, kind: &str) -> Vec<String> {
        self.audit(|_, action| action == kind).await
    }

    async fn audit(&self, is_wanted: impl Fn(&str, &str) -> bool) -> Vec<String> {
        const ENTRIES: &str = "SELECT outcome || ' ' || action || ' ' || COALESCE(crate, '') || ' ' || COALESCE(version, '') FROM audit ORDER BY id";
        let entries = self.texts(ENTRIES).await;
        let entries = entries.iter().filter_map(|entry| {
            let (outcome, rest) = entry.split_once(' ')?;
            let action = rest.split(' ').next()?;
            is_wanted(outcome, action).then(|| rest.trim_end().to_owned())
        });
        entries.collect()
    }

    /// The only column of a query, row by row.
    pub(crate) async fn texts(&self, query: &'static str) -> Vec<String> {
        if let Some(url) = self.server.database_url() {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let rows = sqlx::query_scalar(query).fetch_all(&mut connection).await;
            rows.unwrap()
        } else {
            let file = self.server.data().join("supercargo.db");
            let url = format!("sqlite:{}", file.display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            let rows = sqlx::query_scalar(query).fetch_all(&mut connection).await;
            rows.unwrap()
        }
    }

    /// A person's cargo that knows this registry by its name, and crates.io as its mirror, and has tokens for both.
    pub(crate) fn cargo(&self, registry: &str) -> Cargo {
        let mirror = format!("{registry}-mirror");
        let token = self.server.admin_token();
        Cargo::new()
            .registry(registry, &self.server.index_url(registry, View::Index))
            .token(registry, token)
            .registry(&mirror, &self.server.index_url(registry, View::Mirror))
            .token(&mirror, token)
            .replace_crates_io(&mirror)
    }
}

impl Drop for Scene {
    /// Whatever a test is about: a panic in the server, or a fault (each answer of 500 is one), fails it.
    fn drop(&mut self) {
        assert_is_clean(&self.server);
    }
}

pub(crate) fn assert_is_clean(server: &Server) {
    let log = server.log();
    let is_clean = !log.contains("panicked at") && !log.contains("a request failed");
    assert!(is_clean || thread::panicking(), "{log}");
}

/// What a view lists for somebody: `1.0.0, 1.1.0 yanked`; a status where it is not 200.
pub(crate) async fn listed(client: &Client, registry: &str, view: View, name: &str) -> String {
    let answer = client.index(registry, view, name).await;
    if answer.status != http::StatusCode::OK {
        return answer.status.as_u16().to_string();
    }
    let lines = answer.json_lines();
    let words = lines.iter().map(|line| {
        let version = line["vers"].as_str().unwrap();
        let yanked = line["yanked"].as_bool().unwrap();
        format!("{version}{}", if yanked { " yanked" } else { "" })
    });
    words.collect::<Vec<_>>().join(", ")
}

pub(crate) async fn pin(client: &Client, registry: &str, name: &str, upstream: &str) -> Answer {
    let path = format!("/api/v1/registries/{registry}/crates/{name}/pin");
    client.post(&path, json!({ "upstream": upstream })).await
}

/// `demo` or `demo@1.0.0` as the management API addresses it.
pub(crate) fn subject(registry: &str, what: &str) -> String {
    let crates = format!("/api/v1/registries/{registry}/crates");
    match what.split_once('@') {
        Some((name, version)) => format!("{crates}/{name}/versions/{version}"),
        None => format!("{crates}/{what}"),
    }
}

/// The paths that an upstream was asked for, in order.
pub(crate) fn asked(upstream: &FakeUpstream) -> Vec<String> {
    let requests = upstream.requests().into_iter();
    requests.map(|request| request.path).collect()
}

/// What an upstream was asked about this crate's index file.
pub(crate) fn asked_about(upstream: &FakeUpstream, name: &str) -> Vec<String> {
    let requests = upstream.requests_to(&index_file(name)).into_iter();
    requests.map(|request| request.path).collect()
}

/// Where a crate's index file stands at an upstream.
pub(crate) fn index_file(name: &str) -> String {
    format!("/index/{}", sparse_path(&name.parse().unwrap()))
}

/// A version whose bytes say whose they are.
pub(crate) fn of(whose: &str, name: &str, version: &str) -> Package {
    Package::new(name, version).file("WHOSE", whose)
}

/// An answer as a line: its status, its code where it has one, and its sentence, without the days in it.
pub(crate) fn said(answer: &Answer) -> String {
    const SINCE: &str = " since 20";
    let status = answer.status.as_u16();
    let text = match (answer.code(), answer.detail()) {
        (Some(code), Some(detail)) => format!("{status} {code}: {detail}"),
        _ => format!("{status} {}", answer.text().trim_end()),
    };
    let mut parts = text.split(SINCE);
    let mut kept = parts.next().unwrap().to_owned();
    for part in parts {
        kept.push_str(" since [DAY]");
        kept.push_str(&part["26-11-21".len()..]);
    }
    kept
}
