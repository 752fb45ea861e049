//! What a person is sent to a provider with, and what their browser brings back.

use std::fmt;

use serde::{Deserialize, Serialize};
use supercargo_types::Timestamp;
use url::form_urlencoded;

use crate::{IssuerUrl, SignInFailed};

/// In bytes, of what a browser brings back.
const QUERY_BYTES: usize = 16 << 10;

/// A person who has been sent to the provider. It is to be kept where only that browser's return finds it: in a cookie that is
/// encrypted and signed, or under a session of that browser. It is used once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub(crate) issuer: IssuerUrl,
    pub(crate) redirect_uri: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    pub(crate) begun: Timestamp,
}

/// What a browser brings back from the provider.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Callback {
    pub(crate) state: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) description: Option<String>,
}

impl Callback {
    /// From the query of the address that a browser comes back to.
    ///
    /// # Errors
    /// When it is longer than any answer, or says something twice.
    pub fn from_query(query: &str) -> Result<Self, SignInFailed> {
        if query.len() > QUERY_BYTES {
            return Err(SignInFailed::Answer);
        }
        let mut callback = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "state" => &mut callback.state,
                "code" => &mut callback.code,
                "iss" => &mut callback.issuer,
                "error" => &mut callback.error,
                "error_description" => &mut callback.description,
                _ => continue,
            };
            // who reads the first and who reads the last would see two answers
            if field.replace(value.into_owned()).is_some() {
                return Err(SignInFailed::Answer);
            }
        }
        Ok(callback)
    }

    /// By which the caller may find what was begun, where it keeps several.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl Pending {
    /// By which the caller may find it again.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Whom the person was sent to.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("issuer", &self.issuer)
            .field("begun", &self.begun)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_nothing_twice() {
        let callback = Callback::from_query("code=a%20b&state=c&other=d&other=e").unwrap();
        assert_eq!(callback.code.as_deref(), Some("a b"));
        assert_eq!(callback.state(), Some("c"));
        for bad in [
            "code=a&code=b",
            "state=a&state=a",
            &"x".repeat(QUERY_BYTES + 1),
        ] {
            assert_eq!(
                Callback::from_query(bad),
                Err(SignInFailed::Answer),
                "{bad}"
            );
        }
    }
}
