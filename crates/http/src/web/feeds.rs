//! Atom feeds of new versions, for programs that look again and again.
//!
//! A feed reader has no cookie, so a token counts here as well, in the header where programs send one and never in the address.
//! That is safe, for a feed changes nothing.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, Path, State},
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use supercargo_pages::{Feed, FeedEntry, Links, Template as _};
use supercargo_registry::{
    Actor, Denied, Failure, Instance, MayRead, Refusal, VersionItem, own_path,
};
use supercargo_types::{Digest, RegistryName, Spelling, Timestamp, VersionState};

use super::{respond::RESOURCE, visitor::Visitor};
use crate::{
    app::{self, Peer, nothing_here},
    problem::{self, Surface},
};

/// Entries of a feed: whoever looks once a day misses none of a busy registry.
const ENTRIES: usize = 50;
/// Every browser of today says how it asks; programs do not.
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// When addresses of this kind were given out first: part of every `tag:` URI (RFC 4151).
const SINCE: &str = "2026";

/// `GET /{registry}/feed.atom`: new versions of every crate that is hosted there.
pub(super) async fn of_registry(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answer(&instance, &registry, None, request).await
}

/// `GET /{registry}/crates/{krate}/feed.atom`.
pub(super) async fn of_crate(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate)): Path<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    answer(&instance, &registry, Some(&krate), request).await
}

