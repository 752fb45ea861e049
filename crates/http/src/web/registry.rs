//! A registry's pages: its crates, what it reads through, its claims, its members, and how cargo is set up for it.

pub(super) mod activity;
pub(super) mod cache;
pub(super) mod claims;
pub(super) mod members;
pub(super) mod order;
pub(super) mod rules;
pub(super) mod settings;
pub(super) mod setup;
pub(super) mod trusted_publishers;
pub(super) mod upload;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Response, StatusCode, Uri};
use supercargo_pages::{
    CacheFigures, CrateRow, Frame, Moment, Narrowing, RegistryHead, RegistryPage, UpstreamCard,
    UpstreamState,
};
use supercargo_registry::{
    CrateQuery, CrateSort, CrateSource, Failure, FoundCrate, Health, HealthState, Instance,
    LabelFilter, MayRead, UpstreamCache,
};
use supercargo_types::{ClaimMode, RegistryName, Timestamp, VersionState, View};

use super::{
    asked::Asked,
    errors,
    respond::{page, see_other},
    visitor::Visitor,
};

/// Crates on a page.
const PAGE: u32 = 50;
/// Labels of a crate in a list, and those that are offered to narrow it by.
const ROW_LABELS: usize = 4;
const LABELS: u32 = 50;
/// Labels that a list is narrowed by at once; the API refuses more.
const MOST_LABELS: usize = 8;

/// A registry that is looked at, and by whom.
struct Looking<'a> {
    instance: &'a Arc<Instance>,
    visitor: &'a Visitor,
    right: MayRead,
    now: Timestamp,
}

/// Asks for the right to read, and answers whatever fails.
async fn looked_at<Answer: Future<Output = Result<Response<Body>, Failure>>>(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    name: &str,
    answer: impl FnOnce(MayRead) -> Answer,
) -> Response<Body> {
    // nothing is told by that: the rule for names stands in the documentation
    if name.parse::<RegistryName>().is_err() {
        return errors::no_such_page(instance, visitor);
    }
    let answered = match instance.may_read(name, visitor.actor.clone()) {
        Ok(right) => answer(right).await,
        Err(denied) => Err(denied.into()),
    };
    answered.unwrap_or_else(|failure| errors::in_registry(instance, visitor, name, failure))
}

/// With a slash too many.
pub(super) async fn redirect(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    if name.parse::<RegistryName>().is_err() {
        return errors::no_such_page(&instance, &visitor);
    }
    see_other(&visitor, &visitor.links.registry(&name))
}

pub(super) async fn crates(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        looking.crates(&Asked::of(&uri)).await
    })
    .await
}

impl<'a> Looking<'a> {
    fn new(instance: &'a Arc<Instance>, visitor: &'a Visitor, right: MayRead) -> Self {
        Self {
            now: instance.clock().now(),
            instance,
            visitor,
            right,
        }
    }

    fn name(&self) -> String {
        self.right.registry().name.to_string()
    }

    /// Around one of its parts; around the page of its crates where that is empty.
    fn frame(&self, part: &str) -> Frame {
        let name = self.name();
        let title = if part.is_empty() {
            name.clone()
        } else {
            format!("{part} · {name}")
        };
        let mut frame = self.visitor.frame(title);
        frame.step("Registries", frame.links.home());
        if part.is_empty() {
            frame.last_step(&name);
        } else {
            frame.step(&name, frame.links.registry(&name));
            frame.last_step(part);
        }
        frame
    }

    /// Around a page below one of its parts.
    fn below(&self, part: &str, address: &str, title: &str) -> Frame {
        let mut frame = self.frame(title);
        let here = frame.crumbs.pop();
        frame.step(part, frame.links.of_registry(&self.name(), address));
        frame.crumbs.extend(here);
        frame
    }

    async fn crates(&self, asked: &Asked) -> Result<Response<Body>, Failure> {
        let narrowed = Narrowed::of(asked, format!("/{}", self.name()));
        let wanted = CrateQuery {
            limit: PAGE,
            offset: asked.skipped(PAGE.into()),
            ..narrowed.query()
        };
        let _place = if wanted.is_costly() {
            let actor = self.visitor.actor.as_deref();
            self.instance.place_to_search(actor).await?
        } else {
            None
        };
        let found = self.instance.browse(&self.right, &wanted, narrowed.sort);
        let found = found.await?;
        let name = self.name();
        let links = &self.visitor.links;
        let crates = found.items.into_iter();
        let in_use = self.instance.labels_in_use(&self.right, LABELS).await?;
        let template = RegistryPage {
            frame: self.frame(""),
            head: self.head("").await?,
            crates: crates
                .map(|found| crate_row(&name, found, self.now))
                .collect(),
            pager: asked.pager(links, &narrowed.shown.path, PAGE.into(), found.total),
            narrowing: narrowed.shown,
            labels_in_use: in_use
                .into_iter()
                .map(|(label, crates)| (label.to_string(), crates))
                .collect(),
            is_cut: found.is_cut,
            may_publish: self
                .instance
                .may_publish(&name, self.visitor.actor.clone())
                .is_ok(),
        };
        page(self.visitor, StatusCode::OK, &template)
    }

