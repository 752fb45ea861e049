//! The addresses of Cargo's protocol, read by hand: nothing is allocated until a route is known to be one.

use std::borrow::Cow;

use supercargo_types::{Spelling, View};

/// A route of one registry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) registry: &'a str,
    pub(crate) deed: Deed,
}

/// What is asked of a registry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Config(View),
    /// `None`: a path in the index that no crate has.
    Index(View, Option<Spelling>),
    Download {
        view: View,
        krate: String,
        version: String,
    },
    Publish,
    Yank {
        krate: String,
        version: String,
    },
    Unyank {
        krate: String,
        version: String,
    },
    Owners(String),
    Search,
    /// Jobs of CI systems get their tokens there.
    JobTokens,
    OfCrate {
        krate: String,
        part: CratePart,
    },
    OfVersion {
        krate: String,
        version: String,
        part: VersionPart,
    },
    Me,
    /// Below a registry's API, but none of the above.
    Unknown,
}

/// What is asked about a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CratePart {
    Whole,
    Versions,
    Dependents,
    Downloads,
}

/// What is asked about a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionPart {
    Whole,
    Dependencies,
    Downloads,
    Readme,
}

/// Where each deed has its address. What may be done there by whom is a table of its own, which a test holds against these.
pub(super) const ADDRESSES: [&str; 24] = [
    "/{registry}/index/config.json",
    "/{registry}/index/{file}",
    "/{registry}/mirror/index/config.json",
    "/{registry}/mirror/index/{file}",
    "/{registry}/hosted/index/config.json",
    "/{registry}/hosted/index/{file}",
    "/{registry}/api/v1/crates",
    "/{registry}/api/v1/crates/new",
    "/{registry}/api/v1/crates/{crate}",
    "/{registry}/api/v1/crates/{crate}/versions",
    "/{registry}/api/v1/crates/{crate}/reverse_dependencies",
    "/{registry}/api/v1/crates/{crate}/downloads",
    "/{registry}/api/v1/crates/{crate}/owners",
    "/{registry}/api/v1/crates/{crate}/{version}",
    "/{registry}/api/v1/crates/{crate}/{version}/dependencies",
    "/{registry}/api/v1/crates/{crate}/{version}/downloads",
    "/{registry}/api/v1/crates/{crate}/{version}/readme",
    "/{registry}/api/v1/crates/{crate}/{version}/download",
    "/{registry}/mirror/api/v1/crates/{crate}/{version}/download",
    "/{registry}/api/v1/crates/{crate}/{version}/yank",
    "/{registry}/api/v1/crates/{crate}/{version}/unyank",
    "/{registry}/api/v1/trusted_publishing/tokens",
    "/{registry}/api/v1/{unknown}",
    "/{registry}/me",
];

impl<'a> Route<'a> {
    /// `None` for a path that is none of Cargo's.
    pub(crate) fn parse(path: &'a str) -> Option<Self> {
        let (registry, rest) = path.strip_prefix('/')?.split_once('/')?;
        if registry.is_empty() || registry == "api" || registry == "-" {
            return None;
        }
        let deed = if let Some(file) = rest.strip_prefix("index/") {
            index(View::Index, file)
        } else if let Some(rest) = rest.strip_prefix("api/v1/") {
            web_api(View::Index, rest)
        } else if let Some(rest) = rest.strip_prefix("mirror/") {
            below(View::Mirror, rest)?
        } else if let Some(rest) = rest.strip_prefix("hosted/") {
            below(View::Hosted, rest)?
        } else if rest == "me" {
            Deed::Me
        } else {
            return None;
        };
        Some(Self { registry, deed })
    }
}

fn below(view: View, rest: &str) -> Option<Deed> {
    if let Some(file) = rest.strip_prefix("index/") {
        return Some(index(view, file));
    }
    match web_api(view, rest.strip_prefix("api/v1/")?) {
        download @ Deed::Download { .. } if view == View::Mirror => Some(download),
        _ => None,
    }
}

fn index(view: View, file: &str) -> Deed {
    if file == "config.json" {
        return Deed::Config(view);
    }
    // any case resolves, but only at the one place where the crate's file stands
    let name = file.rsplit('/').next().filter(|name| stands_at(name, file));
    Deed::Index(view, name.and_then(|name| name.parse().ok()))
}

