//! Use cases: what a registry does. They know rules, the database, blobs and upstreams, and never HTTP.
//!
//! A use case takes the right it needs as a value ([`rights`]), so forgetting to ask for it does not compile. What a caller
//! can mend is a [`Refusal`]; what nobody outside can mend is a fault, logged once at the edge.

mod accounts;
mod archives;
mod audit;
mod bootstrap;
mod browsers;
mod cache;
mod claims;
mod configured;
mod copies;
mod deeds;
mod details;
mod device_logins;
mod directory;
mod download;
mod downloads;
mod evict;
mod exchange;
mod feed;
mod health;
mod identities;
mod inspection;
mod instance;
mod inventory;
mod jobs;
mod labels;
mod limits;
mod members;
mod nesting;
mod overview;
mod owners;
mod passwords;
mod people;
mod pins;
mod provenance;
mod publish;
mod publishers;
mod quarantine;
mod raising;
mod recovery;
mod refusal;
mod registries;
mod removal;
mod rights;
mod roster;
mod search;
mod secrets;
mod sessions;
mod settings;
mod sign_in;
mod sign_on;
mod states;
mod storage;
mod teams;
mod tokens;
#[cfg(test)]
mod trial;
mod upstreams;
mod versions;
mod views;
mod yank;

pub use accounts::AccountEdit;
pub use audit::{Attempt, AuditItem, AuditOutcome, AuditQuery, Exposure, Pull, VersionsAsked};
pub use bootstrap::FirstStart;
pub use browsers::{Browser, InvalidSession, NewSession, Session, SessionSecret, SessionSettings};
pub use cache::{CacheTraffic, UpstreamCache};
pub use claims::{Claim, ClaimForetold, ClaimImpact, KeptName};
pub use configured::{ConfiguredBy, ConfiguredKey, ConfiguredValue};
pub use deeds::{Deeds, DeletionImpact};
pub use details::{
    CrateDetails, Dependent, Dependents, DownloadsOfCrate, IndexDependency, PublishedFacts,
    VersionDetails,
};
pub use device_logins::{
    DeviceLogin, DeviceLoginRefused, DeviceLoginRequest, DeviceTokenRequest, WaitingLogin,
};
pub use directory::{Attached, Registry, UpstreamSummary};
pub use download::{Delivered, Delivery, Download, DownloadBody, Unopened};
pub use exchange::{JobToken, NotExchanged};
pub use health::{Health, HealthState};
pub use identities::{Identity, IdentityRequest};
pub use inspection::{Checked, Inspection, UpstreamCondition};
pub use instance::Instance;
pub use inventory::{
    CacheHistory, CachedCrate, CachedCrates, CachedQuery, CachedSort, Caught, Weighed,
};
pub use jobs::{Job, JobKind};
pub use labels::{InvalidLabelFilter, Label, LabelEdit, LabelFilter, Labels, check_label};
pub use limits::TooMany;
pub use members::Member;
pub use overview::{NewestVersion, RegistryOverview};
pub use owners::Owner;
pub use passwords::{KnownUser, Password};
pub use people::{NewPrincipal, Principal, check_email};
pub use pins::PinMoved;
pub use provenance::Provenance;
pub use publish::{PublishStart, Published, is_crates_io};
pub use publishers::{Publisher, PublisherEdit, PublisherRequest};
pub use quarantine::Quarantine;
pub use recovery::{NotRecovered, Recovered, recover_admin};
pub use refusal::{Failure, Outcome, Refusal, RefusalClass};
pub use registries::{AttachmentRequest, MOST_PATTERNS, RegistryEdit, RegistryRequest};
pub use removal::{DeletedRegistry, RemovalImpact};
pub use rights::{
    Actor, Denied, MayAdminister, MayAdministerInstance, MayAudit, MayCreateRegistries, MayDelete,
    MayMaintain, MayManageService, MayOwn, MayPublish, MayRead, MaySeeReaders, MayYank, SignedIn,
};
pub use roster::{AccountQuery, FoundAccount, HeldRole, Standing};
pub use search::{CrateQuery, CrateSort, FoundCrate, FoundCrates};
pub use settings::{AuditSettings, Caller, Limits, Rates, SecretKey, Settings, UpstreamSettings};
pub use sign_in::{SignInRequest, SignInToken};
pub use sign_on::{RETURN, SignOnBegun, SignOnDone, SignOnSettings, own_path};
pub use storage::{Storage, StoredRegistry};
pub use supercargo_identity::{ClientSecret, IssuerUrl, Preset, Provider};
pub use supercargo_store::Stored;
pub use supercargo_upstream::{CircuitState, ServiceHealth};
pub use teams::{Team, TeamSummary};
pub use tokens::{NewToken, Token, TokenDetail, TokenRequest};
pub use upstreams::{
    AuthRequest, AuthShown, UpstreamDetail, UpstreamEdit, UpstreamRequest, UpstreamSource,
    UpstreamTest,
};
pub use versions::{CrateDetail, CrateItem, CrateSource, VersionItem};
pub use views::{Listing, Resolved};
