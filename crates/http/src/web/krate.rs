//! A crate's pages: its readme with what is known of it, its versions, what it needs, who needs it, its features.

pub(super) mod deeds;
mod facts;
pub(super) mod file;
pub(super) mod labels;
mod lists;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Response, StatusCode, Uri};
use supercargo_pages::{
    CrateDependenciesPage, CrateDependentsPage, CrateFeaturesPage, CrateHead, CratePage,
    CrateVersionsPage, Frame, Moment, Near, Origin, Readme, Repository, readme,
};
use supercargo_registry::{
    CrateDetail, CrateDetails, CrateQuery, CrateSource, Deeds, Failure, Instance, MayRead, Refusal,
    RefusalClass, Resolved, VersionDetails, VersionItem,
};
use supercargo_types::{RegistryName, Spelling, Timestamp, VersionState, View};

use self::lists::PAGE;
use super::{
    asked::Asked,
    errors,
    respond::{Policy, page, page_with},
    visitor::Visitor,
};

/// In bytes: the Markdown of one longer than this is made safe elsewhere than between other requests.
const SHORT: usize = 4 * 1024;
/// Names that are compared with one that is not there.
const COMPARED: u32 = 1000;
/// The same of upstream's, each of which costs a look into its index file.
const COMPARED_CACHED: u32 = 20;
/// Names that are enough to choose from.
const FEW: usize = 5;

/// A part of a crate's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Readme,
    Versions,
    Dependencies,
    Dependents,
    Features,
    Settings,
}

/// The names in an address: a registry, a crate, and perhaps a version.
type Names = (String, String, Option<String>);

pub(super) async fn whole(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate)): Path<(String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    answer(
        &instance,
        &visitor,
        (registry, krate, None),
        Part::Readme,
        &uri,
    )
    .await
}

pub(super) async fn versions(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate)): Path<(String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    answer(
        &instance,
        &visitor,
        (registry, krate, None),
        Part::Versions,
        &uri,
    )
    .await
}

pub(super) async fn dependents(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate)): Path<(String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    answer(
        &instance,
        &visitor,
        (registry, krate, None),
        Part::Dependents,
        &uri,
    )
    .await
}

pub(super) async fn version(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let names = (registry, krate, Some(version));
    answer(&instance, &visitor, names, Part::Readme, &uri).await
}

pub(super) async fn dependencies(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let names = (registry, krate, Some(version));
    answer(&instance, &visitor, names, Part::Dependencies, &uri).await
}

pub(super) async fn features(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let names = (registry, krate, Some(version));
    answer(&instance, &visitor, names, Part::Features, &uri).await
}

async fn answer(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    (registry, krate, version): Names,
    part: Part,
    uri: &Uri,
) -> Response<Body> {
    if registry.parse::<RegistryName>().is_err() {
        return errors::no_such_page(instance, visitor);
    }
    // the right first: what is no crate's name must not tell which registries exist
    let right = match instance.may_read(&registry, visitor.actor.clone()) {
        Ok(right) => right,
        Err(denied) => return errors::in_registry(instance, visitor, &registry, denied),
    };
    let shown = async {
        let names = (krate.as_str(), version);
        let looking = look(instance, visitor, right.clone(), names, uri).await?;
        looking.answer(part).await
    };
    match Box::pin(shown).await {
        Ok(response) => response,
        Err(Failure::Refused(refusal)) if refusal.class() == RefusalClass::NotFound => {
            let near = near(instance, visitor, &right, &krate).await;
            errors::not_here(visitor, &registry, &refusal, near)
        }
        Err(failure) => errors::in_registry(instance, visitor, &registry, failure),
    }
}

