//! What cargo asks for next.

use std::fmt::Write as _;

use serde_json::{Value, json};
use supercargo_package::{Wanted, wanted_next};

/// A line whose dependencies are these.
fn line(version: &str, deps: &[Value], features: &Value) -> String {
    let line = json!({"name": "demo", "vers": version, "deps": deps, "cksum": "", "features": features, "yanked": false});
    format!("{line}\n")
}

fn dep(name: &str) -> Value {
    json!({
        "name": name, "req": "^1", "features": [], "optional": false, "default_features": true,
        "target": null, "kind": "normal",
    })
}

fn with(mut dep: Value, field: &str, value: impl Into<Value>) -> Value {
    dep[field] = value.into();
    dep
}

fn optional(name: &str) -> Value {
    with(dep(name), "optional", true)
}

fn wanted(requirement: &str, features: &[&str], default_features: bool) -> Wanted {
    Wanted {
        requirement: Some(requirement.parse().unwrap()),
        features: features.iter().map(ToString::to_string).collect(),
        default_features,
    }
}

/// Names with what is wanted of them: `tokio ^1 [net] without default`.
fn next(file: &str, wanted: &Wanted) -> Vec<String> {
    let next = wanted_next(file.as_bytes(), wanted, usize::MAX);
    let shown = next.into_iter().map(|next| {
        let mut text = next.package;
        let requirement = next.wanted.requirement.unwrap();
        write!(text, " {requirement}").unwrap();
        if !next.wanted.features.is_empty() {
            let features: Vec<_> = next.wanted.features.into_iter().collect();
            write!(text, " [{}]", features.join(" ")).unwrap();
        }
        if !next.wanted.default_features {
            text.push_str(" without default");
        }
        if let Some(registry) = next.registry {
            write!(text, " at {registry}").unwrap();
        }
        text
    });
    shown.collect()
}

#[test]
fn the_newest_version_that_fits_and_is_not_yanked_says_what_comes_next() {
    let none = json!({});
    let mut file = String::new();
    for (version, name) in [
        ("2.0.0", "two"),
        ("1.0.0", "one"),
        // a fix of an old release that was published later
        ("1.0.1", "fix"),
        ("3.0.0-rc.1", "candidate"),
        ("not a version", "nonsense"),
    ] {
        file += &line(version, &[dep(name)], &none);
    }
    file += &line("4.0.0", &[dep("yanked")], &none).replace("\"yanked\":false", "\"yanked\":true");
    assert_eq!(next(&file, &Wanted::default()), ["two ^1"]);
    assert_eq!(next(&file, &wanted("1", &[], true)), ["fix ^1"]);
    assert_eq!(next(&file, &wanted("=1.0.0", &[], true)), ["one ^1"]);
    assert_eq!(
        next(&file, &wanted("3.0.0-rc", &[], true)),
        ["candidate ^1"]
    );
    assert!(next(&file, &wanted("4", &[], true)).is_empty());
    assert!(next("\n<html>\n{}\n", &Wanted::default()).is_empty());
}

#[test]
fn cargo_asks_for_normal_and_build_dependencies_of_every_target_by_their_real_names() {
    let deps = [
        with(dep("alias"), "package", "Real-Name"),
        with(dep("cc"), "kind", "build"),
        with(dep("quickcheck"), "kind", "dev"),
        with(dep("winapi"), "target", "cfg(windows)"),
        with(dep("elsewhere"), "registry", "https://partner.example/"),
        with(
            with(dep("tokio"), "features", json!(["net", "rt"])),
            "default_features",
            false,
        ),
    ];
    insta::assert_snapshot!(
        next(&line("1.0.0", &deps, &json!({})), &Wanted::default()).join("\n"),
        @r"
    Real-Name ^1
    cc ^1
    winapi ^1
    elsewhere ^1 at https://partner.example/
    tokio ^1 [net rt] without default
    "
    );
}

#[test]
fn optional_dependencies_come_with_the_features_that_turn_them_on() {
    let deps = ["implicit", "explicit", "weak", "strong", "deep"].map(optional);
    let features = json!({
        "default": ["std"],
        "std": ["implicit", "weak?/std"],
        "full": ["dep:explicit", "strong/fast", "more", "full"],
    });
    let mut file = line("1.0.0", &deps, &features);
    let old = file.trim_end().strip_suffix('}').unwrap().to_owned();
    file = format!("{old},\"features2\":{{\"more\":[\"dep:deep\"]}},\"v\":2}}\n");
    assert_eq!(next(&file, &wanted("1", &[], false)), [""; 0]);
    assert_eq!(next(&file, &Wanted::default()), ["implicit ^1"]);
    assert_eq!(
        next(&file, &wanted("1", &["full"], false)),
        ["explicit ^1", "strong ^1 [fast]", "deep ^1"]
    );
    // a weak feature counts once something else turns the dependency on
    assert_eq!(
        next(&file, &wanted("1", &["weak"], true)),
        ["implicit ^1", "weak ^1 [std]"]
    );
}

#[test]
fn hostile_lines_stay_bounded() {
    let many: Vec<_> = (0..1_000).map(|i| dep(&format!("d{i}"))).collect();
    let file = line("1.0.0", &many, &json!({}));
    let few = wanted_next(file.as_bytes(), &Wanted::default(), 64);
    assert_eq!(few.len(), 64);
    let many: Vec<_> = (0..10_000).map(|i| dep(&format!("d{i}"))).collect();
    let file = line("1.0.0", &many, &json!({}));
    assert!(
        next(&file, &Wanted::default()).is_empty(),
        "too long a line"
    );
    // features that turn each other on, and far too many of them on one dependency
    let names: Vec<_> = (0..1_000).map(|i| format!("f{i}")).collect();
    let circle: serde_json::Map<_, _> = (0..1_000)
        .map(|i| {
            (
                format!("f{i}"),
                json!([format!("f{}", (i + 1) % 1_000), "dep:late"]),
            )
        })
        .collect();
    let deps = [
        optional("late"),
        with(dep("greedy"), "features", names),
        with(dep("long"), "features", json!(["x".repeat(65)])),
    ];
    let file = line("1.0.0", &deps, &circle.into());
    let next = wanted_next(file.as_bytes(), &wanted("1", &["f7"], true), usize::MAX);
    let counts: Vec<_> = next
        .iter()
        .map(|next| (next.package.as_str(), next.wanted.features.len()))
        .collect();
    assert_eq!(counts, [("late", 0), ("greedy", 64), ("long", 0)]);
}
