//! How a page goes out: as HTML under a Content Security Policy of its own.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use supercargo_pages::{Template, zipped};
use supercargo_registry::Failure;

use super::visitor::Visitor;

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
pub(super) const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What a page may do beyond what all may.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    /// Origins that a form of it may lead to, over a redirect: browsers hold those against the policy as well.
    pub(crate) forms_to: Vec<String>,
    /// Whether it shows pictures from elsewhere, as readmes have them.
    pub(crate) pictures: bool,
    /// Whether its script asks this server for more.
    pub(crate) asks: bool,
}

/// A page as all are.
pub(crate) fn page(
    visitor: &Visitor,
    status: StatusCode,
    template: &impl Template,
) -> Result<Response<Body>, Failure> {
    page_with(visitor, status, template, &Policy::default())
}

/// A page that may do more.
pub(crate) fn page_with(
    visitor: &Visitor,
    status: StatusCode,
    template: &impl Template,
    policy: &Policy,
) -> Result<Response<Body>, Failure> {
    let html = template.render().map_err(|error| {
        Failure::Fault(
            anyhow::Error::new(error)
                .context("a page cannot be made")
                .into(),
        )
    })?;
    // What a page repeats of a request could guess its secrets by the length of what is compressed (BREACH), but the only one
    // is the hidden field of forms, which is another text in every answer.
    let zipped = visitor.takes_gzip.then(|| zipped(&html));
    let is_zipped = zipped.is_some();
    let mut response = Response::new(zipped.map_or_else(|| Body::from(html), Body::from));
    *response.status_mut() = status;
    if is_zipped {
        let gzip = HeaderValue::from_static("gzip");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, gzip);
    }
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    guard(visitor, &mut response, policy);
    Ok(response)
}

/// Sends the browser elsewhere, with a GET whatever it was asked with. `to` is made by `Links`.
pub(crate) fn see_other(visitor: &Visitor, to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    guard(visitor, &mut response, &Policy::default());
    response
}

/// A file that a page links to: for who is signed in, and nobody in between keeps it.
pub(crate) fn file(visitor: &Visitor, mut response: Response<Body>) -> Response<Body> {
    guard(visitor, &mut response, &Policy::default());
    response
}

/// The headers that every answer of a page has.
fn guard(visitor: &Visitor, response: &mut Response<Body>, policy: &Policy) {
    let headers = response.headers_mut();
    let nonce = &visitor.nonce;
    let pictures = if policy.pictures { " https:" } else { "" };
    let asks = if policy.asks {
        " connect-src 'self';"
    } else {
        ""
    };
    let forms = policy
        .forms_to
        .iter()
        .fold(String::new(), |forms, origin| forms + " " + origin);
    let content = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'{pictures};{asks} \
         form-action 'self'{forms}; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(content) = HeaderValue::from_str(&content) {
        headers.insert(header::CONTENT_SECURITY_POLICY, content);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // for browsers that do not know `frame-ancestors`
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: under that, browsers send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        // what one person sees is not for the next one at the same browser, nor for a proxy
        (header::CACHE_CONTROL, "no-store"),
        (OPENER, "same-origin"),
        (RESOURCE, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for cookie in &visitor.cookies {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
}
