//! Crates, versions, quarantine and the cache: everything that was typed reaches the server and changes what cargo sees.

use std::{fs, path::Path};

use serde_json::json;
use supercargo_testkit::{FakeUpstream, Package, Server, View};

use super::terminal::{Terminal, run_with};
use crate::on_both_databases;

on_both_databases!(
    files_are_uploaded_shown_and_downloaded,
    crates_are_listed_by_name_and_source,
    a_version_is_deleted_restored_and_purged,
    a_crate_is_deleted_and_its_name_released,
    a_quarantine_is_set_listed_and_lifted,
    patterns_of_a_registry_block_and_allow,
    what_is_cached_is_evicted_and_changed_bytes_are_accepted,
    a_registry_is_purged,
    a_name_is_claimed_for_both,
);

/// A `.crate` file, as `cargo package` leaves it.
fn file(folder: &Path, package: &Package) -> String {
    let name = format!("{}-{}.crate", package.name(), package.version());
    let path = folder.join(name);
    fs::write(&path, package.crate_bytes()).unwrap();
    path.display().to_string()
}

/// A registry `acme` that has nothing but what it hosts.
async fn terminal_with_acme(server: &Server) -> Terminal {
    server
        .admin()
        .create_registry(json!({ "name": "acme" }))
        .await;
    Terminal::of(server)
}

async fn said(terminal: &Terminal, line: &str) -> String {
    let ended = terminal.run(line).await;
    assert_eq!(
        ended.code,
        Some(0),
        "{line}: {}{}",
        ended.stdout,
        ended.stderr
    );
    ended.stdout.trim_end().to_owned()
}

/// Row P14.
async fn files_are_uploaded_shown_and_downloaded(server: &Server) {
    let terminal = terminal_with_acme(server).await;
    let folder = tempfile::tempdir().unwrap();
    let packages = ["1.0.0", "1.1.0"].map(|version| Package::new("demo", version));
    let files = packages
        .each_ref()
        .map(|package| file(folder.path(), package));
    let garbage = folder.path().join("garbage.crate");
    fs::write(&garbage, "no archive").unwrap();

    // in order, up to the first that fails; what was published stays
    let line = format!(
        "crate upload {} {} {} --registry acme",
        files[0],
        garbage.display(),
        files[1]
    );
    let ended = terminal.run(&line).await;
    assert_eq!(
        (ended.code, &*ended.stdout),
        (Some(1), "`demo@1.0.0` is published in `acme`\n")
    );
    let (_, failure) = ended.stderr.split_once("error: ").unwrap();
    let start = format!("`{}` is not published: ", garbage.display());
    assert!(failure.starts_with(&start), "{failure}");
    let end = format!("\nthese were not tried any more: `{}`\n", files[1]);
    assert!(failure.ends_with(&end), "{failure}");

    let json = terminal
        .json(&format!("crate upload {} --registry acme", files[1]))
        .await;
    assert_eq!(json["version"], "1.1.0");
    assert_eq!(json["checksum"], packages[1].checksum().hex());
    let again = format!("crate upload {} --registry acme", files[1]);
    let again = terminal.run(&again).await;
    assert_eq!(
        (again.code, &*again.stdout),
        (Some(1), ""),
        "{}",
        again.stderr
    );

    let show = said(&terminal, "crate show acme Demo").await;
    let (item, versions) = show.split_once("\n\n").unwrap();
    assert!(item.starts_with("name "), "{item}");
    let states: Vec<Vec<_>> = versions
        .lines()
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    assert_eq!(
        states,
        [
            ["VERSION", "STATE", "ORIGIN"],
            ["1.1.0", "available", "hosted"],
            ["1.0.0", "available", "hosted"]
        ]
    );
    let version = terminal.json("crate show acme demo@1.0.0").await;
    assert_eq!(version["checksum"], packages[0].checksum().hex());

    let output = folder.path().join("downloaded");
    let line = format!("crate download acme demo@1.0.0 -o {}", output.display());
    let told = said(&terminal, &line).await;
    assert!(told.ends_with("its checksum is right"), "{told}");
    assert_eq!(fs::read(&output).unwrap(), packages[0].crate_bytes());
    terminal.failure(&line).await;
}

