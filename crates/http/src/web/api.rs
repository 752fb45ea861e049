//! `/-/api`: the management API for people, made of its description.

mod reference;

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, State},
    routing::get,
};
use http::{Response, StatusCode};
use supercargo_pages::{ApiGroupPage, ApiPage, ApiReference, Section};
use supercargo_registry::Instance;

use super::{errors, respond::page, visitor::Visitor};
use crate::api::Description;

pub(crate) fn router(instance: &Instance, description: &Description) -> Router<Arc<Instance>> {
    let reference = reference::of(description.document(), instance.site().base());
    Router::new()
        .route("/-/api", get(show))
        .route("/-/api/{group}", get(group))
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

async fn group(
    State(instance): State<Arc<Instance>>,
    Extension(reference): Extension<Arc<ApiReference>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let mut groups = reference.groups.iter();
    let Some(place) = groups.position(|group| group.name == name) else {
        return errors::no_such_page(&instance, &visitor);
    };
    let title = reference.groups[place].title();
    let mut frame = visitor.frame(format!("{title} · Management API"));
    frame.section = Section::Api;
    frame.step("Management API", frame.links.to("/-/api"));
    frame.last_step(&title);
    let template = ApiGroupPage {
        frame,
        reference,
        place,
    };
    page(&visitor, StatusCode::OK, &template)
        .unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}
