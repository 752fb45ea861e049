//! The lists of a crate's pages.

use std::collections::{BTreeSet, HashMap};

use supercargo_pages::{
    DependencyGroup, DependencyRow, DependentRow, Enabled, FeatureRow, Moment, Origin, Plot,
    VersionRow,
};
use supercargo_registry::{Failure, IndexDependency, VersionDetails, VersionItem, is_crates_io};
use supercargo_types::{Timestamp, VersionState};

use super::{Looking, errors};

/// Items on a page.
pub(super) const PAGE: u64 = 50;
/// Of downloads, today among them.
const DAYS: i64 = 90;
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Where a version comes from.
pub(super) fn origin(item: &VersionItem) -> Origin {
    // the one word that is no upstream's name
    if item.origin == "hosted" {
        Origin::Hosted
    } else {
        Origin::Upstream(item.origin.clone())
    }
}

impl Looking<'_> {
    pub(super) fn version_rows(&self, shown: &str) -> Vec<VersionRow> {
        let rusts: HashMap<&str, &str> = self
            .details
            .iter()
            .flat_map(|details| &details.versions)
            .filter_map(|version| {
                Some((version.version.as_str(), version.rust_version.as_deref()?))
            })
            .collect();
        let skipped = usize::try_from(self.asked.skipped(PAGE)).unwrap_or(usize::MAX);
        let items = self.detail.versions.iter().skip(skipped);
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::new(at, self.now));
        items
            .take(usize::try_from(PAGE).unwrap_or(usize::MAX))
            .map(|item| VersionRow {
                version: item.version.clone(),
                state: item.state.as_str(),
                reason: item.reason.as_deref().map(errors::capital),
                decided: self.decided(item),
                origin: origin(item),
                published: moment(item.published_at),
                publisher: item.publisher.as_ref().map(ToString::to_string),
                size: item.size,
                downloads: item.downloads,
                msrv: rusts
                    .get(item.version.as_str())
                    .map(|&rust| rust.to_owned()),
                deleted: moment(item.deleted_at),
                is_shown: item.version == shown,
                has_file: !matches!(item.state, VersionState::Blocked | VersionState::Deleted),
                deeds: self.row_deeds(item),
            })
            .collect()
    }

    /// The downloads of the recent days: of the highest version, of the one below it, and of all others.
    pub(super) async fn plot(&self) -> Result<Plot, Failure> {
        let today = self.now.as_seconds().div_euclid(SECONDS_PER_DAY);
        let first = today - DAYS + 1;
        let days = (first..=today)
            .map(|day| Timestamp::from_seconds(day * SECONDS_PER_DAY).pubtime()[..10].to_owned())
            .collect();
        let Some(details) = &self.details else {
            return Ok(Plot {
                days,
                series: Vec::new(),
            });
        };
        let downloads = self
            .instance
            .downloads(&self.right, &self.spelling, None)
            .await?;
        let mut apart: Vec<(u64, String)> = Vec::new();
        for version in &details.versions {
            let was_used = downloads.versions.iter().any(|(id, ..)| *id == version.id);
            if was_used && apart.len() < 2 {
                apart.push((version.id, version.version.clone()));
            }
        }
        let length = usize::try_from(DAYS).unwrap_or_default();
        let mut series: Vec<(String, Vec<u64>)> = apart
            .iter()
            .map(|(_, version)| (version.clone(), vec![0; length]))
            .collect();
        let others = downloads
            .others
            .iter()
            .map(|(day, number)| (None, *day, *number));
        let told = downloads.versions.iter();
        let told = told.map(|(id, day, number)| (Some(*id), *day, *number));
        for (id, day, number) in told.chain(others) {
            let Some(at) = usize::try_from(day - first).ok().filter(|at| *at < length) else {
                continue;
            };
            let place = apart.iter().position(|(known, _)| Some(*known) == id);
            let place = place.unwrap_or(apart.len());
            if place == series.len() {
                series.push(("other versions".to_owned(), vec![0; length]));
            }
            series[place].1[at] += number;
        }
        Ok(Plot { days, series })
    }

    pub(super) async fn dependent_rows(&self) -> Result<(Vec<DependentRow>, u64), Failure> {
        if self.details.is_none() {
            return Ok((Vec::new(), 0));
        }
        let (limit, offset) = (
            u32::try_from(PAGE).unwrap_or(u32::MAX),
            self.asked.skipped(PAGE),
        );
        let found = self
            .instance
            .dependents(&self.right, &self.spelling, limit, offset)
            .await?;
        let rows = found.items.into_iter().map(|dependent| DependentRow {
            name: dependent.name.to_string(),
            version: dependent.version.version,
            requirement: dependent.dependency.req.clone(),
            kind: dependent.dependency.kind().to_owned(),
            is_optional: dependent.dependency.is_optional(),
            downloads: dependent.downloads.recent,
        });
        Ok((rows.collect(), found.total))
    }

    pub(super) fn dependency_groups(&self, shown: &VersionDetails) -> Vec<DependencyGroup> {
        [
            ("normal", "To build and run"),
            ("build", "For its build script"),
            ("dev", "For its own tests and examples"),
        ]
        .into_iter()
        .map(|(kind, heading)| {
            let of_kind = shown.dependencies.iter().filter(|it| it.kind() == kind);
            let mut items: Vec<_> = of_kind.map(|it| self.dependency_row(it)).collect();
            items.sort_by(|a, b| a.name.cmp(&b.name));
            DependencyGroup { heading, items }
        })
        .filter(|group| !group.items.is_empty())
        .collect()
    }

    fn dependency_row(&self, dependency: &IndexDependency) -> DependencyRow {
        let (registry, address) = self.place_of(dependency);
        DependencyRow {
            name: dependency.package().to_owned(),
            alias: dependency.alias().map(str::to_owned),
            requirement: dependency.req.clone(),
            address,
            registry,
            is_optional: dependency.is_optional(),
            has_default_features: dependency.has_default_features(),
            features: dependency.features().to_vec(),
            target: dependency.target.clone(),
        }
    }

    /// The registry that a dependency comes from, and where its page is, if it has one here.
    fn place_of(&self, dependency: &IndexDependency) -> (String, Option<String>) {
        let own = self.registry();
        let links = &self.visitor.links;
        let page = |registry: &str| links.krate(registry, dependency.package());
        let Some(index) = &dependency.registry else {
            return (own.to_string(), Some(page(own.as_str())));
        };
        if let Some((registry, _)) = self.instance.site().recognise(index) {
            // one that the visitor may not see is named by the crate, but leads nowhere
            let actor = self.visitor.actor.clone();
            let may_see = self.instance.may_read(registry.as_str(), actor).is_ok();
            let address = may_see.then(|| page(registry.as_str()));
            return (registry.to_string(), address);
        }
        if is_crates_io(index) {
            return ("crates.io".to_owned(), None);
        }
        (index.clone(), None)
    }
}

