//! Numbers and times as people read them.

use std::time::Duration;

use supercargo_types::Timestamp;

/// A point in time: how long ago, and exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339, for machines.
    pub machine: String,
    /// `2026-11-20 10:41:12 UTC`.
    pub exact: String,
    /// `2 hours ago`.
    pub ago: String,
}

impl Moment {
    /// Of a time, as it is seen at another.
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let machine = at.pubtime();
        let exact = format!("{} {} UTC", &machine[..10], &machine[11..19]);
        let ago = if at > now {
            match at.since(now) {
                soon if soon < Duration::from_mins(1) => "just now".to_owned(),
                later => format!("in {}", span(later)),
            }
        } else {
            match now.since(at) {
                short if short < Duration::from_mins(1) => "just now".to_owned(),
                day if (DAY..2 * DAY).contains(&day.as_secs()) => "yesterday".to_owned(),
                long => format!("{} ago", span(long)),
            }
        };
        Self {
            machine,
            exact,
            ago,
        }
    }

    /// The day alone: `2026-11-20`.
    pub fn day(&self) -> &str {
        &self.machine[..10]
    }
}

const DAY: u64 = 24 * 60 * 60;

fn span(long: Duration) -> String {
    let seconds = long.as_secs();
    let (number, unit) = match seconds {
        0..3_600 => (seconds / 60, "minute"),
        3_600..DAY => (seconds / 3_600, "hour"),
        _ => match seconds / DAY {
            days @ 0..14 => (days, "day"),
            days @ 14..60 => (days / 7, "week"),
            days @ 60..730 => (days / 30, "month"),
            days => (days / 365, "year"),
        },
    };
    plural(number, unit)
}

/// `1 crate`, `4,318 crates`.
pub fn plural(number: u64, unit: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {unit}{s}", count(number))
}

/// `4,318`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 bytes`, `6.2 GB`: powers of 1000, as disks and networks are sold.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if number < 1000 {
        return plural(number, "byte");
    }
    // in tenths of the unit
    let mut tenths = number / 100;
    let mut unit = 0;
    while tenths >= 9_995 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", (tenths + 5) / 10, UNITS[unit])
    }
}

/// Two letters that stand for somebody.
pub fn initials(name: &str) -> String {
    let mut parts = name
        .split(['-', '_', '.', ':'])
        .filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or("?");
    let letters: String = match parts.next() {
        Some(second) => first
            .chars()
            .take(1)
            .chain(second.chars().take(1))
            .collect(),
        None => first.chars().take(2).collect(),
    };
    letters.to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_in_words() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let ago = |seconds: u64| Moment::new(now.minus(Duration::from_secs(seconds)), now).ago;
        for (seconds, words) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7_300, "2 hours ago"),
            (DAY, "yesterday"),
            (2 * DAY, "2 days ago"),
            (15 * DAY, "2 weeks ago"),
            (70 * DAY, "2 months ago"),
            (800 * DAY, "2 years ago"),
        ] {
            assert_eq!(ago(seconds), words, "{seconds}");
        }
        let later = Moment::new(now.plus(Duration::from_secs(3 * DAY)), now);
        assert_eq!(later.ago, "in 3 days");
        assert_eq!(later.exact, "2027-01-18 08:00:00 UTC");
        assert_eq!(later.day(), "2027-01-18");
    }

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "crate"), "1 crate");
        assert_eq!(plural(0, "crate"), "0 crates");
        for (number, words) in [
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 KB"),
            (9_990, "9.9 KB"),
            (212_400, "212 KB"),
            (999_950, "1.0 MB"),
            (6_200_000_000, "6.2 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(number), words, "{number}");
        }
    }

    #[test]
    fn somebody_in_two_letters() {
        assert_eq!(initials("alice"), "AL");
        assert_eq!(initials("release-bot"), "RB");
        assert_eq!(initials("service:ci"), "SC");
        assert_eq!(initials("x"), "X");
        assert_eq!(initials(""), "?");
    }
}
