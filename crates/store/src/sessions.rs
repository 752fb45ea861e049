//! Sessions: browsers that are signed in. Like tokens, they are known by the hash of a secret.

use supercargo_types::{Digest, PrincipalRef, Role, Timestamp};

use crate::{
    AuditEntry, Change, Page, PrincipalRow, Store, StoreError, accounts, audit,
    engine::Transaction, principals, query::query, row::Row, statements::statements, tokens,
};

/// A browser that is signed in; its secret is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserRow {
    /// Its id; lists are ordered by it.
    pub id: String,
    /// Who it is.
    pub principal: PrincipalRef,
    /// The same, by its id.
    pub principal_id: i64,
    /// The provider that the person signed in with; none: a password or a token.
    pub issuer: Option<String>,
    /// The token that the person signed in with. The session ends with it.
    pub token_id: Option<String>,
    /// From which address the person signed in.
    pub address: Option<String>,
    /// With which browser.
    pub user_agent: Option<String>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When it was used last; some seconds late.
    pub last_used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Since when its secret is what it is.
    pub rotated_at: Timestamp,
}

/// A session to be made.
#[derive(Clone, Debug)]
pub struct NewBrowser {
    /// Its id; lists are ordered by it.
    pub id: String,
    /// What is stored of its secret.
    pub hash: Digest,
    /// The provider that the person signed in with; none: a password or a token.
    pub issuer: Option<String>,
    /// The token that the person signed in with. The session ends with it.
    pub token_id: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// With which browser.
    pub user_agent: Option<String>,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it is made.
    pub now: Timestamp,
}

/// All that a session's secret stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInBrowser {
    /// The session. It may have expired: the caller knows how long one lives.
    pub session: BrowserRow,
    /// When the token ends that it was begun with, if there is one and it does.
    pub token_expires_at: Option<Timestamp>,
    /// Whether the secret is the one before the present one.
    pub is_former: bool,
    /// Who it is; neither disabled nor deleted.
    pub principal: PrincipalRow,
    /// The principal's strongest role in each registry, as for a token.
    pub roles: Vec<(i64, Role)>,
}

statements! {
    INSERT_SESSION = "
        INSERT INTO sessions (id, hash, rotated_at, principal_id, issuer, token_id, address,
            user_agent, created_at, last_used_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $3, $3, $9)";
    SELECT_BROWSER = "
        SELECT s.id, s.hash, s.issuer, s.token_id, s.address, s.user_agent, s.created_at, s.last_used_at,
            s.expires_at, s.rotated_at, t.expires_at AS token_expires_at,
            p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at
        FROM sessions s
            JOIN principals p ON p.id = s.principal_id
            LEFT JOIN tokens t ON t.id = s.token_id
        WHERE (s.hash = $1 OR s.former_hash = $1)
            AND s.ended_at IS NULL AND t.revoked_at IS NULL AND p.disabled_at IS NULL AND p.deleted_at IS NULL";
    SELECT_SESSION = "
        SELECT s.id, s.issuer, s.token_id, s.address, s.user_agent, s.created_at, s.last_used_at,
            s.expires_at, s.rotated_at,
            p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name
        FROM sessions s JOIN principals p ON p.id = s.principal_id
        WHERE s.id = $1 AND s.ended_at IS NULL";
    LIST_SESSIONS = "
        SELECT s.id, s.issuer, s.token_id, s.address, s.user_agent, s.created_at, s.last_used_at,
            s.expires_at, s.rotated_at,
            p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name
        FROM sessions s JOIN principals p ON p.id = s.principal_id
        WHERE s.ended_at IS NULL AND s.expires_at > $1 AND s.last_used_at > $2
            AND s.principal_id = $3 AND s.id > $4
        ORDER BY s.id
        LIMIT $5";
    COUNT_SESSIONS = "
        SELECT COUNT(*) AS total FROM sessions
        WHERE ended_at IS NULL AND expires_at > $1 AND last_used_at > $2 AND principal_id = $3";
    // once for each secret: of two requests that come with the old one, the second finds another in its place
    ROTATE_SESSION = "
        UPDATE sessions SET former_hash = hash, hash = $3, rotated_at = $4
        WHERE id = $1 AND hash = $2 AND ended_at IS NULL";
    // the former secret is worth nothing from now on: it may be why there is another one
    REPLACE_SECRET = "
        UPDATE sessions SET hash = $3, former_hash = NULL, rotated_at = $4
        WHERE id = $1 AND principal_id = $2 AND ended_at IS NULL";
    END_SESSION = "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    END_SESSIONS = "
        UPDATE sessions SET ended_at = $2
        WHERE principal_id = $1 AND id <> $3 AND ended_at IS NULL";
    END_SESSIONS_OF_ISSUER = "
        UPDATE sessions SET ended_at = $3
        WHERE principal_id = $1 AND issuer = $2 AND ended_at IS NULL";
    END_SESSIONS_OF_TOKEN = "
        UPDATE sessions SET ended_at = $2
        WHERE principal_id = (SELECT principal_id FROM tokens WHERE id = $1)
            AND token_id = $1 AND ended_at IS NULL";
    TOUCH_SESSION = "UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2";
    PRUNE_SESSIONS = "
        DELETE FROM sessions WHERE id IN (
            SELECT id FROM sessions WHERE ended_at < $1 OR expires_at < $1 ORDER BY id LIMIT $2)";
}

