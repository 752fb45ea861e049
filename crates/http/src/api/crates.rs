//! `/registries/{r}/crates`: crates, their versions, and what people do with them.
//!
//! What can be done with a crate can be done with a version of it, so those handlers are the same for both addresses.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
};
use http::{HeaderMap, Uri, request::Parts};
use serde::{Deserialize, Serialize};
use supercargo_registry::{
    Actor, Caller, CrateItem, CrateQuery, CrateSource, Denied, Failure, Instance, Label, LabelEdit,
    Labels, MayMaintain, MayPublish, MayRead, PinMoved, Published, Quarantine, Refusal,
    VersionItem,
};
use supercargo_types::{Action, Spelling, VersionState};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr,
        path::{Parameter, ParameterIn},
        schema::{ObjectBuilder, Schema, SchemaType, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::described::{
    ByLabels, Confirm, Conflicts, Limited, Page, Paged, Purge, Upstreams, asked,
};
use super::shape::{
    Answer, Asked, Asking, PAGED, Path, Problem, Sent, created, gone, ok, page_of, rest_of,
};
use crate::upload;

pub(super) fn router() -> OpenApiRouter<Arc<Instance>> {
    OpenApiRouter::new()
        .routes(routes!(list, upload_file))
        .routes(routes!(show, remove))
        .routes(routes!(restore))
        .routes(routes!(release))
        .routes(routes!(pin))
        .routes(routes!(quarantine, lift))
        .routes(routes!(versions))
        .routes(routes!(show_version, remove_version))
        .routes(routes!(restore_version))
        .routes(routes!(quarantine_version, lift_version))
        .routes(routes!(labels, edit_labels))
        .routes(routes!(labels_of_version, edit_labels_of_version))
        .routes(routes!(accept))
        .routes(routes!(quarantines))
        .routes(routes!(evict_all))
        .routes(routes!(evict))
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
            krate: names.remove("crate").unwrap_or_default(),
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

/// Which crates.
struct Search;

impl IntoParams for Search {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let sources = text().enum_values(Some(["hosted", "cached"]));
        let states = text().enum_values(Some(STATES.map(VersionState::as_str)));
        vec![
            asked(
                "q",
                "A part of the name, or words of the name, the description or the keywords.",
                text(),
            ),
            asked(
                "source",
                "Only crates that are hosted here, or only others.",
                sources,
            ),
            asked(
                "state",
                "Only crates whose highest version is in this state.",
                states,
            ),
        ]
    }
}

/// Those that the highest version of a crate in a list can be in.
const STATES: [VersionState; 4] = [
    VersionState::Available,
    VersionState::Yanked,
    VersionState::Held,
    VersionState::Blocked,
];

/// Hosted crates, then those of upstream's that this registry has given out; nobody outside is asked.
#[utoipa::path(
    get,
    path = "/registries/{registry}/crates",
    tag = "crates",
    security((), ("token" = [])),
    params(Search, ByLabels, Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<CrateItem>),
        Limited,
    ),
)]
async fn list(
    State(instance): State<Arc<Instance>>,
    Path(registry): Path<String>,
    uri: Uri,
    asking: Asking,
) -> Answer {
    let problem = |failure: Failure| Problem::in_registry(&instance, &registry, failure);
    let right = instance
        .may_read(&registry, asking.actor.clone())
        .map_err(|denied| problem(denied.into()))?;
    let known = ["q", "source", "state", "label", "limit", "cursor"];
    let asked = Asked::of(&instance, &uri, &known)?;
    let labels = asked.labels(&instance)?;
    let state = match asked.get("state") {
        None => None,
        Some(text) => Some(
            STATES
                .into_iter()
                .find(|state| state.as_str() == text)
                .ok_or_else(|| {
                    let text = format!(
                        "`state` is `available`, `yanked`, `held` or `blocked`, not `{text}`"
                    );
                    problem(Refusal::Shape(text).into())
                })?,
        ),
    };
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
        state,
        labels: &labels,
        limit,
        offset: offset.into(),
    };
    let _place = if query.is_costly() {
        let place = instance.place_to_search(asking.actor.as_deref()).await;
        place.map_err(problem)?
    } else {
        None
    };
    let found = instance.search(&right, &query).await.map_err(problem)?;
    let items: Vec<_> = found
        .items
        .into_iter()
        .map(|found| instance.crate_item(&right, found))
        .collect();
    let end = u64::from(offset) + items.len() as u64;
    let next = (!items.is_empty() && end < found.total).then(|| end.to_string());
    Ok(ok(&Page {
        items,
        next_cursor: next,
        total: found.total,
    }))
}

