//! The `.crate` file of a version, for a browser: a session counts here, as it does on no address of cargo's.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{HeaderValue, Request, Response, header};
use supercargo_registry::{Failure, Instance};
use supercargo_types::{RegistryName, View};

use super::errors;
use crate::{
    app::{Asking, Peer},
    cargo,
    web::{
        forms::FETCH_SITE,
        respond::{RESOURCE, see_other},
        visitor::Visitor,
    },
};

/// In characters; no crate's name with a version is longer by reason.
const LONGEST: usize = 200;

/// `GET …/crates/{krate}/{version}/download`: through the same use case as cargo's, counted and written down as its downloads.
pub(in crate::web) async fn send(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    if registry.parse::<RegistryName>().is_err() {
        return errors::no_such_page(&instance, &visitor);
    }
    let (parts, _) = request.into_parts();
    // It is counted, and written down who has it: not because a page elsewhere leads here. Whoever comes from one gets to the
    // version's page, and asks there.
    let from = parts.headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    if matches!(from, Some(b"cross-site" | b"same-site")) {
        return see_other(
            &visitor,
            &visitor.links.of_crate(&registry, &krate, &version),
        );
    }
    let peer = parts.extensions.get::<Peer>().and_then(|peer| peer.0);
    let sent = async {
        let right = instance.may_read(&registry, visitor.actor.clone())?;
        let spelled = krate.to_lowercase();
        let asked = (&parts.method, &parts.headers);
        let file = (spelled.as_str(), version.as_str());
        let asking = Asking { peer };
        cargo::download(&instance, &right, View::Index, file, asked, &asking).await
    };
    match Box::pin(sent).await {
        Ok(mut response) => {
            guard(&mut response, &visitor, &format!("{krate}-{version}"));
            response
        }
        Err(failure) => {
            let failure: Failure = failure;
            errors::in_registry(&instance, &visitor, &registry, failure)
        }
    }
}

/// A file to be kept, and never a page: a stranger wrote it.
fn guard(response: &mut Response<Body>, visitor: &Visitor, name: &str) {
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (RESOURCE, "same-origin"),
        // who is signed in gets what others may not: no proxy keeps it
        (header::CACHE_CONTROL, "private, no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(value) = disposition(name).parse() {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    for cookie in &visitor.cookies {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
}

/// A name with a quote or a slash in it would end the header's text, or leave the folder of downloads.
fn disposition(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let plain: String = name
        .chars()
        .filter(|&c| is_plain(c))
        .take(LONGEST)
        .collect();
    format!("attachment; filename=\"{plain}.crate\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// V10.
    #[test]
    fn a_file_has_a_name_that_harms_nobody() {
        assert_eq!(
            disposition("demo-1.0.0-rc.1+b"),
            "attachment; filename=\"demo-1.0.0-rc.1+b.crate\""
        );
        assert_eq!(
            disposition("../a\"; x=\r\n/é"),
            "attachment; filename=\"..ax.crate\""
        );
    }
}
