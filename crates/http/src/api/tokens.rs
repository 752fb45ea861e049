//! `/tokens`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{delete, get},
};
use http::Uri;
use serde_json::json;
use supercargo_registry::{Failure, Instance, TokenRequest};

use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, page};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/tokens", get(list).post(create))
        .route("/tokens/{id}", delete(revoke))
}

async fn create(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<TokenRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let maker = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let new = instance
        .create_token(&maker, request, &asking.caller)
        .await
        .map_err(problem)?;
    let mut shown = json!(new.token);
    shown["token"] = json!(new.secret.reveal());
    Ok(created(&shown))
}

async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let limit = asked.limit(&instance)?;
    let (items, total) = instance
        .list_tokens(&actor, limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(page(&items, total, limit, |token| token.id.clone()))
}

async fn revoke(
    State(instance): State<Arc<Instance>>,
    Path(id): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    instance
        .revoke_token(&actor, &id, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
