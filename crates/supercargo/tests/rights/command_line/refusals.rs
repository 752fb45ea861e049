//! What goes wrong: one sentence on standard error, and an exit code.

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::Server;

use super::terminal::{Terminal, run_with};
use crate::on_both_databases;

on_both_databases!(
    refusals_are_one_line_and_an_exit_code,
    who_may_not_is_told_so,
);

async fn refusals_are_one_line_and_an_exit_code(server: &Server) {
    let terminal = Terminal::of(server);
    let mut shown = String::new();
    for (code, line) in [
        (1, "registry create main"),
        (1, "registry create m.ain --upstream nothing"),
        (1, "registry show nothing"),
        (1, "registry delete main"),
        (1, "claim delete main x-* --yes"),
        (1, "claim delete main x-*"),
        (1, "upstream show nothing"),
        (1, "upstream delete crates-io"),
        (2, "upstream show .."),
        (1, "upstream create x --index nonsense"),
        (
            2,
            "upstream create x --index sparse+https://registry.example/ --auth token",
        ),
        (
            2,
            "upstream create x --index sparse+https://registry.example/ --auth none --username us",
        ),
        (
            1,
            "upstream edit crates-io --auth token --secret-file /nowhere/secret",
        ),
        (1, "member set main nobody reader"),
        (1, "member remove main nobody"),
        (1, "token create x --principal nobody"),
        (1, "token delete nothing"),
        (1, "token create x --expires-in-days 0"),
        (4, "token list --url http://127.0.0.1:9"),
        (2, "token list --url nonsense"),
        (2, "token list --url http://user:hunter2@127.0.0.1:9"),
        (3, "token list --token scg_wrong"),
    ] {
        shown += &terminal.failure_with(code, line).await;
    }
    // with `--json`, errors are still on standard error
    let ended = terminal.run("registry show nothing --json").await;
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""));
    assert_eq!(
        shown.matches("hunter2").count(),
        1,
        "only where it was typed: {shown}"
    );
    assert_snapshot!(shown, @"
    $ supercargo registry create main
    error: a registry named `main` exists
    $ supercargo registry create m.ain --upstream nothing
    error: there is no upstream named `nothing`; `supercargo upstream list` shows those there are
    $ supercargo registry show nothing
    error: there is no registry `nothing`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    $ supercargo registry delete main
    error: nothing was done: type `main` to confirm, or give `--yes`
    $ supercargo claim delete main x-* --yes
    error: pattern `x-*` is not claimed in registry `main`; `supercargo claim list main` shows those there are
    $ supercargo claim delete main x-*
    error: nothing was done: type `x-*` to confirm, or give `--yes`
    $ supercargo upstream show nothing
    error: there is no upstream named `nothing`; `supercargo upstream list` shows those there are
    $ supercargo upstream delete crates-io
    error: upstream `crates-io` is in use by registry `main`; detach it there first
    $ supercargo upstream show ..
    error: `..` is not a name; names are made of letters, digits, `-`, `_` and `.`
    $ supercargo upstream create x --index nonsense
    error: `index`: the index URL must start with `sparse+https://` or `sparse+http://`, as in `sparse+https://registry.example/index/`
    $ supercargo upstream create x --index sparse+https://registry.example/ --auth token
    error: `--auth token` needs a secret: name its file with `--secret-file`, or `-` for standard input
    $ supercargo upstream create x --index sparse+https://registry.example/ --auth none --username us
    error: `--auth none` takes neither `--username` nor `--secret-file`
    $ supercargo upstream edit crates-io --auth token --secret-file /nowhere/secret
    error: the secret cannot be read from `/nowhere/secret`: No such file or directory (os error 2); name a file, or `-` for standard input
    $ supercargo member set main nobody reader
    error: there is no account `nobody`; check the name, or make it first
    $ supercargo member remove main nobody
    error: `nobody` is not a member of registry `main`; `supercargo member list main` shows who is
    $ supercargo token create x --principal nobody
    error: there is no account `nobody`; check the name, or make it first
    $ supercargo token delete nothing
    error: there is no token with the id `nothing`; `supercargo token list` shows those there are
    $ supercargo token create x --expires-in-days 0
    error: `expires_in_days` is from 1 to 36500; leave it out for a token without an end
    $ supercargo token list --url http://127.0.0.1:9
    error: cannot reach `http://127.0.0.1:[PORT]/` (Connection refused (os error 111)): is the server running? give its address with `--url` or SUPERCARGO_URL
    $ supercargo token list --url nonsense
    error: the server's address is not a URL; write it as `https://crates.acme.example` with `--url` or SUPERCARGO_URL
    $ supercargo token list --url http://user:hunter2@127.0.0.1:9
    error: the server's address holds a user name or password, which is not how one signs in; write it as `https://crates.acme.example` with `--url` or SUPERCARGO_URL
    $ supercargo token list --token scg_wrong
    error: this is not a token of this server: it starts with `scg_` and has 53 characters; copy the whole one
    ");
    // nothing was deleted by the one that nobody confirmed
    server
        .admin()
        .get("/api/v1/registries/main")
        .await
        .expect(200);
}

