//! What callers can mend, said once and in one voice.
//!
//! Every refusal of every use case stands here, with a stable code for tools and one sentence for people. The edge turns a
//! [`RefusalClass`] into a status; nothing here knows HTTP.

mod inside;
#[cfg(test)]
mod samples;

use std::{sync::Arc, time::Duration};

use supercargo_package::{ArchiveRefused, FrameRefused, ManifestRefused};
use supercargo_policy::Verdict;
use supercargo_types::{
    AccountName, ClaimMode, CrateName, InvalidCrateName, InvalidPattern, InvalidRegistryName,
    NamePattern, RegistryName,
};
use supercargo_upstream::UpstreamFailed;

pub(crate) use self::inside::from_inside;
use crate::{device_logins::DeviceLoginRefused, limits::TooMany, rights::Denied};

/// For which an upstream can ask us to wait.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What became of a use case.
pub type Outcome<T> = Result<T, Failure>;

/// Why a use case did not do what was asked. Cheap to clone, since one flight answers many callers.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The caller may not.
    Denied(Denied),
    /// The caller can act on it.
    Refused(Arc<Refusal>),
    /// Nobody outside can act on it: logged at the edge, answered with a request id.
    Fault(Arc<anyhow::Error>),
}

/// What kind of refusal it is; each surface has one place that makes a status of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalClass {
    /// What was sent is not acceptable.
    Invalid,
    /// It clashes with what is there.
    Conflict,
    /// The crate belongs to others.
    NotOwned,
    /// A person or a rule keeps it back.
    Withheld,
    /// It is over a limit.
    TooLarge,
    /// It is done too often.
    TooMany,
    /// It is not there.
    NotFound,
    /// An upstream answered nonsense or the wrong bytes.
    UpstreamBad,
    /// An upstream cannot be asked now.
    UpstreamDown,
    /// An upstream took too long.
    UpstreamSlow,
}

