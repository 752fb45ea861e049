//! `/registries` and their members.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use http::Uri;
use serde::{Deserialize, Serialize};
use supercargo_registry::{
    Denied, Failure, Health, Instance, Refusal, Registry, RegistryEdit, RegistryRequest,
};
use supercargo_types::{
    NamePattern, PrincipalRef, Publishing, RegistryName, Role, Timestamp, VersionPattern, View,
    Visibility,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{ByLabels, Confirm, Conflicts, Page, Paged, Purge};
use super::shape::{Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of};

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, edit, delete))
        .routes(routes!(restore))
        .routes(routes!(members))
        .routes(routes!(set_member, remove_member))
}

/// A registry.
#[derive(Serialize, ToSchema)]
#[schema(as = Registry)]
struct Shown {
    /// Its name; it never changes.
    name: RegistryName,
    /// For people.
    description: String,
    /// Free key and value pairs.
    labels: BTreeMap<String, String>,
    /// Who reads.
    visibility: Visibility,
    /// Who publishes to existing crates.
    publishing: Publishing,
    /// What it reads through, in this order.
    upstreams: Vec<AttachmentShown>,
    /// Whether registries with a wider audience may read through it.
    republish: bool,
    /// What alone is given out and taken in; everything where empty.
    allow: Vec<VersionPattern>,
    /// What is neither given out nor taken in.
    block: Vec<VersionPattern>,
    /// When it was made.
    created_at: Timestamp,
    /// For `[registries]`.
    #[schema(example = "sparse+https://crates.acme.example/acme/index/")]
    index: String,
    /// For `[source.crates-io] replace-with`.
    mirror: String,
    /// Hosted crates alone.
    hosted: String,
}

/// An upstream that a registry reads through.
#[derive(Serialize, ToSchema)]
struct AttachmentShown {
    /// Of the upstream.
    name: String,
    /// Only these names; empty is all.
    only: Vec<NamePattern>,
    /// Not these.
    except: Vec<NamePattern>,
}

/// A registry, what is in it, and how its upstreams do.
#[derive(Serialize, ToSchema)]
#[schema(as = RegistryDetail)]
struct ShownWhole {
    #[serde(flatten)]
    registry: Shown,
    /// How many crates it hosts.
    crates: u64,
    /// How its upstreams do, in its order.
    health: Vec<Health>,
}

/// Somebody's role in a registry.
#[derive(Serialize, ToSchema)]
struct Member {
    /// Who.
    principal: PrincipalRef,
    /// As what.
    role: Role,
}

impl Shown {
    fn of(instance: &Instance, registry: &Registry) -> Self {
        let upstreams = registry.upstreams.iter().map(|attached| AttachmentShown {
            name: attached.upstream.name.clone(),
            only: attached.only.clone(),
            except: attached.except.clone(),
        });
        let url = |view| instance.site().index_url(&registry.name, view);
        Self {
            name: registry.name.clone(),
            description: registry.description.clone(),
            labels: registry.labels.clone(),
            visibility: registry.visibility,
            publishing: registry.publishing,
            upstreams: upstreams.collect(),
            republish: registry.republish,
            allow: registry.allow().to_vec(),
            block: registry.block().to_vec(),
            created_at: registry.created_at,
            index: url(View::Index),
            mirror: url(View::Mirror),
            hosted: url(View::Hosted),
        }
    }
}

/// The registries that whoever asks may see, by name.
#[utoipa::path(
    get,
    path = "/registries",
    tag = "registries",
    params(ByLabels, Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Shown>),
    ),
)]
async fn list(State(instance): State<Arc<Instance>>, uri: Uri, asking: Asking) -> Answer {
    let actor = instance
        .signed_in(asking.actor)
        .map_err(|denied| Problem::of(&instance, denied))?;
    let asked = Asked::of(&instance, &uri, &["label", "limit", "cursor"])?;
    let labels = asked.labels(&instance)?;
    let items = instance.list_registries(&actor);
    let items = items
        .iter()
        .filter(|registry| labels.iter().all(|label| label.fits(&registry.labels)))
        .map(|registry| Shown::of(&instance, registry))
        .collect();
    page_of(&instance, &asked, items, |item: &Shown| {
        item.name.to_string()
    })
}

/// Makes a registry; only its name is needed.
#[utoipa::path(
    post,
    path = "/registries",
    tag = "registries",
    request_body(content = RegistryRequest, example = json!({ "name": "acme", "labels": { "team": "core" }, "visibility": "internal", "upstreams": ["crates-io", { "name": "partner", "only": ["partner-*"] }] })),
    responses(
        (status = 201, description = "It is there.", body = Shown),
        Conflicts,
    ),
)]
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
    Ok(created(&Shown::of(&instance, &registry)))
}

/// A registry, what is in it, and how its upstreams do.
#[utoipa::path(
    get,
    path = "/registries/{registry}",
    tag = "registries",
    security((), ("token" = [])),
    responses(
        (status = 200, description = "As it is.", body = ShownWhole),
    ),
)]
async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &name, failure);
    let right = instance
        .may_read(&name, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    Asked::of(&instance, &uri, &[])?;
    Ok(ok(&ShownWhole {
        registry: Shown::of(&instance, right.registry()),
        crates: instance.count_hosted(&right).await.map_err(problem)?,
        health: instance.health(&right).await.map_err(problem)?,
    }))
}

/// Changes a registry; what is absent stays.
#[utoipa::path(
    patch,
    path = "/registries/{registry}",
    tag = "registries",
    request_body(content = RegistryEdit, example = json!({ "description": "what we write ourselves", "upstreams": ["crates-io"] })),
    responses(
        (status = 200, description = "As it is now.", body = Shown),
        Conflicts,
    ),
)]
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
    Ok(ok(&Shown::of(&instance, &registry)))
}

/// Deletes a registry.
///
/// An instance admin can restore it for 30 days, or purge it: then its bytes are gone for ever.
#[utoipa::path(
    delete,
    path = "/registries/{registry}",
    tag = "registries",
    params(Confirm, Purge),
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
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

/// Restores a deleted registry.
#[utoipa::path(
    post,
    path = "/registries/{registry}/restore",
    tag = "registries",
    responses(
        (status = 200, description = "As it is now.", body = Shown),
        Conflicts,
    ),
)]
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
    Ok(ok(&Shown::of(&instance, &registry)))
}

/// Who has which role in a registry.
#[utoipa::path(
    get,
    path = "/registries/{registry}/members",
    tag = "registries",
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Member>),
    ),
)]
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
        .into_iter()
        .map(|(principal, role)| Member { principal, role })
        .collect();
    page_of(&instance, &asked, items, |item: &Member| {
        item.principal.to_string()
    })
}

/// A role to be given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Membership {
    /// Instead of the one before.
    role: Role,
}

/// Gives somebody a role in a registry.
#[utoipa::path(
    put,
    path = "/registries/{registry}/members/{principal}",
    tag = "registries",
    request_body(content = Membership, example = json!({ "role": "publisher" })),
    responses(
        (status = 200, description = "As it is now.", body = Member),
        Conflicts,
    ),
)]
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
    let role = membership.role;
    Ok(ok(&Member { principal, role }))
}

/// Takes somebody's role in a registry away.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/members/{principal}",
    tag = "registries",
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
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
