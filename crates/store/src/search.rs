//! Search over hosted crates: the exact name, then names that start so, then names and descriptions that hold it.

use semver::Version;
use supercargo_types::{CrateName, Timestamp};

use crate::{Page, Store, StoreError, query::query, row::Row, statements::statements};

/// A crate that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRow {
    /// As its first publisher wrote it.
    pub name: CrateName,
    /// When its first version was published.
    pub created_at: Timestamp,
    /// Its versions in the order of publishing, without tombstones; at least one.
    pub versions: Vec<SearchVersion>,
}

/// As much of a version as a list of crates shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchVersion {
    /// Its id.
    pub id: i64,
    /// The version.
    pub version: Version,
    /// Whether it is yanked.
    pub yanked: bool,
    /// What its manifest says about it.
    pub description: Option<String>,
    /// When it was published.
    pub published_at: Timestamp,
}

/// In characters; no name is longer, and what follows would only make the database work.
const LONGEST_QUERY: usize = 64;

/// In which order crates are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrateOrder {
    /// The nearest first, then by name.
    #[default]
    Relevance,
    /// What was published last first.
    Updated,
    /// What is downloaded most since a day first.
    Downloads {
        /// As the count of days since 1970-01-01.
        since: i64,
    },
}

impl CrateOrder {
    /// As the statement knows it, with the day.
    fn number(self) -> (i64, i64) {
        match self {
            Self::Relevance => (0, 0),
            Self::Updated => (1, 0),
            Self::Downloads { since } => (2, since),
        }
    }
}

statements! {
    SEARCH = "
        WITH hits AS (
            SELECT c.id, c.name, c.canonical, c.created_at,
                CASE WHEN CAST($8 AS BIGINT) = 1 THEN -(
                        SELECT MAX(v.published_at) FROM versions v
                        WHERE v.crate_id = c.id AND v.deleted_at IS NULL)
                    WHEN CAST($8 AS BIGINT) = 2 THEN -(
                        SELECT CAST(COALESCE(SUM(d.total), 0) AS BIGINT) FROM downloads d
                        WHERE d.registry_id = c.registry_id AND d.canonical = c.canonical
                            AND d.day >= $9)
                    WHEN c.canonical = $2 THEN 0
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
        SELECT h.id, h.name, h.created_at, v.id AS version_id, v.version, v.yanked, v.description,
            v.published_at
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

/// A text that is searched for, as statements compare it. NUL, which PostgreSQL cannot hold, is left out: what is found is
/// what would be found without it.
pub(crate) struct Terms {
    /// To be equal to a canonical name.
    pub(crate) canonical: String,
    /// What a canonical name starts like.
    pub(crate) prefix: String,
    /// What a canonical name is like.
    pub(crate) within_name: String,
    /// What a description in lower case is like.
    pub(crate) within_description: String,
}

impl Terms {
    pub(crate) fn new(text: &str) -> Self {
        let plain: String = text
            .to_lowercase()
            .chars()
            .filter(|&character| character != '\0')
            .take(LONGEST_QUERY)
            .collect();
        let canonical = plain.replace('_', "-");
        let name = escaped(&canonical);
        Self {
            prefix: format!("{name}%"),
            within_name: format!("%{name}%"),
            within_description: format!("%{}%", escaped(&plain)),
            canonical,
        }
    }
}

impl Store {
    /// Hosted crates that a text finds, the nearest first; an empty text finds all, by name.
    pub async fn search(
        &self,
        registry_id: i64,
        text: &str,
        limit: u32,
        offset: u64,
    ) -> Result<Page<SearchRow>, StoreError> {
        self.search_in_order(registry_id, text, CrateOrder::Relevance, limit, offset)
            .await
    }

    /// The same in another order.
    pub async fn search_in_order(
        &self,
        registry_id: i64,
        text: &str,
        order: CrateOrder,
        limit: u32,
        offset: u64,
    ) -> Result<Page<SearchRow>, StoreError> {
        let (order, since) = order.number();
        let terms = Terms::new(text);
        let search = query(SEARCH)
            .bind(registry_id)
            .bind(terms.canonical.as_str())
            .bind(terms.prefix.as_str())
            .bind(terms.within_name.as_str())
            .bind(terms.within_description.as_str())
            .bind(limit)
            .bind(offset)
            .bind(order)
            .bind(since);
        let count = query(COUNT_FOUND)
            .bind(registry_id)
            .bind(terms.within_name.as_str())
            .bind(terms.within_description.as_str());
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
            id: row.integer("version_id")?,
            version: row.parse("version")?,
            yanked: row.flag("yanked")?,
            description: row.maybe_text("description")?,
            published_at: row.time("published_at")?,
        };
        let id = Some(row.integer("id")?);
        match items.last_mut() {
            Some(item) if id == last => item.versions.push(version),
            _ => items.push(SearchRow {
                name: row.parse("name")?,
                created_at: row.time("created_at")?,
                versions: vec![version],
            }),
        }
        last = id;
    }
    Ok(items)
}