/// One sentence each: lower case, no full stop, with what to do next. The sentences say what each variant is.
#[expect(
    missing_docs,
    reason = "each variant's sentence stands right above it, and its fields are the blanks in it"
)]
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Frame(#[from] FrameRefused),
    #[error("the `.crate` file is refused: {0}")]
    Archive(#[from] ArchiveRefused),
    #[error(transparent)]
    Manifest(#[from] ManifestRefused),
    #[error(transparent)]
    CrateName(#[from] InvalidCrateName),
    #[error(transparent)]
    RegistryName(#[from] InvalidRegistryName),
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    #[error(
        "crate version `{version}` is already uploaded: `{name}@{existing}` already exists in registry `{registry}` and versions never change; publish a new version number"
    )]
    VersionExists {
        registry: RegistryName,
        name: CrateName,
        version: String,
        existing: String,
    },
    #[error(
        "crate version `{version}` was uploaded before: `{name}@{existing}` was deleted from registry `{registry}`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored"
    )]
    NumberDeleted {
        registry: RegistryName,
        name: CrateName,
        version: String,
        existing: String,
    },
    #[error(
        "`{name}@{version}` may not be published in registry `{registry}`: {reason}; ask an admin of the registry to change its lists"
    )]
    Barred {
        registry: RegistryName,
        name: CrateName,
        version: String,
        reason: String,
    },
    #[error(
        "number `{version}` of crate `{name}` stands for other bytes: upstream `{upstream}` has `{name}@{existing}`, and registry `{registry}` serves its versions beside the hosted ones; publish a version number that upstream never had"
    )]
    UpstreamHasNumber {
        registry: RegistryName,
        name: CrateName,
        version: String,
        existing: String,
        upstream: String,
    },
    #[error(
        "whether upstream `{upstream}` has `{name}@{version}` cannot be told now, and beside its versions a number is only given when it can: {reason}; publish again later, or have a maintainer claim the name as a `fork`"
    )]
    NumberUnsure {
        name: CrateName,
        version: String,
        upstream: String,
        reason: String,
    },
    #[error(
        "crate was previously named `{existing}`: registry `{registry}` compares names without regard to case, `-` and `_`; publish it as `{existing}`, or choose another name"
    )]
    Twin {
        registry: RegistryName,
        existing: CrateName,
    },
    #[error(
        "`{principal}` is not an owner of crate `{name}` in registry `{registry}`; ask an owner ({owners}) to run `cargo owner --add {principal} {name} --registry {in_cargo}`"
    )]
    NotOwner {
        registry: RegistryName,
        in_cargo: String,
        name: CrateName,
        principal: String,
        owners: String,
    },
    #[error(
        "`{name}` is a crate of upstream `{upstream}`, which registry `{registry}` reads through; a maintainer has to claim the name first: `supercargo claim create {registry} {name} --mode fork`"
    )]
    UpstreamHasName {
        registry: RegistryName,
        name: CrateName,
        upstream: String,
    },
    #[error(
        "registry `{registry}` has given out versions of `{name}` that were upstream's; a maintainer has to claim the name first: `supercargo claim create {registry} {name} --mode fork`"
    )]
    NameServed {
        registry: RegistryName,
        name: CrateName,
    },
    #[error(
        "whether upstream `{upstream}` has a crate `{name}` cannot be told now, and a new name is only given when it can: {reason}; publish again later, or have a maintainer claim the name"
    )]
    UpstreamUnsure {
        name: CrateName,
        upstream: String,
        reason: String,
    },
    #[error(
        "dependency `{dependency}` says crates.io, but `{dependency}` is a private crate of registry `{registry}`; write `{dependency} = {{ version = \"{requirement}\", registry = \"{in_cargo}\" }}` in `Cargo.toml`"
    )]
    ForgottenRegistry {
        dependency: String,
        requirement: String,
        registry: RegistryName,
        in_cargo: String,
    },
    #[error(
        "dependency `{dependency}` names registry `{registry}` of this server, which is not there or which this token may not read; correct its `registry` in `Cargo.toml`"
    )]
    UnknownDependencyRegistry {
        dependency: String,
        registry: RegistryName,
    },
    #[error("crate `{name}` does not exist in registry `{registry}`")]
    NoCrate {
        registry: RegistryName,
        name: String,
    },
    #[error("crate `{name}` does not have a version `{version}` in registry `{registry}`")]
    NoVersion {
        registry: RegistryName,
        name: String,
        version: String,
    },
    #[error(
        "version `{version}` of crate `{name}` was deleted from registry `{registry}`; choose another version, or ask a maintainer whether it can be restored"
    )]
    VersionDeleted {
        registry: RegistryName,
        name: String,
        version: String,
    },
    #[error(
        "`{name}@{version}` is {} in registry `{registry}`{}: {}; choose another version, or ask a maintainer of the registry",
        .verdict.participle(), .verdict.since_when(), .verdict.reason
    )]
    Withheld {
        registry: RegistryName,
        name: String,
        version: String,
        verdict: Verdict,
    },
    #[error(
        "`{name}@{version}` is {} in registry `{registry}`{}: {}; that has to be lifted before it can be unyanked",
        .verdict.participle(), .verdict.since_when(), .verdict.reason
    )]
    StillWithheld {
        registry: RegistryName,
        name: String,
        version: String,
        verdict: Verdict,
    },
    #[error("`{what}` is not deleted in registry `{registry}`; delete it first if you mean it")]
    NotDeleted {
        registry: RegistryName,
        what: String,
    },
    #[error(
        "`{what}` was purged from registry `{registry}`: its bytes are gone for ever; publish a new version number"
    )]
    Purged {
        registry: RegistryName,
        what: String,
    },
    #[error(
        "this gives the name `{0}` back to upstream; repeat the name to confirm: `{{\"confirm\":\"{0}\"}}`"
    )]
    ConfirmRelease(CrateName),
    #[error(
        "crate `{name}` is claimed as `{mode}` in registry `{registry}`; delete the claim first, then release the name"
    )]
    NameClaimed {
        registry: RegistryName,
        name: CrateName,
        mode: ClaimMode,
    },
    #[error(
        "crate `{name}` still has versions in registry `{registry}` ({versions}); delete the crate first, then release its name"
    )]
    HasVersions {
        registry: RegistryName,
        name: CrateName,
        versions: u64,
    },
    #[error(
        "the name `{name}` of registry `{registry}` was released to upstream already; there is nothing left to do"
    )]
    AlreadyReleased {
        registry: RegistryName,
        name: CrateName,
    },
    #[error(
        "the name `{name}` was released to upstream in registry `{registry}`; claim it first, then restore what was hosted: `supercargo claim create {registry} {name} --mode fork`"
    )]
    NameReleased {
        registry: RegistryName,
        name: CrateName,
    },
    #[error(
        "nothing is quarantined as `{what}` in registry `{registry}`; `supercargo quarantine list {registry}` shows what is"
    )]
    NoQuarantine {
        registry: RegistryName,
        what: String,
    },
    #[error(
        "this accepts other bytes than were served before for `{name}@{version}`; repeat the version to confirm: `?confirm={version}`"
    )]
    ConfirmAccept { name: String, version: String },
    #[error(
        "registry `{registry}` never served a `{name}@{version}` of upstream's; there is nothing to accept"
    )]
    NotServed {
        registry: RegistryName,
        name: String,
        version: String,
    },
    #[error(
        "crate `{name}` of registry `{registry}` is served from upstream `{upstream}`; use quarantine"
    )]
    NotHosted {
        registry: RegistryName,
        name: String,
        upstream: String,
    },
    #[error("{0}")]
    Upstream(UpstreamFailed),
    #[error(
        "upstream `{upstream}` sends other bytes for `{name}@{version}` than its index promises (checksum {found}, expected {expected}); they were thrown away, so choose another version, or try again when upstream is mended"
    )]
    WrongBytes {
        upstream: String,
        name: String,
        version: String,
        expected: String,
        found: String,
    },
    #[error(
        "upstream `{upstream}` now lists other bytes for `{name}@{version}` than registry `{registry}` served before, and the former ones are not stored here; choose another version, or have a maintainer look into it and accept them: `supercargo crate accept {registry} {name}@{version}`"
    )]
    ChangedBytes {
        registry: RegistryName,
        upstream: String,
        name: String,
        version: String,
    },
    #[error("a registry named `{0}` exists")]
    RegistryTaken(RegistryName),
    #[error(
        "a registry named `{existing}` exists, and names that differ only in `.`, `-` and `_` share one variable of cargo's; choose another"
    )]
    RegistryTwin { existing: String },
    #[error(
        "a registry named `{0}` existed; only an instance admin may restore it or use its name again"
    )]
    RegistryRetired(RegistryName),
    #[error(
        "this deletes registry `{0}` with its crates; repeat the name to confirm: `?confirm={0}`"
    )]
    ConfirmRegistry(RegistryName),
    #[error("registry `{0}` is not deleted; delete it first: `supercargo registry delete {0}`")]
    RegistryNotDeleted(RegistryName),
    #[error(
        "registry `{0}` is not deleted, was purged, or has been deleted for more than 30 days; there is nothing to restore"
    )]
    NotRestorable(RegistryName),
    #[error("registry `{registry}` is read through by {users}; detach it there first")]
    RegistryInUse {
        registry: RegistryName,
        users: String,
    },
    #[error("an upstream named `{0}` exists; choose another name")]
    UpstreamTaken(String),
    #[error("there is no upstream named `{0}`; `supercargo upstream list` shows those there are")]
    NoUpstream(String),
    #[error("upstream `{upstream}` is in use by {users}; detach it there first")]
    UpstreamInUse { upstream: String, users: String },
    #[error("registry `{registry}` may not use upstream `{upstream}`: {reason}")]
    UpstreamNotUsable {
        registry: RegistryName,
        upstream: String,
        reason: String,
    },
    #[error("upstream `{upstream}` is in the list twice; name it once")]
    UpstreamTwice { upstream: String },
    #[error(
        "registry `{registry}` does not ask upstream `{upstream}` for `{name}`; attach it, or choose one that is attached and whose patterns pass the name: `supercargo registry show {registry}`"
    )]
    NotAttached {
        registry: RegistryName,
        name: String,
        upstream: String,
    },
    #[error(
        "where `{name}` of registry `{registry}` is read from changes at this moment; ask again"
    )]
    Changing {
        registry: RegistryName,
        name: String,
    },
    #[error(
        "registry `{registry}` does not read through other registries of this server: {reason}"
    )]
    NestingBarred {
        registry: RegistryName,
        reason: String,
    },
    #[error(
        "upstream `{upstream}` is a registry of this server, and what it reads through does not answer; try again later, or ask its administrators"
    )]
    Behind {
        upstream: String,
        kind: supercargo_upstream::FailureKind,
        pause: Option<Duration>,
    },
    #[error("this cannot be: registry `{registry}`: {reason}")]
    Nesting {
        registry: RegistryName,
        reason: String,
    },
    #[error("{0}")]
    UpstreamShape(String),
    #[error("an account named `{0}` exists; choose another name")]
    AccountTaken(String),
    #[error("`{0}` was deleted, and its name stays taken; choose another name")]
    AccountDeleted(String),
    #[error("there is no account `{0}`; check the name, or make it first")]
    NoAccount(String),
    #[error("`{0}` is not a member of registry `{1}`; `supercargo member list {1}` shows who is")]
    NotMember(String, RegistryName),
    #[error("there is no team `{0}`; `supercargo team list` shows those there are")]
    NoTeam(String),
    #[error(
        "only users can be members of a team, and `{0}` is none; give it a role or a crate of its own instead"
    )]
    TeamOfUsers(String),
    #[error("`{user}` is not a member of team `{team}`")]
    NotInTeam { user: String, team: AccountName },
    #[error(
        "team `{team}` is the last owner of {crates}; add another owner there first: `cargo owner --add NAME CRATE --registry REGISTRY`"
    )]
    TeamIsLastOwner { team: AccountName, crates: String },
    #[error(
        "`{account}` is the last owner of {crates}; add another owner there first: `cargo owner --add NAME CRATE --registry REGISTRY`, and disable the account until then"
    )]
    AccountIsLastOwner { account: String, crates: String },
    #[error(
        "`{0}` is the last instance admin who is not disabled; give somebody else that role first: `supercargo user edit NAME --instance-role admin`"
    )]
    LastAdmin(String),
    #[error(
        "this deletes `{account}` for ever, and nobody gets the name again; repeat the name to confirm: `?confirm={name}`"
    )]
    ConfirmAccount { account: String, name: AccountName },
    #[error("{0}")]
    PasswordShape(String),
    #[error(
        "that is not your present password; type it again, or ask an instance admin to give you another one"
    )]
    WrongPassword,
    #[error("too many people sign in at this moment; try again in a few seconds")]
    TooManySignIns,
    #[error(
        "pattern `{pattern}` is already claimed in registry `{registry}`; to change its mode, delete that claim first"
    )]
    ClaimTaken {
        registry: RegistryName,
        pattern: NamePattern,
    },
    #[error(
        "pattern `{pattern}` is not claimed in registry `{registry}`; `supercargo claim list {registry}` shows those there are"
    )]
    NoClaim {
        registry: RegistryName,
        pattern: NamePattern,
    },
    #[error(
        "names that `{0}` covers and that were never hosted here go back to upstream; repeat the pattern to confirm: `?confirm={0}`"
    )]
    ConfirmClaim(NamePattern),
    #[error(
        "there is no trusted publisher `{name}` in registry `{registry}`; `supercargo trusted-publisher list {registry}` shows those there are"
    )]
    NoPublisher {
        registry: RegistryName,
        name: String,
    },
    #[error(
        "registry `{registry}` has a trusted publisher `{name}`; change that one, or choose another name"
    )]
    PublisherTaken {
        registry: RegistryName,
        name: String,
    },
    #[error("{0}")]
    PublisherShape(String),
    #[error(
        "`{0}` stands for the jobs of a trusted publisher, which have what it says and nothing else; change it there: `supercargo trusted-publisher edit`"
    )]
    OfJobs(String),
    #[error(
        "crate `{name}` of registry `{registry}` belongs to others, and `{principal}` writes its own crates only; ask an admin of the registry to give the trusted publisher a pattern that covers it"
    )]
    NotOfJobs {
        registry: RegistryName,
        name: CrateName,
        principal: String,
    },
    #[error("{0}; run the job again")]
    IssuerFailed(String),
    #[error(transparent)]
    TooMany(#[from] TooMany),
    #[error(transparent)]
    DeviceLogin(#[from] DeviceLoginRefused),
    #[error("too many jobs ask for a token at this moment; try again in a few seconds")]
    TooManyJobs,
    #[error("there is no token with the id `{0}`; `supercargo token list` shows those there are")]
    NoToken(String),
    #[error("there is no session with the id `{0}`; `GET /api/v1/sessions` shows those there are")]
    NoSession(String),
    #[error("{0}")]
    SignOn(String),
    #[error(
        "this identity is linked to an account already; unlink it there first, or ask an instance admin"
    )]
    IdentityTaken,
    #[error("the account has no identity like this at `{0}`; look at the list of those it has")]
    NoIdentity(String),
    #[error(
        "this is the only way to sign in to the account; set a password or link another identity first"
    )]
    LastWayIn,
    #[error("{0}")]
    TokenShape(String),
    #[error(
        "`{0}` is not a user, service account or team of this server; owners are written as `alice`, `service:ci` or `team:core`"
    )]
    UnknownOwner(String),
    #[error(
        "`{owner}` is the last owner of crate `{name}`; add another one first: `cargo owner --add NAME {name}`"
    )]
    LastOwner { owner: String, name: CrateName },
    #[error(
        "`{owner}` is not an owner of crate `{name}`; `cargo owner --list {name}` shows who is"
    )]
    NotAnOwner { owner: String, name: CrateName },
    #[error("{0}")]
    Shape(String),
}

