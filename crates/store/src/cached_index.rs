//! Index files of upstreams, as they came: what is answered from while they are fresh, or while an upstream fails.

use supercargo_types::{Spelling, Timestamp};

use crate::{
    Change, Store, StoreError,
    engine::{Transaction, whole_second},
    query::query,
    statements::statements,
    upstreams::was_deleted_meanwhile,
};

/// A file of an upstream's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedIndex {
    /// Gzip of the verbatim file.
    pub body_gzip: Vec<u8>,
    /// The upstream's validators, to ask with.
    pub etag: Option<String>,
    /// The same.
    pub last_modified: Option<String>,
    /// When this body came.
    pub fetched_at: Timestamp,
    /// When the upstream confirmed it last.
    pub checked_at: Timestamp,
    /// When it changed last, for us: whole seconds, and each change is later than the one before.
    pub changed_at: Timestamp,
    /// Since when the upstream says that there is no such file.
    pub gone_at: Option<Timestamp>,
}

/// How sure the database is of a file, without the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedIndexCheck {
    /// When the upstream confirmed it last.
    pub checked_at: Timestamp,
    /// When it changed last, for us.
    pub changed_at: Timestamp,
    /// Whether the upstream says that there is no such file any more.
    pub is_gone: bool,
}

/// What an upstream answered.
#[derive(Clone, Debug)]
pub enum CachedIndexChange {
    /// A body.
    Replaced {
        /// Who answered.
        upstream_id: i64,
        /// The file asked for.
        spelling: Spelling,
        /// Gzip of the verbatim file.
        body_gzip: Vec<u8>,
        /// The upstream's validators.
        etag: Option<String>,
        /// The same.
        last_modified: Option<String>,
        /// When it came.
        at: Timestamp,
        /// When it changed, for us; a second after what is stored when that is not before it.
        changed_at: Timestamp,
    },
    /// That what we have is still right.
    Checked {
        /// Who answered.
        upstream_id: i64,
        /// The file asked for.
        spelling: Spelling,
        /// The upstream's validators.
        etag: Option<String>,
        /// The same.
        last_modified: Option<String>,
        /// When it said so.
        at: Timestamp,
    },
    /// That there is no such file. Only what was there before is remembered: with a row for every name that anyone asks
    /// for, one could fill the disk by asking.
    Gone {
        /// Who answered.
        upstream_id: i64,
        /// The file asked for.
        spelling: Spelling,
        /// When it said so.
        at: Timestamp,
        /// When what we make of it changed, in whole seconds.
        changed_at: Timestamp,
    },
}

impl CachedIndexChange {
    /// Whose file, and which.
    fn file(&self) -> (i64, &Spelling) {
        match self {
            Self::Replaced {
                upstream_id,
                spelling,
                ..
            }
            | Self::Checked {
                upstream_id,
                spelling,
                ..
            }
            | Self::Gone {
                upstream_id,
                spelling,
                ..
            } => (*upstream_id, spelling),
        }
    }
}

statements! {
    SELECT_CACHED = "
        SELECT body, etag, last_modified, fetched_at, checked_at, changed_at, gone_at
        FROM cached_index WHERE upstream_id = $1 AND spelling = $2";
    SELECT_CHECK = "
        SELECT checked_at, changed_at, gone_at FROM cached_index
        WHERE upstream_id = $1 AND spelling = $2";
    // an upstream that was deleted after it had answered is passed over: its reference would break, and the whole batch with it
    REPLACE_CACHED = "
        INSERT INTO cached_index (upstream_id, spelling, body, etag, last_modified, fetched_at,
            checked_at, changed_at)
        SELECT $1, $2, $3, $4, $5, $6, $6, $7
        WHERE EXISTS (SELECT 1 FROM upstreams WHERE id = $1)
        ON CONFLICT (upstream_id, spelling) DO UPDATE SET
            body = excluded.body, etag = excluded.etag, last_modified = excluded.last_modified,
            fetched_at = excluded.fetched_at, checked_at = excluded.checked_at, gone_at = NULL,
            changed_at = CASE WHEN excluded.changed_at > cached_index.changed_at
                THEN excluded.changed_at ELSE cached_index.changed_at + 1000000 END";
    // a file that was gone and is back has changed
    CHECK_CACHED = "
        UPDATE cached_index SET etag = $3, last_modified = $4, checked_at = $5, gone_at = NULL,
            changed_at = CASE WHEN gone_at IS NULL THEN changed_at
                WHEN $6 > changed_at THEN $6 ELSE changed_at + 1000000 END
        WHERE upstream_id = $1 AND spelling = $2";
    LOSE_CACHED = "
        UPDATE cached_index SET checked_at = $3, gone_at = COALESCE(gone_at, $3),
            changed_at = CASE WHEN gone_at IS NOT NULL THEN changed_at
                WHEN $4 > changed_at THEN $4 ELSE changed_at + 1000000 END
        WHERE upstream_id = $1 AND spelling = $2";
}

