//! `supercargo cache …`.

use clap::Subcommand;
use supercargo_types::{CrateName, RegistryName};

use super::Outcome;
use crate::{client::Client, output::Report};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
        let Self::Evict { registry, name } = self;
        let mut path = vec!["registries", registry.as_str(), "cache"];
        path.extend(name.as_ref().map(CrateName::as_str));
        client.delete(&path, None).await?;
        let what = name.map_or_else(
            || format!("what `{registry}` cached of its upstreams"),
            |name| format!("what `{registry}` cached of `{name}`"),
        );
        Ok(Report::Done(format!(
            "{what} is evicted; it is fetched again when somebody asks for it"
        )))
    }
}
