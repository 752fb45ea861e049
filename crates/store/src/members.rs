//! Who has which role in a registry.

use supercargo_types::Role;

use crate::{
    AuditEntry, Change, PrincipalRow, Store, StoreError, accounts, audit, engine::Transaction,
    principals, query::query, statements::statements,
};

statements! {
    UPSERT_MEMBER = "
        INSERT INTO members (registry_id, principal_id, role) VALUES ($1, $2, $3)
        ON CONFLICT (registry_id, principal_id) DO UPDATE SET role = excluded.role";
    DELETE_MEMBER = "DELETE FROM members WHERE registry_id = $1 AND principal_id = $2";
    LIST_MEMBERS = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at, m.role
        FROM members m JOIN principals p ON p.id = m.principal_id
        WHERE m.registry_id = $1
        ORDER BY p.kind, p.name";
}

/// Gives a role, or another one.
pub(crate) async fn upsert(
    transaction: &mut Transaction,
    registry_id: i64,
    principal_id: i64,
    role: Role,
) -> Result<(), StoreError> {
    let upsert = query(UPSERT_MEMBER)
        .bind(registry_id)
        .bind(principal_id)
        .bind(role.as_str());
    transaction.execute(upsert).await?;
    Ok(())
}

impl Store {
    /// Gives a principal a role in a registry, instead of the one it had; false when the principal has been deleted
    /// meanwhile.
    pub async fn set_member(
        &self,
        registry_id: i64,
        principal_id: i64,
        role: Role,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        if !accounts::hold(&mut transaction, principal_id).await? {
            return Ok(false);
        }
        match upsert(&mut transaction, registry_id, principal_id, role).await {
            Ok(()) => {}
            Err(error) if error.breaks_reference() => return Ok(false),
            Err(error) => return Err(error),
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes a principal's role away; false when it had none.
    pub async fn remove_member(
        &self,
        registry_id: i64,
        principal_id: i64,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let delete = query(DELETE_MEMBER).bind(registry_id).bind(principal_id);
        if transaction.execute(delete).await? == 0 {
            return Ok(false);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Every member with its role, ordered by kind and name.
    pub async fn members(&self, registry_id: i64) -> Result<Vec<(PrincipalRow, Role)>, StoreError> {
        let rows = self.rows(query(LIST_MEMBERS).bind(registry_id)).await?;
        rows.iter()
            .map(|row| Ok((principals::principal_row(row)?, row.parse("role")?)))
            .collect()
    }
}
