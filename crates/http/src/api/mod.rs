//! The management API: `BASE/api/v1`. Shapes are a contract; a module per noun.

mod accounts;
pub(crate) mod audit;
mod cache;
mod claims;
mod crates;
mod described;
mod description;
mod device_logins;
mod identities;
mod people;
mod registries;
mod sessions;
mod shape;
mod sign_in;
mod teams;
mod tokens;
mod trusted_publishers;
mod upstreams;

use std::sync::Arc;

use axum::{Extension, Router, routing::any};
use supercargo_registry::Instance;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::description::Description;

/// Everything that can be asked for, each with its description.
fn operations() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .merge(registries::router())
        .merge(upstreams::router())
        .merge(people::router())
        .merge(accounts::router())
        .merge(sign_in::router())
        .merge(teams::router())
        .merge(cache::router())
        .merge(audit::router())
        .merge(claims::router())
        .merge(crates::router())
        .merge(tokens::router())
        .merge(sessions::router())
        .merge(identities::router())
        .merge(device_logins::router())
        .merge(trusted_publishers::router())
        .merge(description::router())
}

/// The routes, and the description that was made of them.
pub(crate) fn router(instance: &Instance) -> (Router<Arc<Instance>>, Arc<Description>) {
    let (routes, operations) = operations().split_for_parts();
    let description = Arc::new(Description::of(operations, instance.site()));
    let api = routes
        .fallback(shape::no_such_route)
        .method_not_allowed_fallback(shape::wrong_method)
        .layer(Extension(description.clone()));
    let nested = Router::new()
        .nest(description::PREFIX, api)
        // the one address below that a nest leaves out
        .route("/api/v1/", any(shape::no_such_route));
    (nested, description)
}
