//! What an instance admin looks at first: what needs a person, and how much there is.

use askama::Template;

use super::AdminHead;
use crate::{Frame, filters};

/// The first page of the administration.
#[derive(Debug, Template)]
#[template(path = "admin_overview.html")]
pub struct OverviewPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: AdminHead,
    /// What needs a person, the worst first.
    pub matters: Vec<Matter>,
    /// How much there is.
    pub tallies: Vec<AdminTally>,
}

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// What it is, in a few words.
    pub what: String,
    /// More, in a sentence; what stands between backticks is code.
    pub sentence: String,
    /// Where more is: the address, and its words.
    pub address: String,
    /// The words of the link.
    pub words: &'static str,
    /// Whether something does not work.
    pub is_bad: bool,
}

/// A number, and where its things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTally {
    /// As people read it.
    pub number: String,
    /// What it counts.
    pub words: &'static str,
    /// Where they are.
    pub address: String,
}