async fn crates_are_listed_by_name_and_source(server: &Server) {
    let admin = server.admin();
    let upstream = FakeUpstream::start();
    let partner = json!({ "name": "partner", "index": upstream.index_url() });
    admin.create_upstream(partner).await;
    admin
        .create_registry(json!({ "name": "acme", "upstreams": ["partner"] }))
        .await;
    let terminal = Terminal::of(server);
    assert_eq!(said(&terminal, "crate list acme").await, "there are none");
    for version in ["1.0.0", "1.1.0"] {
        let package = Package::new("demo", version);
        admin.publish("acme", &package).await.expect(200);
    }
    let other = Package::new("other", "0.1.0");
    admin.publish("acme", &other).await.expect(200);
    upstream.publish(&Package::new("left-pad", "2.0.0"));
    admin
        .download("acme", View::Index, "left-pad", "2.0.0")
        .await
        .expect(200);

    let words = async |line| -> Vec<Vec<String>> {
        let list = said(&terminal, line).await;
        let words = |line: &str| line.split_whitespace().take(4).map(str::to_owned).collect();
        list.lines().map(words).collect()
    };
    let head = ["NAME", "SOURCE", "NEWEST", "VERSIONS"];
    let demo = ["demo", "hosted", "1.1.0", "2"];
    let other = ["other", "hosted", "0.1.0", "1"];
    let cached = ["left-pad", "cached", "2.0.0", "1"];
    assert_eq!(words("crate list acme").await, [head, demo, other, cached]);
    assert_eq!(words("crate list acme --query dem").await, [head, demo]);
    assert_eq!(
        words("crate list acme --source cached").await,
        [head, cached]
    );
    assert_eq!(
        words("crate list acme --source hosted").await,
        [head, demo, other]
    );
    assert_eq!(terminal.json("crate list acme").await["total"], 3);
}

async fn a_version_is_deleted_restored_and_purged(server: &Server) {
    let terminal = terminal_with_acme(server).await;
    let admin = server.admin();
    for version in ["1.0.0", "1.1.0"] {
        admin
            .publish("acme", &Package::new("demo", version))
            .await
            .expect(200);
    }
    let listed = async || admin.listed("acme", View::Index, "demo").await;

    terminal.failure("crate delete acme demo@1.0.0").await;
    assert_eq!(listed().await, ["1.0.0", "1.1.0"]);
    assert_eq!(
        said(&terminal, "crate delete acme demo@1.0.0 --yes").await,
        "`demo@1.0.0` is deleted from `acme`; `supercargo crate restore acme demo@1.0.0` brings it back"
    );
    assert_eq!(listed().await, ["1.1.0"]);
    assert_eq!(
        terminal.json("crate show acme demo@1.0.0").await["state"],
        "deleted"
    );
    assert_eq!(
        said(&terminal, "crate restore acme demo@1.0.0").await,
        "`demo@1.0.0` is back in `acme`"
    );
    assert_eq!(listed().await, ["1.0.0", "1.1.0"]);
    terminal.failure("crate restore acme demo@1.0.0").await;
    terminal.failure("crate purge acme demo@1.0.0 --yes").await;

    said(&terminal, "crate delete acme demo@1.0.0 --yes --json").await;
    terminal.failure("crate purge acme demo@1.0.0").await;
    assert_eq!(
        said(&terminal, "crate purge acme demo@1.0.0 --yes").await,
        "`demo@1.0.0` is purged from `acme`; its number stays taken"
    );
    terminal.failure("crate restore acme demo@1.0.0").await;
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(409);
    assert_eq!(listed().await, ["1.1.0"]);
}

