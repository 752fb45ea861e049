//! Who has which role in a registry.

use supercargo_types::{PrincipalKind, PrincipalRef, Role};

use crate::{
    AuditEntry, Change, Page, PrincipalRow, Store, StoreError, accounts, audit,
    engine::Transaction, principals, query::query, search::within, statements::statements,
};

/// A member in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Who.
    pub principal: PrincipalRow,
    /// What it may do there.
    pub role: Role,
    /// How many users it has, if it is a team.
    pub people: u64,
}

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
    FIND_MEMBERS = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at, m.role,
            (SELECT COUNT(*) FROM team_members t WHERE t.team_id = p.id) AS people
        FROM members m JOIN principals p ON p.id = m.principal_id
        WHERE m.registry_id = $1 AND p.name LIKE $2 ESCAPE '!'
            AND (CAST($3 AS TEXT) IS NULL OR p.kind = $3)
        ORDER BY CASE m.role WHEN 'admin' THEN 0 WHEN 'maintainer' THEN 1 WHEN 'publisher' THEN 2
            ELSE 3 END, p.kind, p.name
        LIMIT $4 OFFSET $5";
    COUNT_MEMBERS = "
        SELECT COUNT(*) AS total
        FROM members m JOIN principals p ON p.id = m.principal_id
        WHERE m.registry_id = $1 AND p.name LIKE $2 ESCAPE '!'
            AND (CAST($3 AS TEXT) IS NULL OR p.kind = $3)";
    // jobs have what their rule says, and a service account of another registry is none of this one's
    FIND_STRANGERS = "
        SELECT p.kind, p.name FROM principals p
        WHERE p.deleted_at IS NULL AND p.disabled_at IS NULL AND p.kind <> 'job'
            AND (p.registry_id IS NULL OR p.registry_id = $1)
            AND p.name LIKE $2 ESCAPE '!' AND (CAST($3 AS TEXT) IS NULL OR p.kind = $3)
            AND NOT EXISTS (
                SELECT 1 FROM members m WHERE m.registry_id = $1 AND m.principal_id = p.id)
        ORDER BY LENGTH(p.name), p.name, p.kind
        LIMIT $4";
}

/// What is looked for among accounts: `core` in each of their names, `team:core` in those of teams alone.
fn parts(text: &str) -> (Option<&'static str>, String) {
    let kinds = [
        PrincipalKind::User,
        PrincipalKind::Service,
        PrincipalKind::Team,
    ];
    let found = text.split_once(':').and_then(|(word, name)| {
        let kind = kinds.into_iter().find(|kind| kind.as_str() == word)?;
        Some((kind.as_str(), name))
    });
    let (kind, name) = match found {
        Some((kind, name)) => (Some(kind), name),
        None => (None, text),
    };
    (kind, within(name))
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

    /// Members whose names a text is in, the strongest role first; an empty text finds all.
    pub async fn find_members(
        &self,
        registry_id: i64,
        text: &str,
        limit: u32,
        offset: u64,
    ) -> Result<Page<MemberRow>, StoreError> {
        let (kind, like) = parts(text);
        let narrowed = |statement| {
            query(statement)
                .bind(registry_id)
                .bind(like.as_str())
                .bind(kind)
        };
        let rows = self
            .rows(narrowed(FIND_MEMBERS).bind(limit).bind(offset))
            .await?;
        let items: Result<_, StoreError> = rows
            .iter()
            .map(|row| {
                Ok(MemberRow {
                    principal: principals::principal_row(row)?,
                    role: row.parse("role")?,
                    people: row.unsigned("people")?,
                })
            })
            .collect();
        Ok(Page {
            items: items?,
            total: self.count(narrowed(COUNT_MEMBERS)).await?,
        })
    }

    /// Accounts that could be made members and are none, whose names a text is in; the nearest first.
    pub async fn find_strangers(
        &self,
        registry_id: i64,
        text: &str,
        limit: u32,
    ) -> Result<Vec<PrincipalRef>, StoreError> {
        let (kind, like) = parts(text);
        let find = query(FIND_STRANGERS)
            .bind(registry_id)
            .bind(like.as_str())
            .bind(kind)
            .bind(limit);
        let rows = self.rows(find).await?;
        rows.iter()
            .map(|row| {
                Ok(PrincipalRef {
                    kind: row.parse("kind")?,
                    name: row.parse("name")?,
                })
            })
            .collect()
    }
}
