//! What the builder makes is what cargo makes and takes.

use std::{collections::BTreeMap, fs, io::Read as _, path::Path};

use cargo_util_schemas::index::IndexPackage;
use supercargo_testkit::{
    Cargo, Dependency, FakeUpstream, Package, frame, raw_header, raw_link, tar,
};
use supercargo_types::Digest;

/// One that has some of everything.
fn rich() -> Package {
    Package::new("rich", "1.2.3+meta")
        .dependency("plain", "1")
        .depends_on(Dependency::new("plain", "0.9").rename("older").optional())
        .depends_on(
            Dependency::new("native-sys", "1")
                .without_default_features()
                .features(&["loud"]),
        )
        .depends_on(Dependency::new("unixy", "1").target("cfg(unix)"))
        .depends_on(Dependency::new("tool", "1").build())
        .depends_on(Dependency::new("checker", "1").development())
        .feature("default", &["std"])
        .feature("std", &[])
        .feature("old", &["dep:older"])
        .feature("weak", &["older?/std"])
        .field("keywords", vec!["one", "two"])
        .rust_version("1.60")
        .file(
            "build.rs",
            "fn main() { assert_eq!(tool::version(), \"1.0.0\"); }",
        )
        .file("README.md", "# Rich\n")
        .file(
            "src/lib.rs",
            "pub fn versions() -> [&'static str; 2] { [plain::version(), native_sys::version()] }",
        )
}

fn publish_all(upstream: &FakeUpstream) {
    for package in [
        Package::new("plain", "1.0.0"),
        Package::new("plain", "0.9.1").feature("std", &[]),
        Package::new("native-sys", "1.0.0")
            .links("native")
            .feature("loud", &[]),
        Package::new("unixy", "1.0.0"),
        Package::new("tool", "1.0.0"),
        Package::new("checker", "1.0.0"),
        rich().published_at("2026-01-31T00:00:00Z"),
    ] {
        upstream.publish(&package);
    }
}

fn consumer() -> Package {
    Package::new("consumer", "0.1.0")
        .depends_on(Dependency::new("rich", "1").features(&["old", "weak"]))
        .file(
            "src/main.rs",
            "fn main() { println!(\"{:?}\", rich::versions()); }",
        )
}

#[tokio::test]
async fn cargo_builds_and_runs_what_was_published_upstream() {
    let upstream = FakeUpstream::start();
    publish_all(&upstream);
    let cargo = Cargo::new().as_crates_io(&upstream.index_url());
    let project = cargo.project(&consumer());
    let outcome = cargo.run(&project, &["run"]).await.success();
    assert_eq!(outcome.stdout.trim(), r#"["1.0.0", "1.0.0"]"#);
    // the raw `+` of build metadata arrives as cargo sends it
    assert_eq!(upstream.requests_to("/dl/rich/1.2.3+meta/").len(), 1);
    let lockfile = fs::read_to_string(project.join("Cargo.lock")).unwrap();
    assert!(lockfile.contains(&rich().checksum().hex()), "{lockfile}");
    assert!(
        !lockfile.contains("127.0.0.1"),
        "it counts as crates.io: {lockfile}"
    );
}

#[test]
fn every_index_line_has_cargos_schema() {
    for package in [rich(), consumer(), Package::new("bare", "0.1.0").yanked()] {
        let line = package
            .published_at("2026-01-31T00:00:00Z")
            .index_line()
            .to_string();
        let parsed: IndexPackage<'_> = serde_json::from_str(&line).unwrap();
        assert!(parsed.pubtime.is_some());
    }
    let line = rich().index_line();
    assert_eq!(line["v"], 2);
    assert_eq!(line["features2"]["old"][0], "dep:older");
    assert_eq!(line["deps"][1]["name"], "older");
    assert_eq!(line["deps"][1]["package"], "plain");
}

/// The files of a `.crate`, by their path in it.
fn unpack(crate_bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(crate_bytes));
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            (path, contents)
        })
        .collect()
}

