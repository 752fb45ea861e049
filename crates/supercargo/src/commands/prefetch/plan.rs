//! What lockfiles want of a registry. Nothing here asks for anything.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use supercargo_types::{CrateName, Digest, Spelling, View};

use crate::commands::lockfile::Lockfile;

/// One version in one view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) name: CrateName,
    pub(super) version: Version,
    pub(super) view: View,
}

/// Each version once, with what the lockfiles say of its checksum: two where they disagree, of which one is wrong.
pub(super) type Versions = BTreeMap<Wanted, BTreeSet<Digest>>;

/// All that several lockfiles want.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) versions: Versions,
    /// Packages that are folders.
    pub(super) paths: usize,
    /// Packages of git repositories.
    pub(super) gits: usize,
    /// Packages of other registries.
    pub(super) elsewhere: usize,
    /// Where those are.
    pub(super) others: BTreeSet<String>,
}

impl Plan {
    /// `view_of` says in which view a source is, if it is the registry's at all.
    pub(super) fn of(lockfiles: Vec<Lockfile>, view_of: impl Fn(&str) -> Option<View>) -> Self {
        let mut plan = Self::default();
        for lockfile in lockfiles {
            plan.paths += lockfile.paths;
            plan.gits += lockfile.gits;
            for locked in lockfile.packages {
                let Some(view) = view_of(&locked.source) else {
                    plan.elsewhere += 1;
                    plan.others.insert(locked.source);
                    continue;
                };
                let wanted = Wanted {
                    name: locked.name,
                    version: locked.version,
                    view,
                };
                let checksums = plan.versions.entry(wanted).or_default();
                checksums.extend(locked.checksum);
            }
        }
        plan
    }
}

/// Which index files that takes, with the versions that are looked for in each.
pub(super) fn index_files(versions: &Versions) -> BTreeMap<(View, Spelling), Vec<&Wanted>> {
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for wanted in versions.keys() {
        let file = (wanted.view, wanted.name.spelling());
        files.entry(file).or_default().push(wanted);
    }
    files
}
