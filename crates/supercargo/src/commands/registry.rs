//! `supercargo registry …`.

use std::str::FromStr;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};
use supercargo_types::{NamePattern, Publishing, RegistryName, VersionPattern, Visibility};

use super::{Outcome, confirm::confirm};
use crate::{
    client::Client,
    output::{Column, Report},
};

const REGISTRIES: &str = "registries";
const COLUMNS: &[Column] = &[
    Column::new("NAME", &["/name"]),
    Column::new("VISIBILITY", &["/visibility"]),
    Column::new("PUBLISHING", &["/publishing"]),
    Column::new("UPSTREAMS", &["/upstreams"]),
    Column::new("DESCRIPTION", &["/description"]),
];

/// What an edit can change, of which it has at least one.
const CHANGES: [&str; 12] = [
    "description",
    "labels",
    "visibility",
    "publishing",
    "upstreams",
    "allow",
    "block",
    "republish",
    "no_labels",
    "no_upstreams",
    "no_allow",
    "no_block",
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a registry
    Create {
        /// Its name, for ever: it ends up in lockfiles
        name: RegistryName,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the registries that you may see
    List {
        /// Only those with this label; may be repeated, and all have to be there
        #[arg(long = "label", value_name = "KEY[=VALUE]")]
        labels: Vec<String>,
    },
    /// Show a registry, with how its upstreams do
    Show {
        /// Its name
        name: RegistryName,
    },
    /// Change settings of a registry; those that are not given stay
    #[command(group = ArgGroup::new("change").required(true).multiple(true).args(CHANGES))]
    Edit {
        /// Its name
        name: RegistryName,
        #[command(flatten)]
        settings: Settings,
        /// Take all labels away
        #[arg(long, conflicts_with = "labels")]
        no_labels: bool,
        /// Take all upstreams away
        #[arg(long, conflicts_with = "upstreams")]
        no_upstreams: bool,
        /// Allow everything that is not blocked
        #[arg(long, conflicts_with = "allow")]
        no_allow: bool,
        /// Take all `--block` patterns away
        #[arg(long, conflicts_with = "block")]
        no_block: bool,
    },
    /// Delete a registry; it can be restored for 30 days
    Delete {
        /// Its name
        name: RegistryName,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
    /// Bring a deleted registry back
    Restore {
        /// Its name
        name: RegistryName,
    },
    /// Drop every byte of a deleted registry, for ever
    Purge {
        /// Its name
        name: RegistryName,
        /// Do not ask back
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A label; may be repeated, and is the whole set
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Label>,
    /// Who reads: `private` (members), `internal` (anyone signed in) or `public`
    #[arg(long)]
    visibility: Option<Visibility>,
    /// Who publishes to a crate that exists: its `owners`, or all `members` with the right
    #[arg(long)]
    publishing: Option<Publishing>,
    /// An upstream to read through; may be repeated, and is the whole list in its order. Patterns narrow it:
    /// `partner,only=partner-*,except=partner-old`
    #[arg(long = "upstream", value_name = "NAME[,only=PATTERN][,except=PATTERN]")]
    upstreams: Vec<Attachment>,
    /// What may be used, where not everything may; may be repeated, and is the whole list: `acme-*`, `serde@^1`
    #[arg(long, value_name = "PATTERN")]
    allow: Vec<VersionPattern>,
    /// What must not be used, allowed or not; may be repeated, and is the whole list: `evil-*`, `openssl@<0.10.55`
    #[arg(long, value_name = "PATTERN")]
    block: Vec<VersionPattern>,
    /// Let registries that more people may read, read through this one; `--republish=false` takes it back
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    republish: Option<bool>,
}

/// `team=core`.
#[derive(Clone, Debug)]
struct Label {
    key: String,
    value: String,
}

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err("write a label as `team=core`"),
        }
    }
}

/// `partner,only=partner-*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attachment {
    name: String,
    only: Vec<NamePattern>,
    except: Vec<NamePattern>,
}

impl FromStr for Attachment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default().to_owned();
        let mut attachment = Self {
            name,
            only: Vec::new(),
            except: Vec::new(),
        };
        for part in parts {
            let (list, pattern) = match part.split_once('=') {
                Some(("only", pattern)) => (&mut attachment.only, pattern),
                Some(("except", pattern)) => (&mut attachment.except, pattern),
                _ => {
                    return Err(format!(
                        "`{part}` is neither `only=PATTERN` nor `except=PATTERN`"
                    ));
                }
            };
            list.push(pattern.parse().map_err(|error| format!("{error}"))?);
        }
        Ok(attachment)
    }
}

