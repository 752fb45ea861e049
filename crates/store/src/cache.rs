//! How the cache of upstreams is used: sizes, last uses and counts, and what goes when it has become too large.
//!
//! Two upstreams may have delivered the same bytes. They are stored once, so they count once, and go together.

use std::collections::HashMap;

use supercargo_types::{Digest, Spelling, Timestamp};

use crate::{Store, StoreError, query::query, row::Row, statements::statements, words::words};

/// What is counted of an upstream's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CacheKind {
    /// Index files that were given out without a question to the upstream, or with one that somebody else had made.
    IndexHit,
    /// Index files for which it was asked.
    IndexMiss,
    /// `.crate` files that were given out without a request to the upstream, or with one that somebody else had made.
    FileHit,
    /// `.crate` files that were fetched.
    FileMiss,
    /// Index files that were fetched before anybody asked for them.
    ReadAhead,
    /// Those of them that somebody asked for, for the first time.
    ReadAheadUsed,
}

impl CacheKind {
    /// All of them, in their order: each at the place that `as usize` says.
    pub const ALL: [Self; 6] = [
        Self::IndexHit,
        Self::IndexMiss,
        Self::FileHit,
        Self::FileMiss,
        Self::ReadAhead,
        Self::ReadAheadUsed,
    ];
}

words!(CacheKind, {
    IndexHit => "index-hit",
    IndexMiss => "index-miss",
    FileHit => "file-hit",
    FileMiss => "file-miss",
    ReadAhead => "read-ahead",
    ReadAheadUsed => "read-ahead-used",
});

/// What is to be added to a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewCacheCount {
    /// Whose cache.
    pub upstream_id: i64,
    /// In UTC, as the count of days since 1970-01-01.
    pub day: i64,
    /// What was counted.
    pub kind: CacheKind,
    /// How often.
    pub count: u64,
}

/// A file that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheUse {
    /// Who delivered it.
    pub upstream_id: i64,
    /// Which file.
    pub checksum: Digest,
    /// When.
    pub at: Timestamp,
}

/// How much is cached of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSize {
    /// `.crate` files.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
    /// Index files.
    pub index_files: u64,
    /// When the oldest of the `.crate` files came.
    pub oldest: Option<Timestamp>,
}

/// A place in the order of last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedFile {
    /// Which file.
    pub checksum: Digest,
    /// When it was used last, as one of the upstreams that delivered it knows.
    pub used_at: Timestamp,
}

/// As what an upstream has delivered a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedPlace {
    /// Who delivered it.
    pub upstream_id: i64,
    /// As which crate.
    pub spelling: Spelling,
    /// As which version.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was used last; it came then, or before.
    pub used_at: Timestamp,
}

statements! {
    // of an upstream that is not there any more nothing is counted: its reference would break, and the whole batch with it
    ADD_COUNT = "
        INSERT INTO cache_counts (upstream_id, day, kind, total)
        SELECT $1, $2, $3, $4
        WHERE EXISTS (SELECT 1 FROM upstreams WHERE id = $1)
        ON CONFLICT (upstream_id, day, kind)
            DO UPDATE SET total = cache_counts.total + excluded.total";
    SUM_COUNTS = "
        SELECT kind, CAST(SUM(total) AS BIGINT) AS total FROM cache_counts
        WHERE upstream_id = $1 AND day >= $2
        GROUP BY kind";
    NOTE_USE = "
        UPDATE cached_crates SET used_at = $3
        WHERE upstream_id = $1 AND checksum = $2 AND used_at < $3";
    SIZE_OF_FILES = "
        SELECT COUNT(*) AS files, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes,
            MIN(stored_at) AS oldest
        FROM cached_crates WHERE upstream_id = $1";
    COUNT_INDEX_FILES = "SELECT COUNT(*) AS files FROM cached_index WHERE upstream_id = $1";
    SUM_BYTES = "
        SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes
        FROM (SELECT MAX(size) AS size FROM cached_crates GROUP BY checksum) AS files";
    // bytes that a hosted version needs stay anyway
    LEAST_USED = "
        SELECT checksum, used_at FROM cached_crates
        WHERE (used_at > $1 OR (used_at = $1 AND checksum > $2))
            AND NOT EXISTS (
                SELECT 1 FROM versions v
                WHERE v.checksum = cached_crates.checksum AND v.purged_at IS NULL)
        ORDER BY used_at, checksum
        LIMIT $3";
    LIST_PLACES = "
        SELECT upstream_id, spelling, version, size, used_at
        FROM cached_crates WHERE checksum = $1
        ORDER BY upstream_id";
    // looked at once more: meanwhile somebody may have used or fetched it, or its upstream may have lost the crate
    DROP_FILE = "
        DELETE FROM cached_crates
        WHERE checksum = $1
            AND NOT EXISTS (
                SELECT 1 FROM cached_crates o
                WHERE o.checksum = $1 AND o.used_at > $2)
            AND NOT EXISTS (
                SELECT 1 FROM cached_crates o
                JOIN cached_index i ON i.upstream_id = o.upstream_id AND i.spelling = o.spelling
                WHERE o.checksum = $1 AND i.gone_at IS NOT NULL)";
}

