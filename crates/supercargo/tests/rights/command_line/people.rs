//! What people see.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{FakeUpstream, Server};
use supercargo_types::TokenSecret;

use super::terminal::{Terminal, run_with, without_accidents};
use crate::on_both_databases;

on_both_databases!(
    registries,
    upstreams,
    accounts_members_and_claims,
    teams,
    tokens,
);

async fn registries(server: &Server) {
    let terminal = Terminal::of(server);
    server
        .admin()
        .create_upstream(json!({ "name": "partner", "index": "sparse+http://127.0.0.1:9/" }))
        .await;
    let shown = terminal
        .session(&[
            "registry create acme --description ours --label team=core --visibility internal --upstream partner,only=partner-*",
            "registry list",
            "registry edit acme --no-labels --no-upstreams --visibility public --publishing members",
            "registry show acme",
            "registry delete acme --yes",
            "registry restore acme",
        ])
        .await;
    assert_snapshot!(shown, @"
    $ supercargo registry create acme --description ours --label team=core --visibility internal --upstream partner,only=partner-*
    name         acme
    description  ours
    labels       team=core
    visibility   internal
    publishing   owners
    upstreams    partner (only=partner-*)
    republish    false
    allow        -
    block        -
    created at   [TIME]
    index        sparse+http://127.0.0.1:[PORT]/acme/index/
    mirror       sparse+http://127.0.0.1:[PORT]/acme/mirror/index/
    hosted       sparse+http://127.0.0.1:[PORT]/acme/hosted/index/
    $ supercargo registry list
    NAME  VISIBILITY  PUBLISHING  UPSTREAMS                 DESCRIPTION
    acme  internal    owners      partner (only=partner-*)  ours
    main  private     owners      crates-io                 the company's own crates, and crates.io behind them
    $ supercargo registry edit acme --no-labels --no-upstreams --visibility public --publishing members
    name         acme
    description  ours
    labels       -
    visibility   public
    publishing   members
    upstreams    -
    republish    false
    allow        -
    block        -
    created at   [TIME]
    index        sparse+http://127.0.0.1:[PORT]/acme/index/
    mirror       sparse+http://127.0.0.1:[PORT]/acme/mirror/index/
    hosted       sparse+http://127.0.0.1:[PORT]/acme/hosted/index/
    $ supercargo registry show acme
    name         acme
    description  ours
    labels       -
    visibility   public
    publishing   members
    upstreams    -
    republish    false
    allow        -
    block        -
    created at   [TIME]
    index        sparse+http://127.0.0.1:[PORT]/acme/index/
    mirror       sparse+http://127.0.0.1:[PORT]/acme/mirror/index/
    hosted       sparse+http://127.0.0.1:[PORT]/acme/hosted/index/
    crates       0
    $ supercargo registry delete acme --yes
    registry `acme` is deleted; for 30 days, `supercargo registry restore acme` brings it back
    $ supercargo registry restore acme
    name         acme
    description  ours
    labels       -
    visibility   public
    publishing   members
    upstreams    -
    republish    false
    allow        -
    block        -
    created at   [TIME]
    index        sparse+http://127.0.0.1:[PORT]/acme/index/
    mirror       sparse+http://127.0.0.1:[PORT]/acme/mirror/index/
    hosted       sparse+http://127.0.0.1:[PORT]/acme/hosted/index/
    ");
}

async fn upstreams(server: &Server) {
    let terminal = Terminal::of(server);
    let upstream = FakeUpstream::start();
    upstream.auth("Bearer hunter2");
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "hunter2\n").unwrap();
    let create = format!(
        "upstream create partner --index {} --auth bearer --secret-file {} --usable-by main",
        upstream.index_url(),
        secret.display()
    );
    let ended = terminal.run(&create).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let works = terminal.run("upstream test partner").await;
    assert_eq!((works.code, &*works.stderr), (Some(0), ""));
    assert!(
        works
            .stdout
            .starts_with("upstream `partner` answers within "),
        "{}",
        works.stdout
    );
    let shown = terminal
        .session(&[
            "upstream list",
            "upstream show partner",
            "upstream edit partner --auth none --usable-by-all",
        ])
        .await;
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_snapshot!(shown, @"
    $ supercargo upstream list
    NAME       SOURCE                                AUTH    USABLE BY  USED BY
    crates-io  crates.io                             none    all        main
    partner    sparse+http://127.0.0.1:[PORT]/index/  bearer  main       -
    $ supercargo upstream show partner
    name        partner
    index       sparse+http://127.0.0.1:[PORT]/index/
    auth        kind=bearer
    usable by   main
    used by     -
    created at  [TIME]
    health      partner: ok
    $ supercargo upstream edit partner --auth none --usable-by-all
    name        partner
    index       sparse+http://127.0.0.1:[PORT]/index/
    auth        kind=none
    usable by   all
    used by     -
    created at  [TIME]
    ");
    // a test that fails is an answer on standard output, and a failure
    let fails = terminal.run("upstream test partner").await;
    assert_eq!((fails.code, &*fails.stderr), (Some(1), ""));
    assert_snapshot!(without_accidents(&fails.stdout), @"upstream `partner` answers 401 Unauthorized when asked for `config.json`; an administrator should look at its credentials");
    // a secret from standard input
    let input = terminal
        .run_with_input(
            "upstream edit partner --auth bearer --secret-file -",
            "hunter2\n",
        )
        .await;
    assert_eq!(input.code, Some(0), "{}", input.stderr);
    assert_eq!(terminal.run("upstream test partner").await.code, Some(0));
    assert_snapshot!(terminal.session(&["upstream delete partner"]).await, @"
    $ supercargo upstream delete partner
    upstream `partner` is deleted
    ");
}

async fn accounts_members_and_claims(server: &Server) {
    let terminal = Terminal::of(server);
    let shown = terminal
        .session(&[
            "me",
            "user create alice --email alice@acme.example --instance-role creator",
            "user list",
            "service-account create ci --registry main",
            "service-account list",
            "member set main alice publisher",
            "member set main service:ci reader",
            "member list main",
            "member remove main alice",
            "claim create main Acme_*",
            "claim create main serde --mode fork",
            "claim list main",
            "claim delete main acme-* --yes",
        ])
        .await;
    assert_snapshot!(shown, @"
    $ supercargo me
    principal      admin (kind=user)
    instance role  admin
    token          id=[ID] scopes=read, publish, yank, owners, maintain, delete, admin
    $ supercargo user create alice --email alice@acme.example --instance-role creator
    name           alice
    kind           user
    email          alice@acme.example
    instance role  creator
    registry       -
    created at     [TIME]
    disabled       false
    has password   false
    last used at   -
    $ supercargo user list
    NAME   INSTANCE ROLE  E-MAIL              STATE   LAST USED             CREATED
    admin  admin          -                   active  [TIME]  [TIME]
    alice  creator        alice@acme.example  active  never                 [TIME]
    $ supercargo service-account create ci --registry main
    name           ci
    kind           service
    email          -
    instance role  member
    registry       main
    created at     [TIME]
    disabled       false
    has password   false
    last used at   -
    $ supercargo service-account list
    NAME  REGISTRY  STATE   LAST USED  CREATED
    ci    main      active  never      [TIME]
    $ supercargo member set main alice publisher
    `alice` is publisher of `main`
    $ supercargo member set main service:ci reader
    `service:ci` is reader of `main`
    $ supercargo member list main
    PRINCIPAL   ROLE
    admin       admin
    alice       publisher
    service:ci  reader
    $ supercargo member remove main alice
    `alice` is no member of `main` any more
    $ supercargo claim create main Acme_*
    pattern          acme-*
    mode             private
    created at       [TIME]
    cached versions  0
    recent readers   0
    $ supercargo claim create main serde --mode fork
    pattern          serde
    mode             fork
    created at       [TIME]
    cached versions  0
    recent readers   0
    $ supercargo claim list main
    PATTERN  MODE     CREATED
    acme-*   private  [TIME]
    serde    fork     [TIME]
    $ supercargo claim delete main acme-* --yes
    the claim on `acme-*` in `main` is deleted
    ");
}

async fn teams(server: &Server) {
    let terminal = Terminal::of(server);
    server.admin().create_user("alice").await;
    let shown = terminal
        .session(&[
            "team create core",
            "team add core alice",
            "team list",
            "team show core",
            "member set main team:core maintainer",
            "member list main",
            "team remove core alice",
            "team delete core --yes",
            "team list",
        ])
        .await;
    assert_snapshot!(shown, @"
    $ supercargo team create core
    name        core
    members     -
    created at  [TIME]
    $ supercargo team add core alice
    `alice` is a member of team `core`
    $ supercargo team list
    NAME  MEMBERS  CREATED
    core  1        [TIME]
    $ supercargo team show core
    name        core
    members     alice
    created at  [TIME]
    $ supercargo member set main team:core maintainer
    `team:core` is maintainer of `main`
    $ supercargo member list main
    PRINCIPAL  ROLE
    admin      admin
    team:core  maintainer
    $ supercargo team remove core alice
    `alice` is no member of team `core` any more
    $ supercargo team delete core --yes
    team `core` is deleted
    $ supercargo team list
    there are none
    ");
}

async fn tokens(server: &Server) {
    let terminal = Terminal::of(server);
    let line = "token create laptop --scope publish,yank --registry main --crate acme-* --expires-in-days 30";
    let made = terminal.run(line).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    // `TOKEN=$(supercargo token create …)` takes exactly the secret
    let secret = made.stdout.trim_end_matches('\n');
    assert_eq!(made.stdout, format!("{secret}\n"));
    assert!(secret.parse::<TokenSecret>().is_ok(), "{secret}");
    assert!(!made.stderr.contains(secret), "{}", made.stderr);
    assert_snapshot!(without_accidents(&made.stderr), @"this token is not shown again; it ends [TIME], and `supercargo token delete [ID]` revokes it");
    let me = server
        .anonymous()
        .with_token(secret)
        .get("/api/v1/me")
        .await
        .expect(200)
        .json();
    assert_eq!(me["token"]["crates"], json!(["acme-*"]));

    let list = terminal.run("token list").await;
    assert_eq!(list.code, Some(0));
    assert!(list.stdout.contains(&secret[..12]) && !list.stdout.contains(&secret[12..]));
    assert_eq!(list.stdout.lines().count(), 3, "{}", list.stdout);
    let head = list
        .stdout
        .lines()
        .next()
        .unwrap()
        .split("  ")
        .filter(|word| !word.trim().is_empty());
    assert_eq!(
        head.map(str::trim).collect::<Vec<_>>(),
        [
            "ID",
            "NAME",
            "BEGINS WITH",
            "PRINCIPAL",
            "SCOPES",
            "REGISTRIES",
            "CRATES",
            "LAST USED",
            "EXPIRES"
        ]
    );
    let id = me["token"]["id"].as_str().unwrap();
    let deleted = terminal.session(&[&format!("token delete {id}")]).await;
    assert_snapshot!(deleted, @"
    $ supercargo token delete [ID]
    token `[ID]` is revoked
    ");
    server
        .anonymous()
        .with_token(secret)
        .get("/api/v1/me")
        .await
        .expect(401);
}

#[tokio::test]
async fn help_names_every_command_and_shows_no_token() {
    let secret = "scg_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0NjLCC";
    for arguments in [
        &["--help"][..],
        &["token", "create", "--help"],
        &["help", "registry"],
    ] {
        let ended = run_with(arguments, &[("SUPERCARGO_TOKEN", secret)], "").await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
        assert!(!ended.stdout.contains(secret), "{}", ended.stdout);
    }
    let help = run_with(&["--help"], &[], "").await.stdout;
    for name in [
        "serve",
        "registry",
        "upstream",
        "user",
        "service-account",
        "team",
        "member",
        "claim",
        "crate",
        "quarantine",
        "cache",
        "token",
        "me",
    ] {
        let line = help
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        assert!(line.is_some(), "{name}: {help}");
    }
    let version = run_with(&["--version"], &[], "").await;
    assert_eq!(version.code, Some(0));
    assert!(
        version.stdout.starts_with("supercargo "),
        "{}",
        version.stdout
    );
}
