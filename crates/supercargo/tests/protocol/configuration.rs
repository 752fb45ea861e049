//! Row P2: `config.json`, and how a registry that may not be seen answers.

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Answer, Client, Database, Package, normalise, on_both};

use crate::world::{cargo, server, stranger, write_program};

on_both!(
    config_json_is_absolute_and_says_whether_a_token_is_needed,
    a_registry_that_may_not_be_seen_answers_as_one_that_is_not_there,
    a_cargo_that_cannot_send_a_token_is_told_which_one_can,
    a_public_registry_is_for_every_cargo_and_a_private_one_from_1_74_on,
);

/// Row P2.
async fn config_json_is_absolute_and_says_whether_a_token_is_needed(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for visibility in ["internal", "public"] {
        let name = format!("acme-{visibility}");
        admin
            .create_registry(json!({ "name": name, "visibility": visibility }))
            .await;
    }
    let mut texts = Vec::new();
    for registry in ["acme", "acme-internal", "acme-public"] {
        for view in ["", "mirror/", "hosted/"] {
            let path = format!("/{registry}/{view}index/config.json");
            let answer = admin.get(&path).await.expect(200);
            texts.push(format!("{path} {}", answer.text()));
        }
    }
    assert_snapshot!(normalise(&texts.join("\n"), server.data()), @r#"
    /acme/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme","auth-required":true}
    /acme/mirror/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme/mirror/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme","auth-required":true}
    /acme/hosted/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme","auth-required":true}
    /acme-internal/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme-internal/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme-internal","auth-required":true}
    /acme-internal/mirror/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme-internal/mirror/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme-internal","auth-required":true}
    /acme-internal/hosted/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme-internal/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme-internal","auth-required":true}
    /acme-public/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme-public/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme-public"}
    /acme-public/mirror/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme-public/mirror/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme-public"}
    /acme-public/hosted/index/config.json {"dl":"http://127.0.0.1:[PORT]/acme-public/api/v1/crates","api":"http://127.0.0.1:[PORT]/acme-public"}
    "#);
    let open = server
        .anonymous()
        .get("/acme-public/index/config.json")
        .await;
    assert_eq!(open.expect(200).json().get("auth-required"), None);
    let index = server
        .anonymous()
        .get("/acme-public/index/de/mo/demo")
        .await;
    index.expect(404);
}

/// Everything of an answer but its date.
fn whole(answer: &Answer) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    format!(
        "{}\n{}\n\n{}",
        answer.status,
        headers.join("\n"),
        answer.text()
    )
}

/// What a person gets from a registry, from every kind of address that cargo asks.
async fn all_answers(client: &Client, registry: &str) -> String {
    let mut answers = Vec::new();
    for path in [
        "index/config.json",
        "mirror/index/config.json",
        "hosted/index/config.json",
        "index/de/mo/demo",
        "index/de/mo/demon",
        "index/odd",
        "api/v1/crates?q=a",
        "api/v1/crates/demo/1.0.0/download",
        "api/v1/crates/demo/9.0.0/download",
        "mirror/api/v1/crates/demo/1.0.0/download",
        "api/v1/crates/demo/owners",
        "api/v1/crates/demo/none",
        "me",
    ] {
        let answer = client.get(&format!("/{registry}/{path}")).await;
        answers.push(format!("{path} {}", whole(&answer)));
    }
    let demo = Package::new("demo", "1.0.1");
    answers.push(whole(&client.publish(registry, &demo).await));
    answers.push(whole(&client.yank(registry, "demo", "1.0.0", true).await));
    answers.push(whole(&client.yank(registry, "demo", "1.0.0", false).await));
    for method in [http::Method::PUT, http::Method::DELETE] {
        let request = client.request(method, &format!("/{registry}/api/v1/crates/demo/owners"));
        answers.push(whole(
            &request.json(&json!({ "users": ["admin"] })).send().await,
        ));
    }
    answers
        .join("\n\n")
        .replace(registry, "REGISTRY")
        .replace(&registry.to_uppercase(), "REGISTRY")
}

