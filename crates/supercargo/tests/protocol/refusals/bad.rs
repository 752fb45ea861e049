//! Every way in which a publish can be wrong that row P8 and section 9 of crates.io's rules name.

use serde_json::{Value, json};
use supercargo_testkit::{
    Dependency, Package, frame, gzip, raw_header, raw_link,
    tar::{EntryType, Header},
};

const ROOT: &str = "acme-bad-1.0.0";

fn good() -> Package {
    Package::new("acme-bad", "1.0.0")
}

/// What is wrong, and the body.
pub(super) fn publishes() -> Vec<(&'static str, Vec<u8>)> {
    [
        frames(),
        metadata(),
        archives(),
        paths(),
        kinds(),
        manifests(),
        mismatches(),
        dependencies_and_features(),
        limits(),
    ]
    .concat()
}

type Cases = Vec<(&'static str, Vec<u8>)>;

fn frames() -> Cases {
    let whole = good().frame();
    let metadata_ends = 4 + good().metadata_json().to_string().len();
    let trailing = [whole.as_slice(), b"!"].concat();
    vec![
        ("nothing", Vec::new()),
        ("half a length", whole[..2].to_vec()),
        ("half the metadata", whole[..metadata_ends / 2].to_vec()),
        ("no crate", whole[..metadata_ends].to_vec()),
        (
            "half the crate's length",
            whole[..metadata_ends + 2].to_vec(),
        ),
        ("all but a byte", whole[..whole.len() - 1].to_vec()),
        ("a byte more", trailing),
        ("metadata of 4 GiB", u32::MAX.to_le_bytes().to_vec()),
        (
            "a crate of 4 GiB",
            [&whole[..metadata_ends], &u32::MAX.to_le_bytes()].concat(),
        ),
    ]
}

fn with_metadata(metadata: &Value) -> Vec<u8> {
    frame(metadata.to_string().as_bytes(), &good().crate_bytes())
}

fn named(name: &str, version: &str) -> Vec<u8> {
    with_metadata(&json!({ "name": name, "vers": version }))
}

fn metadata() -> Cases {
    let bytes = good().crate_bytes();
    vec![
        ("no JSON", frame(b"<html>", &bytes)),
        ("empty JSON", frame(b"", &bytes)),
        ("no name", with_metadata(&json!({ "vers": "1.0.0" }))),
        (
            "a number as version",
            with_metadata(&json!({ "name": "acme-bad", "vers": 1 })),
        ),
        ("an empty name", named("", "1.0.0")),
        ("a name with a digit first", named("9lives", "1.0.0")),
        ("a name with a space", named("acme bad", "1.0.0")),
        ("a name beyond ASCII", named("acmé", "1.0.0")),
        ("a name that is a path", named("../acme", "1.0.0")),
        ("a name of 65", named(&"a".repeat(65), "1.0.0")),
        ("half a version", named("acme-bad", "1.0")),
        ("a version with a v", named("acme-bad", "v1.0.0")),
        ("an empty version", named("acme-bad", "")),
        ("a version that is a path", named("acme-bad", "1.0.0/../2")),
        (
            "a version of 200",
            named("acme-bad", &format!("1.0.0-{}", "a".repeat(194))),
        ),
        ("the standard library", Package::new("std", "1.0.0").frame()),
        (
            "a reserved name in other dress",
            Package::new("Proc_Macro", "1.0.0").frame(),
        ),
        ("a device of Windows", Package::new("NUL", "1.0.0").frame()),
    ]
}

fn with_crate(bytes: &[u8]) -> Vec<u8> {
    frame(good().metadata_json().to_string().as_bytes(), bytes)
}

fn archives() -> Cases {
    let whole = good().crate_bytes();
    let twice = [whole.as_slice(), &whole].concat();
    let trailing = [whole.as_slice(), b"trailing"].concat();
    let mut broken = whole.clone();
    let crc = broken.len() - 8;
    broken[crc] ^= 1;
    vec![
        ("an empty crate", with_crate(b"")),
        ("no gzip", with_crate(b"this is not gzip")),
        ("gzip without tar", with_crate(&gzip(b"this is not tar"))),
        ("gzip of nothing", with_crate(&gzip(b""))),
        ("half a gzip", with_crate(&whole[..whole.len() / 2])),
        ("gzip without its trailer", with_crate(&whole[..crc])),
        ("a wrong checksum of gzip", with_crate(&broken)),
        ("two members of gzip", with_crate(&twice)),
        ("bytes after gzip", with_crate(&trailing)),
    ]
}

fn with_entry(header: Header, contents: &[u8]) -> Vec<u8> {
    good().entry_raw(header, contents).frame()
}

fn file(path: &[u8]) -> Vec<u8> {
    with_entry(raw_header(path, EntryType::Regular, 1), b"x")
}

fn below(path: &str) -> Vec<u8> {
    file(format!("{ROOT}/{path}").as_bytes())
}

fn paths() -> Cases {
    vec![
        ("a file beside the root", file(b"beside")),
        ("another root", file(b"acme-bad-1.0.1/file")),
        ("a root with more", file(b"acme-bad-1.0.0x/file")),
        ("a path with ..", below("../../escape")),
        ("a path that ends in ..", below("src/..")),
        ("an absolute path", file(b"/etc/escape")),
        ("a path with .", file(b"./acme-bad-1.0.0/file")),
        ("an empty part", below("src//file")),
        ("a backslash", below("src\\..\\..\\file")),
        ("a drive", below("C:file")),
        ("a device in a path", below("src/aux.rs")),
        ("a control character", below("src/a\nb")),
        ("no UTF-8", file(b"acme-bad-1.0.0/\xff")),
        ("a file twice", below("src/lib.rs")),
        ("a file in two cases", below("src/LIB.rs")),
        ("a file that is a folder", below("src/lib.rs/file")),
    ]
}

fn kinds() -> Cases {
    let path = format!("{ROOT}/special");
    let link = |kind| with_entry(raw_link(path.as_bytes(), kind, b"/etc/passwd"), b"");
    let special = |kind| with_entry(raw_header(path.as_bytes(), kind, 0), b"");
    vec![
        ("a symbolic link", link(EntryType::Symlink)),
        ("a hard link", link(EntryType::Link)),
        ("a character device", special(EntryType::Char)),
        ("a block device", special(EntryType::Block)),
        ("a named pipe", special(EntryType::Fifo)),
        ("an unknown kind", special(EntryType::new(b'Z'))),
    ]
}

fn manifest(text: &str) -> Vec<u8> {
    good().manifest(text).frame()
}

fn with_table(text: &str) -> Vec<u8> {
    manifest(&format!(
        "[package]\nname = \"acme-bad\"\nversion = \"1.0.0\"\nedition = \"2021\"\n{text}\n"
    ))
}

fn manifests() -> Cases {
    let misnamed = |name: &str| {
        let text = b"[package]\nname = \"acme-bad\"\nversion = \"1.0.0\"\n";
        let path = format!("{ROOT}/{name}");
        let header = raw_header(path.as_bytes(), EntryType::Regular, text.len() as u64);
        (header, text)
    };
    let (lower, text) = misnamed("cargo.toml");
    let (upper, _) = misnamed("CARGO.TOML");
    vec![
        ("no Cargo.toml", good().without_manifest().frame()),
        (
            "cargo.toml",
            good()
                .without_manifest()
                .entry_raw(lower.clone(), text)
                .frame(),
        ),
        (
            "CARGO.TOML",
            good().without_manifest().entry_raw(upper, text).frame(),
        ),
        (
            "Cargo.toml and cargo.toml",
            good().entry_raw(lower, text).frame(),
        ),
        ("Cargo.toml twice", {
            let (again, text) = misnamed("Cargo.toml");
            good().entry_raw(again, text).frame()
        }),
        ("no TOML", manifest("[package")),
        (
            "TOML that is not UTF-8",
            good().manifest(b"\xff\xfe").frame(),
        ),
        ("no package", manifest("[workspace]\n")),
        ("no version", manifest("[package]\nname = \"acme-bad\"\n")),
        (
            "version.workspace",
            manifest("[package]\nname = \"acme-bad\"\nversion.workspace = true\n"),
        ),
        ("license.workspace", with_table("license.workspace = true")),
        (
            "a dependency from the workspace",
            with_table("[dependencies]\nitoa.workspace = true"),
        ),
        (
            "lints from the workspace",
            with_table("[lints]\nworkspace = true"),
        ),
        (
            "a patch",
            with_table("[patch.crates-io]\nitoa = { path = \"itoa\" }"),
        ),
        (
            "a library without its file",
            with_table("[lib]\npath = \"src/none.rs\""),
        ),
        (
            "a requirement as rust-version",
            with_table("rust-version = \"^1.60\""),
        ),
        ("an empty rust-version", with_table("rust-version = \"\"")),
        (
            "an edition with words",
            with_table("edition2 = 1\n[package.edition]\nyear = 1"),
        ),
    ]
}

fn mismatches() -> Cases {
    let bytes = |name: &str, version: &str| {
        let text =
            format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n");
        good().manifest(text).frame()
    };
    let other = Package::new("acme-other", "2.0.0").crate_bytes();
    vec![
        ("another crate's file", with_crate(&other)),
        ("another name in Cargo.toml", bytes("acme-other", "1.0.0")),
        ("another case in Cargo.toml", bytes("Acme-Bad", "1.0.0")),
        ("another version in Cargo.toml", bytes("acme-bad", "1.0.1")),
        (
            "other build metadata in Cargo.toml",
            bytes("acme-bad", "1.0.0+a"),
        ),
    ]
}

fn dependencies_and_features() -> Cases {
    let many = |count: usize, line: fn(usize) -> String| {
        (0..count).map(line).collect::<Vec<_>>().join("\n")
    };
    let values = format!("all = [{}]\n", many(301, |at| format!("\"f{at}\",")));
    vec![
        ("no requirement", good().dependency("itoa", "one").frame()),
        (
            "a dependency that is no name",
            with_table("[dependencies]\n\"it oa\" = \"1\""),
        ),
        (
            "a git dependency",
            with_table("[dependencies]\nitoa = { git = \"https://registry.example/itoa\" }"),
        ),
        (
            "a path dependency",
            with_table("[dependencies]\nitoa = { path = \"../itoa\" }"),
        ),
        (
            "a registry that is no URL",
            good()
                .depends_on(Dependency::new("itoa", "1").registry_index("crates-io"))
                .frame(),
        ),
        (
            "a target that is none",
            good()
                .depends_on(Dependency::new("itoa", "1").target("cfg("))
                .frame(),
        ),
        (
            "an optional dev-dependency",
            good()
                .depends_on(Dependency::new("itoa", "1").development().optional())
                .frame(),
        ),
        (
            "a feature with a bad name",
            good().feature("a b", &[]).frame(),
        ),
        (
            "a feature of nothing",
            good().feature("extra", &["none"]).frame(),
        ),
        (
            "a feature of an absent dependency",
            good().feature("extra", &["none/std"]).frame(),
        ),
        (
            "301 features",
            with_table(&format!(
                "[features]\n{}",
                many(301, |at| format!("f{at} = []"))
            )),
        ),
        (
            "301 values of a feature",
            with_table(&format!("[features]\n{values}")),
        ),
        (
            "501 dependencies",
            with_table(&format!(
                "[dependencies]\n{}",
                many(501, |at| format!("d{at} = \"1\""))
            )),
        ),
    ]
}

/// With a limit of 256 KiB, and 1 MiB unpacked.
fn limits() -> Cases {
    vec![
        ("over the limit", good().ballast(300 << 10).frame()),
        (
            "over the limit when unpacked",
            good().file("zeros", vec![0; 2 << 20]).frame(),
        ),
        ("a bomb", good().file("zeros", vec![0; 64 << 20]).frame()),
        (
            "a readme over the limit",
            with_metadata(&json!({
                "name": "acme-bad", "vers": "1.0.0", "readme": "x".repeat(1 << 20)
            })),
        ),
    ]
}
