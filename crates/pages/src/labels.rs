//! Labels of a crate and its versions: beside its readme, and the page where they are changed.

use askama::Template;

use crate::{CrateHead, Frame, Links, Moment, Wrongs, filters};

/// What stands beside a readme.
#[derive(Clone, Debug, Default)]
pub struct CrateLabels {
    /// `key=value` or `key` each, of the crate as a whole.
    pub of_crate: Vec<String>,
    /// The same of the version that is shown.
    pub of_version: Vec<String>,
    /// Whether who looks may change them.
    pub may_change: bool,
}

/// Crates of a registry that have a label.
pub(crate) fn labelled(links: &Links, registry: &str, label: &str) -> String {
    links.asking(&format!("/{registry}"), &[("label", label)])
}

impl CrateLabels {
    /// Whether there is anything to show, or to be done.
    pub(crate) fn is_of_use(&self) -> bool {
        self.may_change || !self.of_crate.is_empty() || !self.of_version.is_empty()
    }
}

impl CrateHead {
    /// Crates of the same registry with a label.
    pub(crate) fn labelled(&self, links: &Links, label: &str) -> String {
        labelled(links, &self.registry, label)
    }
}

/// The labels of a crate, or of a version of it.
#[derive(Debug, Template)]
#[template(path = "labels.html")]
pub struct LabelsPage {
    /// Around it.
    pub frame: Frame,
    /// Where.
    pub registry: String,
    /// Which crate, as its publisher writes it.
    pub name: String,
    /// Which version; `None` for the crate as a whole.
    pub version: Option<String>,
    /// By key.
    pub labels: Vec<LabelRow>,
    /// What stands in the form: one label in a line.
    pub text: String,
    /// Whether who looks may change them.
    pub may_change: bool,
    /// What is wrong with the form.
    pub wrongs: Wrongs,
    /// What was done just now.
    pub done: Option<&'static str>,
}

/// A label with its history.
#[derive(Clone, Debug)]
pub struct LabelRow {
    /// By which it is known.
    pub key: String,
    /// Empty for a plain word.
    pub value: String,
    /// Who set it.
    pub by: String,
    /// Since when.
    pub since: Moment,
}

impl LabelRow {
    fn words(&self) -> String {
        match self.value.as_str() {
            "" => self.key.clone(),
            value => format!("{}={value}", self.key),
        }
    }
}

impl LabelsPage {
    /// What they are of.
    fn what(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    fn back(&self) -> String {
        let links = &self.frame.links;
        match &self.version {
            Some(version) => links.of_crate(&self.registry, &self.name, version),
            None => links.krate(&self.registry, &self.name),
        }
    }

    /// Where the form goes.
    fn form(&self) -> String {
        format!("{}/labels", self.back())
    }

    /// Crates of the same registry with this one.
    fn with_it(&self, label: &LabelRow) -> String {
        labelled(&self.frame.links, &self.registry, &label.words())
    }
}
