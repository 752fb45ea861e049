//! Labels: `key=value` pairs that people put on crates and versions, hosted or upstream's, and lists are narrowed by. A pair
//! without a value is a plain word. Registries have theirs in their settings.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use semver::Version;
use serde::{Deserialize, Serialize};
use supercargo_store::{LabelChange, LabelRow, Labelled, LabelsChanged, WantedLabels};
use supercargo_types::{Spelling, Timestamp, version_number};
use utoipa::ToSchema;

use crate::{
    Caller, Instance,
    refusal::{Outcome, Refusal},
    rights::{MayMaintain, MayRead},
};

/// On one crate or version: lists show them all, and a page of crates loads those of each.
const MOST: usize = 32;
/// In characters.
const LONGEST_KEY: usize = 63;
/// In characters.
const LONGEST_VALUE: usize = 256;
/// Labels that a list is narrowed by at once: each costs every crate a comparison.
const MOST_WANTED: usize = 8;

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Label {
    /// Lower-case letters, digits, `.`, `_`, `-` and `/`.
    pub key: String,
    /// Empty for a plain word.
    pub value: String,
    /// Since when it has this value.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: String,
}

impl From<LabelRow> for Label {
    fn from(row: LabelRow) -> Self {
        Self {
            key: row.key,
            value: row.value,
            set_at: row.set_at,
            set_by: row.set_by,
        }
    }
}

/// All labels of a crate or a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Labels {
    /// By key.
    pub labels: Vec<Label>,
}

/// What becomes of the labels of a crate or a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelEdit {
    /// These are there from now on. Keys are 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`; values have at most 256
    /// characters in one line, and are empty for a plain word.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Keys of labels that are taken away; one that is not there does not count.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// A label that a list is narrowed by: `team=core`, or `team` with any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFilter {
    key: String,
    value: Option<String>,
}

/// What stands for a label in a list is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label to look for; write `team=core`, or `team` for any value")]
pub struct InvalidLabelFilter(String);

impl FromStr for LabelFilter {
    type Err = InvalidLabelFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        // Longer ones fit nothing, and each would be held against every label (work without bounds for one request). A line
        // break would let one label stand for several where they are compared
        let is_long = |text: &str| text.chars().count() > LONGEST_VALUE;
        let is_long = is_long(key) || value.as_deref().is_some_and(is_long);
        if key.is_empty() || is_long || text.chars().any(char::is_control) {
            let shown = text.chars().take(LONGEST_KEY);
            let shown = shown.filter(|character| !character.is_control());
            return Err(InvalidLabelFilter(shown.collect()));
        }
        Ok(Self {
            key: key.to_owned(),
            value,
        })
    }
}

impl std::fmt::Display for LabelFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => f.write_str(&self.key),
        }
    }
}

impl LabelFilter {
    /// The filters of a list, of which there may be some at once.
    ///
    /// # Errors
    /// [`Refusal::Shape`].
    pub fn all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, Refusal> {
        let mut filters = Vec::new();
        for text in texts {
            if filters.len() == MOST_WANTED {
                return Err(Refusal::Shape(format!(
                    "a list can be narrowed by {MOST_WANTED} labels at once; leave some out"
                )));
            }
            let filter: Self = text
                .parse()
                .map_err(|invalid: InvalidLabelFilter| Refusal::Shape(invalid.to_string()))?;
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        }
        Ok(filters)
    }

    /// Whether it is among these.
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }

    /// All of them, as the database compares them.
    pub(crate) fn wanted(filters: &[Self]) -> WantedLabels {
        WantedLabels::new(
            filters
                .iter()
                .map(|filter| (filter.key.as_str(), filter.value.as_deref())),
        )
    }
}

/// What is wrong with a label, if anything.
///
/// # Errors
/// [`Refusal::Shape`].
pub fn check_label(key: &str, value: &str) -> Result<(), Refusal> {
    let is_known = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "._-/".contains(character)
    };
    let shown: String = key
        .chars()
        .filter(|character| !character.is_control())
        .take(LONGEST_KEY)
        .collect();
    if key.is_empty() || key.chars().count() > LONGEST_KEY || !key.chars().all(is_known) {
        return Err(Refusal::Shape(format!(
            "the label `{shown}`: keys have 1 to {LONGEST_KEY} lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`"
        )));
    }
    // they are shown in lists and terminals, where an escape could hide or fake other lines
    if value.chars().count() > LONGEST_VALUE || value.chars().any(char::is_control) {
        return Err(Refusal::Shape(format!(
            "the label `{shown}`: values have at most {LONGEST_VALUE} characters in one line"
        )));
    }
    Ok(())
}

