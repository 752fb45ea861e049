//! Four layers of texts, one over the other. Nothing here knows what a key means: the default file says which keys there are
//! and which of them are lists.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    error::ConfigurationError,
    origin::{Origin, Sourced, flag, variable},
};

/// Every key with its default and its documentation.
pub(crate) const DEFAULTS: &str = include_str!("../../config.default.toml");
/// Names the configuration file.
const CONFIG_VARIABLE: &str = "SUPERCARGO_CONFIG";
/// Variables that are not keys: the first names the file, the others are the command line's.
const OTHER_VARIABLES: [&str; 3] = [CONFIG_VARIABLE, "SUPERCARGO_URL", "SUPERCARGO_TOKEN"];
/// A hundred times what all keys need.
const LONGEST_FILE: u64 = 1 << 20;
/// As far as a typing error goes: two slips.
const TYPING_ERROR: usize = 2;

/// A value before it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    /// A text, or a number as text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// What was said on the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// Keys that have a flag, and what was given.
    pub(crate) values: Vec<(&'static str, Option<String>)>,
}

/// The variables of this process whose names begin with `SUPERCARGO_`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(pub(crate) BTreeMap<String, OsString>);

impl Environment {
    /// Read once, at the start.
    pub(crate) fn of_process() -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok()?;
            name.starts_with("SUPERCARGO_").then_some((name, value))
        };
        Self(std::env::vars_os().filter_map(ours).collect())
    }

    /// An empty variable counts as absent: that is what `NAME=${NAME:-}` in a compose file gives.
    fn text(&self, name: &str) -> Result<Option<String>, ConfigurationError> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        match value.to_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(ConfigurationError::NotText(name.to_owned())),
        }
    }
}

/// The layers put together.
#[derive(Debug)]
pub(crate) struct Layers {
    entries: BTreeMap<String, Sourced<Raw>>,
    /// Sentences for the log.
    pub(crate) warnings: Vec<String>,
}

impl Layers {
    /// Default, file, environment, flags: each over the one before.
    pub(crate) fn read(
        flags: &Flags,
        environment: &Environment,
    ) -> Result<Self, ConfigurationError> {
        let mut layers = Self::defaults();
        let from_environment = environment.text(CONFIG_VARIABLE)?.map(|path| {
            (
                PathBuf::from(path),
                Origin::Environment(CONFIG_VARIABLE.to_owned()),
            )
        });
        let from_flag = flags
            .config
            .clone()
            .map(|path| (path, Origin::Flag("--config".to_owned())));
        if let Some((path, origin)) = from_flag.or(from_environment) {
            layers.add_file(&path, &origin)?;
        }
        layers.add_environment(environment)?;
        for (key, value) in &flags.values {
            if let Some(value) = value {
                layers.set(key, Raw::Text(value.clone()), Origin::Flag(self::flag(key)));
            }
        }
        Ok(layers)
    }

    fn defaults() -> Self {
        let table: Table = DEFAULTS
            .parse()
            .expect("invariant: the default file is TOML");
        let mut entries = BTreeMap::new();
        for (key, value) in flatten(table) {
            let value =
                raw(&value).expect("invariant: the default file has texts and lists of texts");
            let origin = Origin::Default;
            entries.insert(key, Sourced { value, origin });
        }
        Self {
            entries,
            warnings: Vec::new(),
        }
    }

    fn set(&mut self, key: &str, value: Raw, origin: Origin) {
        self.entries
            .insert(key.to_owned(), Sourced { value, origin });
    }

    fn add_file(&mut self, path: &Path, origin: &Origin) -> Result<(), ConfigurationError> {
        let text = read_file(path, origin)?;
        let table: Table =
            text.parse()
                .map_err(|error: toml::de::Error| ConfigurationError::Syntax {
                    path: path.to_owned(),
                    line: error
                        .span()
                        .map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
                    reason: error.message().replace('\n', ", "),
                })?;
        for (key, value) in flatten(table) {
            if self.is_section(&key) && value.as_table().is_some() {
                continue; // an empty one, or its keys would stand here
            }
            let Some(default) = self.entries.get(&key) else {
                let advice = self.advice(&key);
                return Err(ConfigurationError::UnknownKey {
                    path: path.to_owned(),
                    key,
                    advice,
                });
            };
            let expected = match (raw(&value), &default.value) {
                (Some(Raw::List(_)) | None, Raw::Text(_)) => {
                    "is one text; write it in quotation marks"
                }
                (Some(Raw::Text(_)) | None, Raw::List(_)) => {
                    "is a list of texts; write it as `[\"…\", \"…\"]`"
                }
                (Some(value), _) => {
                    self.set(&key, value, Origin::File(path.to_owned()));
                    continue;
                }
            };
            return Err(ConfigurationError::Kind {
                path: path.to_owned(),
                key,
                expected,
            });
        }
        Ok(())
    }