/// Whether an index path is the one of its last segment, compared without making it.
fn stands_at(name: &str, file: &str) -> bool {
    let Some(folders) = file.strip_suffix(name).filter(|_| name.is_ascii()) else {
        return false;
    };
    match name.len() {
        0 => false,
        1 => folders == "1/",
        2 => folders == "2/",
        3 => folders
            .strip_prefix("3/")
            .and_then(|folder| folder.strip_suffix('/'))
            .is_some_and(|folder| folder.eq_ignore_ascii_case(&name[..1])),
        _ => {
            folders.len() == 6
                && folders.is_ascii()
                && folders[..2].eq_ignore_ascii_case(&name[..2])
                && folders[3..5].eq_ignore_ascii_case(&name[2..4])
                && folders[2..3] == *"/"
                && folders[5..] == *"/"
        }
    }
}

fn web_api(view: View, rest: &str) -> Deed {
    if rest == "trusted_publishing/tokens" {
        return Deed::JobTokens;
    }
    let mut segments = rest.split('/');
    if segments.next() != Some("crates") {
        return Deed::Unknown;
    }
    let segments: Vec<_> = segments.map(decode).collect();
    let owned = |text: &Cow<'_, str>| text.clone().into_owned();
    match segments.as_slice() {
        [] => Deed::Search,
        [new] if new == "new" => Deed::Publish,
        [krate] if !krate.is_empty() => Deed::OfCrate {
            krate: owned(krate),
            part: CratePart::Whole,
        },
        [krate, part] if !part.is_empty() => {
            let krate = owned(krate);
            let part = match part.as_ref() {
                "owners" => return Deed::Owners(krate),
                "versions" => CratePart::Versions,
                "reverse_dependencies" => CratePart::Dependents,
                "downloads" => CratePart::Downloads,
                _ => {
                    return Deed::OfVersion {
                        krate,
                        version: owned(part),
                        part: VersionPart::Whole,
                    };
                }
            };
            Deed::OfCrate { krate, part }
        }
        [krate, version, deed] => {
            let (krate, version) = (owned(krate), owned(version));
            let part = match deed.as_ref() {
                "dependencies" => VersionPart::Dependencies,
                "downloads" => VersionPart::Downloads,
                "readme" => VersionPart::Readme,
                deed => return changed_or_sent(view, krate, version, deed),
            };
            Deed::OfVersion {
                krate,
                version,
                part,
            }
        }
        _ => Deed::Unknown,
    }
}

fn changed_or_sent(view: View, krate: String, version: String, deed: &str) -> Deed {
    match deed {
        "download" => Deed::Download {
            view,
            krate,
            version,
        },
        "yank" => Deed::Yank { krate, version },
        "unyank" => Deed::Unyank { krate, version },
        _ => Deed::Unknown,
    }
}

