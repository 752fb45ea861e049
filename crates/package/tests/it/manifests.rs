//! `read_facts` and `warnings`, on manifests that no cargo would write as well as on those that it does.

use supercargo_package::{
    Archive, ManifestLimits, ManifestRefused, PackageFacts, read_facts, warnings,
};

pub(crate) const PACKAGE: &str =
    "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";

pub(crate) fn facts_of(manifest: &str, files: &[&str]) -> Result<PackageFacts, ManifestRefused> {
    let archive = Archive {
        manifest_toml: manifest.as_bytes().to_vec(),
        files: files.iter().map(|&path| path.to_owned()).collect(),
        vcs: None,
        unpacked_bytes: 0,
    };
    let (name, version) = ("demo".parse().unwrap(), "1.0.0".parse().unwrap());
    read_facts(&archive, &name, &version, &ManifestLimits::default())
}

/// Facts of the demo package with more lines in its manifest.
pub(crate) fn facts_with(rest: &str) -> PackageFacts {
    facts_of(&format!("{PACKAGE}{rest}"), &["src/lib.rs"]).unwrap()
}

pub(crate) fn refusal(manifest: &str) -> String {
    match facts_of(manifest, &[]) {
        Ok(facts) => panic!("accepted: {manifest}\n{facts:?}"),
        Err(refused) => refused.to_string(),
    }
}

/// What the demo package is refused with when its manifest goes on like this, a line each.
pub(crate) fn refusals<const N: usize>(rests: [&str; N]) -> String {
    rests
        .map(|rest| refusal(&format!("{PACKAGE}{rest}")))
        .join("\n")
}

