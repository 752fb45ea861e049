//! Owners of hosted crates. A crate is never left without one.

use supercargo_types::{PrincipalRef, Timestamp};

use crate::{
    AuditEntry, PrincipalRow, Store, StoreError, accounts, audit, engine::Transaction,
    principals::principal_row, query::query, statements::statements,
};

/// What became of a new owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerAdded {
    /// It is one now.
    Added,
    /// It was one already.
    Same,
    /// It has been deleted meanwhile.
    Gone,
}

/// What became of a former owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerRemoved {
    /// It is none any more.
    Removed,
    /// It was none.
    NotOwner,
    /// It is the only one, and stays.
    LastOne,
}

statements! {
    IS_OWNER = "
        SELECT o.principal_id
        FROM owners o LEFT JOIN team_members t ON t.team_id = o.principal_id
        WHERE o.crate_id = $1 AND (o.principal_id = $2 OR t.user_id = $2)
        LIMIT 1";
    LIST_OWNERS = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at
        FROM owners o JOIN principals p ON p.id = o.principal_id
        WHERE o.crate_id = $1
        ORDER BY o.added_at, p.id";
    INSERT_OWNER = "
        INSERT INTO owners (crate_id, principal_id, added_at) VALUES ($1, $2, $3)
        ON CONFLICT (crate_id, principal_id) DO NOTHING";
    // changes nothing: it holds the crate's row until the end of the transaction
    LOCK_CRATE = "UPDATE crates SET changed_at = changed_at WHERE id = $1";
    DELETE_OWNER = "DELETE FROM owners WHERE crate_id = $1 AND principal_id = $2";
}

/// Whether a principal owns a crate, by itself or through a team.
pub(crate) async fn is_owner(
    transaction: &mut Transaction,
    crate_id: i64,
    principal_id: i64,
) -> Result<bool, StoreError> {
    let select = query(IS_OWNER).bind(crate_id).bind(principal_id);
    Ok(transaction.row(select).await?.is_some())
}

/// Who owns a crate.
pub(crate) async fn list(
    transaction: &mut Transaction,
    crate_id: i64,
) -> Result<Vec<PrincipalRow>, StoreError> {
    let rows = transaction.rows(query(LIST_OWNERS).bind(crate_id)).await?;
    rows.iter().map(principal_row).collect()
}

/// The same as people write them; for refusals.
pub(crate) async fn references(
    transaction: &mut Transaction,
    crate_id: i64,
) -> Result<Vec<PrincipalRef>, StoreError> {
    let owners = list(transaction, crate_id).await?;
    Ok(owners.iter().map(PrincipalRow::reference).collect())
}

/// Makes a principal an owner; true when it was none.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    crate_id: i64,
    principal_id: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let insert = query(INSERT_OWNER)
        .bind(crate_id)
        .bind(principal_id)
        .bind(now);
    Ok(transaction.execute(insert).await? == 1)
}

/// Keeps anyone else from changing a crate, its versions or who owns it until the end of the transaction.
pub(crate) async fn lock(transaction: &mut Transaction, crate_id: i64) -> Result<(), StoreError> {
    let lock = query(LOCK_CRATE).bind(crate_id);
    transaction.execute(lock).await.map(drop)
}

impl Store {
    /// Who owns a crate, the oldest owner first.
    pub async fn owners(&self, crate_id: i64) -> Result<Vec<PrincipalRow>, StoreError> {
        let rows = self.rows(query(LIST_OWNERS).bind(crate_id)).await?;
        rows.iter().map(principal_row).collect()
    }

    /// Whether a principal owns a crate, by itself or through a team.
    pub async fn owns(&self, crate_id: i64, principal_id: i64) -> Result<bool, StoreError> {
        let select = query(IS_OWNER).bind(crate_id).bind(principal_id);
        Ok(self.row(select).await?.is_some())
    }

    /// Makes a principal an owner of a crate.
    pub async fn add_owner(
        &self,
        crate_id: i64,
        principal_id: i64,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<OwnerAdded, StoreError> {
        let mut transaction = self.write().await?;
        if !accounts::hold(&mut transaction, principal_id).await? {
            return Ok(OwnerAdded::Gone);
        }
        match insert(&mut transaction, crate_id, principal_id, now).await {
            Ok(true) => {}
            Ok(false) => return Ok(OwnerAdded::Same),
            Err(error) if error.breaks_reference() => return Ok(OwnerAdded::Gone),
            Err(error) => return Err(error),
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(OwnerAdded::Added)
    }

    /// Takes a crate from one of its owners, unless nobody would be left.
    pub async fn remove_owner(
        &self,
        crate_id: i64,
        principal_id: i64,
        audit_entry: &AuditEntry,
    ) -> Result<OwnerRemoved, StoreError> {
        let mut transaction = self.write().await?;
        // two owners who remove each other at once would both see the other one left
        lock(&mut transaction, crate_id).await?;
        let owners = list(&mut transaction, crate_id).await?;
        if owners.iter().all(|owner| owner.id != principal_id) {
            return Ok(OwnerRemoved::NotOwner);
        }
        if owners.len() == 1 {
            return Ok(OwnerRemoved::LastOne);
        }
        let delete = query(DELETE_OWNER).bind(crate_id).bind(principal_id);
        transaction.execute(delete).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(OwnerRemoved::Removed)
    }
}
