//! Quarantine: a person holds or blocks a crate or a version, hosted or upstream's, and says why.

use std::sync::Arc;

use semver::Version;
use serde::Serialize;
use supercargo_policy::Quarantine as Decision;
use supercargo_store::QuarantineRow;
use supercargo_types::{Action, CanonicalName, ClaimMode, Spelling, Timestamp, version_number};
use utoipa::ToSchema;

use crate::{
    Caller, Instance,
    directory::Registry,
    refusal::{Outcome, Refusal},
    rights::{MayMaintain, MayRead},
};

/// In characters; it is printed in terminals.
const LONGEST_REASON: usize = 500;

/// What was decided about a crate or a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Quarantine {
    /// Which crate; it covers every spelling.
    #[serde(rename = "crate")]
    pub name: CanonicalName,
    /// Which version, without build metadata; `None` for the whole crate.
    pub version: Option<String>,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

fn shown(name: &CanonicalName, version: Option<&str>, decision: &Decision) -> Quarantine {
    Quarantine {
        name: name.clone(),
        version: version.map(str::to_owned),
        action: decision.action,
        reason: decision.reason.clone(),
        created_at: decision.created_at,
        created_by: decision.created_by.clone(),
    }
}

/// Of a whole crate, where somebody decided about it.
pub(crate) fn of_crate(registry: &Registry, name: &CanonicalName) -> Option<Quarantine> {
    let of_name = registry.rules.quarantines.get(name)?;
    let whole = of_name.whole.as_ref()?;
    Some(shown(name, None, whole))
}

impl Instance {
    /// Every quarantine of a registry, by crate and version.
    pub fn quarantines(&self, right: &MayRead) -> Vec<Quarantine> {
        let by_name = &right.registry.rules.quarantines;
        let mut list: Vec<_> = by_name
            .iter()
            .flat_map(|(name, of_name)| {
                let whole = of_name.whole.iter().map(|it| shown(name, None, it));
                let versions = of_name.numbers.iter();
                whole.chain(versions.map(|(number, it)| shown(name, Some(number), it)))
            })
            .collect();
        list.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        list
    }

    /// Decides about a crate with its later versions, or about one version, in place of what was decided before; it holds
    /// when this returns.
    ///
    /// # Errors
    /// [`Refusal::Shape`] for a reason that is none; [`Refusal::NoVersion`] for a version that a hosted crate does not have.
    pub async fn quarantine(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: &Spelling,
        version: Option<&str>,
        action: Action,
        reason: &str,
        caller: &Caller,
    ) -> Outcome<Quarantine> {
        let registry = &right.registry;
        let canonical = name.canonical();
        right.covers(&canonical)?;
        let reason = reason.trim();
        if reason.is_empty()
            || reason.chars().count() > LONGEST_REASON
            // it is printed in terminals, where an escape could hide or fake other lines
            || reason.chars().any(char::is_control)
        {
            return Err(Refusal::Shape(format!(
                "`reason` has 1 to {LONGEST_REASON} characters in one line, for those who are refused, as in `steals tokens, see ticket 4711`"
            ))
            .into());
        }
        let number = self.number(registry, name, version).await?;
        let row = QuarantineRow {
            name: canonical.clone(),
            number: number.clone(),
            action,
            reason: reason.to_owned(),
            created_at: self.clock().now(),
            created_by: right.actor.principal.to_string(),
        };
        let mut audit = self.audit("quarantine.set", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = Some(name.to_string());
        audit.version.clone_from(&number);
        audit.detail = Some(format!("{action}: {reason}"));
        let write = self.store.set_quarantine(registry.id, &row, &audit);
        self.write_settings(write).await?;
        Ok(Quarantine {
            name: canonical,
            version: number,
            action,
            reason: row.reason,
            created_at: row.created_at,
            created_by: row.created_by,
        })
    }

    /// Takes a decision back.
    ///
    /// # Errors
    /// [`Refusal::NoQuarantine`].
    pub async fn lift_quarantine(
        self: &Arc<Self>,
        right: &MayMaintain,
        name: &Spelling,
        version: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        let registry = &right.registry;
        let canonical = name.canonical();
        right.covers(&canonical)?;
        let none = || Refusal::NoQuarantine {
            registry: registry.name.clone(),
            what: match version {
                Some(version) => format!("{name}@{version}"),
                None => name.to_string(),
            },
        };
        let number = match version {
            Some(text) => Some(version_number(&text.parse().map_err(|_| none())?)),
            None => None,
        };
        let mut audit = self.audit("quarantine.lifted", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.crate_name = Some(name.to_string());
        audit.version.clone_from(&number);
        let now = self.clock().now();
        let lift =
            self.store
                .lift_quarantine(registry.id, &canonical, number.as_deref(), now, &audit);
        if self.write_settings(lift).await? {
            Ok(())
        } else {
            Err(none().into())
        }
    }

    /// The number that is meant. Of a crate that is hosted alone it has to be there; what upstream may bring can be named
    /// beforehand.
    async fn number(
        &self,
        registry: &Registry,
        name: &Spelling,
        version: Option<&str>,
    ) -> Outcome<Option<String>> {
        let Some(text) = version else {
            return Ok(None);
        };
        let absent = || Refusal::NoVersion {
            registry: registry.name.clone(),
            name: name.to_string(),
            version: text.chars().take(200).collect(),
        };
        let version: Version = text.parse().map_err(|_| absent())?;
        let canonical = name.canonical();
        let row = self.store.crate_row(registry.id, &canonical).await?;
        if registry.mode(&canonical, row.as_ref()) == Some(ClaimMode::Private) {
            let exists = match row {
                Some(row) => self.store.version_numbered(row.id, &version).await?,
                None => None,
            };
            if exists.is_none() {
                return Err(absent().into());
            }
        }
        Ok(Some(version_number(&version)))
    }
}
