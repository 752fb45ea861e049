//! Where every test here begins: a server whose registry `acme` reads through the upstream `partner`.

use std::{collections::BTreeSet, thread};

use serde_json::{Value, json};
use supercargo_testkit::{Client, Database, FakeUpstream, Server, ServerOptions, View, eventually};

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) upstream: FakeUpstream,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

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

    /// A client asks for an index file of `acme`, which is there.
    pub(crate) async fn ask(&self, view: View, name: &str) {
        self.admin.index("acme", view, name).await.expect(200);
    }

    /// The upstream gets a version 1.0.0 that depends on these.
    pub(crate) fn has(&self, name: &str, dependencies: &[&str]) {
        depend(&self.upstream, name, dependencies);
    }

    /// Waits until the upstream was asked for this.
    pub(crate) async fn until_asked(&self, name: &str) {
        let was_asked = || std::future::ready(asked(&self.upstream).contains(&name.to_owned()));
        eventually(&format!("a question for `{name}`"), was_asked).await;
    }

    /// Waits until so many files were read ahead of those of `partner`, and clients have used so many of them.
    pub(crate) async fn until_counted(&self, fetched: usize, used: usize) {
        let expected = json!({ "fetched": fetched, "used": used });
        let is_counted = || async { self.counted().await == expected };
        eventually(&format!("{expected} in the cache's counts"), is_counted).await;
    }

    pub(crate) async fn counted(&self) -> Value {
        let shown = self.admin.get("/api/v1/registries/acme/cache").await;
        shown.expect(200).json()["items"][0]["read_ahead"].clone()
    }
}

impl Drop for Scene {
    /// Whatever a test is about: a panic in the server, or a fault (each answer of 500 is one), fails it. So does a question
    /// that was asked twice.
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let log = self.server.log();
        let is_clean = !log.contains("panicked at") && !log.contains("a request failed");
        assert!(is_clean, "{log}");
        let asked = asked(&self.upstream);
        let once: BTreeSet<_> = asked.iter().collect();
        assert_eq!(asked.len(), once.len(), "{asked:?}");
    }
}

/// A version 1.0.0 that depends on any version of these: a line without a file, for none is downloaded here.
pub(crate) fn depend(upstream: &FakeUpstream, name: &str, dependencies: &[&str]) {
    let dependency = |name: &&str| {
        json!({
            "name": name, "req": "*", "features": [], "optional": false, "default_features": true,
            "target": null, "kind": "normal",
        })
    };
    let dependencies: Vec<_> = dependencies.iter().map(dependency).collect();
    let line = json!({
        "name": name, "vers": "1.0.0", "deps": dependencies, "cksum": "ab".repeat(32),
        "features": {}, "yanked": false,
    });
    upstream.publish_line(name, &line.to_string());
}

/// The names that an upstream was asked for, in order.
pub(crate) fn asked(upstream: &FakeUpstream) -> Vec<String> {
    let requests = upstream.requests_to("/index/").into_iter();
    let names = requests.filter_map(|request| Some(request.path.rsplit_once('/')?.1.to_owned()));
    names.filter(|name| name != "config.json").collect()
}

/// The same, sorted.
pub(crate) fn all_asked(upstream: &FakeUpstream) -> Vec<String> {
    let mut names = asked(upstream);
    names.sort();
    names
}
