//! What every handler of the management API shares: who asks, what was sent, and how answers and failures look.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request, rejection::PathRejection},
    response::IntoResponse,
};
use http::{Response, StatusCode, Uri, header::AUTHORIZATION, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use supercargo_registry::{Actor, Caller, Denied, Failure, Instance, LabelFilter, Refusal};
use supercargo_types::RegistryName;

use super::{described::Page, description::check_query};
use crate::{
    app::{self, MANAGEMENT, Peer},
    attempts::DeniedFor,
    body, problem,
};

/// Requests are small.
const BODY_BYTES: usize = 1 << 20;
/// Those of strangers, who could send them for nothing: a token with its lists of names fits.
const STRANGERS_BODY_BYTES: usize = 16 << 10;
/// Characters of what is wrong with a request.
const REASON: usize = 500;
/// Items on a page where nothing is said, and at most.
pub(super) const PAGE: u32 = 50;
pub(super) const LONGEST_PAGE: u32 = 200;

/// Who asks, from where.
pub(super) struct Asking {
    pub(super) actor: Option<Arc<Actor>>,
    pub(super) caller: Caller,
}

impl FromRequestParts<Arc<Instance>> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        instance: &Arc<Instance>,
    ) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().and_then(|peer| peer.0);
        let caller = app::caller(&parts.headers, peer);
        let actor = app::actor(instance, &parts.headers, peer)
            .await
            .map_err(|failure| Problem::of(instance, failure))?;
        check_query(instance, parts, actor.is_some())?;
        Ok(Self { actor, caller })
    }
}

/// The names in a path. What is no text is nobody's name.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(super) struct Path<T>(pub(super) T);

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self(Box::new(no_such_address()))
    }
}

/// A request's body as JSON; what does not fit is said by name. Comes after [`Asking`], which refuses bad tokens.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Instance>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, instance: &Arc<Instance>) -> Result<Self, Problem> {
        // whoever may do nothing need not be read, nor learn what is wrong with it
        if !request.headers().contains_key(AUTHORIZATION) {
            return Err(Problem::of(instance, Denied::SignIn));
        }
        read(request, BODY_BYTES, instance).await.map(Self)
    }
}

/// The same of somebody who may be anybody: shorter.
pub(super) struct SentByStranger<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Instance>> for SentByStranger<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, instance: &Arc<Instance>) -> Result<Self, Problem> {
        read(request, STRANGERS_BODY_BYTES, instance)
            .await
            .map(Self)
    }
}

async fn read<T: DeserializeOwned>(
    request: Request,
    limit: usize,
    instance: &Instance,
) -> Result<T, Problem> {
    let bytes = body::whole(request.into_body(), limit)
        .await
        .map_err(|failure| Problem::of(instance, failure))?;
    // serde would take a list of values in the right order as well
    if !bytes.trim_ascii_start().starts_with(b"{") {
        let text = "the request has to be a JSON object, as in `{\"name\":\"acme\"}`";
        return Err(Problem::of(instance, Refusal::Shape(text.to_owned())));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        // a wrong value is repeated in it, however long
        let reason: String = error.to_string().chars().take(REASON).collect();
        let text = format!("the request does not have the expected shape: {reason}");
        Problem::of(instance, Refusal::Shape(text))
    })
}

/// The query's pairs, decoded; unknown ones are refused by name.
pub(super) struct Asked {
    pairs: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn of(instance: &Instance, uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Vec<_> = url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes())
            .into_owned()
            .collect();
        if let Some((key, _)) = pairs.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            let text = format!(
                "unknown parameter `{key}`; this address takes {}",
                list(known)
            );
            return Err(Problem::of(instance, Refusal::Shape(text)));
        }
        Ok(Self { pairs })
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(found, _)| found == key)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a key that may be there more than once.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.pairs.iter().filter(move |(found, _)| found == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The labels by which a list is narrowed.
    pub(super) fn labels(&self, instance: &Instance) -> Result<Vec<LabelFilter>, Problem> {
        LabelFilter::all(self.all("label")).map_err(|refusal| Problem::of(instance, refusal))
    }

    /// Whether `key=true` is asked for.
    pub(super) fn flag(&self, instance: &Instance, key: &str) -> Result<bool, Problem> {
        match self.get(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => {
                let text = format!("`{key}` is `true` or `false`, not `{text}`");
                Err(Problem::of(instance, Refusal::Shape(text)))
            }
        }
    }

    pub(super) fn limit(&self, instance: &Instance) -> Result<u32, Problem> {
        let Some(text) = self.get("limit") else {
            return Ok(PAGE);
        };
        text.parse()
            .ok()
            .filter(|limit| (1..=LONGEST_PAGE).contains(limit))
            .ok_or_else(|| {
                let text = format!("`limit` is a number from 1 to {LONGEST_PAGE}, not `{text}`");
                Problem::of(instance, Refusal::Shape(text))
            })
    }
}

