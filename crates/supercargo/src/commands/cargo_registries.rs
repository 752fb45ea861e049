//! Which of cargo's registries are views of one of ours, as far as cargo's files say. What else configures cargo is its own
//! business: a registry that is not found here is called as ours is.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use cargo_credential_supercargo::Place;
use supercargo_types::RegistryName;
use toml::Table;

/// A hundred times what cargo's configuration has.
const LONGEST: u64 = 1 << 20;

/// What cargo calls the views of a registry, the one of its own name first.
pub(super) fn of(registry: &RegistryName, base: &str) -> Vec<String> {
    among(&configured(&files()), registry, base)
}

fn among(indexes: &BTreeMap<String, String>, registry: &RegistryName, base: &str) -> Vec<String> {
    let name = registry.in_cargo();
    // the address that cargo knows may be another one than that of this command
    let place = match indexes.get(&name) {
        Some(index) => Place::of(index),
        None => Place::of(&format!(
            "sparse+{}/{registry}/index/",
            base.trim_end_matches('/')
        )),
    };
    let mut names: Vec<_> = indexes
        .iter()
        .filter(|(_, index)| place.is_some() && Place::of(index) == place)
        .map(|(name, _)| name.clone())
        .collect();
    if names.is_empty() || (indexes.contains_key(&name) && !names.contains(&name)) {
        names.push(name.clone());
    }
    names.sort_by_key(|other| *other != name);
    names
}

/// Cargo's files, those that beat others last.
fn files() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    let home = home
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")));
    let here = env::current_dir().unwrap_or_default();
    let above: Vec<_> = here
        .ancestors()
        .map(|folder| folder.join(".cargo"))
        .collect();
    let folders = home.into_iter().chain(above.into_iter().rev());
    folders
        .flat_map(|folder| [folder.join("config.toml"), folder.join("config")])
        .collect()
}

/// The index of each registry. What cannot be read cargo complains about itself.
fn configured(files: &[PathBuf]) -> BTreeMap<String, String> {
    let mut indexes = BTreeMap::new();
    for table in files.iter().filter_map(|path| read(path)) {
        let registries = table.get("registries").and_then(toml::Value::as_table);
        for (name, registry) in registries.into_iter().flatten() {
            if let Some(index) = registry.get("index").and_then(toml::Value::as_str) {
                indexes.insert(name.clone(), index.to_owned());
            }
        }
    }
    indexes
}

fn read(path: &Path) -> Option<Table> {
    let length = fs::metadata(path).ok()?.len();
    if length > LONGEST {
        return None;
    }
    fs::read_to_string(path).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(indexes: &[(&str, &str)], registry: &str) -> Vec<String> {
        let indexes = indexes
            .iter()
            .map(|(name, index)| ((*name).to_owned(), format!("sparse+{index}/index/")))
            .collect();
        among(
            &indexes,
            &registry.parse().unwrap(),
            "http://127.0.0.1:22746/",
        )
    }

    #[test]
    fn every_view_of_the_registry_is_found_and_nothing_of_another_server() {
        let indexes = [
            ("a-mirror", "https://crates.acme.example/main/mirror"),
            ("main", "https://crates.acme.example/main"),
            ("other", "https://crates.acme.example/other"),
            ("stranger", "https://registry.example/main"),
        ];
        assert_eq!(found(&indexes, "main"), ["main", "a-mirror"]);
        assert_eq!(found(&indexes, "other"), ["other"]);
    }

    #[test]
    fn a_registry_that_cargo_calls_otherwise_is_found_by_the_address() {
        let indexes = [("company", "http://127.0.0.1:22746/main/mirror")];
        assert_eq!(found(&indexes, "main"), ["company"]);
    }

    #[test]
    fn one_that_is_not_found_is_called_as_ours_is() {
        assert_eq!(found(&[], "team.tools"), ["team-tools"]);
        let odd = [("main", "ssh://registry.example/main")];
        assert_eq!(found(&odd, "main"), ["main"]);
    }

    #[test]
    fn a_nearer_file_beats_one_further_away() {
        let folder = tempfile::tempdir().unwrap();
        let [far, near, broken] = ["far", "near", "broken"].map(|name| folder.path().join(name));
        let text = |index: &str| format!("[registries.main]\nindex = \"{index}\"\n");
        fs::write(&far, text("far")).unwrap();
        fs::write(&near, text("near")).unwrap();
        fs::write(&broken, "[registries").unwrap();
        let indexes = configured(&[far, near, broken, "nowhere".into()]);
        assert_eq!(indexes["main"], "near");
    }
}
