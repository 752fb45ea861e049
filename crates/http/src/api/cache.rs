//! `/registries/{registry}/cache`: how well the cache of its upstreams serves.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use serde::Serialize;
use supercargo_registry::{CacheTraffic, Failure, Instance, UpstreamCache};
use supercargo_types::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Page, Paged};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, rest_of};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What is stored of an upstream.
#[derive(Serialize, ToSchema)]
#[schema(as = Cache)]
struct Shown {
    /// Which upstream.
    upstream: String,
    /// How many `.crate` files.
    files: u64,
    /// Of those together.
    bytes: u64,
    /// How many index files.
    index_files: u64,
    /// When the `.crate` file was used that was not used for the longest time.
    oldest: Option<Timestamp>,
    /// Over how many days it was counted, today among them.
    days: i64,
    /// What was given out and cost the upstream nothing.
    hits: Traffic,
    /// What it was asked for.
    misses: Traffic,
    /// The share of hits; null while nothing was given out.
    #[schema(minimum = 0, maximum = 1)]
    hit_rate: Option<f64>,
    /// Index files that were fetched before anybody asked for them.
    read_ahead: ReadAhead,
    /// The most bytes of `.crate` files, over all upstreams; null where there is no limit.
    limit: Option<u64>,
}

/// What was given out.
#[derive(Serialize, ToSchema)]
struct Traffic {
    /// Index files.
    index: u64,
    /// `.crate` files.
    files: u64,
}

/// What was fetched before anybody asked for it.
#[derive(Serialize, ToSchema)]
struct ReadAhead {
    /// All of it.
    fetched: u64,
    /// What somebody asked for within ten minutes.
    used: u64,
}

impl From<CacheTraffic> for Traffic {
    fn from(CacheTraffic { index, files }: CacheTraffic) -> Self {
        Self { index, files }
    }
}

impl From<UpstreamCache> for Shown {
    fn from(cache: UpstreamCache) -> Self {
        Self {
            hit_rate: cache.hit_rate(),
            upstream: cache.upstream,
            files: cache.size.files,
            bytes: cache.size.bytes,
            index_files: cache.size.index_files,
            oldest: cache.size.oldest,
            days: cache.days,
            hits: cache.hits.into(),
            misses: cache.misses.into(),
            read_ahead: ReadAhead {
                fetched: cache.read_ahead,
                used: cache.read_ahead_used,
            },
            limit: cache.limit,
        }
    }
}

/// What is stored of each upstream of a registry, and how well that serves.
///
/// It is counted over all registries that read through the upstream.
#[utoipa::path(
    get,
    path = "/registries/{registry}/cache",
    tag = "cache",
    params(Paged),
    responses(
        (status = 200, description = "A page of them, in the order in which the registry asks them.", body = Page<Shown>),
    ),
)]
async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    // The cache is shared, so this tells of other registries' traffic, too: not to everybody.
    instance
        .signed_in(asking.actor.clone())
        .map_err(|denied| problem(denied.into()))?;
    let right = instance
        .may_read(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let caches = instance.cached(&right).await.map_err(problem)?;
    let items: Vec<_> = caches.into_iter().map(Shown::from).collect();
    // in the order in which the registry asks them
    rest_of(&instance, &asked, &items, |item| item.upstream.clone())
}
