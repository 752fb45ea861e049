//! `/{registry}/settings`: what a registry's admins change, what it reads through in which order, and its deletion.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    Moment, OrderRow, RegistryDraft, RegistryOrderPage, RegistryRemoval, RegistrySettingsPage,
    VISIBILITIES, Wrongs,
};
use supercargo_registry::{
    AttachmentRequest, Failure, Instance, MayAdminister, Refusal, Registry, RegistryEdit,
};
use supercargo_types::{Publishing, Visibility};

use super::{Looking, looked_at, order};
use crate::{
    problem,
    web::{
        account,
        asked::Asked,
        errors,
        forms::Form,
        respond::{page, see_other},
        visitor::Visitor,
    },
};

pub(in crate::web) async fn show(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let mut told = Told::of(looking.right.registry());
        told.done = match Asked::of(&uri).get("done") {
            "saved" => Some("The settings are saved, and hold from now on."),
            _ => None,
        };
        looking.settings_page(&admin, StatusCode::OK, told).await
    })
    .await
}

pub(in crate::web) async fn change(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/settings");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let mut told = Told {
            draft: draft(&form),
            ..Told::default()
        };
        let wanted = Wanted::of(&told.draft, &mut told.wrongs);
        let Some(wanted) = wanted else {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return looking.settings_page(&admin, status, told).await;
        };
        let is_wider = wanted.visibility > looking.right.registry().visibility;
        if is_wider && form.get("sure") != wanted.visibility.as_str() {
            told.wrongs.put(
                "visibility",
                "More people would read it than now: say above that you mean it.",
            );
            told.widens = Some(wanted.visibility);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return looking.settings_page(&admin, status, told).await;
        }
        let edit = RegistryEdit {
            description: Some(wanted.description),
            labels: Some(wanted.labels),
            visibility: Some(wanted.visibility),
            publishing: Some(wanted.publishing),
            republish: Some(told.draft.republish),
            ..RegistryEdit::default()
        };
        match instance.edit_registry(&admin, edit, &visitor.caller).await {
            Ok(_) => Ok(looking.to_settings("settings", "saved")),
            Err(Failure::Refused(refusal)) => {
                refused(&refusal, &mut told.wrongs);
                let status = problem::status_of(refusal.class());
                looking.settings_page(&admin, status, told).await
            }
            Err(failure) => Err(failure),
        }
    })
    .await
}

pub(in crate::web) async fn delete(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/settings");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let typed = Some(form.get("confirm").trim());
        let deleted = instance.delete_registry(&admin, typed, &visitor.caller);
        match deleted.await {
            Ok(()) => {
                let list = if visitor.is_admin {
                    "/-/registries/deleted"
                } else {
                    "/"
                };
                let to = visitor.links.asking(list, &[("done", "deleted")]);
                Ok(see_other(visitor, &to))
            }
            Err(Failure::Refused(refusal)) => {
                let mut told = Told::of(looking.right.registry());
                let status = problem::status_of(refusal.class());
                match &*refusal {
                    Refusal::ConfirmRegistry(name) => {
                        told.removal_wrong = Some(format!("Type `{name}`, as it stands here."));
                    }
                    refusal => {
                        told.removal_problem = Some(errors::sentence(&refusal.to_string()));
                    }
                }
                looking.settings_page(&admin, status, told).await
            }
            Err(failure) => Err(failure),
        }
    })
    .await
}

pub(in crate::web) async fn show_upstreams(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        instance.may_administer(&name, visitor.actor.clone())?;
        let registry = looking.right.registry();
        let done = (Asked::of(&uri).get("done") == "saved").then(|| saved_words(registry));
        let told = ToldOfOrder {
            rows: order::saved(registry),
            done,
            ..ToldOfOrder::default()
        };
        looking.order_page(StatusCode::OK, told).await
    })
    .await
}

/// Saves the list, or does what one of its buttons asks for, and shows what would be saved.
pub(in crate::web) async fn change_upstreams(
    State(instance): State<Arc<Instance>>,
    Path(name): Path<String>,
    visitor: Visitor,
    request: Request<Body>,
) -> Response<Body> {
    let here = format!("/{name}/settings/upstreams");
    let (_, form) = match account::sent(&instance, &visitor, request, &here).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (instance, visitor) = (&instance, &visitor);
    looked_at(instance, visitor, &name, async |right| {
        let looking = Looking::new(instance, visitor, right);
        let admin = instance.may_administer(&name, visitor.actor.clone())?;
        let mut told = ToldOfOrder {
            rows: order::sent(&form),
            ..ToldOfOrder::default()
        };
        if form.get("do") != "save" {
            let actor = instance.signed_in(visitor.actor.clone())?;
            let own = &looking.right.registry().name;
            let usable = instance.usable_upstreams(&actor, Some(own));
            told.said = order::step(&form, &mut told.rows, &usable, &mut told.wrongs);
            told.attach = form.get("attach").to_owned();
            let status = status_of(&told.wrongs);
            return looking.order_page(status, told).await;
        }
        let Some(upstreams) = order::wanted(&mut told.rows, &mut told.wrongs) else {
            return looking
                .order_page(StatusCode::UNPROCESSABLE_ENTITY, told)
                .await;
        };
        looking.save_order(&admin, upstreams, told).await
    })
    .await
}

