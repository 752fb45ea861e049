//! What a version can be, and what makes it so.

use semver::{BuildMetadata, Version};

use crate::text_enum::words;

/// What a person or a rule does to a version that should not be used; the later the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// New resolutions pass it by; where it was served before, it is served on.
    Hold,
    /// Nobody gets its bytes.
    Block,
}
words!(Action, "quarantine action", { Hold => "hold", Block => "block" });

/// What people see of a version. The flags behind it are independent; the strongest shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VersionState {
    /// Listed, and cargo picks it.
    Available,
    /// Listed, and cargo picks it only where a lockfile names it.
    Yanked,
    /// The same, by a rule or a quarantine.
    Held,
    /// The same, and a download is refused with the reason.
    Blocked,
    /// Not listed; its number stays taken.
    Deleted,
}
words!(VersionState, "state of a version", {
    Available => "available", Yanked => "yanked", Held => "held", Blocked => "blocked", Deleted => "deleted",
});

impl VersionState {
    /// Of a version's flags the strongest.
    pub fn of(deleted: bool, action: Option<Action>, yanked: bool) -> Self {
        match (deleted, action, yanked) {
            (true, ..) => Self::Deleted,
            (false, Some(Action::Block), _) => Self::Blocked,
            (false, Some(Action::Hold), _) => Self::Held,
            (false, None, true) => Self::Yanked,
            (false, None, false) => Self::Available,
        }
    }
}

/// A version without build metadata: `1.0.0+a` and `1.0.0+b` are one number, and cargo cannot tell them apart.
pub fn version_number(version: &Version) -> String {
    let mut number = version.clone();
    number.build = BuildMetadata::EMPTY;
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_flag_shows() {
        let state = |deleted, action, yanked| VersionState::of(deleted, action, yanked).as_str();
        assert_eq!(state(true, Some(Action::Block), true), "deleted");
        assert_eq!(state(false, Some(Action::Block), true), "blocked");
        assert_eq!(state(false, Some(Action::Hold), true), "held");
        assert_eq!(state(false, None, true), "yanked");
        assert_eq!(state(false, None, false), "available");
    }

    #[test]
    fn build_metadata_is_no_part_of_a_number() {
        let version: Version = "1.2.3-rc.1+build.5".parse().unwrap();
        assert_eq!(version_number(&version), "1.2.3-rc.1");
    }
}
