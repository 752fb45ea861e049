//! A dependency of a [`Package`](super::Package), and the three forms it has: in a manifest, in the metadata of a publish,
//! and in an index entry.

use serde_json::{Value, json};

/// What the metadata of a publish says for a dependency without `registry`: crates.io, by the URL of its git index.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// One dependency. Without more said, it is a normal one on crates.io.
#[derive(Clone, Debug)]
pub struct Dependency {
    name: String,
    requirement: String,
    alias: Option<String>,
    features: Vec<String>,
    optional: bool,
    default_features: bool,
    target: Option<String>,
    kind: Kind,
    registry_name: Option<String>,
    registry_index: Option<String>,
    in_same_registry: bool,
    path: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Development,
    Build,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Development => "dev",
            Self::Build => "build",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Normal => "dependencies",
            Self::Development => "dev-dependencies",
            Self::Build => "build-dependencies",
        }
    }
}

/// Which of its two manifests a package writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// On an author's disk: `registry = "name"`, `path = "…"`.
    Source,
    /// In a `.crate`, as cargo rewrites it: `registry-index = "sparse+…"`.
    Packaged,
}

impl Dependency {
    /// `name = "requirement"`.
    pub fn new(name: &str, requirement: &str) -> Self {
        Self {
            name: name.to_owned(),
            requirement: requirement.to_owned(),
            alias: None,
            features: Vec::new(),
            optional: false,
            default_features: true,
            target: None,
            kind: Kind::Normal,
            registry_name: None,
            registry_index: None,
            in_same_registry: false,
            path: None,
        }
    }

    /// `alias = { package = "name" }`.
    #[must_use]
    pub fn rename(mut self, alias: &str) -> Self {
        self.alias = Some(alias.to_owned());
        self
    }

    /// `features = […]`.
    #[must_use]
    pub fn features(mut self, features: &[&str]) -> Self {
        self.features = features.iter().map(ToString::to_string).collect();
        self
    }

    /// `optional = true`.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// `default-features = false`.
    #[must_use]
    pub fn without_default_features(mut self) -> Self {
        self.default_features = false;
        self
    }

    /// Under `[target.'…']`.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// Under `[dev-dependencies]`.
    #[must_use]
    pub fn development(mut self) -> Self {
        self.kind = Kind::Development;
        self
    }

    /// Under `[build-dependencies]`.
    #[must_use]
    pub fn build(mut self) -> Self {
        self.kind = Kind::Build;
        self
    }

    /// `registry = "name"`, in the source form only: cargo turns it into `registry-index` when it packages.
    #[must_use]
    pub fn registry(mut self, name: &str) -> Self {
        self.registry_name = Some(name.to_owned());
        self
    }

    /// On another registry than the one published to: `registry-index` in the `.crate`, the URL in the metadata.
    #[must_use]
    pub fn registry_index(mut self, index_url: &str) -> Self {
        self.registry_index = Some(index_url.to_owned());
        self
    }

    /// On the registry published to, whose index this is: `registry-index` in the `.crate`, nothing in the metadata.
    #[must_use]
    pub fn same_registry(mut self, index_url: &str) -> Self {
        self.registry_index = Some(index_url.to_owned());
        self.in_same_registry = true;
        self
    }

    /// `path = "…"`, in the source form only.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// The requirement as cargo writes it: `1` becomes `^1`. What does not parse stays as it is, for tests of refusals.
    fn normal_requirement(&self) -> String {
        semver::VersionReq::parse(&self.requirement)
            .map_or_else(|_| self.requirement.clone(), |parsed| parsed.to_string())
    }

    pub(super) fn write_into(&self, manifest: &mut toml::Table, form: Form) {
        let mut entry = toml::Table::new();
        entry.insert("version".to_owned(), self.requirement.clone().into());
        let mut set = |key: &str, value: Option<toml::Value>| {
            if let Some(value) = value {
                entry.insert(key.to_owned(), value);
            }
        };
        set(
            "package",
            self.alias.as_ref().map(|_| self.name.clone().into()),
        );
        set("optional", self.optional.then_some(true.into()));
        set(
            "default-features",
            (!self.default_features).then_some(false.into()),
        );
        set(
            "features",
            (!self.features.is_empty()).then(|| self.features.clone().into()),
        );
        match form {
            Form::Source => {
                set("registry", self.registry_name.clone().map(Into::into));
                set("path", self.path.clone().map(Into::into));
            }
            Form::Packaged => set(
                "registry-index",
                self.registry_index.clone().map(Into::into),
            ),
        }
        let parent = match &self.target {
            None => manifest,
            Some(target) => inner_table(inner_table(manifest, "target"), target),
        };
        let key = self.alias.as_ref().unwrap_or(&self.name).clone();
        inner_table(parent, self.kind.table()).insert(key, entry.into());
    }

    pub(super) fn metadata(&self) -> Value {
        let mut dependency = json!({
            "optional": self.optional,
            "default_features": self.default_features,
            "name": self.name,
            "features": self.features,
            "version_req": self.normal_requirement(),
            "target": self.target,
            "kind": self.kind.word(),
        });
        if !self.in_same_registry {
            dependency["registry"] = json!(self.registry_index.as_deref().unwrap_or(CRATES_IO));
        }
        if let Some(alias) = &self.alias {
            dependency["explicit_name_in_toml"] = json!(alias);
        }
        dependency
    }

    /// As the index of the registry that holds the package writes it: a plain dependency is on that same registry.
    pub(super) fn index_entry(&self) -> Value {
        let other_registry = self
            .registry_index
            .as_ref()
            .filter(|_| !self.in_same_registry);
        json!({
            "name": self.alias.as_ref().unwrap_or(&self.name),
            "req": self.normal_requirement(),
            "features": self.features,
            "optional": self.optional,
            "default_features": self.default_features,
            "target": self.target,
            "kind": self.kind.word(),
            "registry": other_registry,
            "package": self.alias.as_ref().map(|_| &self.name),
        })
    }
}

impl From<(&str, &str)> for Dependency {
    fn from((name, requirement): (&str, &str)) -> Self {
        Self::new(name, requirement)
    }
}

/// The table under `key`, made when it is not there.
pub(super) fn inner_table<'a>(table: &'a mut toml::Table, key: &str) -> &'a mut toml::Table {
    table
        .entry(key)
        .or_insert_with(|| toml::Table::new().into())
        .as_table_mut()
        .expect("invariant: only tables are put under this key")
}
