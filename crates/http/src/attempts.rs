//! What was tried and denied, for the audit log: the one place that sees it, whatever handler it was meant for.
//!
//! Whoever answers a failure marks the answer ([`DeniedFor`]); here the mark becomes an entry, with what the address says about
//! what would have been done. That cargo reads without a token first, to learn whether it needs one, is no attempt.

use std::{borrow::Cow, net::IpAddr};

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use supercargo_registry::{Attempt, Instance};

use crate::{
    app::{REQUEST_ID, caller, known_actor},
    cargo::{Route, decode},
};

/// Why somebody may not; an extension of the answer that says so.
#[derive(Clone, Debug)]
pub(crate) struct DeniedFor {
    /// Stable, for tools.
    pub(crate) code: &'static str,
    /// For people, where it says more than the code.
    pub(crate) sentence: Option<String>,
}

/// All of a request that an entry could need.
const KEPT: usize = 3;
const HEADERS: [HeaderName; KEPT] = [header::AUTHORIZATION, header::USER_AGENT, REQUEST_ID];
const READ_OF_REGISTRY: &str = "registry.read";
const READ_OF_API: &str = "api.read";
const READ_OF_PAGE: &str = "page.read";

/// Somebody who asks for something that could be denied. It is made for every request that is gone when its answer is there,
/// and used for few, so it shares the request's bytes and allocates nothing.
pub(crate) struct Asker {
    method: Method,
    headers: [Option<HeaderValue>; KEPT],
    peer: Option<IpAddr>,
}

impl Asker {
    /// `None` for a request of which a denial is nothing to write down.
    pub(crate) fn of(
        request: &Request<Body>,
        path: &str,
        is_cargos: bool,
        peer: Option<IpAddr>,
    ) -> Option<Self> {
        let (method, headers) = (request.method(), request.headers());
        let is_noteworthy = if is_cargos {
            !is_read(method) || headers.contains_key(header::AUTHORIZATION)
        } else {
            path.starts_with("/api/v1/")
        };
        is_noteworthy.then(|| Self {
            method: method.clone(),
            headers: HEADERS.map(|name| headers.get(name).cloned()),
            peer,
        })
    }

    /// Writes down that it was denied.
    pub(crate) async fn note(
        self,
        instance: &Instance,
        route: Option<&Route<'_>>,
        path: &str,
        denied: DeniedFor,
    ) {
        let mut attempt = match route {
            Some(route) => route.attempt(&self.method),
            None => of_api(&self.method, path),
        };
        attempt.reason = denied.code;
        attempt.sentence = denied.sentence;
        let kept = HEADERS.into_iter().zip(self.headers);
        let headers = kept.filter_map(|(name, value)| Some((name, value?)));
        let headers: HeaderMap = headers.collect();
        // asked once more, which memory answers: what was denied never says to whom
        let actor = known_actor(instance, &headers).await.ok().flatten();
        let caller = caller(&headers, self.peer);
        instance.note_denied(&attempt, actor.as_deref(), &caller);
    }
}

pub(crate) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What a page, or a form of one, would have done.
pub(crate) fn of_page(action: &str, registry: Option<&str>) -> Attempt {
    Attempt {
        action: action.to_owned(),
        registry: registry.map(str::to_owned),
        ..Attempt::default()
    }
}

/// As the entry is called that a success writes.
pub(crate) fn action_of_page(method: &Method, path: &str) -> &'static str {
    let of_nobody = path.strip_prefix("/-/");
    if is_read(method) {
        return match of_nobody {
            Some(_) => READ_OF_PAGE,
            None => READ_OF_REGISTRY,
        };
    }
    if let Some(deed) = of_crates_form(path) {
        return deed;
    }
    if let Some(below) = of_nobody.and_then(|path| path.strip_prefix("admin/")) {
        return of_administration(below);
    }
    match of_nobody {
        Some("login" | "login/sign-on") => "sign_in.done",
        Some("login/device") => "device_login.approved",
        Some("account/identities/link") => "identity.linked",
        Some("logout" | "account/sessions/end" | "account/sessions/end-others") => "session.ended",
        Some("account/identities/unlink") => "identity.unlinked",
        Some("account/password") => "password.changed",
        Some("account/tokens/new") => "token.created",
        Some("account/tokens/revoke") => "token.revoked",
        Some("registries/new") => "registry.created",
        Some("registries/restore") => "registry.restored",
        Some("registries/purge") => "registry.purged",
        None if path.ends_with("/setup") => "token.created",
        Some("upstreams/new") => "upstream.created",
        Some(rest) if rest.starts_with("upstreams/") => match rest.rsplit_once('/') {
            Some((_, "edit")) => "upstream.changed",
            Some((_, "delete")) => "upstream.deleted",
            _ => "upstream.tested",
        },
        None if path.ends_with("/upstreams/evict") => "cache.evicted",
        None if path.ends_with("/rules/patterns") => "registry.changed",
        None if path.ends_with("/rules/quarantine") => "quarantine.set",
        None if path.ends_with("/rules/lift") => "quarantine.lifted",
        None if path.ends_with("/settings/delete") => "registry.deleted",
        None if path.ends_with("/settings") || path.ends_with("/settings/upstreams") => {
            "registry.changed"
        }
        _ => "page.sent",
    }
}

