//! Load from `wrk`, pinned to core 1.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{Effort, process};

/// What one round gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) per_second: f64,
    /// Microseconds of the server's CPU per request.
    pub(crate) cpu_micros: f64,
}

/// One address with its headers.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) pid: u32,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) connections: u32,
}

impl Target {
    /// Loads it for a while.
    pub(crate) fn round(&self, effort: Effort) -> anyhow::Result<Round> {
        let mut command = Command::new("taskset");
        command.args(["-c", "1", "wrk", "-t1", "--timeout", "10s"]);
        command
            .arg(format!("-c{}", self.connections))
            .arg(format!("-d{}s", effort.seconds));
        for (name, value) in &self.headers {
            command.arg("-H").arg(format!("{name}: {value}"));
        }
        let before = process::cpu_time(self.pid)?;
        let output = command
            .arg(&self.url)
            .output()
            .context("wrk is missing: apt-get install wrk")?;
        let after = process::cpu_time(self.pid)?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
            bail!(
                "the load on {} failed:\n{text}{}",
                self.url,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let requests: f64 = number_before(&text, " requests in")?;
        let per_second = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("Requests/sec:"))
            .context("wrk printed no rate")?
            .trim()
            .parse()?;
        Ok(Round {
            per_second,
            cpu_micros: after.saturating_sub(before).as_secs_f64() * 1e6 / requests,
        })
    }
}

fn number_before(text: &str, mark: &str) -> anyhow::Result<f64> {
    let line = text
        .lines()
        .find(|line| line.contains(mark))
        .context("wrk printed no count")?;
    let number = line.split(mark).next().unwrap_or_default().trim();
    Ok(number.parse()?)
}
