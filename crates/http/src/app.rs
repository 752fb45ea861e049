//! One request in, one answer out: which surface it is for, and who is asking.

use std::{mem, net::IpAddr, sync::Arc};

use axum::{Router, body::Body};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use supercargo_registry::{Actor, Caller, Denied, Failure, Instance};
use supercargo_types::Random;
use tower::ServiceExt as _;

use crate::{
    api,
    attempts::{Asker, is_read},
    cargo::{self, Route},
    credential::{self, Credential},
    probes,
    problem::{Surface, plain},
    web,
};

/// By which proxies name a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that is taken over, in characters: a UUID has 36.
const LONGEST_ID: usize = 64;
/// Kept of a `User-Agent` for the audit log, in characters.
const USER_AGENT: usize = 200;

/// Everything that answers requests. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) instance: Arc<Instance>,
    prefix: Arc<str>,
    rest: Router,
}

/// Who asks, from where; what every handler of Cargo's routes gets.
pub(crate) struct Asking {
    pub(crate) peer: Option<IpAddr>,
}

impl App {
    /// The app of an instance, answering under the path of its public URL.
    pub fn new(instance: Arc<Instance>) -> Self {
        let prefix = instance.site().path_prefix().into();
        let (api, description) = api::router(&instance);
        let rest = Router::new()
            .merge(api)
            .merge(probes::router())
            .merge(web::router())
            .merge(web::api::router(&instance, &description))
            .with_state(instance.clone());
        Self {
            instance,
            prefix,
            rest,
        }
    }

    /// Whatever answers beside Cargo's addresses. A test reads off it which routes there are.
    pub fn router(&self) -> &Router {
        &self.rest
    }

    /// Answers one request; `peer` is the address that it came from.
    pub async fn answer(&self, request: Request<Body>, peer: Option<IpAddr>) -> Response<Body> {
        if matches!(*request.method(), Method::GET | Method::HEAD) && !self.is_page(&request) {
            return self.handle(request, peer).await;
        }
        // A task of its own: when a client hangs up, this future is dropped wherever it stands, and a write that the
        // database has committed by then would never reach the copies in memory.
        let app = self.clone();
        match tokio::spawn(async move { app.handle(request, peer).await }).await {
            Ok(response) => response,
            Err(panicked) => {
                tracing::error!(%panicked, "a request failed");
                plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "something went wrong in the server, not in your request\n",
                )
            }
        }
    }

    /// Pages write as well when they are only looked at: a session's secret is renewed, and whoever comes back from a provider
    /// is signed in.
    fn is_page(&self, request: &Request<Body>) -> bool {
        let path = request.uri().path();
        let below = path.strip_prefix(&*self.prefix).unwrap_or(path);
        path.starts_with("/-/") || below.starts_with("/-/")
    }

    async fn handle(&self, mut request: Request<Body>, peer: Option<IpAddr>) -> Response<Body> {
        self.strip_prefix(&mut request);
        // shared bytes, not a copy: the route borrows from it while the request goes its way
        let path = request.uri().path_and_query().cloned();
        let path = path.as_ref().map_or("/", |path| path.path());
        let route = Route::parse(path);
        // of a read over one of Cargo's addresses the request is still there afterwards
        let asker = (route.is_none() || !is_read(request.method()))
            .then(|| Asker::of(&request, path, route.is_some(), peer));
        let mut response = if let Some(route) = &route {
            cargo::answer(&self.instance, route, &mut request, &Asking { peer }).await
        } else {
            request.extensions_mut().insert(Peer(peer));
            match self.rest.clone().oneshot(mem::take(&mut request)).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        if let Some(denied) = response.extensions_mut().remove() {
            let asker = asker.unwrap_or_else(|| Asker::of(&request, path, route.is_some(), peer));
            if let Some(asker) = asker {
                Box::pin(asker.note(&self.instance, route.as_ref(), path, denied)).await;
            }
        }
        response
    }

    /// A proxy in front may have stripped the prefix or not: both work.
    fn strip_prefix(&self, request: &mut Request<Body>) {
        if self.prefix.is_empty() {
            return;
        }
        let uri = request.uri();
        let Some(rest) = uri
            .path_and_query()
            .and_then(|path| path.as_str().strip_prefix(&*self.prefix))
        else {
            return;
        };
        if !rest.is_empty() && !rest.starts_with(['/', '?']) {
            return;
        }
        let rest = if rest.starts_with('/') {
            rest.to_owned()
        } else {
            format!("/{rest}")
        };
        if let Ok(uri) = rest.parse() {
            *request.uri_mut() = uri;
        }
    }
}

/// Where a request came from, for handlers behind the router.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

/// Who a request's token stands for; `None` without one. A token that is none is refused even where anyone may read, and
/// counts against the address that it comes from.
pub(crate) async fn actor(
    instance: &Instance,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
) -> Result<Option<Arc<Actor>>, Failure> {
    match known_actor(instance, headers).await {
        Err(Failure::Denied(denied @ Denied::BadToken(_))) => Err(instance.bad_token(denied, peer)),
        other => other,
    }
}

/// The same for a request that was looked at before, and is not counted again.
pub(crate) async fn known_actor(
    instance: &Instance,
    headers: &HeaderMap,
) -> Result<Option<Arc<Actor>>, Failure> {
    match credential::of(headers)? {
        Credential::None => instance.current().await.map(|()| None),
        Credential::Token(secret) => instance.actor(&secret).await.map(Some),
    }
}

/// What an audit row says of where a request came from.
pub(crate) fn caller(headers: &HeaderMap, peer: Option<IpAddr>) -> Caller {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    Caller {
        address: peer.map(|peer| peer.to_string()),
        user_agent: agent.map(|agent| agent.chars().take(USER_AGENT).collect()),
        request_id: Some(request_id(headers)),
    }
}

/// What a proxy in front calls the request, so that its log and ours can be laid side by side; else a name of our own.
fn request_id(headers: &HeaderMap) -> String {
    // anyone can send one: nothing but a short name goes into the log
    let is_name = |text: &&str| {
        (1..=LONGEST_ID).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let sent = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match sent.filter(is_name) {
        Some(id) => id.to_owned(),
        None => format!("{:016x}", u64::from_be_bytes(Random::System.bytes())),
    }
}

/// Nothing is at this path.
pub(crate) fn nothing_here() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "there is nothing at this address\n")
}

/// Which surface a failure is shaped for when it happens before a handler is known.
pub(crate) const MANAGEMENT: Surface = Surface::Management;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of what a function leaves behind to be polled, in bytes.
    fn size<One, Other, Future>(_: fn(One, Other) -> Future) -> usize {
        size_of::<Future>()
    }

    /// The HTTP library moves it several times for each request. What is rare and large is boxed: otherwise a file that comes
    /// from memory pays for the largest of all branches.
    #[test]
    fn what_is_moved_for_each_request_is_small() {
        fn answer(app: &'static App, request: Request<Body>) -> impl Sized {
            app.answer(request, None)
        }
        assert!(size(answer) < 4096, "{} bytes", size(answer));
    }
}
