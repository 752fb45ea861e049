//! Where every test here begins: a server, perhaps with a provider, and somebody's browser.

use serde_json::{Value, json};
use supercargo_testkit::{Browser, Client, Database, OidcProvider, Page, Server, ServerOptions};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
pub(crate) const PASSWORD: &str = "a long way to Valparaiso";
/// As the tests have `sign_on.label`.
const LABEL: &str = "Acme";

pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The instance's administrator.
    pub(crate) admin: Client,
}

/// A scene with a provider.
pub(crate) struct SignOn {
    pub(crate) scene: Scene,
    pub(crate) provider: OidcProvider,
}

impl Scene {
    pub(crate) async fn start(database: Database) -> Self {
        Self::with(ServerOptions::new(PROGRAM).database(database)).await
    }

    pub(crate) async fn with(options: ServerOptions) -> Self {
        let server = Server::start(options).await;
        let admin = server.admin();
        Self { server, admin }
    }

    /// Somebody with a password.
    pub(crate) async fn person(&self, name: &str) {
        let person = json!({ "name": name, "password": PASSWORD });
        self.admin.post("/api/v1/users", person).await.expect(201);
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.server.base())
    }

    /// Signs in with the password.
    pub(crate) async fn sign_in(&self, browser: &mut Browser, name: &str) -> Page {
        let page = browser.open(&self.at("/-/login")).await.expect(200);
        let form = page.form("/-/login").with("user", name);
        browser.send(&form.with("password", PASSWORD)).await
    }

    /// A browser in which somebody is signed in.
    pub(crate) async fn browser_of(&self, name: &str) -> Browser {
        let mut browser = Browser::new();
        self.sign_in(&mut browser, name).await.expect(200);
        assert!(self.is_signed_in(&mut browser, name).await);
        browser
    }

    pub(crate) async fn is_signed_in(&self, browser: &mut Browser, name: &str) -> bool {
        let page = browser.open(&self.at("/-/account")).await;
        page.url.path() == "/-/account" && page.html.contains(&format!("<h1>{name}</h1>"))
    }

    /// Details of the entries of an action, the newest first.
    pub(crate) async fn audit(&self, action: &str) -> Vec<Value> {
        let path = format!("/api/v1/audit?action={action}");
        let page = self.admin.get(&path).await.expect(200).json();
        page["items"].as_array().unwrap().clone()
    }
}

impl SignOn {
    pub(crate) async fn start(database: Database) -> Self {
        Self::with(database, |options| options).await
    }

    pub(crate) async fn with(
        database: Database,
        change: impl FnOnce(ServerOptions) -> ServerOptions,
    ) -> Self {
        let provider = OidcProvider::start();
        let options = with_provider(ServerOptions::new(PROGRAM).database(database), &provider);
        let scene = Scene::with(change(options)).await;
        provider.serves(&scene.server).await;
        Self { scene, provider }
    }

    /// Somebody whom the provider knows, in these groups.
    pub(crate) async fn knows(&self, login: &str, groups: &[&str]) {
        let claims = json!({
            "preferred_username": login,
            "email": format!("{login}@acme.example"),
            "email_verified": true,
            "groups": groups,
        });
        self.provider.knows(login, claims).await;
    }

    /// Goes to the sign-in page, and from there to the provider: its page, or where that led to.
    pub(crate) async fn leave(&self, browser: &mut Browser) -> Page {
        let page = browser.open(&self.scene.at("/-/login")).await.expect(200);
        browser.send(&page.form("/-/login/sign-on")).await
    }

    /// Signs in with the provider: the page where the browser comes out at our server.
    pub(crate) async fn sign_on(&self, browser: &mut Browser, login: &str) -> Page {
        let page = self.leave(browser).await;
        self.through(browser, page, login).await
    }

    /// Fills in the provider's forms, for as long as it has some.
    pub(crate) async fn through(&self, browser: &mut Browser, mut page: Page, login: &str) -> Page {
        for _ in 0..4 {
            if !page.url.as_str().starts_with(self.provider.url()) {
                return page;
            }
            page = browser.send(&filled(&page, login)).await;
        }
        panic!("the provider has no end of forms: {page}");
    }
}

/// The provider's form, filled in.
pub(crate) fn filled(page: &Page, login: &str) -> supercargo_testkit::Form {
    let form = page.forms().into_iter().next();
    let form = form.unwrap_or_else(|| panic!("no form on {page}"));
    if form.value("login").is_some() {
        form.with("login", login).with("password", "whatever")
    } else {
        form
    }
}

pub(crate) fn with_provider(options: ServerOptions, provider: &OidcProvider) -> ServerOptions {
    options
        .setting("sign_on.issuer", provider.url())
        .setting("sign_on.client_id", OidcProvider::CLIENT)
        .setting("sign_on.client_secret", OidcProvider::SECRET)
        .setting("sign_on.scopes", "groups")
        .setting("sign_on.groups_claim", "groups")
        .setting("sign_on.label", LABEL)
}