impl Store {
    /// The last good copy of a file.
    pub async fn cached_index(
        &self,
        upstream_id: i64,
        spelling: &Spelling,
    ) -> Result<Option<CachedIndex>, StoreError> {
        let select = query(SELECT_CACHED)
            .bind(upstream_id)
            .bind(spelling.as_str());
        let Some(row) = self.row(select).await? else {
            return Ok(None);
        };
        Ok(Some(CachedIndex {
            body_gzip: row.bytes("body")?,
            etag: row.maybe_text("etag")?,
            last_modified: row.maybe_text("last_modified")?,
            fetched_at: row.time("fetched_at")?,
            checked_at: row.time("checked_at")?,
            changed_at: row.time("changed_at")?,
            gone_at: row.maybe_time("gone_at")?,
        }))
    }

    /// How sure the database is of a file: another process may have asked about it a moment ago.
    pub async fn cached_index_check(
        &self,
        upstream_id: i64,
        spelling: &Spelling,
    ) -> Result<Option<CachedIndexCheck>, StoreError> {
        let select = query(SELECT_CHECK)
            .bind(upstream_id)
            .bind(spelling.as_str());
        let row = self.row(select).await?;
        row.map(|row| {
            Ok(CachedIndexCheck {
                checked_at: row.time("checked_at")?,
                changed_at: row.time("changed_at")?,
                is_gone: row.maybe_time("gone_at")?.is_some(),
            })
        })
        .transpose()
    }

    /// Writes down a batch of answers, all or none; those of upstreams that are no longer there do not count.
    pub async fn save_cached_index(&self, changes: &[CachedIndexChange]) -> Result<(), StoreError> {
        let outcome = self.try_save_cached_index(changes).await;
        if was_deleted_meanwhile(&outcome) {
            self.try_save_cached_index(changes).await
        } else {
            outcome
        }
    }

    async fn try_save_cached_index(&self, changes: &[CachedIndexChange]) -> Result<(), StoreError> {
        // one order of rows for everybody: two batches that lock rows in different orders would wait for each other for ever
        let mut changes: Vec<_> = changes.iter().collect();
        changes.sort_by_key(|change| change.file());
        let mut transaction = self.write().await?;
        for change in changes {
            save(&mut transaction, change).await?;
            // a check that confirmed what is known makes nobody's copy old
            if !matches!(change, CachedIndexChange::Checked { .. }) {
                let (upstream_id, spelling) = change.file();
                transaction.tell(Change::UpstreamName {
                    upstream_id,
                    spelling: spelling.clone(),
                });
            }
        }
        transaction.commit().await
    }
}

async fn save(transaction: &mut Transaction, change: &CachedIndexChange) -> Result<(), StoreError> {
    let statement = match change {
        CachedIndexChange::Replaced {
            upstream_id,
            spelling,
            body_gzip,
            etag,
            last_modified,
            at,
            changed_at,
        } => query(REPLACE_CACHED)
            .bind(*upstream_id)
            .bind(spelling.as_str())
            .bind(body_gzip.as_slice())
            .bind(etag.as_deref())
            .bind(last_modified.as_deref())
            .bind(*at)
            .bind(whole_second(*changed_at)),
        CachedIndexChange::Checked {
            upstream_id,
            spelling,
            etag,
            last_modified,
            at,
        } => query(CHECK_CACHED)
            .bind(*upstream_id)
            .bind(spelling.as_str())
            .bind(etag.as_deref())
            .bind(last_modified.as_deref())
            .bind(*at)
            .bind(whole_second(*at)),
        CachedIndexChange::Gone {
            upstream_id,
            spelling,
            at,
            changed_at,
        } => query(LOSE_CACHED)
            .bind(*upstream_id)
            .bind(spelling.as_str())
            .bind(*at)
            .bind(whole_second(*changed_at)),
    };
    transaction.execute(statement).await?;
    Ok(())
}
