//! Accounts of people and machines over time: what is known of them, changes, passwords, and their end.

use supercargo_types::{
    AccountName, CrateName, Digest, InstanceRole, PrincipalKind, PrincipalRef, RegistryName,
    Timestamp,
};

use crate::{
    AuditEntry, Change, NewToken, Page, PrincipalRow, Store, StoreError, audit,
    engine::Transaction, meta, principals::principal_row, query::query, row::Row, sessions,
    statements::statements, teams, tokens,
};

/// An account, and what is known of its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Who it is.
    pub principal: PrincipalRow,
    /// Whether it can sign in with a password.
    pub has_password: bool,
    /// When one of its tokens was used last; some seconds late.
    pub last_used_at: Option<Timestamp>,
}

/// What is to be another; `None` leaves it.
#[derive(Clone, Default)]
pub struct AccountChange {
    /// Where a person reads mail, or nowhere.
    pub email: Option<Option<String>>,
    /// What it may do on the instance.
    pub instance_role: Option<InstanceRole>,
    /// The hash of its password, or none at all.
    pub password_hash: Option<Option<String>>,
    /// Whether its tokens and its password work.
    pub disabled: Option<bool>,
}

/// What became of an account that was to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChanged {
    /// It is so now.
    Done,
    /// There is none.
    NotThere,
    /// The instance would be left without an admin.
    LastAdmin,
}

/// What became of an account that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountDeleted {
    /// It is gone for ever; its name stays taken.
    Done,
    /// There was none.
    NotThere,
    /// The instance would be left without an admin.
    LastAdmin,
    /// Some of the crates that would be left without an owner, and how many there are.
    LastOwner {
        /// The first of them, by name.
        crates: Vec<(RegistryName, CrateName)>,
        /// All of them.
        total: u64,
    },
}

/// The fact that whoever takes an admin from the instance holds, so that two admins cannot take each other's role at once.
const ADMINS: &str = "admins";

statements! {
    FIND_ACCOUNT = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at,
            (p.password_hash IS NOT NULL) AS has_password,
            (SELECT MAX(t.last_used_at) FROM tokens t WHERE t.principal_id = p.id) AS last_used_at
        FROM principals p
        WHERE p.kind = $1 AND p.name = $2 AND p.deleted_at IS NULL";
    LIST_ACCOUNTS = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at,
            (p.password_hash IS NOT NULL) AS has_password,
            (SELECT MAX(t.last_used_at) FROM tokens t WHERE t.principal_id = p.id) AS last_used_at
        FROM principals p
        WHERE p.kind = $1 AND p.name > $2 AND p.deleted_at IS NULL
            AND (CAST($3 AS BIGINT) IS NULL OR p.registry_id = $3)
        ORDER BY p.name
        LIMIT $4";
    COUNT_ACCOUNTS = "
        SELECT COUNT(*) AS total FROM principals
        WHERE kind = $1 AND deleted_at IS NULL
            AND (CAST($2 AS BIGINT) IS NULL OR registry_id = $2)";
    SELECT_PASSWORD = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at, p.password_hash
        FROM principals p
        WHERE p.kind = $1 AND p.name = $2 AND p.deleted_at IS NULL";
    // changes nothing: it holds the account's row until the end of the transaction
    HOLD_ACCOUNT = "
        UPDATE principals SET created_at = created_at WHERE id = $1 AND deleted_at IS NULL";
    // the same for an account whose password is still the one that was just given
    HOLD_BY_PASSWORD = "
        UPDATE principals SET created_at = created_at
        WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL AND deleted_at IS NULL";
    // the same for one that is not disabled either
    HOLD_ACTIVE = "
        UPDATE principals SET created_at = created_at
        WHERE id = $1 AND disabled_at IS NULL AND deleted_at IS NULL";
    SET_EMAIL = "UPDATE principals SET email = $2 WHERE id = $1";
    SET_INSTANCE_ROLE = "UPDATE principals SET instance_role = $2 WHERE id = $1";
    SET_PASSWORD = "
        UPDATE principals SET password_hash = $2, password_changed_at = $3 WHERE id = $1";
    RENEW_PASSWORD = "
        UPDATE principals SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    DISABLE = "UPDATE principals SET disabled_at = COALESCE(disabled_at, $2) WHERE id = $1";
    ENABLE = "UPDATE principals SET disabled_at = NULL WHERE id = $1";
    COUNT_ADMINS = "
        SELECT COUNT(*) AS total FROM principals
        WHERE instance_role = 'admin' AND disabled_at IS NULL AND deleted_at IS NULL";
    END_SESSIONS_BUT = "
        UPDATE sessions SET ended_at = $2
        WHERE principal_id = $1 AND ended_at IS NULL AND id <> $3";
    // as if somebody had refused: what was approved and not fetched yet
    TAKE_BACK_LOGINS = "UPDATE device_logins SET approved_by = NULL WHERE approved_by = $1";
    REVOKE_TOKENS = "
        UPDATE tokens SET revoked_at = $2 WHERE principal_id = $1 AND revoked_at IS NULL";
    FORGET_IDENTITIES = "DELETE FROM identities WHERE principal_id = $1";
    LEAVE_REGISTRIES = "DELETE FROM members WHERE principal_id = $1";
    LEAVE_TEAMS = "DELETE FROM team_members WHERE user_id = $1";
    DELETE_ACCOUNT = "
        UPDATE principals
        SET deleted_at = $2, disabled_at = COALESCE(disabled_at, $2), instance_role = 'member',
            email = NULL, password_hash = NULL, password_changed_at = NULL
        WHERE id = $1";
}