impl Attachment {
    fn json(&self) -> Value {
        if self.only.is_empty() && self.except.is_empty() {
            json!(self.name)
        } else {
            json!({ "name": self.name, "only": self.only, "except": self.except })
        }
    }
}

impl Settings {
    /// The fields that were given.
    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value| fields.insert(name.to_owned(), value);
        if let Some(description) = &self.description {
            put("description", json!(description));
        }
        if !self.labels.is_empty() {
            let pair = |label: &Label| (label.key.clone(), json!(label.value));
            put(
                "labels",
                Value::Object(self.labels.iter().map(pair).collect()),
            );
        }
        if let Some(visibility) = self.visibility {
            put("visibility", json!(visibility));
        }
        if let Some(publishing) = self.publishing {
            put("publishing", json!(publishing));
        }
        if !self.upstreams.is_empty() {
            put(
                "upstreams",
                self.upstreams.iter().map(Attachment::json).collect(),
            );
        }
        for (name, patterns) in [("allow", &self.allow), ("block", &self.block)] {
            if !patterns.is_empty() {
                put(name, json!(patterns));
            }
        }
        if let Some(republish) = self.republish {
            put("republish", json!(republish));
        }
        fields
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        Ok(match self {
            Self::Create { name, settings } => {
                let mut body = settings.fields();
                body.insert("name".to_owned(), json!(name));
                Report::Item(client.post(&[REGISTRIES], Some(&body.into())).await?)
            }
            Self::List { labels } => {
                let labels = labels.iter().map(|label| ("label", label.as_str()));
                let labels: Vec<_> = labels.collect();
                Report::List {
                    columns: COLUMNS,
                    answer: client.list_where(&[REGISTRIES], &labels).await?,
                }
            }
            Self::Show { name } => Report::Item(client.get(&[REGISTRIES, name.as_str()]).await?),
            Self::Edit {
                name,
                settings,
                no_labels,
                no_upstreams,
                no_allow,
                no_block,
            } => {
                let mut body = settings.fields();
                if no_labels {
                    body.insert("labels".to_owned(), json!({}));
                }
                for (is_emptied, list) in [
                    (no_upstreams, "upstreams"),
                    (no_allow, "allow"),
                    (no_block, "block"),
                ] {
                    if is_emptied {
                        body.insert(list.to_owned(), json!([]));
                    }
                }
                let path = [REGISTRIES, name.as_str()];
                Report::Item(client.patch(&path, &body.into()).await?)
            }
            Self::Delete { name, yes } => {
                let consequence = format!(
                    "`{name}` and its crates will be gone for everyone; it can be restored for 30 days"
                );
                confirm(name.as_str(), &consequence, yes)?;
                let path = [REGISTRIES, name.as_str()];
                client.delete(&path, Some(name.as_str())).await?;
                Report::Done(format!(
                    "registry `{name}` is deleted; for 30 days, `supercargo registry restore {name}` brings it back"
                ))
            }
            Self::Restore { name } => {
                let path = [REGISTRIES, name.as_str(), "restore"];
                Report::Item(client.post(&path, None).await?)
            }
            Self::Purge { name, yes } => {
                let consequence = format!(
                    "every crate of the deleted registry `{name}` will be gone for ever; nothing brings it back"
                );
                confirm(name.as_str(), &consequence, yes)?;
                let path = [REGISTRIES, name.as_str()];
                let query = [("confirm", name.as_str()), ("purge", "true")];
                client.delete_with(&path, &query).await?;
                Report::Done(format!("registry `{name}` is purged"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn an_attachment_is_a_name_or_a_name_with_patterns() {
        let json = |text: &str| text.parse::<Attachment>().unwrap().json().to_string();
        assert_snapshot!(json("crates-io"), @r#""crates-io""#);
        assert_snapshot!(json("partner,only=partner-*,only=px,except=partner_old"), @r#"{"name":"partner","only":["partner-*","px"],"except":["partner-old"]}"#);
        let error = |text: &str| text.parse::<Attachment>().unwrap_err();
        assert_snapshot!(error("partner,x"), @"`x` is neither `only=PATTERN` nor `except=PATTERN`");
        assert_snapshot!(error("partner,only=a/b"), @"invalid character `/` in pattern `a/b`: use letters, digits, `-`, `_` and `*`, as in `acme-*`");
    }
}
