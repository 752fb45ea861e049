//! The audit log as people read it, and how long it is kept.
//!
//! What is done writes its entry in its own transaction, where it is done. What was denied comes from [`denials`], who
//! downloaded what from [`readers`]: both wait in memory for the batch of the next second, within limits.

mod denials;
mod exposure;
mod readers;
mod retention;

use serde::Serialize;
use supercargo_store::{AuditFilter, AuditRow, DOWNLOADED};
use supercargo_types::{CanonicalName, RegistryName, Timestamp};
use utoipa::ToSchema;

use crate::{
    Instance,
    refusal::Outcome,
    rights::{Denied, MayAudit},
};

pub use denials::Attempt;
pub(crate) use denials::{Denials, network};
pub use exposure::{Exposure, Pull, VersionsAsked};
pub(crate) use readers::Readers;
pub(crate) use retention::keep_tidy;
pub use supercargo_store::AuditOutcome;

/// Entries are counted as far as this: a log grows for years, and whoever turns its pages must not make the database read
/// all of it for each.
const COUNTED: u32 = 100_000;

/// Which entries; `None` asks for all.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only of this registry.
    pub registry: Option<RegistryName>,
    /// Only by this principal, as `service:ci`.
    pub principal: Option<String>,
    /// Only this action; that of downloads asks for them.
    pub action: Option<String>,
    /// Only what ended so.
    pub outcome: Option<AuditOutcome>,
    /// Only this crate, in any spelling.
    pub crate_name: Option<CanonicalName>,
    /// Only this version, as it was written down.
    pub version: Option<String>,
    /// Only from then on.
    pub from: Option<Timestamp>,
    /// Only before then.
    pub to: Option<Timestamp>,
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditItem {
    /// Its place in its log; the newest has the highest.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What, as `version.published`.
    pub action: String,
    /// `done`, `denied` or `alarm`.
    pub outcome: &'static str,
    /// Who, as `alice` or `service:ci`.
    pub principal: Option<String>,
    /// With which token.
    pub token_id: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// In which registry.
    pub registry: Option<String>,
    /// Which crate.
    #[serde(rename = "crate")]
    pub crate_name: Option<String>,
    /// Which version.
    pub version: Option<String>,
    /// More, in words.
    pub detail: Option<String>,
    /// The request that caused it.
    pub request_id: Option<String>,
}

impl From<AuditRow> for AuditItem {
    fn from(AuditRow { id, entry }: AuditRow) -> Self {
        Self {
            id,
            at: entry.at,
            action: entry.action,
            outcome: entry.outcome.as_str(),
            principal: entry.principal,
            token_id: entry.token_id,
            address: entry.address,
            user_agent: entry.user_agent,
            registry: entry.registry,
            crate_name: entry.crate_name,
            version: entry.version,
            detail: entry.detail,
            request_id: entry.request_id,
        }
    }
}

impl Instance {
    /// A page of the log, the newest first, from before an entry on. Downloads are many and have a log of their own, which is
    /// asked for by their action.
    ///
    /// # Errors
    /// Only faults, but for a text that no database can look for.
    pub async fn audit_page(
        &self,
        right: &MayAudit,
        query: &AuditQuery,
        limit: u32,
        before: Option<i64>,
    ) -> Outcome<Vec<AuditItem>> {
        let filter = filter(right, query);
        let rows = if asks_for_downloads(query) {
            self.write_readers().await;
            self.store.list_downloads(&filter, limit, before).await?
        } else {
            self.write_denials().await;
            self.store.list_audit(&filter, limit, before).await?
        };
        Ok(rows.into_iter().map(AuditItem::from).collect())
    }

    /// How many entries that is in all; a hundred thousand stand for more.
    ///
    /// # Errors
    /// As [`Instance::audit_page`].
    pub async fn audit_total(&self, right: &MayAudit, query: &AuditQuery) -> Outcome<u64> {
        let filter = filter(right, query);
        Ok(if asks_for_downloads(query) {
            self.store.count_downloads(&filter, COUNTED).await?
        } else {
            self.store.count_audit(&filter, COUNTED).await?
        })
    }

    /// The right once more: an export can take a while, and must not outlive the revocation of its token, nor a membership.
    ///
    /// # Errors
    /// [`Denied`] when it is not there any more.
    pub async fn still_may_audit(&self, right: &MayAudit) -> Outcome<()> {
        let actor = self.actor_again(&right.actor).await?;
        let name = right.registry.as_ref().map(|before| before.name.as_str());
        let again = self.may_audit(name, Some(actor))?;
        match (&right.registry, &again.registry) {
            (Some(before), Some(now))
                if now.id != before.id || now.created_at != before.created_at =>
            {
                Err(Denied::Hidden.into())
            }
            _ => Ok(()),
        }
    }
}

fn asks_for_downloads(query: &AuditQuery) -> bool {
    query.action.as_deref() == Some(DOWNLOADED)
        && matches!(query.outcome, None | Some(AuditOutcome::Done))
}

/// What is asked for, within the right: the name of a registry may have been that of another one before, whose members were
/// others.
fn filter(right: &MayAudit, query: &AuditQuery) -> AuditFilter {
    let (registry, since) = match &right.registry {
        Some(registry) => (Some(&registry.name), Some(registry.created_at)),
        None => (query.registry.as_ref(), None),
    };
    AuditFilter {
        registry: registry.map(RegistryName::to_string),
        principal: query.principal.clone(),
        action: query.action.clone(),
        outcome: query.outcome,
        crate_name: query.crate_name.clone(),
        version: query.version.clone(),
        from: query.from.max(since),
        to: query.to,
    }
}
