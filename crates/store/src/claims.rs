//! Claims: how a registry treats a name against its upstreams.

use std::collections::HashMap;

use supercargo_types::{
    CanonicalName, ClaimMode, CrateName, NamePattern, PrincipalRef, Spelling, Timestamp, View,
};

use crate::{
    AuditEntry, Change, Created, Page, Store, StoreError, audit, ledger, query::query, registries,
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

/// A name that was hosted once and has no version left: private, until somebody releases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptName {
    /// As its publisher wrote it.
    pub name: CrateName,
    /// When its last version was deleted, as far as that is known.
    pub deleted_at: Option<Timestamp>,
}

statements! {
    LIST_CLAIMANTS = "
        SELECT c.pattern, p.kind, p.name
        FROM claims c JOIN principals p ON p.id = c.created_by
        WHERE c.registry_id = $1";
    COUNT_HOSTED_COVERED = "
        SELECT COUNT(*) AS total FROM crates
        WHERE registry_id = $1 AND released_at IS NULL AND canonical LIKE $2";
    LIST_KEPT = "
        SELECT c.name,
            (SELECT MAX(v.deleted_at) FROM versions v WHERE v.crate_id = c.id) AS deleted_at
        FROM crates c
        WHERE c.registry_id = $1 AND c.released_at IS NULL
            AND (CAST($2 AS TEXT) IS NULL OR c.canonical = $2)
            AND NOT EXISTS (
                SELECT 1 FROM versions v WHERE v.crate_id = c.id AND v.deleted_at IS NULL)
        ORDER BY c.canonical
        LIMIT $3";
    COUNT_KEPT = "
        SELECT COUNT(*) AS total FROM crates c
        WHERE c.registry_id = $1 AND c.released_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM versions v WHERE v.crate_id = c.id AND v.deleted_at IS NULL)";
    COUNT_PROMISED = "
        SELECT spelling, COUNT(*) AS total FROM ledger
        WHERE registry_id = $1 AND view = $2
        GROUP BY spelling ORDER BY spelling";
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

    /// Who made which claim of a registry, as far as that is known.
    pub async fn claimants(
        &self,
        registry_id: i64,
    ) -> Result<HashMap<NamePattern, PrincipalRef>, StoreError> {
        let rows = self.rows(query(LIST_CLAIMANTS).bind(registry_id)).await?;
        rows.iter()
            .map(|row| {
                let by = PrincipalRef {
                    kind: row.parse("kind")?,
                    name: row.parse("name")?,
                };
                Ok((row.parse("pattern")?, by))
            })
            .collect()
    }

    /// What a claim would make the index view forget: the names that the pattern covers, with the number of their versions
    /// that were given out. As [`Self::create_claim`] counts it.
    pub async fn promised_under(
        &self,
        registry_id: i64,
        pattern: &NamePattern,
    ) -> Result<Vec<(Spelling, u64)>, StoreError> {
        let list = query(COUNT_PROMISED)
            .bind(registry_id)
            .bind(View::Index.as_str());
        let mut names = Vec::new();
        for row in self.rows(list).await? {
            let spelling: Spelling = row.parse("spelling")?;
            if pattern.covers(&spelling.canonical()) {
                names.push((spelling, row.unsigned("total")?));
            }
        }
        Ok(names)
    }

    /// How many names that were hosted here, and not released since, a pattern covers.
    pub async fn hosted_under(
        &self,
        registry_id: i64,
        pattern: &NamePattern,
    ) -> Result<u64, StoreError> {
        // a pattern has no character that means something to LIKE: it is folded, so without `_`
        let like = pattern.as_str().replace('*', "%");
        self.count(query(COUNT_HOSTED_COVERED).bind(registry_id).bind(like))
            .await
    }

    /// Names without a version that are kept from upstreams because they were hosted here, by name, or one of them; and how
    /// many there are in all.
    pub async fn kept_names(
        &self,
        registry_id: i64,
        name: Option<&CanonicalName>,
        limit: u32,
    ) -> Result<Page<KeptName>, StoreError> {
        let list = query(LIST_KEPT)
            .bind(registry_id)
            .bind(name.map(CanonicalName::as_str))
            .bind(limit);
        let rows = self.rows(list).await?;
        let items: Result<_, StoreError> = rows
            .iter()
            .map(|row| {
                Ok(KeptName {
                    name: row.parse("name")?,
                    deleted_at: row.maybe_time("deleted_at")?,
                })
            })
            .collect();
        Ok(Page {
            items: items?,
            total: self.count(query(COUNT_KEPT).bind(registry_id)).await?,
        })
    }
}
