//! The bytes that come out of the gzip: counted, cut off at the limit, and with its failures told apart from tar's.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::ArchiveRefused;

/// A single gzip member that gives at most `limit` bytes.
pub(super) struct Unpacked<R> {
    gzip: GzDecoder<R>,
    limit: u64,
    count: u64,
    failure: Option<ArchiveRefused>,
}

impl<R: BufRead> Unpacked<R> {
    pub(super) fn new(reader: R, limit: u64) -> Self {
        Self {
            gzip: GzDecoder::new(reader),
            limit,
            count: 0,
            failure: None,
        }
    }

    /// The tar parser sees a failed read as a broken tar file; this puts the real reason in its place.
    pub(super) fn explain<T>(
        &mut self,
        outcome: Result<T, ArchiveRefused>,
    ) -> Result<T, ArchiveRefused> {
        outcome.map_err(|refused| self.failure.take().unwrap_or(refused))
    }

    /// Reads to the end of the gzip, where nothing but tar's padding may follow: bytes behind tar's end marker would be
    /// seen by parsers that look past it. Checks the gzip's checksum and that the file ends with it.
    pub(super) fn finish(mut self) -> Result<u64, ArchiveRefused> {
        let drained = drain_zeros(&mut self);
        self.explain(drained)?;
        let count = self.count;
        let mut reader = self.gzip.into_inner();
        if !reader
            .fill_buf()
            .map_err(ArchiveRefused::Unreadable)?
            .is_empty()
        {
            return Err(ArchiveRefused::AfterGzip);
        }
        Ok(count)
    }
}

fn drain_zeros<R: BufRead>(stream: &mut Unpacked<R>) -> Result<(), ArchiveRefused> {
    let mut buffer = [0; 8 << 10];
    loop {
        let count = stream
            .read(&mut buffer)
            .map_err(super::members::malformed)?;
        if count == 0 {
            return Ok(());
        }
        if buffer[..count].iter().any(|&byte| byte != 0) {
            return Err(ArchiveRefused::Tar(
                "data follows its end marker".to_owned(),
            ));
        }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.gzip.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.failure = Some(match error.kind() {
                    io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                        ArchiveRefused::Gzip(error.to_string())
                    }
                    io::ErrorKind::UnexpectedEof => {
                        ArchiveRefused::Gzip("it ends too early".to_owned())
                    }
                    kind => ArchiveRefused::Unreadable(kind.into()),
                });
                return Err(error);
            }
        };
        self.count += count as u64;
        if self.count > self.limit {
            let limit = self.limit;
            self.failure = Some(ArchiveRefused::UnpackedTooLarge { limit });
            return Err(io::Error::other("over the limit"));
        }
        Ok(count)
    }
}
