//! What this room promises, seen from outside: archives good and evil, manifests, index entries and upstream files.

#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and helpers of tests have none"
)]

mod archives;
mod dependencies;
mod entries;
mod manifests;
mod packages;
mod partial_reads;
mod tarball;
mod upstreams;
mod wanted;
