//! Tokens: hashes of secrets that stand for principals.

use std::collections::BTreeMap;

use supercargo_types::{
    NamePattern, PrincipalRef, RegistryName, Role, Scopes, Timestamp, TokenHash,
};

use crate::{
    AuditEntry, Change, Page, PrincipalRow, Store, StoreError, accounts, audit,
    engine::Transaction,
    principals,
    query::{json, query},
    row::Row,
    sessions,
    statements::statements,
};

/// A token; its secret is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// The first characters of its text.
    pub prefix: String,
    /// Whom it stands for.
    pub principal_id: i64,
    /// The same, as people write it.
    pub principal: PrincipalRef,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Where it may be used; none: everywhere.
    pub registries: Option<Vec<RegistryName>>,
    /// The crates that it may write; none: all.
    pub crates: Option<Vec<NamePattern>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// When it was used last; some seconds late.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// Who is behind it, where it was given to a job of a CI system.
    pub subject: Option<String>,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id; lists are ordered by it.
    pub id: String,
    /// What is stored of its text.
    pub hash: TokenHash,
    /// The first characters of its text.
    pub prefix: String,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Where it may be used; none: everywhere.
    pub registries: Option<Vec<RegistryName>>,
    /// The crates that it may write; none: all.
    pub crates: Option<Vec<NamePattern>>,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// When it is made.
    pub now: Timestamp,
    /// Who is behind it, where it is given to a job of a CI system.
    pub subject: Option<String>,
}

/// All that a token's text stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The token. It may have expired: the caller says so, and since when.
    pub token: TokenRow,
    /// Whom it stands for; not disabled.
    pub principal: PrincipalRow,
    /// The principal's strongest role in each registry, its own and its teams', ordered by registry.
    pub roles: Vec<(i64, Role)>,
}

statements! {
    INSERT_TOKEN = "
        INSERT INTO tokens (id, hash, prefix, principal_id, name, scopes, registries, crates,
            created_at, expires_at, subject)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    SELECT_SESSION = "
        SELECT t.id, t.prefix, t.name, t.scopes, t.registries, t.crates, t.created_at,
            t.expires_at, t.last_used_at, t.revoked_at, t.subject,
            p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at
        FROM tokens t JOIN principals p ON p.id = t.principal_id
        WHERE t.hash = $1 AND t.revoked_at IS NULL AND p.disabled_at IS NULL";
    SELECT_ROLES = "
        SELECT registry_id, role FROM members WHERE principal_id = $1
        UNION ALL
        SELECT registry_id, 'publisher' FROM trusted_publishers WHERE principal_id = $1
        UNION ALL
        SELECT m.registry_id, m.role
        FROM members m JOIN team_members t ON t.team_id = m.principal_id
        WHERE t.user_id = $1";
    SELECT_TOKEN = "
        SELECT t.id, t.prefix, t.name, t.scopes, t.registries, t.crates, t.created_at,
            t.expires_at, t.last_used_at, t.revoked_at, t.subject,
            p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name
        FROM tokens t JOIN principals p ON p.id = t.principal_id
        WHERE t.id = $1";
    LIST_TOKENS = "
        SELECT t.id, t.prefix, t.name, t.scopes, t.registries, t.crates, t.created_at,
            t.expires_at, t.last_used_at, t.revoked_at, t.subject,
            p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name
        FROM tokens t JOIN principals p ON p.id = t.principal_id
        WHERE t.revoked_at IS NULL
            AND (CAST($1 AS BIGINT) IS NULL OR t.principal_id = $1)
            AND t.id > $2
        ORDER BY t.id
        LIMIT $3";
    COUNT_TOKENS = "
        SELECT COUNT(*) AS total FROM tokens
        WHERE revoked_at IS NULL AND (CAST($1 AS BIGINT) IS NULL OR principal_id = $1)";
    REVOKE_TOKEN = "UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    // changes nothing: it holds the token's row until the end of the transaction
    HOLD_TOKEN = "
        UPDATE tokens SET created_at = created_at
        WHERE id = $1 AND principal_id = $2 AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > $3)";
    TOUCH_TOKEN = "
        UPDATE tokens SET last_used_at = $2
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
}

/// Makes a token. Ids and hashes are random, so one that exists is a fault.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    principal_id: i64,
    new: &NewToken,
) -> Result<(), StoreError> {
    let insert = query(INSERT_TOKEN)
        .bind(new.id.as_str())
        .bind(new.hash.digest())
        .bind(new.prefix.as_str())
        .bind(principal_id)
        .bind(new.name.as_str())
        .bind(new.scopes.to_string())
        .bind(new.registries.as_ref().map(json))
        .bind(new.crates.as_ref().map(json))
        .bind(new.now)
        .bind(new.expires_at)
        .bind(new.subject.as_deref());
    transaction.execute(insert).await?;
    Ok(())
}

