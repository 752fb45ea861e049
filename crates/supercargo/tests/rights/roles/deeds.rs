//! What can be done in a registry, as requests, and people to do it.

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{Answer, Client, Package};

/// A request as anybody may send it.
pub(super) struct Deed {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Body,
}

pub(super) enum Body {
    Nothing,
    Json(Value),
    Package(Package),
    File(Package),
}

pub(super) fn deed(method: Method, path: impl Into<String>) -> Deed {
    Deed {
        method,
        path: path.into(),
        body: Body::Nothing,
    }
}

impl Deed {
    pub(super) fn json(self, value: Value) -> Self {
        Self {
            body: Body::Json(value),
            ..self
        }
    }

    pub(super) async fn by(&self, client: &Client) -> Answer {
        let request = client.request(self.method.clone(), &self.path);
        match &self.body {
            Body::Nothing => request,
            Body::Json(value) => request.json(value),
            Body::Package(package) => request.body(package.frame()),
            Body::File(package) => request.body(package.crate_bytes()),
        }
        .send()
        .await
    }
}

/// The version that a turn's deed is about, where it is about one of `spare`.
pub(super) fn spare_version(turn: usize) -> String {
    format!("1.{turn}.0")
}

/// Whether a deed takes a version away that nobody else needs, or brings it back.
pub(super) fn needs_a_spare_version(name: &str) -> bool {
    let (verb, rest) = name.split_once(' ').unwrap_or((name, ""));
    match verb {
        "hold" | "lift" | "block" | "restore" | "purge" | "release" => true,
        "delete" => matches!(rest, "a version" | "a crate"),
        _ => false,
    }
}

/// A deed of the first table in a registry. `own` belongs to everybody, `another` to the instance's administrator; `who`
/// makes names that no other cell uses, and `turn` numbers.
pub(super) fn registry_deed(name: &str, registry: &str, who: &str, turn: usize) -> Deed {
    use Method as M;
    let cargo = |method, path: &str| deed(method, format!("/{registry}{path}"));
    let web = |method, path: &str| cargo(method, &format!("/api/v1/crates{path}"));
    let api = |method, path: &str| deed(method, format!("/api/v1/registries/{registry}{path}"));
    let publish = |package| Deed {
        body: Body::Package(package),
        ..web(M::PUT, "/new")
    };
    let owner = || json!({ "users": ["extra"] });
    let spare = |method, path: &str| api(method, &format!("/crates/spare{path}"));
    let version = |method, path: &str| {
        let version = spare_version(turn);
        api(method, &format!("/crates/spare/versions/{version}{path}"))
    };
    let quarantine = |action: &str| json!({ "action": action, "reason": "odd" });
    match name {
        "read config.json" => cargo(M::GET, "/index/config.json"),
        "read the index" => cargo(M::GET, "/index/an/ot/another"),
        "read the hosted view" => cargo(M::GET, "/hosted/index/an/ot/another"),
        "read the mirror view" => cargo(M::GET, "/mirror/index/an/ot/another"),
        "download" => web(M::GET, "/another/1.0.0/download"),
        "download from the mirror" => cargo(M::GET, "/mirror/api/v1/crates/another/1.0.0/download"),
        "search" => web(M::GET, "?q=another"),
        "list owners" => web(M::GET, "/another/owners"),
        "publish a new crate" => publish(Package::new(&format!("by-{who}"), "1.0.0")),
        "publish to one's own" => publish(Package::new("own", &format!("1.{turn}.0"))),
        "publish to another's" => publish(Package::new("another", &format!("1.{turn}.0"))),
        "yank one's own" => web(M::DELETE, "/own/1.0.0/yank"),
        "yank another's" => web(M::DELETE, "/another/1.0.0/yank"),
        "unyank another's" => web(M::PUT, "/another/1.0.0/unyank"),
        "add an owner to one's own" => web(M::PUT, "/own/owners").json(owner()),
        "add an owner to another's" => web(M::PUT, "/another/owners").json(owner()),
        "see the registry" => api(M::GET, ""),
        "list claims" => api(M::GET, "/claims"),
        "claim a name" => api(M::POST, "/claims").json(json!({ "pattern": format!("c-{who}-*") })),
        "delete a claim" => api(M::DELETE, "/claims/spare-*?confirm=spare-*"),
        "change settings" => api(M::PATCH, "").json(json!({ "description": who })),
        "list members" => api(M::GET, "/members"),
        "make a member" => api(M::PUT, "/members/extra").json(json!({ "role": "reader" })),
        "remove a member" => api(M::DELETE, "/members/extra"),
        "make a service account" => deed(M::POST, "/api/v1/service-accounts")
            .json(json!({ "name": format!("{registry}-{who}"), "registry": registry })),
        "delete the registry" => api(M::DELETE, ""),
        "see a crate" => api(M::GET, "/crates/another"),
        "list versions" => api(M::GET, "/crates/another/versions"),
        "see a version" => api(M::GET, "/crates/another/versions/1.0.0"),
        "list quarantines" => api(M::GET, "/quarantines"),
        "upload a crate file" => Deed {
            body: Body::File(Package::new(&format!("file-by-{who}"), "1.0.0")),
            ..api(M::POST, "/crates")
        },
        "hold a version" => version(M::PUT, "/quarantine").json(quarantine("hold")),
        "lift it from a version" => version(M::DELETE, "/quarantine"),
        "block a crate" => spare(M::PUT, "/quarantine").json(quarantine("block")),
        "lift it from a crate" => spare(M::DELETE, "/quarantine"),
        "delete a version" => version(M::DELETE, ""),
        "restore a version" => version(M::POST, "/restore"),
        "purge a version" => version(M::DELETE, "?purge=true"),
        "delete a crate" => spare(M::DELETE, ""),
        "restore a crate" => spare(M::POST, "/restore"),
        "purge a crate" => spare(M::DELETE, "?purge=true"),
        "release a name" => spare(M::POST, "/release").json(json!({ "confirm": "spare" })),
        "evict a crate" => api(M::DELETE, "/cache/left-pad"),
        "evict the cache" => api(M::DELETE, "/cache"),
        "accept changed bytes" => api(M::DELETE, "/crates/left-pad/versions/1.0.0/ledger"),
        other => panic!("the table has a deed that nobody can do: `{other}`"),
    }
}

pub(super) const ALL_SCOPES: [&str; 7] = [
    "read", "publish", "yank", "owners", "maintain", "delete", "admin",
];

pub(super) async fn user(admin: &Client, name: &str, instance_role: &str) -> Client {
    let user = json!({ "name": name, "instance_role": instance_role });
    admin.post("/api/v1/users", user).await.expect(201);
    let token = admin
        .token(json!({ "principal": name, "scopes": ALL_SCOPES }))
        .await;
    admin.with_token(&token)
}