/// `default` first, then by name; with those that optional dependencies imply.
pub(super) fn features(shown: &VersionDetails) -> Vec<FeatureRow> {
    let mut by_name: HashMap<String, Vec<String>> = shown
        .features
        .iter()
        .map(|(name, enables)| (name.clone(), enables.clone()))
        .collect();
    let all = || shown.features.values().flatten();
    for dependency in shown.dependencies.iter().filter(|it| it.is_optional()) {
        let name = dependency.alias().unwrap_or(dependency.package());
        let named = format!("dep:{name}");
        if !by_name.contains_key(name) && !all().any(|enabled| *enabled == named) {
            by_name.insert(name.to_owned(), vec![named]);
        }
    }
    let mut on_by_default = BTreeSet::new();
    let mut open = vec!["default".to_owned()];
    while let Some(name) = open.pop() {
        let Some(enables) = by_name.get(&name) else {
            continue;
        };
        if on_by_default.insert(name) {
            open.extend(enables.iter().cloned());
        }
    }
    let mut rows: Vec<_> = by_name
        .iter()
        .map(|(name, enables)| FeatureRow {
            is_default: on_by_default.contains(name),
            enables: enables
                .iter()
                .map(|text| enabled(text, |feature| by_name.contains_key(feature)))
                .collect(),
            name: name.clone(),
        })
        .collect();
    rows.sort_by(|a, b| (a.name != "default", &a.name).cmp(&(b.name != "default", &b.name)));
    rows
}

fn enabled(text: &str, is_feature: impl Fn(&str) -> bool) -> Enabled {
    if let Some(name) = text.strip_prefix("dep:") {
        return Enabled::Dependency(name.to_owned());
    }
    match text.split_once('/') {
        Some((name, feature)) => {
            let (name, only_if_on) = match name.strip_suffix('?') {
                Some(name) => (name, true),
                None => (name, false),
            };
            Enabled::OfDependency(name.to_owned(), feature.to_owned(), only_if_on)
        }
        None if is_feature(text) => Enabled::Feature(text.to_owned()),
        None => Enabled::Dependency(text.to_owned()),
    }
}
