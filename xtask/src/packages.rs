//! Programs of the operating system that tests and benchmarks need: found, or installed where that was asked for.

use std::process::Command;

use anyhow::bail;

use crate::command::{output, run};

/// Installs a Debian package, or says how to.
pub(crate) fn install(package: &str, wanted_for: &str, may_install: bool) -> anyhow::Result<()> {
    if !may_install {
        bail!(
            "{wanted_for} needs {package}; run `apt-get update && apt-get install -y --no-install-recommends {package}` as root, or give `--install`"
        );
    }
    for arguments in [
        &["update"][..],
        &["install", "-y", "--no-install-recommends", package],
    ] {
        let mut command = if is_root()? {
            Command::new("apt-get")
        } else {
            let mut command = Command::new("sudo");
            command.arg("apt-get");
            command
        };
        run(command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

/// Whether this runs as root.
pub(crate) fn is_root() -> anyhow::Result<bool> {
    Ok(output(Command::new("id").arg("-u"))?.trim() == "0")
}
