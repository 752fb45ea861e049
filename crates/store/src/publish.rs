//! Publishing: one transaction in which exactly one of any number of publishers of a number wins.

use semver::Version;
use supercargo_types::{CanonicalName, CrateName, Digest, PrincipalRef, Timestamp, version_number};

use crate::{
    AuditEntry, Change, CrateRow, Store, StoreError, audit, dependencies,
    engine::{Transaction, whole_second},
    owners,
    query::query,
    statements::statements,
};

/// A version to be published; its bytes are stored already.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// Where.
    pub registry_id: i64,
    /// The name as the publisher writes it.
    pub name: CrateName,
    /// The version, with build metadata.
    pub version: Version,
    /// SHA-256 of the `.crate` file.
    pub checksum: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The index line.
    pub entry: String,
    /// JSON for pages: licence, links, ….
    pub facts: String,
    /// What search reads.
    pub description: Option<String>,
    /// The same, with spaces between them.
    pub keywords: String,
    /// What it needs, of all kinds and from anywhere, by real names.
    pub dependencies: Vec<CanonicalName>,
    /// Who publishes; the owner of a new crate.
    pub principal_id: Option<i64>,
    /// When.
    pub now: Timestamp,
}

/// What a publisher may do; decided by the caller, enforced where no race can come between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishRule {
    /// Whether a name that is not there may be made.
    pub may_create: bool,
    /// Who must own a crate that is there, by itself or through a team; none: anyone may publish.
    pub must_own: Option<i64>,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is the first one of a new crate.
    New {
        /// The crate's id.
        crate_id: i64,
    },
    /// It is a further one of a crate.
    Version {
        /// The crate's id.
        crate_id: i64,
    },
    /// The number is taken, if only by a tombstone.
    Duplicate {
        /// The version that has it, with its build metadata.
        existing_version: Version,
        /// That version's bytes.
        existing_checksum: Digest,
        /// Whether it is a tombstone.
        existing_is_deleted: bool,
    },
    /// The crate is written otherwise.
    Twin {
        /// How.
        existing: CrateName,
    },
    /// The crate belongs to others.
    NotOwner {
        /// To them.
        owners: Vec<PrincipalRef>,
    },
    /// There is no such crate, and the rule does not let it be made.
    MayNotCreate,
}

statements! {
    INSERT_CRATE = "
        INSERT INTO crates (registry_id, name, canonical, spelling, created_at, changed_at)
        SELECT $1, $2, $3, $4, $5,
            (SELECT CASE WHEN $6 > MAX(r.changed_at) THEN $6 ELSE MAX(r.changed_at) + 1000000 END
                FROM registries r)
        WHERE EXISTS (SELECT 1 FROM registries r WHERE r.id = $1)
        ON CONFLICT (registry_id, canonical) DO NOTHING";
    SELECT_CRATE = "SELECT id, name, released_at FROM crates WHERE registry_id = $1 AND canonical = $2";
    INSERT_VERSION = "
        INSERT INTO versions (crate_id, version, number, checksum, size, entry, facts, description,
            keywords, yanked, published_at, published_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, FALSE, $10, $11)
        ON CONFLICT (crate_id, number) DO NOTHING";
    SELECT_VERSION = "
        SELECT version, checksum, deleted_at FROM versions WHERE crate_id = $1 AND number = $2";
    // a crate with a new version is neither deleted nor upstream's
    ADD_TO_CRATE = "
        UPDATE crates
        SET changed_at = (
                SELECT MAX(at) FROM (
                    SELECT CAST($2 AS BIGINT) AS at
                    UNION ALL SELECT crates.changed_at + 1000000
                    UNION ALL SELECT MAX(r.changed_at) + 1000000 FROM registries r) AS times),
            deleted_at = NULL, released_at = NULL
        WHERE id = $1";
    // later than itself, than its registry and than those that read through it: a view's date is the latest of them, and has
    // to grow with each change
    TOUCH_CRATE = "
        UPDATE crates
        SET changed_at = (
                SELECT MAX(at) FROM (
                    SELECT CAST($2 AS BIGINT) AS at
                    UNION ALL SELECT crates.changed_at + 1000000
                    UNION ALL SELECT MAX(r.changed_at) + 1000000 FROM registries r) AS times)
        WHERE id = $1";
}

