//! Claims: how a registry treats a name against its upstreams.

use supercargo_types::{ClaimMode, NamePattern, Timestamp};

use crate::{
    AuditEntry, Change, Created, Store, StoreError, audit, ledger, query::query, registries,
    statements::statements,
};

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRow {
    /// The names that it covers.
    pub pattern: NamePattern,
    /// How they are treated.
    pub mode: ClaimMode,
    /// When it was made.
    pub created_at: Timestamp,
    /// The principal who made it.
    pub created_by: Option<i64>,
}

statements! {
    INSERT_CLAIM = "
        INSERT INTO claims (registry_id, pattern, mode, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (registry_id, pattern) DO NOTHING";
    DELETE_CLAIM = "DELETE FROM claims WHERE registry_id = $1 AND pattern = $2";
}

impl Store {
    /// Makes a claim. It is the override for the index view's ledger: what was recorded there for the names it covers is
    /// forgotten, and the number of forgotten rows is the answer.
    pub async fn create_claim(
        &self,
        registry_id: i64,
        pattern: &NamePattern,
        mode: ClaimMode,
        created_by: Option<i64>,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<Created<u64>, StoreError> {
        let mut transaction = self.write().await?;
        let insert = query(INSERT_CLAIM)
            .bind(registry_id)
            .bind(pattern.as_str())
            .bind(mode.as_str())
            .bind(now)
            .bind(created_by);
        if transaction.execute(insert).await? == 0 {
            return Ok(Created::Taken(pattern.to_string()));
        }
        let forgotten = ledger::forget_covered(&mut transaction, registry_id, pattern).await?;
        registries::touch(&mut transaction, registry_id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(Created::Done(forgotten))
    }

    /// Deletes a claim; false when there is none with exactly this pattern.
    pub async fn delete_claim(
        &self,
        registry_id: i64,
        pattern: &NamePattern,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let delete = query(DELETE_CLAIM).bind(registry_id).bind(pattern.as_str());
        if transaction.execute(delete).await? == 0 {
            return Ok(false);
        }
        registries::touch(&mut transaction, registry_id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(true)
    }
}
