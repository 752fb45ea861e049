//! `/{registry}/activity`: what the audit log says of a registry, for its admins.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Response, Uri};
use supercargo_pages::RegistryActivityPage;
use supercargo_registry::{Instance, MayAudit};

use super::{
    super::{
        admin::audit::{as_file, log},
        respond::page,
        visitor::Visitor,
    },
    Looking, looked_at,
};

/// `GET /{registry}/activity`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let may = may(&looking)?;
        let registry = looking.right.registry().name.clone();
        let (status, log) = log(instance, visitor, &may, &uri, Some(&registry)).await?;
        let template = RegistryActivityPage {
            frame: looking.frame("Activity"),
            head: looking.head("activity").await?,
            log,
        };
        page(visitor, status, &template)
    })
    .await
}

/// `GET /{registry}/activity/export`.
pub(in crate::web) async fn export(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let may = may(&looking)?;
        let registry = looking.right.registry().name.clone();
        as_file(instance, visitor, may, &uri, Some(&registry)).await
    })
    .await
}

fn may(looking: &Looking<'_>) -> Result<MayAudit, supercargo_registry::Denied> {
    let name = looking.name();
    let actor = looking.visitor.actor.clone();
    looking.instance.may_audit(Some(&name), actor)
}
