//! Cargo's formats: the publish frame, `.crate` archives, the manifest in them, and entries of a sparse index.
//!
//! Everything here is synchronous and works on bytes that somebody else brought: no sockets, no database, no clock.
//! What comes in is hostile until checked, so every reader has a limit and stops *while* reading.

mod archive;
mod frame;
mod index;
mod manifest;
mod text;
mod version;

pub use archive::{
    Archive, ArchiveLimits, ArchiveRefused, VcsState, identify, read_archive, read_file,
    read_outline,
};
pub use frame::{FrameLimits, FramePart, FrameReader, FrameRefused, PublishMetadata};
pub use index::{
    CorruptEntry, GarbledIndex, IndexDependency, IndexEntry, UpstreamDependency, UpstreamLine,
    Wanted, WantedCrate, edit_upstream_line, parse_upstream_file, render_line, stored_registry,
    wanted_next,
};
pub use manifest::{
    Dependency, DependencyKind, DependencyRegistry, FeatureRefused, ManifestLimits,
    ManifestRefused, Outline, PackageFacts, is_reserved, read_facts, warnings,
};
pub use text::size;
pub use version::{InvalidVersion, parse_version};
