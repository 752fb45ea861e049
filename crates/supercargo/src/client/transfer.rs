//! Crate files on their way: bytes out and bytes in, within limits, and never the whole of an upload in memory.

use std::{io, time::Duration};

use futures_util::{Stream, stream};
use reqwest::{
    Body, Method, RequestBuilder, Response,
    header::{
        ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LOCATION,
    },
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt as _},
};

use super::{Client, ClientError, LONGEST_ANSWER};
use crate::output::{Progress, printable};

/// Of a file in memory.
const PIECE: usize = 64 << 10;
/// The server gives an upload ten minutes, and then may have to ask its upstream.
const MOVED_WITHIN: Duration = Duration::from_mins(15);
/// In bytes, of a file whose size is not known: far more than any crate on crates.io has.
pub(crate) const LONGEST_CRATE: u64 = 1 << 30;

/// A file that came, or that the server says is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) checksum: supercargo_types::Digest,
    pub(crate) size_bytes: u64,
}

impl Client {
    /// Posts a file of so many bytes.
    pub(crate) async fn upload(
        &self,
        path: &[&str],
        file: File,
        size_bytes: u64,
        progress: Progress,
    ) -> Result<Value, ClientError> {
        let request = self
            .request(Method::POST, self.url(path)?)
            .timeout(MOVED_WITHIN)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size_bytes)
            .body(Body::wrap_stream(pieces(file, size_bytes, progress)));
        self.answer(request).await
    }

    /// A file from an address of Cargo's, where refusals are plain text: not more than `limit` bytes.
    pub(crate) async fn download(
        &self,
        path: &[&str],
        limit: usize,
        progress: &mut Progress,
    ) -> Result<Vec<u8>, ClientError> {
        let response = self.accepted(self.file(Method::GET, path)?).await?;
        self.read(response, limit, |bytes| progress.reached(bytes as u64))
            .await
    }

    /// A text from an address of Cargo's: an index file, or `config.json`.
    pub(crate) async fn text(&self, path: &[&str]) -> Result<Vec<u8>, ClientError> {
        let request = self.request(Method::GET, self.below_base(path)?);
        let response = self.accepted(request).await?;
        self.read(response, LONGEST_ANSWER, |_| ()).await
    }

    /// A file from an address of Cargo's, which is hashed as it comes and not kept.
    pub(crate) async fn prove(&self, path: &[&str]) -> Result<Received, ClientError> {
        let mut response = self.accepted(self.file(Method::GET, path)?).await?;
        let (mut hasher, mut size_bytes) = (Sha256::new(), 0);
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error))?
        {
            size_bytes += piece.len() as u64;
            // a server that sends without end would keep us here
            if size_bytes > LONGEST_CRATE {
                return Err(self.stranger(response.status(), "the answer does not end"));
            }
            hasher.update(&piece);
        }
        Ok(Received {
            checksum: supercargo_types::Digest::from_bytes(hasher.finalize().into()),
            size_bytes,
        })
    }

    /// What the server says of the same file, once it has proven it itself. `None` where it has none, or does not say.
    pub(crate) async fn announced(&self, path: &[&str]) -> Result<Option<Received>, ClientError> {
        let request = self.file(Method::HEAD, path)?;
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let header = |name| response.headers().get(name)?.to_str().ok();
        let quoted = header(ETAG).unwrap_or_default();
        let checksum = quoted.trim_matches('"').parse().ok();
        let size_bytes = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let said = checksum.zip(size_bytes);
        Ok(said
            .filter(|_| response.status().is_success())
            .map(|(checksum, size_bytes)| Received {
                checksum,
                size_bytes,
            }))
    }

    /// A text of any length from the management API, written down as it comes. The inner error is the writer's.
    pub(crate) async fn copy(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        to: &mut impl io::Write,
    ) -> Result<io::Result<()>, ClientError> {
        let url = super::with_query(self.url(path)?, query);
        let request = self.request(Method::GET, url).timeout(MOVED_WITHIN);
        let mut response = self.accepted(request).await?;
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/jsonl") && !kind.starts_with("text/csv") {
            return Err(self.elsewhere(response.status(), None));
        }
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error))?
        {
            if let Err(error) = to.write_all(&piece) {
                return Ok(Err(error));
            }
        }
        Ok(to.flush())
    }

    /// A request for a file whose bytes are compared with a checksum, and are gzip already.
    fn file(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, ClientError> {
        Ok(self
            .request(method, self.below_base(path)?)
            .timeout(MOVED_WITHIN)
            .header(ACCEPT_ENCODING, "identity"))
    }

    /// The answer of one of Cargo's addresses, or why there is none: refusals are plain text there.
    async fn accepted(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let headers = response.headers().clone();
        let bytes = self.read(response, LONGEST_ANSWER, |_| ()).await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if answer["errors"].is_array() {
            return Err(self.refused(status, &answer));
        }
        if !is_plain_text(&headers) || bytes.is_empty() {
            return Err(self.elsewhere(status, headers.get(LOCATION)));
        }
        let details = printable(String::from_utf8_lossy(&bytes).trim_end());
        Err(ClientError::refused(status, details, self.hint(status)))
    }
}

