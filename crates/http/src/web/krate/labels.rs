//! `…/crates/{crate}/labels` and `…/{version}/labels`: who put which labels there, and a form that puts others in their place.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{CrateLabels, LabelRow, LabelsPage, Links, Moment, Wrongs};
use supercargo_registry::{
    Failure, Instance, Labels, MayMaintain, MayRead, Refusal, RefusalClass, check_label,
};
use supercargo_types::{RegistryName, Spelling};

use super::{Looking, Names};
use crate::{
    problem,
    web::{
        account,
        asked::Asked,
        errors,
        registry::label_words,
        respond::{page, see_other},
        visitor::Visitor,
    },
};

/// Lines of the form that are read at all: more than any crate may have, so that it can be said.
const LINES: usize = 100;

/// What came of a form that could not be followed.
struct Back {
    status: StatusCode,
    text: String,
    wrongs: Wrongs,
}

/// `GET …/crates/{crate}/labels`.
pub(in crate::web) async fn of_crate(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate)): Path<(String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    show(&instance, &visitor, &(registry, krate, None), &uri, None).await
}

/// `GET …/crates/{crate}/{version}/labels`.
pub(in crate::web) async fn of_version(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let names = (registry, krate, Some(version));
    show(&instance, &visitor, &names, &uri, None).await
}

/// `POST …/crates/{crate}/labels`.
pub(in crate::web) async fn to_crate(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate)): Path<(String, String)>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    change(&instance, &visitor, &(registry, krate, None), request).await
}

/// `POST …/crates/{crate}/{version}/labels`.
pub(in crate::web) async fn to_version(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let names = (registry, krate, Some(version));
    change(&instance, &visitor, &names, request).await
}

async fn show(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    names: &Names,
    uri: &Uri,
    back: Option<Back>,
) -> Response<Body> {
    let (registry, krate, _) = names;
    if registry.parse::<RegistryName>().is_err() {
        return errors::no_such_page(instance, visitor);
    }
    // the right first: what is no crate's name must not tell which registries exist
    let right = match instance.may_read(registry, visitor.actor.clone()) {
        Ok(right) => right,
        Err(denied) => return errors::in_registry(instance, visitor, registry, denied),
    };
    match shown(instance, visitor, &right, names, uri, back).await {
        Ok(response) => response,
        Err(Failure::Refused(refusal)) if refusal.class() == RefusalClass::NotFound => {
            let near = super::near(instance, visitor, &right, krate).await;
            errors::not_here(visitor, registry, &refusal, near)
        }
        Err(failure) => errors::in_registry(instance, visitor, registry, failure),
    }
}

async fn shown(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    right: &MayRead,
    (registry, krate, version): &Names,
    uri: &Uri,
    back: Option<Back>,
) -> Result<Response<Body>, Failure> {
    let spelling = spelling(right, krate)?;
    let labels = instance.labels(right, &spelling, version.as_deref());
    let labels = labels.await?;
    let detail = instance.crate_detail(right, &spelling).await?;
    let name = detail.item.name;
    let now = instance.clock().now();
    let mut frame = visitor.frame(format!("Labels · {name} · {registry}"));
    frame.step("Registries", frame.links.home());
    frame.step(registry, frame.links.registry(registry));
    frame.step(&name, frame.links.krate(registry, &name));
    if let Some(version) = version {
        frame.step(version, frame.links.of_crate(registry, &name, version));
    }
    frame.last_step("Labels");
    let status = back.as_ref().map_or(StatusCode::OK, |back| back.status);
    let (text, wrongs) = match back {
        Some(back) => (back.text, back.wrongs),
        None => (lines(&labels), Wrongs::default()),
    };
    let template = LabelsPage {
        frame,
        may_change: may_change(instance, visitor, registry, &spelling),
        registry: registry.clone(),
        name,
        version: version.clone(),
        labels: labels
            .labels
            .into_iter()
            .map(|label| LabelRow {
                key: label.key,
                value: label.value,
                by: label.set_by,
                since: Moment::new(label.set_at, now),
            })
            .collect(),
        text,
        wrongs,
        done: (Asked::of(uri).get("done") == "labelled").then_some("The labels are saved."),
    };
    page(visitor, status, &template)
}

