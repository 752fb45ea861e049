//! What programs get: the answers of the API, with `--json`.

use serde_json::{Value, json};
use supercargo_testkit::{FakeUpstream, Server};
use supercargo_types::TokenSecret;

use super::terminal::Terminal;
use crate::on_both_databases;

on_both_databases!(every_answer_is_the_apis_own,);

async fn every_answer_is_the_apis_own(server: &Server) {
    let terminal = Terminal::of(server);
    let upstream = FakeUpstream::start();
    let admin = server.admin();
    let create = format!("upstream create partner --index {}", upstream.index_url());
    // what changes something prints what the API answered; what the API answers nothing to prints nothing
    for (line, field, value) in [
        (&*create, "/name", "partner"),
        ("upstream show partner", "/auth/kind", "none"),
        (
            "upstream edit partner --usable-by main",
            "/usable_by/0",
            "main",
        ),
        (
            "registry create acme --upstream partner",
            "/upstreams/0/name",
            "partner",
        ),
        ("registry show acme", "/visibility", "private"),
        (
            "registry edit acme --visibility public",
            "/visibility",
            "public",
        ),
        ("user create alice", "/kind", "user"),
        ("service-account create ci", "/kind", "service"),
        ("claim create acme x-*", "/mode", "private"),
        ("me", "/principal/name", "admin"),
    ] {
        let answer = terminal.json(line).await;
        assert_eq!(
            answer.pointer(field),
            Some(&json!(value)),
            "{line}: {answer}"
        );
    }
    let ended = terminal.run("member set acme alice reader --json").await;
    assert_eq!(
        (ended.code, &*ended.stderr),
        (Some(0), ""),
        "{}",
        ended.stdout
    );
    for (line, total) in [
        ("registry list", 2),
        ("upstream list", 2),
        ("user list", 2),
        ("service-account list", 1),
        ("member list acme", 2),
        ("claim list acme", 1),
        ("token list", 1),
    ] {
        let list = terminal.json(line).await;
        assert_eq!(list["total"], total, "{line}: {list}");
        assert_eq!(
            list["items"].as_array().map(Vec::len),
            Some(total),
            "{line}: {list}"
        );
    }
    let test = terminal.json("upstream test partner").await;
    assert_eq!(test["ok"], true);
    let token = terminal.json("token create laptop").await;
    assert!(
        token["token"]
            .as_str()
            .unwrap()
            .parse::<TokenSecret>()
            .is_ok()
    );
    let delete_token = format!("token delete {}", token["id"].as_str().unwrap());
    for line in [
        "member remove acme alice",
        "claim delete acme x-* --yes",
        "registry edit acme --no-upstreams",
        "upstream delete partner",
        "registry delete acme --yes",
        "registry restore acme",
        &delete_token,
    ] {
        let ended = terminal.run(&format!("{line} --json")).await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{line}");
        assert!(
            ended.stdout.is_empty() || serde_json::from_str::<Value>(&ended.stdout).is_ok(),
            "{line}: {}",
            ended.stdout
        );
    }
    // more than a page: a list follows its pages
    for number in 0..60 {
        admin.create_user(&format!("u{number}")).await;
    }
    let users = terminal.json("user list").await;
    assert_eq!(users["items"].as_array().map(Vec::len), Some(62), "{users}");
}