/// Of a form that comes back.
pub(in crate::web) fn status_of(wrongs: &Wrongs) -> StatusCode {
    if wrongs.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

/// In which order names are asked from now on.
fn saved_words(registry: &Registry) -> String {
    let names = registry.upstreams.iter();
    let names: Vec<_> = names.map(|it| format!("`{}`", it.upstream.name)).collect();
    match names.as_slice() {
        [] => "The list is saved: from now on nobody outside is asked.".to_owned(),
        [only] => format!("The list is saved: from now on {only} is asked."),
        names => format!(
            "The list is saved: from now on {} are asked, in this order.",
            names.join(", ")
        ),
    }
}

/// The fields that a new registry has as well.
pub(in crate::web) fn draft(form: &Form) -> RegistryDraft {
    RegistryDraft {
        name: form.get("name").trim().to_owned(),
        // browsers send the line breaks of a text as two characters
        description: form.get("description").replace("\r\n", "\n"),
        labels: form.get("labels").replace("\r\n", "\n"),
        visibility: form.get("visibility").to_owned(),
        publishing: form.get("publishing").to_owned(),
        republish: form.get("republish") == "yes",
    }
}

/// The fields, each of which is what it says.
pub(in crate::web) struct Wanted {
    pub(in crate::web) description: String,
    pub(in crate::web) labels: BTreeMap<String, String>,
    pub(in crate::web) visibility: Visibility,
    pub(in crate::web) publishing: Publishing,
}

impl Wanted {
    /// Nothing where a field is wrong; each says so by itself.
    pub(in crate::web) fn of(draft: &RegistryDraft, wrongs: &mut Wrongs) -> Option<Self> {
        let labels = labels(&draft.labels);
        let visibility = draft.visibility.parse::<Visibility>();
        let publishing = draft.publishing.parse::<Publishing>();
        if let Err(sentence) = &labels {
            wrongs.put("labels", sentence.clone());
        }
        if visibility.is_err() {
            wrongs.put("visibility", "Choose who reads it.");
        }
        if publishing.is_err() {
            wrongs.put("publishing", "Choose who publishes to its crates.");
        }
        Some(Self {
            description: draft.description.trim().to_owned(),
            labels: labels.ok()?,
            visibility: visibility.ok()?,
            publishing: publishing.ok()?,
        })
    }
}

/// `key=value`, one a line; a line without a `=` is a key alone.
fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return Err(format!(
                "`{line}` has no key: write `key=value`, as in `team=core`."
            ));
        }
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("`{key}` stands there twice: give it one value."));
        }
    }
    Ok(labels)
}

/// Puts a refusal where it belongs: beside a field, or above the form.
pub(in crate::web) fn refused(refusal: &Refusal, wrongs: &mut Wrongs) {
    let sentence = errors::sentence(&refusal.to_string());
    match refusal {
        Refusal::RegistryName(_)
        | Refusal::RegistryTaken(_)
        | Refusal::RegistryTwin { .. }
        | Refusal::RegistryRetired(_) => wrongs.put("name", sentence),
        Refusal::Nesting { .. } => wrongs.put("visibility", sentence),
        Refusal::Shape(text) if text.starts_with("`description`") => {
            wrongs.put("description", sentence);
        }
        Refusal::Shape(text) if text.starts_with("label") || text.starts_with("`labels`") => {
            wrongs.put("labels", sentence);
        }
        _ => wrongs.put_whole(sentence),
    }
}

/// What the page of settings says besides what is.
#[derive(Default)]
struct Told {
    draft: RegistryDraft,
    wrongs: Wrongs,
    done: Option<&'static str>,
    widens: Option<Visibility>,
    removal_problem: Option<String>,
    removal_wrong: Option<String>,
}

