//! What is in effect, for the page that shows it: every key of the default file in its order, with its value, where that came
//! from, and what the default file says about it. Secrets are left out here, so that nothing further on can tell them.

use supercargo_registry::{ConfiguredBy, ConfiguredKey, ConfiguredValue};
use supercargo_store::DatabaseUrl;
use supercargo_types::Site;

use super::{
    Configuration, DEFAULTS, Origin, SecretKeyFile, Sourced,
    layers::{Layers, Raw},
};

/// Keys whose value nobody repeats.
const SECRETS: [&str; 2] = ["admin_token", "sign_on.client_secret"];
/// Its address may hold a password.
const DATABASE: &str = "database";

/// What all keys are set to, before any of them is understood.
pub(super) fn all(layers: &Layers) -> Vec<ConfiguredKey> {
    let told = |(key, about): (String, String)| {
        let Sourced { value, origin } = layers.get(&key);
        ConfiguredKey {
            value: shown(&key, value),
            source: source(origin),
            key,
            about,
        }
    };
    documented().into_iter().map(told).collect()
}

impl Configuration {
    /// Every key with its value and where that came from. Of what is not set, what stands in for it is known once the server
    /// listens.
    pub(crate) fn told(&self, site: &Site) -> Vec<ConfiguredKey> {
        let stands_in = |key: &str| match key {
            "public_url" => Some(site.base().to_owned()),
            DATABASE => Some(self.database.to_string()),
            "storage" => Some(self.storage.display().to_string()),
            "secret_key_file" => match &self.secret_key_file {
                SecretKeyFile::InDataFolder(path) => Some(path.display().to_string()),
                SecretKeyFile::Given(_) => None,
            },
            _ => None,
        };
        let told = |told: &ConfiguredKey| {
            let mut told = told.clone();
            if let ConfiguredValue::Unset(instead) = &mut told.value {
                *instead = stands_in(&told.key);
            }
            told
        };
        self.keys.iter().map(told).collect()
    }
}

fn shown(key: &str, value: &Raw) -> ConfiguredValue {
    match value {
        Raw::Text(text) if text.is_empty() => ConfiguredValue::Unset(None),
        Raw::List(texts) if texts.is_empty() => ConfiguredValue::Unset(None),
        _ if SECRETS.contains(&key) => ConfiguredValue::Secret,
        Raw::Text(text) if key == DATABASE => match text.parse::<DatabaseUrl>() {
            // shown without its password
            Ok(url) => ConfiguredValue::Text(url.to_string()),
            Err(_) => ConfiguredValue::Secret,
        },
        Raw::Text(text) => ConfiguredValue::Text(text.clone()),
        Raw::List(texts) => ConfiguredValue::List(texts.clone()),
    }
}

fn source(origin: &Origin) -> ConfiguredBy {
    match origin {
        Origin::Default => ConfiguredBy::Default,
        Origin::File(path) => ConfiguredBy::File(path.display().to_string()),
        Origin::Environment(name) => ConfiguredBy::Environment(name.clone()),
        Origin::Flag(name) => ConfiguredBy::Flag(name.clone()),
    }
}

