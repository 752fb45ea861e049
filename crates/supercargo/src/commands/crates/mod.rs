//! `supercargo crate …`.

mod download;
mod label;
mod upload;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use supercargo_types::{CrateName, RegistryName, VersionState};

use super::{
    Outcome,
    confirm::confirm,
    target::{Exact, Target},
};
use crate::{
    client::Client,
    output::{Column, Report, printable},
};

const CRATES: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("SOURCE", &["/source"]),
    Column::new("NEWEST", &["/max_version"]),
    Column::new("VERSIONS", &["/versions"]),
    Column::new("DOWNLOADS", &["/downloads"]),
    Column::time("UPDATED", &["/updated_at"]),
    Column::new("QUARANTINE", &["/quarantine/action"]),
    Column::new("DESCRIPTION", &["/description"]),
];
const VERSIONS: &[Column] = &[
    Column::new("VERSION", &["/version"]),
    Column::new("STATE", &["/state"]),
    Column::new("ORIGIN", &["/origin"]),
    Column::time("PUBLISHED", &["/published_at"]),
    Column::new("BY", &["/publisher"]),
    Column::size("SIZE", &["/size"]),
    Column::new("DOWNLOADS", &["/downloads"]),
    Column::new("REASON", &["/reason"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the crates of a registry: those it hosts, then those it has of upstreams
    List {
        /// The registry
        registry: RegistryName,
        /// Only those with this text in the name, or these words in name, description or keywords
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        /// Only those published here, or only those of upstreams
        #[arg(long, value_enum)]
        source: Option<Source>,
        /// Only those whose highest version is `available`, `yanked`, `held` or `blocked`
        #[arg(long)]
        state: Option<VersionState>,
        /// Only those with this label; may be repeated, and all have to be there
        #[arg(long = "label", value_name = "KEY[=VALUE]")]
        labels: Vec<String>,
    },
    /// Show a crate and its versions, or one version
    Show {
        /// The registry
        registry: RegistryName,
        /// `demo`, or `demo@1.0.0`
        #[arg(value_name = "CRATE[@VERSION]")]
        target: Target,
    },
    /// Publish `.crate` files, as `cargo package` makes them; the first that fails is the last
    Upload(upload::Upload),
    /// Write the `.crate` file of a version, once its checksum is found to be right
    Download(download::Download),
    /// Delete a version, or a crate with all its versions; they can be restored until they are purged
    Delete {
        /// The registry
        registry: RegistryName,
        /// `demo@1.0.0`, or all versions: `demo`
        #[arg(value_name = "CRATE[@VERSION]")]
        target: Target,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
    /// Bring a deleted version back, or a crate with those versions that went with it
    Restore {
        /// The registry
        registry: RegistryName,
        /// As it was deleted: `demo@1.0.0` or `demo`
        #[arg(value_name = "CRATE[@VERSION]")]
        target: Target,
    },
    /// Drop the bytes of what is deleted, for ever; the version numbers stay taken
    Purge {
        /// The registry
        registry: RegistryName,
        /// `demo@1.0.0`, or all versions: `demo`
        #[arg(value_name = "CRATE[@VERSION]")]
        target: Target,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
    /// Give a name that was once published here back to upstream
    Release {
        /// The registry
        registry: RegistryName,
        /// The crate, without versions and without a claim
        #[arg(value_name = "CRATE")]
        name: CrateName,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
    /// Read a crate from another of the registry's upstreams from now on; versions that were downloaded stay what they were
    Pin {
        /// The registry
        registry: RegistryName,
        /// The crate, spelt as it is there
        #[arg(value_name = "CRATE")]
        name: CrateName,
        /// An upstream that is attached, and whose patterns pass the name
        upstream: String,
    },
    /// Show the labels of a crate or version, set some, or take some away
    Label(label::Labelling),
    /// Believe an upstream that has changed the bytes of a version
    Accept {
        /// The registry
        registry: RegistryName,
        /// Such as `demo@1.0.0`
        #[arg(value_name = "CRATE@VERSION")]
        version: Exact,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Source {
    Hosted,
    Cached,
}

impl Source {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hosted => "hosted",
            Self::Cached => "cached",
        }
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::List {
                registry,
                query,
                source,
                state,
                labels,
            } => {
                let narrowed = [
                    ("q", query.as_deref()),
                    ("source", source.map(Source::as_str)),
                    ("state", state.map(VersionState::as_str)),
                ];
                list(client, &registry, narrowed, &labels).await
            }
            Self::Show { registry, target } => show(client, &registry, &target).await,
            Self::Upload(upload) => upload.run(client).await,
            Self::Download(download) => download.run(client).await,
            Self::Delete {
                registry,
                target,
                yes,
            } => delete(client, &registry, &target, yes).await,
            Self::Restore { registry, target } => restore(client, &registry, &target).await,
            Self::Purge {
                registry,
                target,
                yes,
            } => purge(client, &registry, &target, yes).await,
            Self::Release {
                registry,
                name,
                yes,
            } => release(client, &registry, &name, yes).await,
            Self::Pin {
                registry,
                name,
                upstream,
            } => pin(client, &registry, &name, &upstream).await,
            Self::Label(labelling) => labelling.run(client).await,
            Self::Accept {
                registry,
                version,
                yes,
            } => accept(client, &registry, &version, yes).await,
        }
    }
}

async fn list(
    client: &Client,
    registry: &RegistryName,
    narrowed: [(&'static str, Option<&str>); 3],
    labels: &[String],
) -> Outcome {
    let given = narrowed.into_iter();
    let given = given.filter_map(|(name, value)| Some((name, value?)));
    let labels = labels.iter().map(|label| ("label", label.as_str()));
    let given: Vec<_> = given.chain(labels).collect();
    let path = ["registries", registry.as_str(), "crates"];
    Ok(Report::List {
        columns: CRATES,
        answer: client.list_where(&path, &given).await?,
    })
}

async fn show(client: &Client, registry: &RegistryName, target: &Target) -> Outcome {
    let item = client.get(&target.path(registry.as_str(), &[])).await?;
    if target.version().is_some() {
        return Ok(Report::Item(item));
    }
    let versions = target.path(registry.as_str(), &["versions"]);
    Ok(Report::Parts {
        whole: ("crate", item),
        columns: VERSIONS,
        parts: ("versions", client.list(&versions).await?),
    })
}

async fn delete(client: &Client, registry: &RegistryName, target: &Target, yes: bool) -> Outcome {
    let what = in_full(target);
    let consequence =
        format!("{what} will be gone from `{registry}` for everyone; it can be restored");
    confirm(&target.to_string(), &consequence, yes)?;
    let path = target.path(registry.as_str(), &[]);
    client.delete(&path, None).await?;
    Ok(Report::Done(format!(
        "{what} is deleted from `{registry}`; `supercargo crate restore {registry} {target}` brings it back"
    )))
}

async fn restore(client: &Client, registry: &RegistryName, target: &Target) -> Outcome {
    let path = target.path(registry.as_str(), &["restore"]);
    let answer = client.post(&path, None).await?;
    Ok(Report::Said {
        sentence: format!("`{target}` is back in `{registry}`{}", but(&answer)),
        answer,
    })
}

async fn purge(client: &Client, registry: &RegistryName, target: &Target, yes: bool) -> Outcome {
    let what = in_full(target);
    let numbers = match target.version() {
        Some(_) => "its number stays taken",
        None => "their numbers stay taken",
    };
    let consequence = format!(
        "the bytes of {what} will be gone from `{registry}` for ever; nothing brings them back, and {numbers}"
    );
    confirm(&target.to_string(), &consequence, yes)?;
    let path = target.path(registry.as_str(), &[]);
    client.delete_with(&path, &[("purge", "true")]).await?;
    Ok(Report::Done(format!(
        "{what} is purged from `{registry}`; {numbers}"
    )))
}

async fn release(client: &Client, registry: &RegistryName, name: &CrateName, yes: bool) -> Outcome {
    let consequence = format!(
        "from then on `{name}` in `{registry}` is what upstream has under this name, whoever published that"
    );
    confirm(name.as_str(), &consequence, yes)?;
    let path = [
        "registries",
        registry.as_str(),
        "crates",
        name.as_str(),
        "release",
    ];
    let body = json!({ "confirm": name });
    Ok(Report::Said {
        answer: client.post(&path, Some(&body)).await?,
        sentence: format!("`{name}` is released in `{registry}`: from now on it is upstream's"),
    })
}

async fn pin(
    client: &Client,
    registry: &RegistryName,
    name: &CrateName,
    upstream: &str,
) -> Outcome {
    let path = [
        "registries",
        registry.as_str(),
        "crates",
        name.as_str(),
        "pin",
    ];
    let body = json!({ "upstream": upstream });
    let answer = client.post(&path, Some(&body)).await?;
    let before = match answer["before"].as_str() {
        Some(before) if before == upstream => ", as before".to_owned(),
        Some(before) => format!(", before from `{}`", printable(before)),
        None => String::new(),
    };
    Ok(Report::Said {
        sentence: format!(
            "`{name}` in `{registry}` is read from upstream `{}`{before}",
            printable(upstream)
        ),
        answer,
    })
}

async fn accept(client: &Client, registry: &RegistryName, version: &Exact, yes: bool) -> Outcome {
    let consequence = format!(
        "upstream has changed `{version}` after it was first downloaded from `{registry}`; the new bytes will be served, whoever made them"
    );
    confirm(&version.to_string(), &consequence, yes)?;
    let path = version.target().path(registry.as_str(), &["ledger"]);
    client.delete(&path, Some(version.version())).await?;
    Ok(Report::Done(format!(
        "`{version}` in `{registry}` is what upstream has now"
    )))
}

fn in_full(target: &Target) -> String {
    match target.version() {
        Some(_) => format!("`{target}`"),
        None => format!("`{target}`, with all its versions,"),
    }
}

/// What keeps a version that is there from being used.
fn but(version: &Value) -> String {
    let state = version["state"].as_str();
    let Some(state) = state.filter(|state| *state != VersionState::Available.as_str()) else {
        return String::new();
    };
    let reason = version["reason"].as_str();
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", printable(reason)));
    format!(", and is {}{reason}", printable(state))
}
