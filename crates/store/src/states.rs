//! Deleting, restoring, purging and releasing: what becomes of hosted crates when people take them away.
//!
//! A deleted version keeps its row, a tombstone, so that its number is never used for other bytes. A purge empties the row
//! and says which bytes nobody needs any more.

use semver::Version;
use supercargo_types::{CanonicalName, Digest, Timestamp, version_number};

use crate::{
    AuditEntry, Change, Store, StoreError, audit,
    engine::{Transaction, whole_second},
    labels, owners, publish,
    query::query,
    row::Row,
    statements::statements,
};

/// What is taken away or brought back.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// Where.
    pub registry_id: i64,
    /// Which crate, in any spelling.
    pub name: CanonicalName,
    /// Which version; build metadata is ignored. `None`: the whole crate.
    pub version: Option<Version>,
    /// When.
    pub now: Timestamp,
}

/// What became of it. But for `Done`, nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChanged<T = ()> {
    /// It is so now.
    Done(T),
    /// It was so already.
    Same,
    /// The registry never hosted such a crate.
    NoCrate,
    /// The crate never had such a version.
    NoVersion,
    /// It is not deleted.
    NotDeleted,
    /// Its bytes are gone for ever.
    Purged,
}

/// What became of a name that was to be given back to upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// It is upstream's now.
    Done,
    /// It was already.
    Already,
    /// The registry never hosted such a crate.
    NoCrate,
    /// It still has this many versions that are not deleted.
    HasVersions(u64),
}

statements! {
    DELETE_VERSION = "
        UPDATE versions SET deleted_at = $3
        WHERE crate_id = $1 AND number = $2 AND deleted_at IS NULL";
    DELETE_VERSIONS = "
        UPDATE versions SET deleted_at = $2 WHERE crate_id = $1 AND deleted_at IS NULL";
    MARK_DELETED = "UPDATE crates SET deleted_at = $2 WHERE id = $1";
    SELECT_STATE = "
        SELECT deleted_at, purged_at FROM versions WHERE crate_id = $1 AND number = $2";
    SELECT_DELETED = "SELECT deleted_at FROM crates WHERE id = $1";
    RESTORE_VERSION = "
        UPDATE versions SET deleted_at = NULL
        WHERE crate_id = $1 AND number = $2 AND purged_at IS NULL";
    RESTORE_VERSIONS = "
        UPDATE versions SET deleted_at = NULL
        WHERE crate_id = $1 AND deleted_at = $2 AND purged_at IS NULL";
    MARK_ALIVE = "UPDATE crates SET deleted_at = NULL, released_at = NULL WHERE id = $1";
    // the checksum stays: it says which bytes the number stood for
    PURGE_VERSION = "
        UPDATE versions SET purged_at = $3, entry = '', facts = '{}', description = NULL, keywords = ''
        WHERE crate_id = $1 AND number = $2 AND deleted_at IS NOT NULL AND purged_at IS NULL
        RETURNING checksum";
    PURGE_VERSIONS = "
        UPDATE versions SET purged_at = $2, entry = '', facts = '{}', description = NULL, keywords = ''
        WHERE crate_id = $1 AND deleted_at IS NOT NULL AND purged_at IS NULL
        RETURNING checksum";
    // also that they were downloaded: the registry of that name may be another one from now on
    PURGE_ALL = "
        UPDATE versions SET deleted_at = COALESCE(deleted_at, $2), purged_at = $2, served_at = NULL,
            entry = '', facts = '{}', description = NULL, keywords = ''
        WHERE crate_id IN (SELECT id FROM crates WHERE registry_id = $1) AND purged_at IS NULL
        RETURNING checksum";
    FORGET_DEPENDENCIES = "
        DELETE FROM dependencies WHERE version_id IN (
            SELECT v.id FROM versions v JOIN crates c ON c.id = v.crate_id
            WHERE c.registry_id = $1 AND v.purged_at IS NOT NULL)";
    COUNT_LIVE = "
        SELECT COUNT(*) AS total FROM versions WHERE crate_id = $1 AND deleted_at IS NULL";
    IS_NEEDED = "
        SELECT 1 AS one FROM versions WHERE checksum = $1 AND purged_at IS NULL
        UNION ALL
        SELECT 1 AS one FROM cached_crates WHERE checksum = $1
        LIMIT 1";
    RELEASE = "
        UPDATE crates SET released_at = $2 WHERE id = $1 AND released_at IS NULL";
    MARK_SERVED = "UPDATE versions SET served_at = $2 WHERE id = $1 AND served_at IS NULL";
}