fn list(known: &[&str]) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    known
        .iter()
        .map(|key| format!("`{key}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What every list takes.
pub(super) const PAGED: &[&str] = &["limit", "cursor"];

/// A failure on its way out.
pub(super) struct Problem(Box<Response<Body>>);

pub(super) type Answer = Result<Response<Body>, Problem>;

impl Problem {
    pub(super) fn of(instance: &Instance, failure: impl Into<Failure>) -> Self {
        Self(Box::new(problem::answer(
            &failure.into(),
            MANAGEMENT,
            instance.site(),
            None,
        )))
    }

    /// About a registry: hidden and unknown ones answer alike.
    pub(super) fn in_registry(
        instance: &Instance,
        registry: &str,
        failure: impl Into<Failure>,
    ) -> Self {
        let failure = failure.into();
        let name = registry.parse::<RegistryName>().ok();
        if name.is_none() && matches!(failure, Failure::Denied(Denied::Hidden)) {
            let mut response = problem::json(
                StatusCode::NOT_FOUND,
                &json!({ "errors": [{ "code": "no-such-registry", "detail": "no registry has such a name" }] }),
            );
            let denied = DeniedFor {
                code: Denied::Hidden.code(),
                sentence: None,
            };
            response.extensions_mut().insert(denied);
            return Self(Box::new(response));
        }
        Self(Box::new(problem::answer(
            &failure,
            MANAGEMENT,
            instance.site(),
            name.as_ref(),
        )))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        *self.0
    }
}

pub(super) fn created(value: &impl Serialize) -> Response<Body> {
    problem::json(StatusCode::CREATED, &json!(value))
}

pub(super) fn ok(value: &impl Serialize) -> Response<Body> {
    problem::json(StatusCode::OK, &json!(value))
}

pub(super) fn gone() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A page of a list that is in memory, in the order of its keys.
pub(super) fn page_of<T: Serialize>(
    instance: &Instance,
    asked: &Asked,
    mut items: Vec<T>,
    key: impl Fn(&T) -> String,
) -> Answer {
    let limit = asked.limit(instance)?;
    let total = items.len() as u64;
    items.sort_by_cached_key(&key);
    if let Some(cursor) = asked.get("cursor") {
        items.retain(|item| key(item).as_str() > cursor);
    }
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(page(&items, total, limit, key))
}

/// A page of a list that is in memory and has an order of its own.
pub(super) fn rest_of<T: Serialize>(
    instance: &Instance,
    asked: &Asked,
    items: &[T],
    key: impl Fn(&T) -> String,
) -> Answer {
    let limit = asked.limit(instance)?;
    let rest = match asked.get("cursor") {
        Some(cursor) => {
            let at = items.iter().position(|item| key(item) == cursor);
            at.map_or(&[][..], |at| &items[at + 1..])
        }
        None => items,
    };
    let shown = &rest[..rest.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
    Ok(page(shown, items.len() as u64, limit, key))
}

/// A page of a longer list; the cursor names its last item.
pub(super) fn page<T: Serialize>(
    items: &[T],
    total: u64,
    limit: u32,
    cursor: impl Fn(&T) -> String,
) -> Response<Body> {
    let full = items.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = items.last().filter(|_| full).map(cursor);
    ok(&Page {
        items: items.iter().collect(),
        next_cursor: next,
        total,
    })
}

pub(super) async fn no_such_route() -> Response<Body> {
    no_such_address()
}

fn no_such_address() -> Response<Body> {
    problem::json(
        StatusCode::NOT_FOUND,
        &json!({ "errors": [{ "code": "no-such-route", "detail": "the management API has no such address" }] }),
    )
}

pub(super) async fn wrong_method() -> Response<Body> {
    problem::json(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({ "errors": [{ "code": "wrong-method", "detail": "this address does not take that method" }] }),
    )
}
