//! The use cases of the store, each on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and clippy knows only functions marked as tests"
)]

mod accounts;
mod alarms;
mod audit;
mod cache;
mod claims;
mod databases;
mod dependencies;
mod device_logins;
mod downloads;
mod feed;
mod fixtures;
mod identities;
mod inventory;
mod labels;
mod limits;
mod opening;
mod overview;
mod owners;
mod pins;
mod publishing;
mod pulls;
mod registries;
mod roster;
mod samples;
mod schema;
mod search;
mod start;
mod storage;
mod teams;
mod tokens;
mod trusted_publishers;
mod unstorable;
mod upstreams;

/// Runs each of these functions as two tests, one for each engine.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                crate::databases::with_sqlite(super::$name).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                crate::databases::with_postgres(super::$name).await;
            }
        }
    )+};
}
pub(crate) use on_both;
