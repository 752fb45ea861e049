//! `/users/{user}` and `/service-accounts/{account}`: one account, its changes and its end.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use serde::Deserialize;
use supercargo_registry::{AccountEdit, Failure, Instance, Principal};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Confirm, Conflicts};
use super::shape::{Answer, Asked, Asking, Path, Problem, Sent, gone, ok};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(show_user, change_user, delete_user))
        .routes(routes!(
            show_service_account,
            change_service_account,
            delete_service_account
        ))
}

/// A user.
#[utoipa::path(
    get,
    path = "/users/{user}",
    operation_id = "show",
    tag = "users",
    responses(
        (status = 200, description = "As it is.", body = Principal),
    ),
)]
async fn show_user(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let user = instance.user_account(&right, &name).await;
    Ok(ok(&user.map_err(problem)?))
}

/// Changes a user.
///
/// Who is disabled or gets another password is signed out everywhere. The last instance admin stays one. To set a password or
/// to raise the role, the token needs every scope; for a password, it must be one that does not end either.
#[utoipa::path(
    patch,
    path = "/users/{user}",
    operation_id = "edit",
    tag = "users",
    request_body(content = AccountEdit, example = json!({ "email": "alice@acme.example", "instance_role": "creator", "disabled": false })),
    responses(
        (status = 200, description = "As it is now.", body = Principal),
        Conflicts,
    ),
)]
async fn change_user(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
    Sent(edit): Sent<AccountEdit>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let user = instance.change_user(&right, &name, edit, &asking.caller);
    Ok(ok(&user.await.map_err(problem)?))
}

/// Deletes a user for ever.
///
/// Its tokens, browsers, identities, roles, teams and ownerships end at once. Its name stays taken.
#[utoipa::path(
    delete,
    path = "/users/{user}",
    operation_id = "delete",
    tag = "users",
    params(Confirm),
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
async fn delete_user(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, &["confirm"])?;
    instance
        .delete_user(&right, &name, asked.get("confirm"), &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}

/// A service account: for instance admins, and for the admins of its registry.
#[utoipa::path(
    get,
    path = "/service-accounts/{account}",
    operation_id = "show",
    tag = "service-accounts",
    responses(
        (status = 200, description = "As it is.", body = Principal),
    ),
)]
async fn show_service_account(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance.may_manage_service(&name, asking.actor).await;
    Ok(ok(&instance.service_account(&right.map_err(problem)?)))
}

/// What of a service account shall be another. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ServiceAccountEdit {
    /// Whether its tokens shall not work.
    disabled: Option<bool>,
}

/// Disables a service account, or enables it again.
#[utoipa::path(
    patch,
    path = "/service-accounts/{account}",
    operation_id = "edit",
    tag = "service-accounts",
    request_body(content = ServiceAccountEdit, example = json!({ "disabled": true })),
    responses(
        (status = 200, description = "As it is now.", body = Principal),
    ),
)]
async fn change_service_account(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
    Sent(edit): Sent<ServiceAccountEdit>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance.may_manage_service(&name, asking.actor).await;
    let right = right.map_err(problem)?;
    let account = instance.change_service_account(&right, edit.disabled, &asking.caller);
    Ok(ok(&account.await.map_err(problem)?))
}

/// Deletes a service account for ever.
///
/// Its tokens, roles and ownerships end at once. Its name stays taken.
#[utoipa::path(
    delete,
    path = "/service-accounts/{account}",
    operation_id = "delete",
    tag = "service-accounts",
    params(Confirm),
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
async fn delete_service_account(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance.may_manage_service(&name, asking.actor).await;
    let right = right.map_err(problem)?;
    let asked = Asked::of(&instance, &uri, &["confirm"])?;
    instance
        .delete_service_account(&right, asked.get("confirm"), &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
