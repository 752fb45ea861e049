//! Quarantines: what people decided about crates and versions, hosted or upstream's.

use supercargo_types::{Action, CanonicalName, Timestamp};

use crate::{
    AuditEntry, Change, Store, StoreError, audit, query::query, registries, row::Row,
    statements::statements,
};

/// A decision about a crate or one of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Which crate, in any spelling.
    pub name: CanonicalName,
    /// Which version, without build metadata; `None` for the whole crate.
    pub number: Option<String>,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// By whom, as `alice` or `service:ci`.
    pub created_by: String,
}

statements! {
    UPSERT = "
        INSERT INTO quarantines (registry_id, canonical, number, action, reason, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (registry_id, canonical, number) DO UPDATE SET
            action = excluded.action, reason = excluded.reason,
            created_at = excluded.created_at, created_by = excluded.created_by";
    DELETE = "
        DELETE FROM quarantines WHERE registry_id = $1 AND canonical = $2 AND number = $3";
}

pub(crate) fn quarantine(row: &Row) -> Result<QuarantineRow, StoreError> {
    let number = row.text("number")?;
    Ok(QuarantineRow {
        name: row.parse("canonical")?,
        number: (!number.is_empty()).then_some(number),
        action: row.parse("action")?,
        reason: row.text("reason")?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
    })
}

impl Store {
    /// Decides, in place of what was decided before.
    pub async fn set_quarantine(
        &self,
        registry_id: i64,
        new: &QuarantineRow,
        audit_entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let upsert = query(UPSERT)
            .bind(registry_id)
            .bind(new.name.as_str())
            .bind(new.number.as_deref().unwrap_or(""))
            .bind(new.action.as_str())
            .bind(new.reason.as_str())
            .bind(new.created_at)
            .bind(new.created_by.as_str());
        transaction.execute(upsert).await?;
        registries::touch(&mut transaction, registry_id, new.created_at).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await
    }

    /// Takes a decision back; false when there is none.
    pub async fn lift_quarantine(
        &self,
        registry_id: i64,
        name: &CanonicalName,
        number: Option<&str>,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let delete = query(DELETE)
            .bind(registry_id)
            .bind(name.as_str())
            .bind(number.unwrap_or(""));
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