async fn change(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    names: &Names,
    request: Request<Body>,
) -> Response<Body> {
    let (registry, krate, version) = names;
    if registry.parse::<RegistryName>().is_err() {
        return errors::no_such_page(instance, visitor);
    }
    let links = Links::new("");
    let here = match version {
        Some(version) => links.of_version(registry, krate, version, "labels"),
        None => links.of_crate(registry, krate, "labels"),
    };
    let uri = request.uri().clone();
    let form = match account::sent(instance, visitor, request, &here).await {
        Ok((_, form)) => form,
        Err(answer) => return answer,
    };
    let text = form.get("labels").to_owned();
    let failure = match read(&text) {
        Err(wrongs) => {
            // whoever may not change them need not learn what is wrong with it
            if let Err(denied) = instance.may_maintain(registry, visitor.actor.clone()) {
                return errors::in_registry(instance, visitor, registry, denied);
            }
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let back = Back {
                status,
                text,
                wrongs,
            };
            return show(instance, visitor, names, &uri, Some(back)).await;
        }
        Ok(labels) => match replace(instance, visitor, names, labels).await {
            Ok(()) => {
                let done = visitor.links.asking(&here, &[("done", "labelled")]);
                return see_other(visitor, &done);
            }
            Err(failure) => failure,
        },
    };
    match failure {
        Failure::Refused(refusal) if matches!(*refusal, Refusal::Shape(_)) => {
            let mut wrongs = Wrongs::default();
            wrongs.put("labels", errors::sentence(&refusal.to_string()));
            let status = problem::status_of(refusal.class());
            let back = Back {
                status,
                text,
                wrongs,
            };
            show(instance, visitor, names, &uri, Some(back)).await
        }
        failure => errors::in_registry(instance, visitor, registry, failure),
    }
}

async fn replace(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    (registry, krate, version): &Names,
    labels: BTreeMap<String, String>,
) -> Result<(), Failure> {
    let right: MayMaintain = instance.may_maintain(registry, visitor.actor.clone())?;
    let spelling = spelling(&MayRead::from(&right), krate)?;
    let version = version.as_deref();
    let caller = &visitor.caller;
    instance
        .replace_labels(&right, &spelling, version, labels, caller)
        .await
        .map(drop)
}

fn spelling(right: &MayRead, krate: &str) -> Result<Spelling, Failure> {
    krate.parse().map_err(|_| {
        Refusal::NoCrate {
            registry: right.registry().name.clone(),
            name: krate.chars().take(64).collect(),
        }
        .into()
    })
}

fn may_change(instance: &Instance, visitor: &Visitor, registry: &str, name: &Spelling) -> bool {
    let right = instance.may_maintain(registry, visitor.actor.clone());
    right.is_ok_and(|right| right.covers(&name.canonical()).is_ok())
}

/// As the form has them.
fn lines(labels: &Labels) -> String {
    let lines = labels.labels.iter();
    let lines = lines.map(|label| label_words(&label.key, &label.value));
    lines.collect::<Vec<_>>().join("\n")
}

/// One label in a line; the first that is none is told.
fn read(text: &str) -> Result<BTreeMap<String, String>, Wrongs> {
    let mut labels = BTreeMap::new();
    let mut wrongs = Wrongs::default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines.take(LINES) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let (key, value) = (key.trim_end(), value.trim_start());
        if let Err(refusal) = check_label(key, value) {
            wrongs.put("labels", errors::sentence(&refusal.to_string()));
        } else if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            let twice = format!("`{key}` stands there twice, and there is one label of each key.");
            wrongs.put("labels", twice);
        }
    }
    if wrongs.is_empty() {
        Ok(labels)
    } else {
        Err(wrongs)
    }
}

impl Looking<'_> {
    /// What stands beside its readme.
    pub(super) fn labels(&self, version: &str) -> CrateLabels {
        let words = |labels: &BTreeMap<String, String>| {
            let labels = labels.iter();
            labels.map(|(key, value)| label_words(key, value)).collect()
        };
        CrateLabels {
            of_crate: words(&self.detail.item.labels),
            of_version: self
                .item(version)
                .map(|item| words(&item.labels))
                .unwrap_or_default(),
            may_change: may_change(
                self.instance,
                self.visitor,
                self.registry().as_str(),
                &self.spelling,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_label() {
        let read =
            |text: &str| read(text).map_err(|wrongs| wrongs.of("labels").unwrap().to_owned());
        let labels = read("team=core\r\n\n  reviewed  \nurl = https://a.example/?b=c\n").unwrap();
        let labels: Vec<_> = labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            labels,
            [
                ("reviewed", ""),
                ("team", "core"),
                ("url", "https://a.example/?b=c")
            ]
        );
        assert_eq!(read("").unwrap().len(), 0);
        let told = ["Team=core", "=x", "a=1\na=2"].map(|text| read(text).unwrap_err());
        insta::assert_snapshot!(told.join("\n"), @"
        The label `Team`: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`.
        The label ``: keys have 1 to 63 lower-case letters, digits, `.`, `_`, `-` and `/`, as in `team=core`.
        `a` stands there twice, and there is one label of each key.
        ");
    }
}
