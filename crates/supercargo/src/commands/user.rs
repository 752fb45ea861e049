//! `supercargo user …`.

use clap::Subcommand;
use serde_json::json;
use supercargo_types::{AccountName, InstanceRole};

use super::Outcome;
use crate::{
    client::Client,
    output::{Column, Report},
};

const USERS: &str = "users";
const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("INSTANCE ROLE", &["/instance_role"]),
    Column::new("E-MAIL", &["/email"]),
    Column::time("CREATED", &["/created_at"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a user
    Create {
        /// Its name, such as `alice`
        name: AccountName,
        /// Where it can be written to
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// On the whole server: `member`, `creator` (makes registries) or `admin`
        #[arg(long, value_name = "ROLE")]
        instance_role: Option<InstanceRole>,
    },
    /// List all users
    List,
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create {
                name,
                email,
                instance_role,
            } => {
                let mut body = json!({ "name": name });
                if let Some(email) = email {
                    body["email"] = json!(email);
                }
                if let Some(role) = instance_role {
                    body["instance_role"] = json!(role);
                }
                Report::Item(client.post(&[USERS], Some(&body)).await?)
            }
            Self::List => Report::List {
                columns: COLUMNS,
                answer: client.list(&[USERS]).await?,
            },
        })
    }
}
