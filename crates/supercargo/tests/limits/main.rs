//! How often somebody may do something: publishing, bad tokens, and passwords. Row I7 in part, and case 14 of
//! `docs/cargo-cases.md`.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod page;
mod publishes;
mod scene;
mod sign_ins;
mod tokens;