/// The number under which labels of a version are kept.
fn number(version: &str) -> String {
    match version.parse::<Version>() {
        Ok(version) => version_number(&version),
        Err(_) => version.to_owned(),
    }
}

impl Instance {
    /// The labels of a crate or of one of its versions.
    ///
    /// # Errors
    /// [`Refusal::NoCrate`], [`Refusal::NoVersion`], or that its upstream fails.
    pub async fn labels(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: Option<&str>,
    ) -> Outcome<Labels> {
        let of = self.labelled(right, name, version).await?;
        let rows = self.store.labels(&of).await?;
        Ok(Labels {
            labels: rows.into_iter().map(Label::from).collect(),
        })
    }

    /// Sets some labels and takes others away.
    ///
    /// # Errors
    /// [`Refusal::Shape`] for labels that are none, or too many; [`Refusal::NoCrate`], [`Refusal::NoVersion`].
    pub async fn edit_labels(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: &Spelling,
        version: Option<&str>,
        edit: LabelEdit,
        caller: &Caller,
    ) -> Outcome<Labels> {
        if let Some(key) = edit.remove.iter().find(|key| edit.set.contains_key(*key)) {
            return Err(Refusal::Shape(format!(
                "the label `{key}` is both to be set and to be removed; leave one out"
            ))
            .into());
        }
        // each costs the database a statement
        if edit.remove.len() > MOST {
            return Err(Refusal::Shape(format!(
                "`remove` has at most {MOST} entries, for nothing has more labels"
            ))
            .into());
        }
        for key in &edit.remove {
            check_label(key, "")?;
        }
        self.change_labels(right, name, version, edit, false, caller)
            .await
    }

    /// Puts these labels in the place of all that are there.
    ///
    /// # Errors
    /// As of [`Self::edit_labels`].
    pub async fn replace_labels(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: &Spelling,
        version: Option<&str>,
        labels: BTreeMap<String, String>,
        caller: &Caller,
    ) -> Outcome<Labels> {
        let edit = LabelEdit {
            set: labels,
            remove: Vec::new(),
        };
        self.change_labels(right, name, version, edit, true, caller)
            .await
    }

    async fn change_labels(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: &Spelling,
        version: Option<&str>,
        edit: LabelEdit,
        is_whole: bool,
        caller: &Caller,
    ) -> Outcome<Labels> {
        right.covers(&name.canonical())?;
        let too_many = |count: usize| {
            Refusal::Shape(format!(
                "a crate or version has at most {MOST} labels, and this would be {count}; take some away"
            ))
        };
        if edit.set.len() > MOST {
            return Err(too_many(edit.set.len()).into());
        }
        for (key, value) in &edit.set {
            check_label(key, value)?;
        }
        let of = self.labelled(&MayRead::from(right), name, version).await?;
        let mut audit = self.audit(
            if of.number.is_some() {
                "version.labelled"
            } else {
                "crate.labelled"
            },
            Some(&right.actor),
            caller,
        );
        audit.registry = Some(right.registry.name.to_string());
        audit.crate_name = Some(name.to_string());
        audit.version.clone_from(&of.number);
        audit.detail = Some(told(&edit, is_whole));
        let change = LabelChange {
            set: edit.set,
            remove: edit.remove,
            is_whole,
            most: MOST,
            by: right.actor.principal.to_string(),
            now: self.clock().now(),
        };
        match self.store.change_labels(&of, &change, &audit).await? {
            LabelsChanged::Done(rows, _) => Ok(Labels {
                labels: rows.into_iter().map(Label::from).collect(),
            }),
            LabelsChanged::TooMany(count) => Err(too_many(count).into()),
        }
    }

    /// Labels that crates of a registry have, the most frequent first, as `key=value` or `key`, with how many crates.
    ///
    /// # Errors
    /// Only faults.
    pub async fn labels_in_use(
        &self,
        right: &MayRead,
        limit: u32,
    ) -> Outcome<Vec<(LabelFilter, u64)>> {
        let used = self.store.labels_in_use(right.registry.id, limit).await?;
        let used = used.into_iter().map(|(key, value, crates)| {
            let value = Some(value).filter(|value| !value.is_empty());
            (LabelFilter { key, value }, crates)
        });
        Ok(used.collect())
    }

