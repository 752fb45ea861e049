//! `supercargo crate label`.

use std::str::FromStr;

use clap::Args;
use serde_json::{Map, Value, json};
use supercargo_types::RegistryName;

use super::{Outcome, Target};
use crate::{
    client::Client,
    output::{Column, Report},
};

const COLUMNS: &[Column] = &[
    Column::new("KEY", &["/key"]),
    Column::new("VALUE", &["/value"]),
    Column::time("SET", &["/set_at"]),
    Column::new("BY", &["/set_by"]),
];

#[derive(Debug, Args)]
pub(crate) struct Labelling {
    /// The registry
    registry: RegistryName,
    /// `demo`, or `demo@1.0.0`
    #[arg(value_name = "CRATE[@VERSION]")]
    target: Target,
    /// Labels to set, as `team=core` or `reviewed`; those that are not named stay
    #[arg(value_name = "KEY[=VALUE]")]
    labels: Vec<Label>,
    /// A label to take away; may be repeated
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
}

/// `team=core` or `reviewed`.
#[derive(Clone, Debug)]
struct Label {
    key: String,
    value: String,
}

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() {
            return Err("write a label as `team=core`, or as a word alone");
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl Labelling {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        let path = self.target.path(self.registry.as_str(), &["labels"]);
        if !(self.labels.is_empty() && self.remove.is_empty()) {
            let set: Map<String, Value> = self
                .labels
                .iter()
                .map(|label| (label.key.clone(), json!(label.value)))
                .collect();
            let body = json!({ "set": set, "remove": self.remove });
            client.patch(&path, &body).await?;
        }
        Ok(Report::List {
            columns: COLUMNS,
            answer: client.list(&path).await?,
        })
    }
}
