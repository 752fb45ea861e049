//! Use cases: what a registry does. They know rules, the database, blobs and upstreams, and never HTTP.
//!
//! A use case takes the right it needs as a value ([`rights`]), so forgetting to ask for it does not compile. What a caller
//! can mend is a [`Refusal`]; what nobody outside can mend is a fault, logged once at the edge.

mod archives;
mod bootstrap;
mod claims;
mod copies;
mod details;
mod directory;
mod download;
mod downloads;
mod evict;
mod feed;
mod instance;
mod owners;
mod people;
mod publish;
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

pub use bootstrap::FirstStart;
pub use claims::{Claim, ClaimImpact};
pub use details::{
    CrateDetails, Dependent, Dependents, DownloadsOfCrate, IndexDependency, PublishedFacts,
    VersionDetails,
};
pub use directory::{Attached, Registry, UpstreamSummary};
pub use download::{Delivered, Delivery, Download, DownloadBody, Unopened};
pub use instance::Instance;
pub use owners::Owner;
pub use people::{NewPrincipal, Principal};
pub use publish::{PublishStart, Published, is_crates_io};
pub use quarantine::Quarantine;
pub use refusal::{Failure, Outcome, Refusal, RefusalClass};
pub use registries::{AttachmentRequest, RegistryEdit, RegistryRequest};
pub use rights::{
    Actor, Denied, MayAdminister, MayAdministerInstance, MayCreateRegistries, MayDelete,
    MayMaintain, MayOwn, MayPublish, MayRead, MayYank, SignedIn,
};
pub use search::{CrateQuery, FoundCrate, FoundCrates};
pub use settings::{Caller, Limits, SecretKey, Settings, UpstreamSettings};
pub use teams::{Team, TeamSummary};
pub use tokens::{NewToken, Token, TokenRequest};
pub use upstreams::{
    AuthRequest, UpstreamDetail, UpstreamEdit, UpstreamRequest, UpstreamSource, UpstreamTest,
};
pub use versions::{CrateDetail, CrateItem, CrateSource, VersionItem};
pub use views::{Listing, Resolved};
