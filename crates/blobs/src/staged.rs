//! Bytes that are on their way in: hashed and written as they come, nobody's blob until they are put.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use supercargo_types::Digest;

use crate::{
    blocking,
    folder::{Folder, StagedPath},
};

/// Gathered before it is hashed and written on the blocking pool: a change of threads for each frame would cost more.
const BATCH: usize = 256 << 10;
/// At most this much is hashed and written where we stand: a small file does not change threads at all.
const INLINE: usize = 32 << 10;

/// A blob that is being written. Dropping it removes its file.
#[derive(Debug)]
pub struct StagedBlob {
    folder: Arc<Folder>,
    file: Arc<File>,
    path: StagedPath,
    /// `None` while it is away on the blocking pool; for ever, when that failed or its caller went away meanwhile.
    writing: Option<Writing>,
    written: u64,
}

#[derive(Debug)]
struct Writing {
    file: Arc<File>,
    hasher: Sha256,
    pending: Vec<u8>,
}

/// A blob whose digest is known, and which is not put yet. Dropping it removes its file.
#[derive(Debug)]
pub struct HashedBlob {
    folder: Arc<Folder>,
    file: Arc<File>,
    path: StagedPath,
    digest: Digest,
    size: u64,
}

/// Reads a staged file while it grows, and after it was put.
#[derive(Clone, Debug)]
pub struct StagedReader {
    file: Arc<File>,
}

impl StagedBlob {
    pub(crate) fn new(folder: Arc<Folder>, file: File, path: StagedPath) -> Self {
        let file = Arc::new(file);
        let writing = Writing {
            file: file.clone(),
            hasher: Sha256::new(),
            pending: Vec::new(),
        };
        Self {
            folder,
            file,
            path,
            writing: Some(writing),
            written: 0,
        }
    }

    /// Appends. Readers see it after the next [`flush`](Self::flush), or before.
    pub async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let writing = self.writing.as_mut().ok_or_else(broken)?;
        self.written += bytes.len() as u64;
        if writing.pending.len() + bytes.len() < BATCH {
            writing.pending.extend_from_slice(&bytes);
            return Ok(());
        }
        let mut writing = self.writing.take().ok_or_else(broken)?;
        let writing = blocking(move || {
            writing.drain()?;
            writing.append(&bytes)?;
            Ok(writing)
        });
        self.writing = Some(writing.await?);
        Ok(())
    }

    /// Bytes that came so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Lets readers see all that came so far; returns how much that is.
    pub async fn flush(&mut self) -> io::Result<u64> {
        let mut writing = self.writing.take().ok_or_else(broken)?;
        if writing.pending.len() <= INLINE {
            writing.drain()?;
            self.writing = Some(writing);
        } else {
            let writing = blocking(move || writing.drain().map(|()| writing));
            self.writing = Some(writing.await?);
        }
        Ok(self.written)
    }

    /// A reader of what has been flushed so far, independent of this writer.
    pub fn reader(&self) -> io::Result<StagedReader> {
        Ok(StagedReader {
            file: self.file.clone(),
        })
    }

    /// All has come.
    pub async fn finish(mut self) -> io::Result<HashedBlob> {
        self.flush().await?;
        let writing = self.writing.ok_or_else(broken)?;
        Ok(HashedBlob {
            folder: self.folder,
            file: self.file,
            path: self.path,
            digest: Digest::from_bytes(writing.hasher.finalize().into()),
            size: self.written,
        })
    }
}

impl Writing {
    fn drain(&mut self) -> io::Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        self.append(&pending)?;
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.as_ref().write_all(bytes)
    }
}

/// What is in the file is not known any more, so nothing may be added to it.
fn broken() -> io::Error {
    io::Error::other("an earlier write of this blob failed or was given up")
}

impl HashedBlob {
    /// Its SHA-256.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its file from the start, for one reader at a time, who may block.
    pub fn open(&self) -> io::Result<File> {
        use std::io::Seek as _;
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Makes it a blob. An existing one of that name is kept and this one dropped: the bytes are the same. Durable when this
    /// returns.
    pub async fn put(self) -> io::Result<Digest> {
        let digest = self.digest;
        blocking(move || {
            self.folder
                .put(&self.digest, self.size, &self.file, self.path)
        })
        .await?;
        Ok(digest)
    }
}

impl StagedReader {
    /// Up to `length` bytes from `offset`; fewer only where the file ends so far.
    pub async fn read_at(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let file = self.file.clone();
        blocking(move || {
            let mut piece = vec![0; length];
            let mut filled = 0;
            while filled < length {
                match file.read_at(&mut piece[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            piece.truncate(filled);
            Ok(piece.into())
        })
        .await
    }

    /// How long the file is so far.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a question to the disk, not a collection"
    )]
    pub fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}
