//! Pages for people, in a browser: everything that answers with HTML.
//!
//! A handler reads the request, asks for the same rights as the API, calls use cases, and fills a template of
//! `supercargo-pages`. Who looks is told by a cookie alone ([`visitor`]), so every form that changes something is checked
//! ([`forms`]).

mod account;
mod admin;
pub(crate) mod api;
mod asked;
mod assets;
mod cookies;
mod device;
mod errors;
mod forms;
mod home;
mod krate;
mod registry;
mod respond;
mod search;
mod sign_in;
mod theme;
mod tokens;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use supercargo_registry::Instance;

pub(crate) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/", get(home::show))
        .route("/{registry}", get(registry::crates))
        .route("/{registry}/", get(registry::redirect))
        .route("/{registry}/crates", get(registry::redirect))
        .route("/{registry}/upstreams", get(registry::upstreams))
        .route("/{registry}/claims", get(registry::claims))
        .route("/{registry}/members", get(registry::members))
        .route(
            "/{registry}/setup",
            get(registry::setup::show).post(registry::setup::make),
        )
        .route("/{registry}/crates/{krate}", get(krate::whole))
        .route("/{registry}/crates/{krate}/versions", get(krate::versions))
        .route(
            "/{registry}/crates/{krate}/dependents",
            get(krate::dependents),
        )
        .route("/{registry}/crates/{krate}/{version}", get(krate::version))
        .route(
            "/{registry}/crates/{krate}/{version}/dependencies",
            get(krate::dependencies),
        )
        .route(
            "/{registry}/crates/{krate}/{version}/features",
            get(krate::features),
        )
        .route("/-/search", get(search::show))
        .route("/-/assets/{hash}/{name}", get(assets::send))
        .route("/-/theme", post(theme::choose))
        .route("/-/login", get(sign_in::show).post(sign_in::with_password))
        .route("/-/login/sign-on", post(sign_in::with_provider))
        .route("/-/login/return", get(sign_in::back))
        .route("/-/login/device", get(device::show).post(device::decide))
        .route("/-/logout", post(sign_in::sign_out))
        .route("/-/account", get(account::show))
        .route("/-/account/sessions/end", post(account::end_session))
        .route("/-/account/sessions/end-others", post(account::end_others))
        .route("/-/account/identities/link", post(account::link))
        .route("/-/account/identities/unlink", post(account::unlink))
        .route("/-/account/password", post(account::change_password))
        .route("/-/account/tokens", get(tokens::list))
        .route("/-/account/tokens/revoke", post(tokens::revoke))
        .route(
            "/-/account/tokens/new",
            get(tokens::offer).post(tokens::make),
        )
        .fallback(errors::no_page)
        .method_not_allowed_fallback(errors::wrong_method)
}
