//! Small answers that several of Cargo's routes share.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;
use supercargo_types::Timestamp;

use super::paths::Deed;
use crate::problem;

/// A header value of shared text that holds no control characters by construction.
pub(crate) fn value(text: &Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(text.clone()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `304`, with the validators that a cache may want to keep.
pub(crate) fn not_modified(etag: &Bytes, cache: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(header::ETAG, value(etag));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// Whether a client's copy is still good: its `ETag`s if it sent any, else its date (RFC 9110, 13.2.2).
pub(crate) fn is_unchanged(
    headers: &HeaderMap,
    etag: &[u8],
    last_modified: Option<Timestamp>,
) -> bool {
    if let Some(sent) = headers.get(header::IF_NONE_MATCH) {
        let sent = sent.as_bytes();
        // a plain comparison first: it is what cargo sends
        return sent == etag || sent.split(|&byte| byte == b',').any(|tag| names(tag, etag));
    }
    let since = headers
        .get(header::IF_MODIFIED_SINCE)
        .and_then(|value| value.to_str().ok());
    match (since.and_then(Timestamp::from_http_date), last_modified) {
        (Some(since), Some(last_modified)) => last_modified.as_seconds() <= since.as_seconds(),
        _ => false,
    }
}

/// Whether one tag of a list is this one, compared weakly as RFC 9110, 13.1.2 demands.
fn names(tag: &[u8], etag: &[u8]) -> bool {
    let tag = tag.trim_ascii();
    tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag
}

/// Whether the client takes gzip (RFC 9110, 12.5.3).
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let Some(accepted) = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|q| q.parse() == Ok(0.0_f32))
        });
        named && !refused
    })
}

pub(crate) fn wrong_method(deed: &Deed) -> Response<Body> {
    if *deed == Deed::Unknown {
        return problem::json(
            StatusCode::NOT_FOUND,
            &json!({ "errors": [{ "code": "no-such-route", "detail": "this registry's API has no such address" }] }),
        );
    }
    let mut response = problem::json(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({ "errors": [{ "code": "wrong-method", "detail": "this address does not take that method" }] }),
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(methods(deed)));
    response
}

/// Whether a handler may be asked for this method at all: what is not listed as allowed never reaches one.
pub(crate) fn takes(deed: &Deed, method: &Method) -> bool {
    methods(deed)
        .split(", ")
        .any(|listed| listed == method.as_str())
}

/// As the header `Allow` lists them.
pub(super) fn methods(deed: &Deed) -> &'static str {
    match deed {
        Deed::Config(_)
        | Deed::Index(..)
        | Deed::Download { .. }
        | Deed::Search
        | Deed::OfCrate { .. }
        | Deed::OfVersion { .. }
        | Deed::Me => "GET, HEAD",
        Deed::Publish => "GET, HEAD, PUT",
        Deed::JobTokens => "POST, DELETE",
        Deed::Unyank { .. } => "PUT",
        Deed::Yank { .. } => "DELETE",
        Deed::Owners(_) => "GET, HEAD, PUT, DELETE",
        Deed::Unknown => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, text: &str) -> HeaderMap {
        [(name, text.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_copy_is_judged_by_its_etag_before_its_date() {
        let changed = Timestamp::from_seconds(1_000_000_000);
        let by = |name, text: &str| is_unchanged(&headers(name, text), b"\"abc\"", Some(changed));
        for good in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert!(by(header::IF_NONE_MATCH, good), "{good}");
        }
        assert!(!by(header::IF_NONE_MATCH, "\"abd\""));
        assert!(by(header::IF_MODIFIED_SINCE, &changed.http_date()));
        assert!(!by(
            header::IF_MODIFIED_SINCE,
            &Timestamp::from_seconds(999_999_999).http_date()
        ));
        assert!(!by(header::IF_MODIFIED_SINCE, "yesterday"));
        let mut both = headers(header::IF_NONE_MATCH, "\"abd\"");
        both.extend(headers(header::IF_MODIFIED_SINCE, &changed.http_date()));
        assert!(!is_unchanged(&both, b"\"abc\"", Some(changed)));
        assert!(!is_unchanged(&HeaderMap::new(), b"\"abc\"", Some(changed)));
    }

    #[test]
    fn gzip_only_where_it_is_asked_for() {
        let takes = |text| takes_gzip(&headers(header::ACCEPT_ENCODING, text));
        assert!(takes("deflate, gzip") && takes("gzip;q=0.5") && takes("GZIP"));
        assert!(!takes("deflate") && !takes("gzip;q=0") && !takes("br, xgzip"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