/// Row P2, and "hidden and unknown answer alike, byte for byte". The names have one length, so that the lengths of the
/// answers agree as well.
async fn a_registry_that_may_not_be_seen_answers_as_one_that_is_not_there(database: Database) {
    let server = server(database).await;
    let demo = Package::new("demo", "1.0.0");
    server.admin().publish("acme", &demo).await.expect(200);
    let (stranger, _) = stranger(&server).await;
    for client in [
        server.anonymous(),
        stranger.clone(),
        server.anonymous().with_token("scg_none"),
    ] {
        assert_eq!(
            all_answers(&client, "acme").await,
            all_answers(&client, "emca").await
        );
    }
    let shown = |answer: &Answer| normalise(&whole(answer), server.data());
    let path = "/acme/index/config.json";
    assert_snapshot!(shown(&server.anonymous().get(path).await), @r#"
    401 Unauthorized
    cache-control: no-store
    content-length: 84
    content-type: text/plain; charset=utf-8
    www-authenticate: Cargo login_url="http://127.0.0.1:[PORT]/acme/me"
    x-content-type-options: nosniff

    registry `acme` needs a token, or does not exist; run `cargo login --registry acme`
    "#);
    assert_snapshot!(shown(&stranger.get(path).await), @r#"
    403 Forbidden
    cache-control: no-store
    content-length: 129
    content-type: text/plain; charset=utf-8
    x-content-type-options: nosniff

    there is no registry `acme`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    "#);
    let challenge = server.anonymous().get(path).await;
    assert_eq!(
        challenge.header("www-authenticate").unwrap(),
        format!("Cargo login_url=\"{}/acme/me\"", server.url())
    );
}

/// Row P16: "older clients get a sentence that says so", and learn nothing else.
async fn a_cargo_that_cannot_send_a_token_is_told_which_one_can(database: Database) {
    let server = server(database).await;
    let anonymous = server.anonymous();
    let ask = async |agent: &str, path: &str| {
        let request = anonymous.request(http::Method::GET, path);
        let answer = request.header("user-agent", agent).send().await;
        normalise(&whole(&answer.expect(401)), server.data())
    };
    let config = "/acme/index/config.json";
    let old = ask("cargo 1.73.0", config).await;
    assert_snapshot!(old, @r#"
    401 Unauthorized
    cache-control: no-store
    content-length: 162
    content-type: text/plain; charset=utf-8
    www-authenticate: Cargo login_url="http://127.0.0.1:[PORT]/acme/me"
    x-content-type-options: nosniff

    registry `acme` needs a token, or does not exist; cargo 1.73.0 cannot send one when it reads: private registries need cargo 1.74 or later, so run `rustup update`
    "#);
    let unknown = ask("cargo 1.73.0", "/emca/index/config.json").await;
    assert_eq!(unknown.replace("emca", "acme"), old);
    let download = "/acme/api/v1/crates/demo/1.0.0/download";
    assert_eq!(ask("cargo 1.73.0", download).await, old);
    for agent in ["cargo 1.74.0", "cargo/1.95.0 (abc 2026-03-21)", "curl/8.0"] {
        let said = ask(agent, config).await;
        assert!(!said.contains("1.74"), "{said}");
    }
}

/// Row P16, with the cargo at hand: public reads and publishing from 1.73 on, private reads from 1.74 on.
async fn a_public_registry_is_for_every_cargo_and_a_private_one_from_1_74_on(database: Database) {
    let server = server(database).await;
    let public = json!({ "name": "open", "visibility": "public" });
    server.admin().create_registry(public).await;
    let cargo = cargo(&server, &["acme", "open"]);
    let project = cargo.project(&Package::new("acme-core", "1.0.0"));
    let publish = ["publish", "--registry", "open"];
    cargo.run(&project, &publish).await.success();
    let app = cargo.folder("app");
    write_program(
        &app,
        "acme-core = { version = \"1\", registry = \"open\" }",
        "println!(\"{}\", acme_core::version());",
    );
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(ran.stdout, "1.0.0\n");

    let publish = ["publish", "--registry", "acme"];
    let outcome = cargo.run(&project, &publish).await;
    if cargo.is_at_least("1.74") {
        outcome.success();
    } else {
        let said = outcome.failure().messages();
        let words = "private registries need cargo 1.74 or later";
        assert!(said.contains(words), "{said}");
    }
}
