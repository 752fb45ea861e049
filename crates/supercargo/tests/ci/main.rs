//! Jobs of CI systems: rules, the exchange of an identity for a token, and what that token may do. Row I6.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod command_line;
mod forgeries;
mod jobs;
mod replicas;
mod rights;
mod rules;
mod scene;
