//! Where every page is: the table of rights names all addresses of the server, and is held against its router. What stands
//! in braces there is filled in with names of acme.

use std::collections::BTreeSet;

use supercargo_testkit::Looked;

/// Every address of the server with who may use it. A route without a line fails the tests beside it.
const TABLE: &str = include_str!("../../../http/tests/rights/table.txt");

/// What stands for what stands in braces.
const NAMES: [(&str, &str); 10] = [
    ("{registry}", "acme"),
    ("{crate}", "acme-telemetry"),
    ("{version}", "2.5.0"),
    ("{upstream}", "crates-io"),
    ("{user}", "bob"),
    ("{team}", "core"),
    ("{account}", "ci"),
    ("{publisher}", "release"),
    ("{pattern}", "acme-*"),
    ("{group}", "registries"),
];

/// Forms that are about something, which stands in their query.
const ASKED: [(&str, &str); 2] = [
    ("/{registry}/claims/delete", "?pattern=acme-*"),
    ("/{registry}/claims/release", "?crate=drydock"),
];

/// What is asked for by `GET` below pages and is none, with what it is.
const NO_PAGES: [(&str, &str); 9] = [
    ("/-/assets/{hash}/{name}", "a file for pages"),
    (
        "/-/login/return",
        "where a provider sends a browser back to: its own tests are about sign-on",
    ),
    ("/{registry}/members/accounts", "suggestions for a field"),
    ("/{registry}/crates/{crate}/{version}/download", "a file"),
    ("/{registry}/activity/export", "a file"),
    ("/-/admin/audit/export", "a file"),
    ("/-/admin/exposure/export", "a file"),
    ("/{registry}/feed.atom", "a feed"),
    ("/{registry}/crates/{crate}/feed.atom", "a feed"),
];

/// Pages beyond one for each route: states, choices, and what is not there.
const MORE: &[(&str, &str, u16)] = &[
    ("a registry that has nothing", "/sandbox", 200),
    (
        "a registry with filters",
        "/acme?source=cached&sort=updated",
        200,
    ),
    (
        "a registry in which nothing fits",
        "/acme?q=nothing-like-it",
        200,
    ),
    ("claims that there are not", "/sandbox/claims", 200),
    ("upstreams that there are not", "/sandbox/upstreams", 200),
    ("members of a registry with none", "/sandbox/members", 200),
    (
        "setup, everything",
        "/acme/setup?for=person&way=everything",
        200,
    ),
    ("setup, named", "/acme/setup?for=person&way=named", 200),
    ("setup of a job", "/acme/setup?for=job", 200),
    ("setup of an administrator", "/acme/setup?for=admin", 200),
    ("a yanked version", "/acme/crates/acme-telemetry/2.4.0", 200),
    ("a held version", "/acme/crates/acme-telemetry/2.3.0", 200),
    (
        "a blocked version",
        "/acme/crates/acme-telemetry/2.1.0",
        200,
    ),
    (
        "a deleted version",
        "/acme/crates/acme-telemetry/2.2.0",
        404,
    ),
    (
        "a prerelease",
        "/acme/crates/acme-telemetry/2.5.0-rc.1",
        200,
    ),
    ("an upstream's crate", "/acme/crates/serde", 200),
    (
        "versions of an upstream's crate",
        "/acme/crates/rand/versions",
        200,
    ),
    (
        "a blocked version of an upstream's",
        "/acme/crates/rand/0.9.1",
        200,
    ),
    (
        "dependencies that there are not",
        "/acme-oss/crates/tidewater/0.2.1/dependencies",
        200,
    ),
    (
        "features that there are not",
        "/acme-oss/crates/tidewater/0.2.1/features",
        200,
    ),
    (
        "a version that is not there",
        "/acme/crates/acme-telemetry/9.9.9",
        404,
    ),
    (
        "a crate with neighbours",
        "/acme/crates/acme-telemetri",
        404,
    ),
    ("a registry that is not there", "/acne", 404),
    ("a page that is not there", "/-/nowhere", 404),
    ("search with words", "/-/search?q=acme", 200),
    ("search in vain", "/-/search?q=nothing-like-it", 200),
    (
        "search for what is not a word",
        "/-/search?q=%3Cscript%3E%22%27",
        200,
    ),
    (
        "a token with choices",
        "/-/account/tokens/new?registry=acme&scope=publish",
        200,
    ),
    ("the description of the API", "/-/api", 200),
    ("a query that makes no sense", "/acme?page=x&sort=y", 200),
];

