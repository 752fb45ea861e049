//! What is done with a crate and with a version of it: a page with forms, and what becomes of each of them.
//!
//! Each form asks for the right that the same thing needs in the API. What takes something away wants its name typed.

mod shown;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    routing::{MethodRouter, post},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{Links, Wrongs};
use supercargo_registry::{Actor, Denied, Failure, Instance, MayRead, Refusal, RefusalClass};
use supercargo_types::{Action, RegistryName, Spelling};

use super::{Names, errors, look};
use crate::{
    problem,
    web::{account, forms::Form, respond::see_other, visitor::Visitor},
};

/// In characters, of what somebody has typed where a name is asked for.
const TYPED: usize = 200;

/// A form of these pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Deed {
    Yank,
    Unyank,
    Quarantine,
    Lift,
    Delete,
    Restore,
    Purge,
    Release,
    Pin,
    Accept,
    AddOwner,
    RemoveOwner,
}

impl Deed {
    /// As the address of what comes after it says it.
    fn word(self) -> &'static str {
        match self {
            Self::Yank => "yanked",
            Self::Unyank => "unyanked",
            Self::Quarantine => "quarantined",
            Self::Lift => "lifted",
            Self::Delete => "deleted",
            Self::Restore => "restored",
            Self::Purge => "purged",
            Self::Release => "released",
            Self::Pin => "pinned",
            Self::Accept => "accepted",
            Self::AddOwner => "owner-added",
            Self::RemoveOwner => "owner-removed",
        }
    }

    /// The field that a refusal is about, where it is about one.
    fn field(self) -> Option<&'static str> {
        match self {
            Self::Quarantine => Some("reason"),
            Self::AddOwner => Some("owner"),
            Self::Pin => Some("upstream"),
            _ => None,
        }
    }
}

/// What was done, in a sentence about `demo` or `demo@1.0.0`.
fn sentence(word: &str, what: &str) -> Option<String> {
    let end = match word {
        "yanked" => "is yanked: cargo takes it only where a lockfile names it.",
        "unyanked" => "is not yanked any more.",
        "quarantined" => "is in quarantine.",
        "lifted" => "is in quarantine no more.",
        "deleted" => "is deleted. It can be restored until it is purged.",
        "restored" => "is there again, with the same bytes.",
        "purged" => "is gone for ever, and its numbers stay taken.",
        "released" => "is the name of an upstream's crate again.",
        "pinned" => "is read from there from now on.",
        "accepted" => "may have the bytes that its upstream lists now.",
        "owner-added" => "has another owner.",
        "owner-removed" => "has one owner less.",
        _ => return None,
    };
    Some(format!("`{what}` {end}"))
}

/// What came of a form that could not be followed.
#[derive(Default)]
pub(super) struct Told {
    status: StatusCode,
    wrongs: Wrongs,
    form: Option<Form>,
}

impl Told {
    /// What was typed into a field.
    fn draft(&self, field: &str) -> String {
        let form = self.form.as_ref();
        form.map_or_else(String::new, |form| form.get(field).to_owned())
    }
}

/// `GET …/crates/{krate}/settings`.
pub(in crate::web) async fn of_crate(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate)): Path<(String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let names = (registry, krate, None);
    show(&instance, &visitor, &names, &uri, Told::default()).await
}

/// `GET …/crates/{krate}/{version}/settings`.
pub(in crate::web) async fn of_version(
    State(instance): State<Arc<Instance>>,
    Path((registry, krate, version)): Path<(String, String, String)>,
    visitor: Visitor,
    uri: Uri,
) -> Response<Body> {
    let names = (registry, krate, Some(version));
    show(&instance, &visitor, &names, &uri, Told::default()).await
}

/// A form of a crate's page.
pub(in crate::web) fn to_crate(deed: Deed) -> MethodRouter<Arc<Instance>> {
    post(
        move |State(instance): State<Arc<Instance>>,
              Path((registry, krate)): Path<(String, String)>,
              visitor: Visitor,
              request: Request<Body>| async move {
            let names = (registry, krate, None);
            Box::pin(follow(&instance, &visitor, &names, request, deed)).await
        },
    )
}

/// A form of a version's page.
pub(in crate::web) fn to_version(deed: Deed) -> MethodRouter<Arc<Instance>> {
    post(
        move |State(instance): State<Arc<Instance>>,
              Path((registry, krate, version)): Path<(String, String, String)>,
              visitor: Visitor,
              request: Request<Body>| async move {
            let names = (registry, krate, Some(version));
            Box::pin(follow(&instance, &visitor, &names, request, deed)).await
        },
    )
}

