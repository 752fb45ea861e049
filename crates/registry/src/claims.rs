//! Claims: how a registry treats a name or a pattern of names against its upstream.

use std::collections::HashMap;

use serde::Serialize;
use supercargo_store::Created;
use supercargo_types::{
    CanonicalName, ClaimMode, CrateName, NamePattern, PrincipalRef, Spelling, Timestamp,
};
use utoipa::ToSchema;

use crate::{
    Caller, Instance,
    refusal::{Outcome, Refusal},
    rights::{MayMaintain, MayRead},
};

/// A claim as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Claim {
    /// The names it covers.
    pub pattern: NamePattern,
    /// What it does with them.
    pub mode: ClaimMode,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A new claim and what it takes away.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClaimImpact {
    /// The claim.
    #[serde(flatten)]
    pub claim: Claim,
    /// Versions of upstream's that were downloaded under these names and are not served in the index view any more.
    pub cached_versions: u64,
    /// Principals who downloaded any version under these names within 30 days, but for names that are hosted; whoever came
    /// without a token counts as one.
    pub recent_readers: u64,
}

/// What a claim would take away if it were made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimForetold {
    /// Versions of upstream's that were given out under these names and would not be served in the index view any more.
    pub cached_versions: u64,
    /// The same by name, with the most versions first.
    pub names: Vec<(Spelling, u64)>,
    /// As in [`ClaimImpact`].
    pub recent_readers: u64,
    /// Names that it covers and that are hosted here, which stay as they are.
    pub hosted: u64,
}

/// A name that was hosted here once, has no version left, and stays private until somebody releases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptName {
    /// As its publisher wrote it.
    pub name: CrateName,
    /// When its last version was deleted.
    pub deleted_at: Option<Timestamp>,
    /// What claims it as well: it cannot be released before that is gone.
    pub claim: Option<ClaimMode>,
}

/// Whether a claim of this mode takes versions of upstream's from the index view.
fn takes_away(mode: ClaimMode) -> bool {
    match mode {
        ClaimMode::Private | ClaimMode::Fork => true,
        // upstream's versions are served as before, only that what it lists from now on counts
        ClaimMode::Merge => false,
    }
}

impl Instance {
    /// What a claim would take away from whom; nothing is changed.
    ///
    /// # Errors
    /// [`Refusal::ClaimTaken`].
    pub async fn foretell_claim(
        &self,
        right: &MayMaintain,
        pattern: &NamePattern,
        mode: ClaimMode,
    ) -> Outcome<ClaimForetold> {
        let registry = &right.registry;
        right.covers_pattern(pattern)?;
        let is_taken = registry.claims.iter().any(|row| row.pattern == *pattern);
        if is_taken {
            return Err(Refusal::ClaimTaken {
                registry: registry.name.clone(),
                pattern: pattern.clone(),
            }
            .into());
        }
        let (mut names, mut recent_readers) = (Vec::new(), 0);
        if takes_away(mode) {
            names = self.store.promised_under(registry.id, pattern).await?;
            recent_readers = self.recent_readers(registry.id, pattern).await?;
        }
        names.sort_by(|(left, more), (right, less)| less.cmp(more).then_with(|| left.cmp(right)));
        Ok(ClaimForetold {
            cached_versions: names.iter().map(|(_, versions)| versions).sum(),
            names,
            recent_readers,
            hosted: self.store.hosted_under(registry.id, pattern).await?,
        })
    }

    /// Who made which claim of a registry; those of earlier releases do not say it.
    ///
    /// # Errors
    /// Only faults.
    pub async fn claimants(
        &self,
        right: &MayMaintain,
    ) -> Outcome<HashMap<NamePattern, PrincipalRef>> {
        Ok(self.store.claimants(right.registry.id).await?)
    }

