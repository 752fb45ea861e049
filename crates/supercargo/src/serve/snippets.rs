//! The lines that make cargo use a registry, in the two ways there are.

use supercargo_pages::{Place, Way};
use supercargo_types::{RegistryName, Site};

/// Each is a whole `.cargo/config.toml`, with comments that say what else to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snippets {
    /// The registry by its name; public crates come from crates.io.
    pub(crate) named: String,
    /// The same, with crates.io replaced by the registry's mirror.
    pub(crate) everything: String,
}

/// The lines are those of the page "Set up a client".
pub(crate) fn snippets(site: &Site, registry: &RegistryName) -> Snippets {
    let place = Place::of(site, registry);
    let (name, mirror) = (&place.in_cargo, place.mirror());
    let versions = "# works from cargo 1.73 on for public reads and publishing, from 1.74 on for private reads\n";
    let named = format!(
        "# `{name}` by its name, as in `cargo add --registry {name} CRATE`; public crates come from crates.io\n\
         {versions}\
         # log in with: cargo login --registry {name}\n\
         {}",
        place.config(Way::Named)
    );
    let everything = format!(
        "# `{name}` by its name, and every public crate through `{mirror}`; lockfiles stay as with crates.io\n\
         {versions}\
         # log in with: cargo login --registry {name}\n\
         # and with:    cargo login --registry {mirror}\n\
         # publish with: cargo publish --registry {name}, also where cargo proposes {mirror}\n\
         {}",
        place.config(Way::Everything)
    );
    Snippets { named, everything }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn of(registry: &str) -> Snippets {
        let site = Site::new("https://crates.acme.example/cargo", &[]).unwrap();
        snippets(&site, &registry.parse().unwrap())
    }

    #[test]
    fn named_is_one_registry() {
        assert_snapshot!(of("main").named, @r#"
        # `main` by its name, as in `cargo add --registry main CRATE`; public crates come from crates.io
        # works from cargo 1.73 on for public reads and publishing, from 1.74 on for private reads
        # log in with: cargo login --registry main
        [registries.main]
        index = "sparse+https://crates.acme.example/cargo/main/index/"
        credential-provider = ["cargo:token"]
        "#);
    }

    #[test]
    fn everything_through_us_has_the_mirror_too() {
        assert_snapshot!(of("main").everything, @r#"
        # `main` by its name, and every public crate through `main-mirror`; lockfiles stay as with crates.io
        # works from cargo 1.73 on for public reads and publishing, from 1.74 on for private reads
        # log in with: cargo login --registry main
        # and with:    cargo login --registry main-mirror
        # publish with: cargo publish --registry main, also where cargo proposes main-mirror
        [registries.main]
        index = "sparse+https://crates.acme.example/cargo/main/index/"
        credential-provider = ["cargo:token"]

        [registries.main-mirror]
        index = "sparse+https://crates.acme.example/cargo/main/mirror/index/"
        credential-provider = ["cargo:token"]

        [source.crates-io]
        replace-with = "main-mirror"
        "#);
    }

    #[test]
    fn a_dot_in_the_name_is_replaced_where_cargo_cannot_have_it_and_stays_in_the_url() {
        let Snippets { named, everything } = of("team.tools");
        for text in [named, everything] {
            let config: toml::Table = text.parse().unwrap();
            assert_eq!(
                config["registries"]["team-tools"]["index"].as_str(),
                Some("sparse+https://crates.acme.example/cargo/team.tools/index/")
            );
        }
    }

    #[test]
    fn the_replacement_is_a_registry_that_the_snippet_has() {
        let config: toml::Table = of("main").everything.parse().unwrap();
        let replacement = config["source"]["crates-io"]["replace-with"]
            .as_str()
            .unwrap();
        assert!(config["registries"].get(replacement).is_some());
    }
}
