//! Read-ahead, as upstreams and clients see it: row R10. The witness is the fake upstream's own log.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod bounds;
mod counts;
mod lockfile;
mod names;
mod scene;
