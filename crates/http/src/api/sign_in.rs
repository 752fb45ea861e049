//! `/sign-in` and `/me/password`: what people do with their passwords.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use supercargo_registry::{Failure, Instance, Password, SignInRequest};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    described::{Errors, Limited},
    shape::{Answer, Asking, Problem, Sent, SentByStranger, created, gone},
    tokens::TokenMade,
};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(change_password))
}

/// Makes a token for name and password.
///
/// It ends within a year. Nothing tells whether an account exists.
#[utoipa::path(
    post,
    path = "/sign-in",
    tag = "me",
    security(()),
    request_body(content = SignInRequest, example = json!({ "user": "alice", "password": "tulip brook 17", "token": { "name": "laptop", "registries": ["acme"], "expires_in_days": 30 } })),
    responses(
        (status = 201, description = "The token, whose text is in this answer and nowhere else.", body = TokenMade),
        (status = 401, description = "No account has this name and this password.", body = Errors),
        (status = 503, description = "Too many sign in at this moment.", body = Errors),
        Limited,
    ),
)]
async fn sign_in(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    SentByStranger(request): SentByStranger<SignInRequest>,
) -> Answer {
    let new = instance
        .sign_in_for_token(request, &asking.caller)
        .await
        .map_err(|failure| Problem::of(&instance, failure))?;
    Ok(created(&TokenMade::of(new)))
}

/// Another password for whoever asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The present one.
    current: Password,
    /// The one from now on.
    new: Password,
}

/// Changes the password of whoever asks.
///
/// All their browsers are signed out; tokens stay.
#[utoipa::path(
    put,
    path = "/me/password",
    tag = "me",
    request_body(content = NewPassword, example = json!({ "current": "tulip brook 17", "new": "lantern 4 in the attic" })),
    responses(
        (status = 204, description = "Done."),
        (status = 503, description = "Too many sign in at this moment.", body = Errors),
        Limited,
    ),
)]
async fn change_password(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<NewPassword>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    instance
        .change_password(&actor, &request.current, &request.new, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
