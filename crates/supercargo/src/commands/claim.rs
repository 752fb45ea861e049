//! `supercargo claim …`.

use clap::Subcommand;
use serde_json::json;
use supercargo_types::{ClaimMode, NamePattern, RegistryName};

use super::{Outcome, confirm::confirm};
use crate::{
    client::Client,
    output::{Column, Report},
};

const COLUMNS: &[Column] = &[
    Column::new("PATTERN", &["/pattern"]),
    Column::new("MODE", &["/mode"]),
    Column::time("CREATED", &["/created_at"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Claim a name or a pattern of names, and learn what that takes away
    Create {
        /// The registry
        registry: RegistryName,
        /// `acme-*`, in quotation marks for the shell's sake, or a whole name
        pattern: NamePattern,
        /// `private` (upstreams are never asked), `fork` (ours; the mirror has upstream's) or `merge` (both; a version that both have is ours)
        #[arg(long)]
        mode: Option<ClaimMode>,
    },
    /// List the claims of a registry
    List {
        /// The registry
        registry: RegistryName,
    },
    /// Delete a claim; names that were never published here go back to upstream at once
    Delete {
        /// The registry
        registry: RegistryName,
        /// As it was claimed
        pattern: NamePattern,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create {
                registry,
                pattern,
                mode,
            } => {
                let mut body = json!({ "pattern": pattern });
                if let Some(mode) = mode {
                    body["mode"] = json!(mode);
                }
                let path = ["registries", registry.as_str(), "claims"];
                Report::Item(client.post(&path, Some(&body)).await?)
            }
            Self::List { registry } => {
                let path = ["registries", registry.as_str(), "claims"];
                Report::List {
                    columns: COLUMNS,
                    answer: client.list(&path).await?,
                }
            }
            Self::Delete {
                registry,
                pattern,
                yes,
            } => {
                let consequence = format!(
                    "names that `{pattern}` covers and that were never published in `{registry}` will be upstream's at once"
                );
                confirm(pattern.as_str(), &consequence, yes)?;
                let path = ["registries", registry.as_str(), "claims", pattern.as_str()];
                client.delete(&path, Some(pattern.as_str())).await?;
                Report::Done(format!(
                    "the claim on `{pattern}` in `{registry}` is deleted"
                ))
            }
        })
    }
}
