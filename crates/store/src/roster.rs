//! Accounts as administrators look for them, and what each has in registries and teams.

use supercargo_types::{AccountName, InstanceRole, PrincipalKind, Role, Timestamp};

use crate::{
    AccountRow, Page, Store, StoreError, TeamRow, accounts, query::query, search::within,
    statements::statements,
};

/// Which accounts are looked for.
#[derive(Clone, Debug)]
pub struct AccountFilter {
    /// Users or service accounts.
    pub kind: PrincipalKind,
    /// A part of the name, or of the e-mail address; empty for all.
    pub text: String,
    /// Only with this role on the instance.
    pub instance_role: Option<InstanceRole>,
    /// Only those that are disabled, or only those that are not.
    pub disabled: Option<bool>,
    /// Only those of this registry.
    pub registry_id: Option<i64>,
}

/// A role in a registry, and through whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// Where.
    pub registry_id: i64,
    /// Which.
    pub role: Role,
    /// The team that has it; none: the account itself.
    pub team: Option<AccountName>,
}

statements! {
    FIND_ACCOUNTS = "
        SELECT p.id AS principal_id, p.kind AS principal_kind, p.name AS principal_name,
            p.email AS principal_email, p.instance_role AS principal_instance_role,
            p.registry_id AS principal_registry_id, p.created_at AS principal_created_at,
            p.disabled_at AS principal_disabled_at,
            (p.password_hash IS NOT NULL) AS has_password,
            (SELECT MAX(t.last_used_at) FROM tokens t WHERE t.principal_id = p.id) AS last_used_at,
            (SELECT MAX(s.last_used_at) FROM sessions s WHERE s.principal_id = p.id) AS seen_at
        FROM principals p
        WHERE p.kind = $1 AND p.deleted_at IS NULL
            AND (p.name LIKE $2 ESCAPE '!' OR LOWER(p.email) LIKE $2 ESCAPE '!')
            AND (CAST($3 AS TEXT) IS NULL OR p.instance_role = $3)
            AND (CAST($4 AS BOOLEAN) IS NULL OR (p.disabled_at IS NOT NULL) = $4)
            AND (CAST($5 AS BIGINT) IS NULL OR p.registry_id = $5)
        ORDER BY p.name
        LIMIT $6 OFFSET $7";
    COUNT_FOUND_ACCOUNTS = "
        SELECT COUNT(*) AS total
        FROM principals p
        WHERE p.kind = $1 AND p.deleted_at IS NULL
            AND (p.name LIKE $2 ESCAPE '!' OR LOWER(p.email) LIKE $2 ESCAPE '!')
            AND (CAST($3 AS TEXT) IS NULL OR p.instance_role = $3)
            AND (CAST($4 AS BOOLEAN) IS NULL OR (p.disabled_at IS NOT NULL) = $4)
            AND (CAST($5 AS BIGINT) IS NULL OR p.registry_id = $5)";
    FIND_TEAMS = "
        SELECT p.name, p.created_at,
            (SELECT COUNT(*) FROM team_members t WHERE t.team_id = p.id) AS members
        FROM principals p
        WHERE p.kind = $1 AND p.name LIKE $2 ESCAPE '!'
        ORDER BY p.name
        LIMIT $3 OFFSET $4";
    COUNT_FOUND_TEAMS = "
        SELECT COUNT(*) AS total FROM principals WHERE kind = $1 AND name LIKE $2 ESCAPE '!'";
    SEEN_AT = "SELECT MAX(last_used_at) AS seen_at FROM sessions WHERE principal_id = $1";
    LIST_ROLES = "
        SELECT m.registry_id, m.role, CAST(NULL AS TEXT) AS team
        FROM members m
        WHERE m.principal_id = $1
        UNION ALL
        SELECT m.registry_id, m.role, p.name AS team
        FROM members m
        JOIN team_members t ON t.team_id = m.principal_id
        JOIN principals p ON p.id = t.team_id
        WHERE t.user_id = $1
        ORDER BY registry_id, team";
    LIST_TEAM_NAMES = "
        SELECT p.name
        FROM team_members t JOIN principals p ON p.id = t.team_id
        WHERE t.user_id = $1
        ORDER BY p.name";
    COUNT_OWNED = "SELECT COUNT(*) AS total FROM owners WHERE principal_id = $1";
    COUNT_OWNED_ALONE = "
        SELECT COUNT(*) AS total
        FROM owners o
        WHERE o.principal_id = $1 AND NOT EXISTS (
            SELECT 1 FROM owners b WHERE b.crate_id = o.crate_id AND b.principal_id <> $1)";
}

