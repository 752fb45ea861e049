//! What is there at the moment, for pages: crates that are cached, counts of the cache by day, and the versions that rules are
//! held against.

use supercargo_types::{CanonicalName, Spelling, Timestamp};

use crate::{
    CacheKind, Page, Store, StoreError,
    query::{Query, query},
    search::Terms,
    statements::statements,
    words::words,
};

/// A crate of an upstream's whose files are cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedCrateRow {
    /// As cargo asks for it.
    pub spelling: Spelling,
    /// Who delivered it.
    pub upstream: String,
    /// How many `.crate` files of it are there.
    pub files: u64,
    /// Of those together.
    pub bytes: u64,
    /// When the oldest of them came.
    pub came_at: Timestamp,
    /// When one of them was used last.
    pub used_at: Timestamp,
}

/// How a list of cached crates is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CachedOrder {
    /// By name.
    #[default]
    Name,
    /// The largest first.
    Size,
    /// What was not used for the longest time first.
    Unused,
}
words!(CachedOrder, { Name => "name", Size => "size", Unused => "unused" });

/// Which cached crates are wanted.
#[derive(Clone, Copy, Debug)]
pub struct CachedWish<'a> {
    /// In its name; empty for all.
    pub text: &'a str,
    /// How they are ordered.
    pub order: CachedOrder,
    /// At most.
    pub limit: u32,
    /// After so many.
    pub offset: u64,
}

/// What was counted of a cache on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheCountRow {
    /// In UTC, as the count of days since 1970-01-01.
    pub day: i64,
    /// What was counted.
    pub kind: CacheKind,
    /// How often.
    pub count: u64,
}

statements! {
    LIST_OF_UPSTREAM = "
        SELECT spelling, upstream, files, bytes, came_at, used_at, COUNT(*) OVER () AS total
        FROM (
            SELECT k.spelling AS spelling, u.name AS upstream, COUNT(*) AS files,
                CAST(SUM(k.size) AS BIGINT) AS bytes, MIN(k.stored_at) AS came_at,
                MAX(k.used_at) AS used_at
            FROM cached_crates k
            JOIN upstreams u ON u.id = k.upstream_id
            WHERE k.upstream_id = $1 AND REPLACE(k.spelling, '_', '-') LIKE $2 ESCAPE '!'
            GROUP BY k.spelling, u.name) AS found
        ORDER BY CASE $3 WHEN 'size' THEN -bytes WHEN 'unused' THEN used_at ELSE 0 END,
            spelling, upstream
        LIMIT $4 OFFSET $5";
    // what the registry has given out, and an upstream of it has delivered
    LIST_OF_REGISTRY = "
        SELECT spelling, upstream, files, bytes, came_at, used_at, COUNT(*) OVER () AS total
        FROM (
            SELECT k.spelling AS spelling, u.name AS upstream, COUNT(*) AS files,
                CAST(SUM(k.size) AS BIGINT) AS bytes, MIN(k.stored_at) AS came_at,
                MAX(k.used_at) AS used_at
            FROM cached_crates k
            JOIN upstreams u ON u.id = k.upstream_id
            JOIN registry_upstreams a ON a.upstream_id = k.upstream_id AND a.registry_id = $1
            WHERE k.checksum IN (SELECT checksum FROM ledger WHERE registry_id = $1)
                AND REPLACE(k.spelling, '_', '-') LIKE $2 ESCAPE '!'
            GROUP BY k.spelling, u.name) AS found
        ORDER BY CASE $3 WHEN 'size' THEN -bytes WHEN 'unused' THEN used_at ELSE 0 END,
            spelling, upstream
        LIMIT $4 OFFSET $5";
    COUNTS_BY_DAY = "
        SELECT day, kind, total FROM cache_counts
        WHERE upstream_id = $1 AND day >= $2
        ORDER BY day, kind";
    LIST_NUMBERS = "
        SELECT name, version FROM (
            SELECT c.canonical AS name, v.version AS version
            FROM crates c JOIN versions v ON v.crate_id = c.id
            WHERE c.registry_id = $1 AND v.deleted_at IS NULL
            UNION
            SELECT REPLACE(l.spelling, '_', '-') AS name, l.version AS version
            FROM ledger l
            WHERE l.registry_id = $1 AND l.view IN ('index', 'mirror')) AS held
        ORDER BY name, version
        LIMIT $2";
}

impl Store {
    /// Crates of an upstream whose files are cached, a page of them.
    pub async fn cached_of_upstream(
        &self,
        upstream_id: i64,
        wish: &CachedWish<'_>,
    ) -> Result<Page<CachedCrateRow>, StoreError> {
        let list = query(LIST_OF_UPSTREAM).bind(upstream_id);
        self.cached_list(list, wish).await
    }

    /// The same of those that a registry has given out.
    pub async fn cached_of_registry(
        &self,
        registry_id: i64,
        wish: &CachedWish<'_>,
    ) -> Result<Page<CachedCrateRow>, StoreError> {
        let list = query(LIST_OF_REGISTRY).bind(registry_id);
        self.cached_list(list, wish).await
    }

    async fn cached_list(
        &self,
        list: Query<'_>,
        wish: &CachedWish<'_>,
    ) -> Result<Page<CachedCrateRow>, StoreError> {
        let within = Terms::new(wish.text).within_name;
        let list = list
            .bind(within.as_str())
            .bind(wish.order.as_str())
            .bind(wish.limit)
            .bind(wish.offset);
        let rows = self.rows(list).await?;
        // of a page after the last nobody asks how many there are
        let total = rows.first().map_or(Ok(0), |row| row.unsigned("total"))?;
        let items = rows.iter().map(|row| {
            Ok(CachedCrateRow {
                spelling: row.parse("spelling")?,
                upstream: row.text("upstream")?,
                files: row.unsigned("files")?,
                bytes: row.unsigned("bytes")?,
                came_at: row.time("came_at")?,
                used_at: row.time("used_at")?,
            })
        });
        let items = items.collect::<Result<_, StoreError>>()?;
        Ok(Page { items, total })
    }

    /// What was counted of an upstream's cache on each day since one; what was not is not among it.
    pub async fn cache_days(
        &self,
        upstream_id: i64,
        since: i64,
    ) -> Result<Vec<CacheCountRow>, StoreError> {
        let list = query(COUNTS_BY_DAY).bind(upstream_id).bind(since);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| {
                Ok(CacheCountRow {
                    day: row.integer("day")?,
                    kind: row.parse("kind")?,
                    count: row.unsigned("total")?,
                })
            })
            .collect()
    }

    /// Every version that a registry hosts, or has given out of an upstream's, by name; at most `limit`.
    pub async fn numbers_of(
        &self,
        registry_id: i64,
        limit: u32,
    ) -> Result<Vec<(CanonicalName, String)>, StoreError> {
        let list = query(LIST_NUMBERS).bind(registry_id).bind(limit);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| Ok((row.parse("name")?, row.text("version")?)))
            .collect()
    }
}
