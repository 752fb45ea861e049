//! Each download with who and whence, for a while. What is kept of it for ever is in `pulls`.

use supercargo_types::{CanonicalName, Spelling, Timestamp};

use crate::{
    AuditEntry, AuditFilter, AuditOutcome, AuditRow, Store, StoreError,
    query::{Query, query},
    row::Row,
    statements::statements,
};

/// The action of a download where it is shown as an entry of the audit log.
pub const DOWNLOADED: &str = "version.downloaded";

/// A download, or several that differ in nothing but their moment; those by nobody may differ in their program and in how
/// they spell the name as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDownload {
    /// When; of several, the first.
    pub at: Timestamp,
    /// In which registry.
    pub registry_id: i64,
    /// Which crate, as it was asked for; of several, the first time.
    pub name: Spelling,
    /// Which version, as its index line writes it.
    pub version: String,
    /// Who, as `alice` or `service:ci`; none: anyone.
    pub principal: Option<String>,
    /// With which token.
    pub token_id: Option<String>,
    /// For which repository, where a CI job has proven that it is of one.
    pub repository: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// With which program; of several, the first.
    pub user_agent: Option<String>,
    /// The request; of several, the first.
    pub request_id: Option<String>,
    /// How many downloads it stands for.
    pub count: u64,
}

statements! {
    // of a registry that is not there any more nothing is kept: its reference would break, and the whole batch with it
    ADD_DOWNLOAD = "
        INSERT INTO download_log (registry_id, at, spelling, canonical, version, principal, token_id,
            repository, address, user_agent, request_id, total)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
        WHERE EXISTS (SELECT 1 FROM registries WHERE id = $1)";
    // Two texts for one question: the index over crates serves only conditions that always demand one.
    LIST_DOWNLOADS = "
        SELECT d.id, d.at, d.spelling, d.version, d.principal, d.token_id, d.repository, d.address,
            d.user_agent, d.request_id, d.total, r.name AS registry
        FROM download_log d JOIN registries r ON r.id = d.registry_id
        WHERE (CAST($1 AS TEXT) IS NULL OR r.name = $1)
            AND (CAST($2 AS TEXT) IS NULL OR d.principal = $2)
            AND (CAST($3 AS BIGINT) IS NULL OR d.at >= $3)
            AND (CAST($4 AS BIGINT) IS NULL OR d.at < $4)
            AND (CAST($5 AS TEXT) IS NULL OR d.canonical = $5)
            AND (CAST($6 AS TEXT) IS NULL OR d.version = $6)
            AND (CAST($7 AS BIGINT) IS NULL OR d.id < $7)
        ORDER BY d.id DESC
        LIMIT $8";
    COUNT_DOWNLOADS = "
        SELECT COUNT(*) AS total FROM (
            SELECT 1 FROM download_log d
            WHERE (CAST($1 AS TEXT) IS NULL
                    OR d.registry_id = (SELECT id FROM registries WHERE name = $1))
                AND (CAST($2 AS TEXT) IS NULL OR d.principal = $2)
                AND (CAST($3 AS BIGINT) IS NULL OR d.at >= $3)
                AND (CAST($4 AS BIGINT) IS NULL OR d.at < $4)
                AND (CAST($5 AS TEXT) IS NULL OR d.canonical = $5)
                AND (CAST($6 AS TEXT) IS NULL OR d.version = $6)
            LIMIT $7) AS some_rows";
    LIST_DOWNLOADS_OF_CRATE = "
        SELECT d.id, d.at, d.spelling, d.version, d.principal, d.token_id, d.repository, d.address,
            d.user_agent, d.request_id, d.total, r.name AS registry
        FROM download_log d JOIN registries r ON r.id = d.registry_id
        WHERE r.name = $1
            AND (CAST($2 AS TEXT) IS NULL OR d.principal = $2)
            AND (CAST($3 AS BIGINT) IS NULL OR d.at >= $3)
            AND (CAST($4 AS BIGINT) IS NULL OR d.at < $4)
            AND d.canonical = $5
            AND (CAST($6 AS TEXT) IS NULL OR d.version = $6)
            AND (CAST($7 AS BIGINT) IS NULL OR d.id < $7)
        ORDER BY d.id DESC
        LIMIT $8";
    COUNT_DOWNLOADS_OF_CRATE = "
        SELECT COUNT(*) AS total FROM (
            SELECT 1 FROM download_log d
            WHERE d.registry_id = (SELECT id FROM registries WHERE name = $1)
                AND (CAST($2 AS TEXT) IS NULL OR d.principal = $2)
                AND (CAST($3 AS BIGINT) IS NULL OR d.at >= $3)
                AND (CAST($4 AS BIGINT) IS NULL OR d.at < $4)
                AND d.canonical = $5
                AND (CAST($6 AS TEXT) IS NULL OR d.version = $6)
            LIMIT $7) AS some_rows";
    PRUNE_DOWNLOADS = "
        DELETE FROM download_log
        WHERE id IN (SELECT id FROM download_log WHERE at < $1 ORDER BY at LIMIT $2)";
}

