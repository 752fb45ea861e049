//! `/{registry}/upstreams`: what a registry reads through, what is cached for it, and what drops that.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{CachedList, RegistryUpstreamsPage};
use supercargo_registry::{Failure, Instance};
use supercargo_types::Spelling;

use super::{Looking, looked_at};
use crate::web::{
    account,
    asked::Asked,
    errors,
    respond::{page, see_other},
    upstreams::{cached_list, cached_query},
    visitor::Visitor,
};

const PART: &str = "upstreams";

/// `GET /{registry}/upstreams`.
pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        looking.cache(StatusCode::OK, &asked, None).await
    })
    .await
}

/// `POST /{registry}/upstreams/evict`: one crate, or everything where the registry's name is typed.
pub(in crate::web) async fn evict(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/{PART}");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let asked = Asked::of(&uri);
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let maintain = instance.may_maintain(&name, visitor.actor.clone())?;
        let wrong = |sentence: String| {
            looking.cache(StatusCode::UNPROCESSABLE_ENTITY, &asked, Some(sentence))
        };
        let (krate, done) = if form.get("do") == "crate" {
            match form.get("crate").trim().parse::<Spelling>() {
                Ok(krate) => (Some(krate), "evicted"),
                Err(invalid) => return wrong(errors::sentence(&invalid.to_string())).await,
            }
        } else if form.get("confirm").trim() == name {
            (None, "emptied")
        } else {
            return wrong(format!("Type `{name}` as it is written here.")).await;
        };
        let evicted = instance.evict(&maintain, krate.as_ref(), &visitor.caller);
        evicted.await?;
        let query = [("done", done)];
        Ok(see_other(visitor, &visitor.links.asking(&here, &query)))
    })
    .await
}

impl Looking<'_> {
    async fn cache(
        &self,
        status: StatusCode,
        asked: &Asked,
        evict_wrong: Option<String>,
    ) -> Result<Response<Body>, Failure> {
        let name = self.name();
        let mut frame = self.frame("Upstreams and cache");
        if status != StatusCode::OK {
            // what evicts has no page of its own
            frame.here = format!("/{name}/{PART}");
        }
        let template = RegistryUpstreamsPage {
            frame,
            head: self.head(PART).await?,
            cached: self.cached(asked).await?,
            evict_wrong,
            done: match asked.get("done") {
                "evicted" => Some(
                    "What was cached of it is dropped, but for what another registry needs or what would not come back.",
                ),
                "emptied" => Some(
                    "What was cached is dropped, but for what another registry needs or what would not come back.",
                ),
                _ => None,
            },
        };
        page(self.visitor, status, &template)
    }

    /// To those who are signed in, as in the API.
    async fn cached(&self, asked: &Asked) -> Result<Option<CachedList>, Failure> {
        if self.visitor.actor.is_none() || self.right.registry().upstreams.is_empty() {
            return Ok(None);
        }
        let (name, links) = (self.name(), &self.visitor.links);
        let (wanted, sort) = cached_query(self.visitor, asked);
        let found = self.instance.list_cached(&self.right, &wanted).await?;
        let address = links.of_registry(&name, PART);
        let list = cached_list(self.visitor, address, asked, sort, found, self.now);
        let actor = self.visitor.actor.clone();
        Ok(Some(CachedList {
            may_evict: self.instance.may_maintain(&name, actor).is_ok(),
            registry: Some(name),
            ..list
        }))
    }
}
