//! The log on standard error. Standard output is for what people paste.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

use crate::configuration::{LogFormat, LogSettings};

/// From here on, what is traced is written.
pub(super) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let builder = fmt()
        .with_env_filter(EnvFilter::new(&settings.filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}
