//! An upstream as this room needs it: name, place, credentials.

use std::fmt;

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use crate::{FailureReason, IndexUrl, TrustedOrigin, UpstreamFailed};

/// In place of a secret.
const HIDDEN: &str = "[hidden]";

/// Another registry.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// What people call it; stands in every failure.
    pub name: String,
    /// Where its index is.
    pub index: IndexUrl,
    /// What it is shown.
    pub auth: UpstreamAuth,
    /// Origins besides the index's own that are shown it: where its files are elsewhere.
    pub also: Vec<TrustedOrigin>,
    /// Presets are exempt from the address guard: inside a company they often resolve to a private mirror.
    pub is_preset: bool,
}

/// A secret that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Credentials for an upstream. They go to the origin of its index, to those that its settings name, and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UpstreamAuth {
    /// Nothing is sent.
    #[default]
    None,
    /// `Authorization: SECRET`, as cargo sends a token.
    Token(Secret),
    /// `Authorization: Bearer SECRET`.
    Bearer(Secret),
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        username: String,
        /// The password.
        secret: Secret,
    },
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Upstream {
    /// Adds the credentials to a request; the caller has checked whom it goes to.
    pub(crate) fn sign(&self, request: RequestBuilder) -> Result<RequestBuilder, UpstreamFailed> {
        match &self.auth {
            UpstreamAuth::None => Ok(request),
            UpstreamAuth::Token(Secret(secret)) => self.header(request, secret),
            UpstreamAuth::Bearer(Secret(secret)) => {
                self.header(request, &format!("Bearer {secret}"))
            }
            UpstreamAuth::Basic {
                username,
                secret: Secret(secret),
            } => Ok(request.basic_auth(username, Some(secret))),
        }
    }

    fn header(
        &self,
        request: RequestBuilder,
        text: &str,
    ) -> Result<RequestBuilder, UpstreamFailed> {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            self.failed(FailureReason::Refused(
                "its credentials have characters that no header can carry; set them again"
                    .to_owned(),
            ))
        })?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value))
    }

    pub(crate) fn failed(&self, reason: FailureReason) -> UpstreamFailed {
        UpstreamFailed::new(&self.name, self.without_secret(reason))
    }

    /// For those who look into what came: it is nonsense, and `what` says which.
    pub fn garbled(&self, what: impl Into<String>) -> UpstreamFailed {
        self.failed(FailureReason::Garbled(Some(what.into())))
    }

    /// Whoever may read a registry reads why its upstream fails. An upstream that sends back what it was sent, as a page for
    /// debugging does, must not show them its credentials in the parts of a reason that it has a say in.
    fn without_secret(&self, reason: FailureReason) -> FailureReason {
        let secret = match &self.auth {
            UpstreamAuth::None => return reason,
            UpstreamAuth::Token(Secret(secret))
            | UpstreamAuth::Bearer(Secret(secret))
            | UpstreamAuth::Basic {
                secret: Secret(secret),
                ..
            } => secret,
        };
        if secret.is_empty() {
            return reason;
        }
        // a host comes in lower case
        let clean = |text: String| {
            let lower = secret.to_ascii_lowercase();
            text.replace(secret.as_str(), HIDDEN)
                .replace(&lower, HIDDEN)
        };
        match reason {
            FailureReason::Unreachable { host, cause } => FailureReason::Unreachable {
                host: clean(host),
                cause: clean(cause),
            },
            FailureReason::Garbled(Some(what)) => FailureReason::Garbled(Some(clean(what))),
            FailureReason::Refused(what) => FailureReason::Refused(clean(what)),
            reason => reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream() -> Upstream {
        Upstream {
            name: "partner".to_owned(),
            index: "sparse+https://registry.example/".parse().unwrap(),
            auth: UpstreamAuth::Basic {
                username: "us".to_owned(),
                secret: "Hunter2".to_owned().into(),
            },
            also: Vec::new(),
            is_preset: false,
        }
    }

    #[test]
    fn an_upstream_that_repeats_its_credentials_does_not_get_them_into_a_reason() {
        let host = |host: &str| FailureReason::Unreachable {
            host: host.to_owned(),
            cause: "no Hunter2".to_owned(),
        };
        for failed in [
            upstream().garbled("line 1 is about `Hunter2`"),
            upstream().failed(host("hunter2.example")),
            upstream().failed(FailureReason::Refused("goes to Hunter2".to_owned())),
        ] {
            let text = failed.to_string();
            assert!(!text.to_ascii_lowercase().contains("hunter2"), "{text}");
            assert!(text.contains(HIDDEN), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown_by_debug() {
        let upstream = upstream();
        let shown = format!("{upstream:?}");
        assert!(
            shown.contains("partner") && !shown.contains("Hunter2"),
            "{shown}"
        );
    }
}
