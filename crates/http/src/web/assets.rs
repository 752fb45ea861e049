//! The files of pages. Their addresses hold a hash of their bytes: what a browser has under one stays right for ever.

use axum::{body::Body, extract::Path};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use supercargo_pages::assets;

use crate::{cargo::takes_gzip, problem::plain};

/// A year, and never asked about again.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(super) async fn send(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(asset) = assets().find(&hash, &name) else {
        return plain(
            StatusCode::NOT_FOUND,
            "there is no such file in this release\n",
        );
    };
    let etag = format!("\"{}\"", asset.hash);
    let zipped = asset.gzip.as_deref().filter(|_| takes_gzip(&headers));
    let mut response = if knows(&headers, &etag) {
        let mut unchanged = Response::new(Body::empty());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        Response::new(Body::from(zipped.unwrap_or(asset.bytes)))
    };
    let answered = response.headers_mut();
    if zipped.is_some() {
        answered.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answered.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    if let Ok(etag) = etag.parse() {
        answered.insert(header::ETAG, etag);
    }
    answered.insert(header::CACHE_CONTROL, FOR_EVER);
    answered.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answered.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH);
    known
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| {
            known
                .split(',')
                .any(|known| known.trim().trim_start_matches("W/") == etag)
        })
}
