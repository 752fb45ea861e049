//! `config.json`, index files and downloads: what cargo reads, and reads again.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;
use supercargo_registry::{
    Delivered, Delivery, DownloadBody, Failure, Instance, MayRead, Registry, Resolved,
};
use supercargo_types::{Spelling, View, Visibility};

use super::{
    answers::{is_unchanged, not_modified, takes_gzip, value},
    range::{self, ByteRange},
};
use crate::problem::plain;

/// Anyone's copy may be kept, but has to be asked about each time.
const ASK_AGAIN: &str = "no-cache";
const ASK_AGAIN_ALONE: &str = "private, no-cache";
/// A recalled version must not live on in a shared cache for longer.
const FIVE_MINUTES: &str = "public, max-age=300";
const NOWHERE: &str = "private, no-store";

/// Never asked conditionally, and asked each second while cargo waits for a publish.
pub(super) fn config(instance: &Instance, right: &MayRead, view: View) -> Response<Body> {
    let registry = right.registry();
    let site = instance.site();
    let mut config = json!({
        "dl": site.download_url(&registry.name, view),
        "api": site.api_url(&registry.name),
    });
    if registry.needs_sign_in() {
        config["auth-required"] = json!(true);
    }
    let mut response = Response::new(Body::from(config.to_string()));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(ask_again(registry)),
    );
    response
}

fn ask_again(registry: &Registry) -> &'static str {
    if registry.visibility == Visibility::Public {
        ASK_AGAIN
    } else {
        ASK_AGAIN_ALONE
    }
}

pub(super) async fn file(
    instance: &Arc<Instance>,
    right: &MayRead,
    view: View,
    name: Option<&Spelling>,
    headers: &HeaderMap,
) -> Result<Response<Body>, Failure> {
    let Some(name) = name else {
        return Ok(no_such_crate());
    };
    let listing = match instance.index_file(right, view, name).await? {
        Resolved::Found(listing) => listing,
        Resolved::Absent => return Ok(no_such_crate()),
    };
    let cache = ask_again(right.registry());
    if is_unchanged(headers, listing.etag(), Some(listing.last_modified())) {
        let mut response = not_modified(listing.etag(), cache);
        response
            .headers_mut()
            .insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        return Ok(response);
    }
    let gzip = takes_gzip(headers);
    let bytes = if gzip { listing.gzip() } else { listing.body() };
    let mut response = Response::new(Body::from(bytes.clone()));
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::ETAG, value(listing.etag()));
    headers.insert(header::LAST_MODIFIED, value(listing.last_modified_text()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Exactly 404: anything else stops a build. Cheap, for cargo asks for spellings that are not there.
fn no_such_crate() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "no such crate in this index\n")
}

pub(super) async fn download(
    instance: &Arc<Instance>,
    right: &MayRead,
    view: View,
    (krate, version): (&str, &str),
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<Body>, Failure> {
    let Ok(name) = krate.parse::<Spelling>() else {
        return Ok(no_such_crate());
    };
    let is_head = method == Method::HEAD;
    // a range means nothing beside any other method (RFC 9110, 14.2)
    let range = ByteRange::of(headers).filter(|_| !is_head);
    let delivery = if is_head || range.is_some() {
        Delivery::Unopened
    } else {
        Delivery::AsItComes
    };
    let download = instance
        .download(right, view, &name, version, delivery)
        .await?;
    let public = right.registry().visibility == Visibility::Public;
    let cache = if public { FIVE_MINUTES } else { NOWHERE };
    let etag = Bytes::from(format!("\"{}\"", download.checksum));
    if is_unchanged(headers, &etag, None) {
        return Ok(not_modified(&etag, cache));
    }
    let range = range.filter(|_| range::is_of_this_file(headers, &etag));
    let mut response = match (download.delivered, range) {
        (Delivered::Unopened(file), Some(range)) => match range.within(file.size()) {
            Some(part) => {
                let body = body(file.read(part.clone()).await?);
                range::partial(&part, file.size(), body)
            }
            None => return Ok(range::unsatisfiable(file.size())),
        },
        (Delivered::Unopened(file), None) if is_head => whole(Body::empty(), Some(file.size())),
        (Delivered::Unopened(file), None) => {
            let size = file.size();
            whole(body(file.read(0..size).await?), Some(size))
        }
        (Delivered::Opened(opened), _) => whole(body(opened), download.size),
    };
    let headers = response.headers_mut();
    // never with a Content-Encoding: curl would unpack it, and cargo find another checksum
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/gzip"),
    );
    headers.insert(header::ETAG, value(&etag));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::ACCEPT_RANGES, range::UNIT);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

fn body(opened: DownloadBody) -> Body {
    match opened {
        DownloadBody::Whole(bytes) => Body::from(bytes),
        DownloadBody::Pieces(pieces) => Body::from_stream(pieces),
    }
}

fn whole(body: Body, size: Option<u64>) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.reserve(8);
    if let Some(size) = size {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    }
    response
}
