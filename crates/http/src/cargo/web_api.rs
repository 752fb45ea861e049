//! Publish, yank, owners and the way to a token. Success is exactly 200, with exactly the fields that cargo demands.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use supercargo_registry::{
    Caller, Failure, Instance, MayOwn, MayPublish, MayRead, MayYank, Refusal,
};
use supercargo_types::{RegistryName, Spelling};

use crate::{
    app::{Asking, caller},
    body, problem, upload,
};

/// Lists of owners are short.
const OWNERS_BYTES: usize = 64 << 10;

pub(super) async fn publish(
    instance: &Arc<Instance>,
    right: MayPublish,
    request: Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let caller = caller(request.headers(), asking.peer);
    let (parts, body) = request.into_parts();
    let mut publish = match instance.start_publish(right).await {
        Ok(publish) => publish,
        Err(failure) => {
            upload::let_go(&parts.headers, body);
            return Err(failure);
        }
    };
    upload::receive(&mut publish, body).await?;
    let published = publish.finish(&caller).await?;
    Ok(ok(&json!({
        "warnings": { "invalid_categories": [], "invalid_badges": [], "other": published.warnings }
    })))
}

pub(super) async fn set_yanked(
    instance: &Arc<Instance>,
    right: &MayYank,
    krate: &str,
    version: &str,
    yanked: bool,
    caller: &Caller,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    instance
        .set_yanked(right, &name, version, yanked, caller)
        .await?;
    Ok(ok(&json!({ "ok": true })))
}

pub(super) async fn owners(
    instance: &Arc<Instance>,
    right: &MayRead,
    krate: &str,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    let owners = instance.owners(right, &name).await?;
    let users: Vec<_> = owners
        .iter()
        .map(|owner| json!({ "id": owner.id, "login": owner.principal, "name": owner.principal.name }))
        .collect();
    Ok(ok(&json!({ "users": users })))
}

#[derive(Deserialize)]
struct OwnersRequest {
    #[serde(alias = "owners")]
    users: Vec<String>,
}

pub(super) async fn change_owners(
    instance: &Arc<Instance>,
    right: &MayOwn,
    krate: &str,
    add: bool,
    request: Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let name = spelling(right.registry().name.clone(), krate)?;
    let caller = caller(request.headers(), asking.peer);
    let body = body::whole(request.into_body(), OWNERS_BYTES).await?;
    let asked: OwnersRequest = serde_json::from_slice(&body).map_err(|error| {
        shape(&format!(
            "owners are sent as `{{\"users\":[\"alice\"]}}`: {error}"
        ))
    })?;
    let message = if add {
        instance
            .add_owners(right, &name, &asked.users, &caller)
            .await?
    } else {
        instance
            .remove_owners(right, &name, &asked.users, &caller)
            .await?
    };
    // both fields are demanded, also for DELETE
    Ok(ok(&json!({ "ok": true, "msg": message })))
}

/// Where `cargo login` sends a person: in a browser on to the page that makes tokens, and in words for a terminal. Says the same
/// for every name, so that it tells nothing about which registries exist.
pub(super) fn me(
    instance: &Instance,
    registry: &RegistryName,
    headers: &HeaderMap,
) -> Response<Body> {
    let site = instance.site();
    let page = format!("/-/account/tokens/new?registry={registry}");
    let accepts = headers.get(header::ACCEPT);
    let is_browser = accepts
        .and_then(|accepts| accepts.to_str().ok())
        .is_some_and(|accepts| accepts.contains("text/html"));
    let mut response = if is_browser {
        let to = format!("{}{page}", site.path_prefix());
        let mut response = problem::plain(StatusCode::SEE_OTHER, String::new());
        if let Ok(to) = HeaderValue::from_str(&to) {
            response.headers_mut().insert(header::LOCATION, to);
        }
        response
    } else {
        let (base, cargo) = (site.base(), registry.in_cargo());
        problem::plain(
            StatusCode::OK,
            format!(
                "A token for registry `{registry}`\n\n\
                 Make one in your browser:\n\n    \
                 {base}{page}\n\n\
                 Then give it to cargo, which asks for it:\n\n    \
                 cargo login --registry {cargo}\n\n\
                 In CI, put it into the environment instead:\n\n    \
                 {variable}=scg_…\n",
                variable = registry.token_variable(),
            ),
        )
    };
    let varies = HeaderValue::from_static("accept");
    response.headers_mut().insert(header::VARY, varies);
    response
}

pub(super) fn spelling(registry: RegistryName, krate: &str) -> Result<Spelling, Failure> {
    krate.parse().map_err(|_| {
        Refusal::NoCrate {
            registry,
            name: krate.chars().take(64).collect(),
        }
        .into()
    })
}

pub(super) fn shape(text: &str) -> Failure {
    Refusal::Shape(text.to_owned()).into()
}

pub(super) fn ok(value: &serde_json::Value) -> Response<Body> {
    let mut response = problem::json(StatusCode::OK, value);
    response
        .headers_mut()
        .remove(header::X_CONTENT_TYPE_OPTIONS);
    response
}
