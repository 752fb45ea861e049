//! Durations and sizes as people write them.

use std::time::Duration;

/// The longest duration: beyond it, "for ever" is meant and something else is wrong.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// The number in front and the unit behind it.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// `60s`, `5m`, `12h`, `30d`, up to ten years.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = split(text).and_then(|(number, unit)| {
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        number.checked_mul(factor)
    });
    match seconds.map(Duration::from_secs) {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err("is longer than ten years; write it as `30d`".to_owned()),
        None => {
            Err("is not a duration; write it as `60s`, or with `m`, `h` or `d` behind".to_owned())
        }
    }
}

/// A duration of at least a second.
pub(crate) fn patience(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("leaves no time at all; write it as `30s`".to_owned()),
        duration => Ok(duration),
    }
}

/// A duration of at least a day: a slip of the keyboard must not empty a log of what has happened.
pub(crate) fn days(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        kept if kept < Duration::from_hours(24) => Err(
            "is less than a day, which would keep next to nothing; write it as `365d`".to_owned(),
        ),
        kept => Ok(kept),
    }
}

/// `64MiB`, `512KiB`, `1GiB`, or a plain number of bytes; not zero.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let bytes = split(text).and_then(|(number, unit)| {
        let factor = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(factor)
    });
    match bytes {
        Some(0) => Err("allows nothing at all; write it as `64MiB`".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err(
            "is not a size; write it as `64MiB`, with `KiB` or `GiB`, or as a number of bytes"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in [
            ("60s", 60),
            ("5m", 300),
            ("12h", 43_200),
            ("30d", 2_592_000),
            ("0s", 0),
            ("1 h", 3600),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "s",
            "60",
            "1.5h",
            "-1s",
            "1w",
            "1S",
            "99999999999999999999s",
            "9999999999999999d",
            "3651d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(patience("0m").is_err() && patience("1s").is_ok());
        assert!(days("23h").is_err() && days("24h").is_ok() && days("x").is_err());
    }

    #[test]
    fn sizes_are_bytes_or_binary_multiples() {
        for (text, bytes) in [
            ("1", 1),
            ("10B", 10),
            ("512KiB", 524_288),
            ("64MiB", 67_108_864),
            ("2 GiB", 2_147_483_648),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "MiB",
            "64MB",
            "64mib",
            "0",
            "0MiB",
            "1.5GiB",
            "99999999999GiB",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