#[test]
fn every_field_comes_from_the_manifest() {
    let facts = facts_with(
        r#"
description = "d"
license = "MIT"
license-file = "LICENSE"
homepage = "https://a.example"
documentation = "https://b.example"
repository = "https://c.example"
keywords = ["k"]
categories = ["c"]
authors = ["A <a@a.example>"]
rust-version = "1.85"
links = "z"
unknown = "ignored"
[package.metadata.x]
workspace = true
[lints.rust]
unsafe_code = "forbid"
[features]
default = []
"#,
    );
    insta::assert_json_snapshot!(facts, @r#"
    {
      "name": "demo",
      "version": "1.0.0",
      "description": "d",
      "license": "MIT",
      "license_file": "LICENSE",
      "homepage": "https://a.example",
      "documentation": "https://b.example",
      "repository": "https://c.example",
      "keywords": [
        "k"
      ],
      "categories": [
        "c"
      ],
      "authors": [
        "A <a@a.example>"
      ],
      "readme_path": null,
      "rust_version": "1.85",
      "edition": "2024",
      "links": "z",
      "features": {
        "default": []
      },
      "dependencies": [],
      "has_build_script": false,
      "is_proc_macro": false,
      "binaries": [],
      "has_library": true,
      "vcs": null
    }
    "#);
    let stored = serde_json::to_string(&facts).unwrap();
    assert_eq!(
        serde_json::from_str::<PackageFacts>(&stored).unwrap(),
        facts
    );
}

#[test]
fn unreadable_manifests_say_where() {
    let bad = [
        "",
        "[package]\nname = ",
        "[package]\nname = \"demo\"\n",
        "[package]\nversion = \"1.0.0\"\n",
        "[package]\nname = 1\nversion = \"1.0.0\"\n",
        "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[dependencies]\na = 1\n",
        "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[dependencies]\na = { version = 1 }\n",
        "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[features]\na = \"b\"\n",
        "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nbuild = 1\n",
        "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[dependencies.a]\nversion = \"1\"\ndefault-features = true\ndefault_features = false\n",
    ];
    insta::assert_snapshot!(bad.map(refusal).join("\n"), @r#"
    `Cargo.toml` cannot be read: missing field `package`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: line 2: string values must be quoted, expected literal string; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: missing field `version` in `package`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: missing field `name` in `package`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: invalid type: integer `1`, expected a string in `package.name`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: invalid type: integer `1`, expected a version requirement such as "1.0", or a table with `version` in `dependencies.a`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: invalid type: integer `1`, expected a string in `dependencies.a.version`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: invalid type: string "b", expected a sequence in `features.a`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: expected `true`, `false`, a path or a list of paths in `package.build`; make the crate file with `cargo package`
    `Cargo.toml` cannot be read: duplicate field `default-features` in `dependencies.a`; make the crate file with `cargo package`
    "#);
    let deep = format!("{PACKAGE}a = {}", "[".repeat(100_000));
    assert!(refusal(&deep).contains("cannot be read"));
    let archive = Archive {
        manifest_toml: b"\xff".to_vec(),
        files: ["Cargo.toml".to_owned()].into(),
        vcs: None,
        unpacked_bytes: 0,
    };
    let (name, version) = ("demo".parse().unwrap(), "1.0.0".parse().unwrap());
    let refused = read_facts(&archive, &name, &version, &ManifestLimits::default()).unwrap_err();
    insta::assert_snapshot!(refused, @"`Cargo.toml` cannot be read: it is not UTF-8; make the crate file with `cargo package`");
}

#[test]
fn name_and_version_are_those_announced_to_the_letter() {
    let manifest = |name: &str, version: &str| {
        refusal(&format!(
            "[package]\nname = \"{name}\"\nversion = \"{version}\"\n"
        ))
    };
    insta::assert_snapshot!(
        [manifest("other", "1.0.0"), manifest("Demo", "1.0.0"), manifest("demo", "1.0.0+a"), manifest("demo", "1.0")].join("\n"),
        @"
        metadata name `demo` does not match manifest name `other`; publish with `cargo publish`, which takes both from one `Cargo.toml`
        metadata name `demo` does not match manifest name `Demo`; publish with `cargo publish`, which takes both from one `Cargo.toml`
        metadata version `1.0.0` does not match manifest version `1.0.0+a`; publish with `cargo publish`, which takes both from one `Cargo.toml`
        metadata version `1.0.0` does not match manifest version `1.0`; publish with `cargo publish`, which takes both from one `Cargo.toml`
        "
    );
}

#[test]
fn reserved_names_are_refused() {
    let archive = Archive {
        manifest_toml: b"[package]\nname = \"Proc_Macro\"\nversion = \"1.0.0\"\n".to_vec(),
        files: ["Cargo.toml".to_owned()].into(),
        vcs: None,
        unpacked_bytes: 0,
    };
    let (name, version) = ("Proc_Macro".parse().unwrap(), "1.0.0".parse().unwrap());
    let refused = read_facts(&archive, &name, &version, &ManifestLimits::default()).unwrap_err();
    insta::assert_snapshot!(refused, @"cannot upload a crate with the reserved name `Proc_Macro`; choose another name");
}

#[test]
fn inherited_values_are_refused_wherever_they_stand() {
    insta::assert_snapshot!(
        refusals([
            "description.workspace = true",
            "[dependencies]\na.workspace = true",
            "[dependencies]\na = { workspace = true, features = [\"x\"] }",
            "[dev-dependencies]\na.workspace = true",
            "[build_dependencies]\na.workspace = true",
            "[target.'cfg(unix)'.dependencies]\na.workspace = true",
            "[lints]\nworkspace = true",
        ]),
        @"
        value from workspace hasn't been set for `package.description`; make the crate file with `cargo package`, which fills it in
        value from workspace hasn't been set for `dependencies.a`; make the crate file with `cargo package`, which fills it in
        value from workspace hasn't been set for `dependencies.a`; make the crate file with `cargo package`, which fills it in
        value from workspace hasn't been set for `dev-dependencies.a`; make the crate file with `cargo package`, which fills it in
        value from workspace hasn't been set for `build_dependencies.a`; make the crate file with `cargo package`, which fills it in
        value from workspace hasn't been set for `target.'cfg(unix)'.dependencies.a`; make the crate file with `cargo package`, which fills it in
        value from workspace hasn't been set for `lints`; make the crate file with `cargo package`, which fills it in
        "
    );
    let version = refusal("[package]\nname = \"demo\"\nversion.workspace = true\n");
    insta::assert_snapshot!(version, @"value from workspace hasn't been set for `package.version`; make the crate file with `cargo package`, which fills it in");
    facts_with("[dependencies]\nworkspace = \"1\"\n[features]\nx = [\"workspace/x\"]");
}

#[test]
fn what_a_package_cannot_have_is_refused() {
    insta::assert_snapshot!(
        refusals([
            "[patch.crates-io]\na = { git = \"https://a.example\" }",
            "[lib]",
            "[lib]\npath = \"src/other.rs\"",
            "[lib]\npath = \"../lib.rs\"",
        ]),
        @"
        crates cannot be published with `[patch]` tables; remove it from `Cargo.toml`
        can't find the library's file `src/lib.rs` in the crate file; rename the file to `src/lib.rs` or set `path` in `[lib]`
        can't find the library's file `src/other.rs` in the crate file; rename the file to `src/lib.rs` or set `path` in `[lib]`
        can't find the library's file `../lib.rs` in the crate file; rename the file to `src/lib.rs` or set `path` in `[lib]`
        "
    );
    facts_with("[patch]");
    let manifest = format!("{PACKAGE}[lib]\npath = \"./src\\\\x/../deep/lib.rs\"");
    assert!(
        facts_of(&manifest, &["src/deep/lib.rs"])
            .unwrap()
            .has_library
    );
    let oldest = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[lib]\n";
    assert!(facts_of(oldest, &["src/demo.rs"]).unwrap().has_library);
}

#[test]
fn rust_versions_are_those_that_cargo_reads() {
    let accepted = |text: &str| {
        let manifest = format!("{PACKAGE}rust-version = \"{text}\"");
        facts_of(&manifest, &[]).is_ok()
    };
    let cargo_reads = |text: &str| {
        let version: Result<cargo_util_schemas::manifest::RustVersion, _> = text.parse();
        version.is_ok()
    };
    for text in ["1", "1.60", "1.60.0", "0.1"] {
        assert!(accepted(text) && cargo_reads(text), "{text}");
    }
    let bad = [
        "",
        "^1.60",
        "1.60.0-beta",
        "1.",
        ".1",
        "1.60.0.0",
        "01.60",
        "1.060",
        "1.x",
        "1.60+x",
        "99999999999999999999",
    ];
    for text in bad {
        assert!(!accepted(text) && !cargo_reads(text), "{text}");
    }
    // cargo trims it; crates.io takes digits and dots only
    assert!(!accepted(" 1.60"));
    insta::assert_snapshot!(refusals(["rust-version = \"^1.60\"", "rust-version = \"\""]), @"
    invalid `rust-version` `^1.60`; write it as `1.60` or `1.60.0`
    invalid `rust-version` ``; write it as `1.60` or `1.60.0`
    ");
}

#[test]
fn editions_are_years() {
    let manifest = |edition| {
        format!("[package]\nname = \"demo\"\nversion = \"1.0.0\"\nedition = \"{edition}\"\n")
    };
    for edition in ["2015", "2018", "2021", "2024", "2027"] {
        assert_eq!(facts_of(&manifest(edition), &[]).unwrap().edition, edition);
    }
    insta::assert_snapshot!([manifest("21"), manifest("two thousand")].map(|text| refusal(&text)).join("\n"), @"
    `21` is not an edition; write a year, such as `2024`
    `two thousand` is not an edition; write a year, such as `2024`
    ");
}

#[test]
fn targets_are_found_as_cargo_finds_them() {
    let files = [
        "build.rs",
        "README.txt",
        "src/lib.rs",
        "src/main.rs",
        "src/bin/one.rs",
        "src/bin/two/main.rs",
        "src/bin/two/part.rs",
        "src/bin/shared/mod.rs",
    ];
    let facts = |rest: &str| facts_of(&format!("{PACKAGE}{rest}"), &files).unwrap();
    let found = facts("");
    assert_eq!(found.binaries, ["demo", "one", "two"]);
    assert!(found.has_library && found.has_build_script && !found.is_proc_macro);
    assert_eq!(found.readme_path.as_deref(), Some("README.txt"));
    let declared = facts(
        "autobins = false\nautolib = false\nbuild = false\nreadme = false\n[[bin]]\nname = \"x\"\npath = \"src/main.rs\"",
    );
    assert_eq!(declared.binaries, ["x"]);
    assert!(!declared.has_library && !declared.has_build_script);
    assert_eq!(declared.readme_path, None);
    let mixed = facts(
        "readme = \"./src/lib.rs\"\nbuild = [\"a.rs\"]\n[lib]\ncrate-type = [\"proc-macro\"]\n[[bin]]\nname = \"x\"\npath = \"src/main.rs\"",
    );
    assert_eq!(mixed.binaries, ["one", "two", "x"]);
    assert!(mixed.is_proc_macro && mixed.has_build_script);
    assert_eq!(mixed.readme_path.as_deref(), Some("src/lib.rs"));
    let oldest = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nreadme = \"gone.md\"\n[[bin]]\nname = \"x\"\npath = \"x.rs\"\n";
    let oldest = facts_of(oldest, &files).unwrap();
    assert_eq!(oldest.binaries, ["x"]);
    assert_eq!(oldest.readme_path, None);
}

#[test]
fn warnings_name_each_matter_once() {
    let warned = |rest: &str| warnings(&facts_with(rest)).join("\n");
    assert_eq!(
        warned(
            "description = \"d\"\nlicense = \"MIT/Apache-2.0\"\nkeywords = [\"c++\", \"2d\"]\ncategories = [\"development-tools::testing\"]"
        ),
        ""
    );
    assert_eq!(
        warned("description = \"d\"\nlicense-file = \"LICENSE\""),
        ""
    );
    insta::assert_snapshot!(warned(""), @"
    the crate has no `description`; add a sentence, by which others find it
    the crate has no `license` or `license-file`; add one, by which others know what they may do
    ");
    let long = "x".repeat(1001);
    insta::assert_snapshot!(
        warned(&format!(
            r#"
description = "{long}"
license = "Do what you want"
homepage = "ftp://a.example"
documentation = "nowhere"
repository = "git@git.example:demo"
keywords = ["a", "b", "c", "d", "a b", "-x", "xxxxxxxxxxxxxxxxxxxxx"]
categories = ["a", "b", "c", "d", "Upper Case", "::"]
"#
        )),
        @"
        the `description` has 1001 bytes; a sentence is enough, 1000 bytes are the most that others accept
        the `license` `Do what you want` is not an SPDX expression such as `MIT OR Apache-2.0`; use `license-file` for a text of your own
        `homepage` `ftp://a.example` is not a URL that starts with `https://` or `http://`
        `documentation` `nowhere` is not a URL that starts with `https://` or `http://`
        `repository` `git@git.example:demo` is not a URL that starts with `https://` or `http://`
        the crate has 7 keywords; use at most 5
        the keyword `a b` is not of the usual form; use at most 20 ASCII letters, digits, `_`, `-` and `+`, and start with a letter or digit
        the keyword `-x` is not of the usual form; use at most 20 ASCII letters, digits, `_`, `-` and `+`, and start with a letter or digit
        the keyword `xxxxxxxxxxxxxxxxxxxxx` is not of the usual form; use at most 20 ASCII letters, digits, `_`, `-` and `+`, and start with a letter or digit
        the crate has 6 categories; use at most 5
        the category `Upper Case` is not of the usual form; write it as `command-line-utilities` or `development-tools::testing`
        the category `::` is not of the usual form; write it as `command-line-utilities` or `development-tools::testing`
        "
    );
}
