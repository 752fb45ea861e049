//! `/-/upstreams`: the upstreams of this server, each one's page, and the forms that make, change, test and delete one.

mod cached;
mod form;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    CredentialFacts, EditUpstreamPage, Frame, Links, Moment, NewUpstreamPage, Plot, Section,
    Tested, UpstreamCard, UpstreamDraft, UpstreamPage, UpstreamReads, UpstreamRow, UpstreamsPage,
    Wrongs,
};
use supercargo_registry::{
    CacheHistory, Failure, Instance, MayAdministerInstance, Refusal, SignedIn, UpstreamDetail,
    UpstreamSource, UpstreamTest,
};
use supercargo_types::Timestamp;

pub(super) use cached::{cached_list, cached_query};

use super::{
    account,
    asked::Asked,
    errors,
    forms::Form,
    registry::{cache_figures, upstream_card},
    respond::{Policy, page, page_with, see_other},
    visitor::Visitor,
};
use crate::problem;

const LIST: &str = "/-/upstreams";
const NEW: &str = "/-/upstreams/new";
/// Upstreams on a page.
const PAGE: u32 = 50;
/// Registries that the form of a new upstream offers.
const CHOICES: usize = 200;
const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// What went well, by the word in the address.
fn done(asked: &Asked) -> Option<&'static str> {
    match asked.get("done") {
        "made" => Some("The upstream is made. Registries attach it in their settings."),
        "changed" => Some("It is changed, as of now."),
        "deleted" => Some("The upstream is deleted."),
        _ => None,
    }
}

fn frame(visitor: &Visitor, title: &str, way: &[(&str, String)]) -> Frame {
    let mut frame = visitor.frame(title);
    frame.section = Section::Upstreams;
    if way.is_empty() {
        frame.last_step("Upstreams");
        return frame;
    }
    frame.step("Upstreams", frame.links.to(LIST));
    let (last, steps) = way.split_last().expect("invariant: looked at just now");
    for (words, address) in steps {
        frame.step(words, address.clone());
    }
    frame.last_step(last.0);
    frame
}

/// Pages that ask for more, in place, after a button.
fn asking() -> Policy {
    Policy {
        asks: true,
        ..Policy::default()
    }
}

fn reads(source: UpstreamSource) -> UpstreamReads {
    match source {
        UpstreamSource::Preset { .. } => UpstreamReads::CratesIo,
        UpstreamSource::Index { index } => UpstreamReads::Index(index),
        UpstreamSource::Registry { registry } => {
            UpstreamReads::Registry(registry.map(|name| name.to_string()))
        }
    }
}

fn names<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn admin(instance: &Instance, visitor: &Visitor) -> Result<MayAdministerInstance, Failure> {
    Ok(instance.may_administer_instance(visitor.actor.clone())?)
}

fn at_home(instance: &Instance, visitor: &Visitor) -> Result<SignedIn, Failure> {
    Ok(instance.at_home(visitor.actor.clone())?)
}

/// How one does, and what is cached of it where the visitor may know.
async fn card(
    instance: &Instance,
    actor: &SignedIn,
    name: &str,
    now: Timestamp,
) -> Result<UpstreamCard, Failure> {
    let health = instance.upstream_health(actor, name).await?;
    let cache = instance.upstream_cache(actor, name).await?;
    Ok(UpstreamCard {
        cache: cache.map(|cache| cache_figures(&cache, now)),
        ..upstream_card(health, now)
    })
}

