//! What both reference systems describe, by the pages and the real cargo: from an empty server to a version that is published,
//! yanked, deleted and restored. Rows I4, R3, P1, P9, V2.

use std::fs;

use serde_json::json;
use supercargo_testkit::{
    Cargo, Chromium, Dependency, FakeUpstream, Package, Server, ServerOptions, Tab, TabOptions,
    View,
};

use crate::{
    acme::{PASSWORD, PROGRAM},
    visitor,
};

struct Flow {
    server: Server,
    crates_io: FakeUpstream,
    partner: FakeUpstream,
    _chromium: Chromium,
    tab: Tab,
}

impl Flow {
    async fn start(options: TabOptions) -> Self {
        let server = Server::start(ServerOptions::new(PROGRAM)).await;
        let crates_io = FakeUpstream::start();
        crates_io.publish(&Package::new("public-parts", "1.0.0"));
        let partner = FakeUpstream::start();
        partner.publish(&Package::new("partner-parts", "1.0.0"));
        let person = json!({ "name": "mira", "password": PASSWORD, "instance_role": "admin" });
        server
            .admin()
            .post("/api/v1/users", person)
            .await
            .expect(201);
        let chromium = Chromium::start().await;
        let tab = chromium.tab(&server.base(), options).await;
        Self {
            server,
            crates_io,
            partner,
            _chromium: chromium,
            tab,
        }
    }

    /// Looks at the page with axe, where its scripts run.
    async fn look(&self) {
        if self.tab.options().javascript {
            visitor::all_is_well(&self.tab).await;
        }
    }

    /// Says where an upstream is.
    async fn make_upstream(&self, name: &str, index: &str) {
        let tab = &self.tab;
        tab.go("/-/upstreams").await;
        tab.click("link New upstream").await;
        tab.check("css input[name=source][value=index]").await;
        tab.fill("css #index", index).await;
        tab.fill("css #name", name).await;
        self.look().await;
        tab.click("button Make it").await;
        tab.see(&format!("heading {name}")).await;
    }

    /// A registry that asks one upstream, then the other.
    async fn make_registry(&self) {
        let tab = &self.tab;
        tab.go("/").await;
        tab.click("link New registry").await;
        tab.fill("css #name", "Harbour!").await;
        tab.check("css input[name=visibility][value=private]").await;
        for upstream in ["partner", "public"] {
            tab.choose("css #attach", upstream).await;
            tab.click("button Attach").await;
            tab.see(&format!("css [data-order-name={upstream}]")).await;
        }
        tab.click("button Make the registry").await;
        tab.see("css #name-e").await;
        self.look().await;
        tab.fill("css #name", "harbour").await;
        tab.click("button Make the registry").await;
        tab.see("heading harbour").await;
        assert_eq!(self.order().await, ["partner", "public"]);
    }

    /// Saves the list of upstreams, and says what it is from then on.
    async fn save_order(&self) -> Vec<String> {
        self.tab
            .click("css form.form--wide button.button--main")
            .await;
        self.tab.see("css .done").await;
        self.order().await
    }

    /// The order of the registry's upstreams, as the API has it.
    async fn order(&self) -> Vec<String> {
        let registry = self.server.admin().get("/api/v1/registries/harbour").await;
        let registry = registry.expect(200).json();
        let upstreams = registry["upstreams"].as_array().unwrap().iter();
        upstreams
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A line of the index: the version, and whether it is yanked.
    async fn index(&self) -> Vec<(String, bool)> {
        let answer = self
            .server
            .admin()
            .index("harbour", View::Index, "harbour-master")
            .await;
        if answer.status == 404 {
            return Vec::new();
        }
        let text = answer.expect(200).text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .map(|line| {
                (
                    line["vers"].as_str().unwrap().to_owned(),
                    line["yanked"].as_bool().unwrap(),
                )
            })
            .collect()
    }
}

fn listed(versions: &[(&str, bool)]) -> Vec<(String, bool)> {
    versions
        .iter()
        .map(|(version, yanked)| ((*version).to_owned(), *yanked))
        .collect()
}

/// From the sign-in to the restored version.
async fn everything(options: TabOptions) {
    let mut flow = Flow::start(options).await;
    flow.upstreams_and_registry().await;
    flow.ordered().await;
    let cargo = flow.set_up().await;
    flow.published(&cargo).await;
    flow.yanked().await;
    flow.deleted_and_restored(&cargo).await;
}

impl Flow {
    async fn upstreams_and_registry(&mut self) {
        visitor::sign_in(&self.tab, "mira", PASSWORD).await;
        self.make_upstream("public", &self.crates_io.index_url())
            .await;
        self.make_upstream("partner", &self.partner.index_url())
            .await;
        self.make_registry().await;
    }

