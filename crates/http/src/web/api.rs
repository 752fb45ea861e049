//! `/-/api`: the management API for people, made of its description.

mod reference;

use std::sync::Arc;

use axum::{Extension, Router, body::Body, extract::State, routing::get};
use http::{Response, StatusCode};
use supercargo_pages::{ApiPage, ApiReference, Section};
use supercargo_registry::Instance;

use super::{errors, respond::page, visitor::Visitor};
use crate::api::Description;

pub(crate) fn router(instance: &Instance, description: &Description) -> Router<Arc<Instance>> {
    let reference = reference::of(description.document(), instance.site().base());
    Router::new()
        .route("/-/api", get(show))
        .method_not_allowed_fallback(errors::wrong_method)
        .layer(Extension(Arc::new(reference)))
}

async fn show(
    State(instance): State<Arc<Instance>>,
    Extension(reference): Extension<Arc<ApiReference>>,
    visitor: Visitor,
) -> Response<Body> {
    let mut frame = visitor.frame("Management API");
    frame.section = Section::Api;
    let template = ApiPage { frame, reference };
    page(&visitor, StatusCode::OK, &template)
        .unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}
