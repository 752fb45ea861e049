//! Row P11 and "The URLs": search, and the read part of crates.io's API, for hosted crates.
//!
//! Answers are read as the common client library of crates.io's API reads them: with its types, whose fields are demanded
//! unless they are optional there.

use std::collections::HashMap;

use http::Method;
use insta::assert_snapshot;
use serde::Deserialize;
use serde_json::{Value, json};
use supercargo_testkit::{Client, Database, Dependency, Package, View, eventually, frame, on_both};

use crate::world::{cargo, server, stranger};

on_both!(
    a_hosted_crate_is_told_as_crates_io_tells_it,
    search_finds_the_nearest_first_and_counts_all,
    whatever_is_searched_for_is_only_text,
    the_highest_version_that_cargo_picks_is_found,
    a_download_is_counted_from_its_first_byte_and_once,
    dependents_are_told_by_their_newest_version,
    a_readme_goes_out_as_plain_text,
    what_is_not_there_is_said_in_json,
    deleted_versions_are_told_nowhere,
);

/// The client library's types.
#[derive(Debug, Deserialize)]
struct CrateResponse {
    categories: Vec<Category>,
    #[serde(rename = "crate")]
    told: Crate,
    keywords: Vec<Keyword>,
    versions: Vec<Version>,
}

#[derive(Debug, Deserialize)]
struct CratesPage {
    crates: Vec<Crate>,
    meta: Meta,
}

#[derive(Debug, Deserialize)]
struct Meta {
    total: u64,
}

