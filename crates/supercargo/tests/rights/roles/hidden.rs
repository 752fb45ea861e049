//! A registry that somebody may not see is to them as one that is not there; and what changes, changes at once.

use http::Method;
use serde_json::json;
use supercargo_testkit::{Answer, Dependency, Package, Server, View};

use super::{
    deeds::{ALL_SCOPES, deed, registry_deed, user},
    tables::{REGISTRY_RIGHTS, rows},
};
use crate::{assert_error, on_both_databases};

on_both_databases!(
    a_hidden_registry_answers_as_one_that_never_was,
    what_a_client_has_already_opens_nothing,
    a_dependency_cannot_find_out_which_registries_there_are,
    a_change_of_role_or_visibility_holds_for_the_next_request,
);

/// Status, headers and body; `hidden` and `absent` are of one length, so that even a `Content-Length` has to agree.
fn shown(answer: &Answer, registry: &str) -> String {
    let headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    format!(
        "{}\n{}\n\n{}",
        answer.status,
        headers.join("\n"),
        answer.text()
    )
    .replace(registry, "REGISTRY")
    .replace(&registry.to_uppercase(), "REGISTRY")
}

async fn a_hidden_registry_answers_as_one_that_never_was(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "hidden" })).await;
    admin
        .publish("hidden", &Package::new("another", "1.0.0"))
        .await
        .expect(200);
    admin.create_registry(json!({ "name": "erased" })).await;
    admin
        .delete("/api/v1/registries/erased?confirm=erased")
        .await
        .expect(204);
    admin.create_user("extra").await;
    admin
        .create_registry(json!({ "name": "inside", "visibility": "internal" }))
        .await;
    let stranger = user(&admin, "stranger", "member").await;
    let narrowed = admin
        .token(json!({ "scopes": ALL_SCOPES, "registries": ["inside"] }))
        .await;
    let narrowed = admin.with_token(&narrowed);
    let rows = rows(REGISTRY_RIGHTS);
    let odd_deeds = |registry: &str| {
        vec![
            deed(Method::GET, format!("/{registry}/me")),
            deed(Method::GET, format!("/{registry}/api/v1/nothing")),
            deed(
                Method::GET,
                format!("/{registry}/api/v1/crates/another/9.9.9/download"),
            ),
            deed(Method::GET, format!("/{registry}/index/no/wh/nowhere")),
            deed(Method::POST, format!("/{registry}/index/config.json")),
            deed(Method::OPTIONS, format!("/{registry}/api/v1/crates")),
            deed(Method::HEAD, format!("/{registry}/index/an/ot/another")),
            deed(
                Method::POST,
                format!("/api/v1/registries/{registry}/restore"),
            ),
            deed(Method::GET, format!("/api/v1/registries/{registry}?x=1")),
            deed(
                Method::GET,
                format!("/api/v1/registries/{registry}/nothing"),
            ),
            deed(Method::PATCH, format!("/api/v1/registries/{registry}"))
                .json(json!({ "visibility": "nonsense" })),
            deed(Method::POST, "/api/v1/tokens")
                .json(json!({ "name": "x", "registries": [registry] })),
        ]
    };
    for client in [&server.anonymous(), &stranger, &narrowed] {
        let deeds = |registry: &str| {
            let mut deeds = odd_deeds(registry);
            let of_table = rows.iter().filter(|row| row.visibility == "private");
            deeds.extend(of_table.map(|row| registry_deed(row.deed, registry, "x", 1)));
            deeds
        };
        let (hidden, absent, erased) = (deeds("hidden"), deeds("absent"), deeds("erased"));
        for ((hidden, absent), erased) in hidden.iter().zip(&absent).zip(&erased) {
            let absent = shown(&absent.by(client).await, "absent");
            assert_eq!(
                shown(&hidden.by(client).await, "hidden"),
                absent,
                "{}",
                hidden.path
            );
            assert_eq!(
                shown(&erased.by(client).await, "erased"),
                absent,
                "{}",
                erased.path
            );
        }
        for list in ["registries", "upstreams"] {
            let answer = client.get(&format!("/api/v1/{list}")).await;
            assert!(!answer.text().contains("hidden"), "{answer}");
        }
    }
}

