//! Where bytes lie on the disk, and what makes them stay there.
//!
//! `{root}/sha256/ab/abcd…` holds blobs, 256 folders of them, made at the start; `{root}/staging/` what is still being written, on the same file system so
//! that a rename is all it takes. `{root}/lock` tells whether another process uses the folder.
//!
//! All of it is for this user alone: the folder may lie where others of this machine come by, and the umask would let them
//! read the crates of private registries past every right.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use supercargo_types::Digest;

/// Of new folders: nobody else may even list them.
const FOLDER_MODE: u32 = 0o700;
/// Of new files.
const FILE_MODE: u32 = 0o600;

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write to the blob folder `{}`: {reason}; check that the folder exists or can be made, that this user may write there, and that the disk is not full",
    folder.display()
)]
pub struct BlobsUnavailable {
    folder: PathBuf,
    reason: io::Error,
}

impl BlobsUnavailable {
    pub(crate) fn new(folder: PathBuf, reason: io::Error) -> Self {
        Self { folder, reason }
    }
}

/// The folder of one store. All of its functions block.
#[derive(Debug)]
pub(crate) struct Folder {
    blobs: PathBuf,
    staging: PathBuf,
    next: AtomicU64,
    /// Shared by all processes that use the folder.
    _lock: File,
}

/// A file in `staging/`; removed when dropped.
#[derive(Debug)]
pub(crate) struct StagedPath(Option<PathBuf>);

impl Folder {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let (blobs, staging) = (root.join("sha256"), root.join("staging"));
        let is_new = !root.try_exists()?;
        make(&blobs)?;
        make(&staging)?;
        // all of them now, so that no put has to make one and wait for that to be durable; millions of blobs leave a few
        // ten thousand files in each, which today's file systems look up in a tree
        for first in 0..=u8::MAX {
            make(&blobs.join(format!("{first:02x}")))?;
        }
        sync(&blobs)?;
        let lock = private_file()
            .create(true)
            .truncate(false)
            .open(root.join("lock"))?;
        clear(&staging, &lock)?;
        probe(&staging)?;
        sync(root)?;
        if is_new && let Some(parent) = root.canonicalize()?.parent() {
            sync(parent)?;
        }
        Ok(Self {
            blobs,
            staging,
            next: AtomicU64::new(0),
            _lock: lock,
        })
    }

    /// A new file for writing, which readers may look at.
    pub(crate) fn stage(&self) -> io::Result<(File, StagedPath)> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let path = self.staging.join(format!("{}-{number}", process::id()));
            match private_file().create_new(true).read(true).open(&path) {
                Ok(file) => return Ok((file, StagedPath(Some(path)))),
                // in containers that share the folder, process ids are often equal
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The blob's file and its size.
    pub(crate) fn open_blob(&self, digest: &Digest) -> io::Result<Option<(File, u64)>> {
        let Some(file) = absent(File::open(self.path(digest)))? else {
            return Ok(None);
        };
        let size = file.metadata()?.len();
        Ok(Some((file, size)))
    }

    pub(crate) fn contains(&self, digest: &Digest) -> io::Result<bool> {
        Ok(self.size(digest)?.is_some())
    }

    /// In bytes; `None` where it is not there.
    pub(crate) fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        let found = absent(fs::metadata(self.path(digest)))?;
        Ok(found.map(|found| found.len()))
    }

    /// Durable when it returns: one fsync of the file, one rename, one fsync of the folder.
    pub(crate) fn put(
        &self,
        digest: &Digest,
        size: u64,
        file: &File,
        mut staged: StagedPath,
    ) -> io::Result<()> {
        let target = self.path(digest);
        let existing = absent(fs::metadata(&target))?;
        // another length is a damaged file, which the rename below repairs
        if existing.is_none_or(|existing| existing.len() != size) {
            file.sync_data()?;
            fs::rename(staged.path()?, &target)?;
            staged.0 = None;
        }
        // also for one that exists: another thread may have renamed it and not come to this yet
        sync(&self.leaf(digest))
    }

    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        if absent(fs::remove_file(self.path(digest)))?.is_some() {
            sync(&self.leaf(digest))?;
        }
        Ok(())
    }

    fn leaf(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(&digest.hex()[..2])
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let mut path = self.leaf(digest);
        path.push(digest.hex());
        path
    }
}

