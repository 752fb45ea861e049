//! What a person sets: behind the provider's name in cargo's configuration, or in the environment.

use std::{env, ffi::OsString};

/// How long a person's token works where nothing is said: a day's work.
const HOURS: u32 = 12;
const LONGEST_DAYS: u32 = 365;

/// Settings of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long a person's token works.
    pub(crate) hours: u32,
    /// Whether a browser may be opened.
    pub(crate) may_browse: bool,
    /// Whether the system's keyring may be asked.
    pub(crate) has_keyring: bool,
    /// For whom a job's identity is made, where that is not the registry's address.
    pub(crate) audience: Option<String>,
}

/// A setting that makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadOption {
    #[error(
        "`cargo-credential-supercargo` does not know `{0}`; it takes `--days N`, `--no-browser`, `--no-keyring` and `--audience TEXT`"
    )]
    Unknown(String),
    #[error("`--days` and SUPERCARGO_LOGIN_DAYS are a number of days from 1 to 365, not `{0}`")]
    Days(String),
    #[error("`--audience` needs a text behind it")]
    Audience,
}

impl Options {
    /// Of the arguments that cargo passes on, and the environment, which they beat.
    pub(crate) fn of(arguments: &[&str]) -> Result<Self, BadOption> {
        Self::with(arguments, |name| env::var_os(name))
    }

    fn with(
        arguments: &[&str],
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, BadOption> {
        let set = |name: &str| {
            let value = environment(name)?.to_string_lossy().into_owned();
            (!value.is_empty()).then_some(value)
        };
        let mut options = Self {
            hours: HOURS,
            may_browse: true,
            has_keyring: true,
            audience: None,
        };
        if let Some(days) = set("SUPERCARGO_LOGIN_DAYS") {
            options.hours = hours(&days)?;
        }
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--no-browser" => options.may_browse = false,
                "--no-keyring" => options.has_keyring = false,
                "--days" => options.hours = hours(arguments.next().unwrap_or(&""))?,
                "--audience" => {
                    let audience = arguments.next().ok_or(BadOption::Audience)?;
                    options.audience = Some((*audience).to_owned());
                }
                other => return Err(BadOption::Unknown(other.to_owned())),
            }
        }
        Ok(options)
    }
}

fn hours(days: &str) -> Result<u32, BadOption> {
    let days: u32 = match days.parse() {
        Ok(number) if (1..=LONGEST_DAYS).contains(&number) => number,
        _ => return Err(BadOption::Days(days.to_owned())),
    };
    Ok(days * 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str], days: Option<&str>) -> Result<Options, String> {
        let environment = |name: &str| {
            let days = (name == "SUPERCARGO_LOGIN_DAYS").then_some(days)?;
            days.map(OsString::from)
        };
        Options::with(arguments, environment).map_err(|bad| bad.to_string())
    }

    #[test]
    fn what_stands_in_the_configuration_beats_the_environment() {
        assert_eq!(of(&[], None).unwrap().hours, 12);
        assert_eq!(of(&[], Some("")).unwrap().hours, 12);
        assert_eq!(of(&[], Some("2")).unwrap().hours, 48);
        let options = of(
            &["--days", "7", "--no-browser", "--audience", "x"],
            Some("2"),
        )
        .unwrap();
        assert_eq!(
            options,
            Options {
                hours: 168,
                may_browse: false,
                has_keyring: true,
                audience: Some("x".to_owned()),
            }
        );
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for bad in [
            &["--days"][..],
            &["--days", "0"],
            &["--days", "366"],
            &["--days", "x"],
            &["--audience"],
            &["--day", "1"],
            &["token"],
        ] {
            assert!(of(bad, None).is_err(), "{bad:?}");
        }
        assert!(of(&[], Some("x")).is_err());
    }
}
