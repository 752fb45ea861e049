//! Which bytes an upstream itself has delivered. Blobs are shared by everyone; without this proof, an index line of one
//! upstream could name the checksum of a private crate and so fetch it.

use std::collections::{HashMap, HashSet};

use supercargo_types::{Digest, Spelling, Timestamp};

use crate::{
    Store, StoreError, WantedLabels,
    query::{columns, query},
    row::Row,
    search::Terms,
    statements::statements,
    upstreams::was_deleted_meanwhile,
};

/// A `.crate` file that came from an upstream and was verified.
#[derive(Clone, Debug)]
pub struct NewCachedCrate {
    /// Who delivered it.
    pub upstream_id: i64,
    /// Its verified SHA-256.
    pub checksum: Digest,
    /// As which crate.
    pub spelling: Spelling,
    /// As which version.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// When.
    pub now: Timestamp,
}

/// What the manifest of a file that came from an upstream says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedDescription {
    /// Who delivered it.
    pub upstream_id: i64,
    /// Which file.
    pub checksum: Digest,
    /// In one line; `None` leaves what is known.
    pub description: Option<String>,
    /// With spaces between them; empty where there are none, or the file is none that can be read.
    pub keywords: String,
}

/// A crate of upstream's of which a registry has given out versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedName {
    /// Its index file.
    pub spelling: Spelling,
    /// Whether the registry hosts a version of that name that is not deleted.
    pub is_hosted: bool,
    /// Whether it ever hosted one, and has not given the name back.
    pub was_hosted: bool,
    /// When a version of it was given out that had not been before.
    pub last_at: Timestamp,
}

/// A version of upstream's that a registry has given out, with its file stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedVersion {
    /// Its index file.
    pub spelling: Spelling,
    /// As its index line writes it.
    pub version: String,
    /// The bytes that were given out.
    pub checksum: Digest,
    /// The index line that was served.
    pub line: String,
    /// The size of its file in bytes.
    pub size: u64,
    /// What its manifest says about it, where that was read.
    pub description: Option<String>,
    /// When it was given out first.
    pub first_at: Timestamp,
}

