//! How often versions were downloaded, by day.

use std::collections::HashMap;

use supercargo_types::CanonicalName;

use crate::{
    Store, StoreError,
    query::{columns, query},
    statements::statements,
};

/// Downloads of one version on one day that are to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDownloads {
    /// Where.
    pub registry_id: i64,
    /// Of which crate, in any spelling.
    pub name: CanonicalName,
    /// The version as its index line writes it.
    pub version: String,
    /// In UTC, as the count of days since 1970-01-01.
    pub day: i64,
    /// How many.
    pub count: u64,
}

/// Downloads of one version on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadsOfDay {
    /// The version as its index line writes it.
    pub version: String,
    /// In UTC, as the count of days since 1970-01-01.
    pub day: i64,
    /// How many.
    pub count: u64,
}

/// Sums over days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Downloads {
    /// Of all days.
    pub total: u64,
    /// Since a day that was asked for.
    pub recent: u64,
}

statements! {
    // of a registry that is not there any more nothing is counted: its reference would break, and the whole batch with it
    ADD_DOWNLOADS = "
        INSERT INTO downloads (registry_id, canonical, version, day, total)
        SELECT $1, $2, $3, $4, $5
        WHERE EXISTS (SELECT 1 FROM registries WHERE id = $1)
        ON CONFLICT (registry_id, canonical, version, day)
            DO UPDATE SET total = downloads.total + excluded.total";
    LIST_DAYS = "
        SELECT version, day, total FROM downloads
        WHERE registry_id = $1 AND canonical = $2 AND day >= $3
        ORDER BY day, version";
    SUM_OF_VERSIONS = "
        SELECT version, CAST(SUM(total) AS BIGINT) AS total FROM downloads
        WHERE registry_id = $1 AND canonical = $2
        GROUP BY version";
    SUM_OF_CRATES = "
        WITH RECURSIVE place (n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < $3)
        SELECT canonical, CAST(SUM(total) AS BIGINT) AS total,
            CAST(SUM(CASE WHEN day >= $4 THEN total ELSE 0 END) AS BIGINT) AS recent
        FROM downloads
        WHERE registry_id = $1
            AND canonical IN (SELECT RTRIM(SUBSTR($2, n * 64 + 1, 64)) FROM place)
        GROUP BY canonical";
}

impl Store {
    /// Adds a batch of counts, all or none. In the order of their keys: two that add at once must not wait for each other.
    pub async fn add_downloads(&self, batch: &[NewDownloads]) -> Result<(), StoreError> {
        let mut ordered: Vec<_> = batch.iter().collect();
        ordered.sort_by_key(|new| (new.registry_id, &new.name, &new.version, new.day));
        let mut transaction = self.write().await?;
        for new in ordered {
            let add = query(ADD_DOWNLOADS)
                .bind(new.registry_id)
                .bind(new.name.as_str())
                .bind(new.version.as_str())
                .bind(new.day)
                .bind(new.count);
            transaction.execute(add).await?;
        }
        transaction.commit().await
    }

    /// The downloads of a crate's versions by day, from a day on; the oldest first.
    pub async fn downloads_by_day(
        &self,
        registry_id: i64,
        name: &CanonicalName,
        since: i64,
    ) -> Result<Vec<DownloadsOfDay>, StoreError> {
        let list = query(LIST_DAYS)
            .bind(registry_id)
            .bind(name.as_str())
            .bind(since);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| {
                Ok(DownloadsOfDay {
                    version: row.text("version")?,
                    day: row.integer("day")?,
                    count: row.unsigned("total")?,
                })
            })
            .collect()
    }

    /// All downloads of each of a crate's versions; those that nobody downloaded are not among them.
    pub async fn downloads_by_version(
        &self,
        registry_id: i64,
        name: &CanonicalName,
    ) -> Result<HashMap<String, u64>, StoreError> {
        let sum = query(SUM_OF_VERSIONS).bind(registry_id).bind(name.as_str());
        let rows = self.rows(sum).await?;
        rows.iter()
            .map(|row| Ok((row.text("version")?, row.unsigned("total")?)))
            .collect()
    }

    /// The downloads of some crates, all of them and those since a day; crates that nobody downloaded are not among them.
    pub async fn downloads_of(
        &self,
        registry_id: i64,
        names: &[CanonicalName],
        since: i64,
    ) -> Result<HashMap<CanonicalName, Downloads>, StoreError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let sum = query(SUM_OF_CRATES)
            .bind(registry_id)
            .bind(columns(names.iter().map(CanonicalName::as_str)))
            .bind(names.len() as u64)
            .bind(since);
        let rows = self.rows(sum).await?;
        rows.iter()
            .map(|row| {
                let downloads = Downloads {
                    total: row.unsigned("total")?,
                    recent: row.unsigned("recent")?,
                };
                Ok((row.parse("canonical")?, downloads))
            })
            .collect()
    }
}
