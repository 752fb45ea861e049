//! Every operation once, with something good. The client holds each answer against the description.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use supercargo_testkit::{
    Answer, Client, Database, FakeUpstream, Package, Server, ServerOptions, View, on_both,
};

use crate::{PROGRAM, assert_log_is_clean, operations};

on_both!(every_operation_answers_as_it_is_described);

/// Who walks, and where they have been.
struct Walk {
    admin: Client,
    walked: BTreeSet<String>,
}

impl Walk {
    /// One operation by its line in the description, with what stands for its names, and a query.
    async fn ask(&mut self, line: &str, names: &[&str], query: &str, body: &Value) -> Answer {
        let client = self.admin.clone();
        self.ask_as(&client, line, names, query, body).await
    }

    async fn ask_as(
        &mut self,
        client: &Client,
        line: &str,
        names: &[&str],
        query: &str,
        body: &Value,
    ) -> Answer {
        self.walked.insert(line.to_owned());
        let (method, path) = line.split_once(' ').unwrap();
        let mut names = names.iter();
        let pieces = path.split('/').map(|piece| {
            if piece.starts_with('{') {
                names.next().expect("a name for each in braces")
            } else {
                piece
            }
        });
        let path = format!("/api/v1{}{query}", pieces.collect::<Vec<_>>().join("/"));
        let method: Method = method.parse().unwrap();
        let mut request = client.request(method, &path);
        if !body.is_null() {
            request = request.json(body);
        }
        request.send().await
    }

    async fn get(&mut self, line: &str, names: &[&str]) -> Value {
        let answer = self.ask(line, names, "", &Value::Null).await;
        answer.expect(200).json()
    }

    async fn make(&mut self, line: &str, names: &[&str], body: Value) -> Value {
        self.ask(line, names, "", &body).await.expect(201).json()
    }

    async fn change(&mut self, line: &str, names: &[&str], body: Value) -> Value {
        self.ask(line, names, "", &body).await.expect(200).json()
    }

    async fn delete(&mut self, line: &str, names: &[&str], query: &str) {
        let answer = self.ask(line, names, query, &Value::Null).await;
        answer.expect(204);
    }
}

/// O6.
async fn every_operation_answers_as_it_is_described(database: Database) {
    let upstream = FakeUpstream::start();
    let options = ServerOptions::new(PROGRAM)
        .database(database)
        .setting("upstream.freshness", "0s");
    let mut server = Server::start(options).await;
    let mut walk = Walk {
        admin: server.admin(),
        walked: BTreeSet::new(),
    };
    registries(&mut walk, &upstream).await;
    people(&mut walk, &server).await;
    crates(&mut walk, &upstream).await;
    upstreams_crates(&mut walk, &upstream).await;
    jobs_and_logs(&mut walk).await;
    ends(&mut walk).await;

    let described = operations(&server).await;
    let described: BTreeSet<_> = described.iter().map(crate::Operation::line).collect();
    let missing: Vec<_> = described.difference(&walk.walked).collect();
    assert!(missing.is_empty(), "nobody has asked for {missing:#?}");
    server.stop().await;
    assert_log_is_clean(&server.log());
}

