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
mod dependencies;
mod details;
mod directory;
mod downloads;
mod engine;
mod error;
mod evict;
mod feed;
mod ledger;
mod members;
mod meta;
mod open;
mod owners;
mod principals;
mod publish;
mod quarantines;
mod query;
mod registries;
mod row;
mod search;
mod statements;
mod states;
mod teams;
mod tokens;
mod upstreams;
mod words;
mod yank;

pub use audit::{AuditEntry, AuditFilter, AuditOutcome, AuditRow};
pub use bootstrap::FirstStart;
pub use cached_crates::{CachedName, CachedVersion, NewCachedCrate};
pub use cached_index::{CachedIndex, CachedIndexChange};
pub use claims::ClaimRow;
pub use crates::{CrateRow, HostedCrate, VersionRow};
pub use database_url::{DatabaseUrl, InvalidDatabaseUrl, PostgresUrl};
pub use dependencies::DependentRow;
pub use details::VersionFacts;
pub use directory::DirectoryRows;
pub use downloads::{Downloads, DownloadsOfDay, NewDownloads};
pub use engine::{PostgresPool, SqlitePools, Store};
pub use error::{Created, Page, StoreError};
pub use evict::Evicted;
pub use feed::{Change, Feed, FeedEvent};
pub use ledger::LedgerRow;
pub use open::{InstanceLock, OpenError};
pub use owners::{OwnerAdded, OwnerRemoved};
pub use principals::{NewPrincipal, PrincipalRow};
pub use publish::{NewVersion, PublishRule, Published};
pub use quarantines::QuarantineRow;
pub use registries::{Attachment, NewRegistry, RegistryChange, RegistryRow};
pub use search::{SearchRow, SearchVersion};
pub use statements::StatementRejected;
pub use states::{Released, StateChange, StateChanged};
pub use teams::{TeamDeleted, TeamJoined, TeamRow};
pub use tokens::{NewToken, SessionRow, TokenRow};
pub use upstreams::{
    AuthKind, Deleted, NewUpstream, SourceKind, UpstreamAuth, UpstreamRow, UpstreamSettings,
    UpstreamSource,
};
pub use yank::{YankChange, Yanked};
