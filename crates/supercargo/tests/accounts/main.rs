//! Accounts from their beginning to their end, passwords, and what tokens may do: rows I3, I5 and I7 in part, on the real
//! program.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod admins;
mod command_line;
mod passwords;
mod recovery;
mod scene;
mod service_accounts;
mod tokens;
mod users;
