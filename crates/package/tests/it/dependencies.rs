//! Dependencies and features in a manifest.

use std::fmt::Write as _;

use supercargo_package::{Dependency, DependencyKind, DependencyRegistry};

use crate::manifests::{PACKAGE, facts_of, facts_with, refusal, refusals};

#[test]
fn dependencies_are_read_from_every_table() {
    let facts = facts_with(
        r#"
[dependencies]
plain = "1.0"
[dependencies.alias]
package = "Real_Name"
version = ">=1, <3"
features = ["a", "b"]
optional = true
default-features = false
registry-index = "sparse+https://registry.example/index/"
[build-dependencies]
cc = "*"
[dev_dependencies]
local = { path = "../local" }
[target.'cfg(unix)'.dependencies]
libc = { version = "0.2", default_features = false }
[target.x86_64-pc-windows-msvc.build-dependencies]
winres = "0.1"
"#,
    );
    let find = |name: &str| -> &Dependency {
        let mut all = facts.dependencies.iter();
        all.find(|dependency| dependency.name_in_toml == name)
            .unwrap()
    };
    assert_eq!(facts.dependencies.len(), 6);
    let plain = find("plain");
    assert_eq!(plain.requirement, "^1.0");
    assert_eq!(plain.kind, DependencyKind::Normal);
    assert_eq!(plain.registry, DependencyRegistry::CratesIo);
    assert!(plain.default_features && !plain.optional);
    let alias = find("alias");
    assert_eq!(alias.package.as_str(), "Real_Name");
    assert_eq!(alias.requirement, ">=1, <3");
    assert_eq!(alias.features, ["a", "b"]);
    assert!(alias.optional && !alias.default_features);
    let url = "sparse+https://registry.example/index/".to_owned();
    assert_eq!(alias.registry, DependencyRegistry::Url(url));
    assert_eq!(find("cc").kind, DependencyKind::Build);
    assert_eq!(find("cc").requirement, "*");
    assert_eq!(find("local").kind, DependencyKind::Dev);
    assert_eq!(find("local").requirement, "*");
    assert_eq!(find("libc").target.as_deref(), Some("cfg(unix)"));
    assert!(!find("libc").default_features);
    let winres = find("winres");
    assert_eq!(winres.target.as_deref(), Some("x86_64-pc-windows-msvc"));
    assert_eq!(winres.kind, DependencyKind::Build);
}

#[test]
fn bad_dependencies_are_refused() {
    insta::assert_snapshot!(
        refusals([
            "[dependencies]\n\"a b\" = \"1\"",
            "[dependencies]\n\"9a\" = \"1\"",
            "[dependencies]\n\"\" = \"1\"",
            "[dependencies]\n_a = \"1\"",
            "[dependencies]\na = { package = \"../b\", version = \"1\" }",
            "[dependencies]\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = { package = \"b\", version = \"1\" }",
            "[dependencies]\na = \"\"",
            "[dependencies]\na = \"one\"",
            "[dependencies]\na = { git = \"https://a.example\" }",
            "[dependencies]\na = { path = \"../a\" }",
            "[dev-dependencies]\na = { git = \"https://a.example\" }",
            "[dev-dependencies]\na = { version = \"1\", optional = true }",
            "[dependencies]\na = { version = \"1\", artifact = \"bin\" }",
            "[dependencies]\na = { version = \"1\", features = [\"\"] }",
            "[dependencies]\na = { version = \"1\", registry = \"acme\" }",
            "[dependencies]\na = { version = \"1\", registry-index = \"\" }",
            "[dependencies]\na = { version = \"1\", registry-index = \"supercargo:7\" }",
            "[dependencies]\na = { version = \"1\", registry-index = \"file:///etc\" }",
            "[dependencies]\na = { version = \"1\", registry-index = \"sparse+https://u:p@registry.example/\" }",
            "[target.'cfg(unix'.dependencies]\na = \"1\"",
            "[target.'not a triple'.dependencies]\na = \"1\"",
        ]),
        @"
        dependency `a b`: use ASCII letters, digits, `-` and `_` in the name, and start with a letter or `_`
        dependency `9a`: use ASCII letters, digits, `-` and `_` in the name, and start with a letter or `_`
        dependency ``: use ASCII letters, digits, `-` and `_` in the name, and start with a letter or `_`
        dependency `_a`: invalid character `_` in crate name `_a`: the first character must be an ASCII letter
        dependency `a`: invalid character `.` in crate name `../b`: the first character must be an ASCII letter
        dependency `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`: the name is too long (at most 64 characters)
        dependency `a`: `` is not a version requirement (unexpected end of input while parsing major version number); write it as `1.2` or `>=1.2, <3`
        dependency `a`: `one` is not a version requirement (unexpected character 'o' while parsing major version number); write it as `1.2` or `>=1.2, <3`
        dependency `a`: it has no `version`; a published crate takes its dependencies from a registry, so write one beside `git` or `path`
        dependency `a`: it has no `version`; a published crate takes its dependencies from a registry, so write one beside `git` or `path`
        dependency `a`: it has no `version`; a published crate takes its dependencies from a registry, so write one beside `git` or `path`
        dependency `a`: dev-dependencies are not allowed to be optional; remove `optional`
        dependency `a`: artifact dependencies are not supported; remove `artifact`
        dependency `a`: feature ``: a feature's name cannot be empty
        dependency `a`: it names the registry `acme` but not its index; make the crate file with `cargo package`, which writes `registry-index`
        dependency `a`: `registry-index` `` is not a URL; write it as `sparse+https://host/path/`
        dependency `a`: `registry-index` `supercargo:7` must start with `sparse+https://`, `https://` or `ssh://`
        dependency `a`: `registry-index` `file:///etc` must start with `sparse+https://`, `https://` or `ssh://`
        dependency `a`: `registry-index` holds a password, which everybody could read; remove it
        dependency `a`: cargo cannot read its target `cfg(unix`; write a triple such as `x86_64-pc-windows-msvc`, or `cfg(…)`
        dependency `a`: cargo cannot read its target `not a triple`; write a triple such as `x86_64-pc-windows-msvc`, or `cfg(…)`
        "
    );
    facts_with("[dependencies]\n_a = { package = \"b\", version = \"1\" }");
}

