//! `supercargo cache …`.

use clap::Subcommand;
use serde_json::Value;
use supercargo_types::{CrateName, RegistryName};

use super::Outcome;
use crate::{
    client::Client,
    output::{Column, Report},
};

const COLUMNS: &[Column] = &[
    Column::new("UPSTREAM", &["/upstream"]),
    Column::new("FILES", &["/files"]),
    Column::size("SIZE", &["/bytes"]),
    Column::size("LIMIT", &["/limit"]).or("none"),
    Column::new("INDEX", &["/index_files"]),
    Column::time("OLDEST", &["/oldest"]),
    Column {
        write: share,
        ..Column::new("HITS", &["/hit_rate"])
    },
    Column {
        write: read_ahead,
        ..Column::new("READ AHEAD", &["/read_ahead"])
    },
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how much is cached of each upstream, and how much of what was asked for came from there
    Show {
        /// The registry
        registry: RegistryName,
    },
    /// Forget what was fetched from upstreams; it is fetched again when somebody asks, where upstream still has it
    Evict {
        /// The registry
        registry: RegistryName,
        /// Only this crate
        #[arg(value_name = "CRATE")]
        name: Option<CrateName>,
    },
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Show { registry } => {
                let answer = client
                    .list(&["registries", registry.as_str(), "cache"])
                    .await?;
                Ok(Report::List {
                    columns: COLUMNS,
                    answer,
                })
            }
            Self::Evict { registry, name } => evict(client, &registry, name.as_ref()).await,
        }
    }
}

async fn evict(client: &Client, registry: &RegistryName, name: Option<&CrateName>) -> Outcome {
    let mut path = vec!["registries", registry.as_str(), "cache"];
    path.extend(name.map(CrateName::as_str));
    client.delete(&path, None).await?;
    let what = name.map_or_else(
        || format!("what `{registry}` cached of its upstreams"),
        |name| format!("what `{registry}` cached of `{name}`"),
    );
    Ok(Report::Done(format!(
        "{what} is evicted; it is fetched again when somebody asks for it"
    )))
}

/// In per cent of all that was given out.
fn share(value: &Value) -> String {
    let share = value.as_f64().unwrap_or_default();
    format!("{:.1} %", share * 100.0)
}

/// Index files that were fetched before somebody asked for them, and those in vain.
fn read_ahead(value: &Value) -> String {
    let count = |field: &str| value[field].as_u64().unwrap_or_default();
    let (fetched, used) = (count("fetched"), count("used"));
    if fetched == 0 {
        return String::new();
    }
    format!("{used} of {fetched}")
}
