//! `supercargo quarantine …`.

use clap::{Args, Subcommand};
use serde_json::json;
use supercargo_types::{Action, RegistryName};

use super::{Outcome, target::Target};
use crate::{
    client::Client,
    output::{Column, Report},
};

const COLUMNS: &[Column] = &[
    Column::new("CRATE", &["/crate"]),
    Column::new("VERSION", &["/version"]).or("all"),
    Column::new("ACTION", &["/action"]),
    Column::time("SINCE", &["/created_at"]),
    Column::new("BY", &["/created_by"]),
    Column::new("REASON", &["/reason"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let nothing new resolve to a crate or version; what was downloaded from here before, still is
    Hold(Quarantine),
    /// Let nobody download a crate or version
    Block(Quarantine),
    /// End a hold or a block
    Lift {
        /// The registry
        registry: RegistryName,
        /// As it was quarantined: `demo` or `demo@1.0.0`
        #[arg(value_name = "CRATE[@VERSION]")]
        target: Target,
    },
    /// List the quarantines of a registry
    List {
        /// The registry
        registry: RegistryName,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Quarantine {
    /// The registry
    registry: RegistryName,
    /// One version, `demo@1.0.0`; or the crate with all that it will ever have, `demo`
    #[arg(value_name = "CRATE[@VERSION]")]
    target: Target,
    /// Why; whoever meets it reads this in cargo's output
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Quarantine {
    async fn put(self, client: &Client, action: Action) -> Outcome {
        let Self {
            registry,
            target,
            reason,
        } = self;
        let path = target.path(registry.as_str(), &["quarantine"]);
        let body = json!({ "action": action, "reason": reason });
        let answer = client.put(&path, &body).await?;
        let what = match target.version() {
            Some(_) => format!("`{target}`"),
            None => format!("every version of `{target}`, also each to come,"),
        };
        let sentence = match action {
            Action::Hold => format!(
                "{what} is held in `{registry}`: nothing new resolves to it, and it downloads only if it was downloaded from there before"
            ),
            Action::Block => {
                format!("{what} is blocked in `{registry}`: nobody can download it from there")
            }
        };
        Ok(Report::Said { sentence, answer })
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Hold(quarantine) => quarantine.put(client, Action::Hold).await?,
            Self::Block(quarantine) => quarantine.put(client, Action::Block).await?,
            Self::Lift { registry, target } => {
                let path = target.path(registry.as_str(), &["quarantine"]);
                client.delete(&path, None).await?;
                Report::Done(format!(
                    "the quarantine of `{target}` in `{registry}` is lifted"
                ))
            }
            Self::List { registry } => {
                let path = ["registries", registry.as_str(), "quarantines"];
                Report::List {
                    columns: COLUMNS,
                    answer: client.list(&path).await?,
                }
            }
        })
    }
}
