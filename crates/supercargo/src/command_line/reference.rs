//! For tests: the tree of commands as a page, and what must hold in all of it.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use clap::{Arg, ArgAction, Command};

use super::command;
use crate::exit::Exit;

/// Set to anything, it has the page written anew.
const WRITE: &str = "SUPERCARGO_TEST_WRITE_DOCS";
/// What asks no server.
const LOCAL: [&str; 3] = ["serve", "admin token", "completion"];

/// Every command with its words, those with commands below them among them, in the order in which help lists them.
fn all() -> Vec<(String, Command)> {
    fn below(command: &Command, path: &str, all: &mut Vec<(String, Command)>) {
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            let path = format!("{path} {}", sub.get_name()).trim().to_owned();
            all.push((path.clone(), sub.clone()));
            below(sub, &path, all);
        }
    }
    let mut root = command();
    root.build();
    let mut all = Vec::new();
    below(&root, "", &mut all);
    all
}

fn is_group(command: &Command) -> bool {
    command.get_subcommands().next().is_some()
}

/// Its own arguments, without those that every command has.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_own = |arg: &&Arg| {
        let is_asked_for = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        arg.get_help_heading() != Some("Connection") && !is_asked_for
    };
    command.get_arguments().filter(is_own)
}

/// Problems of a sentence in a help text.
fn problem(text: Option<String>) -> Option<&'static str> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Some("there is none");
    };
    if text.ends_with('.') {
        return Some("it ends with a full stop");
    }
    let begins = text.chars().next();
    let is_sentence = begins.is_some_and(|first| first.is_uppercase() || first == '`');
    (!is_sentence).then_some("it begins like a word and not like a sentence")
}

#[test]
fn every_command_and_every_argument_has_its_help() {
    for (path, command) in all() {
        let about = command.get_about().map(ToString::to_string);
        assert_eq!(problem(about), None, "the sentence of `{path}`");
        for arg in arguments(&command) {
            let help = arg.get_help().map(ToString::to_string);
            assert_eq!(problem(help), None, "`{}` of `{path}`", arg.get_id());
        }
        assert!(
            is_group(&command) || !examples(&command).is_empty(),
            "`{path}` has no example: add one to command_line/examples.rs"
        );
    }
}

/// What stands below its long help.
fn examples(command: &Command) -> Vec<String> {
    let text = command.get_after_long_help().map(ToString::to_string);
    let text = text.unwrap_or_default();
    let lines = text.lines().skip_while(|line| *line != "Examples:").skip(1);
    lines
        .map_while(|line| line.strip_prefix("  ").map(str::to_owned))
        .collect()
}

