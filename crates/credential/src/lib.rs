//! Tokens for a person at a terminal, and for jobs of CI systems: how a program gets one, and where it keeps it.
//!
//! Two programs share it: cargo's credential provider `cargo-credential-supercargo`, which is the rest of this crate, and
//! `supercargo login`. It is a client of the server and knows none of its rooms but the types.

mod browser;
mod device;
mod http;
mod identity;
mod keyring;
mod options;
mod parent;
mod place;
mod provider;
mod token_file;

pub use device::{Device, DeviceLogin, GivenToken, token_name};
pub use http::{Http, LoginError, is_this_machine};
pub use place::Place;
pub use provider::Provider;
pub use token_file::{KeptToken, TokenFile, TokenFileError};
