//! Pages for what went wrong.

use std::sync::Arc;

use axum::{body::Body, extract::State};
use http::{HeaderValue, Response, StatusCode, header};
use supercargo_pages::{Near, ProblemPage};
use supercargo_registry::{Denied, Failure, Instance, Refusal, RefusalClass};

use super::{
    forms::NotOurs,
    respond::{page, see_other},
    visitor::Visitor,
};
use crate::{attempts, problem};

/// Names that are told to whoever asked for another one.
const NEAREST: usize = 5;
/// As the metric of Jaro and Winkler has it: what is farther is not what was meant.
const NEAR: f64 = 0.75;

/// Why a form is not followed that could be a stranger's, for tools.
const FORM: &str = "form-not-ours";

/// What a page answers instead of itself.
struct Words {
    status: StatusCode,
    heading: String,
    sentences: Vec<String>,
    request: Option<String>,
}

/// The answer to a failure that is about no registry.
pub(crate) fn answer(
    instance: &Instance,
    visitor: &Visitor,
    failure: impl Into<Failure>,
) -> Response<Body> {
    let failure = failure.into();
    // what else is denied here is that somebody has to sign in, or to know the password, which has an entry of its own
    if let Failure::Denied(denied @ Denied::Right(_)) = &failure {
        note(instance, visitor, None, denied);
    }
    of(instance, visitor, failure)
}

/// Writes down that the page's visitor, who is signed in, may not do what was asked for.
fn note(instance: &Instance, visitor: &Visitor, registry: Option<&str>, denied: &Denied) {
    if let Some(actor) = &visitor.actor {
        let mut attempt = attempts::of_page(visitor.action, registry);
        attempt.reason = denied.code();
        attempt.sentence = match denied {
            Denied::Right(_) => Some(denied.sentence(None)),
            _ => None,
        };
        instance.note_denied(&attempt, Some(actor), &visitor.caller);
    }
}

fn of(instance: &Instance, visitor: &Visitor, failure: Failure) -> Response<Body> {
    match failure {
        Failure::Denied(Denied::SignIn | Denied::BadToken(_) | Denied::BadPassword) => {
            to_sign_in(visitor)
        }
        Failure::Denied(Denied::Hidden) => missing(instance, visitor, None),
        Failure::Denied(denied @ Denied::Right(_)) => {
            let sentence = denied.sentence(None);
            show(visitor, forbidden(sentence), Vec::new())
        }
        Failure::Refused(refusal) => refused(visitor, &refusal, Vec::new()),
        Failure::Fault(error) => fault(visitor, &error),
    }
}

/// The answer to a failure in a registry. Hidden and unknown registries answer alike: with the way to sign in, or to who is
/// signed in, that there is none.
pub(crate) fn in_registry(
    instance: &Instance,
    visitor: &Visitor,
    registry: &str,
    failure: impl Into<Failure>,
) -> Response<Body> {
    let failure = failure.into();
    if let Failure::Denied(denied) = &failure {
        note(instance, visitor, Some(registry), denied);
    }
    match failure {
        Failure::Denied(Denied::Hidden) => missing(instance, visitor, Some(registry)),
        failure => of(instance, visitor, failure),
    }
}

/// To whom signs in, the page is shown that was asked for.
fn to_sign_in(visitor: &Visitor) -> Response<Body> {
    see_other(visitor, &visitor.links.sign_in(&visitor.here))
}

fn forbidden(sentence: String) -> Words {
    Words {
        status: StatusCode::FORBIDDEN,
        heading: "You may not do that".to_owned(),
        sentences: vec![sentence],
        request: None,
    }
}

