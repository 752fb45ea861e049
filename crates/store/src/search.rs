//! Search over hosted crates: the exact name, then names that start so, then names and descriptions that hold it.

use semver::Version;
use supercargo_types::CrateName;

use crate::{Page, Store, StoreError, query::query, row::Row, statements::statements};

/// A crate that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRow {
    /// As its first publisher wrote it.
    pub name: CrateName,
    /// Its versions in the order of publishing, without tombstones; at least one.
    pub versions: Vec<SearchVersion>,
}

/// As much of a version as a list of crates shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchVersion {
    /// The version.
    pub version: Version,
    /// Whether it is yanked.
    pub yanked: bool,
    /// What its manifest says about it.
    pub description: Option<String>,
}

/// In characters; no name is longer, and what follows would only make the database work.
const LONGEST_QUERY: usize = 64;

statements! {
    SEARCH = "
        WITH hits AS (
            SELECT c.id, c.name, c.canonical,
                CASE WHEN c.canonical = $2 THEN 0
                    WHEN c.canonical LIKE $3 ESCAPE '!' THEN 1
                    WHEN c.canonical LIKE $4 ESCAPE '!' THEN 2
                    ELSE 3 END AS distance
            FROM crates c
            WHERE c.registry_id = $1
                AND EXISTS (
                    SELECT 1 FROM versions v
                    WHERE v.crate_id = c.id AND v.deleted_at IS NULL
                        AND (c.canonical LIKE $4 ESCAPE '!'
                            OR LOWER(v.description) LIKE $5 ESCAPE '!'))
            ORDER BY distance, c.canonical
            LIMIT $6 OFFSET $7)
        SELECT h.id, h.name, v.version, v.yanked, v.description
        FROM hits h JOIN versions v ON v.crate_id = h.id AND v.deleted_at IS NULL
        ORDER BY h.distance, h.canonical, v.id";
    COUNT_FOUND = "
        SELECT COUNT(*) AS total
        FROM crates c
        WHERE c.registry_id = $1
            AND EXISTS (
                SELECT 1 FROM versions v
                WHERE v.crate_id = c.id AND v.deleted_at IS NULL
                    AND (c.canonical LIKE $2 ESCAPE '!'
                        OR LOWER(v.description) LIKE $3 ESCAPE '!'))";
}

/// What stands in a `LIKE` pattern for exactly this text: without it, a query of `%` or `_` would mean anything.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        if matches!(character, '!' | '%' | '_') {
            escaped.push('!');
        }
        escaped.push(character);
        escaped
    })
}

impl Store {
    /// Hosted crates that a text finds, the nearest first; an empty text finds all, by name. NUL, which PostgreSQL cannot
    /// hold, finds what would be found without it.
    pub async fn search(
        &self,
        registry_id: i64,
        text: &str,
        limit: u32,
        offset: u64,
    ) -> Result<Page<SearchRow>, StoreError> {
        let plain: String = text
            .to_lowercase()
            .chars()
            .filter(|&character| character != '\0')
            .take(LONGEST_QUERY)
            .collect();
        let canonical = plain.replace('_', "-");
        let within_name = format!("%{}%", escaped(&canonical));
        let within_description = format!("%{}%", escaped(&plain));
        let search = query(SEARCH)
            .bind(registry_id)
            .bind(canonical.as_str())
            .bind(format!("{}%", escaped(&canonical)))
            .bind(within_name.as_str())
            .bind(within_description.as_str())
            .bind(limit)
            .bind(offset);
        let count = query(COUNT_FOUND)
            .bind(registry_id)
            .bind(within_name.as_str())
            .bind(within_description.as_str());
        Ok(Page {
            items: grouped(&self.rows(search).await?)?,
            total: self.count(count).await?,
        })
    }
}

/// One item for each run of rows with the same crate.
fn grouped(rows: &[Row]) -> Result<Vec<SearchRow>, StoreError> {
    let mut items = Vec::<SearchRow>::new();
    let mut last = None;
    for row in rows {
        let version = SearchVersion {
            version: row.parse("version")?,
            yanked: row.flag("yanked")?,
            description: row.maybe_text("description")?,
        };
        let id = Some(row.integer("id")?);
        match items.last_mut() {
            Some(item) if id == last => item.versions.push(version),
            _ => items.push(SearchRow {
                name: row.parse("name")?,
                versions: vec![version],
            }),
        }
        last = id;
    }
    Ok(items)
}
