//! Index files of other registries. Their lines are passed on byte for byte, for they hold fields that this server does
//! not know; only a flag and a dependency's registry are ever written over, in place.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    ops::Range,
};

use serde::Deserialize;
use serde_json::value::RawValue;
use supercargo_types::{Digest, Spelling, Timestamp};

use crate::text::shown;

/// What is read of a line takes more memory than the line itself, many times more where it is short: a hostile upstream
/// could otherwise turn a file of tiny lines into a gigabyte. Ten releases a day for five years do not come to so many.
const LINES: usize = 20_000;

/// One line of an upstream's index file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamLine<'a> {
    /// As it came, without the line end.
    pub raw: &'a str,
    /// In upstream's case, which downloads need.
    pub name: String,
    /// As it came. Cargo ignores the line when it is not a version.
    pub version: String,
    /// What the `.crate` must have; `None` when the line has none, or an invalid one, or no valid version. Such a version
    /// stays listed and cannot be downloaded.
    pub checksum: Option<Digest>,
    /// Whether new resolutions pass it by.
    pub yanked: bool,
    /// When upstream published it, where it says so in the one form that cargo reads.
    pub published_at: Option<Timestamp>,
    /// Real names and registries of what it depends on; development dependencies too.
    pub dependencies: Vec<UpstreamDependency>,
    yanked_at: Option<Range<usize>>,
}

/// A dependency in an [`UpstreamLine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamDependency {
    /// The real name.
    pub package: String,
    /// An index URL, or `None` for the same registry.
    pub registry: Option<String>,
    registry_at: Option<Range<usize>>,
}

/// Why an upstream's file is not an index file. It is then refused whole and never cached: half of it could hide a
/// version, and an error page could hide all of them. The sentences go on after "upstream `…` gives an answer that makes
/// no sense:".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GarbledIndex {
    /// Starts like a page for browsers.
    #[error("an HTML page in place of the index file of `{0}`")]
    Html(Spelling),
    /// Starts with a byte order mark, which cargo does not skip.
    #[error("the index file of `{0}` starts with a byte order mark")]
    ByteOrderMark(Spelling),
    /// No line at all.
    #[error("the index file of `{0}` is empty")]
    Empty(Spelling),
    /// More lines than any crate has versions.
    #[error("the index file of `{0}` has more than {LINES} lines, which is the limit")]
    TooManyLines(Spelling),
    /// One line is wrong.
    #[error("line {line} of the index file of `{spelling}` {reason}")]
    Line {
        /// Whose file it is.
        spelling: Spelling,
        /// From 1.
        line: usize,
        /// What is wrong; goes on after the line's number.
        reason: String,
    },
}

/// Every field is kept as its own text, so that a wrong type in one of them does not hide the others.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "raw")]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    vers: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    cksum: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    yanked: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    pubtime: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    deps: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireDependency<'a> {
    #[serde(borrow, default, deserialize_with = "raw")]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    package: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    registry: Option<&'a RawValue>,
}

/// `null` is a value too: an `Option` alone would take it for a missing field.
fn raw<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn text(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

/// Reads a whole index file. Lines may end in CRLF; blank lines are skipped.
///
/// # Errors
/// When it is no index file of `spelling`: see [`GarbledIndex`]. One version twice is accepted only with one checksum,
/// for cargo's choice between two is not stable.
pub fn parse_upstream_file<'a>(
    spelling: &Spelling,
    bytes: &'a [u8],
) -> Result<Vec<UpstreamLine<'a>>, GarbledIndex> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(GarbledIndex::ByteOrderMark(spelling.clone()));
    }
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(GarbledIndex::Html(spelling.clone()));
    }
    let mut lines: Vec<UpstreamLine<'a>> = Vec::new();
    let mut checksums = HashMap::new();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let garbled = |reason: String| GarbledIndex::Line {
            spelling: spelling.clone(),
            line: number + 1,
            reason,
        };
        let line = std::str::from_utf8(line).map_err(|_| garbled("is not UTF-8".to_owned()))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() {
            continue;
        }
        if lines.len() == LINES {
            return Err(GarbledIndex::TooManyLines(spelling.clone()));
        }
        let line = parse_line(spelling, line).map_err(garbled)?;
        match checksums.entry(line.version.clone()) {
            Entry::Vacant(place) => {
                place.insert(line.checksum);
            }
            Entry::Occupied(first) if *first.get() == line.checksum => {}
            Entry::Occupied(_) => {
                let version = shown(&line.version);
                return Err(garbled(format!(
                    "lists version `{version}` a second time, with another checksum"
                )));
            }
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(GarbledIndex::Empty(spelling.clone()));
    }
    Ok(lines)
}

