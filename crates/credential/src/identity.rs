//! CI jobs: the identity that their system gives them, exchanged for a token of minutes.
//!
//! A job's token stays in cargo's memory. One case needs more: an identity that comes in a variable is the same for the whole
//! job and is exchanged once, while each cargo of the job, and each view of a registry, asks anew. So what it was exchanged for
//! is kept until its end in a file of the job's user, in memory where the system has such a place.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use supercargo_types::{Digest, Timestamp};
use url::Url;

use crate::{
    http::{Http, LoginError, below, is_this_machine},
    place::Place,
    provider::ProviderError,
    token_file::private_file,
};

/// An identity, or where to get one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// From GitHub Actions, for any audience.
    GitHub {
        /// Where the runner asks for it.
        url: String,
        /// What the runner shows there.
        token: String,
    },
    /// As it came, from GitLab or whatever else signs ID tokens.
    Given(String),
}

/// A token that a job has.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct JobToken {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

impl Identity {
    /// Of the job that this runs in, if it runs in one that has an identity.
    pub(crate) fn of_environment() -> Option<Self> {
        let set = |name: &str| {
            let value = env::var_os(name)?.into_string().ok()?;
            (!value.is_empty()).then_some(value)
        };
        if let Some(given) = set("SUPERCARGO_ID_TOKEN") {
            return Some(Self::Given(given));
        }
        Some(Self::GitHub {
            url: set("ACTIONS_ID_TOKEN_REQUEST_URL")?,
            token: set("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?,
        })
    }

    /// The token of the registry for it.
    pub(crate) async fn exchange(
        &self,
        http: &Http,
        place: &Place,
        audience: &str,
        now: Timestamp,
    ) -> Result<JobToken, ProviderError> {
        if place.base.scheme() != "https" && !is_this_machine(&place.base) {
            return Err(ProviderError::Plain(place.address()));
        }
        match self {
            Self::GitHub { url, token } => {
                let jwt = of_github(url, token, audience).await?;
                Ok(exchange(http, place, &jwt).await?)
            }
            Self::Given(jwt) => {
                check_audience(jwt, audience)?;
                let file = file_for(jwt, place);
                if let Some(kept) = kept(&file).filter(|kept| now < kept.expires_at) {
                    return Ok(kept);
                }
                let token = exchange(http, place, jwt).await?;
                keep(&file, &token);
                Ok(token)
            }
        }
    }
}

async fn of_github(url: &str, token: &str, audience: &str) -> Result<String, ProviderError> {
    let parsed = Url::parse(url).ok();
    let parsed = parsed.filter(|url| url.scheme() == "https" || is_this_machine(url));
    let Some(mut url) = parsed else {
        return Err(ProviderError::Runner(
            "ACTIONS_ID_TOKEN_REQUEST_URL is not an `https://` address".to_owned(),
        ));
    };
    url.query_pairs_mut().append_pair("audience", audience);
    let http = Http::new(&url, PROGRAM)?;
    let authorization = format!("bearer {token}");
    let asked = http.ask(Method::GET, url, Some(&authorization), None);
    let answer = asked.await?;
    match answer.json["value"].as_str() {
        Some(jwt) if answer.status.is_success() => Ok(jwt.to_owned()),
        _ => Err(ProviderError::Runner(format!(
            "GitHub answered {} to the question for an ID token",
            answer.status
        ))),
    }
}

/// What a server and a person read of who asks.
pub(crate) const PROGRAM: &str = concat!("cargo-credential-supercargo/", env!("CARGO_PKG_VERSION"));

async fn exchange(http: &Http, place: &Place, jwt: &str) -> Result<JobToken, LoginError> {
    let path = [
        place.registry.as_str(),
        "api",
        "v1",
        "trusted_publishing",
        "tokens",
    ];
    let url = below(&place.base, &path)?;
    let body = json!({ "jwt": jwt });
    let asked = http.ask(Method::POST, url.clone(), None, Some(&body));
    let answer = asked.await?;
    let status = answer.status;
    let said = answer.success(&url)?;
    serde_json::from_value(said).map_err(|_| LoginError::Stranger {
        url: url.to_string(),
        status,
    })
}

/// The attack is a project's configuration that names another server: it must not be sent what was made for ours.
fn check_audience(jwt: &str, audience: &str) -> Result<(), ProviderError> {
    let payload = jwt.split('.').nth(1).unwrap_or_default();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(payload).ok();
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let Some(claims) = claims else {
        return Err(ProviderError::NoIdentity);
    };
    let named: Vec<_> = match &claims["aud"] {
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if named.contains(&audience) {
        return Ok(());
    }
    Err(ProviderError::Audience {
        found: named.join(", "),
        wanted: audience.to_owned(),
    })
}

/// Nobody can guess its name who does not have the identity, so nobody else can put one there.
fn file_for(jwt: &str, place: &Place) -> PathBuf {
    let name = Digest::of(format!("{jwt} {}", place.address()).as_bytes()).hex();
    let in_memory = env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .into_iter()
        .chain([PathBuf::from("/dev/shm")]);
    let folder = in_memory
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or_else(env::temp_dir);
    folder.join(format!("supercargo-job-{name}"))
}

fn kept(file: &Path) -> Option<JobToken> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Where it cannot be kept, the next cargo of the job says why it has none.
fn keep(file: &Path, token: &JobToken) {
    let written = fs::remove_file(file)
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
        .and_then(|()| private_file(file))
        .and_then(|mut open| open.write_all(&serde_json::to_vec(token)?));
    if let Err(error) = written {
        crate::device::say(&format!(
            "the job's token cannot be kept for the next cargo of this job: {error}\n"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &Value) -> String {
        format!(
            "e30.{}.c2ln",
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        )
    }

    #[test]
    fn an_identity_goes_to_whom_it_was_made_for() {
        let check = |claims: Value| check_audience(&jwt(&claims), "crates.acme.example/acme");
        assert!(check(json!({ "aud": "crates.acme.example/acme" })).is_ok());
        assert!(check(json!({ "aud": ["x", "crates.acme.example/acme"] })).is_ok());
        for other in [
            json!({ "aud": "evil.example/acme" }),
            json!({ "aud": ["x"] }),
            json!({ "aud": 7 }),
            json!({}),
        ] {
            let refused = check(other).unwrap_err();
            assert!(
                matches!(refused, ProviderError::Audience { .. }),
                "{refused}"
            );
        }
        for garbage in ["", "a.b.c", "secret", "e30.%%%.x"] {
            let refused = check_audience(garbage, "x").unwrap_err();
            assert!(matches!(refused, ProviderError::NoIdentity), "{garbage}");
            // what is there may be most of a secret
            assert!(!refused.to_string().contains("secret"));
        }
    }

    /// The attack is whoever listens on the way.
    #[tokio::test]
    async fn an_identity_does_not_go_over_plain_http() {
        let place = Place::of("sparse+http://crates.acme.example/acme/index/").unwrap();
        let http = Http::new(&place.base, PROGRAM).unwrap();
        let audience = place.audience();
        let identity = Identity::Given(jwt(&json!({ "aud": audience })));
        let asked = identity.exchange(&http, &place, &audience, Timestamp::from_seconds(0));
        let refused = asked.await.err().unwrap();
        assert!(matches!(refused, ProviderError::Plain(_)), "{refused}");
    }

    #[test]
    fn what_is_kept_for_a_job_is_its_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("job");
        let token = JobToken {
            token: "scg_x".to_owned(),
            expires_at: Timestamp::from_seconds(4_000_000_000),
        };
        assert!(kept(&file).is_none());
        keep(&file, &token);
        keep(&file, &token);
        assert_eq!(kept(&file).unwrap().token, "scg_x");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
