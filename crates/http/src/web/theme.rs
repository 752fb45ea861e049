//! Light or dark: a choice that a cookie remembers.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{HeaderMap, HeaderValue, Request, Response};
use supercargo_pages::Theme;
use supercargo_registry::Instance;
use supercargo_types::Site;

use super::{
    errors,
    forms::{self, Form},
    respond::see_other,
    visitor::{Visitor, cookie},
};

const COOKIE: &str = "supercargo-theme";
const YEAR: u32 = 365 * 24 * 60 * 60;

pub(super) fn of(headers: &HeaderMap) -> Theme {
    cookie(headers, COOKIE).map_or(Theme::System, Theme::of)
}

/// Anybody may choose for their own browser.
pub(super) async fn choose(
    State(instance): State<Arc<Instance>>,
    mut visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let form = match Form::read(body).await {
        Ok(form) => form,
        Err(failure) => return errors::answer(&instance, &visitor, failure),
    };
    if let Err(refused) = forms::check_origin(&parts.headers, instance.site()) {
        return errors::not_ours(&instance, &visitor, refused);
    }
    let theme = Theme::of(form.get("theme"));
    visitor.cookies.extend(remembered(theme, instance.site()));
    let back = supercargo_registry::own_path(form.get("return_to"));
    see_other(&visitor, &visitor.links.to(back))
}

fn remembered(theme: Theme, site: &Site) -> Option<HeaderValue> {
    let secure = if site.base().starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let prefix = site.path_prefix();
    let path = if prefix.is_empty() { "/" } else { prefix };
    let word = theme.word();
    format!("{COOKIE}={word}; Path={path}; Max-Age={YEAR}; HttpOnly; SameSite=Lax{secure}")
        .parse()
        .ok()
}
