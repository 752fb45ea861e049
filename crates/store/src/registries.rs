//! Registries and their settings. A registry is never removed, only marked as deleted, for lockfiles hold its name.

use std::{collections::BTreeMap, time::Duration};

use supercargo_types::{
    CanonicalName, Digest, NamePattern, Publishing, RegistryName, Role, Timestamp, VersionPattern,
    Visibility,
};

use crate::{
    AuditEntry, Change, ClaimRow, Created, Deleted, QuarantineRow, Store, StoreError, audit,
    engine::{Transaction, whole_second},
    members, pins,
    query::{json, query},
    statements::statements,
    states, trusted_publishers, upstreams,
};

/// A registry with everything that decides how it resolves a name.
#[derive(Clone, Debug)]
pub struct RegistryRow {
    /// Its id.
    pub id: i64,
    /// Its name, for ever.
    pub name: RegistryName,
    /// What it is for.
    pub description: String,
    /// What groups it.
    pub labels: BTreeMap<String, String>,
    /// Who reads it.
    pub visibility: Visibility,
    /// Who publishes to crates that exist.
    pub publishing: Publishing,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its upstreams or claims changed last: whole seconds, and each change is later than the one before.
    pub changed_at: Timestamp,
    /// Since when it is deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its upstreams in their order.
    pub upstreams: Vec<Attachment>,
    /// Its claims, ordered by pattern.
    pub claims: Vec<ClaimRow>,
    /// When its bytes were dropped for ever.
    pub purged_at: Option<Timestamp>,
    /// What alone is given out; empty: everything.
    pub allow: Vec<VersionPattern>,
    /// What is not given out.
    pub block: Vec<VersionPattern>,
    /// What people decided, by crate and version.
    pub quarantines: Vec<QuarantineRow>,
    /// Whether registries with a wider audience may read through it.
    pub republish: bool,
}

/// An upstream as one registry uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Which upstream.
    pub upstream_id: i64,
    /// Only names that one of these covers; empty: all.
    pub only: Vec<NamePattern>,
    /// No names that one of these covers.
    pub except: Vec<NamePattern>,
}

impl Attachment {
    /// Whether a name may be asked there.
    pub fn takes(&self, name: &CanonicalName) -> bool {
        (self.only.is_empty() || self.only.iter().any(|pattern| pattern.covers(name)))
            && !self.except.iter().any(|pattern| pattern.covers(name))
    }
}

/// A registry to be made.
#[derive(Clone, Debug)]
pub struct NewRegistry {
    /// Its name, for ever.
    pub name: RegistryName,
    /// What it is for.
    pub description: String,
    /// What groups it.
    pub labels: BTreeMap<String, String>,
    /// Who reads it.
    pub visibility: Visibility,
    /// Who publishes to crates that exist.
    pub publishing: Publishing,
    /// Its upstreams in their order.
    pub upstreams: Vec<Attachment>,
    /// What alone is given out; empty: everything.
    pub allow: Vec<VersionPattern>,
    /// What is not given out.
    pub block: Vec<VersionPattern>,
    /// Whether registries with a wider audience may read through it.
    pub republish: bool,
    /// When it is made.
    pub now: Timestamp,
}

