//! `supercargo service-account …`.

use clap::Subcommand;
use serde_json::json;
use supercargo_types::{AccountName, RegistryName};

use super::Outcome;
use crate::{
    client::Client,
    output::{Column, Report},
};

const SERVICE_ACCOUNTS: &str = "service-accounts";
const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("REGISTRY", &["/registry"]),
    Column::time("CREATED", &["/created_at"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a service account; elsewhere it is written `service:NAME`
    Create {
        /// Its name, such as `ci`
        name: AccountName,
        /// The registry whose admins control it; the whole server's where absent
        #[arg(long, value_name = "NAME")]
        registry: Option<RegistryName>,
    },
    /// List all service accounts
    List,
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create { name, registry } => {
                let mut body = json!({ "name": name });
                if let Some(registry) = registry {
                    body["registry"] = json!(registry);
                }
                Report::Item(client.post(&[SERVICE_ACCOUNTS], Some(&body)).await?)
            }
            Self::List => Report::List {
                columns: COLUMNS,
                answer: client.list(&[SERVICE_ACCOUNTS]).await?,
            },
        })
    }
}
