//! Where every test here begins: a registry that reads through an upstream, a crate in each, and alice, who may publish.

use std::{fs, path::PathBuf};

use serde_json::json;
use supercargo_testkit::{
    Browser, Cargo, Client, Database, Dependency, FakeUpstream, Package, Page, ReverseProxy,
    Server, ServerOptions,
};

use crate::pasted::Pasted;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
const PASSWORD: &str = "a long way to Valparaiso";

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) admin: Client,
    pub(crate) upstream: FakeUpstream,
    pub(crate) registry: &'static str,
    /// BASE.
    pub(crate) base: String,
    pub(crate) alice: Browser,
    _proxy: Option<ReverseProxy>,
}

impl Scene {
    pub(crate) async fn start(
        database: Database,
        registry: &'static str,
        visibility: &str,
    ) -> Self {
        Self::below(database, registry, visibility, None).await
    }

    /// With a proxy in front that has the server below a path, and strips it.
    pub(crate) async fn below(
        database: Database,
        registry: &'static str,
        visibility: &str,
        prefix: Option<&str>,
    ) -> Self {
        let mut options = ServerOptions::new(PROGRAM).database(database);
        let mut proxy = None;
        if let Some(prefix) = prefix {
            let front = ReverseProxy::start(prefix, true).await;
            options = options.setting("public_url", &front.url());
            proxy = Some(front);
        }
        let server = Server::start(options).await;
        let base = match &proxy {
            Some(proxy) => {
                proxy.forward_to(&server.url());
                proxy.url()
            }
            None => server.base(),
        };
        let admin = server.admin();
        let upstream = FakeUpstream::start();
        upstream.publish(&Package::new("public-parts", "1.0.0"));
        admin
            .create_upstream(json!({ "name": "partner", "index": upstream.index_url() }))
            .await;
        admin
            .create_registry(
                json!({ "name": registry, "visibility": visibility, "upstreams": ["partner"] }),
            )
            .await;
        let core = Package::new("core-parts", "1.0.0");
        admin.publish(registry, &core).await.expect(200);
        let person = json!({ "name": "alice", "password": PASSWORD });
        admin.post("/api/v1/users", person).await.expect(201);
        admin.member(registry, "alice", "publisher").await;
        let mut alice = Browser::new();
        let page = alice.open(&format!("{base}/-/login")).await.expect(200);
        let form = page.form("/-/login").with("user", "alice");
        alice
            .send(&form.with("password", PASSWORD))
            .await
            .expect(200);
        Self {
            server,
            admin,
            upstream,
            registry,
            base,
            alice,
            _proxy: proxy,
        }
    }

    /// The page as alice sees it.
    pub(crate) async fn page(&mut self, audience: &str, way: &str) -> Page {
        let url = format!(
            "{}/{}/setup?for={audience}&way={way}",
            self.base, self.registry
        );
        self.alice.open(&url).await.expect(200)
    }

    /// The page after "Generate token".
    pub(crate) async fn page_with_token(&mut self, audience: &str, way: &str) -> Page {
        let page = self.page(audience, way).await;
        let form = page
            .form("/setup")
            .with("publish", "yes")
            .with("days", "30");
        self.alice.send(&form).await.expect(201)
    }

    /// A cargo with nothing but what stands on the page. Only who names registries reaches crates.io without us.
    pub(crate) fn bare(&self, way: &str) -> Cargo {
        match way {
            "named" => Cargo::bare().as_crates_io(&self.upstream.index_url()),
            _ => Cargo::bare(),
        }
    }

    /// A project whose dependencies come from the registry and from crates.io, with the lockfile of somebody who built it.
    pub(crate) async fn project(&self, cargo: &Cargo, way: &str, config: &str) -> PathBuf {
        let named = Dependency::new("core-parts", "1").registry(&self.in_cargo());
        let app = Package::new("app", "0.1.0")
            .depends_on(named)
            .dependency("public-parts", "1");
        let folder = cargo.project(&app);
        fs::create_dir(folder.join(".cargo")).unwrap();
        fs::write(folder.join(".cargo/config.toml"), config).unwrap();
        let token = self.server.admin_token();
        let variable = format!(
            "CARGO_REGISTRIES_{}",
            self.in_cargo().replace('-', "_").to_uppercase()
        );
        let maintainer = self
            .bare(way)
            .env(&format!("{variable}_TOKEN"), token)
            .env(&format!("{variable}_MIRROR_TOKEN"), token);
        maintainer
            .run(&folder, &["generate-lockfile"])
            .await
            .success();
        folder
    }

    pub(crate) fn in_cargo(&self) -> String {
        self.registry.replace('.', "-")
    }
}

/// Puts the lines of a page where it says.
pub(crate) fn paste_into_home(cargo: &Cargo, pasted: &Pasted, files: &[&str]) {
    for file in files {
        let text = pasted.file(&format!("~/.cargo/{file}"));
        fs::write(cargo.home().join(file), text).unwrap();
    }
}
