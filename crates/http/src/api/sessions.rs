//! `/sessions`: browsers that are signed in.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use supercargo_registry::{Failure, Instance, Refusal, Session};
use supercargo_types::AccountName;
use utoipa::{
    IntoParams,
    openapi::{
        path::{Parameter, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Page, Paged, asked};
use super::shape::{Answer, Asked, Asking, Path, Problem, gone, page};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, end_all))
        .routes(routes!(end))
}

/// Whose sessions.
struct OfUser;

impl IntoParams for OfUser {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .examples(["alice"]);
        vec![asked(
            "user",
            "Those of this user: oneself, and for instance admins anybody.",
            name,
        )]
    }
}

fn user(instance: &Instance, asked: &Asked) -> Result<Option<AccountName>, Problem> {
    let name = asked.get("user").map(str::parse).transpose();
    name.map_err(|error: supercargo_types::InvalidAccountName| {
        Problem::of(instance, Refusal::Shape(format!("`user`: {error}")))
    })
}

/// The browsers that are signed in as whoever asks, in the order in which they signed in. Needs the scope `admin`.
#[utoipa::path(
    get,
    path = "/sessions",
    tag = "sessions",
    params(OfUser, Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Session>),
    ),
)]
async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, &["user", "limit", "cursor"])?;
    let user = user(&instance, &asked)?;
    let limit = asked.limit(&instance)?;
    let (items, total) = instance
        .list_sessions(&actor, user.as_ref(), limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(page(&items, total, limit, |session| session.id.clone()))
}

/// Signs whoever asks out of every browser. Needs the scope `admin`.
#[utoipa::path(
    delete,
    path = "/sessions",
    tag = "sessions",
    params(OfUser),
    responses(
        (status = 204, description = "Done, at once and on every server."),
    ),
)]
async fn end_all(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, &["user"])?;
    let user = user(&instance, &asked)?;
    instance
        .end_sessions(&actor, user.as_ref(), &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}

/// Signs one browser out: one's own, or for instance admins anybody's. Needs the scope `admin`.
#[utoipa::path(
    delete,
    path = "/sessions/{id}",
    tag = "sessions",
    responses(
        (status = 204, description = "Done, at once and on every server."),
    ),
)]
async fn end(
    State(instance): State<Arc<Instance>>,
    Path(id): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    instance
        .end_session(&actor, &id, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
