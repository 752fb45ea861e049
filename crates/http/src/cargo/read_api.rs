//! Search, and the read part of crates.io's API, in its shapes: only fields that are known here, and every field that its
//! common clients cannot do without.
//!
//! All of it speaks of the `index` view, whichever view's `config.json` led here.

use std::{collections::BTreeMap, sync::Arc};

use axum::body::Body;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};
use supercargo_registry::{
    CrateDetails, CrateQuery, Dependent, DownloadsOfCrate, Failure, FoundCrate, IndexDependency,
    Instance, MayRead, VersionDetails,
};
use supercargo_types::{RegistryName, Timestamp};

use super::{
    answers::wrong_method,
    paths::{CratePart, Deed, VersionPart},
    web_api::{ok, shape, spelling},
};
use crate::problem;

/// cargo's default for `--limit`, and crates.io's for every list.
const ITEMS: u32 = 10;
/// crates.io's limit.
const LONGEST_PAGE: u32 = 100;
const SECONDS_OF_DAY: i64 = 86_400;

/// `?page=2&per_page=50`, and what is searched for; whatever else clients send is crates.io's business.
struct Page {
    text: String,
    limit: u32,
    offset: u64,
}

impl Page {
    fn of(query: Option<&str>) -> Result<Self, Failure> {
        let (mut text, mut per_page, mut page) = (String::new(), ITEMS, 1_u32);
        for (key, value) in url::form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
            let number = || {
                value
                    .parse()
                    .map_err(|_| shape(&format!("`{key}` is a number, not `{value}`")))
            };
            match key.as_ref() {
                "q" => text = value.into_owned(),
                "per_page" => per_page = number()?,
                "page" => page = number()?,
                _ => {}
            }
        }
        let limit = per_page.clamp(1, LONGEST_PAGE);
        Ok(Self {
            text,
            limit,
            offset: u64::from(page.max(1) - 1) * u64::from(limit),
        })
    }
}

/// Answers what only reads; whatever else is asked is not there.
pub(super) async fn answer(
    instance: &Arc<Instance>,
    right: &MayRead,
    deed: &Deed,
    query: Option<&str>,
) -> Result<Response<Body>, Failure> {
    match deed {
        Deed::Search => search(instance, right, query).await,
        Deed::OfCrate { krate, part } => of_crate(instance, right, krate, *part, query).await,
        Deed::OfVersion {
            krate,
            version,
            part,
        } => of_version(instance, right, krate, version, *part).await,
        Deed::Publish => of_crate(instance, right, "new", CratePart::Whole, None).await,
        _ => Ok(wrong_method(deed)),
    }
}

async fn search(
    instance: &Instance,
    right: &MayRead,
    query: Option<&str>,
) -> Result<Response<Body>, Failure> {
    let page = Page::of(query)?;
    let wanted = CrateQuery {
        text: &page.text,
        source: None,
        limit: page.limit,
        offset: page.offset,
        ..CrateQuery::default()
    };
    let found = instance.search(right, &wanted).await?;
    let paths = Paths::of(instance, right);
    let crates: Vec<_> = found
        .items
        .iter()
        .map(|found| found_crate(&paths, found))
        .collect();
    Ok(ok(
        &json!({ "crates": crates, "meta": { "total": found.total } }),
    ))
}

