//! `supercargo service-account …`.

use clap::Subcommand;
use serde_json::json;
use supercargo_types::{AccountName, InvalidAccountName, RegistryName};

use super::{Outcome, confirm::confirm, user::STATE};
use crate::{
    client::Client,
    output::{Column, Report},
};

const SERVICE_ACCOUNTS: &str = "service-accounts";
const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("REGISTRY", &["/registry"]),
    STATE,
    Column::time("LAST USED", &["/last_used_at"]).or("never"),
    Column::time("CREATED", &["/created_at"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a service account; elsewhere it is written `service:NAME`
    Create {
        /// Its name, such as `ci`
        #[arg(value_parser = name)]
        name: AccountName,
        /// The registry whose admins control it; the whole server's where absent
        #[arg(long, value_name = "NAME")]
        registry: Option<RegistryName>,
    },
    /// List all service accounts, or those of a registry
    List {
        /// Only those of this registry, which its admins see too
        #[arg(long, value_name = "NAME")]
        registry: Option<RegistryName>,
    },
    /// Show one
    Show {
        /// Its name, with or without `service:`
        #[arg(value_parser = name)]
        name: AccountName,
    },
    /// Disable one: its tokens do not work until it is enabled
    Disable {
        /// Its name, with or without `service:`
        #[arg(value_parser = name)]
        name: AccountName,
    },
    /// Enable one again
    Enable {
        /// Its name, with or without `service:`
        #[arg(value_parser = name)]
        name: AccountName,
    },
    /// Delete one for ever; not while it is the last owner of a crate
    Delete {
        /// Its name, which nobody gets again
        #[arg(value_parser = name)]
        name: AccountName,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
}

/// As it stands everywhere else, too: `service:ci`.
fn name(text: &str) -> Result<AccountName, InvalidAccountName> {
    text.strip_prefix("service:").unwrap_or(text).parse()
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
            Self::List { registry } => {
                let registry = registry.as_ref().map(|name| ("registry", name.as_str()));
                let list = client.list_where(&[SERVICE_ACCOUNTS], registry.as_slice());
                Report::List {
                    columns: COLUMNS,
                    answer: list.await?,
                }
            }
            Self::Show { name } => {
                Report::Item(client.get(&[SERVICE_ACCOUNTS, name.as_str()]).await?)
            }
            Self::Disable { name } => disable(client, &name, true).await?,
            Self::Enable { name } => disable(client, &name, false).await?,
            Self::Delete { name, yes } => {
                let consequence = format!(
                    "`service:{name}` will lose all tokens, roles and crates for ever, and nobody gets the name again"
                );
                confirm(name.as_str(), &consequence, yes)?;
                let path = [SERVICE_ACCOUNTS, name.as_str()];
                client.delete(&path, Some(name.as_str())).await?;
                Report::Done(format!("service account `{name}` is deleted"))
            }
        })
    }
}

async fn disable(client: &Client, name: &AccountName, disabled: bool) -> Outcome {
    let path = [SERVICE_ACCOUNTS, name.as_str()];
    let body = json!({ "disabled": disabled });
    Ok(Report::Item(client.patch(&path, &body).await?))
}
