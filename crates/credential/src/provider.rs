//! What cargo asks for: a token, a login, a logout.

use std::{env, time::Duration};

use cargo_credential::{
    Action, CacheControl, Credential, CredentialResponse, Error, LoginOptions, RegistryInfo, Secret,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use supercargo_types::{Clock, Digest, Timestamp};
use time::OffsetDateTime;

use crate::{
    device::{Device, DeviceLogin, say, token_name},
    http::{Http, LoginError, below, printable},
    identity::{Identity, PROGRAM},
    keyring::Keyring,
    options::{BadOption, Options},
    parent,
    place::Place,
    token_file::{KeptToken, TokenFileError, Turn, private_folder},
};

/// A token that ends sooner than this gets a successor before it is used: a publish and its build take some minutes.
const NEARLY_OVER: Duration = Duration::from_mins(5);
/// Between two questions of one cargo.
const JUST_NOW: Duration = Duration::from_mins(1);
/// Cargo forgets a token so long before its end.
const MARGIN: Duration = Duration::from_secs(30);

/// The provider, as cargo's library runs it.
#[derive(Clone, Copy, Debug)]
pub struct Provider;

/// Why cargo gets no token; cargo prints it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error(transparent)]
    Option(#[from] BadOption),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    File(#[from] TokenFileError),
    #[error("the CI system gives this job no identity: {0}")]
    Runner(String),
    #[error("SUPERCARGO_ID_TOKEN does not hold an ID token of a CI system")]
    NoIdentity,
    #[error(
        "SUPERCARGO_ID_TOKEN was made for `{found}`, and this registry is `{wanted}`; have the CI system make one for that audience, or give `--audience {wanted}={found}` if it is meant for this registry"
    )]
    Audience { found: String, wanted: String },
    #[error(
        "`{0}` is not an `https://` address: a job's identity is not sent where others can read it on the way"
    )]
    Plain(String),
    #[error(
        "this is a CI job without an identity; give it one (`permissions: id-token: write` in GitHub Actions, SUPERCARGO_ID_TOKEN elsewhere) or a token in the environment"
    )]
    NoJobIdentity,
    #[error("the token does not work here: {0}")]
    Token(String),
}

impl Credential for Provider {
    fn perform(
        &self,
        registry: &RegistryInfo<'_>,
        action: &Action<'_>,
        arguments: &[&str],
    ) -> Result<CredentialResponse, Error> {
        let place = Place::of(registry.index_url).ok_or(Error::UrlNotSupported)?;
        let outcome =
            Visit::new(place, registry.name, arguments).and_then(|visit| visit.perform(action));
        match outcome {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(match action {
                Action::Get(_) | Action::Logout => Error::NotFound,
                _ => Error::OperationNotSupported,
            }),
            Err(error) => Err(Error::Other(Box::new(error))),
        }
    }
}

/// One question of cargo's.
struct Visit {
    place: Place,
    /// As cargo's configuration calls the registry.
    name: String,
    options: Options,
    http: Http,
    keyring: Keyring,
    runtime: tokio::runtime::Runtime,
}

