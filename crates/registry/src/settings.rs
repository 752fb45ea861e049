//! What an instance is told when it opens, and who is calling.

use std::{fmt, time::Duration};

use aws_lc_rs::hmac;
use supercargo_types::{Clock, Digest, Random, Rate, Site};

use crate::{browsers::SessionSettings, configured::ConfiguredKey, sign_on::SignOnSettings};

/// Everything an [`Instance`](crate::Instance) needs besides its database and blobs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// BASE and what it was before.
    pub site: Site,
    /// Dealing with upstreams.
    pub upstream: UpstreamSettings,
    /// Sizes.
    pub limits: Limits,
    /// How often somebody may do something.
    pub rates: Rates,
    /// How long logs are kept.
    pub audit: AuditSettings,
    /// How long a browser stays signed in.
    pub sessions: SessionSettings,
    /// The provider that people sign in with, where there is one.
    pub sign_on: Option<SignOnSettings>,
    /// Encrypts what must be read back.
    pub secret_key: SecretKey,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where secrets come from.
    pub random: Random,
    /// Every key of the configuration, for whoever runs the server; without secrets.
    pub configured: Vec<ConfiguredKey>,
}

/// Life of what is cached from upstreams, and patience with them.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// An index entry is not asked for again within this time.
    pub freshness: Duration,
    /// An index entry that is older by up to this is given out at once, and asked about meanwhile.
    pub stale_while_revalidate: Duration,
    /// A "not there" holds this long.
    pub negative: Duration,
    /// A last good copy serves this long while its upstream fails.
    pub stale_if_error: Duration,
    /// Patience in connecting, waiting for an answer, and between two pieces of a body.
    pub timeout: Duration,
    /// CIDRs or hosts beyond the public internet that upstreams may reach.
    pub allow_addresses: Vec<String>,
    /// Whether what an index entry depends on is asked for before a client does.
    pub read_ahead: bool,
    /// Of all cached `.crate` files together, in bytes; over it, the least recently used go.
    pub cache_size: Option<u64>,
}

impl UpstreamSettings {
    /// By how much an index entry may be older than fresh and still be given out at once. Whoever sets `freshness` to zero
    /// wants each answer to be asked for.
    pub(crate) fn grace(&self) -> Duration {
        if self.freshness.is_zero() {
            Duration::ZERO
        } else {
            self.stale_while_revalidate
        }
    }
}

/// How long logs are kept; `None`: for ever.
#[derive(Clone, Debug, Default)]
pub struct AuditSettings {
    /// The audit log.
    pub keep: Option<Duration>,
    /// Each single download. Who pulled what is kept for ever, without the moments between.
    pub keep_downloads: Option<Duration>,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of a `.crate` file.
    pub crate_size: u64,
    /// Of its unpacked contents.
    pub unpacked_size: u64,
}

/// How often somebody may do something; `None`: as often as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Publishes of a principal.
    pub publishes: Option<Rate>,
    /// Failed sign-ins to an account with a password, from one network.
    pub sign_ins: Option<Rate>,
    /// The same from all networks together, but for those from which the account has signed in lately.
    pub sign_ins_of_account: Option<Rate>,
    /// Failed sign-ins from one network, to whichever accounts.
    pub sign_ins_of_address: Option<Rate>,
    /// Bad tokens from one network.
    pub token_guesses: Option<Rate>,
}

impl Default for Rates {
    /// As in `config.default.toml`.
    fn default() -> Self {
        Self {
            publishes: Some(Rate::each_second(300, 1)),
            sign_ins: Some(Rate::each_minute(10, 1)),
            sign_ins_of_account: Some(Rate::each_minute(100, 1)),
            sign_ins_of_address: Some(Rate::each_minute(30, 6)),
            token_guesses: Some(Rate::each_second(60, 1)),
        }
    }
}

/// The key that encrypts upstream credentials at rest.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// From the 32 bytes of `secret_key_file`.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// By which a database knows its key again; says nothing about the key.
    pub fn fingerprint(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, b"fingerprint of supercargo's secret key");
        Digest::of(tag.as_ref()).hex()
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// Where a request came from; stands in its audit row.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The peer's address.
    pub address: Option<String>,
    /// `User-Agent`, cut at 200 characters by the edge.
    pub user_agent: Option<String>,
    /// The request's id, also in the log and in a fault's answer.
    pub request_id: Option<String>,
}
