//! `/teams` and their members.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use serde::{Deserialize, Serialize};
use supercargo_registry::{Failure, Instance, Team, TeamSummary};
use supercargo_types::AccountName;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Conflicts, Page, Paged};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, delete))
        .routes(routes!(add_member, remove_member))
}

/// A team to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TeamRequest {
    /// Elsewhere it is written `team:NAME`.
    name: AccountName,
}

/// Makes a team without members.
#[utoipa::path(
    post,
    path = "/teams",
    tag = "teams",
    request_body(content = TeamRequest, example = json!({ "name": "core" })),
    responses(
        (status = 201, description = "It is there.", body = Team),
        Conflicts,
    ),
)]
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

/// All teams, by name.
#[utoipa::path(
    get,
    path = "/teams",
    tag = "teams",
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<TeamSummary>),
    ),
)]
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

/// A team with its members.
#[utoipa::path(
    get,
    path = "/teams/{team}",
    tag = "teams",
    responses(
        (status = 200, description = "As it is.", body = Team),
    ),
)]
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

/// Deletes a team, and what it was allowed to do.
#[utoipa::path(
    delete,
    path = "/teams/{team}",
    tag = "teams",
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
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

/// A user in a team.
#[derive(Serialize, ToSchema)]
struct TeamMember {
    /// Which team.
    team: AccountName,
    /// Which user.
    user: AccountName,
}

/// Makes a user a member.
#[utoipa::path(
    put,
    path = "/teams/{team}/members/{user}",
    tag = "teams",
    responses(
        (status = 200, description = "The user is a member.", body = TeamMember),
        Conflicts,
    ),
)]
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
    Ok(ok(&TeamMember { team, user }))
}

/// Takes a user out of a team.
#[utoipa::path(
    delete,
    path = "/teams/{team}/members/{user}",
    tag = "teams",
    responses(
        (status = 204, description = "Done."),
    ),
)]
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
