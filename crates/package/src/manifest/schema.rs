//! `Cargo.toml` as far as this room reads it. Unknown keys are ignored: tomorrow's cargo has more of them.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Manifest {
    pub(super) package: Package,
    pub(super) lib: Option<Target>,
    #[serde(default)]
    pub(super) bin: Vec<Target>,
    #[serde(default)]
    pub(super) features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) dependencies: DependencyTable,
    #[serde(default, alias = "build_dependencies")]
    pub(super) build_dependencies: DependencyTable,
    #[serde(default, alias = "dev_dependencies")]
    pub(super) dev_dependencies: DependencyTable,
    #[serde(default)]
    pub(super) target: BTreeMap<String, TargetTables>,
    pub(super) patch: Option<toml::Table>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: Option<String>,
    pub(super) license: Option<String>,
    pub(super) license_file: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) documentation: Option<String>,
    pub(super) repository: Option<String>,
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    #[serde(default)]
    pub(super) categories: Vec<String>,
    #[serde(default)]
    pub(super) authors: Vec<String>,
    pub(super) readme: Option<Setting>,
    pub(super) rust_version: Option<String>,
    pub(super) edition: Option<String>,
    pub(super) links: Option<String>,
    pub(super) build: Option<Setting>,
    pub(super) autobins: Option<bool>,
    pub(super) autolib: Option<bool>,
}

/// `[lib]` or one `[[bin]]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Target {
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
    #[serde(default, alias = "proc_macro")]
    pub(super) proc_macro: bool,
    #[serde(default, alias = "crate_type")]
    pub(super) crate_type: Vec<String>,
}

/// A path, several paths, or whether to look in the usual place.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected `true`, `false`, a path or a list of paths"
)]
pub(super) enum Setting {
    Usual(bool),
    Path(String),
    Paths(Vec<String>),
}

/// `[target.'…']`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TargetTables {
    #[serde(default)]
    pub(super) dependencies: DependencyTable,
    #[serde(default, alias = "build_dependencies")]
    pub(super) build_dependencies: DependencyTable,
    #[serde(default, alias = "dev_dependencies")]
    pub(super) dev_dependencies: DependencyTable,
}

/// `[dependencies]` and its like.
pub(super) type DependencyTable = BTreeMap<String, DependencySpec>;

/// `"1.0"` or a table.
pub(super) struct DependencySpec(pub(super) DependencyFields);

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DependencyFields {
    pub(super) version: Option<String>,
    pub(super) package: Option<String>,
    pub(super) registry: Option<String>,
    pub(super) registry_index: Option<String>,
    pub(super) git: Option<String>,
    #[serde(default)]
    pub(super) features: Vec<String>,
    #[serde(default)]
    pub(super) optional: bool,
    #[serde(alias = "default_features")]
    pub(super) default_features: Option<bool>,
    pub(super) artifact: Option<toml::Value>,
}

impl<'de> Deserialize<'de> for DependencySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = DependencySpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version requirement such as \"1.0\", or a table with `version`")
            }

            fn visit_str<E>(self, version: &str) -> Result<DependencySpec, E> {
                Ok(DependencySpec(DependencyFields {
                    version: Some(version.to_owned()),
                    ..DependencyFields::default()
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DependencySpec, A::Error> {
                DependencyFields::deserialize(MapAccessDeserializer::new(map)).map(DependencySpec)
            }
        }

        deserializer.deserialize_any(Either)
    }
}
