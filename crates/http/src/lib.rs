//! HTTP: Cargo's protocol, the management API, and the little that a browser needs.
//!
//! A handler reads the request, asks one use case, and shapes one answer. Only this crate knows status codes.

mod api;
mod app;
mod body;
mod cargo;
mod credential;
mod pages;
mod problem;
mod server;

pub use app::App;
pub use server::serve;