/// Holds a token of this principal that works now until the end of the transaction: who revokes it at the same moment waits,
/// and ends what was begun with it.
pub(crate) async fn hold(
    transaction: &mut Transaction,
    principal_id: i64,
    id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let hold = query(HOLD_TOKEN).bind(id).bind(principal_id).bind(now);
    Ok(transaction.execute(hold).await? > 0)
}

fn token_row(row: &Row) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        id: row.text("id")?,
        prefix: row.text("prefix")?,
        principal_id: row.integer("principal_id")?,
        principal: PrincipalRef {
            kind: row.parse("principal_kind")?,
            name: row.parse("principal_name")?,
        },
        name: row.text("name")?,
        scopes: row.parse("scopes")?,
        registries: row.maybe_json("registries")?,
        crates: row.maybe_json("crates")?,
        created_at: row.time("created_at")?,
        expires_at: row.maybe_time("expires_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        subject: row.maybe_text("subject")?,
    })
}

impl Store {
    /// Makes a token that stands for a principal; false when that is disabled or was deleted.
    pub async fn create_token(
        &self,
        principal_id: i64,
        new: &NewToken,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        // who disables or deletes it at the same moment waits, and ends what was made
        if !accounts::hold_active(&mut transaction, principal_id).await? {
            return Ok(false);
        }
        insert(&mut transaction, principal_id, new).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Whom a token's text stands for; nobody when it is revoked or the principal disabled.
    pub async fn token_by_hash(&self, hash: &TokenHash) -> Result<Option<SessionRow>, StoreError> {
        let select = query(SELECT_SESSION).bind(hash.digest());
        let Some(row) = self.row(select).await? else {
            return Ok(None);
        };
        let principal = principals::principal_row(&row)?;
        Ok(Some(SessionRow {
            token: token_row(&row)?,
            roles: self.roles_of(principal.id).await?,
            principal,
        }))
    }

    /// A principal's strongest role in each registry, its own and its teams', ordered by registry.
    pub async fn roles_of(&self, principal_id: i64) -> Result<Vec<(i64, Role)>, StoreError> {
        let mut roles = BTreeMap::new();
        for row in self.rows(query(SELECT_ROLES).bind(principal_id)).await? {
            let role: Role = row.parse("role")?;
            let strongest = roles.entry(row.integer("registry_id")?).or_insert(role);
            *strongest = role.max(*strongest);
        }
        Ok(roles.into_iter().collect())
    }

    /// A token by its id, a revoked one too.
    pub async fn token(&self, id: &str) -> Result<Option<TokenRow>, StoreError> {
        let row = self.row(query(SELECT_TOKEN).bind(id)).await?;
        row.as_ref().map(token_row).transpose()
    }

    /// Tokens that are not revoked, of one principal or of all, ordered by id, those after `after_id`.
    pub async fn list_tokens(
        &self,
        principal_id: Option<i64>,
        limit: u32,
        after_id: Option<&str>,
    ) -> Result<Page<TokenRow>, StoreError> {
        let list = query(LIST_TOKENS)
            .bind(principal_id)
            .bind(after_id.unwrap_or_default())
            .bind(limit);
        let items: Result<_, _> = self.rows(list).await?.iter().map(token_row).collect();
        let count = query(COUNT_TOKENS).bind(principal_id);
        Ok(Page {
            items: items?,
            total: self.count(count).await?,
        })
    }

    /// Revokes a token, and ends the sessions that were begun with it; false when it is revoked already, or never was.
    pub async fn revoke_token(
        &self,
        id: &str,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let revoke = query(REVOKE_TOKEN).bind(id).bind(now);
        if transaction.execute(revoke).await? == 0 {
            return Ok(false);
        }
        sessions::end_those_of_token(&mut transaction, id, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Writes down a batch of last uses; an earlier one than is known changes nothing.
    pub async fn touch_tokens(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
        // one order of rows for everybody: two batches that lock rows in different orders would wait for each other for ever
        let mut uses: Vec<_> = uses.iter().collect();
        uses.sort();
        let mut transaction = self.write().await?;
        for (id, used_at) in uses {
            let touch = query(TOUCH_TOKEN).bind(id.as_str()).bind(*used_at);
            transaction.execute(touch).await?;
        }
        transaction.commit().await
    }
}