async fn a_crate_is_deleted_and_its_name_released(server: &Server) {
    let terminal = terminal_with_acme(server).await;
    let admin = server.admin();
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);
    terminal.failure("crate release acme demo --yes").await;
    said(&terminal, "crate delete acme demo --yes").await;
    admin.index("acme", View::Index, "demo").await.expect(404);
    assert_eq!(
        said(&terminal, "crate restore acme demo").await,
        "`demo` is back in `acme`"
    );
    assert_eq!(admin.listed("acme", View::Index, "demo").await, ["1.0.0"]);

    said(&terminal, "crate delete acme demo --yes").await;
    terminal.failure("crate release acme demo").await;
    assert_eq!(
        said(&terminal, "crate release acme demo --yes").await,
        "`demo` is released in `acme`: from now on it is upstream's"
    );
    terminal.failure("crate release acme demo --yes").await;
    terminal.failure("crate release acme never --yes").await;
}

async fn a_quarantine_is_set_listed_and_lifted(server: &Server) {
    let terminal = terminal_with_acme(server).await;
    let admin = server.admin();
    admin
        .publish("acme", &Package::new("demo", "1.0.0"))
        .await
        .expect(200);

    let connection = [
        ("SUPERCARGO_URL", &*terminal.url),
        ("SUPERCARGO_TOKEN", &*terminal.token),
    ];
    let block = [
        "quarantine",
        "block",
        "acme",
        "demo@1.0.0",
        "--reason",
        "steals tokens",
    ];
    let ended = run_with(&block, &connection, "").await;
    assert_eq!(
        (ended.code, &*ended.stdout),
        (
            Some(0),
            "`demo@1.0.0` is blocked in `acme`: nobody can download it from there\n"
        ),
        "{}",
        ended.stderr
    );
    let refused = admin
        .download("acme", View::Index, "demo", "1.0.0")
        .await
        .expect(403);
    // what the server says about it is what a person reads
    let failure = terminal
        .failure_with(3, "crate download acme demo@1.0.0 -o /nowhere/file")
        .await;
    assert!(
        failure.contains("steals tokens") && failure.contains(refused.text().trim_end()),
        "{failure}"
    );
    assert!(
        said(&terminal, "crate show acme demo")
            .await
            .contains("steals tokens")
    );

    said(&terminal, "quarantine hold acme demo --reason odd").await;
    let list = said(&terminal, "quarantine list acme").await;
    assert_eq!(list.lines().count(), 3, "{list}");
    let of_crate = list.lines().find(|line| line.contains("odd")).unwrap();
    let words: Vec<_> = of_crate.split_whitespace().collect();
    assert_eq!(words[..3], ["demo", "all", "hold"]);
    assert_eq!(terminal.json("quarantine list acme").await["total"], 2);

    assert_eq!(
        said(&terminal, "quarantine lift acme demo@1.0.0").await,
        "the quarantine of `demo@1.0.0` in `acme` is lifted"
    );
    terminal.failure("quarantine lift acme demo@1.0.0").await;
    assert_eq!(
        terminal.json("crate show acme demo@1.0.0").await["state"],
        "held"
    );
    said(&terminal, "quarantine lift acme demo").await;
    assert_eq!(
        terminal.json("crate show acme demo@1.0.0").await["state"],
        "available"
    );
    admin
        .download("acme", View::Index, "demo", "1.0.0")
        .await
        .expect(200);
}