/// A crate.
#[utoipa::path(
    get,
    path = "/registries/{registry}/crates/{crate}",
    tag = "crates",
    security((), ("token" = [])),
    responses(
        (status = 200, description = "As it is.", body = CrateItem),
        Upstreams,
    ),
)]
async fn show(subject: Subject, uri: Uri) -> Answer {
    let (right, name) = subject.may(Instance::may_read)?;
    Asked::of(&subject.instance, &uri, &[])?;
    subject.shown(&right, &name).await
}

/// A version.
#[utoipa::path(
    get,
    path = "/registries/{registry}/crates/{crate}/versions/{version}",
    tag = "crates",
    security((), ("token" = [])),
    responses(
        (status = 200, description = "As it is.", body = VersionItem),
        Upstreams,
    ),
)]
async fn show_version(subject: Subject, uri: Uri) -> Answer {
    show(subject, uri).await
}

/// The versions of a crate, the highest first; deleted ones among them.
#[utoipa::path(
    get,
    path = "/registries/{registry}/crates/{crate}/versions",
    tag = "crates",
    security((), ("token" = [])),
    params(ByLabels, Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<VersionItem>),
        Upstreams,
    ),
)]
async fn versions(subject: Subject, uri: Uri) -> Answer {
    let (right, name) = subject.may(Instance::may_read)?;
    let asked = Asked::of(&subject.instance, &uri, &["label", "limit", "cursor"])?;
    let labels = asked.labels(&subject.instance)?;
    let detail = subject.instance.crate_detail(&right, &name).await;
    let mut detail = detail.map_err(|failure| subject.problem(failure))?;
    detail
        .versions
        .retain(|item| labels.iter().all(|label| label.fits(&item.labels)));
    rest_of(&subject.instance, &asked, &detail.versions, |item| {
        item.version.clone()
    })
}

/// Deletes a crate, or purges a deleted one.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/crates/{crate}",
    tag = "crates",
    params(Purge),
    responses(
        (status = 204, description = "Done."),
        Conflicts,
        Upstreams,
    ),
)]
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

/// Deletes a version, or purges a deleted one.
///
/// Its number is never given to other bytes.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/crates/{crate}/versions/{version}",
    tag = "crates",
    params(Purge),
    responses(
        (status = 204, description = "Done."),
        Conflicts,
        Upstreams,
    ),
)]
async fn remove_version(subject: Subject, uri: Uri) -> Answer {
    remove(subject, uri).await
}

/// Restores a deleted crate, with the versions that were deleted with it.
#[utoipa::path(
    post,
    path = "/registries/{registry}/crates/{crate}/restore",
    tag = "crates",
    responses(
        (status = 200, description = "As it is now.", body = CrateItem),
        Conflicts,
        Upstreams,
    ),
)]
async fn restore(subject: Subject) -> Answer {
    let (right, name) = subject.may(Instance::may_delete)?;
    subject
        .instance
        .restore(&right, &name, subject.version(), &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    subject.shown(&(&right).into(), &name).await
}

/// Restores a deleted version.
#[utoipa::path(
    post,
    path = "/registries/{registry}/crates/{crate}/versions/{version}/restore",
    tag = "crates",
    responses(
        (status = 200, description = "As it is now.", body = VersionItem),
        Conflicts,
        Upstreams,
    ),
)]
async fn restore_version(subject: Subject) -> Answer {
    restore(subject).await
}

/// The name of the crate once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReleaseRequest {
    /// As in the address.
    confirm: String,
}

