//! R12, its first half: `supercargo prefetch` has the server fetch what lockfiles name, and proves it.

use std::{fs, path::Path, process::Stdio};

use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{
    Cargo, Database, FakeUpstream, Fault, LockedPackage, Package, Server, ServerOptions, View,
    eventually, normalise, on_both,
};
use supercargo_types::Digest;
use tempfile::TempDir;
use tokio::process::Command;

use crate::scene::{Scene, index_file};

on_both!(
    this_projects_lockfile_is_prefetched_and_then_fetched_without_crates_io,
    what_cannot_be_had_is_listed_with_its_reason_and_the_rest_is_fetched,
    an_upstream_that_stumbles_is_asked_once_more,
    checksums_that_disagree_are_told_loudly_and_first,
    a_package_comes_from_the_view_that_its_source_stands_for,
    the_files_stay_at_the_server_where_that_is_asked_for,
    who_may_not_read_is_told_so_before_anything_is_fetched,
);

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Somebody with lockfiles and a token.
struct Desk {
    folder: TempDir,
    url: String,
    token: String,
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn of(server: &Server) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: server.url(),
            token: server.admin_token().to_owned(),
        }
    }

    /// Puts a lockfile there.
    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// The same, of packages in the newest form.
    fn put_locked(&self, name: &str, packages: &[String]) {
        self.put(name, &format!("version = 4\n\n{}", packages.join("\n")));
    }

    async fn prefetch(&self, line: &str) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_supercargo"))
            .arg("prefetch")
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("SUPERCARGO_URL", &self.url)
            .env("SUPERCARGO_TOKEN", &self.token)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let text = |bytes: &[u8]| normalise(&String::from_utf8_lossy(bytes), self.folder.path());
        // how far it is, which is told only where the machine is slow
        let is_progress = |line: &&str| line.starts_with("index: ") || line.starts_with("crates: ");
        let stderr = text(&output.stderr);
        let stderr: Vec<_> = stderr.lines().filter(|line| !is_progress(line)).collect();
        Ended {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: stderr.join("\n"),
        }
    }

    /// What it prints for people, and its exit code.
    async fn told(&self, line: &str) -> String {
        let Ended {
            code,
            stdout,
            stderr,
        } = self.prefetch(line).await;
        let parts = [stdout, stderr, format!("exit code {}", code.unwrap())];
        let parts: Vec<_> = parts.iter().map(|part| part.trim_end()).collect();
        let parts = parts.iter().filter(|part| !part.is_empty());
        parts.copied().collect::<Vec<_>>().join("\n")
    }

    /// What it prints for machines, and nothing else.
    async fn json(&self, line: &str) -> Value {
        let ended = self.prefetch(&format!("{line} --json")).await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

/// As cargo writes it.
fn locked(name: &str, version: &str, source: &str, checksum: Digest) -> String {
    format!(
        "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\nchecksum = \"{checksum}\"\n"
    )
}

/// A package of crates.io.
fn public(package: &Package) -> String {
    locked(
        package.name(),
        package.version(),
        CRATES_IO,
        package.checksum(),
    )
}

async fn this_projects_lockfile_is_prefetched_and_then_fetched_without_crates_io(
    database: Database,
) {
    Cargo::new().needs("1.85", "this workspace, which is of edition 2024");
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let lockfile = workspace.join("Cargo.lock");
    let packages = LockedPackage::read(&lockfile).unwrap();
    let mut crates_io = FakeUpstream::from_cargo_home(&lockfile).unwrap();
    let options = ServerOptions::new(env!("CARGO_BIN_EXE_supercargo"))
        .database(database)
        // a busy machine takes longer than a minute, and this is not about what is fresh
        .setting("upstream.freshness", "1h");
    let mut server = Server::start(options).await;
    let admin = server.admin();
    let upstream = json!({ "name": "stand-in", "index": crates_io.index_url() });
    admin.create_upstream(upstream).await;
    let registry = json!({ "name": "acme", "upstreams": ["stand-in"] });
    admin.create_registry(registry).await;

    let desk = Desk::of(&server);
    let line = format!("{} --registry acme", lockfile.display());
    let report = desk.json(&line).await;
    assert_eq!(report["versions"], packages.len());
    assert_eq!(report["proven"], packages.len());
    assert_eq!(report["missing"], json!([]));
    assert!(report["skipped"]["path"].as_u64().unwrap() > 1, "{report}");
    let mut indexes = crates_io.requests_to("/index/");
    indexes.retain(|request| request.path != "/index/config.json");
    let mut names: Vec<_> = packages.iter().map(|package| &package.name).collect();
    names.dedup();
    // some that nobody needs are read ahead
    let mut asked: Vec<_> = indexes.iter().map(|request| &request.path).collect();
    asked.sort();
    asked.dedup();
    assert_eq!(indexes.len(), asked.len(), "each index file once");
    assert!(asked.len() >= names.len());
    assert_eq!(crates_io.requests_to("/dl/").len(), packages.len());

    crates_io.stop();
    // nothing is fresh any more, and nothing is in memory
    server.change_options(|options| options.setting("upstream.freshness", "0s"));
    server.restart().await;
    assert_eq!(desk.json(&line).await, report, "it is all there");
    let machine = Cargo::new()
        .registry("acme-mirror", &server.index_url("acme", View::Mirror))
        .token("acme-mirror", server.admin_token())
        .replace_crates_io("acme-mirror");
    let before = fs::read(&lockfile).unwrap();
    // `--locked` fails where a checksum or a source would change
    machine
        .run(workspace, &["fetch", "--locked"])
        .await
        .success();
    assert_eq!(fs::read(&lockfile).unwrap(), before);
}

async fn what_cannot_be_had_is_listed_with_its_reason_and_the_rest_is_fetched(database: Database) {
    let scene = Scene::start(database).await;
    let desk = Desk::of(&scene.server);
    let [demo, evil, hollow] = ["demo", "evil", "hollow"].map(|name| Package::new(name, "1.0.0"));
    scene.upstream.publish(&demo);
    scene.upstream.publish(&evil);
    // listed, and without bytes
    let line = hollow.index_line().to_string();
    scene.upstream.publish_line("hollow", &line);
    let quarantine = "/api/v1/registries/acme/crates/evil/quarantine";
    let body = json!({ "action": "block", "reason": "steals tokens" });
    scene.admin.put(quarantine, body).await.expect(200);
    let absent = Package::new("absent", "1.0.0");
    let later = demo.clone().with_version("2.0.0");
    let packages = [&demo, &evil, &hollow, &absent, &later].map(public);
    desk.put_locked("Cargo.lock", &packages);
    let told = desk.told("Cargo.lock --registry acme").await;
    let (_, since) = told.split_once(" since ").unwrap();
    let (day, _) = since.split_once(':').unwrap();
    assert_snapshot!(told.replace(day, "[DAY]"), @"
    absent@1.0.0: no such crate in this index
    evil@1.0.0: `evil@1.0.0` is blocked in registry `acme` since [DAY]: steals tokens; choose another version, or ask a maintainer of the registry
    hollow@1.0.0: upstream `partner` lists `hollow@1.0.0` but does not have its file (404 Not Found)
    demo@2.0.0: the index does not list this version
    4 of 5 versions of 1 lockfile cannot be had from `acme`; the others are there now, and another run does not fetch them again
    exit code 1
    ");
    assert_eq!(
        scene.upstream.requests_to("/dl/demo/1.0.0/download").len(),
        1
    );

    let ended = desk
        .prefetch("Cargo.lock --registry acme --json --jobs 1")
        .await;
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&report["versions"], &report["proven"]),
        (&json!(5), &json!(1))
    );
    let missing = report["missing"].as_array().unwrap().iter();
    let missing: Vec<_> = missing
        .map(|missing| {
            let text = |key: &str| missing[key].as_str().unwrap();
            assert!(!text("reason").is_empty());
            ["name", "version", "view", "code"].map(text)
        })
        .collect();
    assert_eq!(
        missing,
        [
            ["absent", "1.0.0", "mirror", "refused"],
            ["evil", "1.0.0", "mirror", "refused"],
            ["hollow", "1.0.0", "mirror", "refused"],
            ["demo", "2.0.0", "mirror", "unlisted"],
        ]
    );
}