/// The words that a shell would make of a line, without what it redirects and what is said beside it.
fn words(line: &str) -> Vec<String> {
    let ends = ["   ", " > ", " < "];
    let end = ends.iter().filter_map(|end| line.find(end)).min();
    let line = &line[..end.unwrap_or(line.len())];
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 {
            // no example glues a quoted part to another
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn every_example_can_be_typed() {
    for (path, about) in all() {
        for line in examples(&about) {
            let begins = format!("supercargo {path}");
            assert!(line.starts_with(&begins), "`{line}` is no `{path}`");
            let typed = command().try_get_matches_from(words(&line));
            assert!(typed.is_ok(), "`{line}`: {}", typed.unwrap_err());
        }
    }
}

#[test]
fn everything_that_asks_the_server_can_print_json_and_takes_address_and_token() {
    let mut asking = 0;
    for (path, command) in all() {
        if is_group(&command) || LOCAL.contains(&path.as_str()) {
            continue;
        }
        asking += 1;
        for id in ["json", "url", "token"] {
            let has = command.get_arguments().any(|arg| arg.get_id() == id);
            assert!(has, "`{path}` has no `--{id}`");
        }
    }
    assert!(asking > 40, "{asking}");
}

#[test]
fn exit_codes_are_different_and_each_is_on_the_page_and_in_the_help() {
    let codes = Exit::ALL.map(Exit::code);
    assert_eq!(codes, [0, 1, 2, 3, 4]);
    let help = command().get_after_long_help().unwrap().to_string();
    for exit in Exit::ALL {
        assert!(help.contains(exit.meaning()), "{help}");
    }
}

/// What is typed for an argument, such as `--registry <NAME>`.
fn typed(arg: &Arg) -> String {
    let value = || {
        let names = arg.get_value_names().unwrap_or_default();
        let names: Vec<_> = names.iter().map(|name| format!("<{name}>")).collect();
        names.join(" ")
    };
    let takes_value = arg.get_action().takes_values();
    match (arg.get_short(), arg.get_long()) {
        (None, None) => value(),
        (short, long) => {
            let short = short.map(|short| format!("-{short}"));
            let long = long.map(|long| format!("--{long}"));
            let flag: Vec<_> = short.into_iter().chain(long).collect();
            let flag = flag.join(", ");
            if takes_value {
                format!("{flag} {}", value())
            } else {
                flag
            }
        }
    }
}

/// What may be typed, and what is meant where nothing is.
fn told(arg: &Arg) -> String {
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<_> = arg
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && arg.get_action().takes_values() {
        write!(help, " ({})", values.join(", ")).unwrap();
    }
    let default: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    if !default.is_empty() && arg.get_action().takes_values() {
        write!(help, " [default: {}]", default.join(" ")).unwrap();
    }
    if let Some(variable) = arg.get_env() {
        write!(help, " [variable: `{}`]", variable.to_string_lossy()).unwrap();
    }
    help
}

fn table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut table = String::new();
    for arg in arguments {
        let told = told(arg).replace('|', "\\|");
        writeln!(table, "| `{}` | {told} |", typed(arg)).unwrap();
    }
    if table.is_empty() {
        return table;
    }
    format!("\n| | |\n|---|---|\n{table}")
}

/// How a command is typed, as its help begins.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let lines: Vec<_> = usage.lines().map(str::trim).collect();
    lines.join("\n")
}

fn page() -> String {
    let mut page = "# The command line\n\n\
        <!-- Written by a test from the program itself: `SUPERCARGO_TEST_WRITE_DOCS=1 cargo nextest run -p supercargo command_line` -->\n\n\
        `supercargo serve` is the server. Everything else asks one that runs, by the same management API that programs use, and \
        says for people what it answers: a table, or a block for each thing where the terminal is too narrow for one. With \
        `--json` it prints the answer itself. Errors are one sentence on standard error in both forms.\n\n\
        `supercargo COMMAND --help` says the same as this page.\n\n\
        ## Exit codes\n\n| code | |\n|---|---|\n"
        .to_owned();
    for exit in Exit::ALL {
        writeln!(page, "| {} | {} |", exit.code(), exit.meaning()).unwrap();
    }
    page += "\nA registry that a token may not read does not exist for it, so that nobody learns which there are: that is code 1, or 3 where one of cargo's own addresses is asked.\n\n\
        ## What every command takes\n";
    let mut root = command();
    root.build();
    let connection = root
        .get_arguments()
        .filter(|arg| arg.get_help_heading() == Some("Connection"));
    page += &table(connection);
    for (path, command) in all() {
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default();
        let level = if path.contains(' ') { "###" } else { "##" };
        write!(page, "\n{level} {path}\n\n{about}.\n").unwrap();
        if is_group(&command) {
            continue;
        }
        write!(page, "\n```text\n{}\n```\n", usage(&command)).unwrap();
        page += &table(arguments(&command));
        let examples = examples(&command).join("\n");
        write!(page, "\n```sh\n{examples}\n```\n").unwrap();
    }
    page
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says so, which is no setting of the program"
)]
#[test]
fn the_page_about_the_command_line_says_what_the_program_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/command-line.md");
    let page = page();
    if env::var(WRITE).is_ok() {
        fs::write(&path, &page).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differing: Vec<_> = page
        .lines()
        .filter(|line| !written.lines().any(|on_page| on_page == *line))
        .collect();
    assert!(
        page == written,
        "docs/command-line.md is not what the program says; run this test once with {WRITE}=1:\n{}",
        differing.join("\n")
    );
}
