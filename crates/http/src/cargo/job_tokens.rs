//! Where a CI job exchanges its identity for a token, and ends that. The addresses, the shapes and the statuses of success are
//! those of crates.io, so that what was made for it works here with another URL.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use supercargo_registry::{Actor, Caller, Denied, Failure, Instance, NotExchanged};
use supercargo_types::RegistryName;

use super::web_api::{ok, shape};
use crate::{
    app::{self, Asking},
    attempts::DeniedFor,
    body,
    problem::{self, Surface},
};

/// A token of 16 KiB, which is more than any issuer makes, and JSON around it.
const BODY: usize = 20 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    jwt: String,
}

pub(super) async fn exchange(
    instance: &Arc<Instance>,
    name: &str,
    request: Request<Body>,
    asking: &Asking,
) -> Result<Response<Body>, Failure> {
    let name = registry(name)?;
    let caller = app::caller(request.headers(), asking.peer);
    let sent = body::whole(request.into_body(), BODY).await?;
    // what is wrong is not repeated: it may be most of a secret
    let sent: Exchange = serde_json::from_slice(&sent)
        .map_err(|_| shape("an identity is sent as `{\"jwt\":\"eyJ….eyJ….…\"}`"))?;
    match Box::pin(instance.exchange(&name, &sent.jwt, &caller)).await {
        Ok(token) => Ok(ok(&json!({
            "token": token.secret.reveal(),
            "expires_at": token.expires_at,
        }))),
        Err(NotExchanged { failure, detail }) => {
            let mut response =
                problem::answer(&failure, Surface::Cargo, instance.site(), Some(&name));
            let code = match &failure {
                Failure::Denied(denied) => Some(denied.code()),
                Failure::Refused(refusal) => Some(refusal.code()),
                Failure::Fault(_) => None,
            };
            if let (Some(code), Some(detail)) = (code, detail) {
                response.extensions_mut().insert(DeniedFor {
                    code,
                    sentence: Some(detail),
                });
            }
            Ok(response)
        }
    }
}

pub(super) async fn end(
    instance: &Arc<Instance>,
    name: &str,
    actor: Option<Arc<Actor>>,
    caller: &Caller,
) -> Result<Response<Body>, Failure> {
    instance.end_job(&registry(name)?, actor, caller).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// What no registry can be called is nobody's address; whoever answers says so.
fn registry(name: &str) -> Result<RegistryName, Failure> {
    name.parse().map_err(|_| Denied::Hidden.into())
}
