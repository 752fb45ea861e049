//! `/upstreams`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use http::Uri;
use serde_json::json;
use supercargo_registry::{Failure, Instance, UpstreamEdit, UpstreamRequest, UpstreamTest};

use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/upstreams", get(list).post(create))
        .route(
            "/upstreams/{upstream}",
            get(show).patch(edit).delete(delete),
        )
        .route("/upstreams/{upstream}/test", post(test))
}

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

async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let actor = instance
        .at_home(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let mut shown = json!(instance.upstream(&actor, &name).map_err(problem)?);
    let health = instance.upstream_health(&actor, &name).await;
    shown["health"] = json!(health.map_err(problem)?);
    Ok(ok(&shown))
}

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
        UpstreamTest::Works(latency) => {
            json!({ "ok": true, "latency_ms": u64::try_from(latency.as_millis()).unwrap_or(u64::MAX) })
        }
        UpstreamTest::Fails(reason) => json!({ "ok": false, "reason": reason }),
    }))
}