impl Refusal {
    /// Which status family it belongs to.
    pub fn class(&self) -> RefusalClass {
        use RefusalClass as Class;
        use supercargo_upstream::FailureKind;
        match self {
            Self::Frame(refused) if refused.too_large() => Class::TooLarge,
            Self::Archive(refused) if refused.too_large() => Class::TooLarge,
            Self::NotOwner { .. } | Self::NotOfJobs { .. } => Class::NotOwned,
            Self::Withheld { .. } => Class::Withheld,
            Self::TooMany(_) => Class::TooMany,
            Self::DeviceLogin(refused) => match refused {
                DeviceLoginRefused::SlowDown | DeviceLoginRefused::TooMany => Class::TooMany,
                DeviceLoginRefused::Pending | DeviceLoginRefused::Decided => Class::Conflict,
                DeviceLoginRefused::Denied => Class::Withheld,
                DeviceLoginRefused::Expired | DeviceLoginRefused::UnknownCode(_) => Class::NotFound,
                DeviceLoginRefused::NoCode => Class::Invalid,
            },
            Self::VersionExists { .. }
            | Self::NumberDeleted { .. }
            | Self::UpstreamHasNumber { .. }
            | Self::NameServed { .. }
            | Self::StillWithheld { .. }
            | Self::NotDeleted { .. }
            | Self::Purged { .. }
            | Self::NameClaimed { .. }
            | Self::HasVersions { .. }
            | Self::AlreadyReleased { .. }
            | Self::NameReleased { .. }
            | Self::UpstreamHasName { .. }
            | Self::RegistryTaken(_)
            | Self::RegistryTwin { .. }
            | Self::RegistryRetired(_)
            | Self::RegistryInUse { .. }
            | Self::UpstreamTaken(_)
            | Self::UpstreamInUse { .. }
            | Self::AccountTaken(_)
            | Self::AccountDeleted(_)
            | Self::IdentityTaken
            | Self::LastWayIn
            | Self::TeamIsLastOwner { .. }
            | Self::AccountIsLastOwner { .. }
            | Self::LastAdmin(_)
            | Self::ClaimTaken { .. }
            | Self::PublisherTaken { .. }
            | Self::RegistryNotDeleted(_)
            | Self::NotRestorable(_) => Class::Conflict,
            Self::NoCrate { .. }
            | Self::NoVersion { .. }
            | Self::VersionDeleted { .. }
            | Self::NoQuarantine { .. }
            | Self::NotServed { .. }
            | Self::NotHosted { .. }
            | Self::NoUpstream(_)
            | Self::NoAccount(_)
            | Self::NotMember(..)
            | Self::NoTeam(_)
            | Self::NotInTeam { .. }
            | Self::NoClaim { .. }
            | Self::NoPublisher { .. }
            | Self::NoToken(_)
            | Self::NoSession(_)
            | Self::NoIdentity(_) => Class::NotFound,
            Self::WrongBytes { .. } | Self::ChangedBytes { .. } => Class::UpstreamBad,
            Self::UpstreamUnsure { .. }
            | Self::NumberUnsure { .. }
            | Self::Changing { .. }
            | Self::IssuerFailed(_)
            | Self::TooManyJobs
            | Self::TooManySignIns
            | Self::NestingBarred { .. } => Class::UpstreamDown,
            Self::Upstream(failed) => match failed.kind() {
                FailureKind::BadGateway => Class::UpstreamBad,
                FailureKind::Unavailable => Class::UpstreamDown,
                FailureKind::Timeout => Class::UpstreamSlow,
            },
            Self::Behind { kind, .. } => match kind {
                FailureKind::BadGateway => Class::UpstreamBad,
                FailureKind::Unavailable => Class::UpstreamDown,
                FailureKind::Timeout => Class::UpstreamSlow,
            },
            _ => Class::Invalid,
        }
    }

