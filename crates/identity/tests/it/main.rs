//! The room against an issuer on this machine that forges whatever a test wants.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the report, also in what tests share"
)]

mod algorithms;
mod issuer;
mod issuers;
mod jobs;
mod sign_in;

use std::{fmt, time::Duration};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use supercargo_identity::{
    CiIdentity, IssuerSettings, IssuerUrl, Issuers, Preset, PublisherDraft, Rejected,
    TrustedPublisher,
};
use supercargo_types::{Clock, Random, Timestamp};
use supercargo_upstream::{ClientSettings, UpstreamClient};

use crate::issuer::{FakeIssuer, Key};

const AUDIENCE: &str = "https://crates.acme.example";
/// 2026-11-20 12:00:00 UTC
const NOW: i64 = 1_795_176_000;

/// An issuer with one key, and a server that knows it.
pub(crate) struct Scene {
    pub(crate) issuer: FakeIssuer,
    pub(crate) key: Key,
    pub(crate) clock: Clock,
    pub(crate) issuers: Issuers,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(IssuerSettings::default()).await
    }

    pub(crate) async fn with(settings: IssuerSettings) -> Self {
        let key = Key::new("one", Algorithm::ES256);
        let issuer = FakeIssuer::start(&[&key]).await;
        let clock = Clock::fixed(Timestamp::from_seconds(NOW));
        let issuers = Issuers::new(
            client(&["127.0.0.0/8"]),
            clock.clone(),
            Random::System,
            settings,
        );
        Self {
            issuer,
            key,
            clock,
            issuers,
        }
    }

    pub(crate) fn url(&self) -> IssuerUrl {
        self.issuer.url.parse().unwrap()
    }

    /// What GitHub Actions would say of a job on the main branch of `acme/app`.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.issuer.url,
            "aud": AUDIENCE,
            "sub": "repo:acme/app:ref:refs/heads/main",
            "jti": "first",
            "iat": NOW - 5,
            "nbf": NOW - 5,
            "exp": NOW + 300,
            "repository": "acme/app",
            "repository_id": "74",
            "repository_owner": "acme",
            "repository_owner_id": "65",
            "ref": "refs/heads/main",
            "sha": "0123",
            "event_name": "push",
            "workflow_ref": "acme/app/.github/workflows/release.yml@refs/heads/main",
            "environment": "release",
            "run_id": "4711",
            "run_attempt": "1",
        })
    }

    pub(crate) fn claims_but(&self, changes: Value) -> Value {
        but(self.claims(), changes)
    }

    pub(crate) fn rule(&self, preset: Preset, claims: &[(&str, &str)]) -> TrustedPublisher {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let draft = PublisherDraft {
            preset,
            issuer: Some(self.issuer.url.clone()),
            audience: AUDIENCE.to_owned(),
            claims: claims.iter().map(own).collect(),
        };
        draft.try_into().unwrap()
    }

    pub(crate) async fn job(&self, token: &str) -> Result<CiIdentity, Rejected> {
        let rule = self.rule(Preset::GitHub, &[("repository", "acme/app")]);
        self.issuers.job(token, &[&rule]).await
    }

    /// The sentence for a token that is not believed, with nothing in it that differs from run to run.
    pub(crate) async fn refusal(&self, token: &str) -> String {
        let rejected = self.job(token).await.unwrap_err();
        self.stable(&rejected)
    }

    pub(crate) fn stable(&self, sentence: &impl fmt::Display) -> String {
        sentence.to_string().replace(&self.issuer.url, "ISSUER")
    }
}

/// The same with other claims; `null` takes one away.
pub(crate) fn but(mut claims: Value, changes: Value) -> Value {
    let (Value::Object(all), Value::Object(changes)) = (&mut claims, changes) else {
        panic!("claims and their changes are objects");
    };
    for (name, value) in changes {
        if value.is_null() {
            all.remove(&name);
        } else {
            all.insert(name, value);
        }
    }
    claims
}

pub(crate) fn client(allow: &[&str]) -> UpstreamClient {
    let settings = ClientSettings {
        allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
        ..ClientSettings::default()
    };
    UpstreamClient::new(settings).unwrap()
}

/// For those who wait in vain.
pub(crate) fn impatient() -> IssuerSettings {
    IssuerSettings {
        timeout: Duration::from_millis(300),
        ..IssuerSettings::default()
    }
}
