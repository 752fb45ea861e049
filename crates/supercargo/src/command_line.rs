//! What can be typed. What it means is elsewhere.

mod completion;
mod examples;
#[cfg(test)]
mod reference;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{commands::Request, configuration::Flags, exit::Exit, recovery::Admin};

/// What it is called wherever it is installed.
const NAME: &str = "supercargo";

/// A private Cargo registry.
#[derive(Parser)]
#[command(
    name = NAME,
    version,
    about = "A private Cargo registry: the server, and commands for one that runs",
    // an error or `--help` should fit where it is read
    max_term_width = 120
)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How commands reach a server. It has no `Debug`: the token is in it.
#[derive(Args)]
pub(crate) struct Connection {
    /// The server that a command is for
    #[arg(
        long,
        global = true,
        env = "SUPERCARGO_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:22746",
        help_heading = "Connection"
    )]
    pub(crate) url: String,
    /// Who you are to it; better in the environment, for others see your command line
    #[arg(
        long,
        global = true,
        env = "SUPERCARGO_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        help_heading = "Connection"
    )]
    pub(crate) token: Option<String>,
    /// Print what the server answers, for programs
    #[arg(long, global = true, help_heading = "Connection")]
    pub(crate) json: bool,
}

/// The server, or a request to one.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the server; every setting is also a variable and a key of a file
    Serve(Serve),
    /// What is done on the server's machine, on its database itself
    #[command(subcommand)]
    Admin(Admin),
    /// Print what completes these commands in your shell
    Completion {
        /// Which shell that is
        shell: Shell,
    },
    /// Everything that a running server is asked
    #[command(flatten)]
    Request(Request),
}

/// The settings that have a flag.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// A TOML file with settings [env: `SUPERCARGO_CONFIG`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, made when it is absent [default: ./supercargo-data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Address and port [default: 127.0.0.1:22746]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The URL that people and cargo use; it ends up in lockfiles [default: `http://ADDRESS:PORT`]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// `sqlite:PATH` or `postgres://…` [default: in the data folder]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The folder of crate files [default: in the data folder]
    #[arg(long, value_name = "FOLDER")]
    storage: Option<String>,
    /// Print every setting with its default and its meaning, and end
    #[arg(long)]
    pub(crate) print_defaults: bool,
}

impl Serve {
    /// As the configuration takes them.
    pub(crate) fn flags(self) -> Flags {
        Flags {
            config: self.config,
            values: vec![
                ("data", self.data),
                ("listen", self.listen),
                ("public_url", self.public_url),
                ("database", self.database),
                ("storage", self.storage),
            ],
        }
    }
}

/// Everything that can be typed, with examples.
fn command() -> clap::Command {
    let codes: Vec<_> = Exit::ALL
        .map(|exit| format!("  {}  {}", exit.code(), exit.meaning()))
        .into();
    let codes = format!("Exit codes:\n{}", codes.join("\n"));
    examples::add(CommandLine::command()).after_long_help(codes)
}

/// What was typed; or the end of the program, with help or with what is wrong.
pub(crate) fn typed() -> CommandLine {
    let mut matches = command().get_matches();
    CommandLine::from_arg_matches_mut(&mut matches)
        .unwrap_or_else(|error| error.format(&mut command()).exit())
}

/// The script for a shell.
pub(crate) fn completion(shell: Shell) -> String {
    let mut script = Vec::new();
    let mut command = completion::with_words(command());
    clap_complete::generate(shell, &mut command, NAME, &mut script);
    String::from_utf8(script).expect("invariant: names and sentences are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
    }

    #[test]
    fn a_flag_of_serve_is_a_key_of_the_configuration() {
        let line = [
            "supercargo",
            "serve",
            "--public-url",
            "http://crates.acme.example",
            "--listen",
            "[::]:80",
        ];
        let Command::Serve(serve) = CommandLine::try_parse_from(line)
            .map_err(|error| error.to_string())
            .unwrap()
            .command
        else {
            panic!("it is `serve`");
        };
        let given: Vec<_> = serve
            .flags()
            .values
            .into_iter()
            .filter(|(_, value)| value.is_some())
            .collect();
        assert_eq!(
            given,
            [
                ("listen", Some("[::]:80".to_owned())),
                ("public_url", Some("http://crates.acme.example".to_owned())),
            ]
        );
    }
}
