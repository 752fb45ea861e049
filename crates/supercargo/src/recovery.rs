//! `supercargo admin token`: a way back in for whoever holds the server's machine, on the database itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use supercargo_registry::{NotRecovered, recover_admin};
use supercargo_store::{DatabaseUrl, InstanceLock, OpenError, Store};
use supercargo_types::{AccountName, Clock, Random};

use crate::{
    configuration::{Configuration, ConfigurationError, Environment, Flags},
    output::{Report, time},
};

/// What is done on the server's machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Make a token that may do everything for an instance admin, when nobody has one any more
    ///
    /// It works on the database itself, with the settings of `supercargo serve`, and needs no token: run it as the server's
    /// user, on its machine. A server on SQLite has to be stopped first; servers on PostgreSQL run on. The token ends after
    /// 30 days.
    Token(AdminToken),
}

/// Which database, and for whom. Where the database is, the server's own settings say.
#[derive(Debug, Args)]
pub(crate) struct AdminToken {
    /// Which instance admin [default: the oldest who is not disabled]
    #[arg(long, value_name = "NAME")]
    user: Option<AccountName>,
    /// The server's TOML file with settings [env: `SUPERCARGO_CONFIG`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's data folder [default: ./supercargo-data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// `sqlite:PATH` or `postgres://…` [default: in the data folder]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    /// The settings.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// Nothing is made where the operator is mistaken about the place.
    #[error(
        "there is no database `{}`; name the server's data folder with `--data`, or its database with `--database`",
        .0.display()
    )]
    NoDatabase(PathBuf),
    /// The server has it.
    #[error(
        "a server runs on the database `{url}`, and SQLite has one program at a time; stop it, run this again, and start it"
    )]
    Running { url: String },
    /// It cannot be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// It can, and there is no token all the same.
    #[error("no token was made: {0}")]
    NotRecovered(#[from] NotRecovered),
}

impl AdminToken {
    /// Makes it.
    pub(crate) async fn run(self) -> Result<Report, RecoveryError> {
        let flags = Flags {
            config: self.config,
            values: vec![("data", self.data), ("database", self.database)],
        };
        let Configuration { database, .. } =
            Configuration::load(&flags, &Environment::of_process())?;
        if let DatabaseUrl::Sqlite(path) = &database
            && !path.is_file()
        {
            return Err(RecoveryError::NoDatabase(path.clone()));
        }
        // a server on SQLite would not hear of it
        let lock = InstanceLock::take(&database).map_err(|error| match error {
            OpenError::Taken { url } => RecoveryError::Running { url },
            other => other.into(),
        })?;
        let store = Store::open(&database).await?;
        let made = recover_admin(&store, self.user.as_ref(), &Clock::System, &Random::System).await;
        store.close().await;
        drop(lock);
        let made = made?;
        let answer = json!({
            "id": made.id,
            "token": made.secret.reveal(),
            "principal": made.principal,
            "expires_at": made.expires_at,
        });
        Ok(Report::Secret {
            explanation: format!(
                "this token is not shown again; it may do everything as `{}` and ends {}; `supercargo token delete {}` revokes it",
                made.principal,
                time(&answer["expires_at"]),
                made.id,
            ),
            secret: made.secret.reveal().to_owned(),
            answer,
        })
    }
}
