//! Each command line as the request that it becomes, and the answer as people see it.

use clap::Parser as _;
use insta::assert_snapshot;

use super::{CommandError, Request};
use crate::{
    client::canned::{Canned, answer},
    command_line::{Command, CommandLine},
    exit::Exit,
    output::{Reader, Rendered},
};

/// The request that a line is, and whether it wants JSON.
fn typed(line: &str) -> (Request, bool) {
    let words = std::iter::once("supercargo").chain(line.split_whitespace());
    match CommandLine::try_parse_from(words) {
        Ok(CommandLine {
            command: Command::Request(request),
            connection,
        }) => (request, connection.json),
        Ok(_) => panic!("it is no request: {line}"),
        Err(error) => panic!("{error}"),
    }
}

/// Runs a command against a server that gives one answer: what was asked, and what came out.
async fn run(line: &str, status: &str, body: &str) -> (String, Rendered) {
    let server = Canned::answering(vec![answer(status, "", body)]).await;
    let (request, json) = typed(line);
    let report = request.run(&server.client(None)).await.unwrap();
    let asked = server.asked().join("\n").replace("  ", " ");
    (asked, report.render(Reader::new(json, None)))
}

/// The same against several answers, each with the status 200, and the sentence of a failure.
async fn run_through(line: &str, bodies: &[&str]) -> (String, Result<Rendered, String>) {
    let answers = bodies.iter().map(|body| answer("200 OK", "", body));
    let server = Canned::answering(answers.collect()).await;
    let (request, json) = typed(line);
    let report = request.run(&server.client(None)).await;
    let rendered = report
        .map(|report| report.render(Reader::new(json, None)))
        .map_err(|error| error.to_string());
    (server.asked().join("\n").replace("  ", " "), rendered)
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
        "registry create acme --allow Acme_* --allow serde@1,<1.5 --block openssl@<0.10.55",
        "registry edit acme --block evil-* --no-allow",
        "registry edit acme --no-block",
        "registry purge acme --yes",
        "registry create shared --republish",
        "registry edit shared --republish=false",
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
    POST /prefix/api/v1/registries {"allow":["acme-*","serde@^1, <1.5"],"block":["openssl@<0.10.55"],"name":"acme"}
    PATCH /prefix/api/v1/registries/acme {"block":["evil-*"],"allow":[]}
    PATCH /prefix/api/v1/registries/acme {"block":[]}
    DELETE /prefix/api/v1/registries/acme?confirm=acme&purge=true
    POST /prefix/api/v1/registries {"republish":true,"name":"shared"}
    PATCH /prefix/api/v1/registries/shared {"republish":false}
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
        "upstream edit partner --auth bearer --secret-file {} --auth-origin https://files.registry.example --auth-origin https://cdn.example:8443",
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
    PATCH /prefix/api/v1/upstreams/partner {"auth":{"kind":"bearer","secret":"hunter2","origins":["https://files.registry.example","https://cdn.example:8443"]}}
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
        "user show alice",
        "user edit alice --no-email --instance-role member --no-password",
        "user disable alice",
        "user enable alice",
        "user delete alice --yes",
        "service-account create ci --registry acme",
        "service-account create robot",
        "service-account list",
        "service-account list --registry acme",
        "service-account show service:ci",
        "service-account disable ci",
        "service-account enable ci",
        "service-account delete ci --yes",
        "team create core",
        "team list",
        "team show core",
        "team add core alice",
        "team remove core alice",
        "team delete core --yes",
        "member set acme service:ci publisher",
        "member set acme team:core maintainer",
        "member remove acme alice",
        "member list acme",
        "claim create acme acme-*",
        "claim create acme Serde_Json --mode fork",
        "claim create acme tokio --mode merge",
        "claim list acme",
        "claim delete acme acme-* --yes",
    ];
    assert_snapshot!(asked(&lines).await, @r#"
    GET /prefix/api/v1/me
    POST /prefix/api/v1/users {"name":"alice"}
    POST /prefix/api/v1/users {"email":"bob@acme.example","instance_role":"creator","name":"bob"}
    GET /prefix/api/v1/users
    GET /prefix/api/v1/users/alice
    PATCH /prefix/api/v1/users/alice {"email":null,"instance_role":"member","password":null}
    PATCH /prefix/api/v1/users/alice {"disabled":true}
    PATCH /prefix/api/v1/users/alice {"disabled":false}
    DELETE /prefix/api/v1/users/alice?confirm=alice
    POST /prefix/api/v1/service-accounts {"name":"ci","registry":"acme"}
    POST /prefix/api/v1/service-accounts {"name":"robot"}
    GET /prefix/api/v1/service-accounts
    GET /prefix/api/v1/service-accounts?registry=acme
    GET /prefix/api/v1/service-accounts/ci
    PATCH /prefix/api/v1/service-accounts/ci {"disabled":true}
    PATCH /prefix/api/v1/service-accounts/ci {"disabled":false}
    DELETE /prefix/api/v1/service-accounts/ci?confirm=ci
    POST /prefix/api/v1/teams {"name":"core"}
    GET /prefix/api/v1/teams
    GET /prefix/api/v1/teams/core
    PUT /prefix/api/v1/teams/core/members/alice {}
    DELETE /prefix/api/v1/teams/core/members/alice
    DELETE /prefix/api/v1/teams/core
    PUT /prefix/api/v1/registries/acme/members/service:ci {"role":"publisher"}
    PUT /prefix/api/v1/registries/acme/members/team:core {"role":"maintainer"}
    DELETE /prefix/api/v1/registries/acme/members/alice
    GET /prefix/api/v1/registries/acme/members
    POST /prefix/api/v1/registries/acme/claims {"pattern":"acme-*"}
    POST /prefix/api/v1/registries/acme/claims {"pattern":"serde-json","mode":"fork"}
    POST /prefix/api/v1/registries/acme/claims {"pattern":"tokio","mode":"merge"}
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
    let others = [
        "token list",
        "token list --principal service:ci",
        "token show 7",
        "token delete 7",
    ];
    requests.push(asked(&others).await);
    assert_snapshot!(requests.join("\n"), @r#"
    POST /prefix/api/v1/tokens {"name":"laptop"}
    POST /prefix/api/v1/tokens {"name":"ci","principal":"service:ci","scopes":["publish","yank","owners"],"registries":["acme"],"crates":["acme-*"],"expires_in_days":30}
    POST /prefix/api/v1/tokens {"name":"ci","expires_at":"2026-12-31T00:00:00Z"}
    GET /prefix/api/v1/tokens
    GET /prefix/api/v1/tokens?principal=service%3Aci
    GET /prefix/api/v1/tokens/7
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
            exit,
        },
    ) = run("token create laptop", "201 Created", body).await;
    assert_eq!(exit, Exit::Done);
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
    assert_eq!(rendered.exit, Exit::Failed);
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
        "registry edit acme --republish=maybe",
        "upstream edit x --auth-origin https://files.registry.example",
        "crate pin acme demo@1.0.0 crates-io",
        "registry edit acme --no-labels --label team=core",
        "registry edit acme --no-allow --allow a",
        "registry edit acme --no-block --block a",
        "registry create acme --block openssl@",
        "crate list acme --source upstream",
        "crate show acme demo@1",
        "crate download acme demo",
        "crate accept acme demo",
        "crate release acme demo@1.0.0",
        "crate upload --registry acme",
        "crate upload demo-1.0.0.crate",
        "quarantine hold acme demo",
        "quarantine lift acme demo --reason over",
        "cache evict acme demo@1.0.0",
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
        "upstream edit x --auth none --auth-origin https://files.registry.example",
        "upstream edit x --auth token --secret-file /nowhere/secret",
    ] {
        let (request, _) = typed(line);
        sentences.push(request.run(&client).await.unwrap_err().to_string());
    }
    assert_snapshot!(sentences.join("\n"), @"
    `--auth token` needs a secret: name its file with `--secret-file`, or `-` for standard input
    `--auth basic` needs a user: name it with `--username`
    `--username` goes with `--auth basic` only
    `--auth none` takes neither `--username` nor `--secret-file`
    `--auth none` sends nothing anywhere: leave `--auth-origin` out
    the secret cannot be read from `/nowhere/secret`: No such file or directory (os error 2); name a file, or `-` for standard input
    ");
}

