//! `/teams` and their members.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, put},
};
use http::Uri;
use serde::Deserialize;
use serde_json::json;
use supercargo_registry::{Failure, Instance};
use supercargo_types::AccountName;

use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/teams", get(list).post(create))
        .route("/teams/{team}", get(show).delete(delete))
        .route(
            "/teams/{team}/members/{user}",
            put(add_member).delete(remove_member),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamRequest {
    name: AccountName,
}

async fn create(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<TeamRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let team = instance
        .create_team(&right, request.name, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&team))
}

async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let limit = asked.limit(&instance)?;
    let (items, total) = instance
        .list_teams(&right, limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(page(&items, total, limit, |team| team.name.to_string()))
}

async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    Ok(ok(&instance.team(&right, &name).await.map_err(problem)?))
}

async fn delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    instance
        .delete_team(&right, &name, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}

async fn add_member(
    State(instance): State<Arc<Instance>>,
    Path((team, user)): Path<(String, String)>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let (team, user) = instance
        .add_team_member(&right, &team, &user, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(ok(&json!({ "team": team, "user": user })))
}

async fn remove_member(
    State(instance): State<Arc<Instance>>,
    Path((team, user)): Path<(String, String)>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    instance
        .remove_team_member(&right, &team, &user, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
