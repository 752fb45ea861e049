//! `/-/registries`: a new registry by form, and those that are deleted.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    DeletedRegistriesPage, DeletedRegistryRow, Frame, Moment, NewRegistryPage, OrderRow,
    RegistryDraft, Wrongs,
};
use supercargo_registry::{
    AttachmentRequest, Denied, Failure, Instance, MayAdministerInstance, Refusal, RegistryRequest,
};
use supercargo_types::{RegistryName, Timestamp};

use super::{
    account,
    asked::Asked,
    errors,
    forms::Form,
    registry::{
        order,
        settings::{self, Wanted, draft},
    },
    respond::{page, see_other},
    visitor::Visitor,
};
use crate::problem;

const NEW: &str = "/-/registries/new";
const DELETED: &str = "/-/registries/deleted";
/// Deleted registries on a page.
const PAGE: u64 = 50;

/// `GET /-/registries/new`.
pub(super) async fn offer(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    let made = || {
        instance.may_create_registries(visitor.actor.clone())?;
        let draft = RegistryDraft {
            visibility: "private".to_owned(),
            publishing: "owners".to_owned(),
            ..RegistryDraft::default()
        };
        let told = Told {
            draft,
            ..Told::default()
        };
        form_page(&instance, &visitor, StatusCode::OK, told)
    };
    made().unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `POST /-/registries/new`: made, or the list of upstreams in another order.
pub(super) async fn make(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match account::sent(&instance, &visitor, request, NEW).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let made = made(&instance, &visitor, &form).await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// What the form says when it comes back.
#[derive(Default)]
struct Told {
    draft: RegistryDraft,
    rows: Vec<OrderRow>,
    attach: String,
    said: Option<String>,
    wrongs: Wrongs,
    reuses: Option<(Moment, Option<Moment>)>,
}

async fn made(
    instance: &Instance,
    visitor: &Visitor,
    form: &Form,
) -> Result<Response<Body>, Failure> {
    let right = instance.may_create_registries(visitor.actor.clone())?;
    let mut told = Told {
        draft: draft(form),
        rows: order::sent(form),
        ..Told::default()
    };
    if form.get("do") != "save" {
        let actor = instance.signed_in(visitor.actor.clone())?;
        let usable = instance.usable_upstreams(&actor, None);
        told.said = order::step(form, &mut told.rows, &usable, &mut told.wrongs);
        told.attach = form.get("attach").to_owned();
        let status = settings::status_of(&told.wrongs);
        return form_page(instance, visitor, status, told);
    }
    let Some(request) = wanted(&mut told) else {
        return form_page(instance, visitor, StatusCode::UNPROCESSABLE_ENTITY, told);
    };
    // what an instance admin drops by that is not to be dropped by a name that was typed by chance
    told.reuses = reuses(instance, visitor, &request.name);
    if told.reuses.is_some() && form.get("reuse") != "yes" {
        let sentence = Refusal::RegistryRetired(request.name).to_string();
        told.wrongs.put("name", errors::sentence(&sentence));
        return form_page(instance, visitor, StatusCode::CONFLICT, told);
    }
    match instance
        .create_registry(&right, request, &visitor.caller)
        .await
    {
        Ok(registry) => {
            let path = format!("/{}", registry.name);
            let to = visitor.links.asking(&path, &[("done", "made")]);
            Ok(see_other(visitor, &to))
        }
        Err(Failure::Refused(refusal)) => {
            if order::is_about(&refusal) {
                order::refused(&mut told.rows, &refusal, &mut told.wrongs);
            } else {
                settings::refused(&refusal, &mut told.wrongs);
            }
            let status = problem::status_of(refusal.class());
            form_page(instance, visitor, status, told)
        }
        Err(failure) => Err(failure),
    }
}

/// What the use case is asked for; nothing where a field is wrong.
fn wanted(told: &mut Told) -> Option<RegistryRequest> {
    let name = told.draft.name.parse::<RegistryName>();
    if let Err(invalid) = &name {
        let sentence = errors::sentence(&invalid.to_string());
        told.wrongs.put("name", sentence);
    }
    let fields = Wanted::of(&told.draft, &mut told.wrongs);
    let upstreams: Option<Vec<AttachmentRequest>> = order::wanted(&mut told.rows, &mut told.wrongs);
    let (name, fields, upstreams) = (name.ok()?, fields?, upstreams?);
    Some(RegistryRequest {
        name,
        description: fields.description,
        labels: fields.labels,
        visibility: Some(fields.visibility),
        publishing: Some(fields.publishing),
        upstreams,
        allow: Vec::new(),
        block: Vec::new(),
        republish: told.draft.republish,
    })
}

/// Since when a registry of this name is deleted, and until when it can be restored; to instance admins, who alone may use the
/// name again.
fn reuses(
    instance: &Instance,
    visitor: &Visitor,
    name: &RegistryName,
) -> Option<(Moment, Option<Moment>)> {
    let root = instance.may_administer_instance(visitor.actor.clone());
    let deleted = instance.deleted_registries(&root.ok()?);
    let found = deleted.into_iter().find(|it| it.name == *name)?;
    let now = instance.clock().now();
    let until = found.restorable_until;
    Some((
        Moment::new(found.deleted_at, now),
        until.map(|until| Moment::new(until, now)),
    ))
}

fn form_page(
    instance: &Instance,
    visitor: &Visitor,
    status: StatusCode,
    told: Told,
) -> Result<Response<Body>, Failure> {
    let actor = instance.signed_in(visitor.actor.clone())?;
    let mut order = order::shown(instance, &actor, None, told.rows);
    order.said = told.said;
    order.attach = told.attach;
    let template = NewRegistryPage {
        frame: frame(visitor, "New registry"),
        draft: told.draft,
        order,
        wrongs: told.wrongs,
        reuses: told.reuses,
    };
    page(visitor, status, &template)
}

fn frame(visitor: &Visitor, title: &str) -> Frame {
    let mut frame = visitor.frame(title);
    frame.step("Registries", frame.links.home());
    frame.last_step(title);
    frame
}

/// `GET /-/registries/deleted`.
pub(super) async fn deleted(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let made = || {
        let right = instance.may_administer_instance(visitor.actor.clone())?;
        let done = match asked.get("done") {
            "deleted" => Some("The registry is deleted. It can be restored for 30 days."),
            "purged" => Some("What was left of the registry is gone. Its name stays taken."),
            _ => None,
        };
        let list = List {
            done,
            ..List::default()
        };
        list_page(&instance, &visitor, &right, &asked, list)
    };
    made().unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `POST /-/registries/restore`.
pub(super) async fn restore(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match account::sent(&instance, &visitor, request, DELETED).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let restored = async {
        let right = instance.may_administer_instance(visitor.actor.clone())?;
        let name = named(&form)?;
        let caller = &visitor.caller;
        match instance.restore_registry(&right, &name, caller).await {
            Ok(registry) => {
                let path = format!("/{}", registry.name);
                let to = visitor.links.asking(&path, &[("done", "restored")]);
                Ok(see_other(&visitor, &to))
            }
            Err(Failure::Refused(refusal)) => {
                let list = List {
                    status: problem::status_of(refusal.class()),
                    problem: Some(errors::sentence(&refusal.to_string())),
                    ..List::default()
                };
                list_page(&instance, &visitor, &right, &Asked::none(), list)
            }
            Err(failure) => Err(failure),
        }
    };
    let restored = restored.await;
    restored.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `POST /-/registries/purge`: of one that is deleted.
pub(super) async fn purge(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match account::sent(&instance, &visitor, request, DELETED).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let purged = async {
        let right = instance.may_administer_instance(visitor.actor.clone())?;
        let name = named(&form)?;
        let typed = Some(form.get("confirm").trim());
        let caller = &visitor.caller;
        let refusal = match instance.purge_registry(&right, &name, typed, caller).await {
            Ok(()) => {
                let to = visitor.links.asking(DELETED, &[("done", "purged")]);
                return Ok(see_other(&visitor, &to));
            }
            Err(Failure::Refused(refusal)) => refusal,
            Err(failure) => return Err(failure),
        };
        let mut list = List {
            status: problem::status_of(refusal.class()),
            ..List::default()
        };
        match &*refusal {
            Refusal::ConfirmRegistry(name) => list.wrong = Some(name.clone()),
            refusal => list.problem = Some(errors::sentence(&refusal.to_string())),
        }
        list_page(&instance, &visitor, &right, &Asked::none(), list)
    };
    let purged = purged.await;
    purged.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

fn named(form: &Form) -> Result<RegistryName, Failure> {
    form.get("registry")
        .parse()
        .map_err(|_| Denied::Hidden.into())
}

/// What the list says besides what is in it.
struct List {
    status: StatusCode,
    done: Option<&'static str>,
    problem: Option<String>,
    /// The registry whose name was not typed as it stands there.
    wrong: Option<RegistryName>,
}

impl Default for List {
    fn default() -> Self {
        Self {
            status: StatusCode::OK,
            done: None,
            problem: None,
            wrong: None,
        }
    }
}

fn list_page(
    instance: &Instance,
    visitor: &Visitor,
    right: &MayAdministerInstance,
    asked: &Asked,
    list: List,
) -> Result<Response<Body>, Failure> {
    let now = instance.clock().now();
    let moment = |at: Timestamp| Moment::new(at, now);
    let all = instance.deleted_registries(right);
    let total = all.len() as u64;
    let skipped = usize::try_from(asked.skipped(PAGE)).unwrap_or(usize::MAX);
    let rows = all
        .into_iter()
        .skip(skipped)
        .take(usize::try_from(PAGE).unwrap_or(usize::MAX))
        .map(|it| DeletedRegistryRow {
            deleted: moment(it.deleted_at),
            until: it.restorable_until.map(moment),
            is_purged: it.is_purged,
            wrong: (list.wrong.as_ref() == Some(&it.name))
                .then(|| format!("Type `{}`, as it stands here.", it.name)),
            name: it.name.to_string(),
        });
    let template = DeletedRegistriesPage {
        frame: frame(visitor, "Deleted registries"),
        registries: rows.collect(),
        pager: asked.pager(&visitor.links, DELETED, PAGE, total),
        done: list.done,
        problem: list.problem,
    };
    page(visitor, list.status, &template)
}
