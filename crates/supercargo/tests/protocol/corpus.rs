//! Row P3: manifests of every shape, published with the real cargo, listed with every field, resolved and built.

use cargo_util_schemas::index::IndexPackage;
use insta::assert_snapshot;
use serde_json::{Value, json};
use supercargo_testkit::{
    Answer, Cargo, Database, Dependency, FakeUpstream, Package, Server, View, normalise, on_both,
};

use crate::world::{cargo, locked, server, write_program};

on_both!(
    a_corpus_of_manifests_is_listed_as_today_s_schema_wants_and_builds,
    the_resolver_knows_which_rust_a_version_needs,
);

/// What plays crates.io.
fn crates_io() -> FakeUpstream {
    let fake = FakeUpstream::start();
    let says = |name: &str, version: &str, text: &str| {
        Package::new(name, version).file(
            "src/lib.rs",
            format!("pub fn say() -> &'static str {{ \"{text}\" }}"),
        )
    };
    fake.publish(&says("ccx", "1.2.0", "ccx"));
    fake.publish(&says("quick", "1.0.0", "quick"));
    fake.publish(&says("winx", "0.4.0", "winx"));
    fake.publish(
        &says("logx", "0.4.1", "logx")
            .feature("std", &[])
            .feature("default", &[]),
    );
    fake
}

/// `links`, a build script, a build dependency on crates.io, and values for those who depend on it.
fn acme_sys() -> Package {
    Package::new("acme-sys", "0.3.1")
        .links("acme")
        .depends_on(Dependency::new("ccx", "1.1").build())
        .file(
            "build.rs",
            "fn main() { println!(\"cargo:compiler={}\", ccx::say()); }",
        )
        .file("src/lib.rs", "pub fn linked() -> &'static str { \"acme\" }")
}

/// Features and their defaults.
fn acme_core() -> Package {
    Package::new("acme-core", "1.0.0")
        .feature("default", &["std"])
        .feature("std", &[])
        .feature("extra", &[])
        .file(
            "src/lib.rs",
            "pub fn features() -> &'static str {
                match (cfg!(feature = \"std\"), cfg!(feature = \"extra\")) {
                    (true, true) => \"std extra\",
                    (true, false) => \"std\",
                    (false, true) => \"extra\",
                    (false, false) => \"none\",
                }
            }",
        )
}

/// An optional dependency behind `dep:`, a weak feature, and one that is named by its own.
fn acme_optional() -> Package {
    Package::new("acme-optional", "0.5.0-rc.1")
        .depends_on(
            Dependency::new("acme-core", "1")
                .registry("acme")
                .optional()
                .without_default_features(),
        )
        .depends_on(Dependency::new("logx", "0.4").optional())
        .feature("core", &["dep:acme-core"])
        .feature("extra", &["acme-core?/extra"])
        .feature("all", &["core", "extra", "logx"])
        .file(
            "src/lib.rs",
            "#[cfg(feature = \"core\")]
            pub fn core() -> &'static str { acme_core::features() }
            #[cfg(not(feature = \"core\"))]
            pub fn core() -> &'static str { \"absent\" }",
        )
}