/// Whoever publishes may come here: what they may do with this very crate is decided form by form.
async fn show(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    (registry, krate, version): &Names,
    uri: &Uri,
    told: Told,
) -> Response<Body> {
    if registry.parse::<RegistryName>().is_err() {
        return errors::no_such_page(instance, visitor);
    }
    let shown = async {
        let right = instance.may_own(registry, visitor.actor.clone())?;
        let names = (krate.as_str(), None);
        let looking = look(instance, visitor, (&right).into(), names, uri).await?;
        match version {
            Some(version) => looking.version_settings(version, told).await,
            None => looking.settings(told).await,
        }
    };
    let shown = Box::pin(shown).await;
    shown.unwrap_or_else(|failure| errors::in_registry(instance, visitor, registry, failure))
}

/// The path below BASE of the page that a form stands on, and of the one that shows what came of it.
fn paths((registry, krate, version): &Names) -> (String, String) {
    let links = Links::new("");
    if let Some(version) = version {
        (
            links.of_version(registry, krate, version, "settings"),
            links.of_crate(registry, krate, "versions"),
        )
    } else {
        let settings = links.of_crate(registry, krate, "settings");
        (settings.clone(), settings)
    }
}

async fn follow(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    names: &Names,
    request: Request<Body>,
    deed: Deed,
) -> Response<Body> {
    let (registry, _, version) = names;
    if registry.parse::<RegistryName>().is_err() {
        return errors::no_such_page(instance, visitor);
    }
    let (here, afterwards) = paths(names);
    let uri = request.uri().clone();
    let form = match account::sent(instance, visitor, request, &here).await {
        Ok((_, form)) => form,
        Err(answer) => return answer,
    };
    let wrongs = match act(instance, visitor, names, &form, deed).await {
        Ok(()) => {
            let version = version.as_deref().unwrap_or_default();
            let query = [("done", deed.word()), ("version", version)];
            return see_other(visitor, &visitor.links.asking(&afterwards, &query));
        }
        Err(Undone::Typed(wrongs)) => (StatusCode::UNPROCESSABLE_ENTITY, wrongs),
        Err(Undone::Failed(Failure::Refused(refusal))) => match refused(deed, &refusal) {
            Some(told) => told,
            // that is for owners: written down like every other denial
            None if refusal.class() == RefusalClass::NotOwned => {
                let denied = Denied::Right(refusal.to_string());
                return errors::in_registry(instance, visitor, registry, denied);
            }
            None => {
                let failure = Failure::Refused(refusal);
                return errors::in_registry(instance, visitor, registry, failure);
            }
        },
        Err(Undone::Failed(failure)) => {
            return errors::in_registry(instance, visitor, registry, failure);
        }
    };
    let told = Told {
        status: wrongs.0,
        wrongs: wrongs.1,
        form: Some(form),
    };
    show(instance, visitor, names, &uri, told).await
}

/// What stands on the form that comes back; nothing where there is no form to show.
fn refused(deed: Deed, refusal: &Refusal) -> Option<(StatusCode, Wrongs)> {
    let status = problem::status_of(refusal.class());
    let is_gone = matches!(refusal, Refusal::NoCrate { .. } | Refusal::NoVersion { .. });
    if is_gone || refusal.class() == RefusalClass::NotOwned {
        return None;
    }
    let mut wrongs = Wrongs::default();
    let text = errors::sentence(&refusal.to_string());
    match deed.field() {
        Some(field) => wrongs.put(field, text),
        None => wrongs.put_whole(text),
    }
    Some((status, wrongs))
}

/// Why nothing was done.
enum Undone {
    /// The name was not typed as it is.
    Typed(Wrongs),
    Failed(Failure),
}

