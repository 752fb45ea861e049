//! Which registry of which server an index URL of cargo's names.

use std::fmt;

use supercargo_types::RegistryName;
use url::Url;

/// A registry of a server. All of its views are one place: they take the same tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The server's address, with no slash at its end.
    pub base: Url,
    /// The registry.
    pub registry: RegistryName,
}

impl Place {
    /// `None` for what is no registry of Supercargo's, as its address says.
    pub fn of(index_url: &str) -> Option<Self> {
        let url = Url::parse(index_url.strip_prefix("sparse+")?).ok()?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        // cargo refuses passwords there itself
        let is_bare = url.username().is_empty() && url.password().is_none();
        if !is_web || !is_bare || url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        let path = url.path().strip_suffix("/index/")?;
        let path = ["/mirror", "/hosted"]
            .iter()
            .find_map(|view| path.strip_suffix(view))
            .unwrap_or(path);
        let (prefix, registry) = path.rsplit_once('/')?;
        let registry = registry.parse().ok()?;
        let mut base = url.clone();
        base.set_path(prefix);
        Some(Self { base, registry })
    }

    /// `https://crates.acme.example/acme`: what it is called in a keyring.
    pub(crate) fn address(&self) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}/{}", self.registry)
    }

    /// For whom identities of CI jobs are made: its address without the scheme.
    pub(crate) fn audience(&self) -> String {
        let address = self.address();
        match address.split_once("://") {
            Some((_, rest)) => rest.to_owned(),
            None => address,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.as_str().trim_end_matches('/');
        write!(f, "registry `{}` of {base}", self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_of_a_registry_is_one_place() {
        for view in ["", "/mirror", "/hosted"] {
            let url = format!("sparse+https://crates.acme.example/acme{view}/index/");
            let place = Place::of(&url).unwrap();
            assert_eq!(place.address(), "https://crates.acme.example/acme");
            assert_eq!(place.audience(), "crates.acme.example/acme");
            assert_eq!(
                place.to_string(),
                "registry `acme` of https://crates.acme.example"
            );
        }
        let deep = Place::of("sparse+http://127.0.0.1:22746/a/b/acme.x/mirror/index/").unwrap();
        assert_eq!(deep.address(), "http://127.0.0.1:22746/a/b/acme.x");
        assert_eq!(deep.base.as_str(), "http://127.0.0.1:22746/a/b");
    }

    #[test]
    fn other_registries_are_left_to_other_providers() {
        for other in [
            "https://github.com/rust-lang/crates.io-index",
            "sparse+https://crates.acme.example/index/",
            "sparse+https://crates.acme.example/acme/index",
            "sparse+https://crates.acme.example/Acme/index/",
            "sparse+https://user@crates.acme.example/acme/index/",
            "sparse+https://crates.acme.example/acme/index/?x",
            "sparse+file:///acme/index/",
            "registry+https://crates.acme.example/acme/index/",
            "",
        ] {
            assert_eq!(Place::of(other), None, "{other}");
        }
    }
}
