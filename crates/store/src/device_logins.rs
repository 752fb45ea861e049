//! Logins that a person approves in a browser: a program asks, a person decides, and the program's next question makes the token.
//!
//! Of the long code, which is worth a token, only the hash is here. The short one, which the person compares, is worth nothing
//! without a browser that is signed in, and as a hash its eight letters would be found within seconds.

use supercargo_types::{Role, Timestamp, TokenHash};

use crate::{
    AuditEntry, Change, NewToken, PrincipalRow, Store, StoreError, accounts, audit, principals,
    query::query, row::Row, statements::statements, tokens,
};

/// A program that asks for a token.
#[derive(Clone, Debug)]
pub struct NewDeviceLogin {
    /// Its id.
    pub id: String,
    /// What is stored of the code by which the program asks for the outcome.
    pub hash: TokenHash,
    /// What a person compares: eight letters.
    pub user_code: String,
    /// The token that it wants, as JSON.
    pub request: String,
    /// Where it runs: an address, or a network of them that counts as one.
    pub address: Option<String>,
    /// What it calls itself.
    pub user_agent: Option<String>,
    /// When it asks.
    pub now: Timestamp,
    /// Until when somebody can decide, and it can fetch the token.
    pub expires_at: Timestamp,
}

/// How many may wait at the same time, give or take some that come at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct MostDeviceLogins {
    /// From one address.
    pub of_address: u64,
    /// In all.
    pub in_all: u64,
}

/// What became of a program's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceLoginCreated {
    /// It waits for a person.
    Done,
    /// Another one has that short code.
    Taken,
    /// Too many wait.
    Full,
}

/// A program that waits, or was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLoginRow {
    /// Its id.
    pub id: String,
    /// What a person compares.
    pub user_code: String,
    /// The token that it wants, as JSON.
    pub request: String,
    /// Where it ran when it asked.
    pub address: Option<String>,
    /// What it called itself.
    pub user_agent: Option<String>,
    /// When it asked.
    pub created_at: Timestamp,
    /// Until when it waits.
    pub expires_at: Timestamp,
    /// When somebody decided.
    pub decided_at: Option<Timestamp>,
    /// Who approved; with `decided_at` and without this, somebody refused.
    pub approved_by: Option<i64>,
}