/// Percent-decoding; a `+` is a `+`, for cargo sends build metadata as it is. What does not decode stays as it came, and
/// will be no crate's name.
pub(crate) fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%'
            && let [high, low, tail @ ..] = tail
            && let (Some(high), Some(low)) = (value(*high), value(*low))
        {
            bytes.push(high << 4 | low);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(segment), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(path: &str) -> Option<String> {
        Route::parse(path).map(|route| format!("{} {:?}", route.registry, route.deed))
    }

    /// A number for each deed, counted without a gap; a new one makes this not compile.
    fn number(deed: &Deed) -> usize {
        match deed {
            Deed::Config(View::Index) => 0,
            Deed::Config(View::Mirror) => 1,
            Deed::Config(View::Hosted) => 2,
            Deed::Index(View::Index, _) => 3,
            Deed::Index(View::Mirror, _) => 4,
            Deed::Index(View::Hosted, _) => 5,
            Deed::Download { view, .. } if *view == View::Mirror => 6,
            Deed::Download { .. } => 7,
            Deed::Publish => 8,
            Deed::Yank { .. } => 9,
            Deed::Unyank { .. } => 10,
            Deed::Owners(_) => 11,
            Deed::Search => 12,
            Deed::JobTokens => 13,
            Deed::Me => 14,
            Deed::Unknown => 15,
            Deed::OfCrate { part, .. } => match part {
                CratePart::Whole => 16,
                CratePart::Versions => 17,
                CratePart::Dependents => 18,
                CratePart::Downloads => 19,
            },
            Deed::OfVersion { part, .. } => match part {
                VersionPart::Whole => 20,
                VersionPart::Dependencies => 21,
                VersionPart::Downloads => 22,
                VersionPart::Readme => 23,
            },
        }
    }

    /// I5: what is missing here would be missing in the table of rights.
    #[test]
    fn every_deed_has_its_address_in_the_list() {
        let deeds = ADDRESSES.map(|path| Route::parse(path).map(|route| number(&route.deed)));
        let mut deeds: Vec<_> = deeds.into_iter().flatten().collect();
        deeds.sort_unstable();
        assert_eq!(deeds, (0..ADDRESSES.len()).collect::<Vec<_>>());
    }

    #[test]
    fn every_address_of_the_contract() {
        let lines: Vec<_> = [
            "/acme/index/config.json",
            "/acme/mirror/index/config.json",
            "/acme/hosted/index/se/rd/serde",
            "/acme/index/SE/rd/Serde",
            "/acme/index/se/rx/serde",
            "/acme/index/1/a",
            "/acme/api/v1/crates/new",
            "/acme/api/v1/crates",
            "/acme/api/v1/crates/demo/1.0.0+x/download",
            "/acme/api/v1/crates/demo/1.0.0%2Bx/download",
            "/acme/mirror/api/v1/crates/demo/1.0.0/download",
            "/acme/api/v1/crates/demo/1.0.0/yank",
            "/acme/api/v1/crates/demo/1.0.0/unyank",
            "/acme/api/v1/crates/demo/owners",
            "/acme/api/v1/crates/demo",
            "/acme/api/v1/crates/demo/versions",
            "/acme/api/v1/crates/demo/reverse_dependencies",
            "/acme/api/v1/crates/demo/downloads",
            "/acme/api/v1/crates/demo/1.0.0+x",
            "/acme/api/v1/crates/demo/1.0.0/dependencies",
            "/acme/api/v1/crates/demo/1.0.0/downloads",
            "/acme/api/v1/crates/demo/1.0.0%2Bx/readme",
            "/acme/api/v1/crates/demo/1.0.0/authors",
            "/acme/api/v1/trusted_publishing/tokens",
            "/acme/api/v1/crates/",
            "/acme/api/v1/crates/demo/",
            "/acme/me",
        ]
        .iter()
        .map(|path| deed(path).unwrap_or_else(|| (*path).to_owned()))
        .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        acme Config(Index)
        acme Config(Mirror)
        acme Index(Hosted, Some(`serde`))
        acme Index(Index, Some(`serde`))
        acme Index(Index, None)
        acme Index(Index, Some(`a`))
        acme Publish
        acme Search
        acme Download { view: Index, krate: "demo", version: "1.0.0+x" }
        acme Download { view: Index, krate: "demo", version: "1.0.0+x" }
        acme Download { view: Mirror, krate: "demo", version: "1.0.0" }
        acme Yank { krate: "demo", version: "1.0.0" }
        acme Unyank { krate: "demo", version: "1.0.0" }
        acme Owners("demo")
        acme OfCrate { krate: "demo", part: Whole }
        acme OfCrate { krate: "demo", part: Versions }
        acme OfCrate { krate: "demo", part: Dependents }
        acme OfCrate { krate: "demo", part: Downloads }
        acme OfVersion { krate: "demo", version: "1.0.0+x", part: Whole }
        acme OfVersion { krate: "demo", version: "1.0.0", part: Dependencies }
        acme OfVersion { krate: "demo", version: "1.0.0", part: Downloads }
        acme OfVersion { krate: "demo", version: "1.0.0+x", part: Readme }
        acme Unknown
        acme JobTokens
        acme Unknown
        acme Unknown
        acme Me
        "#);
    }

    #[test]
    fn a_file_stands_at_one_place() {
        for name in ["a", "ab", "abc", "abcd", "Serde", "o-_x"] {
            let spelling: Spelling = name.parse().unwrap();
            let place = supercargo_types::sparse_path(&spelling);
            assert!(stands_at(spelling.as_str(), &place), "{place}");
            assert!(stands_at(&place[place.len() - name.len()..], &place));
            for wrong in [
                format!("x{place}"),
                format!("/{place}"),
                place.replacen('/', "//", 1),
                name.to_owned(),
            ] {
                let last = wrong.rsplit('/').next().unwrap();
                assert!(!stands_at(last, &wrong), "{wrong}");
            }
        }
        assert!(!stands_at("", ""));
        assert!(!stands_at("naïve", "na/ïv/naïve"));
    }

    #[test]
    fn other_addresses_are_not_cargos() {
        for path in [
            "/",
            "/api/v1/registries",
            "/healthz",
            "/acme",
            "/acme/crates/demo",
            "//index/config.json",
            "/-/index/x",
            "/acme/hosted/api/v1/crates/demo/1.0.0/download",
            "/acme/mirror/api/v1/crates/new",
            "/acme/mirror/api/v1/trusted_publishing/tokens",
        ] {
            assert_eq!(deed(path), None, "{path}");
        }
    }
}