async fn registries(walk: &mut Walk, upstream: &FakeUpstream) {
    walk.get("GET /openapi.json", &[]).await;
    let partner = json!({
        "name": "partner", "index": upstream.index_url(),
        "auth": { "kind": "basic", "username": "acme", "secret": "sesame" }, "usable_by": ["main"],
    });
    walk.make("POST /upstreams", &[], partner).await;
    let one = "/upstreams/{upstream}";
    let open = json!({ "auth": { "kind": "none" }, "usable_by": null });
    walk.change(&format!("PATCH {one}"), &["partner"], open)
        .await;
    walk.get(&format!("GET {one}"), &["partner"]).await;
    let test = format!("POST {one}/test");
    walk.change(&test, &["partner"], Value::Null).await;
    walk.get("GET /upstreams", &[]).await;
    let attached = json!({ "name": "partner", "except": ["acme-*"] });
    let acme = json!({
        "name": "acme", "labels": { "team": "core" }, "visibility": "internal", "upstreams": [attached],
    });
    walk.make("POST /registries", &[], acme).await;
    let one = "/registries/{registry}";
    let edit = json!({ "description": "ours", "block": ["openssl@<0.10.55"] });
    walk.change(&format!("PATCH {one}"), &["acme"], edit).await;
    walk.get(&format!("GET {one}"), &["acme"]).await;
    walk.get("GET /registries", &[]).await;
    let claim = json!({ "pattern": "acme-*", "mode": "private" });
    walk.make(&format!("POST {one}/claims"), &["acme"], claim)
        .await;
    walk.get(&format!("GET {one}/claims"), &["acme"]).await;
    let claim = format!("DELETE {one}/claims/{{pattern}}");
    walk.delete(&claim, &["acme", "acme-*"], "?confirm=acme-*")
        .await;
}

async fn people(walk: &mut Walk, server: &Server) {
    let alice =
        json!({ "name": "alice", "email": "alice@acme.example", "password": "tulip brook 17" });
    walk.make("POST /users", &[], alice).await;
    walk.get("GET /users", &[]).await;
    let edit = json!({ "email": null, "instance_role": "creator" });
    walk.change("PATCH /users/{user}", &["alice"], edit).await;
    walk.get("GET /users/{user}", &["alice"]).await;
    let identity = json!({ "issuer": "https://id.acme.example", "subject": "4711" });
    walk.make("POST /users/{user}/identities", &["alice"], identity)
        .await;
    walk.get("GET /users/{user}/identities", &["alice"]).await;
    let query = "?issuer=https://id.acme.example&subject=4711";
    walk.delete("DELETE /users/{user}/identities", &["alice"], query)
        .await;

    let sign_in = json!({
        "user": "alice", "password": "tulip brook 17", "token": { "name": "laptop", "scopes": ["read"] },
    });
    let nobody = server.anonymous();
    let answer = walk
        .ask_as(&nobody, "POST /sign-in", &[], "", &sign_in)
        .await;
    let token = answer.expect(201).json();
    let as_alice = nobody.with_token(token["token"].as_str().unwrap());
    let password = json!({ "current": "tulip brook 17", "new": "lantern 4 in the attic" });
    let answer = walk
        .ask_as(&as_alice, "PUT /me/password", &[], "", &password)
        .await;
    answer.expect(204);
    let device = json!({ "token": { "name": "laptop", "scopes": ["read"] } });
    let answer = walk
        .ask_as(&nobody, "POST /sign-in/devices", &[], "", &device)
        .await;
    let code = answer.expect(201).json()["device_code"].clone();
    let code = json!({ "device_code": code });
    // nobody has approved it in a browser
    let answer = walk
        .ask_as(&nobody, "POST /sign-in/devices/token", &[], "", &code)
        .await;
    answer.expect(409);

    walk.get("GET /me", &[]).await;
    walk.get("GET /sessions", &[]).await;
    walk.delete("DELETE /sessions", &[], "?user=alice").await;
    // there is a session for who has signed in with a browser alone
    let answer = walk
        .ask("DELETE /sessions/{id}", &["none"], "", &Value::Null)
        .await;
    answer.expect(404);

    let ci = json!({ "name": "ci", "registry": "acme" });
    walk.make("POST /service-accounts", &[], ci).await;
    walk.get("GET /service-accounts", &[]).await;
    let one = "/service-accounts/{account}";
    walk.get(&format!("GET {one}"), &["ci"]).await;
    let edit = json!({ "disabled": true });
    walk.change(&format!("PATCH {one}"), &["ci"], edit).await;
    walk.make("POST /teams", &[], json!({ "name": "core" }))
        .await;
    walk.get("GET /teams", &[]).await;
    let member = "/teams/{team}/members/{user}";
    let names = ["core", "alice"];
    walk.change(&format!("PUT {member}"), &names, Value::Null)
        .await;
    walk.get("GET /teams/{team}", &["core"]).await;
    let role = json!({ "role": "publisher" });
    let member = "/registries/{registry}/members/{principal}";
    walk.change(&format!("PUT {member}"), &["acme", "team:core"], role)
        .await;
    walk.get("GET /registries/{registry}/members", &["acme"])
        .await;
    walk.delete(&format!("DELETE {member}"), &["acme", "team:core"], "")
        .await;
    walk.delete("DELETE /teams/{team}/members/{user}", &names, "")
        .await;
    walk.delete("DELETE /teams/{team}", &["core"], "").await;

    let token = json!({ "name": "once", "scopes": ["publish"], "crates": ["acme-*"], "expires_in_days": 1 });
    let token = walk.make("POST /tokens", &[], token).await;
    let id = token["id"].as_str().unwrap().to_owned();
    walk.get("GET /tokens", &[]).await;
    walk.get("GET /tokens/{id}", &[&id]).await;
    walk.delete("DELETE /tokens/{id}", &[&id], "").await;
}

