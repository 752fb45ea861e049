//! What a person sets: behind the provider's name in cargo's configuration, or in the environment.

use std::{collections::BTreeMap, env, ffi::OsString};

use crate::place::Place;

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
    /// For whom a job's identity is made, by the registry's address without its scheme, where that is not the same. An option
    /// for all registries would send it to any server that a project's configuration names.
    pub(crate) audiences: BTreeMap<String, String>,
}

/// A setting that makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadOption {
    #[error(
        "`cargo-credential-supercargo` does not know `{0}`; it takes `--days N`, `--no-browser`, `--no-keyring` and `--audience HOST/REGISTRY=TEXT`"
    )]
    Unknown(String),
    #[error("`--days` and SUPERCARGO_LOGIN_DAYS are a number of days from 1 to 365, not `{0}`")]
    Days(String),
    #[error(
        "`--audience` needs the registry for which it is, as in `--audience crates.acme.example/acme=TEXT`"
    )]
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
            audiences: BTreeMap::new(),
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
                    let given = arguments.next().ok_or(BadOption::Audience)?;
                    let (registry, audience) = given.split_once('=').ok_or(BadOption::Audience)?;
                    // a scheme would never be found again
                    if !registry.contains('/') || registry.contains("://") || audience.is_empty() {
                        return Err(BadOption::Audience);
                    }
                    options
                        .audiences
                        .insert(registry.to_owned(), audience.to_owned());
                }
                other => return Err(BadOption::Unknown(other.to_owned())),
            }
        }
        Ok(options)
    }

    /// For whom a job's identity is made that is for this registry.
    pub(crate) fn audience(&self, place: &Place) -> String {
        let own = place.audience();
        self.audiences.get(&own).cloned().unwrap_or(own)
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
            &["--days", "7", "--no-browser", "--audience", "a.example/b=x"],
            Some("2"),
        )
        .unwrap();
        assert_eq!(
            options,
            Options {
                hours: 168,
                may_browse: false,
                has_keyring: true,
                audiences: [("a.example/b".to_owned(), "x".to_owned())].into(),
            }
        );
    }

    /// The attack is a project's configuration that names another server.
    #[test]
    fn an_audience_is_for_one_registry() {
        let options = of(&["--audience", "a.example/b=https://x?y=z"], None).unwrap();
        let audience = |address: &str| {
            let url = format!("sparse+{address}/index/");
            options.audience(&Place::of(&url).unwrap())
        };
        assert_eq!(audience("https://a.example/b"), "https://x?y=z");
        assert_eq!(audience("https://a.example/b/mirror"), "https://x?y=z");
        assert_eq!(audience("https://a.example/c"), "a.example/c");
        assert_eq!(audience("https://evil.example/b"), "evil.example/b");
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for bad in [
            &["--days"][..],
            &["--days", "0"],
            &["--days", "366"],
            &["--days", "x"],
            &["--audience"],
            &["--audience", "x"],
            &["--audience", "x=y"],
            &["--audience", "https://a.example/b=y"],
            &["--audience", "a.example/b="],
            &["--day", "1"],
            &["token"],
        ] {
            assert!(of(bad, None).is_err(), "{bad:?}");
        }
        assert!(of(&[], Some("x")).is_err());
    }
}
