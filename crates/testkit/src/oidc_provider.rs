//! A certified provider of OpenID Connect, in a process of its own: `oidc-provider` from npm, as `oidc-provider/` in this crate
//! has it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use http::Method;
use serde_json::{Value, json};

use crate::{Client, Server};

/// Where its program is.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oidc-provider");
const LISTENING: &str = "listening on ";
/// It starts within a second or so; this is for a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running provider on 127.0.0.1. It is killed when dropped.
pub struct OidcProvider {
    child: Child,
    url: String,
}

impl OidcProvider {
    /// What it calls the server under test.
    pub const CLIENT: &str = "supercargo";
    /// What the server proves itself with there. A colon and a percent sign have to be encoded before they are sent.
    pub const SECRET: &str = "a:secret%of the tests";

    /// Starts one.
    ///
    /// # Panics
    /// When node or the provider is not there; the message says how to get them.
    pub fn start() -> Self {
        assert!(
            Path::new(FOLDER).join("node_modules").is_dir(),
            "the provider of the tests is not installed: run `cargo xtask test --install`, or `npm ci` in `{FOLDER}`"
        );
        let mut child = Command::new("node")
            .arg("server.mjs")
            .current_dir(FOLDER)
            // it ends when this pipe does, also after a test that was killed
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`node` cannot be started ({error}); run `cargo xtask test --install`")
            });
        let stdout = child.stdout.take().expect("invariant: it is piped");
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            for line in lines {
                if let Some(url) = line.strip_prefix(LISTENING) {
                    // nobody waits any more when the test has given up
                    sender.send(url.to_owned()).unwrap_or_default();
                }
            }
        });
        let url = receiver.recv_timeout(PATIENCE);
        let url = url.unwrap_or_else(|error| {
            child.kill().unwrap_or_default();
            panic!("the provider does not say where it listens: {error}")
        });
        Self { child, url }
    }

    /// Its issuer.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Tells it what to say of somebody who signs in with this name and any password.
    pub async fn knows(&self, login: &str, claims: Value) {
        let person = json!({ "login": login, "claims": claims });
        self.put("/test/people", &person).await;
    }

    /// Has it serve a server under test.
    pub async fn serves(&self, server: &Server) {
        let base = server.base();
        let client = json!({
            "client_id": Self::CLIENT,
            "client_secret": Self::SECRET,
            "redirect_uris": [format!("{base}/-/login/return")],
            "post_logout_redirect_uris": [format!("{base}/-/login")],
            "scope": "openid email profile groups",
        });
        self.put("/test/clients", &client).await;
    }

    async fn put(&self, path: &str, value: &Value) {
        let request = Client::new(&self.url).request(Method::PUT, path);
        request.json(value).send().await.expect(204);
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        // may have ended by itself: there is nothing left to do then
        self.child.kill().unwrap_or_default();
        self.child
            .wait()
            .expect("invariant: a child can be waited for");
    }
}
