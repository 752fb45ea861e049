//! A look into stored `.crate` files, for what pages and lists show: readmes and descriptions.
//!
//! Never on the way of a download. The files of upstreams were not checked when they came, so each look has its limits.

use std::{
    io::{self, BufRead, Read},
    sync::{Arc, Mutex},
};

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use semver::Version;
use supercargo_blobs::BlobBody;
use supercargo_package::{ArchiveLimits, ArchiveRefused, Outline, read_file, read_outline};
use supercargo_store::CachedDescription;
use supercargo_types::{CrateName, Digest};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Instance,
    jobs::JobKind,
    refusal::{Failure, Outcome},
};

/// Files that are unpacked at a time: a small one may unpack to half a gigabyte, and whoever asks for many of them must not
/// take every processor.
const AT_ONCE: usize = 2;
/// Pieces of a file that wait to be unpacked.
const PIECES: usize = 2;
/// As far as a description is looked for: cargo puts the manifest near the front.
const DESCRIPTION_WITHIN: u64 = 64 << 20;
/// In characters; what follows would only make search slow.
const LONGEST_DESCRIPTION: usize = 1000;
/// The same of all keywords together.
const LONGEST_KEYWORDS: usize = 300;
/// Files of earlier releases that are looked into between two batches: they are no hurry, and each takes a turn from somebody.
const MADE_UP_FOR: u32 = 16;
/// Descriptions that wait for the database, a second's worth; more of them are not kept.
const WAITING: usize = 4096;
/// In bytes, as on crates.io's pages: what is longer is no readme.
const LONGEST_README: u64 = 1 << 20;

/// What looks into archives share.
pub(crate) struct Archives {
    turns: Semaphore,
    /// What was read of files of upstreams and is not in the database yet.
    descriptions: Mutex<Vec<CachedDescription>>,
}

impl Archives {
    pub(crate) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE),
            descriptions: Mutex::default(),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<CachedDescription>> {
        self.descriptions
            .lock()
            .expect("invariant: nobody panics with this lock")
    }
}

impl Instance {
    /// Reads what a crate of an upstream's says about itself, for search. Best effort: a broken file is found out by whoever
    /// builds it.
    pub(crate) async fn describe(self: Arc<Self>, upstream: i64, checksum: Digest) {
        // what cannot be read now is looked into after the next start
        let Ok(Some(described)) = self.described(upstream, checksum).await else {
            return;
        };
        let mut waiting = self.archives.waiting();
        if waiting.len() < WAITING {
            waiting.push(described);
        }
    }

    /// Looks into some of the files that came before keywords were read. Whether there were no more.
    pub(crate) async fn describe_earlier(&self) -> bool {
        let earlier = match self.store.undescribed_crates(MADE_UP_FOR).await {
            Ok(earlier) => earlier,
            Err(error) => {
                tracing::warn!(%error, "files without keywords were not found");
                return false;
            }
        };
        let mut batch = Vec::with_capacity(earlier.len());
        for (upstream, checksum) in earlier {
            match self.described(upstream, checksum).await {
                Ok(described) => batch.extend(described),
                Err(error) => {
                    // a disk that is away says nothing about keywords: not until the next start
                    tracing::warn!(?error, "keywords of cached crates cannot be read");
                    return true;
                }
            }
        }
        if batch.is_empty() {
            return true;
        }
        if let Err(error) = self.store.describe_cached_crates(&batch).await {
            tracing::warn!(%error, crates = batch.len(), "keywords of cached crates were not written");
        }
        false
    }

    /// Nothing where there is no such file.
    async fn described(
        &self,
        upstream_id: i64,
        checksum: Digest,
    ) -> Outcome<Option<CachedDescription>> {
        let limits = ArchiveLimits {
            unpacked_bytes: DESCRIPTION_WITHIN,
            ..ArchiveLimits::default()
        };
        let outline = self
            .look(&checksum, move |reader| read_outline(reader, &limits))
            .await?;
        let Some(outline) = outline else {
            return Ok(None);
        };
        let outline: Outline = outline.unwrap_or_default();
        let description = outline.description.as_deref();
        Ok(Some(CachedDescription {
            upstream_id,
            checksum,
            description: description.map(|text| one_line(text, LONGEST_DESCRIPTION)),
            keywords: one_line(&outline.keywords.join(" "), LONGEST_KEYWORDS),
        }))
    }

