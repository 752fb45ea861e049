//! What a page looks like: templates, styles, scripts, and the Markdown of strangers made safe.
//!
//! A page is a struct with the texts and numbers that it shows and a [`Frame`] around them; `templates/` has the HTML, in
//! which everything is escaped that is not Markdown made safe here. Who may see what, and where numbers come from, is decided
//! elsewhere. Every link is made by [`Links`].

mod admin;
mod api;
mod assets;
mod device;
mod filters;
mod form;
mod frame;
mod home;
mod krate;
mod links;
mod markdown;
mod plot;
mod problem;
mod registry;
mod search;
mod setup;
mod sign_in;
mod tokens;
mod words;

pub use admin::AdminHead;
pub use api::{
    ApiAnswer, ApiBody, ApiField, ApiGroup, ApiKind, ApiOperation, ApiPage, ApiReference, ApiShape,
};
pub use askama::Template;
pub use assets::{Asset, Assets, assets};
pub use device::{DevicePage, DeviceStep, DeviceWish};
pub use form::Wrongs;
pub use frame::{Crumb, Frame, Person, Section, Theme};
pub use home::{FirstSteps, HomePage, News, Pager, RegistryRow, Tally};
pub use krate::{
    CrateDependenciesPage, CrateDependentsPage, CrateFeaturesPage, CrateHead, CratePage,
    CrateVersionsPage, DependencyGroup, DependencyRow, DependentRow, Enabled, Facts, FeatureRow,
    Origin, Pushed, VersionRow,
};
pub use links::Links;
pub use markdown::{Readme, Repository, readme};
pub use plot::{GridLine, Plot};
pub use problem::{Near, ProblemPage};
pub use registry::{
    CacheFigures, ClaimRow, CrateRow, RegistryClaimsPage, RegistryHead, RegistryMembersPage,
    RegistryPage, RegistryUpstreamsPage, Tab, UpstreamCard, UpstreamState,
};
pub use search::SearchPage;
pub use setup::{Audience, Lines, MadeToken, Place, SetupPage, Step, Way};
pub use sign_in::{AccountPage, IdentityRow, LeavePage, LoginPage, SessionRow, browser};
pub use tokens::{
    LIVES, NewTokenPage, SCOPES, ScopeWords, TokenDraft, TokenMadePage, TokenRow, TokensPage,
};
pub use words::{Moment, bytes, count, initials, plural};
