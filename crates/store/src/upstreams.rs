//! Upstreams: where registries read through, and with which credentials. Secrets come in encrypted and stay so.

use supercargo_types::{RegistryName, Timestamp};

use crate::{
    AuditEntry, Change, Created, Store, StoreError, audit,
    engine::Transaction,
    query::{Query, json, query},
    registries,
    row::Row,
    statements::statements,
    words::words,
};

/// An upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRow {
    /// Its id.
    pub id: i64,
    /// Its name, for ever.
    pub name: String,
    /// Everything that can be changed.
    pub settings: UpstreamSettings,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What can be changed about an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Where it reads.
    pub source: UpstreamSource,
    /// How it signs in there.
    pub auth: UpstreamAuth,
    /// The registries whose admins may attach it; none: see the rule for credentials in the API's contract.
    pub usable_by: Option<Vec<RegistryName>>,
    /// Origins besides the index's own that get the credentials, as `https://host:port`.
    pub auth_origins: Vec<String>,
}

/// Where an upstream reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamSource {
    /// The preset for the public registry: its address is known to the program.
    CratesIo,
    /// A sparse index.
    Sparse {
        /// `sparse+https://…/`.
        index_url: String,
    },
    /// A registry of this server.
    Registry {
        /// Which one.
        registry_id: i64,
    },
}

/// How an upstream signs in. Secrets are encrypted by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamAuth {
    /// Not at all.
    None,
    /// With cargo's bare token.
    Token {
        /// Encrypted.
        secret: Vec<u8>,
    },
    /// With a bearer token.
    Bearer {
        /// Encrypted.
        secret: Vec<u8>,
    },
    /// With a name and a password.
    Basic {
        /// The name.
        username: String,
        /// The encrypted password.
        secret: Vec<u8>,
    },
}

/// An upstream to be made.
#[derive(Clone, Debug)]
pub struct NewUpstream {
    /// Its name, for ever.
    pub name: String,
    /// Everything else.
    pub settings: UpstreamSettings,
    /// When it is made.
    pub now: Timestamp,
}

/// What became of a row that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Done,
    /// These registries use it, deleted ones that can be restored among them.
    InUse(Vec<RegistryName>),
    /// There was none.
    NotThere,
}

/// The word for an [`UpstreamSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// The preset.
    CratesIo,
    /// A sparse index.
    Sparse,
    /// A registry of this server.
    Registry,
}
words!(SourceKind, { CratesIo => "crates.io", Sparse => "sparse", Registry => "registry" });

/// The word for an [`UpstreamAuth`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthKind {
    /// Not at all.
    None,
    /// With cargo's bare token.
    Token,
    /// With a bearer token.
    Bearer,
    /// With a name and a password.
    Basic,
}
words!(AuthKind, { None => "none", Token => "token", Bearer => "bearer", Basic => "basic" });

statements! {
    INSERT_UPSTREAM = "
        INSERT INTO upstreams (name, created_at, kind, index_url, registry_id, auth_kind,
            auth_username, auth_secret, usable_by, auth_origins)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (name) DO NOTHING
        RETURNING id";
    SELECT_UPSTREAM = "
        SELECT id, name, kind, index_url, registry_id, auth_kind, auth_username, auth_secret,
            usable_by, auth_origins, created_at
        FROM upstreams WHERE id = $1";
    UPDATE_UPSTREAM = "
        UPDATE upstreams SET kind = $2, index_url = $3, registry_id = $4, auth_kind = $5,
            auth_username = $6, auth_secret = $7, usable_by = $8, auth_origins = $9
        WHERE id = $1";
    FORGET_INDEX = "DELETE FROM cached_index WHERE upstream_id = $1";
    FORGET_CRATES = "DELETE FROM cached_crates WHERE upstream_id = $1";
    LIST_USERS = "
        SELECT r.id, r.name
        FROM registry_upstreams a JOIN registries r ON r.id = a.registry_id
        WHERE a.upstream_id = $1
        ORDER BY r.name";
    LIST_USABLE = "SELECT id, usable_by FROM upstreams WHERE usable_by IS NOT NULL";
    SET_USABLE = "UPDATE upstreams SET usable_by = $2 WHERE id = $1";
    ASK_ANEW = "UPDATE upstreams SET usable_by = NULL WHERE registry_id = $1";
    DELETE_UPSTREAM = "DELETE FROM upstreams WHERE id = $1";
}