    /// When to come back, where something is done too often, and where an upstream has said so or is left alone until then.
    /// Of an upstream at most a minute: that is how long one is left alone on its own word, so whoever comes back then is
    /// served.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Upstream(failed) => failed.retry_after().map(|pause| pause.min(LONGEST_PAUSE)),
            Self::Behind { pause, .. } => *pause,
            Self::TooMany(too_many) => Some(too_many.wait()),
            Self::DeviceLogin(refused) => refused.retry_after(),
            _ => None,
        }
    }

    /// Stable, for tools.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Frame(_) => "invalid-publish-frame",
            Self::Archive(_) => "invalid-crate-file",
            Self::Manifest(_) => "invalid-manifest",
            Self::CrateName(_) => "invalid-crate-name",
            Self::RegistryName(_) => "invalid-registry-name",
            Self::Pattern(_) => "invalid-pattern",
            Self::VersionExists { .. } => "version-exists",
            Self::NumberDeleted { .. } => "number-deleted",
            Self::Barred { .. } => "barred",
            Self::UpstreamHasNumber { .. } => "upstream-has-number",
            Self::VersionDeleted { .. } => "version-deleted",
            Self::Withheld { verdict, .. } | Self::StillWithheld { verdict, .. } => {
                verdict.participle()
            }
            Self::NotDeleted { .. } | Self::RegistryNotDeleted(_) => "not-deleted",
            Self::Purged { .. } => "purged",
            Self::NameClaimed { .. } => "claimed",
            Self::HasVersions { .. } => "has-versions",
            Self::AlreadyReleased { .. } => "already-released",
            Self::NameReleased { .. } => "name-released",
            Self::NoQuarantine { .. } => "no-such-quarantine",
            Self::NotServed { .. } => "not-served",
            Self::Twin { .. } => "crate-name-twin",
            Self::NotOwner { .. } | Self::NotAnOwner { .. } | Self::NotOfJobs { .. } => {
                "not-an-owner"
            }
            Self::UpstreamHasName { .. } | Self::NameServed { .. } => "upstream-has-name",
            Self::UpstreamUnsure { .. } | Self::NumberUnsure { .. } => "upstream-unsure",
            Self::ForgottenRegistry { .. } => "forgotten-registry",
            Self::UnknownDependencyRegistry { .. } => "unknown-dependency-registry",
            Self::NoCrate { .. } => "no-such-crate",
            Self::NoVersion { .. } => "no-such-version",
            Self::NotHosted { .. } => "not-hosted",
            Self::Upstream(_) | Self::Behind { .. } => "upstream-failed",
            Self::WrongBytes { .. } => "upstream-wrong-bytes",
            Self::ChangedBytes { .. } => "upstream-changed-bytes",
            Self::RegistryTaken(_) => "registry-name-taken",
            Self::RegistryTwin { .. } => "registry-name-twin",
            Self::RegistryRetired(_) => "registry-name-retired",
            Self::ConfirmRegistry(_)
            | Self::ConfirmClaim(_)
            | Self::ConfirmRelease(_)
            | Self::ConfirmAccept { .. }
            | Self::ConfirmAccount { .. } => "confirmation-needed",
            Self::NotRestorable(_) => "not-restorable",
            Self::RegistryInUse { .. } => "registry-in-use",
            Self::UpstreamTaken(_) => "upstream-name-taken",
            Self::NoUpstream(_) => "no-such-upstream",
            Self::UpstreamInUse { .. } => "upstream-in-use",
            Self::UpstreamNotUsable { .. } => "upstream-not-usable",
            Self::UpstreamTwice { .. } => "upstream-twice",
            Self::NotAttached { .. } => "not-attached",
            Self::Changing { .. } => "changing",
            Self::NestingBarred { .. } => "nesting-barred",
            Self::Nesting { .. } => "invalid-nesting",
            Self::UpstreamShape(_) => "invalid-upstream",
            Self::AccountTaken(_) | Self::AccountDeleted(_) => "account-name-taken",
            Self::NoAccount(_) => "no-such-account",
            Self::NotMember(..) | Self::NotInTeam { .. } => "not-a-member",
            Self::NoTeam(_) => "no-such-team",
            Self::TeamOfUsers(_) => "not-a-user",
            Self::ClaimTaken { .. } => "claim-exists",
            Self::NoClaim { .. } => "no-such-claim",
            Self::NoPublisher { .. } => "no-such-trusted-publisher",
            Self::PublisherTaken { .. } => "trusted-publisher-exists",
            Self::PublisherShape(_) => "invalid-trusted-publisher",
            Self::OfJobs(_) => "account-of-jobs",
            Self::IssuerFailed(_) => "issuer-failed",
            Self::TooMany(too_many) => too_many.code(),
            Self::DeviceLogin(refused) => refused.code(),
            Self::TooManyJobs => "too-many-jobs",
            Self::NoToken(_) => "no-such-token",
            Self::NoSession(_) => "no-such-session",
            Self::SignOn(_) => "sign-on-failed",
            Self::IdentityTaken => "identity-taken",
            Self::NoIdentity(_) => "no-such-identity",
            Self::LastWayIn => "last-way-to-sign-in",
            Self::TokenShape(_) => "invalid-token-request",
            Self::UnknownOwner(_) => "unknown-owner",
            Self::LastOwner { .. }
            | Self::TeamIsLastOwner { .. }
            | Self::AccountIsLastOwner { .. } => "last-owner",
            Self::LastAdmin(_) => "last-admin",
            Self::PasswordShape(_) => "invalid-password",
            Self::WrongPassword => "wrong-password",
            Self::TooManySignIns => "too-many-sign-ins",
            Self::Shape(_) => "invalid-request",
        }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Arc::new(refusal))
    }
}

impl From<supercargo_store::StoreError> for Failure {
    fn from(error: supercargo_store::StoreError) -> Self {
        if error.is_unstorable() {
            return Refusal::Shape(error.to_string()).into();
        }
        Self::fault(anyhow::Error::new(error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::fault(anyhow::Error::new(error))
    }
}

impl Failure {
    pub(crate) fn fault(error: anyhow::Error) -> Self {
        Self::Fault(Arc::new(error))
    }
}
