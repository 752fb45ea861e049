//! The page for operators: its numbers are those of the settings and of the code.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(folder().join("../../docs/limits.md")).unwrap()
}

/// Every key with its default, as a text.
fn defaults() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("config.default.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let mut defaults = BTreeMap::new();
    for (section, value) in table {
        if let Some(keys) = value.as_table() {
            for (key, value) in keys {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                defaults.insert(format!("{section}.{key}"), text);
            }
        }
    }
    defaults
}

#[test]
fn the_page_has_each_setting_with_its_default() {
    let (page, defaults) = (page(), defaults());
    let mut named = 0;
    for (key, default) in &defaults {
        let shown = format!("`{key}` = `{default}`");
        let is_named = page.contains(&format!("`{key}`"));
        // what is not set by default has nothing behind it
        let is_right = page.contains(&shown) || default.is_empty();
        assert!(!is_named || is_right, "the page does not say {shown}");
        assert!(
            !key.starts_with("limits.") || is_named,
            "`{key}` is missing"
        );
        named += usize::from(is_named);
    }
    assert!(named > 10, "{named} settings");
    for line in page.lines().filter(|line| line.contains("` = `")) {
        for cell in line.split([' ', '|']).filter(|cell| cell.contains('.')) {
            let key = cell.trim_matches(['`', ',']);
            let is_key = cell.starts_with('`') && key.contains('_');
            assert!(!is_key || defaults.contains_key(key), "no setting {key}");
        }
    }
}

