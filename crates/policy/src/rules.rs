//! What keeps a version back: quarantines that people decide, and the patterns of a registry.

use std::{borrow::Cow, collections::HashMap};

use semver::Version;
use supercargo_types::{Action, CanonicalName, Timestamp, VersionPattern, version_number};

/// What a person decided about a crate or one of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// What is done.
    pub action: Action,
    /// Why, for those who are refused.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// The quarantines of one name, in every spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameQuarantine {
    /// Of the whole crate: versions that come later are covered, too.
    pub whole: Option<Quarantine>,
    /// Of single versions, by number without build metadata.
    pub numbers: HashMap<String, Quarantine>,
}

/// Everything in one registry that can keep a version back.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Where it is not empty, only what one of these admits is given out.
    pub allow: Vec<VersionPattern>,
    /// What one of these bars is not given out.
    pub block: Vec<VersionPattern>,
    /// By name.
    pub quarantines: HashMap<CanonicalName, NameQuarantine>,
}

/// Why a version is kept back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is done with it.
    pub action: Action,
    /// Why, in words that follow a colon.
    pub reason: String,
    /// Since when, where somebody decided it at a time.
    pub since: Option<Timestamp>,
}

impl Rules {
    /// The strongest that is to be said against a version; `None` for nearly all.
    pub fn verdict(&self, name: &CanonicalName, version: &Version) -> Option<Verdict> {
        // among equals the first: a person's words say more than a pattern
        let quarantined = self.quarantined(name, version);
        match quarantined {
            Some(verdict) if verdict.action == Action::Block => Some(verdict),
            quarantined => self.pattern(name, version).or(quarantined),
        }
    }

    /// The same for a version as an index line writes it. One that cannot be read is kept back where any rule is about its
    /// name: no requirement can be held against it.
    pub fn verdict_on(&self, name: &CanonicalName, version: &str) -> Option<Verdict> {
        if !self.concerns(name) {
            return None;
        }
        match version.parse() {
            Ok(version) => self.verdict(name, &version),
            Err(_) => Some(Verdict {
                action: Action::Block,
                reason: "its version number cannot be read, and there are rules for this crate"
                    .to_owned(),
                since: None,
            }),
        }
    }

    /// Whether any rule speaks of a name at all.
    pub fn concerns(&self, name: &CanonicalName) -> bool {
        !self.allow.is_empty()
            || self.quarantines.contains_key(name)
            || self.block.iter().any(|pattern| pattern.name().covers(name))
    }

    /// What the patterns say against a version: the part of the rules that holds for publishing, too.
    pub fn pattern(&self, name: &CanonicalName, version: &Version) -> Option<Verdict> {
        let reason = if let Some(bar) = self.block.iter().find(|bar| bar.bars(name, version)) {
            format!("the registry blocks `{bar}`")
        } else if !self.allow.is_empty()
            && !self.allow.iter().any(|door| door.admits(name, version))
        {
            "the registry allows only what is on its list, and this is not".to_owned()
        } else {
            return None;
        };
        Some(Verdict {
            action: Action::Block,
            reason,
            since: None,
        })
    }

    fn quarantined(&self, name: &CanonicalName, version: &Version) -> Option<Verdict> {
        let of_name = self.quarantines.get(name)?;
        let of_version = of_name.numbers.get(&version_number(version));
        // the version's own words where both do the same
        let strongest = of_version
            .into_iter()
            .chain(&of_name.whole)
            .reduce(|own, whole| {
                if whole.action > own.action {
                    whole
                } else {
                    own
                }
            })?;
        Some(Verdict {
            action: strongest.action,
            reason: strongest.reason.clone(),
            since: Some(strongest.created_at),
        })
    }
}

impl Verdict {
    /// `held` or `blocked`.
    pub fn participle(&self) -> &'static str {
        match self.action {
            Action::Hold => "held",
            Action::Block => "blocked",
        }
    }

    /// ` since 2026-11-21`, where that is known; empty otherwise.
    pub fn since_when(&self) -> Cow<'static, str> {
        match self.since {
            Some(since) => Cow::Owned(format!(" since {}", &since.pubtime()[..10])),
            None => Cow::Borrowed(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarantine(action: Action, reason: &str) -> Quarantine {
        Quarantine {
            action,
            reason: reason.to_owned(),
            created_at: Timestamp::from_seconds(0),
            created_by: "alice".to_owned(),
        }
    }

    fn reason(rules: &Rules, name: &str, version: &str) -> Option<String> {
        let verdict = rules.verdict_on(&name.parse().unwrap(), version)?;
        Some(format!("{}: {}", verdict.participle(), verdict.reason))
    }

    #[test]
    fn the_strongest_decides_and_the_nearest_speaks() {
        let mut rules = Rules::default();
        let name: CanonicalName = "demo".parse().unwrap();
        assert_eq!(reason(&rules, "demo", "1.0.0"), None);
        rules.quarantines.insert(
            name.clone(),
            NameQuarantine {
                whole: Some(quarantine(Action::Hold, "under review")),
                numbers: HashMap::from([
                    ("1.0.0".to_owned(), quarantine(Action::Block, "malware")),
                    (
                        "1.1.0".to_owned(),
                        quarantine(Action::Hold, "odd build script"),
                    ),
                ]),
            },
        );
        let said = |version| reason(&rules, "Demo", version).unwrap();
        assert_eq!(said("1.0.0+build"), "blocked: malware");
        assert_eq!(said("1.1.0"), "held: odd build script");
        assert_eq!(said("9.9.9"), "held: under review");
        rules.block.push("demo@^9".parse().unwrap());
        let said = |version| reason(&rules, "demo", version).unwrap();
        assert_eq!(said("9.9.9"), "blocked: the registry blocks `demo@^9`");
        assert_eq!(said("1.0.0"), "blocked: malware");
        rules.quarantines.remove(&name);
        assert_eq!(reason(&rules, "demo", "1.0.0"), None);
        assert_eq!(
            reason(&rules, "demo", "one").unwrap(),
            "blocked: its version number cannot be read, and there are rules for this crate"
        );
    }

    #[test]
    fn a_list_of_what_is_allowed_blocks_the_rest() {
        let rules = Rules {
            allow: vec!["acme-*".parse().unwrap(), "serde@^1".parse().unwrap()],
            ..Rules::default()
        };
        assert_eq!(reason(&rules, "acme-http", "0.1.0-alpha.1"), None);
        assert_eq!(reason(&rules, "serde", "1.0.200"), None);
        for (name, version) in [
            ("serde", "2.0.0"),
            ("serde", "1.1.0-rc.1"),
            ("rand", "1.0.0"),
        ] {
            assert_eq!(
                reason(&rules, name, version).as_deref(),
                Some("blocked: the registry allows only what is on its list, and this is not")
            );
        }
    }

    #[test]
    fn a_crates_quarantine_that_is_stronger_wins_over_its_versions() {
        let rules = Rules {
            quarantines: HashMap::from([(
                "demo".parse().unwrap(),
                NameQuarantine {
                    whole: Some(quarantine(Action::Block, "taken over")),
                    numbers: HashMap::from([(
                        "1.0.0".to_owned(),
                        quarantine(Action::Hold, "slow"),
                    )]),
                },
            )]),
            ..Rules::default()
        };
        assert_eq!(
            reason(&rules, "demo", "1.0.0").unwrap(),
            "blocked: taken over"
        );
    }
}
