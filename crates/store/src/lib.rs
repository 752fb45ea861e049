//! SQL. One text serves SQLite and PostgreSQL; only this crate knows it.
//!
//! Each module owns one aggregate: its statements, its row structs and the methods of [`Store`] over them. Every write takes
//! the audit entry that belongs to it and stores both in one transaction. Nothing here knows HTTP, decides who may do what,
//! or reads a clock: times come in as arguments.

mod audit;
mod bootstrap;
mod cached_crates;
mod cached_index;
mod claims;
mod crates;
mod database_url;
mod directory;
mod engine;
mod error;
mod ledger;
mod members;
mod meta;
mod open;
mod owners;
mod principals;
mod publish;
mod query;
mod registries;
mod row;
mod search;
mod statements;
mod tokens;
mod upstreams;
mod words;
mod yank;

pub use audit::{AuditEntry, AuditFilter, AuditOutcome, AuditRow};
pub use bootstrap::FirstStart;
pub use cached_crates::NewCachedCrate;
pub use cached_index::{CachedIndex, CachedIndexChange};
pub use claims::ClaimRow;
pub use crates::{CrateRow, HostedCrate, VersionRow};
pub use database_url::{DatabaseUrl, InvalidDatabaseUrl, PostgresUrl};
pub use directory::DirectoryRows;
pub use engine::{SqlitePools, Store};
pub use error::{Created, Page, StoreError};
pub use ledger::LedgerRow;
pub use open::{InstanceLock, OpenError};
pub use owners::{OwnerAdded, OwnerRemoved};
pub use principals::{NewPrincipal, PrincipalRow};
pub use publish::{NewVersion, PublishRule, Published};
pub use registries::{Attachment, NewRegistry, RegistryChange, RegistryRow};
pub use search::{SearchRow, SearchVersion};
pub use statements::StatementRejected;
pub use tokens::{NewToken, SessionRow, TokenRow};
pub use upstreams::{
    AuthKind, Deleted, NewUpstream, SourceKind, UpstreamAuth, UpstreamRow, UpstreamSettings,
    UpstreamSource,
};
pub use yank::{YankChange, Yanked};
