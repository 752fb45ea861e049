//! The management API: `BASE/api/v1`. Shapes are a contract; a module per noun.

mod claims;
mod crates;
mod people;
mod registries;
mod shape;
mod teams;
mod tokens;
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
        .merge(claims::router())
        .merge(crates::router())
        .merge(tokens::router())
        .fallback(shape::no_such_route)
        .method_not_allowed_fallback(shape::wrong_method);
    Router::new()
        .nest("/api/v1", api)
        // the one address below that a nest leaves out
        .route("/api/v1/", any(shape::no_such_route))
}
