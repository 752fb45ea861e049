//! What an issuer says about itself (OpenID Connect Discovery 1.0): its keys and its endpoints, fetched within limits.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use supercargo_upstream::{Document, DocumentRequest, UpstreamClient};
use url::Url;

use crate::{IssuerFailed, IssuerProblem, IssuerUrl, keys::Keys};

/// Of each answer of an issuer, in bytes: key sets with certificate chains in them have about twenty thousand.
pub(crate) const ANSWER_BYTES: u64 = 256 << 10;

/// An issuer that was asked.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) keys: Keys,
    pub(crate) endpoints: Endpoints,
}

/// Where people are signed in; CI systems have none of it. As they stand in the description: what is wrong with one of them
/// matters only to whoever needs it.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) authorization: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) userinfo: Option<String>,
    pub(crate) end_session: Option<String>,
    /// How a client may show its secret to `token`, where the issuer says so.
    pub(crate) secret_methods: Option<Vec<String>>,
    /// RFC 9207: every answer to a browser names its issuer.
    pub(crate) names_itself: bool,
}

#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// Somebody who is asked, and how long for.
pub(crate) struct Asking<'a> {
    pub(crate) client: &'a UpstreamClient,
    pub(crate) issuer: &'a IssuerUrl,
    pub(crate) patience: Duration,
}

impl Asking<'_> {
    /// Both documents: where its keys are may have changed with them.
    pub(crate) async fn fetch(&self) -> Result<Known, IssuerFailed> {
        let url = self.issuer.discovery();
        let text = self.get(&url, None).await?;
        let description: Description = serde_json::from_slice(&text.bytes).map_err(|_| {
            self.garbled(
                "its `/.well-known/openid-configuration` is not a description of an issuer",
            )
        })?;
        // Discovery 1.0, 4.3: otherwise one could pass off another's keys as its own, or the other way round
        if description.issuer != self.issuer.as_str() {
            return Err(self.failed(IssuerProblem::OtherIssuer(description.issuer)));
        }
        let keys = self.endpoint("jwks_uri", &description.jwks_uri)?;
        let endpoints = Endpoints::from(description);
        let text = self.get(&keys, None).await?;
        let keys = Keys::parse(&text.bytes).ok_or_else(|| {
            self.garbled("its `jwks_uri` lists no key that a token can be signed with")
        })?;
        Ok(Known { keys, endpoints })
    }

    fn endpoint(&self, field: &'static str, text: &str) -> Result<Url, IssuerFailed> {
        self.issuer.endpoint(text).ok_or_else(|| {
            let url = text.to_owned();
            self.failed(IssuerProblem::Endpoint { field, url })
        })
    }

    /// An endpoint that may be missing.
    pub(crate) fn optional(
        &self,
        field: &'static str,
        text: Option<&str>,
    ) -> Result<Option<Url>, IssuerFailed> {
        let text = text.filter(|text| !text.is_empty());
        text.map(|text| self.endpoint(field, text)).transpose()
    }

    /// One without which nobody can sign in.
    pub(crate) fn needed(
        &self,
        field: &'static str,
        text: Option<&str>,
    ) -> Result<Url, IssuerFailed> {
        let url = self.optional(field, text)?;
        url.ok_or_else(|| self.failed(IssuerProblem::NoEndpoint(field)))
    }

    /// What stands there, and nothing but that.
    pub(crate) async fn get(
        &self,
        url: &Url,
        authorization: Option<HeaderValue>,
    ) -> Result<Document, IssuerFailed> {
        let answer = self.ask(url, None, authorization).await?;
        if answer.status == StatusCode::OK {
            Ok(answer)
        } else {
            Err(self.unexpected(url, &answer))
        }
    }

    pub(crate) async fn ask(
        &self,
        url: &Url,
        form: Option<&[(&str, &str)]>,
        authorization: Option<HeaderValue>,
    ) -> Result<Document, IssuerFailed> {
        let request = DocumentRequest {
            url,
            form,
            authorization,
            limit: ANSWER_BYTES,
            patience: self.patience,
        };
        let answer = self.client.document(request).await;
        answer.map_err(|reason| self.failed(IssuerProblem::Connection(reason)))
    }

    pub(crate) fn unexpected(&self, url: &Url, answer: &Document) -> IssuerFailed {
        self.failed(IssuerProblem::Status {
            status: answer.status,
            asked: url.path().to_owned(),
        })
    }

    pub(crate) fn garbled(&self, what: &str) -> IssuerFailed {
        self.failed(IssuerProblem::Garbled(what.to_owned()))
    }

    pub(crate) fn failed(&self, problem: IssuerProblem) -> IssuerFailed {
        IssuerFailed::new(self.issuer, problem)
    }
}

impl From<Description> for Endpoints {
    fn from(description: Description) -> Self {
        Self {
            authorization: description.authorization_endpoint,
            token: description.token_endpoint,
            userinfo: description.userinfo_endpoint,
            end_session: description.end_session_endpoint,
            secret_methods: description.token_endpoint_auth_methods_supported,
            names_itself: description
                .authorization_response_iss_parameter_supported
                .unwrap_or(false),
        }
    }
}