impl StagedPath {
    fn path(&self) -> io::Result<&Path> {
        self.0
            .as_deref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Drop for StagedPath {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "a staged file was not removed");
        }
    }
}

/// Removes what a crash left. While another process uses the folder its files may be in use and stay; then the last one to
/// go leaves them to the next that starts alone.
fn clear(staging: &Path, lock: &File) -> io::Result<()> {
    let alone = match lock.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "this file system has no locks; what crashes leave in `staging` stays there");
            return Ok(());
        }
    };
    if alone {
        for entry in fs::read_dir(staging)? {
            fs::remove_file(entry?.path())?;
        }
        lock.unlock()?;
    }
    lock.lock_shared()
}

/// Finds out at start, and not at the first publish, that nothing can be written.
fn probe(staging: &Path) -> io::Result<()> {
    let path = staging.join(format!("probe-{}", process::id()));
    let mut file = private_file().create(true).truncate(true).open(&path)?;
    file.write_all(b"probe")?;
    file.sync_all()?;
    fs::remove_file(&path)
}

/// Makes a folder and those above it; one that exists stays as it is.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
}

/// For writing.
fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true).mode(FILE_MODE);
    options
}

/// Makes a folder's entries durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// "Not there" as an answer instead of an error.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Folder, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let (mut file, path) = folder.stage().unwrap();
        file.write_all(bytes).unwrap();
        folder
            .put(&digest, bytes.len() as u64, &file, path)
            .unwrap();
        digest
    }

    #[test]
    fn blobs_lie_where_the_layout_says() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let digest = put(&folder, b"abc");
        let hex = digest.hex();
        let path = root.path().join("sha256/ba").join(hex);
        assert_eq!(fs::read(path).unwrap(), b"abc");
    }

    #[test]
    fn nobody_else_may_read_what_is_made() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("storage/blobs");
        let folder = Folder::open(&root).unwrap();
        let digest = put(&folder, b"a private crate");
        let (_file, staged) = folder.stage().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for made in [
            root.parent().unwrap(),
            &root,
            &folder.blobs,
            &folder.leaf(&digest),
            &folder.staging,
        ] {
            assert_eq!(mode(made), 0o700, "{}", made.display());
        }
        for made in [
            &root.join("lock"),
            &folder.path(&digest),
            staged.path().unwrap(),
        ] {
            assert_eq!(mode(made), 0o600, "{}", made.display());
        }
    }

    #[test]
    fn what_a_crash_left_is_removed_unless_another_process_is_at_work() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::open(root.path()).unwrap();
        let left = root.path().join("staging/4711-0");
        fs::write(&left, b"half a crate").unwrap();
        let second = Folder::open(root.path()).unwrap();
        assert!(left.exists(), "the first one may still be writing it");
        drop((first, second));
        Folder::open(root.path()).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_name_in_staging_that_is_taken_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (
            Folder::open(root.path()).unwrap(),
            Folder::open(root.path()).unwrap(),
        );
        let (_file, held) = first.stage().unwrap();
        let (_file, other) = second.stage().unwrap();
        assert_ne!(held.path().unwrap(), other.path().unwrap());
    }

    #[test]
    fn an_existing_blob_is_kept_and_a_damaged_one_repaired() {
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let digest = put(&folder, b"some bytes");
        let path = folder.path(&digest);
        let inode = fs::metadata(&path).unwrap().ino();
        put(&folder, b"some bytes");
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
        fs::write(&path, b"some").unwrap();
        put(&folder, b"some bytes");
        assert_eq!(fs::read(&path).unwrap(), b"some bytes");
        assert_eq!(fs::read_dir(&folder.staging).unwrap().count(), 0);
    }
}
