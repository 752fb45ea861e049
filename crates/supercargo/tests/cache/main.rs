//! The cache of upstreams, as those see it who read through it: rows R7 and R11.
//!
//! The witness for what was asked of an upstream, and for what was not, is the fake upstream's own log.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod counts;
mod failing;
mod limit;
mod missing;
mod scene;
mod shared;
mod stale;
