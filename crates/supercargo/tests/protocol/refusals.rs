//! Row P8: a publish that is wrong is refused with words, leaves nothing behind, and costs no memory.

mod bad;

use std::{io, path::Path, time::Duration};

use flate2::{Compression, write::GzEncoder};
use insta::assert_snapshot;
use serde_json::json;
use supercargo_testkit::{
    Database, Package, Server, View, eventually, frame, normalise, on_both, raw_header, tar,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{cargo, options, server, server_with};

on_both!(each_bad_publish_is_refused_with_words_and_leaves_nothing);

/// All files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

/// Neither a line, nor a name, nor a byte.
async fn has_nothing(server: &Server) {
    let found = server
        .admin()
        .get("/acme/api/v1/crates?q=")
        .await
        .expect(200);
    assert_eq!(found.text(), r#"{"crates":[],"meta":{"total":0}}"#);
    for name in ["acme-bad", "std", "nul"] {
        let index = server.admin().index("acme", View::Index, name).await;
        index.expect(404);
    }
    for folder in ["blobs/sha256", "blobs/staging"] {
        assert_eq!(files(&server.data().join(folder)), Vec::<String>::new());
    }
}

/// Row P8.
#[expect(clippy::too_many_lines, reason = "most of them are the table")]
async fn each_bad_publish_is_refused_with_words_and_leaves_nothing(database: Database) {
    let options = options(database)
        .setting("limits.crate_size", "256KiB")
        .setting("limits.unpacked_size", "1MiB");
    let server = server_with(options).await;
    let mut table = Vec::new();
    for (what, body) in bad::publishes() {
        let answer = server.admin().publish_frame("acme", body).await;
        let detail = answer
            .detail()
            .unwrap_or_else(|| panic!("no words in {answer}"));
        table.push(format!("{what}: {} {detail}", answer.status.as_u16()));
    }
    assert_snapshot!(table.join("\n"), @r#"
    nothing: 400 the body ends 4 bytes before the end of the publish metadata; publish again
    half a length: 400 the body ends 2 bytes before the end of the publish metadata; publish again
    half the metadata: 400 the body ends 158 bytes before the end of the publish metadata; publish again
    no crate: 400 the body ends 4 bytes before the end of the crate file; publish again
    half the crate's length: 400 the body ends 2 bytes before the end of the crate file; publish again
    all but a byte: 400 the body ends 1 byte before the end of the crate file; publish again
    a byte more: 400 the body goes on after the end of the crate file; send the two lengths, the metadata and the crate file, nothing else
    metadata of 4 GiB: 413 the publish metadata has 4294967295 bytes, more than the limit of 1 MiB; shorten the readme, which is part of it
    a crate of 4 GiB: 413 the crate file has 4294967295 bytes, more than the limit of 256 KiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`
    no JSON: 400 the publish metadata cannot be read: expected value at line 1 column 1; send what `cargo publish` sends
    empty JSON: 400 the publish metadata cannot be read: EOF while parsing a value at line 1 column 0; send what `cargo publish` sends
    no name: 400 the publish metadata cannot be read: missing field `name` at line 1 column 16; send what `cargo publish` sends
    a number as version: 400 the publish metadata cannot be read: invalid type: integer `1`, expected a string at line 1 column 27; send what `cargo publish` sends
    an empty name: 400 a crate name cannot be empty
    a name with a digit first: 400 invalid character `9` in crate name `9lives`: the first character must be an ASCII letter
    a name with a space: 400 invalid character ` ` in crate name `acme bad`: use ASCII letters, digits, `-` and `_`
    a name beyond ASCII: 400 invalid character `é` in crate name `acmé`: use ASCII letters, digits, `-` and `_`
    a name that is a path: 400 invalid character `.` in crate name `../acme`: the first character must be an ASCII letter
    a name of 65: 400 the crate name `aaaaaaaaaaaaaaaa…` is too long (at most 64 characters)
    half a version: 400 `1.0` is not a version number (unexpected end of input while parsing minor version number); write it as `1.2.3` or `1.2.3-rc.1`
    a version with a v: 400 `v1.0.0` is not a version number (unexpected character 'v' while parsing major version number); write it as `1.2.3` or `1.2.3-rc.1`
    an empty version: 400 `` is not a version number (empty string, expected a semver version); write it as `1.2.3` or `1.2.3-rc.1`
    a version that is a path: 400 `1.0.0/../2` is not a version number (unexpected character '/' after patch version number); write it as `1.2.3` or `1.2.3-rc.1`
    a version of 200: 400 the version number is too long (at most 150 characters); shorten its pre-release or build metadata
    the standard library: 400 cannot upload a crate with the reserved name `std`; choose another name
    a reserved name in other dress: 400 cannot upload a crate with the reserved name `Proc_Macro`; choose another name
    a device of Windows: 400 cannot upload a crate with the reserved name `NUL`; choose another name
    an empty crate: 400 the `.crate` file is refused: the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
    no gzip: 400 the `.crate` file is refused: the crate file is not a complete gzip file (invalid gzip header); make it with `cargo package`
    gzip without tar: 400 the `.crate` file is refused: the tar file in the crate file is malformed: failed to read entire block; make it with `cargo package`
    gzip of nothing: 400 the `.crate` file is refused: the crate file has no `Cargo.toml` in `acme-bad-1.0.0/`; make it with `cargo package`
    half a gzip: 400 the `.crate` file is refused: the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
    gzip without its trailer: 400 the `.crate` file is refused: the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
    a wrong checksum of gzip: 400 the `.crate` file is refused: the crate file is not a complete gzip file (corrupt gzip stream does not have a matching checksum); make it with `cargo package`
    two members of gzip: 400 the `.crate` file is refused: the crate file goes on after its first gzip member; make it with `cargo package`
    bytes after gzip: 400 the `.crate` file is refused: the crate file goes on after its first gzip member; make it with `cargo package`
    a file beside the root: 400 the `.crate` file is refused: invalid path `beside` in the crate file: everything must stand in `acme-bad-1.0.0/`; make the crate file with `cargo package`
    another root: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.1/file` in the crate file: everything must stand in `acme-bad-1.0.0/`; make the crate file with `cargo package`
    a root with more: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0x/file` in the crate file: everything must stand in `acme-bad-1.0.0/`; make the crate file with `cargo package`
    a path with ..: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/../../escape` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
    a path that ends in ..: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/src/..` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
    an absolute path: 400 the `.crate` file is refused: invalid path `/etc/escape` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
    a path with .: 400 the `.crate` file is refused: invalid path `./acme-bad-1.0.0/file` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
    an empty part: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/src//file` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
    a backslash: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/src\..\..\file` in the crate file: it has one of the characters `\ : * ? " < > |`, which Windows does not take; rename the file
    a drive: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/C:file` in the crate file: it has one of the characters `\ : * ? " < > |`, which Windows does not take; rename the file
    a device in a path: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/src/aux.rs` in the crate file: a part of it is a device on Windows; rename the file
    a control character: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/src/a\nb` in the crate file: it has a control character; rename the file
    no UTF-8: 400 the `.crate` file is refused: invalid path `acme-bad-1.0.0/�` in the crate file: it is not UTF-8; rename the file
    a file twice: 400 the `.crate` file is refused: `src/lib.rs` stands more than once in the crate file; make it with `cargo package`
    a file in two cases: 400 the `.crate` file is refused: `src/LIB.rs` and `src/lib.rs` are the same file where case does not matter; rename or exclude one of them
    a file that is a folder: 400 the `.crate` file is refused: `src/lib.rs` is both a file and a folder in the crate file; make it with `cargo package`
    a symbolic link: 400 the `.crate` file is refused: `acme-bad-1.0.0/special` is a symbolic link; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    a hard link: 400 the `.crate` file is refused: `acme-bad-1.0.0/special` is a hard link; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    a character device: 400 the `.crate` file is refused: `acme-bad-1.0.0/special` is a character device; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    a block device: 400 the `.crate` file is refused: `acme-bad-1.0.0/special` is a block device; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    a named pipe: 400 the `.crate` file is refused: `acme-bad-1.0.0/special` is a named pipe; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    an unknown kind: 400 the `.crate` file is refused: `acme-bad-1.0.0/special` is a tar entry of the unknown type `Z`; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    no Cargo.toml: 400 the `.crate` file is refused: the crate file has no `Cargo.toml` in `acme-bad-1.0.0/`; make it with `cargo package`
    cargo.toml: 400 the `.crate` file is refused: the crate file has no `Cargo.toml`, but `cargo.toml`; rename it to `Cargo.toml` with that exact case
    CARGO.TOML: 400 the `.crate` file is refused: the crate file has no `Cargo.toml`, but `CARGO.TOML`; rename it to `Cargo.toml` with that exact case
    Cargo.toml and cargo.toml: 400 the `.crate` file is refused: the crate file has more than one manifest: `Cargo.toml` and `cargo.toml`; keep only `Cargo.toml`
    Cargo.toml twice: 400 the `.crate` file is refused: the crate file has more than one manifest: `Cargo.toml` and `Cargo.toml`; keep only `Cargo.toml`
    no TOML: 400 `Cargo.toml` cannot be read: line 1: unclosed table, expected `]`; make the crate file with `cargo package`
    TOML that is not UTF-8: 400 `Cargo.toml` cannot be read: it is not UTF-8; make the crate file with `cargo package`
    no package: 400 `Cargo.toml` cannot be read: missing field `package`; make the crate file with `cargo package`
    no version: 400 `Cargo.toml` cannot be read: missing field `version` in `package`; make the crate file with `cargo package`
    version.workspace: 400 value from workspace hasn't been set for `package.version`; make the crate file with `cargo package`, which fills it in
    license.workspace: 400 value from workspace hasn't been set for `package.license`; make the crate file with `cargo package`, which fills it in
    a dependency from the workspace: 400 value from workspace hasn't been set for `dependencies.itoa`; make the crate file with `cargo package`, which fills it in
    lints from the workspace: 400 value from workspace hasn't been set for `lints`; make the crate file with `cargo package`, which fills it in
    a patch: 400 crates cannot be published with `[patch]` tables; remove it from `Cargo.toml`
    a library without its file: 400 can't find the library's file `src/none.rs` in the crate file; rename the file to `src/lib.rs` or set `path` in `[lib]`
    a requirement as rust-version: 400 invalid `rust-version` `^1.60`; write it as `1.60` or `1.60.0`
    an empty rust-version: 400 invalid `rust-version` ``; write it as `1.60` or `1.60.0`
    an edition with words: 400 `Cargo.toml` cannot be read: line 6: duplicate key; make the crate file with `cargo package`
    another crate's file: 400 the `.crate` file is refused: invalid path `acme-other-2.0.0/Cargo.toml` in the crate file: everything must stand in `acme-bad-1.0.0/`; make the crate file with `cargo package`
    another name in Cargo.toml: 400 metadata name `acme-bad` does not match manifest name `acme-other`; publish with `cargo publish`, which takes both from one `Cargo.toml`
    another case in Cargo.toml: 400 metadata name `acme-bad` does not match manifest name `Acme-Bad`; publish with `cargo publish`, which takes both from one `Cargo.toml`
    another version in Cargo.toml: 400 metadata version `1.0.0` does not match manifest version `1.0.1`; publish with `cargo publish`, which takes both from one `Cargo.toml`
    other build metadata in Cargo.toml: 400 metadata version `1.0.0` does not match manifest version `1.0.0+a`; publish with `cargo publish`, which takes both from one `Cargo.toml`
    no requirement: 400 dependency `itoa`: `one` is not a version requirement (unexpected character 'o' while parsing major version number); write it as `1.2` or `>=1.2, <3`
    a dependency that is no name: 400 dependency `it oa`: use ASCII letters, digits, `-` and `_` in the name, and start with a letter or `_`
    a git dependency: 400 dependency `itoa`: it has no `version`; a published crate takes its dependencies from a registry, so write one beside `git` or `path`
    a path dependency: 400 dependency `itoa`: it has no `version`; a published crate takes its dependencies from a registry, so write one beside `git` or `path`
    a registry that is no URL: 400 dependency `itoa`: `registry-index` `crates-io` is not a URL; write it as `sparse+https://host/path/`
    a target that is none: 400 dependency `itoa`: cargo cannot read its target `cfg(`; write a triple such as `x86_64-pc-windows-msvc`, or `cfg(…)`
    an optional dev-dependency: 400 dependency `itoa`: dev-dependencies are not allowed to be optional; remove `optional`
    a feature with a bad name: 400 feature `a b`: invalid character ` `; use letters, digits, `_`, `-`, `+` and `.`
    a feature of nothing: 400 feature `extra` includes `none`: it is neither a dependency nor another feature
    a feature of an absent dependency: 400 feature `extra` includes `none/std`: `none` is not a dependency
    301 features: 400 the crate declares 301 features, more than the limit of 300; split the crate
    301 values of a feature: 400 feature `all` enables 301 others, more than the limit of 300; group them
    501 dependencies: 400 the crate has 501 dependencies, more than the limit of 500; split the crate
    over the limit: 413 the crate file has 307869 bytes, more than the limit of 256 KiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`
    over the limit when unpacked: 413 the `.crate` file is refused: the crate unpacks to more than the limit of 1 MiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`
    a bomb: 413 the `.crate` file is refused: the crate unpacks to more than the limit of 1 MiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`
    a readme over the limit: 413 the publish metadata has 1048622 bytes, more than the limit of 1 MiB; shorten the readme, which is part of it
    "#);
    has_nothing(&server).await;
    // what is right is taken all the same
    let good = Package::new("acme-bad", "1.0.0");
    server.admin().publish("acme", &good).await.expect(200);
    assert_eq!(files(&server.data().join("blobs/sha256")).len(), 1);
}

/// Row P8: what came of an upload that breaks off is thrown away.
#[tokio::test]
async fn a_publish_that_breaks_off_leaves_nothing() {
    let server = server(Database::Sqlite).await;
    let body = Package::new("acme-bad", "1.0.0").ballast(1 << 20).frame();
    let staging = server.data().join("blobs/staging");
    let stream = begin(&server, body.len() as u64, &body[..body.len() / 2]).await;
    eventually("the beginning of the crate file", async || {
        !files(&staging).is_empty()
    })
    .await;
    drop(stream);
    eventually("the end of the publish", async || {
        files(&staging).is_empty()
    })
    .await;
    has_nothing(&server).await;
}

/// The most memory that the server has ever had, in bytes.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kibibytes << 10
}

/// Announces a body of that length, and sends its beginning.
async fn begin(server: &Server, length: u64, beginning: &[u8]) -> TcpStream {
    let address = server.url();
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!(
        "PUT /acme/api/v1/crates/new HTTP/1.1\r\nHost: registry.example\r\nAuthorization: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        server.admin_token(),
        length
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(beginning).await.unwrap();
    stream
}

/// What comes back to the beginning of a body that announces four gibibytes.
async fn answer_to_the_beginning(server: &Server, beginning: &[u8]) -> String {
    let mut stream = begin(server, u64::from(u32::MAX) + 1000, beginning).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // until the JSON is whole: the server may keep the connection while it waits for the rest
    while !answer.ends_with(b"}]}") {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(answer).unwrap()
}

/// A `.crate` that unpacks to this many zeros.
fn bomb(package: &Package, size: u64) -> Vec<u8> {
    let root = format!("{}-{}", package.name(), package.version());
    let gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    let path = format!("{root}/zeros");
    let header = raw_header(path.as_bytes(), tar::EntryType::Regular, size);
    archive
        .append(&header, io::Read::take(io::repeat(0), size))
        .unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

/// Row P8, "memory bounded": announced lengths are compared and never reserved, and what unpacks is counted and dropped.
#[tokio::test]
async fn announced_and_unpacked_sizes_cost_no_memory() {
    let server = server(Database::Sqlite).await;
    let good = Package::new("acme-bad", "1.0.0");
    let metadata = good.metadata_json().to_string();
    // warm, so that what a first publish needs does not count
    let wrong = Package::new("acme-bad", "1.0");
    server.admin().publish("acme", &wrong).await.expect(400);
    let before = peak(&server);

    let all = u32::MAX.to_le_bytes();
    let length = u32::try_from(metadata.len()).unwrap().to_le_bytes();
    let crate_of_four_gibibytes = [&length[..], metadata.as_bytes(), &all, &[0; 100]].concat();
    for beginning in [&all[..], &crate_of_four_gibibytes] {
        let answering = answer_to_the_beginning(&server, beginning);
        let answer = tokio::time::timeout(Duration::from_secs(5), answering)
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("more than the limit of "), "{answer}");
    }
    let body = frame(metadata.as_bytes(), &bomb(&good, 600 << 20));
    let answer = server.admin().publish_frame("acme", body).await.expect(413);
    assert_snapshot!(answer.detail().unwrap(), @"the `.crate` file is refused: the crate unpacks to more than the limit of 512 MiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`");

    let grown = peak(&server) - before;
    assert!(grown < 64 << 20, "{grown} bytes more");
    has_nothing(&server).await;
}

/// Row P8: the words reach who publishes.
#[tokio::test]
async fn cargo_prints_the_limit_of_what_is_too_large() {
    let server =
        server_with(options(Database::Sqlite).setting("limits.crate_size", "256KiB")).await;
    let cargo = cargo(&server, &["acme"]);
    let large = Package::new("acme-bad", "1.0.0").ballast(3 << 20);
    let arguments = ["publish", "--registry", "acme", "--no-verify"];
    let outcome = cargo
        .run(&cargo.project(&large), &arguments)
        .await
        .failure();
    let refusal = outcome.refusal();
    let (before, after) = refusal.split_once(" bytes, ").unwrap();
    assert!(
        before.starts_with("413 Payload Too Large: the crate file has 31"),
        "{refusal}"
    );
    assert_snapshot!(after, @"more than the limit of 256 KiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`");
    has_nothing(&server).await;
    let reserved = Package::new("compiler-builtins", "1.0.0");
    let outcome = cargo
        .run(&cargo.project(&reserved), &arguments)
        .await
        .failure();
    assert_snapshot!(outcome.refusal(), @"400 Bad Request: cannot upload a crate with the reserved name `compiler-builtins`; choose another name");
}

/// Rows P6 and P8: items 10 to 13 and 15 of crates.io's list are warnings here, and cargo prints them.
#[tokio::test]
async fn what_crates_io_would_refuse_is_a_warning_that_cargo_prints() {
    let server = server(Database::Sqlite).await;
    let cargo = cargo(&server, &["acme"]);
    let odd = Package::new("acme-odd", "1.0.0")
        .field("description", "long ".repeat(250))
        .field("license", "Our Own")
        .field("homepage", "ftp://acme.example")
        .field("documentation", "acme.example/docs")
        .field(
            "keywords",
            vec![
                "one",
                "two",
                "three",
                "four",
                "five",
                "six and a half that is long",
            ],
        )
        .field("categories", vec!["Not A Slug"]);
    let bare = cargo.folder("acme-bare");
    Package::new("acme-bare", "1.0.0").write_source(&bare);
    std::fs::write(
        bare.join("Cargo.toml"),
        "[package]\nname = \"acme-bare\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
    )
    .unwrap();
    let mut said = Vec::new();
    for folder in [cargo.project(&odd), bare] {
        let arguments = ["publish", "--registry", "acme", "--no-verify"];
        let outcome = cargo.run(&folder, &arguments).await.success();
        // not what cargo itself warns of: that differs from version to version
        said.push(outcome.lines(&["warning: the ", "warning: `", "Uploaded", "Published"]));
    }
    assert_snapshot!(said.join("\n\n"), @r#"
    warning: the `description` has 1250 bytes; a sentence is enough, 1000 bytes are the most that others accept
    warning: the `license` `Our Own` is not an SPDX expression such as `MIT OR Apache-2.0`; use `license-file` for a text of your own
    warning: `homepage` `ftp://acme.example` is not a URL that starts with `https://` or `http://`
    warning: `documentation` `acme.example/docs` is not a URL that starts with `https://` or `http://`
    warning: the crate has 6 keywords; use at most 5
    warning: the keyword `six and a half that is long` is not of the usual form; use at most 20 ASCII letters, digits, `_`, `-` and `+`, and start with a letter or digit
    warning: the category `Not A Slug` is not of the usual form; write it as `command-line-utilities` or `development-tools::testing`
    Uploaded acme-odd v1.0.0 to registry `acme`
    Published acme-odd v1.0.0 at registry `acme`

    warning: the crate has no `description`; add a sentence, by which others find it
    warning: the crate has no `license` or `license-file`; add one, by which others know what they may do
    Uploaded acme-bare v1.0.0 to registry `acme`
    Published acme-bare v1.0.0 at registry `acme`
    "#);
    let found = server
        .admin()
        .get("/acme/api/v1/crates?q=acme")
        .await
        .expect(200);
    assert_eq!(found.json()["meta"], json!({ "total": 2 }));
}

/// Row P8: a publish without a token, or without the right, is not read at all.
#[tokio::test]
async fn who_may_not_publish_is_told_before_the_body_is_sent() {
    let server = server(Database::Sqlite).await;
    let reader = server
        .admin()
        .person("reader", "acme", "reader", &["publish"])
        .await;
    let mut said = Vec::new();
    for client in [server.anonymous(), reader] {
        let answer = client
            .publish_frame("acme", b"not even a frame".to_vec())
            .await;
        said.push(format!(
            "{} {}",
            answer.status.as_u16(),
            answer.detail().unwrap()
        ));
    }
    assert_snapshot!(normalise(&said.join("\n"), server.data()), @r#"
    401 registry `acme` needs a token, or does not exist; run `cargo login --registry acme`
    403 `reader` may not publish in registry `acme`: that needs the role `publisher` there; ask one of its admins
    "#);
    has_nothing(&server).await;
}