    /// How many names that are hosted in a registry a claim covers: what stays private when it is deleted.
    ///
    /// # Errors
    /// [`Refusal::NoClaim`].
    pub async fn hosted_under_claim(
        &self,
        right: &MayMaintain,
        pattern: &NamePattern,
    ) -> Outcome<(ClaimMode, u64)> {
        let registry = &right.registry;
        let mut claims = registry.claims.iter();
        let Some(claim) = claims.find(|row| row.pattern == *pattern) else {
            return Err(Refusal::NoClaim {
                registry: registry.name.clone(),
                pattern: pattern.clone(),
            }
            .into());
        };
        let hosted = self.store.hosted_under(registry.id, pattern).await?;
        Ok((claim.mode, hosted))
    }

    /// Names that could be released to upstream, by name, or one of them; and how many there are in all.
    ///
    /// # Errors
    /// Only faults.
    pub async fn kept_names(
        &self,
        right: &MayMaintain,
        name: Option<&CanonicalName>,
        limit: u32,
    ) -> Outcome<(Vec<KeptName>, u64)> {
        let registry = &right.registry;
        let page = self.store.kept_names(registry.id, name, limit).await?;
        let names = page.items.into_iter().map(|row| {
            let canonical: CanonicalName = row.name.canonical();
            KeptName {
                claim: registry.claim(&canonical),
                name: row.name,
                deleted_at: row.deleted_at,
            }
        });
        Ok((names.collect(), page.total))
    }

    /// The claims of a registry, by pattern.
    pub fn claims(&self, right: &MayRead) -> Vec<Claim> {
        let claim = |row: &supercargo_store::ClaimRow| Claim {
            pattern: row.pattern.clone(),
            mode: row.mode,
            created_at: row.created_at,
        };
        right.registry.claims.iter().map(claim).collect()
    }

    /// Makes a claim; it holds when this returns.
    ///
    /// # Errors
    /// [`Refusal::ClaimTaken`].
    pub async fn create_claim(
        &self,
        right: &MayMaintain,
        pattern: NamePattern,
        mode: ClaimMode,
        caller: &Caller,
    ) -> Outcome<ClaimImpact> {
        let registry = &right.registry;
        right.covers_pattern(&pattern)?;
        let now = self.clock().now();
        let takes_away = takes_away(mode);
        let recent_readers = if takes_away {
            self.recent_readers(registry.id, &pattern).await?
        } else {
            0
        };
        let mut audit = self.audit("claim.created", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.detail = Some(format!("{pattern} {mode}"));
        let made_by = Some(right.actor.principal_id);
        let write = self
            .store
            .create_claim(registry.id, &pattern, mode, made_by, now, &audit);
        let created = self.write_settings(write).await?;
        self.forget_absences(registry, &pattern);
        let Created::Done(forgotten) = created else {
            return Err(Refusal::ClaimTaken {
                registry: registry.name.clone(),
                pattern,
            }
            .into());
        };
        let cached_versions = if takes_away { forgotten } else { 0 };
        let claim = Claim {
            pattern,
            mode,
            created_at: now,
        };
        Ok(ClaimImpact {
            claim,
            cached_versions,
            recent_readers,
        })
    }

    /// Deletes a claim. Names that were ever hosted stay private; the others go back to upstream, so a pattern has to be
    /// typed again.
    ///
    /// # Errors
    /// [`Refusal::NoClaim`], [`Refusal::ConfirmClaim`].
    pub async fn delete_claim(
        &self,
        right: &MayMaintain,
        pattern: &NamePattern,
        confirm: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        let registry = &right.registry;
        right.covers_pattern(pattern)?;
        if confirm
            .and_then(|text| text.parse::<NamePattern>().ok())
            .as_ref()
            != Some(pattern)
        {
            return Err(Refusal::ConfirmClaim(pattern.clone()).into());
        }
        let mut audit = self.audit("claim.deleted", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        audit.detail = Some(pattern.to_string());
        let now = self.clock().now();
        let write = self.store.delete_claim(registry.id, pattern, now, &audit);
        if self.write_settings(write).await? {
            self.forget_absences(registry, pattern);
            Ok(())
        } else {
            Err(Refusal::NoClaim {
                registry: registry.name.clone(),
                pattern: pattern.clone(),
            }
            .into())
        }
    }
}
