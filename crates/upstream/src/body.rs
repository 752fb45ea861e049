//! Reading answers within limits.

use std::{
    io::{self, Write},
    time::Duration,
};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use tokio::time::Instant;

use crate::{
    FailureReason, Upstream, UpstreamFailed, circuit::Attempt, client::WHOLE_WITHIN,
    failed::Patience, lanes::Turn, request::host,
};

/// Compressed bytes are taken in this much at a time, so that 4 MiB of memory are the most that one step can ask for.
const STEP: usize = 4 << 10;
/// Bytes per second that a download has to come with on the whole, beyond some patience: a slow mobile connection has more.
const SLOWEST: u64 = 64 << 10;

/// A `.crate` file on its way in.
pub struct Download {
    /// Its length in bytes, where upstream says so.
    pub length: Option<u64>,
    /// Its bytes, not checked against anything; nothing follows a failure.
    pub body: BoxStream<'static, Result<Bytes, UpstreamFailed>>,
}

/// An answer that is on its way in.
pub(crate) struct Incoming<'a> {
    pub(crate) upstream: &'a Upstream,
    pub(crate) response: Response,
    /// For the texts of failures.
    pub(crate) asked: &'a str,
    /// In bytes, after decompression.
    pub(crate) limit: u64,
    pub(crate) patience: Patience,
}

