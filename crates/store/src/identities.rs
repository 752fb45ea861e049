//! Identities: who somebody is at a provider of OpenID Connect, by issuer and subject and by nothing else.

use supercargo_types::{AccountName, Digest, InstanceRole, Timestamp};

use crate::{
    AuditEntry, Change, Created, NewBrowser, NewPrincipal, Page, PrincipalRow, Store, StoreError,
    accounts, audit, engine::Transaction, meta, principals, query::query, row::Row, sessions,
    statements::statements,
};

/// Whom a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// The provider.
    pub issuer: String,
    /// What it calls the person, for ever.
    pub subject: String,
    /// An address that it told; for people, and nothing is found by it.
    pub email: Option<String>,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When somebody signed in with it last.
    pub last_used_at: Option<Timestamp>,
}

/// An identity to be linked.
#[derive(Clone, Debug)]
pub struct NewIdentity {
    /// The provider.
    pub issuer: String,
    /// What it calls the person.
    pub subject: String,
    /// An address that it told.
    pub email: Option<String>,
    /// When it is linked.
    pub now: Timestamp,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// It is there now.
    Done,
    /// It was there.
    Same,
    /// It is somebody else's.
    OfAnother,
    /// The sign-in that it rests on was used before.
    Used,
}

/// What became of an identity that was to be unlinked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// It is gone.
    Done,
    /// It was none of that account.
    NotThere,
    /// The account has no password and no other identity, and nobody could sign in to it any more.
    LastWay,
}

/// Something a provider said that is good for one sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Once {
    /// By which it is known again.
    pub key: Digest,
    /// Until when it could be used.
    pub until: Timestamp,
}

/// Whose account a person gets who signs in with a provider.
#[derive(Clone, Debug)]
pub enum SignOnAccount {
    /// The one that the identity was linked to when it was looked for.
    Known(i64),
    /// A new one, with the entry that says so.
    New(Box<(NewPrincipal, AuditEntry)>),
}

/// A sign-in with a provider, and what its groups make of the account.
#[derive(Clone, Debug)]
pub struct SignOn {
    /// Used with this.
    pub once: Once,
    /// Who it is there.
    pub identity: NewIdentity,
    /// Who it is here.
    pub account: SignOnAccount,
    /// Teams that it is a member of from now on.
    pub joined: Vec<(i64, AuditEntry)>,
    /// Teams that it is no member of any more.
    pub left: Vec<(i64, AuditEntry)>,
    /// Another role on the instance. The last instance admin keeps theirs.
    pub role: Option<(InstanceRole, AuditEntry)>,
    /// The browser.
    pub session: NewBrowser,
    /// The entry of the sign-in itself.
    pub audit: AuditEntry,
}

/// What became of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedOn {
    /// The browser is signed in. The role is the one that was asked for, unless that would leave no instance admin.
    Done {
        /// Whether the last instance admin was to lose the role, and kept it.
        kept_last_admin: bool,
    },
    /// The provider's answer was used before.
    Used,
    /// There is an account of that name, or of one that differs in `-`, `_` and `.` alone.
    Taken(AccountName),
    /// Somebody has linked, unlinked or disabled it meanwhile: to be looked at again.
    Changed,
}

statements! {
    FIND_BY_IDENTITY = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at
        FROM identities i JOIN principals p ON p.id = i.principal_id
        WHERE i.issuer = $1 AND i.subject = $2";
    LIST_IDENTITIES = "
        SELECT issuer, subject, email, linked_at, last_used_at
        FROM identities
        WHERE principal_id = $1
        ORDER BY issuer, subject";
    LATEST_IDENTITIES = "
        SELECT p.name, i.issuer, i.subject, i.email, i.linked_at, i.last_used_at
        FROM identities i JOIN principals p ON p.id = i.principal_id
        WHERE i.issuer = $1 AND i.last_used_at IS NOT NULL
        ORDER BY i.last_used_at DESC, p.name
        LIMIT $2";
    COUNT_IDENTITIES = "SELECT COUNT(*) AS total FROM identities WHERE issuer = $1";
    INSERT_IDENTITY = "
        INSERT INTO identities (issuer, subject, principal_id, email, linked_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (issuer, subject) DO NOTHING";
    IDENTITY_OWNER = "
        SELECT principal_id FROM identities WHERE issuer = $1 AND subject = $2";
    DELETE_IDENTITY = "
        DELETE FROM identities WHERE issuer = $1 AND subject = $2 AND principal_id = $3";
    HAS_ANOTHER_WAY = "
        SELECT 1 AS way FROM principals WHERE id = $1 AND password_hash IS NOT NULL
        UNION ALL
        SELECT 1 AS way FROM identities WHERE principal_id = $1";
    USE_IDENTITY = "
        UPDATE identities SET last_used_at = $4, email = COALESCE($5, email)
        WHERE issuer = $1 AND subject = $2 AND principal_id = $3";
    IS_ACTIVE = "
        SELECT id FROM principals
        WHERE id = $1 AND disabled_at IS NULL AND deleted_at IS NULL";
    FIND_TWIN = "
        SELECT name FROM principals
        WHERE kind = 'user' AND REPLACE(REPLACE(name, '_', '-'), '.', '-') = $1
        LIMIT 1";
    LIST_TEAMS_OF = "SELECT team_id FROM team_members WHERE user_id = $1 ORDER BY team_id";
    JOIN_TEAM = "
        INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)
        ON CONFLICT (team_id, user_id) DO NOTHING";
    LEAVE_TEAM = "DELETE FROM team_members WHERE team_id = $1 AND user_id = $2";
    INSERT_ONCE = "
        INSERT INTO used_jtis (token_key, expires_at) VALUES ($1, $2)
        ON CONFLICT (token_key) DO NOTHING";
}

