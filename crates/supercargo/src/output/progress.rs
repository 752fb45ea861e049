//! How far a long transfer is, on the terminal of a person who waits for it.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use super::{printable, table::size};

/// Smaller ones are over before one has read it.
const WORTH_SHOWING: u64 = 1 << 20;
/// Of the bar, in characters.
const WIDTH: u64 = 24;

/// In a log, of what takes longer than that.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// A line on standard error, drawn again as it fills and wiped away at the end. Where that is no terminal, nothing of bytes,
/// and of things a line of its own from time to time.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    total: u64,
    /// How the total is written.
    amount: fn(u64) -> String,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nowhere,
    /// With what stands there now, for a bar is drawn a hundred times and not for each piece.
    OnTerminal {
        percent: Option<u64>,
    },
    InLog {
        told: Instant,
    },
}

impl Progress {
    /// Of `what`, which has so many bytes.
    pub(crate) fn of(what: &str, total_bytes: u64) -> Self {
        let is_shown = total_bytes >= WORTH_SHOWING && io::stderr().is_terminal();
        Self {
            what: printable(what),
            total: total_bytes,
            amount: size,
            shown: if is_shown {
                Shown::OnTerminal { percent: None }
            } else {
                Shown::Nowhere
            },
        }
    }

    /// Of `what`, which are so many.
    pub(crate) fn count(what: &str, total: u64) -> Self {
        Self {
            what: printable(what),
            total,
            amount: |total| total.to_string(),
            shown: if io::stderr().is_terminal() {
                Shown::OnTerminal { percent: None }
            } else {
                Shown::InLog {
                    told: Instant::now(),
                }
            },
        }
    }

    /// So much has gone by.
    pub(crate) fn reached(&mut self, done: u64) {
        let Self { what, total, .. } = self;
        // who closed standard error does not want to know
        match &mut self.shown {
            Shown::Nowhere => {}
            Shown::OnTerminal { percent: shown } => {
                let percent = percent(done, *total);
                if shown.replace(percent) != Some(percent) {
                    let line = line(what, done, *total, self.amount);
                    let _ = write!(io::stderr(), "\r{line}");
                }
            }
            Shown::InLog { told } => {
                if done < *total && told.elapsed() >= TOLD_EVERY {
                    *told = Instant::now();
                    let _ = writeln!(io::stderr(), "{what}: {done} of {total}");
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if matches!(self.shown, Shown::OnTerminal { percent: Some(_) }) {
            // to the start of the line, and clear it
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn percent(done: u64, total: u64) -> u64 {
    done.min(total).saturating_mul(100) / total.max(1)
}

fn line(what: &str, done: u64, total: u64, amount: fn(u64) -> String) -> String {
    let percent = percent(done, total);
    let filled = percent * WIDTH / 100;
    let bar: String = (0..WIDTH)
        .map(|at| if at < filled { '#' } else { '.' })
        .collect();
    format!("{what}  [{bar}] {percent:>3} % of {}", amount(total))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_bar_fills_with_the_bytes_and_never_more() {
        let total = 3 << 20;
        let lines = [0, 1 << 20, total - 1, total, total + 1, u64::MAX];
        let lines = lines.map(|bytes| line("demo-1.0.0.crate", bytes, total, size));
        assert_snapshot!(lines.join("\n"), @"
        demo-1.0.0.crate  [........................]   0 % of 3.0 MiB
        demo-1.0.0.crate  [#######.................]  33 % of 3.0 MiB
        demo-1.0.0.crate  [#######################.]  99 % of 3.0 MiB
        demo-1.0.0.crate  [########################] 100 % of 3.0 MiB
        demo-1.0.0.crate  [########################] 100 % of 3.0 MiB
        demo-1.0.0.crate  [########################] 100 % of 3.0 MiB
        ");
    }

    #[test]
    fn things_are_counted() {
        let lines = [0, 1, 2, 3].map(|done| line("crates", done, 3, |total| total.to_string()));
        assert_snapshot!(lines.join("\n"), @"
        crates  [........................]   0 % of 3
        crates  [#######.................]  33 % of 3
        crates  [###############.........]  66 % of 3
        crates  [########################] 100 % of 3
        ");
    }

    #[test]
    fn nothing_is_drawn_for_little() {
        let mut progress = Progress::of("x", 0);
        progress.reached(0);
        assert!(matches!(progress.shown, Shown::Nowhere));
    }
}
