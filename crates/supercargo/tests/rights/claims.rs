//! `…/registries/{r}/claims`.

use serde_json::{Value, json};
use supercargo_testkit::Server;

use crate::{assert_error, assert_time, on_both_databases};

on_both_databases!(
    claims_are_made_listed_and_deleted_by_their_pattern,
    what_no_claim_can_be,
);

async fn claims_are_made_listed_and_deleted_by_their_pattern(server: &Server) {
    let admin = server.admin();
    admin.create_registry(json!({ "name": "acme" })).await;
    let path = "/api/v1/registries/acme/claims";
    let made = admin
        .post(path, json!({ "pattern": "Acme_*" }))
        .await
        .expect(201)
        .json();
    assert_eq!(
        (&made["pattern"], &made["mode"]),
        (&json!("acme-*"), &json!("private"))
    );
    assert_eq!(made["cached_versions"], 0);
    assert!(
        made.as_object().unwrap().contains_key("recent_readers"),
        "{made}"
    );
    assert_time(&made["created_at"]);
    let fork = admin
        .post(path, json!({ "pattern": "serde", "mode": "fork" }))
        .await
        .expect(201)
        .json();
    assert_eq!(fork["mode"], "fork");
    for again in ["acme-*", "ACME_*"] {
        let answer = admin
            .post(path, json!({ "pattern": again, "mode": "fork" }))
            .await;
        assert_error(&answer, 409, "claim-exists");
    }
    let list = admin.get(path).await.expect(200).json();
    let patterns: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["pattern"])
        .collect();
    assert_eq!(
        (json!(patterns), &list["total"], &list["next_cursor"]),
        (json!(["acme-*", "serde"]), &json!(2), &Value::Null)
    );

    for unconfirmed in [
        "",
        "?confirm=",
        "?confirm=acme",
        "?confirm=serde",
        "?confirm=*",
    ] {
        let answer = admin.delete(&format!("{path}/acme-*{unconfirmed}")).await;
        assert_error(&answer, 422, "confirmation-needed");
    }
    let gone = admin
        .delete(&format!("{path}/acme-%2A?confirm=acme-*"))
        .await
        .expect(204);
    assert!(gone.body.is_empty());
    assert_error(
        &admin.delete(&format!("{path}/acme-*?confirm=acme-*")).await,
        404,
        "no-such-claim",
    );
    admin
        .delete(&format!("{path}/Serde?confirm=serde"))
        .await
        .expect(204);
    assert_eq!(admin.get(path).await.json()["total"], 0);
}

async fn what_no_claim_can_be(server: &Server) {
    let admin = server.admin();
    let path = "/api/v1/registries/main/claims";
    for wrong in [
        json!({}),
        json!({ "pattern": "" }),
        json!({ "pattern": "a b" }),
        json!({ "pattern": "a\u{0}*" }),
        json!({ "pattern": "x".repeat(65) }),
        json!({ "pattern": "x", "mode": "shared" }),
        json!({ "pattern": "x", "reason": "mine" }),
    ] {
        assert_error(&admin.post(path, wrong).await, 422, "invalid-request");
    }
    assert_error(
        &admin.delete(&format!("{path}/a%20b?confirm=x")).await,
        422,
        "invalid-pattern",
    );
    assert_error(
        &admin.delete(&format!("{path}/a%00?confirm=x")).await,
        422,
        "invalid-pattern",
    );
    assert_error(
        &admin.get(&format!("{path}?mode=fork")).await,
        422,
        "invalid-request",
    );
    let nowhere = admin
        .post("/api/v1/registries/none/claims", json!({ "pattern": "x" }))
        .await;
    assert_error(&nowhere, 404, "no-such-registry");
}
