//! Several servers on one PostgreSQL database and one storage folder: what one of them changes, the others show.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and clippy knows only functions marked as tests"
)]

mod changes;
mod failures;
mod starts;
mod world;
