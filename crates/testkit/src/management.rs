//! The management API and Cargo's API in one line each, for tests that need their outcome and not their answers.
//!
//! Methods that make something panic when it is refused; a test of the refusal sends the request itself.

use http::Method;
use serde_json::{Value, json};
use supercargo_types::{Spelling, View, sparse_path};

use crate::{Answer, Client, Package};

impl Client {
    /// `{"name":"acme"}` and what else `POST /registries` takes.
    pub async fn create_registry(&self, registry: Value) -> Value {
        self.create("/api/v1/registries", registry).await
    }

    /// `{"name":"partner","index":"sparse+http://…/"}` and what else `POST /upstreams` takes.
    pub async fn create_upstream(&self, upstream: Value) -> Value {
        self.create("/api/v1/upstreams", upstream).await
    }

    /// Sets the whole ordered list of a registry's upstreams: names, or objects with `only` and `except`.
    pub async fn attach(&self, registry: &str, upstreams: Value) -> Value {
        self.patch(
            &format!("/api/v1/registries/{registry}"),
            json!({ "upstreams": upstreams }),
        )
        .await
        .expect(200)
        .json()
    }

    /// Claims a name or pattern; `mode` is `private`, `fork` or `merge`.
    pub async fn claim(&self, registry: &str, pattern: &str, mode: &str) -> Value {
        self.create(
            &format!("/api/v1/registries/{registry}/claims"),
            json!({ "pattern": pattern, "mode": mode }),
        )
        .await
    }

    /// A user who is a plain member of the instance.
    pub async fn create_user(&self, name: &str) -> Value {
        self.create("/api/v1/users", json!({ "name": name })).await
    }

    /// A service account, of the instance or of one registry.
    pub async fn create_service_account(&self, name: &str, registry: Option<&str>) -> Value {
        let mut account = json!({ "name": name });
        if let Some(registry) = registry {
            account["registry"] = json!(registry);
        }
        self.create("/api/v1/service-accounts", account).await
    }

    /// Gives a principal (`alice`, `service:ci`) a role in a registry.
    pub async fn member(&self, registry: &str, principal: &str, role: &str) -> Value {
        self.put(
            &format!("/api/v1/registries/{registry}/members/{principal}"),
            json!({ "role": role }),
        )
        .await
        .expect(200)
        .json()
    }

    /// Makes a token out of what `POST /tokens` takes, without its `name`, and gives its text.
    pub async fn token(&self, mut token: Value) -> String {
        if token.get("name").is_none() {
            token["name"] = json!("test");
        }
        let made = self.create("/api/v1/tokens", token).await;
        made["token"]
            .as_str()
            .unwrap_or_else(|| panic!("no `token` in {made}"))
            .to_owned()
    }

    /// A new user with a role in a registry, and a client with a token of theirs that has these scopes.
    pub async fn person(&self, name: &str, registry: &str, role: &str, scopes: &[&str]) -> Self {
        self.create_user(name).await;
        self.member(registry, name, role).await;
        let token = self
            .token(json!({ "principal": name, "scopes": scopes }))
            .await;
        self.with_token(&token)
    }

    async fn create(&self, path: &str, body: Value) -> Value {
        self.post(path, body).await.expect(201).json()
    }

    /// `PUT …/crates/new` with a sound frame, as cargo sends it.
    pub async fn publish(&self, registry: &str, package: &Package) -> Answer {
        self.publish_frame(registry, package.frame()).await
    }

    /// `PUT …/crates/new` with these bytes.
    pub async fn publish_frame(&self, registry: &str, frame: Vec<u8>) -> Answer {
        self.request(Method::PUT, &format!("/{registry}/api/v1/crates/new"))
            .header("accept", "application/json")
            .body(frame)
            .send()
            .await
    }

    /// A crate's index file in a view, without validators and without compression.
    pub async fn index(&self, registry: &str, view: View, name: &str) -> Answer {
        self.get(&index_path(registry, view, name)).await
    }

    /// The numbers that a view lists, in its order; none when it does not know the crate.
    ///
    /// # Panics
    /// When the answer is neither 200 nor 404.
    pub async fn listed(&self, registry: &str, view: View, name: &str) -> Vec<String> {
        let answer = self.index(registry, view, name).await;
        if answer.status == http::StatusCode::NOT_FOUND {
            return Vec::new();
        }
        answer
            .expect(200)
            .json_lines()
            .iter()
            .map(|line| line["vers"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The `.crate` file of a version in a view.
    pub async fn download(&self, registry: &str, view: View, name: &str, version: &str) -> Answer {
        let registry = match view {
            View::Mirror => format!("{registry}/mirror"),
            View::Index | View::Hosted => registry.to_owned(),
        };
        let path = format!("/{registry}/api/v1/crates/{name}/{version}/download");
        self.get(&path).await
    }

    /// Yanks, or takes it back.
    pub async fn yank(&self, registry: &str, name: &str, version: &str, yanked: bool) -> Answer {
        let crate_version = format!("/{registry}/api/v1/crates/{name}/{version}");
        if yanked {
            self.delete(&format!("{crate_version}/yank")).await
        } else {
            self.request(Method::PUT, &format!("{crate_version}/unyank"))
                .send()
                .await
        }
    }
}

/// The path of a crate's index file in a view.
fn index_path(registry: &str, view: View, name: &str) -> String {
    let spelling: Spelling = name
        .parse()
        .unwrap_or_else(|error| panic!("`{name}` is no crate name: {error}"));
    let file = sparse_path(&spelling);
    match view {
        View::Index => format!("/{registry}/index/{file}"),
        view => format!("/{registry}/{view}/index/{file}"),
    }
}
