//! `supercargo member …`.

use clap::Subcommand;
use serde_json::json;
use supercargo_types::{PrincipalRef, RegistryName, Role};

use super::Outcome;
use crate::{
    client::Client,
    output::{Column, Report},
};

const COLUMNS: &[Column] = &[
    Column::new("PRINCIPAL", &["/principal"]),
    Column::new("ROLE", &["/role"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make someone a member, or change the role of one
    Set {
        /// The registry
        registry: RegistryName,
        /// `alice`, `service:ci` or `team:core`
        principal: PrincipalRef,
        /// `reader`, `publisher`, `maintainer` or `admin`
        role: Role,
    },
    /// End a membership
    Remove {
        /// The registry
        registry: RegistryName,
        /// `alice`, `service:ci` or `team:core`
        principal: PrincipalRef,
    },
    /// List the members of a registry
    List {
        /// The registry
        registry: RegistryName,
    },
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Set {
                registry,
                principal,
                role,
            } => {
                let who = principal.to_string();
                let path = ["registries", registry.as_str(), "members", &who];
                client.put(&path, &json!({ "role": role })).await?;
                Report::Done(format!("`{who}` is {role} of `{registry}`"))
            }
            Self::Remove {
                registry,
                principal,
            } => {
                let who = principal.to_string();
                let path = ["registries", registry.as_str(), "members", &who];
                client.delete(&path, None).await?;
                Report::Done(format!("`{who}` is no member of `{registry}` any more"))
            }
            Self::List { registry } => {
                let path = ["registries", registry.as_str(), "members"];
                Report::List {
                    columns: COLUMNS,
                    answer: client.list(&path).await?,
                }
            }
        })
    }
}
