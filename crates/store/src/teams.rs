//! Teams: which users they have, and their end.

use supercargo_types::{AccountName, CrateName, PrincipalKind, RegistryName, Timestamp};

use crate::{
    AuditEntry, Change, Page, Store, StoreError, accounts, audit, engine::Transaction, owners,
    query::query, statements::statements,
};

/// A team in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamRow {
    /// Unique among teams.
    pub name: AccountName,
    /// How many users it has.
    pub members: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What became of a new member of a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamJoined {
    /// It is one now.
    Joined,
    /// It was one already.
    Same,
    /// The team or the user has been deleted meanwhile.
    Gone,
}

/// What became of a team that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TeamDeleted {
    /// It is gone, with its members, its roles and what it owned.
    Done,
    /// There was none.
    NotThere,
    /// Some of the crates that would be left without an owner, and how many there are.
    LastOwner {
        /// The first of them, by name.
        crates: Vec<(RegistryName, CrateName)>,
        /// All of them.
        total: u64,
    },
}

statements! {
    LIST_TEAMS = "
        SELECT p.name, p.created_at,
            (SELECT COUNT(*) FROM team_members t WHERE t.team_id = p.id) AS members
        FROM principals p
        WHERE p.kind = $1 AND p.name > $2
        ORDER BY p.name
        LIMIT $3";
    COUNT_TEAMS = "SELECT COUNT(*) AS total FROM principals WHERE kind = $1";
    LIST_TEAM_MEMBERS = "
        SELECT p.name
        FROM team_members t JOIN principals p ON p.id = t.user_id
        WHERE t.team_id = $1
        ORDER BY p.name";
    INSERT_TEAM_MEMBER = "
        INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)
        ON CONFLICT (team_id, user_id) DO NOTHING";
    DELETE_TEAM_MEMBER = "DELETE FROM team_members WHERE team_id = $1 AND user_id = $2";
    // in one order for everybody: two who lock rows in different orders would wait for each other for ever
    LIST_OWNED = "SELECT crate_id FROM owners WHERE principal_id = $1 ORDER BY crate_id";
    LIST_OWNED_ALONE = "
        SELECT c.name, r.name AS registry
        FROM owners o JOIN crates c ON c.id = o.crate_id JOIN registries r ON r.id = c.registry_id
        WHERE o.principal_id = $1 AND NOT EXISTS (
            SELECT 1 FROM owners b WHERE b.crate_id = o.crate_id AND b.principal_id <> $1)
        ORDER BY r.name, c.name";
    DELETE_OWNERSHIPS = "DELETE FROM owners WHERE principal_id = $1";
    DELETE_ROLES = "DELETE FROM members WHERE principal_id = $1";
    DELETE_TEAM_MEMBERS = "DELETE FROM team_members WHERE team_id = $1";
    DELETE_TEAM = "DELETE FROM principals WHERE id = $1 AND kind = $2";
}

/// Crates that a refusal names.
const NAMED: usize = 3;

/// The crates that a principal owns alone, of which it can thus not be taken: the first of them by name, and how many there
/// are. All that it owns stays as it is until the end of the transaction.
pub(crate) async fn would_be_ownerless(
    transaction: &mut Transaction,
    principal_id: i64,
) -> Result<Option<(Vec<(RegistryName, CrateName)>, u64)>, StoreError> {
    // another owner who is removed at the same time would see this one left, and we the other one
    let owned = query(LIST_OWNED).bind(principal_id);
    for row in transaction.rows(owned).await? {
        owners::lock(transaction, row.integer("crate_id")?).await?;
    }
    let alone = query(LIST_OWNED_ALONE).bind(principal_id);
    let alone = transaction.rows(alone).await?;
    if alone.is_empty() {
        return Ok(None);
    }
    let named = alone.iter().take(NAMED);
    let crates: Result<_, StoreError> = named
        .map(|row| Ok((row.parse("registry")?, row.parse("name")?)))
        .collect();
    Ok(Some((crates?, alone.len() as u64)))
}

