//! An HTTP client that shows everything and hides nothing: no redirects, no decompression, no retries.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::{description, upstream::header};

/// Somebody who talks to a server: its address and perhaps a token.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
}

/// A request before it is sent.
#[must_use = "a request does nothing until it is sent"]
#[derive(Debug)]
pub struct Request {
    inner: reqwest::RequestBuilder,
    line: String,
    http: reqwest::Client,
    base: String,
}

/// All of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request line, for messages.
    request: String,
    /// Its status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// As it came, compressed or not.
    pub body: Bytes,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "`json!` makes a value, and a test is easier to read without `&`"
)]
impl Client {
    /// Somebody without a token. `base` is `http://127.0.0.1:PORT`.
    pub fn new(base: &str) -> Self {
        Self::trusting(base, None)
    }

    /// The same, who takes certificates of one authority, in PEM, and of no other: for `https://127.0.0.1:PORT`.
    #[expect(
        clippy::disallowed_methods,
        reason = "only ever connects to servers that a test has started"
    )]
    pub fn trusting(base: &str, authority: Option<&str>) -> Self {
        let mut http = reqwest::Client::builder();
        if let Some(pem) = authority {
            let root = reqwest::Certificate::from_pem(pem.as_bytes());
            http = http.tls_certs_only(root);
        }
        let http = http
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_proxy()
            .timeout(Duration::from_mins(1))
            .build()
            .expect("invariant: this configuration is sound");
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            authorization: None,
        }
    }

    /// The same server, with this token as cargo sends it: verbatim.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            authorization: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same server, without a token.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            authorization: None,
            ..self.clone()
        }
    }

    /// The same person at another server.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            ..self.clone()
        }
    }

    /// The address it talks to, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Begins any request; `path` starts with `/`.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let mut inner = self
            .http
            .request(method.clone(), format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            inner = inner.header(http::header::AUTHORIZATION, authorization);
        }
        Request {
            inner,
            line: format!("{method} {path}"),
            http: self.http.clone(),
            base: self.base.clone(),
        }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send().await
    }

    /// `DELETE` without a body.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).send().await
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, json: Value) -> Answer {
        self.request(Method::POST, path).json(&json).send().await
    }

    /// `PUT` of JSON.
    pub async fn put(&self, path: &str, json: Value) -> Answer {
        self.request(Method::PUT, path).json(&json).send().await
    }

    /// `PATCH` of JSON.
    pub async fn patch(&self, path: &str, json: Value) -> Answer {
        self.request(Method::PATCH, path).json(&json).send().await
    }
}

impl Request {
    /// One more header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self {
            inner: self.inner.header(name, value),
            ..self
        }
    }

    /// JSON as body.
    pub fn json(self, value: &Value) -> Self {
        Self {
            inner: self.inner.json(value),
            ..self
        }
    }

    /// Bytes as body.
    pub fn body(self, bytes: impl Into<Bytes>) -> Self {
        Self {
            inner: self.inner.body(bytes.into()),
            ..self
        }
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Panics
    /// When there is no answer, or one of the management API that is not as it describes itself.
    pub async fn send(self) -> Answer {
        let line = self.line.clone();
        self.try_send()
            .await
            .unwrap_or_else(|error| panic!("{line}: no answer: {error:?}"))
    }

    /// The same for tests of broken connections: an error when there is no answer, or not a whole one.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let response = self.inner.send().await?;
        let answer = Answer {
            request: self.line.clone(),
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        };
        description::check(&self.http, &self.base, &self.line, &answer).await;
        Ok(answer)
    }
}

#[expect(
    clippy::return_self_not_must_use,
    reason = "most tests only want to know that it went as it should"
)]
impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {self}"))
    }

    /// The body as lines of JSON: an index file.
    ///
    /// # Panics
    /// When a line is not JSON.
    pub fn json_lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("no JSON ({error}) in a line of {self}"))
            })
            .collect()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The stable code of the first error, such as `registry-name-taken`.
    pub fn code(&self) -> Option<String> {
        self.first_error("code")
    }

    /// The sentence of the first error.
    pub fn detail(&self) -> Option<String> {
        self.first_error("detail")
    }

    fn first_error(&self, key: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body["errors"][0][key].as_str().map(str::to_owned)
    }

    /// This answer, if it has that status.
    ///
    /// # Panics
    /// When it has another one; the message has the whole answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "unexpected status in {self}");
        self
    }

    /// This answer, if its status is one of success.
    ///
    /// # Panics
    /// When it is not; the message has the whole answer.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.is_success(), "no success in {self}");
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n", self.request, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let text = self.text();
        let shown: String = text.chars().take(4_000).collect();
        write!(f, "\n{shown}")
    }
}
