//! SQL. One text serves SQLite and PostgreSQL; only this crate knows it.
//!
//! Each module owns one aggregate: its statements, its row structs and the methods of [`Store`] over them. Every write takes
//! the audit entry that belongs to it and stores both in one transaction. Nothing here knows HTTP, decides who may do what,
//! or reads a clock: times come in as arguments.

mod accounts;
mod alarms;
mod audit;
mod bootstrap;
mod cache;
mod cached_crates;
mod cached_index;
mod claims;
mod crates;
mod database_url;
mod dependencies;
mod details;
mod device_logins;
mod directory;
mod download_log;
mod downloads;
mod engine;
mod error;
mod evict;
mod feed;
mod identities;
mod inventory;
mod labels;
mod ledger;
mod limits;
mod members;
mod meta;
mod open;
mod overview;
mod owners;
mod pins;
mod principals;
mod provenance;
mod publish;
mod pulls;
mod quarantines;
mod query;
mod registries;
mod roster;
mod row;
mod search;
mod sessions;
mod statements;
mod states;
mod storage;
mod teams;
mod tokens;
mod trusted_publishers;
mod upstreams;
mod words;
mod yank;

pub use accounts::{AccountChange, AccountChanged, AccountDeleted, AccountRow};
pub use audit::{AuditEntry, AuditFilter, AuditOutcome, AuditRow};
pub use bootstrap::FirstStart;
pub use cache::{CacheKind, CacheSize, CacheUse, CachedPlace, NewCacheCount, UsedFile};
pub use cached_crates::{CachedDescription, CachedName, CachedVersion, NewCachedCrate};
pub use cached_index::{CachedIndex, CachedIndexChange, CachedIndexCheck};
pub use claims::{ClaimRow, KeptName};
pub use crates::{CrateRow, HostedCrate, VersionRow};
pub use database_url::{DatabaseUrl, InvalidDatabaseUrl, PostgresUrl};
pub use dependencies::DependentRow;
pub use details::VersionFacts;
pub use device_logins::{DeviceLoginCreated, DeviceLoginRow, MostDeviceLogins, NewDeviceLogin};
pub use directory::DirectoryRows;
pub use download_log::{DOWNLOADED, NewDownload};
pub use downloads::{Downloads, DownloadsOfDay, NewDownloads};
pub use engine::{PostgresPool, SqlitePools, Store};
pub use error::{Created, Page, StoreError};
pub use evict::Evicted;
pub use feed::{Change, Feed, FeedEvent};
pub use identities::{
    IdentityRow, Linked, NewIdentity, Once, SignOn, SignOnAccount, SignedOn, Unlinked,
};
pub use inventory::{CacheCountRow, CachedCrateRow, CachedOrder, CachedWish};
pub use labels::{LabelChange, LabelRow, Labelled, LabelsChanged, WantedLabels};
pub use ledger::{LedgerRow, LedgerStands};
pub use limits::{LimitReached, LimitUse};
pub use members::MemberRow;
pub use open::{InstanceLock, OpenError};
pub use overview::{NewestVersion, RegistryFigures, RemovalFigures};
pub use owners::{OwnerAdded, OwnerRemoved};
pub use pins::NewPin;
pub use principals::{NewPrincipal, PrincipalRow};
pub use provenance::PublishedRow;
pub use publish::{NewVersion, PublishRule, Published};
pub use pulls::{NewPull, PullRow, PulledVersion, Reader};
pub use quarantines::QuarantineRow;
pub use registries::{Attachment, NewRegistry, RegistryChange, RegistryChanged, RegistryRow};
pub use roster::{AccountFilter, RoleRow};
pub use search::{CrateOrder, CrateSearch, SearchRow, SearchVersion};
pub use sessions::{BrowserRow, NewBrowser, SignedInBrowser};
pub use statements::StatementRejected;
pub use states::{Released, StateChange, StateChanged};
pub use storage::Stored;
pub use teams::{TeamDeleted, TeamJoined, TeamRow};
pub use tokens::{NewToken, SessionRow, TokenRow};
pub use trusted_publishers::{
    JobTokenCreated, MOST_PUBLISHERS, NewJobToken, PublisherCreated, PublisherRow, PublisherRule,
};
pub use upstreams::{
    AuthKind, Deleted, NewUpstream, SourceKind, UpstreamAuth, UpstreamRow, UpstreamSettings,
    UpstreamSource,
};
pub use yank::{YankChange, Yanked};
