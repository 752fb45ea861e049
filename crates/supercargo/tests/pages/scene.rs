//! Where every test here begins: a server with a private, an internal and a public registry, and somebody's browser.

use serde_json::json;
use supercargo_testkit::{
    Browser, Client, Database, Dependency, FakeUpstream, Package, Page, Server, ServerOptions, View,
};

const PASSWORD: &str = "a long way to Valparaiso";

pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The instance's administrator.
    pub(crate) admin: Client,
    pub(crate) upstream: FakeUpstream,
    base: String,
}

impl Scene {
    pub(crate) async fn start(database: Database) -> Self {
        Self::with(database, |options| options).await
    }

    pub(crate) async fn with(
        database: Database,
        change: impl FnOnce(ServerOptions) -> ServerOptions,
    ) -> Self {
        let options = ServerOptions::new(env!("CARGO_BIN_EXE_supercargo")).database(database);
        let server = Server::start(change(options)).await;
        let admin = server.admin();
        let upstream = FakeUpstream::start();
        admin
            .create_upstream(json!({ "name": "partner", "index": upstream.index_url() }))
            .await;
        for (name, visibility, upstreams) in [
            ("secret", "private", json!(["partner"])),
            ("inside", "internal", json!([])),
            ("open", "public", json!(["partner"])),
        ] {
            let registry = json!({
                "name": name, "visibility": visibility, "upstreams": upstreams,
                "description": format!("What is {visibility}"), "labels": { "tier": "1" },
            });
            admin.create_registry(registry).await;
        }
        Self {
            base: server.base(),
            server,
            admin,
            upstream,
        }
    }

    pub(crate) async fn publish(&self, registry: &str, package: &Package) {
        self.admin.publish(registry, package).await.expect(200);
    }

    /// A dependency on a crate of the registry `open`, of one that is published there.
    pub(crate) fn needs(&self, name: &str, requirement: &str) -> Dependency {
        let index = self.server.index_url("open", View::Index);
        Dependency::new(name, requirement).same_registry(&index)
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A page as anybody sees it.
    pub(crate) async fn anybody(&self, path: &str) -> Page {
        Browser::new().ask(&self.at(path)).await
    }

    /// A browser in which somebody is signed in who has this role on the instance.
    pub(crate) async fn browser_of(&self, name: &str, instance_role: &str) -> Browser {
        let person = json!({ "name": name, "password": PASSWORD, "instance_role": instance_role });
        self.admin.post("/api/v1/users", person).await.expect(201);
        let mut browser = Browser::new();
        let page = browser.open(&self.at("/-/login")).await.expect(200);
        let form = page.form("/-/login").with("user", name);
        let page = browser.send(&form.with("password", PASSWORD)).await;
        assert!(page.expect(200).html.contains(name));
        browser
    }

    /// A page as a browser shows it, after all redirects.
    pub(crate) async fn open(&self, browser: &mut Browser, path: &str) -> Page {
        browser.open(&self.at(path)).await
    }
}
