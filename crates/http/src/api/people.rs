//! `/me`, `/users` and `/service-accounts`: who there is. What becomes of one account is in `accounts.rs`.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use serde::{Deserialize, Serialize};
use supercargo_registry::{Failure, Instance, NewPrincipal, Password, Principal};
use supercargo_types::{
    AccountName, InstanceRole, NamePattern, PrincipalKind, RegistryName, Scopes, Timestamp,
};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        path::{Parameter, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Conflicts, Page, Paged, asked};
use super::shape::{Answer, Asked, Asking, PAGED, Problem, Sent, created, ok, page};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(users, create_user))
        .routes(routes!(service_accounts, create_service_account))
}

/// Who asks, and with what.
#[derive(Serialize, ToSchema)]
struct Me {
    /// Who.
    principal: MyPrincipal,
    /// What that is on the instance.
    instance_role: InstanceRole,
    /// With what.
    token: MyToken,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
struct MyPrincipal {
    /// Its name.
    name: AccountName,
    /// What it is.
    kind: PrincipalKind,
}

/// With what somebody asks.
#[derive(Serialize, ToSchema)]
struct MyToken {
    /// Names it in `DELETE /tokens/{id}`.
    id: String,
    /// What it may be used for.
    scopes: Scopes,
    /// Narrowed to these registries.
    registries: Option<Vec<RegistryName>>,
    /// Writes narrowed to these crates.
    crates: Option<Vec<NamePattern>>,
    /// When it ends.
    expires_at: Option<Timestamp>,
    /// Who is behind it, where it was given to a job of a CI system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    subject: Option<String>,
}

/// Who asks, and with what.
#[utoipa::path(
    get,
    path = "/me",
    operation_id = "show",
    tag = "me",
    responses(
        (status = 200, description = "Whom the token stands for.", body = Me),
    ),
)]
async fn me(State(instance): State<Arc<Instance>>, asking: Asking) -> Answer {
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| Problem::of(&instance, denied))?;
    let actor = actor.actor();
    let principal = actor.principal();
    Ok(ok(&Me {
        principal: MyPrincipal {
            name: principal.name.clone(),
            kind: principal.kind,
        },
        instance_role: actor.instance_role(),
        token: MyToken {
            id: actor.token_id().to_owned(),
            scopes: actor.scopes(),
            registries: actor.token_registries().map(<[_]>::to_vec),
            crates: actor.token_crates().map(<[_]>::to_vec),
            expires_at: actor.expires_at(),
            subject: actor.subject().map(str::to_owned),
        },
    }))
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserRequest {
    /// Its name; it never changes.
    name: AccountName,
    /// Where it can be written to.
    email: Option<String>,
    /// To sign in with.
    password: Option<Password>,
    /// `member` where absent.
    instance_role: Option<InstanceRole>,
}

/// Makes a user.
///
/// To give it a password or a role, the token needs every scope; for a password, it must be one that does not end either.
#[utoipa::path(
    post,
    path = "/users",
    operation_id = "create",
    tag = "users",
    request_body(content = UserRequest, example = json!({ "name": "alice", "email": "alice@acme.example", "password": "tulip brook 17", "instance_role": "creator" })),
    responses(
        (status = 201, description = "It is there.", body = Principal),
        Conflicts,
    ),
)]
async fn create_user(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<UserRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let new = NewPrincipal {
        kind: PrincipalKind::User,
        name: request.name,
        email: request.email,
        password: request.password,
        instance_role: request.instance_role.unwrap_or(InstanceRole::Member),
    };
    Ok(created(
        &instance
            .create_principal(&right, new, &asking.caller)
            .await
            .map_err(problem)?,
    ))
}

/// A service account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ServiceAccountRequest {
    /// Elsewhere it is written `service:NAME`.
    name: AccountName,
    /// The registry that it belongs to; the instance where absent.
    registry: Option<RegistryName>,
}

/// Makes an account for a machine, of the instance or of a registry.
#[utoipa::path(
    post,
    path = "/service-accounts",
    operation_id = "create",
    tag = "service-accounts",
    request_body(content = ServiceAccountRequest, example = json!({ "name": "ci", "registry": "acme" })),
    responses(
        (status = 201, description = "It is there.", body = Principal),
        Conflicts,
    ),
)]
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
            password: None,
            instance_role: InstanceRole::Member,
        };
        instance
            .create_principal(&right, new, &asking.caller)
            .await
            .map_err(problem)?
    };
    Ok(created(&account))
}

/// All users, by name.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "list",
    tag = "users",
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Principal>),
    ),
)]
async fn users(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let asked = Asked::of(&instance, &uri, PAGED);
    list(&instance, asking, asked, PrincipalKind::User).await
}

/// Whose service accounts.
struct OfRegistry;

impl IntoParams for OfRegistry {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = ObjectBuilder::new().schema_type(Type::String);
        let registry = "Only those of this registry, which its admins see too.";
        vec![asked("registry", registry, name)]
    }
}

/// All service accounts, by name; those of a registry for its admins.
#[utoipa::path(
    get,
    path = "/service-accounts",
    operation_id = "list",
    tag = "service-accounts",
    params(OfRegistry, Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Principal>),
    ),
)]
async fn service_accounts(
    State(instance): State<Arc<Instance>>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let asked = Asked::of(&instance, &uri, &["registry", "limit", "cursor"]);
    let registry = asked.as_ref().ok().and_then(|asked| asked.get("registry"));
    let Some(registry) = registry.map(str::to_owned) else {
        return list(&instance, asking, asked, PrincipalKind::Service).await;
    };
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_administer(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = asked?;
    let limit = asked.limit(&instance)?;
    let (items, total) = instance
        .list_service_accounts(&right, limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(page(&items, total, limit, |principal| {
        principal.name.to_string()
    }))
}

async fn list(
    instance: &Arc<Instance>,
    asking: Asking,
    asked: Result<Asked, Problem>,
    kind: PrincipalKind,
) -> Answer {
    let problem = |failure: Failure| Problem::of(instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = asked?;
    let limit = asked.limit(instance)?;
    let (items, total) = instance
        .list_principals(&right, kind, limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(page(&items, total, limit, |principal| {
        principal.name.to_string()
    }))
}
