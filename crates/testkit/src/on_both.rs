//! One function, two tests: what users see must not depend on the database.

/// Runs each of these functions, which take a [`Database`](crate::Database), as two tests: on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                super::$name($crate::Database::Sqlite).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                super::$name($crate::Database::Postgres).await;
            }
        }
    )+};
}
