//! Claims: how a registry treats a name or a pattern of names against its upstream.

use serde::Serialize;
use supercargo_store::Created;
use supercargo_types::{ClaimMode, NamePattern, Timestamp};
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

impl Instance {
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
        let takes_away = match mode {
            ClaimMode::Private | ClaimMode::Fork => true,
            // upstream's versions are served as before, only that what it lists from now on counts
            ClaimMode::Merge => false,
        };
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