async fn of_crate(
    instance: &Arc<Instance>,
    right: &MayRead,
    krate: &str,
    part: CratePart,
    query: Option<&str>,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    let paths = Paths::of(instance, right);
    let answer = match part {
        CratePart::Whole => whole_crate(&paths, &instance.crate_details(right, &name).await?),
        CratePart::Versions => {
            let details = instance.crate_details(right, &name).await?;
            let versions = versions(&paths, &details);
            json!({ "versions": versions, "meta": { "total": versions.len(), "next_page": null } })
        }
        CratePart::Dependents => {
            let page = Page::of(query)?;
            let dependents = instance.dependents(right, &name, page.limit, page.offset);
            let dependents = dependents.await?;
            let (dependencies, versions): (Vec<_>, Vec<_>) = (1..)
                .zip(&dependents.items)
                .map(|(id, dependent)| a_dependent(&paths, id, dependent))
                .unzip();
            let meta = json!({ "total": dependents.total });
            json!({ "dependencies": dependencies, "versions": versions, "meta": meta })
        }
        CratePart::Downloads => {
            let told = instance.downloads(right, &name, None).await?;
            let others: Vec<_> = told
                .others
                .iter()
                .map(|&(day, count)| json!({ "date": date(day), "downloads": count }))
                .collect();
            json!({ "version_downloads": by_day(&told), "meta": { "extra_downloads": others } })
        }
    };
    Ok(ok(&answer))
}

async fn of_version(
    instance: &Arc<Instance>,
    right: &MayRead,
    krate: &str,
    number: &str,
    part: VersionPart,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    let paths = Paths::of(instance, right);
    let answer = match part {
        VersionPart::Whole => {
            let (name, details) = instance.version_details(right, &name, number).await?;
            json!({ "version": version(&paths, &name, &details, right.registry().created_at) })
        }
        VersionPart::Dependencies => {
            let (_, details) = instance.version_details(right, &name, number).await?;
            let dependencies: Vec<_> = (1..)
                .zip(&details.dependencies)
                .map(|(id, needed)| dependency(id, details.id, needed.package(), needed, 0))
                .collect();
            json!({ "dependencies": dependencies })
        }
        VersionPart::Downloads => {
            let told = instance.downloads(right, &name, Some(number)).await?;
            json!({ "version_downloads": by_day(&told) })
        }
        VersionPart::Readme => {
            return Ok(match instance.readme(right, &name, number).await? {
                Some(bytes) => {
                    let mut response = problem::plain(StatusCode::OK, "");
                    *response.body_mut() = Body::from(bytes);
                    response
                }
                None => no_readme(krate, number),
            });
        }
    };
    Ok(ok(&answer))
}

/// Both were found, so neither is longer than a name or a number.
fn no_readme(krate: &str, number: &str) -> Response<Body> {
    let detail = format!(
        "version `{krate}@{number}` has no readme here: its crate file has none, or is not stored"
    );
    problem::json(
        StatusCode::NOT_FOUND,
        &json!({ "errors": [{ "code": "no-readme", "detail": detail }] }),
    )
}

/// What links between answers begin with. Like crates.io's, they are paths on this server's host.
struct Paths {
    crates: String,
    /// Where people who have no page of their own are found.
    base: String,
    /// Of registries: when they were made.
    created_at: Timestamp,
}

impl Paths {
    fn of(instance: &Instance, right: &MayRead) -> Self {
        let registry: &RegistryName = &right.registry().name;
        let site = instance.site();
        Self {
            crates: format!("{}/{registry}/api/v1/crates", site.path_prefix()),
            base: site.base().to_owned(),
            created_at: right.registry().created_at,
        }
    }

    fn of_crate(&self, name: &str, versions: bool) -> Value {
        let crates = &self.crates;
        json!({
            "version_downloads": format!("{crates}/{name}/downloads"),
            "versions": versions.then(|| format!("{crates}/{name}/versions")),
            "owners": format!("{crates}/{name}/owners"),
            "owner_team": format!("{crates}/{name}/owners"),
            "owner_user": format!("{crates}/{name}/owners"),
            "reverse_dependencies": format!("{crates}/{name}/reverse_dependencies"),
        })
    }
}

fn found_crate(paths: &Paths, found: &FoundCrate) -> Value {
    json!({
        "id": found.name,
        "name": found.name,
        "description": found.description,
        "homepage": found.homepage,
        "documentation": found.documentation,
        "repository": found.repository,
        "max_version": found.max_version,
        "max_stable_version": found.max_stable_version,
        "newest_version": found.newest_version,
        "default_version": found.max_stable_version.as_ref().unwrap_or(&found.max_version),
        "num_versions": found.versions,
        "yanked": found.is_yanked,
        "downloads": found.downloads.total,
        "recent_downloads": found.downloads.recent,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "exact_match": found.exact_match,
        "versions": null,
        "keywords": null,
        "categories": null,
        "badges": [],
        "links": paths.of_crate(&found.name, true),
    })
}

