//! Blobs in a real folder.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the report, also in what tests share"
)]

use std::{fs, io::Read as _};

use bytes::Bytes;
use futures_util::StreamExt as _;
use supercargo_blobs::{Blob, BlobBody, Blobs, HashedBlob, MemoryLimits};
use supercargo_types::Digest;

/// A store in a folder that goes when the test ends.
struct Store {
    folder: tempfile::TempDir,
    blobs: Blobs,
}

impl Store {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("blobs");
        let blobs = Blobs::open(root, MemoryLimits::default()).await.unwrap();
        Self { folder, blobs }
    }

    async fn hashed(&self, bytes: &[u8]) -> HashedBlob {
        let mut staged = self.blobs.stage().await.unwrap();
        for piece in bytes.chunks(10_000) {
            staged.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        assert_eq!(staged.written(), bytes.len() as u64);
        staged.finish().await.unwrap()
    }

    async fn put(&self, bytes: &[u8]) -> Digest {
        self.hashed(bytes).await.put().await.unwrap()
    }

    /// Files in staging.
    fn staged(&self) -> usize {
        let staging = self.folder.path().join("blobs/staging");
        fs::read_dir(staging).unwrap().count()
    }

    fn file(&self, digest: &Digest) -> std::path::PathBuf {
        let hex = digest.hex();
        self.folder
            .path()
            .join("blobs/sha256")
            .join(&hex[..2])
            .join(hex)
    }
}

/// Bytes that differ everywhere, so that pieces in a wrong order are noticed.
fn sample(length: usize) -> Vec<u8> {
    (0_u32..)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(length)
        .collect()
}

async fn read(blob: Blob) -> Vec<u8> {
    match blob.body {
        BlobBody::Whole(bytes) => bytes.to_vec(),
        BlobBody::Pieces(mut pieces) => {
            let mut all = Vec::new();
            while let Some(piece) = pieces.next().await {
                all.extend_from_slice(&piece.unwrap());
            }
            all
        }
    }
}

const LARGE: usize = 3_000_001;

#[tokio::test]
async fn what_is_put_comes_out_again() {
    let store = Store::new().await;
    for length in [0, 1, 40_000, 1 << 18, 1 << 20, (1 << 20) + 1, LARGE] {
        let bytes = sample(length);
        let hashed = store.hashed(&bytes).await;
        assert_eq!(*hashed.digest(), Digest::of(&bytes));
        assert_eq!(hashed.size(), length as u64);
        assert!(!store.blobs.contains(hashed.digest()).await.unwrap());
        let digest = hashed.put().await.unwrap();
        assert!(store.blobs.contains(&digest).await.unwrap());
        // from the file, then from memory where it is small
        for _ in 0..2 {
            let size = store.blobs.size(&digest).await.unwrap();
            assert_eq!(size, Some(length as u64));
            let blob = store.blobs.get(&digest).await.unwrap().unwrap();
            assert_eq!(blob.size, length as u64);
            assert_eq!(
                matches!(blob.body, BlobBody::Whole(_)),
                length <= 1 << 20,
                "{length}"
            );
            assert!(read(blob).await == bytes, "{length}");
        }
    }
    assert_eq!(store.staged(), 0);
}

#[tokio::test]
async fn a_blob_that_was_never_put_is_absent() {
    let store = Store::new().await;
    let digest = Digest::of(b"never");
    assert!(store.blobs.get(&digest).await.unwrap().is_none());
    assert!(!store.blobs.contains(&digest).await.unwrap());
    assert_eq!(store.blobs.size(&digest).await.unwrap(), None);
    assert!(!store.blobs.verify(&digest).await.unwrap());
    store.blobs.remove(&digest).await.unwrap();
}

#[tokio::test]
async fn ranges_are_cut_at_the_end_of_the_blob() {
    let store = Store::new().await;
    for length in [1_000, LARGE] {
        let bytes = sample(length);
        let digest = store.put(&bytes).await;
        let size = length as u64;
        for range in [
            0..size,
            0..1,
            7..900,
            900..size,
            900..u64::MAX,
            size..u64::MAX,
            size + 5..size + 9,
        ] {
            let blob = store.blobs.get_range(&digest, range.clone()).await;
            let blob = blob.unwrap().unwrap();
            assert_eq!(blob.size, size);
            let from = usize::try_from(range.start.min(size)).unwrap();
            let to = usize::try_from(range.end.min(size)).unwrap();
            assert!(read(blob).await == bytes[from..to], "{range:?} of {length}");
        }
    }
}

#[tokio::test]
async fn the_same_bytes_may_be_put_twice_and_at_once() {
    let store = Store::new().await;
    let bytes = sample(100_000);
    let digest = store.put(&bytes).await;
    assert_eq!(store.put(&bytes).await, digest);
    let other = sample(100_001);
    let puts = futures_util::future::join_all((0..8).map(|_| store.put(&other))).await;
    assert!(puts.iter().all(|put| *put == Digest::of(&other)));
    for bytes in [&bytes, &other] {
        let blob = store.blobs.get(&Digest::of(bytes)).await.unwrap().unwrap();
        assert!(read(blob).await == *bytes);
    }
    assert_eq!(store.staged(), 0);
}

