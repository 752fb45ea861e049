//! The figures, for people and as JSON.

use std::fmt;

use serde::Serialize;

/// One line: what was measured, ours, what stands beside it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) work: String,
    /// Ours, in the unit.
    pub(crate) ours: f64,
    /// The other's, in the unit.
    pub(crate) beside: f64,
    pub(crate) unit: &'static str,
    /// Ours divided by the other's, or the other way round where more is better: below the goal is good.
    pub(crate) ratio: f64,
    pub(crate) goal: Option<f64>,
    /// Requests per second of both, where there are any.
    pub(crate) per_second: Option<(f64, f64)>,
}

/// All of them.
#[derive(Default, Serialize)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// What explains them, in sentences.
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn push(&mut self, row: Row) {
        println!("{row}");
        self.rows.push(row);
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.goal {
            Some(goal) if self.ratio <= goal => format!("≤ {goal}: met"),
            Some(goal) => format!("≤ {goal}: missed"),
            None => "for the record".to_owned(),
        };
        write!(
            f,
            "| {} | {} | {:.1} {unit} | {:.1} {unit} | {:.2} | {verdict} |",
            self.id,
            self.work,
            self.ours,
            self.beside,
            self.ratio,
            unit = self.unit
        )?;
        if let Some((ours, beside)) = self.per_second {
            write!(f, " {ours:.0} /s and {beside:.0} /s |")?;
        } else {
            write!(f, " |")?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | work | ours | beside | ratio | goal | throughput |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        self.notes
            .iter()
            .try_for_each(|note| write!(f, "\n- {note}"))
    }
}

/// The middle one, or what lies between the two middle ones.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.get(half) {
        None => f64::NAN,
        Some(upper) if figures.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(figures[half - 1], *upper),
    }
}