impl Told {
    /// As it is saved.
    fn of(registry: &Registry) -> Self {
        let labels = registry.labels.iter();
        let labels: Vec<_> = labels
            .map(|(key, value)| match value.as_str() {
                "" => key.clone(),
                value => format!("{key}={value}"),
            })
            .collect();
        Self {
            draft: RegistryDraft {
                name: registry.name.to_string(),
                description: registry.description.clone(),
                labels: labels.join("\n"),
                visibility: registry.visibility.to_string(),
                publishing: registry.publishing.to_string(),
                republish: registry.republish,
            },
            ..Self::default()
        }
    }
}

/// What the page of upstreams says besides what is.
#[derive(Default)]
struct ToldOfOrder {
    rows: Vec<OrderRow>,
    attach: String,
    said: Option<String>,
    wrongs: Wrongs,
    done: Option<String>,
}

impl Looking<'_> {
    /// A part of the settings once more, after what went well.
    fn to_settings(&self, part: &str, done: &str) -> Response<Body> {
        let path = format!("/{}/{part}", self.name());
        let to = self.visitor.links.asking(&path, &[("done", done)]);
        see_other(self.visitor, &to)
    }

    async fn settings_page(
        &self,
        admin: &MayAdminister,
        status: StatusCode,
        told: Told,
    ) -> Result<Response<Body>, Failure> {
        let registry = self.right.registry();
        let impact = self.instance.removal_impact(admin).await?;
        let widens = told.widens.and_then(|wider| {
            let mut choices = VISIBILITIES.iter();
            choices.find(|choice| choice.word == wider.as_str())
        });
        let template = RegistrySettingsPage {
            frame: self.frame("Settings"),
            head: self.head("settings").await?,
            draft: told.draft,
            wrongs: told.wrongs,
            done: told.done,
            widens,
            created: Moment::new(registry.created_at, self.now),
            removal: RegistryRemoval {
                crates: impact.crates,
                versions: impact.versions,
                readers: impact.readers,
                days: impact.days,
                read_by: impact.read_by.iter().map(ToString::to_string).collect(),
                read_by_hidden: impact.read_by_hidden,
                problem: told.removal_problem,
                wrong: told.removal_wrong,
            },
        };
        page(self.visitor, status, &template)
    }

    async fn order_page(
        &self,
        status: StatusCode,
        told: ToldOfOrder,
    ) -> Result<Response<Body>, Failure> {
        let actor = self.instance.signed_in(self.visitor.actor.clone())?;
        let own = &self.right.registry().name;
        let mut order = order::shown(self.instance, &actor, Some(own), told.rows);
        order.said = told.said;
        order.attach = told.attach;
        let mut frame = self.frame("Settings");
        frame.title = format!("Upstreams in order · {own}");
        let template = RegistryOrderPage {
            frame,
            head: self.head("settings").await?,
            order,
            wrongs: told.wrongs,
            done: told.done,
        };
        page(self.visitor, status, &template)
    }

    async fn save_order(
        &self,
        admin: &MayAdminister,
        upstreams: Vec<AttachmentRequest>,
        mut told: ToldOfOrder,
    ) -> Result<Response<Body>, Failure> {
        let edit = RegistryEdit {
            upstreams: Some(upstreams),
            ..RegistryEdit::default()
        };
        let caller = &self.visitor.caller;
        match self.instance.edit_registry(admin, edit, caller).await {
            Ok(_) => Ok(self.to_settings("settings/upstreams", "saved")),
            Err(Failure::Refused(refusal)) => {
                order::refused(&mut told.rows, &refusal, &mut told.wrongs);
                let status = problem::status_of(refusal.class());
                self.order_page(status, told).await
            }
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_line_by_line() {
        let read = labels(" team = core \n\ntier=\nplain\nurl=a=b").unwrap();
        let read: Vec<_> = read.iter().map(|(k, v)| format!("{k}|{v}")).collect();
        assert_eq!(read, ["plain|", "team|core", "tier|", "url|a=b"]);
        assert!(labels("=core").unwrap_err().contains("has no key"));
        assert!(labels("a=1\na=2").unwrap_err().contains("twice"));
        assert!(labels("").unwrap().is_empty());
    }

    /// R1: all that is wrong is told at once.
    #[test]
    fn each_field_says_by_itself_what_is_wrong() {
        let draft = RegistryDraft {
            labels: "=x".to_owned(),
            visibility: "secret".to_owned(),
            ..RegistryDraft::default()
        };
        let mut wrongs = Wrongs::default();
        assert!(Wanted::of(&draft, &mut wrongs).is_none());
        assert!(
            ["labels", "visibility", "publishing"].map(|field| wrongs.of(field).is_some())
                == [true; 3]
        );
    }
}
