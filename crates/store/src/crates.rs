//! Hosted crates and their versions, as pages, indexes and downloads read them.

use semver::Version;
use supercargo_types::{CanonicalName, CrateName, Digest, PrincipalRef, Timestamp, version_number};

use crate::{Store, StoreError, query::query, row::Row, statements::statements};

/// A crate that a registry hosts or once hosted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateRow {
    /// Its id.
    pub id: i64,
    /// As its first publisher wrote it.
    pub name: CrateName,
    /// Since when its name is upstream's again.
    pub released_at: Option<Timestamp>,
}

/// A crate with all its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedCrate {
    /// Its id.
    pub id: i64,
    /// As its first publisher wrote it.
    pub name: CrateName,
    /// When its index file changed last: whole seconds, and each change is later than the one before.
    pub changed_at: Timestamp,
    /// When its first version was published.
    pub created_at: Timestamp,
    /// When it was deleted as a whole, while it is.
    pub deleted_at: Option<Timestamp>,
    /// Since when its name is upstream's again.
    pub released_at: Option<Timestamp>,
    /// In the order of publishing, tombstones among them.
    pub versions: Vec<VersionRow>,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// Its id.
    pub id: i64,
    /// As published.
    pub version: Version,
    /// The same without build metadata: what is unique within a crate.
    pub number: String,
    /// SHA-256 of the `.crate` file.
    pub checksum: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its index line, as it was at publishing.
    pub entry: String,
    /// Whether cargo picks it for new lockfiles.
    pub yanked: bool,
    /// When it was published.
    pub published_at: Timestamp,
    /// The principal who did.
    pub publisher: Option<PrincipalRef>,
    /// When it was downloaded first.
    pub served_at: Option<Timestamp>,
    /// Since when only its number is left.
    pub deleted_at: Option<Timestamp>,
    /// Since when its bytes are gone.
    pub purged_at: Option<Timestamp>,
}

statements! {
    // one statement, so that `changed_at` is never older than the versions beside it
    SELECT_HOSTED = "
        SELECT c.id AS crate_id, c.name, c.changed_at, c.created_at,
            c.deleted_at AS crate_deleted_at, c.released_at,
            v.id AS version_id, v.version, v.number, v.checksum, v.size, v.entry, v.yanked,
            v.published_at, v.served_at, v.deleted_at, v.purged_at,
            p.kind AS publisher_kind, p.name AS publisher_name
        FROM crates c
        LEFT JOIN versions v ON v.crate_id = c.id
        LEFT JOIN principals p ON p.id = v.published_by
        WHERE c.registry_id = $1 AND c.canonical = $2
        ORDER BY v.id";
    SELECT_CRATE = "SELECT id, name, released_at FROM crates WHERE registry_id = $1 AND canonical = $2";
    SELECT_NUMBERED = "SELECT version, deleted_at FROM versions WHERE crate_id = $1 AND number = $2";
    SELECT_FACTS = "SELECT facts FROM versions WHERE crate_id = $1 AND number = $2";
    COUNT_HOSTED = "
        SELECT COUNT(*) AS total FROM crates c
        WHERE c.registry_id = $1
            AND EXISTS (SELECT 1 FROM versions v WHERE v.crate_id = c.id AND v.deleted_at IS NULL)";
}

fn version_row(row: &Row) -> Result<VersionRow, StoreError> {
    Ok(VersionRow {
        id: row.integer("version_id")?,
        version: row.parse("version")?,
        number: row.text("number")?,
        checksum: row.digest("checksum")?,
        size: row.unsigned("size")?,
        entry: row.text("entry")?,
        yanked: row.flag("yanked")?,
        published_at: row.time("published_at")?,
        publisher: match row.maybe_text("publisher_name")? {
            Some(_) => Some(PrincipalRef {
                kind: row.parse("publisher_kind")?,
                name: row.parse("publisher_name")?,
            }),
            None => None,
        },
        served_at: row.maybe_time("served_at")?,
        deleted_at: row.maybe_time("deleted_at")?,
        purged_at: row.maybe_time("purged_at")?,
    })
}

impl Store {
    /// The version that has a number already, and whether it is deleted; one row, however many versions the crate has.
    pub async fn version_numbered(
        &self,
        crate_id: i64,
        version: &Version,
    ) -> Result<Option<(Version, bool)>, StoreError> {
        let select = query(SELECT_NUMBERED)
            .bind(crate_id)
            .bind(version_number(version));
        let row = self.row(select).await?;
        row.map(|row| {
            Ok((
                row.parse("version")?,
                row.maybe_time("deleted_at")?.is_some(),
            ))
        })
        .transpose()
    }

    /// A crate with all its versions; none when the name was never hosted.
    pub async fn hosted(
        &self,
        registry_id: i64,
        name: &CanonicalName,
    ) -> Result<Option<HostedCrate>, StoreError> {
        let select = query(SELECT_HOSTED).bind(registry_id).bind(name.as_str());
        let rows = self.rows(select).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let mut versions = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.maybe_integer("version_id")?.is_some() {
                versions.push(version_row(row)?);
            }
        }
        Ok(Some(HostedCrate {
            id: first.integer("crate_id")?,
            name: first.parse("name")?,
            changed_at: first.time("changed_at")?,
            created_at: first.time("created_at")?,
            deleted_at: first.maybe_time("crate_deleted_at")?,
            released_at: first.maybe_time("released_at")?,
            versions,
        }))
    }

    /// Whether the name is or ever was hosted, and how it is written.
    pub async fn crate_row(
        &self,
        registry_id: i64,
        name: &CanonicalName,
    ) -> Result<Option<CrateRow>, StoreError> {
        let select = query(SELECT_CRATE).bind(registry_id).bind(name.as_str());
        let Some(row) = self.row(select).await? else {
            return Ok(None);
        };
        Ok(Some(CrateRow {
            id: row.integer("id")?,
            name: row.parse("name")?,
            released_at: row.maybe_time("released_at")?,
        }))
    }

    /// What pages show of a version beyond its index line: the JSON that was given at publishing.
    pub async fn version_facts(
        &self,
        crate_id: i64,
        version: &Version,
    ) -> Result<Option<String>, StoreError> {
        let select = query(SELECT_FACTS)
            .bind(crate_id)
            .bind(version_number(version));
        let row = self.row(select).await?;
        row.map(|row| row.text("facts")).transpose()
    }

    /// How many crates a registry hosts; those with nothing but tombstones do not count.
    pub async fn count_hosted(&self, registry_id: i64) -> Result<u64, StoreError> {
        self.count(query(COUNT_HOSTED).bind(registry_id)).await
    }
}
