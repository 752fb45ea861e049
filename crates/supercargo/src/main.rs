//! The program `supercargo`: a server, and commands that ask one.
//!
//! Command line, configuration, wiring and signals; no rules.

mod client;
mod command_line;
mod commands;
mod configuration;
mod exit;
mod output;
mod recovery;
mod serve;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use crate::{
    client::Client,
    command_line::{Command, CommandLine, Connection, Serve},
    commands::{CommandError, Request},
    configuration::{Configuration, ConfigurationError, DEFAULTS, Environment},
    exit::Exit,
    output::{Reader, Rendered, Report},
    recovery::{Admin, AdminToken, RecoveryError},
    serve::StartError,
};

/// Small allocations on the way of every request are cheaper with it than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why the program fails; its sentence is all that is printed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error("the program cannot write: {0}")]
    Output(io::Error),
    #[error("the system gives the program no threads: {0}")]
    Runtime(io::Error),
}

impl Failed {
    const fn exit(&self) -> Exit {
        match self {
            Self::Command(error) => error.exit(),
            _ => Exit::Failed,
        }
    }
}

fn main() -> ExitCode {
    let CommandLine {
        connection,
        command,
    } = command_line::typed();
    let outcome = match command {
        Command::Serve(serve) => run_server(serve),
        Command::Completion { shell } => {
            print(&command_line::completion(shell)).map(|()| Exit::Done)
        }
        Command::Admin(Admin::Token(token)) => recover(&connection, token),
        Command::Request(request) => ask(&connection, request),
    };
    let exit = match outcome {
        Ok(exit) => exit,
        // The reader has gone, as in `supercargo token list | head -1`.
        Err(Failed::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(failed) => {
            // Where standard error is closed, the exit code has to do.
            let _ = writeln!(io::stderr(), "error: {failed}");
            failed.exit()
        }
    };
    exit.into()
}

fn run_server(serve: Serve) -> Result<Exit, Failed> {
    if serve.print_defaults {
        print(DEFAULTS)?;
        return Ok(Exit::Done);
    }
    let configuration = Configuration::load(&serve.flags(), &Environment::of_process())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failed::Runtime)?;
    runtime.block_on(serve::serve(configuration))?;
    Ok(Exit::Done)
}

fn ask(connection: &Connection, request: Request) -> Result<Exit, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failed::Runtime)?;
    let report = runtime.block_on(async {
        let token = match &connection.token {
            Some(token) => Some(token.clone()),
            None => commands::kept(&connection.url)?,
        };
        let client =
            Client::new(&connection.url, token.as_deref()).map_err(CommandError::Client)?;
        request.run(&client).await
    })?;
    show(connection, report)
}

fn recover(connection: &Connection, token: AdminToken) -> Result<Exit, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failed::Runtime)?;
    let report = runtime.block_on(token.run())?;
    show(connection, report)
}

fn show(connection: &Connection, report: Report) -> Result<Exit, Failed> {
    let Rendered {
        stdout,
        stderr,
        exit,
    } = report.render(Reader::new(connection.json, terminal_width()));
    print(&stdout)?;
    io::stderr()
        .write_all(stderr.as_bytes())
        .map_err(Failed::Output)?;
    Ok(exit)
}

/// In columns; nothing where standard output goes somewhere else.
fn terminal_width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(width.0.into())
}

fn print(text: &str) -> Result<(), Failed> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Failed::Output)
}
