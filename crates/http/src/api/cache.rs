//! `/registries/{registry}/cache`: how well the cache of its upstreams serves.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use http::Uri;
use serde_json::{Value, json};
use supercargo_registry::{Failure, Instance, UpstreamCache};

use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, rest_of};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new().route("/registries/{registry}/cache", get(show))
}

fn shown(cache: &UpstreamCache) -> Value {
    json!({
        "upstream": cache.upstream,
        "files": cache.size.files,
        "bytes": cache.size.bytes,
        "index_files": cache.size.index_files,
        "oldest": cache.size.oldest,
        "days": cache.days,
        "hits": { "index": cache.hits.index, "files": cache.hits.files },
        "misses": { "index": cache.misses.index, "files": cache.misses.files },
        "hit_rate": cache.hit_rate(),
        "read_ahead": { "fetched": cache.read_ahead, "used": cache.read_ahead_used },
        "limit": cache.limit,
    })
}

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
    let items: Vec<_> = caches.iter().map(shown).collect();
    // in the order in which the registry asks them
    rest_of(&instance, &asked, &items, |item| {
        item["upstream"].as_str().unwrap_or_default().to_owned()
    })
}
