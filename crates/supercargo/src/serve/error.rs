//! Why a server does not start: one sentence each, for the operator.

use std::{io, net::SocketAddr, path::PathBuf};

use supercargo_blobs::BlobsUnavailable;
use supercargo_http::PairProblem;
use supercargo_store::{OpenError, StoreError};

use crate::configuration::Origin;

/// Why a server does not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The data folder cannot be made or written.
    #[error(
        "the data folder `{}` ({origin}) cannot be written: {reason}; check its owner and that the disk is not full, or name another with `--data`",
        folder.display()
    )]
    DataFolder {
        folder: PathBuf,
        origin: Origin,
        reason: io::Error,
    },
    /// The port is in use, or the address is not this machine's.
    #[error("cannot listen on `{address}` ({origin}): {reason}; {advice}")]
    Listen {
        address: SocketAddr,
        origin: Origin,
        reason: io::Error,
        advice: &'static str,
    },
    /// The certificate or its key cannot be served.
    #[error("`{key}` = {path:?} ({origin}) {problem}")]
    Tls {
        key: &'static str,
        path: PathBuf,
        origin: Origin,
        problem: PairProblem,
    },
    /// A secret in the data folder cannot be read or made.
    #[error("the file `{}` cannot be {doing}: {reason}; check its owner and its permissions", path.display())]
    SecretFile {
        path: PathBuf,
        doing: &'static str,
        reason: io::Error,
    },
    /// The operator named a key file that cannot be read.
    #[error(
        "`secret_key_file` = {path:?} ({origin}) cannot be read: {reason}; a key file that is named is never made: put the key there, or leave the setting out to have one made in the data folder"
    )]
    GivenKey {
        path: PathBuf,
        origin: Origin,
        reason: io::Error,
    },
    /// The key file holds something else.
    #[error(
        "the secret key file `{}` does not hold 32 bytes as 64 hexadecimal digits; restore it from a backup: without it, the upstream credentials in the database cannot be read",
        path.display()
    )]
    NotAKey { path: PathBuf },
    /// The database was made with another key.
    #[error(
        "the secret key in `{}` is not the one that this database was made with; put that one there, or name its file with `secret_key_file`: without it, the upstream credentials in the database cannot be read, and every replica needs the same",
        path.display()
    )]
    OtherKey { path: PathBuf },
    /// The database was made with another storage.
    #[error(
        "the storage folder `{}` is not the one that this database was made with: its file `storage-id` {state}; name that folder with `--storage`, which every replica needs to share, or, where its files were moved here by hand, write `{expected}` into that file",
        folder.display()
    )]
    OtherStorage {
        folder: PathBuf,
        state: &'static str,
        expected: String,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The folder of crate files.
    #[error(transparent)]
    Blobs(#[from] BlobsUnavailable),
    /// The database, once open.
    #[error("the database cannot be read: {0}")]
    Store(#[from] StoreError),
    /// Everything else, with its whole chain of reasons.
    #[error("{0:#}")]
    Fault(#[from] anyhow::Error),
}
