//! A signed token (RFC 7519, RFC 7515, and the advice of RFC 8725): taken apart, and its times looked at.
//!
//! What it says comes out of here only with the proof of a key, but for the name of the issuer, which tells whose keys to ask
//! for.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value};
use supercargo_types::Timestamp;

use crate::{
    TokenRejected,
    keys::{Algorithm, Keys, Proof},
};

/// In bytes. Real ones have one to four thousand; whoever sends more wants work to be done before any key is asked.
pub(crate) const TOKEN_BYTES: usize = 16 << 10;
/// How far the issuer's clock may be from ours.
pub(crate) const LEEWAY: Duration = Duration::from_mins(1);
/// Numbers up to here are the same as text, as a double and as an integer.
const LARGEST_NUMBER: f64 = 9_007_199_254_740_992.0;

/// A token whose signature nobody has looked at.
pub(crate) struct Unproven<'a> {
    algorithm: Algorithm,
    key: Option<String>,
    message: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

/// What an issuer has signed.
#[derive(Clone, Debug)]
pub(crate) struct Claims(Map<String, Value>);

/// When a token holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl<'a> Unproven<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenRejected> {
        if token.len() > TOKEN_BYTES {
            return Err(TokenRejected::TooLong);
        }
        let malformed = || TokenRejected::Malformed;
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
        let algorithm = header.alg.parse();
        let algorithm = algorithm.map_err(|_| TokenRejected::Algorithm(header.alg))?;
        // RFC 7515, 4.1.11: it changes what the token means in a way that we do not know
        if header.crit.is_some() {
            return Err(TokenRejected::Critical);
        }
        // RFC 8725, 3.11: an access token or a logout token of the same issuer is signed with the same keys
        if let Some(kind) = header.typ
            && !kind.eq_ignore_ascii_case("jwt")
        {
            return Err(TokenRejected::Kind(kind));
        }
        let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| malformed())?;
        Ok(Self {
            algorithm,
            key: header.kid,
            message,
            signature: decode(signature)?,
            claims: Claims(claims),
        })
    }

    /// Whose it claims to be.
    pub(crate) fn issuer(&self) -> Result<&str, TokenRejected> {
        self.claims.required("iss")
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn proof(&self, keys: &Keys) -> Proof {
        let message = self.message.as_bytes();
        keys.prove(self.key(), self.algorithm, message, &self.signature)
    }

    /// What it says, whether or not that is true.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The caller has a [`Proof::Sound`].
    pub(crate) fn into_claims(self) -> Claims {
        self.claims
    }
}

impl From<Map<String, Value>> for Claims {
    /// For what an issuer says without a signature, over a connection to it.
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl Claims {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// By its name, or by a path of names such as `/realm_access/roles` where no claim has that name.
    pub(crate) fn find(&self, name: &str) -> Option<&Value> {
        let direct = self.get(name);
        direct.or_else(|| {
            let mut steps = name.strip_prefix('/')?.split('/');
            let first = self.get(steps.next()?)?;
            steps.try_fold(first, |value, step| value.get(step))
        })
    }

    /// A text that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&str, TokenRejected> {
        self.text(name).ok_or(TokenRejected::Missing(name))
    }

    /// Who it is for: one text or several.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A number of seconds since 1970, which RFC 7519 lets be a fraction.
    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, TokenRejected> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let seconds = value.as_f64().unwrap_or(f64::NAN);
        if !(0.0..LARGEST_NUMBER).contains(&seconds) {
            return Err(TokenRejected::Time(name));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked, and a fraction of a second means nothing here"
        )]
        let seconds = seconds as i64;
        Ok(Some(Timestamp::from_seconds(seconds)))
    }

    /// That it holds now, give or take [`LEEWAY`].
    pub(crate) fn times(&self, now: Timestamp) -> Result<Times, TokenRejected> {
        let expires = self.time("exp")?.ok_or(TokenRejected::Missing("exp"))?;
        let issued = self.time("iat")?.ok_or(TokenRejected::Missing("iat"))?;
        if expires.plus(LEEWAY) <= now {
            return Err(TokenRejected::Expired { expires, now });
        }
        let begins = self.time("nbf")?.unwrap_or(issued).max(issued);
        if now.plus(LEEWAY) < begins {
            return Err(TokenRejected::NotYet { begins, now });
        }
        Ok(Times { issued, expires })
    }
}
