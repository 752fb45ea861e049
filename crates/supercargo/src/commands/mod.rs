//! Commands that are clients of the management API, a file per noun: what is typed becomes one request.

mod claim;
mod confirm;
mod me;
mod member;
mod registry;
mod secret;
mod service_account;
#[cfg(test)]
mod tests;
mod token;
mod upstream;
mod user;

use std::{io, path::PathBuf};

use clap::Subcommand;

use crate::{
    client::{Client, ClientError},
    output::Report,
};

/// What can be asked of a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Request {
    /// Registries: what cargo talks to
    #[command(subcommand)]
    Registry(registry::Command),
    /// Upstreams: registries elsewhere that ours read through
    #[command(subcommand)]
    Upstream(upstream::Command),
    /// People
    #[command(subcommand)]
    User(user::Command),
    /// Accounts of machines
    #[command(subcommand)]
    ServiceAccount(service_account::Command),
    /// Who may do what in a registry
    #[command(subcommand)]
    Member(member::Command),
    /// Crate names that a registry keeps from its upstreams
    #[command(subcommand)]
    Claim(claim::Command),
    /// Secrets that stand for an account
    #[command(subcommand)]
    Token(token::Command),
    /// Who the token stands for
    Me,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The server, or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file with a secret.
    #[error("the secret cannot be read from `{}`: {reason}; name a file, or `-` for standard input", path.display())]
    Secret { path: PathBuf, reason: io::Error },
    /// A secret that is missing.
    #[error(
        "`--auth {0}` needs a secret: name its file with `--secret-file`, or `-` for standard input"
    )]
    NoSecret(&'static str),
    /// Credentials without the kind they are of, or of another kind.
    #[error("{0}")]
    Credentials(&'static str),
    /// Nobody confirmed.
    #[error("nothing was deleted: type `{0}` to confirm, or give `--yes`")]
    NotConfirmed(String),
}

type Outcome = Result<Report, CommandError>;

impl Request {
    /// Asks the server.
    pub(crate) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Registry(command) => command.run(client).await,
            Self::Upstream(command) => command.run(client).await,
            Self::User(command) => command.run(client).await,
            Self::ServiceAccount(command) => command.run(client).await,
            Self::Member(command) => command.run(client).await,
            Self::Claim(command) => command.run(client).await,
            Self::Token(command) => command.run(client).await,
            Self::Me => me::run(client).await,
        }
    }
}