    /// R3: with the pointer, by keyboard, or with buttons where no script runs.
    async fn ordered(&self) {
        let tab = &self.tab;
        tab.go("/harbour/settings/upstreams").await;
        if tab.options().javascript {
            let handle = |name: &str| format!("css [data-order-name={name}] [data-order-handle]");
            tab.drag(&handle("public"), &handle("partner")).await;
            assert_eq!(self.save_order().await, ["public", "partner"]);
            tab.focus(&handle("partner")).await;
            tab.press("ArrowUp").await;
            let said = tab.text("css #said").await;
            assert!(said.starts_with("partner is number 1 of 2"), "{said}");
            assert!(tab.focused().await.contains("Move partner"));
            tab.press("ArrowDown").await;
            tab.press("ArrowUp").await;
            assert_eq!(self.save_order().await, ["partner", "public"]);
            visitor::all_is_well(tab).await;
        }
        tab.click("button Move public up").await;
        assert_eq!(self.save_order().await, ["public", "partner"]);
    }

    /// I4: the very lines of the page, in an empty home.
    async fn set_up(&self) -> Cargo {
        let tab = &self.tab;
        tab.go("/harbour").await;
        tab.click("link Set up a client").await;
        tab.check("css input[name=publish]").await;
        tab.click("button Generate token").await;
        tab.see("text Token made").await;
        self.look().await;
        let cargo = Cargo::bare();
        cargo.needs("1.74", "private reads");
        for file in ["config.toml", "credentials.toml"] {
            let lines = tab
                .text(&format!("css pre[data-file=\"~/.cargo/{file}\"]"))
                .await;
            if tab.options().javascript {
                tab.click(&format!("button Copy ~/.cargo/{file}")).await;
                assert_eq!(tab.clipboard().await.trim_end(), lines.trim_end());
            }
            fs::write(cargo.home().join(file), lines).unwrap();
        }
        cargo
    }

    /// Two versions, one of which needs a public crate; the second line of shell on the page publishes.
    async fn published(&self, cargo: &Cargo) {
        let tab = &self.tab;
        let shell = tab.texts("css pre[data-shell]").await;
        let [_, publish] = &shell[..] else {
            panic!("two lines of shell: {shell:?}");
        };
        for version in ["1.0.0", "1.1.0"] {
            let package = Package::new("harbour-master", version).dependency("public-parts", "1");
            let folder = cargo.project(&package);
            cargo.shell(&folder, publish).await.success();
        }
        assert_eq!(
            self.index().await,
            listed(&[("1.0.0", false), ("1.1.0", false)])
        );
        tab.go("/harbour").await;
        tab.click("link harbour-master").await;
        assert_eq!(tab.path().await, "/harbour/crates/harbour-master");
        assert!(tab.text("css h1").await.contains("harbour-master"));
        self.look().await;
    }

    /// Chooses what to do with the first version, in its menu among all of them.
    async fn choose_deed(&self, words: &str) {
        let tab = &self.tab;
        tab.go("/harbour/crates/harbour-master/versions").await;
        tab.click("css summary[aria-label=\"Actions for 1.0.0\"]")
            .await;
        tab.click(&format!("css details[open] a:has-text(\"{words}\")"))
            .await;
    }

    async fn state(&self) -> Vec<String> {
        self.tab.go("/harbour/crates/harbour-master/versions").await;
        self.tab.texts("css td .chip").await
    }

    async fn yanked(&self) {
        let tab = &self.tab;
        self.choose_deed("Yank").await;
        tab.click("button Yank 1.0.0").await;
        tab.see("css .done").await;
        self.look().await;
        assert_eq!(
            self.index().await,
            listed(&[("1.0.0", true), ("1.1.0", false)])
        );
        assert_eq!(self.state().await, ["available", "yanked"]);
        self.choose_deed("Unyank").await;
        tab.click("button Unyank 1.0.0").await;
        tab.see("css .done").await;
        assert_eq!(
            self.index().await,
            listed(&[("1.0.0", false), ("1.1.0", false)])
        );
    }

    async fn deleted_and_restored(&self, cargo: &Cargo) {
        let tab = &self.tab;
        self.choose_deed("Delete").await;
        tab.fill("css #delete-name", "harbour-master").await;
        tab.click("button Delete it").await;
        tab.see("css #delete-name-e").await;
        self.look().await;
        assert_eq!(self.index().await.len(), 2);
        tab.fill("css #delete-name", "harbour-master@1.0.0").await;
        tab.click("button Delete it").await;
        tab.see("css .done").await;
        assert_eq!(self.index().await, listed(&[("1.1.0", false)]));
        assert_eq!(self.state().await, ["available", "deleted"]);
        let old = Package::new("old", "0.1.0")
            .depends_on(Dependency::new("harbour-master", "=1.0.0").registry("harbour"));
        let old = cargo.project(&old);
        cargo.run(&old, &["build"]).await.failure();
        self.choose_deed("Restore").await;
        tab.click("button Restore harbour-master@1.0.0").await;
        tab.see("css .done").await;
        assert_eq!(
            self.index().await,
            listed(&[("1.0.0", false), ("1.1.0", false)])
        );
        assert_eq!(self.state().await, ["available", "available"]);
        self.look().await;
        cargo.run(&old, &["build"]).await.success();
    }
}

#[test]
fn from_the_sign_in_to_the_restored_version() {
    supercargo_testkit::run(everything(TabOptions::default()));
}

#[test]
fn the_same_without_javascript_on_a_narrow_screen() {
    supercargo_testkit::run(everything(TabOptions {
        javascript: false,
        width: 360,
        ..TabOptions::default()
    }));
}
