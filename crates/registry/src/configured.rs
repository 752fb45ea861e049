//! What the server was told at its start, as plain data for whoever runs it. No secret is ever in it: who makes it says only
//! that one is set.

use crate::{Instance, rights::MayAdministerInstance};

/// A key of the configuration, as it is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredKey {
    /// `upstream.freshness`.
    pub key: String,
    /// What the default file says about it.
    pub about: String,
    /// Its value.
    pub value: ConfiguredValue,
    /// Who said so.
    pub source: ConfiguredBy,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfiguredValue {
    /// A text, as it was written.
    Text(String),
    /// Several.
    List(Vec<String>),
    /// Something that nobody repeats.
    Secret,
    /// It is not set. Where something else stands in for it, that.
    Unset(Option<String>),
}

/// The layer that a value was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfiguredBy {
    /// The default file, which is a part of the program.
    Default,
    /// A configuration file, by its path.
    File(String),
    /// An environment variable, by its name.
    Environment(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl Instance {
    /// Every key of the configuration with its value and where that came from, in the order of the default file.
    pub fn configured(&self, _right: &MayAdministerInstance) -> &[ConfiguredKey] {
        &self.settings().configured
    }
}
