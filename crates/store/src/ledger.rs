//! The ledger: the first checksum that a view of a registry ever gave out for a name and version.

use supercargo_types::{Digest, NamePattern, Spelling, Timestamp, View};

use crate::{
    AuditEntry, Change, NewPin, Store, StoreError, audit, engine::Transaction, pins, query::query,
    registries, statements::statements,
};

/// What a view promised about a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The version as the index line writes it.
    pub version: String,
    /// The bytes that were given out.
    pub checksum: Digest,
    /// The index line that was served.
    pub line: String,
    /// The upstream that gave them, while it exists.
    pub upstream_id: Option<i64>,
}

/// What stands in the ledger after something was to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerStands {
    /// These bytes: the caller's own may go out only if they are the same.
    Bytes(Digest),
    /// The name is read from another upstream, or the caller's is not attached any more: nothing was recorded.
    PinnedElsewhere,
}

statements! {
    LIST_LEDGER = "
        SELECT version, checksum, line, upstream_id FROM ledger
        WHERE registry_id = $1 AND view = $2 AND spelling = $3
        ORDER BY first_at, version";
    SELECT_LEDGER = "
        SELECT checksum FROM ledger
        WHERE registry_id = $1 AND view = $2 AND spelling = $3 AND version = $4";
    // the update changes nothing: it makes the row that won come back on both engines
    INSERT_LEDGER = "
        INSERT INTO ledger (registry_id, view, spelling, version, checksum, line, first_at, upstream_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (registry_id, view, spelling, version) DO UPDATE SET first_at = ledger.first_at
        RETURNING checksum";
    COUNT_BY_SPELLING = "
        SELECT spelling, COUNT(DISTINCT version) AS total FROM ledger
        WHERE registry_id = $1 GROUP BY spelling";
    LIST_SPELLINGS = "
        SELECT DISTINCT spelling FROM ledger WHERE registry_id = $1 AND view = $2";
    SELECT_SERVED = "
        SELECT 1 AS one FROM ledger
        WHERE registry_id = $1 AND spelling = $2 AND version = $3 AND checksum = $4
        UNION ALL
        SELECT 1 AS one FROM formerly_served
        WHERE registry_id = $1 AND spelling = $2 AND version = $3 AND checksum = $4
        UNION ALL
        SELECT 1 AS one FROM crates c JOIN versions v ON v.crate_id = c.id
        WHERE c.registry_id = $1 AND c.canonical = REPLACE($2, '_', '-') AND LOWER(c.name) = $2
            AND v.version = $3 AND v.checksum = $4 AND v.served_at IS NOT NULL
        LIMIT 1";
    LIST_SERVERS = "
        SELECT DISTINCT registry_id FROM ledger
        WHERE checksum = $1 AND spelling = $2 AND version = $3";
    KEEP_VERSION = "
        INSERT INTO formerly_served (registry_id, spelling, version, checksum)
        SELECT DISTINCT registry_id, spelling, version, checksum FROM ledger
        WHERE registry_id = $1 AND spelling = $2 AND version = $3
        ON CONFLICT (registry_id, spelling, version, checksum) DO NOTHING";
    KEEP_SPELLING = "
        INSERT INTO formerly_served (registry_id, spelling, version, checksum)
        SELECT registry_id, spelling, version, checksum FROM ledger
        WHERE registry_id = $1 AND view = $2 AND spelling = $3
        ON CONFLICT (registry_id, spelling, version, checksum) DO NOTHING";
    FORGET_VERSION = "
        DELETE FROM ledger WHERE registry_id = $1 AND spelling = $2 AND version = $3";
    FORGET_SPELLING = "
        DELETE FROM ledger WHERE registry_id = $1 AND view = $2 AND spelling = $3";
}

/// Forgets what the index view promised about the names that a new claim covers, but not that it was given out.
pub(crate) async fn forget_covered(
    transaction: &mut Transaction,
    registry_id: i64,
    pattern: &NamePattern,
) -> Result<u64, StoreError> {
    let view = View::Index.as_str();
    let list = query(LIST_SPELLINGS).bind(registry_id).bind(view);
    let mut forgotten = 0;
    for row in transaction.rows(list).await? {
        let spelling: Spelling = row.parse("spelling")?;
        if pattern.covers(&spelling.canonical()) {
            let of_spelling = |statement| {
                query(statement)
                    .bind(registry_id)
                    .bind(view)
                    .bind(spelling.as_str())
            };
            transaction.execute(of_spelling(KEEP_SPELLING)).await?;
            forgotten += transaction.execute(of_spelling(FORGET_SPELLING)).await?;
        }
    }
    Ok(forgotten)
}

impl Store {
    /// Everything a view promised about a name.
    pub async fn ledger(
        &self,
        registry_id: i64,
        view: View,
        spelling: &Spelling,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let list = query(LIST_LEDGER)
            .bind(registry_id)
            .bind(view.as_str())
            .bind(spelling.as_str());
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| {
                Ok(LedgerRow {
                    version: row.text("version")?,
                    checksum: row.digest("checksum")?,
                    line: row.text("line")?,
                    upstream_id: row.maybe_integer("upstream_id")?,
                })
            })
            .collect()
    }

    /// Records what a view is about to give out from an upstream, unless something stands there, and pins the name to it.
    pub async fn add_ledger(
        &self,
        registry_id: i64,
        view: View,
        spelling: &Spelling,
        row: &LedgerRow,
        now: Timestamp,
    ) -> Result<LedgerStands, StoreError> {
        // nearly always it stands there: reading keeps that off the only writer, and the insert settles every race
        let select = query(SELECT_LEDGER)
            .bind(registry_id)
            .bind(view.as_str())
            .bind(spelling.as_str())
            .bind(row.version.as_str());
        if let Some(stands) = self.row(select).await? {
            return Ok(LedgerStands::Bytes(stands.digest("checksum")?));
        }
        let insert = query(INSERT_LEDGER)
            .bind(registry_id)
            .bind(view.as_str())
            .bind(spelling.as_str())
            .bind(row.version.as_str())
            .bind(&row.checksum)
            .bind(row.line.as_str())
            .bind(now)
            .bind(row.upstream_id);
        let mut transaction = self.write().await?;
        if let Some(upstream_id) = row.upstream_id {
            let pin = NewPin {
                registry_id,
                spelling: spelling.clone(),
                upstream_id,
                now,
            };
            if pins::insert(&mut transaction, &pin).await? != Some(upstream_id) {
                return Ok(LedgerStands::PinnedElsewhere);
            }
        }
        let stands = match transaction.row(insert).await? {
            Some(stands) => stands.digest("checksum")?,
            None => row.checksum,
        };
        transaction.tell(Change::Name {
            registry_id,
            canonical: spelling.canonical(),
        });
        transaction.commit().await?;
        Ok(LedgerStands::Bytes(stands))
    }

    /// Whether a registry ever gave these bytes out as this version: of an upstream's or of its own, in any view, and also when
    /// what the ledger promised was overridden since.
    pub async fn was_served(
        &self,
        registry_id: i64,
        spelling: &Spelling,
        version: &str,
        checksum: &Digest,
    ) -> Result<bool, StoreError> {
        let select = query(SELECT_SERVED)
            .bind(registry_id)
            .bind(spelling.as_str())
            .bind(version)
            .bind(checksum);
        Ok(self.row(select).await?.is_some())
    }

    /// The registries of which any view gave these bytes out as this version.
    pub async fn served_in(
        &self,
        spelling: &Spelling,
        version: &str,
        checksum: &Digest,
    ) -> Result<Vec<i64>, StoreError> {
        let list = query(LIST_SERVERS)
            .bind(checksum)
            .bind(spelling.as_str())
            .bind(version);
        let rows = self.rows(list).await?;
        rows.iter().map(|row| row.integer("registry_id")).collect()
    }

    /// Forgets what every view promised about a version: what upstream lists now is accepted. False when nothing was
    /// promised.
    pub async fn forget_ledger(
        &self,
        registry_id: i64,
        spelling: &Spelling,
        version: &str,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let of_version = |statement| {
            query(statement)
                .bind(registry_id)
                .bind(spelling.as_str())
                .bind(version)
        };
        transaction.execute(of_version(KEEP_VERSION)).await?;
        if transaction.execute(of_version(FORGET_VERSION)).await? == 0 {
            return Ok(false);
        }
        // the views change as if a setting did: their Last-Modified has to grow
        registries::touch(&mut transaction, registry_id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(true)
    }

    /// How many recorded versions of a registry, in any view, have a name that the pattern covers.
    pub async fn cached_versions_covered(
        &self,
        registry_id: i64,
        pattern: &NamePattern,
    ) -> Result<u64, StoreError> {
        let mut covered = 0;
        for row in self
            .rows(query(COUNT_BY_SPELLING).bind(registry_id))
            .await?
        {
            let spelling: Spelling = row.parse("spelling")?;
            if pattern.covers(&spelling.canonical()) {
                covered += row.unsigned("total")?;
            }
        }
        Ok(covered)
    }
}
