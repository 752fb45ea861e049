//! How names are resolved, cached and downloaded, as cargo and its users see it: rows R4, R5, R7, R8, R9, R12 and P13.
//!
//! The witness for what was asked of an upstream, and for what was not, is the fake upstream's own log.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod dependencies;
mod downloads;
mod entries;
mod failures;
mod flights;
mod freshness;
mod ledger;
mod merge;
mod mirror;
mod names;
mod prefetch;
mod scene;
mod search;
mod transitions;
