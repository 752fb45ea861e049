//! What somebody is told who does something too often.

use std::{fmt, time::Duration};

use supercargo_types::Rate;

/// One sentence each, with when it is possible again.
#[expect(
    missing_docs,
    reason = "each variant's sentence stands right above it, and its fields are the blanks in it"
)]
#[derive(Debug, thiserror::Error)]
pub enum TooMany {
    // cargo does not ask again by itself here
    #[error(
        "`{principal}` publishes too often: this server takes {} of a principal; publish the rest in {}, or ask its operator to raise `limits.publishes`",
        InWords(*.rate), Soon(*.wait)
    )]
    Publishes {
        principal: String,
        rate: Rate,
        wait: Duration,
    },
    // the same for the account's limit and the address's, and for accounts that are not there
    #[error("too many failed sign-ins; try again in {}", Soon(*.wait))]
    SignIns { wait: Duration },
    #[error(
        "{why} (too many bad tokens come from this address; correct what sends them, a good one is taken at once)"
    )]
    BadTokens { why: String, wait: Duration },
    #[error("too many logins were begun from this address; try again in {}", Soon(*.wait))]
    DeviceLogins { wait: Duration },
    #[error(
        "too many codes that no login waits for; look once more at the one in your terminal, and try again in {}",
        Soon(*.wait)
    )]
    DeviceCodes { wait: Duration },
    #[error(
        "too many people search at this moment who are not signed in; sign in, or try again in {}",
        Soon(*.wait)
    )]
    Searches { wait: Duration },
}

impl TooMany {
    pub(crate) fn wait(&self) -> Duration {
        match self {
            Self::Publishes { wait, .. }
            | Self::SignIns { wait }
            | Self::BadTokens { wait, .. }
            | Self::DeviceLogins { wait }
            | Self::DeviceCodes { wait }
            | Self::Searches { wait } => *wait,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Publishes { .. } => "too-many-publishes",
            Self::SignIns { .. } => "too-many-failed-sign-ins",
            Self::BadTokens { .. } => "too-many-bad-tokens",
            Self::DeviceLogins { .. } => "too-many-logins",
            Self::DeviceCodes { .. } => "too-many-codes",
            Self::Searches { .. } => "too-many-searches",
        }
    }
}

/// `12 seconds`, `3 minutes`: never sooner than it is true.
struct Soon(Duration);

impl fmt::Display for Soon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_millis().div_ceil(1000).max(1);
        match seconds {
            1 => f.write_str("a second"),
            2..=120 => write!(f, "{seconds} seconds"),
            _ => write!(f, "{} minutes", seconds.div_ceil(60)),
        }
    }
}

/// `300 at once and then 1 each second`.
struct InWords(Rate);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (burst, then, period) = (self.0.burst(), self.0.then(), self.0.period());
        write!(f, "{burst} at once and then {then} each {period}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_told_shorter_than_it_is() {
        for (millis, told) in [
            (0, "a second"),
            (1000, "a second"),
            (1001, "2 seconds"),
            (120_000, "120 seconds"),
            (120_001, "3 minutes"),
            (3_600_000, "60 minutes"),
        ] {
            let wait = Duration::from_millis(millis);
            assert_eq!(Soon(wait).to_string(), told, "{millis}");
        }
    }
}
