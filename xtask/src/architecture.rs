//! `cargo xtask architecture`: which of our crates may know which, checked against what cargo resolved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::bail;

use crate::{
    command::say,
    workspace::{self, Metadata},
};

/// Arrows between rooms go from a higher level to a lower one. A new room gets its line here.
const LEVELS: [(&str, u8); 12] = [
    ("supercargo", 6),
    ("cargo-credential-supercargo", 5),
    ("supercargo-http", 5),
    ("supercargo-registry", 4),
    ("supercargo-identity", 3),
    ("supercargo-store", 2),
    ("supercargo-blobs", 2),
    ("supercargo-upstream", 2),
    ("supercargo-package", 2),
    ("supercargo-policy", 2),
    ("supercargo-pages", 2),
    ("supercargo-types", 1),
];

/// For tests only: others know it as a dev-dependency, and it knows whom it wants.
const TEST_KIT: &str = "supercargo-testkit";

/// Programs for those who work on the project: nobody knows them, and they know whom they want.
const WORKSHOP: [&str; 2] = ["xtask", "supercargo-bench"];

/// Rooms that compute and do nothing else, so that they can be fuzzed and tested by properties.
const PURE: [&str; 4] = [
    "supercargo-types",
    "supercargo-package",
    "supercargo-policy",
    "supercargo-pages",
];

/// What no pure room reaches, over any number of steps.
const WORLDLY: [&str; 5] = ["tokio", "sqlx", "axum", "reqwest", "hyper"];

/// Crates that only some rooms name: SQL, the web, connections to others.
const KEPT_TO: [(&str, &[&str]); 3] = [
    ("sqlx", &["supercargo-store"]),
    ("axum", &["supercargo-http"]),
    // the command line is a client of the management API
    (
        "reqwest",
        &[
            "supercargo-upstream",
            "supercargo",
            "cargo-credential-supercargo",
        ],
    ),
];

pub(crate) fn run() -> anyhow::Result<()> {
    let graph = Graph::from(workspace::metadata()?);
    let complaints = graph.complaints();
    if complaints.is_empty() {
        let rooms = graph.members.len();
        say(&format!("architecture: {rooms} crates, all arrows go down"));
        return Ok(());
    }
    bail!("the architecture is broken:\n- {}", complaints.join("\n- "))
}

/// Names stand for packages; two versions of one outside crate are one node, which is what the rules mean.
#[derive(Default)]
struct Graph {
    members: BTreeSet<String>,
    normal: BTreeMap<String, BTreeSet<String>>,
    development: BTreeMap<String, BTreeSet<String>>,
}

impl From<Metadata> for Graph {
    fn from(metadata: Metadata) -> Self {
        let names: BTreeMap<String, String> = metadata
            .packages
            .into_iter()
            .map(|package| (package.id, package.name))
            .collect();
        let mut graph = Self {
            members: metadata
                .workspace_members
                .iter()
                .map(|id| names[id].clone())
                .collect(),
            ..Self::default()
        };
        for node in metadata.resolve.nodes {
            for edge in node.deps {
                for kind in edge.dep_kinds {
                    let edges = match kind.kind.as_deref() {
                        None => &mut graph.normal,
                        Some("dev") => &mut graph.development,
                        // a build script's world is another one
                        Some(_) => continue,
                    };
                    let from = names[&node.id].clone();
                    edges
                        .entry(from)
                        .or_default()
                        .insert(names[&edge.pkg].clone());
                }
            }
        }
        graph
    }
}

