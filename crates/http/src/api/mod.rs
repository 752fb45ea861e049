//! The management API: `BASE/api/v1`. Shapes are a contract; a module per noun.

mod audit;
mod cache;
mod claims;
mod crates;
mod people;
mod registries;
mod shape;
mod teams;
mod tokens;
mod trusted_publishers;
mod upstreams;

use std::sync::Arc;

use axum::{Router, routing::any};
use supercargo_registry::Instance;

pub(crate) fn router() -> Router<Arc<Instance>> {
    let api = Router::new()
        .merge(registries::router())
        .merge(upstreams::router())
        .merge(people::router())
        .merge(teams::router())
        .merge(cache::router())
        .merge(audit::router())
        .merge(claims::router())
        .merge(crates::router())
        .merge(tokens::router())
        .merge(trusted_publishers::router())
        .fallback(shape::no_such_route)
        .method_not_allowed_fallback(shape::wrong_method);
    Router::new()
        .nest("/api/v1", api)
        // the one address below that a nest leaves out
        .route("/api/v1/", any(shape::no_such_route))
}