fn identity_row(row: &Row) -> Result<IdentityRow, StoreError> {
    Ok(IdentityRow {
        issuer: row.text("issuer")?,
        subject: row.text("subject")?,
        email: row.maybe_text("email")?,
        linked_at: row.time("linked_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

/// The fact that whoever makes an account for somebody new holds.
const NAMES: &str = "names of new people";

/// False when it was used before.
async fn use_once(transaction: &mut Transaction, once: &Once) -> Result<bool, StoreError> {
    let insert = query(INSERT_ONCE).bind(&once.key).bind(once.until);
    Ok(transaction.execute(insert).await? > 0)
}

async fn insert(
    transaction: &mut Transaction,
    principal_id: i64,
    new: &NewIdentity,
) -> Result<bool, StoreError> {
    let insert = query(INSERT_IDENTITY)
        .bind(new.issuer.as_str())
        .bind(new.subject.as_str())
        .bind(principal_id)
        .bind(new.email.as_deref())
        .bind(new.now);
    Ok(transaction.execute(insert).await? > 0)
}

/// Makes the account of somebody new, or says why not.
async fn make_account(
    transaction: &mut Transaction,
    new: &NewPrincipal,
    identity: &NewIdentity,
) -> Result<Result<i64, SignedOn>, StoreError> {
    // two at once, `foo-bar` and `foo_bar`, would not see each other
    meta::hold(transaction, NAMES).await?;
    let twin = new.name.as_str().replace(['_', '.'], "-");
    if let Some(row) = transaction.row(query(FIND_TWIN).bind(twin)).await? {
        return Ok(Err(SignedOn::Taken(row.parse("name")?)));
    }
    let id = match principals::insert(transaction, new).await? {
        Created::Done(id) => id,
        Created::Taken(_) => return Ok(Err(SignedOn::Taken(new.name.clone()))),
    };
    Ok(if insert(transaction, id, identity).await? {
        Ok(id)
    } else {
        Err(SignedOn::Changed)
    })
}

impl Store {
    /// Whose identity it is; also somebody disabled.
    pub async fn principal_by_identity(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<PrincipalRow>, StoreError> {
        let find = query(FIND_BY_IDENTITY).bind(issuer).bind(subject);
        let row = self.row(find).await?;
        row.as_ref().map(principals::principal_row).transpose()
    }

    /// The identities of an account, ordered by issuer and subject.
    pub async fn identities(&self, principal_id: i64) -> Result<Vec<IdentityRow>, StoreError> {
        let rows = self.rows(query(LIST_IDENTITIES).bind(principal_id)).await?;
        rows.iter().map(identity_row).collect()
    }

    /// Who signed in with a provider last, and how many of its identities are linked.
    pub async fn latest_identities(
        &self,
        issuer: &str,
        limit: u32,
    ) -> Result<Page<(AccountName, IdentityRow)>, StoreError> {
        let latest = query(LATEST_IDENTITIES).bind(issuer).bind(limit);
        let rows = self.rows(latest).await?;
        let items: Result<_, StoreError> = rows
            .iter()
            .map(|row| Ok((row.parse("name")?, identity_row(row)?)))
            .collect();
        let count = query(COUNT_IDENTITIES).bind(issuer);
        Ok(Page {
            items: items?,
            total: self.count(count).await?,
        })
    }

    /// The teams of a user, by id.
    pub async fn teams_of(&self, user_id: i64) -> Result<Vec<i64>, StoreError> {
        let rows = self.rows(query(LIST_TEAMS_OF).bind(user_id)).await?;
        rows.iter().map(|row| row.integer("team_id")).collect()
    }

    /// Links an identity to an account; `once` where it rests on a sign-in with the provider.
    pub async fn link_identity(
        &self,
        principal_id: i64,
        new: &NewIdentity,
        once: Option<&Once>,
        audit_entry: &AuditEntry,
    ) -> Result<Linked, StoreError> {
        let mut transaction = self.write().await?;
        if let Some(once) = once
            && !use_once(&mut transaction, once).await?
        {
            return Ok(Linked::Used);
        }
        if !insert(&mut transaction, principal_id, new).await? {
            let select = query(IDENTITY_OWNER)
                .bind(new.issuer.as_str())
                .bind(new.subject.as_str());
            let owner = transaction.row(select).await?;
            let owner = owner.map(|row| row.integer("principal_id")).transpose()?;
            return Ok(if owner == Some(principal_id) {
                Linked::Same
            } else {
                Linked::OfAnother
            });
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.commit().await?;
        Ok(Linked::Done)
    }

    /// Takes an identity away from an account, and ends the sessions that were begun with that provider. `even_last`: an administrator may take the last way to sign in.
    pub async fn unlink_identity(
        &self,
        principal_id: i64,
        issuer: &str,
        subject: &str,
        even_last: bool,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<Unlinked, StoreError> {
        let mut transaction = self.write().await?;
        // two at once would each take one of the last two ways to sign in
        accounts::hold(&mut transaction, principal_id).await?;
        let delete = query(DELETE_IDENTITY)
            .bind(issuer)
            .bind(subject)
            .bind(principal_id);
        if transaction.execute(delete).await? == 0 {
            return Ok(Unlinked::NotThere);
        }
        let ways = query(HAS_ANOTHER_WAY).bind(principal_id);
        if !even_last && transaction.row(ways).await?.is_none() {
            return Ok(Unlinked::LastWay);
        }
        sessions::end_those_of_issuer(&mut transaction, principal_id, issuer, now).await?;
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(Unlinked::Done)
    }

    /// Signs somebody in with a provider: account, groups and session, all or nothing.
    pub async fn sign_on(&self, new: &SignOn) -> Result<SignedOn, StoreError> {
        let mut transaction = self.write().await?;
        if !use_once(&mut transaction, &new.once).await? {
            return Ok(SignedOn::Used);
        }
        // in the order of whoever changes or deletes the account at the same moment: this, the account, its identities
        if new.role.is_some() {
            accounts::hold_admins(&mut transaction).await?;
        }
        let identity = &new.identity;
        let id = match &new.account {
            SignOnAccount::Known(id) => *id,
            SignOnAccount::New(made) => {
                let (account, audit_entry) = &**made;
                match make_account(&mut transaction, account, identity).await? {
                    Ok(id) => {
                        audit::insert(&mut transaction, audit_entry).await?;
                        id
                    }
                    Err(outcome) => return Ok(outcome),
                }
            }
        };
        // whoever disables it at this moment waits, and ends the session that is made
        accounts::hold(&mut transaction, id).await?;
        let touch = query(USE_IDENTITY)
            .bind(identity.issuer.as_str())
            .bind(identity.subject.as_str())
            .bind(id)
            .bind(identity.now)
            .bind(identity.email.as_deref());
        let is_linked = transaction.execute(touch).await? > 0;
        let active = transaction.row(query(IS_ACTIVE).bind(id)).await?;
        if !is_linked || active.is_none() {
            return Ok(SignedOn::Changed);
        }
        for (team, audit_entry) in &new.joined {
            let join = query(JOIN_TEAM).bind(*team).bind(id);
            match transaction.execute(join).await {
                Ok(0) => {}
                Ok(_) => audit::insert(&mut transaction, audit_entry).await?,
                Err(error) if error.breaks_reference() => return Ok(SignedOn::Changed),
                Err(error) => return Err(error),
            }
        }
        for (team, audit_entry) in &new.left {
            let leave = query(LEAVE_TEAM).bind(*team).bind(id);
            if transaction.execute(leave).await? > 0 {
                audit::insert(&mut transaction, audit_entry).await?;
            }
        }
        let mut kept_last_admin = false;
        if let Some((role, audit_entry)) = &new.role {
            if accounts::set_role(&mut transaction, id, *role).await? {
                audit::insert(&mut transaction, audit_entry).await?;
            } else {
                kept_last_admin = true;
            }
        }
        sessions::insert(&mut transaction, id, &new.session).await?;
        audit::insert(&mut transaction, &new.audit).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(SignedOn::Done { kept_last_admin })
    }
}
