//! `supercargo login` and `supercargo logout`: a token for this machine, kept where later commands find it.

use std::{
    env,
    io::{self, Write as _},
    process::{Command as Program, Stdio},
};

use cargo_credential_supercargo::{
    Device, DeviceLogin, GivenToken, Http, KeptToken, LoginError, TokenFile, token_name,
};
use clap::Args;
use serde_json::{Value, json};
use supercargo_types::{AccountName, Clock, RegistryName, Scope};
use url::Url;

use super::{CommandError, Outcome, cargo_registries, secret};
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
    /// A registry that the token is good for; cargo gets it as well, by `cargo login`, for each view of it that its
    /// configuration names; may be repeated, all where absent
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
    /// Days until it ends, from 1 to 365 [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=365))]
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
        if env::var_os("SUPERCARGO_TOKEN").is_some_and(|token| !token.is_empty()) {
            say(
                "SUPERCARGO_TOKEN is set and beats what this login keeps: `unset SUPERCARGO_TOKEN` to use that",
            );
        }
        let given = match &self.user {
            Some(user) => self.with_password(&client, user).await?,
            None => self.in_browser(&client).await?,
        };
        let GivenToken {
            mut kept,
            mut answer,
        } = given;
        let base = client.base();
        let file = TokenFile::of_user(FILE)?;
        let before = file.get(key(&base))?;
        for registry in &self.registries {
            kept.handed_to.extend(cargo_registries::of(registry, &base));
        }
        file.put(key(&base), &kept)?;
        let handed = kept
            .handed_to
            .iter()
            .try_for_each(|registry| hand_to_cargo(registry, &kept.token));
        if let Some(before) = before {
            end(&base, &before, handed.is_ok().then_some(&kept)).await?;
        }
        handed?;
        let end = match &answer["expires_at"] {
            Value::Null => "without an end".to_owned(),
            end => format!("until {}", time(end)),
        };
        let sentence = format!(
            "signed in to {} as `{}` {end}; the token is kept in `{}`",
            base,
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
        let prompt = format!("password of {user}");
        let password = secret::password(&prompt, self.password_stdin)?;
        let body = json!({ "user": user, "password": password, "token": self.token() });
        let answer = client.post(&["sign-in"], Some(&body)).await;
        let answer = answer.map_err(|error| match error {
            // `supercargo login` is what has just been typed
            ClientError::Denied { details, .. } => ClientError::Denied { details, hint: "" },
            other => other,
        })?;
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

/// To the person; whoever closed standard error does not want to know.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Revokes the token of an earlier login, which nothing here finds any more; or says that it stays, as where cargo has it and
/// did not get the one that takes its place.
async fn end(base: &str, before: &KeptToken, now: Option<&KeptToken>) -> Result<(), CommandError> {
    let has_another = |to: &String| now.is_some_and(|now| now.handed_to.contains(to));
    let is_replaced = before.handed_to.iter().all(has_another);
    let stays = if is_replaced {
        let client = Client::new(base, Some(&before.token))?;
        match client.delete(&["tokens", &before.id], None).await {
            // a token may always end itself: one that may not is over
            Ok(()) | Err(ClientError::Denied { .. } | ClientError::Refused { .. }) => return Ok(()),
            Err(_) => "",
        }
    } else {
        ", which cargo has,"
    };
    say(&format!(
        "the token of the login before{stays} works on: `supercargo token delete {}` ends it",
        before.id
    ));
    Ok(())
}

/// Has cargo keep the token with the provider that it is configured with. Not on the command line, where others would see it.
fn hand_to_cargo(registry: &str, token: &str) -> Result<(), CommandError> {
    let failed = |reason: String| CommandError::Cargo {
        registry: registry.to_owned(),
        reason,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Program::new(cargo)
        .args(["login", "--registry", registry])
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
