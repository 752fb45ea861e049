//! The list of every statement, so that all of them can be checked against a real schema.

use sqlx::Executor as _;

use crate::{
    Store, StoreError, accounts, alarms, audit, cache, cached_crates, cached_index, claims, crates,
    dependencies, details, device_logins, directory, download_log, downloads, evict, identities,
    inventory, labels, ledger, limits, members, meta, overview, owners, pins, principals,
    provenance, publish, pulls, quarantines, registries, roster, search, sessions, states, storage,
    teams, tokens, trusted_publishers, upstreams, yank,
};

/// Declares a module's statements and its list of them in one go, so that none is missing from the list.
macro_rules! statements {
    ($($(#[$attribute:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$attribute])* const $name: &str = $text;)+

        /// Every statement of this module with its name.
        pub(crate) const STATEMENTS: &[(&str, &str)] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),+];
    };
}
pub(crate) use statements;

const MODULES: &[&[(&str, &str)]] = &[
    accounts::STATEMENTS,
    alarms::STATEMENTS,
    audit::STATEMENTS,
    cache::STATEMENTS,
    cached_crates::STATEMENTS,
    cached_index::STATEMENTS,
    claims::STATEMENTS,
    crates::STATEMENTS,
    dependencies::STATEMENTS,
    details::STATEMENTS,
    device_logins::STATEMENTS,
    directory::STATEMENTS,
    download_log::STATEMENTS,
    downloads::STATEMENTS,
    evict::STATEMENTS,
    identities::STATEMENTS,
    inventory::STATEMENTS,
    labels::STATEMENTS,
    ledger::STATEMENTS,
    limits::STATEMENTS,
    members::STATEMENTS,
    meta::STATEMENTS,
    overview::STATEMENTS,
    owners::STATEMENTS,
    pins::STATEMENTS,
    principals::STATEMENTS,
    provenance::STATEMENTS,
    publish::STATEMENTS,
    pulls::STATEMENTS,
    quarantines::STATEMENTS,
    registries::STATEMENTS,
    roster::STATEMENTS,
    search::STATEMENTS,
    sessions::STATEMENTS,
    states::STATEMENTS,
    storage::STATEMENTS,
    teams::STATEMENTS,
    tokens::STATEMENTS,
    trusted_publishers::STATEMENTS,
    upstreams::STATEMENTS,
    yank::STATEMENTS,
];

/// A statement that the database's schema does not fit.
#[derive(Debug, thiserror::Error)]
#[error("the database refuses the statement `{name}`")]
pub struct StatementRejected {
    /// Where it stands in the source.
    pub name: &'static str,
    /// What the database says.
    pub source: StoreError,
}

impl Store {
    /// Prepares every statement without running any, and counts them: what a compile-time check would have found, found in a
    /// test or on a running installation.
    pub async fn prepare_all(&self) -> Result<usize, StatementRejected> {
        let mut prepared = 0;
        for statements in MODULES {
            for (name, text) in *statements {
                self.prepare(text)
                    .await
                    .map_err(|source| StatementRejected { name, source })?;
                prepared += 1;
            }
        }
        Ok(prepared)
    }

    async fn prepare(&self, text: &'static str) -> Result<(), StoreError> {
        let text = sqlx::SqlStr::from_static(text);
        match self {
            Self::Sqlite(pools) => pools.writer.prepare(text).await.map(drop)?,
            Self::Postgres(server) => server.pool.prepare(text).await.map(drop)?,
        }
        Ok(())
    }
}
