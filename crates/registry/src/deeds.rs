//! What somebody may do with a crate, and what it would break: for whoever is about to do it.
//!
//! Nothing here decides: each right is asked for once more by the use case itself.

use semver::{Version, VersionReq};
use supercargo_types::{Spelling, VersionState};

use crate::{Instance, VersionItem, downloads::day, refusal::Outcome, rights::MayRead};

/// Downloads of so many days are told, today among them.
const DAYS: i64 = 30;
/// Dependents that are looked at one by one; of more, only how many there are.
const LOOKED_AT: u32 = 100;

/// What somebody may do with a crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "rights of their own, and every mixture of them is somebody's"
)]
pub struct Deeds {
    /// Yank versions, and take that back.
    pub yank: bool,
    /// Change its owners.
    pub own: bool,
    /// Quarantine, claim, pin, release, accept changed bytes.
    pub maintain: bool,
    /// Delete and restore.
    pub delete: bool,
    /// Purge what is deleted.
    pub purge: bool,
}

impl Deeds {
    /// Whether there is anything.
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// What the deletion of a version, or of a whole crate, would take from people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletionImpact {
    /// Through this registry, in thirty days.
    pub downloads: u64,
    /// Hosted crates of the registry whose newest version needs the crate.
    pub dependents: u64,
    /// How many of them were looked at one by one.
    pub looked_at: u64,
    /// Of those, who takes the version, by name.
    pub takers: Vec<String>,
    /// Of the takers, who would be left without any version that fits.
    pub stranded: Vec<String>,
}

impl Instance {
    /// What the actor of a right may do with a crate of the registry.
    ///
    /// # Errors
    /// Only faults.
    pub async fn deeds(&self, right: &MayRead, name: &Spelling) -> Outcome<Deeds> {
        let registry = right.registry.name.as_str();
        let canonical = name.canonical();
        let actor = || right.actor.clone();
        let yank = self.may_yank(registry, actor());
        let yank = yank.is_ok_and(|right| right.covers(&canonical).is_ok());
        let own = self.may_own(registry, actor()).ok();
        let own = own.filter(|right| right.covers(&canonical).is_ok());
        let owns = match own.as_ref().map(|right| right.must_own) {
            Some(Some(principal)) => {
                let row = self.store.crate_row(right.registry.id, &canonical).await?;
                match row.filter(|row| row.name.spelling() == *name) {
                    Some(row) => self.store.owns(row.id, principal).await?,
                    None => false,
                }
            }
            Some(None) => true,
            None => false,
        };
        let maintain = self.may_maintain(registry, actor());
        let delete = self.may_delete(registry, actor());
        Ok(Deeds {
            yank: yank && owns,
            own: owns,
            maintain: maintain.is_ok_and(|right| right.covers(&canonical).is_ok()),
            delete: delete.is_ok_and(|right| right.covers(&canonical).is_ok()),
            purge: self.may_administer(registry, actor()).is_ok(),
        })
    }

    /// What deleting a version of a crate would take from people, or deleting all of it.
    ///
    /// # Errors
    /// [`NoCrate`](crate::Refusal::NoCrate), [`NoVersion`](crate::Refusal::NoVersion), or why its upstream could not be asked.
    pub async fn deletion_impact(
        self: &std::sync::Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: Option<&str>,
    ) -> Outcome<DeletionImpact> {
        let since = day(self.clock().now()) - DAYS + 1;
        let downloads = self.downloads(right, name, version).await?;
        let of_versions = downloads
            .versions
            .iter()
            .map(|(_, day, total)| (day, total));
        let others = downloads.others.iter().map(|(day, total)| (day, total));
        let recent = of_versions.chain(others).filter(|(day, _)| **day >= since);
        let mut impact = DeletionImpact {
            downloads: recent.map(|(_, total)| total).sum(),
            ..DeletionImpact::default()
        };
        let others = self.others(right, name, version).await?;
        let wanted = version.and_then(|text| text.parse::<Version>().ok());
        let dependents = self.dependents(right, name, LOOKED_AT, 0).await?;
        impact.dependents = dependents.total;
        impact.looked_at = dependents.items.len() as u64;
        for dependent in dependents.items {
            let Ok(requirement) = VersionReq::parse(&dependent.dependency.req) else {
                continue;
            };
            let takes = wanted
                .as_ref()
                .is_none_or(|version| requirement.matches(version));
            if takes {
                let name = dependent.name.to_string();
                if !others.iter().any(|other| requirement.matches(other)) {
                    impact.stranded.push(name.clone());
                }
                impact.takers.push(name);
            }
        }
        Ok(impact)
    }

    /// The versions that cargo can still choose when one of them, or all that are hosted, are gone.
    async fn others(
        self: &std::sync::Arc<Self>,
        right: &MayRead,
        name: &Spelling,
        version: Option<&str>,
    ) -> Outcome<Vec<Version>> {
        let stays = |item: &VersionItem| match version {
            Some(gone) => item.version != gone,
            None => item.origin != "hosted",
        };
        let detail = self.crate_detail(right, name).await?;
        let others = detail
            .versions
            .into_iter()
            .filter(|item| item.state == VersionState::Available && stays(item));
        Ok(others
            .filter_map(|item| item.version.parse().ok())
            .collect())
    }
}