/// `GET /-/upstreams`.
pub(super) async fn list(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let made = async {
        let actor = at_home(&instance, &visitor)?;
        let text = asked.get("q").to_lowercase();
        let fits = |upstream: &UpstreamDetail| {
            upstream.name.contains(&text)
                || match &upstream.source {
                    UpstreamSource::Preset { preset } => preset.contains(&text),
                    UpstreamSource::Index { index } => index.to_lowercase().contains(&text),
                    UpstreamSource::Registry { registry } => registry
                        .as_ref()
                        .is_some_and(|name| name.as_str().contains(&text)),
                }
        };
        let mut upstreams = instance.list_upstreams(&actor);
        upstreams.retain(fits);
        let total = upstreams.len() as u64;
        let now = instance.clock().now();
        let skipped = usize::try_from(asked.skipped(PAGE.into())).unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        for upstream in upstreams.into_iter().skip(skipped).take(PAGE as usize) {
            rows.push(UpstreamRow {
                card: card(&instance, &actor, &upstream.name, now).await?,
                reads: reads(upstream.source),
                readers: names(&upstream.used_by),
            });
        }
        let template = UpstreamsPage {
            frame: frame(&visitor, "Upstreams", &[]),
            text: asked.get("q").to_owned(),
            upstreams: rows,
            pager: asked.pager(&visitor.links, LIST, PAGE.into(), total),
            is_admin: visitor.is_admin,
            done: done(&asked),
        };
        page(&visitor, StatusCode::OK, &template)
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `GET /-/upstreams/{upstream}`.
pub(super) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let asked = Asked::of(&uri);
    let shown = shown(&instance, &visitor, &name, &asked, None).await;
    shown.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `POST /-/upstreams/{upstream}`: asks it whether it answers as a registry does.
pub(super) async fn test(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
    request: Request<Body>,
) -> Response<Body> {
    let here = visitor.here.clone();
    if let Err(answer) = account::sent(&instance, &visitor, request, &here).await {
        return answer;
    }
    let asked = Asked::of(&uri);
    let made = async {
        let right = admin(&instance, &visitor)?;
        let found = tested(instance.test_upstream(&right, &name).await?);
        shown(&instance, &visitor, &name, &asked, Some(found)).await
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

fn tested(test: UpstreamTest) -> Tested {
    match test {
        UpstreamTest::Works(latency) => {
            Tested::Works(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX))
        }
        UpstreamTest::Fails(reason) => Tested::Fails(errors::sentence(&reason)),
    }
}

async fn shown(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    name: &str,
    asked: &Asked,
    tested: Option<Tested>,
) -> Result<Response<Body>, Failure> {
    let actor = at_home(instance, visitor)?;
    let upstream = instance.upstream(&actor, name)?;
    let now = instance.clock().now();
    let history = instance.upstream_history(&actor, name).await?;
    let cached = match (admin(instance, visitor), &history) {
        (Ok(right), Some(_)) => {
            let (wanted, sort) = cached_query(visitor, asked);
            let found = instance.list_cached_of_upstream(&right, name, &wanted);
            let address = visitor.links.upstream(name);
            Some(cached_list(
                visitor,
                address,
                asked,
                sort,
                found.await?,
                now,
            ))
        }
        _ => None,
    };
    let template = UpstreamPage {
        frame: frame(visitor, name, &[(name, String::new())]),
        card: card(instance, &actor, name, now).await?,
        reads: reads(upstream.source),
        credentials: CredentialFacts {
            kind: upstream.auth.kind,
            username: upstream.auth.username,
            origins: upstream.auth.origins,
        },
        usable_by: upstream.usable_by.as_deref().map(names),
        readers: names(&upstream.used_by),
        created: Moment::new(upstream.created_at, now),
        read_ahead: history
            .as_ref()
            .map(|history| (history.cache.read_ahead, history.cache.read_ahead_used)),
        served: history.as_ref().map(served),
        cached,
        is_admin: visitor.is_admin,
        tested,
        done: done(asked),
    };
    page_with(visitor, StatusCode::OK, &template, &asking())
}

fn served(history: &CacheHistory) -> Plot {
    let days = history.days.iter();
    let name = |day: i64| Timestamp::from_seconds(day * SECONDS_OF_DAY).pubtime()[..10].to_owned();
    Plot {
        days: days.clone().map(|(day, ..)| name(*day)).collect(),
        series: vec![
            (
                "from the cache".to_owned(),
                days.clone().map(|(_, hits, _)| *hits).collect(),
            ),
            (
                "asked of the upstream".to_owned(),
                days.map(|(.., misses)| *misses).collect(),
            ),
        ],
    }
}

/// `GET /-/upstreams/new`.
pub(super) async fn offer(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    let made = admin(&instance, &visitor).and_then(|_| {
        let draft = UpstreamDraft {
            source: "index".to_owned(),
            auth: "none".to_owned(),
            limited: "rule".to_owned(),
            ..UpstreamDraft::default()
        };
        let wrongs = Wrongs::default();
        new_page(
            &instance,
            &visitor,
            StatusCode::OK,
            draft,
            wrongs,
            None,
            false,
        )
    });
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `POST /-/upstreams/new`: makes it, or asks it before it is made.
pub(super) async fn make(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let (_, form) = match account::sent(&instance, &visitor, request, NEW).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let made = create(&instance, &visitor, &form).await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

async fn create(
    instance: &Instance,
    visitor: &Visitor,
    form: &Form,
) -> Result<Response<Body>, Failure> {
    let right = admin(instance, visitor)?;
    let draft = form::draft(form);
    let is_test = form.get("do") == "test";
    let had_secret = !form.get("secret").is_empty();
    let again = |status, wrongs, tested| {
        let draft = draft.clone();
        new_page(instance, visitor, status, draft, wrongs, tested, had_secret)
    };
    let wanted = match form::wanted(&draft, form.get("secret"), is_test) {
        Ok(wanted) => wanted,
        Err(wrongs) => return again(StatusCode::UNPROCESSABLE_ENTITY, wrongs, None),
    };
    let name = wanted.name.clone();
    let refused = if is_test {
        match instance.try_upstream(&right, wanted).await {
            Ok(found) => return again(StatusCode::OK, Wrongs::default(), Some(tested(found))),
            Err(failure) => failure,
        }
    } else {
        let made = instance.create_upstream(&right, wanted, &visitor.caller);
        match made.await {
            Ok(_) => {
                let to = visitor.links.upstream(&name) + "?done=made";
                return Ok(see_other(visitor, &to));
            }
            Err(failure) => failure,
        }
    };
    let (status, wrongs) = wrongs_of(refused)?;
    again(status, wrongs, None)
}

/// What a use case refuses stands beside the field that it is about.
fn wrongs_of(failure: Failure) -> Result<(StatusCode, Wrongs), Failure> {
    let Failure::Refused(refusal) = failure else {
        return Err(failure);
    };
    let mut wrongs = Wrongs::default();
    let text = refusal.to_string();
    let sentence = errors::sentence(&text);
    match (form::field_of(&refusal), &*refusal) {
        // beside its field nobody needs the name under which the API has it
        (Some(field), _) => {
            let beside = text.split_once("`: ").map_or(&*text, |(_, rest)| rest);
            wrongs.put(field, errors::sentence(beside));
        }
        (None, Refusal::UpstreamTaken(_)) => wrongs.put("name", sentence),
        (None, _) => wrongs.put_whole(sentence),
    }
    Ok((problem::status_of(refusal.class()), wrongs))
}

fn new_page(
    instance: &Instance,
    visitor: &Visitor,
    status: StatusCode,
    draft: UpstreamDraft,
    wrongs: Wrongs,
    tested: Option<Tested>,
    had_secret: bool,
) -> Result<Response<Body>, Failure> {
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let registries = visible.iter().take(CHOICES);
    let template = NewUpstreamPage {
        frame: frame(visitor, "New upstream", &[("New upstream", String::new())]),
        draft,
        registries: registries
            .map(|right| right.registry().name.to_string())
            .collect(),
        wrongs,
        tested,
        had_secret,
    };
    page_with(visitor, status, &template, &asking())
}

/// `GET /-/upstreams/{upstream}/edit`.
pub(super) async fn edit(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Response<Body> {
    let made = async {
        let (actor, right) = (at_home(&instance, &visitor)?, admin(&instance, &visitor)?);
        let draft = form::draft_of(&instance.upstream(&actor, &name)?);
        let status = StatusCode::OK;
        edit_page(
            &instance,
            &visitor,
            &right,
            &name,
            status,
            draft,
            Wrongs::default(),
        )
        .await
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `POST /-/upstreams/{upstream}/edit`.
pub(super) async fn change(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = visitor.here.clone();
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let made = async {
        let (actor, right) = (at_home(&instance, &visitor)?, admin(&instance, &visitor)?);
        let before = instance.upstream(&actor, &name)?;
        let draft = form::draft(&form);
        let edit = match form::edit(&before, &draft, form.get("secret")) {
            Ok(edit) => edit,
            Err(wrongs) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return edit_page(&instance, &visitor, &right, &name, status, draft, wrongs).await;
            }
        };
        let changed = instance.edit_upstream(&right, &name, edit, &visitor.caller);
        match changed.await {
            Ok(_) => {
                let to = visitor.links.upstream(&name) + "?done=changed";
                Ok(see_other(&visitor, &to))
            }
            Err(failure) => {
                let (status, wrongs) = wrongs_of(failure)?;
                edit_page(&instance, &visitor, &right, &name, status, draft, wrongs).await
            }
        }
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

/// `POST /-/upstreams/{upstream}/delete`.
pub(super) async fn delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    // below BASE, as every way back
    let edit = Links::new("").upstream(&name) + "/edit";
    let (_, form) = match account::sent(&instance, &visitor, request, &edit).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let made = async {
        let (actor, right) = (at_home(&instance, &visitor)?, admin(&instance, &visitor)?);
        let draft = form::draft_of(&instance.upstream(&actor, &name)?);
        let mut wrongs = Wrongs::default();
        let status = if form.get("confirm").trim() == name {
            let deleted = instance.delete_upstream(&right, &name, &visitor.caller);
            match deleted.await {
                Ok(()) => {
                    let to = visitor.links.asking(LIST, &[("done", "deleted")]);
                    return Ok(see_other(&visitor, &to));
                }
                Err(Failure::Refused(refusal)) => {
                    wrongs.put("confirm", errors::sentence(&refusal.to_string()));
                    problem::status_of(refusal.class())
                }
                Err(failure) => return Err(failure),
            }
        } else {
            wrongs.put("confirm", format!("Type `{name}` as it is written here."));
            StatusCode::UNPROCESSABLE_ENTITY
        };
        edit_page(&instance, &visitor, &right, &name, status, draft, wrongs).await
    };
    let made = made.await;
    made.unwrap_or_else(|failure| errors::answer(&instance, &visitor, failure))
}

async fn edit_page(
    instance: &Instance,
    visitor: &Visitor,
    _right: &MayAdministerInstance,
    name: &str,
    status: StatusCode,
    draft: UpstreamDraft,
    wrongs: Wrongs,
) -> Result<Response<Body>, Failure> {
    let actor = at_home(instance, visitor)?;
    let upstream = instance.upstream(&actor, name)?;
    let now = instance.clock().now();
    let cache = instance.upstream_cache(&actor, name).await?;
    let own = visitor.links.upstream(name);
    let way = [(name, own), ("Change", String::new())];
    let mut frame = frame(visitor, &format!("Change {name}"), &way);
    // what deletes it has no page of its own
    if let Some(here) = frame.here.strip_suffix("/delete") {
        frame.here = format!("{here}/edit");
    }
    let template = EditUpstreamPage {
        frame,
        name: name.to_owned(),
        reads: reads(upstream.source),
        has_secret: upstream.auth.kind != "none",
        draft,
        wrongs,
        readers: names(&upstream.used_by),
        cache: cache.map(|cache| cache_figures(&cache, now)),
    };
    page(visitor, status, &template)
}
