//! What a server says on standard output when it starts.

use std::path::PathBuf;

use supercargo_types::{RegistryName, Site, TokenSecret};

use super::snippets::{Snippets, snippets};

/// The registry that the first start makes.
const FIRST_REGISTRY: &str = "main";

/// Which server commands are for where nothing is said.
const DEFAULT_URL: &str = "http://127.0.0.1:22746";

/// Where the administrator finds the token that the first start made.
#[derive(Debug)]
pub(super) enum FirstToken {
    /// Nowhere: this is no first start, or the operator chose the token and has it.
    Nowhere,
    /// On the terminal, once.
    Shown(TokenSecret),
    /// In a file.
    InFile(PathBuf),
}

/// The whole text; `local` is where the server listens. The first line is what scripts wait for.
pub(super) fn greeting(local: &str, site: &Site, token: &FirstToken) -> String {
    let public = if site.base() == local {
        String::new()
    } else {
        format!("public URL {}\n", site.base())
    };
    let token = match token {
        FirstToken::Nowhere => String::new(),
        FirstToken::Shown(secret) => format!(
            "\nthe administrator's token, which will not be shown again:\n\n    {}\n\n{}",
            secret.reveal(),
            sign_in(site)
        ),
        FirstToken::InFile(path) => format!(
            "\nthe administrator's token is in `{}`; keep it elsewhere and remove that file\n{}",
            path.display(),
            sign_in(site)
        ),
    };
    let registry: RegistryName = FIRST_REGISTRY
        .parse()
        .expect("invariant: a registry's name");
    let Snippets { named, everything } = snippets(site, &registry);
    let url = match site.base() {
        DEFAULT_URL => String::new(),
        base => format!(" --url {base}"),
    };
    format!(
        "listening on {local}\n{public}{token}\n\
         to use the registry `{registry}`, paste one of these into `.cargo/config.toml`\n\n\
         --- everything through us (recommended) ---\n{everything}\n\
         --- named ---\n{named}\n\
         cargo asks for a token: for daily work, one of `SUPERCARGO_TOKEN=… supercargo token create laptop{url} --registry {registry} --scope publish --expires-in-days 30`\n"
    )
}

/// There is neither a password nor a provider yet.
fn sign_in(site: &Site) -> String {
    format!(
        "in a browser, sign in at {}/-/login as `admin`, with that token as the password\n",
        site.base()
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use supercargo_types::Random;

    use super::*;

    fn say(base: &str, token: &FirstToken) -> String {
        let site = Site::new(base, &[]).unwrap();
        greeting("http://127.0.0.1:22746", &site, token)
    }

    #[test]
    fn a_later_start_has_no_secret() {
        assert_snapshot!(say("http://127.0.0.1:22746", &FirstToken::Nowhere), @r#"
        listening on http://127.0.0.1:22746

        to use the registry `main`, paste one of these into `.cargo/config.toml`

        --- everything through us (recommended) ---
        # `main` by its name, and every public crate through `main-mirror`; lockfiles stay as with crates.io
        # works from cargo 1.73 on for public reads and publishing, from 1.74 on for private reads
        # log in with: cargo login --registry main
        # and with:    cargo login --registry main-mirror
        # publish with: cargo publish --registry main, also where cargo proposes main-mirror
        [registries.main]
        index = "sparse+http://127.0.0.1:22746/main/index/"
        credential-provider = ["cargo:token"]

        [registries.main-mirror]
        index = "sparse+http://127.0.0.1:22746/main/mirror/index/"
        credential-provider = ["cargo:token"]

        [source.crates-io]
        replace-with = "main-mirror"

        --- named ---
        # `main` by its name, as in `cargo add --registry main CRATE`; public crates come from crates.io
        # works from cargo 1.73 on for public reads and publishing, from 1.74 on for private reads
        # log in with: cargo login --registry main
        [registries.main]
        index = "sparse+http://127.0.0.1:22746/main/index/"
        credential-provider = ["cargo:token"]

        cargo asks for a token: for daily work, one of `SUPERCARGO_TOKEN=… supercargo token create laptop --registry main --scope publish --expires-in-days 30`
        "#);
    }

    #[test]
    fn the_first_start_on_a_terminal_shows_the_token_once() {
        let secret = TokenSecret::generate(&Random::Counting(std::sync::Arc::default()));
        let text = say("http://127.0.0.1:22746", &FirstToken::Shown(secret.clone()));
        assert_eq!(text.matches(secret.reveal()).count(), 1);
        assert_snapshot!(text.lines().take(7).collect::<Vec<_>>().join("\n"), @"
        listening on http://127.0.0.1:22746

        the administrator's token, which will not be shown again:

            scg_0000000000000000000007n42DGM5TfmS79hwvJaGih0uMCL7

        in a browser, sign in at http://127.0.0.1:22746/-/login as `admin`, with that token as the password
        ");
    }

    #[test]
    fn a_public_url_and_a_token_file_are_named() {
        let text = say(
            "https://crates.acme.example",
            &FirstToken::InFile("data/admin-token".into()),
        );
        assert_snapshot!(text.lines().take(5).collect::<Vec<_>>().join("\n"), @"
        listening on http://127.0.0.1:22746
        public URL https://crates.acme.example

        the administrator's token is in `data/admin-token`; keep it elsewhere and remove that file
        in a browser, sign in at https://crates.acme.example/-/login as `admin`, with that token as the password
        ");
        assert!(text.contains("create laptop --url https://crates.acme.example --registry main"));
    }
}
