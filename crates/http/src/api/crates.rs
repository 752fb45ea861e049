//! `/registries/{r}/crates`: crates, their versions, and what people do with them.
//!
//! What can be done with a crate can be done with a version of it, so each handler serves both addresses.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Request, State},
    routing::{delete, get, post, put},
};
use http::{Uri, request::Parts};
use serde::Deserialize;
use serde_json::json;
use supercargo_registry::{
    Actor, Caller, CrateQuery, CrateSource, Denied, Failure, Instance, MayMaintain, MayPublish,
    MayRead, Published, Refusal,
};
use supercargo_types::{Action, Spelling};

use super::shape::{
    Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of, rest_of,
};
use crate::upload;

pub(super) fn router() -> Router<Arc<Instance>> {
    let mut router = Router::new()
        .route("/registries/{registry}/crates", get(list).post(upload_file))
        .route(
            "/registries/{registry}/crates/{krate}/release",
            post(release),
        )
        .route("/registries/{registry}/crates/{krate}/pin", post(pin))
        .route(
            "/registries/{registry}/crates/{krate}/versions",
            get(versions),
        )
        .route(
            "/registries/{registry}/crates/{krate}/versions/{version}/ledger",
            delete(accept),
        )
        .route("/registries/{registry}/quarantines", get(quarantines))
        .route("/registries/{registry}/cache", delete(evict_all))
        .route("/registries/{registry}/cache/{krate}", delete(evict));
    for subject in [
        "/registries/{registry}/crates/{krate}",
        "/registries/{registry}/crates/{krate}/versions/{version}",
    ] {
        router = router
            .route(subject, get(show).delete(remove))
            .route(&format!("{subject}/restore"), post(restore))
            .route(
                &format!("{subject}/quarantine"),
                put(quarantine).delete(lift),
            );
    }
    router
}

/// What an address is about, and who asks.
struct Subject {
    instance: Arc<Instance>,
    registry: String,
    krate: String,
    version: Option<String>,
    actor: Option<Arc<Actor>>,
    caller: Caller,
}

impl FromRequestParts<Arc<Instance>> for Subject {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        instance: &Arc<Instance>,
    ) -> Result<Self, Problem> {
        let Path(mut names) =
            Path::<HashMap<String, String>>::from_request_parts(parts, instance).await?;
        let asking = Asking::from_request_parts(parts, instance).await?;
        Ok(Self {
            instance: instance.clone(),
            registry: names.remove("registry").unwrap_or_default(),
            krate: names.remove("krate").unwrap_or_default(),
            version: names.remove("version"),
            actor: asking.actor,
            caller: asking.caller,
        })
    }
}

impl Subject {
    fn problem(&self, failure: impl Into<Failure>) -> Problem {
        Problem::in_registry(&self.instance, &self.registry, failure)
    }

    fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// A right, and the crate's name; the right first, for what is no name must not tell which registries exist.
    fn may<T>(
        &self,
        ask: impl FnOnce(&Instance, &str, Option<Arc<Actor>>) -> Result<T, Denied>,
    ) -> Result<(T, Spelling), Problem>
    where
        MayRead: for<'a> From<&'a T>,
    {
        let right = ask(&self.instance, &self.registry, self.actor.clone())
            .map_err(|denied| self.problem(denied))?;
        let read = MayRead::from(&right);
        // what is no crate's name is the name of no crate that is there
        let name = self.krate.parse().map_err(|_| {
            self.problem(Refusal::NoCrate {
                registry: read.registry().name.clone(),
                name: self.krate.chars().take(64).collect(),
            })
        })?;
        Ok((right, name))
    }

    fn may_maintain(&self) -> Result<(MayMaintain, Spelling), Problem> {
        self.may(Instance::may_maintain)
    }

    /// The crate or the version as it is now.
    async fn shown(&self, right: &MayRead, name: &Spelling) -> Answer {
        let shown = if let Some(version) = self.version() {
            let item = self.instance.version_item(right, name, version).await;
            item.map(|item| ok(&item))
        } else {
            let detail = self.instance.crate_detail(right, name).await;
            detail.map(|detail| ok(&detail.item))
        };
        shown.map_err(|failure| self.problem(failure))
    }
}

/// Hosted crates, then those of upstream's that this registry has given out; nobody outside is asked.
async fn list(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_read(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    let asked = Asked::of(&instance, &uri, &["q", "source", "limit", "cursor"])?;
    let source = match asked.get("source") {
        None => None,
        Some("hosted") => Some(CrateSource::Hosted),
        Some("cached") => Some(CrateSource::Cached),
        Some(text) => {
            let text = format!("`source` is `hosted` or `cached`, not `{text}`");
            return Err(problem(Refusal::Shape(text).into()));
        }
    };
    let limit = asked.limit(&instance)?;
    let offset: u32 = match asked.get("cursor") {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            let text = format!("`cursor` is the `next_cursor` of the page before, not `{text}`");
            problem(Refusal::Shape(text).into())
        })?,
    };
    let query = CrateQuery {
        text: asked.get("q").unwrap_or(""),
        source,
        limit,
        offset: offset.into(),
    };
    let found = instance.search(&right, &query).await.map_err(problem)?;
    let items: Vec<_> = found
        .items
        .into_iter()
        .map(|found| instance.crate_item(&right, found))
        .collect();
    let end = u64::from(offset) + items.len() as u64;
    let next = (!items.is_empty() && end < found.total).then(|| end.to_string());
    Ok(ok(
        &json!({ "items": items, "next_cursor": next, "total": found.total }),
    ))
}

