//! `supercargo audit …`.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, Subcommand, ValueEnum};
use supercargo_types::{CrateName, RegistryName, Timestamp};

use super::{CommandError, Outcome};
use crate::{
    client::Client,
    output::{Column, Report},
};

const ENTRIES: &[Column] = &[
    Column::time("WHEN", &["/at"]),
    Column::new("ACTION", &["/action"]),
    Column::new("OUTCOME", &["/outcome"]),
    Column::new("WHO", &["/principal"]).or("anyone"),
    Column::new("FROM", &["/address"]),
    Column::new("REGISTRY", &["/registry"]),
    Column::new("CRATE", &["/crate"]),
    Column::new("VERSION", &["/version"]),
    Column::new("DETAIL", &["/detail"]),
];
/// As long as the server's pages are at most.
const LONGEST_PAGE: u32 = 200;
const PULLS: &[Column] = &[
    Column::new("WHO", &["/principal"]).or("anyone"),
    Column::new("REPOSITORY", &["/repository"]),
    Column::new("REGISTRY", &["/registry"]),
    Column::new("VERSION", &["/version"]),
    Column::time("FIRST", &["/first_at"]),
    Column::time("LAST", &["/last_at"]),
    Column::new("TIMES", &["/total"]),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the newest entries of the audit log
    List {
        #[command(flatten)]
        filters: Filters,
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 50,
            value_parser = clap::value_parser!(u32).range(1..=10_000))]
        last: u32,
    },
    /// Write the audit log to a file, or to standard output
    Export {
        #[command(flatten)]
        filters: Filters,
        /// An object per line, or a table
        #[arg(long, default_value = "jsonl")]
        format: Format,
        /// The file to make, which must not be there [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show who pulled a crate or some of its versions, from every registry that you administer
    Exposure {
        /// `demo`, `demo@1.2.3`, or `demo@<1.2.3` in quotation marks for the shell's sake
        #[arg(value_name = "CRATE[@REQUIREMENT]")]
        target: Asked,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Filters {
    /// Only of this registry; needed unless you are an instance admin
    #[arg(long, value_name = "NAME")]
    registry: Option<RegistryName>,
    /// Only by this one, such as `alice` or `service:ci`
    #[arg(long, value_name = "WHO")]
    principal: Option<String>,
    /// Only this, such as `version.published`; downloads are shown by `version.downloaded` alone
    #[arg(long)]
    action: Option<String>,
    /// Only what ended so: `done`, `denied` or `alarm`
    #[arg(long)]
    outcome: Option<String>,
    /// Only this crate, in any spelling
    #[arg(long = "crate", value_name = "CRATE")]
    name: Option<CrateName>,
    /// Only this version
    #[arg(long)]
    version: Option<String>,
    /// Only from this time on, such as `2026-11-20T00:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Jsonl,
    Csv,
}

/// A crate, and which of its versions. What makes sense as a requirement, the server knows.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    name: CrateName,
    versions: Option<String>,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, versions) = match text.split_once('@') {
            Some((_, "")) => {
                return Err("nothing stands after `@`; write it as `demo@<1.2.3`".to_owned());
            }
            Some((name, versions)) => (name, Some(versions.to_owned())),
            None => (text, None),
        };
        let name = name.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { name, versions })
    }
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::from_rfc3339(text).ok_or("write a time as `2026-12-31T00:00:00Z`")
}

impl Filters {
    fn query(self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("registry", self.registry.map(|name| name.to_string())),
            ("principal", self.principal),
            ("action", self.action),
            ("outcome", self.outcome),
            ("crate", self.name.map(|name| name.to_string())),
            ("version", self.version),
            ("from", self.from.map(|time| time.to_string())),
            ("to", self.to.map(|time| time.to_string())),
        ];
        let given = |(key, value): (_, Option<String>)| Some((key, value?));
        pairs.into_iter().filter_map(given).collect()
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::List { filters, last } => {
                let query = filters.query();
                let most = usize::try_from(last).unwrap_or(usize::MAX);
                let limit = last.min(LONGEST_PAGE).to_string();
                let given = query.iter().map(|(key, value)| (*key, value.as_str()));
                let query: Vec<_> = given.chain([("limit", limit.as_str())]).collect();
                let answer = client.first(&["audit"], &query, most).await?;
                Ok(Report::List {
                    columns: ENTRIES,
                    answer,
                })
            }
            Self::Export {
                filters,
                format,
                output,
            } => export(client, filters, format, output.as_deref()).await,
            Self::Exposure { target } => {
                let mut query = vec![("crate", target.name.as_str()), ("limit", "200")];
                query.extend(target.versions.as_deref().map(|text| ("version", text)));
                Ok(Report::List {
                    columns: PULLS,
                    answer: client.list_where(&["exposure"], &query).await?,
                })
            }
        }
    }
}

async fn export(
    client: &Client,
    filters: Filters,
    format: Format,
    output: Option<&Path>,
) -> Outcome {
    let mut query = filters.query();
    let format = match format {
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
    };
    query.push(("format", format.to_owned()));
    let query: Vec<_> = query
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let Some(path) = output else {
        let copied = client.copy(&["audit"], &query, &mut io::stdout()).await?;
        return match copied {
            // the reader has gone, as in `supercargo audit export | head -1`
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CommandError::Output(error))
            }
            _ => Ok(Report::Nothing),
        };
    };
    let unwritable = |reason| CommandError::Unwritable {
        path: path.to_owned(),
        reason,
    };
    // never over another file
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = opened.map_err(unwritable)?;
    let copied = client.copy(&["audit"], &query, &mut file).await;
    let written = match copied {
        Ok(Ok(())) => file
            .flush()
            .and_then(|()| file.sync_all())
            .map_err(unwritable),
        Ok(Err(reason)) => Err(unwritable(reason)),
        Err(failed) => Err(failed.into()),
    };
    written.inspect_err(|_| {
        // half an export must not pass for a whole one; the reason to tell is why it is not whole
        let _ = fs::remove_file(path);
    })?;
    Ok(Report::Done(format!(
        "the audit log is in `{}`",
        path.display()
    )))
}
