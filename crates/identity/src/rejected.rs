//! Why a token is not believed, and why an issuer could not be asked, in sentences that end up in the log of a CI job.
//!
//! They repeat what the token says and nothing that a rule says: the job may be a stranger's.

use std::fmt;

use http::StatusCode;
use supercargo_types::Timestamp;
use supercargo_upstream::{FailureKind, FailureReason};

use crate::{IssuerUrl, jwt::TOKEN_BYTES, shown::Shown};

/// A token that proves nothing. The sentence goes on after "the token".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// More than 16 KiB.
    #[error("the token has more than {TOKEN_BYTES} bytes; send the ID token of the job alone")]
    TooLong,
    /// Not three parts in base64url with JSON in them.
    #[error(
        "this is not a signed token: it should have three parts with dots between them, as in `eyJ….eyJ….…`; send the ID token as the issuer gave it"
    )]
    Malformed,
    /// `none`, HMAC or one that we do not know.
    #[error(
        "the token is signed with `{}`, and only signatures that no one but the issuer can make are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA",
        Shown(.0)
    )]
    Algorithm(String),
    /// A header `crit`.
    #[error("the token demands an extension (`crit`) that is not known here")]
    Critical,
    /// A header `typ` of another kind of token.
    #[error(
        "the token is of the kind `{}`, which is not an ID token; request an ID token from the issuer",
        Shown(.0)
    )]
    Kind(String),
    /// A claim that must be there is not, or is empty.
    #[error("the token has no `{0}`; request an ID token from the issuer")]
    Missing(&'static str),
    /// A time that is no number of seconds.
    #[error("the token's `{0}` is not a time in seconds")]
    Time(&'static str),
    /// Signed by somebody else than who was asked.
    #[error("the token's issuer is `{}`, which is not whom it should be from", Shown(.0))]
    Issuer(String),
    /// The issuer has no such key, or which one is meant cannot be told.
    #[error("{}", unknown_key(.0.as_deref()))]
    UnknownKey(Option<String>),
    /// The key that it names did not make its signature.
    #[error("the token's signature is wrong: its issuer did not make it, or it was changed since")]
    Signature,
    /// Over.
    #[error(
        "the token expired at {}, and it is {} now; request a new one just before it is used",
        .expires.pubtime(), .now.pubtime()
    )]
    Expired {
        /// By `exp`.
        expires: Timestamp,
        /// By our clock.
        now: Timestamp,
    },
    /// Not begun, by `nbf` or `iat`.
    #[error(
        "the token holds from {} on, and it is {} now; one of the two clocks is wrong",
        .begins.pubtime(), .now.pubtime()
    )]
    NotYet {
        /// By `nbf` or `iat`, whichever is later.
        begins: Timestamp,
        /// By our clock.
        now: Timestamp,
    },
    /// For somebody else, or for others too.
    #[error("{}", audience(.0))]
    Audience(Vec<String>),
    /// Its issuer cannot be asked: nobody's fault who sent it.
    #[error(transparent)]
    Unproven(#[from] IssuerFailed),
}

fn unknown_key(id: Option<&str>) -> String {
    match id {
        Some(id) => format!(
            "the token is signed with the key `{}`, which its issuer does not list for that",
            Shown(id)
        ),
        None => "the token does not name its key (`kid`), and its issuer does not list exactly one that could be meant".to_owned(),
    }
}

fn audience(found: &[String]) -> String {
    match found {
        [] => "the token has no `aud`; request one that is made for this registry".to_owned(),
        [one] => format!(
            "the token was made for `{}` and not for this registry; request one with the audience that the registry's administrator names",
            Shown(one)
        ),
        several => format!(
            "the token was made for {} audiences at once, and any of them could use it in your place; request one for this registry alone",
            several.len()
        ),
    }
}

/// An issuer did not do what one does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the issuer `{issuer}` {problem}")]
pub struct IssuerFailed {
    issuer: IssuerUrl,
    problem: IssuerProblem,
}

/// What is wrong with it; the text goes on after its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerProblem {
    /// It cannot be reached, is slow, or sends too much.
    Connection(FailureReason),
    /// A status that is no answer.
    Status {
        /// The status.
        status: StatusCode,
        /// The path that was asked for.
        asked: String,
    },
    /// Something that makes no sense; the text says what.
    Garbled(String),
    /// It calls itself by another name.
    OtherIssuer(String),
    /// An endpoint that we do not go to.
    Endpoint {
        /// The field of its description of itself.
        field: &'static str,
        /// What stands there.
        url: String,
    },
    /// It does not describe an endpoint that is needed.
    NoEndpoint(&'static str),
}

impl IssuerFailed {
    pub(crate) fn new(issuer: &IssuerUrl, problem: IssuerProblem) -> Self {
        Self {
            issuer: issuer.clone(),
            problem,
        }
    }

    /// Whose failure it is.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// What happened.
    pub fn problem(&self) -> &IssuerProblem {
        &self.problem
    }

    /// What we answer in turn.
    pub fn kind(&self) -> FailureKind {
        match &self.problem {
            IssuerProblem::Connection(
                FailureReason::Timeout { .. } | FailureReason::Crowded { .. },
            ) => FailureKind::Timeout,
            _ => FailureKind::BadGateway,
        }
    }
}

impl fmt::Display for IssuerProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(reason) => reason.fmt(f),
            Self::Status { status, asked } if status.is_redirection() => write!(
                f,
                "redirects when asked for `{asked}` ({status}), which is not followed: it has to answer there itself"
            ),
            Self::Status { status, asked } => {
                write!(f, "answers {status} when asked for `{asked}`")
            }
            Self::Garbled(what) => write!(f, "gives an answer that makes no sense: {what}"),
            Self::OtherIssuer(found) => write!(
                f,
                "calls itself `{}`; write the issuer exactly so if that is whom you mean",
                Shown(found)
            ),
            Self::Endpoint { field, url } => write!(
                f,
                "names `{}` as its `{field}`, which is not an https URL",
                Shown(url)
            ),
            Self::NoEndpoint(field) => write!(
                f,
                "does not name its `{field}`, so nobody can sign in with it"
            ),
        }
    }
}
