//! The name of an issuer, which is also the place where it is asked for its keys.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::{Host, Url};

/// In characters: it stands in rules, sentences and the audit log.
const LENGTH: usize = 255;
/// OpenID Connect Discovery 1.0, section 4.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The `iss` of tokens, exactly as it stands there: `https://token.acme.example` and the same with a slash at its end are two.
///
/// It is `https`; plain `http` is for issuers on this machine's loopback addresses alone, which `upstream.allow_addresses` must
/// list besides.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerUrl(String);

/// The text cannot be an issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what}; write the issuer exactly as it stands in the `iss` of its tokens, as in `https://gitlab.acme.example`"
)]
pub struct InvalidIssuer {
    what: &'static str,
}

impl IssuerUrl {
    /// As it stands in tokens.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the scheme, for people who tell one from another.
    pub(crate) fn place(&self) -> &str {
        let (_, place) = self
            .0
            .split_once("://")
            .expect("invariant: an issuer has a scheme");
        place.trim_end_matches('/')
    }

    /// Where it describes itself.
    pub(crate) fn discovery(&self) -> Url {
        let text = format!("{}{DISCOVERY}", self.0.trim_end_matches('/'));
        text.parse()
            .expect("invariant: an issuer with a path behind it is a URL")
    }

    /// A URL out of its description of itself. Encrypted, like the issuer: otherwise whoever sits between could put in keys of
    /// their own. One on loopback may name others on loopback; one elsewhere that names them wants this server to ask itself.
    pub(crate) fn endpoint(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let is_local = self.0.starts_with("http://") && is_plain_loopback(&url);
        let is_sound = (url.scheme() == "https" || is_local) && !has_credentials;
        (is_sound && url.host().is_some()).then_some(url)
    }
}

fn is_plain_loopback(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

impl FromStr for IssuerUrl {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |what| Err(InvalidIssuer { what });
        if text.chars().count() > LENGTH {
            return invalid("it has more than 255 characters");
        }
        // the parser would drop or encode these in silence, and the text is compared as it is
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return invalid("it has blanks, or characters that no URL has");
        }
        if !text.starts_with("https://") && !text.starts_with("http://") {
            return invalid("it does not start with `https://`");
        }
        let Ok(url) = Url::parse(text) else {
            return invalid("it is not a URL");
        };
        if url.scheme() != "https" && !is_plain_loopback(&url) {
            return invalid(
                "it is not encrypted, so that anybody on the way could put in keys of their own",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("it holds a user name or a password");
        }
        if text.contains(['?', '#']) {
            return invalid("it has a query or a fragment");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

impl Serialize for IssuerUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for IssuerUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_kept_as_it_stands() {
        for text in [
            "https://token.acme.example",
            "https://token.acme.example/",
            "https://acme.example/realms/x",
            "http://127.0.0.1:8080",
            "http://[::1]:8080/x",
            "http://localhost:1",
        ] {
            let issuer: IssuerUrl = text.parse().unwrap();
            assert_eq!(issuer.as_str(), text);
        }
        let discovery = |text: &str| text.parse::<IssuerUrl>().unwrap().discovery().to_string();
        let expected = "https://acme.example/realms/x/.well-known/openid-configuration";
        assert_eq!(discovery("https://acme.example/realms/x"), expected);
        assert_eq!(discovery("https://acme.example/realms/x/"), expected);
    }

    #[test]
    fn what_cannot_be_an_issuer_says_how_to_write_one() {
        for text in [
            "",
            "token.acme.example",
            "https://",
            "http://token.acme.example",
            "http://127.0.0.1.acme.example",
            "http://10.0.0.1",
            "https://user@acme.example",
            "https://acme.example?x",
            "https://acme.example#x",
            " https://acme.example",
            "https://acme.example/\u{202e}x",
            "HTTPS://acme.example",
            "file:///etc/passwd",
            &format!("https://acme.example/{}", "x".repeat(LENGTH)),
        ] {
            assert!(text.parse::<IssuerUrl>().is_err(), "{text}");
        }
        let error = "http://acme.example".parse::<IssuerUrl>().unwrap_err();
        insta::assert_snapshot!(error, @"it is not encrypted, so that anybody on the way could put in keys of their own; write the issuer exactly as it stands in the `iss` of its tokens, as in `https://gitlab.acme.example`");
    }

    /// An issuer in the internet that describes an endpoint of this machine would make the server ask itself.
    #[test]
    fn only_a_local_issuer_names_local_endpoints() {
        let endpoint = |issuer: &str, text: &str| {
            let issuer: IssuerUrl = issuer.parse().unwrap();
            issuer.endpoint(text).is_some()
        };
        assert!(endpoint("https://a.example", "https://keys.b.example/x"));
        assert!(endpoint("http://127.0.0.1:1", "http://127.0.0.1:2/x"));
        assert!(endpoint("http://127.0.0.1:1", "https://keys.b.example/x"));
        assert!(!endpoint("https://a.example", "http://127.0.0.1/x"));
        assert!(!endpoint("https://a.example", "http://a.example/x"));
        assert!(!endpoint("http://127.0.0.1:1", "http://10.0.0.1/x"));
        assert!(!endpoint("https://a.example", "https://u:p@a.example/x"));
        assert!(!endpoint("https://a.example", "/keys"));
        assert!(!endpoint("https://a.example", "file:///etc/passwd"));
    }
}
