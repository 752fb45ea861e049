//! What can go wrong with an upstream, in words that end up in cargo's terminal.

use std::{error::Error as _, fmt, net::IpAddr, time::Duration};

use http::StatusCode;
use supercargo_types::Timestamp;

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
        /// What was asked for; none: see [`FailureReason::for_anybody`].
        asked: Option<String>,
        /// When to come back, if upstream says so.
        retry_after: Option<Duration>,
    },
    /// More than the limit.
    TooLarge {
        /// What it sends too much of; none: see [`FailureReason::for_anybody`].
        asked: Option<String>,
        /// In bytes.
        limit: u64,
    },
    /// Bytes that make no sense: which, and in answer to what; none: see [`FailureReason::for_anybody`].
    Garbled(Option<String>),
    /// We do not go there.
    Refused(String),
    /// It resolves to an address that is not public, and that nobody allowed.
    Private(IpAddr),
    /// It was not asked: it has failed again and again, and is left alone for a while.
    Unavailable {
        /// When that began.
        since: Timestamp,
        /// How it failed last, [for anybody](FailureReason::for_anybody).
        last: Box<FailureReason>,
        /// When to come back, in whole seconds.
        retry_after: Duration,
    },
    /// It was not asked: too many questions are under way, and this one never had its turn. The upstream may be well.
    Crowded {
        /// How long it waited.
        patience: Duration,
    },
    /// Its index lists a version whose file it does not have.
    NotThere {
        /// What was asked for; none: see [`FailureReason::for_anybody`].
        asked: Option<String>,
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
        Self::new(upstream, FailureReason::Garbled(Some(what)))
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
            FailureReason::Timeout { .. } | FailureReason::Crowded { .. } => FailureKind::Timeout,
            FailureReason::Unavailable { .. } => FailureKind::Unavailable,
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

    /// When to come back, where upstream said so in seconds, or where it is left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.reason {
            FailureReason::Status { retry_after, .. } => *retry_after,
            FailureReason::Unavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// Whether it says that the upstream is down: it cannot be reached, is too slow, has an error of its own or is busy. One
    /// that refuses or garbles a single name is not; nor does it say anything of the upstream that it was not asked.
    pub fn is_down(&self) -> bool {
        match &self.reason {
            FailureReason::Unreachable { .. } | FailureReason::Timeout { .. } => true,
            FailureReason::Status { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }

    /// Whether the upstream was asked at all.
    pub(crate) fn was_asked(&self) -> bool {
        !matches!(
            self.reason,
            FailureReason::Unavailable { .. } | FailureReason::Crowded { .. }
        )
    }

    /// Whether another `dl` in `config.json` could explain it.
    pub(crate) fn may_have_moved(&self) -> bool {
        match &self.reason {
            FailureReason::NotThere { .. }
            | FailureReason::Unreachable { .. }
            | FailureReason::Private(_) => true,
            FailureReason::Status { status, .. } => {
                matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            }
            _ => false,
        }
    }
}

/// How long the parts of an answer are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a connection: name, TCP and TLS.
    pub(crate) connect: Duration,
    /// For the head of an answer, and then between two pieces of its body.
    pub(crate) answer: Duration,
}

impl Upstream {
    /// A request or a body that did not come through.
    pub(crate) fn broken(
        &self,
        error: reqwest::Error,
        host: &str,
        patience: Patience,
    ) -> UpstreamFailed {
        self.failed(FailureReason::broken(error, host, patience))
    }
}

impl FailureReason {
    /// The same without what was asked for. All registries that read an upstream learn how it failed last, also those whose
    /// readers may not know which names are asked for through the others.
    #[must_use]
    pub fn for_anybody(&self) -> Self {
        match self.clone() {
            Self::Status {
                status,
                retry_after,
                ..
            } => Self::Status {
                status,
                asked: None,
                retry_after,
            },
            Self::TooLarge { limit, .. } => Self::TooLarge { asked: None, limit },
            Self::NotThere { status, .. } => Self::NotThere {
                asked: None,
                status,
            },
            // it names crates, versions and parts of lines
            Self::Garbled(_) => Self::Garbled(None),
            reason @ (Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Refused(_)
            | Self::Private(_)
            | Self::Unavailable { .. }
            | Self::Crowded { .. }) => reason,
        }
    }

    /// Why a request or a body did not come through.
    pub(crate) fn broken(error: reqwest::Error, host: &str, patience: Patience) -> Self {
        if error.is_timeout() {
            let patience = if error.is_connect() {
                patience.connect
            } else {
                patience.answer
            };
            return Self::Timeout { patience };
        }
        // without the URL: it may be a presigned one
        let error = error.without_url();
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(private) = inner.downcast_ref::<PrivateAddress>() {
                return Self::Private(private.0);
            }
            cause = inner.to_string();
            source = inner.source();
        }
        Self::Unreachable {
            host: host.to_owned(),
            cause,
        }
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
                write!(f, "answers {status}")?;
                if let Some(asked) = asked {
                    write!(f, " when asked for `{asked}`")?;
                }
                match *status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                        f.write_str("; an administrator should look at its credentials")
                    }
                    _ => Ok(()),
                }
            }
            Self::TooLarge { asked, limit } => {
                write!(f, "sends more than {limit} bytes")?;
                if let Some(asked) = asked {
                    write!(f, " for `{asked}`")?;
                }
                f.write_str(", which is the limit")
            }
            Self::Garbled(Some(what)) => {
                write!(f, "gives an answer that makes no sense: {what}")
            }
            Self::Garbled(None) => f.write_str("gives answers that make no sense"),
            Self::Refused(what) => f.write_str(what),
            Self::Private(address) => write!(
                f,
                "resolves to a private address ({address}); an administrator can allow it with `upstream.allow_addresses`"
            ),
            Self::Unavailable {
                since,
                last,
                retry_after,
            } => {
                let (since, seconds) = (since.pubtime(), retry_after.as_secs());
                write!(
                    f,
                    "is left alone for a moment, for it has been failing since {since} (last: {last}); try again in {seconds}s"
                )
            }
            Self::Crowded { patience } => write!(
                f,
                "was not asked within {patience:?}, for too many others ask it; try again later"
            ),
            Self::NotThere {
                asked: Some(asked),
                status,
            } => write!(f, "lists `{asked}` but does not have its file ({status})"),
            Self::NotThere {
                asked: None,
                status,
            } => write!(f, "lists versions but does not have their files ({status})"),
        }
    }
}
