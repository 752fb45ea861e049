//! Row P1: every command of cargo that talks to a registry, on a private one, with nothing but the printed lines.

use std::{
    fs,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use supercargo_testkit::{Cargo, Client, Database, Dependency, Outcome, Package, View, on_both};

use crate::{
    program::{Home, Program},
    world::{cargo, locked, server, write_program},
};

on_both!(
    every_command_works_on_a_private_registry,
    a_workspace_is_published_in_the_order_of_its_dependencies,
);

/// Somebody at a desk: the program with its first registry, and cargo with the printed lines in its home.
struct Desk {
    program: Program,
    home: Home,
    cargo: Cargo,
    folder: PathBuf,
}

impl Desk {
    async fn new(database: &Database) -> Self {
        let home = Home::new(database);
        let program = home.start("127.0.0.1:0").await;
        // in the home, since `cargo install` does not look into a project's folder
        let cargo = Cargo::bare().config(program.snippet("named"));
        let folder = cargo.folder("desk");
        let desk = Self {
            program,
            home,
            cargo,
            folder,
        };
        // the preset's index is not asked for names that nobody else has
        desk.admin().claim("main", "acme-*", "private").await;
        desk
    }

    fn admin(&self) -> Client {
        self.program.client().with_token(&self.home.admin_token())
    }

    async fn run(&self, line: &str) -> Outcome {
        self.run_in(".", line).await
    }

    async fn run_in(&self, folder: &str, line: &str) -> Outcome {
        let arguments: Vec<_> = line.split(' ').collect();
        let folder = self.folder.join(folder);
        self.cargo.run(&folder, &arguments).await.success()
    }

    fn write(&self, package: &Package) {
        package.write_source(&self.folder.join(package.name()));
    }
}

/// Rows P1, P9 and P10.
async fn every_command_works_on_a_private_registry(database: Database) {
    let desk = Desk::new(&database).await;
    let token = desk.home.admin_token();
    let login = desk
        .cargo
        .run_with_input(
            &desk.folder,
            &["login", "--registry", "main"],
            &format!("{token}\n"),
        )
        .await
        .success();
    assert_snapshot!(login.messages(), @r#"
    Updating `main` index
       Login token for `main` saved
    "#);
    let first = published(&desk, &Package::new("acme-core", "0.1.0")).await;
    assert_snapshot!(first.lines(&["Uploaded", "Published"]), @r#"
    Uploaded acme-core v0.1.0 to registry `main`
    Published acme-core v0.1.0 at registry `main`
    "#);
    published(&desk, &tool()).await;
    add_build_update(&desk).await;
    search_info_install(&desk).await;
    yank_and_undo(&desk).await;
    owners(&desk).await;

    assert_snapshot!(desk.run("logout --registry main").await.messages(), @r#"
          Logout token for `main` has been removed from local storage
    note: This does not revoke the token on the registry server.
        If you need to revoke the token, visit the `main` website and follow the instructions there.
    "#);
    desk.write(&Package::new("acme-late", "0.1.0"));
    let refused = desk
        .cargo
        .run(
            &desk.folder.join("acme-late"),
            &["publish", "--registry", "main"],
        )
        .await
        .failure();
    says(
        &refused,
        "no token found for `main`, please run `cargo login --registry main`",
    );
}

fn tool() -> Package {
    Package::new("acme-tool", "0.1.0").file(
        "src/main.rs",
        "fn main() { println!(\"a tool from a private registry\"); }",
    )
}

async fn published(desk: &Desk, package: &Package) -> Outcome {
    desk.write(package);
    desk.run_in(package.name(), "publish --registry main").await
}

/// For what other versions of cargo say in other words around it.
#[track_caller]
fn says(outcome: &Outcome, words: &str) {
    let messages = outcome.messages();
    assert!(messages.contains(words), "no `{words}` in:\n{messages}");
}

async fn add_build_update(desk: &Desk) {
    desk.run("new --vcs none app").await;
    let added = desk.run_in("app", "add acme-core --registry main").await;
    says(&added, "Adding acme-core v0.1.0 to dependencies");
    desk.run_in("app", "build").await;
    let app = desk.folder.join("app");
    assert_eq!(locked(&app, "acme-core"), ["0.1.0"]);
    published(desk, &Package::new("acme-core", "0.1.1")).await;
    desk.run_in("app", "build").await;
    assert_eq!(locked(&app, "acme-core"), ["0.1.0"]);
    let updated = desk.run_in("app", "update").await;
    says(
        &updated,
        "Updating acme-core v0.1.0 (registry `main`) -> v0.1.1",
    );
    assert_eq!(locked(&app, "acme-core"), ["0.1.1"]);
    desk.run_in("app", "build").await;
}

async fn search_info_install(desk: &Desk) {
    assert_snapshot!(desk.run("search acme --registry main").await.stdout, @r#"
    acme-core = "0.1.1"    # A package made for a test
    acme-tool = "0.1.0"    # A package made for a test
    "#);
    assert_snapshot!(desk.run("search nothing-like-it --registry main").await.stdout, @"");
    if desk.cargo.is_at_least("1.82") {
        let info = desk.run("info acme-core --registry main").await;
        assert_snapshot!(info.stdout, @r#"
        acme-core
        A package made for a test
        version: 0.1.1 (from registry `main`)
        license: MIT
        rust-version: unknown
        "#);
    } else {
        let info = ["info", "acme-core", "--registry", "main"];
        let unknown = desk.cargo.run(&desk.folder, &info).await.failure();
        says(&unknown, "no such command: `info`");
    }
    let root = desk.cargo.root().join("installed");
    desk.cargo
        .run(
            &desk.folder,
            &[
                "install",
                "acme-tool",
                "--registry",
                "main",
                "--root",
                &root.to_string_lossy(),
            ],
        )
        .await
        .success();
    let said = std::process::Command::new(root.join("bin/acme-tool"))
        .output()
        .unwrap();
    assert_eq!(said.stdout, b"a tool from a private registry\n");
}

async fn yank_and_undo(desk: &Desk) {
    let yank = "yank acme-core@0.1.1 --registry main";
    assert_snapshot!(desk.run(yank).await.messages(), @r#"
    Updating `main` index
        Yank acme-core@0.1.1
    "#);
    assert_eq!(yanked(desk).await, [false, true]);
    let undo = desk.run(&format!("{yank} --undo")).await;
    assert_snapshot!(undo.messages(), @r#"
    Updating `main` index
      Unyank acme-core@0.1.1
    "#);
    assert_eq!(yanked(desk).await, [false, false]);
}

async fn yanked(desk: &Desk) -> Vec<bool> {
    let index = desk.admin().index("main", View::Index, "acme-core").await;
    index
        .json_lines()
        .iter()
        .map(|line| line["yanked"].as_bool().unwrap())
        .collect()
}

async fn owners(desk: &Desk) {
    desk.admin().create_user("alice").await;
    let owner = |change: &str| {
        let line = format!("owner {change} acme-core --registry main");
        async move { desk.run(line.trim()).await }
    };
    assert_snapshot!(owner("--list").await.stdout, @"admin (admin)");
    assert_snapshot!(owner("--add alice").await.messages(), @r#"
    Updating `main` index
       Owner `alice` now owns crate `acme-core` of registry `main`
    "#);
    assert_snapshot!(owner("--list").await.stdout, @r#"
    admin (admin)
    alice (alice)
    "#);
    assert_snapshot!(owner("--remove alice").await.messages(), @r#"
    Updating `main` index
       Owner removing ["alice"] from crate acme-core
    "#);
    let last = desk
        .cargo
        .run(
            &desk.folder,
            &[
                "owner",
                "--remove",
                "admin",
                "acme-core",
                "--registry",
                "main",
            ],
        )
        .await
        .failure();
    assert_snapshot!(last.refusal(), @"400 Bad Request: `admin` is the last owner of crate `acme-core`; add another one first: `cargo owner --add NAME acme-core`");
}

/// Row P1, `publish --workspace`: the dependents' lockfiles hold the checksums of what was uploaded a second before.
async fn a_workspace_is_published_in_the_order_of_its_dependencies(database: Database) {
    let server = server(database).await;
    let cargo = cargo(&server, &["acme"]);
    cargo.needs("1.90", "`publish --workspace`");
    let workspace = cargo.folder("workspace");
    fs::write(
        workspace.join("Cargo.toml"),
        "[workspace]\nmembers = [\"*\"]\nresolver = \"2\"\nexclude = [\"target\"]\n",
    )
    .unwrap();
    // the order of names is not that of dependencies
    member(&workspace, "acme-c", None);
    member(&workspace, "acme-b", Some("acme-c"));
    member(&workspace, "acme-a", Some("acme-b"));
    let outcome = cargo
        .run(
            &workspace,
            &["publish", "--workspace", "--registry", "acme"],
        )
        .await
        .success();
    assert_snapshot!(outcome.lines(&["Uploaded", "Published"]), @r#"
    Uploaded acme-c v1.0.0 to registry `acme`
    Published acme-c v1.0.0 at registry `acme`
    Uploaded acme-b v1.0.0 to registry `acme`
    Published acme-b v1.0.0 at registry `acme`
    Uploaded acme-a v1.0.0 to registry `acme`
    Published acme-a v1.0.0 at registry `acme`
    "#);

    let app = cargo.folder("app");
    write_program(
        &app,
        "acme-a = { version = \"1\", registry = \"acme\" }",
        "println!(\"{}\", acme_a::chain());",
    );
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(ran.stdout, "acme-a acme-b acme-c\n");
}

fn member(workspace: &Path, name: &str, below: Option<&str>) {
    let (tail, package) = match below {
        None => (String::new(), Package::new(name, "1.0.0")),
        Some(below) => (
            format!(" + \" \" + &{}::chain()", below.replace('-', "_")),
            Package::new(name, "1.0.0").depends_on(
                Dependency::new(below, "1")
                    .registry("acme")
                    .path(&format!("../{below}")),
            ),
        ),
    };
    package
        .file(
            "src/lib.rs",
            format!("pub fn chain() -> String {{ \"{name}\".to_owned(){tail} }}"),
        )
        .write_source(&workspace.join(name));
}

/// Rows P1 and I2: on a private registry each command sends the token, or says how to come by one.
#[tokio::test]
async fn without_a_token_cargo_says_where_to_get_one() {
    let server = server(Database::Sqlite).await;
    let package = Package::new("acme-core", "1.0.0");
    server.admin().publish("acme", &package).await.expect(200);
    let index = server.index_url("acme", View::Index);
    let (_, strange) = crate::world::stranger(&server).await;
    let named = |cargo: Cargo| cargo.registry("acme", &index);
    for (cargo, words) in [
        (
            named(Cargo::bare()),
            ["authenticated registries require a credential-provider to be configured"].as_slice(),
        ),
        (
            named(Cargo::new()),
            &["no token found for `acme`, please run `cargo login --registry acme`"],
        ),
        (
            named(Cargo::new()).token("acme", "scg_nonsense"),
            &[
                "token rejected for `acme`, please run `cargo login --registry acme`",
                "this is not a token of this server: it starts with `scg_` and has 53 characters; copy the whole one, then run `cargo login --registry acme`",
            ],
        ),
        (
            named(Cargo::new()).token("acme", &strange),
            &[
                "there is no registry `acme`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it",
            ],
        ),
    ] {
        let app = cargo.folder("app");
        write_program(
            &app,
            "acme-core = { version = \"1\", registry = \"acme\" }",
            "",
        );
        let outcome = cargo.run(&app, &["fetch"]).await.failure();
        for words in words {
            says(&outcome, words);
        }
    }
    let place = server.anonymous().get("/acme/me").await.expect(200);
    assert!(place.text().contains("cargo login --registry acme"));
}