async fn look<'a>(
    instance: &'a Arc<Instance>,
    visitor: &'a Visitor,
    right: MayRead,
    (krate, version): (&str, Option<String>),
    uri: &Uri,
) -> Result<Looking<'a>, Failure> {
    let no_crate = || Refusal::NoCrate {
        registry: right.registry().name.clone(),
        name: krate.chars().take(64).collect(),
    };
    let spelling: Spelling = krate.parse().map_err(|_| no_crate())?;
    let detail = instance.crate_detail(&right, &spelling).await?;
    let details = match instance.crate_details(&right, &spelling).await {
        Ok(details) => Some(details),
        // every version is deleted: there is something to tell all the same
        Err(Failure::Refused(refusal)) if refusal.class() == RefusalClass::NotFound => None,
        Err(failure) => return Err(failure),
    };
    let shown = match (&details, &version) {
        (None, _) => None,
        (Some(details), None) => Some(details.default_version().clone()),
        (Some(details), Some(number)) => {
            let mut versions = details.versions.iter();
            let found = versions.find(|version| version.version == *number);
            Some(found.cloned().ok_or_else(|| Refusal::NoVersion {
                registry: right.registry().name.clone(),
                name: details.name.clone(),
                version: number.chars().take(64).collect(),
            })?)
        }
    };
    Ok(Looking {
        deeds: instance.deeds(&right, &spelling).await?,
        is_mirrored: is_mirrored(instance, &right, &spelling, &detail).await,
        now: instance.clock().now(),
        asked: Asked::of(uri),
        instance,
        visitor,
        right,
        spelling,
        detail,
        details,
        shown,
    })
}

/// Whether cargo gets a crate from the registry's mirror, where it has one instead of crates.io. To add such a crate by the
/// registry's name would make two crates of it: cargo takes the same crate from two registries for two.
async fn is_mirrored(
    instance: &Arc<Instance>,
    right: &MayRead,
    spelling: &Spelling,
    detail: &CrateDetail,
) -> bool {
    let is_hosted = |item: &VersionItem| {
        lists::origin(item) == Origin::Hosted && item.state != VersionState::Deleted
    };
    if detail.versions.iter().any(is_hosted) {
        return false;
    }
    // what a registry inside hosts is in the index alone
    let mirror = instance.view(right, View::Mirror, spelling).await;
    matches!(mirror, Ok(Resolved::Found(_)))
}

/// Crates of the registry with names like one that is not there.
async fn near(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    right: &MayRead,
    name: &str,
) -> Vec<Near> {
    let registry = right.registry().name.to_string();
    let beginning = |letters| name.chars().take(letters).collect::<String>();
    // a page about nothing does not fail for want of a hint
    let Ok(_place) = instance.place_to_search(visitor.actor.as_deref()).await else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for letters in [2, 0] {
        let text = beginning(letters);
        let hosted = instance.names_like(right, &text, COMPARED).await;
        names = hosted.unwrap_or_default();
        if names.len() >= FEW {
            break;
        }
    }
    let query = CrateQuery {
        text: &beginning(3),
        source: Some(CrateSource::Cached),
        limit: COMPARED_CACHED,
        offset: 0,
        ..CrateQuery::default()
    };
    if let Ok(found) = instance.search(right, &query).await {
        names.extend(found.items.into_iter().map(|item| item.name));
    }
    errors::nearest(name, names.into_iter())
        .into_iter()
        .map(|name| Near {
            address: visitor.links.krate(&registry, &name),
            name,
            note: format!("in {registry}"),
        })
        .collect()
}

/// A crate that is looked at, and by whom.
struct Looking<'a> {
    instance: &'a Arc<Instance>,
    visitor: &'a Visitor,
    right: MayRead,
    spelling: Spelling,
    /// What they may do with it.
    deeds: Deeds,
    /// Whether it comes from the registry's mirror, without naming the registry.
    is_mirrored: bool,
    asked: Asked,
    now: Timestamp,
    /// With every version that there is or was.
    detail: CrateDetail,
    /// As its index shows it; nothing where all is deleted.
    details: Option<CrateDetails>,
    /// The version that the page is about.
    shown: Option<VersionDetails>,
}

