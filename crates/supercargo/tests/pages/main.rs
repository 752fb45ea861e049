//! The pages for people, over HTTP as a browser without scripts has them: rows V1, V10, R1 and R11, and issue 6's "safe".

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod admin_accounts;
mod admin_audit;
mod admin_instance;
mod attacks;
mod claims;
mod deeds;
mod feeds;
mod frame;
mod hidden;
mod html;
mod labels;
mod members;
mod reading;
mod registries;
mod scene;
mod tokens;
mod trusted_publishers;
mod upstreams;
