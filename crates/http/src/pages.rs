//! The little that answers without JSON: health, readiness, and a word for whoever opens BASE in a browser.

use std::sync::Arc;

use axum::{Router, body::Body, extract::State, routing::get};
use http::{Response, StatusCode};
use supercargo_registry::Instance;

use crate::{app::nothing_here, problem::plain};

pub(crate) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/", get(home))
        .route("/healthz", get(async || plain(StatusCode::OK, "ok\n")))
        .route("/readyz", get(ready))
        .fallback(async || nothing_here())
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

async fn home(State(instance): State<Arc<Instance>>) -> Response<Body> {
    let base = instance.site().base();
    plain(
        StatusCode::OK,
        format!(
            "This is Supercargo, a private Cargo registry.\n\n\
             A registry `acme` of it is used with these lines in `.cargo/config.toml`:\n\n\
             [registry]\nglobal-credential-providers = [\"cargo:token\"]\n\n\
             [registries.acme]\nindex = \"sparse+{base}/acme/index/\"\n"
        ),
    )
}
