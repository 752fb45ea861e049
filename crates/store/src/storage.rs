//! How much there is: for whoever has to buy disks.

use crate::{Store, StoreError, query::query, statements::statements};

statements! {
    // one file for all versions with the same bytes; deleted versions have theirs until they are purged
    SUM_HOSTED = "
        SELECT COUNT(*) AS files, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes
        FROM (SELECT MAX(size) AS size FROM versions WHERE purged_at IS NULL GROUP BY checksum) AS files";
    SUM_CACHED = "
        SELECT COUNT(*) AS files, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes
        FROM (SELECT MAX(size) AS size FROM cached_crates GROUP BY checksum) AS files";
}

/// The engines' own words; each knows only its own.
const SIZE_IN_SQLITE: &str =
    "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
const SIZE_IN_POSTGRES: &str = "SELECT pg_database_size(current_database())";

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// How many.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
}

impl Store {
    /// The files of hosted versions; those of deleted ones until they are purged.
    pub async fn hosted_files(&self) -> Result<Stored, StoreError> {
        self.stored(SUM_HOSTED).await
    }

    /// The cached `.crate` files of all upstreams.
    pub async fn cached_files(&self) -> Result<Stored, StoreError> {
        self.stored(SUM_CACHED).await
    }

    async fn stored(&self, text: &'static str) -> Result<Stored, StoreError> {
        match self.row(query(text)).await? {
            Some(row) => Ok(Stored {
                files: row.unsigned("files")?,
                bytes: row.unsigned("bytes")?,
            }),
            None => Ok(Stored::default()),
        }
    }

    /// How large the database is, in bytes; of SQLite without its write-ahead log.
    pub async fn database_bytes(&self) -> Result<u64, StoreError> {
        let text = match self {
            Self::Sqlite(_) => SIZE_IN_SQLITE,
            Self::Postgres(_) => SIZE_IN_POSTGRES,
        };
        let bytes: i64 = match self {
            Self::Sqlite(pools) => sqlx::query_scalar(text).fetch_one(&pools.readers).await?,
            Self::Postgres(server) => sqlx::query_scalar(text).fetch_one(&server.pool).await?,
        };
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// What people call the engine.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}