impl Looking<'_> {
    async fn answer(&self, part: Part) -> Result<Response<Body>, Failure> {
        let (Some(details), Some(shown)) = (&self.details, &self.shown) else {
            if part == Part::Settings {
                return Box::pin(self.settings(deeds::Told::default())).await;
            }
            let head = self.head(None, Part::Versions);
            return self.versions_page(head).await;
        };
        let head = self.head(Some((details, shown)), part);
        match part {
            Part::Readme => self.readme_page(head, details, shown).await,
            Part::Versions => self.versions_page(head).await,
            Part::Dependencies => {
                let template = CrateDependenciesPage {
                    frame: self.frame("Dependencies"),
                    groups: self.dependency_groups(shown),
                    head,
                };
                page(self.visitor, StatusCode::OK, &template)
            }
            Part::Dependents => self.dependents_page(head).await,
            Part::Features => {
                let template = CrateFeaturesPage {
                    frame: self.frame("Features"),
                    features: lists::features(shown),
                    head,
                };
                page(self.visitor, StatusCode::OK, &template)
            }
            Part::Settings => Box::pin(self.settings(deeds::Told::default())).await,
        }
    }

    fn registry(&self) -> &RegistryName {
        &self.right.registry().name
    }

    fn name(&self) -> &str {
        &self.detail.item.name
    }

    fn item(&self, version: &str) -> Option<&VersionItem> {
        let mut items = self.detail.versions.iter();
        items.find(|item| item.version == version)
    }

    /// Who holds or blocks a version, and since when; nobody where a rule does.
    fn decided(&self, item: &VersionItem) -> Option<(String, Moment)> {
        let reason = item.reason.as_deref()?;
        let number = item.version.split('+').next();
        let name = self.spelling.canonical();
        let mut all = self.instance.quarantines(&self.right).into_iter();
        let found = all.find(|quarantine| {
            quarantine.name == name
                && (quarantine.version.is_none() || quarantine.version.as_deref() == number)
                && quarantine.reason == reason
        })?;
        Some((found.created_by, Moment::new(found.created_at, self.now)))
    }

    fn frame(&self, part: &str) -> Frame {
        let (registry, name) = (self.registry().as_str(), self.name());
        let version = self.shown.as_ref().map_or("", |shown| &shown.version);
        let title = match part {
            "" => format!("{name} {version} · {registry}"),
            part => format!("{part} · {name} · {registry}"),
        };
        let mut frame = self.visitor.frame(title);
        frame.step("Registries", frame.links.home());
        frame.step(registry, frame.links.registry(registry));
        if part.is_empty() {
            frame.last_step(name);
        } else {
            frame.step(name, frame.links.krate(registry, name));
            frame.last_step(part);
        }
        frame
    }

    fn head(&self, shown: Option<(&CrateDetails, &VersionDetails)>, part: Part) -> CrateHead {
        let default = shown.map(|(details, _)| details.default_version().version.clone());
        let version = shown.map_or_else(
            || {
                self.detail
                    .versions
                    .first()
                    .map(|item| item.version.clone())
            },
            |(_, shown)| Some(shown.version.clone()),
        );
        let version = version.unwrap_or_default();
        let item = self.item(&version);
        let facts = shown.and_then(|(_, shown)| shown.facts.as_ref());
        let is_default = default.as_ref().is_none_or(|default| *default == version);
        let (add_line, toml_line) = self.lines(&version, is_default);
        let has_program = facts.is_some_and(|facts| !facts.binaries.is_empty());
        CrateHead {
            registry: self.registry().to_string(),
            name: self.name().to_owned(),
            is_default,
            state: item
                .map_or(VersionState::Deleted, |item| item.state)
                .as_str(),
            reason: item
                .and_then(|item| item.reason.as_deref())
                .map(errors::sentence),
            decided: item.and_then(|item| self.decided(item)),
            other: default.filter(|_| !is_default),
            description: shown
                .and_then(|(_, shown)| shown.description.clone())
                .or_else(|| self.detail.item.description.clone()),
            keywords: facts
                .map(|facts| facts.keywords.clone())
                .unwrap_or_default(),
            origin: item.map_or(Origin::Hosted, lists::origin),
            published: item
                .and_then(|item| item.published_at)
                .map(|at| Moment::new(at, self.now)),
            publisher: item
                .and_then(|item| item.publisher.as_ref())
                .map(ToString::to_string),
            msrv: shown.and_then(|(_, shown)| shown.rust_version.clone()),
            license: facts.and_then(|facts| facts.license.clone()),
            install_line: has_program.then(|| self.install_line(&version, is_default)),
            add_line,
            toml_line,
            is_mirrored: self.is_mirrored,
            versions: self.detail.versions.len() as u64,
            dependencies: shown.map_or(0, |(_, shown)| shown.dependencies.len() as u64),
            features: shown.map_or(0, |(_, shown)| lists::features(shown).len() as u64),
            part: match part {
                Part::Readme => "readme",
                Part::Versions => "versions",
                Part::Dependencies => "dependencies",
                Part::Dependents => "dependents",
                Part::Features => "features",
                Part::Settings => "settings",
            },
            may_settle: self.deeds.any(),
            version,
        }
    }

    /// For a terminal and for a manifest.
    fn lines(&self, version: &str, is_default: bool) -> (String, String) {
        let (name, registry) = (self.name(), self.registry().in_cargo());
        // cargo passes build metadata over, and warns of it
        let number = version.split('+').next().unwrap_or(version);
        let at = if is_default {
            String::new()
        } else {
            format!("@{number}")
        };
        if self.is_mirrored {
            return (
                format!("cargo add {name}{at}"),
                format!("{name} = \"{number}\""),
            );
        }
        (
            format!("cargo add {name}{at} --registry {registry}"),
            format!("{name} = {{ version = \"{number}\", registry = \"{registry}\" }}"),
        )
    }

    fn install_line(&self, version: &str, is_default: bool) -> String {
        let (name, registry) = (self.name(), self.registry().in_cargo());
        let at = if is_default {
            String::new()
        } else {
            format!("@{version}")
        };
        if self.is_mirrored {
            return format!("cargo install {name}{at}");
        }
        format!("cargo install {name}{at} --registry {registry}")
    }

    async fn readme_page(
        &self,
        head: CrateHead,
        details: &CrateDetails,
        shown: &VersionDetails,
    ) -> Result<Response<Body>, Failure> {
        let read = self
            .instance
            .readme(&self.right, &self.spelling, &shown.version)
            .await;
        // what is kept back has no file to offer either
        let is_withheld = matches!(read, Err(Failure::Refused(_)));
        let (source, no_readme) = match read {
            Ok(Some(source)) => (Some(source), ""),
            Ok(None) if shown.facts.is_some() => (None, "Its author wrote none."),
            Ok(None) => (
                None,
                "It has none, or its file was not fetched from the upstream yet.",
            ),
            // what is wrong with it stands above
            Err(Failure::Refused(_)) => (None, "Nobody gets the bytes of this version."),
            Err(failure) => return Err(failure),
        };
        let readme = match source {
            Some(source) => Some(self.made_safe(&source, shown).await?),
            None => None,
        };
        let mut facts = self.facts(details, shown).await?;
        if is_withheld {
            facts.file = None;
        }
        let template = CratePage {
            frame: self.frame(""),
            facts,
            head,
            readme,
            no_readme,
        };
        let policy = Policy {
            pictures: template.readme.is_some(),
            ..Policy::default()
        };
        page_with(self.visitor, StatusCode::OK, &template, &policy)
    }

    async fn made_safe(&self, source: &[u8], shown: &VersionDetails) -> Result<Readme, Failure> {
        let facts = shown.facts.as_ref();
        let repository = facts.and_then(|facts| {
            let vcs = facts.vcs.as_ref();
            let folder = vcs.and_then(|vcs| vcs.path_in_vcs.as_deref());
            let commit = vcs.and_then(|vcs| vcs.sha1.as_deref());
            Repository::new(facts.repository.as_deref()?, folder, commit)
        });
        let text = String::from_utf8_lossy(source).into_owned();
        if text.len() <= SHORT {
            return Ok(readme(&text, repository.as_ref()));
        }
        tokio::task::spawn_blocking(move || readme(&text, repository.as_ref()))
            .await
            .map_err(|error| Failure::Fault(Arc::new(error.into())))
    }

    async fn versions_page(&self, head: CrateHead) -> Result<Response<Body>, Failure> {
        let path = format!("/{}/crates/{}/versions", self.registry(), self.name());
        let total = self.detail.versions.len() as u64;
        let template = CrateVersionsPage {
            frame: self.frame("Versions"),
            plot: self.plot().await?,
            versions: self.version_rows(&head.version),
            pager: self.asked.pager(&self.visitor.links, &path, PAGE, total),
            done: self.done(),
            head,
        };
        page(self.visitor, StatusCode::OK, &template)
    }

    async fn dependents_page(&self, head: CrateHead) -> Result<Response<Body>, Failure> {
        let path = format!("/{}/crates/{}/dependents", self.registry(), self.name());
        let (dependents, total) = self.dependent_rows().await?;
        let template = CrateDependentsPage {
            frame: self.frame("Dependents"),
            dependents,
            pager: self.asked.pager(&self.visitor.links, &path, PAGE, total),
            head,
        };
        page(self.visitor, StatusCode::OK, &template)
    }
}