/// Renamed, for one system, for development, from another registry, from crates.io.
fn acme_facade() -> Package {
    Package::new("Acme_Facade", "1.2.3+build.5")
        .rust_version("1.60")
        .depends_on(
            Dependency::new("acme-core", ">=1.0, <2")
                .registry("acme")
                .rename("kernel")
                .without_default_features()
                .features(&["extra"]),
        )
        .depends_on(Dependency::new("acme-sys", "=0.3.1").registry("acme"))
        .depends_on(
            Dependency::new("acme-optional", "0.5.0-rc.1")
                .registry("acme")
                .features(&["extra"]),
        )
        .depends_on(Dependency::new("tools-base", "*").registry("tools"))
        .depends_on(
            Dependency::new("logx", "~0.4.1")
                .target("cfg(unix)")
                .features(&["std"]),
        )
        .depends_on(Dependency::new("winx", "0.4").target("cfg(windows)"))
        .depends_on(Dependency::new("quick", "1").development())
        .file(
            "build.rs",
            "fn main() { println!(\"cargo:rustc-env=COMPILER={}\", std::env::var(\"DEP_ACME_COMPILER\").unwrap()); }",
        )
        .file(
            "src/lib.rs",
            "pub fn all() -> Vec<&'static str> {
                vec![kernel::features(), acme_sys::linked(), acme_optional::core(), tools_base::say(), log(), env!(\"COMPILER\")]
            }
            #[cfg(unix)]
            fn log() -> &'static str { logx::say() }
            #[cfg(windows)]
            fn log() -> &'static str { winx::say() }",
        )
}

async fn publish_all(cargo: &Cargo) {
    let base = Package::new("tools-base", "2.0.0").file(
        "src/lib.rs",
        "pub fn say() -> &'static str { \"another registry\" }",
    );
    let folder = cargo.project(&base);
    cargo
        .run(&folder, &["publish", "--registry", "tools"])
        .await
        .success();
    for package in [acme_sys(), acme_core(), acme_optional(), acme_facade()] {
        let folder = cargo.project(&package);
        // with the build that cargo does to verify
        cargo
            .run(&folder, &["publish", "--registry", "acme"])
            .await
            .success();
    }
}

/// Whether each line is one that cargo takes, with a time and a checksum as they have to be.
fn check_lines(index: &Answer) {
    for line in index.text().lines() {
        let parsed: IndexPackage<'_> = serde_json::from_str(line).unwrap();
        assert!(parsed.pubtime.is_some(), "{line}");
        assert_eq!(parsed.cksum.len(), 64);
        assert_eq!(parsed.yanked, Some(false));
        let raw: Value = serde_json::from_str(line).unwrap();
        for field in ["name", "vers", "deps", "cksum", "features", "yanked"] {
            assert!(raw.get(field).is_some(), "{field} in {line}");
        }
        for dependency in raw["deps"].as_array().unwrap() {
            for field in [
                "name",
                "req",
                "features",
                "optional",
                "default_features",
                "kind",
            ] {
                assert!(dependency.get(field).is_some(), "{field} in {line}");
            }
        }
    }
}

/// A line with what differs from run to run taken out, one field on a line.
fn shown(index: &Answer, server: &Server) -> String {
    let mut line = index.json_lines().remove(0);
    line["cksum"] = json!("[CHECKSUM]");
    line["pubtime"] = json!("[TIME]");
    let deps = line.as_object_mut().unwrap().remove("deps").unwrap();
    let mut shown = vec![line.to_string()];
    for dependency in deps.as_array().unwrap() {
        shown.push(format!("  {dependency}"));
    }
    normalise(&shown.join("\n"), server.data())
}

/// Row P3.
async fn a_corpus_of_manifests_is_listed_as_today_s_schema_wants_and_builds(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    admin.create_registry(json!({ "name": "tools" })).await;
    let fake = crates_io();
    let cargo = cargo(&server, &["acme", "tools"]).as_crates_io(&fake.index_url());
    publish_all(&cargo).await;

    let mut lines = Vec::new();
    for name in ["acme-sys", "acme-core", "acme-optional", "acme_facade"] {
        let index = admin.index("acme", View::Index, name).await.expect(200);
        check_lines(&index);
        lines.push(shown(&index, &server));
    }
    assert_snapshot!(lines.join("\n"), @r#"
    {"name":"acme-sys","vers":"0.3.1","pubtime":"[TIME]","cksum":"[CHECKSUM]","features":{},"yanked":false,"links":"acme"}
      {"name":"ccx","req":"^1.1","features":[],"optional":false,"default_features":true,"target":null,"kind":"build","registry":"https://github.com/rust-lang/crates.io-index"}
    {"name":"acme-core","vers":"1.0.0","pubtime":"[TIME]","cksum":"[CHECKSUM]","features":{"default":["std"],"extra":[],"std":[]},"yanked":false,"links":null}
    {"name":"acme-optional","vers":"0.5.0-rc.1","v":2,"cksum":"[CHECKSUM]","features":{},"features2":{"all":["core","extra","logx"],"core":["dep:acme-core"],"extra":["acme-core?/extra"]},"yanked":false,"links":null,"pubtime":"[TIME]"}
      {"name":"acme-core","req":"^1","features":[],"optional":true,"default_features":false,"target":null,"kind":"normal","registry":null}
      {"name":"logx","req":"^0.4","features":[],"optional":true,"default_features":true,"target":null,"kind":"normal","registry":"https://github.com/rust-lang/crates.io-index"}
    {"name":"Acme_Facade","vers":"1.2.3+build.5","pubtime":"[TIME]","cksum":"[CHECKSUM]","features":{},"yanked":false,"links":null,"rust_version":"1.60"}
      {"name":"acme-optional","req":"^0.5.0-rc.1","features":["extra"],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":null}
      {"name":"acme-sys","req":"=0.3.1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":null}
      {"name":"kernel","req":">=1.0, <2","features":["extra"],"optional":false,"default_features":false,"target":null,"kind":"normal","registry":null,"package":"acme-core"}
      {"name":"logx","req":"~0.4.1","features":["std"],"optional":false,"default_features":true,"target":"cfg(unix)","kind":"normal","registry":"https://github.com/rust-lang/crates.io-index"}
      {"name":"quick","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"dev","registry":"https://github.com/rust-lang/crates.io-index"}
      {"name":"tools-base","req":"*","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":"sparse+http://127.0.0.1:[PORT]/tools/index/"}
      {"name":"winx","req":"^0.4","features":[],"optional":false,"default_features":true,"target":"cfg(windows)","kind":"normal","registry":"https://github.com/rust-lang/crates.io-index"}
    "#);

    let app = cargo.folder("app");
    write_program(
        &app,
        "Acme_Facade = { version = \"1\", registry = \"acme\" }\n\
         acme-optional = { version = \"0.5.0-rc.1\", registry = \"acme\", features = [\"all\"], optional = true }\n\
         [features]\nwhole = [\"dep:acme-optional\"]",
        "println!(\"{}\", Acme_Facade::all().join(\", \"));",
    );
    cargo.forget_downloads();
    // without `core`, the weak feature brings nothing
    let ran = cargo.run(&app, &["run"]).await.success();
    assert_eq!(
        ran.stdout,
        "extra, acme, absent, another registry, logx, ccx\n"
    );
    let ran = cargo.run(&app, &["run", "--features", "whole"]).await;
    assert_eq!(
        ran.success().stdout,
        "extra, acme, extra, another registry, logx, ccx\n"
    );
    cargo.forget_downloads();
    cargo.run(&app, &["fetch", "--locked"]).await.success();
}

/// Row P3: `rust_version`, which the resolver of 1.84 and later heeds.
async fn the_resolver_knows_which_rust_a_version_needs(database: Database) {
    let server = server(database).await;
    let cargo = cargo(&server, &["acme"]);
    cargo.needs("1.85", "edition 2024, whose resolver heeds `rust-version`");
    for (version, rust) in [("1.0.0", "1.60"), ("1.1.0", "1.90.0")] {
        let package = Package::new("acme-core", version).rust_version(rust);
        server.admin().publish("acme", &package).await.expect(200);
    }
    let app = cargo.folder("app");
    let dependency = "acme-core = { version = \"1\", registry = \"acme\" }";
    write_program(&app, dependency, "");
    for (needs, chosen) in [("1.85", "1.0.0"), ("1.91", "1.1.0")] {
        let manifest = format!(
            "[package]\nname = \"app\"\nversion = \"0.0.0\"\nedition = \"2024\"\nrust-version = \"{needs}\"\n\n[dependencies]\n{dependency}\n"
        );
        std::fs::write(app.join("Cargo.toml"), manifest).unwrap();
        cargo.run(&app, &["update"]).await.success();
        assert_eq!(locked(&app, "acme-core"), [chosen]);
    }
}