    /// Writes the descriptions that were read since the last time.
    pub(crate) async fn write_descriptions(&self) {
        let batch = std::mem::take(&mut *self.archives.waiting());
        if batch.is_empty() {
            return;
        }
        let written = self.store.describe_cached_crates(&batch).await;
        let failed = written
            .is_err()
            .then_some("descriptions of cached crates were not written");
        self.noted(
            JobKind::Batches,
            "descriptions of crates",
            batch.len(),
            failed,
        );
        if let Err(error) = written {
            tracing::warn!(%error, crates = batch.len(), "descriptions of cached crates were not written");
        }
    }

    /// The readme at a path of a stored file, or where the file's own manifest says that it is; `None` without one, or when
    /// it is too long.
    ///
    /// # Errors
    /// Only faults.
    pub(crate) async fn readme_of(
        &self,
        checksum: &Digest,
        name: CrateName,
        version: Version,
        path: Option<String>,
    ) -> Outcome<Option<Bytes>> {
        let limits = ArchiveLimits {
            unpacked_bytes: self.limits().unpacked_size,
            ..ArchiveLimits::default()
        };
        let path = if path.is_some() {
            path
        } else {
            let outline = self.look(checksum, move |reader| read_outline(reader, &limits));
            outline
                .await?
                .flatten()
                .and_then(|outline| outline.readme_path)
        };
        let Some(path) = path else {
            return Ok(None);
        };
        let read = self.look(checksum, move |reader| {
            read_file(reader, &name, &version, &path, &limits, LONGEST_README)
        });
        Ok(read.await?.flatten().map(Bytes::from))
    }

    /// Reads a stored file on the blocking pool; `None` when it is not stored, or no good archive.
    async fn look<T: Send + 'static>(
        &self,
        checksum: &Digest,
        read: impl FnOnce(PieceReader) -> Result<T, ArchiveRefused> + Send + 'static,
    ) -> Outcome<Option<T>> {
        let turn = self.archives.turns.acquire().await;
        let _turn = turn.expect("invariant: it is never closed");
        let Some(blob) = self.blobs.get(checksum).await? else {
            return Ok(None);
        };
        let (give, pieces) = mpsc::channel(PIECES);
        let reader = PieceReader {
            pieces,
            current: Bytes::new(),
        };
        let reading = tokio::task::spawn_blocking(move || read(reader));
        match blob.body {
            BlobBody::Whole(bytes) => {
                // who has read enough has gone
                let _ = give.send(Ok(bytes)).await;
            }
            BlobBody::Pieces(mut pieces) => {
                while let Some(piece) = pieces.next().await {
                    if give.send(piece).await.is_err() {
                        break;
                    }
                }
            }
        }
        drop(give);
        let outcome = reading
            .await
            .map_err(|error| Failure::fault(error.into()))?;
        match outcome {
            Ok(found) => Ok(Some(found)),
            Err(refused) if refused.is_fault() => Err(Failure::fault(refused.into())),
            Err(_) => Ok(None),
        }
    }
}

/// A description as a terminal may show it: whoever writes to an upstream must not send escape sequences to the terminals of
/// those who search here.
fn one_line(text: &str, longest: usize) -> String {
    let plain = text.chars().map(|character| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    });
    plain.take(longest).collect()
}

/// The pieces of a stored file, read by a thread that may wait.
struct PieceReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl BufRead for PieceReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => break,
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_one_short_line() {
        assert_eq!(one_line("a\n\u{1b}[31mb\0é", 20), "a  [31mb é");
        assert_eq!(one_line(&"é".repeat(2000), 1000), "é".repeat(1000));
    }
}
