//! An upstream as this room needs it: name, place, credentials.

use std::fmt;

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use crate::{FailureReason, IndexUrl, UpstreamFailed};

/// Another registry.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// What people call it; stands in every failure.
    pub name: String,
    /// Where its index is.
    pub index: IndexUrl,
    /// What it is shown.
    pub auth: UpstreamAuth,
    /// Presets are exempt from the address guard: inside a company they often resolve to a private mirror.
    pub is_preset: bool,
}

/// A secret that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Credentials for an upstream. They go to the origin of its index and nowhere else.
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
        UpstreamFailed::new(&self.name, reason)
    }

    pub(crate) fn garbled(&self, what: impl Into<String>) -> UpstreamFailed {
        self.failed(FailureReason::Garbled(what.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown_by_debug() {
        let upstream = Upstream {
            name: "partner".to_owned(),
            index: "sparse+https://registry.example/".parse().unwrap(),
            auth: UpstreamAuth::Basic {
                username: "us".to_owned(),
                secret: "hunter2".to_owned().into(),
            },
            is_preset: false,
        };
        let shown = format!("{upstream:?}");
        assert!(
            shown.contains("partner") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
