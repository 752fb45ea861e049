//! A company with a little of everything: registries, upstreams, crates in all states, people, programs, rules.

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{
    Client, Dependency, FakeUpstream, Package, Server, ServerOptions, View, eventually,
};

use crate::history;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_supercargo");
pub(crate) const PASSWORD: &str = "a long way to Valparaiso";

pub(crate) struct Acme {
    pub(crate) server: Server,
    pub(crate) admin: Client,
    pub(crate) upstream: FakeUpstream,
}

/// What crates.io has, as far as acme asks: names, versions, and what they are.
const CRATES_IO: [(&str, &[&str], &str); 8] = [
    ("anyhow", &["1.0.97", "1.0.98"], "Flexible error type"),
    ("bytes", &["1.9.0", "1.10.1"], "Types and traits for bytes"),
    ("hyper", &["1.6.0", "1.9.1"], "A protective HTTP library"),
    ("rand", &["0.9.1", "0.9.2"], "Random number generators"),
    (
        "serde",
        &["1.0.218", "1.0.219"],
        "A serialization framework",
    ),
    (
        "serde_json",
        &["1.0.139", "1.0.140"],
        "A JSON serialization format",
    ),
    ("thiserror", &["2.0.11", "2.0.12"], "derive(Error)"),
    ("tracing", &["0.1.40", "0.1.41"], "Tracing for Rust"),
];

/// What acme makes: registry, name, versions, what it is, what it needs in the same registry, and of crates.io.
type Made = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);
const MADE: [Made; 10] = [
    (
        "acme",
        "acme-config",
        &["0.8.0", "0.9.0", "1.0.0"],
        "Layered configuration: files, environment, flags",
        &[],
        &["serde", "thiserror"],
    ),
    (
        "acme",
        "acme-telemetry",
        &[
            "2.0.0",
            "2.1.0",
            "2.2.0",
            "2.3.0",
            "2.3.1",
            "2.4.0",
            "2.5.0-rc.1",
            "2.5.0",
        ],
        "Traces, metrics and logs of every acme service, in one line",
        &["acme-config"],
        &["serde", "tracing", "anyhow"],
    ),
    (
        "acme",
        "acme-auth",
        &["0.3.0", "0.4.0"],
        "Sessions and service identities",
        &["acme-config"],
        &["rand", "serde_json"],
    ),
    (
        "acme",
        "acme-http",
        &["1.4.0", "1.5.0"],
        "HTTP servers the way we run them",
        &["acme-telemetry", "acme-auth"],
        &["hyper", "bytes"],
    ),
    (
        "acme",
        "acme-ledger",
        &["3.1.0", "3.2.0"],
        "Double-entry bookkeeping over append-only storage",
        &["acme-config", "acme-telemetry"],
        &["serde"],
    ),
    (
        "acme",
        "acme-scheduler",
        &["0.9.0"],
        "Jobs that run once, on one machine",
        &["acme-telemetry"],
        &[],
    ),
    (
        "platform",
        "platform-deploy",
        &["4.0.0", "4.1.0"],
        "Puts a service where it belongs",
        &[],
        &["anyhow"],
    ),
    (
        "platform",
        "platform-images",
        &["1.2.0"],
        "Small container images from a Cargo workspace",
        &[],
        &[],
    ),
    (
        "acme-oss",
        "tidewater",
        &["0.1.0", "0.2.0", "0.2.1"],
        "Backpressure for streams, as a tide",
        &[],
        &[],
    ),
    (
        "acme-oss",
        "loadline",
        &["1.0.0"],
        "How much a process may carry: limits that degrade well",
        &["tidewater"],
        &[],
    ),
];

const README: &str = "# acme-telemetry

Traces, metrics and logs of every acme service, set up in one line.

```rust
fn main() -> anyhow::Result<()> {
    let _guard = acme_telemetry::start(\"billing\")?;
    tracing::info!(\"ready\");
    Ok(())
}
```

## What it does

- sends **traces** to the collector of the machine, and keeps the last minute where there is none;
- counts what a service does, under names that dashboards know;
- writes logs as JSON where no terminal is.

| variable | meaning | default |
|---|---|---|
| `ACME_TELEMETRY` | where to send | `unix:/run/collector` |
| `ACME_LOG` | what to write | `info` |

