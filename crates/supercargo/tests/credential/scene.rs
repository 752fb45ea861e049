//! Where every test here begins: a private registry `acme`, its publisher `alice`, her browser, and her cargo with the
//! credential provider.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    thread,
};

use serde_json::{Value, json};
use supercargo_testkit::{
    Answer, Browser, Cargo, Client, Database, Page, Server, ServerOptions, View, eventually,
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
pub(crate) const PASSWORD: &str = "tulip brook 17";
pub(crate) const BEGIN: &str = "/api/v1/sign-in/devices";
pub(crate) const POLL: &str = "/api/v1/sign-in/devices/token";

pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The instance's administrator, who may do everything.
    pub(crate) admin: Client,
}

/// Somebody at a terminal, whose browser writes the address that it is given to a file.
pub(crate) struct Terminal {
    pub(crate) cargo: Cargo,
    opened: PathBuf,
    base: String,
}

/// How a run of `supercargo` ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    pub(crate) async fn start(database: Database) -> Self {
        let server = Server::start(ServerOptions::new(PROGRAM).database(database)).await;
        let admin = server.admin();
        admin.create_registry(json!({ "name": "acme" })).await;
        let scene = Self { server, admin };
        scene.user("alice").await;
        scene.admin.member("acme", "alice", "publisher").await;
        scene
    }

    /// Somebody with a password, and no role anywhere.
    pub(crate) async fn user(&self, name: &str) {
        let user = json!({ "name": name, "password": PASSWORD });
        self.admin.post("/api/v1/users", user).await.expect(201);
    }

    /// A browser in which somebody is signed in.
    pub(crate) async fn browser(&self, name: &str) -> Browser {
        let mut browser = Browser::new();
        let page = browser.open(&self.url("/-/login")).await.expect(200);
        let form = page.form("/-/login");
        let form = form.with("user", name).with("password", PASSWORD);
        let page = browser.send(&form).await.expect(200);
        assert!(!page.path().starts_with("/-/login"), "{page}");
        browser
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    /// A login that a program begins, with what differs from an ordinary token.
    pub(crate) async fn begin(&self, changes: Value) -> Value {
        let mut token = json!({ "name": "laptop" });
        for (field, value) in changes.as_object().unwrap() {
            token[field] = value.clone();
        }
        let nobody = self.server.anonymous();
        let begun = nobody
            .request(http::Method::POST, BEGIN)
            .header("user-agent", "laptop/1.0")
            .json(&json!({ "token": token }))
            .send();
        begun.await.expect(201).json()
    }

    /// What the program is told.
    pub(crate) async fn poll(&self, login: &Value) -> Answer {
        let asked = json!({ "device_code": login["device_code"] });
        self.server.anonymous().post(POLL, asked).await
    }

    /// Opens the page of a login and decides.
    pub(crate) async fn decide(&self, browser: &mut Browser, url: &str, decision: &str) -> Page {
        let page = browser.open(url).await.expect(200);
        let form = page.form("/-/login/device");
        browser.send(&form.with("decision", decision)).await
    }

    /// Entries of the audit log with this action, the newest first: `PRINCIPAL OUTCOME DETAIL`, without ids.
    pub(crate) async fn log(&self, action: &str) -> Vec<String> {
        let path = format!("/api/v1/audit?action={action}");
        let page = self.admin.get(&path).await.expect(200).json();
        let items = page["items"].as_array().unwrap().iter();
        let line = |item: &Value| {
            let [principal, outcome, detail] = ["principal", "outcome", "detail"]
                .map(|field| item[field].as_str().unwrap_or("-").to_owned());
            let words: Vec<_> = detail
                .split(' ')
                .map(|word| if word.len() == 36 { "ID" } else { word })
                .collect();
            format!("{principal} {outcome} {}", words.join(" "))
        };
        items.map(line).collect()
    }

    /// Tokens that there are of a user.
    pub(crate) async fn tokens_of(&self, user: &str) -> Vec<Value> {
        let page = self.admin.get("/api/v1/tokens").await.expect(200).json();
        let items = page["items"].as_array().unwrap().iter();
        let of_user = items.filter(|token| token["principal"] == user);
        of_user.cloned().collect()
    }

    pub(crate) fn terminal(&self) -> Terminal {
        self.terminal_with(&["--no-keyring"])
    }

    /// The same with other arguments for the provider.
    pub(crate) fn terminal_with(&self, arguments: &[&str]) -> Terminal {
        let cargo = Cargo::bare();
        let opened = cargo.root().join("opened");
        let browser = cargo.root().join("browser");
        let script = format!(
            "#!/bin/sh\nprintf %s \"$1\" > {0}.new && mv {0}.new {0}\n",
            opened.display()
        );
        fs::write(&browser, script).unwrap();
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
        let provider = provider();
        let provider = [&[provider.to_str().unwrap()], arguments]
            .concat()
            .join(" ");
        let config = format!("[registry]\nglobal-credential-providers = [{provider:?}]");
        // the home of whoever runs the tests is kept, and must not be used
        let folder = cargo.root().join("xdg");
        let folder = folder.to_str().unwrap();
        let cargo = cargo
            .config(&config)
            .registry("acme", &self.server.index_url("acme", View::Index))
            .env("BROWSER", browser.to_str().unwrap())
            .env("XDG_CONFIG_HOME", folder)
            .env("XDG_DATA_HOME", folder)
            .env("XDG_RUNTIME_DIR", cargo_root(&opened));
        Terminal {
            cargo,
            opened,
            base: self.server.url(),
        }
    }
}