#[tokio::test]
async fn what_is_dropped_leaves_nothing() {
    let store = Store::new().await;
    let mut staged = store.blobs.stage().await.unwrap();
    staged.write(sample(600_000).into()).await.unwrap();
    assert_eq!(store.staged(), 1);
    drop(staged);
    assert_eq!(store.staged(), 0);
    let hashed = store.hashed(b"bytes").await;
    assert_eq!(store.staged(), 1);
    drop(hashed);
    assert_eq!(store.staged(), 0);
    assert!(!store.blobs.contains(&Digest::of(b"bytes")).await.unwrap());
}

#[tokio::test]
async fn a_reader_sees_the_file_grow_and_keeps_it_after_the_put() {
    let store = Store::new().await;
    let bytes = sample(700_000);
    let mut staged = store.blobs.stage().await.unwrap();
    let reader = staged.reader().unwrap();
    assert!(reader.read_at(0, 10).await.unwrap().is_empty());
    let mut visible = 0;
    for piece in bytes.chunks(50_000) {
        staged.write(Bytes::copy_from_slice(piece)).await.unwrap();
        let now = staged.flush().await.unwrap();
        assert_eq!(now, staged.written());
        let length = usize::try_from(now - visible).unwrap();
        let seen = reader.read_at(visible, length + 1_000).await.unwrap();
        assert!(seen == piece, "from {visible}");
        visible = now;
    }
    let digest = staged.finish().await.unwrap().put().await.unwrap();
    store.blobs.remove(&digest).await.unwrap();
    assert_eq!(reader.len().unwrap(), 700_000);
    assert!(reader.read_at(650_000, 100_000).await.unwrap() == bytes[650_000..]);
}

#[tokio::test]
async fn the_checks_read_a_hashed_file_from_its_start_each_time() {
    let store = Store::new().await;
    let bytes = sample(300_000);
    let hashed = store.hashed(&bytes).await;
    for _ in 0..2 {
        let mut all = Vec::new();
        hashed.open().unwrap().read_to_end(&mut all).unwrap();
        assert!(all == bytes);
    }
}

#[tokio::test]
async fn a_removed_blob_is_gone_from_memory_too_and_can_be_put_again() {
    let store = Store::new().await;
    let digest = store.put(b"bytes").await;
    store.blobs.get(&digest).await.unwrap().unwrap();
    store.blobs.remove(&digest).await.unwrap();
    assert!(!store.blobs.contains(&digest).await.unwrap());
    assert!(store.blobs.get(&digest).await.unwrap().is_none());
    store.put(b"bytes").await;
    assert!(store.blobs.get(&digest).await.unwrap().is_some());
}

#[tokio::test]
async fn damage_on_the_disk_is_found() {
    let store = Store::new().await;
    let bytes = sample(LARGE);
    let digest = store.put(&bytes).await;
    assert!(store.blobs.verify(&digest).await.unwrap());
    let mut damaged = bytes.clone();
    damaged[2_000_000] ^= 1;
    fs::write(store.file(&digest), &damaged).unwrap();
    assert!(!store.blobs.verify(&digest).await.unwrap());
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_ends_in_an_error() {
    let store = Store::new().await;
    let digest = store.put(&sample(LARGE)).await;
    let blob = store.blobs.get(&digest).await.unwrap().unwrap();
    let BlobBody::Pieces(mut pieces) = blob.body else {
        panic!("a large blob comes in pieces");
    };
    assert!(pieces.next().await.unwrap().is_ok());
    let file = fs::OpenOptions::new().write(true).open(store.file(&digest));
    file.unwrap().set_len(1_000_000).unwrap();
    let mut failed = false;
    while let Some(piece) = pieces.next().await {
        assert!(!failed, "nothing follows an error");
        failed = piece.is_err();
    }
    assert!(failed);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named_at_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let root = folder.path().join("file/blobs");
    let error = Blobs::open(root.clone(), MemoryLimits::default())
        .await
        .unwrap_err();
    let text = error.to_string().replace(root.to_str().unwrap(), "ROOT");
    assert_eq!(
        text,
        "cannot write to the blob folder `ROOT`: Not a directory (os error 20); check that the folder exists or can be made, that this user may write there, and that the disk is not full"
    );
}

#[tokio::test]
async fn blobs_survive_a_restart_and_half_written_ones_do_not() {
    let Store { folder, blobs } = Store::new().await;
    let root = folder.path().join("blobs");
    let mut staged = blobs.stage().await.unwrap();
    staged.write(sample(5).into()).await.unwrap();
    let digest = staged.finish().await.unwrap().put().await.unwrap();
    drop(blobs);
    let half = root.join("staging/1-1");
    fs::write(&half, "half").unwrap();
    let blobs = Blobs::open(root, MemoryLimits::default()).await.unwrap();
    assert!(!half.exists());
    let blob = blobs.get(&digest).await.unwrap().unwrap();
    assert!(read(blob).await == sample(5));
}