/// What a form of a crate's page, or of a version's, would have done.
fn of_crates_form(path: &str) -> Option<&'static str> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let (_registry, kind) = (parts.next()?, parts.next()?);
    let rest: Vec<_> = parts.collect();
    let known = match (kind, rest.as_slice()) {
        ("upload", []) => "version.published",
        ("members", []) => "member.set",
        ("members", ["remove"]) => "member.removed",
        ("members", ["machines"]) => "account.created",
        ("claims", ["new"]) => "claim.created",
        ("claims", ["delete"]) => "claim.deleted",
        ("claims", ["release"]) => "crate.released",
        ("trusted-publishers", ["new"]) => "trusted_publisher.created",
        ("trusted-publishers", ["rules", _, "edit"]) => "trusted_publisher.changed",
        ("trusted-publishers", ["rules", _, "delete"]) => "trusted_publisher.deleted",
        ("crates", [_, "labels"]) => "crate.labelled",
        ("crates", [_, _, "labels"]) => "version.labelled",
        ("crates", [_, "settings", deed @ ..]) => match deed {
            ["owners", "add"] => "owner.added",
            ["owners", "remove"] => "owner.removed",
            ["quarantine"] => "quarantine.set",
            ["lift"] => "quarantine.lifted",
            ["delete"] => "crate.deleted",
            ["restore"] => "crate.restored",
            ["purge"] => "crate.purged",
            ["release"] => "crate.released",
            ["pin"] => "crate.pinned",
            _ => return None,
        },
        ("crates", [_, _, "settings", deed]) => match *deed {
            "yank" => "version.yanked",
            "unyank" => "version.unyanked",
            "quarantine" => "quarantine.set",
            "lift" => "quarantine.lifted",
            "delete" => "version.deleted",
            "restore" => "version.restored",
            "purge" => "version.purged",
            "accept" => "ledger.overridden",
            _ => return None,
        },
        _ => return None,
    };
    Some(known)
}

/// A form below `/-/admin/`.
fn of_administration(below: &str) -> &'static str {
    let parts: Vec<_> = below.split('/').collect();
    match parts.as_slice() {
        ["users", "new"] | ["teams" | "service-accounts"] => "account.created",
        ["users", _] | ["users", _, "password" | "state"] | ["service-accounts", _, "state"] => {
            "account.changed"
        }
        ["users" | "service-accounts", _, "delete"] => "account.deleted",
        ["users", _, "sessions", "end"] => "session.ended",
        ["users", _, "identities", "link"] => "identity.linked",
        ["users", _, "identities", "unlink"] => "identity.unlinked",
        ["users" | "service-accounts", _, "tokens", "revoke"] => "token.revoked",
        ["service-accounts", _, "tokens", "new"] => "token.created",
        ["teams", _, "members", "add"] => "team.member_added",
        ["teams", _, "members", "remove"] => "team.member_removed",
        ["teams", _, "delete"] => "team.deleted",
        _ => "page.sent",
    }
}

/// A read of a registry over one of Cargo's addresses.
pub(crate) fn reading(registry: &str) -> Attempt {
    of_page(READ_OF_REGISTRY, Some(registry))
}

/// In the addresses of the management API, kinds of things and names of things alternate.
fn of_api(method: &Method, path: &str) -> Attempt {
    let rest = path.strip_prefix("/api/v1/").unwrap_or(path);
    let parts: Vec<_> = rest.split('/').collect();
    let named = |kind: &str| {
        let pair = parts.chunks(2).find(|pair| pair[0] == kind)?;
        let name = pair.get(1)?;
        Some(decode(name).into_owned())
    };
    let kinds = parts
        .iter()
        .enumerate()
        .map(|(place, part)| match place % 2 {
            0 => *part,
            _ => "*",
        });
    let kinds = kinds.collect::<Vec<_>>().join("/");
    let action = if is_read(method) {
        READ_OF_API.into()
    } else {
        action(method, &kinds)
    };
    Attempt {
        action: action.into_owned(),
        registry: named("registries"),
        crate_name: named("crates").or_else(|| named("cache")),
        version: named("versions"),
        ..Attempt::default()
    }
}