/// After one failure the server leaves an upstream alone for a moment: everything that was asked meanwhile would be missing.
async fn an_upstream_that_stumbles_is_asked_once_more(database: Database) {
    let scene = Scene::start(database).await;
    let desk = Desk::of(&scene.server);
    let names = ["alpha", "beta", "gamma", "delta"];
    let packages = names.map(|name| Package::new(name, "1.0.0"));
    for package in &packages {
        scene.upstream.publish(package);
    }
    let [first, others @ ..] = packages.each_ref().map(public);
    for (lockfile, stumbles) in [
        (vec![first], "/dl/alpha/".to_owned()),
        (others.into(), index_file("beta")),
    ] {
        let stumble = Fault::Status(503);
        scene.upstream.fault_times(&stumbles, stumble, 1);
        desk.put_locked("Cargo.lock", &lockfile);
        let report = desk.json("Cargo.lock --registry acme --jobs 1").await;
        assert_eq!(report["proven"], lockfile.len(), "{report}");
        assert_eq!(scene.upstream.requests_to(&stumbles).len(), 2);
    }

    // one that is down stays down
    scene.upstream.fault("/", Fault::Status(503));
    let other = Package::new("epsilon", "1.0.0");
    scene.upstream.publish(&other);
    desk.put_locked("Cargo.lock", &[public(&packages[0]), public(&other)]);
    let ended = desk.prefetch("Cargo.lock --registry acme --json").await;
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &report["proven"]), (Some(1), &json!(1)));
    assert_eq!(report["missing"][0]["name"], "epsilon");
    assert_eq!(report["missing"][0]["code"], "refused");
    assert_eq!(report["missing"].as_array().unwrap().len(), 1);
}

