//! Search over every registry that one may see.

use askama::Template;

use crate::{CrateRow, Frame, Narrowing, filters};

/// What a text finds.
#[derive(Debug, Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    /// Around it.
    pub frame: Frame,
    /// What is looked for.
    pub narrowing: Narrowing,
    /// The nearest first.
    pub crates: Vec<CrateRow>,
    /// In all registries, also what is not shown.
    pub total: u64,
    /// How much was found in which registry.
    pub places: Vec<(String, u64)>,
    /// Registries that may have more of it and were not searched.
    pub left_out: u64,
}

impl SearchPage {
    /// Whether anything was asked.
    fn is_asked(&self) -> bool {
        !self.narrowing.text.is_empty() || !self.narrowing.labels.is_empty()
    }

    /// The same search in one registry.
    fn within(&self, registry: &str) -> String {
        let narrowing = Narrowing {
            path: format!("/{registry}"),
            ..self.narrowing.clone()
        };
        narrowing.address(&self.frame.links)
    }

    fn is_cut(&self) -> bool {
        self.crates.len() as u64 != self.total
    }
}
