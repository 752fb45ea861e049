//! Health and readiness, for whoever runs the program.

use std::sync::Arc;

use axum::{Router, body::Body, extract::State, routing::get};
use http::{Response, StatusCode};
use supercargo_registry::Instance;

use crate::problem::plain;

pub(crate) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/healthz", get(async || plain(StatusCode::OK, "ok\n")))
        .route("/readyz", get(ready))
}

async fn ready(State(instance): State<Arc<Instance>>) -> Response<Body> {
    match instance.ready().await {
        Ok(()) => plain(StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "not ready");
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
        }
    }
}
