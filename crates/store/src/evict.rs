//! Dropping what is cached of an upstream. The ledger is not a cache and stays.

use supercargo_types::{Digest, Spelling};

use crate::{AuditEntry, Change, Store, StoreError, audit, query::query, statements::statements};

/// What was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Whose index files or bytes.
    pub spellings: Vec<Spelling>,
    /// Which bytes; something else may still need them.
    pub checksums: Vec<Digest>,
}

statements! {
    // What another registry has given out is not this one's to drop, for its upstream may not have it any more; nor is a
    // file that upstream has lost, or whose bytes it has changed, of which there is an alarm, or that was given by another
    // upstream than the one that the name is read from now: it would not come back.
    EVICT_FILES = "
        DELETE FROM cached_index
        WHERE upstream_id = $1 AND gone_at IS NULL
            AND spelling IN (SELECT spelling FROM ledger WHERE registry_id = $2)
            AND spelling NOT IN (SELECT spelling FROM ledger WHERE registry_id <> $2)
        RETURNING spelling";
    EVICT_CRATES = "
        DELETE FROM cached_crates
        WHERE upstream_id = $1
            AND checksum IN (SELECT checksum FROM ledger WHERE registry_id = $2)
            AND checksum NOT IN (SELECT checksum FROM ledger WHERE registry_id <> $2)
            AND spelling NOT IN (
                SELECT spelling FROM cached_index WHERE upstream_id = $1 AND gone_at IS NOT NULL)
            AND spelling NOT IN (
                SELECT spelling FROM pins WHERE registry_id = $2 AND upstream_id <> $1)
            AND NOT EXISTS (
                SELECT 1 FROM audit a
                WHERE a.outcome = 'alarm' AND a.action = 'upstream.bytes_changed'
                    AND a.crate = cached_crates.spelling AND a.version = cached_crates.version
                    AND a.at >= cached_crates.stored_at)
        RETURNING spelling, checksum";
    EVICT_FILE = "
        DELETE FROM cached_index
        WHERE upstream_id = $1 AND gone_at IS NULL AND spelling = $3
            AND spelling NOT IN (
                SELECT spelling FROM ledger WHERE registry_id <> $2 AND spelling = $3)
        RETURNING spelling";
    EVICT_CRATE = "
        DELETE FROM cached_crates
        WHERE upstream_id = $1 AND spelling = $3
            AND checksum IN (SELECT checksum FROM ledger WHERE registry_id = $2 AND spelling = $3)
            AND checksum NOT IN (
                SELECT checksum FROM ledger WHERE registry_id <> $2 AND spelling = $3)
            AND NOT EXISTS (
                SELECT 1 FROM cached_index k
                WHERE k.upstream_id = $1 AND k.spelling = $3 AND k.gone_at IS NOT NULL)
            AND NOT EXISTS (
                SELECT 1 FROM pins p
                WHERE p.registry_id = $2 AND p.spelling = $3 AND p.upstream_id <> $1)
            AND NOT EXISTS (
                SELECT 1 FROM audit a
                WHERE a.outcome = 'alarm' AND a.action = 'upstream.bytes_changed'
                    AND a.crate = cached_crates.spelling AND a.version = cached_crates.version
                    AND a.at >= cached_crates.stored_at)
        RETURNING spelling, checksum";
}

impl Store {
    /// Drops what is cached of one crate of an upstream, or of every crate of it that a registry gave out. What another
    /// registry gave out as well stays, and so does what upstream has lost.
    pub async fn evict_cached(
        &self,
        registry_id: i64,
        upstream_id: i64,
        spelling: Option<&Spelling>,
        audit_entry: &AuditEntry,
    ) -> Result<Evicted, StoreError> {
        let mut transaction = self.write().await?;
        let (files, crates) = match spelling {
            Some(spelling) => (
                query(EVICT_FILE)
                    .bind(upstream_id)
                    .bind(registry_id)
                    .bind(spelling.as_str()),
                query(EVICT_CRATE)
                    .bind(upstream_id)
                    .bind(registry_id)
                    .bind(spelling.as_str()),
            ),
            None => (
                query(EVICT_FILES).bind(upstream_id).bind(registry_id),
                query(EVICT_CRATES).bind(upstream_id).bind(registry_id),
            ),
        };
        let mut evicted = Evicted::default();
        for row in transaction.rows(files).await? {
            evicted.spellings.push(row.parse("spelling")?);
        }
        for row in transaction.rows(crates).await? {
            evicted.spellings.push(row.parse("spelling")?);
            evicted.checksums.push(row.digest("checksum")?);
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
