//! A crate: what it says about itself, its versions, what it needs and who needs it.

use askama::Template;

use crate::{CrateLabels, Frame, Links, Moment, Pager, Plot, Readme, Tab, count, filters};

/// What stands above every part of a crate's page.
#[derive(Clone, Debug)]
pub struct CrateHead {
    /// Where.
    pub registry: String,
    /// As its publisher writes it.
    pub name: String,
    /// The version that is shown.
    pub version: String,
    /// Whether that is the one that stands for the crate.
    pub is_default: bool,
    /// What it can be used for: `available` and so on.
    pub state: &'static str,
    /// Why it is held or blocked.
    pub reason: Option<String>,
    /// Who decided that, and when, where it was a person.
    pub decided: Option<(String, Moment)>,
    /// What stands for the crate, where this is another version.
    pub other: Option<String>,
    /// What its manifest says.
    pub description: Option<String>,
    /// Of its manifest.
    pub keywords: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was published.
    pub published: Option<Moment>,
    /// By whom.
    pub publisher: Option<String>,
    /// The oldest Rust that builds it.
    pub msrv: Option<String>,
    /// As its manifest has it.
    pub license: Option<String>,
    /// For a terminal.
    pub add_line: String,
    /// For a manifest.
    pub toml_line: String,
    /// For a terminal, where it has a program.
    pub install_line: Option<String>,
    /// Whether these lines name no registry: cargo gets it from the mirror.
    pub is_mirrored: bool,
    /// How many versions there are.
    pub versions: u64,
    /// How many dependencies this one has.
    pub dependencies: u64,
    /// How many features this one has.
    pub features: u64,
    /// Whether who looks may change something about it.
    pub may_settle: bool,
    /// Which part this is: `readme`, `versions`, `dependencies`, `dependents`, `features` or `settings`.
    pub part: &'static str,
}

/// Where versions come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They were published here.
    Hosted,
    /// From an upstream of this name.
    Upstream(String),
}

impl CrateHead {
    pub(crate) fn parts(&self, links: &Links) -> Vec<Tab> {
        let (registry, name, version) = (&self.registry, &self.name, &self.version);
        let readme = if self.is_default {
            links.krate(registry, name)
        } else {
            links.of_crate(registry, name, version)
        };
        let of_version = |part| links.of_version(registry, name, version, part);
        let of_crate = |part| links.of_crate(registry, name, part);
        let tab = |part: &str, words, number: Option<u64>, address| Tab {
            words,
            count: number.map(count),
            address,
            is_here: part == self.part,
        };
        let mut tabs = vec![
            tab("readme", "Readme", None, readme),
            tab(
                "versions",
                "Versions",
                Some(self.versions),
                of_crate("versions"),
            ),
            tab(
                "dependencies",
                "Dependencies",
                Some(self.dependencies),
                of_version("dependencies"),
            ),
            tab("dependents", "Dependents", None, of_crate("dependents")),
            tab(
                "features",
                "Features",
                Some(self.features),
                of_version("features"),
            ),
        ];
        if self.may_settle {
            tabs.push(tab("settings", "Settings", None, of_crate("settings")));
        }
        tabs
    }
}

/// A crate or one of its versions, with its readme.
#[derive(Debug, Template)]
#[template(path = "crate.html")]
pub struct CratePage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: CrateHead,
    /// Made safe; nothing where there is none.
    pub readme: Option<Readme>,
    /// Why there is none to show.
    pub no_readme: &'static str,
    /// Beside it.
    pub facts: Facts,
}

/// What is known of a version.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// As its manifest has it.
    pub license: Option<String>,
    /// The oldest Rust that builds it.
    pub msrv: Option<String>,
    /// Four digits.
    pub edition: Option<String>,
    /// Of its file, in bytes.
    pub size: Option<u64>,
    /// How the registry treats the name.
    pub claim: Option<&'static str>,
    /// Whether code of it runs while it is built, where that is known.
    pub has_build_script: Option<bool>,
    /// Whether code of it runs in the compiler.
    pub is_proc_macro: bool,
    /// The native library that it links.
    pub native: Option<String>,
    /// Of all versions: in all, and in ninety days.
    pub downloads: (u64, u64),
    /// Whether they are teams, and as people write them.
    pub owners: Vec<(bool, String)>,
    /// Icon, words and address.
    pub links: Vec<(&'static str, &'static str, String)>,
    /// The address and the name of its file.
    pub file: Option<(String, String)>,
    /// SHA-256 of it.
    pub checksum: Option<String>,
    /// As other tools name the package.
    pub purl: String,
    /// How it came here, where it was published here.
    pub provenance: Option<Pushed>,
    /// What people put on it.
    pub labels: CrateLabels,
}

