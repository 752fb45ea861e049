//! Reading only a part of an archive, and failing to read it.

use std::io::{BufRead, BufReader, Read};

use supercargo_package::{ArchiveLimits, identify, read_archive, read_file, read_outline};

use crate::{
    archives::LIMITS,
    tarball::{MANIFEST, Tarball},
};

#[test]
fn a_read_failure_is_our_fault_and_not_the_archives() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::TimedOut.into())
        }
    }
    impl BufRead for Broken {
        fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
            Err(std::io::ErrorKind::TimedOut.into())
        }
        fn consume(&mut self, _: usize) {}
    }
    let good = Tarball::demo().gzip();
    let reader = BufReader::new(&good[..100]).chain(Broken);
    let (name, version) = ("demo".parse().unwrap(), "1.0.0".parse().unwrap());
    let refused = read_archive(reader, &name, &version, &LIMITS).unwrap_err();
    assert!(refused.is_fault(), "{refused}");
}

#[test]
fn an_archive_tells_what_it_is() {
    let (name, version) = identify(&Tarball::demo().gzip()[..], &LIMITS).unwrap();
    assert_eq!(
        (name.as_str(), version.to_string().as_str()),
        ("demo", "1.0.0")
    );
    let say = |bytes: Vec<u8>| identify(&bytes[..], &LIMITS).unwrap_err().to_string();
    let manifest = |text: &str| Tarball::new().file("demo-1.0.0/Cargo.toml", text).gzip();
    insta::assert_snapshot!(
        [
            Tarball::new().gzip(),
            Tarball::new().file("demo-1.0.1/Cargo.toml", MANIFEST).gzip(),
            manifest("nothing"),
            manifest("[package]\nname = \"demo\"\n"),
            manifest("[package]\nname = \"demo\"\nversion = \"1.0\"\n"),
            manifest("[package]\nname = \"../x\"\nversion = \"1.0.0\"\n"),
            b"no gzip".to_vec(),
        ]
        .map(say)
        .join("\n"),
        @"
        the crate file has no `Cargo.toml` in `NAME-VERSION/`; make it with `cargo package`
        `Cargo.toml` does not tell what the crate is: it says `demo` `1.0.0`, but stands in the folder `demo-1.0.1`; make the crate file with `cargo package`
        `Cargo.toml` does not tell what the crate is: `Cargo.toml` cannot be read: line 1: key with no value, expected `=`; make the crate file with `cargo package`
        `Cargo.toml` does not tell what the crate is: `Cargo.toml` cannot be read: missing field `version` in `package`; make the crate file with `cargo package`
        `Cargo.toml` does not tell what the crate is: `1.0` is not a version number (unexpected end of input while parsing minor version number); write it as `1.2.3` or `1.2.3-rc.1`
        `Cargo.toml` does not tell what the crate is: invalid character `.` in crate name `../x`: the first character must be an ASCII letter
        the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
        "
    );
}

#[test]
fn single_files_can_be_read() {
    let bytes = Tarball::demo()
        .file("demo-1.0.0/README.md", "# Demo")
        .gzip();
    let (name, version) = ("demo".parse().unwrap(), "1.0.0".parse().unwrap());
    let file = |path, limit| read_file(&bytes[..], &name, &version, path, &LIMITS, limit);
    assert_eq!(file("README.md", 6).unwrap(), Some(b"# Demo".to_vec()));
    assert_eq!(file("README", 6).unwrap(), None);
    insta::assert_snapshot!(file("README.md", 5).unwrap_err(), @"`README.md` is larger than 5 bytes; shorten it");
}

#[test]
fn an_outline_is_read_as_far_as_the_manifest() {
    let manifest = "[package]\ndescription = \"of a stranger\"\n";
    let stranger = Tarball::new()
        .file("x/sub/Cargo.toml", "[package]\ndescription = \"another\"\n")
        .file("x/Cargo.toml", manifest)
        .file("x/large", &"x".repeat(5_000))
        .gzip();
    let limits = ArchiveLimits {
        unpacked_bytes: 4_000,
        manifest_bytes: manifest.len() as u64,
        ..LIMITS
    };
    let outline = read_outline(&stranger[..], &limits).unwrap().unwrap();
    assert_eq!(outline.description.as_deref(), Some("of a stranger"));
    assert_eq!(outline.readme_path.as_deref(), Some("README.md"));

    let none = Tarball::new().file("x/README.md", "").gzip();
    assert_eq!(read_outline(&none[..], &LIMITS).unwrap(), None);
    let late = Tarball::new()
        .file("x/large", &"x".repeat(5_000))
        .file("x/Cargo.toml", manifest)
        .gzip();
    insta::assert_snapshot!(
        read_outline(&late[..], &limits).unwrap_err(),
        @"the crate unpacks to more than the limit of 4000 bytes; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`"
    );
    let manifest_bytes = limits.manifest_bytes - 1;
    let limits = ArchiveLimits {
        manifest_bytes,
        ..LIMITS
    };
    insta::assert_snapshot!(
        read_outline(&stranger[..], &limits).unwrap_err(),
        @"`Cargo.toml` is larger than 39 bytes; shorten it"
    );
}
