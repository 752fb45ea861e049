//! `read_archive`, `identify` and `read_file`.

use std::io::{BufReader, Read as _};

use proptest::prelude::*;
use supercargo_package::{Archive, ArchiveLimits, ArchiveRefused, identify, read_archive};

use crate::tarball::{MANIFEST, Tarball, gzip};

pub(crate) const LIMITS: ArchiveLimits = ArchiveLimits {
    unpacked_bytes: 1 << 20,
    entries: 50,
    manifest_bytes: 4096,
};

fn read(bytes: &[u8]) -> Result<Archive, ArchiveRefused> {
    let (name, version) = ("demo".parse().unwrap(), "1.0.0".parse().unwrap());
    read_archive(bytes, &name, &version, &LIMITS)
}

/// What each archive is refused with, a line each.
fn refusals<const N: usize>(archives: [Vec<u8>; N]) -> String {
    let say = |bytes: Vec<u8>| match read(&bytes) {
        Ok(archive) => panic!("accepted: {archive:?}"),
        Err(refused) => {
            assert!(!refused.is_fault(), "{refused}");
            refused.to_string()
        }
    };
    archives.map(say).join("\n")
}

/// The demo crate and one more entry.
fn with(kind: u8, path: &[u8]) -> Vec<u8> {
    Tarball::demo().entry(kind, path, b"").gzip()
}

#[test]
fn an_ordinary_crate_gives_its_manifest_and_file_names() {
    let vcs = r#"{"git":{"sha1":"0123456789abcdef0123456789abcdef01234567","dirty":true},"path_in_vcs":"crates/demo"}"#;
    let tar = Tarball::demo()
        .folder("demo-1.0.0/")
        .folder("demo-1.0.0/src")
        .file("demo-1.0.0/.cargo_vcs_info.json", vcs)
        .tar();
    let archive = read(&gzip(&tar)).unwrap();
    assert_eq!(archive.manifest_toml, MANIFEST.as_bytes());
    assert_eq!(archive.unpacked_bytes, tar.len() as u64);
    let files: Vec<&str> = archive.files.iter().map(String::as_str).collect();
    assert_eq!(files, [".cargo_vcs_info.json", "Cargo.toml", "src/lib.rs"]);
    let vcs = archive.vcs.unwrap();
    assert_eq!(
        vcs.sha1.as_deref(),
        Some("0123456789abcdef0123456789abcdef01234567")
    );
    assert_eq!(vcs.path_in_vcs.as_deref(), Some("crates/demo"));
    assert!(vcs.dirty);
}

#[test]
fn unreadable_vcs_records_are_no_reason_to_refuse() {
    for json in ["", "[]", r#"{"git":{"sha1":"$(reboot)"}}"#] {
        let bytes = Tarball::demo()
            .file("demo-1.0.0/.cargo_vcs_info.json", json)
            .gzip();
        let vcs = read(&bytes).unwrap().vcs;
        assert_eq!(vcs.and_then(|vcs| vcs.sha1), None, "{json}");
    }
}

#[test]
fn build_metadata_is_part_of_the_folder() {
    let bytes = Tarball::new()
        .file("demo-1.0.0+a/Cargo.toml", MANIFEST)
        .gzip();
    let name = "demo".parse().unwrap();
    let with_metadata = "1.0.0+a".parse().unwrap();
    assert!(read_archive(&bytes[..], &name, &with_metadata, &LIMITS).is_ok());
    assert!(read(&bytes).is_err());
}

#[test]
fn long_names_in_either_format_are_read() {
    let path = format!("demo-1.0.0/{}.rs", "long/".repeat(30));
    let gnu = Tarball::demo()
        .entry(b'L', b"././@LongLink", format!("{path}\0").as_bytes())
        .file("demo-1.0.0/long/long", "");
    let pax = Tarball::demo()
        .pax(&[("path", &path), ("size", "3"), ("mtime", "1.5")])
        .file("demo-1.0.0/long/long", "abc");
    let below = &path["demo-1.0.0/".len()..];
    for tarball in [gnu, pax] {
        let archive = read(&tarball.gzip()).unwrap();
        assert!(archive.files.contains(below), "{archive:?}");
        assert!(!archive.files.contains("long/long"));
    }
}

