//! Search over every registry that one may see.

use askama::Template;

use crate::{CrateRow, Frame, filters};

/// What a text finds.
#[derive(Debug, Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    /// Around it.
    pub frame: Frame,
    /// What is looked for.
    pub text: String,
    /// The nearest first.
    pub crates: Vec<CrateRow>,
    /// In all registries, also what is not shown.
    pub total: u64,
    /// How much was found in which registry.
    pub places: Vec<(String, u64)>,
    /// Whether there is any registry that the visitor may see.
    pub has_registries: bool,
}

impl SearchPage {
    /// The same search in one registry.
    fn within(&self, registry: &str) -> String {
        let path = format!("/{registry}");
        self.frame.links.asking(&path, &[("q", &self.text)])
    }

    fn is_cut(&self) -> bool {
        self.crates.len() as u64 != self.total
    }
}
