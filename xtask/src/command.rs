//! Runs other programs: shown before they run, and an error when they fail.

use std::{
    fmt,
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::Context as _;

/// A program ended without success.
#[derive(Debug)]
pub(crate) struct Failed {
    line: String,
    status: ExitStatus,
    output: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            status,
            output,
        } = self;
        write!(f, "`{line}` ended with {status}")?;
        if output.is_empty() {
            Ok(())
        } else {
            write!(f, ":\n{output}")
        }
    }
}

impl std::error::Error for Failed {}

/// The exit code of the program that failed, or 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    error
        .downcast_ref::<Failed>()
        .and_then(|failed| failed.status.code())
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Says what is going on.
pub(crate) fn say(text: &str) {
    eprintln!("== {text}");
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Shows the command and runs it; what it prints is seen.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = line(command);
    say(&line);
    let status = command
        .status()
        .with_context(|| format!("cannot run `{line}`"))?;
    finish(line, status, String::new())
}

/// Runs it and gives what it prints on standard output; nothing is seen unless it fails.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{line}`"))?;
    let printed = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    finish(line, output.status, printed)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether it can be run and succeeds; nothing is seen.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
}

fn finish(line: String, status: ExitStatus, output: String) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(Failed {
        line,
        status,
        output,
    }
    .into())
}

/// The command as a person would type it; only the program's last name is shown.
fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
