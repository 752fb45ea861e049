//! Content-addressed bytes: named by their SHA-256, put once, never changed.
//!
//! A blob becomes visible whole and durable, or not at all. Nothing here knows what the bytes mean, who may read them or
//! whether anything still refers to them, and no path leaves this crate, so that another kind of storage can take the
//! folder's place.

mod blobs;
mod body;
mod folder;
mod memory;
mod staged;

pub use blobs::Blobs;
pub use body::{Blob, BlobBody, BlobPieces};
pub use folder::BlobsUnavailable;
pub use memory::MemoryLimits;
pub use staged::{HashedBlob, StagedBlob, StagedReader};

use std::{io, panic::resume_unwind};

/// Disk work, away from the threads that serve connections. A panic there is a panic here.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    unfold(tokio::task::spawn_blocking(work).await)
}

/// What a blocking task gave.
fn unfold<T>(joined: Result<io::Result<T>, tokio::task::JoinError>) -> io::Result<T> {
    match joined {
        Ok(result) => result,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(error) => Err(io::Error::other(error)),
    }
}
