//! What a page looks like: templates, styles, scripts, and the Markdown of strangers made safe.
//!
//! A page is a struct with the texts and numbers that it shows and a [`Frame`] around them; `templates/` has the HTML, in
//! which everything is escaped that is not Markdown made safe here. Who may see what, and where numbers come from, is decided
//! elsewhere. Every link is made by [`Links`].

mod admin;
mod api;
mod assets;
mod claims;
mod deeds;
mod device;
mod feed;
mod filters;
mod form;
mod frame;
mod home;
mod krate;
mod labels;
mod links;
mod markdown;
mod members;
mod narrowing;
mod plot;
mod problem;
mod registry;
mod registry_settings;
mod rules;
mod search;
mod setup;
mod sign_in;
mod tokens;
mod trusted_publishers;
mod upload;
mod upstreams;
mod words;

pub use admin::AdminHead;
pub use admin::{
    AccountLine, NewUserPage, Owned, RoleLine, ServiceAccountPage, ServiceAccountsPage, SignOnPage,
    SignOnProvider, SignOnRow, TeamLine, TeamPage, TeamsPage, UserDraft, UserPage, UserProblem,
    UsersPage,
};
pub use admin::{
    AdminAuditPage, AdminTally, AlarmRow, AuditAsked, AuditLog, AuditRow, CachedOfUpstream,
    ConfigurationPage, ExposurePage, HealthPage, JobRow, Matter, OverviewPage, PullRow,
    RegistryActivityPage, ServiceRow, SettingRow, SettingSource, SettingValue, StoragePage,
    StoredRow, Trial, UpstreamHealthRow, shares,
};
pub use api::{
    ApiAnswer, ApiBody, ApiField, ApiGroup, ApiGroupPage, ApiKind, ApiOperation, ApiPage,
    ApiReference, ApiShape,
};
pub use askama::Template;
pub use assets::{Asset, Assets, assets, zipped};
pub use claims::{
    ClaimRow, ClaimsPage, DeleteClaimPage, Foretold, KeptRow, MODES, ModeWords, NewClaimPage,
    ReleaseNamePage,
};
pub use deeds::{
    CrateSettingsPage, Decided, Owners, PinChoice, QuarantineDraft, Removal, VersionSettingsPage,
};
pub use device::{DevicePage, DeviceStep, DeviceWish};
pub use feed::{Feed, FeedEntry};
pub use form::Wrongs;
pub use frame::{Crumb, Frame, Person, Section, Theme};
pub use home::{FirstSteps, HomePage, News, Pager, RegistryRow, Tally};
pub use krate::{
    CrateDependenciesPage, CrateDependentsPage, CrateFeaturesPage, CrateHead, CratePage,
    CrateVersionsPage, DependencyGroup, DependencyRow, DependentRow, Enabled, Facts, FeatureRow,
    Origin, Pushed, RowDeed, VersionRow,
};
pub use labels::{CrateLabels, LabelRow, LabelsPage};
pub use links::Links;
pub use markdown::{Readme, Repository, readme};
pub use members::{
    AccountsFragment, MachineRow, MemberDraft, MemberRow, MembersPage, ROLES, RoleWords,
};
pub use narrowing::Narrowing;
pub use plot::{GridLine, Plot};
pub use problem::{Near, ProblemPage};
pub use registry::{
    CacheFigures, CrateRow, RegistryHead, RegistryPage, RegistryUpstreamsPage, Tab, UpstreamCard,
    UpstreamState,
};
pub use registry_settings::{
    DeletedRegistriesPage, DeletedRegistryRow, NewRegistryPage, OrderRow, PUBLISHINGS,
    RegistryChoice, RegistryDraft, RegistryOrderPage, RegistryRemoval, RegistrySettingsPage,
    UpstreamChoice, UpstreamOrder, VISIBILITIES,
};
pub use rules::{
    CaughtFigures, NewQuarantine, PatternRow, QuarantineRow, RegistryPatternsPage,
    RegistryQuarantinePage, RegistryRulesPage, WeighedFigures,
};
pub use search::SearchPage;
pub use setup::{Audience, Lines, MadeToken, Place, SetupPage, Step, Way};
pub use sign_in::{AccountPage, IdentityRow, LeavePage, LoginPage, SessionRow, browser};
pub use tokens::{
    LIVES, NewTokenPage, SCOPES, ScopeWords, TokenDraft, TokenMadePage, TokenPlace, TokenRow,
    TokensPage,
};
pub use trusted_publishers::{
    RuleDraft, RuleFormPage, RulePage, RuleRow, SYSTEMS, System, TrustedPublishersPage,
};
pub use upload::{UploadPage, UploadedPage};
pub use upstreams::{
    CREDENTIALS, CachedCrateRow, CachedList, CredentialFacts, EditUpstreamPage, NewUpstreamPage,
    Tested, UpstreamDraft, UpstreamPage, UpstreamReads, UpstreamRow, UpstreamsPage,
};
pub use words::{Moment, bytes, count, initials, plural};