async fn what_a_client_has_already_opens_nothing(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "hidden" })).await;
    let package = Package::new("demo", "1.0.0");
    admin.publish("hidden", &package).await.expect(200);
    let stranger = user(&admin, "stranger", "member").await;
    for path in [
        "/hidden/index/config.json",
        "/hidden/index/de/mo/demo",
        "/hidden/api/v1/crates/demo/1.0.0/download",
    ] {
        let etag = admin.get(path).await.expect(200);
        let etag = etag.header("etag").unwrap_or("*").to_owned();
        for tag in ["*", &etag] {
            for (client, status) in [(server.anonymous(), 401), (stranger.clone(), 403)] {
                let request = client.request(Method::GET, path);
                let request = request
                    .header("if-none-match", tag)
                    .header("range", "bytes=0-");
                let answer = request.send().await.expect(status);
                assert_eq!(answer.header("etag"), None, "{answer}");
            }
        }
    }
}

async fn a_dependency_cannot_find_out_which_registries_there_are(server: &Server) {
    let admin = server.admin();
    for name in ["hidden", "hers"] {
        admin.create_registry(json!({ "name": name })).await;
    }
    let alice = admin
        .person("alice", "hers", "publisher", &["publish"])
        .await;
    let mut answers = Vec::new();
    for registry in ["hidden", "absent"] {
        let dependency =
            Dependency::new("demo", "1").registry_index(&server.index_url(registry, View::Index));
        let package = Package::new("asks", "1.0.0").depends_on(dependency);
        let answer = alice.publish("hers", &package).await;
        assert_error(&answer, 400, "unknown-dependency-registry");
        answers.push(shown(&answer, registry));
    }
    assert_eq!(answers[0], answers[1]);
}

async fn a_change_of_role_or_visibility_holds_for_the_next_request(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let alice = user(&admin, "alice", "member").await;
    let config = "/acme/index/config.json";
    let publish = |number: &'static str| {
        let package = Package::new("demo", number);
        let alice = alice.clone();
        async move { alice.publish("acme", &package).await }
    };
    alice.get(config).await.expect(403);
    admin.member("acme", "alice", "publisher").await;
    assert_eq!(
        alice.get(config).await.expect(200).json()["auth-required"],
        true
    );
    publish("1.0.0").await.expect(200);
    admin.member("acme", "alice", "reader").await;
    publish("1.1.0").await.expect(403);
    admin
        .delete("/api/v1/registries/acme/members/alice")
        .await
        .expect(204);
    alice.get(config).await.expect(403);
    for (visibility, anonymous, stranger) in [
        ("internal", 401, 200),
        ("public", 200, 200),
        ("private", 401, 403),
    ] {
        let change = json!({ "visibility": visibility });
        admin
            .patch("/api/v1/registries/acme", change)
            .await
            .expect(200);
        server.anonymous().get(config).await.expect(anonymous);
        let answer = alice.get(config).await.expect(stranger);
        if stranger == 200 {
            // absent, not `false`, where nobody has to sign in
            let required = (visibility != "public").then_some(true);
            assert_eq!(
                answer.json()["auth-required"].as_bool(),
                required,
                "{answer}"
            );
        }
    }
    let members = json!({ "publishing": "members" });
    admin
        .patch("/api/v1/registries/acme", members)
        .await
        .expect(200);
    admin
        .publish("acme", &Package::new("theirs", "1.0.0"))
        .await
        .expect(200);
    admin.member("acme", "alice", "publisher").await;
    alice
        .publish("acme", &Package::new("theirs", "1.1.0"))
        .await
        .expect(200);
    alice
        .yank("acme", "theirs", "1.0.0", true)
        .await
        .expect(200);
    let owners = json!({ "publishing": "owners" });
    admin
        .patch("/api/v1/registries/acme", owners)
        .await
        .expect(200);
    let refused = alice
        .publish("acme", &Package::new("theirs", "1.2.0"))
        .await
        .expect(403);
    assert_eq!(refused.code().as_deref(), Some("not-an-owner"), "{refused}");
}