fn parse_line<'a>(spelling: &Spelling, line: &'a str) -> Result<UpstreamLine<'a>, String> {
    if !line.trim_start().starts_with('{') {
        return Err("is not a JSON object".to_owned());
    }
    let wire: Wire<'a> = serde_json::from_str(line)
        .map_err(|error| format!("is not a JSON object ({})", shown(&error.to_string())))?;
    let name = text(wire.name).ok_or("has no `name`")?;
    if name.to_ascii_lowercase() != spelling.as_str() {
        return Err(format!("is about `{}`", shown(&name)));
    }
    let version = text(wire.vers).ok_or("has no `vers`")?;
    let is_version = semver::Version::parse(&version).is_ok();
    let checksum = text(wire.cksum).and_then(|digits| digits.parse().ok());
    Ok(UpstreamLine {
        raw: line,
        name,
        version,
        checksum: checksum.filter(|_| is_version),
        yanked: wire.yanked.is_some_and(|value| value.get() == "true"),
        published_at: text(wire.pubtime).and_then(|time| published_at(&time)),
        dependencies: dependencies(line, wire.deps),
        yanked_at: wire.yanked.map(|value| place_in(line, value)),
    })
}

/// Only the form that cargo reads: another one makes cargo drop the line.
fn published_at(text: &str) -> Option<Timestamp> {
    Timestamp::from_rfc3339(text).filter(|time| time.pubtime() == text)
}

fn dependencies(line: &str, deps: Option<&RawValue>) -> Vec<UpstreamDependency> {
    let deps =
        deps.and_then(|deps| serde_json::from_str::<Vec<WireDependency<'_>>>(deps.get()).ok());
    deps.into_iter()
        .flatten()
        .filter_map(|wire| {
            let registry = text(wire.registry);
            Some(UpstreamDependency {
                package: text(wire.package).or_else(|| text(wire.name))?,
                registry_at: registry
                    .is_some()
                    .then(|| wire.registry.map(|value| place_in(line, value)))
                    .flatten(),
                registry,
            })
        })
        .collect()
}

/// Where a value that was borrowed from `line` stands in it.
fn place_in(line: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - line.as_ptr().addr();
    start..start + value.get().len()
}

/// The line as a view serves it: with another `yanked`, and with `null` for each dependency registry that `is_ours`
/// recognises. Every other byte stays; where nothing changes, the line is not copied.
pub fn edit_upstream_line<'a>(
    line: &UpstreamLine<'a>,
    yanked: Option<bool>,
    is_ours: &dyn Fn(&str) -> bool,
) -> Cow<'a, str> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for dependency in &line.dependencies {
        if let (Some(registry), Some(place)) = (&dependency.registry, &dependency.registry_at)
            && is_ours(registry)
        {
            edits.push((place.clone(), "null".to_owned()));
        }
    }
    if let Some(yanked) = yanked.filter(|&yanked| yanked != line.yanked) {
        // without the field, a new one goes before the closing brace
        let end = line.raw.trim_end().len() - 1;
        edits.push(line.yanked_at.clone().map_or_else(
            || (end..end, format!(",\"yanked\":{yanked}")),
            |place| (place, yanked.to_string()),
        ));
    }
    if edits.is_empty() {
        return Cow::Borrowed(line.raw);
    }
    edits.sort_by_key(|(place, _)| place.start);
    let mut text = String::with_capacity(line.raw.len() + 16);
    let mut done = 0;
    for (place, replacement) in edits {
        text.push_str(&line.raw[done..place.start]);
        text.push_str(&replacement);
        done = place.end;
    }
    text.push_str(&line.raw[done..]);
    Cow::Owned(text)
}
