//! What callers can mend, said once and in one voice.
//!
//! Every refusal of every use case stands here, with a stable code for tools and one sentence for people. The edge turns a
//! [`RefusalClass`] into a status; nothing here knows HTTP.

use std::sync::Arc;

use supercargo_package::{ArchiveRefused, FrameRefused, ManifestRefused};
use supercargo_types::{
    AccountName, CrateName, InvalidCrateName, InvalidPattern, InvalidRegistryName, NamePattern,
    RegistryName,
};
use supercargo_upstream::UpstreamFailed;

use crate::rights::Denied;

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
    /// It is over a limit.
    TooLarge,
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
        "whether upstream `{upstream}` has a crate `{name}` cannot be told now, and a new name is only given when it can: {reason}; try again later, or have a maintainer claim the name"
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
        "upstream `{upstream}` sends other bytes for `{name}@{version}` than its index promises (checksum {found}, expected {expected}); they were thrown away"
    )]
    WrongBytes {
        upstream: String,
        name: String,
        version: String,
        expected: String,
        found: String,
    },
    #[error(
        "upstream `{upstream}` now lists other bytes for `{name}@{version}` than registry `{registry}` served before, and the former ones are not stored here; a maintainer has to look into it"
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
        "a registry named `{0}` existed; only an instance admin may use the name again, by restoring it"
    )]
    RegistryRetired(RegistryName),
    #[error(
        "this deletes registry `{0}` with its crates; repeat the name to confirm: `?confirm={0}`"
    )]
    ConfirmRegistry(RegistryName),
    #[error("registry `{0}` is not deleted, or has been deleted for more than 30 days")]
    NotRestorable(RegistryName),
    #[error("registry `{registry}` is read through by {users}; detach it there first")]
    RegistryInUse {
        registry: RegistryName,
        users: String,
    },
    #[error("an upstream named `{0}` exists")]
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
    #[error(
        "a registry reads through one upstream in this version; leave one of the {0} in the list"
    )]
    SeveralUpstreams(usize),
    #[error("{0}")]
    UpstreamShape(String),
    #[error("an account named `{0}` exists")]
    AccountTaken(String),
    #[error("there is no account `{0}`")]
    NoAccount(String),
    #[error("`{0}` is not a member of registry `{1}`")]
    NotMember(String, RegistryName),
    #[error("pattern `{pattern}` is already claimed in registry `{registry}`")]
    ClaimTaken {
        registry: RegistryName,
        pattern: NamePattern,
    },
    #[error("pattern `{pattern}` is not claimed in registry `{registry}`")]
    NoClaim {
        registry: RegistryName,
        pattern: NamePattern,
    },
    #[error(
        "names that `{0}` covers and that were never hosted here go back to upstream; repeat the pattern to confirm: `?confirm={0}`"
    )]
    ConfirmClaim(NamePattern),
    #[error("claims with mode `merge` come with a later version; use `fork`, or `private`")]
    MergeClaim,
    #[error("there is no token with the id `{0}`")]
    NoToken(String),
    #[error("{0}")]
    TokenShape(String),
    #[error(
        "`{0}` is not a user or service account of this server; owners are written as `alice` or `service:ci`"
    )]
    UnknownOwner(String),
    #[error("`{owner}` is the last owner of crate `{name}`; add another one first")]
    LastOwner { owner: AccountName, name: CrateName },
    #[error("`{owner}` is not an owner of crate `{name}`")]
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
            Self::NotOwner { .. } => Class::NotOwned,
            Self::VersionExists { .. }
            | Self::UpstreamHasName { .. }
            | Self::RegistryTaken(_)
            | Self::RegistryTwin { .. }
            | Self::RegistryRetired(_)
            | Self::RegistryInUse { .. }
            | Self::UpstreamTaken(_)
            | Self::UpstreamInUse { .. }
            | Self::AccountTaken(_)
            | Self::ClaimTaken { .. }
            | Self::NotRestorable(_) => Class::Conflict,
            Self::NoCrate { .. }
            | Self::NoVersion { .. }
            | Self::NotHosted { .. }
            | Self::NoUpstream(_)
            | Self::NoAccount(_)
            | Self::NotMember(..)
            | Self::NoClaim { .. }
            | Self::NoToken(_) => Class::NotFound,
            Self::WrongBytes { .. } | Self::ChangedBytes { .. } => Class::UpstreamBad,
            Self::UpstreamUnsure { .. } => Class::UpstreamDown,
            Self::Upstream(failed) => match failed.kind() {
                FailureKind::BadGateway => Class::UpstreamBad,
                FailureKind::Unavailable => Class::UpstreamDown,
                FailureKind::Timeout => Class::UpstreamSlow,
            },
            _ => Class::Invalid,
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
            Self::Twin { .. } => "crate-name-twin",
            Self::NotOwner { .. } | Self::NotAnOwner { .. } => "not-an-owner",
            Self::UpstreamHasName { .. } => "upstream-has-name",
            Self::UpstreamUnsure { .. } => "upstream-unsure",
            Self::ForgottenRegistry { .. } => "forgotten-registry",
            Self::UnknownDependencyRegistry { .. } => "unknown-dependency-registry",
            Self::NoCrate { .. } => "no-such-crate",
            Self::NoVersion { .. } => "no-such-version",
            Self::NotHosted { .. } => "not-hosted",
            Self::Upstream(_) => "upstream-failed",
            Self::WrongBytes { .. } => "upstream-wrong-bytes",
            Self::ChangedBytes { .. } => "upstream-changed-bytes",
            Self::RegistryTaken(_) => "registry-name-taken",
            Self::RegistryTwin { .. } => "registry-name-twin",
            Self::RegistryRetired(_) => "registry-name-retired",
            Self::ConfirmRegistry(_) | Self::ConfirmClaim(_) => "confirmation-needed",
            Self::NotRestorable(_) => "not-restorable",
            Self::RegistryInUse { .. } => "registry-in-use",
            Self::UpstreamTaken(_) => "upstream-name-taken",
            Self::NoUpstream(_) => "no-such-upstream",
            Self::UpstreamInUse { .. } => "upstream-in-use",
            Self::UpstreamNotUsable { .. } => "upstream-not-usable",
            Self::SeveralUpstreams(_) => "several-upstreams",
            Self::UpstreamShape(_) => "invalid-upstream",
            Self::AccountTaken(_) => "account-name-taken",
            Self::NoAccount(_) => "no-such-account",
            Self::NotMember(..) => "not-a-member",
            Self::ClaimTaken { .. } => "claim-exists",
            Self::NoClaim { .. } => "no-such-claim",
            Self::MergeClaim => "merge-unsupported",
            Self::NoToken(_) => "no-such-token",
            Self::TokenShape(_) => "invalid-token-request",
            Self::UnknownOwner(_) => "unknown-owner",
            Self::LastOwner { .. } => "last-owner",
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
