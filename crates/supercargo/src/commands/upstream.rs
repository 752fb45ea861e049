//! `supercargo upstream …`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use supercargo_types::RegistryName;

use super::{CommandError, Outcome, secret};
use crate::{
    client::Client,
    output::{Column, Report, printable},
};

const UPSTREAMS: &str = "upstreams";
const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("SOURCE", &["/preset", "/index", "/registry"]),
    Column::new("AUTH", &["/auth/kind"]),
    Column::new("USABLE BY", &["/usable_by"]).or("all"),
    Column::new("USED BY", &["/used_by"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an upstream
    #[command(group = ArgGroup::new("source").required(true).args(["preset", "index", "registry"]))]
    Create {
        /// Its name, such as `crates-io`
        name: String,
        /// A well-known one: `crates.io`
        #[arg(long)]
        preset: Option<String>,
        /// A sparse index: `sparse+https://registry.example/index/`
        #[arg(long, value_name = "URL")]
        index: Option<String>,
        /// A registry of this server
        #[arg(long, value_name = "NAME")]
        registry: Option<RegistryName>,
        #[command(flatten)]
        credentials: Credentials,
        /// A registry that may attach it; may be repeated, all where absent
        #[arg(long, value_name = "REGISTRY")]
        usable_by: Vec<RegistryName>,
    },
    /// List all upstreams
    List,
    /// Show an upstream, without its secret
    Show {
        /// Its name
        name: String,
    },
    /// Change the credentials of an upstream, or who may attach it
    #[command(group = ArgGroup::new("change").required(true).multiple(true).args(["auth", "usable_by", "usable_by_all"]))]
    Edit {
        /// Its name
        name: String,
        #[command(flatten)]
        credentials: Credentials,
        /// A registry that may attach it; may be repeated, and is the whole list
        #[arg(long, value_name = "REGISTRY", conflicts_with = "usable_by_all")]
        usable_by: Vec<RegistryName>,
        /// Every registry may attach it
        #[arg(long)]
        usable_by_all: bool,
    },
    /// Delete an upstream that no registry uses
    Delete {
        /// Its name
        name: String,
    },
    /// Ask an upstream something now, and say whether it works
    Test {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Credentials {
    /// What it is sent: nothing, the token alone, `Bearer` and the token, or a user and a password
    #[arg(long, value_enum)]
    auth: Option<Auth>,
    /// The user, with `--auth basic`
    #[arg(long, requires = "auth")]
    username: Option<String>,
    /// The file of the token or password; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "auth")]
    secret_file: Option<PathBuf>,
    /// Where the credentials go besides the index, such as where its files are kept: `https://files.registry.example`; may be
    /// repeated, and is the whole list
    #[arg(long = "auth-origin", value_name = "ORIGIN", requires = "auth")]
    origins: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Auth {
    None,
    Token,
    Bearer,
    Basic,
}

impl Auth {
    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Token => "token",
            Self::Bearer => "bearer",
            Self::Basic => "basic",
        }
    }
}

impl Credentials {
    /// The `auth` of a request, where any was given.
    fn json(&self) -> Result<Option<Value>, CommandError> {
        let Some(auth) = self.auth else {
            return Ok(None);
        };
        let kind = auth.as_str();
        let wrong = |text| Err(CommandError::Credentials(text));
        let (username, file) = (self.username.as_ref(), self.secret_file.as_ref());
        match auth {
            Auth::None if !self.origins.is_empty() => {
                return wrong("`--auth none` sends nothing anywhere: leave `--auth-origin` out");
            }
            Auth::None if username.is_none() && file.is_none() => {
                return Ok(Some(json!({ "kind": kind })));
            }
            Auth::None => {
                return wrong("`--auth none` takes neither `--username` nor `--secret-file`");
            }
            Auth::Basic if username.is_none() => {
                return wrong("`--auth basic` needs a user: name it with `--username`");
            }
            Auth::Token | Auth::Bearer if username.is_some() => {
                return wrong("`--username` goes with `--auth basic` only");
            }
            Auth::Token | Auth::Bearer | Auth::Basic => {}
        }
        let secret = secret::read(file.ok_or(CommandError::NoSecret(kind))?)?;
        let mut json = json!({ "kind": kind, "secret": secret });
        if let Some(username) = username {
            json["username"] = json!(username);
        }
        if !self.origins.is_empty() {
            json["origins"] = json!(self.origins);
        }
        Ok(Some(json))
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create {
                name,
                preset,
                index,
                registry,
                credentials,
                usable_by,
            } => {
                let mut body = Map::new();
                let mut put = |name: &str, value| body.insert(name.to_owned(), value);
                put("name", json!(name));
                for (name, source) in [("preset", preset), ("index", index)] {
                    if let Some(source) = source {
                        put(name, json!(source));
                    }
                }
                if let Some(registry) = registry {
                    put("registry", json!(registry));
                }
                if let Some(auth) = credentials.json()? {
                    put("auth", auth);
                }
                if !usable_by.is_empty() {
                    put("usable_by", json!(usable_by));
                }
                Report::Item(client.post(&[UPSTREAMS], Some(&body.into())).await?)
            }
            Self::List => Report::List {
                columns: COLUMNS,
                answer: client.list(&[UPSTREAMS]).await?,
            },
            Self::Show { name } => Report::Item(client.get(&[UPSTREAMS, &name]).await?),
            Self::Edit {
                name,
                credentials,
                usable_by,
                usable_by_all,
            } => {
                let mut body = Map::new();
                if let Some(auth) = credentials.json()? {
                    body.insert("auth".to_owned(), auth);
                }
                if usable_by_all {
                    body.insert("usable_by".to_owned(), Value::Null);
                } else if !usable_by.is_empty() {
                    body.insert("usable_by".to_owned(), json!(usable_by));
                }
                Report::Item(client.patch(&[UPSTREAMS, &name], &body.into()).await?)
            }
            Self::Delete { name } => {
                client.delete(&[UPSTREAMS, &name], None).await?;
                Report::Done(format!("upstream `{name}` is deleted"))
            }
            Self::Test { name } => {
                tested(&name, client.post(&[UPSTREAMS, &name, "test"], None).await?)
            }
        })
    }
}

fn tested(name: &str, answer: Value) -> Report {
    let works = answer["ok"].as_bool() == Some(true);
    let sentence = if works {
        format!(
            "upstream `{name}` answers within {} ms",
            answer["latency_ms"]
        )
    } else {
        // the reason names the upstream
        answer["reason"].as_str().map_or_else(
            || format!("upstream `{name}` does not work, and the server gave no reason"),
            printable,
        )
    };
    Report::Test {
        works,
        sentence,
        answer,
    }
}