/// Signs a browser in.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    principal_id: i64,
    new: &NewBrowser,
) -> Result<(), StoreError> {
    let insert = query(INSERT_SESSION)
        .bind(new.id.as_str())
        .bind(&new.hash)
        .bind(new.now)
        .bind(principal_id)
        .bind(new.issuer.as_deref())
        .bind(new.token_id.as_deref())
        .bind(new.address.as_deref())
        .bind(new.user_agent.as_deref())
        .bind(new.expires_at);
    transaction.execute(insert).await?;
    Ok(())
}

/// Gives a session of this principal another secret at once; the former one is nobody's.
pub(crate) async fn replace_secret(
    transaction: &mut Transaction,
    principal_id: i64,
    id: &str,
    hash: &Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let replace = query(REPLACE_SECRET)
        .bind(id)
        .bind(principal_id)
        .bind(hash)
        .bind(now);
    transaction.execute(replace).await.map(drop)
}

/// Signs a principal out of the browsers in which they signed in with this provider.
pub(crate) async fn end_those_of_issuer(
    transaction: &mut Transaction,
    principal_id: i64,
    issuer: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let end = query(END_SESSIONS_OF_ISSUER)
        .bind(principal_id)
        .bind(issuer)
        .bind(now);
    transaction.execute(end).await.map(drop)
}

/// Ends the sessions that were begun with a token.
pub(crate) async fn end_those_of_token(
    transaction: &mut Transaction,
    token_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let end = query(END_SESSIONS_OF_TOKEN).bind(token_id).bind(now);
    transaction.execute(end).await.map(drop)
}

fn browser_row(row: &Row) -> Result<BrowserRow, StoreError> {
    Ok(BrowserRow {
        id: row.text("id")?,
        principal: PrincipalRef {
            kind: row.parse("principal_kind")?,
            name: row.parse("principal_name")?,
        },
        principal_id: row.integer("principal_id")?,
        issuer: row.maybe_text("issuer")?,
        token_id: row.maybe_text("token_id")?,
        address: row.maybe_text("address")?,
        user_agent: row.maybe_text("user_agent")?,
        created_at: row.time("created_at")?,
        last_used_at: row.time("last_used_at")?,
        expires_at: row.time("expires_at")?,
        rotated_at: row.time("rotated_at")?,
    })
}

