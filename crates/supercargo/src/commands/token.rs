//! `supercargo token …`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use supercargo_types::{NamePattern, PrincipalRef, RegistryName, Scope, Timestamp};

use super::Outcome;
use crate::{
    client::{Client, ClientError},
    output::{Column, Report, time},
};

const TOKENS: &str = "tokens";
const COLUMNS: &[Column] = &[
    Column::new("ID", &["/id"]),
    Column::new("NAME", &["/name"]),
    Column::new("BEGINS WITH", &["/prefix"]),
    Column::new("PRINCIPAL", &["/principal"]),
    Column::new("SCOPES", &["/scopes"]),
    Column::new("REGISTRIES", &["/registries"]).or("all"),
    Column::new("CRATES", &["/crates"]).or("all"),
    Column::time("LAST USED", &["/last_used_at"]).or("never"),
    Column::time("EXPIRES", &["/expires_at"]).or("never"),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token; its secret is printed alone on standard output, this one time
    Create(Create),
    /// List tokens, without their secrets
    List {
        /// Only those of this account, such as `service:ci`; a registry's admin sees those of its service accounts
        #[arg(long)]
        principal: Option<PrincipalRef>,
    },
    /// Show one token with what it may do
    Show {
        /// Its id, from `supercargo token list`
        id: String,
    },
    /// Revoke a token, at once
    Delete {
        /// Its id, from `supercargo token list`
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// By which you know it again, such as `laptop`
    name: String,
    /// For whom, such as `service:ci`; yourself where absent
    #[arg(long)]
    principal: Option<PrincipalRef>,
    /// What it may do: `read`, `publish`, `yank`, `owners`, `maintain`, `delete`, `admin`; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// A registry that it is good for; may be repeated, all where absent
    #[arg(long = "registry", value_name = "NAME", value_delimiter = ',')]
    registries: Vec<RegistryName>,
    /// Crates that it may change, such as `acme-*`; may be repeated, all where absent
    #[arg(long = "crate", value_name = "PATTERN", value_delimiter = ',')]
    crates: Vec<NamePattern>,
    /// Ends after so many days
    #[arg(long, value_name = "DAYS", conflicts_with = "expires_at")]
    expires_in_days: Option<u32>,
    /// Ends at this time, such as `2026-12-31T00:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires_at: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::from_rfc3339(text).ok_or("write a time as `2026-12-31T00:00:00Z`")
}

impl Create {
    fn json(&self) -> Value {
        let mut body = json!({ "name": self.name });
        if let Some(principal) = &self.principal {
            body["principal"] = json!(principal);
        }
        if !self.scopes.is_empty() {
            body["scopes"] = json!(self.scopes);
        }
        if !self.registries.is_empty() {
            body["registries"] = json!(self.registries);
        }
        if !self.crates.is_empty() {
            body["crates"] = json!(self.crates);
        }
        if let Some(days) = self.expires_in_days {
            body["expires_in_days"] = json!(days);
        }
        if let Some(moment) = self.expires_at {
            body["expires_at"] = json!(moment);
        }
        body
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create(create) => made(client.post(&[TOKENS], Some(&create.json())).await?)?,
            Self::List { principal } => {
                let principal = principal.map(|principal| principal.to_string());
                let query = principal.as_deref().map(|name| ("principal", name));
                Report::List {
                    columns: COLUMNS,
                    answer: client.list_where(&[TOKENS], query.as_slice()).await?,
                }
            }
            Self::Show { id } => Report::Item(client.get(&[TOKENS, &id]).await?),
            Self::Delete { id } => {
                client.delete(&[TOKENS, &id], None).await?;
                Report::Done(format!("token `{id}` is revoked"))
            }
        })
    }
}

fn made(answer: Value) -> Result<Report, ClientError> {
    let text = |at: &str| answer[at].as_str().unwrap_or_default();
    let end = match &answer["expires_at"] {
        Value::Null => "does not end by itself".to_owned(),
        end => format!("ends {}", time(end)),
    };
    let secret = text("token").to_owned();
    if secret.is_empty() {
        return Err(ClientError::Refused {
            details: "the server made a token and did not show it".to_owned(),
            hint: "; revoke it and ask again",
        });
    }
    Ok(Report::Secret {
        explanation: format!(
            "this token is not shown again; it {end}, and `supercargo token delete {}` revokes it",
            text("id")
        ),
        secret,
        answer,
    })
}
