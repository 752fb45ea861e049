//! What a cargo is told that cannot send a token when it reads: without the reason, its 401 is a riddle.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode};
use supercargo_types::RegistryName;

/// The first that answers a 401 on `config.json` with its token. Older ones send none with index files and downloads.
const SENDS_TOKENS: (u64, u64) = (1, 74);

/// Of a version in a `User-Agent`, in characters: a client's words are repeated to it, not a page of them.
const SHOWN: usize = 20;

/// Puts the reason into a 401 for a client that is too old; any other answer, and any other client, is left alone.
///
/// The text tells nothing of the registry: hidden and unknown ones stay alike.
pub(super) fn explain(
    response: &mut Response<Body>,
    agent: Option<&HeaderValue>,
    registry: &RegistryName,
) {
    if response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    if let Some(version) = agent.and_then(too_old) {
        *response.body_mut() = Body::from(format!(
            "registry `{registry}` needs a token, or does not exist; cargo {version} cannot send one when it reads: private registries need cargo 1.74 or later, so run `rustup update`\n"
        ));
    }
}

/// The version of a cargo before 1.74: `cargo 1.73.0`, from 1.78 on `cargo/1.78.0 (…)`.
fn too_old(agent: &HeaderValue) -> Option<&str> {
    let rest = agent.to_str().ok()?.strip_prefix("cargo")?;
    let version = rest.strip_prefix([' ', '/'])?.split(' ').next()?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let number = numbers.next()?.zip(numbers.next()?)?;
    (number < SENDS_TOKENS && version.len() <= SHOWN).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cargo_before_1_74_is_too_old() {
        for (agent, version) in [
            ("cargo 1.73.0", Some("1.73.0")),
            ("cargo 1.68.2", Some("1.68.2")),
            ("cargo 1.73.0-nightly", Some("1.73.0-nightly")),
            ("cargo/1.60.0 (abc 2022-01-01)", Some("1.60.0")),
            ("cargo 1.74.0", None),
            ("cargo 1.100.0", None),
            ("cargo/1.78.0 (54d8815d0 2024-03-26)", None),
            ("cargo 2.0.0", None),
            ("cargo", None),
            ("cargo 1", None),
            ("cargo 1.73.0-aaaaaaaaaaaaaaaaaaaaa", None),
            ("cargo-binstall 1.2.0", None),
            ("curl/8.0", None),
            ("", None),
        ] {
            let value = agent.parse().unwrap();
            assert_eq!(too_old(&value), version, "{agent}");
        }
    }
}
