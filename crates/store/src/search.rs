//! Search over hosted crates: the exact name, then names that start so, then names that hold it, then those of which each word
//! stands in the name, the description or a keyword.

use semver::Version;
use supercargo_types::{CrateName, Timestamp};

use std::collections::HashSet;

use crate::{
    Page, Store, StoreError, WantedLabels, query::query, row::Row, statements::statements,
};

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

/// What is looked for among the crates of a registry.
#[derive(Clone, Copy, Debug)]
pub struct CrateSearch<'a> {
    /// Where.
    pub registry_id: i64,
    /// An empty one finds all.
    pub text: &'a str,
    /// Labels that all have to be there.
    pub labels: &'a WantedLabels,
    /// In which order.
    pub order: CrateOrder,
    /// At most so many.
    pub limit: u32,
    /// So many of the first are left out.
    pub offset: u64,
}

/// In which order crates are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrateOrder {
    /// The nearest first, then by name.
    #[default]
    Relevance,
    /// By name alone.
    Name,
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
            Self::Name => (3, 0),
        }
    }
}

statements! {
    // a text that is a part of the name, or all of its words anywhere
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
                    WHEN CAST($8 AS BIGINT) = 3 THEN 0
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
                            OR (REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $5 ESCAPE '!'
                                AND ($10 = '%' OR REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $10 ESCAPE '!')
                                AND ($11 = '%' OR REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $11 ESCAPE '!')
                                AND ($12 = '%' OR REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $12 ESCAPE '!'))))
                AND (CAST($14 AS BIGINT) = 0 OR $14 = (
                    SELECT COUNT(*) FROM labels b
                    WHERE b.registry_id = c.registry_id AND b.canonical = c.canonical AND b.number = ''
                        AND (REPLACE($13, '
' || b.label_key || '
', '') <> $13
                            OR REPLACE($13, '
' || b.label_key || '=' || b.label_value || '
', '') <> $13)))
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
                        OR (REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $3 ESCAPE '!'
                            AND ($4 = '%' OR REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $4 ESCAPE '!')
                            AND ($5 = '%' OR REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $5 ESCAPE '!')
                            AND ($6 = '%' OR REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $6 ESCAPE '!'))))
            AND (CAST($8 AS BIGINT) = 0 OR $8 = (
                SELECT COUNT(*) FROM labels b
                WHERE b.registry_id = c.registry_id AND b.canonical = c.canonical AND b.number = ''
                    AND (REPLACE($7, '
' || b.label_key || '
', '') <> $7
                        OR REPLACE($7, '
' || b.label_key || '=' || b.label_value || '
', '') <> $7)))";
    // hosted, then given out of upstreams'; where something may be found, so that nothing else need be searched
    PLACES = "
        SELECT DISTINCT c.registry_id
        FROM crates c JOIN versions v ON v.crate_id = c.id AND v.deleted_at IS NULL
        WHERE c.canonical LIKE $1 ESCAPE '!'
            OR REPLACE(c.canonical || ' ' || LOWER(COALESCE(v.description, '')) || ' ' || LOWER(v.keywords), '_', '-') LIKE $2 ESCAPE '!'
        UNION
        SELECT DISTINCT l.registry_id
        FROM ledger l LEFT JOIN cached_crates k ON k.checksum = l.checksum
        WHERE REPLACE(l.spelling, '_', '-') LIKE $1 ESCAPE '!'
            OR REPLACE(l.spelling || ' ' || LOWER(COALESCE(k.description, '')) || ' ' || LOWER(COALESCE(k.keywords, '')), '_', '-') LIKE $2 ESCAPE '!'";
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

/// What a text in lower case is like that holds this one, in whatever case. NUL is left out, as in [`Terms`].
pub(crate) fn within(text: &str) -> String {
    let text = text.to_lowercase();
    let plain = text.chars().filter(|&character| character != '\0');
    let plain: String = plain.take(LONGEST_QUERY).collect();
    format!("%{}%", escaped(&plain))
}

/// Words of a text, beyond which nothing is looked for: each costs every crate a comparison.
const WORDS: usize = 4;

/// A text that is searched for, as statements compare it. NUL, which PostgreSQL cannot hold, is left out: what is found is
/// what would be found without it. `_` and `-` are one.
pub(crate) struct Terms {
    /// To be equal to a canonical name.
    pub(crate) canonical: String,
    /// What a canonical name starts like.
    pub(crate) prefix: String,
    /// What a canonical name is like.
    pub(crate) within_name: String,
    /// What name, description and keywords together are like, all of them; `%` where there are fewer words, but for the first.
    pub(crate) words: [String; WORDS],
}

impl Terms {
    pub(crate) fn new(text: &str) -> Self {
        let plain: String = text
            .to_lowercase()
            .chars()
            .filter(|&character| character != '\0')
            .take(LONGEST_QUERY)
            .collect();
        let canonical = plain.trim().replace('_', "-");
        let name = escaped(&canonical);
        let mut words: [String; WORDS] = std::array::from_fn(|_| "%".to_owned());
        "%%".clone_into(&mut words[0]);
        for (place, word) in words.iter_mut().zip(canonical.split_whitespace()) {
            *place = format!("%{}%", escaped(word));
        }
        Self {
            prefix: format!("{name}%"),
            within_name: format!("%{name}%"),
            words,
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
        self.find_crates(&CrateSearch {
            registry_id,
            text,
            labels: &WantedLabels::default(),
            order: CrateOrder::Relevance,
            limit,
            offset,
        })
        .await
    }

    /// The same in another order, or only those with some labels.
    pub async fn find_crates(
        &self,
        wanted: &CrateSearch<'_>,
    ) -> Result<Page<SearchRow>, StoreError> {
        let (order, since) = wanted.order.number();
        let terms = Terms::new(wanted.text);
        let [first, second, third, fourth] = &terms.words;
        let labels = wanted.labels;
        let search = query(SEARCH)
            .bind(wanted.registry_id)
            .bind(terms.canonical.as_str())
            .bind(terms.prefix.as_str())
            .bind(terms.within_name.as_str())
            .bind(first.as_str())
            .bind(wanted.limit)
            .bind(wanted.offset)
            .bind(order)
            .bind(since)
            .bind(second.as_str())
            .bind(third.as_str())
            .bind(fourth.as_str())
            .bind(labels.text.as_str())
            .bind(labels.count);
        let count = query(COUNT_FOUND)
            .bind(wanted.registry_id)
            .bind(terms.within_name.as_str())
            .bind(first.as_str())
            .bind(second.as_str())
            .bind(third.as_str())
            .bind(fourth.as_str())
            .bind(labels.text.as_str())
            .bind(labels.count);
        Ok(Page {
            items: grouped(&self.rows(search).await?)?,
            total: self.count(count).await?,
        })
    }

    /// In which registries a text may find anything, hosted or cached: those that are not among them need not be searched.
    pub async fn places_of(&self, text: &str) -> Result<HashSet<i64>, StoreError> {
        let terms = Terms::new(text);
        let places = query(PLACES)
            .bind(terms.within_name.as_str())
            .bind(terms.words[0].as_str());
        let rows = self.rows(places).await?;
        rows.iter().map(|row| row.integer("registry_id")).collect()
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
