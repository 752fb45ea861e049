//! What the pages of users, teams and service accounts share.

use crate::Moment;

/// An account in a list.
#[derive(Clone, Debug)]
pub struct AccountLine {
    /// Its name.
    pub name: String,
    /// Where somebody can be written to.
    pub email: Option<String>,
    /// What it is on the instance.
    pub role: String,
    /// Whether nothing of it works.
    pub is_disabled: bool,
    /// The registry that a service account belongs to.
    pub registry: Option<String>,
    /// When it was made.
    pub created: Moment,
    /// When one of its tokens or browsers was used last.
    pub seen: Option<Moment>,
}

/// A role in a registry.
#[derive(Clone, Debug)]
pub struct RoleLine {
    /// Where.
    pub registry: String,
    /// Which.
    pub role: String,
    /// The team that has it; none: the account itself.
    pub team: Option<String>,
}

/// What an account or a team owns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owned {
    /// Crates.
    pub crates: u64,
    /// Those of them that nobody else owns.
    pub alone: u64,
}

/// What goes with an account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    pub(super) tokens: u64,
    pub(super) sessions: u64,
    /// Its own, without those of its teams.
    pub(super) roles: u64,
    pub(super) teams: u64,
    pub(super) owned: Owned,
}

impl Losses {
    /// In sentences; what there is none of is left out.
    pub(super) fn in_words(self) -> Vec<String> {
        let shared = self.owned.crates.saturating_sub(self.owned.alone);
        [
            (
                self.tokens,
                "token",
                ["stops working, in CI too", "stop working, in CI too"],
            ),
            (
                self.sessions,
                "browser",
                ["is signed out", "are signed out"],
            ),
            (
                self.roles,
                "role",
                ["in a registry ends", "in registries end"],
            ),
            (
                self.teams,
                "team",
                ["has a member less", "have a member less"],
            ),
            (
                shared,
                "crate",
                ["keeps its other owners", "keep their other owners"],
            ),
        ]
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, unit, [one, many])| {
            let verb = if number == 1 { one } else { many };
            format!("{} {verb}", crate::plural(number, unit))
        })
        .collect()
    }
}

/// What somebody may be on the instance: what a form sends, and the words.
pub(super) const INSTANCE_ROLES: [(&str, &str); 3] = [
    (
        "member",
        "Uses the registries that it is a member of, and those that are internal or public.",
    ),
    (
        "creator",
        "Makes registries besides, and is the admin of those.",
    ),
    (
        "admin",
        "May everything everywhere: sees every registry, and makes accounts and upstreams.",
    ),
];

/// Of which state accounts are looked for: what an address says, and the words.
pub(super) const ACCOUNT_STATES: [(&str, &str); 3] = [
    ("", "any"),
    ("active", "not disabled"),
    ("disabled", "disabled"),
];

#[cfg(test)]
mod tests {
    use supercargo_types::InstanceRole;

    use super::*;

    #[test]
    fn what_goes_with_an_account_is_told_in_numbers() {
        let losses = Losses {
            tokens: 1,
            sessions: 0,
            roles: 2,
            teams: 1,
            owned: Owned {
                crates: 1_203,
                alone: 3,
            },
        };
        insta::assert_snapshot!(losses.in_words().join("\n"), @"
        1 token stops working, in CI too
        2 roles in registries end
        1 team has a member less
        1,200 crates keep their other owners
        ");
        assert!(Losses::default().in_words().is_empty());
    }

    #[test]
    fn every_role_on_the_instance_has_its_words() {
        for (word, _) in INSTANCE_ROLES {
            assert!(word.parse::<InstanceRole>().is_ok(), "{word}");
        }
    }
}