#[test]
fn only_one_whole_gzip_member_is_accepted() {
    let good = Tarball::demo().gzip();
    let cut = |count: usize| good[..good.len() - count].to_vec();
    let mut wrong_checksum = good.clone();
    let at = wrong_checksum.len() - 8;
    wrong_checksum[at] ^= 1;
    let mut wrong_data = good.clone();
    wrong_data[30] ^= 0xff;
    insta::assert_snapshot!(
        refusals([
            Vec::new(),
            b"<html>not a crate</html>".to_vec(),
            Tarball::demo().tar(),
            cut(1),
            cut(8),
            cut(good.len() / 2),
            wrong_checksum,
            wrong_data,
            [&good[..], b"\0"].concat(),
            [&good[..], &good[..]].concat(),
        ]),
        @"
        the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
        the crate file is not a complete gzip file (invalid gzip header); make it with `cargo package`
        the crate file is not a complete gzip file (invalid gzip header); make it with `cargo package`
        the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
        the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
        the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
        the crate file is not a complete gzip file (corrupt gzip stream does not have a matching checksum); make it with `cargo package`
        the tar file in the crate file is malformed: archive header checksum mismatch; make it with `cargo package`
        the crate file goes on after its first gzip member; make it with `cargo package`
        the crate file goes on after its first gzip member; make it with `cargo package`
        "
    );
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    let bytes = Tarball::demo()
        .entry(b'0', b"demo-1.0.0/zeros", &zeros)
        .gzip();
    let mut reader = BufReader::with_capacity(512, &bytes[..]);
    let (name, version) = ("demo".parse().unwrap(), "1.0.0".parse().unwrap());
    let refused = read_archive(&mut reader, &name, &version, &LIMITS).unwrap_err();
    assert!(refused.too_large());
    insta::assert_snapshot!(refused, @"the crate unpacks to more than the limit of 1 MiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`");
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(
        rest.len() > bytes.len() * 9 / 10,
        "read {} of {} bytes",
        bytes.len() - rest.len(),
        bytes.len()
    );
}

#[test]
fn nothing_is_allocated_by_an_announced_size() {
    let huge = u64::from(u32::MAX) * 2;
    insta::assert_snapshot!(
        refusals([
            gzip(&Tarball::new().header(b'0', b"demo-1.0.0/Cargo.toml", huge).unfinished()),
            gzip(&Tarball::demo().header(b'0', b"demo-1.0.0/a", huge).unfinished()),
            gzip(&Tarball::demo().header(b'x', b"pax", huge).unfinished()),
            gzip(&Tarball::demo().header(b'L', b"long", huge).unfinished()),
            Tarball::demo().header(b'0', b"demo-1.0.0/a", u64::MAX).gzip(),
        ]),
        @"
        `Cargo.toml` is larger than 4 KiB; shorten it
        the tar file in the crate file is malformed: unexpected EOF during skip; make it with `cargo package`
        the tar file in the crate file is malformed: a header that describes the next entry is too large; make it with `cargo package`
        the tar file in the crate file is malformed: a header that describes the next entry is too large; make it with `cargo package`
        the tar file in the crate file is malformed: size overflow; make it with `cargo package`
        "
    );
}

#[test]
fn limits_on_numbers_and_sizes_hold() {
    let mut many = Tarball::demo();
    for number in 0..50 {
        many = many.file(&format!("demo-1.0.0/{number}"), "");
    }
    let deep = format!("demo-1.0.0/{}x", "d/".repeat(40));
    let deep = Tarball::demo().pax(&[("path", &deep)]).file("x", "");
    let deeper = format!("demo-1.0.0/{}x", "d/".repeat(65));
    let deeper = Tarball::demo().pax(&[("path", &deeper)]).file("x", "");
    let long = format!("demo-1.0.0/{}", "d".repeat(1024));
    let long = Tarball::demo().pax(&[("path", &long)]).file("x", "");
    assert!(read(&deep.clone().gzip()).is_ok());
    let crowded = (0..10).fold(deep, |tarball, number| {
        tarball.file(&format!("demo-1.0.0/{number}"), "")
    });
    let manifest = " ".repeat(4097);
    insta::assert_snapshot!(
        refusals([
            many.gzip(),
            crowded.gzip(),
            deeper.gzip(),
            long.gzip(),
            Tarball::new().file("demo-1.0.0/Cargo.toml", &manifest).gzip(),
        ]),
        @"
        the crate holds more than 50 files and folders; leave files out with `exclude` in `[package]`
        the crate holds more than 50 files and folders; leave files out with `exclude` in `[package]`
        invalid path `demo-1.0.0/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d…` in the crate file: it is deeper than 64 folders
        invalid path `demo-1.0.0/ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd…` in the crate file: it is longer than 1024 bytes
        `Cargo.toml` is larger than 4 KiB; shorten it
        "
    );
}