/// The keys of the default file in its order, each with the comment above it.
fn documented() -> Vec<(String, String)> {
    let (mut keys, mut section, mut about) = (Vec::new(), String::new(), Vec::new());
    for line in DEFAULTS.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            about.push(comment.trim());
        } else if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
            about.clear();
        } else if let Some((key, _)) = line.split_once(" = ") {
            // a paragraph before the last one is about several keys
            let own = about.rsplit(|line| line.is_empty()).next();
            let own = own.unwrap_or_default().join(" ");
            keys.push((format!("{section}{key}"), own));
            about.clear();
        } else {
            about.clear();
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::configuration::{Environment, Flags};

    const TOKEN: &str = "scg_0000000000000000000000000000000000000000000000000";

    fn told(flags: &Flags, variables: &[(&str, &str)]) -> BTreeMap<String, ConfiguredKey> {
        let pair = |&(name, value): &(&str, &str)| (name.to_owned(), value.into());
        let environment = Environment(variables.iter().map(pair).collect());
        let layers = Layers::read(flags, &environment).unwrap();
        let keys = all(&layers).into_iter();
        keys.map(|told| (told.key.clone(), told)).collect()
    }

    #[test]
    fn every_key_is_told_once_and_has_words() {
        let layers = Layers::read(&Flags::default(), &Environment::default()).unwrap();
        let keys = all(&layers);
        let mut names: Vec<_> = keys.iter().map(|told| told.key.as_str()).collect();
        assert_eq!(names[0], "data");
        names.sort_unstable();
        assert_eq!(names, layers.left());
        let file_beside_its_secret = ["sign_on.client_secret_file", "sign_on.creators", "tls.key"];
        for told in keys {
            let has_words = !told.about.is_empty();
            let is_second = file_beside_its_secret.contains(&told.key.as_str());
            assert!(has_words != is_second, "{}: {}", told.key, told.about);
            assert_eq!(told.source, ConfiguredBy::Default);
        }
    }

    /// Issue 6: secrets as "set".
    #[test]
    fn a_key_that_sounds_like_a_secret_is_one() {
        for (key, _) in documented() {
            let sounds = ["secret", "token", "password", "credential"]
                .iter()
                .any(|word| key.contains(word));
            let is_none = key.ends_with("_file") || key.starts_with("limits.");
            assert_eq!(
                sounds && !is_none,
                SECRETS.contains(&key.as_str()),
                "{key}: is it one?"
            );
        }
    }

    /// Issue 6: effective configuration with where each value came from.
    #[test]
    fn each_value_has_the_layer_that_it_came_from_and_no_secret_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("supercargo.toml");
        let text = "listen = \"127.0.0.1:1\"\n[sign_on]\nclient_secret = \"hush\"\nadmins = [\"a\", \"b\"]\n";
        std::fs::write(&file, text).unwrap();
        let flags = Flags {
            config: Some(file.clone()),
            values: vec![("data", Some("/srv".to_owned()))],
        };
        let variables = [
            ("SUPERCARGO_ADMIN_TOKEN", TOKEN),
            (
                "SUPERCARGO_DATABASE",
                "postgres://me:hush@db.example/crates?password=hush",
            ),
            ("SUPERCARGO_LISTEN", "127.0.0.1:2"),
        ];
        let keys = told(&flags, &variables);
        let of = |key: &str| (keys[key].value.clone(), keys[key].source.clone());
        let text = |text: &str| ConfiguredValue::Text(text.to_owned());
        let variable = |name: &str| ConfiguredBy::Environment(name.to_owned());
        let in_file = ConfiguredBy::File(file.display().to_string());
        assert_eq!(
            of("data"),
            (text("/srv"), ConfiguredBy::Flag("--data".to_owned()))
        );
        assert_eq!(
            of("listen"),
            (text("127.0.0.1:2"), variable("SUPERCARGO_LISTEN")),
            "over the file"
        );
        assert_eq!(
            of("admin_token"),
            (ConfiguredValue::Secret, variable("SUPERCARGO_ADMIN_TOKEN"))
        );
        assert_eq!(
            of("database"),
            (
                text("postgres://me@db.example/crates"),
                variable("SUPERCARGO_DATABASE")
            )
        );
        assert_eq!(
            of("sign_on.client_secret"),
            (ConfiguredValue::Secret, in_file.clone())
        );
        let list = ConfiguredValue::List(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(of("sign_on.admins"), (list, in_file));
        assert_eq!(
            of("upstream.cache_size"),
            (ConfiguredValue::Unset(None), ConfiguredBy::Default)
        );
        let shown = format!("{keys:?}");
        assert!(!shown.contains("hush") && !shown.contains(TOKEN), "{shown}");
    }

    #[test]
    fn of_what_is_not_set_it_is_told_what_stands_in() {
        let configuration =
            Configuration::load(&Flags::default(), &Environment::default()).unwrap();
        let site = configuration.site(configuration.listen.value);
        let told = configuration.told(&site);
        let instead = |key: &str| {
            let told = told.iter().find(|told| told.key == key).unwrap();
            match &told.value {
                ConfiguredValue::Unset(instead) => instead.clone(),
                value => panic!("{key}: {value:?}"),
            }
        };
        assert_eq!(instead("public_url").unwrap(), "http://127.0.0.1:22746");
        assert_eq!(
            instead("database").unwrap(),
            "sqlite:./supercargo-data/supercargo.db"
        );
        assert_eq!(instead("storage").unwrap(), "./supercargo-data/blobs");
        assert_eq!(
            instead("secret_key_file").unwrap(),
            "./supercargo-data/secret-key"
        );
        assert_eq!(instead("audit.keep"), None);
    }
}
