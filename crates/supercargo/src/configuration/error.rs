//! What can be wrong with the configuration: one line each, with key, value and origin.

use std::{io, net::SocketAddr, path::PathBuf};

use super::origin::{Origin, flag};

/// Why the program does not start with this configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// The file cannot be read.
    #[error("the configuration file `{}` ({origin}) cannot be read: {source}; check its path and its permissions", path.display())]
    Unreadable {
        path: PathBuf,
        origin: Origin,
        source: io::Error,
    },
    /// The file is far longer than all keys together.
    #[error("the configuration file `{}` ({origin}) has more than {limit} bytes; is it the right file?", path.display())]
    TooLarge {
        path: PathBuf,
        origin: Origin,
        limit: u64,
    },
    /// The file is not TOML.
    #[error("the configuration file `{}` is not TOML: {reason}, in line {line}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    /// The file has a key that means nothing.
    #[error("the configuration file `{}` has an unknown key `{key}`; {advice}", path.display())]
    UnknownKey {
        path: PathBuf,
        key: String,
        advice: String,
    },
    /// A value of another kind than the key's.
    #[error("the configuration file `{}`: `{key}` {expected}", path.display())]
    Kind {
        path: PathBuf,
        key: String,
        expected: &'static str,
    },
    /// A value that makes no sense for its key.
    #[error("`{key}` = {value:?} ({origin}) {expected}")]
    Value {
        key: &'static str,
        value: String,
        origin: Origin,
        expected: String,
    },
    /// The same for a value that is a secret, or may hold one: it is not repeated, for this line ends up in logs.
    #[error("`{key}` ({origin}): {expected}")]
    Secret {
        key: &'static str,
        origin: Origin,
        expected: String,
    },
    /// An environment variable that is not UTF-8.
    #[error("the environment variable {0} is not UTF-8; write it anew")]
    NotText(String),
    /// No one can reach `http://0.0.0.0`.
    #[error(
        "`listen` = \"{listen}\" ({origin}) is reachable under many names, and lockfiles hold one: say which with `{}`, as in `https://crates.acme.example`, or listen on one address",
        flag("public_url")
    )]
    NoPublicUrl { listen: SocketAddr, origin: Origin },
}
