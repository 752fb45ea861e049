//! What registries come to, for the first page: one statement for all that are shown, however many.

use std::collections::HashMap;

use supercargo_types::{CrateName, PrincipalRef, Timestamp};

use crate::{
    Store, StoreError,
    query::{columns, query},
    row::Row,
    search::Terms,
    statements::statements,
};

/// What one registry comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryFigures {
    /// Crates with a version that is not deleted.
    pub hosted: u64,
    /// Of the files of those versions, in bytes.
    pub hosted_bytes: u64,
    /// Names of upstream's of which versions were given out.
    pub from_upstreams: u64,
    /// Since the day that was asked for.
    pub downloads: u64,
    /// The version that was published last, where it is not deleted.
    pub newest: Option<NewestVersion>,
}

/// A version that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestVersion {
    /// Where.
    pub registry_id: i64,
    /// As its publisher writes it.
    pub name: CrateName,
    /// The version.
    pub version: String,
    /// When.
    pub published_at: Timestamp,
    /// By whom.
    pub publisher: Option<PrincipalRef>,
}

/// What would be gone with a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalFigures {
    /// Crates with a version that is not deleted.
    pub crates: u64,
    /// Those versions.
    pub versions: u64,
    /// Who pulled something since the time that was asked for; all without a name are one.
    pub readers: u64,
}

statements! {
    REMOVAL = "
        SELECT
            (SELECT COUNT(*) FROM crates c WHERE c.registry_id = $1 AND EXISTS (
                SELECT 1 FROM versions v WHERE v.crate_id = c.id AND v.deleted_at IS NULL)) AS crates,
            (SELECT COUNT(*) FROM versions v JOIN crates c ON c.id = v.crate_id
                WHERE c.registry_id = $1 AND v.deleted_at IS NULL) AS versions,
            (SELECT COUNT(DISTINCT p.principal) FROM pulls p
                WHERE p.registry_id = $1 AND p.last_at >= $2) AS readers";
    FIGURES = "
        WITH RECURSIVE place (n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < $2),
        wanted AS (
            SELECT CAST(RTRIM(SUBSTR($1, n * 64 + 1, 64)) AS BIGINT) AS id FROM place),
        hosted AS (
            SELECT c.registry_id, COUNT(DISTINCT c.id) AS crates,
                CAST(SUM(v.size) AS BIGINT) AS bytes, MAX(v.id) AS newest
            FROM crates c JOIN versions v ON v.crate_id = c.id
            WHERE c.registry_id IN (SELECT id FROM wanted) AND v.deleted_at IS NULL
            GROUP BY c.registry_id),
        given AS (
            SELECT registry_id, COUNT(DISTINCT spelling) AS names
            FROM ledger
            WHERE registry_id IN (SELECT id FROM wanted) AND view IN ('index', 'mirror')
            GROUP BY registry_id),
        pulled AS (
            SELECT registry_id, CAST(SUM(total) AS BIGINT) AS total
            FROM downloads
            WHERE registry_id IN (SELECT id FROM wanted) AND day >= $3
            GROUP BY registry_id)
        SELECT w.id, COALESCE(h.crates, 0) AS crates, COALESCE(h.bytes, 0) AS bytes,
            COALESCE(g.names, 0) AS names, COALESCE(d.total, 0) AS downloads,
            c.name, v.version, v.published_at, p.kind AS publisher_kind, p.name AS publisher_name
        FROM wanted w
        LEFT JOIN hosted h ON h.registry_id = w.id
        LEFT JOIN given g ON g.registry_id = w.id
        LEFT JOIN pulled d ON d.registry_id = w.id
        LEFT JOIN versions v ON v.id = h.newest
        LEFT JOIN crates c ON c.id = v.crate_id
        LEFT JOIN principals p ON p.id = v.published_by";
    LIST_NEWEST = "
        WITH RECURSIVE place (n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < $2),
        wanted AS (
            SELECT CAST(RTRIM(SUBSTR($1, n * 64 + 1, 64)) AS BIGINT) AS id FROM place)
        SELECT c.registry_id, c.name, v.version, v.published_at,
            p.kind AS publisher_kind, p.name AS publisher_name
        FROM versions v
        JOIN crates c ON c.id = v.crate_id
        LEFT JOIN principals p ON p.id = v.published_by
        WHERE v.deleted_at IS NULL AND c.registry_id IN (SELECT id FROM wanted)
        ORDER BY v.id DESC
        LIMIT $3";
    LIST_NAMES = "
        SELECT c.name FROM crates c
        WHERE c.registry_id = $1 AND c.canonical LIKE $2 ESCAPE '!'
            AND EXISTS (SELECT 1 FROM versions v WHERE v.crate_id = c.id AND v.deleted_at IS NULL)
        ORDER BY c.canonical
        LIMIT $3";
}

impl Store {
    /// What would be gone with a registry; readers since a time.
    pub async fn removal_figures(
        &self,
        registry_id: i64,
        since: Timestamp,
    ) -> Result<RemovalFigures, StoreError> {
        let select = query(REMOVAL).bind(registry_id).bind(since);
        let Some(row) = self.row(select).await? else {
            return Ok(RemovalFigures::default());
        };
        Ok(RemovalFigures {
            crates: row.unsigned("crates")?,
            versions: row.unsigned("versions")?,
            readers: row.unsigned("readers")?,
        })
    }

    /// What some registries come to, by their ids; downloads since a day.
    pub async fn registry_figures(
        &self,
        ids: &[i64],
        since: i64,
    ) -> Result<HashMap<i64, RegistryFigures>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let select = query(FIGURES)
            .bind(columns(ids))
            .bind(ids.len() as u64)
            .bind(since);
        let rows = self.rows(select).await?;
        rows.iter()
            .map(|row| {
                let id = row.integer("id")?;
                let figures = RegistryFigures {
                    hosted: row.unsigned("crates")?,
                    hosted_bytes: row.unsigned("bytes")?,
                    from_upstreams: row.unsigned("names")?,
                    downloads: row.unsigned("downloads")?,
                    newest: match row.maybe_text("name")? {
                        Some(_) => Some(newest(row, id)?),
                        None => None,
                    },
                };
                Ok((id, figures))
            })
            .collect()
    }

    /// The hosted names that begin with a text, in their order.
    pub async fn names_like(
        &self,
        registry_id: i64,
        text: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let list = query(LIST_NAMES)
            .bind(registry_id)
            .bind(Terms::new(text).prefix)
            .bind(limit);
        let rows = self.rows(list).await?;
        rows.iter().map(|row| row.text("name")).collect()
    }

    /// The versions that were published last in some registries, the newest first.
    pub async fn newest_versions(
        &self,
        registry_ids: &[i64],
        limit: u32,
    ) -> Result<Vec<NewestVersion>, StoreError> {
        if registry_ids.is_empty() {
            return Ok(Vec::new());
        }
        let list = query(LIST_NEWEST)
            .bind(columns(registry_ids))
            .bind(registry_ids.len() as u64)
            .bind(limit);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| newest(row, row.integer("registry_id")?))
            .collect()
    }
}

fn newest(row: &Row, registry_id: i64) -> Result<NewestVersion, StoreError> {
    let publisher = match row.maybe_text("publisher_name")? {
        Some(_) => Some(PrincipalRef {
            kind: row.parse("publisher_kind")?,
            name: row.parse("publisher_name")?,
        }),
        None => None,
    };
    Ok(NewestVersion {
        registry_id,
        name: row.parse("name")?,
        version: row.text("version")?,
        published_at: row.time("published_at")?,
        publisher,
    })
}
