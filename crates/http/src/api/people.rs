//! `/me`, `/users` and `/service-accounts`.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use http::Uri;
use serde::Deserialize;
use serde_json::json;
use supercargo_registry::{Failure, Instance, NewPrincipal, Refusal};
use supercargo_types::{AccountName, InstanceRole, PrincipalKind, RegistryName};

use super::shape::{Answer, Asked, Asking, PAGED, Problem, Sent, created, ok, page};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/me", get(me))
        .route("/users", get(users).post(create_user))
        .route(
            "/service-accounts",
            get(service_accounts).post(create_service_account),
        )
}

async fn me(State(instance): State<Arc<Instance>>, asking: Asking) -> Answer {
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| Problem::of(&instance, denied))?;
    let actor = actor.actor();
    let principal = actor.principal();
    let mut shown = json!({
        "principal": { "name": principal.name, "kind": principal.kind },
        "instance_role": actor.instance_role(),
        "token": {
            "id": actor.token_id(),
            "scopes": actor.scopes(),
            "registries": actor.token_registries(),
            "crates": actor.token_crates(),
            "expires_at": actor.expires_at(),
        },
    });
    if let Some(subject) = actor.subject() {
        shown["token"]["subject"] = json!(subject);
    }
    Ok(ok(&shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserRequest {
    name: AccountName,
    email: Option<String>,
    password: Option<String>,
    instance_role: Option<InstanceRole>,
}

async fn create_user(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<UserRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    if request.password.is_some() {
        let text = "signing in with a password comes with a later version; leave `password` out and make a token";
        return Err(problem(Refusal::Shape(text.to_owned()).into()));
    }
    let new = NewPrincipal {
        kind: PrincipalKind::User,
        name: request.name,
        email: request.email,
        instance_role: request.instance_role.unwrap_or(InstanceRole::Member),
    };
    Ok(created(
        &instance
            .create_principal(&right, new, &asking.caller)
            .await
            .map_err(problem)?,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceAccountRequest {
    name: AccountName,
    registry: Option<RegistryName>,
}

async fn create_service_account(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<ServiceAccountRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let account = if let Some(registry) = request.registry {
        let problem =
            |failure: Failure| Problem::in_registry(&instance, registry.as_str(), failure);
        let right = instance
            .may_administer(registry.as_str(), asking.actor)
            .map_err(|denied| problem(denied.into()))?;
        instance
            .create_service_account(&right, request.name, &asking.caller)
            .await
            .map_err(problem)?
    } else {
        let right = instance
            .may_administer_instance(asking.actor)
            .map_err(|denied| problem(denied.into()))?;
        let new = NewPrincipal {
            kind: PrincipalKind::Service,
            name: request.name,
            email: None,
            instance_role: InstanceRole::Member,
        };
        instance
            .create_principal(&right, new, &asking.caller)
            .await
            .map_err(problem)?
    };
    Ok(created(&account))
}

async fn users(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    list(&instance, &uri, asking, PrincipalKind::User).await
}

async fn service_accounts(
    State(instance): State<Arc<Instance>>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    list(&instance, &uri, asking, PrincipalKind::Service).await
}

async fn list(instance: &Arc<Instance>, uri: &Uri, asking: Asking, kind: PrincipalKind) -> Answer {
    let problem = |failure: Failure| Problem::of(instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(instance, uri, PAGED)?;
    let limit = asked.limit(instance)?;
    let (items, total) = instance
        .list_principals(&right, kind, limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(page(&items, total, limit, |principal| {
        principal.name.to_string()
    }))
}