fn whole_crate(paths: &Paths, details: &CrateDetails) -> Value {
    let name = &details.name;
    let default = details.default_version();
    let facts = default.facts.as_ref();
    let times = || {
        details
            .versions
            .iter()
            .filter_map(|version| version.published_at)
    };
    let created_at = times().min().unwrap_or(details.changed_at);
    let keywords = facts.map_or(&[][..], |facts| &facts.keywords);
    let categories = facts.map_or(&[][..], |facts| &facts.categories);
    let ids: Vec<_> = details.versions.iter().map(|version| version.id).collect();
    let max_stable_version = details.max_stable_version();
    let shown = json!({
        "id": name,
        "name": name,
        "description": default.description,
        "homepage": facts.and_then(|facts| facts.homepage.as_ref()),
        "documentation": facts.and_then(|facts| facts.documentation.as_ref()),
        "repository": facts.and_then(|facts| facts.repository.as_ref()),
        "max_version": details.max_version().version,
        "max_stable_version": max_stable_version.map(|version| &version.version),
        "newest_version": details.newest_version().version,
        "default_version": default.version,
        "num_versions": ids.len(),
        "yanked": details.versions.iter().all(|version| version.yanked),
        "downloads": details.downloads.total,
        "recent_downloads": details.downloads.recent,
        "created_at": created_at,
        "updated_at": times().max().unwrap_or(details.changed_at),
        "exact_match": false,
        "versions": ids,
        "keywords": keywords,
        "categories": categories,
        "badges": [],
        "links": paths.of_crate(name, false),
    });
    // how many crates have a word in common is not counted here: at least this one has it
    let keywords: Vec<_> = keywords
        .iter()
        .map(|word| json!({ "id": word, "keyword": word, "created_at": created_at, "crates_cnt": 1 }))
        .collect();
    let categories: Vec<_> = categories
        .iter()
        .map(|slug| {
            json!({
                "id": slug, "slug": slug, "category": slug, "description": "",
                "created_at": created_at, "crates_cnt": 1,
            })
        })
        .collect();
    json!({
        "crate": shown,
        "versions": versions(paths, details),
        "keywords": keywords,
        "categories": categories,
    })
}

fn versions(paths: &Paths, details: &CrateDetails) -> Vec<Value> {
    details
        .versions
        .iter()
        .map(|shown| version(paths, &details.name, shown, details.changed_at))
        .collect()
}

/// `or_at` stands for a time that nobody knows: clients demand one.
fn version(paths: &Paths, name: &str, shown: &VersionDetails, or_at: Timestamp) -> Value {
    let path = format!("{}/{name}/{}", paths.crates, shown.version);
    let facts = shown.facts.as_ref();
    let published_at = shown.published_at.unwrap_or(or_at);
    let publisher = shown.publisher.as_ref().map(|(id, principal)| {
        json!({
            "id": id, "login": principal, "name": principal.name, "avatar": null,
            "url": paths.base,
        })
    });
    json!({
        "id": shown.id,
        "crate": name,
        "num": shown.version,
        "dl_path": format!("{path}/download"),
        "readme_path": format!("{path}/readme"),
        "created_at": published_at,
        "updated_at": published_at,
        "downloads": shown.downloads,
        "features": shown.features,
        "yanked": shown.yanked,
        "yank_message": null,
        "lib_links": shown.links,
        "license": facts.and_then(|facts| facts.license.as_ref()),
        "links": {
            "dependencies": format!("{path}/dependencies"),
            "version_downloads": format!("{path}/downloads"),
            "authors": format!("{path}/authors"),
        },
        "crate_size": shown.size,
        "published_by": publisher,
        "audit_actions": [],
        "checksum": shown.checksum,
        "rust_version": shown.rust_version,
        "has_lib": facts.map(|facts| facts.has_library),
        "bin_names": facts.map(|facts| &facts.binaries),
        "edition": facts.map(|facts| &facts.edition),
        "description": shown.description,
        "homepage": facts.and_then(|facts| facts.homepage.as_ref()),
        "documentation": facts.and_then(|facts| facts.documentation.as_ref()),
        "repository": facts.and_then(|facts| facts.repository.as_ref()),
    })
}

