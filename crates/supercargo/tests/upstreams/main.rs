//! Several upstreams in order, pins, and registries that read through registries of the same server: rows R2, R3, R4, R7.
//!
//! The witness for what was asked of an upstream, and for what was not, is the fake upstream's own log.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod audience;
mod command_line;
mod credentials;
mod decisions;
mod looking_again;
mod met_by_chance;
mod nested;
mod nested_life;
mod order;
mod pins;
mod replicas;
mod scene;
mod trials;
