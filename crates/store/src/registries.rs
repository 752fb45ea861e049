//! Registries and their settings. A registry is never removed, only marked as deleted, for lockfiles hold its name.

use std::collections::BTreeMap;

use supercargo_types::{NamePattern, Publishing, RegistryName, Role, Timestamp, Visibility};

use crate::{
    AuditEntry, ClaimRow, Created, Store, StoreError, audit,
    engine::{Transaction, whole_second},
    members,
    query::{json, query},
    statements::statements,
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
}

statements! {
    INSERT_REGISTRY = "
        INSERT INTO registries (name, twin_key, description, labels, visibility, publishing,
            created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT DO NOTHING
        RETURNING id";
    SELECT_TWIN = "SELECT name FROM registries WHERE twin_key = $1";
    UPDATE_REGISTRY = "
        UPDATE registries SET
            description = COALESCE($2, description), labels = COALESCE($3, labels),
            visibility = COALESCE($4, visibility), publishing = COALESCE($5, publishing)
        WHERE id = $1 AND deleted_at IS NULL";
    TOUCH_REGISTRY = "
        UPDATE registries
        SET changed_at = CASE WHEN $2 > changed_at THEN $2 ELSE changed_at + 1000000 END
        WHERE id = $1";
    DELETE_ATTACHMENTS = "DELETE FROM registry_upstreams WHERE registry_id = $1";
    INSERT_ATTACHMENT = "
        INSERT INTO registry_upstreams (registry_id, upstream_id, position, only_patterns, except_patterns)
        VALUES ($1, $2, $3, $4, $5)";
    DELETE_REGISTRY = "
        UPDATE registries SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
    RESTORE_REGISTRY = "
        UPDATE registries SET deleted_at = NULL WHERE id = $1 AND deleted_at IS NOT NULL";
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
        .bind(whole_second(new.now));
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

/// Says that what a registry answers may be another from now on.
pub(crate) async fn touch(
    transaction: &mut Transaction,
    registry_id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let touch = query(TOUCH_REGISTRY)
        .bind(registry_id)
        .bind(whole_second(now));
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
            transaction.commit().await?;
        }
        Ok(created)
    }

    /// Changes settings; false when there is no such registry or it is deleted. A new list of upstreams counts as a change of
    /// what the registry answers.
    pub async fn update_registry(
        &self,
        id: i64,
        change: &RegistryChange,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let update = query(UPDATE_REGISTRY)
            .bind(id)
            .bind(change.description.as_deref())
            .bind(change.labels.as_ref().map(json))
            .bind(change.visibility.map(Visibility::as_str))
            .bind(change.publishing.map(Publishing::as_str));
        if transaction.execute(update).await? == 0 {
            return Ok(false);
        }
        if let Some(upstreams) = &change.upstreams {
            transaction
                .execute(query(DELETE_ATTACHMENTS).bind(id))
                .await?;
            attach(&mut transaction, id, upstreams).await?;
            touch(&mut transaction, id, now).await?;
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Marks a registry as deleted; false when it is already, or never was.
    pub async fn delete_registry(
        &self,
        id: i64,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let delete = query(DELETE_REGISTRY).bind(id).bind(now);
        if transaction.execute(delete).await? == 0 {
            return Ok(false);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(true)
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
        transaction.commit().await?;
        Ok(true)
    }
}
