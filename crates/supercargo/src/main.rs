//! The program `supercargo`: a server, and commands that ask one.
//!
//! Command line, configuration, wiring and signals; no rules. Exit codes: 0, 1 for what failed, 2 for what cannot be typed.

mod client;
mod command_line;
mod commands;
mod configuration;
mod output;
mod serve;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use crate::{
    client::Client,
    command_line::{Command, CommandLine, Connection, Serve},
    commands::{CommandError, Request},
    configuration::{Configuration, ConfigurationError, DEFAULTS, Environment},
    output::Rendered,
    serve::StartError,
};

/// Small allocations on the way of every request are cheaper with it than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why the program ends with 1; its sentence is all that is printed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the program cannot write: {0}")]
    Output(io::Error),
    #[error("the system gives the program no threads: {0}")]
    Runtime(io::Error),
}

fn main() -> ExitCode {
    let CommandLine {
        connection,
        command,
    } = CommandLine::parse();
    let outcome = match command {
        Command::Serve(serve) => run_server(serve),
        Command::Request(request) => ask(&connection, request),
    };
    match outcome {
        Ok(code) => code,
        // The reader has gone, as in `supercargo token list | head -1`.
        Err(Failed::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failed) => {
            // Where standard error is closed, the exit code has to do.
            let _ = writeln!(io::stderr(), "error: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn run_server(serve: Serve) -> Result<ExitCode, Failed> {
    if serve.print_defaults {
        print(DEFAULTS)?;
        return Ok(ExitCode::SUCCESS);
    }
    let configuration = Configuration::load(&serve.flags(), &Environment::of_process())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failed::Runtime)?;
    runtime.block_on(serve::serve(configuration))?;
    Ok(ExitCode::SUCCESS)
}

fn ask(connection: &Connection, request: Request) -> Result<ExitCode, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failed::Runtime)?;
    let report = runtime.block_on(async {
        let client = Client::new(&connection.url, connection.token.as_deref())
            .map_err(CommandError::Client)?;
        request.run(&client).await
    })?;
    let Rendered {
        stdout,
        stderr,
        success,
    } = report.render(connection.json);
    print(&stdout)?;
    io::stderr()
        .write_all(stderr.as_bytes())
        .map_err(Failed::Output)?;
    Ok(if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(text: &str) -> Result<(), Failed> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Failed::Output)
}
