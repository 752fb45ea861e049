//! `/registries/{r}/trusted-publishers`: whose CI jobs get a token.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use http::Uri;
use supercargo_registry::{Failure, Instance, PublisherEdit, PublisherRequest};

use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route(
            "/registries/{registry}/trusted-publishers",
            get(list).post(create),
        )
        .route(
            "/registries/{registry}/trusted-publishers/{name}",
            get(show).patch(edit).delete(delete),
        )
}

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
