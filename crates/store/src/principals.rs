//! Users, service accounts and teams.

use supercargo_types::{AccountName, InstanceRole, PrincipalKind, PrincipalRef, Timestamp};

use crate::{
    AuditEntry, Change, Created, Store, StoreError, audit, engine::Transaction, query::query,
    row::Row, statements::statements,
};

/// Who may act, or be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalRow {
    /// Its id.
    pub id: i64,
    /// What it is.
    pub kind: PrincipalKind,
    /// Unique within its kind.
    pub name: AccountName,
    /// Where a person reads mail.
    pub email: Option<String>,
    /// What it may do on the instance.
    pub instance_role: InstanceRole,
    /// The registry that a service account belongs to; none: the instance.
    pub registry_id: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when its tokens do not work.
    pub disabled_at: Option<Timestamp>,
}

impl PrincipalRow {
    /// As people write it: `service:ci`.
    pub fn reference(&self) -> PrincipalRef {
        PrincipalRef {
            kind: self.kind,
            name: self.name.clone(),
        }
    }
}

/// A principal to be made.
#[derive(Clone, Debug)]
pub struct NewPrincipal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Unique within its kind.
    pub name: AccountName,
    /// Where a person reads mail.
    pub email: Option<String>,
    /// The hash of a person's password.
    pub password_hash: Option<String>,
    /// What it may do on the instance.
    pub instance_role: InstanceRole,
    /// The registry that a service account belongs to; none: the instance.
    pub registry_id: Option<i64>,
    /// When it is made.
    pub now: Timestamp,
}

statements! {
    INSERT_PRINCIPAL = "
        INSERT INTO principals (kind, name, email, instance_role, registry_id, created_at,
            password_hash, password_changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (kind, name) DO NOTHING
        RETURNING id";
    FIND_PRINCIPAL = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at
        FROM principals p
        WHERE p.kind = $1 AND p.name = $2 AND p.deleted_at IS NULL";
    OLDEST_ADMIN = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at
        FROM principals p
        WHERE p.kind = 'user' AND p.instance_role = 'admin' AND p.disabled_at IS NULL
            AND p.deleted_at IS NULL
        ORDER BY p.created_at, p.id
        LIMIT 1";
}

/// Reads the columns that every statement over principals gives these names.
pub(crate) fn principal_row(row: &Row) -> Result<PrincipalRow, StoreError> {
    Ok(PrincipalRow {
        id: row.integer("principal_id")?,
        kind: row.parse("principal_kind")?,
        name: row.parse("principal_name")?,
        email: row.maybe_text("principal_email")?,
        instance_role: row.parse("principal_instance_role")?,
        registry_id: row.maybe_integer("principal_registry_id")?,
        created_at: row.time("principal_created_at")?,
        disabled_at: row.maybe_time("principal_disabled_at")?,
    })
}

/// Makes a principal.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    new: &NewPrincipal,
) -> Result<Created, StoreError> {
    let insert = query(INSERT_PRINCIPAL)
        .bind(new.kind.as_str())
        .bind(new.name.as_str())
        .bind(new.email.as_deref())
        .bind(new.instance_role.as_str())
        .bind(new.registry_id)
        .bind(new.now)
        .bind(new.password_hash.as_deref())
        .bind(new.password_hash.as_ref().map(|_| new.now));
    Ok(match transaction.row(insert).await? {
        Some(row) => Created::Done(row.integer("id")?),
        None => Created::Taken(new.name.to_string()),
    })
}

impl Store {
    /// Makes a principal.
    pub async fn create_principal(
        &self,
        new: &NewPrincipal,
        audit_entry: &AuditEntry,
    ) -> Result<Created, StoreError> {
        let mut transaction = self.write().await?;
        let created = insert(&mut transaction, new).await?;
        if let Created::Done(_) = created {
            audit::insert(&mut transaction, audit_entry).await?;
            transaction.tell(Change::People);
            transaction.commit().await?;
        }
        Ok(created)
    }

    /// The instance admin who was made first of those that are not disabled.
    pub async fn oldest_admin(&self) -> Result<Option<PrincipalRow>, StoreError> {
        let oldest = self.row(query(OLDEST_ADMIN)).await?;
        oldest.as_ref().map(principal_row).transpose()
    }

    /// The principal that people write so, unless it was deleted.
    pub async fn find_principal(
        &self,
        reference: &PrincipalRef,
    ) -> Result<Option<PrincipalRow>, StoreError> {
        let find = query(FIND_PRINCIPAL)
            .bind(reference.kind.as_str())
            .bind(reference.name.as_str());
        self.row(find)
            .await?
            .as_ref()
            .map(principal_row)
            .transpose()
    }
}