/// New settings; `None` keeps the old one.
#[derive(Clone, Debug, Default)]
pub struct RegistryChange {
    /// What it is for.
    pub description: Option<String>,
    /// The whole set of labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Who reads it.
    pub visibility: Option<Visibility>,
    /// Who publishes to crates that exist.
    pub publishing: Option<Publishing>,
    /// The whole list of upstreams in their order.
    pub upstreams: Option<Vec<Attachment>>,
    /// The whole list of what alone is given out.
    pub allow: Option<Vec<VersionPattern>>,
    /// The whole list of what is not given out.
    pub block: Option<Vec<VersionPattern>>,
    /// Whether registries with a wider audience may read through it.
    pub republish: Option<bool>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryChanged {
    /// It is made.
    Done,
    /// There is no such registry, or it is deleted.
    NotThere,
    /// It would read through itself.
    Cycle,
    /// It would read through a registry that is deleted.
    InnerDeleted(RegistryName),
}

statements! {
    INSERT_REGISTRY = "
        INSERT INTO registries (name, twin_key, description, labels, visibility, publishing,
            created_at, changed_at, allow_patterns, block_patterns, republish)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT DO NOTHING
        RETURNING id";
    SELECT_TWIN = "SELECT name FROM registries WHERE twin_key = $1";
    UPDATE_REGISTRY = "
        UPDATE registries SET
            description = COALESCE($2, description), labels = COALESCE($3, labels),
            visibility = COALESCE($4, visibility), publishing = COALESCE($5, publishing),
            allow_patterns = COALESCE($6, allow_patterns),
            block_patterns = COALESCE($7, block_patterns),
            republish = COALESCE($8, republish)
        WHERE id = $1 AND deleted_at IS NULL";
    // later than itself, every crate of it and every file of its upstreams, and the same of the registries that it reads
    // through: a view's date is the latest of them, and has to grow with each change
    TOUCH_REGISTRY = "
        WITH RECURSIVE inside (id) AS (
            SELECT CAST($1 AS BIGINT)
            UNION SELECT u.registry_id FROM inside i
                JOIN registry_upstreams a ON a.registry_id = i.id
                JOIN upstreams u ON u.id = a.upstream_id
                WHERE u.registry_id IS NOT NULL)
        UPDATE registries SET changed_at = (
            SELECT MAX(at) FROM (
                SELECT CAST($2 AS BIGINT) AS at
                UNION ALL SELECT MAX(r.changed_at) + 1000000 FROM registries r
                    WHERE r.id IN (SELECT id FROM inside)
                UNION ALL SELECT MAX(c.changed_at) + 1000000 FROM crates c
                    WHERE c.registry_id IN (SELECT id FROM inside)
                UNION ALL SELECT (
                    SELECT MAX(k.changed_at) + 1000000 FROM cached_index k
                    WHERE k.upstream_id = a.upstream_id)
                    FROM registry_upstreams a WHERE a.registry_id IN (SELECT id FROM inside)
                ) AS times)
        WHERE id = $1";
    TOUCH_ALL = "
        UPDATE registries SET changed_at = (
            SELECT MAX(at) FROM (
                SELECT CAST($1 AS BIGINT) AS at
                UNION ALL SELECT MAX(r.changed_at) + 1000000 FROM registries r
                UNION ALL SELECT MAX(c.changed_at) + 1000000 FROM crates c
                UNION ALL SELECT MAX(k.changed_at) + 1000000 FROM cached_index k) AS times)";
    // held until the end of a transaction that changes or relies on who reads through whom
    LOCK_NESTING = "
        INSERT INTO meta (key, value) VALUES ('nesting', '')
        ON CONFLICT (key) DO UPDATE SET value = ''";
    LIST_INSIDE = "
        WITH RECURSIVE inside (id) AS (
            SELECT u.registry_id FROM registry_upstreams a
                JOIN upstreams u ON u.id = a.upstream_id
                WHERE a.registry_id = $1 AND u.registry_id IS NOT NULL
            UNION SELECT u.registry_id FROM inside i
                JOIN registry_upstreams a ON a.registry_id = i.id
                JOIN upstreams u ON u.id = a.upstream_id
                WHERE u.registry_id IS NOT NULL)
        SELECT r.id, r.name, r.deleted_at FROM registries r WHERE r.id IN (SELECT id FROM inside)";
    LIST_READERS = "
        SELECT DISTINCT r.name FROM registries r
        JOIN registry_upstreams a ON a.registry_id = r.id
        JOIN upstreams u ON u.id = a.upstream_id
        WHERE u.registry_id = $1 AND r.deleted_at IS NULL
        ORDER BY r.name";
    DELETE_ATTACHMENTS = "DELETE FROM registry_upstreams WHERE registry_id = $1";
    INSERT_ATTACHMENT = "
        INSERT INTO registry_upstreams (registry_id, upstream_id, position, only_patterns, except_patterns)
        VALUES ($1, $2, $3, $4, $5)";
    DELETE_REGISTRY = "
        UPDATE registries SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
    RESTORE_REGISTRY = "
        UPDATE registries SET deleted_at = NULL
        WHERE id = $1 AND deleted_at IS NOT NULL AND purged_at IS NULL";
    PURGE_REGISTRY = "
        UPDATE registries SET purged_at = $2
        WHERE id = $1 AND deleted_at IS NOT NULL AND purged_at IS NULL";
    REUSE_REGISTRY = "
        UPDATE registries SET
            description = $2, labels = $3, visibility = $4, publishing = $5, created_at = $6,
            allow_patterns = $7, block_patterns = $8, republish = $9, deleted_at = NULL,
            purged_at = NULL
        WHERE name = $1 AND deleted_at IS NOT NULL
        RETURNING id";
    DELETE_READERS = "
        DELETE FROM registry_upstreams
        WHERE upstream_id IN (SELECT id FROM upstreams WHERE registry_id = $1)";
    FORGET_CLAIMS = "DELETE FROM claims WHERE registry_id = $1";
    FORGET_MEMBERS = "DELETE FROM members WHERE registry_id = $1";
    FORGET_PINS = "DELETE FROM pins WHERE registry_id = $1";
    FORGET_LEDGER = "DELETE FROM ledger WHERE registry_id = $1";
    FORGET_SERVED = "DELETE FROM formerly_served WHERE registry_id = $1";
    FORGET_DOWNLOADS = "DELETE FROM downloads WHERE registry_id = $1";
    FORGET_QUARANTINES = "DELETE FROM quarantines WHERE registry_id = $1";
    FORGET_LABELS = "DELETE FROM labels WHERE registry_id = $1";
    FORGET_OWNERS = "
        DELETE FROM owners WHERE crate_id IN (SELECT id FROM crates WHERE registry_id = $1)";
    MARK_CRATES_DELETED = "
        UPDATE crates SET deleted_at = COALESCE(deleted_at, $2) WHERE registry_id = $1";
}

/// Makes a registry; the name that is in the way when there is one.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    new: &NewRegistry,
) -> Result<Created, StoreError> {
    let insert = query(INSERT_REGISTRY)
        .bind(new.name.as_str())
        .bind(new.name.twin_key())
        .bind(new.description.as_str())
        .bind(json(&new.labels))
        .bind(new.visibility.as_str())
        .bind(new.publishing.as_str())
        .bind(new.now)
        .bind(whole_second(new.now))
        .bind(json(&new.allow))
        .bind(json(&new.block))
        .bind(new.republish);
    if let Some(row) = transaction.row(insert).await? {
        let id = row.integer("id")?;
        attach(transaction, id, &new.upstreams).await?;
        return Ok(Created::Done(id));
    }
    // equal names have equal keys, so this finds both kinds of conflict
    let twin = query(SELECT_TWIN).bind(new.name.twin_key());
    Ok(Created::Taken(match transaction.row(twin).await? {
        Some(row) => row.text("name")?,
        None => new.name.to_string(),
    }))
}

