//! What can go wrong between this program and a server, in the words of somebody who typed a command.

use reqwest::StatusCode;

use crate::exit::Exit;

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The address makes no sense. It is not repeated: it may hold a password.
    #[error(
        "the server's address {reason}; write it as `https://crates.acme.example` with `--url` or SUPERCARGO_URL"
    )]
    Address { reason: &'static str },
    /// The token cannot be sent. It is not repeated.
    #[error("the token holds characters that no token has; check `--token` or SUPERCARGO_TOKEN")]
    Token,
    /// A name that would change the path it is put into.
    #[error("`{0}` is not a name; names are made of letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// Nothing answers there.
    #[error(
        "cannot reach `{url}` ({reason}): is the server running? give its address with `--url` or SUPERCARGO_URL"
    )]
    Unreachable { url: String, reason: String },
    /// It took too long, or the connection broke.
    #[error(
        "no whole answer came from `{url}` ({reason}); it may have done what was asked all the same"
    )]
    Interrupted { url: String, reason: String },
    /// The API says no.
    #[error("{details}{hint}")]
    Refused { details: String, hint: &'static str },
    /// The same, to whoever this is.
    #[error("{details}{hint}")]
    Denied { details: String, hint: &'static str },
    /// The same, for a reason that may pass: an upstream that does not answer, or too many requests.
    #[error("{0}")]
    Busy(String),
    /// Something else than Supercargo answers, or a proxy in front of it.
    #[error("`{url}` answered {status} and not as supercargo does; {advice}")]
    Stranger {
        url: String,
        status: StatusCode,
        advice: String,
    },
}

impl ClientError {
    /// What a refusal with this status is.
    pub(crate) fn refused(status: StatusCode, details: String, hint: &'static str) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Denied { details, hint },
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::Busy(details),
            _ => Self::Refused { details, hint },
        }
    }

    /// How the program ends with it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Address { .. } | Self::Token | Self::Name(_) => Exit::Usage,
            Self::Refused { .. } => Exit::Failed,
            Self::Denied { .. } => Exit::NotAllowed,
            Self::Unreachable { .. }
            | Self::Interrupted { .. }
            | Self::Busy(_)
            | Self::Stranger { .. } => Exit::NoAnswer,
        }
    }
}
