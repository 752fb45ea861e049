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
mod feeds;
mod forms;
mod home;
mod krate;
mod registries;
mod registry;
mod respond;
mod search;
mod sign_in;
mod theme;
mod tokens;
mod upstreams;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use supercargo_registry::Instance;

use self::krate::deeds::Deed;

pub(crate) fn router() -> Router<Arc<Instance>> {
    Router::new()
        .route("/", get(home::show))
        .route("/-/search", get(search::show))
        .route("/-/assets/{hash}/{name}", get(assets::send))
        .route("/-/theme", post(theme::choose))
        .merge(registries())
        .merge(names_and_people())
        .merge(crates())
        .merge(deeds())
        .merge(people())
        .merge(administration())
        .merge(admin::accounts())
        .fallback(errors::no_page)
        .method_not_allowed_fallback(errors::wrong_method)
}

/// Registries, what is in them, and their settings.
fn registries() -> Router<Arc<Instance>> {
    Router::new()
        .route("/{registry}", get(registry::crates))
        .route("/{registry}/", get(registry::redirect))
        .route("/{registry}/crates", get(registry::redirect))
        .route("/{registry}/upstreams", get(registry::cache::show))
        .route("/{registry}/upstreams/evict", post(registry::cache::evict))
        .route("/{registry}/rules", get(registry::rules::show))
        .route(
            "/{registry}/rules/patterns",
            get(registry::rules::show_patterns).post(registry::rules::change_patterns),
        )
        .route(
            "/{registry}/rules/quarantine",
            get(registry::rules::offer_quarantine).post(registry::rules::quarantine),
        )
        .route("/{registry}/rules/lift", post(registry::rules::lift))
        .route(
            "/{registry}/setup",
            get(registry::setup::show).post(registry::setup::make),
        )
        .route(
            "/{registry}/upload",
            get(registry::upload::offer).post(registry::upload::take),
        )
        .route("/{registry}/feed.atom", get(feeds::of_registry))
        .route(
            "/{registry}/settings",
            get(registry::settings::show).post(registry::settings::change),
        )
        .route(
            "/{registry}/settings/upstreams",
            get(registry::settings::show_upstreams).post(registry::settings::change_upstreams),
        )
        .route(
            "/{registry}/settings/delete",
            post(registry::settings::delete),
        )
        .route(
            "/-/registries/new",
            get(registries::offer).post(registries::make),
        )
        .route("/-/registries/deleted", get(registries::deleted))
        .route("/-/registries/restore", post(registries::restore))
        .route("/-/registries/purge", post(registries::purge))
        .route("/{registry}/activity", get(registry::activity::show))
        .route(
            "/{registry}/activity/export",
            get(registry::activity::export),
        )
}

/// Crates and versions.
fn crates() -> Router<Arc<Instance>> {
    Router::new()
        .route("/{registry}/crates/{krate}", get(krate::whole))
        .route("/{registry}/crates/{krate}/feed.atom", get(feeds::of_crate))
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
        .route(
            "/{registry}/crates/{krate}/{version}/download",
            get(krate::file::send),
        )
        .route(
            "/{registry}/crates/{krate}/labels",
            get(krate::labels::of_crate).post(krate::labels::to_crate),
        )
        .route(
            "/{registry}/crates/{krate}/{version}/labels",
            get(krate::labels::of_version).post(krate::labels::to_version),
        )
}

/// Who somebody is, and what is theirs.
fn people() -> Router<Arc<Instance>> {
    Router::new()
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
}

/// Upstreams, and what instance admins see.
fn administration() -> Router<Arc<Instance>> {
    Router::new()
        .route("/-/upstreams", get(upstreams::list))
        .route(
            "/-/upstreams/new",
            get(upstreams::offer).post(upstreams::make),
        )
        .route(
            "/-/upstreams/{upstream}",
            get(upstreams::show).post(upstreams::test),
        )
        .route(
            "/-/upstreams/{upstream}/edit",
            get(upstreams::edit).post(upstreams::change),
        )
        .route("/-/upstreams/{upstream}/delete", post(upstreams::delete))
        .route("/-/admin", get(admin::overview::show))
        .route("/-/admin/audit", get(admin::audit::show))
        .route("/-/admin/audit/export", get(admin::audit::export))
        .route("/-/admin/exposure", get(admin::exposure::show))
        .route("/-/admin/exposure/export", get(admin::exposure::export))
        .route("/-/admin/storage", get(admin::storage::show))
        .route("/-/admin/configuration", get(admin::configuration::show))
        .route("/-/admin/health", get(admin::health::show))
}

/// What is done with crates and versions: a page for each of them, and an address for each of its forms.
fn deeds() -> Router<Arc<Instance>> {
    let of_crate = |rest: &str| format!("/{{registry}}/crates/{{krate}}/settings{rest}");
    let of_version =
        |rest: &str| format!("/{{registry}}/crates/{{krate}}/{{version}}/settings{rest}");
    let mut router = Router::new()
        .route(&of_crate(""), get(krate::deeds::of_crate))
        .route(&of_version(""), get(krate::deeds::of_version));
    for (rest, deed) in [
        ("/owners/add", Deed::AddOwner),
        ("/owners/remove", Deed::RemoveOwner),
        ("/quarantine", Deed::Quarantine),
        ("/lift", Deed::Lift),
        ("/delete", Deed::Delete),
        ("/restore", Deed::Restore),
        ("/purge", Deed::Purge),
        ("/release", Deed::Release),
        ("/pin", Deed::Pin),
    ] {
        router = router.route(&of_crate(rest), krate::deeds::to_crate(deed));
    }
    for (rest, deed) in [
        ("/yank", Deed::Yank),
        ("/unyank", Deed::Unyank),
        ("/quarantine", Deed::Quarantine),
        ("/lift", Deed::Lift),
        ("/delete", Deed::Delete),
        ("/restore", Deed::Restore),
        ("/purge", Deed::Purge),
        ("/accept", Deed::Accept),
    ] {
        router = router.route(&of_version(rest), krate::deeds::to_version(deed));
    }
    router
}

/// Who may do what in a registry, and which names are its own.
fn names_and_people() -> Router<Arc<Instance>> {
    use registry::{claims, members, trusted_publishers as rules};
    let of_rule =
        |rest: &str| format!("/{{registry}}/trusted-publishers/rules/{{publisher}}{rest}");
    Router::new()
        .route("/{registry}/members", get(members::show).post(members::set))
        .route("/{registry}/members/accounts", get(members::accounts))
        .route("/{registry}/members/remove", post(members::remove))
        .route("/{registry}/members/machines", post(members::make_machine))
        .route("/{registry}/claims", get(claims::show))
        .route(
            "/{registry}/claims/new",
            get(claims::offer).post(claims::make),
        )
        .route(
            "/{registry}/claims/delete",
            get(claims::ask_to_delete).post(claims::delete),
        )
        .route(
            "/{registry}/claims/release",
            get(claims::ask_to_release).post(claims::release),
        )
        .route("/{registry}/trusted-publishers", get(rules::show))
        .route(
            "/{registry}/trusted-publishers/new",
            get(rules::offer).post(rules::make),
        )
        .route(&of_rule(""), get(rules::one))
        .route(&of_rule("/edit"), get(rules::ask_to_edit).post(rules::edit))
        .route(&of_rule("/delete"), post(rules::delete))
}
