//! A fake upstream out of what building this project brought along.

use std::{fs, path::Path};

use supercargo_testkit::{Cargo, FakeUpstream, LockedPackage};

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[tokio::test]
async fn this_project_is_fetched_from_what_cargo_has_kept() {
    let lockfile = workspace().join("Cargo.lock");
    let packages = LockedPackage::read(&lockfile).unwrap();
    let upstream = FakeUpstream::from_cargo_home(&lockfile).unwrap();
    let cargo = Cargo::new().as_crates_io(&upstream.index_url());
    let arguments = ["fetch", "--locked"];
    cargo
        .run(workspace(), &arguments)
        .await
        .success()
        .messages();
    assert!(packages.len() > 100);
    assert_eq!(upstream.requests_to("/dl/").len(), packages.len());
}

#[test]
fn a_package_that_was_never_fetched_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let lockfile = folder.path().join("Cargo.lock");
    let source = "registry+https://github.com/rust-lang/crates.io-index";
    let checksum = "0".repeat(64);
    let text = format!(
        "version = 4\n[[package]]\nname = \"serde\"\nversion = \"0.0.1\"\nsource = \"{source}\"\nchecksum = \"{checksum}\"\n"
    );
    fs::write(&lockfile, text).unwrap();
    let error = FakeUpstream::from_cargo_home(&lockfile)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("run `cargo fetch --locked` first"),
        "{error}"
    );
    assert!(error.contains("`serde` 0.0.1"), "{error}");
}
