//! Points in time and their texts: RFC 3339 in the API, seconds with `Z` in the index, RFC 9110 dates in headers.

use std::{fmt, time::Duration};

/// Microseconds since 1970-01-01 00:00 UTC: what SQL holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From SQL's number.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// For SQL.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This point and a while; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, while_: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(while_.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This point without a while; stops at the beginning of time instead of wrapping.
    #[must_use]
    pub fn minus(self, while_: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(while_.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    fn utc(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// `2026-11-20T11:54:12Z`: exactly 20 characters, the only form of `pubtime` that cargo accepts.
    pub fn pubtime(self) -> String {
        self.utc().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `Fri, 20 Nov 2026 11:54:12 GMT`, for HTTP headers (RFC 9110, 5.6.7).
    pub fn http_date(self) -> String {
        self.utc().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Reads an HTTP date in its one current form; obsolete forms are `None`.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let stamp = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
        let utc = stamp
            .to_datetime()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?;
        Some(Self(utc.timestamp().as_microsecond()))
    }

    /// Reads RFC 3339, with any offset and precision.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|stamp| Self(stamp.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.utc(), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

crate::described::described!(Timestamp, crate::described::time());

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_rfc3339(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a time; write it as `2026-11-20T11:54:12Z`"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_text() {
        let time = Timestamp::from_micros(1_795_175_652_015_923);
        assert_eq!(time.to_string(), "2026-11-20T11:54:12.015923Z");
        assert_eq!(time.pubtime(), "2026-11-20T11:54:12Z");
        assert_eq!(time.pubtime().len(), 20);
        assert_eq!(time.http_date(), "Fri, 20 Nov 2026 11:54:12 GMT");
        let seconds = Timestamp::from_seconds(time.as_seconds());
        assert_eq!(Timestamp::from_http_date(&time.http_date()), Some(seconds));
        assert_eq!(
            Timestamp::from_rfc3339("2026-11-20T12:54:12+01:00"),
            Some(seconds)
        );
        assert_eq!(Timestamp::from_http_date("yesterday"), None);
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let last = Timestamp::from_micros(i64::MAX);
        assert_eq!(last.plus(Duration::from_secs(1)), last);
        assert_eq!(Timestamp::from_micros(0).since(last), Duration::ZERO);
    }
}