fn cargo_root(opened: &Path) -> &str {
    opened.parent().unwrap().to_str().unwrap()
}

/// Built beside the program under test: the tests of one package do not build the programs of another.
pub(crate) fn provider() -> PathBuf {
    let path = Path::new(PROGRAM).with_file_name("cargo-credential-supercargo");
    assert!(
        path.is_file(),
        "`{}` is not there: run `cargo build -p cargo-credential-supercargo`, or all tests with `cargo xtask test`",
        path.display()
    );
    path
}

impl Terminal {
    /// The same with more in cargo's configuration.
    pub(crate) fn with(self, change: impl FnOnce(Cargo) -> Cargo) -> Self {
        Self {
            cargo: change(self.cargo),
            ..self
        }
    }

    /// The address that a program opens, as soon as it does.
    pub(crate) async fn opened(&self) -> String {
        eventually("a page that is opened", || async { self.opened.exists() }).await;
        let url = fs::read_to_string(&self.opened).unwrap();
        fs::remove_file(&self.opened).unwrap();
        url
    }

    /// Whether a page was opened since the last look.
    pub(crate) fn has_opened(&self) -> bool {
        self.opened.exists()
    }

    /// The user's folder for Supercargo.
    pub(crate) fn folder(&self) -> PathBuf {
        self.cargo.root().join("xdg").join("supercargo")
    }

    /// What the provider keeps in a file.
    pub(crate) fn kept(&self) -> Value {
        let text = fs::read(self.folder().join("cargo-tokens.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Runs `supercargo` with this input, and more variables.
    pub(crate) async fn supercargo(&self, arguments: &[&str], input: &str) -> Run {
        self.supercargo_with(arguments, input, &[]).await
    }

    pub(crate) async fn supercargo_with(
        &self,
        arguments: &[&str],
        input: &str,
        environment: &[(&str, &str)],
    ) -> Run {
        use tokio::{io::AsyncWriteExt as _, process::Command};
        let root = self.cargo.root();
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(root)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| {
                // what cargo needs, which is run in turn
                ["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"]
                    .iter()
                    .any(|kept| name == kept)
            }))
            .env("CARGO_HOME", self.cargo.home())
            .env("XDG_CONFIG_HOME", root.join("xdg"))
            .env("BROWSER", root.join("browser"))
            .env("SUPERCARGO_URL", &self.base)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap_or_default();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run {
            status: output.status,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl Run {
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert!(self.status.success(), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn failure(self) -> Self {
        assert!(!self.status.success(), "{self:#?}");
        self
    }
}

impl Drop for Scene {
    /// Whatever a test is about: a panic in the server, or a fault (each answer of 500 is one), fails it.
    fn drop(&mut self) {
        let log = self.server.log();
        let is_clean = !log.contains("panicked at")
            && !log.contains("a request failed")
            && !log.contains("a page failed");
        assert!(is_clean || thread::panicking(), "{log}");
    }
}