/// As the entry is called that a success writes; for what has no name here, the method and the kinds.
fn action(method: &Method, kinds: &str) -> Cow<'static, str> {
    let of_crate = "registries/*/crates/*";
    let of_version = "registries/*/crates/*/versions/*";
    let below = |subject: &str| kinds.strip_prefix(subject).unwrap_or("?");
    let known = match (method.as_str(), kinds) {
        ("POST", "registries") => "registry.created",
        ("PATCH", "registries/*") => "registry.changed",
        ("DELETE", "registries/*") => "registry.deleted",
        ("POST", "registries/*/restore") => "registry.restored",
        ("PUT", "registries/*/members/*") => "member.set",
        ("DELETE", "registries/*/members/*") => "member.removed",
        ("POST", "registries/*/claims") => "claim.created",
        ("DELETE", "registries/*/claims/*") => "claim.deleted",
        ("POST", "registries/*/trusted-publishers") => "trusted_publisher.created",
        ("PATCH", "registries/*/trusted-publishers/*") => "trusted_publisher.changed",
        ("DELETE", "registries/*/trusted-publishers/*") => "trusted_publisher.deleted",
        ("POST", "registries/*/crates") => "version.published",
        ("POST", "registries/*/crates/*/release") => "crate.released",
        ("POST", "registries/*/crates/*/pin") => "crate.pinned",
        ("DELETE", "registries/*/crates/*/versions/*/ledger") => "ledger.overridden",
        ("DELETE", "registries/*/cache" | "registries/*/cache/*") => "cache.evicted",
        ("POST", "upstreams") => "upstream.created",
        ("PATCH", "upstreams/*") => "upstream.changed",
        ("DELETE", "upstreams/*") => "upstream.deleted",
        ("POST", "upstreams/*/test") => "upstream.tested",
        ("POST", "users" | "service-accounts" | "teams") => "account.created",
        ("PATCH", "users/*" | "service-accounts/*") => "account.changed",
        ("DELETE", "users/*" | "service-accounts/*") => "account.deleted",
        ("PUT", "me/*") => "password.changed",
        ("POST", "sign-in") => "sign_in.done",
        ("DELETE", "teams/*") => "team.deleted",
        ("PUT", "teams/*/members/*") => "team.member_added",
        ("DELETE", "teams/*/members/*") => "team.member_removed",
        ("POST", "sign-in/*") => "device_login.begun",
        ("POST", "tokens" | "sign-in/*/token") => "token.created",
        ("DELETE", "tokens/*") => "token.revoked",
        ("DELETE", "sessions" | "sessions/*") => "session.ended",
        ("POST", "users/*/identities") => "identity.linked",
        ("DELETE", "users/*/identities") => "identity.unlinked",
        (method, _) => match (method, below(of_version), below(of_crate)) {
            ("DELETE", "", _) => "version.deleted",
            ("DELETE", _, "") => "crate.deleted",
            ("POST", "/restore", _) => "version.restored",
            ("POST", _, "/restore") => "crate.restored",
            ("PUT", "/quarantine", _) | ("PUT", _, "/quarantine") => "quarantine.set",
            ("DELETE", "/quarantine", _) | ("DELETE", _, "/quarantine") => "quarantine.lifted",
            ("PATCH", "/labels", _) => "version.labelled",
            ("PATCH", _, "/labels") => "crate.labelled",
            // an address without a name yet: short, for anyone can ask for one of any length
            _ => {
                let kinds: String = kinds.chars().take(64).collect();
                return format!("{method} {kinds}").into();
            }
        },
    };
    known.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(method: &Method, path: &str) -> String {
        let attempt = match Route::parse(path) {
            Some(route) => route.attempt(method),
            None => of_api(method, path),
        };
        let names = [attempt.registry, attempt.crate_name, attempt.version];
        let names: Vec<_> = names
            .iter()
            .map(|name| name.as_deref().unwrap_or("-"))
            .collect();
        format!("{}: {} {}", path, attempt.action, names.join(" "))
    }

    /// I9 (every denied attempt), of pages.
    #[test]
    fn a_form_is_called_as_what_it_would_have_done() {
        let post = |path| action_of_page(&Method::POST, path);
        assert_eq!(post("/-/account/tokens/new"), "token.created");
        assert_eq!(post("/acme/setup"), "token.created");
        assert_eq!(post("/-/account/password"), "password.changed");
        assert_eq!(post("/-/account/sessions/end-others"), "session.ended");
        assert_eq!(post("/acme/settings/upstreams"), "registry.changed");
        assert_eq!(post("/acme/settings/delete"), "registry.deleted");
        assert_eq!(post("/-/registries/new"), "registry.created");
        assert_eq!(post("/-/upstreams/new"), "upstream.created");
        assert_eq!(post("/-/upstreams/partner"), "upstream.tested");
        assert_eq!(post("/-/upstreams/partner/edit"), "upstream.changed");
        assert_eq!(post("/-/upstreams/partner/delete"), "upstream.deleted");
        assert_eq!(post("/acme/upstreams/evict"), "cache.evicted");
        assert_eq!(post("/acme/rules/patterns"), "registry.changed");
        assert_eq!(post("/acme/rules/lift"), "quarantine.lifted");
        assert_eq!(post("/acme/upload"), "version.published");
        for (path, deed) in [
            ("/acme/crates/demo/settings/delete", "crate.deleted"),
            ("/acme/crates/demo/settings/owners/add", "owner.added"),
            ("/acme/crates/demo/1.0.0/settings/yank", "version.yanked"),
            ("/acme/crates/demo/1.0.0/settings/purge", "version.purged"),
            (
                "/acme/crates/demo/1.0.0/settings/accept",
                "ledger.overridden",
            ),
        ] {
            assert_eq!(post(path), deed, "{path}");
        }
        for (path, action) in [
            ("users/new", "account.created"),
            ("users/alice", "account.changed"),
            ("users/alice/password", "account.changed"),
            ("users/alice/delete", "account.deleted"),
            ("users/alice/identities/link", "identity.linked"),
            ("service-accounts/ci/tokens/new", "token.created"),
            ("service-accounts/ci/tokens/revoke", "token.revoked"),
            ("teams", "account.created"),
            ("teams/core/members/add", "team.member_added"),
            ("teams/core/delete", "team.deleted"),
            ("nothing", "page.sent"),
        ] {
            let path = format!("/-/admin/{path}");
            assert_eq!(action_of_page(&Method::POST, &path), action);
        }
        assert_eq!(post("/-/theme"), "page.sent");
        assert_eq!(post("/acme/members"), "member.set");
        assert_eq!(post("/acme/members/machines"), "account.created");
        assert_eq!(post("/acme/claims/release"), "crate.released");
        let rule = "/acme/trusted-publishers/rules/delete/edit";
        assert_eq!(post(rule), "trusted_publisher.changed");
        let get = |path| action_of_page(&Method::GET, path);
        assert_eq!(get("/acme/setup"), "registry.read");
        assert_eq!(get("/-/account/tokens"), "page.read");
    }

    /// I9 (every denied attempt).
    #[test]
    fn the_address_says_what_would_have_been_done_and_with_what() {
        let (delete, put, post) = (Method::DELETE, Method::PUT, Method::POST);
        let lines = [
            (&put, "/acme/api/v1/crates/new"),
            (&delete, "/acme/api/v1/crates/demo/1.0.0%2Bx/yank"),
            (&put, "/acme/api/v1/crates/demo/1.0.0/unyank"),
            (&put, "/acme/api/v1/crates/demo/owners"),
            (&delete, "/acme/api/v1/crates/demo/owners"),
            (&Method::GET, "/acme/index/de/mo/demo"),
            (&Method::GET, "/acme/index/config.json"),
            (&Method::GET, "/acme/api/v1/crates/demo/1.0.0/download"),
            (&Method::GET, "/acme/api/v1/crates/demo/owners"),
            (&post, "/acme/api/v1/crates/demo/1.0.0/yank"),
            (&post, "/acme/api/v1/trusted_publishing/tokens"),
            (&delete, "/acme/api/v1/trusted_publishing/tokens"),
            (&post, "/api/v1/registries"),
            (&Method::PATCH, "/api/v1/registries/acme"),
            (&delete, "/api/v1/registries/acme"),
            (&Method::GET, "/api/v1/registries/acme/members"),
            (&put, "/api/v1/registries/acme/members/service:ci"),
            (&post, "/api/v1/registries/acme/crates"),
            (&delete, "/api/v1/registries/acme/crates/demo"),
            (
                &delete,
                "/api/v1/registries/acme/crates/demo/versions/1.0.0",
            ),
            (
                &post,
                "/api/v1/registries/acme/crates/demo/versions/1.0.0/restore",
            ),
            (&put, "/api/v1/registries/acme/crates/demo/quarantine"),
            (
                &delete,
                "/api/v1/registries/acme/crates/demo/versions/1.0.0/quarantine",
            ),
            (
                &delete,
                "/api/v1/registries/acme/crates/demo/versions/1.0.0/ledger",
            ),
            (&delete, "/api/v1/registries/acme/cache/de%6Do"),
            (&delete, "/api/v1/teams/core/members/alice"),
            (&delete, "/api/v1/tokens/0190"),
            (&Method::PATCH, "/api/v1/users/alice"),
            (&delete, "/api/v1/service-accounts/ci"),
            (&put, "/api/v1/me/password"),
            (&post, "/api/v1/sign-in"),
            (&delete, "/api/v1/sessions"),
            (&delete, "/api/v1/sessions/0190"),
            (&post, "/api/v1/users/alice/identities"),
            (&delete, "/api/v1/users/alice/identities"),
            (&post, "/api/v1/registries/acme/trusted-publishers"),
            (
                &delete,
                "/api/v1/registries/acme/trusted-publishers/release",
            ),
            (&put, "/api/v1/registries/acme/policies/age"),
            (&post, "/api/v1/"),
        ]
        .map(|(method, path)| told(method, path));
        insta::assert_snapshot!(lines.join("\n"), @"
        /acme/api/v1/crates/new: version.published acme - -
        /acme/api/v1/crates/demo/1.0.0%2Bx/yank: version.yanked acme demo 1.0.0+x
        /acme/api/v1/crates/demo/1.0.0/unyank: version.unyanked acme demo 1.0.0
        /acme/api/v1/crates/demo/owners: owner.added acme demo -
        /acme/api/v1/crates/demo/owners: owner.removed acme demo -
        /acme/index/de/mo/demo: registry.read acme demo -
        /acme/index/config.json: registry.read acme - -
        /acme/api/v1/crates/demo/1.0.0/download: registry.read acme demo 1.0.0
        /acme/api/v1/crates/demo/owners: registry.read acme demo -
        /acme/api/v1/crates/demo/1.0.0/yank: version.yanked acme demo 1.0.0
        /acme/api/v1/trusted_publishing/tokens: token.exchanged acme - -
        /acme/api/v1/trusted_publishing/tokens: token.revoked acme - -
        /api/v1/registries: registry.created - - -
        /api/v1/registries/acme: registry.changed acme - -
        /api/v1/registries/acme: registry.deleted acme - -
        /api/v1/registries/acme/members: api.read acme - -
        /api/v1/registries/acme/members/service:ci: member.set acme - -
        /api/v1/registries/acme/crates: version.published acme - -
        /api/v1/registries/acme/crates/demo: crate.deleted acme demo -
        /api/v1/registries/acme/crates/demo/versions/1.0.0: version.deleted acme demo 1.0.0
        /api/v1/registries/acme/crates/demo/versions/1.0.0/restore: version.restored acme demo 1.0.0
        /api/v1/registries/acme/crates/demo/quarantine: quarantine.set acme demo -
        /api/v1/registries/acme/crates/demo/versions/1.0.0/quarantine: quarantine.lifted acme demo 1.0.0
        /api/v1/registries/acme/crates/demo/versions/1.0.0/ledger: ledger.overridden acme demo 1.0.0
        /api/v1/registries/acme/cache/de%6Do: cache.evicted acme demo -
        /api/v1/teams/core/members/alice: team.member_removed - - -
        /api/v1/tokens/0190: token.revoked - - -
        /api/v1/users/alice: account.changed - - -
        /api/v1/service-accounts/ci: account.deleted - - -
        /api/v1/me/password: password.changed - - -
        /api/v1/sign-in: sign_in.done - - -
        /api/v1/sessions: session.ended - - -
        /api/v1/sessions/0190: session.ended - - -
        /api/v1/users/alice/identities: identity.linked - - -
        /api/v1/users/alice/identities: identity.unlinked - - -
        /api/v1/registries/acme/trusted-publishers: trusted_publisher.created acme - -
        /api/v1/registries/acme/trusted-publishers/release: trusted_publisher.deleted acme - -
        /api/v1/registries/acme/policies/age: PUT registries/*/policies/* acme - -
        /api/v1/: POST  - - -
        ");
    }
}