pub(crate) fn account_row(row: &Row) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        principal: principal_row(row)?,
        has_password: row.flag("has_password")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

/// Holds an account until the end of the transaction; false when it was deleted. Whoever deletes it waits, and finds what is
/// given to it now.
pub(crate) async fn hold(
    transaction: &mut Transaction,
    principal_id: i64,
) -> Result<bool, StoreError> {
    let hold = query(HOLD_ACCOUNT).bind(principal_id);
    Ok(transaction.execute(hold).await? > 0)
}

/// The same for an account that is not disabled either.
pub(crate) async fn hold_active(
    transaction: &mut Transaction,
    principal_id: i64,
) -> Result<bool, StoreError> {
    let hold = query(HOLD_ACTIVE).bind(principal_id);
    Ok(transaction.execute(hold).await? > 0)
}

/// Whether the instance has an admin who can do something.
async fn has_admin(transaction: &mut Transaction) -> Result<bool, StoreError> {
    let row = transaction.row(query(COUNT_ADMINS)).await?;
    Ok(match row {
        Some(row) => row.unsigned("total")? > 0,
        None => false,
    })
}

/// Has everybody else who may take an admin from the instance wait until the end of the transaction.
pub(crate) async fn hold_admins(transaction: &mut Transaction) -> Result<(), StoreError> {
    meta::hold(transaction, ADMINS).await
}

/// Gives an account another role on the instance; false where that would leave the instance without an admin: then it keeps
/// the one that it has.
pub(crate) async fn set_role(
    transaction: &mut Transaction,
    principal_id: i64,
    role: InstanceRole,
) -> Result<bool, StoreError> {
    hold_admins(transaction).await?;
    let had_admin = has_admin(transaction).await?;
    let set = |role: InstanceRole| {
        let set = query(SET_INSTANCE_ROLE).bind(principal_id);
        set.bind(role.as_str())
    };
    transaction.execute(set(role)).await?;
    if had_admin && !has_admin(transaction).await? {
        transaction.execute(set(InstanceRole::Admin)).await?;
        return Ok(false);
    }
    Ok(true)
}

/// Signs a principal's browsers out, but for one, and takes back what was approved in them: no program gets a token for that any
/// more. The principal is held.
async fn end_sessions(
    transaction: &mut Transaction,
    principal_id: i64,
    but: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let end = query(END_SESSIONS_BUT)
        .bind(principal_id)
        .bind(now)
        .bind(but.unwrap_or_default());
    transaction.execute(end).await?;
    let take_back = query(TAKE_BACK_LOGINS).bind(principal_id);
    transaction.execute(take_back).await.map(drop)
}

/// Holds an account whose password is still this one, and which is not disabled, until the end of the transaction: who
/// disables it or changes the password at the same moment waits, and ends what was made.
pub(crate) async fn hold_by_password(
    transaction: &mut Transaction,
    principal_id: i64,
    password_hash: &str,
) -> Result<bool, StoreError> {
    let hold = query(HOLD_BY_PASSWORD)
        .bind(principal_id)
        .bind(password_hash);
    Ok(transaction.execute(hold).await? > 0)
}

impl Store {
    /// The account that people write so, unless it was deleted.
    pub async fn find_account(
        &self,
        reference: &PrincipalRef,
    ) -> Result<Option<AccountRow>, StoreError> {
        let find = query(FIND_ACCOUNT)
            .bind(reference.kind.as_str())
            .bind(reference.name.as_str());
        self.row(find).await?.as_ref().map(account_row).transpose()
    }

    /// Accounts of one kind by name, those after `after_name`; of one registry, or all.
    pub async fn list_accounts(
        &self,
        kind: PrincipalKind,
        registry_id: Option<i64>,
        limit: u32,
        after_name: Option<&str>,
    ) -> Result<Page<AccountRow>, StoreError> {
        let list = query(LIST_ACCOUNTS)
            .bind(kind.as_str())
            .bind(after_name.unwrap_or_default())
            .bind(registry_id)
            .bind(limit);
        let items: Result<_, _> = self.rows(list).await?.iter().map(account_row).collect();
        let count = query(COUNT_ACCOUNTS).bind(kind.as_str()).bind(registry_id);
        Ok(Page {
            items: items?,
            total: self.count(count).await?,
        })
    }

    /// A user and what is stored of the password, if there is one.
    pub async fn password_of(
        &self,
        user: &AccountName,
    ) -> Result<Option<(PrincipalRow, Option<String>)>, StoreError> {
        let select = query(SELECT_PASSWORD)
            .bind(PrincipalKind::User.as_str())
            .bind(user.as_str());
        let Some(row) = self.row(select).await? else {
            return Ok(None);
        };
        Ok(Some((
            principal_row(&row)?,
            row.maybe_text("password_hash")?,
        )))
    }

