//! Registries that read through registries of this server: what must not be, and which are kept from it.
//!
//! It is checked when settings are written, and held against every snapshot of the settings again: two administrators who
//! write at the same moment, or a restored registry, must not show people what they may not see.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use supercargo_types::{RegistryName, Visibility};

/// What matters here of one registry.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: RegistryName,
    pub(crate) visibility: Visibility,
    /// Whether a wider audience may read through it.
    pub(crate) republish: bool,
    /// What it reads through.
    pub(crate) inside: Vec<i64>,
}

/// Why a registry may not be read through others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bar {
    /// It reads through itself.
    Cycle,
    /// One of those it reads through is deleted, or never was.
    Missing,
    /// More people may read it than the one that is named, whose administrators have not allowed that.
    TooWide(RegistryName),
}

impl Bar {
    /// For readers, who need not know what is read through.
    pub(crate) fn for_readers(&self) -> &'static str {
        match self {
            Self::Cycle => "it would read through itself; its administrators have to change that",
            Self::Missing => {
                "one that it reads through is deleted; its administrators have to detach it"
            }
            Self::TooWide(_) => {
                "more people may read it than one that it reads through allows; its administrators have to change that"
            }
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle => f.write_str("it would read through itself"),
            Self::Missing => f.write_str("a registry that it reads through is deleted"),
            Self::TooWide(inner) => write!(
                f,
                "more people may read it than registry `{inner}`, which it reads through; an administrator of `{inner}` has to allow that with `republish`, or the visibility has to be narrower"
            ),
        }
    }
}

/// Every registry that must not answer from those it reads through, with the first reason why.
pub(crate) fn bars(nodes: &HashMap<i64, Node>) -> HashMap<i64, Bar> {
    let mut bars = HashMap::new();
    for (&id, node) in nodes.iter().filter(|(_, node)| !node.inside.is_empty()) {
        if let Some(bar) = bar(nodes, id, node) {
            bars.insert(id, bar);
        }
    }
    bars
}

fn bar(nodes: &HashMap<i64, Node>, id: i64, node: &Node) -> Option<Bar> {
    let mut seen = BTreeSet::new();
    let mut next = node.inside.clone();
    let mut too_wide: Option<RegistryName> = None;
    while let Some(at) = next.pop() {
        if at == id {
            return Some(Bar::Cycle);
        }
        if !seen.insert(at) {
            continue;
        }
        let Some(inner) = nodes.get(&at) else {
            return Some(Bar::Missing);
        };
        let is_wider = node.visibility > inner.visibility;
        if is_wider && !inner.republish && too_wide.as_ref().is_none_or(|it| inner.name < *it) {
            too_wide = Some(inner.name.clone());
        }
        next.extend(&inner.inside);
    }
    too_wide.map(Bar::TooWide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(list: &[(i64, Visibility, bool, &[i64])]) -> HashMap<i64, Node> {
        let node = |&(id, visibility, republish, inside): &(i64, Visibility, bool, &[i64])| {
            let name = format!("r{id}").parse().unwrap();
            let inside = inside.to_vec();
            (
                id,
                Node {
                    name,
                    visibility,
                    republish,
                    inside,
                },
            )
        };
        list.iter().map(node).collect()
    }

    #[test]
    fn a_circle_bars_everybody_in_it_and_nobody_else() {
        use Visibility::Private;
        let nodes = nodes(&[
            (1, Private, false, &[2]),
            (2, Private, false, &[3]),
            (3, Private, false, &[1]),
            (4, Private, false, &[5]),
            (5, Private, false, &[]),
        ]);
        let bars = bars(&nodes);
        assert_eq!(bars.len(), 3);
        assert!([1, 2, 3].iter().all(|id| bars[id] == Bar::Cycle));
    }

    #[test]
    fn an_audience_is_held_against_everything_behind_it() {
        use Visibility::{Internal, Private, Public};
        // 2 lets itself be republished, and what is behind it does not
        let nodes = nodes(&[
            (1, Public, false, &[2]),
            (2, Private, true, &[3]),
            (3, Private, false, &[]),
            (4, Internal, false, &[2]),
            (5, Private, false, &[2, 9]),
        ]);
        let bars = bars(&nodes);
        let third = Bar::TooWide("r3".parse().unwrap());
        assert_eq!(bars.get(&1), Some(&third));
        assert_eq!(bars.get(&4), Some(&third));
        assert_eq!(bars.get(&2), None);
        assert_eq!(bars.get(&5), Some(&Bar::Missing));
    }
}