/// After everything that has happened by now, also to files that are not written yet.
fn next_second(now: Timestamp) -> Timestamp {
    whole_second(now).plus(Duration::from_secs(1))
}

/// Says that what a registry answers may be another from now on.
pub(crate) async fn touch(
    transaction: &mut Transaction,
    registry_id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let touch = query(TOUCH_REGISTRY)
        .bind(registry_id)
        .bind(next_second(now));
    transaction.execute(touch).await?;
    Ok(())
}

/// The same for all of them.
pub(crate) async fn touch_all(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<(), StoreError> {
    let touch = query(TOUCH_ALL).bind(next_second(now));
    transaction.execute(touch).await?;
    Ok(())
}

async fn attach(
    transaction: &mut Transaction,
    registry_id: i64,
    upstreams: &[Attachment],
) -> Result<(), StoreError> {
    for (position, attachment) in (0_u32..).zip(upstreams) {
        let insert = query(INSERT_ATTACHMENT)
            .bind(registry_id)
            .bind(attachment.upstream_id)
            .bind(position)
            .bind(json(&attachment.only))
            .bind(json(&attachment.except));
        transaction.execute(insert).await?;
    }
    Ok(())
}

/// What speaks against what a registry reads through now.
async fn inside(
    transaction: &mut Transaction,
    registry_id: i64,
) -> Result<Option<RegistryChanged>, StoreError> {
    for row in transaction
        .rows(query(LIST_INSIDE).bind(registry_id))
        .await?
    {
        if row.integer("id")? == registry_id {
            return Ok(Some(RegistryChanged::Cycle));
        }
        if row.maybe_time("deleted_at")?.is_some() {
            return Ok(Some(RegistryChanged::InnerDeleted(row.parse("name")?)));
        }
    }
    Ok(None)
}

impl Store {
    /// Makes a registry; `creator` becomes its admin.
    pub async fn create_registry(
        &self,
        new: &NewRegistry,
        creator: Option<i64>,
        audit_entry: &AuditEntry,
    ) -> Result<Created, StoreError> {
        let mut transaction = self.write().await?;
        let created = insert(&mut transaction, new).await?;
        if let Created::Done(id) = created {
            if let Some(principal_id) = creator {
                members::upsert(&mut transaction, id, principal_id, Role::Admin).await?;
            }
            audit::insert(&mut transaction, audit_entry).await?;
            transaction.tell(Change::Settings);
            transaction.tell(Change::People);
            transaction.commit().await?;
        }
        Ok(created)
    }

    /// Uses the name of a deleted registry again. What the old one held is purged, for the new one's members are others; the
    /// numbers of its versions stay taken, for lockfiles hold them under the same URL. `None` when no deleted registry has
    /// the name; otherwise its id and the checksums that were dropped.
    pub async fn reuse_registry(
        &self,
        new: &NewRegistry,
        creator: Option<i64>,
        audit_entry: &AuditEntry,
    ) -> Result<Option<(i64, Vec<Digest>)>, StoreError> {
        let mut transaction = self.write().await?;
        transaction.execute(query(LOCK_NESTING)).await?;
        let reuse = query(REUSE_REGISTRY)
            .bind(new.name.as_str())
            .bind(new.description.as_str())
            .bind(json(&new.labels))
            .bind(new.visibility.as_str())
            .bind(new.publishing.as_str())
            .bind(new.now)
            .bind(json(&new.allow))
            .bind(json(&new.block))
            .bind(new.republish);
        let Some(row) = transaction.row(reuse).await? else {
            return Ok(None);
        };
        let id = row.integer("id")?;
        let dropped = states::purge_all(&mut transaction, id, new.now).await?;
        for forget in [
            FORGET_CLAIMS,
            FORGET_MEMBERS,
            FORGET_LEDGER,
            FORGET_SERVED,
            FORGET_PINS,
            FORGET_DOWNLOADS,
            FORGET_QUARANTINES,
            FORGET_LABELS,
            FORGET_OWNERS,
            DELETE_ATTACHMENTS,
        ] {
            transaction.execute(query(forget).bind(id)).await?;
        }
        trusted_publishers::forget(&mut transaction, id, new.now).await?;
        // whoever read the old one, and is restored some day, was never let into the new one
        transaction.execute(query(DELETE_READERS).bind(id)).await?;
        upstreams::forget_registry(&mut transaction, id, &new.name).await?;
        let mark = query(MARK_CRATES_DELETED).bind(id).bind(new.now);
        transaction.execute(mark).await?;
        attach(&mut transaction, id, &new.upstreams).await?;
        touch(&mut transaction, id, new.now).await?;
        if let Some(principal_id) = creator {
            members::upsert(&mut transaction, id, principal_id, Role::Admin).await?;
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(Some((id, dropped)))
    }

    /// Empties a deleted registry for ever; its name stays retired. `None` when it is not deleted, or purged already;
    /// otherwise the checksums that were dropped.
    pub async fn purge_registry(
        &self,
        id: i64,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<Option<Vec<Digest>>, StoreError> {
        let mut transaction = self.write().await?;
        let purge = query(PURGE_REGISTRY).bind(id).bind(now);
        if transaction.execute(purge).await? == 0 {
            return Ok(None);
        }
        let dropped = states::purge_all(&mut transaction, id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(Some(dropped))
    }

    /// Changes settings. A new list of upstreams or of patterns counts as a change of what the registry answers, and drops
    /// the pins to upstreams that are not asked for their names any more.
    pub async fn update_registry(
        &self,
        id: i64,
        change: &RegistryChange,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<RegistryChanged, StoreError> {
        let mut transaction = self.write().await?;
        if change.upstreams.is_some() {
            // before any row, as wherever it is taken
            transaction.execute(query(LOCK_NESTING)).await?;
        }
        let update = query(UPDATE_REGISTRY)
            .bind(id)
            .bind(change.description.as_deref())
            .bind(change.labels.as_ref().map(json))
            .bind(change.visibility.map(Visibility::as_str))
            .bind(change.publishing.map(Publishing::as_str))
            .bind(change.allow.as_ref().map(json))
            .bind(change.block.as_ref().map(json))
            .bind(change.republish);
        if transaction.execute(update).await? == 0 {
            return Ok(RegistryChanged::NotThere);
        }
        if let Some(upstreams) = &change.upstreams {
            // also later than the files of those that go
            touch(&mut transaction, id, now).await?;
            transaction
                .execute(query(DELETE_ATTACHMENTS).bind(id))
                .await?;
            attach(&mut transaction, id, upstreams).await?;
            pins::drop_unused(&mut transaction, id, upstreams).await?;
            if let Some(refused) = inside(&mut transaction, id).await? {
                return Ok(refused);
            }
        }
        if change.upstreams.is_some() || change.allow.is_some() || change.block.is_some() {
            touch(&mut transaction, id, now).await?;
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(RegistryChanged::Done)
    }

    /// Marks a registry as deleted, unless others read through it.
    pub async fn delete_registry(
        &self,
        id: i64,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<Deleted, StoreError> {
        let mut transaction = self.write().await?;
        transaction.execute(query(LOCK_NESTING)).await?;
        let readers = transaction.rows(query(LIST_READERS).bind(id)).await?;
        if !readers.is_empty() {
            let names = readers.iter().map(|row| row.parse("name"));
            return Ok(Deleted::InUse(names.collect::<Result<_, _>>()?));
        }
        let delete = query(DELETE_REGISTRY).bind(id).bind(now);
        if transaction.execute(delete).await? == 0 {
            return Ok(Deleted::NotThere);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(Deleted::Done)
    }

    /// Takes the mark off again; false when there is none.
    pub async fn restore_registry(
        &self,
        id: i64,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let restore = query(RESTORE_REGISTRY).bind(id);
        if transaction.execute(restore).await? == 0 {
            return Ok(false);
        }
        touch(&mut transaction, id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(true)
    }
}
