//! `/registries/{r}/claims`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{delete, get},
};
use http::Uri;
use serde::Deserialize;
use supercargo_registry::{Failure, Instance, Refusal};
use supercargo_types::{ClaimMode, NamePattern};

use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, page_of};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/registries/{registry}/claims", get(list).post(create))
        .route("/registries/{registry}/claims/{pattern}", delete(remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimRequest {
    pattern: NamePattern,
    mode: Option<ClaimMode>,
}

async fn list(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let right = instance
        .may_read(&name, asking.actor)
        .map_err(|denied| Problem::in_registry(&instance, &name, denied))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    page_of(&instance, &asked, instance.claims(&right), |claim| {
        claim.pattern.to_string()
    })
}

async fn create(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
    Sent(request): Sent<ClaimRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_maintain(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let mode = request.mode.unwrap_or(ClaimMode::Private);
    let claim = instance
        .create_claim(&right, request.pattern, mode, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&claim))
}

async fn remove(
    State(instance): State<Arc<Instance>>,
    Path((name, pattern)): Path<(String, String)>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_maintain(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, &["confirm"])?;
    let pattern: NamePattern = pattern
        .parse()
        .map_err(|invalid| problem(Refusal::Pattern(invalid).into()))?;
    instance
        .delete_claim(&right, &pattern, asked.get("confirm"), &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
