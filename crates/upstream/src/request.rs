//! One question to an upstream: credentials, guard, redirects, patience.

use http::{HeaderMap, StatusCode};
use reqwest::{
    RequestBuilder, Response,
    header::{LOCATION, RETRY_AFTER},
};
use std::{error::Error, io, time::Duration};
use url::Url;

use crate::{FailureReason, Upstream, UpstreamClient, UpstreamFailed};

/// Enough for a canonical host and a presigned URL behind it, and few enough that a loop ends soon.
const REDIRECTS: usize = 5;

/// Whether a question is asked once more when its connection ends before an answer begins: upstream may have closed it just
/// when we took it out of the pool, and then nobody has read the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    Once,
}

impl UpstreamClient {
    /// Asks, and follows redirects by hand: each hop passes the guard, and credentials stay with the origin that they were
    /// given for, which is that of the index and those that the upstream's settings name. Once a hop has led away from it they are gone, also where a later one leads back: a stranger must not
    /// choose what is asked with them.
    pub(crate) async fn ask(
        &self,
        upstream: &Upstream,
        mut url: Url,
        headers: &HeaderMap,
        mut again: Again,
    ) -> Result<Response, UpstreamFailed> {
        let home = upstream.index.url().origin();
        let mut is_home = true;
        for _ in 0..=REDIRECTS {
            is_home &=
                url.origin() == home || upstream.also.iter().any(|origin| origin.is_of(&url));
            let response = self
                .ask_once(upstream, &url, headers, is_home, &mut again)
                .await?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            url = target(upstream, &url, &response)?;
        }
        Err(upstream.failed(FailureReason::Refused(format!(
            "redirects more than {REDIRECTS} times"
        ))))
    }

    async fn ask_once(
        &self,
        upstream: &Upstream,
        url: &Url,
        headers: &HeaderMap,
        with_credentials: bool,
        again: &mut Again,
    ) -> Result<Response, UpstreamFailed> {
        let client = if upstream.is_preset {
            self.unguarded()
        } else {
            let judged = self.guard().check(url);
            judged.map_err(|private| upstream.failed(FailureReason::Private(private.0)))?;
            self.guarded()
        };
        let mut request = client.get(url.clone()).headers(headers.clone());
        if with_credentials {
            request = upstream.sign(request)?;
        }
        let patience = self.patience();
        let send = |request: RequestBuilder| tokio::time::timeout(patience.answer, request.send());
        let spare = match again {
            Again::Once => request.try_clone(),
            Again::Never => None,
        };
        let mut answer = send(request).await;
        if let Ok(Err(error)) = &answer
            && let Some(spare) = spare
            && ended_unanswered(error)
        {
            *again = Again::Never;
            answer = send(spare).await;
        }
        match answer {
            Err(_) => Err(upstream.failed(FailureReason::Timeout {
                patience: patience.answer,
            })),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(upstream.broken(error, &host(url), patience)),
        }
    }
}

/// Whether a connection that stood has ended before the head of an answer.
fn ended_unanswered(error: &reqwest::Error) -> bool {
    if error.is_connect() || error.is_timeout() {
        return false;
    }
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(error) = inner.downcast_ref::<hyper::Error>()
            && error.is_incomplete_message()
        {
            return true;
        }
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            );
        }
        source = inner.source();
    }
    false
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

fn target(upstream: &Upstream, from: &Url, response: &Response) -> Result<Url, UpstreamFailed> {
    let location = response.headers().get(LOCATION);
    let to = location
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| upstream.garbled("a redirect without a usable `Location`"))?;
    check_redirect(from, &to)
        .map_err(|why| upstream.failed(FailureReason::Refused(why.to_owned())))?;
    Ok(to)
}

fn check_redirect(from: &Url, to: &Url) -> Result<(), &'static str> {
    match (from.scheme(), to.scheme()) {
        // whoever listens on the way could answer in upstream's place
        ("https", "http") => return Err("redirects from https to http, which is not followed"),
        (_, "http" | "https") => {}
        _ => return Err("redirects to something that is neither http nor https"),
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err("redirects to a URL with credentials in it, which is not followed");
    }
    Ok(())
}

/// For the texts of failures: never the path or the query, which may be secret in a presigned URL.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A status that is no answer to what was asked.
pub(crate) fn unexpected(upstream: &Upstream, response: &Response, asked: &str) -> UpstreamFailed {
    let retry_after = response.headers().get(RETRY_AFTER);
    let seconds = retry_after
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok());
    upstream.failed(FailureReason::Status {
        status: response.status(),
        asked: Some(asked.to_owned()),
        retry_after: seconds.map(Duration::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_never_leave_encryption_nor_bring_credentials() {
        let check =
            |from: &str, to: &str| check_redirect(&from.parse().unwrap(), &to.parse().unwrap());
        assert_eq!(check("https://a.example/", "https://b.example/"), Ok(()));
        assert_eq!(check("http://a.example/", "http://a.example/b"), Ok(()));
        assert_eq!(check("http://a.example/", "https://a.example/"), Ok(()));
        for to in [
            "http://a.example/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "https://u:p@a.example/",
            "https://u@a.example/",
        ] {
            assert!(check("https://a.example/", to).is_err(), "{to}");
        }
        assert!(check("http://a.example/", "data:text/plain,x").is_err());
    }
}
