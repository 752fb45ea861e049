//! Texts that a database, a shell or a terminal could take for more than that.

use serde_json::json;
use supercargo_testkit::{Package, Server};

use super::assert_alive;
use crate::on_both_databases;

on_both_databases!(
    text_that_databases_choke_on_is_only_text,
    wildcards_in_a_search_are_only_letters,
);

async fn text_that_databases_choke_on_is_only_text(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    // NUL, which PostgreSQL cannot hold, in everything that a publisher writes
    let nul = "a\u{0}b";
    for package in [
        Package::new("by-description", "1.0.0").field("description", nul),
        Package::new("by-keyword", "1.0.0").field("keywords", vec![nul]),
        Package::new("by-author", "1.0.0").field("authors", vec![nul]),
        Package::new("by-repository", "1.0.0").field("repository", nul),
        Package::new("by-readme", "1.0.0")
            .file("README.md", nul)
            .field("readme", "README.md"),
        Package::new("by-links", "1.0.0").links(nul),
        Package::new("by-metadata", "1.0.0")
            .manifest_extra("[package.metadata]\nx = \"a\\u0000b\""),
    ] {
        let answer = admin.publish("acme", &package).await;
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "{}: {answer}",
            package.name()
        );
    }
    for odd in [
        "'; DROP TABLE registries; --",
        "\" OR 1=1",
        "\u{1F980}\u{202e}\u{200b}",
        "\\",
        "%s%n{}$1",
    ] {
        let change = json!({ "description": odd, "labels": { odd: odd } });
        let changed = admin
            .patch("/api/v1/registries/acme", change)
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&changed["description"], &changed["labels"][odd]),
            (&json!(odd), &json!(odd))
        );
        let token = admin
            .post("/api/v1/tokens", json!({ "name": odd }))
            .await
            .expect(201)
            .json();
        assert_eq!(token["name"], odd);
        let encoded = encoded(odd);
        admin
            .get(&format!("/acme/api/v1/crates?q={encoded}"))
            .await
            .expect(200);
        admin
            .get(&format!("/api/v1/tokens?cursor={encoded}"))
            .await
            .expect(200);
        for path in [
            format!("/api/v1/tokens/{encoded}"),
            format!("/api/v1/upstreams/{encoded}"),
            format!("/api/v1/registries/acme/members/{encoded}"),
        ] {
            admin.delete(&path).await.expect(404);
        }
        let owners = json!({ "users": [odd] });
        admin.publish("acme", &Package::new("owned", "1.0.0")).await;
        admin
            .put("/acme/api/v1/crates/owned/owners", owners)
            .await
            .expect(400);
        admin
            .yank("acme", "owned", &encoded, true)
            .await
            .expect(404);
        admin
            .get(&format!("/acme/api/v1/crates/{encoded}/owners"))
            .await
            .expect(404);
    }
    for nul in [
        admin.get("/acme/api/v1/crates?q=%00").await,
        admin.get("/acme/api/v1/crates?q=a%00b%FF").await,
    ] {
        nul.expect(200);
    }
    let owners = json!({ "users": ["a\u{0}b"] });
    admin
        .put("/acme/api/v1/crates/owned/owners", owners)
        .await
        .expect(400);
    admin
        .yank("acme", "owned", "1.0.0%00", true)
        .await
        .expect(404);
    assert_alive(server).await;
}

async fn wildcards_in_a_search_are_only_letters(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    for (name, description) in [
        ("plain", "nothing odd"),
        ("with_mark", "100% of it's \"odd\" \\ stuff!"),
        ("third", "a_b"),
    ] {
        let package = Package::new(name, "1.0.0").field("description", description);
        admin.publish("acme", &package).await.expect(200);
    }
    for (query, found) in [
        ("%25", &["with_mark"][..]),
        ("%25%25", &[]),
        ("p%25n", &[]),
        ("pl_in", &[]),
        ("pl__n", &[]),
        ("a_b", &["third"]),
        ("with-mark", &["with_mark"]),
        ("WITH_MARK", &["with_mark"]),
        ("'", &["with_mark"]),
        ("%22", &["with_mark"]),
        ("%5C", &["with_mark"]),
        ("!", &["with_mark"]),
        ("!%25", &[]),
        ("*", &[]),
        ("", &["plain", "third", "with_mark"]),
    ] {
        let answer = admin
            .get(&format!("/acme/api/v1/crates?q={query}"))
            .await
            .expect(200)
            .json();
        let names: Vec<_> = answer["crates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| hit["name"].clone())
            .collect();
        assert_eq!(json!(names), json!(found), "{query}");
        assert_eq!(answer["meta"]["total"], found.len(), "{query}");
    }
    for (query, status) in [
        ("per_page=0", 200),
        ("per_page=1000000", 200),
        ("per_page=4294967295&page=4294967295", 200),
        ("page=0", 200),
        ("per_page=-1", 400),
        ("per_page=x", 400),
        ("page=99999999999999999999", 400),
    ] {
        admin
            .get(&format!("/acme/api/v1/crates?{query}"))
            .await
            .expect(status);
    }
}

/// Every byte percent-encoded.
fn encoded(text: &str) -> String {
    let bytes: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    bytes.concat()
}
