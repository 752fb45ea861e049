//! One function, two tests: what users see must not depend on the database.

/// Runs a test to its end. One inline snapshot holds for both databases, also where `cargo test` runs both in one process.
///
/// # Panics
/// When the test does.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    insta::allow_duplicates! { runtime.block_on(test) }
}

/// Runs each of these functions, which take a [`Database`](crate::Database), as two tests: on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn on_sqlite() {
                $crate::run(super::$name($crate::Database::Sqlite));
            }

            #[test]
            fn on_postgres() {
                $crate::run(super::$name($crate::Database::Postgres));
            }
        }
    )+};
}
