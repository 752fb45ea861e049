//! What can go wrong with an upstream, in words that end up in cargo's terminal.

use std::{error::Error as _, fmt, net::IpAddr, time::Duration};

use http::StatusCode;

use crate::{Upstream, address::PrivateAddress};

/// An upstream did not do what a registry does. Never a "not there": see [`IndexAnswer::NotThere`](crate::IndexAnswer).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("upstream `{upstream}` {reason}")]
pub struct UpstreamFailed {
    upstream: String,
    reason: FailureReason,
}

/// Why it failed; the text goes on after the upstream's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// No connection, or one that broke: DNS, TCP, TLS.
    Unreachable {
        /// Host and port that were tried.
        host: String,
        /// What the system says.
        cause: String,
    },
    /// Too slow in connecting, in answering, or in sending on.
    Timeout {
        /// Our patience.
        patience: Duration,
    },
    /// A status that is no answer to what was asked.
    Status {
        /// The status.
        status: StatusCode,
        /// What was asked for.
        asked: String,
        /// When to come back, if upstream says so.
        retry_after: Option<Duration>,
    },
    /// More than the limit.
    TooLarge {
        /// What it sends too much of.
        asked: String,
        /// In bytes.
        limit: u64,
    },
    /// Bytes that make no sense.
    Garbled(String),
    /// We do not go there.
    Refused(String),
    /// It resolves to an address that is not public, and that nobody allowed.
    Private(IpAddr),
    /// Its index lists a version whose file it does not have.
    NotThere {
        /// What was asked for.
        asked: String,
        /// 404 or 410.
        status: StatusCode,
    },
}

/// The family of the answer that we give in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// 502.
    BadGateway,
    /// 503: worth another try, after [`UpstreamFailed::retry_after`] where that is known.
    Unavailable,
    /// 504.
    Timeout,
}

impl UpstreamFailed {
    pub(crate) fn new(upstream: &str, reason: FailureReason) -> Self {
        Self {
            upstream: upstream.to_owned(),
            reason,
        }
    }

    /// For those who look into what came: it is nonsense, and `what` says which.
    pub fn garbled(upstream: &str, what: String) -> Self {
        Self::new(upstream, FailureReason::Garbled(what))
    }

    /// Whose failure it is.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// What happened.
    pub fn reason(&self) -> &FailureReason {
        &self.reason
    }

    /// What we answer in turn.
    pub fn kind(&self) -> FailureKind {
        match &self.reason {
            FailureReason::Timeout { .. } => FailureKind::Timeout,
            FailureReason::Status { status, .. } => match *status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    FailureKind::Unavailable
                }
                StatusCode::GATEWAY_TIMEOUT => FailureKind::Timeout,
                _ => FailureKind::BadGateway,
            },
            _ => FailureKind::BadGateway,
        }
    }

    /// When upstream wants to be asked again, where it said so in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.reason {
            FailureReason::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether another `dl` in `config.json` could explain it.
    pub(crate) fn may_have_moved(&self) -> bool {
        match &self.reason {
            FailureReason::NotThere { .. } | FailureReason::Unreachable { .. } => true,
            FailureReason::Status { status, .. } => {
                matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            }
            _ => false,
        }
    }
}

impl Upstream {
    /// A request or a body that did not come through.
    pub(crate) fn broken(
        &self,
        error: reqwest::Error,
        host: &str,
        patience: Duration,
    ) -> UpstreamFailed {
        if error.is_timeout() {
            return self.failed(FailureReason::Timeout { patience });
        }
        // without the URL: it may be a presigned one
        let error = error.without_url();
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(private) = inner.downcast_ref::<PrivateAddress>() {
                return self.failed(FailureReason::Private(private.0));
            }
            cause = inner.to_string();
            source = inner.source();
        }
        self.failed(FailureReason::Unreachable {
            host: host.to_owned(),
            cause,
        })
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { host, cause } => {
                write!(f, "cannot be reached at `{host}`: {cause}")
            }
            Self::Timeout { patience } => write!(f, "did not answer within {patience:?}"),
            Self::Status { status, asked, .. } => {
                write!(f, "answers {status} when asked for `{asked}`")?;
                match *status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                        f.write_str("; an administrator should look at its credentials")
                    }
                    _ => Ok(()),
                }
            }
            Self::TooLarge { asked, limit } => {
                write!(
                    f,
                    "sends more than {limit} bytes for `{asked}`, which is the limit"
                )
            }
            Self::Garbled(what) => write!(f, "gives an answer that makes no sense: {what}"),
            Self::Refused(what) => f.write_str(what),
            Self::Private(address) => write!(
                f,
                "resolves to a private address ({address}); an administrator can allow it with `upstream.allow_addresses`"
            ),
            Self::NotThere { asked, status } => {
                write!(f, "lists `{asked}` but does not have its file ({status})")
            }
        }
    }
}
