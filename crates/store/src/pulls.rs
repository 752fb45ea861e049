//! Who pulled which version: per reader the first time, the last and their number, for ever.

use supercargo_types::{CanonicalName, NamePattern, RegistryName, Timestamp};

use crate::{Store, StoreError, query::query, statements::statements};

/// Downloads of one version by one reader that are to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPull {
    /// In which registry.
    pub registry_id: i64,
    /// Which crate, in any spelling.
    pub name: CanonicalName,
    /// Which version, as its index line writes it.
    pub version: String,
    /// Who.
    pub reader: Reader,
    /// The first of them.
    pub first_at: Timestamp,
    /// The last of them.
    pub last_at: Timestamp,
    /// How many.
    pub count: u64,
}

/// Who pulls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reader {
    /// As `alice` or `service:ci`; empty: anyone.
    pub principal: String,
    /// For which repository, where a CI job has proven that it is of one; empty: none.
    pub repository: String,
}

/// Who pulled a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRow {
    /// Who.
    pub reader: Reader,
    /// For the first time.
    pub first_at: Timestamp,
    /// For the last time.
    pub last_at: Timestamp,
    /// How often.
    pub total: u64,
}

/// A version that somebody pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledVersion {
    /// In which registry; a deleted one has been one too.
    pub registry_id: i64,
    /// Its name.
    pub registry: RegistryName,
    /// Since when it is the registry that it is; its name may have been that of another before.
    pub registry_since: Timestamp,
    /// Which version, as its index line writes it.
    pub version: String,
    /// How many pulled it.
    pub readers: u64,
}

statements! {
    // of a registry that is not there any more nothing is kept: its reference would break, and the whole batch with it
    ADD_PULL = "
        INSERT INTO pulls (registry_id, canonical, version, principal, repository, first_at, last_at,
            total)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8
        WHERE EXISTS (SELECT 1 FROM registries WHERE id = $1)
        ON CONFLICT (registry_id, canonical, version, principal, repository) DO UPDATE SET
            first_at = CASE WHEN excluded.first_at < pulls.first_at
                THEN excluded.first_at ELSE pulls.first_at END,
            last_at = CASE WHEN excluded.last_at > pulls.last_at
                THEN excluded.last_at ELSE pulls.last_at END,
            total = pulls.total + excluded.total";
    LIST_PULLED_VERSIONS = "
        SELECT p.registry_id, r.name AS registry, r.created_at AS registry_since, p.version,
            COUNT(*) AS readers
        FROM pulls p JOIN registries r ON r.id = p.registry_id
        WHERE p.canonical = $1 AND ($2 OR p.last_at >= r.created_at)
        GROUP BY p.registry_id, r.name, r.created_at, p.version";
    LIST_PULLS = "
        SELECT principal, repository, first_at, last_at, total FROM pulls
        WHERE registry_id = $1 AND canonical = $2 AND version = $3 AND last_at >= $4
            AND (CAST($5 AS TEXT) IS NULL OR principal > $5 OR (principal = $5 AND repository > $6))
        ORDER BY principal, repository
        LIMIT $7";
    // What was published here and not released was private before, so that nobody loses it.
    COUNT_READERS = "
        SELECT COUNT(DISTINCT p.principal) AS total FROM pulls p
        WHERE p.registry_id = $1 AND p.last_at >= $2 AND p.canonical LIKE $3
            AND NOT EXISTS (
                SELECT 1 FROM crates c
                WHERE c.registry_id = p.registry_id AND c.canonical = p.canonical
                    AND c.released_at IS NULL)";
}

impl Store {
    /// Adds a batch of pulls, all or none. In the order of their keys: two that add at once must not wait for each other.
    pub async fn add_pulls(&self, batch: &[NewPull]) -> Result<(), StoreError> {
        let mut ordered: Vec<_> = batch.iter().collect();
        ordered.sort_by_key(|new| (new.registry_id, &new.name, &new.version, &new.reader));
        let mut transaction = self.write().await?;
        for new in ordered {
            let add = query(ADD_PULL)
                .bind(new.registry_id)
                .bind(new.name.as_str())
                .bind(new.version.as_str())
                .bind(new.reader.principal.as_str())
                .bind(new.reader.repository.as_str())
                .bind(new.first_at)
                .bind(new.last_at)
                .bind(new.count);
            transaction.execute(add).await?;
        }
        transaction.commit().await
    }

    /// The versions of a crate that anybody pulled from any registry, in no order; `ever`, or since each is the registry that
    /// it is.
    pub async fn pulled_versions(
        &self,
        name: &CanonicalName,
        ever: bool,
    ) -> Result<Vec<PulledVersion>, StoreError> {
        let list = query(LIST_PULLED_VERSIONS).bind(name.as_str()).bind(ever);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| {
                Ok(PulledVersion {
                    registry_id: row.integer("registry_id")?,
                    registry: row.parse("registry")?,
                    registry_since: row.time("registry_since")?,
                    version: row.text("version")?,
                    readers: row.unsigned("readers")?,
                })
            })
            .collect()
    }

    /// Who pulled a version since a time, in the order of readers, from after one of them on.
    pub async fn pulls(
        &self,
        registry_id: i64,
        name: &CanonicalName,
        version: &str,
        since: Timestamp,
        after: Option<&Reader>,
        limit: u32,
    ) -> Result<Vec<PullRow>, StoreError> {
        let list = query(LIST_PULLS)
            .bind(registry_id)
            .bind(name.as_str())
            .bind(version)
            .bind(since)
            .bind(after.map(|reader| reader.principal.as_str()))
            .bind(after.map(|reader| reader.repository.as_str()))
            .bind(limit);
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| {
                Ok(PullRow {
                    reader: Reader {
                        principal: row.text("principal")?,
                        repository: row.text("repository")?,
                    },
                    first_at: row.time("first_at")?,
                    last_at: row.time("last_at")?,
                    total: row.unsigned("total")?,
                })
            })
            .collect()
    }

    /// How many principals pulled since a time what a pattern of names covers and is not hosted; all without a name are one.
    pub async fn count_readers(
        &self,
        registry_id: i64,
        pattern: &NamePattern,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        // a pattern has no character that means something to LIKE: it is folded, so without `_`
        let like = pattern.as_str().replace('*', "%");
        let count = query(COUNT_READERS)
            .bind(registry_id)
            .bind(since)
            .bind(like);
        self.count(count).await
    }
}
