//! The server's management API, and issuers of ID tokens, as a small client sees them.

use std::{error::Error as _, net::IpAddr, time::Duration};

use reqwest::{Method, StatusCode, header::HeaderValue, redirect::Policy};
use serde_json::Value;
use url::{Host, Url};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Tokens and refusals are short.
const LONGEST_ANSWER: usize = 1 << 20;
/// What is shown of an answer, in characters.
const SHOWN: usize = 500;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The address cannot be one.
    #[error("`{0}` is not the address of a server; it starts with `https://` or `http://`")]
    Address(String),
    /// Nothing answers there.
    #[error("cannot reach `{url}` ({reason}): is the address right, and the server running?")]
    Unreachable {
        /// Where.
        url: String,
        /// What the system says.
        reason: String,
    },
    /// Something else than Supercargo answers, or a proxy in front of it.
    #[error("`{url}` answered {status} and not as supercargo does; is the address right?")]
    Stranger {
        /// Where.
        url: String,
        /// How.
        status: StatusCode,
    },
    /// The server sends the person to another one, or it is reached by another address than its own.
    #[error(
        "the server at `{base}` has logins approved at `{page}`, which is none of its pages; if that is the same server, use the address by which it calls itself, otherwise do not approve anything there"
    )]
    Elsewhere {
        /// The server that was asked.
        base: String,
        /// The page that it names.
        page: String,
    },
    /// The server says no.
    #[error("{detail}")]
    Refused {
        /// Stable.
        code: String,
        /// For people.
        detail: String,
    },
    /// Nobody has decided.
    #[error("nobody approved the login in time; log in again")]
    TookTooLong,
    /// The system gives no threads or no network at all.
    #[error("the program cannot begin: {0}")]
    Broken(String),
}

/// An answer: its status, and what it says.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
}

/// A client without an identity.
pub struct Http(reqwest::Client);

impl Http {
    /// For questions to this address; `program` is what the person reads who is asked to approve.
    ///
    /// # Errors
    /// [`LoginError::Broken`].
    #[expect(
        clippy::disallowed_methods,
        reason = "the guard is for addresses that others choose; this one stands in the configuration of whoever runs this"
    )]
    pub fn new(base: &Url, program: &str) -> Result<Self, LoginError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(program)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // The API never redirects. Following would carry a secret elsewhere.
            .redirect(Policy::none());
        if is_this_machine(base) {
            // a company's proxy cannot reach the server on this machine
            builder = builder.no_proxy();
        }
        let client = builder.build();
        client
            .map(Self)
            .map_err(|error| LoginError::Broken(error.to_string()))
    }

    /// Asks, and reads what it says: JSON, whatever the status.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: Url,
        authorization: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, LoginError> {
        let place = shown(&url);
        let mut request = self.0.request(method, url);
        if let Some(authorization) = authorization {
            let value = HeaderValue::from_str(authorization);
            let mut value = value.map_err(|_| LoginError::Refused {
                code: "bad-token".to_owned(),
                detail: "the token holds characters that no token has".to_owned(),
            })?;
            value.set_sensitive(true);
            request = request.header(reqwest::header::AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error: &reqwest::Error| LoginError::Unreachable {
            url: place.clone(),
            reason: reason(error),
        };
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failed(&error))? {
            // a wrong address may lead anywhere
            if bytes.len() + piece.len() > LONGEST_ANSWER {
                return Err(LoginError::Stranger { url: place, status });
            }
            bytes.extend_from_slice(&piece);
        }
        if bytes.is_empty() && status.is_success() {
            return Ok(Answer {
                status,
                json: Value::Null,
            });
        }
        match serde_json::from_slice(&bytes) {
            Ok(json) => Ok(Answer { status, json }),
            Err(_) => Err(LoginError::Stranger { url: place, status }),
        }
    }
}

impl Answer {
    /// What it says, if it says yes.
    pub(crate) fn success(self, asked: &Url) -> Result<Value, LoginError> {
        if self.status.is_success() {
            return Ok(self.json);
        }
        let error = &self.json["errors"][0];
        match (error["code"].as_str(), error["detail"].as_str()) {
            (code, Some(detail)) => Err(LoginError::Refused {
                code: code.unwrap_or_default().to_owned(),
                detail: printable(detail),
            }),
            _ => Err(LoginError::Stranger {
                url: shown(asked),
                status: self.status,
            }),
        }
    }
}

/// `BASE/…`, each part encoded.
pub(crate) fn below(base: &Url, path: &[&str]) -> Result<Url, LoginError> {
    let mut url = base.clone();
    let refuse = || LoginError::Address(shown(base));
    url.path_segments_mut()
        .map_err(|()| refuse())?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

/// Without what may be secret.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The last reason of a chain says the most.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "time ran out".to_owned();
    }
    let mut last = error.source();
    while let Some(deeper) = last.and_then(std::error::Error::source) {
        last = Some(deeper);
    }
    last.map_or_else(|| error.to_string(), ToString::to_string)
}

/// A server's words on a terminal: not more of them than anybody reads, and nothing that would steer it.
pub(crate) fn printable(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    supercargo_types::printable(&shown)
}

/// Whether the address is on this machine.
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
