//! Downloads by day as a picture that needs no script: bars in an SVG that fits every width.

use std::fmt::Write as _;

use crate::count;

/// How high the bars may become, in pixels.
const HEIGHT: u64 = 160;
/// Above them.
const TOP: u64 = 12;

/// Counts by day, in up to three series that lie on each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// The days' names, the oldest first: `2026-08-24`.
    pub days: Vec<String>,
    /// From below to above: what it is called, and its counts by day.
    pub series: Vec<(String, Vec<u64>)>,
}

/// A horizontal line with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridLine {
    /// From above, in pixels.
    pub y: u64,
    /// What it stands for.
    pub label: String,
}

impl Plot {
    fn of_day(&self, day: usize) -> u64 {
        let series = self.series.iter();
        series
            .map(|(_, counts)| counts.get(day).copied().unwrap_or(0))
            .sum()
    }

    /// Of all days.
    pub fn total(&self) -> u64 {
        (0..self.days.len()).map(|day| self.of_day(day)).sum()
    }

    /// Of the busiest day.
    pub fn most(&self) -> u64 {
        (0..self.days.len())
            .map(|day| self.of_day(day))
            .max()
            .unwrap_or(0)
    }

    /// What the whole height stands for: a round number that no day exceeds.
    fn ceiling(&self) -> u64 {
        let most = self.most().max(4);
        let mut unit = 1_u64;
        loop {
            for step in [4, 8, 12, 20, 32] {
                if let Some(ceiling) = unit.checked_mul(step)
                    && ceiling >= most
                {
                    return ceiling;
                }
            }
            match unit.checked_mul(10) {
                Some(next) => unit = next,
                None => return u64::MAX,
            }
        }
    }

    /// Three lines and the number of each.
    pub fn grid(&self) -> Vec<GridLine> {
        let ceiling = self.ceiling();
        let line = |quarter: u64| GridLine {
            y: TOP + HEIGHT - HEIGHT * quarter / 4,
            label: count(ceiling / 4 * quarter),
        };
        (1..=4).map(line).collect()
    }

    /// The height of the whole picture.
    pub fn height(&self) -> u64 {
        TOP + HEIGHT + 22
    }

    /// Where the bars stand.
    pub fn base(&self) -> u64 {
        TOP + HEIGHT
    }

    /// Above the bars.
    pub fn top(&self) -> u64 {
        TOP
    }

    /// Of the bars.
    pub fn bars_height(&self) -> u64 {
        HEIGHT
    }

    /// The bars of a series in a box of as many units as there are days, and of 1000 units from above to below.
    pub fn bars(&self, series: &usize) -> String {
        let ceiling = u128::from(self.ceiling());
        let share = |number: u64| u128::from(number) * 1000 / ceiling;
        let mut path = String::new();
        for day in 0..self.days.len() {
            let of = |series: &(String, Vec<u64>)| series.1.get(day).copied().unwrap_or(0);
            let below: u64 = self.series[..*series].iter().map(of).sum();
            let own = of(&self.series[*series]);
            if own == 0 {
                continue;
            }
            let (foot, head) = (1000 - share(below), 1000 - share(below + own));
            // a day with one download among many is seen all the same
            let head = head.min(foot.saturating_sub(4));
            write!(path, "M{day} {foot}V{head}h.76V{foot}z").expect("invariant: a text takes it");
        }
        path
    }

    /// Months, where each begins: its share of the width in percent, and its name.
    pub fn months(&self) -> Vec<(usize, &'static str)> {
        const NAMES: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let days = self.days.iter().enumerate();
        days.filter(|(_, day)| day.ends_with("-01"))
            .filter_map(|(at, day)| {
                let month: usize = day.get(5..7)?.parse().ok()?;
                Some((
                    at * 100 / self.days.len(),
                    *NAMES.get(month.checked_sub(1)?)?,
                ))
            })
            .collect()
    }

    /// Sums of seven days each, by the first of them.
    pub fn weeks(&self) -> Vec<(&str, String)> {
        (0..self.days.len())
            .step_by(7)
            .map(|first| {
                let week = first..(first + 7).min(self.days.len());
                let sum: u64 = week.map(|day| self.of_day(day)).sum();
                (self.days[first].as_str(), count(sum))
            })
            .collect()
    }

    /// The story in a sentence, for whoever does not see it.
    pub fn story(&self) -> String {
        let (Some(first), Some(last)) = (self.days.first(), self.days.last()) else {
            return String::new();
        };
        let busiest = (0..self.days.len()).max_by_key(|day| self.of_day(*day));
        let busiest = busiest.map_or("", |day| self.days[day].as_str());
        format!(
            "Daily downloads from {first} to {last}: {} in all, at most {} on {busiest}.",
            count(self.total()),
            count(self.most())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(counts: &[&[u64]]) -> Plot {
        Plot {
            days: (28..=30)
                .map(|day| format!("2026-11-{day}"))
                .chain(["2026-12-01".to_owned()])
                .collect(),
            series: counts
                .iter()
                .enumerate()
                .map(|(at, counts)| (format!("{at}"), counts.to_vec()))
                .collect(),
        }
    }

    #[test]
    fn bars_lie_on_each_other() {
        let plot = plot(&[&[4, 0, 0, 1], &[4, 2]]);
        assert_eq!((plot.total(), plot.most()), (11, 8));
        assert_eq!(plot.bars(&0), "M0 1000V500h.76V1000zM3 1000V875h.76V1000z");
        assert_eq!(plot.bars(&1), "M0 500V0h.76V500zM1 1000V750h.76V1000z");
        assert_eq!(plot.months(), [(75, "Dec")]);
        assert_eq!(plot.weeks(), [("2026-11-28", "11".to_owned())]);
        assert_eq!(
            plot.story(),
            "Daily downloads from 2026-11-28 to 2026-12-01: 11 in all, at most 8 on 2026-11-28."
        );
    }

    #[test]
    fn the_scale_is_round_and_holds_every_day() {
        for (most, ceiling) in [
            (0, 4),
            (4, 4),
            (5, 8),
            (9, 12),
            (33, 40),
            (599, 800),
            (u64::MAX, u64::MAX),
        ] {
            let plot = plot(&[&[most]]);
            assert_eq!(plot.ceiling(), ceiling, "{most}");
            assert!(plot.bars(&0).len() < 100);
        }
        let labels: Vec<_> = plot(&[&[599]])
            .grid()
            .into_iter()
            .map(|line| line.label)
            .collect();
        assert_eq!(labels, ["200", "400", "600", "800"]);
    }
}