async fn checksums_that_disagree_are_told_loudly_and_first(database: Database) {
    let scene = Scene::start(database).await;
    let desk = Desk::of(&scene.server);
    let [demo, broken, spoiled] =
        ["demo", "broken", "spoiled"].map(|name| Package::new(name, "1.0.0"));
    for package in [&demo, &broken, &spoiled] {
        scene.upstream.publish(package);
    }
    scene
        .upstream
        .replace_bytes("spoiled", "1.0.0", "other bytes");
    let other = locked("demo", "1.0.0", CRATES_IO, Digest::of(b"other"));
    // so long that it is on its way before its end is known
    let bytes = vec![7; 1 << 20];
    scene.upstream.replace_bytes("broken", "1.0.0", bytes);
    let packages = [&demo, &broken, &spoiled].map(public);
    desk.put_locked("right.lock", &packages);
    desk.put_locked("wrong.lock", &[other]);
    // one of two lockfiles is right, and hides nothing of the other
    let told = desk.told("right.lock wrong.lock --registry acme").await;
    let told = told.replace(&Digest::of(b"other").hex(), "OTHER");
    let told = told.replace(&demo.checksum().hex(), "RIGHT");
    let told = told.replace(&spoiled.checksum().hex(), "PROMISED");
    let told = told.replace(&Digest::of(b"other bytes").hex(), "SENT");
    // what the system says of a connection that ends
    let (_, reason) = told.split_once("broke off twice (").unwrap();
    let (reason, _) = reason.split_once("):").unwrap();
    let told = told.replace(reason, "REASON");
    assert_snapshot!(told, @"
    demo@1.0.0: WRONG CHECKSUM: a lockfile says OTHER, and the index says RIGHT; find out which of them was changed before you build with it
    broken@1.0.0: the answer broke off twice (REASON): either the connection fails, or upstream sends other bytes than its index promises, and an alarm stands in the server's audit log
    spoiled@1.0.0: upstream `partner` sends other bytes for `spoiled@1.0.0` than its index promises (checksum SENT, expected PROMISED); they were thrown away, so choose another version, or try again when upstream is mended
    3 of 3 versions of 2 lockfiles cannot be had from `acme`
    exit code 1
    ");
    eventually("an alarm for each of upstream's", || async {
        let alarms = scene.alarms().await;
        ["broken", "spoiled"].iter().all(|name| {
            let alarm = format!("upstream.wrong_bytes {name} 1.0.0");
            alarms.contains(&alarm)
        })
    })
    .await;
    // what a lockfile says is somebody else's is not recorded as served
    assert!(scene.upstream.requests_to("/dl/demo/").is_empty());
    eventually("nothing stored", || async { scene.stored() == 0 }).await;
}

async fn a_package_comes_from_the_view_that_its_source_stands_for(database: Database) {
    let scene = Scene::start(database).await;
    let desk = Desk::of(&scene.server);
    scene.admin.claim("acme", "acme-*", "private").await;
    scene.admin.claim("acme", "left-pad", "fork").await;
    let tool = Package::new("Acme_Tool", "1.0.0");
    let ours = Package::new("left-pad", "1.0.0").file("src/ours.rs", "");
    let theirs = Package::new("left-pad", "1.0.0");
    scene.publish(&tool).await;
    scene.publish(&ours).await;
    scene.upstream.publish(&theirs);
    let [index, mirror] =
        [View::Index, View::Mirror].map(|view| scene.server.index_url("acme", view));
    let of = |package: &Package, source: &str| {
        locked(
            package.name(),
            package.version(),
            source,
            package.checksum(),
        )
    };
    let elsewhere = scene.server.index_url("tools", View::Index);
    let git = "git+https://forge.example/other#0123456789abcdef0123456789abcdef01234567";
    desk.put_locked(
        "one.lock",
        &[
            "[[package]]\nname = \"consumer\"\nversion = \"0.1.0\"\n".to_owned(),
            format!("[[package]]\nname = \"other\"\nversion = \"1.0.0\"\nsource = \"{git}\"\n"),
            of(&tool, &index),
            of(&theirs, CRATES_IO),
            of(&ours, &index),
            of(&tool, &elsewhere),
        ],
    );
    // as the first cargo wrote it
    let checksum = theirs.checksum();
    desk.put(
        "two.lock",
        &format!(
            "[root]\nname = \"consumer\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"left-pad\"\nversion = \"1.0.0\"\nsource = \"{CRATES_IO}\"\n\n[metadata]\n\"checksum left-pad 1.0.0 ({CRATES_IO})\" = \"{checksum}\"\n"
        ),
    );
    desk.put_locked("three.lock", &[of(&theirs, &mirror)]);
    let line = "one.lock two.lock three.lock --registry acme";
    assert_snapshot!(desk.told(line).await, @"
    `acme` has 3 versions of 3 lockfiles, with the right checksums (865 B); skipped: 1 local package, 1 git package, 1 package of other registries (`sparse+http://127.0.0.1:[PORT]/tools/index/`)
    exit code 0
    ");
    assert_eq!(scene.asked_about("left-pad").len(), 1);
    assert_eq!(scene.upstream.requests_to("/dl/").len(), 1);
    assert!(
        scene
            .upstream
            .requests_to(&index_file("acme_tool"))
            .is_empty()
    );

    // a build that replaces crates.io with the registry as a whole would get ours
    let told = desk.told("two.lock --registry acme --view index").await;
    let told = told.replace(&ours.checksum().hex(), "OURS");
    assert_snapshot!(told.replace(&checksum.hex(), "THEIRS"), @"
    left-pad@1.0.0: WRONG CHECKSUM: a lockfile says THEIRS, and the index says OURS; find out which of them was changed before you build with it
    1 of 1 version of 1 lockfile cannot be had from `acme`
    exit code 1
    ");
}

async fn the_files_stay_at_the_server_where_that_is_asked_for(database: Database) {
    let scene = Scene::start(database).await;
    let desk = Desk::of(&scene.server);
    let demo = Package::new("demo", "1.0.0+x").ballast(200_000);
    let hollow = Package::new("hollow", "1.0.0");
    scene.upstream.publish(&demo);
    let line = hollow.index_line().to_string();
    scene.upstream.publish_line("hollow", &line);
    desk.put_locked("Cargo.lock", &[public(&demo)]);
    let report = desk.json("Cargo.lock --registry acme --no-transfer").await;
    assert_eq!(report["bytes"], demo.crate_bytes().len());
    assert_eq!(scene.upstream.requests_to("/dl/demo/").len(), 1);
    assert_eq!(scene.stored(), 1);
    assert_eq!(report, desk.json("Cargo.lock --registry acme").await);
    let asked = scene.upstream.requests_to("/dl/demo/");
    assert_eq!(asked.len(), 1, "by the first run alone");

    // the reason is told all the same
    desk.put_locked("hollow.lock", &[public(&hollow)]);
    let told = desk.told("hollow.lock --registry acme --no-transfer").await;
    assert_snapshot!(told, @"
    hollow@1.0.0: upstream `partner` lists `hollow@1.0.0` but does not have its file (404 Not Found)
    1 of 1 version of 1 lockfile cannot be had from `acme`
    exit code 1
    ");
}

async fn who_may_not_read_is_told_so_before_anything_is_fetched(database: Database) {
    let scene = Scene::start(database).await;
    let mut desk = Desk::of(&scene.server);
    let demo = Package::new("demo", "1.0.0");
    scene.upstream.publish(&demo);
    desk.put_locked("Cargo.lock", &[public(&demo)]);
    desk.put("later.lock", "version = 5\n");
    let mut told = vec![
        desk.told("Cargo.lock later.lock --registry acme").await,
        desk.told("Cargo.lock absent.lock --registry acme").await,
        desk.told("Cargo.lock --registry absent").await,
    ];
    scene.admin.create_user("alice").await;
    let token = json!({ "name": "laptop", "principal": "alice" });
    desk.token = scene.admin.token(token).await;
    told.push(desk.told("Cargo.lock --registry acme").await);
    desk.token = String::new();
    told.push(desk.told("Cargo.lock --registry acme").await);
    assert_snapshot!(told.join("\n\n"), @"
    error: nothing was fetched: `later.lock` is a lockfile of version 5, and versions 1 to 4 are known; use a newer supercargo, or an older cargo to write it
    exit code 1

    error: nothing was fetched: `absent.lock` cannot be read: No such file or directory (os error 2)
    exit code 1

    error: there is no registry `absent`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    exit code 3

    error: there is no registry `acme`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    exit code 3

    error: registry `acme` needs a token, or does not exist; run `cargo login --registry acme`; run `supercargo login`, or give a token with SUPERCARGO_TOKEN
    exit code 3
    ");
    assert!(scene.asked().is_empty());
    for line in [
        "--registry acme",
        "Cargo.lock",
        "Cargo.lock --registry acme --jobs 0",
        "Cargo.lock --registry acme --jobs 65",
        "Cargo.lock --registry acme --view hosted",
    ] {
        assert_eq!(desk.prefetch(line).await.code, Some(2), "{line}");
    }
}