#[derive(Debug, Deserialize)]
struct Crate {
    id: String,
    name: String,
    description: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
    downloads: u64,
    recent_downloads: Option<u64>,
    categories: Option<Vec<String>>,
    keywords: Option<Vec<String>>,
    versions: Option<Vec<u64>>,
    max_version: String,
    max_stable_version: Option<String>,
    newest_version: String,
    links: CrateLinks,
    created_at: String,
    updated_at: String,
    exact_match: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct CrateLinks {
    owner_team: String,
    owner_user: String,
    owners: String,
    reverse_dependencies: String,
    version_downloads: String,
    versions: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Category {
    #[serde(rename = "category")]
    title: String,
    crates_cnt: u64,
    created_at: String,
    description: String,
    id: String,
    slug: String,
}

#[derive(Debug, Deserialize)]
struct Keyword {
    id: String,
    #[serde(rename = "keyword")]
    word: String,
    crates_cnt: u64,
    created_at: String,
}

#[derive(Debug, Deserialize)]
struct VersionResponse {
    version: Version,
}

#[derive(Debug, Deserialize)]
struct Version {
    #[serde(rename = "crate")]
    of: String,
    created_at: String,
    updated_at: String,
    dl_path: String,
    downloads: u64,
    features: HashMap<String, Vec<String>>,
    id: u64,
    num: String,
    yanked: bool,
    license: Option<String>,
    readme_path: Option<String>,
    links: VersionLinks,
    crate_size: Option<u64>,
    published_by: Option<User>,
    checksum: String,
    #[serde(rename = "rust_version")]
    rust: Option<String>,
}

#[derive(Debug, Deserialize)]
struct VersionLinks {
    dependencies: String,
    version_downloads: String,
}

#[derive(Debug, Deserialize)]
struct User {
    id: u64,
    login: String,
    url: String,
}

#[derive(Debug, Deserialize)]
struct Dependencies {
    dependencies: Vec<NeededCrate>,
}

#[derive(Debug, Deserialize)]
struct ReverseDependencies {
    dependencies: Vec<NeededCrate>,
    versions: Vec<Version>,
    meta: Meta,
}

#[derive(Debug, Deserialize)]
struct NeededCrate {
    crate_id: String,
    default_features: bool,
    downloads: u64,
    features: Vec<String>,
    id: u64,
    kind: String,
    optional: bool,
    req: String,
    target: Option<String>,
    version_id: u64,
}

#[derive(Debug, Deserialize)]
struct CrateDownloads {
    version_downloads: Vec<OfDay>,
    meta: DownloadsMeta,
}

#[derive(Debug, Deserialize)]
struct DownloadsMeta {
    extra_downloads: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct OfDay {
    date: String,
    downloads: u64,
    version: u64,
}

/// What stands at an address below the crates of `acme`.
async fn read<T: serde::de::DeserializeOwned>(client: &Client, path: &str) -> T {
    let answer = client.get(&format!("/acme/api/v1/crates{path}")).await;
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error} in {answer}"))
}

async fn a_hosted_crate_is_told_as_crates_io_tells_it(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let ci = admin.person("ci", "acme", "publisher", &["publish"]).await;
    let index = server.index_url("acme", View::Index);
    let first = Package::new("Acme_Core", "1.0.0+build.5")
        .field("keywords", vec!["json", "fast"])
        .field("categories", vec!["encoding"])
        .field("homepage", "https://acme.example/core")
        .rust_version("1.70")
        .feature("extra", &["dep:helper"])
        .feature("plain", &[])
        .depends_on(
            Dependency::new("acme-util", "1.2")
                .rename("helper")
                .same_registry(&index)
                .features(&["std"])
                .optional()
                .without_default_features()
                .target("cfg(unix)"),
        )
        .depends_on(
            Dependency::new("acme-test", "^3")
                .same_registry(&index)
                .development(),
        );
    ci.publish("acme", &first).await.expect(200);
    let later = Package::new("Acme_Core", "2.0.0-rc.1");
    ci.publish("acme", &later).await.expect(200);

    let ids = the_whole_crate(&admin).await;
    let dependencies = one_version(&admin, &first, ids[1]).await;
    its_dependencies(&admin, &dependencies, ids[1]).await;
    let list: Value = read(&admin, "/Acme_Core/versions").await;
    assert_eq!(list["meta"]["total"], 2);
    assert_eq!(list["versions"][0]["num"], "2.0.0-rc.1");
    let head = "/acme/api/v1/crates/Acme_Core";
    let head = admin.request(Method::HEAD, head).send().await.expect(200);
    assert!(head.body.is_empty());
}

/// The ids of its versions.
async fn the_whole_crate(admin: &Client) -> Vec<u64> {
    let told: CrateResponse = read(admin, "/acme_core").await;
    let shown = &told.told;
    assert_eq!((&*shown.id, &*shown.name), ("Acme_Core", "Acme_Core"));
    assert_eq!(shown.max_version, "2.0.0-rc.1");
    assert_eq!(shown.max_stable_version.as_deref(), Some("1.0.0+build.5"));
    assert_eq!(shown.newest_version, "2.0.0-rc.1");
    assert_eq!(
        shown.homepage.as_deref(),
        Some("https://acme.example/core"),
        "the stable version stands for the crate"
    );
    assert_eq!(shown.repository, None);
    assert_eq!(
        shown.description.as_deref(),
        Some("A package made for a test")
    );
    assert_eq!(
        shown.keywords.as_deref(),
        Some(&["json".to_owned(), "fast".to_owned()][..])
    );
    assert_eq!(
        shown.categories.as_deref(),
        Some(&["encoding".to_owned()][..])
    );
    assert_eq!((shown.downloads, shown.recent_downloads), (0, Some(0)));
    assert!(shown.created_at <= shown.updated_at);
    assert_eq!(shown.links.owners, "/acme/api/v1/crates/Acme_Core/owners");
    assert_eq!(shown.links.versions, None);
    for link in [&shown.links.owner_team, &shown.links.owner_user] {
        admin.get(link).await.expect(200);
    }
    admin
        .get(&shown.links.reverse_dependencies)
        .await
        .expect(200);
    admin.get(&shown.links.version_downloads).await.expect(200);
    let words: Vec<_> = told.keywords.iter().map(|word| &*word.id).collect();
    assert_eq!(words, ["json", "fast"]);
    assert!(told.keywords.iter().all(|word| word.word == word.id
        && word.crates_cnt > 0
        && word.created_at == shown.created_at));
    let [category] = &told.categories[..] else {
        panic!("{told:?}");
    };
    assert_eq!((&*category.id, &*category.slug), ("encoding", "encoding"));
    assert_eq!((&*category.title, category.crates_cnt), ("encoding", 1));
    assert!(category.description.is_empty() && !category.created_at.is_empty());

    let ids: Vec<_> = told.versions.iter().map(|version| version.id).collect();
    assert_eq!(shown.versions.as_ref(), Some(&ids));
    let numbers: Vec<_> = told.versions.iter().map(|version| &*version.num).collect();
    assert_eq!(
        numbers,
        ["2.0.0-rc.1", "1.0.0+build.5"],
        "the highest first"
    );
    ids
}

/// Where its dependencies stand.
async fn one_version(admin: &Client, first: &Package, id: u64) -> String {
    let told: VersionResponse = read(admin, "/ACME_core/1.0.0+build.5").await;
    let shown = &told.version;
    assert_eq!((&*shown.of, shown.id), ("Acme_Core", id));
    assert_eq!(shown.created_at, shown.updated_at);
    assert_eq!((shown.downloads, shown.yanked), (0, false));
    assert_eq!(shown.license.as_deref(), Some("MIT"));
    assert_eq!(shown.rust.as_deref(), Some("1.70"));
    assert_eq!(shown.crate_size, Some(first.crate_bytes().len() as u64));
    assert_eq!(shown.checksum, first.checksum().to_string());
    assert_eq!(
        shown.features["extra"],
        ["dep:helper"],
        "also those that old cargo cannot read"
    );
    assert_eq!(shown.features["plain"], [""; 0]);
    let publisher = shown.published_by.as_ref().unwrap();
    assert_eq!((&*publisher.login, publisher.id > 0), ("ci", true));
    assert_eq!(publisher.url, admin.base());
    let bytes = admin.get(&shown.dl_path).await.expect(200);
    assert_eq!(bytes.body, first.crate_bytes());
    assert!(shown.readme_path.is_some());
    admin.get(&shown.links.version_downloads).await.expect(200);
    shown.links.dependencies.clone()
}

async fn its_dependencies(admin: &Client, path: &str, id: u64) {
    let answer = admin.get(path).await.expect(200);
    let told: Dependencies = serde_json::from_slice(&answer.body).unwrap();
    let [test, util] = &told.dependencies[..] else {
        panic!("{told:?}");
    };
    assert_eq!((&*test.crate_id, &*test.kind), ("acme-test", "dev"));
    assert_eq!((&*util.crate_id, &*util.kind), ("acme-util", "normal"));
    assert_eq!(
        (&*util.req, util.target.as_deref()),
        ("^1.2", Some("cfg(unix)"))
    );
    assert_eq!(util.features, ["std"]);
    assert!(util.optional && !util.default_features && test.default_features);
    assert!(util.id != test.id && util.version_id == id && util.downloads == 0);
}

/// Row P11.
async fn search_finds_the_nearest_first_and_counts_all(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for number in 0..23 {
        let package = Package::new(&format!("queue-{number:02}"), "1.0.0");
        admin.publish("acme", &package).await.expect(200);
    }
    for (name, description) in [
        ("my-queue", "in the middle"),
        ("other", "a Queue by its description"),
        ("Queue", "the one"),
    ] {
        let package = Package::new(name, "1.0.0").field("description", description);
        admin.publish("acme", &package).await.expect(200);
    }
    let cargo = cargo(&server, &["acme"]);
    let search = async |query: &str, limit: &str| {
        let arguments = ["search", query, "--registry", "acme", "--limit", limit];
        cargo.run(cargo.root(), &arguments).await.success().stdout
    };
    assert_snapshot!(search("QUEUE", "2").await, @r#"
    Queue = "1.0.0"       # the one
    queue-00 = "1.0.0"    # A package made for a test
    ... and 24 crates more (use --limit N to see more)
    "#);
    assert_snapshot!(search("by its", "10").await, @r#"other = "1.0.0"    # a Queue by its description"#);
    let all = search("queue", "100").await;
    assert!(all.lines().last().unwrap().starts_with("other"), "{all}");
    assert_eq!(all.lines().count(), 26);

    let mut names = Vec::new();
    for page in 1..=4 {
        let found: CratesPage = read(&admin, &format!("?q=queue&page={page}&per_page=8")).await;
        assert_eq!(found.meta.total, 26);
        names.extend(found.crates.into_iter().map(|found| found.name));
    }
    let shown: Vec<_> = all
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, shown, "pages neither overlap nor leave out");

    let found: CratesPage = read(&admin, "?q=queue").await;
    assert_eq!(found.crates.len(), 10);
    let exact: Vec<_> = found.crates.iter().map(|found| found.exact_match).collect();
    assert_eq!(exact[..2], [Some(true), Some(false)]);
    let links = &found.crates[0].links;
    assert_eq!(
        links.versions.as_deref(),
        Some("/acme/api/v1/crates/Queue/versions")
    );
    let found: CratesPage = read(&admin, "?per_page=1000&page=1").await;
    assert_eq!((found.crates.len(), found.meta.total), (26, 26));
    let beyond: CratesPage = read(&admin, "?page=4294967295&per_page=100").await;
    assert_eq!((beyond.crates.len(), beyond.meta.total), (0, 26));
}

async fn whatever_is_searched_for_is_only_text(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for (name, description) in [("a_b", "100% größer, 数据 !"), ("acb", "1000 kleiner")] {
        let package = Package::new(name, "1.0.0").field("description", description);
        admin.publish("acme", &package).await.expect(200);
    }
    let found = async |query: &str| {
        let found: CratesPage = read(&admin, &format!("?q={query}")).await;
        assert_eq!(found.meta.total, found.crates.len() as u64, "{query}");
        let names = found.crates.into_iter();
        names.map(|found| found.name).collect::<Vec<_>>().join(" ")
    };
    for one in [
        "100%25",
        "%25",
        "a-b",
        "A_B",
        "gr%C3%B6%C3%9Fer",
        "%E6%95%B0",
        "%21",
        "1%0000%25",
    ] {
        assert_eq!(found(one).await, "a_b", "{one}");
    }
    assert_eq!(found("%00").await, "a_b acb", "nothing is left of it");
    let long = "b".repeat(9_000);
    for none in [
        "a%25b",
        "_%25",
        "%27%20OR%201=1--",
        "%F0%9F%A6%80",
        "%ff%fe",
        &long,
    ] {
        assert_eq!(found(none).await, "", "{none}");
    }
}

/// Row P11.
async fn the_highest_version_that_cargo_picks_is_found(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for version in ["1.9.0", "1.10.0", "2.0.0", "1.9.1", "3.0.0-rc.1"] {
        let package = Package::new("acme-core", version).field("description", version);
        admin.publish("acme", &package).await.expect(200);
    }
    let cargo = cargo(&server, &["acme"]);
    let highest = async |yank: &[&str]| {
        for version in yank {
            let yanked = admin.yank("acme", "acme-core", version, true).await;
            yanked.expect(200);
        }
        let arguments = ["search", "core", "--registry", "acme"];
        let found = cargo.run(cargo.root(), &arguments).await.success().stdout;
        let item: CratesPage = read(&admin, "?q=core").await;
        let stable = item.crates[0].max_stable_version.clone();
        format!(
            "{} | {}",
            found.trim_end(),
            stable.as_deref().unwrap_or("-")
        )
    };
    assert_snapshot!(highest(&[]).await, @r#"acme-core = "3.0.0-rc.1"    # 3.0.0-rc.1 | 2.0.0"#);
    assert_snapshot!(highest(&["3.0.0-rc.1", "2.0.0"]).await, @r#"acme-core = "1.10.0"    # 1.10.0 | 1.10.0"#);
    assert_snapshot!(highest(&["1.9.0", "1.10.0", "1.9.1"]).await, @r#"acme-core = "3.0.0-rc.1"    # 3.0.0-rc.1 | -"#);
    let told: CrateResponse = read(&admin, "/acme-core").await;
    assert!(told.versions.iter().all(|version| version.yanked));
    assert_eq!(told.told.max_version, "3.0.0-rc.1");
    assert_eq!(told.told.max_stable_version, None);

    let path = "/acme/api/v1/crates/acme-core/1.10.0/unyank";
    admin.request(Method::PUT, path).send().await.expect(200);
    if cargo.is_at_least("1.82") {
        let info = ["info", "acme-core", "--registry", "acme"];
        let info = cargo.run(cargo.root(), &info).await.success().stdout;
        assert!(info.contains("version: 1.10.0"), "{info}");
    }
}

/// Row V1 (downloads).
async fn a_download_is_counted_from_its_first_byte_and_once(database: Database) {
    let mut server = server(database).await;
    let admin = server.admin();
    for version in ["1.0.0", "1.1.0"] {
        let package = Package::new("acme-core", version).ballast(5_000);
        admin.publish("acme", &package).await.expect(200);
    }
    let path = "/acme/api/v1/crates/acme-core/1.0.0/download";
    let whole = admin.get(path).await.expect(200);
    let etag = whole.header("etag").unwrap().to_owned();
    let first = admin
        .request(Method::GET, path)
        .header("range", "bytes=0-99");
    first.send().await.expect(206);
    let second = admin.download("acme", View::Index, "acme-core", "1.1.0");
    second.await.expect(200);
    // none of these begins a download
    let rest = admin
        .request(Method::GET, path)
        .header("range", "bytes=100-");
    rest.send().await.expect(206);
    let again = admin
        .request(Method::GET, path)
        .header("if-none-match", &etag);
    again.send().await.expect(304);
    admin.request(Method::HEAD, path).send().await.expect(200);
    admin
        .get("/acme/api/v1/crates/acme-core/9.9.9/download")
        .await
        .expect(404);
    server.anonymous().get(path).await.expect(401);

    eventually("three downloads are counted", async || {
        let told: CrateResponse = read(&admin, "/acme-core").await;
        told.told.downloads == 3
    })
    .await;
    // what waits in memory is written at the end of the program
    admin.get(path).await.expect(200);
    server.restart().await;
    let admin = server.admin();
    let told: CrateResponse = read(&admin, "/acme-core").await;
    let counts: Vec<_> = told
        .versions
        .iter()
        .map(|version| (&*version.num, version.downloads))
        .collect();
    assert_eq!(counts, [("1.1.0", 1), ("1.0.0", 3)]);
    let shown = &told.told;
    assert_eq!((shown.downloads, shown.recent_downloads), (4, Some(4)));
    let found: CratesPage = read(&admin, "?q=acme-core").await;
    assert_eq!(found.crates[0].downloads, 4);

    let by_day: CrateDownloads = read(&admin, "/acme-core/downloads").await;
    let sum: u64 = by_day
        .version_downloads
        .iter()
        .map(|day| day.downloads)
        .sum();
    assert_eq!((sum, by_day.meta.extra_downloads.len()), (4, 0));
    let days: Value = read(&admin, "/acme-core/1.0.0/downloads").await;
    let days: Vec<OfDay> = serde_json::from_value(days["version_downloads"].clone()).unwrap();
    assert!(
        days.iter()
            .all(|day| day.version == told.versions[1].id && day.date.len() == 10)
    );
    assert_eq!(days.iter().map(|day| day.downloads).sum::<u64>(), 3);
}

async fn dependents_are_told_by_their_newest_version(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let index = server.index_url("acme", View::Index);
    let needs = |name: &str, version: &str| {
        Package::new(name, version)
            .depends_on(Dependency::new("acme-core", "1").same_registry(&index))
    };
    admin
        .publish("acme", &Package::new("acme-core", "1.0.0"))
        .await
        .expect(200);
    for package in [
        needs("app-b", "1.0.0"),
        needs("app-a", "0.1.0"),
        needs("app-a", "0.2.0").depends_on(
            Dependency::new("acme-core", "1")
                .rename("again")
                .same_registry(&index)
                .build(),
        ),
        needs("app-c", "1.0.0"),
        Package::new("app-c", "2.0.0"),
    ] {
        admin.publish("acme", &package).await.expect(200);
    }
    let told: ReverseDependencies = read(&admin, "/acme-core/reverse_dependencies").await;
    assert_eq!(told.meta.total, 2, "app-c has stopped to need it");
    let versions: Vec<_> = told
        .versions
        .iter()
        .map(|version| format!("{} {}", version.of, version.num))
        .collect();
    assert_eq!(versions, ["app-a 0.2.0", "app-b 1.0.0"]);
    for (needed, version) in told.dependencies.iter().zip(&told.versions) {
        assert_eq!(
            (needed.version_id, &*needed.crate_id),
            (version.id, "acme-core")
        );
        // of several dependencies on it the first one
        assert_eq!((&*needed.req, &*needed.kind), ("^1", "normal"));
    }
    let page = "/acme-core/reverse_dependencies?per_page=1&page=2";
    let told: ReverseDependencies = read(&admin, page).await;
    assert_eq!((told.meta.total, &*told.versions[0].of), (2, "app-b"));
    let told: ReverseDependencies = read(&admin, "/app-a/reverse_dependencies").await;
    assert_eq!((told.meta.total, told.versions.len()), (0, 0));
}

async fn a_readme_goes_out_as_plain_text(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let script = "# Démo <script>alert(1)</script>";
    for package in [
        Package::new("demo", "1.0.0")
            .field("readme", "docs/ABOUT.md")
            .file("docs/ABOUT.md", script)
            .file("README.txt", "the wrong one"),
        Package::new("demo", "1.1.0").field("readme", false),
    ] {
        admin.publish("acme", &package).await.expect(200);
    }
    for (version, size) in [("1.2.0", (1 << 20) + 1), ("1.3.0", 1 << 20)] {
        // cargo would send it in the metadata, too, which would be too long
        let package = Package::new("demo", version);
        let metadata = package.metadata_json().to_string();
        let file = package.file("README.md", vec![b'x'; size]).crate_bytes();
        let sent = admin.publish_frame("acme", frame(metadata.as_bytes(), &file));
        sent.await.expect(200);
    }
    let readme = async |version: &str| {
        let path = format!("/acme/api/v1/crates/demo/{version}/readme");
        admin.get(&path).await
    };
    let answer = readme("1.0.0").await.expect(200);
    assert_eq!(answer.text(), script);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for none in ["1.1.0", "1.2.0"] {
        let answer = readme(none).await.expect(404);
        assert_eq!(answer.code().as_deref(), Some("no-readme"));
    }
    assert_eq!(readme("1.3.0").await.expect(200).body.len(), 1 << 20);
    assert_snapshot!(readme("1.1.0").await.text(), @r#"{"errors":[{"code":"no-readme","detail":"version `demo@1.1.0` has no readme here: its crate file has none, or is not stored"}]}"#);
    assert_snapshot!(readme("9.9.9").await.text(), @r#"{"errors":[{"code":"no-such-version","detail":"crate `demo` does not have a version `9.9.9` in registry `acme`"}]}"#);
}

async fn what_is_not_there_is_said_in_json(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    let package = Package::new("foo-bar", "1.0.0+x");
    admin.publish("acme", &package).await.expect(200);
    let (hidden, _) = stranger(&server).await;
    let crates = "/acme/api/v1/crates";
    for rest in ["", "/versions", "/reverse_dependencies", "/downloads"] {
        let there = format!("{crates}/foo-bar{rest}");
        admin.get(&there).await.expect(200);
        server.anonymous().get(&there).await.expect(401);
        hidden.get(&there).await.expect(403);
        let wrong = admin.request(Method::POST, &there).send().await.expect(405);
        assert_eq!(wrong.header("allow"), Some("GET, HEAD"));
        for name in ["nothing", "foo_bar", "%00", "..%2f..", "new"] {
            let answer = admin.get(&format!("{crates}/{name}{rest}")).await;
            let answer = answer.expect(404);
            assert_eq!(answer.code().as_deref(), Some("no-such-crate"), "{answer}");
        }
    }
    for rest in ["", "/dependencies", "/downloads"] {
        admin
            .get(&format!("{crates}/foo-bar/1.0.0+x{rest}"))
            .await
            .expect(200);
        admin
            .get(&format!("{crates}/foo-bar/1.0.0%2Bx{rest}"))
            .await
            .expect(200);
        for version in ["1.0.1", "1.0.0", "latest", &"9".repeat(3_000)] {
            let answer = admin
                .get(&format!("{crates}/foo-bar/{version}{rest}"))
                .await;
            let answer = answer.expect(404);
            assert_eq!(
                answer.code().as_deref(),
                Some("no-such-version"),
                "{answer}"
            );
            assert!(answer.body.len() < 300, "{answer}");
        }
    }
    let answer = admin.get(&format!("{crates}/nothing")).await;
    assert_snapshot!(answer.text(), @r#"{"errors":[{"code":"no-such-crate","detail":"crate `nothing` does not exist in registry `acme`"}]}"#);
    admin
        .get(&format!("{crates}/foo-bar/1.0.0+x/authors"))
        .await
        .expect(404);
    for query in ["?page=-1", "?per_page=x"] {
        admin.get(&format!("{crates}{query}")).await.expect(400);
    }
}

/// Row V2.
async fn deleted_versions_are_told_nowhere(database: Database) {
    let server = server(database).await;
    let admin = server.admin();
    for version in ["1.0.0", "2.0.0"] {
        let package = Package::new("acme-core", version).field("description", version);
        admin.publish("acme", &package).await.expect(200);
    }
    let management = "/api/v1/registries/acme/crates/acme-core";
    let gone = admin.delete(&format!("{management}/versions/2.0.0")).await;
    gone.expect(204);
    let found: CratesPage = read(&admin, "?q=2.0.0").await;
    assert_eq!(found.meta.total, 0, "nor by its description");
    let found: CratesPage = read(&admin, "?q=core").await;
    assert_eq!(
        (&*found.crates[0].max_version, found.meta.total),
        ("1.0.0", 1)
    );
    let told: CrateResponse = read(&admin, "/acme-core").await;
    assert_eq!(told.versions.len(), 1);
    let path = "/acme/api/v1/crates/acme-core/2.0.0";
    admin.get(path).await.expect(404);
    let block = json!({ "action": "block", "reason": "leaks keys" });
    let blocked = admin.put(&format!("{management}/quarantine"), block).await;
    blocked.expect(200);
    let told: CrateResponse = read(&admin, "/acme-core").await;
    assert!(told.versions[0].yanked);
    let readme = admin
        .get("/acme/api/v1/crates/acme-core/1.0.0/readme")
        .await;
    readme.expect(403);
    admin.delete(management).await.expect(204);
    let found: CratesPage = read(&admin, "?q=core").await;
    assert_eq!((found.crates.len(), found.meta.total), (0, 0));
    admin.get("/acme/api/v1/crates/acme-core").await.expect(404);
}
