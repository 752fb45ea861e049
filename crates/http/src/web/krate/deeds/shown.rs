//! The pages with the forms: what can be done with a crate or a version, each thing for who may, and what it would come to.

use axum::body::Body;
use http::Response;
use supercargo_pages::{
    CrateSettingsPage, Decided, Moment, Origin, Owners, PinChoice, QuarantineDraft, Removal,
    RowDeed, VersionSettingsPage,
};
use supercargo_registry::{DeletionImpact, Failure, Quarantine, Refusal, VersionItem};
use supercargo_types::{Action, PrincipalKind, Publishing, VersionState};

use super::{Told, sentence};
use crate::web::{
    errors,
    krate::{Looking, Part, lists},
    respond::page,
};

/// Who pulled a version, as far as its page names them.
const READERS: u32 = 5;

impl Looking<'_> {
    /// What was done just now, as the address says it.
    pub(in crate::web::krate) fn done(&self) -> Option<String> {
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
    pub(in crate::web::krate) fn row_deeds(&self, item: &VersionItem) -> Vec<RowDeed> {
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
    pub(in crate::web::krate) async fn settings(
        &self,
        told: Told,
    ) -> Result<Response<Body>, Failure> {
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

    pub(super) async fn version_settings(
        &self,
        version: &str,
        told: Told,
    ) -> Result<Response<Body>, Failure> {
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
        let (impact, is_known) = match impact.await {
            Ok(impact) => (impact, true),
            // an upstream that fails keeps nobody from deleting what is hosted
            Err(Failure::Refused(_)) => (DeletionImpact::default(), false),
            Err(failure) => return Err(failure),
        };
        let mut removal = Removal {
            versions: versions as u64,
            is_known,
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