async fn crates(walk: &mut Walk, upstream: &FakeUpstream) {
    let package = Package::new("demo", "1.0.0");
    let crates = "/registries/{registry}/crates";
    let line = format!("POST {crates}");
    walk.walked.insert(line);
    let request = walk
        .admin
        .request(Method::POST, "/api/v1/registries/acme/crates");
    request.body(package.crate_bytes()).send().await.expect(201);
    let acme = walk.admin.clone();
    acme.publish("acme", &Package::new("demo", "1.1.0"))
        .await
        .expect(200);
    acme.publish("acme", &Package::new("spare", "1.0.0"))
        .await
        .expect(200);
    upstream.publish(&Package::new("spare", "2.0.0"));

    let one = format!("{crates}/{{crate}}");
    let version = format!("{one}/versions/{{version}}");
    let (demo, first) = (["acme", "demo"], ["acme", "demo", "1.0.0"]);
    walk.get(&format!("GET {crates}"), &["acme"]).await;
    let narrowed = "?q=demo&state=available&label=team&label=team%3Dcore";
    let line = format!("GET {crates}");
    let answer = walk.ask(&line, &["acme"], narrowed, &Value::Null).await;
    answer.expect(200);
    walk.get(&format!("GET {one}"), &demo).await;
    walk.get(&format!("GET {one}/versions"), &demo).await;
    walk.get(&format!("GET {version}"), &first).await;
    for (subject, names) in [(&one, &demo[..]), (&version, &first)] {
        let hold = json!({ "action": "hold", "reason": "we look at it" });
        walk.change(&format!("PUT {subject}/quarantine"), names, hold)
            .await;
        walk.get("GET /registries/{registry}/quarantines", &["acme"])
            .await;
        walk.get(&format!("GET {subject}"), names).await;
        let labels = json!({ "set": { "team": "core", "old": "" }, "remove": ["never"] });
        walk.change(&format!("PATCH {subject}/labels"), names, labels)
            .await;
        walk.get(&format!("GET {subject}/labels"), names).await;
        walk.delete(&format!("DELETE {subject}/quarantine"), names, "")
            .await;
        walk.delete(&format!("DELETE {subject}"), names, "").await;
        let restore = format!("POST {subject}/restore");
        walk.change(&restore, names, Value::Null).await;
    }
    walk.delete(&format!("DELETE {version}"), &first, "").await;
    walk.delete(&format!("DELETE {version}"), &first, "?purge=true")
        .await;
    walk.get(&format!("GET {version}"), &first).await;
    walk.get(&format!("GET {one}/versions"), &demo).await;

    let spare = ["acme", "spare"];
    walk.delete(&format!("DELETE {one}"), &spare, "").await;
    let confirm = json!({ "confirm": "spare" });
    walk.change(&format!("POST {one}/release"), &spare, confirm)
        .await;
}