/// What is fixed stands in the code, wherever that is: lines that have to be there, and what the page says of them.
const FIXED: &[(&str, &str)] = &[
    ("entries: 100_000,", "| files and folders in it | 100,000 |"),
    (
        "const LONGEST_PATH: usize = 1024;",
        "| 1,024 bytes, 64 folders deep |",
    ),
    (
        "const DEEPEST_PATH: usize = 64;",
        "| 1,024 bytes, 64 folders deep |",
    ),
    ("manifest_bytes: 1 << 20,", "| its `Cargo.toml` | 1 MiB |"),
    ("dependencies: 500,", "| 500; 300; 300 |"),
    ("features: 300,", "| 500; 300; 300 |"),
    (
        "const METADATA_BYTES: u64 = 1 << 20;",
        "| what cargo sends beside the file | 1 MiB |",
    ),
    (
        "const LONGEST_CRATE_NAME: usize = 64;",
        "| a name of a crate or a registry | 64 characters |",
    ),
    (
        "const LONGEST_VERSION: usize = 150;",
        "| a version number | 150 characters |",
    ),
    (
        "const BODY_BYTES: usize = 1 << 20;",
        "| a request of the management API | 1 MiB |",
    ),
    (
        "const OWNERS_BYTES: usize = 64 << 10;",
        "| owners in one request | 64 KiB |",
    ),
    (
        "const TOKEN_BYTES: usize = 16 << 10;",
        "| an identity of a CI job | 16 KiB |",
    ),
    (
        "const READ_BUFFER: usize = 256 << 10;",
        "256 KiB with HTTP/1.1",
    ),
    (
        "const HEADER_BYTES: u32 = 64 << 10;",
        "| 64 KiB with HTTP/2",
    ),
    (
        "handshake_within: Duration::from_secs(10),",
        "| until a TLS handshake is done | 10 s |",
    ),
    (
        "headers_within: Duration::from_secs(30),",
        "| until the headers of a request have come | 30 s |",
    ),
    (
        "const PIECE_WITHIN: Duration = Duration::from_secs(30);",
        "| 30 s; 10 minutes |",
    ),
    (
        "const UPLOAD_WITHIN: Duration = Duration::from_mins(10);",
        "| 30 s; 10 minutes |",
    ),
    ("connections: 10_000,", "| connections | 10,000;"),
    (
        "const STREAMS: u32 = 256;",
        "| requests on one HTTP/2 connection | 256 |",
    ),
    (
        "const POSTGRES_CONNECTIONS: u32 = 10;",
        "| connections to a PostgreSQL database | 10,",
    ),
    (
        "const VIEW_MEMORY: u64 = 128 << 20;",
        "| index files as they go out | 128 MiB |",
    ),
    (
        "const FILE_MEMORY: u64 = 96 << 20;",
        "| index files of upstreams | 96 MiB |",
    ),
    (
        "total_bytes: 64 << 20,",
        "| small crate files | 64 MiB, of 1 MiB each |",
    ),
    (
        "const REMEMBERED: u64 = 50_000;",
        "| tokens that are remembered; browsers | 50,000; 20,000 |",
    ),
    (
        "const REMEMBERED: u64 = 65_536;",
        "for each limit above | 65,536;",
    ),
    (
        "index_bytes: 16 << 20,",
        "| an index file | 16 MiB, and 20,000 versions |",
    ),
    (
        "const LINES: usize = 20_000;",
        "| an index file | 16 MiB, and 20,000 versions |",
    ),
    ("crate_bytes: 512 << 20,", "| a crate file | 512 MiB |"),
    ("questions: 192,", "| 96; 192 |"),
    ("questions_each: 96,", "| 96; 192 |"),
    ("downloads: 128,", "| 64; 128 |"),
    ("downloads_each: 64,", "| 64; 128 |"),
    (
        "const MOST_UPSTREAMS: usize = 20;",
        "| upstreams of a registry; patterns of each list | 20; 500 |",
    ),
    (
        "const OF_PRINCIPAL: u64 = 60;",
        "| 60 a minute; the others are one entry together |",
    ),
    (
        "const OF_ADDRESS: u64 = 5;",
        "| 5 a minute, and 100 a minute of all such addresses |",
    ),
    (
        "const OF_STRANGERS: usize = 100;",
        "| 5 a minute, and 100 a minute of all such addresses |",
    ),
    (
        "const SIGN_INS: Rate = Rate::each_second(200, 20);",
        "whoever it is | 200 at once, then 20 a second |",
    ),
    (
        "const PAGES_OF_STRANGERS: usize = 4;",
        "people who are not signed in; how long further ones wait | 4; 5 s |",
    ),
    (
        "const DEVICE_LOGINS: Rate = Rate::each_minute(30, 6);",
        "begun from one address | 30 at once, then 6 a minute |",
    ),
    (
        "const DEVICE_CODES: Rate = Rate::each_minute(30, 6);",
        "that one user types | 30 at once, then 6 a minute |",
    ),
    (
        "const LONGEST: usize = 64 * 1024;",
        "a form of a page | 64 KiB |",
    ),
    (
        "const BEFORE: usize = 64 << 10;",
        "what stands before the file in a form with one | 64 KiB |",
    ),
    (
        "const MOST: usize = 32;",
        "labels of a crate or a version | 32 |",
    ),
    (
        "const LONGEST_KEY: usize = 63;",
        "a label's key; its value | 63; 256 characters |",
    ),
    (
        "const LONGEST_VALUE: usize = 256;",
        "a label's key; its value | 63; 256 characters |",
    ),
    (
        "const MOST_WANTED: usize = 8;",
        "labels that a list is narrowed by | 8 |",
    ),
    (
        "const MOST_NUMBERS: u32 = 20_000;",
        "versions that a page holds patterns against | 20,000 |",
    ),
    (
        "const WEIGHED: u64 = 10_000;",
        "crates whose state is looked at for a list: hosted; of upstreams | 10,000; 500 |",
    ),
    (
        "const WEIGHED_CACHED: usize = 500;",
        "crates whose state is looked at for a list: hosted; of upstreams | 10,000; 500 |",
    ),
];

fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn what_the_page_says_of_fixed_limits_is_what_the_code_has() {
    let mut code = String::new();
    for entry in fs::read_dir(folder().join("..")).unwrap() {
        let folder = entry.unwrap().path().join("src");
        if folder.is_dir() {
            sources(&folder, &mut code);
        }
    }
    let page = page();
    for (line, told) in FIXED {
        assert!(
            code.contains(line),
            "the code does not have `{line}` any more: mend docs/limits.md and this test"
        );
        assert!(page.contains(told), "the page does not say `{told}`");
    }
}