async fn patterns_of_a_registry_block_and_allow(server: &Server) {
    let terminal = Terminal::of(server);
    let made = terminal
        .json("registry create acme --allow Demo --allow other@<2 --block demo@<1.1")
        .await;
    assert_eq!(made["allow"], json!(["demo", "other@<2"]));
    assert_eq!(made["block"], json!(["demo@<1.1"]));
    let admin = server.admin();
    let refused = admin.publish("acme", &Package::new("demo", "1.0.0")).await;
    assert!(refused.status.is_client_error(), "{refused}");
    admin
        .publish("acme", &Package::new("demo", "1.1.0"))
        .await
        .expect(200);
    let refused = admin.publish("acme", &Package::new("third", "1.0.0")).await;
    assert!(refused.status.is_client_error(), "{refused}");

    let edited = terminal
        .json("registry edit acme --no-allow --block demo")
        .await;
    assert_eq!(
        (&edited["allow"], &edited["block"]),
        (&json!([]), &json!(["demo"]))
    );
    assert_eq!(
        terminal.json("crate show acme demo@1.1.0").await["state"],
        "blocked"
    );
    admin
        .publish("acme", &Package::new("third", "1.0.0"))
        .await
        .expect(200);
    let edited = terminal.json("registry edit acme --no-block").await;
    assert_eq!(edited["block"], json!([]));
    assert_eq!(
        terminal.json("crate show acme demo@1.1.0").await["state"],
        "available"
    );
}

async fn what_is_cached_is_evicted_and_changed_bytes_are_accepted(server: &Server) {
    let admin = server.admin();
    let upstream = FakeUpstream::start();
    let partner = json!({ "name": "partner", "index": upstream.index_url() });
    admin.create_upstream(partner).await;
    admin
        .create_registry(json!({ "name": "acme", "upstreams": ["partner"] }))
        .await;
    let terminal = Terminal::of(server);
    let former = Package::new("left-pad", "1.0.0").file("FORMER", "bytes");
    upstream.publish(&former);
    let download = async || {
        admin
            .download("acme", View::Index, "left-pad", "1.0.0")
            .await
            .expect(200)
            .body
    };
    assert_eq!(download().await, former.crate_bytes());

    // after an eviction the file is upstream's present one, and the ledger holds on to the former bytes
    let changed = Package::new("left-pad", "1.0.0").file("CHANGED", "bytes");
    upstream.republish(&changed);
    upstream.clear_requests();
    assert_eq!(
        said(&terminal, "cache evict acme left-pad").await,
        "what `acme` cached of `left-pad` is evicted; it is fetched again when somebody asks for it"
    );
    let lines = admin
        .index("acme", View::Index, "left-pad")
        .await
        .expect(200)
        .json_lines();
    assert_eq!(lines[0]["cksum"], former.checksum().hex());
    let asked = upstream.requests();
    assert!(
        asked
            .iter()
            .any(|request| request.path.ends_with("/left-pad")),
        "an evicted index file is asked for again: {asked:?}"
    );

    terminal.failure("crate accept acme left-pad@1.0.0").await;
    assert_eq!(
        said(&terminal, "crate accept acme left-pad@1.0.0 --yes").await,
        "`left-pad@1.0.0` in `acme` is what upstream has now"
    );
    assert_eq!(download().await, changed.crate_bytes());
    assert_eq!(
        said(&terminal, "cache evict acme").await,
        "what `acme` cached of its upstreams is evicted; it is fetched again when somebody asks for it"
    );
    upstream.clear_requests();
    assert_eq!(download().await, changed.crate_bytes());
    assert!(
        !upstream.requests().is_empty(),
        "what was evicted is fetched again"
    );
}

async fn a_registry_is_purged(server: &Server) {
    let terminal = terminal_with_acme(server).await;
    terminal.failure("registry purge acme --yes").await;
    said(&terminal, "registry delete acme --yes").await;
    terminal.failure("registry purge acme").await;
    assert_eq!(
        said(&terminal, "registry purge acme --yes").await,
        "registry `acme` is purged"
    );
    terminal.failure("registry restore acme").await;
}

async fn a_name_is_claimed_for_both(server: &Server) {
    let terminal = terminal_with_acme(server).await;
    let claim = terminal.json("claim create acme demo --mode merge").await;
    assert_eq!(claim["mode"], "merge");
    let package = Package::new("demo", "1.0.0");
    server.admin().publish("acme", &package).await.expect(200);
    let item = terminal.json("crate show acme demo").await;
    assert_eq!(item["crate"]["claim"], "merge");
    assert_eq!(item["versions"]["total"], 1);
}
