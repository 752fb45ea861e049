//! Entries of a sparse index: those that this server writes, and those of upstreams, which it passes on.

mod entry;
mod features2;
mod upstream;
mod wanted;

pub use self::{
    entry::{CorruptEntry, IndexDependency, IndexEntry, render_line, stored_registry},
    upstream::{
        GarbledIndex, UpstreamDependency, UpstreamLine, edit_upstream_line, parse_upstream_file,
    },
    wanted::{Wanted, WantedCrate, wanted_next},
};