impl Store {
    /// Signs a browser in as who gave this password; false when it is another one meanwhile, or the account is disabled. Nothing
    /// is told to other processes: nobody can have come with a secret before it was made.
    pub async fn create_session_by_password(
        &self,
        principal_id: i64,
        password_hash: &str,
        new: &NewBrowser,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        if !accounts::hold_by_password(&mut transaction, principal_id, password_hash).await? {
            return Ok(false);
        }
        insert(&mut transaction, principal_id, new).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Signs a browser in as the owner of the token that the session names; false when the token has ended meanwhile, or the
    /// account is disabled. As with a password, nothing is told.
    pub async fn create_session_by_token(
        &self,
        principal_id: i64,
        new: &NewBrowser,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let token_id = new.token_id.as_deref().unwrap_or_default();
        let stands = accounts::hold_active(&mut transaction, principal_id).await?
            && tokens::hold(&mut transaction, principal_id, token_id, new.now).await?;
        if !stands {
            return Ok(false);
        }
        insert(&mut transaction, principal_id, new).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whom a session's secret stands for, also the one before the present one; nobody when the session was ended, its token
    /// is revoked, or the principal is disabled or deleted.
    pub async fn session_by_hash(
        &self,
        hash: &Digest,
    ) -> Result<Option<SignedInBrowser>, StoreError> {
        let Some(row) = self.row(query(SELECT_BROWSER).bind(hash)).await? else {
            return Ok(None);
        };
        let principal = principals::principal_row(&row)?;
        Ok(Some(SignedInBrowser {
            session: browser_row(&row)?,
            token_expires_at: row.maybe_time("token_expires_at")?,
            is_former: row.digest("hash")? != *hash,
            roles: self.roles_of(principal.id).await?,
            principal,
        }))
    }

    /// A session by its id, unless it was ended.
    pub async fn session(&self, id: &str) -> Result<Option<BrowserRow>, StoreError> {
        let row = self.row(query(SELECT_SESSION).bind(id)).await?;
        row.as_ref().map(browser_row).transpose()
    }

    /// The sessions of a principal that have not ended by `now`, and were used after `idle_since`; ordered by id, those after
    /// `after_id`.
    pub async fn list_sessions(
        &self,
        principal_id: i64,
        now: Timestamp,
        idle_since: Timestamp,
        limit: u32,
        after_id: Option<&str>,
    ) -> Result<Page<BrowserRow>, StoreError> {
        let list = query(LIST_SESSIONS)
            .bind(now)
            .bind(idle_since)
            .bind(principal_id)
            .bind(after_id.unwrap_or_default())
            .bind(limit);
        let items: Result<_, _> = self.rows(list).await?.iter().map(browser_row).collect();
        let count = query(COUNT_SESSIONS)
            .bind(now)
            .bind(idle_since)
            .bind(principal_id);
        Ok(Page {
            items: items?,
            total: self.count(count).await?,
        })
    }

    /// Gives a session another secret; false when it has another one already, or was ended. Nothing is told to other processes:
    /// whoever holds a copy of a session whose secret is due asks here, too.
    pub async fn rotate_session(
        &self,
        id: &str,
        former: &Digest,
        hash: &Digest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let rotate = query(ROTATE_SESSION)
            .bind(id)
            .bind(former)
            .bind(hash)
            .bind(now);
        let rotated = transaction.execute(rotate).await? > 0;
        transaction.commit().await?;
        Ok(rotated)
    }

    /// Ends a session; false when it had ended.
    pub async fn end_session(
        &self,
        id: &str,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let end = query(END_SESSION).bind(id).bind(now);
        if transaction.execute(end).await? == 0 {
            return Ok(false);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends all sessions of a principal but one, and says how many those were.
    pub async fn end_sessions(
        &self,
        principal_id: i64,
        but: Option<&str>,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let end = query(END_SESSIONS)
            .bind(principal_id)
            .bind(now)
            .bind(but.unwrap_or_default());
        let ended = transaction.execute(end).await?;
        if ended > 0 {
            audit::insert(&mut transaction, audit_entry).await?;
            transaction.tell(Change::People);
            transaction.commit().await?;
        }
        Ok(ended)
    }

    /// Writes down when sessions were used last.
    pub async fn touch_sessions(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
        // in one order for everybody, as with tokens
        let mut uses: Vec<_> = uses.iter().collect();
        uses.sort();
        let mut transaction = self.write().await?;
        for (id, used_at) in uses {
            let touch = query(TOUCH_SESSION).bind(id.as_str()).bind(*used_at);
            transaction.execute(touch).await?;
        }
        transaction.commit().await
    }

    /// Forgets sessions that ended before a moment, so many at most; says how many those were.
    pub async fn prune_sessions(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let prune = query(PRUNE_SESSIONS).bind(before).bind(most);
        let pruned = transaction.execute(prune).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}
