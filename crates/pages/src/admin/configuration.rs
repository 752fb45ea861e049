//! Every setting as it is in effect, and who said so.

use askama::Template;

use super::AdminHead;
use crate::{Frame, filters};

/// The configuration.
#[derive(Debug, Template)]
#[template(path = "admin_configuration.html")]
pub struct ConfigurationPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// Its sections in the order of the default file; the first has no name.
    pub sections: Vec<(String, Vec<SettingRow>)>,
    /// How many keys are not as the default file has them.
    pub changed: u64,
    /// Whether those alone are shown.
    pub only_changed: bool,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// `upstream.freshness`.
    pub key: String,
    /// What the default file says about it.
    pub about: String,
    /// Its value.
    pub value: SettingValue,
    /// Who said so.
    pub source: SettingSource,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// A text.
    Text(String),
    /// Several.
    List(Vec<String>),
    /// One that nobody is shown.
    Secret,
    /// None; where something else stands in for it, that.
    Unset(Option<String>),
}

/// Who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingSource {
    /// The default file.
    Default,
    /// A configuration file, by its path.
    File(String),
    /// An environment variable, by its name.
    Environment(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl ConfigurationPage {
    fn address(&self, only_changed: bool) -> String {
        let only = if only_changed { "yes" } else { "" };
        let links = &self.frame.links;
        links.asking("/-/admin/configuration", &[("changed", only)])
    }
}