#[test]
fn features_are_checked_as_cargo_checks_the_index() {
    const OPTIONAL: &str =
        "[dependencies]\nopt = { version = \"1\", optional = true }\nreq = \"1\"\n[features]\n";
    for good in [
        "a = [\"b\"]\nb = []",
        "\"1-a+b.c_é\" = []\n_x = []",
        "a = [\"opt\"]",
        "a = [\"dep:opt\"]",
        "opt = [\"dep:opt\", \"req/x\"]",
        "a = [\"opt/x\", \"opt?/y\", \"req/z\"]",
        "a = [\"opt/no-such-thing-here-is-checked\"]",
    ] {
        facts_with(&format!("{OPTIONAL}{good}"));
    }
    let bad = [
        "\"\" = []",
        "\"-a\" = []",
        "\"a b\" = []",
        "\"dep:opt\" = []",
        "a = [\"\"]",
        "a = [\"b\"]",
        "a = [\"req\"]",
        "a = [\"opt\", \"dep:opt\"]",
        "a = [\"dep:req\"]",
        "a = [\"dep:none\"]",
        "a = [\"none/x\"]",
        "a = [\"req?/x\"]",
        "a = [\"req/x/y\"]",
        "a = [\"dep:opt/x\"]",
        "opt = []",
    ];
    let say = |rest: &str| refusal(&format!("{PACKAGE}{OPTIONAL}{rest}"));
    insta::assert_snapshot!(bad.map(say).join("\n"), @"
    feature ``: a feature's name cannot be empty
    feature `-a`: it cannot start with `-`; start with a letter, a digit or `_`
    feature `a b`: invalid character ` `; use letters, digits, `_`, `-`, `+` and `.`
    feature `dep:opt`: invalid character `:`; use letters, digits, `_`, `-`, `+` and `.`
    feature `a` includes ``: a feature's name cannot be empty
    feature `a` includes `b`: it is neither a dependency nor another feature
    feature `a` includes `req`: `req` is not an optional dependency; add `optional = true` to it
    feature `a` includes `opt`: it is an optional dependency without an implicit feature; write `dep:opt`
    feature `a` includes `dep:req`: `req` is not an optional dependency; add `optional = true` to it
    feature `a` includes `dep:none`: `none` is not a dependency
    feature `a` includes `none/x`: `none` is not a dependency
    feature `a` includes `req?/x`: `req` is not an optional dependency; remove the `?`
    feature `a` includes `req/x/y`: invalid character `/`; use letters, digits, `_`, `-`, `+` and `.`
    feature `a` includes `dep:opt/x`: `dep:opt` is not the name of a dependency
    optional dependency `opt` is not included in any feature; include `dep:opt` in one of them
    ");
}

#[test]
fn numbers_are_limited() {
    let many = |table: &str, line: &dyn Fn(usize) -> String, count: usize| {
        let mut text = format!("{PACKAGE}[{table}]\n");
        for number in 0..count {
            writeln!(text, "{}", line(number)).unwrap();
        }
        text
    };
    let feature = |number| format!("f{number} = []");
    let dependency = |number| format!("d{number} = \"1\"");
    let values = |count| format!("{PACKAGE}[features]\nb = []\na = {:?}", vec!["b"; count]);
    for good in [
        many("features", &feature, 300),
        many("dependencies", &dependency, 500),
        values(300),
    ] {
        facts_of(&good, &[]).unwrap();
    }
    let bad = [
        many("features", &feature, 301),
        many("dependencies", &dependency, 501),
        values(301),
    ];
    insta::assert_snapshot!(bad.map(|text| refusal(&text)).join("\n"), @"
    the crate declares 301 features, more than the limit of 300; split the crate
    the crate has 501 dependencies, more than the limit of 500; split the crate
    feature `a` enables 301 others, more than the limit of 300; group them
    ");
}