It follows [the handbook](https://handbook.acme.example/telemetry). Ask in *#observability*.
";

impl Acme {
    pub(crate) async fn start() -> Self {
        let server = Server::start(ServerOptions::new(PROGRAM)).await;
        let admin = server.admin();
        let mut acme = Self {
            upstream: FakeUpstream::start(),
            server,
            admin,
        };
        acme.registries().await;
        acme.people().await;
        acme.crates().await;
        acme.states().await;
        acme.builds().await;
        history::write(&mut acme.server).await;
        acme.builds().await;
        // not cached yet: the upstream is asked, and so it is known to be well
        let old = acme.admin.download("acme", View::Index, "serde", "1.0.218");
        old.await.expect(200);
        acme
    }

    async fn call(&self, method: Method, path: &str, body: Value) {
        let request = self.admin.request(method, &format!("/api/v1{path}"));
        let request = match body {
            Value::Null => request,
            body => request.json(&body),
        };
        let answer = request.send().await;
        let said = (answer.status, answer.text());
        assert!(answer.status.is_success(), "{path}: {said:?}");
    }

    async fn post(&self, path: &str, body: Value) {
        self.call(Method::POST, path, body).await;
    }

    async fn put(&self, path: &str, body: Value) {
        self.call(Method::PUT, path, body).await;
    }

    async fn registries(&self) {
        // the first start's go, for an upstream that has its name and can be reached
        self.admin.attach("main", json!([])).await;
        self.call(Method::DELETE, "/registries/main?confirm=main", Value::Null)
            .await;
        self.call(Method::DELETE, "/upstreams/crates-io", Value::Null)
            .await;
        for (name, versions, description) in CRATES_IO {
            for version in versions {
                let package = Package::new(name, version)
                    .field("description", description)
                    .field("license", "MIT OR Apache-2.0")
                    .ballast(20_000);
                self.upstream.publish(&package);
            }
        }
        let index = self.upstream.index_url();
        self.post("/upstreams", json!({ "name": "crates-io", "index": index }))
            .await;
        self.post(
            "/upstreams",
            json!({ "name": "partner", "index": index, "auth": { "kind": "bearer", "secret": "not a secret of anybody" } }),
        )
        .await;
        for (name, visibility, description, upstreams, labels) in [
            (
                "acme",
                "internal",
                "Crates of all product teams, and crates.io behind them",
                json!([{ "name": "crates-io" }, { "name": "partner", "only": ["partner-*"] }]),
                json!({ "team": "core", "tier": "1" }),
            ),
            (
                "platform",
                "private",
                "Build tooling and the base services",
                json!(["crates-io"]),
                json!({ "team": "platform" }),
            ),
            (
                "acme-oss",
                "public",
                "What we give away",
                json!([]),
                json!({}),
            ),
            (
                "sandbox",
                "internal",
                "Try things here; emptied each Sunday",
                json!([]),
                json!({}),
            ),
        ] {
            self.post(
                "/registries",
                json!({
                    "name": name, "visibility": visibility, "description": description,
                    "upstreams": upstreams, "labels": labels,
                }),
            )
            .await;
        }
    }

    async fn people(&self) {
        for (name, role) in [
            ("mira", "admin"),
            ("alice", "creator"),
            ("bob", "member"),
            ("carol", "member"),
            ("dmitri", "member"),
        ] {
            let email = format!("{name}@acme.example");
            self.post(
                "/users",
                json!({ "name": name, "email": email, "password": PASSWORD, "instance_role": role }),
            )
            .await;
        }
        self.post("/teams", json!({ "name": "core" })).await;
        for name in ["alice", "bob"] {
            self.put(&format!("/teams/core/members/{name}"), Value::Null)
                .await;
        }
        self.post(
            "/service-accounts",
            json!({ "name": "ci", "registry": "acme" }),
        )
        .await;
        self.post("/service-accounts", json!({ "name": "backup" }))
            .await;
        for (registry, principal, role) in [
            ("acme", "team:core", "maintainer"),
            ("acme", "carol", "publisher"),
            ("acme", "service:ci", "publisher"),
            ("platform", "dmitri", "admin"),
            ("platform", "carol", "reader"),
            ("acme-oss", "carol", "publisher"),
        ] {
            self.put(
                &format!("/registries/{registry}/members/{principal}"),
                json!({ "role": role }),
            )
            .await;
        }
        for (principal, name, scopes, days) in [
            ("mira", "laptop", json!(["read", "publish"]), 30),
            ("mira", "audit export", json!(["read", "admin"]), 7),
            ("alice", "laptop", json!(["read", "publish", "yank"]), 90),
            ("service:ci", "pipeline", json!(["read", "publish"]), 365),
        ] {
            let mut token = json!({ "name": name, "principal": principal, "scopes": scopes, "expires_in_days": days });
            if name == "pipeline" {
                token["registries"] = json!(["acme"]);
                token["crates"] = json!(["acme-*"]);
            }
            self.post("/tokens", token).await;
        }
        self.post(
            "/registries/acme/trusted-publishers",
            json!({
                "name": "release", "preset": "github", "scopes": ["publish"],
                "claims": { "repository": "acme/telemetry", "workflow": "release.yml" },
            }),
        )
        .await;
    }

    async fn crates(&self) {
        self.post(
            "/registries/acme/claims",
            json!({ "pattern": "acme-*", "mode": "private" }),
        )
        .await;
        self.post(
            "/registries/acme/claims",
            json!({ "pattern": "tracing", "mode": "merge" }),
        )
        .await;
        for (registry, name, versions, description, ours, theirs) in MADE {
            let index = self.server.index_url(registry, View::Index);
            let person = match registry {
                "platform" => "dmitri",
                "acme" if name != "acme-ledger" => "alice",
                _ => "carol",
            };
            let token = json!({ "principal": person, "scopes": ["publish"], "expires_in_days": 1 });
            let token = self.admin.token(token).await;
            let publisher = self.server.anonymous().with_token(&token);
            for version in versions {
                let mut package = Package::new(name, version)
                    .field("description", description)
                    .field("license", "MIT OR Apache-2.0")
                    .field("repository", format!("https://git.acme.example/{name}"))
                    .field("keywords", vec!["acme", "service"])
                    .rust_version("1.85")
                    .ballast(30_000);
                for need in ours {
                    let requirement = MADE.iter().find(|made| made.1 == *need).unwrap().2[0];
                    package = package
                        .depends_on(Dependency::new(need, requirement).same_registry(&index));
                }
                for need in theirs {
                    let requirement = CRATES_IO.iter().find(|made| made.0 == *need).unwrap().1[0];
                    package = package.dependency(need, requirement);
                }
                if name == "acme-telemetry" {
                    package = package
                        .feature("default", &["json"])
                        .feature("json", &[])
                        .feature("metrics", &[])
                        .feature("full", &["json", "metrics"])
                        .field("readme", "README.md")
                        .file("README.md", README);
                }
                publisher.publish(registry, &package).await.expect(200);
            }
        }
    }

    async fn states(&self) {
        let of = |version: &str, deed: &str| {
            format!("/registries/acme/crates/acme-telemetry/versions/{version}{deed}")
        };
        let yanked = self.admin.yank("acme", "acme-telemetry", "2.4.0", true);
        yanked.await.expect(200);
        let reason = "spans of one request end up in another; 2.3.1 and 2.5.0 are sound";
        self.put(
            &of("2.3.0", "/quarantine"),
            json!({ "action": "hold", "reason": reason }),
        )
        .await;
        let reason = "its build script writes outside of `OUT_DIR`";
        self.put(
            &of("2.1.0", "/quarantine"),
            json!({ "action": "block", "reason": reason }),
        )
        .await;
        self.call(Method::DELETE, &of("2.2.0", ""), Value::Null)
            .await;
        // a name that nobody claims, and that upstreams may have again
        let given_up = Package::new("drydock", "0.1.0");
        self.admin.publish("acme", &given_up).await.expect(200);
        let path = "/registries/acme/crates/drydock";
        self.call(Method::DELETE, path, Value::Null).await;
        self.put(
            "/registries/acme/crates/rand/versions/0.9.1/quarantine",
            json!({ "action": "block", "reason": "reads memory that is not its own" }),
        )
        .await;
    }

    /// What builds download, so that there is something in the cache and in the counts.
    async fn builds(&self) {
        for (name, versions, _) in CRATES_IO {
            let version = versions.last().unwrap();
            let file = self.admin.download("acme", View::Index, name, version);
            file.await.expect(200);
        }
        for (registry, name, versions, ..) in MADE {
            let version = versions.last().unwrap();
            let file = self.admin.download(registry, View::Index, name, version);
            file.await.expect(200);
        }
        // what was denied stands in the audit log too
        let nobody = self.server.anonymous();
        let path = "/platform/api/v1/crates/platform-deploy/4.1.0/download";
        nobody.get(path).await.expect(401);
        eventually("the cached crates are listed", async || {
            let list = self
                .admin
                .get("/api/v1/registries/acme/crates?source=cached");
            let list = list.await.expect(200).json();
            list["total"] == CRATES_IO.len()
        })
        .await;
    }
}
