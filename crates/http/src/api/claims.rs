//! `/registries/{r}/claims`.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use serde::Deserialize;
use supercargo_registry::{Claim, ClaimImpact, Failure, Instance, Refusal};
use supercargo_types::{ClaimMode, NamePattern};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Confirm, Conflicts, Page, Paged};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, page_of};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(remove))
}

/// A claim to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClaimRequest {
    /// The names that it covers.
    pattern: NamePattern,
    /// `private` where absent.
    mode: Option<ClaimMode>,
}

/// The claims of a registry, by pattern.
#[utoipa::path(
    get,
    path = "/registries/{registry}/claims",
    tag = "claims",
    security((), ("token" = [])),
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Claim>),
    ),
)]
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

/// Claims a name or a pattern over names.
///
/// The answer says what that takes away from whom.
#[utoipa::path(
    post,
    path = "/registries/{registry}/claims",
    tag = "claims",
    request_body(content = ClaimRequest, example = json!({ "pattern": "acme-*", "mode": "private" })),
    responses(
        (status = 201, description = "It stands.", body = ClaimImpact),
        Conflicts,
    ),
)]
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

/// Gives up a claim.
///
/// Names that it covered and that were never hosted go back to the upstreams at once.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/claims/{pattern}",
    tag = "claims",
    params(Confirm),
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
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