statements! {
    SELECT_CRATE = "SELECT size FROM cached_crates WHERE upstream_id = $1 AND checksum = $2";
    INSERT_CRATE = "
        INSERT INTO cached_crates (upstream_id, checksum, spelling, version, size, stored_at, used_at)
        SELECT $1, $2, $3, $4, $5, $6, $6
        WHERE EXISTS (SELECT 1 FROM upstreams WHERE id = $1)
        ON CONFLICT (upstream_id, checksum) DO NOTHING";
    LIST_SIZES = "
        SELECT checksum, size FROM cached_crates WHERE upstream_id = $1 AND spelling = $2";
    DESCRIBE_CRATE = "
        UPDATE cached_crates SET description = COALESCE($3, description), keywords = $4
        WHERE upstream_id = $1 AND checksum = $2";
    LIST_UNDESCRIBED = "
        SELECT upstream_id, checksum FROM cached_crates WHERE keywords IS NULL
        ORDER BY upstream_id, checksum LIMIT $1";
    // what the registry has given out (its ledger) and an upstream of it has itself delivered: neither alone is enough, but for
    // a registry of this server, whose files are its own
    SEARCH_CACHED = "
        WITH found AS (
            SELECT l.spelling, MAX(l.first_at) AS last_at,
                MIN(CASE WHEN REPLACE(l.spelling, '_', '-') = $2 THEN 0
                    WHEN REPLACE(l.spelling, '_', '-') LIKE $3 ESCAPE '!' THEN 1
                    WHEN REPLACE(l.spelling, '_', '-') LIKE $4 ESCAPE '!' THEN 2
                    ELSE 3 END) AS distance
            FROM ledger l
            JOIN registry_upstreams a ON a.registry_id = l.registry_id
            JOIN upstreams u ON u.id = a.upstream_id
            LEFT JOIN cached_crates k ON k.upstream_id = a.upstream_id AND k.checksum = l.checksum
            WHERE l.registry_id = $1
                AND (k.checksum IS NOT NULL
                    OR (u.registry_id IS NOT NULL AND l.upstream_id = u.id))
                AND (REPLACE(l.spelling, '_', '-') LIKE $4 ESCAPE '!'
                    OR (REPLACE(l.spelling || ' ' || LOWER(COALESCE(k.description, '')) || ' ' || LOWER(COALESCE(k.keywords, '')), '_', '-') LIKE $5 ESCAPE '!'
                        AND ($6 = '%' OR REPLACE(l.spelling || ' ' || LOWER(COALESCE(k.description, '')) || ' ' || LOWER(COALESCE(k.keywords, '')), '_', '-') LIKE $6 ESCAPE '!')
                        AND ($7 = '%' OR REPLACE(l.spelling || ' ' || LOWER(COALESCE(k.description, '')) || ' ' || LOWER(COALESCE(k.keywords, '')), '_', '-') LIKE $7 ESCAPE '!')
                        AND ($8 = '%' OR REPLACE(l.spelling || ' ' || LOWER(COALESCE(k.description, '')) || ' ' || LOWER(COALESCE(k.keywords, '')), '_', '-') LIKE $8 ESCAPE '!')))
                AND (CAST($10 AS BIGINT) = 0 OR $10 = (
                    SELECT COUNT(*) FROM labels b
                    WHERE b.registry_id = l.registry_id AND b.canonical = REPLACE(l.spelling, '_', '-') AND b.number = ''
                        AND (REPLACE($9, '\n' || b.label_key || '\n', '') <> $9
                            OR REPLACE($9, '\n' || b.label_key || '=' || b.label_value || '\n', '') <> $9)))
            GROUP BY l.spelling)
        SELECT f.spelling, f.last_at,
            EXISTS (SELECT 1 FROM versions v WHERE v.crate_id = c.id AND v.deleted_at IS NULL)
                AS is_hosted,
            (c.id IS NOT NULL AND c.released_at IS NULL) AS was_hosted
        FROM found f
        LEFT JOIN crates c
            ON c.registry_id = $1 AND c.canonical = REPLACE(f.spelling, '_', '-')
        ORDER BY f.distance, f.spelling
        LIMIT 2000";
    LIST_CACHED = "
        WITH RECURSIVE place (n) AS (
            SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n + 1 < $3)
        SELECT l.spelling, l.version, l.checksum, l.line, l.first_at,
            COALESCE(k.size, (SELECT MAX(v.size) FROM versions v WHERE v.checksum = l.checksum),
                (SELECT MAX(o.size) FROM cached_crates o WHERE o.checksum = l.checksum), 0) AS size,
            COALESCE(k.description,
                (SELECT MAX(v.description) FROM versions v WHERE v.checksum = l.checksum),
                (SELECT MAX(o.description) FROM cached_crates o WHERE o.checksum = l.checksum))
                AS description
        FROM ledger l
        JOIN registry_upstreams a ON a.registry_id = l.registry_id
        JOIN upstreams u ON u.id = a.upstream_id
        LEFT JOIN cached_crates k ON k.upstream_id = a.upstream_id AND k.checksum = l.checksum
        WHERE l.registry_id = $1 AND l.view IN ('index', 'mirror')
            AND (k.checksum IS NOT NULL OR (u.registry_id IS NOT NULL AND l.upstream_id = u.id))
            AND l.spelling IN (SELECT RTRIM(SUBSTR($2, n * 64 + 1, 64)) FROM place)
        ORDER BY l.spelling, l.first_at, l.version, l.view";
}

impl Store {
    /// The size of a file, if this upstream has delivered it.
    pub async fn cached_crate(
        &self,
        upstream_id: i64,
        checksum: &Digest,
    ) -> Result<Option<u64>, StoreError> {
        let select = query(SELECT_CRATE).bind(upstream_id).bind(checksum);
        let row = self.row(select).await?;
        row.map(|row| row.unsigned("size")).transpose()
    }

    /// The sizes of all files of a crate that this upstream has delivered.
    pub async fn cached_sizes(
        &self,
        upstream_id: i64,
        spelling: &Spelling,
    ) -> Result<HashMap<Digest, u64>, StoreError> {
        let list = query(LIST_SIZES).bind(upstream_id).bind(spelling.as_str());
        let rows = self.rows(list).await?;
        rows.iter()
            .map(|row| Ok((row.digest("checksum")?, row.unsigned("size")?)))
            .collect()
    }

