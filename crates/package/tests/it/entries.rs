//! Index entries of hosted crates, held against cargo's own reader.

use cargo_util_schemas::index::IndexPackage;
use supercargo_package::{
    DependencyRegistry, IndexEntry, PackageFacts, render_line, stored_registry,
};
use supercargo_types::{Digest, Timestamp};

use crate::manifests::facts_with;

fn entry(facts: &PackageFacts) -> IndexEntry {
    let time = Timestamp::from_micros(1_795_175_652_999_999);
    IndexEntry::new(
        facts,
        &Digest::from_bytes([7; 32]),
        time,
        |dependency| match &dependency.registry {
            DependencyRegistry::CratesIo => Some("https://registry.example/crates-io".to_owned()),
            DependencyRegistry::Url(url) if url.contains("/acme/") => None,
            DependencyRegistry::Url(url) if url.contains("/other/") => Some(stored_registry(7)),
            DependencyRegistry::Url(url) => Some(url.clone()),
        },
    )
}

/// Requirement P3's corpus: each manifest's rest.
const CORPUS: [(&str, &str); 9] = [
    ("bare", ""),
    (
        "a -sys crate",
        "links = \"z\"\nrust-version = \"1.60\"\n[build-dependencies]\ncc = \"1\"",
    ),
    (
        "renamed",
        "[dependencies]\nalias = { package = \"Real_Name\", version = \"1\" }\nsame = { package = \"same\", version = \"=1.2.3\" }",
    ),
    (
        "target",
        "[target.'cfg(all(unix, not(target_os = \"macos\")))'.dependencies]\nlibc = \"0.2\"\n[target.x86_64-pc-windows-msvc.dependencies]\nwindows = \"0.5\"",
    ),
    (
        "one name in every kind",
        "[dev-dependencies]\na = \"1\"\n[build-dependencies]\na = \"2\"\n[dependencies]\na = \"3\"\nb = \"1\"",
    ),
    (
        "optional",
        "[dependencies]\na = { version = \"1\", optional = true, default-features = false, features = [\"x\", \"y\"] }",
    ),
    (
        "dep: and weak features",
        "[dependencies]\na = { version = \"1\", optional = true }\nb = { version = \"1\", optional = true }\n[features]\ndefault = [\"new\"]\nnew = [\"dep:a\"]\nweak = [\"b?/x\"]\nb = [\"dep:b\"]\nold = [\"plain\"]\nplain = []",
    ),
    (
        "other registries",
        "[dependencies]\na = { version = \"1\", registry-index = \"sparse+https://registry.example/acme/index/\" }\nb = { version = \"1\", registry-index = \"sparse+https://registry.example/other/index/\" }\nc = { version = \"1\", registry-index = \"sparse+https://elsewhere.example/index/\" }",
    ),
    ("rust-version", "rust-version = \"1.85.1\""),
];

