//! What the archives of hosted versions say about them, for lists and pages: read when somebody looks, never to resolve.

use std::collections::HashMap;

use semver::Version;
use supercargo_types::{CanonicalName, PrincipalRef, Timestamp};

use crate::{
    Store, StoreError,
    query::{columns, query},
    row::Row,
    statements::statements,
};

/// A version that is not deleted, with what is known of it beyond its index line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFacts {
    /// Its id.
    pub id: i64,
    /// As published.
    pub version: Version,
    /// The JSON that was given at publishing.
    pub facts: String,
    /// The size of its file in bytes.
    pub size: u64,
    /// When it was published.
    pub published_at: Timestamp,
    /// Who did, with the id.
    pub publisher: Option<(i64, PrincipalRef)>,
}

statements! {
    LIST_DETAILS = "
        SELECT v.id, v.version, v.facts, v.size, v.published_at,
            p.id AS publisher_id, p.kind AS publisher_kind, p.name AS publisher_name
        FROM crates c
        JOIN versions v ON v.crate_id = c.id
        LEFT JOIN principals p ON p.id = v.published_by
        WHERE c.registry_id = $1 AND c.canonical = $2 AND v.deleted_at IS NULL
            AND (CAST($3 AS TEXT) IS NULL OR v.version = $3)
        ORDER BY v.id";
    SELECT_FACTS_OF = "
        WITH RECURSIVE place (n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < $2)
        SELECT v.id, v.facts
        FROM place p JOIN versions v
            ON v.id = CAST(RTRIM(SUBSTR($1, p.n * 64 + 1, 64)) AS BIGINT)";
}

impl Store {
    /// The versions of a hosted crate in the order of publishing, or only the one that is written so.
    pub async fn version_details(
        &self,
        registry_id: i64,
        name: &CanonicalName,
        version: Option<&str>,
    ) -> Result<Vec<VersionFacts>, StoreError> {
        let list = query(LIST_DETAILS)
            .bind(registry_id)
            .bind(name.as_str())
            .bind(version);
        self.rows(list).await?.iter().map(details).collect()
    }

    /// The facts of some versions, by their ids.
    pub async fn facts_of(&self, ids: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let select = query(SELECT_FACTS_OF)
            .bind(columns(ids))
            .bind(ids.len() as u64);
        let rows = self.rows(select).await?;
        rows.iter()
            .map(|row| Ok((row.integer("id")?, row.text("facts")?)))
            .collect()
    }
}

fn details(row: &Row) -> Result<VersionFacts, StoreError> {
    let publisher = match row.maybe_integer("publisher_id")? {
        Some(id) => Some((
            id,
            PrincipalRef {
                kind: row.parse("publisher_kind")?,
                name: row.parse("publisher_name")?,
            },
        )),
        None => None,
    };
    Ok(VersionFacts {
        id: row.integer("id")?,
        version: row.parse("version")?,
        facts: row.text("facts")?,
        size: row.unsigned("size")?,
        published_at: row.time("published_at")?,
        publisher,
    })
}
