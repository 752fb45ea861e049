//! The audit log: who did what, was denied what, and alarms. Rows are only ever added.

use supercargo_types::{CanonicalName, Timestamp};

use crate::{
    Store, StoreError,
    engine::Transaction,
    query::{Query, query},
    row::Row,
    statements::statements,
    words::words,
};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What, as `version.published`.
    pub action: String,
    /// How it ended.
    pub outcome: AuditOutcome,
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
    pub crate_name: Option<String>,
    /// Which version.
    pub version: Option<String>,
    /// More, in words or JSON.
    pub detail: Option<String>,
    /// The request that caused it.
    pub request_id: Option<String>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused.
    Denied,
    /// A person should look at it.
    Alarm,
}
words!(AuditOutcome, { Done => "done", Denied => "denied", Alarm => "alarm" });

/// An entry and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Grows with every entry.
    pub id: i64,
    /// What happened.
    pub entry: AuditEntry,
}

/// Which entries to list; `None` asks for all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only of this registry.
    pub registry: Option<String>,
    /// Only by this principal, as `service:ci`.
    pub principal: Option<String>,
    /// Only this action.
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

statements! {
    INSERT_AUDIT = "
        INSERT INTO audit (at, action, outcome, principal, token_id, address, user_agent,
            registry, crate, version, detail, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    // Two texts for one question: the index over registries serves only a condition that always demands one.
    LIST_AUDIT = "
        SELECT id, at, action, outcome, principal, token_id, address, user_agent,
            registry, crate, version, detail, request_id
        FROM audit
        WHERE CAST($1 AS TEXT) IS NULL
            AND (CAST($2 AS TEXT) IS NULL OR principal = $2)
            AND (CAST($3 AS TEXT) IS NULL OR action = $3)
            AND (CAST($4 AS BIGINT) IS NULL OR at >= $4)
            AND (CAST($5 AS BIGINT) IS NULL OR at < $5)
            AND (CAST($6 AS TEXT) IS NULL OR outcome = $6)
            AND (CAST($7 AS TEXT) IS NULL OR LOWER(REPLACE(crate, '_', '-')) = $7)
            AND (CAST($8 AS TEXT) IS NULL OR version = $8)
            AND (CAST($9 AS BIGINT) IS NULL OR id < $9)
        ORDER BY id DESC
        LIMIT $10";
    COUNT_AUDIT = "
        SELECT COUNT(*) AS total FROM (
            SELECT 1 FROM audit
            WHERE CAST($1 AS TEXT) IS NULL
                AND (CAST($2 AS TEXT) IS NULL OR principal = $2)
                AND (CAST($3 AS TEXT) IS NULL OR action = $3)
                AND (CAST($4 AS BIGINT) IS NULL OR at >= $4)
                AND (CAST($5 AS BIGINT) IS NULL OR at < $5)
                AND (CAST($6 AS TEXT) IS NULL OR outcome = $6)
                AND (CAST($7 AS TEXT) IS NULL OR LOWER(REPLACE(crate, '_', '-')) = $7)
                AND (CAST($8 AS TEXT) IS NULL OR version = $8)
            LIMIT $9) AS some_rows";
    LIST_AUDIT_OF_REGISTRY = "
        SELECT id, at, action, outcome, principal, token_id, address, user_agent,
            registry, crate, version, detail, request_id
        FROM audit
        WHERE registry = $1
            AND (CAST($2 AS TEXT) IS NULL OR principal = $2)
            AND (CAST($3 AS TEXT) IS NULL OR action = $3)
            AND (CAST($4 AS BIGINT) IS NULL OR at >= $4)
            AND (CAST($5 AS BIGINT) IS NULL OR at < $5)
            AND (CAST($6 AS TEXT) IS NULL OR outcome = $6)
            AND (CAST($7 AS TEXT) IS NULL OR LOWER(REPLACE(crate, '_', '-')) = $7)
            AND (CAST($8 AS TEXT) IS NULL OR version = $8)
            AND (CAST($9 AS BIGINT) IS NULL OR id < $9)
        ORDER BY id DESC
        LIMIT $10";
    COUNT_AUDIT_OF_REGISTRY = "
        SELECT COUNT(*) AS total FROM (
            SELECT 1 FROM audit
            WHERE registry = $1
                AND (CAST($2 AS TEXT) IS NULL OR principal = $2)
                AND (CAST($3 AS TEXT) IS NULL OR action = $3)
                AND (CAST($4 AS BIGINT) IS NULL OR at >= $4)
                AND (CAST($5 AS BIGINT) IS NULL OR at < $5)
                AND (CAST($6 AS TEXT) IS NULL OR outcome = $6)
                AND (CAST($7 AS TEXT) IS NULL OR LOWER(REPLACE(crate, '_', '-')) = $7)
                AND (CAST($8 AS TEXT) IS NULL OR version = $8)
            LIMIT $9) AS some_rows";
    PRUNE_AUDIT = "
        DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)";
}

