//! The two engines behind one face: pools, transactions, and how a statement runs. The dialects part here and nowhere else.

use sqlx::{PgPool, SqlitePool};
use supercargo_types::Timestamp;

use crate::{
    StoreError,
    feed::{Change, Sender, Telling},
    query::Query,
    row::Row,
};

/// Which database this process talks to, decided once at start-up. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file.
    Sqlite(SqlitePools),
    /// A server.
    Postgres(PostgresPool),
}

/// One connection that writes and several that read: SQLite knows a single writer, and who waits for it in a queue of ours is
/// served in order, whereas SQLite's own waiting is by chance.
#[derive(Clone, Debug)]
pub struct SqlitePools {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

/// Connections to a server that other processes may use as well.
#[derive(Clone, Debug)]
pub struct PostgresPool {
    /// The connections.
    pub pool: PgPool,
    pub(crate) sender: Sender,
}

/// Several statements that happen together or not at all. Dropped without `commit`, nothing has happened.
pub(crate) struct Transaction {
    connection: Connection,
    /// What the other processes will hear; none where there are no others, or nothing is written.
    telling: Option<Telling>,
}

enum Connection {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

/// Runs one expression against whichever engine it is; both arms are type-checked.
macro_rules! on {
    ($value:expr, $kind:ident, $inner:ident => $expression:expr) => {
        match $value {
            $kind::Sqlite($inner) => $expression,
            $kind::Postgres($inner) => $expression,
        }
    };
}
pub(crate) use on;

impl Store {
    /// Begins to write.
    pub(crate) async fn write(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            // a transaction that begins by reading cannot always become a writer later, so it is one from the start
            Self::Sqlite(pools) => Transaction {
                connection: Connection::Sqlite(pools.writer.begin_with("BEGIN IMMEDIATE").await?),
                telling: None,
            },
            Self::Postgres(server) => Transaction {
                connection: Connection::Postgres(server.pool.begin().await?),
                telling: Some(Telling::new(server.sender)),
            },
        })
    }

    /// Begins to read, so that several statements see the same state.
    pub(crate) async fn snapshot(&self) -> Result<Transaction, StoreError> {
        let connection = match self {
            Self::Sqlite(pools) => Connection::Sqlite(pools.readers.begin().await?),
            Self::Postgres(server) => Connection::Postgres(
                server
                    .pool
                    .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?,
            ),
        };
        Ok(Transaction {
            connection,
            telling: None,
        })
    }

    /// The rows of one reading statement.
    pub(crate) async fn rows(&self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Self::Sqlite(pools) => sqlite_rows(query.build()?.fetch_all(&pools.readers).await?),
            Self::Postgres(server) => postgres_rows(query.build()?.fetch_all(&server.pool).await?),
        })
    }

    /// The first row of one reading statement.
    pub(crate) async fn row(&self, query: Query<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    /// The only row of a statement that counts.
    pub(crate) async fn count(&self, query: Query<'_>) -> Result<u64, StoreError> {
        match self.row(query).await? {
            Some(row) => row.unsigned("total"),
            None => Ok(0),
        }
    }

    /// Whether the database answers; for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(pools) => sqlx::query("SELECT 1")
                .execute(&pools.readers)
                .await
                .map(drop),
            Self::Postgres(server) => sqlx::query("SELECT 1")
                .execute(&server.pool)
                .await
                .map(drop),
        }
        .map_err(Into::into)
    }

    /// Finishes what is under way and closes every connection; SQLite's write-ahead log is folded into its file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pools) => {
                pools.readers.close().await;
                pools.writer.close().await;
            }
            Self::Postgres(server) => server.pool.close().await,
        }
    }
}

impl Transaction {
    /// Runs a statement and counts the rows that it wrote.
    pub(crate) async fn execute(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        Ok(on!(&mut self.connection, Connection, connection => {
            query.build()?.execute(&mut **connection).await?.rows_affected()
        }))
    }

    /// The rows of a statement. Always all of them: an `INSERT … RETURNING` that is not read to its end stays open in SQLite.
    pub(crate) async fn rows(&mut self, query: Query<'_>) -> Result<Vec<Row>, StoreError> {
        Ok(match &mut self.connection {
            Connection::Sqlite(connection) => {
                sqlite_rows(query.build()?.fetch_all(&mut **connection).await?)
            }
            Connection::Postgres(connection) => {
                postgres_rows(query.build()?.fetch_all(&mut **connection).await?)
            }
        })
    }

    /// The first row of a statement.
    pub(crate) async fn row(&mut self, query: Query<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    /// Has the other processes hear, once and only if this is committed, that their copies of something are old.
    pub(crate) fn tell(&mut self, change: Change) {
        if let Some(telling) = &mut self.telling {
            telling.add(change);
        }
    }

    /// Makes it so.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        // a part of the transaction: what is rolled back was never said, and what is committed cannot stay unsaid
        for statement in self.telling.take().iter().flat_map(Telling::statements) {
            self.execute(statement).await?;
        }
        on!(self.connection, Connection, transaction => transaction.commit().await?);
        Ok(())
    }
}

fn sqlite_rows(rows: Vec<sqlx::sqlite::SqliteRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Sqlite).collect()
}

fn postgres_rows(rows: Vec<sqlx::postgres::PgRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Postgres).collect()
}

/// HTTP dates have whole seconds, and so has every `changed_at`; statements add a second where that would not grow.
pub(crate) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.as_seconds())
}