    /// What is named, if it is there.
    async fn labelled(
        self: &Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: Option<&str>,
    ) -> Outcome<Labelled> {
        let number = match version {
            None => {
                self.crate_detail(right, name).await?;
                None
            }
            Some(version) => {
                let item = self.version_item(right, name, version).await?;
                Some(number(&item.version))
            }
        };
        Ok(Labelled {
            registry_id: right.registry.id,
            name: name.canonical(),
            number,
        })
    }
}

/// For the audit log.
fn told(edit: &LabelEdit, is_whole: bool) -> String {
    let set = edit.set.iter().map(|(key, value)| match value.as_str() {
        "" => key.clone(),
        value => format!("{key}={value}"),
    });
    let set = set.collect::<Vec<_>>().join(" ");
    let removed = edit.remove.join(" ");
    match (is_whole, set.as_str(), removed.as_str()) {
        (true, "", _) => "none".to_owned(),
        (true, set, _) => format!("only {set}"),
        (false, set, "") => format!("set {set}"),
        (false, "", removed) => format!("removed {removed}"),
        (false, set, removed) => format!("set {set}; removed {removed}"),
    }
}

/// The labels of the versions of a crate, by number.
pub(crate) fn of_number<'a>(
    labels: &'a std::collections::HashMap<String, BTreeMap<String, String>>,
    version: &str,
) -> Option<&'a BTreeMap<String, String>> {
    labels.get(&number(version))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn keys_are_short_words_and_values_are_lines() {
        let long = "a".repeat(64);
        let wrong = [
            ("", ""),
            ("Team", ""),
            ("a b", ""),
            ("a\n", ""),
            (&long[..], ""),
            ("a", "x\u{1b}"),
            ("a", &"é".repeat(257)),
        ];
        let wrong = wrong.map(|(key, value)| check_label(key, value).unwrap_err().to_string());
        assert_snapshot!(wrong.join("\n"), @"
        the label ``: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`
        the label `Team`: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`
        the label `a b`: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`
        the label `a`: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`
        the label `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`
        the label `a`: values have at most 256 characters in one line
        the label `a`: values have at most 256 characters in one line
        ");
        for (key, value) in [
            ("a", ""),
            ("k8s.io/part-of_9", "Größe <b>"),
            (&long[..63], &"é".repeat(256)),
        ] {
            assert!(check_label(key, value).is_ok(), "{key}");
        }
    }

    #[test]
    fn a_filter_is_a_key_or_a_pair() {
        let of = |text: &str| text.parse::<LabelFilter>();
        let labels = BTreeMap::from([
            ("team".to_owned(), "core".to_owned()),
            ("old".to_owned(), String::new()),
        ]);
        for (text, fits) in [
            ("team", true),
            ("team=core", true),
            ("team=", false),
            ("team=c", false),
            ("old", true),
            ("old=", true),
            ("new", false),
        ] {
            let filter = of(text).unwrap();
            assert_eq!(
                (filter.fits(&labels), filter.to_string().as_str()),
                (fits, text)
            );
        }
        for text in ["", "=x", "a=b\n\nc", "\u{0}"] {
            assert!(of(text).is_err(), "{text:?}");
        }
        assert_eq!(LabelFilter::all(["a", "b", "a"]).unwrap().len(), 2);
        let nine: Vec<_> = (0..9).map(|n| format!("k{n}")).collect();
        assert_snapshot!(LabelFilter::all(nine.iter().map(String::as_str)).unwrap_err(), @"a list can be narrowed by 8 labels at once; leave some out");
    }

    #[test]
    fn the_log_says_what_was_done() {
        let edit = |set: &[(&str, &str)], remove: &[&str]| LabelEdit {
            set: set
                .iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            remove: remove.iter().map(|&key| key.to_owned()).collect(),
        };
        let lines = [
            told(&edit(&[("team", "core"), ("old", "")], &[]), false),
            told(&edit(&[], &["a", "b"]), false),
            told(&edit(&[("a", "1")], &["b"]), false),
            told(&edit(&[("a", "1")], &[]), true),
            told(&edit(&[], &[]), true),
        ];
        assert_snapshot!(lines.join("\n"), @"
        set old team=core
        removed a b
        set a=1; removed b
        only a=1
        none
        ");
    }
}
