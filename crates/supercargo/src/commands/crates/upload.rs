//! `supercargo crate upload`: publishing without cargo.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::Value;
use supercargo_types::RegistryName;
use tokio::fs::File;

use super::but;
use crate::{
    client::{Client, ClientError},
    commands::{CommandError, Outcome},
    exit::Exit,
    output::{Progress, Report, Step, text},
};

#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// The files, in the order of publishing: what others depend on comes first
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where to
    #[arg(long, value_name = "NAME")]
    registry: RegistryName,
}

/// Why one file is not published.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It was there when all of them were looked at.
    #[error("it cannot be read any more: {0}")]
    Unreadable(#[from] io::Error),
}

impl Stopped {
    const fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => error.exit(),
            Self::Unreadable(_) => Exit::Failed,
        }
    }
}

impl Upload {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        let Self { files, registry } = self;
        // a slip of the finger in the last name should not leave half of a release behind
        for path in &files {
            let is_readable = match File::open(path).await {
                Ok(file) => file.metadata().await.and_then(|found| size(&found)),
                Err(reason) => Err(reason),
            };
            is_readable.map_err(|reason| CommandError::Unreadable {
                path: path.clone(),
                reason,
            })?;
        }
        let mut done = Vec::new();
        for (position, path) in files.iter().enumerate() {
            match publish(client, &registry, path).await {
                Ok(answer) => done.push(step(&registry, answer)),
                Err(stopped) => {
                    let failed = Some((stopped.exit(), in_words(&stopped, &files, position)));
                    return Ok(Report::Steps { done, failed });
                }
            }
        }
        Ok(Report::Steps { done, failed: None })
    }
}

async fn publish(client: &Client, registry: &RegistryName, path: &Path) -> Result<Value, Stopped> {
    let file = File::open(path).await?;
    let size_bytes = size(&file.metadata().await?)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let progress = Progress::of(&name, size_bytes);
    let place = ["registries", registry.as_str(), "crates"];
    Ok(client.upload(&place, file, size_bytes, progress).await?)
}

/// Of a file; a pipe or a folder has no size that could be announced.
fn size(metadata: &Metadata) -> io::Result<u64> {
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

fn step(registry: &RegistryName, answer: Value) -> Step {
    let what = format!("{}@{}", text(&answer["name"]), text(&answer["version"]));
    let warnings = answer["warnings"].as_array();
    Step {
        sentence: format!("`{what}` is published in `{registry}`{}", but(&answer)),
        warnings: warnings.map_or_else(Vec::new, |all| all.iter().map(text).collect()),
        answer,
    }
}

fn in_words(stopped: &Stopped, files: &[PathBuf], position: usize) -> String {
    let failed = files[position].display();
    match &files[position + 1..] {
        [] => format!("`{failed}` is not published: {stopped}"),
        left => {
            let left: Vec<_> = left
                .iter()
                .map(|path| format!("`{}`", path.display()))
                .collect();
            format!(
                "`{failed}` is not published: {stopped}\nthese were not tried any more: {}",
                left.join(", ")
            )
        }
    }
}
