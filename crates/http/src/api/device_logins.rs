//! `/sign-in/devices`: how a program gets a token that a person approves in a browser.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use supercargo_registry::{DeviceLogin, DeviceLoginRequest, Failure, Instance};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    described::{Errors, Limited},
    shape::{Answer, Asking, Problem, SentByStranger, created},
    tokens::TokenMade,
};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(begin_device_login))
        .routes(routes!(redeem_device_login))
}

/// A question for the outcome.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeviceCode {
    /// As `POST /sign-in/devices` gave it.
    device_code: String,
}

/// Begins a login that a person approves in a browser.
///
/// Show the person `verification_url` and `user_code`, or open `verification_url_complete`; then ask
/// `POST /sign-in/devices/token`, at most every `interval` seconds.
#[utoipa::path(
    post,
    path = "/sign-in/devices",
    tag = "me",
    security(()),
    request_body(content = DeviceLoginRequest, example = json!({ "token": { "name": "laptop", "scopes": ["read", "publish"], "registries": ["acme"], "expires_in_hours": 12 } })),
    responses(
        (status = 201, description = "It waits for a person.", body = DeviceLogin),
        Limited,
    ),
)]
async fn begin_device_login(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    SentByStranger(request): SentByStranger<DeviceLoginRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let login = instance
        .begin_device_login(&request, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&login))
}

/// Gets the token of a login that a person has approved, once.
///
/// Until then the code of the failure says how it stands: `authorization-pending`, `slow-down`, `access-denied`, `expired-code`.
#[utoipa::path(
    post,
    path = "/sign-in/devices/token",
    tag = "me",
    security(()),
    request_body(content = DeviceCode, example = json!({ "device_code": "5d1b…" })),
    responses(
        (status = 201, description = "The token, made for whoever has approved.", body = TokenMade),
        (status = 403, description = "The person refused, or may not make such a token (any more).", body = Errors),
        (status = 404, description = "The login is over, or there is none.", body = Errors),
        (status = 409, description = "Nobody has decided yet.", body = Errors),
        Limited,
    ),
)]
async fn redeem_device_login(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    SentByStranger(request): SentByStranger<DeviceCode>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let new = instance
        .redeem_device_login(&request.device_code, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&TokenMade::of(new)))
}
