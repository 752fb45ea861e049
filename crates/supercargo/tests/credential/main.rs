//! Logging in from a terminal: a person who approves in the browser, cargo's credential provider, `supercargo login`. Row I8.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod approval;
mod command_line;
mod jobs;
mod keyring;
mod people;
mod scene;