async fn live(transaction: &mut Transaction, crate_id: i64) -> Result<u64, StoreError> {
    let count = transaction.row(query(COUNT_LIVE).bind(crate_id)).await?;
    count.map_or(Ok(0), |row| row.unsigned("total"))
}

/// Empties every version of a registry.
pub(crate) async fn purge_all(
    transaction: &mut Transaction,
    registry_id: i64,
    now: Timestamp,
) -> Result<Vec<Digest>, StoreError> {
    let purge = query(PURGE_ALL).bind(registry_id).bind(now);
    let rows = transaction.rows(purge).await?;
    let forget = query(FORGET_DEPENDENCIES).bind(registry_id);
    transaction.execute(forget).await?;
    digests(&rows)
}

fn digests(rows: &[Row]) -> Result<Vec<Digest>, StoreError> {
    rows.iter().map(|row| row.digest("checksum")).collect()
}

impl Store {
    /// Puts a tombstone in the place of a version, or of every version of a crate.
    pub async fn delete_versions(
        &self,
        change: &StateChange,
        audit_entry: &AuditEntry,
    ) -> Result<StateChanged, StoreError> {
        let mut transaction = self.write().await?;
        let name = change.name.as_str();
        let found = publish::find_crate(&mut transaction, change.registry_id, name).await?;
        let Some(found) = found else {
            return Ok(StateChanged::NoCrate);
        };
        owners::lock(&mut transaction, found.id).await?;
        let deleted = if let Some(version) = &change.version {
            let number = version_number(version);
            let delete = query(DELETE_VERSION)
                .bind(found.id)
                .bind(number.as_str())
                .bind(change.now);
            let deleted = transaction.execute(delete).await?;
            let state = query(SELECT_STATE).bind(found.id).bind(number.as_str());
            if deleted == 0 && transaction.row(state).await?.is_none() {
                return Ok(StateChanged::NoVersion);
            }
            deleted
        } else {
            let delete = query(DELETE_VERSIONS).bind(found.id).bind(change.now);
            let deleted = transaction.execute(delete).await?;
            if deleted > 0 {
                let mark = query(MARK_DELETED).bind(found.id).bind(change.now);
                transaction.execute(mark).await?;
            }
            deleted
        };
        if deleted == 0 {
            return Ok(StateChanged::Same);
        }
        publish::touch(&mut transaction, found.id, change.now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Name {
            registry_id: change.registry_id,
            canonical: change.name.clone(),
        });
        transaction.commit().await?;
        Ok(StateChanged::Done(()))
    }

    /// Brings back a version, or those versions of a crate that went with it.
    pub async fn restore_versions(
        &self,
        change: &StateChange,
        audit_entry: &AuditEntry,
    ) -> Result<StateChanged, StoreError> {
        let mut transaction = self.write().await?;
        let name = change.name.as_str();
        let found = publish::find_crate(&mut transaction, change.registry_id, name).await?;
        let Some(found) = found else {
            return Ok(StateChanged::NoCrate);
        };
        owners::lock(&mut transaction, found.id).await?;
        if let Some(version) = &change.version {
            let number = version_number(version);
            let state = query(SELECT_STATE).bind(found.id).bind(number.as_str());
            let Some(row) = transaction.row(state).await? else {
                return Ok(StateChanged::NoVersion);
            };
            if row.maybe_time("purged_at")?.is_some() {
                return Ok(StateChanged::Purged);
            }
            if row.maybe_time("deleted_at")?.is_none() {
                return Ok(StateChanged::NotDeleted);
            }
            let restore = query(RESTORE_VERSION).bind(found.id).bind(number.as_str());
            transaction.execute(restore).await?;
        } else {
            let deleted = transaction
                .row(query(SELECT_DELETED).bind(found.id))
                .await?;
            let deleted = deleted
                .map(|row| row.maybe_time("deleted_at"))
                .transpose()?;
            let Some(deleted_at) = deleted.flatten() else {
                return Ok(StateChanged::NotDeleted);
            };
            let restore = query(RESTORE_VERSIONS).bind(found.id).bind(deleted_at);
            if transaction.execute(restore).await? == 0 {
                return Ok(StateChanged::Purged);
            }
        }
        transaction
            .execute(query(MARK_ALIVE).bind(found.id))
            .await?;
        publish::touch(&mut transaction, found.id, change.now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Name {
            registry_id: change.registry_id,
            canonical: change.name.clone(),
        });
        transaction.commit().await?;
        Ok(StateChanged::Done(()))
    }