    /// Whether keys begin with this name and a dot.
    fn is_section(&self, name: &str) -> bool {
        let rests = self.entries.keys().map(|key| key.strip_prefix(name));
        rests.flatten().any(|rest| rest.starts_with('.'))
    }

    /// What to write instead of a key that is none.
    fn advice(&self, key: &str) -> String {
        if self.is_section(key) {
            return format!("it is a section: write `[{key}]` and its keys below");
        }
        let sections = self.entries.keys().filter_map(|key| key.split_once('.'));
        let known = self.entries.keys().map(String::as_str);
        let nearest = known
            .chain(sections.map(|(section, _)| section))
            .min_by_key(|known| strsim::damerau_levenshtein(known, key));
        match nearest {
            Some(known) if strsim::jaro_winkler(known, key) > 0.8 => {
                format!("did you mean `{known}`?")
            }
            _ => "`supercargo serve --print-defaults` shows every key".to_owned(),
        }
    }

    fn add_environment(&mut self, environment: &Environment) -> Result<(), ConfigurationError> {
        let keys: BTreeMap<_, _> = self
            .entries
            .iter()
            .map(|(key, entry)| (variable(key), (key.clone(), entry.value.clone())))
            .collect();
        for name in environment.0.keys() {
            let Some((key, default)) = keys.get(name) else {
                self.warnings
                    .extend(misspelt(name, keys.keys().map(String::as_str)));
                continue;
            };
            if let Some(text) = environment.text(name)? {
                let value = match default {
                    Raw::Text(_) => Raw::Text(text),
                    Raw::List(_) => Raw::List(elements(&text)),
                };
                self.set(key, value, Origin::Environment(name.clone()));
            }
        }
        Ok(())
    }

    /// The value of a key, and where it came from.
    pub(crate) fn get(&self, key: &str) -> &Sourced<Raw> {
        self.entries
            .get(key)
            .expect("invariant: the default file has every key")
    }

    /// Takes the value of a key out.
    pub(crate) fn take(&mut self, key: &str) -> Sourced<Raw> {
        self.entries
            .remove(key)
            .expect("invariant: the default file has every key")
    }

    /// Keys that nobody took: the default file names something that is not there.
    pub(crate) fn left(&self) -> Vec<&str> {
        self.entries.keys().map(String::as_str).collect()
    }
}

/// Other variables with our prefix are not ours to refuse: Kubernetes makes `SUPERCARGO_PORT_22746_TCP` and the like for a
/// service called supercargo. One that is nearly a key is worth a word.
fn misspelt<'a>(name: &str, keys: impl Iterator<Item = &'a str>) -> Option<String> {
    if OTHER_VARIABLES.contains(&name) {
        return None;
    }
    let nearest = keys.min_by_key(|known| strsim::damerau_levenshtein(known, name))?;
    (strsim::damerau_levenshtein(nearest, name) <= TYPING_ERROR).then(|| {
        format!("the environment variable {name} means nothing here; did you mean {nearest}?")
    })
}

fn read_file(path: &Path, origin: &Origin) -> Result<String, ConfigurationError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        // one more than the limit, so that a file that is too long is told from one that just fits
        file.take(LONGEST_FILE + 1).read_to_string(&mut text)
    });
    match read {
        Err(source) => Err(ConfigurationError::Unreadable {
            path: path.to_owned(),
            origin: origin.clone(),
            source,
        }),
        Ok(_) if text.len() as u64 > LONGEST_FILE => Err(ConfigurationError::TooLarge {
            path: path.to_owned(),
            origin: origin.clone(),
            limit: LONGEST_FILE,
        }),
        Ok(_) => Ok(text),
    }
}

/// Dotted keys and their values. An empty table stands for itself, so that a misspelt section does not pass unseen.
fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                let inner = flatten(inner).into_iter();
                flat.extend(inner.map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => flat.push((key, value)),
        }
    }
    flat
}

/// Texts, whole numbers, `true` and `false`, and lists of texts; `None` for anything else.
fn raw(value: &Value) -> Option<Raw> {
    match value {
        Value::String(text) => Some(Raw::Text(text.clone())),
        Value::Integer(number) => Some(Raw::Text(number.to_string())),
        Value::Boolean(switch) => Some(Raw::Text(switch.to_string())),
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            Some(Raw::List(texts.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

/// The parts of a list in an environment variable.
fn elements(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}