/// How a version came here.
#[derive(Clone, Debug, Default)]
pub struct Pushed {
    /// Who.
    pub by: Option<String>,
    /// When.
    pub at: Option<Moment>,
    /// The token, by its beginning and its name.
    pub token: Option<(String, String)>,
    /// The run of a CI system, and where it can be seen.
    pub run: Option<(String, Option<String>)>,
    /// Where its sources are, without the scheme, and the whole address.
    pub repository: Option<(String, String)>,
    /// The commit, its first digits, and where it can be seen.
    pub commit: Option<(String, Option<String>)>,
    /// Whether files differed from that commit.
    pub is_dirty: bool,
}

/// All versions of a crate.
#[derive(Debug, Template)]
#[template(path = "crate_versions.html")]
pub struct CrateVersionsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: CrateHead,
    /// Of the last ninety days.
    pub plot: Plot,
    /// The highest first; deleted ones among them.
    pub versions: Vec<VersionRow>,
    /// The pages around it.
    pub pager: Pager,
    /// What was done just now.
    pub done: Option<String>,
}

impl CrateVersionsPage {
    fn total_words(&self) -> String {
        let (total, most) = (count(self.plot.total()), count(self.plot.most()));
        format!("{total} in all, {most} on the busiest day")
    }
}

/// A version in a list.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// As published.
    pub version: String,
    /// What it can be used for.
    pub state: &'static str,
    /// Why it is held or blocked.
    pub reason: Option<String>,
    /// Who decided that, and when, where it was a person.
    pub decided: Option<(String, Moment)>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was published.
    pub published: Option<Moment>,
    /// By whom.
    pub publisher: Option<String>,
    /// Of its file, in bytes.
    pub size: Option<u64>,
    /// Of all days.
    pub downloads: u64,
    /// The oldest Rust that builds it.
    pub msrv: Option<String>,
    /// Since when only its number is left.
    pub deleted: Option<Moment>,
    /// Whether it is the one that is shown above.
    pub is_shown: bool,
    /// Whether its file can be had.
    pub has_file: bool,
    /// What who looks may do with it.
    pub deeds: Vec<RowDeed>,
}

/// Something that can be done with a version, on a page of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowDeed {
    /// Of the sprite.
    pub icon: &'static str,
    /// What it is called.
    pub words: &'static str,
    /// Where on that page.
    pub place: &'static str,
    /// Whether it takes something away.
    pub is_danger: bool,
}

impl VersionRow {
    fn is_off(&self) -> bool {
        self.state != "available"
    }

    fn is_deleted(&self) -> bool {
        self.state == "deleted"
    }
}

/// What a version needs.
#[derive(Debug, Template)]
#[template(path = "crate_dependencies.html")]
pub struct CrateDependenciesPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: CrateHead,
    /// By kind.
    pub groups: Vec<DependencyGroup>,
}

/// Dependencies that are needed for the same thing.
#[derive(Clone, Debug)]
pub struct DependencyGroup {
    /// `To build and run it` and so on.
    pub heading: &'static str,
    /// By name.
    pub items: Vec<DependencyRow>,
}

/// A dependency.
#[derive(Clone, Debug)]
pub struct DependencyRow {
    /// Its real name.
    pub name: String,
    /// What the code calls it.
    pub alias: Option<String>,
    /// Normalised.
    pub requirement: String,
    /// Where its page is.
    pub address: Option<String>,
    /// The registry that it comes from.
    pub registry: String,
    /// Whether a feature must enable it.
    pub is_optional: bool,
    /// Whether its default features are asked for.
    pub has_default_features: bool,
    /// Those that are asked for.
    pub features: Vec<String>,
    /// A `cfg(…)` or a triple.
    pub target: Option<String>,
}

/// Who needs a crate.
#[derive(Debug, Template)]
#[template(path = "crate_dependents.html")]
pub struct CrateDependentsPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: CrateHead,
    /// By name.
    pub dependents: Vec<DependentRow>,
    /// The pages around it.
    pub pager: Pager,
}

/// A hosted crate that needs another.
#[derive(Clone, Debug)]
pub struct DependentRow {
    /// As its publisher writes it.
    pub name: String,
    /// The version that says so.
    pub version: String,
    /// Which versions it takes.
    pub requirement: String,
    /// `normal`, `build` or `dev`.
    pub kind: String,
    /// Whether a feature must enable it.
    pub is_optional: bool,
    /// Of ninety days.
    pub downloads: u64,
}

/// What can be switched on in a version.
#[derive(Debug, Template)]
#[template(path = "crate_features.html")]
pub struct CrateFeaturesPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: CrateHead,
    /// `default` first, then by name.
    pub features: Vec<FeatureRow>,
}

/// A feature.
#[derive(Clone, Debug)]
pub struct FeatureRow {
    /// Its name.
    pub name: String,
    /// Whether `default` switches it on, over any number of steps.
    pub is_default: bool,
    /// What it switches on.
    pub enables: Vec<Enabled>,
}

/// What a feature switches on.
#[derive(Clone, Debug)]
pub enum Enabled {
    /// Another feature of the crate.
    Feature(String),
    /// An optional dependency.
    Dependency(String),
    /// A feature of a dependency: which one, of which, and whether only where that is switched on anyway.
    OfDependency(String, String, bool),
}