    /// Changes an account. With another password or once disabled, its browsers are signed out.
    pub async fn change_account(
        &self,
        principal_id: i64,
        change: &AccountChange,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<AccountChanged, StoreError> {
        let mut transaction = self.write().await?;
        let may_take_admin = change.disabled == Some(true)
            || change
                .instance_role
                .is_some_and(|role| role != InstanceRole::Admin);
        if may_take_admin {
            meta::hold(&mut transaction, ADMINS).await?;
        }
        let had_admin = may_take_admin && has_admin(&mut transaction).await?;
        if !hold(&mut transaction, principal_id).await? {
            return Ok(AccountChanged::NotThere);
        }
        apply(&mut transaction, principal_id, change, now).await?;
        if had_admin && !has_admin(&mut transaction).await? {
            return Ok(AccountChanged::LastAdmin);
        }
        if change.disabled == Some(true) || change.password_hash.is_some() {
            end_sessions(&mut transaction, principal_id, None, now).await?;
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(AccountChanged::Done)
    }

    /// Deletes an account for ever, with its tokens, browsers, identities, roles, teams and ownerships, unless a crate would
    /// be left without an owner. Its row stays, for the name.
    pub async fn delete_account(
        &self,
        principal_id: i64,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<AccountDeleted, StoreError> {
        let mut transaction = self.write().await?;
        meta::hold(&mut transaction, ADMINS).await?;
        let had_admin = has_admin(&mut transaction).await?;
        if let Some((crates, total)) =
            teams::would_be_ownerless(&mut transaction, principal_id).await?
        {
            return Ok(AccountDeleted::LastOwner { crates, total });
        }
        if !hold(&mut transaction, principal_id).await? {
            return Ok(AccountDeleted::NotThere);
        }
        teams::end_ownerships(&mut transaction, principal_id).await?;
        for statement in [LEAVE_REGISTRIES, LEAVE_TEAMS, FORGET_IDENTITIES] {
            let leave = query(statement).bind(principal_id);
            transaction.execute(leave).await?;
        }
        // tokens before sessions, as whoever revokes one token takes them
        let revoke = query(REVOKE_TOKENS).bind(principal_id).bind(now);
        transaction.execute(revoke).await?;
        end_sessions(&mut transaction, principal_id, None, now).await?;
        let delete = query(DELETE_ACCOUNT).bind(principal_id).bind(now);
        transaction.execute(delete).await?;
        if had_admin && !has_admin(&mut transaction).await? {
            return Ok(AccountDeleted::LastAdmin);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(AccountDeleted::Done)
    }

    /// Gives a person another password instead of this one, and signs their browsers out, but for the session `here`, which
    /// gets this secret; false when it is another one meanwhile.
    pub async fn change_password(
        &self,
        principal_id: i64,
        before: &str,
        after: &str,
        here: Option<(&str, &Digest)>,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        if !hold_by_password(&mut transaction, principal_id, before).await? {
            return Ok(false);
        }
        let set = query(SET_PASSWORD).bind(principal_id).bind(after).bind(now);
        transaction.execute(set).await?;
        if let Some((id, hash)) = here {
            sessions::replace_secret(&mut transaction, principal_id, id, hash, now).await?;
        }
        let but = here.map(|(id, _)| id);
        end_sessions(&mut transaction, principal_id, but, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Writes the same password down in another form; false when it is another one meanwhile.
    pub async fn renew_password(
        &self,
        principal_id: i64,
        before: &str,
        after: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let renew = query(RENEW_PASSWORD)
            .bind(principal_id)
            .bind(before)
            .bind(after);
        let renewed = transaction.execute(renew).await? > 0;
        transaction.commit().await?;
        Ok(renewed)
    }

    /// Makes a token for who gave this password; false when it is another one meanwhile, or the account is disabled. Nothing is
    /// told to other processes: nobody can have come with a token before it was made.
    pub async fn create_token_by_password(
        &self,
        principal_id: i64,
        password_hash: &str,
        new: &NewToken,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        if !hold_by_password(&mut transaction, principal_id, password_hash).await? {
            return Ok(false);
        }
        tokens::insert(&mut transaction, principal_id, new).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

async fn apply(
    transaction: &mut Transaction,
    id: i64,
    change: &AccountChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut updates = Vec::new();
    if let Some(email) = &change.email {
        updates.push(query(SET_EMAIL).bind(id).bind(email.as_deref()));
    }
    if let Some(role) = change.instance_role {
        updates.push(query(SET_INSTANCE_ROLE).bind(id).bind(role.as_str()));
    }
    if let Some(hash) = &change.password_hash {
        let hash = hash.as_deref();
        updates.push(query(SET_PASSWORD).bind(id).bind(hash).bind(now));
    }
    match change.disabled {
        Some(true) => updates.push(query(DISABLE).bind(id).bind(now)),
        Some(false) => updates.push(query(ENABLE).bind(id)),
        None => {}
    }
    for update in updates {
        transaction.execute(update).await?;
    }
    Ok(())
}
