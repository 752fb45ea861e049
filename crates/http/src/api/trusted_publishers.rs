//! `/registries/{r}/trusted-publishers`: whose CI jobs get a token.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use supercargo_registry::{Failure, Instance, Publisher, PublisherEdit, PublisherRequest};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Conflicts, Page, Paged};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, edit, delete))
}

/// Trusts jobs of a CI system.
///
/// Who has an ID token of the issuer with these claims exchanges it for a token of this registry.
#[utoipa::path(
    post,
    path = "/registries/{registry}/trusted-publishers",
    tag = "trusted-publishers",
    request_body(content = PublisherRequest, example = json!({ "name": "release", "preset": "github", "claims": { "repository": "acme/app", "workflow": "release.yml" }, "scopes": ["publish"] })),
    responses(
        (status = 201, description = "It is there.", body = Publisher),
        Conflicts,
    ),
)]
async fn create(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    asking: Asking,
    Sent(request): Sent<PublisherRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_administer(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let publisher = instance
        .create_publisher(&right, request, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&publisher))
}

/// Whose jobs a registry trusts, by name.
#[utoipa::path(
    get,
    path = "/registries/{registry}/trusted-publishers",
    tag = "trusted-publishers",
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Publisher>),
    ),
)]
async fn list(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_administer(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let publishers = instance.publishers(&right).await.map_err(problem)?;
    page_of(&instance, &asked, publishers, |publisher| {
        publisher.name.to_string()
    })
}

/// One rule.
#[utoipa::path(
    get,
    path = "/registries/{registry}/trusted-publishers/{publisher}",
    tag = "trusted-publishers",
    responses(
        (status = 200, description = "As it is.", body = Publisher),
    ),
)]
async fn show(
    State(instance): State<Arc<Instance>>,
    Path((registry, name)): Path<(String, String)>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_administer(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let publisher = instance.publisher(&right, &name).await.map_err(problem)?;
    Ok(ok(&publisher))
}

/// Changes a rule; what is absent stays.
///
/// Tokens that jobs got by it end at once.
#[utoipa::path(
    patch,
    path = "/registries/{registry}/trusted-publishers/{publisher}",
    tag = "trusted-publishers",
    request_body(content = PublisherEdit, example = json!({ "claims": { "repository": "acme/app", "environment": "production" } })),
    responses(
        (status = 200, description = "As it is now.", body = Publisher),
        Conflicts,
    ),
)]
async fn edit(
    State(instance): State<Arc<Instance>>,
    Path((registry, name)): Path<(String, String)>,
    asking: Asking,
    Sent(edit): Sent<PublisherEdit>,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_administer(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let publisher = instance
        .edit_publisher(&right, &name, &edit, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(ok(&publisher))
}

/// Deletes a rule, and the tokens that jobs got by it.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/trusted-publishers/{publisher}",
    tag = "trusted-publishers",
    responses(
        (status = 204, description = "Done."),
    ),
)]
async fn delete(
    State(instance): State<Arc<Instance>>,
    Path((registry, name)): Path<(String, String)>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_administer(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    instance
        .delete_publisher(&right, &name, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