#[test]
fn every_line_is_what_cargo_expects() {
    let lines =
        CORPUS.map(|(title, rest)| format!("{title}:\n{}", entry(&facts_with(rest)).to_line()));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    bare:
    {"name":"demo","vers":"1.0.0","deps":[],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":null,"pubtime":"2026-11-20T11:54:12Z"}
    a -sys crate:
    {"name":"demo","vers":"1.0.0","deps":[{"name":"cc","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"build","registry":"https://registry.example/crates-io"}],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":"z","rust_version":"1.60","pubtime":"2026-11-20T11:54:12Z"}
    renamed:
    {"name":"demo","vers":"1.0.0","deps":[{"name":"alias","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":"https://registry.example/crates-io","package":"Real_Name"},{"name":"same","req":"=1.2.3","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":"https://registry.example/crates-io"}],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":null,"pubtime":"2026-11-20T11:54:12Z"}
    target:
    {"name":"demo","vers":"1.0.0","deps":[{"name":"libc","req":"^0.2","features":[],"optional":false,"default_features":true,"target":"cfg(all(unix, not(target_os = \"macos\")))","kind":"normal","registry":"https://registry.example/crates-io"},{"name":"windows","req":"^0.5","features":[],"optional":false,"default_features":true,"target":"x86_64-pc-windows-msvc","kind":"normal","registry":"https://registry.example/crates-io"}],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":null,"pubtime":"2026-11-20T11:54:12Z"}
    one name in every kind:
    {"name":"demo","vers":"1.0.0","deps":[{"name":"a","req":"^3","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":"https://registry.example/crates-io"},{"name":"a","req":"^2","features":[],"optional":false,"default_features":true,"target":null,"kind":"build","registry":"https://registry.example/crates-io"},{"name":"a","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"dev","registry":"https://registry.example/crates-io"},{"name":"b","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":"https://registry.example/crates-io"}],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":null,"pubtime":"2026-11-20T11:54:12Z"}
    optional:
    {"name":"demo","vers":"1.0.0","deps":[{"name":"a","req":"^1","features":["x","y"],"optional":true,"default_features":false,"target":null,"kind":"normal","registry":"https://registry.example/crates-io"}],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":null,"pubtime":"2026-11-20T11:54:12Z"}
    dep: and weak features:
    {"name":"demo","vers":"1.0.0","deps":[{"name":"a","req":"^1","features":[],"optional":true,"default_features":true,"target":null,"kind":"normal","registry":"https://registry.example/crates-io"},{"name":"b","req":"^1","features":[],"optional":true,"default_features":true,"target":null,"kind":"normal","registry":"https://registry.example/crates-io"}],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{"old":["plain"],"plain":[]},"features2":{"b":["dep:b"],"default":["new"],"new":["dep:a"],"weak":["b?/x"]},"yanked":false,"links":null,"pubtime":"2026-11-20T11:54:12Z","v":2}
    other registries:
    {"name":"demo","vers":"1.0.0","deps":[{"name":"a","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":null},{"name":"b","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":"supercargo:7"},{"name":"c","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","registry":"sparse+https://elsewhere.example/index/"}],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":null,"pubtime":"2026-11-20T11:54:12Z"}
    rust-version:
    {"name":"demo","vers":"1.0.0","deps":[],"cksum":"0707070707070707070707070707070707070707070707070707070707070707","features":{},"yanked":false,"links":null,"rust_version":"1.85.1","pubtime":"2026-11-20T11:54:12Z"}
    "#);
}

#[test]
fn cargo_reads_every_line_as_it_was_meant() {
    for (title, rest) in CORPUS {
        let facts = facts_with(rest);
        let line = render(&entry(&facts).to_line(), None);
        assert!(!line.contains('\n'));
        let read: IndexPackage<'_> = serde_json::from_str(&line).unwrap();
        assert_eq!(read.name, "demo", "{title}");
        assert_eq!(read.vers, facts.version, "{title}");
        assert_eq!(read.links.as_deref(), facts.links.as_deref(), "{title}");
        let rust_version = read.rust_version.map(|version| version.to_string());
        assert_eq!(rust_version, facts.rust_version, "{title}");
        assert_eq!(read.cksum, "07".repeat(32), "{title}");
        assert_eq!(read.yanked, Some(false), "{title}");
        let published = read.pubtime.unwrap().as_second();
        assert_eq!(published, 1_795_175_652, "{title}");
        assert_eq!(read.v, read.features2.is_some().then_some(2), "{title}");
        let mut features = read.features.clone();
        features.extend(read.features2.unwrap_or_default());
        assert_eq!(
            serde_json::to_value(features).unwrap(),
            serde_json::to_value(&facts.features).unwrap(),
            "{title}"
        );
        assert_eq!(read.deps.len(), facts.dependencies.len(), "{title}");
        for dependency in &facts.dependencies {
            let is_it = |read: &&cargo_util_schemas::index::RegistryDependency<'_>| {
                read.name == dependency.name_in_toml && read.req == dependency.requirement
            };
            let read = read.deps.iter().find(is_it).unwrap();
            let real_name = read.package.as_deref().unwrap_or(&read.name);
            assert_eq!(real_name, dependency.package.as_str(), "{title}");
            assert_ne!(read.package, Some(read.name.clone()), "{title}");
            assert_eq!(read.optional, dependency.optional, "{title}");
            assert_eq!(
                read.default_features, dependency.default_features,
                "{title}"
            );
            assert_eq!(
                read.target.as_deref(),
                dependency.target.as_deref(),
                "{title}"
            );
            let kind = serde_json::to_value(dependency.kind).unwrap();
            assert_eq!(read.kind.as_deref(), kind.as_str(), "{title}");
            assert!(
                read.registry
                    .as_deref()
                    .is_none_or(|url| url.contains("://")),
                "{title}"
            );
        }
    }
}

#[test]
fn what_cargo_up_to_1_83_demands_is_always_there() {
    for (title, rest) in CORPUS {
        let line = entry(&facts_with(rest)).to_line();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        for field in [
            "name", "vers", "deps", "cksum", "features", "yanked", "links", "pubtime",
        ] {
            assert!(line.get(field).is_some(), "{title}: {field}");
        }
        for dependency in line["deps"].as_array().unwrap() {
            for field in [
                "name",
                "req",
                "features",
                "optional",
                "default_features",
                "target",
                "kind",
                "registry",
            ] {
                assert!(dependency.get(field).is_some(), "{title}: {field}");
            }
        }
    }
}

#[test]
fn normal_stands_before_build_before_dev() {
    let (_, rest) = CORPUS[4];
    let order: Vec<String> = entry(&facts_with(rest))
        .deps
        .iter()
        .map(|dependency| format!("{} {:?}", dependency.name, dependency.kind))
        .collect();
    assert_eq!(order, ["a Normal", "a Build", "a Dev", "b Normal"]);
}

fn url_of(id: i64) -> Option<String> {
    (id == 7).then(|| "sparse+https://registry.example/other/index/".to_owned())
}

fn render(line: &str, null_means_own: Option<&str>) -> String {
    render_line(line, false, null_means_own, &url_of).unwrap()
}

#[test]
fn a_stored_line_is_rendered_for_its_view() {
    let (_, rest) = CORPUS[7];
    let stored = entry(&facts_with(rest)).to_line();
    let registries = |line: &str| {
        let entry = IndexEntry::from_line(line).unwrap();
        let texts = entry
            .deps
            .iter()
            .map(|dependency| dependency.registry.clone());
        texts
            .map(|registry| registry.unwrap_or_else(|| "null".to_owned()))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(registries(&stored), @"
    null
    supercargo:7
    sparse+https://elsewhere.example/index/
    ");
    insta::assert_snapshot!(registries(&render(&stored, None)), @"
    null
    sparse+https://registry.example/other/index/
    sparse+https://elsewhere.example/index/
    ");
    let own = "sparse+https://registry.example/acme/index/";
    insta::assert_snapshot!(registries(&render(&stored, Some(own))), @"
    sparse+https://registry.example/acme/index/
    sparse+https://registry.example/other/index/
    sparse+https://elsewhere.example/index/
    ");
    let unknown = render_line(&stored, false, None, &|_| None).unwrap();
    assert_eq!(unknown, stored);
}

#[test]
fn only_the_flag_changes_when_a_version_is_yanked() {
    let stored = entry(&facts_with("")).to_line();
    let yanked = render_line(&stored, true, None, &url_of).unwrap();
    assert_eq!(
        yanked,
        stored.replace("\"yanked\":false", "\"yanked\":true")
    );
    assert_eq!(render(&yanked, None), stored);
}

#[test]
fn corrupt_lines_are_a_fault() {
    assert!(render_line("{}", false, None, &url_of).is_err());
    assert!(render_line("", false, None, &url_of).is_err());
}
