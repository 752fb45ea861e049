//! What a server says on standard output when it starts.

use std::{net::SocketAddr, path::PathBuf};

use supercargo_types::{RegistryName, Site, TokenSecret};

use super::snippets::{Snippets, snippets};

/// The registry that the first start makes.
const FIRST_REGISTRY: &str = "main";

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

/// The whole text. The first line is what scripts wait for.
pub(super) fn greeting(bound: SocketAddr, site: &Site, token: &FirstToken) -> String {
    let mut text = format!("listening on http://{bound}\n");
    if site.base() != format!("http://{bound}") {
        text += &format!("public URL {}\n", site.base());
    }
    text += &match token {
        FirstToken::Nowhere => String::new(),
        FirstToken::Shown(secret) => format!(
            "\nthe administrator's token, which will not be shown again:\n\n    {}\n",
            secret.reveal()
        ),
        FirstToken::InFile(path) => format!(
            "\nthe administrator's token is in `{}`; keep it elsewhere and remove that file\n",
            path.display()
        ),
    };
    let registry: RegistryName = FIRST_REGISTRY
        .parse()
        .expect("invariant: a registry's name");
    let Snippets { named, everything } = snippets(site, &registry);
    text + &format!(
        "\nto use the registry `{registry}`, paste one of these into `.cargo/config.toml`\n\
         \n--- everything through us (recommended) ---\n{everything}\
         \n--- named ---\n{named}\
         \ntokens are made with `supercargo token create`, or found at {}\n",
        site.login_url(&registry)
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use supercargo_types::Random;

    use super::*;

    fn say(base: &str, token: &FirstToken) -> String {
        let site = Site::new(base, &[]).unwrap();
        greeting("127.0.0.1:22746".parse().unwrap(), &site, token)
    }

    #[test]
    fn a_later_start_has_no_secret() {
        assert_snapshot!(say("http://127.0.0.1:22746", &FirstToken::Nowhere), @"");
    }

    #[test]
    fn the_first_start_on_a_terminal_shows_the_token_once() {
        let secret = TokenSecret::generate(&Random::Counting(std::sync::Arc::default()));
        let text = say("http://127.0.0.1:22746", &FirstToken::Shown(secret.clone()));
        assert_eq!(text.matches(secret.reveal()).count(), 1);
        assert_snapshot!(text.lines().take(5).collect::<Vec<_>>().join("\n"), @"");
    }

    #[test]
    fn a_public_url_and_a_token_file_are_named() {
        let text = say(
            "https://crates.acme.example",
            &FirstToken::InFile("data/admin-token".into()),
        );
        assert_snapshot!(text.lines().take(5).collect::<Vec<_>>().join("\n"), @"");
    }
}
