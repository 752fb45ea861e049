//! Which crates the hosted versions of a registry need, and so which crates need a given one.

use semver::Version;
use supercargo_types::{CanonicalName, CrateName};

use crate::{
    Page, Store, StoreError,
    engine::Transaction,
    query::{columns, query},
    row::Row,
    statements::statements,
};

/// A hosted crate that needs another, with the version that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependentRow {
    /// As its first publisher wrote it.
    pub name: CrateName,
    /// The version's id.
    pub version_id: i64,
    /// The version.
    pub version: Version,
    /// Whether it is yanked.
    pub yanked: bool,
    /// Its index line, as it was at publishing.
    pub entry: String,
}

statements! {
    // the names lie side by side: both engines can cut them out again, whereas their own lists are known to one of them only
    INSERT_DEPENDENCIES = "
        WITH RECURSIVE place (n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < $4)
        INSERT INTO dependencies (version_id, canonical)
        SELECT DISTINCT v.id, RTRIM(SUBSTR($3, p.n * 64 + 1, 64))
        FROM versions v, place p
        WHERE v.crate_id = $1 AND v.number = $2";
    // of each crate the version that was published last and is not yanked, or at least not deleted
    LIST_DEPENDENTS = "
        WITH newest AS (
            SELECT v.crate_id,
                COALESCE(MAX(CASE WHEN v.yanked THEN NULL ELSE v.id END), MAX(v.id)) AS id
            FROM versions v
            WHERE v.deleted_at IS NULL
                AND v.crate_id IN (
                    SELECT o.crate_id
                    FROM dependencies d
                    JOIN versions o ON o.id = d.version_id
                    JOIN crates c ON c.id = o.crate_id
                    WHERE d.canonical = $2 AND c.registry_id = $1)
            GROUP BY v.crate_id)
        SELECT c.name, v.id, v.version, v.yanked, v.entry
        FROM newest n
        JOIN dependencies d ON d.version_id = n.id AND d.canonical = $2
        JOIN versions v ON v.id = n.id
        JOIN crates c ON c.id = v.crate_id
        ORDER BY c.canonical
        LIMIT $3 OFFSET $4";
    COUNT_DEPENDENTS = "
        WITH newest AS (
            SELECT v.crate_id,
                COALESCE(MAX(CASE WHEN v.yanked THEN NULL ELSE v.id END), MAX(v.id)) AS id
            FROM versions v
            WHERE v.deleted_at IS NULL
                AND v.crate_id IN (
                    SELECT o.crate_id
                    FROM dependencies d
                    JOIN versions o ON o.id = d.version_id
                    JOIN crates c ON c.id = o.crate_id
                    WHERE d.canonical = $2 AND c.registry_id = $1)
            GROUP BY v.crate_id)
        SELECT COUNT(*) AS total
        FROM newest n JOIN dependencies d ON d.version_id = n.id AND d.canonical = $2";
}

/// Writes down what a version needs; in one statement, for every publish waits for it.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    crate_id: i64,
    number: &str,
    names: &[CanonicalName],
) -> Result<(), StoreError> {
    if names.is_empty() {
        return Ok(());
    }
    let insert = query(INSERT_DEPENDENCIES)
        .bind(crate_id)
        .bind(number)
        .bind(columns(names.iter().map(CanonicalName::as_str)))
        .bind(names.len() as u64);
    transaction.execute(insert).await?;
    Ok(())
}

impl Store {
    /// The hosted crates of a registry that need a crate, by name. Of each, the version that was published last counts;
    /// yanked ones only where all are, deleted ones never.
    pub async fn dependents(
        &self,
        registry_id: i64,
        name: &CanonicalName,
        limit: u32,
        offset: u64,
    ) -> Result<Page<DependentRow>, StoreError> {
        let list = query(LIST_DEPENDENTS)
            .bind(registry_id)
            .bind(name.as_str())
            .bind(limit)
            .bind(offset);
        let count = query(COUNT_DEPENDENTS)
            .bind(registry_id)
            .bind(name.as_str());
        Ok(Page {
            items: self
                .rows(list)
                .await?
                .iter()
                .map(dependent)
                .collect::<Result<_, _>>()?,
            total: self.count(count).await?,
        })
    }
}

fn dependent(row: &Row) -> Result<DependentRow, StoreError> {
    Ok(DependentRow {
        name: row.parse("name")?,
        version_id: row.integer("id")?,
        version: row.parse("version")?,
        yanked: row.flag("yanked")?,
        entry: row.text("entry")?,
    })
}