/// The crate of that name, if there is one.
pub(crate) async fn find_crate(
    transaction: &mut Transaction,
    registry_id: i64,
    canonical: &str,
) -> Result<Option<CrateRow>, StoreError> {
    let select = query(SELECT_CRATE).bind(registry_id).bind(canonical);
    let Some(row) = transaction.row(select).await? else {
        return Ok(None);
    };
    Ok(Some(CrateRow {
        id: row.integer("id")?,
        name: row.parse("name")?,
        released_at: row.maybe_time("released_at")?,
    }))
}

/// Says that a crate's index file is another from now on.
pub(crate) async fn touch(
    transaction: &mut Transaction,
    crate_id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let touch = query(TOUCH_CRATE).bind(crate_id).bind(whole_second(now));
    transaction.execute(touch).await?;
    Ok(())
}

impl Store {
    /// Publishes a version, or says why not; then nothing has changed. The audit entry is written only for what was done.
    pub async fn publish(
        &self,
        new: &NewVersion,
        rule: PublishRule,
        audit_entry: &AuditEntry,
    ) -> Result<Published, StoreError> {
        let mut transaction = self.write().await?;
        let is_new = rule.may_create && insert_crate(&mut transaction, new).await?;
        let canonical = new.name.canonical();
        let found = find_crate(&mut transaction, new.registry_id, canonical.as_str()).await?;
        let Some(CrateRow {
            id: crate_id, name, ..
        }) = found
        else {
            return Ok(Published::MayNotCreate);
        };
        if name != new.name {
            return Ok(Published::Twin { existing: name });
        }
        if let Some(principal_id) = rule.must_own.filter(|_| !is_new)
            && !owners::is_owner(&mut transaction, crate_id, principal_id).await?
        {
            let owners = owners::references(&mut transaction, crate_id).await?;
            if !owners.is_empty() {
                return Ok(Published::NotOwner { owners });
            }
            // left over from a registry that had the name before: who publishes first has it now
            owners::insert(&mut transaction, crate_id, principal_id, new.now).await?;
        }
        if !is_new {
            // also holds the crate: it must not be released or purged while a version comes to it
            let add = query(ADD_TO_CRATE)
                .bind(crate_id)
                .bind(whole_second(new.now));
            transaction.execute(add).await?;
        }
        if let Some(duplicate) = insert_version(&mut transaction, crate_id, new).await? {
            return Ok(duplicate);
        }
        if is_new && let Some(principal_id) = new.principal_id {
            owners::insert(&mut transaction, crate_id, principal_id, new.now).await?;
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Name {
            registry_id: new.registry_id,
            canonical,
        });
        transaction.commit().await?;
        Ok(if is_new {
            Published::New { crate_id }
        } else {
            Published::Version { crate_id }
        })
    }
}

/// Makes the crate unless it is there; true for the one who made it.
async fn insert_crate(transaction: &mut Transaction, new: &NewVersion) -> Result<bool, StoreError> {
    let insert = query(INSERT_CRATE)
        .bind(new.registry_id)
        .bind(new.name.as_str())
        .bind(new.name.canonical().to_string())
        .bind(new.name.spelling().to_string())
        .bind(new.now)
        .bind(whole_second(new.now));
    Ok(transaction.execute(insert).await? == 1)
}

/// Adds the version; what stands in its way when the number is taken.
async fn insert_version(
    transaction: &mut Transaction,
    crate_id: i64,
    new: &NewVersion,
) -> Result<Option<Published>, StoreError> {
    let number = version_number(&new.version);
    let insert = query(INSERT_VERSION)
        .bind(crate_id)
        .bind(new.version.to_string())
        .bind(number.as_str())
        .bind(&new.checksum)
        .bind(new.size)
        .bind(new.entry.as_str())
        .bind(new.facts.as_str())
        .bind(new.description.as_deref())
        .bind(new.keywords.as_str())
        .bind(new.now)
        .bind(new.principal_id);
    if transaction.execute(insert).await? == 1 {
        dependencies::insert(transaction, crate_id, &number, &new.dependencies).await?;
        return Ok(None);
    }
    let select = query(SELECT_VERSION).bind(crate_id).bind(number.as_str());
    let Some(row) = transaction.row(select).await? else {
        return Err(StoreError::Inconsistent(format!(
            "the version {number} is in the way and yet not there"
        )));
    };
    Ok(Some(Published::Duplicate {
        existing_version: row.parse("version")?,
        existing_checksum: row.digest("checksum")?,
        existing_is_deleted: row.maybe_time("deleted_at")?.is_some(),
    }))
}