    /// Empties a deleted version, or all versions of a crate that has none but deleted ones. Answers the checksums that were
    /// dropped; whether anything else still needs those bytes is [`Self::needs_blob`].
    pub async fn purge_versions(
        &self,
        change: &StateChange,
        audit_entry: &AuditEntry,
    ) -> Result<StateChanged<Vec<Digest>>, StoreError> {
        let mut transaction = self.write().await?;
        let name = change.name.as_str();
        let found = publish::find_crate(&mut transaction, change.registry_id, name).await?;
        let Some(found) = found else {
            return Ok(StateChanged::NoCrate);
        };
        owners::lock(&mut transaction, found.id).await?;
        let rows = if let Some(version) = &change.version {
            let number = version_number(version);
            let state = query(SELECT_STATE).bind(found.id).bind(number.as_str());
            let Some(row) = transaction.row(state).await? else {
                return Ok(StateChanged::NoVersion);
            };
            if row.maybe_time("deleted_at")?.is_none() {
                return Ok(StateChanged::NotDeleted);
            }
            let purge = query(PURGE_VERSION)
                .bind(found.id)
                .bind(number.as_str())
                .bind(change.now);
            transaction.rows(purge).await?
        } else {
            if live(&mut transaction, found.id).await? > 0 {
                return Ok(StateChanged::NotDeleted);
            }
            let purge = query(PURGE_VERSIONS).bind(found.id).bind(change.now);
            transaction.rows(purge).await?
        };
        if rows.is_empty() {
            return Ok(StateChanged::Same);
        }
        let forget = query(FORGET_DEPENDENCIES).bind(change.registry_id);
        transaction.execute(forget).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Name {
            registry_id: change.registry_id,
            canonical: change.name.clone(),
        });
        transaction.commit().await?;
        Ok(StateChanged::Done(digests(&rows)?))
    }

    /// Whether a version or an upstream's proof still refers to these bytes.
    pub async fn needs_blob(&self, checksum: &Digest) -> Result<bool, StoreError> {
        Ok(self.row(query(IS_NEEDED).bind(checksum)).await?.is_some())
    }

    /// Gives a name back to upstream; its tombstones stay.
    pub async fn release_name(
        &self,
        registry_id: i64,
        name: &CanonicalName,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<Released, StoreError> {
        let mut transaction = self.write().await?;
        let found = publish::find_crate(&mut transaction, registry_id, name.as_str()).await?;
        let Some(found) = found else {
            return Ok(Released::NoCrate);
        };
        // whoever publishes a version at this moment is waited for
        owners::lock(&mut transaction, found.id).await?;
        let versions = live(&mut transaction, found.id).await?;
        if versions > 0 {
            return Ok(Released::HasVersions(versions));
        }
        let release = query(RELEASE).bind(found.id).bind(whole_second(now));
        if transaction.execute(release).await? == 0 {
            return Ok(Released::Already);
        }
        // what comes under the name now is another's, and no label speaks of that
        labels::forget(&mut transaction, registry_id, name).await?;
        publish::touch(&mut transaction, found.id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Name {
            registry_id,
            canonical: name.clone(),
        });
        transaction.commit().await?;
        Ok(Released::Done)
    }

    /// Notes that a version was downloaded; only the first time is kept.
    pub async fn mark_served(&self, version_id: i64, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let mark = query(MARK_SERVED).bind(version_id).bind(now);
        transaction.execute(mark).await?;
        transaction.commit().await
    }
}
