//! Dropping what is cached of an upstream. The ledger is not a cache and stays.

use supercargo_types::{Digest, Spelling};

use crate::{
    AuditEntry, CachedPlace, Change, Store, StoreError, audit, cache, query::query,
    statements::statements,
};

/// What was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Whose index files or bytes.
    pub spellings: Vec<Spelling>,
    /// Which bytes; something else may still need them.
    pub checksums: Vec<Digest>,
}

statements! {
    // What another registry has given out is not this one's to drop, for its upstream may not have it any more; nor is what
    // upstream has lost.
    EVICT_FILES = "
        DELETE FROM cached_index
        WHERE upstream_id = $1 AND gone_at IS NULL
            AND spelling IN (SELECT spelling FROM ledger WHERE registry_id = $2)
            AND spelling NOT IN (SELECT spelling FROM ledger WHERE registry_id <> $2)
        RETURNING spelling";
    EVICT_FILE = "
        DELETE FROM cached_index
        WHERE upstream_id = $1 AND gone_at IS NULL AND spelling = $3
            AND spelling NOT IN (
                SELECT spelling FROM ledger WHERE registry_id <> $2 AND spelling = $3)
        RETURNING spelling";
    LIST_CRATES = "
        SELECT checksum, upstream_id, spelling, version, size, used_at FROM cached_crates
        WHERE upstream_id = $1
            AND checksum IN (SELECT checksum FROM ledger WHERE registry_id = $2)
            AND checksum NOT IN (SELECT checksum FROM ledger WHERE registry_id <> $2)
        ORDER BY spelling, checksum";
    LIST_CRATES_OF = "
        SELECT checksum, upstream_id, spelling, version, size, used_at FROM cached_crates
        WHERE upstream_id = $1 AND spelling = $3
            AND checksum IN (SELECT checksum FROM ledger WHERE registry_id = $2)
            AND checksum NOT IN (SELECT checksum FROM ledger WHERE registry_id <> $2)
        ORDER BY spelling, checksum";
    // looked at once more: meanwhile another registry may have given it out, or its upstream may have lost it
    EVICT_CRATE = "
        DELETE FROM cached_crates
        WHERE upstream_id = $1 AND checksum = $3
            AND NOT EXISTS (
                SELECT 1 FROM ledger l WHERE l.registry_id <> $2 AND l.checksum = $3)
            AND NOT EXISTS (
                SELECT 1 FROM cached_index k
                WHERE k.upstream_id = $1 AND k.spelling = cached_crates.spelling
                    AND k.gone_at IS NOT NULL)
        RETURNING spelling";
}

impl Store {
    /// The `.crate` files of an upstream that a registry gave out and no other one did, of one crate or of all; whether they
    /// would come back is not known here.
    pub async fn evictable(
        &self,
        registry_id: i64,
        upstream_id: i64,
        spelling: Option<&Spelling>,
    ) -> Result<Vec<(Digest, CachedPlace)>, StoreError> {
        let list = match spelling {
            Some(spelling) => query(LIST_CRATES_OF)
                .bind(upstream_id)
                .bind(registry_id)
                .bind(spelling.as_str()),
            None => query(LIST_CRATES).bind(upstream_id).bind(registry_id),
        };
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| Ok((row.digest("checksum")?, cache::place(row)?)))
            .collect()
    }

    /// Drops what is cached of one crate of an upstream, or of every crate of it that a registry gave out: index files, and of
    /// the `.crate` files these. What another registry gave out as well stays, and so does what upstream has lost.
    pub async fn evict_cached(
        &self,
        registry_id: i64,
        upstream_id: i64,
        spelling: Option<&Spelling>,
        crates: &[Digest],
        audit_entry: &AuditEntry,
    ) -> Result<Evicted, StoreError> {
        let mut transaction = self.write().await?;
        let files = match spelling {
            Some(spelling) => query(EVICT_FILE)
                .bind(upstream_id)
                .bind(registry_id)
                .bind(spelling.as_str()),
            None => query(EVICT_FILES).bind(upstream_id).bind(registry_id),
        };
        let mut evicted = Evicted::default();
        for row in transaction.rows(files).await? {
            evicted.spellings.push(row.parse("spelling")?);
        }
        for checksum in crates {
            let evict = query(EVICT_CRATE)
                .bind(upstream_id)
                .bind(registry_id)
                .bind(checksum);
            if let Some(row) = transaction.row(evict).await? {
                evicted.spellings.push(row.parse("spelling")?);
                evicted.checksums.push(*checksum);
            }
        }
        evicted.spellings.sort();
        evicted.spellings.dedup();
        for spelling in &evicted.spellings {
            transaction.tell(Change::UpstreamName {
                upstream_id,
                spelling: spelling.clone(),
            });
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(evicted)
    }
}
