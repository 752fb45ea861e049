//! `/upstreams`.

use std::sync::Arc;

use axum::extract::State;
use http::Uri;
use serde::Serialize;
use supercargo_registry::{
    Failure, Health, Instance, UpstreamDetail, UpstreamEdit, UpstreamRequest, UpstreamTest,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{Conflicts, Page, Paged, Upstreams};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, edit, delete))
        .routes(routes!(test))
}

/// The upstreams that whoever asks may see, by name.
#[utoipa::path(
    get,
    path = "/upstreams",
    tag = "upstreams",
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<UpstreamDetail>),
    ),
)]
async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let actor = instance
        .at_home(asking.actor)
        .map_err(|denied| Problem::of(&instance, denied))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    page_of(
        &instance,
        &asked,
        instance.list_upstreams(&actor),
        |upstream| upstream.name.clone(),
    )
}

/// Makes an upstream: a preset, a sparse index, or a registry of this server.
///
/// Secrets never come back. `usable_by` null: without credentials every registry's admin may attach it, with credentials
/// instance admins alone.
#[utoipa::path(
    post,
    path = "/upstreams",
    tag = "upstreams",
    request_body(content = UpstreamRequest, example = json!({ "name": "partner", "index": "sparse+https://crates.partner.example/index/", "auth": { "kind": "bearer", "secret": "…" }, "usable_by": ["acme"] })),
    responses(
        (status = 201, description = "It is there.", body = UpstreamDetail),
        Conflicts,
    ),
)]
async fn create(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<UpstreamRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let upstream = instance
        .create_upstream(&right, request, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&upstream))
}

/// An upstream and how it does.
#[derive(Serialize, ToSchema)]
struct UpstreamShown {
    #[serde(flatten)]
    upstream: UpstreamDetail,
    /// How it does.
    health: Health,
}

/// What a test of the connection found.
#[derive(Serialize, ToSchema)]
struct TestShown {
    /// Whether it answers as a registry does.
    ok: bool,
    /// How long that took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    latency_ms: Option<u64>,
    /// Why not, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// An upstream and how it does.
#[utoipa::path(
    get,
    path = "/upstreams/{upstream}",
    tag = "upstreams",
    responses(
        (status = 200, description = "As it is.", body = UpstreamShown),
    ),
)]
async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .at_home(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let upstream = instance.upstream(&actor, &name).map_err(problem)?;
    let health = instance.upstream_health(&actor, &name).await;
    let health = health.map_err(problem)?;
    Ok(ok(&UpstreamShown { upstream, health }))
}

/// Changes an upstream; what is absent stays.
#[utoipa::path(
    patch,
    path = "/upstreams/{upstream}",
    tag = "upstreams",
    request_body(content = UpstreamEdit, example = json!({ "auth": { "kind": "token", "secret": "…" } })),
    responses(
        (status = 200, description = "As it is now.", body = UpstreamDetail),
        Conflicts,
    ),
)]
async fn edit(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
    Sent(edit): Sent<UpstreamEdit>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let upstream = instance
        .edit_upstream(&right, &name, edit, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(ok(&upstream))
}

/// Deletes an upstream that no registry reads through.
#[utoipa::path(
    delete,
    path = "/upstreams/{upstream}",
    tag = "upstreams",
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
        .delete_upstream(&right, &name, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}

/// Asks an upstream whether it answers as a registry does.
#[utoipa::path(
    post,
    path = "/upstreams/{upstream}/test",
    tag = "upstreams",
    responses(
        (status = 200, description = "What was found.", body = TestShown),
        Upstreams,
    ),
)]
async fn test(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let result = instance
        .test_upstream(&right, &name)
        .await
        .map_err(problem)?;
    Ok(ok(&match result {
        UpstreamTest::Works(latency) => TestShown {
            ok: true,
            latency_ms: Some(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            reason: None,
        },
        UpstreamTest::Fails(reason) => TestShown {
            ok: false,
            latency_ms: None,
            reason: Some(reason),
        },
    }))
}
