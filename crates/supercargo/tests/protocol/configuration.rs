//! Row P2: `config.json`, and how a registry that may not be seen answers.

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{Answer, Client, Database, Package, normalise, on_both};

use crate::world::{server, stranger};

on_both!(
    config_json_is_absolute_and_says_whether_a_token_is_needed,
    a_registry_that_may_not_be_seen_answers_as_one_that_is_not_there,
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
    content-length: 98
    content-type: text/plain; charset=utf-8
    x-content-type-options: nosniff

    there is no registry `acme`, or this token may not read it; ask its admins to add you as a member
    "#);
    let challenge = server.anonymous().get(path).await;
    assert_eq!(
        challenge.header("www-authenticate").unwrap(),
        format!("Cargo login_url=\"{}/acme/me\"", server.url())
    );
}