/// Gives the name of a crate that was hosted here back to the upstreams.
#[utoipa::path(
    post,
    path = "/registries/{registry}/crates/{crate}/release",
    tag = "crates",
    request_body(content = ReleaseRequest, example = json!({ "confirm": "demo" })),
    responses(
        (status = 200, description = "As it is now.", body = CrateItem),
        Conflicts,
        Upstreams,
    ),
)]
async fn release(subject: Subject, Sent(request): Sent<ReleaseRequest>) -> Answer {
    let (right, name) = subject.may_maintain()?;
    subject
        .instance
        .release(&right, &name, &request.confirm, &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    subject.shown(&(&right).into(), &name).await
}

/// From where a crate is to be read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PinRequest {
    /// One of the registry's.
    upstream: String,
}

/// Reads a crate from another upstream from now on.
#[utoipa::path(
    post,
    path = "/registries/{registry}/crates/{crate}/pin",
    tag = "crates",
    request_body(content = PinRequest, example = json!({ "upstream": "crates-io" })),
    responses(
        (status = 200, description = "What became of it.", body = PinMoved),
        Conflicts,
        Upstreams,
    ),
)]
async fn pin(subject: Subject, Sent(request): Sent<PinRequest>) -> Answer {
    let (right, name) = subject.may_maintain()?;
    let moved = subject
        .instance
        .pin(&right, &name, &request.upstream, &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(ok(&moved))
}

/// The labels of a crate as a whole, with who set them.
#[utoipa::path(
    get,
    path = "/registries/{registry}/crates/{crate}/labels",
    tag = "crates",
    security((), ("token" = [])),
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Label>),
        Upstreams,
    ),
)]
async fn labels(subject: Subject, uri: Uri) -> Answer {
    let (right, name) = subject.may(Instance::may_read)?;
    let asked = Asked::of(&subject.instance, &uri, PAGED)?;
    let labels = subject
        .instance
        .labels(&right, &name, subject.version())
        .await
        .map_err(|failure| subject.problem(failure))?;
    page_of(&subject.instance, &asked, labels.labels, |label| {
        label.key.clone()
    })
}

/// The labels of a version, with who set them.
#[utoipa::path(
    get,
    path = "/registries/{registry}/crates/{crate}/versions/{version}/labels",
    tag = "crates",
    security((), ("token" = [])),
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Label>),
        Upstreams,
    ),
)]
async fn labels_of_version(subject: Subject, uri: Uri) -> Answer {
    labels(subject, uri).await
}

/// Sets labels of a crate and takes others away.
///
/// What is not named stays. A label without a value is a plain word. There are at most 32 of them.
#[utoipa::path(
    patch,
    path = "/registries/{registry}/crates/{crate}/labels",
    tag = "crates",
    request_body(content = LabelEdit, example = json!({ "set": { "team": "core", "reviewed": "" }, "remove": ["draft"] })),
    responses(
        (status = 200, description = "All labels, as they are now.", body = Labels),
        Upstreams,
    ),
)]
async fn edit_labels(subject: Subject, Sent(edit): Sent<LabelEdit>) -> Answer {
    let (right, name) = subject.may_maintain()?;
    let labels = subject
        .instance
        .edit_labels(&right, &name, subject.version(), edit, &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(ok(&labels))
}

/// Sets labels of a version and takes others away.
///
/// Build metadata of its number is passed over.
#[utoipa::path(
    patch,
    path = "/registries/{registry}/crates/{crate}/versions/{version}/labels",
    tag = "crates",
    request_body(content = LabelEdit, example = json!({ "set": { "audited": "2026-11" } })),
    responses(
        (status = 200, description = "All labels, as they are now.", body = Labels),
        Upstreams,
    ),
)]
async fn edit_labels_of_version(subject: Subject, sent: Sent<LabelEdit>) -> Answer {
    edit_labels(subject, sent).await
}

/// What is decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuarantineRequest {
    /// Whether lockfiles keep building.
    action: Action,
    /// People read it in cargo's output.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Holds or blocks a crate with all its versions, later ones among them.
#[utoipa::path(
    put,
    path = "/registries/{registry}/crates/{crate}/quarantine",
    tag = "quarantines",
    request_body(content = QuarantineRequest, example = json!({ "action": "block", "reason": "RUSTSEC-2026-0001: it sends tokens away" })),
    responses(
        (status = 200, description = "As it stands.", body = Quarantine),
        Conflicts,
        Upstreams,
    ),
)]
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

