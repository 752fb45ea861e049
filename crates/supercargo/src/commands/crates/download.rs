//! `supercargo crate download`: a file that is what the index says.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use supercargo_types::{Digest, RegistryName};

use crate::{
    client::{Client, LONGEST_CRATE},
    commands::{CommandError, Outcome, target::Exact},
    output::{Progress, Report},
};

#[derive(Debug, Args)]
pub(crate) struct Download {
    /// The registry
    registry: RegistryName,
    /// Such as `demo@1.0.0`
    #[arg(value_name = "CRATE@VERSION")]
    version: Exact,
    /// The file to make, which must not be there [default: `CRATE-VERSION.crate` in this folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Download {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        let Self {
            registry,
            version,
            output,
        } = self;
        let name = format!("{}-{}.crate", version.name(), version.version());
        let output = output.unwrap_or_else(|| PathBuf::from(&name));
        let item = version.target().path(registry.as_str(), &[]);
        let answer = client.get(&item).await?;
        let expected: Digest = answer["checksum"]
            .as_str()
            .and_then(|checksum| checksum.parse().ok())
            .ok_or_else(|| CommandError::NoChecksum(version.to_string()))?;
        let size = answer["size"].as_u64();
        // a server that sends without end would fill the memory
        let limit = size.unwrap_or(LONGEST_CRATE).min(LONGEST_CRATE);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let path = [
            registry.as_str(),
            "api",
            "v1",
            "crates",
            version.name(),
            version.version(),
            "download",
        ];
        let mut progress = Progress::of(&name, size.unwrap_or_default());
        let bytes = client.download(&path, limit, &mut progress).await?;
        drop(progress);
        let actual = Digest::of(&bytes);
        if actual != expected {
            return Err(CommandError::Checksum {
                what: version.to_string(),
                expected,
                actual,
            });
        }
        write(&output, &bytes).map_err(|reason| CommandError::Unwritable {
            path: output.clone(),
            reason,
        })?;
        let sentence = format!(
            "`{version}` of `{registry}` is in `{}`; its checksum is right",
            output.display()
        );
        Ok(Report::Said { sentence, answer })
    }
}

/// Never over another file, and nothing half.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .inspect_err(|_| {
            // the reason to tell is why it could not be written
            let _ = fs::remove_file(path);
        })
}
