//! Rules of `[features]`: crates.io's for the text, cargo's for what the text refers to.
//!
//! Cargo checks the references again when it reads the index, and there drops a version that breaks one without a
//! word. So they are checked before the version is accepted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dependency, ManifestLimits};
use crate::text::shown;

/// Why `[features]` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeatureRefused {
    /// More features than accepted.
    #[error("the crate declares {found} features, more than the limit of {limit}; split the crate")]
    TooMany {
        /// What it has.
        found: usize,
        /// What would be accepted.
        limit: usize,
    },
    /// One feature enables more than accepted.
    #[error(
        "feature `{feature}` enables {found} others, more than the limit of {limit}; group them"
    )]
    TooManyValues {
        /// Its name.
        feature: String,
        /// What it has.
        found: usize,
        /// What would be accepted.
        limit: usize,
    },
    /// A name that is none.
    #[error("feature `{feature}`: {reason}")]
    Name {
        /// As written.
        feature: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A value that is none, or refers to nothing.
    #[error("feature `{feature}` includes `{value}`: {reason}")]
    Value {
        /// Its name.
        feature: String,
        /// What it includes.
        value: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Nothing can enable an optional dependency.
    #[error(
        "optional dependency `{0}` is not included in any feature; include `dep:{0}` in one of them"
    )]
    Unreachable(String),
}

/// What a feature can include.
enum Value<'a> {
    Feature(&'a str),
    /// `dep:name`
    Dependency(&'a str),
    /// `name/feature` or `name?/feature`
    OfDependency {
        name: &'a str,
        is_weak: bool,
    },
}

impl<'a> Value<'a> {
    /// Cargo's reading.
    fn of(text: &'a str) -> Self {
        if let Some((name, _)) = text.split_once('/') {
            let weak = name.strip_suffix('?');
            return Self::OfDependency {
                name: weak.unwrap_or(name),
                is_weak: weak.is_some(),
            };
        }
        text.strip_prefix("dep:")
            .map_or(Self::Feature(text), Self::Dependency)
    }
}

/// Names, values and references of all features.
pub(super) fn check(
    features: &BTreeMap<String, Vec<String>>,
    dependencies: &[Dependency],
    limits: &ManifestLimits,
) -> Result<(), FeatureRefused> {
    if features.len() > limits.features {
        return Err(FeatureRefused::TooMany {
            found: features.len(),
            limit: limits.features,
        });
    }
    let declared = Declared::new(features, dependencies);
    for (feature, values) in features {
        check_name(feature).map_err(|reason| FeatureRefused::Name {
            feature: shown(feature),
            reason,
        })?;
        if values.len() > limits.values_per_feature {
            return Err(FeatureRefused::TooManyValues {
                feature: shown(feature),
                found: values.len(),
                limit: limits.values_per_feature,
            });
        }
        for value in values {
            let checked = check_value(value).and_then(|()| declared.check_reference(value));
            checked.map_err(|reason| FeatureRefused::Value {
                feature: shown(feature),
                value: shown(value),
                reason,
            })?;
        }
    }
    declared.check_reachable()
}

/// The text of one value, whatever it refers to. Also the rule for features asked of a dependency.
pub(super) fn check_value(text: &str) -> Result<(), String> {
    match text.split_once('/') {
        Some((dependency, feature)) => {
            check_dependency(dependency.strip_suffix('?').unwrap_or(dependency))?;
            check_name(feature)
        }
        None => match text.strip_prefix("dep:") {
            Some(dependency) => check_dependency(dependency),
            None => check_name(text),
        },
    }
}

fn check_dependency(name: &str) -> Result<(), String> {
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_name {
        return Ok(());
    }
    Err(format!("`{}` is not the name of a dependency", shown(name)))
}

fn check_name(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let Some(first) = characters.next() else {
        return Err("a feature's name cannot be empty".to_owned());
    };
    if !(unicode_ident::is_xid_start(first) || first == '_' || first.is_ascii_digit()) {
        let first = first.escape_debug();
        return Err(format!(
            "it cannot start with `{first}`; start with a letter, a digit or `_`"
        ));
    }
    match characters.find(|&c| !(unicode_ident::is_xid_continue(c) || "+-.".contains(c))) {
        None => Ok(()),
        Some(stray) => {
            let stray = stray.escape_debug();
            Err(format!(
                "invalid character `{stray}`; use letters, digits, `_`, `-`, `+` and `.`"
            ))
        }
    }
}

/// What values may refer to.
struct Declared<'a> {
    features: &'a BTreeMap<String, Vec<String>>,
    /// By name in the manifest: whether any of its declarations is optional.
    dependencies: BTreeMap<&'a str, bool>,
    /// Those that some feature names as `dep:…`, which takes their implicit feature away.
    named: BTreeSet<&'a str>,
}

impl<'a> Declared<'a> {
    fn new(features: &'a BTreeMap<String, Vec<String>>, list: &'a [Dependency]) -> Self {
        let mut dependencies = BTreeMap::new();
        for dependency in list {
            let is_optional = dependencies
                .entry(dependency.name_in_toml.as_str())
                .or_insert(false);
            *is_optional |= dependency.optional;
        }
        let named = features
            .values()
            .flatten()
            .filter_map(|value| match Value::of(value) {
                Value::Dependency(name) => Some(name),
                Value::Feature(_) | Value::OfDependency { .. } => None,
            })
            .collect();
        Self {
            features,
            dependencies,
            named,
        }
    }

    /// The rules of cargo's `build_feature_map`.
    fn check_reference(&self, value: &str) -> Result<(), String> {
        let not_optional = |name: &str| {
            format!("`{name}` is not an optional dependency; add `optional = true` to it")
        };
        match Value::of(value) {
            Value::Feature(name) if self.features.contains_key(name) => Ok(()),
            Value::Feature(name) => match self.dependencies.get(name) {
                None => Err("it is neither a dependency nor another feature".to_owned()),
                Some(false) => Err(not_optional(name)),
                Some(true) if self.named.contains(name) => Err(format!(
                    "it is an optional dependency without an implicit feature; write `dep:{name}`"
                )),
                Some(true) => Ok(()),
            },
            Value::Dependency(name) => match self.dependencies.get(name) {
                None => Err(format!("`{name}` is not a dependency")),
                Some(false) => Err(not_optional(name)),
                Some(true) => Ok(()),
            },
            Value::OfDependency { name, is_weak } => match self.dependencies.get(name) {
                None => Err(format!("`{name}` is not a dependency")),
                Some(false) if is_weak => Err(format!(
                    "`{name}` is not an optional dependency; remove the `?`"
                )),
                Some(_) => Ok(()),
            },
        }
    }

    /// An optional dependency has its implicit feature, unless a feature has the same name or one says `dep:…`.
    fn check_reachable(&self) -> Result<(), FeatureRefused> {
        let unreachable = self.dependencies.iter().find(|&(name, &is_optional)| {
            is_optional && self.features.contains_key(*name) && !self.named.contains(name)
        });
        match unreachable {
            None => Ok(()),
            Some((name, _)) => Err(FeatureRefused::Unreachable(shown(name))),
        }
    }
}