async fn who_may_not_is_told_so(server: &Server) {
    let admin = server.admin();
    admin.create_user("alice").await;
    let token = admin
        .token(json!({ "principal": "alice", "scopes": ["admin"] }))
        .await;
    let alice = Terminal {
        url: server.url(),
        token,
    };
    let mut shown = String::new();
    for line in ["registry list", "upstream list"] {
        shown += &alice.session(&[line]).await;
    }
    for (code, line) in [
        (1, "registry show main"),
        (3, "registry create hers"),
        (3, "user list"),
        (1, "member list main"),
    ] {
        shown += &alice.failure_with(code, line).await;
    }
    let nobody = Terminal {
        url: server.url(),
        token: String::new(),
    };
    shown += &nobody.failure_with(3, "registry list").await;
    shown += &nobody.failure_with(3, "registry show main").await;
    assert_snapshot!(shown, @"
    $ supercargo registry list
    there are none
    $ supercargo upstream list
    NAME       SOURCE     AUTH  USABLE BY  USED BY
    crates-io  crates.io  none  all        -
    $ supercargo registry show main
    error: there is no registry `main`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    $ supercargo registry create hers
    error: `alice` may not make registries: that needs the instance role `creator`; ask an instance admin
    $ supercargo user list
    error: `alice` may not do that: that needs the instance role `admin`; ask an instance admin
    $ supercargo member list main
    error: there is no registry `main`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    $ supercargo registry list
    error: this needs a token; send one in the `Authorization` header; run `supercargo login`, or give a token with SUPERCARGO_TOKEN
    $ supercargo registry show main
    error: registry `main` needs a token, or does not exist; run `cargo login --registry main`; run `supercargo login`, or give a token with SUPERCARGO_TOKEN
    ");
}

/// The server has no part in these, so neither has a database.
#[tokio::test]
async fn what_cannot_be_typed_exits_with_2_and_asks_no_server() {
    for line in [
        "",
        "nonsense",
        "registry",
        "registry create",
        "registry create Acme",
        "registry create api",
        "registry create acme --visibility secret",
        "registry create acme --label novalue",
        "registry create acme --upstream partner,x",
        "registry edit acme --no-labels --label a=b",
        "upstream create x",
        "upstream create x --preset crates.io --index sparse+https://registry.example/",
        "upstream edit x",
        "member set main alice owner",
        "member set main Alice reader",
        "token create",
        "token create x --scope everything",
        "token create x --expires-at tomorrow",
        "token create x --expires-in-days 1 --expires-at 2200-01-01T00:00:00Z",
        "claim create main a/b",
        "registry edit acme --no-allow --allow a",
        "registry create acme --block openssl@",
        "crate show main demo@1",
        "crate download main demo",
        "crate upload --registry main",
        "crate upload demo.crate",
        "crate list main --source upstream",
        "quarantine hold main demo",
        "cache evict main demo@1.0.0",
        "me --nonsense",
    ] {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let environment = [("SUPERCARGO_URL", "http://127.0.0.1:9")];
        let ended = run_with(&arguments, &environment, "").await;
        assert_eq!(
            (ended.code, &*ended.stdout),
            (Some(2), ""),
            "`{line}`: {}",
            ended.stderr
        );
        assert!(
            !ended.stderr.contains("cannot reach"),
            "`{line}`: {}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_and_a_flag_beats_the_environment() {
    let ended = run_with(&["me", "--url", "http://127.0.0.1:9"], &[], "").await;
    assert_eq!((ended.code, &*ended.stdout), (Some(4), ""));
    assert_snapshot!(ended.stderr.trim_end(), @"error: cannot reach `http://127.0.0.1:9/` (Connection refused (os error 111)): is the server running? give its address with `--url` or SUPERCARGO_URL");
    // a flag beats the environment
    let environment = [("SUPERCARGO_URL", "http://127.0.0.1:7")];
    let ended = run_with(&["me", "--url", "http://127.0.0.1:9"], &environment, "").await;
    assert!(ended.stderr.contains("127.0.0.1:9"), "{}", ended.stderr);
}

/// Nobody has to be running for that, and each of them says something else.
#[tokio::test]
async fn every_shell_gets_its_completions() {
    let mut scripts = std::collections::BTreeSet::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = run_with(&["completion", shell], &[], "").await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{shell}");
        for word in ["trusted-publisher", "exposure", "no-transfer"] {
            assert!(ended.stdout.contains(word), "{shell}: `{word}`");
        }
        scripts.insert(ended.stdout);
    }
    assert_eq!(scripts.len(), 5);
    let ended = run_with(&["completion", "tcsh"], &[], "").await;
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
}

/// As bash uses it: what follows `supercargo registry sh` is `show`.
#[tokio::test]
async fn bash_completes_with_its_script() {
    let script = run_with(&["completion", "bash"], &[], "").await.stdout;
    let asks = "\nCOMP_WORDS=(supercargo registry sh); COMP_CWORD=2\n_supercargo supercargo sh registry\necho \"${COMPREPLY[@]}\"\n";
    // longer than an argument can be
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asks");
    std::fs::write(&path, script + asks).unwrap();
    let output = tokio::process::Command::new("bash")
        .arg("--norc")
        .arg(&path)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "show\n",
        "{errors}"
    );
}