impl UpstreamSource {
    /// Its word.
    pub const fn kind(&self) -> SourceKind {
        match self {
            Self::CratesIo => SourceKind::CratesIo,
            Self::Sparse { .. } => SourceKind::Sparse,
            Self::Registry { .. } => SourceKind::Registry,
        }
    }
}

impl UpstreamAuth {
    /// Its word.
    pub const fn kind(&self) -> AuthKind {
        match self {
            Self::None => AuthKind::None,
            Self::Token { .. } => AuthKind::Token,
            Self::Bearer { .. } => AuthKind::Bearer,
            Self::Basic { .. } => AuthKind::Basic,
        }
    }
}

impl UpstreamSettings {
    /// The eight columns, in the order in which both writing statements name them.
    fn bind<'q>(&'q self, query: Query<'q>) -> Query<'q> {
        let (index_url, registry_id) = match &self.source {
            UpstreamSource::CratesIo => (None, None),
            UpstreamSource::Sparse { index_url } => (Some(index_url.as_str()), None),
            UpstreamSource::Registry { registry_id } => (None, Some(*registry_id)),
        };
        let (username, secret) = match &self.auth {
            UpstreamAuth::None => (None, None),
            UpstreamAuth::Token { secret } | UpstreamAuth::Bearer { secret } => {
                (None, Some(secret.as_slice()))
            }
            UpstreamAuth::Basic { username, secret } => {
                (Some(username.as_str()), Some(secret.as_slice()))
            }
        };
        query
            .bind(self.source.kind().as_str())
            .bind(index_url)
            .bind(registry_id)
            .bind(self.auth.kind().as_str())
            .bind(username)
            .bind(secret)
            .bind(self.usable_by.as_ref().map(json))
            .bind(json(&self.auth_origins))
    }
}

/// Reads an upstream.
pub(crate) fn upstream_row(row: &Row) -> Result<UpstreamRow, StoreError> {
    let source = match row.parse("kind")? {
        SourceKind::CratesIo => UpstreamSource::CratesIo,
        SourceKind::Sparse => UpstreamSource::Sparse {
            index_url: row.text("index_url")?,
        },
        SourceKind::Registry => UpstreamSource::Registry {
            registry_id: row.integer("registry_id")?,
        },
    };
    let secret = || row.bytes("auth_secret");
    let auth = match row.parse("auth_kind")? {
        AuthKind::None => UpstreamAuth::None,
        AuthKind::Token => UpstreamAuth::Token { secret: secret()? },
        AuthKind::Bearer => UpstreamAuth::Bearer { secret: secret()? },
        AuthKind::Basic => UpstreamAuth::Basic {
            username: row.text("auth_username")?,
            secret: secret()?,
        },
    };
    Ok(UpstreamRow {
        id: row.integer("id")?,
        name: row.text("name")?,
        settings: UpstreamSettings {
            source,
            auth,
            usable_by: row.maybe_json("usable_by")?,
            auth_origins: row.json("auth_origins")?,
        },
        created_at: row.time("created_at")?,
    })
}

/// Makes an upstream.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    new: &NewUpstream,
) -> Result<Created, StoreError> {
    let insert = query(INSERT_UPSTREAM).bind(new.name.as_str()).bind(new.now);
    Ok(match transaction.row(new.settings.bind(insert)).await? {
        Some(row) => Created::Done(row.integer("id")?),
        None => Created::Taken(new.name.clone()),
    })
}

