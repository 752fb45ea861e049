//! Who did what, was denied what, and has what: rows I9 and V7, on the real program.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod command_line;
mod denials;
mod downloads;
mod export;
mod exposure;
mod log;
mod retention;
mod scene;
