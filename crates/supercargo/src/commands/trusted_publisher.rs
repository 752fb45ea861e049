//! `supercargo trusted-publisher …`.

use std::{collections::BTreeMap, str::FromStr};

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use supercargo_types::{NamePattern, PublisherName, RegistryName, Scope};

use super::{Outcome, confirm::confirm};
use crate::{
    client::Client,
    output::{Column, Report},
};

const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("PRESET", &["/preset"]),
    Column::new("CLAIMS", &["/claims"]),
    Column::new("SCOPES", &["/scopes"]),
    Column::new("CRATES", &["/crates"]).or("as members"),
    Column::time("LAST USED", &["/last_used_at"]).or("never"),
];

/// What an edit can change, of which it has at least one.
const CHANGES: [&str; 7] = [
    "preset",
    "issuer",
    "audience",
    "claims",
    "scopes",
    "crates",
    "no_crates",
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trust jobs of a CI system
    Create {
        /// The registry
        registry: RegistryName,
        /// Its name, such as `release`
        name: PublisherName,
        #[command(flatten)]
        rule: Rule,
    },
    /// List the trusted publishers of a registry
    List {
        /// The registry
        registry: RegistryName,
    },
    /// Show a trusted publisher
    Show {
        /// The registry
        registry: RegistryName,
        /// Its name
        name: PublisherName,
    },
    /// Change a trusted publisher; what is not given stays, and tokens that jobs have by it end
    #[command(group = ArgGroup::new("change").required(true).multiple(true).args(CHANGES))]
    Edit {
        /// The registry
        registry: RegistryName,
        /// Its name
        name: PublisherName,
        #[command(flatten)]
        rule: Rule,
        /// Take all `--crate` patterns away
        #[arg(long, conflicts_with = "crates")]
        no_crates: bool,
    },
    /// Delete a trusted publisher; tokens that jobs have by it end
    Delete {
        /// The registry
        registry: RegistryName,
        /// Its name
        name: PublisherName,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Rule {
    /// `github`, `gitlab` or `custom`: what is known of the claims
    #[arg(long)]
    preset: Option<String>,
    /// The `iss` of tokens; needed where the preset has no public service, or another one is meant
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The `aud` of tokens; by default the address of the registry without `https://`
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// What tokens must say, such as `repository=acme/app` or `ref=refs/tags/v*`; may be repeated, and is the whole set
    #[arg(long = "claim", value_name = "CLAIM=PATTERN")]
    claims: Vec<Claim>,
    /// What jobs may do: `read`, `publish`, `yank`; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// Crates that jobs may write, whoever owns them, such as `acme-*`; may be repeated
    #[arg(long = "crate", value_name = "PATTERN", value_delimiter = ',')]
    crates: Vec<NamePattern>,
}

/// `repository=acme/app`.
#[derive(Clone, Debug)]
struct Claim {
    name: String,
    pattern: String,
}

impl FromStr for Claim {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, pattern)) if !name.is_empty() => Ok(Self {
                name: name.to_owned(),
                pattern: pattern.to_owned(),
            }),
            _ => Err("write a claim as `repository=acme/app`"),
        }
    }
}

impl Rule {
    fn json(&self) -> Value {
        let mut body = json!({});
        let texts = [
            ("preset", &self.preset),
            ("issuer", &self.issuer),
            ("audience", &self.audience),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                body[field] = json!(text);
            }
        }
        if !self.claims.is_empty() {
            let claims = self.claims.iter();
            let claims: BTreeMap<_, _> =
                claims.map(|claim| (&claim.name, &claim.pattern)).collect();
            body["claims"] = json!(claims);
        }
        if !self.scopes.is_empty() {
            body["scopes"] = json!(self.scopes);
        }
        if !self.crates.is_empty() {
            body["crates"] = json!(self.crates);
        }
        body
    }
}

fn rules(registry: &RegistryName) -> [&str; 3] {
    ["registries", registry.as_str(), "trusted-publishers"]
}

fn one<'a>(registry: &'a RegistryName, name: &'a PublisherName) -> [&'a str; 4] {
    let [registries, registry, publishers] = rules(registry);
    [registries, registry, publishers, name.as_str()]
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create {
                registry,
                name,
                rule,
            } => {
                let mut body = rule.json();
                body["name"] = json!(name);
                if rule.claims.is_empty() {
                    body["claims"] = json!({});
                }
                Report::Item(client.post(&rules(&registry), Some(&body)).await?)
            }
            Self::List { registry } => Report::List {
                columns: COLUMNS,
                answer: client.list(&rules(&registry)).await?,
            },
            Self::Show { registry, name } => {
                Report::Item(client.get(&one(&registry, &name)).await?)
            }
            Self::Edit {
                registry,
                name,
                rule,
                no_crates,
            } => {
                let mut body = rule.json();
                if no_crates {
                    body["crates"] = Value::Null;
                }
                Report::Item(client.patch(&one(&registry, &name), &body).await?)
            }
            Self::Delete {
                registry,
                name,
                yes,
            } => {
                let consequence = format!(
                    "jobs that `{name}` covers will get no token for `{registry}` any more, and those that run lose theirs"
                );
                confirm(name.as_str(), &consequence, yes)?;
                client.delete(&one(&registry, &name), None).await?;
                Report::Done(format!(
                    "the trusted publisher `{name}` of `{registry}` is deleted"
                ))
            }
        })
    }
}