/// Whether to try once more what writes rows that point to upstreams, with statements that pass over those that are gone. On
/// PostgreSQL one can go between such a statement's look and the check of the reference; the next try does not see it any
/// more.
pub(crate) fn was_deleted_meanwhile(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(error) if error.breaks_reference())
}

/// When a registry's name is used again: what was allowed to the old one is not to the new one, and nobody may read the new
/// one because he might the old one.
pub(crate) async fn forget_registry(
    transaction: &mut Transaction,
    registry_id: i64,
    name: &RegistryName,
) -> Result<(), StoreError> {
    for row in transaction.rows(query(LIST_USABLE)).await? {
        let Some(mut names) = row.maybe_json::<Vec<RegistryName>>("usable_by")? else {
            continue;
        };
        if names.contains(name) {
            names.retain(|listed| listed != name);
            let set = query(SET_USABLE)
                .bind(row.integer("id")?)
                .bind(json(&names));
            transaction.execute(set).await?;
        }
    }
    let ask = query(ASK_ANEW).bind(registry_id);
    transaction.execute(ask).await?;
    Ok(())
}

/// The registries that an upstream is attached to.
async fn users(
    transaction: &mut Transaction,
    id: i64,
) -> Result<Vec<(i64, RegistryName)>, StoreError> {
    let rows = transaction.rows(query(LIST_USERS).bind(id)).await?;
    rows.iter()
        .map(|row| Ok((row.integer("id")?, row.parse("name")?)))
        .collect()
}

impl Store {
    /// Makes an upstream.
    pub async fn create_upstream(
        &self,
        new: &NewUpstream,
        audit_entry: &AuditEntry,
    ) -> Result<Created, StoreError> {
        let mut transaction = self.write().await?;
        let created = insert(&mut transaction, new).await?;
        if let Created::Done(_) = created {
            audit::insert(&mut transaction, audit_entry).await?;
            transaction.tell(Change::Settings);
            transaction.commit().await?;
        }
        Ok(created)
    }

    /// Changes everything but the name; false when there is no such upstream. A new source forgets what the old one delivered
    /// and counts as a change of every registry that uses it.
    pub async fn update_upstream(
        &self,
        id: i64,
        settings: &UpstreamSettings,
        now: Timestamp,
        audit_entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let Some(row) = transaction.row(query(SELECT_UPSTREAM).bind(id)).await? else {
            return Ok(false);
        };
        transaction
            .execute(settings.bind(query(UPDATE_UPSTREAM).bind(id)))
            .await?;
        if upstream_row(&row)?.settings.source != settings.source {
            // entries and bytes of the former server say nothing about this one: kept, they would let an old, perhaps
            // hostile, index speak in the new one's name
            transaction.execute(query(FORGET_INDEX).bind(id)).await?;
            transaction.execute(query(FORGET_CRATES).bind(id)).await?;
            for (registry_id, _) in users(&mut transaction, id).await? {
                registries::touch(&mut transaction, registry_id, now).await?;
            }
        }
        audit::insert(&mut transaction, audit_entry).await?;
        transaction.tell(Change::Settings);
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes an upstream that no registry uses, and what was cached of it.
    pub async fn delete_upstream(
        &self,
        id: i64,
        audit_entry: &AuditEntry,
    ) -> Result<Deleted, StoreError> {
        let mut transaction = self.write().await?;
        match transaction.execute(query(DELETE_UPSTREAM).bind(id)).await {
            Ok(0) => Ok(Deleted::NotThere),
            Ok(_) => {
                audit::insert(&mut transaction, audit_entry).await?;
                transaction.tell(Change::Settings);
                transaction.commit().await?;
                Ok(Deleted::Done)
            }
            Err(error) if error.breaks_reference() => {
                // PostgreSQL answers nothing more in a transaction that failed
                drop(transaction);
                let mut transaction = self.snapshot().await?;
                let users = users(&mut transaction, id).await?;
                Ok(Deleted::InUse(
                    users.into_iter().map(|(_, name)| name).collect(),
                ))
            }
            Err(error) => Err(error),
        }
    }
}