#[tokio::test]
async fn the_archive_is_like_the_one_that_cargo_packs() {
    let upstream = FakeUpstream::start();
    publish_all(&upstream);
    let cargo = Cargo::new().as_crates_io(&upstream.index_url());
    let project = cargo.project(&rich());
    cargo
        .run(&project, &["package", "--no-verify"])
        .await
        .success();
    let packed = fs::read(cargo.root().join("target/package/rich-1.2.3+meta.crate")).unwrap();
    let (theirs, ours) = (unpack(&packed), unpack(&rich().crate_bytes()));
    let manifest = |files: &BTreeMap<String, Vec<u8>>| -> toml::Table {
        let text = &files["rich-1.2.3+meta/Cargo.toml"];
        toml::from_str(std::str::from_utf8(text).unwrap()).unwrap()
    };
    let (theirs_manifest, ours_manifest) = (manifest(&theirs), manifest(&ours));
    for table in [
        "dependencies",
        "dev-dependencies",
        "build-dependencies",
        "target",
        "features",
        "lib",
    ] {
        assert_eq!(ours_manifest[table], theirs_manifest[table], "{table}");
    }
    for field in [
        "name",
        "version",
        "description",
        "license",
        "keywords",
        "rust-version",
        "readme",
    ] {
        assert_eq!(
            ours_manifest["package"][field], theirs_manifest["package"][field],
            "{field}"
        );
    }
    let only_theirs: Vec<_> = theirs
        .keys()
        .filter(|path| !ours.contains_key(*path))
        .collect();
    assert_eq!(only_theirs, ["rich-1.2.3+meta/Cargo.lock"]);
}

#[tokio::test]
async fn the_metadata_is_what_cargo_publishes() {
    let witness = Witness::start();
    let upstream = FakeUpstream::start();
    publish_all(&upstream);
    let target = FakeUpstream::start();
    target.config("api", witness.url());
    let cargo = Cargo::new()
        .as_crates_io(&upstream.index_url())
        .registry("acme", &target.index_url())
        .token("acme", "secret");
    let project = cargo.project(&rich());
    let arguments = ["publish", "--no-verify", "--registry", "acme"];
    let outcome = cargo.run(&project, &arguments).await.failure();
    let sent = witness.body();
    let length = u32::from_le_bytes(sent[..4].try_into().unwrap()) as usize;
    let theirs: serde_json::Value = serde_json::from_slice(&sent[4..4 + length]).unwrap();
    let mut ours = rich().metadata_json();
    for metadata in [&theirs, &ours] {
        assert_eq!(
            metadata["deps"].as_array().unwrap().len(),
            6,
            "{}",
            outcome.stderr
        );
    }
    // cargo sorts its dependencies in its own way
    let sorted = |metadata: &serde_json::Value| {
        let mut texts: Vec<String> = metadata["deps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| dependency.as_object().unwrap())
            .map(|fields| format!("{:?}", fields.iter().collect::<BTreeMap<_, _>>()))
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
    ours["deps"] = theirs["deps"].clone();
    assert_eq!(ours, theirs);
}

/// Takes one request, keeps its body and answers 503: cargo then gives up at once.
struct Witness {
    address: std::net::SocketAddr,
    body: std::thread::JoinHandle<Vec<u8>>,
}

impl Witness {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let body = std::thread::spawn(move || {
            use std::io::{BufRead as _, Write as _};
            let (stream, _) = listener.accept().unwrap();
            let mut reader = std::io::BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
            body
        });
        Self { address, body }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn body(self) -> Vec<u8> {
        self.body.join().unwrap()
    }
}

#[test]
fn the_same_package_gives_the_same_bytes() {
    let bytes = rich().crate_bytes();
    assert_eq!(bytes, rich().crate_bytes());
    assert_eq!(Digest::of(&bytes), rich().checksum());
    assert_ne!(bytes, rich().file("more", "text").crate_bytes());
    assert!(
        Package::new("a", "1.0.0")
            .ballast(100_000)
            .crate_bytes()
            .len()
            > 100_000
    );
}

#[test]
fn a_frame_is_both_parts_with_their_lengths() {
    assert_eq!(frame(b"{}", b"abc"), b"\x02\0\0\0{}\x03\0\0\0abc");
}

#[test]
fn evil_entries_are_written_as_they_are() {
    let evil = Package::new("evil", "1.0.0")
        .entry_raw(
            raw_header(b"evil-1.0.0/../../etc/passwd", tar::EntryType::Regular, 2),
            b"hi",
        )
        .entry_raw(
            raw_link(b"evil-1.0.0/link", tar::EntryType::Symlink, b"/etc"),
            b"",
        );
    let bytes = evil.crate_bytes();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let found: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path_bytes().into_owned(), entry.header().entry_type())
        })
        .collect();
    assert!(found.contains(&(
        b"evil-1.0.0/../../etc/passwd".to_vec(),
        tar::EntryType::Regular
    )));
    assert!(found.contains(&(b"evil-1.0.0/link".to_vec(), tar::EntryType::Symlink)));
    let bytes = Package::new("none", "1.0.0")
        .without_manifest()
        .crate_bytes();
    assert!(
        !unpack(&bytes)
            .keys()
            .any(|path| Path::new(path).ends_with("Cargo.toml"))
    );
}
