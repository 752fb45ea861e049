//! A registry's pages: its crates, what it reads through, its claims, its members, and how cargo is set up for it.

pub(super) mod setup;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Response, StatusCode, Uri};
use supercargo_pages::{
    CacheFigures, ClaimRow, CrateRow, Frame, Moment, RegistryClaimsPage, RegistryHead,
    RegistryMembersPage, RegistryPage, RegistryUpstreamsPage, UpstreamCard, UpstreamState,
};
use supercargo_registry::{
    CrateQuery, CrateSort, CrateSource, Failure, FoundCrate, Health, HealthState, Instance,
    MayRead, UpstreamCache,
};
use supercargo_types::{ClaimMode, RegistryName, Timestamp, View};

use super::{
    asked::Asked,
    errors,
    respond::{page, see_other},
    visitor::Visitor,
};

/// Crates on a page.
const PAGE: u32 = 50;

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

pub(super) async fn upstreams(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let head = looking.head("upstreams").await?;
        let frame = looking.frame("Upstreams and cache");
        page(
            visitor,
            StatusCode::OK,
            &RegistryUpstreamsPage { frame, head },
        )
    })
    .await
}

pub(super) async fn claims(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let claims = instance.claims(&looking.right);
        let template = RegistryClaimsPage {
            frame: looking.frame("Claims"),
            head: looking.head("claims").await?,
            claims: claims
                .into_iter()
                .map(|claim| ClaimRow {
                    pattern: claim.pattern.to_string(),
                    mode: claim.mode.as_str(),
                    created_at: Moment::new(claim.created_at, looking.now),
                })
                .collect(),
            may_claim: instance.may_maintain(&name, visitor.actor.clone()).is_ok(),
        };
        page(visitor, StatusCode::OK, &template)
    })
    .await
}

pub(super) async fn members(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let members = instance.members(&admin).await?;
        let template = RegistryMembersPage {
            frame: looking.frame("Members"),
            head: looking.head("members").await?,
            members: members
                .into_iter()
                .map(|(principal, role)| (principal.to_string(), role.as_str()))
                .collect(),
        };
        page(visitor, StatusCode::OK, &template)
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

    async fn crates(&self, asked: &Asked) -> Result<Response<Body>, Failure> {
        let text = asked.get("q");
        let (source, source_word) = match asked.get("source") {
            "hosted" => (Some(CrateSource::Hosted), "hosted"),
            "cached" => (Some(CrateSource::Cached), "cached"),
            _ => (None, ""),
        };
        let (sort, sort_word) = match asked.get("sort") {
            "updated" => (CrateSort::Updated, "updated"),
            "downloads" => (CrateSort::Downloads, "downloads"),
            _ => (CrateSort::Relevance, "relevance"),
        };
        let wanted = CrateQuery {
            text,
            source,
            limit: PAGE,
            offset: asked.skipped(PAGE.into()),
        };
        let found = self.instance.browse(&self.right, &wanted, sort).await?;
        let name = self.name();
        let path = format!("/{name}");
        let links = &self.visitor.links;
        let crates = found.items.into_iter();
        let template = RegistryPage {
            frame: self.frame(""),
            head: self.head("").await?,
            text: text.to_owned(),
            source: source_word,
            sort: sort_word,
            crates: crates
                .map(|found| crate_row(&name, found, self.now))
                .collect(),
            pager: asked.pager(links, &path, PAGE.into(), found.total),
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
        })
    }
}

fn upstream_card(health: Health, now: Timestamp) -> UpstreamCard {
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
fn cache_figures(cache: &UpstreamCache, now: Timestamp) -> CacheFigures {
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

/// A crate as lists show it.
pub(super) fn crate_row(registry: &str, found: FoundCrate, now: Timestamp) -> CrateRow {
    let instead = (found.highest_version != found.max_version && !found.is_yanked)
        .then_some(found.max_version);
    CrateRow {
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