impl Store {
    /// Adds a batch of downloads, all or none.
    pub async fn log_downloads(&self, batch: &[NewDownload]) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        for new in batch {
            let canonical = new.name.canonical();
            let add = query(ADD_DOWNLOAD)
                .bind(new.registry_id)
                .bind(new.at)
                .bind(new.name.as_str())
                .bind(canonical.as_str())
                .bind(new.version.as_str())
                .bind(new.principal.as_deref())
                .bind(new.token_id.as_deref())
                .bind(new.repository.as_deref())
                .bind(new.address.as_deref())
                .bind(new.user_agent.as_deref())
                .bind(new.request_id.as_deref())
                .bind(new.count);
            transaction.execute(add).await?;
        }
        transaction.commit().await
    }

    /// Downloads as entries of the audit log, the newest first, from before `before_id` on. The filter's action and outcome
    /// say nothing here: a download is [`DOWNLOADED`], and done.
    pub async fn list_downloads(
        &self,
        filter: &AuditFilter,
        limit: u32,
        before_id: Option<i64>,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let text = if is_of_one_crate(filter) {
            LIST_DOWNLOADS_OF_CRATE
        } else {
            LIST_DOWNLOADS
        };
        let list = bound(filter, text).bind(before_id).bind(limit);
        self.rows(list).await?.iter().map(audit_row).collect()
    }

    /// How many there are, counted up to `most`.
    pub async fn count_downloads(
        &self,
        filter: &AuditFilter,
        most: u32,
    ) -> Result<u64, StoreError> {
        let text = if is_of_one_crate(filter) {
            COUNT_DOWNLOADS_OF_CRATE
        } else {
            COUNT_DOWNLOADS
        };
        self.count(bound(filter, text).bind(most)).await
    }

    /// Removes the oldest downloads from before a time, so many at most, and says how many it were.
    pub async fn prune_downloads(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let prune = query(PRUNE_DOWNLOADS).bind(before).bind(most);
        let pruned = transaction.execute(prune).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}

fn is_of_one_crate(filter: &AuditFilter) -> bool {
    filter.registry.is_some() && filter.crate_name.is_some()
}

fn bound<'q>(filter: &'q AuditFilter, text: &'static str) -> Query<'q> {
    query(text)
        .bind(filter.registry.as_deref())
        .bind(filter.principal.as_deref())
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.crate_name.as_ref().map(CanonicalName::as_str))
        .bind(filter.version.as_deref())
}

fn audit_row(row: &Row) -> Result<AuditRow, StoreError> {
    let repository = row.maybe_text("repository")?;
    let count = row.unsigned("total")?;
    let details = [
        repository.map(|repository| format!("for {repository}")),
        (count > 1).then(|| format!("{count} downloads")),
    ];
    let details: Vec<_> = details.into_iter().flatten().collect();
    Ok(AuditRow {
        id: row.integer("id")?,
        entry: AuditEntry {
            at: row.time("at")?,
            action: DOWNLOADED.to_owned(),
            outcome: AuditOutcome::Done,
            principal: row.maybe_text("principal")?,
            token_id: row.maybe_text("token_id")?,
            address: row.maybe_text("address")?,
            user_agent: row.maybe_text("user_agent")?,
            registry: row.maybe_text("registry")?,
            crate_name: row.maybe_text("spelling")?,
            version: row.maybe_text("version")?,
            detail: (!details.is_empty()).then(|| details.join(", ")),
            request_id: row.maybe_text("request_id")?,
        },
    })
}