fn is_plain_text(headers: &HeaderMap<HeaderValue>) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/plain"))
}

/// The file piece by piece, exactly as long as it was said to be: more would be another request to the server.
fn pieces(
    file: impl AsyncRead + Unpin + Send + 'static,
    size_bytes: u64,
    progress: Progress,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    let start = (file.take(size_bytes), size_bytes, progress);
    stream::try_unfold(start, move |(mut file, missing, mut progress)| async move {
        if missing == 0 {
            return Ok(None);
        }
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await? as u64;
        if read == 0 {
            return Err(io::Error::other(
                "the file became shorter while it was read",
            ));
        }
        let missing = missing - read;
        progress.reached(size_bytes - missing);
        Ok(Some((piece, (file, missing, progress))))
    })
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use insta::assert_snapshot;

    use super::*;
    use crate::client::canned::{Canned, answer};

    async fn collected(bytes: Vec<u8>, size_bytes: u64) -> io::Result<Vec<u8>> {
        let file = io::Cursor::new(bytes);
        let quiet = Progress::of("x", size_bytes);
        pieces(file, size_bytes, quiet).try_concat().await
    }

    #[tokio::test]
    async fn a_file_that_changes_while_it_is_read_is_never_longer_and_fails_when_shorter() {
        let bytes = vec![7; 3 * PIECE + 1];
        let whole = collected(bytes.clone(), bytes.len() as u64).await;
        assert_eq!(whole.unwrap(), bytes);
        assert_eq!(collected(bytes.clone(), 5).await.unwrap(), [7; 5]);
        assert_eq!(collected(Vec::new(), 0).await.unwrap(), [0_u8; 0]);
        let shorter = collected(vec![7; 4], 5).await.unwrap_err();
        assert_snapshot!(shorter, @"the file became shorter while it was read");
    }

    #[tokio::test]
    async fn what_a_download_is_refused_with_is_repeated_and_cannot_steer_the_terminal() {
        let path = ["acme", "api", "v1", "crates", "demo", "1.0.0+x", "download"];
        let mut all = Vec::new();
        for (status, kind, body) in [
            (
                "403 Forbidden",
                "text/plain; charset=utf-8",
                "demo@1.0.0 is blocked\u{1b}[2J\n",
            ),
            ("401 Unauthorized", "text/plain", "sign in"),
            ("502 Bad Gateway", "text/html", "<html>"),
            (
                "404 Not Found",
                "application/json",
                r#"{"errors":[{"detail":"no such"}]}"#,
            ),
            ("200 OK", "application/gzip", "much more than was announced"),
        ] {
            let kind = format!("content-type: {kind}\r\n");
            let server = Canned::answering(vec![answer(status, &kind, body)]).await;
            let mut quiet = Progress::of("x", 4);
            let client = server.client(None);
            let error = client.download(&path, 4, &mut quiet).await.unwrap_err();
            assert_eq!(
                server.asked(),
                ["GET /prefix/acme/api/v1/crates/demo/1.0.0+x/download"]
            );
            all.push(error.to_string().replace(&server.url, "URL"));
        }
        assert_snapshot!(all.join("\n"), @"
        demo@1.0.0 is blocked�[2J
        sign in; run `supercargo login`, or give a token with SUPERCARGO_TOKEN
        `URL` answered 502 Bad Gateway and not as supercargo does; is the address right? it is given with `--url` or SUPERCARGO_URL
        no such
        `URL` answered 200 OK and not as supercargo does; the answer does not end
        ");
    }
}