async fn show(subject: Subject) -> Answer {
    let (right, name) = subject.may(Instance::may_read)?;
    subject.shown(&right, &name).await
}

async fn versions(subject: Subject, uri: Uri) -> Answer {
    let (right, name) = subject.may(Instance::may_read)?;
    let asked = Asked::of(&subject.instance, &uri, PAGED)?;
    let detail = subject.instance.crate_detail(&right, &name).await;
    let detail = detail.map_err(|failure| subject.problem(failure))?;
    rest_of(&subject.instance, &asked, &detail.versions, |item| {
        item.version.clone()
    })
}

async fn remove(subject: Subject, uri: Uri) -> Answer {
    let instance = &subject.instance;
    let (version, caller) = (subject.version(), &subject.caller);
    // whoever may see nothing need not learn what is wrong with the question
    subject.may(Instance::may_read)?;
    let asked = Asked::of(instance, &uri, &["purge"])?;
    let outcome = if asked.flag(instance, "purge")? {
        let (right, name) = subject.may(Instance::may_administer)?;
        instance.purge(&right, &name, version, caller).await
    } else {
        let (right, name) = subject.may(Instance::may_delete)?;
        instance.delete(&right, &name, version, caller).await
    };
    outcome.map_err(|failure| subject.problem(failure))?;
    Ok(gone())
}

async fn restore(subject: Subject) -> Answer {
    let (right, name) = subject.may(Instance::may_delete)?;
    subject
        .instance
        .restore(&right, &name, subject.version(), &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    subject.shown(&(&right).into(), &name).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseRequest {
    confirm: String,
}

async fn release(subject: Subject, Sent(request): Sent<ReleaseRequest>) -> Answer {
    let (right, name) = subject.may_maintain()?;
    subject
        .instance
        .release(&right, &name, &request.confirm, &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    subject.shown(&(&right).into(), &name).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinRequest {
    upstream: String,
}

async fn pin(subject: Subject, Sent(request): Sent<PinRequest>) -> Answer {
    let (right, name) = subject.may_maintain()?;
    let moved = subject
        .instance
        .pin(&right, &name, &request.upstream, &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(ok(&moved))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuarantineRequest {
    action: Action,
    reason: String,
}

async fn quarantine(subject: Subject, Sent(request): Sent<QuarantineRequest>) -> Answer {
    let (right, name) = subject.may_maintain()?;
    let (version, caller) = (subject.version(), &subject.caller);
    let set = subject
        .instance
        .quarantine(
            &right,
            &name,
            version,
            request.action,
            &request.reason,
            caller,
        )
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(ok(&set))
}

async fn lift(subject: Subject) -> Answer {
    let (right, name) = subject.may_maintain()?;
    subject
        .instance
        .lift_quarantine(&right, &name, subject.version(), &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(gone())
}

async fn accept(subject: Subject, uri: Uri) -> Answer {
    let (right, name) = subject.may_maintain()?;
    let asked = Asked::of(&subject.instance, &uri, &["confirm"])?;
    let version = subject.version().unwrap_or_default();
    subject
        .instance
        .accept_changed_bytes(
            &right,
            &name,
            version,
            asked.get("confirm"),
            &subject.caller,
        )
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(gone())
}

async fn evict(subject: Subject) -> Answer {
    let (right, name) = subject.may_maintain()?;
    subject
        .instance
        .evict(&right, Some(&name), &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(gone())
}

async fn evict_all(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_maintain(&registry, asking.actor)
        .map_err(|denied| problem(denied.into()))?;
    instance
        .evict(&right, None, &asking.caller)
        .await
        .map_err(problem)?;
    Ok(gone())
}

async fn quarantines(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let right = instance
        .may_read(&registry, asking.actor)
        .map_err(|denied| Problem::in_registry(&instance, &registry, denied))?;
    let asked = Asked::of(&instance, &uri, PAGED)?;
    page_of(&instance, &asked, instance.quarantines(&right), |item| {
        // a crate before its versions
        format!("{} {}", item.name, item.version.as_deref().unwrap_or(""))
    })
}

/// Publishes a `.crate` file without cargo.
async fn upload_file(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    asking: Asking,
    request: Request,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let (parts, body) = request.into_parts();
    let right = match instance.may_publish(&registry, asking.actor) {
        Ok(right) => right,
        Err(denied) => {
            upload::let_go(&parts.headers, body);
            return Err(problem(denied.into()));
        }
    };
    let read: MayRead = (&right).into();
    let published = receive(&instance, right, body, &asking.caller)
        .await
        .map_err(problem)?;
    let name = published.name.spelling();
    let item = instance
        .version_item(&read, &name, &published.version)
        .await
        .map_err(problem)?;
    let mut shown = json!(item);
    shown["warnings"] = json!(published.warnings);
    Ok(created(&shown))
}

async fn receive(
    instance: &Arc<Instance>,
    right: MayPublish,
    body: Body,
    caller: &Caller,
) -> Result<Published, Failure> {
    let mut publish = instance.start_upload(right).await?;
    upload::receive(&mut publish, body).await?;
    publish.finish(caller).await
}
