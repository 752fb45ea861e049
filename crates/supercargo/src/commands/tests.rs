//! Each command line as the request that it becomes, and the answer as people see it.

use clap::Parser as _;
use insta::assert_snapshot;

use crate::{
    client::canned::{Canned, answer},
    command_line::{Command, CommandLine},
    output::Rendered,
};

/// Runs a command against a server that gives one answer: what was asked, and what came out.
async fn run(line: &str, status: &str, body: &str) -> (String, Rendered) {
    let server = Canned::answering(vec![answer(status, "", body)]).await;
    let words = std::iter::once("supercargo").chain(line.split_whitespace());
    let line = match CommandLine::try_parse_from(words) {
        Ok(line) => line,
        Err(error) => panic!("{error}"),
    };
    let Command::Request(request) = line.command else {
        panic!("it is a request");
    };
    let report = request.run(&server.client(None)).await.unwrap();
    let asked = server.asked().join("\n").replace("  ", " ");
    (asked, report.render(line.connection.json))
}

/// Only what was asked.
async fn asked(lines: &[&str]) -> String {
    let mut all = Vec::new();
    for line in lines {
        all.push(run(line, "200 OK", r#"{"items":[],"ok":true}"#).await.0);
    }
    all.join("\n")
}

/// Only what a person sees.
async fn shown(line: &str, body: &str) -> String {
    let (_, Rendered { stdout, stderr, .. }) = run(line, "200 OK", body).await;
    stdout + &stderr
}

#[tokio::test]
async fn registries() {
    let lines = [
        "registry create acme",
        "registry create acme --description ours --label team=core --label tier=1 --visibility internal --publishing members --upstream crates-io --upstream partner,only=partner-*",
        "registry list",
        "registry show acme",
        "registry edit acme --visibility public",
        "registry edit acme --no-labels --no-upstreams",
        "registry delete acme --yes",
        "registry restore acme",
    ];
    assert_snapshot!(asked(&lines).await, @r#"
    POST /prefix/api/v1/registries {"name":"acme"}
    POST /prefix/api/v1/registries {"description":"ours","labels":{"team":"core","tier":"1"},"visibility":"internal","publishing":"members","upstreams":["crates-io",{"name":"partner","only":["partner-*"],"except":[]}],"name":"acme"}
    GET /prefix/api/v1/registries
    GET /prefix/api/v1/registries/acme
    PATCH /prefix/api/v1/registries/acme {"visibility":"public"}
    PATCH /prefix/api/v1/registries/acme {"labels":{},"upstreams":[]}
    DELETE /prefix/api/v1/registries/acme?confirm=acme
    POST /prefix/api/v1/registries/acme/restore
    "#);
}

#[tokio::test]
async fn upstreams() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let basic = format!(
        "upstream create partner --index sparse+https://registry.example/ --auth basic --username us --secret-file {} --usable-by acme --usable-by core",
        secret.display()
    );
    let bearer = format!(
        "upstream edit partner --auth bearer --secret-file {}",
        secret.display()
    );
    let lines = [
        "upstream create crates-io --preset crates.io",
        "upstream create shared --registry shared",
        &basic,
        "upstream list",
        "upstream show partner",
        &bearer,
        "upstream edit partner --auth none --usable-by-all",
        "upstream edit partner --usable-by acme",
        "upstream delete partner",
        "upstream test partner",
    ];
    assert_snapshot!(asked(&lines).await, @r#"
    POST /prefix/api/v1/upstreams {"name":"crates-io","preset":"crates.io"}
    POST /prefix/api/v1/upstreams {"name":"shared","registry":"shared"}
    POST /prefix/api/v1/upstreams {"name":"partner","index":"sparse+https://registry.example/","auth":{"kind":"basic","secret":"hunter2","username":"us"},"usable_by":["acme","core"]}
    GET /prefix/api/v1/upstreams
    GET /prefix/api/v1/upstreams/partner
    PATCH /prefix/api/v1/upstreams/partner {"auth":{"kind":"bearer","secret":"hunter2"}}
    PATCH /prefix/api/v1/upstreams/partner {"auth":{"kind":"none"},"usable_by":null}
    PATCH /prefix/api/v1/upstreams/partner {"usable_by":["acme"]}
    DELETE /prefix/api/v1/upstreams/partner
    POST /prefix/api/v1/upstreams/partner/test
    "#);
}

#[tokio::test]
async fn people_and_their_rights() {
    let lines = [
        "me",
        "user create alice",
        "user create bob --email bob@acme.example --instance-role creator",
        "user list",
        "service-account create ci --registry acme",
        "service-account create robot",
        "service-account list",
        "member set acme service:ci publisher",
        "member remove acme alice",
        "member list acme",
        "claim create acme acme-*",
        "claim create acme Serde_Json --mode fork",
        "claim list acme",
        "claim delete acme acme-* --yes",
    ];
    assert_snapshot!(asked(&lines).await, @r#"
    GET /prefix/api/v1/me
    POST /prefix/api/v1/users {"name":"alice"}
    POST /prefix/api/v1/users {"name":"bob","email":"bob@acme.example","instance_role":"creator"}
    GET /prefix/api/v1/users
    POST /prefix/api/v1/service-accounts {"name":"ci","registry":"acme"}
    POST /prefix/api/v1/service-accounts {"name":"robot"}
    GET /prefix/api/v1/service-accounts
    PUT /prefix/api/v1/registries/acme/members/service:ci {"role":"publisher"}
    DELETE /prefix/api/v1/registries/acme/members/alice
    GET /prefix/api/v1/registries/acme/members
    POST /prefix/api/v1/registries/acme/claims {"pattern":"acme-*"}
    POST /prefix/api/v1/registries/acme/claims {"pattern":"serde-json","mode":"fork"}
    GET /prefix/api/v1/registries/acme/claims
    DELETE /prefix/api/v1/registries/acme/claims/acme-*?confirm=acme-*
    "#);
}

#[tokio::test]
async fn tokens() {
    let made = r#"{"id":"7","token":"scg_x","expires_at":null}"#;
    let mut requests = Vec::new();
    for line in [
        "token create laptop",
        "token create ci --principal service:ci --scope publish,yank --scope owners --registry acme --crate acme-* --expires-in-days 30",
        "token create ci --expires-at 2026-12-31T01:00:00+01:00",
    ] {
        requests.push(run(line, "201 Created", made).await.0);
    }
    requests.push(asked(&["token list", "token delete 7"]).await);
    assert_snapshot!(requests.join("\n"), @r#"
    POST /prefix/api/v1/tokens {"name":"laptop"}
    POST /prefix/api/v1/tokens {"name":"ci","principal":"service:ci","scopes":["publish","yank","owners"],"registries":["acme"],"crates":["acme-*"],"expires_in_days":30}
    POST /prefix/api/v1/tokens {"name":"ci","expires_at":"2026-12-31T00:00:00Z"}
    GET /prefix/api/v1/tokens
    DELETE /prefix/api/v1/tokens/7
    "#);
}

#[tokio::test]
async fn a_new_token_is_alone_on_standard_output() {
    let body = r#"{"id":"7","token":"scg_x","expires_at":"2026-12-31T00:00:00Z"}"#;
    let (
        _,
        Rendered {
            stdout,
            stderr,
            success,
        },
    ) = run("token create laptop", "201 Created", body).await;
    assert!(success);
    assert_eq!(stdout, "scg_x\n");
    assert_snapshot!(stderr, @"this token is not shown again; it ends 2026-12-31T00:00:00Z, and `supercargo token delete 7` revokes it");
}

#[tokio::test]
async fn a_list_is_a_table_or_json() {
    let body = r#"{"items":[{"id":"7","name":"laptop","prefix":"scg_003aUlTJ","principal":"alice","scopes":["read","publish"],"registries":["acme"],"crates":null,"created_at":"2026-11-20T11:54:12.015923Z","last_used_at":null,"expires_at":"2026-12-20T11:54:12Z"}],"next_cursor":null,"total":1}"#;
    assert_snapshot!(shown("token list", body).await, @"
    ID  NAME    BEGINS WITH   PRINCIPAL  SCOPES         REGISTRIES  CRATES  LAST USED  EXPIRES
    7   laptop  scg_003aUlTJ  alice      read, publish  acme        all     never      2026-12-20T11:54:12Z
    ");
    let json: serde_json::Value =
        serde_json::from_str(&shown("--json token list", body).await).unwrap();
    assert_eq!(json["items"][0]["id"], "7");
}

#[tokio::test]
async fn an_upstream_that_does_not_work_is_said_so_and_fails() {
    let body = r#"{"ok":false,"reason":"upstream `partner` does not answer"}"#;
    let (_, rendered) = run("upstream test partner", "200 OK", body).await;
    assert!(!rendered.success);
    assert_snapshot!(rendered.stdout, @"upstream `partner` does not answer");
    let works = shown("upstream test partner", r#"{"ok":true,"latency_ms":12}"#).await;
    assert_snapshot!(works, @"upstream `partner` answers within 12 ms");
}

#[tokio::test]
async fn what_was_done_is_said_in_a_sentence() {
    let mut all = String::new();
    for line in [
        "registry delete acme --yes",
        "member set acme service:ci publisher",
        "claim delete acme acme-* --yes",
        "token delete 7",
    ] {
        all += &shown(line, "").await;
    }
    assert_snapshot!(all, @"
    registry `acme` is deleted; for 30 days, `supercargo registry restore acme` brings it back
    `service:ci` is publisher of `acme`
    the claim on `acme-*` in `acme` is deleted
    token `7` is revoked
    ");
}

#[test]
fn what_makes_no_sense_is_not_sent() {
    for line in [
        "registry create Acme",
        "registry create api",
        "registry create acme --visibility hidden",
        "registry create acme --label team",
        "upstream create x",
        "upstream create x --preset crates.io --index sparse+https://registry.example/",
        "upstream edit x",
        "registry edit acme",
        "registry edit acme --no-labels --label team=core",
        "member set acme alice owner",
        "token create x --scope everything",
        "token create x --expires-in-days 1 --expires-at 2026-12-31T00:00:00Z",
        "token create x --expires-at tomorrow",
    ] {
        let words = std::iter::once("supercargo").chain(line.split_whitespace());
        assert!(CommandLine::try_parse_from(words).is_err(), "{line}");
    }
}

#[tokio::test]
async fn credentials_without_their_parts_are_refused_before_anything_is_sent() {
    let client = crate::client::Client::new("http://127.0.0.1:1", None).unwrap();
    let mut sentences = Vec::new();
    for line in [
        "upstream edit x --auth token",
        "upstream edit x --auth basic",
        "upstream edit x --auth bearer --username u",
        "upstream edit x --auth none --username u",
        "upstream edit x --auth token --secret-file /nowhere/secret",
    ] {
        let words = std::iter::once("supercargo").chain(line.split_whitespace());
        let Ok(CommandLine {
            command: Command::Request(request),
            ..
        }) = CommandLine::try_parse_from(words)
        else {
            panic!("it is a request: {line}");
        };
        sentences.push(request.run(&client).await.unwrap_err().to_string());
    }
    assert_snapshot!(sentences.join("\n"), @"
    `--auth token` needs a secret: name its file with `--secret-file`, or `-` for standard input
    `--auth basic` needs a user: name it with `--username`
    `--username` goes with `--auth basic` only
    `--auth none` takes neither `--username` nor `--secret-file`
    the secret cannot be read from `/nowhere/secret`: No such file or directory (os error 2); name a file, or `-` for standard input
    ");
}