/// Writes an entry beside what it tells of.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let insert = query(INSERT_AUDIT)
        .bind(entry.at)
        .bind(entry.action.as_str())
        .bind(entry.outcome.as_str())
        .bind(entry.principal.as_deref())
        .bind(entry.token_id.as_deref())
        .bind(entry.address.as_deref())
        .bind(entry.user_agent.as_deref())
        .bind(entry.registry.as_deref())
        .bind(entry.crate_name.as_deref())
        .bind(entry.version.as_deref())
        .bind(entry.detail.as_deref())
        .bind(entry.request_id.as_deref());
    transaction.execute(insert).await?;
    Ok(())
}

impl Store {
    /// Writes an entry about something that changed no row, such as a refusal.
    pub async fn add_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        insert(&mut transaction, entry).await?;
        transaction.commit().await
    }

    /// Writes several entries, all or none.
    pub async fn add_audits(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        for entry in entries {
            insert(&mut transaction, entry).await?;
        }
        transaction.commit().await
    }

    /// The newest entries first, from before `before_id` on.
    pub async fn list_audit(
        &self,
        filter: &AuditFilter,
        limit: u32,
        before_id: Option<i64>,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let text = match filter.registry {
            Some(_) => LIST_AUDIT_OF_REGISTRY,
            None => LIST_AUDIT,
        };
        let list = filter.bound_to(text).bind(before_id).bind(limit);
        self.rows(list).await?.iter().map(audit_row).collect()
    }

    /// How many entries there are, counted up to `most`: a log has no end, and nobody should wait for it.
    pub async fn count_audit(&self, filter: &AuditFilter, most: u32) -> Result<u64, StoreError> {
        let text = match filter.registry {
            Some(_) => COUNT_AUDIT_OF_REGISTRY,
            None => COUNT_AUDIT,
        };
        self.count(filter.bound_to(text).bind(most)).await
    }

    /// Removes the oldest entries from before a time, so many at most, and says how many it were.
    pub async fn prune_audit(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let prune = query(PRUNE_AUDIT).bind(before).bind(most);
        let pruned = transaction.execute(prune).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}

impl AuditFilter {
    /// A statement whose first eight parameters are these.
    pub(crate) fn bound_to(&self, text: &'static str) -> Query<'_> {
        query(text)
            .bind(self.registry.as_deref())
            .bind(self.principal.as_deref())
            .bind(self.action.as_deref())
            .bind(self.from)
            .bind(self.to)
            .bind(self.outcome.map(AuditOutcome::as_str))
            .bind(self.crate_name.as_ref().map(CanonicalName::as_str))
            .bind(self.version.as_deref())
    }
}

fn audit_row(row: &Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.integer("id")?,
        entry: AuditEntry {
            at: row.time("at")?,
            action: row.text("action")?,
            outcome: row.parse("outcome")?,
            principal: row.maybe_text("principal")?,
            token_id: row.maybe_text("token_id")?,
            address: row.maybe_text("address")?,
            user_agent: row.maybe_text("user_agent")?,
            registry: row.maybe_text("registry")?,
            crate_name: row.maybe_text("crate")?,
            version: row.maybe_text("version")?,
            detail: row.maybe_text("detail")?,
            request_id: row.maybe_text("request_id")?,
        },
    })
}
