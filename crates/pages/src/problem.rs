//! Pages for what went wrong: what it is, and where to go from there.

use askama::Template;

use crate::{Frame, filters};

/// Something that is not there, or that may not be done.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// Around it.
    pub frame: Frame,
    /// The status, for those who talk about it.
    pub status: u16,
    /// What it comes to, in some words.
    pub heading: String,
    /// What to do about it.
    pub sentences: Vec<String>,
    /// By which our log names it.
    pub request: Option<String>,
    /// What may have been meant.
    pub near: Vec<Near>,
    /// Where to go from here: words and address.
    pub ways: Vec<(String, String)>,
}

/// Something with a name like the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// How it is near, or where it is.
    pub note: String,
}