/// Takes from a principal all that it owns.
pub(crate) async fn end_ownerships(
    transaction: &mut Transaction,
    principal_id: i64,
) -> Result<(), StoreError> {
    let end = query(DELETE_OWNERSHIPS).bind(principal_id);
    transaction.execute(end).await.map(drop)
}

impl Store {
    /// Teams by name, those after `after_name`.
    pub async fn list_teams(
        &self,
        limit: u32,
        after_name: Option<&str>,
    ) -> Result<Page<TeamRow>, StoreError> {
        let team = PrincipalKind::Team.as_str();
        let list = query(LIST_TEAMS)
            .bind(team)
            .bind(after_name.unwrap_or_default())
            .bind(limit);
        let rows = self.rows(list).await?;
        let items: Result<_, StoreError> = rows
            .iter()
            .map(|row| {
                Ok(TeamRow {
                    name: row.parse("name")?,
                    members: row.unsigned("members")?,
                    created_at: row.time("created_at")?,
                })
            })
            .collect();
        Ok(Page {
            items: items?,
            total: self.count(query(COUNT_TEAMS).bind(team)).await?,
        })
    }

    /// The users of a team, by name.
    pub async fn team_members(&self, team_id: i64) -> Result<Vec<AccountName>, StoreError> {
        let rows = self.rows(query(LIST_TEAM_MEMBERS).bind(team_id)).await?;
        rows.iter().map(|row| row.parse("name")).collect()
    }

    /// Makes a user a member of a team.
    pub async fn add_team_member(
        &self,
        team_id: i64,
        user_id: i64,
        audit_entry: &AuditEntry,
    ) -> Result<TeamJoined, StoreError> {
        let mut transaction = self.write().await?;
        if !accounts::hold(&mut transaction, user_id).await? {
            return Ok(TeamJoined::Gone);
        }
        let insert = query(INSERT_TEAM_MEMBER).bind(team_id).bind(user_id);
        match transaction.execute(insert).await {
            Ok(0) => return Ok(TeamJoined::Same),
            Ok(_) => {}
            Err(error) if error.breaks_reference() => return Ok(TeamJoined::Gone),
            Err(error) => return Err(error),
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(TeamJoined::Joined)
    }

    /// Takes a user out of a team; false when it was not in it.
    pub async fn remove_team_member(
        &self,
        team_id: i64,
        user_id: i64,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let delete = query(DELETE_TEAM_MEMBER).bind(team_id).bind(user_id);
        if transaction.execute(delete).await? == 0 {
            return Ok(false);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes a team with its roles and ownerships, unless a crate would be left without an owner.
    pub async fn delete_team(
        &self,
        team_id: i64,
        audit_entry: &AuditEntry,
    ) -> Result<TeamDeleted, StoreError> {
        match self.try_delete_team(team_id, audit_entry).await {
            // on PostgreSQL it can be given a crate or a member between our look and the check of the references; the next
            // try sees that
            Err(error) if error.breaks_reference() => {
                self.try_delete_team(team_id, audit_entry).await
            }
            outcome => outcome,
        }
    }

    async fn try_delete_team(
        &self,
        team_id: i64,
        audit_entry: &AuditEntry,
    ) -> Result<TeamDeleted, StoreError> {
        let mut transaction = self.write().await?;
        if let Some((crates, total)) = would_be_ownerless(&mut transaction, team_id).await? {
            return Ok(TeamDeleted::LastOwner { crates, total });
        }
        end_ownerships(&mut transaction, team_id).await?;
        for statement in [DELETE_ROLES, DELETE_TEAM_MEMBERS] {
            transaction.execute(query(statement).bind(team_id)).await?;
        }
        let team = PrincipalKind::Team.as_str();
        let delete = query(DELETE_TEAM).bind(team_id).bind(team);
        if transaction.execute(delete).await? == 0 {
            return Ok(TeamDeleted::NotThere);
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::People);
        transaction.commit().await?;
        Ok(TeamDeleted::Done)
    }
}
