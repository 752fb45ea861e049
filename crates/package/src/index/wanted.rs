//! What cargo asks for next: the dependencies of the version that it is about to choose out of an index file.
//!
//! A guess, for reading ahead. It knows of cargo's rules as much as makes it come true nearly always, and nothing relies on
//! it: a wrong one costs an upstream a question.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use semver::{Version, VersionReq};
use serde::Deserialize;

/// Versions are published in about the order of their numbers, and a file ends with the latest. So many lines before the
/// last one that fits are looked through for a greater one.
const LINES_BACK: usize = 32;
/// Longer lines are passed by, in bytes: those of crates with thousands of features have a tenth of that. Reading a line
/// takes several times its size, which a hostile upstream must not turn into gigabytes.
const LINE_BYTES: usize = 256 << 10;
/// Of one dependency's features, so many count, and only names up to so many bytes: a hostile upstream must not fill the
/// memory of those who follow its dependencies.
const FEATURES: usize = 64;
const FEATURE_BYTES: usize = 64;

/// What somebody wants of a crate, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Which versions; `None` where only the name is known.
    pub requirement: Option<VersionReq>,
    /// Features besides the default one.
    pub features: BTreeSet<String>,
    /// Whether the default one is wanted too.
    pub default_features: bool,
}

/// A crate that is wanted by another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedCrate {
    /// The real name, as it came.
    pub package: String,
    /// An index URL, or `None` for the same registry.
    pub registry: Option<String>,
    /// What is wanted of it.
    pub wanted: Wanted,
}

impl Default for Wanted {
    /// The newest version, as one gets it who says nothing more.
    fn default() -> Self {
        Self {
            requirement: None,
            features: BTreeSet::new(),
            default_features: true,
        }
    }
}

#[derive(Deserialize)]
struct Choice {
    vers: Version,
    #[serde(default)]
    yanked: Option<bool>,
}

#[derive(Deserialize)]
struct Line {
    deps: Vec<Dependency>,
    #[serde(default)]
    features: HashMap<String, Vec<String>>,
    #[serde(default)]
    features2: Option<HashMap<String, Vec<String>>>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    package: Option<String>,
    registry: Option<String>,
    req: VersionReq,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default = "yes")]
    default_features: bool,
    kind: Option<String>,
}

fn yes() -> bool {
    true
}

/// The dependencies that cargo looks up when it takes the newest version of this index file that fits: normal and build ones
/// for every target, optional ones where a feature turns them on. At most `limit`, and none where it cannot be told.
pub fn wanted_next(file: &[u8], wanted: &Wanted, limit: usize) -> Vec<WantedCrate> {
    let line = newest(file, wanted.requirement.as_ref());
    let line = line.and_then(|line| serde_json::from_str::<Line>(line).ok());
    line.map_or_else(Vec::new, |line| line.next(wanted, limit))
}

/// The line of the newest version that cargo would choose.
fn newest<'a>(file: &'a [u8], requirement: Option<&VersionReq>) -> Option<&'a str> {
    let fits = |version: &Version| match requirement {
        Some(requirement) => requirement.matches(version),
        None => version.pre.is_empty(),
    };
    let mut best: Option<(Version, &str)> = None;
    let mut further = LINES_BACK;
    for line in file.rsplit(|&byte| byte == b'\n') {
        if further == 0 {
            break;
        }
        further -= usize::from(best.is_some());
        if line.len() > LINE_BYTES {
            continue;
        }
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        let Ok(Choice { vers, yanked }) = serde_json::from_str(line) else {
            continue;
        };
        let is_better = best.as_ref().is_none_or(|(version, _)| *version < vers);
        if is_better && yanked != Some(true) && fits(&vers) {
            best = Some((vers, line));
        }
    }
    best.map(|(_, line)| line)
}

/// What features turn on.
#[derive(Default)]
struct TurnedOn {
    dependencies: HashSet<String>,
    /// By dependency; also of those that are off.
    features: BTreeMap<String, Vec<String>>,
}

impl Line {
    fn next(self, wanted: &Wanted, limit: usize) -> Vec<WantedCrate> {
        let on = self.turned_on(wanted);
        let is_looked_up = |dependency: &Dependency| {
            dependency.kind.as_deref() != Some("dev")
                && (!dependency.optional || on.dependencies.contains(&dependency.name))
        };
        let looked_up = self.deps.into_iter().filter(is_looked_up).take(limit);
        looked_up
            .map(|dependency| {
                let more = on.features.get(&dependency.name).into_iter().flatten();
                let features = dependency.features.iter().chain(more);
                let features = features.filter(|feature| feature.len() <= FEATURE_BYTES);
                Wanted {
                    features: features.take(FEATURES).cloned().collect(),
                    requirement: Some(dependency.req),
                    default_features: dependency.default_features,
                }
                .of(
                    dependency.package.unwrap_or(dependency.name),
                    dependency.registry,
                )
            })
            .collect()
    }

    /// As cargo does it: `name` is a feature, or an optional dependency of that name; `dep:name` is the latter; `name/feature`
    /// turns on a feature of a dependency, and the dependency unless there is a `?`.
    fn turned_on(&self, wanted: &Wanted) -> TurnedOn {
        let mut on = TurnedOn::default();
        let mut seen = HashSet::new();
        let default = wanted.default_features.then_some("default");
        let mut next: Vec<&str> = wanted.features.iter().map(String::as_str).collect();
        next.extend(default);
        while let Some(feature) = next.pop() {
            if !seen.insert(feature) {
                continue;
            }
            let name = if let Some(name) = feature.strip_prefix("dep:") {
                name
            } else if let Some((name, of_it)) = feature.split_once('/') {
                let strong = name.strip_suffix('?').unwrap_or(name);
                let features = on.features.entry(strong.to_owned()).or_default();
                features.push(of_it.to_owned());
                if strong != name {
                    continue;
                }
                next.push(name);
                name
            } else if let Some(values) = self.feature(feature) {
                next.extend(values.map(String::as_str));
                continue;
            } else {
                feature
            };
            on.dependencies.insert(name.to_owned());
        }
        on
    }

    fn feature(&self, name: &str) -> Option<impl Iterator<Item = &String>> {
        let old = self.features.get(name);
        let new = self.features2.as_ref().and_then(|new| new.get(name));
        (old.is_some() || new.is_some()).then(|| old.into_iter().chain(new).flatten())
    }
}

impl Wanted {
    fn of(self, package: String, registry: Option<String>) -> WantedCrate {
        WantedCrate {
            package,
            registry,
            wanted: self,
        }
    }
}
