//! Cargo's protocol for hosted crates, by the built program and the real cargo.
//!
//! Knows nothing of upstreams beyond a stand-in for crates.io, and nothing of rights beyond having them or not.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and clippy knows only functions marked as tests"
)]

mod caching;
mod cases;
mod commands;
mod configuration;
mod corpus;
mod crashes;
mod first_start;
mod names;
mod program;
mod proxies;
mod publishing;
mod ranges;
mod read_api;
mod reference_systems;
mod refusals;
mod start_up;
mod teams;
mod tls;
mod world;
mod yanking;
