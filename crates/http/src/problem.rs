//! How a failure is answered: one function per surface, and nowhere else.
//!
//! On index and download routes cargo prints the raw body, so it is plain text. On Cargo's API it prints `errors[].detail`.
//! The management API answers the same JSON, with the statuses of its own contract.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;
use supercargo_registry::{Denied, Failure, RefusalClass};
use supercargo_types::{Random, RegistryName, Site};

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
    let mut response = plain(status, value.to_string());
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
            let invalid = match surface {
                Surface::Management => StatusCode::UNPROCESSABLE_ENTITY,
                Surface::Plain | Surface::Cargo => StatusCode::BAD_REQUEST,
            };
            let status = match refusal.class() {
                RefusalClass::Invalid => invalid,
                RefusalClass::Conflict => StatusCode::CONFLICT,
                RefusalClass::NotOwned => StatusCode::FORBIDDEN,
                RefusalClass::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                RefusalClass::NotFound => StatusCode::NOT_FOUND,
                RefusalClass::UpstreamBad => StatusCode::BAD_GATEWAY,
                RefusalClass::UpstreamDown => StatusCode::SERVICE_UNAVAILABLE,
                RefusalClass::UpstreamSlow => StatusCode::GATEWAY_TIMEOUT,
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

/// Hidden and unknown registries answer alike to the byte, or the difference would tell which exist.
fn denied_in_words(denied: &Denied, surface: Surface, registry: Option<&RegistryName>) -> Problem {
    let how = registry.map_or_else(
        || "send one in the `Authorization` header".to_owned(),
        |name| format!("run `cargo login --registry {}`", name.in_cargo()),
    );
    match denied {
        Denied::SignIn => Problem {
            status: StatusCode::UNAUTHORIZED,
            code: "sign-in",
            detail: match registry {
                Some(name) => format!("registry `{name}` needs a token, or does not exist; {how}"),
                None => format!("this needs a token; {how}"),
            },
        },
        Denied::BadToken(why) => Problem {
            status: StatusCode::UNAUTHORIZED,
            code: "bad-token",
            detail: match registry {
                Some(_) => format!("{why}, then {how}"),
                None => (*why).to_owned(),
            },
        },
        Denied::Hidden => {
            let name = registry.map_or("", RegistryName::as_str);
            match surface {
                Surface::Management => Problem {
                    status: StatusCode::NOT_FOUND,
                    code: "no-such-registry",
                    detail: format!("there is no registry `{name}`, or this token may not see it"),
                },
                // never 404: on `config.json` cargo would read it as "no such crate"
                Surface::Plain | Surface::Cargo => Problem {
                    status: StatusCode::FORBIDDEN,
                    code: "no-such-registry",
                    detail: format!(
                        "there is no registry `{name}`, or this token may not read it; ask its admins to add you as a member"
                    ),
                },
            }
        }
        Denied::Right(sentence) => Problem {
            status: StatusCode::FORBIDDEN,
            code: "not-allowed",
            detail: sentence.clone(),
        },
    }
}

/// The answer to a failure.
pub(crate) fn answer(
    failure: &Failure,
    surface: Surface,
    site: &Site,
    registry: Option<&RegistryName>,
) -> Response<Body> {
    let problem = in_words(failure, surface, registry);
    let mut response = match surface {
        Surface::Plain => plain(problem.status, problem.detail + "\n"),
        Surface::Cargo | Surface::Management => json(
            problem.status,
            &json!({ "errors": [{ "code": problem.code, "detail": problem.detail }] }),
        ),
    };
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
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        // cargo honours up to ten seconds
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn request_id() -> String {
    format!("{:016x}", u64::from_be_bytes(Random::System.bytes()))
}