/// Ids of dependencies tell those of one answer apart.
fn dependency(
    id: u64,
    version_id: u64,
    name: &str,
    needed: &IndexDependency,
    downloads: u64,
) -> Value {
    json!({
        "id": id,
        "version_id": version_id,
        "crate_id": name,
        "req": needed.req,
        "optional": needed.is_optional(),
        "default_features": needed.has_default_features(),
        "features": needed.features(),
        "target": needed.target,
        "kind": needed.kind(),
        "downloads": downloads,
    })
}

fn a_dependent(paths: &Paths, id: u64, dependent: &Dependent) -> (Value, Value) {
    let needed = &dependent.dependency;
    let total = dependent.downloads.total;
    let name = dependent.name.as_str();
    (
        dependency(id, dependent.version.id, needed.package(), needed, total),
        version(paths, name, &dependent.version, paths.created_at),
    )
}

fn by_day(told: &DownloadsOfCrate) -> Vec<Value> {
    // by day first, whatever order the versions have
    let ordered: BTreeMap<_, _> = told
        .versions
        .iter()
        .map(|&(version, day, count)| ((day, version), count))
        .collect();
    ordered
        .into_iter()
        .map(|((day, version), count)| {
            json!({ "version": version, "downloads": count, "date": date(day) })
        })
        .collect()
}

/// `2026-11-21`.
fn date(day: i64) -> String {
    let midnight = Timestamp::from_seconds(day.saturating_mul(SECONDS_OF_DAY));
    midnight.pubtime().chars().take(10).collect()
}

/// Whether a response begins to send a file: all of it, or a part from its first byte on. Who resumes a download has been
/// counted before.
pub(super) fn begins_a_file(response: &Response<Body>) -> bool {
    match response.status() {
        StatusCode::OK => true,
        StatusCode::PARTIAL_CONTENT => response
            .headers()
            .get(header::CONTENT_RANGE)
            .is_some_and(|range| range.as_bytes().starts_with(b"bytes 0-")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_within_their_limits() {
        let page = |query| Page::of(Some(query)).map(|page| (page.text, page.limit, page.offset));
        let is = |query, text: &str, limit, offset| {
            assert_eq!(
                page(query).unwrap(),
                (text.to_owned(), limit, offset),
                "{query}"
            );
        };
        is("", "", 10, 0);
        is("q=a%20b+c&sort=alpha", "a b c", 10, 0);
        is("page=3&per_page=50", "", 50, 100);
        is("page=0&per_page=0", "", 1, 0);
        is("per_page=1000", "", 100, 0);
        is("page=4294967295&per_page=100", "", 100, 429_496_729_400);
        assert!(page("page=-1").is_err() && page("per_page=many").is_err());
    }

    #[test]
    fn only_the_first_byte_counts() {
        let begins = |status: u16, range: Option<&str>| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if let Some(range) = range {
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_RANGE, range.parse().unwrap());
            }
            begins_a_file(&response)
        };
        assert!(begins(200, None) && begins(206, Some("bytes 0-0/9")));
        assert!(!begins(206, Some("bytes 1-8/9")) && !begins(206, None));
        assert!(!begins(304, None) && !begins(404, None) && !begins(416, Some("bytes */9")));
    }

    #[test]
    fn days_are_written_as_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(20_778), "2026-11-21");
    }
}