    /// Writes down that an upstream has delivered a file; a second time changes nothing. Of an upstream that was deleted while
    /// it delivered, nothing is written: the file is right all the same.
    pub async fn add_cached_crate(&self, new: &NewCachedCrate) -> Result<(), StoreError> {
        let outcome = self.try_add_cached_crate(new).await;
        if was_deleted_meanwhile(&outcome) {
            self.try_add_cached_crate(new).await
        } else {
            outcome
        }
    }

    /// Writes down what the manifests of files say about them, all or none; files that are not there any more do not count.
    pub async fn describe_cached_crates(
        &self,
        descriptions: &[CachedDescription],
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        for described in descriptions {
            let describe = query(DESCRIBE_CRATE)
                .bind(described.upstream_id)
                .bind(&described.checksum)
                .bind(described.description.as_deref())
                .bind(described.keywords.as_str());
            transaction.execute(describe).await?;
        }
        transaction.commit().await
    }

    /// Some files of upstreams, with who delivered them, that nobody has looked into for their keywords.
    pub async fn undescribed_crates(&self, limit: u32) -> Result<Vec<(i64, Digest)>, StoreError> {
        let rows = self.rows(query(LIST_UNDESCRIBED).bind(limit)).await?;
        rows.iter()
            .map(|row| Ok((row.integer("upstream_id")?, row.digest("checksum")?)))
            .collect()
    }

    /// All crates of upstream's that a text finds among those that a registry has given out and still reads through, the
    /// nearest first. Which of them its claims take away is the caller's to say.
    pub async fn search_cached(
        &self,
        registry_id: i64,
        text: &str,
        labels: &WantedLabels,
    ) -> Result<Vec<CachedName>, StoreError> {
        let terms = Terms::new(text);
        let [first, second, third, fourth] = &terms.words;
        let search = query(SEARCH_CACHED)
            .bind(registry_id)
            .bind(terms.canonical.as_str())
            .bind(terms.prefix.as_str())
            .bind(terms.within_name.as_str())
            .bind(first.as_str())
            .bind(second.as_str())
            .bind(third.as_str())
            .bind(fourth.as_str())
            .bind(labels.text.as_str())
            .bind(labels.count);
        let rows = self.rows(search).await?;
        rows.iter()
            .map(|row| {
                Ok(CachedName {
                    spelling: row.parse("spelling")?,
                    is_hosted: row.flag("is_hosted")?,
                    was_hosted: row.flag("was_hosted")?,
                    last_at: row.time("last_at")?,
                })
            })
            .collect()
    }

    /// What a registry has given out of some crates of upstream's; in the order of their spellings, then the oldest first. A
    /// version that two views gave out is there once, as the earlier of them gave it out.
    pub async fn cached_versions(
        &self,
        registry_id: i64,
        spellings: &[Spelling],
    ) -> Result<Vec<CachedVersion>, StoreError> {
        if spellings.is_empty() {
            return Ok(Vec::new());
        }
        let list = query(LIST_CACHED)
            .bind(registry_id)
            .bind(columns(spellings))
            .bind(spellings.len() as u64);
        let rows = self.rows(list).await?;
        let mut versions: Vec<CachedVersion> = Vec::with_capacity(rows.len());
        let mut seen = HashSet::with_capacity(rows.len());
        for row in &rows {
            let version = cached_version(row)?;
            if seen.insert((version.spelling.clone(), version.version.clone())) {
                versions.push(version);
            }
        }
        Ok(versions)
    }

    async fn try_add_cached_crate(&self, new: &NewCachedCrate) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let insert = query(INSERT_CRATE)
            .bind(new.upstream_id)
            .bind(&new.checksum)
            .bind(new.spelling.as_str())
            .bind(new.version.as_str())
            .bind(new.size)
            .bind(new.now);
        transaction.execute(insert).await?;
        transaction.commit().await
    }
}

fn cached_version(row: &Row) -> Result<CachedVersion, StoreError> {
    Ok(CachedVersion {
        spelling: row.parse("spelling")?,
        version: row.text("version")?,
        checksum: row.digest("checksum")?,
        line: row.text("line")?,
        size: row.unsigned("size")?,
        description: row.maybe_text("description")?,
        first_at: row.time("first_at")?,
    })
}
