//! The client of other registries: the only room that opens connections to them, and to whoever else is asked for a document.
//!
//! It asks for index files, `config.json` and `.crate` files, keeps to limits in time and bytes, leaves alone whoever is down,
//! sends credentials to nobody but their owner and never reaches into private networks unasked. What is asked of whom, what an answer is worth
//! and how long it lives is decided elsewhere: there are no policies here, no SQL, and no copies but those of `config.json`.

mod address;
mod body;
mod circuit;
mod client;
mod config;
mod document;
mod failed;
mod flight;
mod index_url;
mod lanes;
mod origin;
mod request;
mod trouble;
mod upstream;

pub use address::{AllowedAddress, InvalidAddress, Lookup};
pub use body::Download;
pub use circuit::{CircuitState, ServiceHealth};
pub use client::{ClientSettings, ClientUnusable, IndexAnswer, UpstreamClient, Validators};
pub use config::UpstreamConfig;
pub use document::{Document, DocumentRequest};
pub use failed::{FailureKind, FailureReason, UpstreamFailed};
pub use index_url::{IndexUrl, InvalidIndexUrl, crates_io_index};
pub use lanes::UpstreamHealth;
pub use origin::{InvalidOrigin, TrustedOrigin};
pub use trouble::Trouble;
pub use upstream::{Secret, Upstream, UpstreamAuth};