impl Store {
    /// Adds a batch of counts, all or none; those of upstreams that are no longer there do not count. In the order of their
    /// keys: two that add at once must not wait for each other.
    pub async fn add_cache_counts(&self, batch: &[NewCacheCount]) -> Result<(), StoreError> {
        let mut ordered: Vec<_> = batch.iter().collect();
        ordered.sort_by_key(|new| (new.upstream_id, new.day, new.kind));
        let mut transaction = self.write().await?;
        for new in ordered {
            let add = query(ADD_COUNT)
                .bind(new.upstream_id)
                .bind(new.day)
                .bind(new.kind.as_str())
                .bind(new.count);
            transaction.execute(add).await?;
        }
        transaction.commit().await
    }

    /// What was counted of an upstream's cache since a day; what was not is not among it.
    pub async fn cache_counts(
        &self,
        upstream_id: i64,
        since: i64,
    ) -> Result<HashMap<CacheKind, u64>, StoreError> {
        let sum = query(SUM_COUNTS).bind(upstream_id).bind(since);
        let rows = self.rows(sum).await?;
        rows.iter()
            .map(|row| Ok((row.parse("kind")?, row.unsigned("total")?)))
            .collect()
    }

    /// Writes down when files were used last, all or none; an earlier time changes nothing, nor does a file that has gone.
    pub async fn note_cache_uses(&self, uses: &[CacheUse]) -> Result<(), StoreError> {
        let mut ordered: Vec<_> = uses.iter().collect();
        ordered.sort_by_key(|used| (used.upstream_id, used.checksum));
        let mut transaction = self.write().await?;
        for used in ordered {
            let note = query(NOTE_USE)
                .bind(used.upstream_id)
                .bind(&used.checksum)
                .bind(used.at);
            transaction.execute(note).await?;
        }
        transaction.commit().await
    }

    /// How much is cached of an upstream.
    pub async fn cache_size(&self, upstream_id: i64) -> Result<CacheSize, StoreError> {
        let files = self.row(query(SIZE_OF_FILES).bind(upstream_id)).await?;
        let index = self.row(query(COUNT_INDEX_FILES).bind(upstream_id)).await?;
        let (files, index) = (one(files), one(index));
        Ok(CacheSize {
            files: files.unsigned("files")?,
            bytes: files.unsigned("bytes")?,
            index_files: index.unsigned("files")?,
            oldest: files.maybe_time("oldest")?,
        })
    }

    /// The bytes of all cached `.crate` files.
    pub async fn cached_bytes(&self) -> Result<u64, StoreError> {
        one(self.row(query(SUM_BYTES)).await?).unsigned("bytes")
    }

    /// Cached files that no hosted version needs, the least recently used first; those behind `after`, where it is said. A
    /// file that two upstreams delivered may be there twice.
    pub async fn least_used(
        &self,
        after: Option<&UsedFile>,
        limit: u32,
    ) -> Result<Vec<UsedFile>, StoreError> {
        let (used_at, checksum) = match after {
            Some(last) => (last.used_at, &last.checksum.as_bytes()[..]),
            None => (Timestamp::from_micros(i64::MIN), &[][..]),
        };
        let list = query(LEAST_USED).bind(used_at).bind(checksum).bind(limit);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| {
                Ok(UsedFile {
                    checksum: row.digest("checksum")?,
                    used_at: row.time("used_at")?,
                })
            })
            .collect()
    }

    /// Everybody who has delivered a file.
    pub async fn cached_places(&self, checksum: &Digest) -> Result<Vec<CachedPlace>, StoreError> {
        let rows = self.rows(query(LIST_PLACES).bind(checksum)).await?;
        rows.iter().map(place).collect()
    }

    /// Forgets files, for all who have delivered them, unless one was used or delivered after it was looked at, or an upstream
    /// has lost its crate. Answers those that were forgotten; whether anything else needs their bytes is
    /// [`Self::needs_blob`]. The ledger stays.
    pub async fn drop_cached(&self, files: &[UsedFile]) -> Result<Vec<Digest>, StoreError> {
        let mut ordered: Vec<_> = files.iter().collect();
        ordered.sort_by_key(|file| file.checksum);
        let mut transaction = self.write().await?;
        let mut dropped = Vec::new();
        for file in ordered {
            let forget = query(DROP_FILE).bind(&file.checksum).bind(file.used_at);
            if transaction.execute(forget).await? > 0 {
                dropped.push(file.checksum);
            }
        }
        transaction.commit().await?;
        Ok(dropped)
    }
}

fn one(row: Option<Row>) -> Row {
    row.expect("invariant: a sum over no rows is a row, too")
}

pub(crate) fn place(row: &Row) -> Result<CachedPlace, StoreError> {
    Ok(CachedPlace {
        upstream_id: row.integer("upstream_id")?,
        spelling: row.parse("spelling")?,
        version: row.text("version")?,
        size: row.unsigned("size")?,
        used_at: row.time("used_at")?,
    })
}
