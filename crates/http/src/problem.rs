//! How a failure is answered: one function per surface, and nowhere else.
//!
//! On index and download routes cargo prints the raw body, so it is plain text. On Cargo's API it prints `errors[].detail`.
//! The management API answers the same JSON, with the statuses of its own contract.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;
use supercargo_registry::{Denied, Failure, RefusalClass};
use supercargo_types::{Random, RegistryName, Site};

use crate::attempts::DeniedFor;

/// Cargo honours up to ten seconds.
const SOON: Duration = Duration::from_secs(5);

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Index and downloads.
    Plain,
    /// Publish, yank, owners, search.
    Cargo,
    /// `BASE/api/v1`.
    Management,
}

struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

/// A text answer.
pub(crate) fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let text: String = text.into();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    json_bytes(status, value.to_string().into())
}

/// JSON that is written already.
pub(crate) fn json_bytes(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = plain(status, "");
    *response.body_mut() = Body::from(bytes);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn in_words(failure: &Failure, surface: Surface, registry: Option<&RegistryName>) -> Problem {
    match failure {
        Failure::Denied(denied) => denied_in_words(denied, surface, registry),
        Failure::Refused(refusal) => {
            let status = match (refusal.class(), surface) {
                (RefusalClass::Invalid, Surface::Plain | Surface::Cargo) => StatusCode::BAD_REQUEST,
                (class, _) => status_of(class),
            };
            Problem {
                status,
                code: refusal.code(),
                detail: refusal.to_string(),
            }
        }
        Failure::Fault(error) => {
            let id = request_id();
            tracing::error!(
                request = id,
                error = format!("{error:#}"),
                "a request failed"
            );
            Problem {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "internal",
                detail: format!(
                    "something went wrong in the server, not in your request; its log has the reason under `{id}`"
                ),
            }
        }
    }
}

/// The status of a refusal where cargo does not expect another one.
pub(crate) fn status_of(class: RefusalClass) -> StatusCode {
    match class {
        RefusalClass::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalClass::Conflict => StatusCode::CONFLICT,
        RefusalClass::NotOwned | RefusalClass::Withheld => StatusCode::FORBIDDEN,
        RefusalClass::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RefusalClass::TooMany => StatusCode::TOO_MANY_REQUESTS,
        RefusalClass::NotFound => StatusCode::NOT_FOUND,
        RefusalClass::UpstreamBad => StatusCode::BAD_GATEWAY,
        RefusalClass::UpstreamDown => StatusCode::SERVICE_UNAVAILABLE,
        RefusalClass::UpstreamSlow => StatusCode::GATEWAY_TIMEOUT,
    }
}

fn denied_in_words(denied: &Denied, surface: Surface, registry: Option<&RegistryName>) -> Problem {
    let status = match (denied, surface) {
        (Denied::SignIn | Denied::BadToken(_) | Denied::BadPassword, _) => StatusCode::UNAUTHORIZED,
        (Denied::Hidden, Surface::Management) => StatusCode::NOT_FOUND,
        // never 404: on `config.json` cargo would read it as "no such crate"
        (Denied::Hidden, Surface::Plain | Surface::Cargo) | (Denied::Right(_), _) => {
            StatusCode::FORBIDDEN
        }
    };
    Problem {
        status,
        code: denied.code(),
        detail: denied.sentence(registry),
    }
}

/// Marks the answer to somebody who may not.
fn denied_for(failure: &Failure) -> Option<DeniedFor> {
    let (code, sentence) = match failure {
        // whoever looks at a password writes down that it was wrong
        Failure::Denied(Denied::BadPassword) => return None,
        Failure::Denied(denied) => (
            denied.code(),
            match denied {
                Denied::Right(sentence) => Some(sentence.clone()),
                Denied::SignIn | Denied::BadToken(_) | Denied::BadPassword | Denied::Hidden => None,
            },
        ),
        Failure::Refused(refusal) if refusal.class() == RefusalClass::NotOwned => {
            (refusal.code(), Some(refusal.to_string()))
        }
        Failure::Refused(_) | Failure::Fault(_) => return None,
    };
    Some(DeniedFor { code, sentence })
}

/// The answer to a failure.
pub(crate) fn answer(
    failure: &Failure,
    surface: Surface,
    site: &Site,
    registry: Option<&RegistryName>,
) -> Response<Body> {
    let problem = in_words(failure, surface, registry);
    let denied = denied_for(failure);
    let mut response = match surface {
        Surface::Plain => plain(problem.status, problem.detail + "\n"),
        Surface::Cargo | Surface::Management => json(
            problem.status,
            &json!({ "errors": [{ "code": problem.code, "detail": problem.detail }] }),
        ),
    };
    if let Some(denied) = denied {
        response.extensions_mut().insert(denied);
    }
    if problem.status == StatusCode::UNAUTHORIZED {
        let challenge = match registry {
            Some(name) => format!("Cargo login_url=\"{}\"", site.login_url(name)),
            None => "Bearer".to_owned(),
        };
        if let Ok(value) = challenge.parse() {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, value);
        }
    }
    if let Some(pause) = retry_after(failure, problem.status) {
        let seconds = pause.as_millis().div_ceil(1000).max(1);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// When to come back: as a limit or an upstream has it, or soon where only the status says that it is worth it.
fn retry_after(failure: &Failure, status: StatusCode) -> Option<Duration> {
    let known = match failure {
        Failure::Refused(refusal) => refusal.retry_after(),
        Failure::Denied(_) | Failure::Fault(_) => None,
    };
    known.or((status == StatusCode::SERVICE_UNAVAILABLE).then_some(SOON))
}

fn request_id() -> String {
    format!("{:016x}", u64::from_be_bytes(Random::System.bytes()))
}