    async fn head(&self, part: &'static str) -> Result<RegistryHead, Failure> {
        let registry = self.right.registry();
        let health = self.instance.health(&self.right).await?;
        // the cache is shared, so its traffic tells of other registries, too: not to everybody, as in the API
        let caches = if self.visitor.actor.is_some() {
            self.instance.cached(&self.right).await?
        } else {
            Vec::new()
        };
        let upstreams = registry.upstreams.iter().zip(health);
        let upstreams = upstreams.map(|(attached, health)| {
            let cache = caches
                .iter()
                .find(|cache| cache.upstream == health.upstream);
            UpstreamCard {
                only: attached.only.iter().map(ToString::to_string).collect(),
                except: attached.except.iter().map(ToString::to_string).collect(),
                cache: cache.map(|cache| cache_figures(cache, self.now)),
                ..upstream_card(health, self.now)
            }
        });
        let labels = registry.labels.iter();
        let actor = self.visitor.actor.clone();
        Ok(RegistryHead {
            name: registry.name.to_string(),
            description: registry.description.clone(),
            visibility: registry.visibility.as_str(),
            labels: labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
            index: self.instance.site().index_url(&registry.name, View::Index),
            in_cargo: registry.name.in_cargo(),
            upstreams: upstreams.collect(),
            claims: self.instance.claims(&self.right).len() as u64,
            is_admin: self
                .instance
                .may_administer(registry.name.as_str(), actor)
                .is_ok(),
            part,
            done: match self.visitor.here.split_once('?') {
                Some((_, "done=made")) if part.is_empty() => "made",
                Some((_, "done=restored")) if part.is_empty() => "restored",
                _ => "",
            },
        })
    }
}

pub(super) fn upstream_card(health: Health, now: Timestamp) -> UpstreamCard {
    UpstreamCard {
        name: health.upstream,
        state: match health.state {
            HealthState::Ok => UpstreamState::Ok,
            HealthState::Failing => UpstreamState::Failing,
            HealthState::Unknown => UpstreamState::Unknown,
        },
        since: health.since.map(|since| Moment::new(since, now)),
        reason: health.reason,
        alarms: health.alarms,
        only: Vec::new(),
        except: Vec::new(),
        cache: None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between nought and one"
)]
pub(super) fn cache_figures(cache: &UpstreamCache, now: Timestamp) -> CacheFigures {
    let hits = cache.hits.index + cache.hits.files;
    CacheFigures {
        files: cache.size.files,
        bytes: cache.size.bytes,
        index_files: cache.size.index_files,
        oldest: cache.size.oldest.map(|oldest| Moment::new(oldest, now)),
        hit_rate: cache.hit_rate().map(|rate| (rate * 100.0).floor() as u64),
        hits,
        given_out: hits + cache.misses.index + cache.misses.files,
        days: u64::try_from(cache.days).unwrap_or(0),
        limit: cache.limit,
    }
}

/// A label as people write it.
pub(super) fn label_words(key: &str, value: &str) -> String {
    match value {
        "" => key.to_owned(),
        value => format!("{key}={value}"),
    }
}

/// What a list of crates is narrowed by, for the use case and for the page.
pub(super) struct Narrowed {
    pub(super) shown: Narrowing,
    pub(super) labels: Vec<LabelFilter>,
    pub(super) sort: CrateSort,
    source: Option<CrateSource>,
    state: Option<VersionState>,
}

impl Narrowed {
    /// What is none of the words of its field is passed over, as in every address of a page.
    pub(super) fn of(asked: &Asked, path: String) -> Self {
        let text = asked.get("q").to_owned();
        let (source, source_word) = match asked.get("source") {
            "hosted" => (Some(CrateSource::Hosted), "hosted"),
            "cached" => (Some(CrateSource::Cached), "cached"),
            _ => (None, ""),
        };
        let (sort, sort_word) = match asked.get("sort") {
            "updated" => (CrateSort::Updated, "updated"),
            "downloads" => (CrateSort::Downloads, "downloads"),
            "name" if !text.is_empty() => (CrateSort::Name, "name"),
            _ => (CrateSort::Relevance, "relevance"),
        };
        let state: Option<VersionState> = asked.get("state").parse().ok();
        let state = state.filter(|state| *state != VersionState::Deleted);
        let mut labels: Vec<LabelFilter> = Vec::new();
        for label in asked.all("label").filter_map(|label| label.parse().ok()) {
            if labels.len() < MOST_LABELS && !labels.contains(&label) {
                labels.push(label);
            }
        }
        Self {
            shown: Narrowing {
                path,
                text,
                source: source_word,
                state: state.map_or("", VersionState::as_str),
                labels: labels.iter().map(ToString::to_string).collect(),
                sort: sort_word,
            },
            labels,
            sort,
            source,
            state,
        }
    }

    pub(super) fn forget_state(&mut self) {
        self.state = None;
        self.shown.state = "";
    }

    pub(super) fn query(&self) -> CrateQuery<'_> {
        CrateQuery {
            text: &self.shown.text,
            source: self.source,
            state: self.state,
            labels: &self.labels,
            ..CrateQuery::default()
        }
    }
}

/// A crate as lists show it.
pub(super) fn crate_row(registry: &str, found: FoundCrate, now: Timestamp) -> CrateRow {
    let instead = (found.highest_version != found.max_version && !found.is_yanked)
        .then_some(found.max_version);
    let more_labels = found.labels.len().saturating_sub(ROW_LABELS) as u64;
    let labels = found.labels.iter().take(ROW_LABELS);
    let labels = labels.map(|(key, value)| label_words(key, value)).collect();
    CrateRow {
        labels,
        more_labels,
        registry: registry.to_owned(),
        name: found.name,
        description: found.description,
        version: found.highest_version,
        state: found.highest_state.as_str(),
        reason: found.highest_reason.map(|reason| errors::capital(&reason)),
        instead,
        is_hosted: found.source == CrateSource::Hosted,
        claim: found
            .claim
            // what is hosted alone needs no word about it
            .filter(|claim| *claim != ClaimMode::Private)
            .map(ClaimMode::as_str),
        updated: Moment::new(found.updated_at, now),
        downloads: found.downloads.recent,
        versions: found.versions,
    }
}