/// Text that came whole, up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    is_over: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.bytes.len() {
            self.is_over = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Decoder {
    Identity(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Incoming<'_> {
    /// The whole body as it is without its content encoding. What is too large is given up as soon as that is known:
    /// neither a gzip bomb nor an endless answer costs more than the limit.
    pub(crate) async fn text(mut self) -> Result<Bytes, UpstreamFailed> {
        self.refuse_pages()?;
        let mut decoder = self.decoder()?;
        let mut received = 0;
        while let Some(piece) = next(self.upstream, &mut self.response, self.patience).await? {
            received += piece.len() as u64;
            if received > self.limit {
                return Err(self.too_large());
            }
            for step in piece.chunks(STEP) {
                if let Err(error) = decoder.take(step) {
                    return Err(self.undecodable(&decoder, &error));
                }
            }
        }
        let ended = decoder.end();
        ended.map_err(|error| self.undecodable(&decoder, &error))?;
        Ok(decoder.into_bytes())
    }

    /// A page where a file should be: a sign-in page, a single-page application, somebody's error page.
    pub(crate) fn refuse_pages(&self) -> Result<(), UpstreamFailed> {
        let content_type = self.header(&CONTENT_TYPE).to_ascii_lowercase();
        if content_type.starts_with("text/html") || content_type.starts_with("application/xhtml") {
            let asked = self.asked;
            return Err(self.upstream.garbled(format!("an HTML page for `{asked}`")));
        }
        Ok(())
    }

    fn decoder(&self) -> Result<Decoder, UpstreamFailed> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let plain = Bounded {
            bytes: Vec::new(),
            limit,
            is_over: false,
        };
        match self.header(&CONTENT_ENCODING).trim() {
            "" => Ok(Decoder::Identity(plain)),
            encoding if encoding.eq_ignore_ascii_case("identity") => Ok(Decoder::Identity(plain)),
            encoding
                if encoding.eq_ignore_ascii_case("gzip")
                    || encoding.eq_ignore_ascii_case("x-gzip") =>
            {
                Ok(Decoder::Gzip(Box::new(MultiGzDecoder::new(plain))))
            }
            _ => {
                let asked = self.asked;
                let what = format!("`{asked}` in a content encoding that was not asked for");
                Err(self.upstream.garbled(what))
            }
        }
    }

    fn header(&self, name: &http::HeaderName) -> &str {
        let value = self.response.headers().get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    fn undecodable(&self, decoder: &Decoder, error: &io::Error) -> UpstreamFailed {
        if decoder.is_over() {
            return self.too_large();
        }
        let asked = self.asked;
        self.upstream
            .garbled(format!("`{asked}` with damaged compression ({error})"))
    }

    fn too_large(&self) -> UpstreamFailed {
        too_large(self.upstream, self.asked, self.limit)
    }

    /// The body piece by piece, as it is. Nothing follows a failure. The turn ends when the body does or is dropped; how the
    /// body ends is the attempt's verdict.
    pub(crate) fn download(self, turn: Turn, attempt: Attempt) -> Result<Download, UpstreamFailed> {
        let length = self.response.content_length();
        if length.is_some_and(|length| length > self.limit) {
            return Err(self.too_large());
        }
        let download = Pieces {
            upstream: self.upstream.clone(),
            response: self.response,
            asked: self.asked.to_owned(),
            limit: self.limit,
            length,
            received: 0,
            patience: self.patience,
            start: Instant::now(),
            attempt: Some(attempt),
            _turn: turn,
        };
        let pieces = stream::try_unfold(download, |mut download| async move {
            let piece = download.next().await?;
            Ok(piece.map(|piece| (piece, download)))
        });
        Ok(Download {
            length,
            body: pieces.boxed(),
        })
    }
}

struct Pieces {
    upstream: Upstream,
    response: Response,
    asked: String,
    limit: u64,
    length: Option<u64>,
    received: u64,
    patience: Patience,
    start: Instant,
    attempt: Option<Attempt>,
    _turn: Turn,
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, UpstreamFailed> {
        let next = self.received().await;
        let attempt = match &next {
            Ok(Some(_)) => None,
            Ok(None) | Err(_) => self.attempt.take(),
        };
        match (attempt, &next) {
            (Some(attempt), Err(failed)) if failed.is_down() => attempt.failed(failed),
            (Some(attempt), _) => attempt.ended_well(),
            (None, _) => {}
        }
        next
    }

    async fn received(&mut self) -> Result<Option<Bytes>, UpstreamFailed> {
        let piece = self.awaited().await?;
        let Some(piece) = piece else {
            return match self.length {
                Some(length) if length != self.received => {
                    let received = self.received;
                    Err(self.upstream.failed(FailureReason::Unreachable {
                        host: host(self.response.url()),
                        cause: format!("the connection ended after {received} of {length} bytes"),
                    }))
                }
                _ => Ok(None),
            };
        };
        self.received += piece.len() as u64;
        if self.received > self.limit {
            return Err(too_large(&self.upstream, &self.asked, self.limit));
        }
        Ok(Some(piece))
    }

    /// What came within both limits. Patience between two pieces alone would let an upstream that drips byte by byte hold
    /// up for ever everybody who waits for this file.
    async fn awaited(&mut self) -> Result<Option<Bytes>, UpstreamFailed> {
        let whole = whole_within(self.patience.answer, self.length.unwrap_or(self.limit));
        let left = whole.saturating_sub(self.start.elapsed());
        let piece = next(&self.upstream, &mut self.response, self.patience);
        match tokio::time::timeout(left, piece).await {
            Ok(piece) => piece,
            Err(_) => Err(self
                .upstream
                .failed(FailureReason::Timeout { patience: whole })),
        }
    }
}

/// What a whole body of so many bytes may take, from the answer's head on.
fn whole_within(patience: Duration, bytes: u64) -> Duration {
    patience
        .saturating_mul(WHOLE_WITHIN)
        .saturating_add(Duration::from_secs(bytes / SLOWEST))
}

async fn next(
    upstream: &Upstream,
    response: &mut Response,
    patience: Patience,
) -> Result<Option<Bytes>, UpstreamFailed> {
    match tokio::time::timeout(patience.answer, response.chunk()).await {
        Err(_) => Err(upstream.failed(FailureReason::Timeout {
            patience: patience.answer,
        })),
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => Err(upstream.broken(error, &host(response.url()), patience)),
    }
}

fn too_large(upstream: &Upstream, asked: &str, limit: u64) -> UpstreamFailed {
    upstream.failed(FailureReason::TooLarge {
        asked: Some(asked.to_owned()),
        limit,
    })
}

impl Decoder {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(plain) => plain.write_all(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
        }
    }

    fn plain(&self) -> &Bounded {
        match self {
            Self::Identity(plain) => plain,
            Self::Gzip(decoder) => decoder.get_ref(),
        }
    }

    fn is_over(&self) -> bool {
        self.plain().is_over
    }

    fn into_bytes(mut self) -> Bytes {
        let plain = match &mut self {
            Self::Identity(plain) => plain,
            Self::Gzip(decoder) => decoder.get_mut(),
        };
        std::mem::take(&mut plain.bytes).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_has_time_by_its_length() {
        let within = |bytes| whole_within(Duration::from_secs(30), bytes);
        assert_eq!(within(0), Duration::from_mins(2));
        assert_eq!(within(64 << 20), Duration::from_secs(120 + 1_024));
        assert_eq!(
            whole_within(Duration::MAX, u64::MAX),
            Duration::MAX,
            "no settings make it panic"
        );
    }
}
