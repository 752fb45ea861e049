//! `/registries` and their members.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, post, put},
};
use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use supercargo_registry::{
    Denied, Failure, Instance, Refusal, Registry, RegistryEdit, RegistryRequest,
};
use supercargo_types::{PrincipalRef, RegistryName, Role, View};

use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of};

pub(super) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/registries", get(list).post(create))
        .route(
            "/registries/{registry}",
            get(show).patch(edit).delete(delete),
        )
        .route("/registries/{registry}/restore", post(restore))
        .route("/registries/{registry}/members", get(members))
        .route(
            "/registries/{registry}/members/{principal}",
            put(set_member).delete(remove_member),
        )
}

fn shown(instance: &Instance, registry: &Registry) -> Value {
    let upstreams: Vec<_> = registry
        .upstreams
        .iter()
        .map(|attached| json!({ "name": attached.upstream.name, "only": attached.only, "except": attached.except }))
        .collect();
    let url = |view| instance.site().index_url(&registry.name, view);
    json!({
        "name": registry.name,
        "description": registry.description,
        "labels": registry.labels,
        "visibility": registry.visibility,
        "publishing": registry.publishing,
        "upstreams": upstreams,
        "republish": registry.republish,
        "allow": registry.allow(),
        "block": registry.block(),
        "created_at": registry.created_at,
        "index": url(View::Index),
        "mirror": url(View::Mirror),
        "hosted": url(View::Hosted),
    })
}

/// A field that is text by construction.
fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_default().to_owned()
}

async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| Problem::of(&instance, denied))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let items = instance.list_registries(&actor);
    let items = items
        .iter()
        .map(|registry| shown(&instance, registry))
        .collect();
    page_of(&instance, &asked, items, |item| text(item, "name"))
}

async fn create(
    State(instance): State<Arc<Instance>>,
    asking: Asking,
    Sent(request): Sent<RegistryRequest>,
) -> Answer {
    let problem = |failure: Failure| Problem::of(&instance, failure);
    let right = instance
        .may_create_registries(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let registry = instance
        .create_registry(&right, request, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(created(&shown(&instance, &registry)))
}

async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_read(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let mut shown = shown(&instance, right.registry());
    shown["crates"] = json!(instance.count_hosted(&right).await.map_err(problem)?);
    shown["health"] = json!(instance.health(&right).await.map_err(problem)?);
    Ok(ok(&shown))
}

async fn edit(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
    Sent(edit): Sent<RegistryEdit>,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_administer(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let registry = instance
        .edit_registry(&right, edit, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(&instance, &registry)))
}

async fn delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let asked = Asked::of(&instance, &uri, &["confirm", "purge"]);
    if let Ok(asked) = &asked
        && asked.flag(&instance, "purge")?
    {
        return purge(&instance, &name, asking, asked.get("confirm")).await;
    }
    let right = instance
        .may_administer(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = asked?;
    instance
        .delete_registry(&right, asked.get("confirm"), &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}

async fn purge(instance: &Instance, name: &str, asking: Asking, confirm: Option<&str>) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(instance, name, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let name: RegistryName = name.parse().map_err(|_| problem(Denied::Hidden.into()))?;
    instance
        .purge_registry(&right, &name, confirm, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}

async fn restore(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_administer_instance(asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let name: RegistryName = name
        .parse()
        .map_err(|invalid| Problem::of(&instance, Refusal::RegistryName(invalid)))?;
    let registry = instance
        .restore_registry(&right, &name, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(&instance, &registry)))
}

async fn members(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_administer(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    let members = instance.members(&right).await.map_err(problem)?;
    let items = members
        .iter()
        .map(|(principal, role)| json!({ "principal": principal, "role": role }))
        .collect();
    page_of(&instance, &asked, items, |item| text(item, "principal"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Membership {
    role: Role,
}

async fn set_member(
    State(instance): State<Arc<Instance>>,
    Path((name, principal)): Path<(String, String)>,
    asking: Asking,
    Sent(membership): Sent<Membership>,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_administer(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let principal: PrincipalRef = principal
        .parse()
        .map_err(|_| problem(Refusal::NoAccount(principal).into()))?;
    instance
        .set_member(&right, &principal, membership.role, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(ok(
        &json!({ "principal": principal, "role": membership.role }),
    ))
}

async fn remove_member(
    State(instance): State<Arc<Instance>>,
    Path((name, principal)): Path<(String, String)>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_administer(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let principal: PrincipalRef = principal
        .parse()
        .map_err(|_| problem(Refusal::NoAccount(principal).into()))?;
    instance
        .remove_member(&right, &principal, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}
