//! `/users/{user}/identities`: who an account is at providers of OpenID Connect.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use supercargo_registry::{Failure, Identity, IdentityRequest, Instance, Refusal};
use supercargo_types::AccountName;
use utoipa::{
    IntoParams,
    openapi::{
        Required,
        path::{Parameter, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Conflicts, Page, Paged, asked};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, page_of};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new().routes(routes!(list, link, unlink))
}

/// What no account is called is nobody's.
fn account(instance: &Instance, name: &str) -> Result<AccountName, Problem> {
    let unknown = || Refusal::NoAccount(name.chars().take(80).collect());
    name.parse().map_err(|_| Problem::of(instance, unknown()))
}

/// The identities of a user, which people sign in with. For instance admins.
#[utoipa::path(
    get,
    path = "/users/{user}/identities",
    operation_id = "identities",
    tag = "users",
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Identity>),
    ),
)]
async fn list(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let user = account(&instance, &name)?;
    let identities = instance.identities(&right, &user).await.map_err(problem)?;
    page_of(&instance, &asked, identities, |identity| {
        format!("{} {}", identity.issuer, identity.subject)
    })
}

/// Links an identity to a user, who can sign in with it from then on. For instance admins.
#[utoipa::path(
    post,
    path = "/users/{user}/identities",
    tag = "users",
    request_body(content = IdentityRequest, example = json!({ "issuer": "https://id.acme.example", "subject": "4711" })),
    responses(
        (status = 201, description = "It is linked.", body = Identity),
        Conflicts,
    ),
)]
async fn link(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
    Sent(request): Sent<IdentityRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let user = account(&instance, &name)?;
    let identity = instance
        .link_identity(&right, &user, request, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&identity))
}

/// Which identity.
struct Named;

impl IntoParams for Named {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = |example: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .examples([example])
        };
        let given = |name: &str, description: &str, example: &str| {
            let mut parameter = asked(name, description, text(example));
            parameter.required = Required::True;
            parameter
        };
        vec![
            given("issuer", "The provider.", "https://id.acme.example"),
            given("subject", "What it calls the person.", "4711"),
        ]
    }
}

/// Takes an identity away from a user, also the last one. For instance admins.
#[utoipa::path(
    delete,
    path = "/users/{user}/identities",
    tag = "users",
    params(Named),
    responses(
        (status = 204, description = "Done."),
    ),
)]
async fn unlink(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, &["issuer", "subject"])?;
    let user = account(&instance, &name)?;
    let (Some(issuer), Some(subject)) = (asked.get("issuer"), asked.get("subject")) else {
        let text = "give `issuer` and `subject` of the identity, as the list has them";
        return Err(Problem::of(&instance, Refusal::Shape(text.to_owned())));
    };
    let identity = IdentityRequest {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    };
    instance
        .unlink_identity(&right, &user, &identity, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
