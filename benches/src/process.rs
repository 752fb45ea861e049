//! What the kernel says of a process.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;

/// `USER_HZ` on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process and its children so far.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let mut ticks = own_ticks(pid)?;
    let children =
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace() {
        ticks += own_ticks(child.parse()?)?;
    }
    Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)), counted behind the name, which may hold anything.
fn own_ticks(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the server has ended")?;
    let (_, fields) = stat
        .rsplit_once(')')
        .context("an unreadable /proc/PID/stat")?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next().context("no user time")?.parse()?;
    let system: f64 = fields.next().context("no system time")?.parse()?;
    Ok(user + system)
}

/// A script that runs a program on core 0 and has its process id.
pub(crate) fn pinned(program: &Path, folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let script = folder.join("pinned");
    fs::write(
        &script,
        format!(
            "#!/bin/sh\nexec taskset -c 0 {} \"$@\"\n",
            program.display()
        ),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}
