//! Packages made in a line: their `.crate` file, the metadata and frame of a publish, their index line, their source on disk.
//!
//! What is built here is what cargo would build, so that a server takes it for real, unless a test asks for something else.

mod archive;
mod dependency;

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Map, Value, json};
use supercargo_types::Digest;
use tar::Header;

pub use archive::{frame, gzip, raw_header, raw_link};
pub use dependency::Dependency;
use dependency::{Form, inner_table};

/// A package under construction. Each method gives it back changed.
#[derive(Clone, Debug)]
pub struct Package {
    name: String,
    version: String,
    fields: toml::Table,
    dependencies: Vec<Dependency>,
    features: BTreeMap<String, Vec<String>>,
    files: BTreeMap<String, Vec<u8>>,
    manifest_extra: String,
    manifest: Option<Vec<u8>>,
    has_manifest: bool,
    raw_entries: Vec<(Header, Vec<u8>)>,
    published_at: Option<String>,
    yanked: bool,
}

impl Package {
    /// A library with a description and a licence, and no dependency.
    pub fn new(name: &str, version: &str) -> Self {
        let mut fields = toml::Table::new();
        for (key, value) in [
            ("edition", "2021"),
            ("description", "A package made for a test"),
            ("license", "MIT"),
        ] {
            fields.insert(key.to_owned(), value.into());
        }
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            fields,
            dependencies: Vec::new(),
            features: BTreeMap::new(),
            files: BTreeMap::new(),
            manifest_extra: String::new(),
            manifest: None,
            has_manifest: true,
            raw_entries: Vec::new(),
            published_at: None,
            yanked: false,
        }
    }

    /// As given to [`Package::new`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As given to [`Package::new`].
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The same package under another number.
    #[must_use]
    pub fn with_version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// `name = "requirement"`, on crates.io.
    #[must_use]
    pub fn dependency(self, name: &str, requirement: &str) -> Self {
        self.depends_on(Dependency::new(name, requirement))
    }

    /// Any dependency.
    #[must_use]
    pub fn depends_on(mut self, dependency: Dependency) -> Self {
        self.dependencies.push(dependency);
        self
    }

    /// `name = ["value", …]` under `[features]`.
    #[must_use]
    pub fn feature(mut self, name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(ToString::to_string).collect();
        self.features.insert(name.to_owned(), values);
        self
    }

    /// Any key of `[package]`: `.field("keywords", vec!["one", "two"])`.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    /// `links = "…"`, with the build script that cargo demands for it.
    #[must_use]
    pub fn links(mut self, library: &str) -> Self {
        self.files
            .entry("build.rs".to_owned())
            .or_insert_with(|| b"fn main() {}\n".to_vec());
        self.field("links", library)
    }

    /// `rust-version = "…"`.
    #[must_use]
    pub fn rust_version(self, version: &str) -> Self {
        self.field("rust-version", version)
    }

    /// A file, instead of the one that would stand there. `src/lib.rs` is written unless a file under `src/` is given.
    #[must_use]
    pub fn file(mut self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        self.files
            .insert(path.to_owned(), contents.as_ref().to_vec());
        self
    }

    /// A file of `bytes` bytes that do not compress, so that the `.crate` is about as large. Repeatable.
    #[must_use]
    pub fn ballast(self, bytes: usize) -> Self {
        let mut contents = Vec::with_capacity(bytes + 32);
        let mut block = Digest::of(self.name.as_bytes());
        while contents.len() < bytes {
            contents.extend_from_slice(block.as_bytes());
            block = Digest::of(block.as_bytes());
        }
        contents.truncate(bytes);
        self.file("ballast", contents)
    }

    /// Text at the end of both manifests.
    #[must_use]
    pub fn manifest_extra(mut self, text: &str) -> Self {
        self.manifest_extra.push_str(text);
        self.manifest_extra.push('\n');
        self
    }

    /// Exactly these bytes as `Cargo.toml` of the `.crate`, whatever else was said. The metadata is not changed by it.
    #[must_use]
    pub fn manifest(mut self, contents: impl AsRef<[u8]>) -> Self {
        self.manifest = Some(contents.as_ref().to_vec());
        self
    }

    /// A `.crate` without `Cargo.toml`.
    #[must_use]
    pub fn without_manifest(mut self) -> Self {
        self.has_manifest = false;
        self
    }

    /// An entry at the end of the `.crate`, as it is: see [`raw_header`] and [`raw_link`].
    #[must_use]
    pub fn entry_raw(mut self, header: Header, contents: &[u8]) -> Self {
        self.raw_entries.push((header, contents.to_vec()));
        self
    }

    /// `pubtime` of the index line, as `2026-01-31T00:00:00Z`. None without this.
    #[must_use]
    pub fn published_at(mut self, time: &str) -> Self {
        self.published_at = Some(time.to_owned());
        self
    }

    /// `yanked: true` in the index line.
    #[must_use]
    pub fn yanked(mut self) -> Self {
        self.yanked = true;
        self
    }

    /// The `.crate` file. The same package gives the same bytes each time.
    pub fn crate_bytes(&self) -> Vec<u8> {
        let root = format!("{}-{}", self.name, self.version);
        let packaged = self
            .manifest
            .clone()
            .unwrap_or_else(|| self.manifest_text(Form::Packaged).into_bytes());
        let original = self.manifest_text(Form::Source).into_bytes();
        let sources = self.all_files();
        let mut files: Vec<(String, &[u8])> = Vec::new();
        if self.has_manifest {
            files.push((format!("{root}/Cargo.toml"), &packaged));
            files.push((format!("{root}/Cargo.toml.orig"), &original));
        }
        for (path, contents) in &sources {
            files.push((format!("{root}/{path}"), contents));
        }
        archive::crate_file(&files, &self.raw_entries)
    }

    /// SHA-256 of the `.crate` file.
    pub fn checksum(&self) -> Digest {
        Digest::of(&self.crate_bytes())
    }

    /// The JSON in front of the `.crate` in a publish, with all that cargo writes.
    pub fn metadata_json(&self) -> Value {
        let readme = self.files.get("README.md");
        let text = |key: &str| self.fields.get(key).map_or(Value::Null, as_json);
        let list = |key: &str| self.fields.get(key).map_or(json!([]), as_json);
        json!({
            "name": self.name,
            "vers": self.version,
            "deps": self.dependencies.iter().map(Dependency::metadata).collect::<Vec<_>>(),
            "features": self.features,
            "authors": list("authors"),
            "description": text("description"),
            "documentation": text("documentation"),
            "homepage": text("homepage"),
            "readme": readme.map(|contents| String::from_utf8_lossy(contents)),
            "readme_file": readme.map(|_| "README.md"),
            "keywords": list("keywords"),
            "categories": list("categories"),
            "license": text("license"),
            "license_file": text("license-file"),
            "repository": text("repository"),
            "badges": {},
            "links": text("links"),
            "rust_version": text("rust-version"),
        })
    }

    /// The body of a publish.
    pub fn frame(&self) -> Vec<u8> {
        let metadata = self.metadata_json().to_string();
        frame(metadata.as_bytes(), &self.crate_bytes())
    }

    /// The line that crates.io would write for it: features with `dep:` or `?/` stand in `features2`, for old clients.
    pub fn index_line(&self) -> Value {
        let is_new = |values: &[String]| {
            values
                .iter()
                .any(|value| value.starts_with("dep:") || value.contains("?/"))
        };
        let (new, old): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.features.iter().partition(|(_, values)| is_new(values));
        let mut line = json!({
            "name": self.name,
            "vers": self.version,
            "deps": self.dependencies.iter().map(Dependency::index_entry).collect::<Vec<_>>(),
            "cksum": self.checksum(),
            "features": old,
            "yanked": self.yanked,
            "links": self.fields.get("links").map(as_json),
        });
        if !new.is_empty() {
            line["features2"] = json!(new);
            line["v"] = json!(2);
        }
        if let Some(version) = self.fields.get("rust-version") {
            line["rust_version"] = as_json(version);
        }
        if let Some(time) = &self.published_at {
            line["pubtime"] = json!(time);
        }
        line
    }

    /// Writes it as a project that the real cargo can build and publish; the folder is made when it is not there.
    pub fn write_source(&self, folder: &Path) {
        let write = |path: &str, contents: &[u8]| {
            let path = folder.join(path);
            path.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(&path, contents))
                .unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()));
        };
        write("Cargo.toml", self.manifest_text(Form::Source).as_bytes());
        for (path, contents) in self.all_files() {
            write(&path, &contents);
        }
    }

    /// The given files, and a library where nothing under `src/` was given.
    fn all_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files.clone();
        if !files.keys().any(|path| path.starts_with("src/")) {
            let library = format!(
                "//! {name}\n\n/// The version that was built.\npub fn version() -> &'static str {{\n    \"{version}\"\n}}\n",
                name = self.name,
                version = self.version,
            );
            files.insert("src/lib.rs".to_owned(), library.into_bytes());
        }
        files
    }

    fn manifest_text(&self, form: Form) -> String {
        let mut manifest = toml::Table::new();
        let package = inner_table(&mut manifest, "package");
        package.insert("name".to_owned(), self.name.clone().into());
        package.insert("version".to_owned(), self.version.clone().into());
        for (key, value) in &self.fields {
            package.insert(key.clone(), value.clone());
        }
        if self.files.contains_key("README.md") {
            package.insert("readme".to_owned(), "README.md".into());
        }
        if !self.features.is_empty() {
            let features = inner_table(&mut manifest, "features");
            for (name, values) in &self.features {
                features.insert(name.clone(), values.clone().into());
            }
        }
        for dependency in &self.dependencies {
            dependency.write_into(&mut manifest, form);
        }
        if form == Form::Packaged {
            self.write_targets(&mut manifest);
        }
        let text = toml::to_string(&manifest).expect("invariant: a table of plain values is TOML");
        format!("{text}\n{}", self.manifest_extra)
    }

    /// Cargo writes the targets that it found into the manifest that it packs.
    fn write_targets(&self, manifest: &mut toml::Table) {
        let files = self.all_files();
        if files.contains_key("src/lib.rs") {
            let library = inner_table(manifest, "lib");
            library.insert("name".to_owned(), self.name.replace('-', "_").into());
            library.insert("path".to_owned(), "src/lib.rs".into());
        }
        if files.contains_key("src/main.rs") {
            let mut program = toml::Table::new();
            program.insert("name".to_owned(), self.name.clone().into());
            program.insert("path".to_owned(), "src/main.rs".into());
            manifest.insert("bin".to_owned(), vec![toml::Value::Table(program)].into());
        }
    }
}

/// A value of a manifest as JSON; manifests made here hold no dates.
fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
        toml::Value::Datetime(time) => json!(time.to_string()),
        toml::Value::Array(values) => values.iter().map(as_json).collect(),
        toml::Value::Table(table) => table
            .iter()
            .map(|(key, value)| (key.clone(), as_json(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}
