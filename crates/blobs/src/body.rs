//! A blob on its way out.

use std::{
    fs::File,
    io::{self, Read as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::unfold;

/// Read at a time: large enough that a change of threads per piece does not matter, small enough for many downloads at once.
const PIECE: u64 = 256 << 10;

/// A blob, or a part of one.
#[derive(Debug)]
pub struct Blob {
    /// The whole blob's size in bytes, also where `body` is a part.
    pub size: u64,
    /// The bytes that were asked for.
    pub body: BlobBody,
}

/// The bytes of a blob.
#[derive(Debug)]
pub enum BlobBody {
    /// All of them, shared.
    Whole(Bytes),
    /// Piece by piece.
    Pieces(BlobPieces),
}

/// The bytes of a file in pieces; one is read ahead while the one before is sent.
#[derive(Debug)]
pub struct BlobPieces {
    reading: Option<JoinHandle<io::Result<(File, Bytes)>>>,
    left: u64,
}

impl BlobPieces {
    /// From where the file stands, `length` bytes.
    pub(crate) fn new(file: File, length: u64) -> Self {
        let mut pieces = Self {
            reading: None,
            left: length,
        };
        pieces.read_ahead(file);
        pieces
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    fn read_ahead(&mut self, file: File) {
        let length = self.left.min(PIECE);
        self.reading = (length > 0).then(|| spawn_blocking(move || read(file, length)));
    }
}

/// The next `length` bytes, exactly.
fn read(file: File, length: u64) -> io::Result<(File, Bytes)> {
    let capacity = usize::try_from(length).map_err(io::Error::other)?;
    let mut piece = Vec::with_capacity(capacity);
    let mut limited = file.take(length);
    limited.read_to_end(&mut piece)?;
    if piece.len() < capacity {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok((limited.into_inner(), piece.into()))
}

impl Stream for BlobPieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let joined = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        Poll::Ready(Some(unfold(joined).map(|(file, piece)| {
            self.left -= piece.len() as u64;
            self.read_ahead(file);
            piece
        })))
    }
}
