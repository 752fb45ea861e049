//! Where a sparse index is.

use std::{fmt, str::FromStr};

use url::Url;

/// The URL of a sparse index, as `[registries]` names it: `sparse+https://…/`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IndexUrl(Url);

/// Why a text is not the URL of a sparse index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIndexUrl {
    /// Without `sparse+` it would be a git index.
    #[error(
        "the index URL must start with `sparse+https://` or `sparse+http://`, as in `sparse+https://registry.example/index/`"
    )]
    Scheme,
    /// Cargo refuses it as well.
    #[error(
        "the index URL must end with `/`, as in `sparse+https://registry.example/index/`, and have no `?` or `#`"
    )]
    End,
    /// A URL is shown, logged and written to lockfiles.
    #[error(
        "the index URL must not carry a user name or a password; give the credentials as `auth`"
    )]
    Credentials,
    /// No URL at all.
    #[error("the index URL makes no sense: {0}")]
    Url(#[from] url::ParseError),
}

/// The index of crates.io.
pub fn crates_io_index() -> IndexUrl {
    tame_index::CRATES_IO_HTTP_INDEX
        .parse()
        .expect("invariant: a constant that is the URL of a sparse index")
}

impl IndexUrl {
    /// Whether this text names the same index. The `sparse+` in front and the slash at the end may be missing.
    pub fn is_at(&self, text: &str) -> bool {
        let text = text.strip_prefix("sparse+").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        Url::parse(&format!("{text}/")).is_ok_and(|url| url == self.0)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// A file of the index; `path` is one of ours: `config.json` or a sparse path.
    pub(crate) fn file(&self, path: &str) -> Url {
        self.0
            .join(path)
            .expect("invariant: a relative path of plain characters")
    }
}

impl FromStr for IndexUrl {
    type Err = InvalidIndexUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text
            .strip_prefix("sparse+")
            .ok_or(InvalidIndexUrl::Scheme)?;
        let url = Url::parse(text)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidIndexUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidIndexUrl::Credentials);
        }
        if !text.ends_with('/') || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidIndexUrl::End);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for IndexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sparse+{}", self.0)
    }
}

impl fmt::Debug for IndexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<IndexUrl, InvalidIndexUrl> {
        text.parse()
    }

    #[test]
    fn only_urls_that_cargo_would_take_are_taken() {
        use InvalidIndexUrl::{Credentials, End, Scheme};
        let good = "sparse+https://registry.example/a/index/";
        assert_eq!(parse(good).unwrap().to_string(), good);
        assert_eq!(parse("https://registry.example/"), Err(Scheme));
        assert_eq!(parse("sparse+ftp://registry.example/"), Err(Scheme));
        assert_eq!(parse("sparse+https://registry.example"), Err(End));
        assert_eq!(parse("sparse+https://registry.example/index"), Err(End));
        assert_eq!(parse("sparse+https://registry.example/?a/"), Err(End));
        assert_eq!(parse("sparse+https://registry.example/#a/"), Err(End));
        assert_eq!(
            parse("sparse+https://u@registry.example/"),
            Err(Credentials)
        );
        assert_eq!(
            parse("sparse+https://:p@registry.example/"),
            Err(Credentials)
        );
        assert!(matches!(
            parse("sparse+https://"),
            Err(InvalidIndexUrl::Url(_))
        ));
    }

    #[test]
    fn an_index_is_recognised_however_it_is_written() {
        let index = parse("sparse+https://registry.example/index/").unwrap();
        for same in [
            "sparse+https://registry.example/index/",
            "https://registry.example/index",
            "sparse+https://REGISTRY.example:443/index/",
        ] {
            assert!(index.is_at(same), "{same}");
        }
        for other in [
            "http://registry.example/index/",
            "https://registry.example/",
            "https://registry.example/index/x",
            "https://registry.example:444/index/",
            "",
        ] {
            assert!(!index.is_at(other), "{other}");
        }
    }

    #[test]
    fn files_lie_below_the_index() {
        let index = parse("sparse+https://registry.example/a/index/").unwrap();
        let file = index.file("se/rd/serde");
        assert_eq!(
            file.as_str(),
            "https://registry.example/a/index/se/rd/serde"
        );
        assert!(crates_io_index().url().path().ends_with('/'));
    }
}
