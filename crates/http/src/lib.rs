//! HTTP: Cargo's protocol, the management API, and the little that a browser needs.
//!
//! A handler reads the request, asks one use case, and shapes one answer. Only this crate knows status codes.

mod api;
mod app;
mod attempts;
mod body;
mod cargo;
mod credential;
mod probes;
mod problem;
mod proxies;
mod server;
mod tls;
mod upload;
mod web;

pub use app::App;
pub use cargo::addresses as cargo_addresses;
pub use proxies::TrustedProxies;
pub use server::{Entrance, serve};
pub use tls::{PairFile, PairFiles, PairProblem, PairRefused, Renewal, Tls};
