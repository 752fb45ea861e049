//! Where a view of a name gets its lines: claims first, then whether the name was ever hosted, then upstream.

use supercargo_types::{CanonicalName, ClaimMode, NamePattern, View};

/// Whether a registry has, or once had, a crate of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// No version was ever published.
    Never,
    /// At least one was, if only tombstones are left.
    Hosted,
    /// At least one was, and a maintainer gave the name back to upstream since.
    Released,
}

/// Which versions a view of a name is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Those that are hosted here.
    pub hosted: bool,
    /// Those that an upstream has; only then is one asked.
    pub upstream: bool,
}

/// How claims treat a name; `None` where none covers it. A claim on the name itself decides; among patterns, the mode that
/// asks upstreams least, for a longer pattern beside it must not let a private name out.
pub fn claimed<'a>(
    claims: impl IntoIterator<Item = (&'a NamePattern, ClaimMode)>,
    name: &CanonicalName,
) -> Option<ClaimMode> {
    let caution = |mode: ClaimMode| match mode {
        ClaimMode::Private => 2,
        ClaimMode::Fork => 1,
        ClaimMode::Merge => 0,
    };
    claims
        .into_iter()
        .filter(|(pattern, _)| pattern.covers(name))
        .max_by_key(|(pattern, mode)| (pattern.is_exact(), caution(*mode)))
        .map(|(_, mode)| mode)
}

/// How a registry treats a name: by its claim, and where none covers it, as private once it was ever hosted. A name does
/// not go back to upstream because its claim or its last version is deleted, only because somebody releases it.
pub fn mode(claim: Option<ClaimMode>, hosting: Hosting) -> Option<ClaimMode> {
    match (claim, hosting) {
        (Some(mode), _) => Some(mode),
        (None, Hosting::Hosted) => Some(ClaimMode::Private),
        (None, Hosting::Never | Hosting::Released) => None,
    }
}

/// The table of modes and views.
pub fn sources(mode: Option<ClaimMode>, view: View) -> Sources {
    let (hosted, upstream) = match (mode, view) {
        (Some(ClaimMode::Private), View::Mirror) | (None, View::Hosted) => (false, false),
        (Some(ClaimMode::Merge), View::Index) => (true, true),
        (Some(_), View::Hosted) | (Some(ClaimMode::Private | ClaimMode::Fork), View::Index) => {
            (true, false)
        }
        (Some(ClaimMode::Fork | ClaimMode::Merge), View::Mirror)
        | (None, View::Index | View::Mirror) => (false, true),
    };
    Sources { hosted, upstream }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_modes_and_views() {
        let cell = |mode, view| match sources(mode, view) {
            Sources {
                hosted: true,
                upstream: true,
            } => "both",
            Sources { hosted: true, .. } => "hosted",
            Sources { upstream: true, .. } => "upstream",
            Sources { .. } => "404",
        };
        let row = |mode| [View::Index, View::Mirror, View::Hosted].map(|view| cell(mode, view));
        assert_eq!(row(Some(ClaimMode::Private)), ["hosted", "404", "hosted"]);
        assert_eq!(row(Some(ClaimMode::Fork)), ["hosted", "upstream", "hosted"]);
        assert_eq!(row(Some(ClaimMode::Merge)), ["both", "upstream", "hosted"]);
        assert_eq!(row(None), ["upstream", "upstream", "404"]);
    }

    fn claim(claims: &[(&str, ClaimMode)], name: &str) -> Option<ClaimMode> {
        let claims: Vec<(NamePattern, ClaimMode)> = claims
            .iter()
            .map(|(pattern, mode)| (pattern.parse().unwrap(), *mode))
            .collect();
        let claims = claims.iter().map(|(pattern, mode)| (pattern, *mode));
        claimed(claims, &name.parse().unwrap())
    }

    #[test]
    fn a_claim_on_the_name_itself_decides() {
        let claims = [
            ("acme-*", ClaimMode::Private),
            ("acme-http", ClaimMode::Fork),
            ("*", ClaimMode::Fork),
            // longer than `acme-*`, and must not let a private name out
            ("*-utils", ClaimMode::Fork),
        ];
        assert_eq!(claim(&claims, "acme-tools"), Some(ClaimMode::Private));
        assert_eq!(claim(&claims, "ACME_http"), Some(ClaimMode::Fork));
        assert_eq!(claim(&claims, "serde"), Some(ClaimMode::Fork));
        assert_eq!(claim(&claims, "acme-utils"), Some(ClaimMode::Private));
    }

    #[test]
    fn among_patterns_the_cautious_mode_decides() {
        let claims = [("a*c", ClaimMode::Merge), ("ab*", ClaimMode::Private)];
        assert_eq!(claim(&claims, "abc"), Some(ClaimMode::Private));
        assert_eq!(claim(&claims, "zzz"), None);
    }

    #[test]
    fn a_hosted_name_is_private_until_it_is_released() {
        assert_eq!(mode(None, Hosting::Never), None);
        assert_eq!(mode(None, Hosting::Hosted), Some(ClaimMode::Private));
        assert_eq!(mode(None, Hosting::Released), None);
        let merge = Some(ClaimMode::Merge);
        assert_eq!(mode(merge, Hosting::Released), merge);
    }
}
