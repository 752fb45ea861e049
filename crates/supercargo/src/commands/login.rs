//! `supercargo login` and `supercargo logout`: a token for this machine, kept where later commands find it.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    process::{Command as Program, Stdio},
};

use cargo_credential_supercargo::{
    Device, DeviceLogin, GivenToken, Http, KeptToken, LoginError, TokenFile, token_name,
};
use clap::Args;
use serde_json::{Value, json};
use supercargo_types::{AccountName, Clock, RegistryName, Scope};
use url::Url;

use super::{CommandError, Outcome, secret};
use crate::{
    client::{Client, ClientError},
    output::{Report, printable, time},
};

/// In the user's folder for Supercargo.
const FILE: &str = "tokens.json";
/// What the person reads who is asked to approve.
const PROGRAM: &str = concat!("supercargo/", env!("CARGO_PKG_VERSION"));

/// What can be said of a login.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  supercargo login                            in the browser
  supercargo login --no-browser               in a browser on another machine
  supercargo login --user alice               with the password, typed here
  supercargo login --registry acme --days 7   for one registry, for cargo too")]
pub(crate) struct Login {
    /// Sign in with this account's password instead of the browser
    #[arg(long, value_name = "NAME")]
    user: Option<AccountName>,
    /// Read the password from standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// A registry that the token is good for, which cargo gets as well, by `cargo login`; may be repeated, all where absent
    #[arg(long = "registry", value_name = "REGISTRY")]
    registries: Vec<RegistryName>,
    /// What the token may do [default: `read`, `publish`, `yank`, `owners`]; may be repeated
    #[arg(
        long = "scope",
        visible_alias = "scopes",
        value_name = "SCOPE",
        value_delimiter = ','
    )]
    scopes: Vec<Scope>,
    /// Days until it ends [default: 30]
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
    /// Print the address instead of opening it
    #[arg(long, conflicts_with = "user")]
    no_browser: bool,
}

/// The token that is kept for a server, if it still works.
pub(crate) fn kept(url: &str) -> Result<Option<String>, CommandError> {
    let Ok(url) = Url::parse(url.trim()) else {
        // whoever connects says what is wrong with it
        return Ok(None);
    };
    // no folder of the user's: nothing is kept, and a token in the environment is the way
    let Ok(file) = TokenFile::of_user(FILE) else {
        return Ok(None);
    };
    let kept = file.get(key(url.as_str()))?;
    let now = Clock::System.now();
    let lives = |kept: &KeptToken| kept.expires_at.is_none_or(|end| now < end);
    Ok(kept.filter(lives).map(|kept| kept.token))
}

/// The server's name in the file: a slash at the end makes no difference.
fn key(url: &str) -> &str {
    url.trim_end_matches('/')
}

impl Login {
    pub(super) async fn run(self, client: &Client) -> Outcome {
        // without the token of this moment, which may be over
        let client = Client::new(&client.base(), None)?;
        let given = match &self.user {
            Some(user) => self.with_password(&client, user).await?,
            None => self.in_browser(&client).await?,
        };
        let GivenToken { kept, mut answer } = given;
        let file = TokenFile::of_user(FILE)?;
        file.put(key(&client.base()), &kept)?;
        for registry in &self.registries {
            hand_to_cargo(registry, &kept.token)?;
        }
        let end = match &answer["expires_at"] {
            Value::Null => "without an end".to_owned(),
            end => format!("until {}", time(end)),
        };
        let sentence = format!(
            "signed in to {} as `{}` {end}; the token is kept in `{}`",
            client.base(),
            printable(answer["principal"].as_str().unwrap_or_default()),
            file.path().display(),
        );
        // it is kept: nothing that reads this needs it
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("token");
        }
        Ok(Report::Said { sentence, answer })
    }

    fn token(&self) -> Value {
        let mut token = json!({ "name": token_name("supercargo") });
        if !self.scopes.is_empty() {
            token["scopes"] = json!(self.scopes);
        }
        if !self.registries.is_empty() {
            token["registries"] = json!(self.registries);
        }
        if let Some(days) = self.days {
            token["expires_in_days"] = json!(days);
        }
        token
    }

    async fn with_password(
        &self,
        client: &Client,
        user: &AccountName,
    ) -> Result<GivenToken, CommandError> {
        let password = if self.password_stdin {
            secret::read(Path::new("-"))?
        } else {
            typed(user)?
        };
        let body = json!({ "user": user, "password": password, "token": self.token() });
        let answer = client.post(&["sign-in"], Some(&body)).await?;
        let kept = KeptToken::of(&answer).ok_or_else(|| {
            ClientError::refused(
                reqwest::StatusCode::CREATED,
                "the server made a token and did not show it".to_owned(),
                "; revoke it and ask again",
            )
        })?;
        Ok(GivenToken { kept, answer })
    }

    async fn in_browser(&self, client: &Client) -> Result<GivenToken, CommandError> {
        let base = client.base();
        let url = Url::parse(&base).map_err(|_| LoginError::Address(base.clone()))?;
        let http = Http::new(&url, PROGRAM)?;
        let device = Device {
            may_browse: !self.no_browser,
        };
        let login = DeviceLogin::begin(&http, &url, &self.token()).await?;
        login.show(&format!("log in to {base}"), device);
        Ok(login.wait().await?)
    }
}

/// The password, not shown while it is typed.
fn typed(user: &AccountName) -> Result<String, CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::NoPassword);
    }
    rpassword::prompt_password(format!("password of {user}: ")).map_err(|reason| {
        CommandError::Secret {
            path: "-".into(),
            reason,
        }
    })
}

/// Has cargo keep the token with the provider that it is configured with. Not on the command line, where others would see it.
fn hand_to_cargo(registry: &RegistryName, token: &str) -> Result<(), CommandError> {
    let registry = registry.in_cargo();
    let failed = |reason: String| CommandError::Cargo {
        registry: registry.clone(),
        reason,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Program::new(cargo)
        .args(["login", "--registry", &registry])
        // our own provider would open a browser first: cargo asks it for a token before it hands this one over
        .env("SUPERCARGO_LOGIN_FOLLOWS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // a cargo that refuses reads nothing, and says why
        let _ = stdin.write_all(format!("{token}\n").as_bytes());
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(status.to_string()))
    }
}

/// Revokes the token that is kept, and forgets it.
pub(super) async fn log_out(client: &Client) -> Outcome {
    let base = client.base();
    let file = TokenFile::of_user(FILE)?;
    let Some(kept) = file.get(key(&base))? else {
        return Err(CommandError::NotSignedIn(base));
    };
    let client = Client::new(&base, Some(&kept.token))?;
    match client.delete(&["tokens", &kept.id], None).await {
        // a token may always end itself: one that may not is over
        Ok(()) | Err(ClientError::Denied { .. } | ClientError::Refused { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    file.remove(key(&base))?;
    Ok(Report::Done(format!(
        "signed out of {base}: its token is revoked and forgotten"
    )))
}