fn refused(visitor: &Visitor, refusal: &Refusal, near: Vec<Near>) -> Response<Body> {
    let status = problem::status_of(refusal.class());
    let heading = match refusal.class() {
        RefusalClass::NotFound => "There is nothing by that name",
        RefusalClass::NotOwned => "You may not do that",
        RefusalClass::Withheld => "That is kept back",
        RefusalClass::UpstreamBad | RefusalClass::UpstreamDown | RefusalClass::UpstreamSlow => {
            "An upstream does not answer as it should"
        }
        RefusalClass::TooMany => "That was too often",
        RefusalClass::Invalid | RefusalClass::Conflict | RefusalClass::TooLarge => {
            "That cannot be done"
        }
    };
    let words = Words {
        status,
        heading: heading.to_owned(),
        sentences: vec![sentence(&refusal.to_string())],
        request: None,
    };
    let mut response = show(visitor, words, near);
    if let Some(pause) = refusal.retry_after() {
        let seconds = pause.as_secs().max(1);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// No such crate or version in a registry that may be seen.
pub(super) fn not_here(
    visitor: &Visitor,
    registry: &str,
    refusal: &Refusal,
    near: Vec<Near>,
) -> Response<Body> {
    let heading = match refusal {
        Refusal::NoCrate { name, .. } => format!("There is no crate {name} in {registry}"),
        Refusal::NoVersion { name, version, .. } => format!("{name} has no version {version}"),
        _ => "There is nothing by that name".to_owned(),
    };
    let words = Words {
        status: StatusCode::NOT_FOUND,
        heading,
        sentences: Vec::new(),
        request: None,
    };
    let way = visitor.links.registry(registry);
    let ways = vec![(format!("All crates of {registry}"), way)];
    show_with(visitor, words, near, ways)
}

fn fault(visitor: &Visitor, error: &anyhow::Error) -> Response<Body> {
    let id = visitor.caller.request_id.clone().unwrap_or_default();
    tracing::error!(request = id, error = format!("{error:#}"), "a page failed");
    let words = Words {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        heading: "Something went wrong in the server".to_owned(),
        sentences: vec!["It is not your request's fault. The log has the reason.".to_owned()],
        request: Some(id),
    };
    show(visitor, words, Vec::new())
}

/// A form that could be a stranger's is not followed.
pub(crate) fn not_ours(instance: &Instance, visitor: &Visitor, refused: NotOurs) -> Response<Body> {
    // only where somebody is signed in: a page elsewhere that tries to use their browser is worth knowing of
    if let Some(actor) = &visitor.actor {
        let mut attempt = attempts::of_page(visitor.action, None);
        attempt.reason = FORM;
        attempt.sentence = Some(refused.to_string());
        instance.note_denied(&attempt, Some(actor), &visitor.caller);
    }
    let words = Words {
        status: StatusCode::FORBIDDEN,
        heading: "Nothing was changed".to_owned(),
        sentences: vec![
            sentence(&refused.to_string()),
            "Load the page once more, and send the form again.".to_owned(),
        ],
        request: None,
    };
    show(visitor, words, Vec::new())
}

/// Nothing is at this address.
pub(super) async fn no_page(
    State(instance): State<Arc<Instance>>,
    visitor: Visitor,
) -> Response<Body> {
    no_such_page(&instance, &visitor)
}

pub(super) fn no_such_page(instance: &Instance, visitor: &Visitor) -> Response<Body> {
    missing(instance, visitor, None)
}

/// The address takes another method.
pub(super) async fn wrong_method(visitor: Visitor) -> Response<Body> {
    let words = Words {
        status: StatusCode::METHOD_NOT_ALLOWED,
        heading: "This page cannot be asked for like that".to_owned(),
        sentences: vec!["Open it in a browser, or use the management API.".to_owned()],
        request: None,
    };
    show(&visitor, words, Vec::new())
}

fn missing(instance: &Instance, visitor: &Visitor, registry: Option<&str>) -> Response<Body> {
    let (heading, sentences, near) = match registry {
        None => (
            "There is no such page".to_owned(),
            vec!["The address may be mistyped, or what was here is gone.".to_owned()],
            Vec::new(),
        ),
        Some(name) => {
            let shown: String = name.chars().take(64).collect();
            (
                format!("There is no registry {shown}"),
                vec![
                    "It may also be one that you may not see: its admins can add you as a member."
                        .to_owned(),
                ],
                near_registries(instance, visitor, name),
            )
        }
    };
    let words = Words {
        status: StatusCode::NOT_FOUND,
        heading,
        sentences,
        request: None,
    };
    show(visitor, words, near)
}

/// Of those that may be seen, the ones that may have been meant.
fn near_registries(instance: &Instance, visitor: &Visitor, name: &str) -> Vec<Near> {
    let visible = instance.visible_registries(visitor.actor.as_ref());
    let names = visible
        .iter()
        .map(|right| right.registry().name.to_string());
    nearest(name, names)
        .into_iter()
        .map(|name| Near {
            address: visitor.links.registry(&name),
            name,
            note: "registry".to_owned(),
        })
        .collect()
}

/// The names that are most like one, the nearest first.
pub(super) fn nearest(name: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let wanted: String = name.chars().take(64).collect::<String>().to_lowercase();
    let mut near: Vec<_> = names
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    near.dedup_by(|a, b| a.1 == b.1);
    near.truncate(NEAREST);
    near.into_iter().map(|(_, name)| name).collect()
}

/// With a capital letter at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// As it stands in running text: refusals are written for a terminal, in lower case and without a full stop.
pub(super) fn sentence(text: &str) -> String {
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{}{end}", capital(text))
}

fn show(visitor: &Visitor, words: Words, near: Vec<Near>) -> Response<Body> {
    show_with(visitor, words, near, Vec::new())
}

fn show_with(
    visitor: &Visitor,
    words: Words,
    near: Vec<Near>,
    mut ways: Vec<(String, String)>,
) -> Response<Body> {
    let mut frame = visitor.frame(words.heading.clone());
    frame.crumbs.clear();
    ways.push(("All registries".to_owned(), visitor.links.home()));
    if visitor.actor.is_none() {
        let way = visitor.links.sign_in(&visitor.here);
        ways.push(("Sign in".to_owned(), way));
    }
    let template = ProblemPage {
        frame,
        status: words.status.as_u16(),
        heading: words.heading,
        sentences: words.sentences,
        request: words.request,
        near,
        ways,
    };
    let mut response = page(visitor, words.status, &template).unwrap_or_else(|_| {
        problem::plain(
            words.status,
            "something went wrong in the server, not in your request\n",
        )
    });
    if words.status == StatusCode::SERVICE_UNAVAILABLE {
        let soon = HeaderValue::from_static("5");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    response
}