impl Store {
    /// Accounts by name, each with the last use of a session of it, some seconds late; `skipped` stand before this page.
    pub async fn find_accounts(
        &self,
        filter: &AccountFilter,
        limit: u32,
        skipped: u64,
    ) -> Result<Page<(AccountRow, Option<Timestamp>)>, StoreError> {
        let filtered = |statement| {
            query(statement)
                .bind(filter.kind.as_str())
                .bind(within(&filter.text))
                .bind(filter.instance_role.map(InstanceRole::as_str))
                .bind(filter.disabled)
                .bind(filter.registry_id)
        };
        let find = filtered(FIND_ACCOUNTS).bind(limit).bind(skipped);
        let rows = self.rows(find).await?;
        let items: Result<_, StoreError> = rows
            .iter()
            .map(|row| Ok((accounts::account_row(row)?, row.maybe_time("seen_at")?)))
            .collect();
        Ok(Page {
            items: items?,
            total: self.count(filtered(COUNT_FOUND_ACCOUNTS)).await?,
        })
    }

    /// Teams by name of which a text is a part; `skipped` stand before this page.
    pub async fn find_teams(
        &self,
        text: &str,
        limit: u32,
        skipped: u64,
    ) -> Result<Page<TeamRow>, StoreError> {
        let filtered = |statement| {
            query(statement)
                .bind(PrincipalKind::Team.as_str())
                .bind(within(text))
        };
        let find = filtered(FIND_TEAMS).bind(limit).bind(skipped);
        let rows = self.rows(find).await?;
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
            total: self.count(filtered(COUNT_FOUND_TEAMS)).await?,
        })
    }

    /// When a session of an account was used last, some seconds late; also one that has ended, as long as it is remembered.
    pub async fn seen_at(&self, principal_id: i64) -> Result<Option<Timestamp>, StoreError> {
        let row = self.row(query(SEEN_AT).bind(principal_id)).await?;
        row.map_or(Ok(None), |row| row.maybe_time("seen_at"))
    }

    /// Every role of an account, its own and its teams', ordered by registry.
    pub async fn roles_with_teams(&self, principal_id: i64) -> Result<Vec<RoleRow>, StoreError> {
        let rows = self.rows(query(LIST_ROLES).bind(principal_id)).await?;
        rows.iter()
            .map(|row| {
                let team = row.maybe_text("team")?;
                Ok(RoleRow {
                    registry_id: row.integer("registry_id")?,
                    role: row.parse("role")?,
                    team: team.map(|_| row.parse("team")).transpose()?,
                })
            })
            .collect()
    }

    /// The teams of a user, by name.
    pub async fn team_names_of(&self, user_id: i64) -> Result<Vec<AccountName>, StoreError> {
        let rows = self.rows(query(LIST_TEAM_NAMES).bind(user_id)).await?;
        rows.iter().map(|row| row.parse("name")).collect()
    }

    /// How many crates an account or a team owns, and how many of them nobody else does.
    pub async fn count_owned(&self, principal_id: i64) -> Result<(u64, u64), StoreError> {
        let owned = self.count(query(COUNT_OWNED).bind(principal_id)).await?;
        let alone = query(COUNT_OWNED_ALONE).bind(principal_id);
        Ok((owned, self.count(alone).await?))
    }
}