const VERSION: &str = r#"{"name":"demo","version":"1.0.0","state":"available","reason":null,"checksum":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size":3,"origin":"hosted","published_at":"2026-11-20T11:54:12.015923Z","publisher":"alice","yanked":false,"deleted_at":null,"purged_at":null,"downloads":3}"#;

#[tokio::test]
async fn crates_and_versions() {
    let lines = [
        "crate list acme",
        "crate list acme --query http&x --source cached",
        "crate show acme Demo@1.0.0+x",
        "crate delete acme demo@1.0.0 --yes",
        "crate delete acme demo --yes",
        "crate restore acme demo@1.0.0",
        "crate restore acme demo",
        "crate purge acme demo@1.0.0 --yes",
        "crate purge acme demo --yes",
        "crate release acme demo --yes",
        "crate accept acme serde@1.0.1 --yes",
        "crate pin acme serde crates-io",
        "quarantine hold acme demo@1.0.0 --reason odd",
        "quarantine block acme demo --reason malware",
        "quarantine lift acme demo@1.0.0",
        "quarantine lift acme demo",
        "quarantine list acme",
        "cache evict acme",
        "cache evict acme serde",
    ];
    assert_snapshot!(asked(&lines).await, @r#"
    GET /prefix/api/v1/registries/acme/crates
    GET /prefix/api/v1/registries/acme/crates?q=http%26x&source=cached
    GET /prefix/api/v1/registries/acme/crates/Demo/versions/1.0.0+x
    DELETE /prefix/api/v1/registries/acme/crates/demo/versions/1.0.0
    DELETE /prefix/api/v1/registries/acme/crates/demo
    POST /prefix/api/v1/registries/acme/crates/demo/versions/1.0.0/restore
    POST /prefix/api/v1/registries/acme/crates/demo/restore
    DELETE /prefix/api/v1/registries/acme/crates/demo/versions/1.0.0?purge=true
    DELETE /prefix/api/v1/registries/acme/crates/demo?purge=true
    POST /prefix/api/v1/registries/acme/crates/demo/release {"confirm":"demo"}
    DELETE /prefix/api/v1/registries/acme/crates/serde/versions/1.0.1/ledger?confirm=1.0.1
    POST /prefix/api/v1/registries/acme/crates/serde/pin {"upstream":"crates-io"}
    PUT /prefix/api/v1/registries/acme/crates/demo/versions/1.0.0/quarantine {"action":"hold","reason":"odd"}
    PUT /prefix/api/v1/registries/acme/crates/demo/quarantine {"action":"block","reason":"malware"}
    DELETE /prefix/api/v1/registries/acme/crates/demo/versions/1.0.0/quarantine
    DELETE /prefix/api/v1/registries/acme/crates/demo/quarantine
    GET /prefix/api/v1/registries/acme/quarantines
    DELETE /prefix/api/v1/registries/acme/cache
    DELETE /prefix/api/v1/registries/acme/cache/serde
    "#);
}

#[tokio::test]
async fn a_crate_is_shown_with_its_versions() {
    let item = r#"{"name":"demo","source":"hosted","claim":null,"max_version":"1.1.0","versions":2,"quarantine":{"action":"hold","reason":"odd"}}"#;
    let versions = r#"{"items":[{"version":"1.1.0","state":"held","origin":"hosted","published_at":"2026-11-20T11:54:12Z","publisher":"alice","size":2048,"downloads":0,"reason":"odd"},{"version":"1.0.0","state":"available","origin":"hosted","published_at":null,"publisher":null,"size":null,"downloads":3,"reason":null}],"next_cursor":null,"total":2}"#;
    let (asked, rendered) = run_through("crate show acme demo", &[item, versions]).await;
    assert_snapshot!(asked, @"
    GET /prefix/api/v1/registries/acme/crates/demo
    GET /prefix/api/v1/registries/acme/crates/demo/versions
    ");
    assert_snapshot!(rendered.unwrap().stdout, @"
    name         demo
    source       hosted
    claim        -
    max version  1.1.0
    versions     2
    quarantine   action=hold reason=odd

    VERSION  STATE      ORIGIN  PUBLISHED             BY     SIZE     DOWNLOADS  REASON
    1.1.0    held       hosted  2026-11-20T11:54:12Z  alice  2.0 KiB  0          odd
    1.0.0    available  hosted  -                     -      -        3          -
    ");
    let (_, rendered) = run_through("crate show acme demo --json", &[item, versions]).await;
    let json: serde_json::Value = serde_json::from_str(&rendered.unwrap().stdout).unwrap();
    let as_it_came = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json["crate"], as_it_came(item));
    assert_eq!(json["versions"], as_it_came(versions));
}

#[tokio::test]
async fn what_was_done_to_a_crate_is_said_in_words() {
    let held = VERSION
        .replace("available", "held")
        .replace(r#""reason":null"#, r#""reason":"odd\u001b[2J""#);
    let mut all = String::new();
    for (line, body) in [
        ("crate delete acme demo@1.0.0 --yes", ""),
        ("crate delete acme demo --yes", ""),
        ("crate restore acme demo@1.0.0", VERSION),
        ("crate restore acme demo@1.0.0", &held),
        ("crate restore acme demo", r#"{"name":"demo"}"#),
        ("crate purge acme demo@1.0.0 --yes", ""),
        ("crate purge acme demo --yes", ""),
        ("crate release acme demo --yes", r#"{"name":"demo"}"#),
        ("crate accept acme serde@1.0.1 --yes", ""),
        (
            "crate pin acme serde crates-io",
            r#"{"upstream":"crates-io","before":"partner"}"#,
        ),
        (
            "crate pin acme serde crates-io",
            r#"{"upstream":"crates-io","before":"crates-io"}"#,
        ),
        (
            "crate pin acme serde crates-io",
            r#"{"upstream":"crates-io","before":null}"#,
        ),
        ("quarantine hold acme demo@1.0.0 --reason odd", "{}"),
        ("quarantine hold acme demo --reason odd", "{}"),
        ("quarantine block acme demo@1.0.0 --reason odd", "{}"),
        ("quarantine lift acme demo", ""),
        ("cache evict acme", ""),
        ("cache evict acme serde", ""),
        ("registry purge acme --yes", ""),
    ] {
        all += &shown(line, body).await;
    }
    assert_snapshot!(all, @"
    `demo@1.0.0` is deleted from `acme`; `supercargo crate restore acme demo@1.0.0` brings it back
    `demo`, with all its versions, is deleted from `acme`; `supercargo crate restore acme demo` brings it back
    `demo@1.0.0` is back in `acme`
    `demo@1.0.0` is back in `acme`, and is held: odd�[2J
    `demo` is back in `acme`
    `demo@1.0.0` is purged from `acme`; its number stays taken
    `demo`, with all its versions, is purged from `acme`; their numbers stay taken
    `demo` is released in `acme`: from now on it is upstream's
    `serde@1.0.1` in `acme` is what upstream has now
    `serde` in `acme` is read from upstream `crates-io`, before from `partner`
    `serde` in `acme` is read from upstream `crates-io`, as before
    `serde` in `acme` is read from upstream `crates-io`
    `demo@1.0.0` is held in `acme`: nothing new resolves to it, and it downloads only if it was downloaded from there before
    every version of `demo`, also each to come, is held in `acme`: nothing new resolves to it, and it downloads only if it was downloaded from there before
    `demo@1.0.0` is blocked in `acme`: nobody can download it from there
    the quarantine of `demo` in `acme` is lifted
    what `acme` cached of its upstreams is evicted; it is fetched again when somebody asks for it
    what `acme` cached of `serde` is evicted; it is fetched again when somebody asks for it
    registry `acme` is purged
    ");
}

#[tokio::test]
async fn what_cannot_be_undone_is_not_done_without_a_yes() {
    let client = crate::client::Client::new("http://127.0.0.1:1", None).unwrap();
    for line in [
        "crate delete acme demo@1.0.0",
        "crate delete acme demo",
        "crate purge acme demo@1.0.0",
        "crate release acme demo",
        "crate accept acme demo@1.0.0",
        "registry purge acme",
    ] {
        let (request, _) = typed(line);
        let error = request.run(&client).await.unwrap_err();
        assert!(
            matches!(error, CommandError::NotConfirmed(_)),
            "{line}: {error}"
        );
    }
}

/// Row P14.
#[tokio::test]
async fn files_are_uploaded_in_order_up_to_the_first_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.display().to_string()
    };
    let (a, b, c) = (
        file("a", "bytes of a"),
        file("b", "bytes of b"),
        file("c", "bytes of c"),
    );
    let place = |text: String| text.replace(&*folder.path().to_string_lossy(), "FOLDER");
    let published = VERSION.replace(
        r#""yanked""#,
        r#""warnings":["no licence","odd\u001b[2J"],"yanked""#,
    );

    let line = format!("crate upload {a} {b} --registry acme");
    let (asked, rendered) = run_through(&line, &[&published, VERSION]).await;
    assert_snapshot!(asked, @"
    POST /prefix/api/v1/registries/acme/crates bytes of a
    POST /prefix/api/v1/registries/acme/crates bytes of b
    ");
    let rendered = rendered.unwrap();
    assert_eq!(rendered.exit, Exit::Done);
    assert_snapshot!(rendered.stdout + &rendered.stderr, @"
    `demo@1.0.0` is published in `acme`
    `demo@1.0.0` is published in `acme`
    warning: no licence
    warning: odd�[2J
    ");

    // the answer as it came, also where there is one file only
    let line = format!("crate upload {a} --registry acme --json");
    let (_, rendered) = run_through(&line, &[&published]).await;
    let json: serde_json::Value = serde_json::from_str(&rendered.unwrap().stdout).unwrap();
    assert_eq!(
        json,
        serde_json::from_str::<serde_json::Value>(&published).unwrap()
    );

    let refused = r#"{"errors":[{"code":"version-exists","detail":"demo 1.0.0 exists"}]}"#;
    let mut told = String::new();
    for line in [
        format!("crate upload {a} {b} {c} {c} --registry acme"),
        format!("crate upload {b} --registry acme"),
    ] {
        let mut answers = vec![answer("201 Created", "", VERSION); line.matches(&a).count()];
        answers.push(answer("409 Conflict", "", refused));
        let server = Canned::answering(answers).await;
        let (request, _) = typed(&line);
        let rendered = request
            .run(&server.client(None))
            .await
            .unwrap()
            .render(Reader::new(false, None));
        assert_eq!(rendered.exit, Exit::Failed);
        assert_eq!(rendered.stdout.lines().count() + 1, server.asked().len());
        told += &place(rendered.stdout + &rendered.stderr);
    }
    assert_snapshot!(told, @"
    `demo@1.0.0` is published in `acme`
    error: `FOLDER/b` is not published: demo 1.0.0 exists
    these were not tried any more: `FOLDER/c`, `FOLDER/c`
    error: `FOLDER/b` is not published: demo 1.0.0 exists
    ");

    // nothing is sent where a file is missing, or is no file
    for bad in [folder.path().join("d"), folder.path().to_owned()] {
        let line = format!("crate upload {a} {} --registry acme", bad.display());
        let (asked, rendered) = run_through(&line, &[VERSION]).await;
        assert_eq!(asked, "");
        let sentence = place(rendered.unwrap_err());
        assert!(
            sentence.starts_with("nothing was uploaded: `FOLDER"),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_downloaded_file_is_written_when_its_checksum_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("demo.crate");
    let place = |text: &str| text.replace(&*folder.path().to_string_lossy(), "FOLDER");
    let line = format!("crate download acme demo@1.0.0 -o {}", output.display());

    let (asked, rendered) = run_through(&line, &[VERSION, "abd"]).await;
    assert_snapshot!(asked, @"
    GET /prefix/api/v1/registries/acme/crates/demo/versions/1.0.0
    GET /prefix/acme/api/v1/crates/demo/1.0.0/download
    ");
    assert_snapshot!(place(&rendered.unwrap_err()), @"nothing was written: `demo@1.0.0` has the checksum ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, and what came has a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9; tell the administrators of the server");
    let (_, rendered) = run_through(&line, &[VERSION, "more than was announced"]).await;
    assert!(rendered.is_err());
    let (_, rendered) = run_through(&line, &[r#"{"checksum":null}"#, "abc"]).await;
    assert_snapshot!(place(&rendered.unwrap_err()), @"nothing was written: the server does not say which checksum `demo@1.0.0` has");
    assert!(!output.exists());

    let (_, rendered) = run_through(&line, &[VERSION, "abc"]).await;
    assert_snapshot!(place(&rendered.unwrap().stdout), @"`demo@1.0.0` of `acme` is in `FOLDER/demo.crate`; its checksum is right");
    assert_eq!(std::fs::read(&output).unwrap(), b"abc");

    // never over what is there
    std::fs::write(&output, "mine").unwrap();
    let (_, rendered) = run_through(&line, &[VERSION, "abc"]).await;
    assert_snapshot!(place(&rendered.unwrap_err()), @"`FOLDER/demo.crate` cannot be written: File exists (os error 17); name another file with `--output`");
    assert_eq!(std::fs::read(&output).unwrap(), b"mine");
}

#[tokio::test]
async fn audit() {
    let lines = [
        "audit list",
        "audit list --last 500 --registry acme --principal service:ci --action version.published --outcome denied --crate demo --version 1.0.0 --from 2026-11-20T00:00:00+01:00 --to 2026-11-21T00:00:00Z",
        "audit exposure demo",
        "audit exposure demo@<1.2.3",
    ];
    assert_snapshot!(asked(&lines).await, @"
    GET /prefix/api/v1/audit?limit=50
    GET /prefix/api/v1/audit?registry=acme&principal=service%3Aci&action=version.published&outcome=denied&crate=demo&version=1.0.0&from=2026-11-19T23%3A00%3A00Z&to=2026-11-21T00%3A00%3A00Z&limit=200
    GET /prefix/api/v1/exposure?crate=demo&limit=200
    GET /prefix/api/v1/exposure?crate=demo&limit=200&version=%3C1.2.3
    ");
    let shown = shown("audit list", r#"{"items":[
        {"at":"2026-11-20T11:54:12.123456Z","action":"attempts.denied","outcome":"denied","principal":null,"address":"192.0.2.1","registry":null,"crate":null,"version":null,"detail":"37 more denied attempts within a minute"},
        {"at":"2026-11-20T11:54:12.123456Z","action":"version.published","outcome":"done","principal":"service:ci","address":null,"registry":"acme","crate":"demo\u001b[2J","version":"1.0.0","detail":null}
    ],"next_cursor":null}"#).await;
    assert_snapshot!(shown, @"
    WHEN                  ACTION             OUTCOME  WHO         FROM       REGISTRY  CRATE     VERSION  DETAIL
    2026-11-20T11:54:12Z  attempts.denied    denied   anyone      192.0.2.1  -         -         -        37 more denied attempts within a minute
    2026-11-20T11:54:12Z  version.published  done     service:ci  -          acme      demo�[2J  1.0.0    -
    ");

    let mut refused = Vec::new();
    for line in [
        "audit exposure demo@",
        "audit exposure a/b",
        "audit list --from yesterday",
        "audit list --last 0",
    ] {
        let words = std::iter::once("supercargo").chain(line.split_whitespace());
        let error = CommandLine::try_parse_from(words)
            .err()
            .unwrap()
            .to_string();
        refused.push(error.lines().next().unwrap_or_default().to_owned());
    }
    assert_snapshot!(refused.join("\n"), @"
    error: invalid value 'demo@' for '<CRATE[@REQUIREMENT]>': nothing stands after `@`; write it as `demo@<1.2.3`
    error: invalid value 'a/b' for '<CRATE[@REQUIREMENT]>': invalid character `/` in crate name `a/b`: use ASCII letters, digits, `-` and `_`
    error: invalid value 'yesterday' for '--from <TIME>': write a time as `2026-12-31T00:00:00Z`
    error: invalid value '0' for '--last <NUMBER>': 0 is not in 1..=10000
    ");
}

#[tokio::test]
async fn an_export_that_is_none_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("log.csv");
    let line = format!("audit export --format csv -o {}", output.display());
    let place = |text: &str| text.replace(&*folder.path().to_string_lossy(), "FOLDER");
    // what answers is not supercargo: a page of a proxy, with 200
    let (asked, rendered) = run_through(&line, &["<html>"]).await;
    assert_snapshot!(asked, @"
    GET /prefix/api/v1/audit?format=csv
    ");
    assert!(rendered.is_err());
    assert!(!output.exists());

    let kind = "content-type: text/csv; charset=utf-8; header=present\r\n";
    let server = Canned::answering(vec![answer("200 OK", kind, "at,action\r\n")]).await;
    let (request, json) = typed(&line);
    let report = request.run(&server.client(None)).await.unwrap();
    assert_snapshot!(place(&report.render(Reader::new(json, None)).stdout), @"
    the audit log is in `FOLDER/log.csv`
    ");
    assert_eq!(std::fs::read(&output).unwrap(), b"at,action\r\n");
}
