//! Small documents of those who are no registries, such as whoever signs identities: behind the same guard, and no redirect is
//! followed. What a status or a text is worth is the asker's to say.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use reqwest::{
    Response,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION},
};
use url::{Url, form_urlencoded};

use crate::{FailureReason, UpstreamClient, failed::Patience, request::host};

/// Documents under way at once. Who asks for them shares flights and has few to ask; more are a flood, which must not eat this
/// server's sockets.
pub(crate) const DOCUMENTS: usize = 32;
const FORM: &str = "application/x-www-form-urlencoded";

/// A question for one. Without `Debug`: what it sends may be secret.
#[derive(Clone)]
pub struct DocumentRequest<'a> {
    /// Where. Its host passes the address guard; nobody is exempt.
    pub url: &'a Url,
    /// Sent by POST as a form; without one it is a GET.
    pub form: Option<&'a [(&'a str, &'a str)]>,
    /// For the `Authorization` header.
    pub authorization: Option<HeaderValue>,
    /// Of the answer, in bytes.
    pub limit: u64,
    /// For all of it: the turn, the connection, the answer to its last byte. An endless or a dripping answer ends with it.
    pub patience: Duration,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Any, also a redirect.
    pub status: StatusCode,
    /// As it came, or empty.
    pub content_type: String,
    /// As they are, within the limit; none of a redirect.
    pub bytes: Bytes,
}

impl UpstreamClient {
    /// Asks once.
    ///
    /// # Errors
    /// When no answer came whole and within the limits; [`FailureReason::Crowded`] when it was not even asked.
    pub async fn document(&self, request: DocumentRequest<'_>) -> Result<Document, FailureReason> {
        let judged = self.guard().check(request.url);
        judged.map_err(|private| FailureReason::Private(private.0))?;
        let patience = request.patience;
        let start = Instant::now();
        let turn = tokio::time::timeout(patience, self.documents().acquire()).await;
        let _turn = turn
            .map_err(|_| FailureReason::Crowded { patience })?
            .expect("invariant: nobody closes it");
        let left = patience.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, self.ask_document(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(FailureReason::Timeout { patience }),
        }
    }

    async fn ask_document(&self, request: DocumentRequest<'_>) -> Result<Document, FailureReason> {
        let place = host(request.url);
        let patience = Patience {
            connect: self.patience().connect,
            answer: request.patience,
        };
        let broken = |error| FailureReason::broken(error, &place, patience);
        let client = self.guarded();
        let mut question = match request.form {
            None => client.get(request.url.clone()),
            Some(pairs) => {
                let form = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish();
                client
                    .post(request.url.clone())
                    .header(CONTENT_TYPE, FORM)
                    .body(form)
            }
        };
        question = question
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity");
        if let Some(mut authorization) = request.authorization {
            authorization.set_sensitive(true);
            question = question.header(AUTHORIZATION, authorization);
        }
        let mut response = question.send().await.map_err(broken)?;
        let status = response.status();
        let content_type = header(&response, &CONTENT_TYPE);
        if status.is_redirection() || response.headers().contains_key(LOCATION) {
            return Ok(Document {
                status,
                content_type,
                bytes: Bytes::new(),
            });
        }
        let asked = request.url.path();
        let encoding = header(&response, &CONTENT_ENCODING);
        if !matches!(encoding.trim(), "" | "identity") {
            let what = format!("`{asked}` in a content encoding that was not asked for");
            return Err(FailureReason::Garbled(Some(what)));
        }
        let too_large = || FailureReason::TooLarge {
            asked: Some(asked.to_owned()),
            limit: request.limit,
        };
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if (bytes.len() + piece.len()) as u64 > request.limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Document {
            status,
            content_type,
            bytes: bytes.into(),
        })
    }
}

fn header(response: &Response, name: &http::HeaderName) -> String {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .to_owned()
}
