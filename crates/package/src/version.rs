//! The one place that reads a version number that somebody publishes.

use semver::Version;

use crate::text::shown;

/// crates.io's limit, in characters; it keeps file names below what file systems take.
const LONGEST_VERSION: usize = 150;

/// Why a text is no version number that can be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVersion {
    /// More than 150 characters.
    #[error(
        "the version number is too long (at most {LONGEST_VERSION} characters); shorten its pre-release or build metadata"
    )]
    TooLong,
    /// Not `MAJOR.MINOR.PATCH` with optional pre-release and build metadata.
    #[error("`{version}` is not a version number ({reason}); write it as `1.2.3` or `1.2.3-rc.1`")]
    NotSemver {
        /// As it was given.
        version: String,
        /// What the parser says.
        reason: String,
    },
}

/// Reads a full version number, at most 150 characters long.
pub fn parse_version(text: &str) -> Result<Version, InvalidVersion> {
    if text.chars().count() > LONGEST_VERSION {
        return Err(InvalidVersion::TooLong);
    }
    text.parse()
        .map_err(|error: semver::Error| InvalidVersion::NotSemver {
            version: shown(text),
            reason: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_versions_are_versions() {
        for good in [
            "0.0.0",
            "1.2.3-rc.1+build.7",
            &format!("1.0.0-{}", "a".repeat(144)),
        ] {
            assert_eq!(parse_version(good).unwrap().to_string(), good);
        }
        let say = |text: &str| parse_version(text).unwrap_err().to_string();
        let too_long = format!("1.0.0-{}", "a".repeat(145));
        insta::assert_snapshot!(
            ["", "1.1", "v1.1.0", "1.0.0 ", "01.0.0", "99999999999999999999.0.0", &too_long].map(say).join("\n"),
            @"
            `` is not a version number (empty string, expected a semver version); write it as `1.2.3` or `1.2.3-rc.1`
            `1.1` is not a version number (unexpected end of input while parsing minor version number); write it as `1.2.3` or `1.2.3-rc.1`
            `v1.1.0` is not a version number (unexpected character 'v' while parsing major version number); write it as `1.2.3` or `1.2.3-rc.1`
            `1.0.0 ` is not a version number (unexpected character ' ' after patch version number); write it as `1.2.3` or `1.2.3-rc.1`
            `01.0.0` is not a version number (invalid leading zero in major version number); write it as `1.2.3` or `1.2.3-rc.1`
            `99999999999999999999.0.0` is not a version number (value of major version number exceeds u64::MAX); write it as `1.2.3` or `1.2.3-rc.1`
            the version number is too long (at most 150 characters); shorten its pre-release or build metadata
            "
        );
    }
}