statements! {
    COUNT_WAITING = "
        SELECT COUNT(*) AS total FROM device_logins
        WHERE expires_at > $1
            AND (CAST($2 AS BIGINT) = 0 OR COALESCE(address, '') = CAST($3 AS TEXT))";
    INSERT_DEVICE_LOGIN = "
        INSERT INTO device_logins (id, hash, user_code, request, address, user_agent,
            created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (user_code) DO NOTHING";
    SELECT_BY_USER_CODE = "
        SELECT id, user_code, request, address, user_agent, created_at, expires_at, decided_at,
            approved_by
        FROM device_logins WHERE user_code = $1";
    SELECT_BY_HASH = "
        SELECT id, user_code, request, address, user_agent, created_at, expires_at, decided_at,
            approved_by
        FROM device_logins WHERE hash = $1";
    DECIDE = "
        UPDATE device_logins SET decided_at = $2, approved_by = $3
        WHERE id = $1 AND decided_at IS NULL AND expires_at > $2";
    SELECT_APPROVER = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at
        FROM device_logins d JOIN principals p ON p.id = d.approved_by
        WHERE d.id = $1 AND p.disabled_at IS NULL AND p.deleted_at IS NULL";
    USE_UP = "
        DELETE FROM device_logins
        WHERE id = $1 AND approved_by = $2 AND expires_at > $3";
    PRUNE_DEVICE_LOGINS = "
        DELETE FROM device_logins WHERE id IN (
            SELECT id FROM device_logins WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
}

fn login_row(row: &Row) -> Result<DeviceLoginRow, StoreError> {
    Ok(DeviceLoginRow {
        id: row.text("id")?,
        user_code: row.text("user_code")?,
        request: row.text("request")?,
        address: row.maybe_text("address")?,
        user_agent: row.maybe_text("user_agent")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        decided_at: row.maybe_time("decided_at")?,
        approved_by: row.maybe_integer("approved_by")?,
    })
}

impl Store {
    /// Has a program wait for a person. What it is told is not written down: nothing has been done yet.
    pub async fn create_device_login(
        &self,
        new: &NewDeviceLogin,
        most: MostDeviceLogins,
    ) -> Result<DeviceLoginCreated, StoreError> {
        let mut transaction = self.write().await?;
        for (narrowed, limit) in [(1_i64, most.of_address), (0, most.in_all)] {
            let count = query(COUNT_WAITING)
                .bind(new.now)
                .bind(narrowed)
                .bind(new.address.as_deref().unwrap_or_default());
            let waiting = match transaction.row(count).await? {
                Some(row) => row.unsigned("total")?,
                None => 0,
            };
            if waiting >= limit {
                return Ok(DeviceLoginCreated::Full);
            }
        }
        let insert = query(INSERT_DEVICE_LOGIN)
            .bind(new.id.as_str())
            .bind(new.hash.digest())
            .bind(new.user_code.as_str())
            .bind(new.request.as_str())
            .bind(new.address.as_deref())
            .bind(new.user_agent.as_deref())
            .bind(new.now)
            .bind(new.expires_at);
        if transaction.execute(insert).await? == 0 {
            return Ok(DeviceLoginCreated::Taken);
        }
        transaction.commit().await?;
        Ok(DeviceLoginCreated::Done)
    }

    /// The program that a person means; it may have expired.
    pub async fn device_login_by_user_code(
        &self,
        user_code: &str,
    ) -> Result<Option<DeviceLoginRow>, StoreError> {
        let row = self.row(query(SELECT_BY_USER_CODE).bind(user_code)).await?;
        row.as_ref().map(login_row).transpose()
    }

    /// The program that asks for the outcome; it may have expired.
    pub async fn device_login_by_hash(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<DeviceLoginRow>, StoreError> {
        let row = self.row(query(SELECT_BY_HASH).bind(hash.digest())).await?;
        row.as_ref().map(login_row).transpose()
    }

    /// Writes down what a person has decided, once; false when it was decided before, or too late.
    pub async fn decide_device_login(
        &self,
        id: &str,
        approved_by: Option<i64>,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let decide = query(DECIDE).bind(id).bind(now).bind(approved_by);
        if transaction.execute(decide).await? == 0 {
            return Ok(false);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Who has approved a login, with their strongest role in each registry; nobody where that account has ended meanwhile.
    pub async fn device_login_approver(
        &self,
        id: &str,
    ) -> Result<Option<(PrincipalRow, Vec<(i64, Role)>)>, StoreError> {
        let Some(row) = self.row(query(SELECT_APPROVER).bind(id)).await? else {
            return Ok(None);
        };
        let approver = principals::principal_row(&row)?;
        let roles = self.roles_of(approver.id).await?;
        Ok(Some((approver, roles)))
    }

    /// Makes the token of a login that this principal has approved, and uses the login up; false when it is used up already, or
    /// too late.
    pub async fn redeem_device_login(
        &self,
        id: &str,
        principal_id: i64,
        new: &NewToken,
        audit_entries: &[AuditEntry],
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        // who disables or deletes the account at the same moment waits, and ends what was made; the account before the login, as
        // whoever changes its password takes them
        if !accounts::hold_active(&mut transaction, principal_id).await? {
            return Ok(false);
        }
        let use_up = query(USE_UP).bind(id).bind(principal_id).bind(new.now);
        if transaction.execute(use_up).await? == 0 {
            return Ok(false);
        }
        tokens::insert(&mut transaction, principal_id, new).await?;
        for entry in audit_entries {
            audit::insert(&mut transaction, entry).await?;
        }
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets logins that are over, so many at most; says how many it were.
    pub async fn prune_device_logins(&self, now: Timestamp, most: u32) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let prune = query(PRUNE_DEVICE_LOGINS).bind(now).bind(most);
        let pruned = transaction.execute(prune).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}
