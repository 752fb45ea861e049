//! Row O1, and the two minutes of the README: one command, paste what it prints, publish, build; stop, start, all is there.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{
    Cargo, Client, Database, FakeUpstream, Package, View, normalise, on_both,
};

use crate::{
    program::{Home, Program},
    world::write_program,
};

on_both!(the_first_start_makes_an_instance_that_the_printed_lines_reach);

/// Who plays crates.io, where a registry's mirror is not between.
enum CratesIo<'a> {
    Cut,
    At(&'a str),
}

fn person(folder_of_config: &str, snippet: &str, crates_io: &CratesIo<'_>) -> Cargo {
    let cargo = match crates_io {
        CratesIo::Cut => Cargo::bare(),
        CratesIo::At(index) => Cargo::bare().as_crates_io(index),
    };
    let folder = cargo.folder(folder_of_config).join(".cargo");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("config.toml"), snippet).unwrap();
    cargo
}

/// Types the commands that stand in the comments of a snippet, with the token.
async fn log_in(cargo: &Cargo, folder: &Path, snippet: &str, token: &str) -> usize {
    let commands: Vec<_> = snippet
        .lines()
        .filter_map(|line| line.split_once("cargo login ").map(|(_, rest)| rest))
        .collect();
    for command in &commands {
        let arguments: Vec<_> = ["login"].into_iter().chain(command.split(' ')).collect();
        cargo
            .run_with_input(folder, &arguments, &format!("{token}\n"))
            .await
            .success();
    }
    commands.len()
}

/// Publishes a crate that needs a public one, and builds a program with both.
async fn publish_and_build(cargo: &Cargo, folder: &Path, name: &str) {
    Package::new(name, "1.0.0")
        .dependency("itoa", "1")
        .file(
            "src/lib.rs",
            "pub fn hello() -> String { format!(\"hello with itoa {}\", itoa::version()) }",
        )
        .write_source(&folder.join(name));
    cargo
        .run(&folder.join(name), &["publish", "--registry", "main"])
        .await
        .success();
    let program = folder.join("app");
    write_program(&program, "", "");
    for arguments in [
        ["add", name, "--registry", "main"].as_slice(),
        &["add", "serde"],
    ] {
        cargo.run(&program, arguments).await.success();
    }
    let body = format!(
        "println!(\"{{}} and serde {{}}\", {}::hello(), serde::version());",
        name.replace('-', "_")
    );
    fs::write(
        program.join("src/main.rs"),
        format!("fn main() {{ {body} }}\n"),
    )
    .unwrap();
    build(cargo, folder).await;
}

async fn build(cargo: &Cargo, folder: &Path) {
    let ran = cargo.run(&folder.join("app"), &["run"]).await.success();
    assert_eq!(ran.stdout, "hello with itoa 1.0.9 and serde 1.0.200\n");
}

fn crates_io() -> FakeUpstream {
    let fake = FakeUpstream::start();
    fake.publish(&Package::new("itoa", "1.0.9"));
    fake.publish(&Package::new("serde", "1.0.200"));
    fake
}

async fn attach(admin: &Client, fake: &FakeUpstream) {
    admin
        .create_upstream(json!({ "name": "fake", "index": fake.index_url() }))
        .await;
    admin.attach("main", json!(["fake"])).await;
}

/// Whether any text that a person or a log could see has the secret.
fn says_no_secret(program: &Program, token: &str) {
    assert!(!program.greeting.contains(token) && !program.greeting.contains("scg_"));
}

/// Rows O1, P1 and P16 (our own lines).
async fn the_first_start_makes_an_instance_that_the_printed_lines_reach(database: Database) {
    let home = Home::new(&database);
    let program = home.start("127.0.0.1:0").await;
    let token = home.admin_token();
    let file = fs::metadata(home.data().join("admin-token")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    says_no_secret(&program, &token);
    assert_snapshot!(normalise(&program.greeting, home.root()), @r#"
    listening on http://127.0.0.1:[PORT]

    the administrator's token is in `[ROOT]/data/admin-token`; keep it elsewhere and remove that file
    in a browser, sign in at http://127.0.0.1:[PORT]/-/login as `admin`, with that token as the password

    to use the registry `main`, paste one of these into `.cargo/config.toml`

    --- everything through us (recommended) ---
    # `main` by its name, and every public crate through `main-mirror`; lockfiles stay as with crates.io
    # works from cargo 1.73 on for public reads and publishing, from 1.74 on for private reads
    # log in with: cargo login --registry main
    # and with:    cargo login --registry main-mirror
    # publish with: cargo publish --registry main, also where cargo proposes main-mirror
    [registries.main]
    index = "sparse+http://127.0.0.1:[PORT]/main/index/"
    credential-provider = ["cargo:token"]

    [registries.main-mirror]
    index = "sparse+http://127.0.0.1:[PORT]/main/mirror/index/"
    credential-provider = ["cargo:token"]

    [source.crates-io]
    replace-with = "main-mirror"

    --- named ---
    # `main` by its name, as in `cargo add --registry main CRATE`; public crates come from crates.io
    # works from cargo 1.73 on for public reads and publishing, from 1.74 on for private reads
    # log in with: cargo login --registry main
    [registries.main]
    index = "sparse+http://127.0.0.1:[PORT]/main/index/"
    credential-provider = ["cargo:token"]

    cargo asks for a token: for daily work, one of `SUPERCARGO_TOKEN=… supercargo token create laptop --url http://127.0.0.1:[PORT] --registry main --scope publish --expires-in-days 30`
    "#);

    let fake = crates_io();
    attach(&program.client().with_token(&token), &fake).await;
    let everything = program.snippet("everything through us (recommended)");
    let through_us = person("work", everything, &CratesIo::Cut);
    let work = through_us.folder("work");
    assert_eq!(log_in(&through_us, &work, everything, &token).await, 2);
    publish_and_build(&through_us, &work, "acme-hello").await;

    let named = program.snippet("named");
    let by_name = person("named", named, &CratesIo::At(&fake.index_url()));
    let named_work = by_name.folder("named");
    assert_eq!(log_in(&by_name, &named_work, named, &token).await, 1);
    publish_and_build(&by_name, &named_work, "acme-greeting").await;

    let address = program.address().to_owned();
    let (status, words) = program.stop().await;
    assert!(status.success(), "{status}");
    assert_eq!(words, "");
    let program = home.start(&address).await;
    says_no_secret(&program, &token);
    assert_snapshot!(program.greeting.lines().take(4).collect::<Vec<_>>().join("\n").replace(&address, "ADDRESS"), @r#"
    listening on http://ADDRESS

    to use the registry `main`, paste one of these into `.cargo/config.toml`
    "#);
    assert_eq!(home.admin_token(), token);
    let admin = program.client().with_token(&token);
    for name in ["acme-hello", "acme-greeting"] {
        assert_eq!(admin.listed("main", View::Index, name).await, ["1.0.0"]);
    }
    for (cargo, folder) in [(&through_us, &work), (&by_name, &named_work)] {
        cargo.forget_downloads();
        fs::remove_dir_all(cargo.root().join("target")).unwrap();
        build(cargo, folder).await;
    }
}

/// A token that the operator has chosen is nobody's secret but theirs: it stands nowhere.
#[tokio::test]
async fn a_token_that_was_given_is_written_nowhere() {
    let server = crate::world::server(Database::Sqlite).await;
    assert!(!server.log().contains(server.admin_token()));
    assert!(!server.data().join("admin-token").exists());
}
