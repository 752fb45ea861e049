//! The store: what is there, and how it gets out.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use supercargo_types::Digest;

use crate::{
    Blob, BlobBody, BlobPieces, BlobsUnavailable, MemoryLimits, StagedBlob, blocking,
    folder::Folder, memory::Memory,
};

/// Read at a time when a blob is hashed again.
const HASH_BUFFER: usize = 256 << 10;

/// Blobs in a folder. Clones share everything.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: Arc<Folder>,
    memory: Memory,
}

impl Blobs {
    /// Makes the folders, removes what a crash left, and tries to write.
    ///
    /// # Errors
    /// When the folder cannot be written; the text names it.
    pub async fn open(root: PathBuf, memory: MemoryLimits) -> Result<Self, BlobsUnavailable> {
        let opening = root.clone();
        let opened = blocking(move || Folder::open(&opening)).await;
        let folder = opened.map_err(|reason| BlobsUnavailable::new(root, reason))?;
        Ok(Self(Arc::new(Inner {
            folder: Arc::new(folder),
            memory: Memory::new(memory),
        })))
    }

    /// Begins a new blob.
    pub async fn stage(&self) -> io::Result<StagedBlob> {
        let folder = self.0.folder.clone();
        let (file, path) = blocking({
            let folder = folder.clone();
            move || folder.stage()
        })
        .await?;
        Ok(StagedBlob::new(folder, file, path))
    }

    /// Whether the blob is there.
    pub async fn contains(&self, digest: &Digest) -> io::Result<bool> {
        if self.0.memory.holds(digest) {
            return Ok(true);
        }
        let (folder, digest) = (self.0.folder.clone(), *digest);
        blocking(move || folder.contains(&digest)).await
    }

    /// How long the blob is, in bytes, without a look into it; `None` where it is not there.
    pub async fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        if let Some(bytes) = self.0.memory.get(digest) {
            return Ok(Some(bytes.len() as u64));
        }
        let (folder, digest) = (self.0.folder.clone(), *digest);
        blocking(move || folder.size(&digest)).await
    }

    /// The whole blob; `None` where it is not there.
    pub async fn get(&self, digest: &Digest) -> io::Result<Option<Blob>> {
        self.get_range(digest, 0..u64::MAX).await
    }

    /// A part of the blob. What reaches over its end is cut off: a part behind the end is empty, and `size` tells why.
    pub async fn get_range(&self, digest: &Digest, range: Range<u64>) -> io::Result<Option<Blob>> {
        if let Some(bytes) = self.0.memory.get(digest) {
            return Ok(Some(Blob::part_of(&bytes, &range)));
        }
        let (inner, digest) = (self.0.clone(), *digest);
        let Some(opened) = blocking(move || inner.load(&digest, &range)).await? else {
            return Ok(None);
        };
        Ok(Some(match opened {
            Loaded::Whole(blob) => blob,
            // the first piece is read ahead by another task, so not from within the one above
            Loaded::Large { file, size, length } => Blob {
                size,
                body: BlobBody::Pieces(BlobPieces::new(file, length)),
            },
        }))
    }

    /// Removes the blob; one that is not there is no error. Readers that have it open read on.
    pub async fn remove(&self, digest: &Digest) -> io::Result<()> {
        let (inner, digest) = (self.0.clone(), *digest);
        blocking(move || {
            // before it as well: a folder takes its time, and what is gone from there should not be found any more
            inner.memory.forget(&digest);
            inner.folder.remove(&digest)?;
            inner.memory.forget(&digest);
            Ok(())
        })
        .await
    }

    /// Hashes the blob's file again: whether it is there, with the right bytes.
    pub async fn verify(&self, digest: &Digest) -> io::Result<bool> {
        let (folder, digest) = (self.0.folder.clone(), *digest);
        blocking(move || match folder.open_blob(&digest)? {
            Some((file, _)) => Ok(hash(file)? == digest),
            None => Ok(false),
        })
        .await
    }
}

enum Loaded {
    Whole(Blob),
    Large { file: File, size: u64, length: u64 },
}

impl Inner {
    fn load(&self, digest: &Digest, range: &Range<u64>) -> io::Result<Option<Loaded>> {
        let Some((mut file, size)) = self.folder.open_blob(digest)? else {
            return Ok(None);
        };
        if !self.memory.takes(size) {
            let range = cut(range, size);
            file.seek(SeekFrom::Start(range.start))?;
            let length = range.end - range.start;
            return Ok(Some(Loaded::Large { file, size, length }));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(io::Error::other)?);
        file.take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let bytes = Bytes::from(bytes);
        self.memory.keep(*digest, bytes.clone());
        // removed meanwhile: nobody else would ever drop this copy
        if !self.folder.contains(digest)? {
            self.memory.forget(digest);
        }
        Ok(Some(Loaded::Whole(Blob::part_of(&bytes, range))))
    }
}

impl Blob {
    fn part_of(bytes: &Bytes, range: &Range<u64>) -> Self {
        let size = bytes.len() as u64;
        let range = cut(range, size);
        let index = |at: u64| usize::try_from(at).expect("invariant: within what is in memory");
        Self {
            size,
            body: BlobBody::Whole(bytes.slice(index(range.start)..index(range.end))),
        }
    }
}

/// The part of the range that is there.
fn cut(range: &Range<u64>, size: u64) -> Range<u64> {
    let end = range.end.min(size);
    range.start.min(end)..end
}

fn hash(mut file: File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(Digest::from_bytes(hasher.finalize().into()));
        }
        hasher.update(&buffer[..length]);
    }
}