/// Holds or blocks a version.
#[utoipa::path(
    put,
    path = "/registries/{registry}/crates/{crate}/versions/{version}/quarantine",
    tag = "quarantines",
    request_body(content = QuarantineRequest, example = json!({ "action": "block", "reason": "RUSTSEC-2026-0001: it sends tokens away" })),
    responses(
        (status = 200, description = "As it stands.", body = Quarantine),
        Conflicts,
        Upstreams,
    ),
)]
async fn quarantine_version(subject: Subject, sent: Sent<QuarantineRequest>) -> Answer {
    quarantine(subject, sent).await
}

/// Lifts the quarantine of a crate.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/crates/{crate}/quarantine",
    tag = "quarantines",
    responses(
        (status = 204, description = "Done."),
        Conflicts,
        Upstreams,
    ),
)]
async fn lift(subject: Subject) -> Answer {
    let (right, name) = subject.may_maintain()?;
    subject
        .instance
        .lift_quarantine(&right, &name, subject.version(), &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(gone())
}

/// Lifts the quarantine of a version.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/crates/{crate}/versions/{version}/quarantine",
    tag = "quarantines",
    responses(
        (status = 204, description = "Done."),
        Conflicts,
        Upstreams,
    ),
)]
async fn lift_version(subject: Subject) -> Answer {
    lift(subject).await
}

/// Accepts that an upstream changed the bytes of a version.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/crates/{crate}/versions/{version}/ledger",
    tag = "crates",
    params(Confirm),
    responses(
        (status = 204, description = "Done."),
        Conflicts,
        Upstreams,
    ),
)]
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

/// Drops what is stored of an upstream's crate.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/cache/{crate}",
    tag = "cache",
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
async fn evict(subject: Subject) -> Answer {
    let (right, name) = subject.may_maintain()?;
    subject
        .instance
        .evict(&right, Some(&name), &subject.caller)
        .await
        .map_err(|failure| subject.problem(failure))?;
    Ok(gone())
}

/// Drops what is stored of the upstreams of a registry.
#[utoipa::path(
    delete,
    path = "/registries/{registry}/cache",
    tag = "cache",
    responses(
        (status = 204, description = "Done."),
        Conflicts,
    ),
)]
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

/// What people held or blocked, by crate.
#[utoipa::path(
    get,
    path = "/registries/{registry}/quarantines",
    operation_id = "list",
    tag = "quarantines",
    security((), ("token" = [])),
    params(Paged),
    responses(
        (status = 200, description = "A page of them.", body = Page<Quarantine>),
    ),
)]
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

/// A version that was published just now.
#[derive(Serialize, ToSchema)]
struct Uploaded {
    #[serde(flatten)]
    version: VersionItem,
    /// What its publisher may want to know.
    warnings: Vec<String>,
}

/// A `.crate` file.
struct File;

impl PartialSchema for File {
    fn schema() -> RefOr<Schema> {
        // as OpenAPI 3.1 has it: bytes are nothing that a schema could speak of
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .content_media_type("application/octet-stream")
            .into()
    }
}

impl ToSchema for File {}

/// Publishes a `.crate` file without cargo; all metadata comes from it.
#[utoipa::path(
    post,
    path = "/registries/{registry}/crates",
    tag = "crates",
    request_body(content = inline(File), content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "It is there.", body = Uploaded),
        Conflicts,
        Upstreams,
        Limited,
    ),
)]
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
    let received = receive(&instance, right, (&parts.headers, body), &asking.caller);
    let published = received.await.map_err(problem)?;
    let name = published.name.spelling();
    let item = instance
        .version_item(&read, &name, &published.version)
        .await
        .map_err(problem)?;
    Ok(created(&Uploaded {
        version: item,
        warnings: published.warnings,
    }))
}

async fn receive(
    instance: &Arc<Instance>,
    right: MayPublish,
    (headers, body): (&HeaderMap, Body),
    caller: &Caller,
) -> Result<Published, Failure> {
    let mut publish = match instance.start_upload(right).await {
        Ok(publish) => publish,
        Err(failure) => {
            upload::let_go(headers, body);
            return Err(failure);
        }
    };
    upload::receive(&mut publish, body).await?;
    publish.finish(caller).await
}
