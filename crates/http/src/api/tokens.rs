//! `/tokens`.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use serde::Serialize;
use supercargo_registry::{Failure, Instance, NewToken, Refusal, Token, TokenDetail, TokenRequest};
use supercargo_types::PrincipalRef;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        path::{Parameter, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Conflicts, Page, Paged, asked};
use super::shape::{Answer, Asked, Asking, Path, Problem, Sent, created, gone, ok, page};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, revoke))
}

/// A token with its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenMade {
    /// What to send in `Authorization`; only here.
    #[serde(rename = "token")]
    #[schema(example = "scg_000000000000000000000000000000000000000000013ldJ2")]
    secret: String,
    #[serde(flatten)]
    token: Token,
}

impl TokenMade {
    pub(super) fn of(new: NewToken) -> Self {
        Self {
            secret: new.secret.reveal().to_owned(),
            token: new.token,
        }
    }
}

/// Makes a token.
///
/// Its text is in this answer and nowhere else. For another principal: an instance admin, or a registry's admin for its own
/// service accounts.
#[utoipa::path(
    post,
    path = "/tokens",
    tag = "tokens",
    request_body(content = TokenRequest, example = json!({ "name": "laptop", "scopes": ["read", "publish"], "registries": ["acme"], "crates": ["acme-*"], "expires_in_days": 30 })),
    responses(
        (status = 201, description = "It is there.", body = TokenMade),
        Conflicts,
    ),
)]
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
    Ok(created(&TokenMade::of(new)))
}

/// Whose tokens.
struct OfPrincipal;

impl IntoParams for OfPrincipal {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .examples(["service:ci"]);
        let principal = "Only those of this principal: oneself; for instance admins anybody; for the admins of a registry its service accounts.";
        vec![asked("principal", principal, name)]
    }
}

/// The tokens of whoever asks; of everybody for an instance admin.
#[utoipa::path(
    get,
    path = "/tokens",
    tag = "tokens",
    params(OfPrincipal, Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Token>),
    ),
)]
async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, &["principal", "limit", "cursor"])?;
    let limit = asked.limit(&instance)?;
    let principal: Option<PrincipalRef> = asked
        .get("principal")
        .map(str::parse)
        .transpose()
        .map_err(|error| problem(Refusal::Shape(format!("`principal`: {error}")).into()))?;
    let (items, total) = instance
        .list_tokens(&actor, principal.as_ref(), limit, asked.get("cursor"))
        .await
        .map_err(problem)?;
    Ok(page(&items, total, limit, |token| token.id.clone()))
}

/// A token with what it may do, in sentences: one's own, or one of an account that one manages.
#[utoipa::path(
    get,
    path = "/tokens/{id}",
    tag = "tokens",
    responses(
        (status = 200, description = "As it is.", body = TokenDetail),
    ),
)]
async fn show(
    State(instance): State<Arc<Instance>>,
    Path(id): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let reader = instance
        .signed_in(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    Ok(ok(&instance.token(&reader, &id).await.map_err(problem)?))
}

/// Revokes a token, at once.
#[utoipa::path(
    delete,
    path = "/tokens/{id}",
    tag = "tokens",
    responses(
        (status = 204, description = "Done."),
    ),
)]
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
