//! What the real `cargo package` makes is accepted.

use std::{fs, path::Path, process::Command};

use supercargo_package::{
    ArchiveLimits, IndexEntry, ManifestLimits, PackageFacts, identify, read_archive, read_facts,
    warnings,
};
use supercargo_types::{Digest, Timestamp};

fn write(folder: &Path, path: &str, contents: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

/// Packages what is in `folder` and reads the result.
fn package(folder: &Path, file: &str) -> (PackageFacts, Vec<u8>) {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--no-verify", "--offline", "--allow-dirty"])
        .args([
            "--manifest-path".as_ref(),
            folder.join("Cargo.toml").as_os_str(),
        ])
        .args(["--target-dir".as_ref(), folder.join("target").as_os_str()])
        .env("CARGO_HOME", folder.join("home"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = fs::read(folder.join("target/package").join(file)).unwrap();
    let limits = ArchiveLimits::default();
    let (name, version) = identify(&bytes[..], &limits).unwrap();
    let archive = read_archive(&bytes[..], &name, &version, &limits).unwrap();
    let facts = read_facts(&archive, &name, &version, &ManifestLimits::default()).unwrap();
    (facts, bytes)
}

#[test]
fn a_package_that_cargo_makes_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(
        folder,
        "Cargo.toml",
        r#"
[package]
name = "Real_Demo"
version = "1.2.3-rc.1+build.5"
edition = "2024"
rust-version = "1.85"
description = "A demonstration."
license = "MIT OR Apache-2.0"
repository = "https://git.example/demo"
readme = "docs/Read me.md"
links = "demo"

[features]
default = ["extra"]
extra = []
"#,
    );
    let deep = format!("data/{}/leaf.txt", "folder-with-a-long-name/".repeat(8));
    write(folder, &deep, "leaf");
    write(folder, "src/lib.rs", "");
    write(folder, "src/main.rs", "fn main() {}");
    write(folder, "src/bin/second.rs", "fn main() {}");
    write(folder, "build.rs", "fn main() {}");
    write(folder, "docs/Read me.md", "# Demo");
    let (facts, bytes) = package(folder, "Real_Demo-1.2.3-rc.1+build.5.crate");
    assert_eq!(warnings(&facts), Vec::<String>::new());
    assert_eq!(facts.readme_path.as_deref(), Some("docs/Read me.md"));
    assert!(facts.has_build_script && facts.has_library && !facts.is_proc_macro);
    assert_eq!(facts.binaries, ["Real_Demo", "second"]);
    let time = Timestamp::from_seconds(1_795_175_652);
    let line = IndexEntry::new(&facts, &Digest::of(&bytes), time, |_| None).to_line();
    let checksum = Digest::of(&bytes).to_string();
    insta::assert_snapshot!(line.replace(&checksum, "CHECKSUM"), @r#"{"name":"Real_Demo","vers":"1.2.3-rc.1+build.5","deps":[],"cksum":"CHECKSUM","features":{"default":["extra"],"extra":[]},"yanked":false,"links":"demo","rust_version":"1.85","pubtime":"2026-11-20T11:54:12Z"}"#);
}

#[test]
fn a_procedural_macro_in_a_workspace_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(
        folder,
        "Cargo.toml",
        r#"
[workspace]
[workspace.package]
version = "0.1.0"
edition = "2021"

[package]
name = "demo-macro"
version.workspace = true
edition.workspace = true
build = false
autobins = false

[lib]
proc-macro = true
path = "lib.rs"
"#,
    );
    write(folder, "lib.rs", "");
    write(folder, "src/main.rs", "fn main() {}");
    write(folder, "build.rs", "fn main() {}");
    let (facts, _) = package(folder, "demo-macro-0.1.0.crate");
    assert!(facts.is_proc_macro && facts.has_library && !facts.has_build_script);
    assert_eq!(facts.binaries, Vec::<String>::new());
    assert_eq!(facts.edition, "2021");
    insta::assert_snapshot!(warnings(&facts).join("\n"), @"
    the crate has no `description`; add a sentence, by which others find it
    the crate has no `license` or `license-file`; add one, by which others know what they may do
    ");
}
