//! What a version can be, as the real cargo and the management API see it: rows V2, V3, R6 and P14.
//!
//! States are set over the management API and seen where users meet them: in cargo's output, in index files with their
//! validators, in search, and on the disk.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod cargo;
mod deletion;
mod labels;
mod patterns;
mod purge;
mod quarantine;
mod registries;
mod scene;
mod uploads;
mod validators;