impl Visit {
    fn new(place: Place, name: Option<&str>, arguments: &[&str]) -> Result<Self, ProviderError> {
        let options = Options::of(arguments)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| LoginError::Broken(error.to_string()))?;
        Ok(Self {
            http: Http::new(&place.base, PROGRAM)?,
            keyring: Keyring::new(options.has_keyring)?,
            name: name.unwrap_or("NAME").to_owned(),
            place,
            options,
            runtime,
        })
    }

    fn perform(&self, action: &Action<'_>) -> Result<Option<CredentialResponse>, ProviderError> {
        match action {
            Action::Get(_) => self.get(),
            Action::Login(options) => self.login(options).map(Some),
            Action::Logout => self.logout(),
            _ => Ok(None),
        }
    }

    fn get(&self) -> Result<Option<CredentialResponse>, ProviderError> {
        let now = Clock::System.now();
        if let Some(identity) = Identity::of_environment() {
            let audience = self.options.audience(&self.place);
            let exchange = identity.exchange(&self.http, &self.place, &audience, now);
            let job = self.runtime.block_on(exchange)?;
            return Ok(Some(given(job.token, Some(job.expires_at))));
        }
        // one at a time: cargo and an editor's cargo would both ask the same person
        let _turn = self.turn();
        let address = self.place.address();
        if let Some(kept) = self.keyring.get(&address)?
            && self.is_good(&kept, now)
        {
            return Ok(Some(given(kept.token, kept.expires_at)));
        }
        if login_follows() {
            return Ok(None);
        }
        let device = self.device();
        if !device.is_attended() {
            if env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false") {
                return Err(ProviderError::NoJobIdentity);
            }
            say(&format!(
                "{}: nobody is there to log in; run `cargo login --registry {}` in a terminal\n",
                self.place, self.name
            ));
            return Ok(None);
        }
        let kept = self.log_in(device)?;
        Ok(Some(given(kept.token, kept.expires_at)))
    }

    /// `cargo login`: with the browser, or with a token that was typed in.
    fn login(&self, options: &LoginOptions<'_>) -> Result<CredentialResponse, ProviderError> {
        let _turn = self.turn();
        let address = self.place.address();
        if let Some(token) = &options.token {
            let look = self.look_at(token.clone().expose());
            let kept = self.runtime.block_on(look)?;
            self.keyring.put(&address, &kept)?;
            return Ok(CredentialResponse::Login);
        }
        // where cargo has just asked for a token, somebody has approved one a moment ago
        let kept = self.keyring.get(&address)?;
        if !kept.is_some_and(|kept| self.is_fresh(&kept)) {
            self.log_in(self.device())?;
        }
        Ok(CredentialResponse::Login)
    }

    /// `cargo logout`: the server forgets the token as well, unless it was typed in. That one may be the only one of its kind,
    /// such as the administrator's after the first start, and nobody gets it back.
    fn logout(&self) -> Result<Option<CredentialResponse>, ProviderError> {
        let _turn = self.turn();
        let address = self.place.address();
        let Some(kept) = self.keyring.get(&address)? else {
            return Ok(None);
        };
        if !kept.obtained {
            self.keyring.forget(&address)?;
            say(&format!(
                "the token is forgotten here, and works on: it was given to `cargo login`; `supercargo token delete {}` ends it\n",
                printable(&kept.id)
            ));
            return Ok(Some(CredentialResponse::Logout));
        }
        let path = ["api", "v1", "tokens", kept.id.as_str()];
        let url = below(&self.place.base, &path)?;
        let asked = self
            .http
            .ask(Method::DELETE, url.clone(), Some(&kept.token), None);
        let outcome = self
            .runtime
            .block_on(asked)
            .and_then(|answer| match answer.status {
                // over already
                StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => Ok(()),
                _ => answer.success(&url).map(drop),
            });
        self.keyring.forget(&address)?;
        if let Err(error) = outcome {
            say(&format!(
                "the token is forgotten here, but the server was not told: {error}; revoke `{}` there\n",
                printable(&kept.id)
            ));
        }
        Ok(Some(CredentialResponse::Logout))
    }

    fn is_fresh(&self, kept: &KeptToken) -> bool {
        let life = Duration::from_hours(self.options.hours.into());
        let fresh = Clock::System.now().plus(life).minus(JUST_NOW);
        kept.expires_at.is_some_and(|end| end >= fresh)
    }

    fn device(&self) -> Device {
        Device {
            may_browse: self.options.may_browse,
        }
    }

    /// Waits for other cargos that log in to the same place, and to no other: a slow server would hold up all of them. Without a
    /// folder for that, nobody waits.
    fn turn(&self) -> Option<Turn> {
        let folder = self.keyring.file().path().parent()?;
        private_folder(folder).ok()?;
        let place = Digest::of(self.place.address().as_bytes()).hex();
        Turn::wait_saying(&folder.join(format!("login-{}.lock", &place[..16])), || {
            say("waiting for another program that logs in\n");
        })
        .ok()
    }

    /// Whether a token will do for what comes now. One that the server has revoked would only make cargo give up.
    fn is_good(&self, kept: &KeptToken, now: Timestamp) -> bool {
        let ends = kept.expires_at;
        if ends.is_some_and(|ends| ends <= now.plus(NEARLY_OVER)) {
            return false;
        }
        match self.runtime.block_on(self.look_at(&kept.token)) {
            Ok(_) => true,
            // whoever cannot be asked will not take it either, and cargo says why
            Err(error) => !matches!(error, ProviderError::Token(_)),
        }
    }

    /// What the server knows of a token.
    async fn look_at(&self, token: &str) -> Result<KeptToken, ProviderError> {
        let url = below(&self.place.base, &["api", "v1", "me"])?;
        let asked = self.http.ask(Method::GET, url.clone(), Some(token), None);
        let answer = asked.await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let detail = answer.json["errors"][0]["detail"].as_str();
            return Err(ProviderError::Token(printable(
                detail.unwrap_or("the server refuses it"),
            )));
        }
        let status = answer.status;
        let me = answer.success(&url)?;
        let known = json!({
            "id": me["token"]["id"],
            "token": token,
            "expires_at": me["token"]["expires_at"],
        });
        let kept = KeptToken::of(&known).map(|kept| KeptToken {
            obtained: false,
            ..kept
        });
        kept.ok_or_else(|| {
            LoginError::Stranger {
                url: url.to_string(),
                status,
            }
            .into()
        })
    }

    fn log_in(&self, device: Device) -> Result<KeptToken, ProviderError> {
        let place = &self.place;
        let token = json!({
            "name": token_name("cargo"),
            "scopes": ["read", "publish", "yank", "owners"],
            "registries": [place.registry],
            "expires_in_hours": self.options.hours,
        });
        let login = async {
            let login = DeviceLogin::begin(&self.http, &place.base, &token).await?;
            login.show(&format!("log in to {place}"), device);
            login.wait().await
        };
        let given = self.runtime.block_on(login)?;
        self.keyring.put(&place.address(), &given.kept)?;
        Ok(given.kept)
    }
}

/// Whether this token is only wanted by a `cargo login`, which reads the registry's configuration before it logs in: what it
/// gets a moment later may be one that was typed in, and nobody is asked to approve another one for that. Where it cannot be
/// told, the browser opens now and [`Visit::login`] takes what came of it.
fn login_follows() -> bool {
    env::var_os("SUPERCARGO_LOGIN_FOLLOWS").is_some() || parent::is_cargo_login()
}

/// As cargo takes it, for every view of the registry and everything that cargo does.
fn given(token: String, expires_at: Option<Timestamp>) -> CredentialResponse {
    let end = expires_at.map(|end| end.minus(MARGIN).as_seconds());
    let end = end.and_then(|end| OffsetDateTime::from_unix_timestamp(end).ok());
    CredentialResponse::Get {
        token: Secret::from(token),
        cache: match end {
            Some(expiration) => CacheControl::Expires { expiration },
            None => CacheControl::Session,
        },
        operation_independent: true,
    }
}
