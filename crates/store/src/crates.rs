//! Hosted crates and their versions, as pages, indexes and downloads read them.

use semver::Version;
use supercargo_types::{CanonicalName, CrateName, Digest, Timestamp};

use crate::{Store, StoreError, query::query, row::Row, statements::statements};

/// A crate that a registry hosts or once hosted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateRow {
    /// Its id.
    pub id: i64,
    /// As its first publisher wrote it.
    pub name: CrateName,
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
    pub published_by: Option<i64>,
    /// Since when only its number is left.
    pub deleted_at: Option<Timestamp>,
}

statements! {
    // one statement, so that `changed_at` is never older than the versions beside it
    SELECT_HOSTED = "
        SELECT c.id AS crate_id, c.name, c.changed_at, v.id AS version_id, v.version, v.number,
            v.checksum, v.size, v.entry, v.yanked, v.published_at, v.published_by, v.deleted_at
        FROM crates c LEFT JOIN versions v ON v.crate_id = c.id
        WHERE c.registry_id = $1 AND c.canonical = $2
        ORDER BY v.id";
    SELECT_CRATE = "SELECT id, name FROM crates WHERE registry_id = $1 AND canonical = $2";
    SELECT_NUMBERED = "SELECT version FROM versions WHERE crate_id = $1 AND number = $2";
    SELECT_FACTS = "SELECT facts FROM versions WHERE crate_id = $1 AND number = $2";
    COUNT_HOSTED = "
        SELECT COUNT(*) AS total FROM crates c
        WHERE c.registry_id = $1
            AND EXISTS (SELECT 1 FROM versions v WHERE v.crate_id = c.id AND v.deleted_at IS NULL)";
}

/// A version without build metadata: `1.0.0+a` and `1.0.0+b` are one number.
pub(crate) fn number(version: &Version) -> String {
    let mut number = version.clone();
    number.build = semver::BuildMetadata::EMPTY;
    number.to_string()
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
        published_by: row.maybe_integer("published_by")?,
        deleted_at: row.maybe_time("deleted_at")?,
    })
}

impl Store {
    /// The version that has a number already, deleted ones among them; one row, however many versions the crate has.
    pub async fn version_numbered(
        &self,
        crate_id: i64,
        version: &Version,
    ) -> Result<Option<Version>, StoreError> {
        let select = query(SELECT_NUMBERED).bind(crate_id).bind(number(version));
        let row = self.row(select).await?;
        row.map(|row| row.parse("version")).transpose()
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
        }))
    }

    /// What pages show of a version beyond its index line: the JSON that was given at publishing.
    pub async fn version_facts(
        &self,
        crate_id: i64,
        version: &Version,
    ) -> Result<Option<String>, StoreError> {
        let select = query(SELECT_FACTS).bind(crate_id).bind(number(version));
        let row = self.row(select).await?;
        row.map(|row| row.text("facts")).transpose()
    }

    /// How many crates a registry hosts; those with nothing but tombstones do not count.
    pub async fn count_hosted(&self, registry_id: i64) -> Result<u64, StoreError> {
        self.count(query(COUNT_HOSTED).bind(registry_id)).await
    }
}
