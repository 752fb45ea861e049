//! Opening a database: connections, migrations, and the promise that no second program serves a file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    Database, Pool,
    migrate::{Migrate, MigrateError, Migrator},
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{DatabaseUrl, PostgresPool, SqlitePools, Store, StoreError, feed::Sender};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a statement waits for SQLite's lock, which only a program beside ours can hold.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for a connection: a publish is answered within 25 seconds, or cargo gives up.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;

/// Why a database was not opened; an operator reads this at start-up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder that the file should be in is not there.
    #[error("the folder `{}` for the database is not there; make it, or name another file", .0.display())]
    NoFolder(PathBuf),
    /// The file cannot be made or read.
    #[error("the database file `{}` cannot be opened: {source}; check its owner and its permissions", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing answers, or not with a welcome.
    #[error(
        "the database `{url}` cannot be opened: {source}; check that it runs, and its address, user and password"
    )]
    Unreachable {
        /// Without a password.
        url: String,
        /// What happened.
        source: StoreError,
    },
    /// Its schema is one that this program does not know.
    #[error(
        "the database `{url}` was made by a newer supercargo (schema {found}, this program knows {known}); start that version or restore a backup"
    )]
    Newer {
        /// Without a password.
        url: String,
        /// The newest migration there.
        found: i64,
        /// The newest migration here.
        known: i64,
    },
    /// Its schema could not be brought up to date.
    #[error(
        "the schema of the database `{url}` cannot be brought up to date: {source}; restore a backup, or start the version that served it last"
    )]
    Migration {
        /// Without a password.
        url: String,
        /// What happened.
        source: MigrateError,
    },
    /// Another process serves it.
    #[error(
        "another supercargo already serves the database `{url}`; stop it first, or name another database"
    )]
    Taken {
        /// Without a password.
        url: String,
    },
}

/// While this lives, no other process gets one for the same file. The system takes it back when the process ends, however it
/// ends. Any number of processes may serve a PostgreSQL database: they tell each other what changes (see [`Feed`](crate::Feed)).
#[derive(Debug)]
pub struct InstanceLock {
    _file: Option<File>,
}

impl Store {
    /// Opens a database and brings its schema up to date. A SQLite file is made when it is absent; its folder must be there.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let shown = url.to_string();
        match url {
            DatabaseUrl::Sqlite(path) => {
                let pools = open_sqlite(path, &shown).await?;
                migrate(&SQLITE_MIGRATIONS, &pools.writer, &shown).await?;
                Ok(Self::Sqlite(pools))
            }
            DatabaseUrl::Postgres(url) => {
                let pool = PgPoolOptions::new()
                    .max_connections(POSTGRES_CONNECTIONS)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .connect_with(url.options.clone().application_name("supercargo"))
                    .await
                    .map_err(|source| unreachable_database(&shown, source))?;
                migrate(&POSTGRES_MIGRATIONS, &pool, &shown).await?;
                let sender = Sender::new();
                Ok(Self::Postgres(PostgresPool { pool, sender }))
            }
        }
    }
}

impl InstanceLock {
    /// Makes sure that this process is the only one that serves a file: each keeps copies in memory that a second one would
    /// make stale, and a file has no way to tell. Taken before the database is opened, so that a newer program, started by
    /// mistake, does not migrate the schema under the one that serves it.
    pub fn take(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let file = match url {
            DatabaseUrl::Sqlite(path) => Some(lock_file(path)?),
            DatabaseUrl::Postgres(_) => None,
        };
        Ok(Self { _file: file })
    }
}

async fn open_sqlite(path: &Path, shown: &str) -> Result<SqlitePools, OpenError> {
    make_file(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true);
    let writer = sqlite_pool(1)
        .connect_with(
            options
                .clone()
                .journal_mode(SqliteJournalMode::Wal)
                // a publish that was answered survives a power cut
                .synchronous(SqliteSynchronous::Full),
        )
        .await
        .map_err(|source| unreachable_database(shown, source))?;
    let readers = sqlite_pool(SQLITE_READERS)
        .connect_with(options.read_only(true))
        .await
        .map_err(|source| unreachable_database(shown, source))?;
    Ok(SqlitePools { writer, readers })
}

/// A file's connections do not age and need no test before use.
fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn unreachable_database(shown: &str, source: sqlx::Error) -> OpenError {
    OpenError::Unreachable {
        url: shown.to_owned(),
        source: source.into(),
    }
}

/// Opens for reading and writing; a new file is for its owner alone, since it holds hashes of tokens.
fn private_file(path: &Path) -> Result<File, OpenError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| OpenError::File {
            path: path.to_owned(),
            source,
        })
}

/// SQLite would make the file itself, but readable by everyone; its companions get the rights of the file.
fn make_file(path: &Path) -> Result<(), OpenError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(OpenError::NoFolder(folder.to_owned()))
        }
        _ => private_file(path).map(drop),
    }
}

async fn migrate<DB>(migrator: &Migrator, pool: &Pool<DB>, shown: &str) -> Result<(), OpenError>
where
    DB: Database,
    DB::Connection: Migrate,
{
    let mut connection = pool
        .acquire()
        .await
        .map_err(|source| unreachable_database(shown, source))?;
    let failed = |source| OpenError::Migration {
        url: shown.to_owned(),
        source,
    };
    match migrator.run_direct(None, &mut *connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(missing)) => {
            let applied = connection
                .list_applied_migrations(&migrator.table_name)
                .await
                .map_err(failed)?;
            let found = applied.iter().map(|migration| migration.version).max();
            let known = migrator.iter().map(|migration| migration.version).max();
            Err(OpenError::Newer {
                url: shown.to_owned(),
                found: found.unwrap_or(missing),
                known: known.unwrap_or_default(),
            })
        }
        Err(source) => Err(failed(source)),
    }
}

fn lock_file(database: &Path) -> Result<File, OpenError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = private_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Taken {
            url: format!("sqlite:{}", database.display()),
        }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path, source }),
    }
}
