//! The server's own public URLs: rendered in one place, and recognised in the same place when a manifest names one.

use url::Url;

use crate::{RegistryName, View};

/// BASE and the BASEs this server had before.
#[derive(Clone, Debug)]
pub struct Site {
    base: String,
    bases: Vec<String>,
}

/// A public URL that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` cannot be the public URL: {reason}")]
pub struct InvalidBase {
    /// As it was given.
    pub url: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Normalises: lower-case scheme and host, no default port, no trailing slash.
fn normalise(text: &str) -> Result<String, InvalidBase> {
    let refuse = |reason| InvalidBase {
        url: text.to_owned(),
        reason,
    };
    let url = Url::parse(text)
        .map_err(|_| refuse("it is not a URL; write it as `https://crates.acme.example`"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(refuse(
            "it must start with `http://` or `https://` and name a host",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            "it must not hold a user name or password: it ends up in lockfiles",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("it must not have a query or a fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

impl Site {
    /// # Errors
    /// When a URL is not http(s), or holds credentials, a query or a fragment.
    pub fn new(base: &str, former: &[String]) -> Result<Self, InvalidBase> {
        let base = normalise(base)?;
        let mut bases = vec![base.clone()];
        for url in former {
            bases.push(normalise(url)?);
        }
        Ok(Self { base, bases })
    }

    /// BASE, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The path of BASE: empty, or `/crates` for `https://host/crates`.
    pub fn path_prefix(&self) -> &str {
        let after_scheme = self.base.find("://").map_or(0, |at| at + 3);
        self.base[after_scheme..]
            .find('/')
            .map_or("", |at| &self.base[after_scheme + at..])
    }

    /// What people name in `[registries]`, with `sparse+` in front.
    pub fn index_url(&self, registry: &RegistryName, view: View) -> String {
        let base = &self.base;
        match view {
            View::Index => format!("sparse+{base}/{registry}/index/"),
            view => format!("sparse+{base}/{registry}/{view}/index/"),
        }
    }

    /// `dl` of `config.json`: cargo appends `/{crate}/{version}/download`.
    pub fn download_url(&self, registry: &RegistryName, view: View) -> String {
        let base = &self.base;
        match view {
            View::Index | View::Hosted => format!("{base}/{registry}/api/v1/crates"),
            View::Mirror => format!("{base}/{registry}/mirror/api/v1/crates"),
        }
    }

    /// `api` of `config.json`: cargo appends `/api/v1/…` and, for `cargo login`, `/me`.
    pub fn api_url(&self, registry: &RegistryName) -> String {
        format!("{}/{registry}", self.base)
    }

    /// Where a person gets a token.
    pub fn login_url(&self, registry: &RegistryName) -> String {
        format!("{}/{registry}/me", self.base)
    }

    /// Which registry of this server an index URL names, under this or a former BASE; `None` for anybody else's. The
    /// `sparse+` in front and the slash at the end may be missing.
    pub fn recognise(&self, index_url: &str) -> Option<(RegistryName, View)> {
        let text = index_url.strip_prefix("sparse+").unwrap_or(index_url);
        let url = normalise(text).ok()?;
        self.bases.iter().find_map(|base| {
            let path = url
                .strip_prefix(base.as_str())?
                .strip_prefix('/')?
                .strip_suffix("/index")?;
            let (name, view) = match path.split_once('/') {
                None => (path, View::Index),
                Some((name, "mirror")) => (name, View::Mirror),
                Some((name, "hosted")) => (name, View::Hosted),
                Some(_) => return None,
            };
            Some((name.parse().ok()?, view))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::new(
            "https://Crates.Acme.example:443/cargo/",
            &["http://old.example:8080".to_owned()],
        )
        .unwrap()
    }

    #[test]
    fn what_is_rendered_is_recognised() {
        let site = site();
        let name: RegistryName = "acme".parse().unwrap();
        for &view in View::ALL {
            let url = site.index_url(&name, view);
            assert!(url.ends_with('/'), "cargo demands it: {url}");
            assert_eq!(site.recognise(&url), Some((name.clone(), view)));
        }
        assert_eq!(
            site.index_url(&name, View::Mirror),
            "sparse+https://crates.acme.example/cargo/acme/mirror/index/"
        );
        assert_eq!(site.path_prefix(), "/cargo");
        assert_eq!(
            site.download_url(&name, View::Mirror),
            "https://crates.acme.example/cargo/acme/mirror/api/v1/crates"
        );
    }

    #[test]
    fn former_bases_and_other_spellings_count_as_ours() {
        let site = site();
        let recognise = |url: &str| {
            site.recognise(url)
                .map(|(name, view)| format!("{name} {view}"))
        };
        assert_eq!(
            recognise("sparse+http://old.example:8080/acme/index/").as_deref(),
            Some("acme index")
        );
        assert_eq!(
            recognise("sparse+HTTPS://crates.acme.example/cargo/acme/hosted/index").as_deref(),
            Some("acme hosted")
        );
        for other in [
            "sparse+https://crates.acme.example/acme/index/",
            "sparse+https://crates.acme.example.evil.example/cargo/acme/index/",
            "sparse+https://crates.acme.example/cargo/acme/other/index/",
            "sparse+https://crates.acme.example/cargo/index/",
            "https://github.com/rust-lang/crates.io-index",
            "",
        ] {
            assert_eq!(recognise(other), None, "{other}");
        }
    }

    #[test]
    fn a_base_with_a_secret_or_a_query_is_refused() {
        for bad in [
            "crates.acme.example",
            "ftp://x.example",
            "https://u:p@x.example",
            "https://x.example/?a",
            "https://x.example/#a",
        ] {
            assert!(Site::new(bad, &[]).is_err(), "{bad}");
        }
        assert_eq!(
            Site::new("http://127.0.0.1:22746", &[])
                .unwrap()
                .path_prefix(),
            ""
        );
    }
}