/// What is read through.
async fn upstreams_crates(walk: &mut Walk, upstream: &FakeUpstream) {
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    upstream.publish(&former);
    let admin = walk.admin.clone();
    let download = async || {
        let download = admin.download("acme", View::Index, "left-pad", "1.0.0");
        download.await.expect(200);
    };
    download().await;
    let cache = "/registries/{registry}/cache";
    walk.get(&format!("GET {cache}"), &["acme"]).await;
    let left_pad = ["acme", "left-pad"];
    let one = "/registries/{registry}/crates/{crate}";
    walk.get(&format!("GET {one}"), &left_pad).await;
    walk.delete(&format!("DELETE {cache}/{{crate}}"), &left_pad, "")
        .await;
    walk.delete(&format!("DELETE {cache}"), &["acme"], "").await;
    download().await;
    upstream.republish(&Package::new("left-pad", "1.0.0").file("CHANGED", "bytes"));
    admin
        .index("acme", View::Index, "left-pad")
        .await
        .expect(200);
    let names = ["acme", "left-pad", "1.0.0"];
    let ledger = format!("DELETE {one}/versions/{{version}}/ledger");
    walk.delete(&ledger, &names, "?confirm=1.0.0").await;

    let spare = json!({ "name": "spare", "index": upstream.index_url() });
    admin.create_upstream(spare).await;
    admin.attach("acme", json!(["partner", "spare"])).await;
    let moved = json!({ "upstream": "spare" });
    walk.change(&format!("POST {one}/pin"), &left_pad, moved)
        .await;
    admin.attach("acme", json!(["partner"])).await;
    walk.delete("DELETE /upstreams/{upstream}", &["spare"], "")
        .await;
    let pulls = format!("GET {one}/versions/{{version}}/pulls");
    let pulls = walk.get(&pulls, &names).await;
    assert_eq!(pulls["total"], 1, "{pulls}");
}

async fn jobs_and_logs(walk: &mut Walk) {
    let rules = "/registries/{registry}/trusted-publishers";
    let rule =
        json!({ "name": "release", "preset": "github", "claims": { "repository": "acme/app" } });
    walk.make(&format!("POST {rules}"), &["acme"], rule).await;
    walk.get(&format!("GET {rules}"), &["acme"]).await;
    let (one, names) = (format!("{rules}/{{publisher}}"), ["acme", "release"]);
    let edit = json!({ "scopes": ["publish"], "crates": ["acme-*"] });
    walk.change(&format!("PATCH {one}"), &names, edit).await;
    walk.get(&format!("GET {one}"), &names).await;
    walk.delete(&format!("DELETE {one}"), &names, "").await;

    for (query, kind) in [
        ("?limit=200", "application/json"),
        ("?action=download&registry=acme", "application/json"),
        ("?format=jsonl", "application/jsonl"),
        ("?format=csv", "text/csv"),
    ] {
        let answer = walk
            .ask("GET /audit", &[], query, &Value::Null)
            .await
            .expect(200);
        let is = answer.header("content-type").unwrap();
        assert!(is.starts_with(kind), "{query}: {is}");
    }
    let query = "?crate=left-pad&version=1.0.0";
    let exposure = walk.ask("GET /exposure", &[], query, &Value::Null).await;
    let exposure = exposure.expect(200).json();
    assert_eq!(
        exposure["items"].as_array().map(Vec::len),
        Some(1),
        "{exposure}"
    );
}

async fn ends(walk: &mut Walk) {
    let one = "/registries/{registry}";
    walk.delete(&format!("DELETE {one}"), &["acme"], "?confirm=acme")
        .await;
    walk.change(&format!("POST {one}/restore"), &["acme"], Value::Null)
        .await;
    let account = "DELETE /service-accounts/{account}";
    walk.delete(account, &["ci"], "?confirm=ci").await;
    walk.delete("DELETE /users/{user}", &["alice"], "?confirm=alice")
        .await;
}
