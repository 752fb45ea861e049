//! The table: a line for each test, a column for each cargo; below it, what could not be and why.

use std::fmt;

use super::suites::{Suite, Verdict};

pub(super) struct Table {
    /// The tests, as they are shown.
    rows: Vec<String>,
    columns: Vec<(String, Vec<Verdict>)>,
}

impl Table {
    /// Without a column yet.
    pub(super) fn new(suites: &[Suite], names: &[Vec<String>]) -> Self {
        let rows = suites.iter().zip(names).flat_map(|(suite, names)| {
            names.iter().map(|name| {
                let name = name.strip_suffix("::on_sqlite").unwrap_or(name);
                format!("{}::{name}", suite.name)
            })
        });
        Self {
            rows: rows.collect(),
            columns: Vec::new(),
        }
    }

    /// One more cargo, with the verdicts in the order of the rows.
    pub(super) fn push(&mut self, version: &str, verdicts: Vec<Verdict>) {
        self.columns.push((version.to_owned(), verdicts));
    }

    /// How often a test has failed.
    pub(super) fn failures(&self) -> usize {
        self.columns
            .iter()
            .flat_map(|(_, verdicts)| verdicts)
            .filter(|verdict| matches!(verdict, Verdict::Failed(_)))
            .count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(String::len).max().unwrap_or_default();
        write!(f, "{:width$}", "")?;
        for (version, _) in &self.columns {
            write!(f, "  {version:<10}")?;
        }
        writeln!(f)?;
        let mut notes = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            write!(f, "{row:width$}")?;
            for (version, verdicts) in &self.columns {
                let word = match &verdicts[at] {
                    Verdict::Passed => "ok".to_owned(),
                    Verdict::Needs(needed, what) => {
                        notes.push(format!("{row}, {version}: needs {needed} for {what}"));
                        format!("needs {needed}")
                    }
                    Verdict::Failed(why) => {
                        notes.push(format!("{row}, {version}: FAILED: {why}"));
                        "FAILED".to_owned()
                    }
                };
                write!(f, "  {word:<10}")?;
            }
            writeln!(f)?;
        }
        if !notes.is_empty() {
            writeln!(f)?;
        }
        notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