async fn answer(
    instance: &Arc<Instance>,
    registry: &str,
    krate: Option<&str>,
    request: Request<Body>,
) -> Response<Body> {
    let Ok(name) = registry.parse::<RegistryName>() else {
        return nothing_here();
    };
    let mut cookies = Vec::new();
    let is_browser = request.headers().contains_key(FETCH_MODE);
    let here = request.uri().path().to_owned();
    let made = async {
        let (actor, set) = asked_by(instance, request).await?;
        cookies = set.1;
        let right = instance.may_read(registry, actor)?;
        let feed = match krate {
            None => of_hosted(instance, &right).await?,
            Some(krate) => of_versions(instance, &right, krate).await?,
        };
        written(&feed, set.0.as_ref())
    };
    match made.await {
        Ok(mut response) => {
            for cookie in cookies {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        // A browser that was asked for a password here would show it by itself to cargo's addresses as well, also after its
        // person has signed out: it goes to the page for that.
        Err(Failure::Denied(Denied::SignIn)) if is_browser => {
            let links = Links::new(instance.site().path_prefix());
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            if let Ok(to) = HeaderValue::from_str(&links.sign_in(own_path(&here))) {
                response.headers_mut().insert(header::LOCATION, to);
            }
            response
        }
        Err(failure) => failed(instance, &name, &failure),
    }
}

/// What the answer depends on besides: what the reader has already, and what its session is to be told.
type Rest = (Option<HeaderValue>, Vec<HeaderValue>);

/// By a token where there is one, else by a session.
async fn asked_by(
    instance: &Arc<Instance>,
    request: Request<Body>,
) -> Result<(Option<Arc<Actor>>, Rest), Failure> {
    let (mut parts, _) = request.into_parts();
    let known = parts.headers.get(header::IF_NONE_MATCH).cloned();
    if parts.headers.contains_key(header::AUTHORIZATION) {
        let peer = parts.extensions.get::<Peer>().and_then(|peer| peer.0);
        let actor = app::actor(instance, &parts.headers, peer).await?;
        return Ok((actor, (known, Vec::new())));
    }
    match Visitor::from_request_parts(&mut parts, instance).await {
        Ok(visitor) => Ok((visitor.actor, (known, visitor.cookies))),
        // only where memory cannot be asked who somebody is
        Err(_) => Err(Failure::Fault(Arc::new(anyhow::anyhow!(
            "a session cannot be looked up"
        )))),
    }
}

/// Registries that are hidden and those that are not there answer alike. Without a credential a feed reader is asked for one,
/// as the password of any name.
fn failed(instance: &Instance, registry: &RegistryName, failure: &Failure) -> Response<Body> {
    let mut response = problem::answer(failure, Surface::Plain, instance.site(), Some(registry));
    if matches!(failure, Failure::Denied(Denied::Hidden)) {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        let basic = HeaderValue::from_static("Basic realm=\"supercargo\", charset=\"UTF-8\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

fn written(feed: &Feed, known: Option<&HeaderValue>) -> Result<Response<Body>, Failure> {
    let xml = feed.render().map_err(|error| {
        Failure::Fault(Arc::new(
            anyhow::Error::new(error).context("a feed cannot be made"),
        ))
    })?;
    let etag = format!("\"{}\"", &Digest::of(xml.as_bytes()).hex()[..32]);
    let is_known = known.is_some_and(|known| {
        let known = known.to_str().unwrap_or_default().split(',');
        known
            .map(|one| one.trim().trim_start_matches("W/"))
            .any(|one| one == etag)
    });
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(xml))
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/atom+xml; charset=utf-8"),
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::VARY, "authorization, cookie"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (RESOURCE, "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

/// Makes the addresses and names of a feed.
struct Naming<'a> {
    instance: &'a Instance,
    registry: &'a RegistryName,
}

impl Naming<'_> {
    /// Absolute: a feed is read far from here.
    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.instance.site().base())
    }

    /// Of what has this path; it stays when the server's port or path changes.
    fn id(&self, path: &str) -> String {
        let base = url::Url::parse(self.instance.site().base()).ok();
        let host = base.as_ref().and_then(url::Url::host_str);
        // an address of IPv6 has no place in a `tag:` URI
        let host = host.filter(|host| !host.starts_with('['));
        format!("tag:{},{SINCE}:{path}", host.unwrap_or("localhost"))
    }

    fn entry(
        &self,
        name: &str,
        version: &str,
        at: Timestamp,
        by: String,
        summary: String,
    ) -> FeedEntry {
        let path = Links::new("").of_crate(self.registry.as_str(), name, version);
        FeedEntry {
            id: self.id(&path),
            title: format!("{name} {version}"),
            page: self.address(&path),
            published: at.pubtime(),
            author: by,
            summary,
        }
    }

    /// `page` and `here` are paths below BASE.
    fn feed(&self, title: String, page: &str, entries: Vec<FeedEntry>) -> Feed {
        let newest = entries.iter().map(|entry| entry.published.as_str()).max();
        let here = format!("{page}/feed.atom");
        Feed {
            id: self.id(&here),
            title,
            here: self.address(&here),
            page: self.address(page),
            // an empty one has not changed since there were feeds
            updated: newest.unwrap_or("2026-01-01T00:00:00Z").to_owned(),
            entries,
        }
    }
}

async fn of_hosted(instance: &Arc<Instance>, right: &MayRead) -> Result<Feed, Failure> {
    let registry = &right.registry().name;
    let naming = Naming { instance, registry };
    let limit = u32::try_from(ENTRIES).unwrap_or(u32::MAX);
    let newest = instance
        .newest_versions(std::slice::from_ref(right), limit)
        .await?;
    let entries = newest.into_iter().map(|new| {
        let by = new
            .publisher
            .map_or_else(|| registry.to_string(), |it| it.to_string());
        let summary = format!("{by} published {} {} in {registry}.", new.name, new.version);
        let name = new.name.to_string();
        naming.entry(&name, &new.version, new.published_at, by, summary)
    });
    let page = Links::new("").registry(registry.as_str());
    Ok(naming.feed(
        format!("New versions in {registry}"),
        &page,
        entries.collect(),
    ))
}

async fn of_versions(
    instance: &Arc<Instance>,
    right: &MayRead,
    krate: &str,
) -> Result<Feed, Failure> {
    let registry = &right.registry().name;
    let naming = Naming { instance, registry };
    let spelling: Spelling = krate.parse().map_err(|_| {
        Failure::from(Refusal::NoCrate {
            registry: registry.clone(),
            name: krate.chars().take(64).collect(),
        })
    })?;
    let detail = instance.crate_detail(right, &spelling).await?;
    let name = detail.item.name;
    let there = detail.versions.into_iter();
    let mut versions: Vec<_> = there
        .filter(|item| item.state != VersionState::Deleted)
        .filter_map(|item| Some((item.published_at?, item)))
        .collect();
    versions.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    versions.truncate(ENTRIES);
    let entries = versions.into_iter().map(|(at, item)| {
        let by = item.publisher.as_ref().map(ToString::to_string);
        let by = by.unwrap_or_else(|| item.origin.clone());
        let summary = summary(registry, &name, &item);
        naming.entry(&name, &item.version, at, by, summary)
    });
    let page = Links::new("").krate(registry.as_str(), &name);
    Ok(naming.feed(format!("{name} in {registry}"), &page, entries.collect()))
}

fn summary(registry: &RegistryName, name: &str, item: &VersionItem) -> String {
    let version = &item.version;
    let came = match (&item.publisher, item.origin.as_str()) {
        (Some(by), _) => format!("{by} published {name} {version} in {registry}."),
        (None, "hosted") => format!("{name} {version} was published in {registry}."),
        (None, upstream) => format!("{name} {version} came to {registry} from {upstream}."),
    };
    match (item.state, &item.reason) {
        (VersionState::Available, _) => came,
        (state, Some(reason)) => format!("{came} It is {}: {reason}.", state.as_str()),
        (state, None) => format!("{came} It is {}.", state.as_str()),
    }
}