/// A line about a page: its address, and who may see it.
struct Line {
    route: &'static str,
    who: &'static str,
}

fn lines() -> Vec<Line> {
    let (_, pages) = TABLE
        .split_once("\n# pages,")
        .expect("the part about pages");
    let (pages, _) = pages
        .split_once("\n# the server itself")
        .expect("the part after pages");
    let lines = pages.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (method, route) = (words.next()?, words.next()?);
        // where one address does several things, that stands in brackets
        let who = words.find(|word| {
            !word.starts_with('[')
                && !word.ends_with(']')
                && word.chars().all(|c| c == '-' || c.is_ascii_lowercase())
        })?;
        (method == "GET").then_some(Line { route, who })
    });
    lines.collect()
}

fn filled(route: &str, names: &[(&str, &str)]) -> String {
    let all = names.iter().chain(&NAMES);
    let mut path = all.fold(route.to_owned(), |path, (brace, name)| {
        path.replace(brace, name)
    });
    if let Some((_, query)) = ASKED.iter().find(|(asked, _)| *asked == route) {
        path += query;
    }
    assert!(
        !path.contains('{'),
        "`{route}` has something in braces that `NAMES` in addresses.rs does not know, or is none and belongs into `NO_PAGES`"
    );
    path
}

fn is_page(route: &str) -> bool {
    NO_PAGES.iter().all(|(other, _)| *other != route)
}

/// What an instance admin sees.
pub(crate) fn of_an_admin() -> Vec<Looked> {
    let mut seen = BTreeSet::new();
    let mut pages = Vec::new();
    for Line { route, .. } in lines() {
        if is_page(route) && seen.insert(route) {
            pages.push(looked(route, filled(route, &[]), 200));
        }
    }
    for (name, path, status) in MORE {
        pages.push(looked(name, (*path).to_owned(), *status));
    }
    pages
}

/// What anybody sees, of a public registry as well.
pub(crate) fn of_anybody() -> Vec<Looked> {
    let public = [
        ("{registry}", "acme-oss"),
        ("{crate}", "tidewater"),
        ("{version}", "0.2.1"),
    ];
    let mut seen = BTreeSet::new();
    let mut pages = Vec::new();
    for Line { route, who } in lines() {
        if is_page(route) && matches!(who, "all" | "visitor" | "reader") && seen.insert(route) {
            pages.push(looked(route, filled(route, &public), 200));
        }
    }
    pages.push(looked(
        "a page that is not there",
        "/-/nowhere".to_owned(),
        404,
    ));
    pages.push(looked(
        "no crate",
        "/acme-oss/crates/tidewate".to_owned(),
        404,
    ));
    pages.push(looked("what needs a sign-in", "/-/account".to_owned(), 200));
    pages
}

fn looked(name: &str, path: String, status: u16) -> Looked {
    Looked {
        name: name.to_owned(),
        path,
        status,
    }
}

#[test]
fn the_table_of_rights_names_the_pages() {
    let lines = lines();
    let who = |route: &str| {
        lines
            .iter()
            .find(|line| line.route == route)
            .map(|line| line.who)
    };
    assert_eq!(who("/{registry}/setup"), Some("reader"));
    assert_eq!(who("/-/account"), Some("user"));
    assert_eq!(who("/healthz"), None);
    for (route, what) in NO_PAGES {
        assert!(
            who(route).is_some(),
            "{route}, {what}, is not there any more"
        );
    }
}