impl<F: Into<Failure>> From<F> for Undone {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

/// A right, and the crate's name: the right first, for what is no name must not tell which registries exist.
fn may<T>(right: Result<T, Denied>, krate: &str) -> Result<(T, Spelling), Failure>
where
    MayRead: for<'a> From<&'a T>,
{
    let right = right?;
    let name = krate.parse().map_err(|_| {
        Failure::from(Refusal::NoCrate {
            registry: MayRead::from(&right).registry().name.clone(),
            name: krate.chars().take(64).collect(),
        })
    })?;
    Ok((right, name))
}

/// Against a slip: the name as it stands beside the field.
fn typed(
    field: &'static str,
    form: &Form,
    name: &Spelling,
    version: Option<&str>,
) -> Result<(), Undone> {
    let text: String = form.get("confirm").trim().chars().take(TYPED).collect();
    let (typed_name, typed_version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text.as_str(), None),
    };
    // as its publisher writes it, in whatever case
    let is_name = typed_name.to_lowercase() == name.to_string();
    if is_name && typed_version == version {
        return Ok(());
    }
    let mut wrongs = Wrongs::default();
    let what = version.map_or_else(|| name.to_string(), |version| format!("{name}@{version}"));
    wrongs.put(
        field,
        format!("Type `{what}`, so that it is clear what is meant."),
    );
    Err(Undone::Typed(wrongs))
}

async fn act(
    instance: &Arc<Instance>,
    visitor: &Visitor,
    (registry, krate, version): &Names,
    form: &Form,
    deed: Deed,
) -> Result<(), Undone> {
    let actor = || -> Option<Arc<Actor>> { visitor.actor.clone() };
    let (caller, version) = (&visitor.caller, version.as_deref());
    let number = version.unwrap_or_default();
    match deed {
        Deed::Yank | Deed::Unyank => {
            let (right, name) = may(instance.may_yank(registry, actor()), krate)?;
            let yanked = deed == Deed::Yank;
            let set = instance.set_yanked(&right, &name, number, yanked, caller);
            set.await?;
        }
        Deed::Quarantine => {
            let (right, name) = may(instance.may_maintain(registry, actor()), krate)?;
            let action = match form.get("action") {
                "block" => Action::Block,
                _ => Action::Hold,
            };
            let reason = form.get("reason");
            let set = instance.quarantine(&right, &name, version, action, reason, caller);
            set.await?;
        }
        Deed::Lift => {
            let (right, name) = may(instance.may_maintain(registry, actor()), krate)?;
            let lift = instance.lift_quarantine(&right, &name, version, caller);
            lift.await?;
        }
        Deed::Delete => {
            let (right, name) = may(instance.may_delete(registry, actor()), krate)?;
            typed("delete", form, &name, version)?;
            instance.delete(&right, &name, version, caller).await?;
        }
        Deed::Restore => {
            let (right, name) = may(instance.may_delete(registry, actor()), krate)?;
            instance.restore(&right, &name, version, caller).await?;
        }
        Deed::Purge => {
            let (right, name) = may(instance.may_administer(registry, actor()), krate)?;
            typed("purge", form, &name, version)?;
            instance.purge(&right, &name, version, caller).await?;
        }
        Deed::Release => {
            let (right, name) = may(instance.may_maintain(registry, actor()), krate)?;
            typed("release", form, &name, None)?;
            let confirm = name.to_string();
            instance.release(&right, &name, &confirm, caller).await?;
        }
        Deed::Pin => {
            let (right, name) = may(instance.may_maintain(registry, actor()), krate)?;
            let upstream = form.get("upstream");
            instance.pin(&right, &name, upstream, caller).await?;
        }
        Deed::Accept => {
            let (right, name) = may(instance.may_maintain(registry, actor()), krate)?;
            typed("accept", form, &name, version)?;
            let accept = instance.accept_changed_bytes(&right, &name, number, Some(number), caller);
            accept.await?;
        }
        Deed::AddOwner | Deed::RemoveOwner => {
            let (right, name) = may(instance.may_own(registry, actor()), krate)?;
            let owners = [form.get("owner").trim().to_owned()];
            if deed == Deed::AddOwner {
                instance.add_owners(&right, &name, &owners, caller).await?;
            } else {
                instance
                    .remove_owners(&right, &name, &owners, caller)
                    .await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_is_told_of_afterwards() {
        use Deed::{
            Accept, AddOwner, Delete, Lift, Pin, Purge, Quarantine, Release, RemoveOwner, Restore,
            Unyank, Yank,
        };
        for deed in [
            Yank,
            Unyank,
            Quarantine,
            Lift,
            Delete,
            Restore,
            Purge,
            Release,
            Pin,
            Accept,
            AddOwner,
            RemoveOwner,
        ] {
            assert!(sentence(deed.word(), "demo").is_some(), "{deed:?}");
        }
        assert_eq!(sentence("<i>", "demo"), None);
    }
}
