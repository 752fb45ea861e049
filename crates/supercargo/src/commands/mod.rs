//! Commands that are clients of the management API, a file per noun: what is typed becomes one request.

mod audit;
mod cache;
mod cargo_registries;
mod claim;
mod confirm;
mod crates;
mod lockfile;
mod login;
mod me;
mod member;
mod prefetch;
mod quarantine;
mod registry;
mod secret;
mod service_account;
mod target;
mod team;
#[cfg(test)]
mod tests;
mod token;
mod trusted_publisher;
mod upstream;
mod user;

use std::{io, path::PathBuf};

use cargo_credential_supercargo::{LoginError, TokenFileError};
use clap::Subcommand;
use supercargo_types::Digest;

use self::lockfile::LockfileRefused;
pub(crate) use self::login::kept;
use crate::{
    client::{Client, ClientError},
    exit::Exit,
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
    /// Users who have roles and own crates together
    #[command(subcommand)]
    Team(team::Command),
    /// Who may do what in a registry
    #[command(subcommand)]
    Member(member::Command),
    /// Crate names that a registry keeps from its upstreams
    #[command(subcommand)]
    Claim(claim::Command),
    /// Crates and their versions, without cargo
    #[command(subcommand)]
    Crate(crates::Command),
    /// Crates and versions that nobody should use
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Have a registry fetch what lockfiles name, before builds need it
    Prefetch(prefetch::Prefetch),
    /// What a registry keeps of its upstreams
    #[command(subcommand)]
    Cache(cache::Command),
    /// Who did what, was denied what, and pulled what
    #[command(subcommand)]
    Audit(audit::Command),
    /// Secrets that stand for an account
    #[command(subcommand)]
    Token(token::Command),
    /// CI jobs that get a token of minutes for who they are
    #[command(subcommand)]
    TrustedPublisher(trusted_publisher::Command),
    /// Get a token for this machine, in the browser or with a password
    Login(login::Login),
    /// Revoke the token that `login` got, and forget it
    Logout,
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
    /// No token.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A token that cannot be kept, or found again.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// Nobody is there to type a password.
    #[error(
        "nobody is there to type the password: give it on standard input, with `--password-stdin`"
    )]
    NoPassword,
    /// Nothing where one was promised.
    #[error("nothing was done: there is no password on standard input")]
    EmptyPassword,
    /// One where two were promised.
    #[error(
        "nothing was done: two lines are needed on standard input, the present password and the new one"
    )]
    OnePassword,
    /// Two that should be one.
    #[error("nothing was done: the two new passwords are not the same; type them again")]
    PasswordsDiffer,
    /// Nothing to sign out of.
    #[error("nobody is signed in to `{0}` here; `--url` or SUPERCARGO_URL names another server")]
    NotSignedIn(String),
    /// The token is there, and cargo did not take it.
    #[error(
        "the token is kept for `supercargo`, but `cargo login --registry {registry}` did not take it ({reason}): is `[registries.{registry}]` in cargo's configuration?"
    )]
    Cargo { registry: String, reason: String },
    /// Credentials without the kind they are of, or of another kind.
    #[error("{0}")]
    Credentials(&'static str),
    /// Nobody confirmed.
    #[error("nothing was done: type `{0}` to confirm, or give `--yes`")]
    NotConfirmed(String),
    /// A crate file that cannot be read; found before anything is sent.
    #[error("nothing was uploaded: `{}` cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: io::Error },
    /// A file that cannot be made.
    #[error("`{}` cannot be written: {reason}; name another file with `--output`", path.display())]
    Unwritable { path: PathBuf, reason: io::Error },
    /// Standard output, which is closed or full.
    #[error("the program cannot write: {0}; name a file with `--output`")]
    Output(io::Error),
    /// Bytes that are not those of the index: what changes them may as well have put something into them.
    #[error(
        "nothing was written: `{what}` has the checksum {expected}, and what came has {actual}; tell the administrators of the server"
    )]
    Checksum {
        what: String,
        expected: Digest,
        actual: Digest,
    },
    /// An answer that lacks what the command needs.
    #[error("nothing was written: the server does not say which checksum `{0}` has")]
    NoChecksum(String),
    /// A file that is no lockfile; found before anything is asked.
    #[error("nothing was fetched: `{}` {reason}", path.display())]
    Lockfile {
        path: PathBuf,
        reason: LockfileRefused,
    },
    /// An index that is not of ours.
    #[error(
        "nothing was fetched: `config.json` of `{0}` does not say where its API is; is the address of the server right?"
    )]
    NoRegistry(String),
}

impl CommandError {
    /// How the program ends with it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => error.exit(),
            Self::Login(LoginError::Refused { .. } | LoginError::TookTooLong) => Exit::NotAllowed,
            Self::Login(LoginError::Unreachable { .. } | LoginError::Stranger { .. }) => {
                Exit::NoAnswer
            }
            Self::NoSecret(_)
            | Self::Credentials(_)
            | Self::NoPassword
            | Self::EmptyPassword
            | Self::OnePassword => Exit::Usage,
            _ => Exit::Failed,
        }
    }
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
            Self::Team(command) => command.run(client).await,
            Self::Member(command) => command.run(client).await,
            Self::Claim(command) => command.run(client).await,
            Self::Crate(command) => command.run(client).await,
            Self::Quarantine(command) => command.run(client).await,
            Self::Prefetch(command) => command.run(client).await,
            Self::Cache(command) => command.run(client).await,
            Self::Audit(command) => command.run(client).await,
            Self::Token(command) => command.run(client).await,
            Self::TrustedPublisher(command) => command.run(client).await,
            Self::Login(login) => login.run(client).await,
            Self::Logout => login::log_out(client).await,
            Self::Me => me::run(client).await,
        }
    }
}