#[test]
fn only_files_and_folders_are_accepted() {
    insta::assert_snapshot!(
        refusals([
            with(b'1', b"demo-1.0.0/hard"),
            with(b'2', b"demo-1.0.0/soft"),
            with(b'3', b"demo-1.0.0/char"),
            with(b'4', b"demo-1.0.0/block"),
            with(b'6', b"demo-1.0.0/fifo"),
            with(b'7', b"demo-1.0.0/contiguous"),
            with(b'S', b"demo-1.0.0/sparse"),
            with(b'g', b"demo-1.0.0/global"),
            with(b'K', b"demo-1.0.0/link"),
            with(b'V', b"demo-1.0.0/volume"),
            with(0xff, b"demo-1.0.0/\x1b[2Jescape"),
        ]),
        @r#"
        `demo-1.0.0/hard` is a hard link; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/soft` is a symbolic link; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/char` is a character device; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/block` is a block device; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/fifo` is a named pipe; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/contiguous` is a contiguous file; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/sparse` is a sparse file; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/global` is a global pax header; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/link` is a long link name; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/volume` is a tar entry of the unknown type `V`; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        `demo-1.0.0/\u{1b}[2Jescape` is a tar entry of the unknown type `\xff`; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
        "#
    );
}

#[test]
fn paths_lead_nowhere_else() {
    insta::assert_snapshot!(
        refusals([
            with(b'0', b"/demo-1.0.0/absolute"),
            with(b'0', b"demo-1.0.0/../up"),
            with(b'5', b"demo-1.0.0/.."),
            with(b'0', b"./demo-1.0.0/dot"),
            with(b'0', b"demo-1.0.0//empty"),
            with(b'0', b"demo-1.0.0/file/"),
            with(b'0', b"demo-1.0.0"),
            with(b'0', b"demo-1.0.00/prefix"),
            with(b'0', b"Demo-1.0.0/case"),
            with(b'0', b"outside"),
            with(b'0', b""),
            with(b'0', b"demo-1.0.0\\windows"),
            with(b'0', b"demo-1.0.0/C:drive"),
            with(b'0', b"demo-1.0.0/Cargo.toml::$DATA"),
            with(b'0', b"demo-1.0.0/line\nbreak"),
            with(b'0', b"demo-1.0.0/\xff\xfe"),
            with(b'0', b"demo-1.0.0/dot."),
            with(b'0', b"demo-1.0.0/space /x"),
            with(b'0', b"demo-1.0.0/src/aux.rs"),
            with(b'5', b"demo-1.0.0/NUL"),
            Tarball::demo().entry(b'L', b"long", b"demo-1.0.0/a\0b\0").file("x", "").gzip(),
        ]),
        @r#"
        invalid path `/demo-1.0.0/absolute` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
        invalid path `demo-1.0.0/../up` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
        invalid path `demo-1.0.0/..` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
        invalid path `./demo-1.0.0/dot` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
        invalid path `demo-1.0.0//empty` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
        invalid path `demo-1.0.0/file/` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
        invalid path `demo-1.0.0` in the crate file: everything must stand in `demo-1.0.0/`; make the crate file with `cargo package`
        invalid path `demo-1.0.00/prefix` in the crate file: everything must stand in `demo-1.0.0/`; make the crate file with `cargo package`
        invalid path `Demo-1.0.0/case` in the crate file: everything must stand in `demo-1.0.0/`; make the crate file with `cargo package`
        invalid path `outside` in the crate file: everything must stand in `demo-1.0.0/`; make the crate file with `cargo package`
        invalid path `` in the crate file: it must not be absolute or have empty, `.` or `..` parts; make the crate file with `cargo package`
        invalid path `demo-1.0.0\windows` in the crate file: it has one of the characters `\ : * ? " < > |`, which Windows does not take; rename the file
        invalid path `demo-1.0.0/C:drive` in the crate file: it has one of the characters `\ : * ? " < > |`, which Windows does not take; rename the file
        invalid path `demo-1.0.0/Cargo.toml::$DATA` in the crate file: it has one of the characters `\ : * ? " < > |`, which Windows does not take; rename the file
        invalid path `demo-1.0.0/line\nbreak` in the crate file: it has a control character; rename the file
        invalid path `demo-1.0.0/��` in the crate file: it is not UTF-8; rename the file
        invalid path `demo-1.0.0/dot.` in the crate file: a part of it ends with a full stop or space, which Windows drops; rename the file
        invalid path `demo-1.0.0/space /x` in the crate file: a part of it ends with a full stop or space, which Windows drops; rename the file
        invalid path `demo-1.0.0/src/aux.rs` in the crate file: a part of it is a device on Windows; rename the file
        invalid path `demo-1.0.0/NUL` in the crate file: a part of it is a device on Windows; rename the file
        invalid path `demo-1.0.0/a\u{0}b` in the crate file: it has a control character; rename the file
        "#
    );
}

#[test]
fn no_two_entries_are_one_file() {
    insta::assert_snapshot!(
        refusals([
            with(b'0', b"demo-1.0.0/src/lib.rs"),
            with(b'0', b"demo-1.0.0/src/LIB.rs"),
            with(b'0', b"demo-1.0.0/SRC/main.rs"),
            Tarball::demo()
                .file("demo-1.0.0/\u{c9}t\u{e9}", "")
                .file("demo-1.0.0/\u{e9}t\u{e9}", "")
                .gzip(),
            with(b'0', b"demo-1.0.0/src"),
            with(b'0', b"demo-1.0.0/src/lib.rs/x"),
            Tarball::demo().folder("demo-1.0.0/a").folder("demo-1.0.0/a/").gzip(),
            Tarball::demo().folder("demo-1.0.0").folder("demo-1.0.0/").gzip(),
        ]),
        @"
        `src/lib.rs` stands more than once in the crate file; make it with `cargo package`
        `src/LIB.rs` and `src/lib.rs` are the same file where case does not matter; rename or exclude one of them
        `SRC` and `src` are the same file where case does not matter; rename or exclude one of them
        `été` and `Été` are the same file where case does not matter; rename or exclude one of them
        `src` is both a file and a folder in the crate file; make it with `cargo package`
        `src/lib.rs` is both a file and a folder in the crate file; make it with `cargo package`
        `a` stands more than once in the crate file; make it with `cargo package`
        `/` stands more than once in the crate file; make it with `cargo package`
        "
    );
}

#[test]
fn one_manifest_with_exactly_its_name() {
    let only = |path: &str| Tarball::new().file(path, MANIFEST).gzip();
    insta::assert_snapshot!(
        refusals([
            Tarball::new().gzip(),
            only("demo-1.0.0/src/Cargo.toml"),
            only("demo-1.0.0/cargo.toml"),
            only("demo-1.0.0/CARGO.TOML"),
            with(b'0', b"demo-1.0.0/cargo.toml"),
            with(b'0', b"demo-1.0.0/Cargo.toml"),
            Tarball::new().folder("demo-1.0.0/Cargo.toml").gzip(),
        ]),
        @"
        the crate file has no `Cargo.toml` in `demo-1.0.0/`; make it with `cargo package`
        the crate file has no `Cargo.toml` in `demo-1.0.0/`; make it with `cargo package`
        the crate file has no `Cargo.toml`, but `cargo.toml`; rename it to `Cargo.toml` with that exact case
        the crate file has no `Cargo.toml`, but `CARGO.TOML`; rename it to `Cargo.toml` with that exact case
        the crate file has more than one manifest: `Cargo.toml` and `cargo.toml`; keep only `Cargo.toml`
        the crate file has more than one manifest: `Cargo.toml` and `Cargo.toml`; keep only `Cargo.toml`
        the crate file has no `Cargo.toml` in `demo-1.0.0/`; make it with `cargo package`
        "
    );
}

#[test]
fn what_parsers_could_read_differently_is_refused() {
    let lib = "demo-1.0.0/a";
    let after_end = [&Tarball::demo().tar()[..], &Tarball::demo().tar()].concat();
    let half_block = [&Tarball::demo().unfinished()[..], &[7; 100]].concat();
    let mut wrong_header = Tarball::demo().tar();
    wrong_header[0] ^= 1;
    insta::assert_snapshot!(
        refusals([
            Tarball::demo().pax(&[("size", "1")]).file(lib, "abc").gzip(),
            Tarball::demo().pax(&[("size", "x")]).file(lib, "abc").gzip(),
            Tarball::demo().pax(&[("path", lib), ("path", "b")]).file(lib, "").gzip(),
            Tarball::demo().pax(&[("path", lib)]).pax(&[("path", lib)]).file(lib, "").gzip(),
            Tarball::demo().pax(&[("GNU.sparse.major", "1")]).file(lib, "").gzip(),
            Tarball::demo().entry(b'x', b"pax", b"9 path=a").file(lib, "").gzip(),
            Tarball::demo().entry(b'x', b"pax", b"9 a=b\n").file(lib, "").gzip(),
            Tarball::demo().entry(b'x', b"pax", b"\n9 path=a\n").file(lib, "").gzip(),
            Tarball::demo()
                .entry(b'L', b"long", lib.as_bytes())
                .pax(&[("path", "demo-1.0.0/b")])
                .file(lib, "")
                .gzip(),
            Tarball::demo()
                .entry(b'L', b"long", lib.as_bytes())
                .entry(b'L', b"long", lib.as_bytes())
                .file(lib, "")
                .gzip(),
            Tarball::demo().pax(&[("path", lib)]).gzip(),
            Tarball::demo().entry(b'5', lib.as_bytes(), b"hidden").gzip(),
            gzip(&after_end),
            gzip(&half_block),
            gzip(&wrong_header),
            gzip(&Tarball::demo().header(b'0', lib.as_bytes(), 600).raw(&[1; 100]).unfinished()),
        ]),
        @"
        the tar file in the crate file is malformed: a pax size differs from the size in the header; make it with `cargo package`
        the tar file in the crate file is malformed: a pax size is not a number; make it with `cargo package`
        the tar file in the crate file is malformed: a pax header says the same thing twice; make it with `cargo package`
        the tar file in the crate file is malformed: an entry has two pax headers; make it with `cargo package`
        the tar file in the crate file is malformed: a pax header describes a sparse file; make it with `cargo package`
        the tar file in the crate file is malformed: a pax header is malformed; make it with `cargo package`
        the tar file in the crate file is malformed: malformed pax extension; make it with `cargo package`
        the tar file in the crate file is malformed: a pax header is malformed; make it with `cargo package`
        the tar file in the crate file is malformed: an entry has two long names; make it with `cargo package`
        the tar file in the crate file is malformed: an entry has two long names; make it with `cargo package`
        the tar file in the crate file is malformed: its last header describes an entry that does not follow; make it with `cargo package`
        the tar file in the crate file is malformed: a folder has contents; make it with `cargo package`
        the tar file in the crate file is malformed: data follows its end marker; make it with `cargo package`
        the tar file in the crate file is malformed: failed to read entire block; make it with `cargo package`
        the tar file in the crate file is malformed: archive header checksum mismatch; make it with `cargo package`
        the tar file in the crate file is malformed: unexpected EOF during skip; make it with `cargo package`
        "
    );
}

#[test]
fn padding_behind_the_end_is_accepted() {
    let tar = Tarball::demo().raw(&[0; 10 << 10]).tar();
    assert!(read(&gzip(&tar)).is_ok());
    assert!(read(&gzip(&Tarball::demo().unfinished())).is_ok());
}

proptest! {
    #[test]
    fn mutated_archives_are_judged_without_a_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in 0..600_usize,
    ) {
        let mut tar = Tarball::demo()
            .pax(&[("path", "demo-1.0.0/b"), ("size", "1")])
            .file("demo-1.0.0/b", "x")
            .entry(b'L', b"long", b"demo-1.0.0/c\0")
            .file("demo-1.0.0/c", "")
            .tar();
        let mut outside = gzip(&tar);
        for (at, byte) in &edits {
            let at_inside = at.index(tar.len());
            tar[at_inside] = *byte;
            let at_outside = at.index(outside.len());
            outside[at_outside] = *byte;
        }
        tar.truncate(tar.len() - cut);
        outside.truncate(outside.len() - cut.min(outside.len()));
        for bytes in [gzip(&tar), outside] {
            if let Ok(archive) = read(&bytes) {
                prop_assert!(archive.files.contains("Cargo.toml"));
                let is_below = |path: &String| !path.starts_with('/') && !path.contains("..");
                prop_assert!(archive.files.iter().all(is_below));
            }
            let _ = identify(&bytes[..], &LIMITS);
        }
    }
}
