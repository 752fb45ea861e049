//! The management API as a command sees it: paths in, JSON out, failures as sentences.
//!
//! Nothing here knows what the JSON means.

#[cfg(test)]
pub(crate) mod canned;
mod error;
#[cfg(test)]
mod tests;
mod transfer;

use std::{error::Error as _, net::IpAddr, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue, LOCATION},
    redirect::Policy,
};
use serde_json::{Value, json};
use url::{Host, Url};

pub(crate) use self::{
    error::ClientError,
    transfer::{LONGEST_CRATE, Received},
};
use crate::output::printable;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A test of an upstream takes as long as the server's own patience with it, three times at most.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);
/// A page has 200 items at most; this is far more.
const LONGEST_ANSWER: usize = 16 << 20;
/// A server that always names another page is broken.
const MOST_PAGES: usize = 10_000;

/// One server and one identity.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
}

impl Client {
    /// Connects to nothing yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "the guard is for addresses that others choose; this one the user typed"
    )]
    pub(crate) fn new(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let base = base(url)?;
        let token = match token.map(str::trim).filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => {
                let mut value = HeaderValue::from_str(token).map_err(|_| ClientError::Token)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("supercargo/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // The API never redirects. Following would repeat a change, or carry the token elsewhere.
            .redirect(Policy::none());
        if is_this_machine(&base) {
            // A company's proxy cannot reach the server on this machine.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| ClientError::Unreachable {
            url: base.to_string(),
            reason: reason(&error),
        })?;
        Ok(Self { http, base, token })
    }

    /// The URL it was made with.
    pub(crate) fn base(&self) -> String {
        self.base.to_string()
    }

    /// Reads one thing.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value, ClientError> {
        self.send(Method::GET, self.url(path)?, None).await
    }

    /// Makes something, or asks for something to be done.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        self.send(Method::POST, self.url(path)?, body).await
    }

    /// Changes something.
    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        self.send(Method::PATCH, self.url(path)?, Some(body)).await
    }

    /// Puts something where it belongs.
    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        self.send(Method::PUT, self.url(path)?, Some(body)).await
    }

    /// Deletes something; some things want their name twice.
    pub(crate) async fn delete(
        &self,
        path: &[&str],
        confirm: Option<&str>,
    ) -> Result<(), ClientError> {
        let confirm = confirm.map(|name| ("confirm", name));
        self.delete_with(path, confirm.as_slice()).await
    }

    /// The same, with more to say about it than its name.
    pub(crate) async fn delete_with(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(), ClientError> {
        let url = with_query(self.url(path)?, query);
        self.send(Method::DELETE, url, None).await.map(drop)
    }

    /// A whole list, page after page, in the shape of one.
    pub(crate) async fn list(&self, path: &[&str]) -> Result<Value, ClientError> {
        self.list_where(path, &[]).await
    }

    /// The same, of those that the query selects.
    pub(crate) async fn list_where(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, ClientError> {
        self.first(path, query, usize::MAX).await
    }

    /// The first so many of them.
    pub(crate) async fn first(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Value, ClientError> {
        let first = with_query(self.url(path)?, query);
        let mut url = first.clone();
        let mut items = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let mut page = self.send(Method::GET, url, None).await?;
            let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) else {
                return Err(self.stranger(StatusCode::OK, "a list without `items` came"));
            };
            items.extend(more);
            items.truncate(most);
            match page["next_cursor"].as_str() {
                Some(next) if next != cursor && items.len() < most => next.clone_into(&mut cursor),
                _ => {
                    let total = items.len();
                    return Ok(json!({ "items": items, "next_cursor": null, "total": total }));
                }
            }
            url = first.clone();
            url.query_pairs_mut().append_pair("cursor", &cursor);
        }
        Err(self.stranger(StatusCode::OK, "its list does not end"))
    }

    /// `BASE/api/v1/…`, each part encoded.
    fn url(&self, path: &[&str]) -> Result<Url, ClientError> {
        self.below_base(&[&["api", "v1"], path].concat())
    }

    /// `BASE/…`, each part encoded.
    fn below_base(&self, path: &[&str]) -> Result<Url, ClientError> {
        let mut url = self.base.clone();
        // `registry show ..` would ask for something else than it says
        if let Some(name) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            return Err(ClientError::Name((*name).to_owned()));
        }
        url.path_segments_mut()
            .expect("invariant: an http URL has a path")
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let mut request = self.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    /// A request that carries the token.
    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    /// Sends it, and reads what the API says.
    async fn answer(&self, request: RequestBuilder) -> Result<Value, ClientError> {
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        let location = response.headers().get(LOCATION).cloned();
        let bytes = self.read(response, LONGEST_ANSWER, |_| ()).await?;
        if status.is_success() && bytes.is_empty() {
            return Ok(Value::Null);
        }
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        match answer {
            Some(answer) if status.is_success() => Ok(answer),
            Some(answer) if answer["errors"].is_array() => Err(self.refused(status, &answer)),
            _ => Err(self.elsewhere(status, location.as_ref())),
        }
    }

    /// Something answered that is not Supercargo, perhaps with where it moved to.
    fn elsewhere(&self, status: StatusCode, location: Option<&HeaderValue>) -> ClientError {
        match location.and_then(|url| url.to_str().ok()) {
            Some(to) if status.is_redirection() => {
                let advice = format!("it points to `{}`: is that its address?", printable(to));
                self.stranger(status, &advice)
            }
            _ => self.stranger(
                status,
                "is the address right? it is given with `--url` or SUPERCARGO_URL",
            ),
        }
    }

    /// Never more than a limit: a wrong address may lead anywhere. Each time it says how much is there.
    async fn read(
        &self,
        mut response: Response,
        limit: usize,
        mut so_far: impl FnMut(usize),
    ) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error))?
        {
            if bytes.len() + piece.len() > limit {
                return Err(self.stranger(response.status(), "the answer does not end"));
            }
            bytes.extend_from_slice(&piece);
            so_far(bytes.len());
        }
        Ok(bytes)
    }

    /// What became of a request that got no whole answer.
    fn failed(&self, error: &reqwest::Error) -> ClientError {
        let (url, reason) = (self.base.to_string(), reason(error));
        if error.is_connect() {
            ClientError::Unreachable { url, reason }
        } else {
            ClientError::Interrupted { url, reason }
        }
    }

    fn refused(&self, status: StatusCode, answer: &Value) -> ClientError {
        let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let details: Vec<_> = errors
            .iter()
            .filter_map(|error| error["detail"].as_str())
            .map(printable)
            .collect();
        let hint = self.hint(status);
        let details = if details.is_empty() {
            format!("the server answered {status} and gave no reason")
        } else {
            details.join(
                "
",
            )
        };
        ClientError::refused(status, details, hint)
    }

    fn hint(&self, status: StatusCode) -> &'static str {
        match (status, &self.token) {
            (StatusCode::UNAUTHORIZED, None) => {
                "; run `supercargo login`, or give a token with SUPERCARGO_TOKEN"
            }
            _ => "",
        }
    }

    fn stranger(&self, status: StatusCode, advice: &str) -> ClientError {
        ClientError::Stranger {
            url: self.base.to_string(),
            status,
            advice: advice.to_owned(),
        }
    }
}

/// The last reason of a chain says the most: `Connection refused (os error 111)`.
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

fn with_query(mut url: Url, query: &[(&str, &str)]) -> Url {
    // `extend_pairs` of nothing would leave a `?` behind
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

fn base(text: &str) -> Result<Url, ClientError> {
    let refuse = |reason| ClientError::Address { reason };
    let url = Url::parse(text.trim()).map_err(|_| refuse("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("does not start with `http://` or `https://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            "holds a user name or password, which is not how one signs in",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("has a query or a fragment"));
    }
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