impl Graph {
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for room in &self.members {
            if room == TEST_KIT || WORKSHOP.contains(&room.as_str()) {
                continue;
            }
            let Some(level) = level(room) else {
                complaints.push(format!(
                    "`{room}` has no level; give it one in xtask/src/architecture.rs"
                ));
                continue;
            };
            self.check_arrows(room, level, &mut complaints);
            self.check_kept(room, &mut complaints);
        }
        for room in PURE {
            if let Some(path) = self.path_to_worldly(room) {
                complaints.push(format!("`{room}` is pure but reaches {}", path.join(" → ")));
            }
        }
        complaints
    }

    fn check_arrows(&self, room: &str, own_level: u8, complaints: &mut Vec<String>) {
        for (edges, is_normal) in [(&self.normal, true), (&self.development, false)] {
            for target in edges.get(room).into_iter().flatten() {
                if !self.members.contains(target) {
                    continue;
                }
                if target == TEST_KIT && !is_normal {
                    continue;
                }
                if level(target).is_none_or(|level| level >= own_level) {
                    let kind = if is_normal { "" } else { " in its tests" };
                    complaints.push(format!(
                        "`{room}` knows `{target}`{kind}; arrows go down only, and what both need moves to `supercargo-types`"
                    ));
                }
            }
        }
    }

    fn check_kept(&self, room: &str, complaints: &mut Vec<String>) {
        for (outside, rooms) in KEPT_TO {
            let names_it = self
                .normal
                .get(room)
                .is_some_and(|targets| targets.contains(outside));
            if names_it && !rooms.contains(&room) {
                complaints.push(format!(
                    "`{room}` names `{outside}`, which is kept to {}",
                    rooms.join(", ")
                ));
            }
        }
    }

    /// The shortest way over normal dependencies, for the message.
    fn path_to_worldly(&self, room: &str) -> Option<Vec<String>> {
        let mut paths = VecDeque::from([vec![room.to_owned()]]);
        let mut seen = BTreeSet::from([room.to_owned()]);
        while let Some(path) = paths.pop_front() {
            let last = path.last()?;
            if WORLDLY.contains(&last.as_str()) {
                return Some(path[1..].to_vec());
            }
            for target in self.normal.get(last).into_iter().flatten() {
                if seen.insert(target.clone()) {
                    let mut longer = path.clone();
                    longer.push(target.clone());
                    paths.push_back(longer);
                }
            }
        }
        None
    }
}

fn level(room: &str) -> Option<u8> {
    LEVELS
        .iter()
        .find_map(|(name, level)| (*name == room).then_some(*level))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: [(&str, &str); 7] = [
        ("supercargo", "supercargo-http"),
        ("supercargo-http", "supercargo-types"),
        ("supercargo-http", "axum"),
        ("supercargo-store", "sqlx"),
        ("axum", "tokio"),
        ("supercargo-types", "uuid"),
        ("supercargo-testkit", "supercargo-types"),
    ];

    fn complaints(more: &[(&str, &str)], development: &[(&str, &str)]) -> Vec<String> {
        let edges = |pairs: &[(&str, &str)]| {
            let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (from, to) in pairs {
                let targets = edges.entry((*from).to_owned()).or_default();
                targets.insert((*to).to_owned());
            }
            edges
        };
        let ours = |name: &&str| name.starts_with("supercargo");
        let all = [&SOUND, more, development].concat();
        let graph = Graph {
            members: all
                .iter()
                .flat_map(|(from, to)| [*from, *to])
                .filter(ours)
                .map(str::to_owned)
                .collect(),
            normal: edges(&[&SOUND, more].concat()),
            development: edges(development),
        };
        graph.complaints()
    }

    #[test]
    fn arrows_that_go_down_are_sound() {
        let tests = [("supercargo-store", "supercargo-testkit")];
        assert_eq!(complaints(&[], &tests), Vec::<String>::new());
    }

    #[test]
    fn each_rule_has_its_complaint() {
        for (edge, expected) in [
            (
                ("supercargo-store", "supercargo-http"),
                "`supercargo-store` knows `supercargo-http`",
            ),
            (
                ("supercargo-store", "supercargo-blobs"),
                "`supercargo-store` knows `supercargo-blobs`",
            ),
            (
                ("supercargo-http", "supercargo-testkit"),
                "`supercargo-http` knows `supercargo-testkit`",
            ),
            (
                ("supercargo-http", "sqlx"),
                "`supercargo-http` names `sqlx`",
            ),
            (
                ("supercargo-attic", "uuid"),
                "`supercargo-attic` has no level",
            ),
            (
                ("uuid", "tokio"),
                "`supercargo-types` is pure but reaches uuid → tokio",
            ),
        ] {
            let found = complaints(&[edge], &[]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(expected), "{found:?}");
        }
        let upward = complaints(&[], &[("supercargo-types", "supercargo-http")]);
        assert!(upward[0].contains("in its tests"), "{upward:?}");
    }
}
