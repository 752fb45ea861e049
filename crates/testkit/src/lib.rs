//! What tests stand on: packages in a line, a fake upstream with faults, the real cargo, the real server, databases.
//!
//! Tests drive the built program over HTTP, as users do; so nothing here knows the inside of another room. Whatever goes
//! wrong in here panics with all that a person needs to see, for in a test there is nobody else to tell.
//!
//! Whatever waits is `async`; [`FakeUpstream`] runs on threads of its own, so its methods are plain and may be called from
//! any test. Nothing ever reaches the internet: cargo and the server are started with crates.io cut off.

mod authority;
mod browser;
mod cargo;
mod chromium;
mod ci_issuer;
mod client;
mod description;
mod lockfile;
mod management;
mod normalise;
mod oidc_provider;
mod on_both;
mod package;
mod postgres;
mod proxy;
mod server;
mod upstream;
mod wait;
mod wire;

pub use authority::{Authority, KeyForm};
pub use browser::{Browser, Cookie, Form, Page};
pub use cargo::{Cargo, Outcome};
pub use chromium::{Chromium, Looked, Tab, TabOptions, png_size};
pub use ci_issuer::CiIssuer;
pub use client::{Answer, Client, Request};
pub use lockfile::LockedPackage;
pub use normalise::normalise;
pub use oidc_provider::OidcProvider;
pub use on_both::run;
pub use package::{Dependency, Package, frame, gzip, raw_header, raw_link};
pub use postgres::{Postgres, TestDatabase};
pub use proxy::{Carried, ReverseProxy};
pub use server::{Database, Server, ServerOptions};
pub use supercargo_types::{View, sparse_path};
pub use tar;
pub use upstream::{DeadEnd, FakeUpstream, Fault, KeptCrate, LoggedRequest, Validators};
pub use wait::eventually;
pub use wire::Wire;
