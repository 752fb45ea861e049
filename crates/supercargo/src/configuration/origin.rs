//! Where a value came from, for the sentence that says what is wrong with it.

use std::{fmt, path::PathBuf};

/// The layer that a value was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `config.default.toml`.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable, by its name.
    Environment(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("by default"),
            Self::File(path) => write!(f, "from `{}`", path.display()),
            Self::Environment(name) => write!(f, "from {name}"),
            Self::Flag(name) => write!(f, "from `{name}`"),
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    /// What it is.
    pub(crate) value: T,
    /// Who said so.
    pub(crate) origin: Origin,
}

/// The environment variable of a key.
pub(crate) fn variable(key: &str) -> String {
    format!("SUPERCARGO_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// The flag of a key, where it has one.
pub(crate) fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}
