//! Use cases: what a registry does. They know rules, the database, blobs and upstreams, and never HTTP.
//!
//! A use case takes the right it needs as a value ([`rights`]), so forgetting to ask for it does not compile. What a caller
//! can mend is a [`Refusal`]; what nobody outside can mend is a fault, logged once at the edge.

mod archives;
mod audit;
mod bootstrap;
mod cache;
mod claims;
mod copies;
mod details;
mod directory;
mod download;
mod downloads;
mod evict;
mod exchange;
mod feed;
mod health;
mod instance;
mod nesting;
mod owners;
mod people;
mod pins;
mod publish;
mod publishers;
mod quarantine;
mod refusal;
mod registries;
mod rights;
mod search;
mod secrets;
mod sessions;
mod settings;
mod states;
mod teams;
mod tokens;
mod upstreams;
mod versions;
mod views;
mod yank;

pub use audit::{Attempt, AuditItem, AuditOutcome, AuditQuery, Exposure, Pull, VersionsAsked};
pub use bootstrap::FirstStart;
pub use cache::{CacheTraffic, UpstreamCache};
pub use claims::{Claim, ClaimImpact};
pub use details::{
    CrateDetails, Dependent, Dependents, DownloadsOfCrate, IndexDependency, PublishedFacts,
    VersionDetails,
};
pub use directory::{Attached, Registry, UpstreamSummary};
pub use download::{Delivered, Delivery, Download, DownloadBody, Unopened};
pub use exchange::{JobToken, NotExchanged};
pub use health::{Health, HealthState};
pub use instance::Instance;
pub use owners::Owner;
pub use people::{NewPrincipal, Principal};
pub use pins::PinMoved;
pub use publish::{PublishStart, Published, is_crates_io};
pub use publishers::{Publisher, PublisherEdit, PublisherRequest};
pub use quarantine::Quarantine;
pub use refusal::{Failure, Outcome, Refusal, RefusalClass};
pub use registries::{AttachmentRequest, RegistryEdit, RegistryRequest};
pub use rights::{
    Actor, Denied, MayAdminister, MayAdministerInstance, MayAudit, MayCreateRegistries, MayDelete,
    MayMaintain, MayOwn, MayPublish, MayRead, MaySeeReaders, MayYank, SignedIn,
};
pub use search::{CrateQuery, FoundCrate, FoundCrates};
pub use settings::{AuditSettings, Caller, Limits, SecretKey, Settings, UpstreamSettings};
pub use teams::{Team, TeamSummary};
pub use tokens::{NewToken, Token, TokenRequest};
pub use upstreams::{
    AuthRequest, UpstreamDetail, UpstreamEdit, UpstreamRequest, UpstreamSource, UpstreamTest,
};
pub use versions::{CrateDetail, CrateItem, CrateSource, VersionItem};
pub use views::{Listing, Resolved};
