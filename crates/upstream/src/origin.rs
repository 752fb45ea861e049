//! Origins that are shown an upstream's credentials besides the one of its index.

use std::{fmt, str::FromStr};

use url::{Origin, Url};

/// Scheme, host and port: where a foreign download address may be given the credentials of an index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrustedOrigin(Origin);

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an origin; write scheme, host and, where it is unusual, port and nothing else, as in `https://files.registry.example:8443`"
)]
pub struct InvalidOrigin(String);

impl TrustedOrigin {
    pub(crate) fn is_of(&self, url: &Url) -> bool {
        url.origin() == self.0
    }
}

impl FromStr for TrustedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // what stands before the `@` may be a password, and the sentence goes into logs and onto screens
        let shown = match text.rsplit_once('@') {
            Some((_, rest)) => format!("[hidden]@{rest}"),
            None => text.to_owned(),
        };
        let invalid = || InvalidOrigin(shown.chars().take(200).collect());
        let url = Url::parse(text).map_err(|_| invalid())?;
        let is_bare = matches!(url.scheme(), "http" | "https")
            // a pattern would match nothing, and whoever wrote it believes otherwise
            && url.host_str().is_some_and(|host| !host.contains('*'))
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if is_bare {
            Ok(Self(url.origin()))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for TrustedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| text.parse::<TrustedOrigin>().map(|it| it.to_string());
        let written = origin("HTTPS://Files.Example:443/").unwrap();
        assert_eq!(written, "https://files.example");
        assert_eq!(origin("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        for bad in [
            "files.example",
            "https://files.example/crates",
            "https://files.example/?q",
            "ftp://files.example",
            "https://*.example",
            "",
        ] {
            assert_eq!(origin(bad), Err(InvalidOrigin(bad.to_owned())), "{bad}");
        }
        let hidden = "[hidden]@files.example".to_owned();
        for bad in [
            "https://user@files.example",
            "https://user:pass@files.example",
        ] {
            assert_eq!(origin(bad), Err(InvalidOrigin(hidden.clone())), "{bad}");
        }
    }
}
