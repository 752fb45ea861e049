//! Cargo's protocol: sparse index, downloads, and the web API that cargo speaks.

mod answers;
mod index;
mod paths;
mod web_api;

use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};
use supercargo_registry::{Failure, Instance};
use supercargo_types::RegistryName;

pub(crate) use paths::{OwnedRoute, Route};

use crate::{
    app::{self, Asking, nothing_here},
    problem::{self, Surface},
};
use paths::Deed;

/// Answers one of Cargo's routes. The only place that turns such a URL into a registry.
pub(crate) async fn answer(
    instance: &Arc<Instance>,
    route: OwnedRoute,
    request: Request<Body>,
    asking: &Asking,
) -> Response<Body> {
    // A name that no registry can have is no registry's address, and says nothing about which there are.
    let Ok(registry) = route.registry.parse::<RegistryName>() else {
        return nothing_here();
    };
    let surface = match route.deed {
        Deed::Config(_) | Deed::Index(..) | Deed::Download { .. } | Deed::Me => Surface::Plain,
        _ => Surface::Cargo,
    };
    match handle(instance, &registry, &route.deed, request, asking).await {
        Ok(response) => response,
        Err(failure) => problem::answer(&failure, surface, instance.site(), Some(&registry)),
    }
}

async fn handle(
    instance: &Arc<Instance>,
    registry: &RegistryName,
    deed: &Deed,
    request: Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let name = registry.as_str();
    if matches!(deed, Deed::Me) {
        return Ok(web_api::me(instance, registry));
    }
    let actor = app::actor(instance, request.headers()).await?;
    let method = request.method();
    let reads = method == http::Method::GET || method == http::Method::HEAD;
    match deed {
        Deed::Config(view) if reads => {
            let right = instance.may_read(name, actor)?;
            Ok(index::config(instance, &right, *view))
        }
        Deed::Index(view, crate_name) if reads => {
            let right = instance.may_read(name, actor)?;
            index::file(
                instance,
                &right,
                *view,
                crate_name.as_ref(),
                request.headers(),
            )
            .await
        }
        Deed::Download {
            view,
            krate,
            version,
        } if reads => {
            let right = instance.may_read(name, actor)?;
            index::download(instance, &right, *view, krate, version, request.headers()).await
        }
        Deed::Search if reads => {
            let right = instance.may_read(name, actor)?;
            web_api::search(instance, &right, request.uri().query()).await
        }
        Deed::Owners(krate) if reads => {
            let right = instance.may_read(name, actor)?;
            web_api::owners(instance, &right, krate).await
        }
        Deed::Publish if method == http::Method::PUT => {
            let right = instance.may_publish(name, actor)?;
            web_api::publish(instance, right, request, asking).await
        }
        Deed::Yank { krate, version } if method == http::Method::DELETE => {
            let right = instance.may_yank(name, actor)?;
            let caller = app::caller(request.headers(), asking.peer);
            web_api::set_yanked(instance, &right, krate, version, true, &caller).await
        }
        Deed::Unyank { krate, version } if method == http::Method::PUT => {
            let right = instance.may_yank(name, actor)?;
            let caller = app::caller(request.headers(), asking.peer);
            web_api::set_yanked(instance, &right, krate, version, false, &caller).await
        }
        Deed::Owners(krate) if method == http::Method::PUT => {
            let right = instance.may_own(name, actor)?;
            web_api::change_owners(instance, &right, krate, true, request, asking).await
        }
        Deed::Owners(krate) if method == http::Method::DELETE => {
            let right = instance.may_own(name, actor)?;
            web_api::change_owners(instance, &right, krate, false, request, asking).await
        }
        _ => {
            instance.may_read(name, actor)?;
            Ok(answers::wrong_method(deed))
        }
    }
}
