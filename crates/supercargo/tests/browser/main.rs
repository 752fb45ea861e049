//! The pages in a real browser: every page under axe, and what both reference systems describe, from the sign-in to the restored
//! version. Rows I7, I4, R3, V1 and issue 6's "Tests".

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod acme;
mod addresses;
mod every_page;
mod flow;
mod history;
mod keyboard;
mod screenshots;
mod sign_on;
mod visitor;
