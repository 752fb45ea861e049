//! What is done with a crate and with a version of it: a page with forms, and what becomes of each of them.
//!
//! Each form asks for the right that the same thing needs in the API. What takes something away wants its name typed.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    routing::{MethodRouter, post},
};
use http::{Request, Response, StatusCode, Uri};
use supercargo_pages::{
    CrateSettingsPage, Decided, Moment, Origin, Owners, PinChoice, QuarantineDraft, Removal,
    RowDeed, VersionSettingsPage, Wrongs,
};
use supercargo_registry::{
    Actor, DeletionImpact, Denied, Failure, Instance, MayRead, Quarantine, Refusal, RefusalClass,
    VersionItem,
};
use supercargo_types::{Action, PrincipalKind, Publishing, RegistryName, Spelling, VersionState};

use super::{Looking, Names, Part, errors, lists, look};
use crate::{
    problem,
    web::{
        account,
        forms::Form,
        respond::{page, see_other},
        visitor::Visitor,
    },
};

/// Who pulled a version, as far as its page names them.
const READERS: u32 = 5;
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
    let links = supercargo_pages::Links::new("");
    match version {
        Some(version) => (
            links.of_version(registry, krate, version, "settings"),
            links.of_crate(registry, krate, "versions"),
        ),
        None => {
            let settings = links.of_crate(registry, krate, "settings");
            (settings.clone(), settings)
        }
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

impl Looking<'_> {
    /// What was done just now, as the address says it.
    pub(super) fn done(&self) -> Option<String> {
        let version = self.asked.get("version");
        let what = if version.is_empty() {
            self.name().to_owned()
        } else {
            // an address can say anything: a version is told that is there
            format!("{}@{}", self.name(), self.item(version)?.version)
        };
        sentence(self.asked.get("done"), &what)
    }

    /// What who looks may do with a version, for its row.
    pub(super) fn row_deeds(&self, item: &VersionItem) -> Vec<RowDeed> {
        let is_hosted = lists::origin(item) == Origin::Hosted;
        let is_deleted = item.state == VersionState::Deleted;
        let (may, is_there) = (self.deeds, !is_deleted);
        let (is_yanked, is_purged) = (item.yanked, item.purged_at.is_some());
        let deed = |icon, words, place, is_danger| RowDeed {
            icon,
            words,
            place,
            is_danger,
        };
        [
            (
                may.yank && is_hosted && is_there && !is_yanked,
                deed("yanked", "Yank…", "yank", false),
            ),
            (
                may.yank && is_hosted && is_there && is_yanked,
                deed("available", "Unyank…", "yank", false),
            ),
            (
                may.maintain && is_there,
                deed("held", "Quarantine…", "quarantine", false),
            ),
            (
                may.maintain && item.is_changed,
                deed("warn", "Accept other bytes…", "accept", true),
            ),
            (
                may.delete && is_hosted && is_there,
                deed("deleted", "Delete…", "delete", true),
            ),
            (
                may.delete && is_deleted && !is_purged,
                deed("available", "Restore…", "restore", false),
            ),
            (
                may.purge && is_deleted && !is_purged,
                deed("deleted", "Purge…", "purge", true),
            ),
        ]
        .into_iter()
        .filter_map(|(may, deed)| may.then_some(deed))
        .collect()
    }

    /// What can be done with the whole crate.
    pub(super) async fn settings(&self, told: Told) -> Result<Response<Body>, Failure> {
        let may = self.deeds;
        let item = &self.detail.item;
        let versions = || self.detail.versions.iter();
        let is_hosted = |item: &&VersionItem| lists::origin(item) == Origin::Hosted;
        let is_there = |item: &&VersionItem| item.state != VersionState::Deleted;
        let hosted = versions().filter(is_hosted).filter(is_there).count();
        let tombstones = versions().filter(|item| !is_there(item));
        let restorable = tombstones.filter(|item| item.purged_at.is_none()).count();
        let is_gone = item.deleted_at.is_some();
        let removal = if may.delete && hosted > 0 {
            Some(self.removal(None, hosted).await?)
        } else {
            None
        };
        let shown = self.details.as_ref().zip(self.shown.as_ref());
        let draft = |field| told.draft(field);
        let (action, reason, owner) = (draft("action"), draft("reason"), draft("owner"));
        let current = item.quarantine.as_ref();
        let template = CrateSettingsPage {
            frame: self.frame("Settings"),
            head: self.head(shown, Part::Settings),
            done: self.done(),
            wrongs: told.wrongs,
            owners: self.owners_of(owner).await?,
            quarantine: may
                .maintain
                .then(|| self.quarantine_draft(current, action, reason)),
            pin: self.pin_choice().filter(|_| may.maintain && hosted == 0),
            removal,
            can_restore: may.delete && is_gone && restorable > 0,
            can_purge: may.purge && is_gone && restorable > 0,
            can_release: may.maintain
                && is_gone
                && item.released_at.is_none()
                && item.claim.is_none(),
        };
        page(self.visitor, told.status, &template)
    }

    async fn version_settings(&self, version: &str, told: Told) -> Result<Response<Body>, Failure> {
        let item = self.item(version).ok_or_else(|| Refusal::NoVersion {
            registry: self.registry().clone(),
            name: self.name().to_owned(),
            version: version.chars().take(64).collect(),
        })?;
        let may = self.deeds;
        let origin = lists::origin(item);
        let is_deleted = item.state == VersionState::Deleted;
        let is_there = origin == Origin::Hosted && !is_deleted;
        let can_come_back = is_deleted && item.purged_at.is_none();
        let removal = if may.delete && is_there {
            Some(self.removal(Some(item), 1).await?)
        } else {
            None
        };
        let (action, reason) = (told.draft("action"), told.draft("reason"));
        let current = self.own_quarantine(item);
        let (registry, name) = (self.registry().to_string(), self.name().to_owned());
        let mut frame = self.visitor.frame(format!("{name} {version} · {registry}"));
        frame.step("Registries", frame.links.home());
        frame.step(&registry, frame.links.registry(&registry));
        frame.step(&name, frame.links.krate(&registry, &name));
        frame.last_step(&format!("{version}, settings"));
        let moment = |at| Moment::new(at, self.now);
        let template = VersionSettingsPage {
            frame,
            registry,
            name,
            version: item.version.clone(),
            state: item.state.as_str(),
            reason: item.reason.as_deref().map(errors::sentence),
            decided: self.decided(item),
            origin,
            published: item.published_at.map(moment),
            publisher: item.publisher.as_ref().map(ToString::to_string),
            deleted: item.deleted_at.map(moment),
            purged: item.purged_at.map(moment),
            wrongs: told.wrongs,
            yanked: (may.yank && is_there).then_some(item.yanked),
            quarantine: (may.maintain && !is_deleted)
                .then(|| self.quarantine_draft(current.as_ref(), action, reason)),
            removal,
            can_restore: may.delete && can_come_back,
            can_purge: may.purge && can_come_back,
            can_accept: may.maintain && item.is_changed,
        };
        page(self.visitor, told.status, &template)
    }

    async fn owners_of(&self, draft: String) -> Result<Option<Owners>, Failure> {
        let list = match self.instance.owners(&self.right, &self.spelling).await {
            Ok(owners) => owners,
            // upstream's crates are nobody's here
            Err(Failure::Refused(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let owner = |owner: supercargo_registry::Owner| {
            let is_team = owner.principal.kind == PrincipalKind::Team;
            (is_team, owner.principal.to_string())
        };
        Ok(Some(Owners {
            list: list.into_iter().map(owner).collect(),
            may_change: self.deeds.own,
            is_for_owners: self.right.registry().publishing == Publishing::Owners,
            draft,
        }))
    }

    fn quarantine_draft(
        &self,
        current: Option<&Quarantine>,
        action: String,
        reason: String,
    ) -> QuarantineDraft {
        let action = match current {
            Some(current) if action.is_empty() => current.action.to_string(),
            _ => action,
        };
        QuarantineDraft {
            current: current.map(|current| Decided {
                state: match current.action {
                    Action::Hold => "held",
                    Action::Block => "blocked",
                },
                reason: current.reason.clone(),
                by: current.created_by.clone(),
                at: Moment::new(current.created_at, self.now),
            }),
            action,
            reason,
        }
    }

    /// What somebody decided about this very version.
    fn own_quarantine(&self, item: &VersionItem) -> Option<Quarantine> {
        let number = item.version.split('+').next();
        let name = self.spelling.canonical();
        let mut all = self.instance.quarantines(&self.right).into_iter();
        all.find(|it| it.name == name && it.version.as_deref() == number)
    }

    /// The upstreams that may be asked for the name, where there are several.
    fn pin_choice(&self) -> Option<PinChoice> {
        let name = self.spelling.canonical();
        let upstreams = self.right.registry().upstreams.iter();
        let takers = upstreams.filter(|attached| attached.takes(&name));
        let names: Vec<_> = takers
            .map(|attached| attached.upstream.name.clone())
            .collect();
        let mut versions = self.detail.versions.iter();
        let current = versions.find_map(|item| match lists::origin(item) {
            Origin::Upstream(name) => Some(name),
            Origin::Hosted => None,
        });
        (names.len() > 1).then_some(PinChoice {
            upstreams: names,
            current,
        })
    }

    /// What a deletion would take from people.
    async fn removal(
        &self,
        item: Option<&VersionItem>,
        versions: usize,
    ) -> Result<Removal, Failure> {
        let version = item.map(|item| item.version.as_str());
        let impact = self
            .instance
            .deletion_impact(&self.right, &self.spelling, version);
        let impact = match impact.await {
            Ok(impact) => impact,
            // an upstream that fails keeps nobody from deleting what is hosted
            Err(Failure::Refused(_)) => DeletionImpact::default(),
            Err(failure) => return Err(failure),
        };
        let mut removal = Removal {
            versions: versions as u64,
            downloads: impact.downloads,
            dependents: impact.dependents,
            is_sample: impact.looked_at < impact.dependents,
            takers: impact.takers,
            stranded: impact.stranded,
            ..Removal::default()
        };
        let registry = self.registry().as_str();
        let admin = self
            .instance
            .may_administer(registry, self.visitor.actor.clone());
        if let (Ok(admin), Some(item)) = (admin, item)
            && let Ok(number) = item.version.parse()
        {
            let pulls = self
                .instance
                .pulls(&admin, &self.spelling, &number, READERS, None)
                .await?;
            removal.all_readers = Some(pulls.total);
            let reader = |pull: supercargo_registry::Pull| {
                let who = pull.principal.unwrap_or_else(|| "somebody".to_owned());
                (who, Moment::new(pull.last_at, self.now))
            };
            removal.readers = pulls.items.into_iter().map(reader).collect();
            let query = [("crate", self.name()), ("version", &item.version)];
            let links = &self.visitor.links;
            removal.exposure = Some(links.asking("/-/admin/exposure", &query));
        }
        Ok(removal)
    }
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
